"""The messages: those of the project's fixtures that survive SMTP as they are, and made-up ones in
which every form of address that the grammar and mail systems know stands in the tracked fields.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import readdress

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
JANE = "Jane O. Smith-Jones, MD <{0}>"
J = "j@tenant1.contoso.com"

# Fields that the preset `postfix` and cleanup(8) rewrite.
ORIGINATORS = ("From", "Sender", "Reply-To", "Resent-From", "Resent-Sender", "Errors-To", "Mail-Followup-To")
ORIGINATORS += ("Return-Receipt-To", "Disposition-Notification-To")
RECIPIENTS = ("To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc", "Apparently-To", "Resent-Reply-To")
FIELDS = {"outbound": ORIGINATORS, "inbound": RECIPIENTS}

OWN = [
    readdress.Entry("first@chain.example", "second@chain.example", "outbound"),
    readdress.Entry("second@chain.example", "third@contoso.com", "outbound"),
]

# {0} is an address, {1} another one, {2} the local-part and {3} the domain of the first.
PLAIN = ("{0}", "{0}", "<{0}>", "Jane Doe <{0}>", '"Jane Doe" <{0}>', "{0}, {1}", "Jane <{0}>, Joe <{1}>", "{0},{1}")
QUOTED = (
    '"Doe, Jane" <{0}>',
    '"Jane \\"JD\\" Doe" <{0}>',
    '"{1}" <{0}>',
    '"a@b, c" <{0}>,  {1}',
    "Jane \"Q\"'s <{0}>",
    '""<{0}>',
)
OBSOLETE = (
    JANE,
    "J. R. Doe <{0}>",
    "Jane O. Doe <{0}>, J.R. <{1}>",
    "Doe, Jane <{0}>",
    "Doe, Jane, Ph.D. <{0}>,\n\tJoe <{1}>",
    "St. John Smith Jr. <{0}>",
    "<@relay.example,@mx.example:{0}>",
    "Jane <@relay.example:{0}>, {1}",
    "{2} @ {3}",
    "Jane < {2} @ {3} >",
    ", {0}, , {1},",
    "{0}.",
    "Jane <{0}>, a b c",
)
COMMENTS = (
    "{0} (Jane Doe)",
    "{0}(Jane)",
    "(Jane) {0}",
    "{2}(a)@(b){3}",
    "Jane (a) Doe (b) <{0}> (c)",
    "<(a){0}(b)>",
    "Jane <{2} (a) @ {3}>",
    "{0} (nested (as, {1}) here), {1} (x\\)y)",
    "(only a comment), {0}",
)
GROUPS = (
    "Team: {0};",
    "Team: {0}, {1};",
    "Team:;, {0}",
    "A: {0};, B: Joe <{1}>;",
    '"The Team": Jane Doe <{0}>,\n {1};',
    "undisclosed-recipients:;",
    "Team (t): {0} (j), (n) {1} ; (end)",
)
FOLDED = (
    "{0},\n {1}",
    "{0},\n\t{1},\n\t{0}",
    "Jane\n Doe\n\t<{0}>",
    "\n {0}",
    "Jane Doe <{0}> ,\n  Joe Roe\n  <{1}>",
    "{0}\n ,{1}",
    "a1@list.example, a2@list.example, a3@list.example, Some Body <{0}>, a4@list.example, Jane Doe <{1}>",
)
ENCODED = (
    "=?utf-8?q?J=C3=B6rg?= <{0}>",
    "=?utf-8?q?Doe=2C_J=C3=B6?= =?utf-8?b?w7Y=?= <{0}>, {1}",
    "{0} (=?utf-8?q?J=C3=B6?=)",
    "J\u00f6rg <{0}>",
    '"J\u00f6rg D." <{0}>',
)
MALFORMED = ("x@y <{0}>, {1}", "{0}@x, {1}", "<{0}, {1}", "Jane <{0}> Doe, {1}", "Doe\\, J <{0}>, {1}", ".{0}, {1}")
# For entries of whole domains: what stands in them, with bounces and operators' addresses.
LOCALS = ("ann", "bob.b", '"two words"', "ann+x", "Ann", "postmaster", "SRS0=ab=cd=b.example=u", "list+bob=b.example")
LOCALS += ("prvs=1234abcd=ann", "IMCEAEX-_O=B+20C", "owner-list+x", "list-request+x", "owner-list")
STRANGERS = ("greta@northwind.example", '"x y"@northwind.example', '"joe"@b.example', "u+t@b.example")
# No subaddress of a list's owner, who is an entry of the fixtures.
STRANGERS = {
    "outbound": (*STRANGERS, "owner-all-staff+x@tenant1.contoso.com"),
    "inbound": (*STRANGERS, "owner-everyone+x@contoso.com"),
}
FORMS = {
    "plain": PLAIN,
    "quoted": QUOTED,
    "obsolete": OBSOLETE,
    "comments": COMMENTS,
    "groups": GROUPS,
    "folded": FOLDED,
    "encoded": ENCODED,
    "malformed": MALFORMED,
}


@dataclass
class Message:
    name: str
    direction: str
    reverse: str
    forward: str
    octets: bytes


def entries():
    """Those of the fixtures that canonical maps can hold, and a chain."""
    with (FIXTURES / "entries.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not row["InternalAddress"].startswith("*.")]
    return [
        readdress.Entry(
            row["InternalAddress"], row["ExternalAddress"], "outbound" if row["OutboundOnly"].strip() else "both"
        )
        for row in rows
    ] + OWN


def canonical_maps(all_entries):
    """The same entries as Postfix reads them: keys in lower case, domains with "@" before."""

    def side(address):
        return address if "@" in address else f"@{address}"

    both = [entry for entry in all_entries if entry.direction == "both"]
    return {
        "sender": [(side(entry.internal).lower(), side(entry.external)) for entry in all_entries],
        "recipient": [(side(entry.external).lower(), side(entry.internal)) for entry in both],
    }


def fixtures():
    """Whole fixtures in both directions, but those that SMTP or a field scanner can't take."""
    for path in sorted((FIXTURES / "messages").rglob("*.eml")):
        octets = re.sub(rb"\r?\n", b"\r\n", path.read_bytes())
        section, empty, body = octets.partition(b"\r\n\r\n")
        lines = re.sub(rb"\r\n[ \t]", b" ", section).split(b"\r\n")
        fields_only = all(re.match(rb"[!-9;-~]+:", line) for line in lines)
        if not empty or not fields_only or b"\0" in octets or re.search(rb"\r(?!\n)", octets):
            continue
        if max(map(len, octets.split(b"\r\n"))) > 998 or len(section) > 50_000:
            continue
        if not body.endswith(b"\r\n"):
            octets += b"\r\n"
        for direction in FIELDS:
            name = str(path.relative_to(FIXTURES / "messages"))
            yield Message(name, direction, "<stranger@adatum.example>", "<greta@northwind.example>", octets)


def made(rng, count, all_entries):
    """Messages with forms in turn, the first of them with Jane."""
    forms = [(kind, form) for kind, several in FORMS.items() for form in several]
    forms.sort(key=lambda pair: pair[1] != JANE)
    for number in range(count):
        kind, form = forms[number % len(forms)]
        direction = ("outbound", "inbound")[number // len(forms) % 2]
        names = FIELDS[direction]
        first = names[number // len(forms) % len(names)]
        lines = [f"{first}: {_filled(rng, form, direction, all_entries) if number else JANE.format(J)}"]
        for _ in range(rng.choice((0, 1, 1, 3))):
            kind_of_other = rng.choice([name for name in FORMS if name != "malformed"])
            other = rng.choice(FORMS[kind_of_other])
            name = rng.choice(ORIGINATORS + RECIPIENTS)
            lines.append(f"{name}: {_filled(rng, other, direction, all_entries)}")
        lines += [f"Subject: form {number}", "Date: Fri, 21 Nov 2025 10:00:00 +0000"]
        lines += [f"Message-ID: <{number}@a.example>"]
        text = "\n".join(lines) + f"\n\nFrom: {_address(rng, direction, all_entries)}\n.\n..\n"
        paths = [f"<{_address(rng, way, all_entries)}>" for way in (direction, "inbound")]
        # Only what is sent has a reverse-path of ours.
        reverse = paths[0] if direction == "outbound" else "<stranger@adatum.example>"
        octets = text.replace("\n", "\r\n").encode()
        yield Message(f"made/{kind}/{number}", direction, reverse, paths[1], octets)


def _filled(rng, form, direction, all_entries):
    first, second = (_address(rng, direction, all_entries) for _ in range(2))
    return form.format(first, second, *first.rsplit("@", 1))


def _address(rng, direction, all_entries):
    """An address of an entry, mostly; now and then with a tag or in another spelling; or a stranger."""
    usable = [entry for entry in all_entries if direction == "outbound" or entry.direction == "both"]
    entry = rng.choice([entry for entry in usable if entry.kind == "domain"] if rng.random() < 0.15 else usable)
    address = entry.internal if direction == "outbound" else entry.external
    if "@" not in address:
        address = f"{rng.choice(LOCALS)}@{address}"
    chance = rng.random()
    if chance < 0.2:
        return rng.choice(STRANGERS[direction])
    if chance < 0.3 and '"' not in address and "[" not in address:
        local, domain = address.rsplit("@", 1)
        forms = ("{0}+tag@{1}", '"{0}"@{1}', "prvs=1234abcd={0}@{1}", "{0}@{2}", "{3}@{1}", "{0}+=3D@{1}")
        return rng.choice(forms).format(local, domain, domain.upper(), local.title())
    return address
