"""The output piece by piece: what it is made of, and the system calls it is made for."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from readdress import Engine

IOV_MAX = os.sysconf("SC_IOV_MAX")


@pytest.fixture(scope="module")
def crowded() -> bytes:
    """A message whose output has more pieces than one system call takes."""
    addresses = b",\r\n ".join([b"john@tenant1.contoso.com"] * IOV_MAX)
    return b"To: " + addresses + b"\r\n\r\nHi!\r\n"


def test_pieces_joined_are_the_output(engine: Engine, message: bytes, rewritten: bytes) -> None:
    slices = engine.rewrite(message, direction="outbound").slices()
    assert b"".join(slices) == rewritten
    assert [bytes(piece) for piece in slices[1::2]] == [b"john@contoso.com", b"mary@contoso.com"]


def test_pieces_of_the_message_are_not_copied(engine: Engine, message: bytes) -> None:
    slices = engine.rewrite(message, direction="outbound").slices()
    views = [piece for piece in slices if isinstance(piece, memoryview)]
    assert len(views) == 3
    for view in views:
        assert view.obj is message
        assert view.readonly
        assert view.format == "B"


def test_an_unchanged_message_is_one_piece(engine: Engine) -> None:
    message = b"From: olivia@example.org\r\n\r\nHi\r\n"
    (piece,) = engine.rewrite(message, direction="outbound").slices()
    assert isinstance(piece, memoryview)
    assert piece.obj is message
    assert piece.nbytes == len(message)


def test_nothing_is_no_piece(engine: Engine) -> None:
    assert engine.rewrite(b"", direction="outbound").slices() == []


def test_pieces_are_never_empty(engine: Engine) -> None:
    done = engine.rewrite(
        b"To: john@tenant1.contoso.com,john@tenant1.contoso.com", direction="outbound"
    )
    assert [bytes(piece) for piece in done.slices()] == [
        b"To: ",
        b"john@contoso.com",
        b",",
        b"john@contoso.com",
    ]


def test_pieces_outlive_the_result(engine: Engine, message: bytes, rewritten: bytes) -> None:
    slices = engine.rewrite(bytearray(message), direction="outbound").slices()
    for _ in range(100):
        engine.rewrite(message.replace(b"john", b"mary"), direction="outbound")
    assert b"".join(slices) == rewritten


def test_sendmsg_takes_them(engine: Engine, message: bytes, rewritten: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert ours.sendmsg(engine.rewrite(message, direction="outbound").slices()) == len(
            rewritten
        )
        assert theirs.recv(len(rewritten) + 1) == rewritten


def test_writev_takes_them(
    engine: Engine, message: bytes, rewritten: bytes, tmp_path: Path
) -> None:
    with (tmp_path / "message").open("wb") as file:
        assert os.writev(
            file.fileno(), engine.rewrite(message, direction="outbound").slices()
        ) == len(rewritten)
    assert (tmp_path / "message").read_bytes() == rewritten


def test_writelines_takes_them(
    engine: Engine, message: bytes, rewritten: bytes, tmp_path: Path
) -> None:
    with (tmp_path / "message").open("wb") as file:
        file.writelines(engine.rewrite(message, direction="outbound").slices())
    assert (tmp_path / "message").read_bytes() == rewritten


def test_more_pieces_than_a_system_call_takes(
    engine: Engine, crowded: bytes, tmp_path: Path
) -> None:
    done = engine.rewrite(crowded, direction="outbound")
    slices = done.slices()
    assert len(slices) > IOV_MAX
    with (tmp_path / "message").open("wb", buffering=0) as file:
        with pytest.raises(OSError, match="Invalid argument"):
            os.writev(file.fileno(), slices)
        for start in range(0, len(slices), IOV_MAX):
            some = slices[start : start + IOV_MAX]
            assert os.writev(file.fileno(), some) == sum(map(len, some))
    assert (tmp_path / "message").read_bytes() == bytes(done)


def test_a_peer_that_reads_slowly_gets_all_of_it(engine: Engine, crowded: bytes) -> None:
    """As the documentation says, `sendmsg` may send less than all; memoryviews are cut easily."""
    message = crowded + b"x" * 1_000_000
    done = engine.rewrite(message, direction="outbound")
    received = bytearray()
    ours, theirs = socket.socketpair()

    def read() -> None:
        while piece := theirs.recv(65536):
            received.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    with theirs:
        with ours:
            ours.setblocking(True)
            left = [memoryview(piece) for piece in done.slices()]
            while left:
                sent = ours.sendmsg(left[:IOV_MAX])
                while left and sent >= len(left[0]):
                    sent -= len(left.pop(0))
                if sent:
                    left[0] = left[0][sent:]
        reader.join()
    assert received == bytes(done)
