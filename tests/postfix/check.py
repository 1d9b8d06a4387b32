"""The same thousand messages through Postfix's cleanup(8) with canonical maps and through readdress.

    python tests/postfix/check.py FOLDER [--examples]

FOLDER is empty, and gets the configuration and the queue of a Postfix of the test's own. The same
entries go to both. Every field of every message is compared, and both paths of the envelope: the
addresses have to be the same, what Postfix damages has to be intact with us, and what differs has to
be of a class that comparison.py knows.
"""

import random
import re
import sys
from collections import Counter

import comparison
import messages
import reading
from instance import Postfix, Sink

import readdress

MESSAGES = 1000
SEED = 20251121
TRACKED = {name.lower() for name in messages.ORIGINATORS + messages.RECIPIENTS}
# cleanup(8) adds these where local_header_rewrite_clients takes the client for one of its own.
ADDED = {"from", "date", "message-id", "resent-from", "resent-date", "resent-message-id"}


class Comparison:
    def __init__(self, all_entries):
        self.engine = readdress.Engine.from_entries(all_entries, preset="postfix")
        self.tables = {
            direction: {_key(key): _key(value) for key, value in entries}
            for direction, entries in zip(
                ("outbound", "inbound"), messages.canonical_maps(all_entries).values(), strict=True
            )
        }
        self.domains = {
            direction: "@(" + "|".join({re.escape(key.rpartition("@")[2]) for key in table}) + ")(?![a-z0-9.-])"
            for direction, table in self.tables.items()
        }
        self.counts, self.examples, self.unexplained = Counter(), {}, []

    def count(self, name, example):
        self.counts[name] += 1
        self.examples.setdefault(name, example)

    def message(self, message, sent, arrived):
        """`sent` is what both got, `arrived` (reverse-path, forward-path, message) what Postfix passed on."""
        done = self.engine.rewrite(sent, direction=message.direction)
        unmapped = {_key(address.decode("latin-1")) for address in done.unmapped}
        skipped = {(skip.field.lower(), skip.nth) for skip in done.skipped}
        before, before_body = _fields(sent)
        ours, our_body = _fields(bytes(done))
        folds = [edit for edit in done.edits if edit.length == 0]
        if folds:
            # The only thing beside addresses that we ever put in (RFC 5322 2.1.1).
            self.count("fold: by us, for a line that would grow past 998 octets", folds[0].field.decode())
            assert all(edit.text == b"\r\n " for edit in folds) and max(map(len, bytes(done).split(b"\r\n"))) <= 998
            ours, _ = _fields(_without_folds(sent, done.edits))
        theirs, their_body = _fields(arrived[2])
        assert theirs.pop(0)[0] == "Received"
        if not (before_body == our_body == their_body):
            self.unexplained.append((message, "body", "it differs"))
        for name, _ in theirs[len(before) :]:
            if name.lower() in ADDED:
                self.count("field: added by Postfix, since it is missing", name)
            else:
                self.unexplained.append((message, name, "added by Postfix"))
        names = [[name for name, _ in fields] for fields in (before, ours, theirs[: len(before)])]
        if not (names[0] == names[1] and [name.lower() for name in names[0]] == [name.lower() for name in names[2]]):
            self.unexplained.append((message, "fields", f"other fields: {names}"))
            return
        numbers = Counter()
        for (name, was), (_, our), (their_name, their) in zip(before, ours, theirs):
            numbers[name.lower()] += 1
            if their_name != name:
                self.count("field: its name in other letters by Postfix", f"{name}: {their_name}")
            is_skipped = (name.lower().encode(), numbers[name.lower()]) in skipped
            self.field(message, name, (was, our, their), is_skipped, unmapped)
        self.paths(message, arrived)

    def field(self, message, name, bodies, is_skipped, unmapped):
        was, our, their = bodies
        is_ours = name.lower() in {one.lower() for one in messages.FIELDS[message.direction]}
        if name.lower() not in TRACKED:
            if our != was and name.lower() == "autocrypt":
                self.count("field: Autocrypt goes with From; Postfix doesn't know it", our)
            elif our != was:
                self.unexplained.append((message, name, "edited by us"))
            if their != was and name.lower() == "return-path":
                self.count("field: Return-Path is never rewritten; Postfix takes it for an originator", their)
            elif their != was:
                self.unexplained.append((message, name, f"changed by Postfix: {was!r} {their!r}"))
            return
        read = [reading.read(body) for body in bodies]
        before, ours, theirs = read
        self.counts["tracked fields"] += 1
        self.counts["addresses"] += len(before.addresses)
        why = _damage_by_us(was, our, before, ours)
        if why is not None:
            self.unexplained.append((message, name, f"DAMAGED BY US: {why}: {was!r} {our!r}"))
        # Pieces without a domain of the entries may go unread.
        may_be_ours = any(re.search(self.domains[message.direction], piece.lower()) for piece in before.malformed)
        if may_be_ours and not is_skipped and is_ours:
            self.unexplained.append((message, name, f"malformed, and not reported by us: {was!r}"))
        classes, why = comparison.address_classes(before, ours, theirs, self.tables[message.direction])
        if why is None and comparison.MALFORMED not in classes:
            more, why = comparison.damages(our, their, ours, theirs, not classes)
            if why is not None and (before.malformed or before.quoted_alone):
                more, why = [comparison.MALFORMED if before.malformed else comparison.LONE], None
            classes += more
        if why is not None:
            self.unexplained.append((message, name, f"{why}: {was!r} {our!r} {their!r}"))
        if set(classes) & set(comparison.UNMAPPED):
            for three in zip(before.addresses, ours.addresses, theirs.addresses, strict=True):
                why = comparison.address_class(*three, self.tables[message.direction])
                if why in comparison.UNMAPPED and three[0].key.lower() not in unmapped:
                    self.unexplained.append((message, name, f"{three[0].key} is not reported as unmapped"))
        for one, other in zip(before.addresses, ours.addresses, strict=False):
            self.counts["addresses rewritten"] += one.key != other.key
            self.counts["addresses rewritten, not the same by Postfix"] += one.key != other.key and (
                other.key not in {address.key for address in theirs.addresses}
            )
            # Whatever else stands in the field, and whatever Postfix makes of that.
            wanted = self.tables[message.direction].get(one.key.lower(), other.key.lower())
            if is_ours and other.key.lower() != wanted:
                self.unexplained.append((message, name, f"{one.key} becomes {other.key}, not {wanted}"))
        self.counts["fields edited by us"] += our != was
        self.counts["fields the same, octet by octet, edited"] += our == their != was
        for one in classes:
            self.count(one, f"{name}: {was}\n      ours    {our}\n      Postfix {their}")
        self.counts["fields with damage by Postfix"] += any(one in comparison.DAMAGES for one in classes)

    def paths(self, message, arrived):
        ways = (("reverse", message.reverse, message.direction), ("forward", message.forward, "inbound"))
        for (kind, path, way), theirs in zip(ways, arrived, strict=False):
            ours = self.engine.rewrite_path(path, direction=way, kind=kind).path
            before, our, their = (
                reading.read(text).addresses[0] for text in (path, ours, theirs.decode("latin-1"))
            )
            self.counts["paths"] += 1
            self.counts["paths rewritten"] += our.key != before.key
            if our.key != their.key:
                name = comparison.address_class(before, our, their, self.tables[way])
                if name is None:
                    self.unexplained.append((message, kind, f"{path} {ours} {theirs}"))
                else:
                    self.count(f"path: {name}", f"{path} {ours} {theirs}")


def _key(side):
    """One side of an entry as the reader gives addresses; "@domain" for a domain."""
    read = reading.read(side).addresses
    return read[0].key.lower() if read else side.lower()


def _fields(message):
    section, _, body = message.decode("latin-1").partition("\r\n\r\n")
    fields = []
    for line in section.split("\r\n"):
        if line[:1] in (" ", "\t"):
            fields[-1][1] += "\r\n" + line
        else:
            fields.append(list(line.split(":", 1)))
    return [tuple(field) for field in fields], body


def _without_folds(message, edits):
    pieces, at = [], 0
    for edit in edits:
        if edit.length:
            pieces += [message[at : edit.offset], edit.text]
            at = edit.offset + edit.length
    return b"".join([*pieces, message[at:]])


def _damage_by_us(was, our, before, ours):
    """Everything but the addresses that were rewritten has to be as it was."""
    if len(before.addresses) != len(ours.addresses):
        return "other addresses"
    if before.skeleton != ours.skeleton:
        return "what stands between"
    for one, other in zip(before.addresses, ours.addresses, strict=True):
        if one.key == other.key and was[one.start : one.end] != our[other.start : other.end]:
            return "an address that stays"
    return None


def main():
    all_entries = messages.entries()
    taken = list(messages.fixtures())
    made = messages.made(random.Random(SEED), MESSAGES - len(taken), all_entries)
    everything = [*made, *taken]
    sent = [b"X-Number: %d\r\n%s" % (number, message.octets) for number, message in enumerate(everything)]
    with Sink() as sink, Postfix(sys.argv[1], messages.canonical_maps(all_entries), sink.port) as postfix:
        for direction in ("outbound", "inbound"):
            postfix.send(
                direction,
                [
                    (message.reverse, message.forward, octets)
                    for message, octets in zip(everything, sent, strict=True)
                    if message.direction == direction
                ],
            )
        if not sink.wait(len(everything), 60):
            lost = sorted(set(range(len(everything))) - set(sink.messages))
            names = [everything[number].name for number in lost][:9]
            sys.exit(f"postfix: {len(lost)} messages lost: {names}\n{postfix.log()[-3000:]}")
    result = Comparison(all_entries)
    for number, message in enumerate(everything):
        result.message(message, sent[number], sink.messages[number])
    check_jane(result, sent[0], sink.messages[0][2])
    report(result, len(taken))


def check_jane(result, sent, arrived):
    """The field that shows it best: with Postfix she has become three addresses, and her name is gone."""
    field = b"\r\nFrom: %s\r\n"
    assert field % messages.JANE.format(messages.J).encode() in sent
    assert field % b"Jane, O.Smith-Jones, MD <j@contoso.com>" in arrived
    ours = bytes(result.engine.rewrite(sent, direction="outbound"))
    assert field % b"Jane O. Smith-Jones, MD <j@contoso.com>" in ours


def report(result, fixtures):
    counts = result.counts
    rewritten, others = counts["addresses rewritten"], counts["addresses rewritten, not the same by Postfix"]
    edited, same = counts["fields edited by us"], counts["fields the same, octet by octet, edited"]
    print(
        f"postfix: {MESSAGES} messages, {fixtures} of them fixtures, with {counts['tracked fields']} address fields"
    )
    print(
        f"postfix: {rewritten} of {counts['addresses']} addresses rewritten, by Postfix all the same but {others};"
        f" {counts['paths rewritten']} of {counts['paths']} paths"
    )
    print(
        f"postfix: {same} of {edited} edited fields are the same, octet by octet; Postfix damages"
        f" {counts['fields with damage by Postfix']} fields, and all of them are intact with us"
    )
    for name in sorted(result.examples):
        print(f"postfix: {counts[name]:5} {name}")
        if "--examples" in sys.argv:
            print(f"        {result.examples[name]}")
    for message, place, why in result.unexplained[:30]:
        print(f"postfix: UNEXPLAINED: {message.name}, {message.direction}, {place}: {why}", file=sys.stderr)
    unseen = [name for name in comparison.ADDRESSES + comparison.DAMAGES if not counts[name]]
    for name in unseen:
        print(f"postfix: nothing shows any more: {name}", file=sys.stderr)
    if result.unexplained or unseen:
        sys.exit(f"postfix: {len(result.unexplained)} differences are unexplained")


if __name__ == "__main__":
    main()
