"""The addresses that Python's email package finds in messages: a JSON object, path to list.

Reads paths from standard input, one a line. Every address field that readdress knows is read, by
email.utils.getaddresses over the raw body.
"""

import email
import email.policy
import email.utils
import json
import sys

FIELDS = """From Sender Reply-To Resent-From Resent-Sender Resent-Reply-To Errors-To Mail-Followup-To
    Mail-Reply-To Return-Receipt-To Disposition-Notification-To To Cc Bcc Resent-To Resent-Cc
    Resent-Bcc Apparently-To""".lower().split()


def addresses(path):
    with open(path, "rb") as file:
        message = email.message_from_bytes(file.read(), policy=email.policy.compat32)
    bodies = [str(body) for name, body in message.raw_items() if name.lower() in FIELDS]
    found = email.utils.getaddresses(bodies)
    return sorted({address for _, address in found if "@" in address and address.isascii()})


def main():
    json.dump({path: addresses(path) for path in sys.stdin.read().splitlines()}, sys.stdout)


main()
