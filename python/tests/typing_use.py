"""A gateway as somebody else would write it: passes `mypy --strict`, and runs.

`assert_type` is for mypy; it would say so if a type in the stub became another one.
"""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import TypeAlias, assert_type

import readdress
from readdress import (
    Action,
    Decision,
    Direction,
    Engine,
    Entry,
    Explanation,
    PathKind,
    Rewritten,
    RewrittenPath,
    Verdict,
)

ANSWERS: dict[Verdict, str] = {"pass": "250", "tempfail": "451", "reject": "550"}
Envelope: TypeAlias = tuple[str, list[str]]


class Gateway:
    """Rewrites what goes out."""

    direction: Direction = "outbound"

    def __init__(self, map_file: Path) -> None:
        self.engine = Engine.open(map_file)

    def handle(self, envelope: Envelope, message: bytes, connection: socket.socket) -> str:
        try:
            done = self.engine.rewrite(message, direction=self.direction)
        except readdress.LimitError as error:
            assert_type(error.offset, int)
            assert_type(error.index, int | None)
            return f"451 {error.limit} of {error.allowed}"
        assert_type(done, Rewritten)
        assert_type(done.verdict, Verdict)
        if done.verdict == "pass":
            sent = connection.sendmsg(done.slices())
            assert sent == done.size == len(done) == len(bytes(done))
        return ANSWERS[done.verdict]

    def path(self, path: str, kind: PathKind) -> str:
        done = self.engine.rewrite_path(path, direction=self.direction, kind=kind)
        assert_type(done, RewrittenPath[str])
        return done.path

    def rcpt(self, path: str, client: str) -> str:
        decision = self.engine.route(path, mail_from="<>", client_ip=client, explain=False)
        assert_type(decision, Decision[str])
        assert_type(decision.action, Action)
        if decision.action == "reject":
            return f"{decision.code} {decision.enhanced} {decision.text}"
        return f"250 {decision.forward_path} {','.join(decision.next_hops) or 'mx'}"


def hops(engine: Engine, paths: Iterable[bytes], message: bytes) -> Iterator[bytes]:
    decided = engine.route(paths, message=message)
    assert_type(decided, tuple[Decision[bytes], ...])
    for decision in decided:
        assert_type(decision.forward_path, bytes)
        yield decision.forward_path
        for name, value in decision.set_headers:
            yield f"{name}: {value}".encode()
        yield from (str(step).encode() for step in decision.steps)


def entries(rows: Iterable[tuple[str, str]]) -> Iterator[Entry]:
    for internal, external in rows:
        yield Entry(internal, external)
    yield Entry("*.labs.contoso.com", "contoso.com", "outbound", except_=["hr.labs.contoso.com"])


def report(done: Rewritten) -> Iterator[str]:
    """Places, and no addresses."""
    for edit in done.edits:
        entry = edit.entry
        yield f"{edit.field.decode()}[{edit.nth}] {entry.name if entry is not None else 'fold'}"
    for change in done.field_changes:
        yield f"{change.name.decode()}[{change.nth}] {len(change.value or b'')}"
    for skip in done.skipped:
        yield f"{skip.offset} {skip.reason}"
    for signature in done.signatures:
        yield f"{signature.domain.decode()} {'intact' if signature.intact else signature.because}"
        aligned = signature.aligned
        if aligned is not None and aligned.before != "none" and aligned.after == "none":
            yield f"{signature.domain.decode()} is not aligned any more"
    author = done.from_domain
    if author is not None:
        assert_type(author.after, str | None)
        assert author.after is None or readdress.compare_domains(author.after, b"contoso.com")
    yield ",".join(done.flags)
    assert_type(done.unmapped, tuple[bytes, ...])


def diagnose(plan: Path) -> list[tuple[str, int, int, str]]:
    try:
        Engine.compile(plan)
    except readdress.PlanError as error:
        return [(one.file, one.line, one.column, one.code) for one in error.diagnostics]
    except OSError as error:
        return [(str(error.filename), 0, 0, str(error.errno))]
    return []


def main() -> None:
    engine = Engine.from_entries(
        entries([("john@tenant1.contoso.com", "john@contoso.com")]), unmapped="reject"
    )
    letter = EmailMessage()
    letter["From"] = "john@tenant1.contoso.com"
    letter["To"] = "olivia@example.org"
    letter.set_content("Hi!")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "contoso.map")
        engine.save(path)
        gateway = Gateway(path)
        assert diagnose(Path(folder, "plan.toml"))[0][1:3] == (0, 0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answer = gateway.handle(("", []), letter.as_bytes(), ours)
        received = theirs.recv(65536)
    assert answer == "250"
    assert received == letter.as_bytes().replace(b"tenant1.", b"")
    assert gateway.path("<john@tenant1.contoso.com>", "reverse") == "<john@contoso.com>"
    assert gateway.handle(("", []), b"From: x@tenant1.contoso.com\n\n", ours) == "550"
    assert gateway.rcpt("<john@contoso.com>", "192.0.2.1") == "250 john@tenant1.contoso.com mx"
    assert next(hops(engine, [b"john@contoso.com"], b"\n")) == b"john@tenant1.contoso.com"
    explained = engine.explain(b"a@b.labs.contoso.com", direction="outbound")
    assert_type(explained, Explanation[bytes])
    assert_type(explained.result, bytes | None)
    assert explained.result == b"a@contoso.com"
    many = engine.rewrite_many(
        (bytearray(letter.as_bytes()), memoryview(b"\n")), direction="outbound", threads=2
    )
    assert_type(many, list[Rewritten])
    assert [list(report(done)) for done in many] == [
        ["From[1] ", "From[1] 17", "bare-lf"],
        ["bare-lf,no-from"],
    ]
    print(f"typing_use: fine with Python {sys.version_info.major}.{sys.version_info.minor}")


main()
