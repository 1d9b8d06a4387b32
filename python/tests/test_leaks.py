"""Nothing is leaked: neither memory of Rust nor objects of Python, however often a call is made."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from readdress import Engine, Entry, LimitError, MapError, PlanError

ENGINE = Engine.from_entries(
    [
        Entry("john@tenant1.contoso.com", "john@contoso.com", name="John Doe"),
        Entry("mary.jones@tenant2.contoso.com", "mary@contoso.com"),
    ]
)
MESSAGE = (
    b"DKIM-Signature: v=1; d=contoso.com; s=s1; h=from:to; b=x\r\n"
    b"From: John <john@tenant1.contoso.com>\r\n"
    b"To: a@b@tenant1.contoso.com, x@tenant1.contoso.com\r\n\r\nHi!\r\n"
)
SILENT = b"From: olivia@example.org\r\n\r\nHi!\r\n"
LONG_PATH = b"a" * 300
MAP = ENGINE.__reduce__()[1][0]  # type: ignore[index]

CALLS = 100_000
PAGE = os.sysconf("SC_PAGE_SIZE")
LIBC = ctypes.CDLL(None)
# Of each call, less than the smallest piece that malloc gives (32 octets with its head, a few of
# them kept for later).
ALLOWED = 1_500_000


def resident() -> int:
    gc.collect()
    # Else a leak could hide in memory that calls before have freed.
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def raises(kind: type[Exception], call: Callable[[], object]) -> None:
    try:
        call()
    except kind:
        return
    raise AssertionError(f"no {kind.__name__}")


def everything() -> None:
    done = ENGINE.rewrite(MESSAGE, direction="outbound")
    _ = done.edits, done.field_changes, done.skipped, done.unmapped, done.signatures, done.flags
    _ = done.from_domain, ENGINE.rewrite(SILENT, direction="outbound").from_domain
    _ = done.verdict, done.generation, done.body_offset, done.size, repr(done)


def rewrite_path(path: str | bytes) -> None:
    ENGINE.rewrite_path(path, direction="inbound", kind="forward")


KINDS: dict[str, Callable[[], object]] = {
    "changed": lambda: bytes(ENGINE.rewrite(MESSAGE, direction="outbound")),
    "unchanged": lambda: bytes(ENGINE.rewrite(SILENT, direction="outbound")),
    "copied": lambda: ENGINE.rewrite(bytearray(MESSAGE), direction="outbound"),
    "slices": lambda: b"".join(ENGINE.rewrite(MESSAGE, direction="outbound").slices()),
    "reports": everything,
    "path": lambda: (rewrite_path("<john@contoso.com>"), rewrite_path(b"<a@b@c>")),
    "explain": lambda: ENGINE.explain("john+x@tenant1.contoso.com", direction="outbound"),
    "route": lambda: (
        ENGINE.route("john@contoso.com", mail_from="<>", client_ip="192.0.2.1", message=MESSAGE),
        ENGINE.route([b"a@b@c", b"<john@contoso.com>"], tls_name="mail.example.net", explain=False),
    ),
    "entries": lambda: list(ENGINE.entries()),
    "open": lambda: Engine.from_bytes(MAP),
    "limit error": lambda: raises(LimitError, lambda: rewrite_path(LONG_PATH)),
    "map error": lambda: raises(MapError, lambda: Engine.from_bytes(b"no map")),
    "plan error": lambda: raises(
        PlanError, lambda: Engine.from_entries([Entry("a.org", "b@c.org")])
    ),
    "type error": lambda: raises(TypeError, lambda: ENGINE.rewrite("text", direction="outbound")),  # type: ignore[arg-type]
    "value error": lambda: raises(ValueError, lambda: ENGINE.rewrite(SILENT, direction="x")),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_calls_leak_nothing(kind: str) -> None:
    call = KINDS[kind]
    for _ in range(CALLS // 20):
        call()
    before, blocks = resident(), sys.getallocatedblocks()
    for _ in range(CALLS):
        call()
    grown, more = resident() - before, sys.getallocatedblocks() - blocks
    assert grown < ALLOWED
    assert more < CALLS // 100


@pytest.mark.parametrize("threads", [1, 2])
def test_many_messages_leak_nothing(threads: int) -> None:
    messages = [MESSAGE, SILENT] * 250

    def call() -> None:
        assert len(ENGINE.rewrite_many(messages, direction="outbound", threads=threads)) == len(
            messages
        )

    for _ in range(50):
        call()
    before, blocks = resident(), sys.getallocatedblocks()
    for _ in range(CALLS // len(messages)):
        call()
    # Threads that begin and end leave arenas of malloc behind, a fixed number of them.
    assert resident() - before < ALLOWED + 2_000_000
    assert sys.getallocatedblocks() - blocks < CALLS // 100


class Mallinfo(ctypes.Structure):
    """`struct mallinfo2` of glibc."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
        )
    ]


def in_use() -> int:
    """What malloc has given out. It keeps much of what comes back, so resident size won't do."""
    gc.collect()
    LIBC.mallinfo2.restype = Mallinfo
    info = LIBC.mallinfo2()
    return int(info.uordblks + info.hblkhd)


@pytest.mark.skipif(not hasattr(LIBC, "mallinfo2"), reason="only glibc since 2.33 tells")
def test_a_monstrous_message_leaves_no_buffers_behind() -> None:
    monster = b"To: john@tenant1.contoso.com\r\n" * 90_000 + b"\r\n"
    ENGINE.rewrite(MESSAGE, direction="outbound")
    before = in_use()
    done = ENGINE.rewrite(monster, direction="outbound")
    assert in_use() - before > ALLOWED
    del done
    assert in_use() - before < ALLOWED


def test_references_are_given_back() -> None:
    # Octets and an engine that nothing else knows.
    message = bytes(bytearray(MESSAGE))
    engine = Engine.from_bytes(MAP)
    before = sys.getrefcount(message), sys.getrefcount(engine)
    done = engine.rewrite(message, direction="outbound")
    slices = done.slices()
    many = engine.rewrite_many([message] * 3, direction="outbound")
    iterator = engine.entries()
    entry = next(iterator)
    assert sys.getrefcount(message) > before[0]
    assert sys.getrefcount(engine) > before[1]
    del done, slices, many, iterator, entry
    gc.collect()
    assert (sys.getrefcount(message), sys.getrefcount(engine)) == before
    for _ in range(10):
        raises(TypeError, lambda: engine.rewrite_many([message, "text"], direction="outbound"))  # type: ignore[list-item]
        raises(ValueError, lambda: engine.rewrite(message, direction="x"))  # type: ignore[arg-type]
    gc.collect()
    # The two lambdas hold the names they use in cells; those are one reference all the time.
    assert (sys.getrefcount(message), sys.getrefcount(engine)) == before


@pytest.mark.parametrize("kind", [str, str.encode])
def test_references_to_paths_and_addresses_are_given_back(
    kind: Callable[[str], str | bytes],
) -> None:
    known, broken = kind("".join(["john", "@contoso.com"])), kind("".join(["a@b", "@contoso.com"]))
    before = sys.getrefcount(known), sys.getrefcount(broken)
    for given in (known, broken):
        for direction in ("outbound", "inbound"):
            for path_kind in ("reverse", "forward"):
                ENGINE.rewrite_path(given, direction=direction, kind=path_kind)
            ENGINE.explain(given, direction=direction)
            raises(ValueError, lambda given=given: ENGINE.explain(given, direction="x"))
    del given
    gc.collect()
    assert (sys.getrefcount(known), sys.getrefcount(broken)) == before
