"""Reads address lists by RFC 5322 with its obsolete forms: a reader of the test's own, written to be
plain and not fast, that says where addresses stand and what stands between them.

Octets come in as text, one character each (Latin-1). Routes are taken, dots in phrases, and one dot
behind a domain; what is neither is malformed.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""(?P<white>[ \t\r\n]+)
      | (?P<quoted>"(?:[^"\\]|\\.)*")
      | (?P<literal>\[(?:[^\[\]\\]|\\.)*\])
      | (?P<atom>[^][ \t\r\n()<>@,;:\\".]+)
      | (?P<special>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass
class Token:
    kind: str
    text: str
    start: int

    @property
    def end(self):
        return self.start + len(self.text)


@dataclass
class Address:
    """An addr-spec, from its first token to its last."""

    start: int
    end: int
    local: str
    domain: str
    raw: str
    comments: str
    """Those inside, as they stand."""
    route: str = ""

    @property
    def key(self):
        return f"{self.local}@{self.domain}"


@dataclass
class Listing:
    addresses: list = field(default_factory=list)
    malformed: list = field(default_factory=list)
    """Stretches that hold an "@", a bracket, or a quote without its end, and are no mailbox."""
    stream: list = field(default_factory=list)
    """Everything but white space and routes: addr-specs as keys, comments as they stand."""
    quoted_alone: bool = False
    """Whether a quoted-string with an "@" stands where an address could."""
    skeleton: str = ""
    """The body with a mark for each addr-spec, and the comments that stand inside it behind."""


def tokens(body):
    at, found = 0, []
    while at < len(body):
        if body[at] == "(" and (end := _comment_end(body, at)) is not None:
            found.append(Token("comment", body[at:end], at))
        else:
            match = TOKEN.match(body, at)
            found.append(Token(match.lastgroup, match[0], at))
        at = found[-1].end
    return found


def _comment_end(body, at):
    depth = 0
    while at < len(body):
        if body[at] == "\\":
            at += 2
            continue
        depth += {"(": 1, ")": -1}.get(body[at : at + 1], 0)
        at += 1
        if depth == 0:
            return at
    return None


def read(body):
    listing, skeleton, mark, in_group = Listing(), [], 0, False
    for piece, comma in _pieces(tokens(body)):
        before, member, after, in_group = _group(piece, in_group)
        listing.stream += [token.text for token in before if token.kind != "white"]
        for address in _element(member, listing):
            skeleton.append(body[mark : address.start] + "\0" + address.comments)
            mark = address.end
        listing.stream += [token.text for token in after if token.kind != "white"]
        if any(token.kind not in ("white", "comment") for token in after[1:]):
            listing.malformed.append("".join(token.text for token in after))
        listing.stream += comma
    listing.skeleton = "".join(skeleton) + body[mark:]
    return listing


def _pieces(found):
    """The tokens between commas, but those of a route; and the comma behind, if there is one."""
    piece, last, in_route = [], "", False
    for token in found:
        text = token.text if token.kind == "special" else ""
        if text == "@" and last == "<":
            in_route = True
        elif text in (":", ">"):
            in_route = False
        if text == "," and not in_route:
            yield piece, [","]
            piece = []
        else:
            piece.append(token)
        if token.kind not in ("white", "comment"):
            last = token.text
    yield piece, []


def _group(piece, in_group):
    """A piece taken apart: the name of a group that begins, a member, a semicolon with what follows;
    and whether a group goes on behind it."""

    def first(text, among):
        places = (index for index, token in enumerate(among) if token.kind == "special" and token.text == text)
        return next(places, None)

    before = []
    colon, opening = first(":", piece), first("<", piece)
    if colon is not None and not in_group and (opening is None or colon < opening):
        name = [token for token in piece[:colon] if token.kind not in ("white", "comment")]
        if name and all(token.kind in ("atom", "quoted") or token.text == "." for token in name):
            before, piece, in_group = piece[: colon + 1], piece[colon + 1 :], True
    end = first(";", piece)
    if end is None or not in_group:
        return before, piece, [], in_group
    return before, piece[:end], piece[end:], False


def _element(element, listing):
    """What stands between two commas: its address, if there is one, and its part of the stream."""
    solid = [token for token in element if token.kind not in ("white", "comment")]
    marks = [token.text for token in solid if token.kind == "special"]
    route, spec = "", solid
    if "<" in marks:
        opening = next(index for index, token in enumerate(solid) if token.text == "<")
        route, spec = _without_route(solid[opening + 1 : -1])
        is_phrase = all(token.kind in ("atom", "quoted") or token.text == "." for token in solid[:opening])
        if solid[-1].text != ">" or marks.count("<") != 1 or marks.count(">") != 1 or not is_phrase:
            spec = []
    address = _addr_spec(spec, element)
    kinds = [token.kind for token in solid]
    listing.quoted_alone |= address is None and "quoted" in kinds and "@" in "".join(token.text for token in solid)
    if address is None and ("literal" in kinds or any(mark in '<>@\\"()[]:;' for mark in marks)):
        null = "".join(token.text for token in solid) == "<>"
        listing.malformed += [] if null else ["".join(token.text for token in element)]
    inside = () if address is None else (address.start, address.end)
    for token in element:
        if token.kind == "white" or (token in _route_tokens(solid, spec) and address is not None):
            continue
        if inside and inside[0] <= token.start < inside[1] and token.kind != "comment":
            if token.start == inside[0]:
                listing.stream.append(address.key)
            continue
        listing.stream.append(token.text)
    if address is None:
        return []
    address.route = route
    listing.addresses.append(address)
    return [address]


def _route_tokens(solid, spec):
    if not spec or spec is solid or spec[0] not in solid:
        return []
    before = solid[: solid.index(spec[0])]
    opening = next((index for index, token in enumerate(before) if token.text == "<"), len(before))
    return before[opening + 1 :]


def _without_route(inner):
    colons = [index for index, token in enumerate(inner) if token.kind == "special" and token.text == ":"]
    if not inner or not colons or inner[0].text not in ("@", ","):
        return "", inner
    return "".join(token.text for token in inner[: colons[0] + 1]), inner[colons[0] + 1 :]


def _addr_spec(spec, element):
    signs = [index for index, token in enumerate(spec) if token.kind == "special" and token.text == "@"]
    if len(signs) != 1:
        return None
    local, domain = spec[: signs[0]], spec[signs[0] + 1 :]
    if len(domain) > 1 and domain[-1].text == ".":
        domain = domain[:-1]
    if not (_joined(local, ("atom", "quoted")) and _joined(domain, ("atom",)) or _is_literal(local, domain)):
        return None
    start, end = spec[0].start, spec[-1].end
    within = [token for token in element if start <= token.start < end]
    return Address(
        start,
        end,
        "".join(_unquoted(token) for token in local),
        "".join(token.text for token in domain).lower(),
        "".join(token.text for token in within if token.kind != "comment"),
        "".join(token.text for token in within if token.kind == "comment"),
    )


def _joined(part, kinds):
    """Words with a dot between each two."""
    words, dots = part[::2], part[1::2]
    return (
        len(part) % 2 == 1
        and all(token.kind in kinds for token in words)
        and all(token.text == "." for token in dots)
    )


def _is_literal(local, domain):
    return _joined(local, ("atom", "quoted")) and [token.kind for token in domain] == ["literal"]


def _unquoted(token):
    if token.kind != "quoted":
        return token.text
    return re.sub(r"\\(.)", r"\1", re.sub(r"\r?\n(?=[ \t])", "", token.text[1:-1]), flags=re.DOTALL)
