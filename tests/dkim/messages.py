"""Messages to be signed: deterministic, each with a kind that says where mapped addresses stand.

- "none": mapped addresses only where nothing is ever rewritten
- "anywhere": in any field
- "unsigned": only in fields that no signature names
- "uncovered": only in such instances of repeated fields as no signature reaches from the bottom
"""

from dataclasses import dataclass

import readdress

KINDS = ("none", "anywhere", "anywhere", "unsigned", "uncovered")

PEOPLE = ("john", "mary.jones", "o'hara", "li.wei", "sales")
LONG = "ed@tenant1.contoso.com", "edward.featherstonehaugh-group-communications-emea@contoso.com"
ENTRIES = [
    *(readdress.Entry(f"{name}@tenant1.contoso.com", f"{name[0]}.{len(name)}@contoso.com") for name in PEOPLE),
    readdress.Entry(*LONG),
    readdress.Entry("i.example", "x.example"),
]
OURS = {
    "outbound": [*(f"{name}@tenant1.contoso.com" for name in PEOPLE), LONG[0], "u1@i.example", "u2@i.example"],
    "inbound": [*(f"{name[0]}.{len(name)}@contoso.com" for name in PEOPLE), LONG[1], "u1@x.example"],
}
STRANGERS = ("a@b.example", "greta@northwind.example", "user+tag@adatum.example", "temp7@fabrikam.example")

# The fields that the presets rewrite: coexistence on the way out, edge-2016 on the way in.
TRACKED = {
    "outbound": ("From", "Sender", "Reply-To", "To", "Cc", "Resent-From", "Resent-To", "Disposition-Notification-To"),
    "inbound": ("To", "Cc"),
}
PRESET = {"outbound": "coexistence", "inbound": "edge-2016"}


@dataclass
class Draft:
    direction: str
    kind: str
    octets: bytes
    ending: bytes
    names: list
    """For each signature to be made, the names for its h=."""


def draft(rng, kind):
    direction = rng.choice(("outbound", "outbound", "outbound", "inbound"))
    ending = rng.choice((b"\r\n", b"\r\n", b"\r\n", b"\n"))
    counts = _counts(rng, kind)
    left_out = set(rng.sample(sorted(set(TRACKED[direction]) - {"From"}), 2)) if kind == "unsigned" else set()
    for name in sorted(left_out):
        counts[name] = max(1, counts.get(name, 0))

    def mapped_in(name, nth):
        return {
            "none": False,
            "anywhere": True,
            "unsigned": name in left_out,
            "uncovered": name != "From" and counts[name] > 1 and nth == 1,
        }[kind]

    fields = []
    for name, count in counts.items():
        fields += [[name, nth, mapped_in(name, nth)] for nth in range(1, count + 1)]
    _shuffle_but_keep_numbers(rng, fields)
    lines = [_field(rng, direction, *field) for field in fields]
    lines += _others(rng, direction)
    rng.shuffle(lines[len(fields) :])
    section = "".join(line + "\n" for line in lines)
    text = section + "\n" + _body(rng, direction)
    signatures = [_names(rng, counts, kind, left_out, nth) for nth in range(rng.choice((1, 1, 2, 3)))]
    return Draft(direction, kind, text.encode().replace(b"\n", ending), ending, signatures)


def _counts(rng, kind):
    """How often each field stands."""
    counts = {"From": 2 if kind == "anywhere" and rng.random() < 0.1 else 1, "To": rng.choice((1, 1, 2, 3))}
    for name, most in (("Cc", 3), ("Reply-To", 2), ("Sender", 1), ("Resent-From", 2), ("Resent-To", 2)):
        if rng.random() < 0.4:
            counts[name] = rng.randint(1, most)
    if rng.random() < 0.2:
        counts["Disposition-Notification-To"] = 1
    if kind == "uncovered":
        counts["To"] = rng.randint(2, 4)
        counts["Cc"] = rng.randint(2, 3)
    return counts


def _names(rng, counts, kind, left_out, below):
    """The names for one h=: From always, others never to many times over. There are `below`
    signatures already, which it may cover; once more would take in itself."""
    # dkimpy takes one From more than are named when it verifies, so all of them have to be named.
    names = ["from"] * (counts["From"] + rng.choice((0, 0, 1, 2)))
    for name, count in counts.items():
        if name == "From" or name in left_out or rng.random() < 0.25:
            continue
        most = count - 1 if kind == "uncovered" and count > 1 else count + rng.choice((0, 1, 2))
        names += [name.lower()] * rng.randint(1, most)
    for name in ("subject", "date", "message-id", "received", "x-note", "absent-field", "list-id"):
        if rng.random() < 0.5:
            names += [name] * rng.randint(1, 2)
    names += ["dkim-signature"] * rng.randint(0, below)
    rng.shuffle(names)
    return [name.encode() for name in names]


def _shuffle_but_keep_numbers(rng, fields):
    """Any order of names; fields of one name are numbered from the top, whatever the order."""
    rng.shuffle(fields)
    seen = {}
    wanted = {(name, nth): mapped for name, nth, mapped in fields}
    for field in fields:
        seen[field[0]] = seen.get(field[0], 0) + 1
        field[1] = seen[field[0]]
        field[2] = wanted[field[0], field[1]]


def _field(rng, direction, name, nth, may_be_mapped):
    if may_be_mapped and name in ("To", "Cc") and rng.random() < 0.15:
        return f"{name}: {_at_the_limit(rng, direction)}"
    mailboxes = [_mailbox(rng, direction, may_be_mapped) for _ in range(rng.choice((1, 1, 2, 4)))]
    if may_be_mapped and rng.random() < 0.7:
        mailboxes[rng.randrange(len(mailboxes))] = rng.choice(OURS[direction])
    glue = rng.choice((", ", ",\n ", ",\n\t", " ,  ", ","))
    body = glue.join(mailboxes) + rng.choice(("", "", " ", " \t"))
    spelled = rng.choice((name, name, name.upper(), name.lower()))
    return f"{spelled}:{rng.choice((' ', ' ', '', '  ', ' ' + chr(10) + ' '))}{body}"


def _mailbox(rng, direction, may_be_mapped):
    address = rng.choice(OURS[direction] if may_be_mapped and rng.random() < 0.5 else STRANGERS)
    # Names and comments hold mapped addresses too: they are no addr-specs and stay.
    ours = rng.choice(OURS[direction])
    forms = ("{0}", "<{0}>", "Jane O. Doe <{0}>", '"{1}" <{0}>', "{0} ({1})", "G: {0};", "=?utf-8?q?J=C3=B6?= <{0}>")
    return rng.choice(forms).format(address, ours)


def _at_the_limit(rng, direction):
    """One line of 980 to 998 octets that ends with an address which may grow: then a fold comes in."""
    last = f"Ed <{LONG[0 if direction == 'outbound' else 1]}>"
    wanted = rng.randint(980, 994) - len("Cc: ") - len(last)
    body = ""
    while len(body) + len("a@b.example, ") <= wanted:
        body += "a@b.example, "
    return body + last


def _others(rng, direction):
    """Fields that are never rewritten, with mapped addresses in them."""
    ours = rng.choice(OURS[direction])
    lines = [
        "Date: Fri, 21 Nov 2025 10:00:00 +0000",
        f"Subject: about {ours} {rng.randrange(1000)}",
        f"Message-ID: <{rng.randrange(10**9)}.{ours}>",
        f"X-Note: {ours}",
        f"Received: from a.example by b.example\n\tfor <{ours}>; Fri, 21 Nov 2025 10:00:00 +0000",
        "Received: from c.example by a.example; Fri, 21 Nov 2025 09:59:59 +0000",
    ]
    return rng.sample(lines, rng.randint(3, len(lines)))


def _body(rng, direction):
    ours = rng.choice(OURS[direction])
    lines = [f"Write to {ours}.", "From: " + ours, "", "two  spaces, and one at the end ", "\ttabbed\t"]
    return "\n".join(rng.choices(lines, k=rng.randint(0, 6))) + rng.choice(("", "\n", "\n\n\n"))
