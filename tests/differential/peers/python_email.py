"""Python's email package as a peer of the differential test: answers questions, one a line.

    python3 python_email.py legacy|modern

`B <hex>`: the addr-specs in this field body. The answer is their octets in hex, apart by spaces.
`F <hex>`: the address fields of this message. The answer is `<hex of name>:<hex of body>` for each.
`!Name` answers for an exception.

`legacy` is email.utils.getaddresses, `modern` is policy default with its header registry. Both read
header sections in the same way.
"""

import email.parser
import email.policy
import email.utils
import sys

FIELDS = """From Sender Reply-To Resent-From Resent-Sender Resent-Reply-To Errors-To Mail-Followup-To
    Mail-Reply-To Return-Receipt-To Disposition-Notification-To To Cc Bcc Resent-To Resent-Cc
    Resent-Bcc Apparently-To""".lower().split()
# Later versions refuse whole fields unless told otherwise.
LENIENT = {"strict": False} if getattr(email.utils, "supports_strict_parsing", False) else {}


def legacy(body):
    return [address for _, address in email.utils.getaddresses([body], **LENIENT) if "@" in address]


def modern(body):
    # The name of a field with an address list: a single mailbox and a list go through one parser.
    found = email.policy.default.header_fetch_parse("To", body).addresses
    return [address.addr_spec for address in found if address.domain]


def fields(message):
    parsed = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(message)
    return [(name, str(body)) for name, body in parsed.raw_items() if name.lower() in FIELDS]


def octets(text):
    # Octets that are not ASCII arrive as lone surrogates; policy default may have decoded some.
    return text.encode("utf-8", "surrogateescape").hex()


def answer(reader, question):
    kind, argument = question[:1], bytes.fromhex(question[2:])
    try:
        if kind == "F":
            return " ".join(f"{octets(name)}:{octets(body)}" for name, body in fields(argument))
        return " ".join(octets(address) for address in reader(argument.decode("ascii", "surrogateescape")))
    except Exception as error:  # which ones there are is part of the answer
        return f"!{type(error).__name__}"


def main():
    reader = {"legacy": legacy, "modern": modern}[sys.argv[1]]
    for line in sys.stdin:
        print(answer(reader, line.rstrip("\n")), flush=True)


main()
