"""Many messages in one call: as one by one, in order, and interruptible."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator

import pytest

from readdress import Engine, LimitError, Rewritten


def told(done: Rewritten) -> tuple[object, ...]:
    """Everything that a result tells."""
    return (
        bytes(done),
        done.edits,
        done.field_changes,
        done.skipped,
        done.unmapped,
        done.flags,
        done.signatures,
        done.from_domain,
        done.verdict,
        done.body_offset,
        done.input_body_offset,
        done.generation,
    )


def mixed(count: int) -> list[bytes]:
    """Messages of several kinds, each with its number."""
    kinds = (
        b"From: john@tenant1.contoso.com\r\nSubject: %d\r\n\r\n",
        b"From: olivia@example.org\r\nSubject: %d\r\n\r\n",
        b"To: a@b@c, mary.jones@tenant2.contoso.com\nX: %d\n\n",
        b"DKIM-Signature: d=contoso.com; s=a; h=to\nTo: x@tenant1.contoso.com\nX: %d\n",
    )
    return [kinds[number % len(kinds)] % number for number in range(count)]


@pytest.mark.parametrize("threads", [None, 1, 2, 3, 64])
@pytest.mark.parametrize("count", [0, 1, 16, 17, 5000])
def test_the_same_as_one_by_one_in_order(count: int, threads: int | None, engine: Engine) -> None:
    messages = mixed(count)
    results = engine.rewrite_many(messages, direction="outbound", threads=threads)
    assert type(results) is list
    assert len(results) == count
    for message, done in zip(messages, results, strict=True):
        assert told(done) == told(engine.rewrite(message, direction="outbound"))
        assert done.changed or bytes(done) is message


def test_the_direction_is_used(engine: Engine) -> None:
    inbound = Engine.from_entries(engine.entries(), preset="edge-2016")
    (done,) = inbound.rewrite_many([b"To: john@contoso.com\n\n"], direction="inbound")
    assert bytes(done) == b"To: john@tenant1.contoso.com\n\n"


def test_any_iterable_of_any_buffers(engine: Engine, message: bytes, rewritten: bytes) -> None:
    kinds = (bytes, bytearray, memoryview)
    results = engine.rewrite_many((kind(message) for kind in kinds), direction="outbound")
    assert [bytes(done) for done in results] == [rewritten] * 3


def test_a_generator_is_read_batch_by_batch(engine: Engine) -> None:
    """An endless one ends with its first error, so it can't be read to its end first."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b"To: john@tenant1.contoso.com\n\n"
            yield b"\n" if len(taken) < 20_000 else "text"  # type: ignore[misc]
            taken.append(None)

    taken: list[None] = []
    with pytest.raises(TypeError, match="message 40001 must be bytes"):
        engine.rewrite_many(endless(), direction="outbound")


@pytest.mark.parametrize("place", [0, 1, 17, 4096, 4999])
def test_a_limit_names_the_message(place: int, engine: Engine) -> None:
    messages = mixed(5000)
    messages[place] = b"Subject: x\n" * 100_001
    with pytest.raises(LimitError, match=f"^message {place}: limit fields") as caught:
        engine.rewrite_many(messages, direction="outbound", threads=2)
    assert (caught.value.index, caught.value.limit) == (place, "fields")


def test_of_several_limits_the_first_is_told(engine: Engine) -> None:
    messages = mixed(400)
    for place in (399, 150, 20):
        messages[place] = b"Subject: x\n" * 100_001
    for _ in range(5):
        with pytest.raises(LimitError) as caught:
            engine.rewrite_many(messages, direction="outbound", threads=4)
        assert caught.value.index == 20


@pytest.mark.parametrize("threads", [0, -1, -(2**31)])
def test_less_than_one_thread_is_refused(threads: int, engine: Engine) -> None:
    with pytest.raises(ValueError, match="threads must be 1 or more"):
        engine.rewrite_many([], direction="outbound", threads=threads)


def test_no_thread_is_left(engine: Engine) -> None:
    before = set(os.listdir("/proc/self/task"))
    engine.rewrite_many(mixed(5000), direction="outbound", threads=8)
    assert set(os.listdir("/proc/self/task")) <= before


@pytest.mark.parametrize("wrong", [None, 3, "text", b"From: a@example.org\n\n", ["text"], [None]])
def test_what_is_no_iterable_of_messages(wrong: object, engine: Engine) -> None:
    with pytest.raises(TypeError):
        engine.rewrite_many(wrong, direction="outbound")  # type: ignore[arg-type]


def test_ctrl_c_interrupts_between_batches() -> None:
    """In a process of its own; the messages never end, so only Ctrl-C can end the call."""
    script = textwrap.dedent("""
        import itertools, signal, sys
        from readdress import Engine

        signal.signal(signal.SIGINT, signal.default_int_handler)

        # Nothing but C code between the messages: Python itself has no chance to look.
        messages = itertools.repeat(b"Subject: x\\n\\n")
        print("running", flush=True)
        try:
            Engine.from_entries([]).rewrite_many(messages, direction="outbound")
        except KeyboardInterrupt:
            sys.exit(42)
    """)
    process = subprocess.Popen([sys.executable, "-I", "-c", script], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        time.sleep(0.3)  # until it is deep in the call
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 42
    finally:
        process.kill()
        process.communicate()
