"""Every face says the same: the command, C in one piece and field by field, and Python.

    python tests/faces.py ACCOUNT COMMAND

ACCOUNT is ffi/tests/c/account.c, built; COMMAND is the `readdress` command. The package `readdress`
has to be installed. Messages are the project's fixtures, and those in ../shared/corpus if that is
there, each in both directions. What a face reports of a message becomes lines as account.c prints
them, and all lines have to be the same.
"""

import base64
import itertools
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

ROUTES = ROOT / "tests" / "routes"

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
        is_gone = change.get("value", "") is None
        value = "gone" if is_gone else hexed(octets_of(change, "value").replace(b"\r\n", b"\n"))
        lines.append(f"change {hexed(octets_of(change, 'name'))} {change['nth']} {value}")
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
        value = "gone" if change.value is None else hexed(change.value.replace(b"\r\n", b"\n"))
        lines.append(f"change {hexed(change.name)} {change.nth} {value}")
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


# ---- where mail goes ------------------------------------------------------------------------------

ACTIONS = {"deliver": 1, "relay": 2, "reject": 3, "drop": 4}
TLS = {None: 0, "none": 1, "opportunistic": 2, "required": 3}
DIRECTIONS = {None: 0, "outbound": 1, "inbound": 2}

# Client's address, certificate's name, encrypted, authenticated, direction.
SESSIONS = [
    ("192.0.2.7", "mail.tenant.example", True, False, None),
    ("2001:db8::7", "mail.tenant.example", False, False, None),
    ("192.0.2.7", None, True, False, None),
    ("::ffff:198.51.100.7", "mail.tenant.example", True, False, None),
    ("198.51.100.7", None, False, True, None),
    ("203.0.113.7", None, False, False, None),
    (None, None, False, False, None),
    ("203.0.113.7", None, False, False, "outbound"),
    ("192.0.2.7", "mail.tenant.example", True, False, "inbound"),
]
SENDERS = [None, b"<>", b"ann@contoso.com", b"<a@far.example>", b"no address"]
RECIPIENTS = [
    b"<john@contoso.com>", b"John+x@contoso.com", b"juergen@contoso.com", b"ann@contoso.com", b"<Moved+y@contoso.com>",
    b"done@tenant1.contoso.com", b"later@tenant1.contoso.com", b"old@contoso.com", b"nobody@contoso.com",
    b"somebody@partner.example", b"b@far.example", b"postmaster", b"<>", b"no address", b"caf\xe9@contoso.com",
]  # fmt: skip


def line_of(kind, *words):
    """A line as account.c prints it: texts in hexadecimal digits."""
    texts = [hexed((word or "").encode()) if isinstance(word, str | None) else str(int(word)) for word in words]
    return " ".join([kind, *texts])


def route_line(recipient, forward_path, words):
    first, second = hexed(recipient), hexed(forward_path)
    action, *rest = line_of("", *words).strip().split(" ")
    return " ".join(["route", first, action, second, *rest])


def command_routes(command, map_file, case):
    (address, name, tls, authenticated, direction), sender, message, smtputf8, recipients = case
    arguments = [command, "route", "--map", map_file, "--format", "json"]
    arguments += [f"--rcpt-to={path.decode()}" for path in recipients]
    options = (("client-ip", address), ("tls-name", name), ("direction", direction))
    arguments += [f"--{option}={value}" for option, value in options if value is not None]
    flags = (("tls", tls), ("authenticated", authenticated), ("smtputf8", smtputf8))
    arguments += [f"--{flag}" for flag, holds in flags if holds]
    arguments += [f"--mail-from={sender.decode()}"] if sender is not None else []
    arguments += [message] if message else []
    told = subprocess.run(arguments, capture_output=True, check=True).stdout
    lines = []
    for number, done in enumerate(map(json.loads, told.splitlines())):
        if number == 0:
            lines.append(line_of("decision", done["final"], DIRECTIONS[done["direction"]], done["listener"]))
        entry = done["entry"] or {"name": None, "file": None, "line": None}
        words = [ACTIONS[done["action"]], done["connector"], TLS[done["tls"]], done["tls_name"], done["code"] or 0]
        words += [done["enhanced"], done["text"], done["rewrite"]]
        words += [entry["name"], entry["file"], entry["line"] or 0]
        paths = [octets_of(done, key) for key in ("recipient", "forward_path")]
        lines.append(route_line(*paths, words))
        lines += [line_of("hop", hop) for hop in done["next_hops"]]
        assert done["next_hop"] == next(iter(done["next_hops"]), None)
        fields = [(field["name"], field["value"]) for field in done["headers"]]
        lines += [line_of("set", *field) for field in fields if field[1] is not None]
        lines += [line_of("remove", field[0]) for field in fields if field[1] is None]
        lines += [line_of("step", step["what"], step["name"], step["why"]) for step in done["steps"]]
    return lines


def python_routes(engine, case):
    (address, name, tls, authenticated, direction), sender, message, smtputf8, recipients = case
    decided = engine.route(
        recipients,
        mail_from=sender,
        client_ip=address,
        tls=tls,
        tls_name=name,
        authenticated=authenticated,
        direction=direction,
        message=message and message.read_bytes(),
        smtputf8=smtputf8,
    )
    lines = [line_of("decision", decided[0].final, DIRECTIONS[decided[0].direction], decided[0].listener)]
    for done in decided:
        entry = done.entry
        words = [ACTIONS[done.action], done.connector, TLS[done.tls], done.tls_name, done.code or 0]
        words += [done.enhanced, done.text, done.rewrite]
        words += [entry.name, entry.file, entry.line] if entry else [None, None, 0]
        lines.append(route_line(done.recipient, done.forward_path, words))
        lines += [line_of("hop", hop) for hop in done.next_hops]
        lines += [line_of("set", *field) for field in done.set_headers]
        lines += [line_of("remove", name) for name in done.removed_headers]
        lines += [line_of("step", step.what, step.name, step.why) for step in done.steps]
    return lines


def c_routes(account, map_file, cases):
    def digits(text):
        return "-" if text is None else "x" + (text if isinstance(text, bytes) else str(text).encode()).hex()

    questions = []
    for (address, name, tls, authenticated, direction), sender, message, smtputf8, recipients in cases:
        flags = int(smtputf8) + 2 * tls + 4 * authenticated
        words = [digits(address), digits(name), str(flags), str(DIRECTIONS[direction]), digits(sender), digits(message)]
        questions.append(" ".join([*words, *map(digits, recipients)]) + "\n")
    told = subprocess.run(
        [account, map_file, "routes"], input="".join(questions), capture_output=True, check=True, text=True
    )
    accounts = told.stdout.split(".\n")
    assert accounts.pop() == "" and len(accounts) == len(cases)
    return [account.splitlines() for account in accounts]


def compare_routes(account, command, map_file):
    engine = readdress.Engine.open(map_file)
    messages = [None, *sorted((ROUTES / "messages").glob("*.eml"))]
    inside = [path for path in RECIPIENTS if b"far" not in path]
    cases = [(*case, False, RECIPIENTS) for case in itertools.product(SESSIONS, SENDERS, messages)]
    cases += [(SESSIONS[0], sender, messages[1], True, inside) for sender in SENDERS]
    in_command = [(*case[:4], [path for path in case[4] if path.isascii()]) for case in cases]
    kinds = set()
    with ThreadPoolExecutor(2) as pool:
        told = pool.map(lambda case: command_routes(command, map_file, case), in_command)
        in_c = c_routes(account, map_file, cases)
        for case, wanted, answer in zip(cases, in_c, told, strict=True):
            where = f"routes, {case[0]}, {case[1]}, {case[2]}"
            same(where, "Python", python_routes(engine, case), "C", wanted)
            # JSON has the octets of a path that is not UTF-8, but a command line need not take them.
            asked = python_routes(engine, (*case[:4], [path for path in case[4] if path.isascii()]))
            same(where, "command", answer, "Python", asked)
            kinds.update(tuple(line.split(" ")[:1] + line.split(" ")[2:3]) for line in wanted if line[:5] == "route")
    assert len(kinds) == len(ACTIONS), kinds
    print(f"faces: routes: {len(cases)} messages, {sum(len(case[4]) for case in cases)} copies; all faces say the same")


def main():
    account, command = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        map_file = Path(folder) / "fixtures.map"
        subprocess.run([command, "compile", FIXTURES / "plan.toml", "-o", map_file], check=True, capture_output=True)
        paths = sorted((FIXTURES / "messages").rglob("*.eml"))
        assert len(paths) > 300
        compare("fixtures", account, command, map_file, paths)
        map_file = Path(folder) / "routes.map"
        subprocess.run([command, "compile", ROUTES / "plan.toml", "-o", map_file], check=True, capture_output=True)
        compare_routes(account, command, map_file)
        if CORPUS.is_dir():
            paths = sorted(CORPUS.rglob("*.eml"))
            map_file = Path(folder) / "corpus.map"
            assert corpus_map(paths, map_file) > 500
            compare("corpus", account, command, map_file, paths)


if __name__ == "__main__":
    main()
