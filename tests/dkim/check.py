"""What readdress reports of DKIM and ARC signatures, held to what a verifier finds afterwards.

    python tests/dkim/check.py

Messages are signed by dkimpy with keys made on the spot, verified, rewritten and verified again. A
signature that is reported intact has to verify, one that is reported broken must not; and the fields
it is said to be broken by have to be the very ones: with them put back it verifies, with any one of
them left edited it does not.
"""

import random
import sys
from collections import Counter

import messages
import signing

import readdress

MESSAGES = 200
SEED = 20251121


def fail(number, draft, why, message):
    sys.exit(f"dkim: message {number} ({draft.direction}, {draft.kind}): {why}\n{message.decode(errors='replace')}")


def signed(rng, keys, draft):
    """The draft with all its signatures; some in an ARC set around them."""
    message = draft.octets
    for names in draft.names:
        message = signing.dkim_signed(rng, keys, message, names, draft.ending)
    if rng.random() < 0.2:
        # dkimpy refuses to sign Received here, to which every relay adds (RFC 4871 5.5).
        names = [name for name in draft.names[0] if name != b"received"]
        message = signing.arc_signed(keys, message, names, draft.ending)
    return message


def with_edits(message, edits):
    """The message with these edits alone."""
    pieces, at = [], 0
    for edit in edits:
        pieces += [message[at : edit.offset], edit.text]
        at = edit.offset + edit.length
    return b"".join([*pieces, message[at:]])


def verdicts(keys, kind, message):
    return (signing.dkim_verdicts if kind == "dkim" else signing.arc_verdicts)(keys, message)


def check_reasons(keys, message, done, kind, nth, report):
    """None if `because` names what breaks the signature and nothing else."""
    names = {name.lower() for name in report.because}
    if len(names) != len(report.because):
        return "a field is named twice"

    def verifies(edits):
        return verdicts(keys, kind, with_edits(message, edits))[nth]

    if not verifies([edit for edit in done.edits if edit.field.lower() not in names]):
        return f"still broken with {sorted(names)} put back"
    for name in sorted(names):
        if verifies([edit for edit in done.edits if edit.field.lower() == name]):
            return f"not broken by {name!r}"
    return None


def check(number, draft, keys, message, engines, counts):
    done = engines[draft.direction].rewrite(message, direction=draft.direction)
    output = bytes(done)
    if output != with_edits(message, done.edits):
        fail(number, draft, "the edits are not the difference", message)
    counts["messages"] += 1
    counts["edited"] += done.changed
    counts["folded"] += any(edit.length == 0 for edit in done.edits)
    if not done.changed and output is not message:
        fail(number, draft, "no edit, and another object", message)
    if draft.kind == "none" and done.changed:
        fail(number, draft, "edited where nothing should be", message)
    all_intact = True
    for kind in ("dkim", "arc"):
        before, after = verdicts(keys, kind, message), verdicts(keys, kind, output)
        reports = [report for report in done.signatures if report.kind == kind]
        if not all(before):
            fail(number, draft, f"{kind} signatures do not verify before: {before}", message)
        if len(reports) != len(before):
            fail(number, draft, f"{len(reports)} {kind} reports for {len(before)} signatures", message)
        for nth, (report, verifies) in enumerate(zip(reports, after, strict=True)):
            if report.intact != verifies:
                fail(number, draft, f"{kind} {nth}: reported {report.intact}, verified {verifies}", message)
            if (why := check_reasons(keys, message, done, kind, nth, report)) is not None:
                fail(number, draft, f"{kind} {nth}: {why}", message)
            all_intact &= verifies
            state = "intact" if verifies else "broken"
            counts[f"{kind} {state}"] += 1
            counts[f"{kind} {state}, edited message"] += done.changed
    counts[draft.kind, done.changed and all_intact] += 1
    if draft.kind in ("unsigned", "uncovered") and not all_intact:
        fail(number, draft, "an edit outside what is signed broke a signature", message)


def main():
    rng, keys, counts = random.Random(SEED), signing.Keys(), Counter()
    engines = {
        direction: readdress.Engine.from_entries(messages.ENTRIES, preset=preset)
        for direction, preset in messages.PRESET.items()
    }
    for number in range(MESSAGES):
        draft = messages.draft(rng, messages.KINDS[number % len(messages.KINDS)])
        message = signed(rng, keys, draft)
        check(number, draft, keys, message, engines, counts)
        counts[f"{len(draft.names)} signatures"] += 1
    # What the messages were made to show has to be among them.
    assert counts["messages"] == MESSAGES and counts["folded"] >= 3
    assert min(counts[f"{many} signatures"] for many in (1, 2, 3)) >= 30
    assert counts["unsigned", True] >= 20 and counts["uncovered", True] >= 20
    assert min(counts["dkim broken"], counts["dkim intact, edited message"], counts["arc broken"]) >= 10
    signatures = {kind: counts[f"{kind} intact"] + counts[f"{kind} broken"] for kind in ("dkim", "arc")}
    print(
        f"dkim: {MESSAGES} messages, {counts['edited']} of them edited ({counts['folded']} with a fold);"
        f" {MESSAGES - counts['edited']} without edits verify and are the same object"
    )
    for kind, count in signatures.items():
        print(
            f"dkim: {count} {kind} signatures: {counts[f'{kind} intact']} intact"
            f" ({counts[f'{kind} intact, edited message']} of them in edited messages),"
            f" {counts[f'{kind} broken']} broken; every report is what dkimpy finds"
        )


if __name__ == "__main__":
    main()
