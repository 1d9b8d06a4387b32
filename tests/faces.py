"""Every face says the same: the command, C in one piece and field by field, and Python.

    python tests/faces.py ACCOUNT COMMAND

ACCOUNT is ffi/tests/c/account.c, built; COMMAND is the `readdress` command. The package `readdress`
has to be installed. Messages are the project's fixtures, and those in ../shared/corpus if that is
there, each in both directions. What a face reports of a message becomes lines as account.c prints
them, and all lines have to be the same.
"""

import base64
import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import readdress

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
CORPUS = ROOT.parent / "shared" / "corpus" / "eml"

VERDICTS = {"pass": 0, "tempfail": 1, "reject": 2}
ALIGNMENTS = {None: 0, "none": 1, "undecided": 2, "relaxed": 3, "strict": 4}


def hexed(octets):
    return octets.hex() or "-"


# ---- the command ----------------------------------------------------------------------------------


def octets_of(record, key):
    """A value of the JSON form: text, or base64 if it is no UTF-8. Absent is none."""
    if record is None:
        return b""
    if f"{key}_base64" in record:
        return base64.b64decode(record[f"{key}_base64"])
    return (record[key] or "").encode()


def item_of(value):
    return value.encode() if isinstance(value, str) else octets_of(value, "value")


def command_lines(command, map_file, direction, path):
    arguments = [command, "rewrite", "--map", map_file, "--direction", direction, path]
    told = subprocess.run([*arguments, "--format", "json"], capture_output=True, check=True)
    output = subprocess.run(arguments, capture_output=True, check=True).stdout
    done = json.loads(told.stdout)
    lines = []
    for edit in done["edits"]:
        entry = edit["entry"]
        words = [octets_of(edit, key) for key in ("text", "field")]
        lines.append(
            f"edit {edit['offset']} {edit['length']} {hexed(words[0])} {hexed(words[1])} {edit['nth']} "
            f"{hexed(octets_of(edit, 'from'))} {hexed(octets_of(edit, 'to'))} "
            f"{hexed(octets_of(entry, 'name'))} {hexed(octets_of(entry, 'file'))} "
            f"{entry['line'] or 0 if entry else 0}"
        )
    for change in done["fields"]:
        value = octets_of(change, "value").replace(b"\r\n", b"\n")
        lines.append(f"change {hexed(octets_of(change, 'name'))} {change['nth']} {hexed(value)}")
    for skip in done["skipped"]:
        place = f"{hexed(octets_of(skip, 'field'))} {skip['nth']} {skip['offset']}"
        lines.append(f"skip {place} {skip['reason']}")
    lines += [f"unmapped {hexed(item_of(address))}" for address in done["unmapped"]]
    for signature in done["signatures"]:
        because = "".join(f" {hexed(item_of(name))}" for name in signature["because"])
        sides = f"{hexed(octets_of(signature, 'domain'))} {hexed(octets_of(signature, 'selector'))}"
        aligned = signature["aligned"] or {"before": None, "after": None}
        numbers = f"{ALIGNMENTS[aligned['before']]} {ALIGNMENTS[aligned['after']]}"
        lines.append(f"signature {signature['kind']} {sides} {int(signature['intact'])} {numbers}{because}")
    if done["from_domain"]:
        domains = [done["from_domain"][side] or "" for side in ("before", "after")]
        lines.append("from-domain " + " ".join(hexed(domain.encode()) for domain in domains))
    lines += [f"changed {int(done['changed'])}", f"verdict {VERDICTS[done['verdict']]}"]
    lines += [f"size {done['size']}", f"body {done['body_offset']}"]
    lines += [f"input-body {done['input_body_offset']}"]
    lines += [f"flag {name}" for name in done["flags"]]
    return [*lines, f"output {output.hex()}"]


# ---- Python ---------------------------------------------------------------------------------------


def python_lines(engine, direction, path):
    done = engine.rewrite(path.read_bytes(), direction=direction)
    lines = []
    for edit in done.edits:
        entry = edit.entry
        origin = (entry.name, entry.file or "", entry.line) if entry else ("", "", 0)
        lines.append(
            f"edit {edit.offset} {edit.length} {hexed(edit.text)} {hexed(edit.field)} {edit.nth} "
            f"{hexed(edit.before)} {hexed(edit.after)} "
            f"{hexed(origin[0].encode())} {hexed(origin[1].encode())} {origin[2]}"
        )
    for change in done.field_changes:
        value = change.value.replace(b"\r\n", b"\n")
        lines.append(f"change {hexed(change.name)} {change.nth} {hexed(value)}")
    for skip in done.skipped:
        lines.append(f"skip {hexed(skip.field)} {skip.nth} {skip.offset} {skip.reason}")
    lines += [f"unmapped {hexed(address)}" for address in done.unmapped]
    for signature in done.signatures:
        because = "".join(f" {hexed(name)}" for name in signature.because)
        sides = f"{hexed(signature.domain)} {hexed(signature.selector)}"
        aligned = signature.aligned
        numbers = f"{ALIGNMENTS[aligned.before]} {ALIGNMENTS[aligned.after]}" if aligned else "0 0"
        lines.append(f"signature {signature.kind} {sides} {int(signature.intact)} {numbers}{because}")
    if done.from_domain:
        domains = [domain or "" for domain in (done.from_domain.before, done.from_domain.after)]
        lines.append("from-domain " + " ".join(hexed(domain.encode()) for domain in domains))
    lines += [f"changed {int(done.changed)}", f"verdict {VERDICTS[done.verdict]}"]
    lines += [f"size {done.size}", f"body {done.body_offset}"]
    lines += [f"input-body {done.input_body_offset}"]
    lines += [f"flag {name}" for name in done.flags]
    assert b"".join(done.slices()) == bytes(done)
    return [*lines, f"output {bytes(done).hex()}"]


# ---- C --------------------------------------------------------------------------------------------


def c_accounts(account, map_file, direction, face, paths):
    names = "".join(f"{path}\n" for path in paths)
    told = subprocess.run(
        [account, map_file, direction, face], input=names, capture_output=True, check=True, text=True
    )
    accounts = told.stdout.split(".\n")
    assert accounts.pop() == "" and len(accounts) == len(paths)
    return [account.splitlines() for account in accounts]


def fields_in_place(lines):
    """Counts places from the message's beginning, as the other faces do: where each field's body
    begins is known by its name and number."""
    bodies, seen, placed = {}, {}, []
    for line in lines:
        kind, *words = line.split(" ")
        if kind == "field":
            name = bytes.fromhex(words[1]).lower()
            seen[name] = seen.get(name, 0) + 1
            bodies[name, seen[name]] = int(words[0])
            continue
        if kind == "edit":
            words[0] = str(int(words[0]) + bodies[bytes.fromhex(words[3]).lower(), int(words[4])])
        if kind == "skip":
            words[2] = str(int(words[2]) + bodies[bytes.fromhex(words[0]).lower(), int(words[1])])
        placed.append(" ".join([kind, *words]))
    return placed


def without_the_message(lines):
    """What a face can know that sees fields alone. Folds that are added have the line endings of
    what is seen."""
    known = ("edit", "change", "skip", "unmapped", "signature", "from-domain", "changed", "verdict")
    kept = [line for line in lines if line.split(" ")[0] in known]
    return [re.sub(r"^(edit \d+ 0 )0d0a", r"\g<1>0a", line) for line in kept]


def unmapped_once(lines):
    """The command is for people and lists each unmapped address once, however often it stands."""
    seen = set()
    return [line for line in lines if not (line.startswith("unmapped") and line in seen or seen.add(line))]


# ---- all of them ----------------------------------------------------------------------------------


def compare(name, account, command, map_file, paths):
    engine = readdress.Engine.open(map_file)
    counts = dict.fromkeys(["edit", "change", "skip", "unmapped", "signature"], 0)
    for direction in ("outbound", "inbound"):
        with ThreadPoolExecutor(2) as pool:
            commands = pool.map(lambda path: command_lines(command, map_file, direction, path), paths)
            whole = c_accounts(account, map_file, direction, "whole", paths)
            fields = c_accounts(account, map_file, direction, "fields", paths)
            for path, told, in_c, in_fields in zip(paths, commands, whole, fields, strict=True):
                where = f"{path}, {direction}"
                in_python = python_lines(engine, direction, path)
                same(where, "Python", in_python, "C", in_c)
                same(where, "command", told, "C", unmapped_once(in_c))
                apart = without_the_message(fields_in_place(unmapped_once(in_fields)))
                same(where, "command", without_the_message(told), "C, field by field", apart)
                for line in told:
                    kind = line.split(" ")[0]
                    counts[kind] = counts.get(kind, 0) + 1
    told = ", ".join(f"{counts[kind]} {kind}s" for kind in ("edit", "change", "skip", "signature"))
    print(f"faces: {name}: {len(paths)} messages, both directions: {told}; all faces say the same")


def same(where, one, first, other, second):
    if first == second:
        return
    for left, right in zip([*first, "(no more)"], [*second, "(no more)"]):
        if left != right:
            sys.exit(f"faces: {where}\n  {one}: {left[:400]}\n  {other}: {right[:400]}")
    sys.exit(f"faces: {where}: {one} and {other} differ")


def corpus_map(paths, map_file):
    """Every second address that stands in a header section of the corpus, mapped to one of ours."""
    found = set()
    for path in paths:
        section = re.split(rb"\r?\n\r?\n", path.read_bytes(), maxsplit=1)[0]
        found.update(re.findall(rb"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+[A-Za-z0-9]", section))
    entries, keys = [], set()
    for number, address in enumerate(sorted(found)):
        if number % 2 == 0 and address.lower() not in keys:
            keys.add(address.lower())
            entry = readdress.Entry(address.decode(), f"user{number}@faces.example", file="faces", line=number)
            try:
                readdress.Engine.from_entries([entry])
            except (readdress.AddressError, readdress.PlanError):
                continue
            entries.append(entry)
    readdress.Engine.from_entries(entries).save(map_file)
    return len(entries)


def main():
    account, command = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        map_file = Path(folder) / "fixtures.map"
        subprocess.run([command, "compile", FIXTURES / "plan.toml", "-o", map_file], check=True, capture_output=True)
        paths = sorted((FIXTURES / "messages").rglob("*.eml"))
        assert len(paths) > 300
        compare("fixtures", account, command, map_file, paths)
        if CORPUS.is_dir():
            paths = sorted(CORPUS.rglob("*.eml"))
            map_file = Path(folder) / "corpus.map"
            assert corpus_map(paths, map_file) > 500
            compare("corpus", account, command, map_file, paths)


if __name__ == "__main__":
    main()
