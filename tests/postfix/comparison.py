"""Where Postfix and readdress differ in a field, and why: each difference gets the name of a class.

A class is a predicate over what stood there, what readdress made of it and what Postfix did. What no
predicate takes is unexplained.
"""

import re

# Addresses that come out otherwise.
OPERATOR = "address: postmaster and the like are left alone by domain entries and reported; Postfix maps them"
BATV = "address: a BATV tag is set aside and put back; Postfix looks up octets, tag and all"
SRS = "address: SRS is moved by a two-way domain entry alone, and else reported; Postfix maps or splits it"
UNICODE = "address: a domain in Unicode form is looked up by its A-labels; Postfix looks up octets"
CAPSULE = "address: IMCEAEX and the like are left alone and reported as unmapped; Postfix maps or splits them"
LIST = "address: owner-list and list-request have no subaddress and are reported as unmapped; Postfix splits them"
CHAIN = "address: looked up once; Postfix looks results up again"
FOLDED = "address: a fold in a quoted local-part is no part of it (RFC 5322 3.2.4); Postfix looks up octets"
TYPED = "address: a group that is not closed: its members are read; Postfix takes its name for local-part"
LITERAL = "address: a domain-literal holds anything but brackets; tok822 finds addresses in it"
LONE = "address: a quoted-string alone is none; tok822 takes the quotes off and finds one"
MALFORMED = "malformed: left alone and reported; tok822 makes an address of whatever there is, or another one"
# The same addresses, and damage around them: tok822_parse() and tok822_externalize() write a whole
# field anew as soon as one of its addresses has changed, and ours is as it was.
PHRASE = "damage: words without quotes before a comma: tok822 takes each of them for an address of its own"
ROUTE = "damage: a source route is dropped by trivial-rewrite"
MOVED = "damage: comments are moved behind the address or out of the brackets"
SPELLED = "damage: addresses are spelled anew, and those that no entry maps, too: quotes, dots, white space"
DROPPED = "damage: names and comments of more than 250 octets are dropped (tok822: MAX_NONADDR_LENGTH)"
CLOSED = "damage: the name of a group that is not closed gets quotes"
UNQUOTED = "damage: backslashes in quoted-strings are dropped"
FOLDS = "damage: folds are taken out and new ones put in"
SPACES = "damage: white space is taken out, put in or normalised"

UNMAPPED = (OPERATOR, SRS, CAPSULE, LIST)
ADDRESSES = (OPERATOR, BATV, SRS, UNICODE, CAPSULE, LIST, CHAIN, FOLDED, TYPED, LITERAL, LONE, MALFORMED)
DAMAGES = (PHRASE, ROUTE, MOVED, SPELLED, DROPPED, CLOSED, UNQUOTED, FOLDS, SPACES)


def address_class(before, ours, theirs, table):
    """Why an address that stood there is another one in the two outputs; None if no one knows."""
    local, plain = before.local, before.local.lower()
    changed, changed_by_postfix = ours.key != before.key, theirs.key != before.key
    if changed and _looked_up(ours, table) == theirs.key.lower():
        return CHAIN
    if "\n" in before.raw:
        return FOLDED if changed and not changed_by_postfix else None
    if theirs.local.endswith(f":{before.local}"):
        return TYPED
    tag, name = re.match(r"(prvs=[^=]+=|btv1==[^=]+==|msprvs1=[^=]+=|)(.*)", plain, re.DOTALL).groups()
    if changed and not changed_by_postfix:
        whole = table.get(f"{name}@{before.domain}", "")
        if tag and ours.key.lower() in (tag + whole, tag + _entry_of(name, before.domain, table)):
            return BATV
        return None if before.domain.isascii() else UNICODE
    if changed or not changed_by_postfix:
        return None
    base = name.partition("+")[0]
    if re.match(r"srs[01][=+-]|.*\+srs=", plain):
        return SRS
    if re.match(r"imcea[a-z0-9]*-", plain):
        return CAPSULE
    if base in ("postmaster", "abuse", "mailer-daemon"):
        return OPERATOR
    if "+" in local and (base.startswith("owner-") or base.endswith("-request")):
        return LIST
    return None


def _looked_up(address, table):
    """What an exact entry gives for the address, its tag taken off and put back."""
    return _entry_of(address.local.lower(), address.domain, table)


def _entry_of(local, domain, table):
    base, plus, tag = local.partition("+")
    local, _, domain = table.get(f"{base}@{domain}", "").rpartition("@")
    return f"{local}{plus}{tag}@{domain}"


def address_classes(before, ours, theirs, table):
    """The classes of all addresses of a field that differ, or None with what can't be explained."""
    if [one.key for one in ours.addresses] == [one.key for one in theirs.addresses]:
        return [], None
    if before.malformed:
        return [MALFORMED], None
    if before.quoted_alone:
        return [LONE], None
    if any(re.match(r"\[.*[,:;<>@()\"]", one.domain) for one in before.addresses):
        return [LITERAL], None
    if not len(before.addresses) == len(ours.addresses) == len(theirs.addresses):
        return [], "other addresses"
    classes = []
    for was, our, their in zip(before.addresses, ours.addresses, theirs.addresses, strict=True):
        if our.key == their.key:
            continue
        name = address_class(was, our, their, table)
        if name is None:
            return [], f"{was.key} becomes {our.key} with us, {their.key} with Postfix"
        classes.append(name)
    return classes, None


def damages(body, other, ours, theirs, same_addresses):
    """The classes of what differs beside the addresses, or None with what can't be explained.

    `body` is ours, `other` Postfix's; both have been read."""
    classes = []
    if body == other:
        return classes, None
    if [one.route for one in ours.addresses] != [one.route for one in theirs.addresses]:
        classes.append(ROUTE)
    if ours.stream != theirs.stream and same_addresses:
        name = _other_stream(body, other, ours.stream, theirs.stream)
        if name is None:
            return classes, f"other tokens: {ours.stream} {theirs.stream}"
        classes.append(name)
    if same_addresses and [one.raw for one in ours.addresses] != [one.raw for one in theirs.addresses]:
        classes.append(SPELLED)
    if _folds(body) != _folds(other):
        classes.append(FOLDS)
    if not classes and re.sub(r"\s", "", body) == re.sub(r"\s", "", other):
        classes.append(SPACES)
    return classes, None if classes or not same_addresses else "another text"


def _other_stream(body, other, ours, theirs):
    """The class of a field in which the same addresses stand between other words."""
    rest, their_rest = _rest(ours), _rest(theirs)
    if sorted(_comments(ours)) == sorted(_comments(theirs)):
        if rest == their_rest:
            return MOVED
        if _without(",", rest) == _without(",", their_rest) and their_rest.count(",") > rest.count(","):
            return PHRASE
        if _without("\\", rest) == _without("\\", their_rest):
            return UNQUOTED
        if body.count(":") > body.count(";") and _bare(body) == _bare(other):
            return CLOSED
    stripped = re.compile(r"(^|,)\s*<[^<>,]*>")
    if len(body) - len(other) > 250 and stripped.search(other) and not stripped.search(body):
        return DROPPED
    return None


def _comments(stream):
    return [_flat(text) for text in stream if text.startswith("(")]


def _rest(stream):
    return [_flat(text) for text in stream if not text.startswith("(")]


def _flat(text):
    return re.sub(r"\s+", " ", text)


def _without(mark, rest):
    return [text for text in (text.replace(mark, "") for text in rest) if text]


def _bare(body):
    return re.sub(r'[\s",]', "", body)


def _folds(body):
    """How often lines are broken, and between which addresses."""
    return [line.count("@") for line in body.split("\n")]
