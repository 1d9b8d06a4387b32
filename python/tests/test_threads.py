"""Threads and forks: the engine is shared, works without Python's lock, and survives a fork."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from readdress import Engine, Entry

# Some 10 MiB of header section, within the default limits: many times what Python's other threads
# need to be seen running.
TO = b"To: someone@tenant1.contoso.com, john@tenant1.contoso.com,\r\n\tolivia@example.org\r\n"
LONG = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 900) for n in range(9000)) + TO * 20_000


@contextmanager
def no_forced_switches() -> Iterator[None]:
    """Within, a thread loses Python's lock only by letting it go: nobody takes it away."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(100)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def stamps_while(call: Callable[[], object]) -> tuple[float, float, list[float]]:
    """When `call` began and ended in another thread, and when this one ran meanwhile."""
    times: list[float] = []

    def run() -> None:
        begin = time.perf_counter()
        call()
        times.extend((begin, time.perf_counter()))

    stamps = []
    other = threading.Thread(target=run)
    other.start()
    while other.is_alive():
        time.sleep(0.001)
        stamps.append(time.perf_counter())
    other.join()
    begin, end = times
    return begin, end, stamps


@pytest.mark.parametrize("name", ["rewrite", "rewrite_many"])
def test_python_runs_while_a_long_message_is_rewritten(name: str, engine: Engine) -> None:
    calls: dict[str, Callable[[], object]] = {
        "rewrite": lambda: engine.rewrite(LONG, direction="outbound"),
        "rewrite_many": lambda: engine.rewrite_many([LONG], direction="outbound"),
    }
    with no_forced_switches():
        for _ in range(10):  # a loaded machine may not let this thread run at all
            begin, end, stamps = stamps_while(calls[name])
            margin = (end - begin) / 10
            if any(begin + margin < stamp < end - margin for stamp in stamps):
                return
    pytest.fail("no other thread ran during the call")


def test_python_stands_still_where_the_lock_is_kept() -> None:
    """What the test above measures is the lock: with one that is kept, it sees nothing."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        pytest.skip("this Python runs without its lock")
    octets = b"x" * 100_000_000
    with no_forced_switches():
        begin, end, stamps = stamps_while(lambda: octets.count(b"y"))
    margin = (end - begin) / 10
    assert not any(begin + margin < stamp < end - margin for stamp in stamps)


def cores_of(call: Callable[[], object]) -> tuple[float, float]:
    """How many cores a call keeps busy, and the part of its work that other threads do."""
    wall, cpu, own = time.perf_counter(), time.process_time(), time.thread_time()
    call()
    wall, cpu, own = (
        time.perf_counter() - wall,
        time.process_time() - cpu,
        time.thread_time() - own,
    )
    return cpu / wall, 1 - own / cpu


def test_many_messages_use_as_many_cores_as_there_are(engine: Engine) -> None:
    """Other programs may use the cores, too: two threads that hash tell how many there are left."""
    messages = [b"From: John <john@tenant1.contoso.com>\r\n" + b"X: y\r\n" * 400 + b"\r\n"] * 4000
    octets = b"x" * 40_000_000

    def hashes() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(hashlib.sha256, [octets] * 2))

    measured = []
    for _ in range(10):
        possible, _ = cores_of(hashes)
        reached, helped = cores_of(
            lambda: engine.rewrite_many(messages, direction="outbound", threads=2)
        )
        measured.append((possible, reached, helped))
        if reached > 0.75 * possible and helped > 0.25:
            break
    else:
        pytest.fail(f"cores for two threads, cores used, part of the helper: {measured}")
    _, helped = cores_of(lambda: engine.rewrite_many(messages, direction="outbound", threads=1))
    assert helped < 0.01


def test_threads_share_one_engine(engine: Engine, message: bytes, rewritten: bytes) -> None:
    """Results made in one thread are read and dropped in others, mixed with errors."""

    def work(number: int) -> None:
        direction = "outbound" if number % 2 else "inbound"
        expected = rewritten if number % 2 else message
        for _ in range(300):
            done = engine.rewrite(message, direction=direction)
            assert bytes(done) == expected
            assert len(done.edits) == 2 * (number % 2)
            shared.append(done)
            other = shared[len(shared) // 2]
            assert bytes(other) in {message, rewritten}
            if len(shared) > 100:
                del shared[:50]
            path = engine.rewrite_path("<john@contoso.com>", direction="inbound", kind="forward")
            assert path.path == "<john@tenant1.contoso.com>"

    shared = [engine.rewrite(message, direction="outbound")] * 4
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(work, range(16)):
            pass


def test_threads_share_one_result(engine: Engine) -> None:
    done = engine.rewrite(LONG, direction="outbound")
    edits, output = len(done.edits), bytes(done)
    assert edits >= 20_000

    def read(_: int) -> bool:
        return len(done.edits) == edits and bytes(done) == output == b"".join(done.slices())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(8)))


def test_threads_share_one_iterator_over_entries(engine: Engine) -> None:
    given = [Entry(f"u{n}@tenant1.contoso.com", f"u{n}@contoso.com") for n in range(5000)]
    iterator = Engine.from_entries(given).entries()
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda _: list(iterator), range(4)))
    assert sorted(entry.internal for part in parts for entry in part) == sorted(
        entry.internal for entry in given
    )


def looks_up_rightly(engine: Engine, message: bytes, rewritten: bytes) -> bool:
    many = engine.rewrite_many([message] * 40, direction="outbound", threads=2)
    path = engine.rewrite_path("<john@contoso.com>", direction="inbound", kind="forward")
    return (
        bytes(engine.rewrite(message, direction="outbound")) == rewritten
        and all(bytes(done) == rewritten for done in many)
        and path.path == "<john@tenant1.contoso.com>"
        and engine.rewrite(LONG, direction="outbound").changed
    )


def test_a_child_forked_while_threads_rewrite_looks_up_rightly(
    engine: Engine, message: bytes, rewritten: bytes
) -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            engine.rewrite(LONG, direction="outbound")
            engine.rewrite_many([message] * 100, direction="outbound", threads=2)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(10):
            assert ends_well(lambda: looks_up_rightly(engine, message, rewritten))
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def ends_well(check: Callable[[], bool]) -> bool:
    """Whether a forked child finds that `check` holds, and within half a minute."""
    with warnings.catch_warnings():
        # Python 3.12 and later warn of forks beside threads; here they are what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if check() else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False
