"""The configurations of the operator's manual, docs/manual.md, with the test's addresses and paths in them: what is
run here is what stands there.

A box of the manual is a block of code whose first line has the name of a file behind the language.
"""

import re
from pathlib import Path

PATH = Path(__file__).parents[2] / "docs/manual.md"
TEXT = PATH.read_text()


def box(name, **places):
    """A file of the manual. `places` are what stands for its addresses and paths: `look_ups` for 127.0.0.1:2527,
    `milter` for the milter's socket, `map` for the map file, `ours` for the addresses of our systems."""
    (text,) = re.findall(rf"^```\w+ {re.escape(name)}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    stands_for = {
        "look_ups": "127.0.0.1:2527",
        "milter": "unix:/run/readdress/milter.sock",
        "map": "/var/lib/readdress/gateway.map",
        "ours": "192.0.2.0/24",
        "signer": "127.0.0.1:8892",
        "signer_socket": "8892@127.0.0.1",
        "key": "/etc/opendkim/keys/edge.private",
        "own_certificate": "/etc/postfix/gateway.pem",
        "own_key": "/etc/postfix/gateway.key",
        "authorities": "/etc/ssl/certs/ca-certificates.crt",
    }
    for place, value in places.items():
        text = text.replace(stands_for[place], str(value))
    return text


def settings(name, **places):
    """The same as a dictionary of `key = value` or `Key value` lines."""
    lines = [line for line in box(name, **places).splitlines() if line and not line.startswith("#")]
    pairs = (re.match(r"(\w[\w-]*)\s*(?:=\s*|\s)(.*)$", line) for line in lines)
    return {pair[1]: pair[2] for pair in pairs}


def words(name, **places):
    """A command of the manual, in words."""
    return box(name, **places).split()
