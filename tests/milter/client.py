"""The MTA's side of the milter protocol, version 6: says what an MTA would, and collects what is answered."""

from __future__ import annotations

import socket
import struct
import time

# Actions that an MTA offers.
ADDHDRS, CHGBODY, ADDRCPT, DELRCPT, CHGHDRS, QUARANTINE, CHGFROM, ADDRCPT_PAR, SETSYMLIST = (
    1 << bit for bit in range(9)
)
ACTIONS = 0x1FF
# Steps and habits that an MTA can change.
NOBODY, NOHDRS, NR_HDR, HDR_LEADSPC = 0x10, 0x20, 0x80, 0x100000
STEPS = 0x1FFFFF

# What Postfix says about a session that is encrypted, with a certificate that it trusts.
TENANT = {"{tls_version}": "TLSv1.3", "{cert_subject}": "mail.tenant.example"}


class Closed(Exception):
    """The milter has hung up."""


class Milter:
    """A connection of an MTA to the milter."""

    def __init__(self, place: str, actions: int = ACTIONS, steps: int = STEPS, version: int = 6) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        self.socket.connect(place)
        self.send(b"O", struct.pack("!III", version, actions, steps))
        code, data = self.receive()
        assert code == b"O", code
        self.version, self.actions, self.steps = struct.unpack("!III", data[:12])
        self.symbols = self.read_symbols(data[12:])
        self.heard = 0

    @staticmethod
    def read_symbols(data: bytes) -> dict[int, str]:
        found = {}
        while data:
            (stage,) = struct.unpack("!I", data[:4])
            names, _, data = data[4:].partition(b"\0")
            found[stage] = names.decode()
        return found

    def send(self, code: bytes, data: bytes = b"") -> None:
        self.socket.sendall(struct.pack("!I", len(data) + 1) + code + data)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            got = self.socket.recv(size - len(data))
            if not got:
                raise Closed
            data += got
        return data

    def receive(self) -> tuple[bytes, bytes]:
        (size,) = struct.unpack("!I", self.read(4))
        data = self.read(size)
        return data[:1], data[1:]

    def close(self) -> None:
        self.socket.close()

    def quit(self) -> None:
        self.send(b"Q")
        self.close()

    def macros(self, command: bytes, macros: dict[str, str]) -> None:
        data = b"".join(name.encode() + b"\0" + value.encode() + b"\0" for name, value in macros.items())
        self.send(b"D", command + data)

    def ask(self, code: bytes, data: bytes = b"") -> str:
        """Sends a command and reads the reply: "continue", "reject", "550 5.1.10 ..."."""
        self.send(code, data)
        return self.reply(*self.receive())

    @staticmethod
    def reply(code: bytes, data: bytes) -> str:
        names = {b"c": "continue", b"a": "accept", b"r": "reject", b"t": "tempfail", b"d": "discard"}
        return data.rstrip(b"\0").decode("latin-1") if code == b"y" else names[code]

    def connect(self, address: str | None) -> str:
        if address is None:
            data = b"U"
        elif address.startswith("/"):
            data = b"L" + struct.pack("!H", 0) + address.encode() + b"\0"
        else:
            data = (b"6" if ":" in address else b"4") + struct.pack("!H", 4711) + address.encode() + b"\0"
        return self.ask(b"C", b"client.example\0" + data)

    def mail(self, sender: str, *args: str, macros: dict[str, str] | None = None) -> str:
        self.macros(b"M", {"{daemon_name}": "test", **(macros or {})})
        return self.ask(b"M", b"".join(arg.encode() + b"\0" for arg in (sender, *args)))

    def rcpt(self, recipient: str, *args: str) -> str:
        return self.ask(b"R", b"".join(arg.encode() + b"\0" for arg in (recipient, *args)))

    def field(self, name: str | bytes, value: str | bytes) -> None:
        name, value = (text.encode() if isinstance(text, str) else text for text in (name, value))
        self.send(b"L", name + b"\0" + value + b"\0")
        if not self.steps & NR_HDR:
            assert self.receive() == (b"c", b"")

    def end(self, queue: str = "4XyZ") -> tuple[list[tuple], str]:
        """The end of the message: all edits in their order, and the reply."""
        self.macros(b"E", {"i": queue})
        self.send(b"E")
        edits = []
        while True:
            code, data = self.receive()
            if code in b"catrdy":
                return edits, self.reply(code, data)
            edits.append(self.edit(code, data))

    @staticmethod
    def edit(code: bytes, data: bytes) -> tuple:
        nth = ()
        if code in b"mi":
            nth, data = struct.unpack("!I", data[:4]), data[4:]
        texts = [text.decode("utf-8", "surrogateescape") for text in data.split(b"\0")[:-1]]
        name = {b"m": "chgheader", b"h": "addheader", b"i": "insheader", b"e": "chgfrom", b"2": "addrcpt", b"-": "delrcpt"}
        if code == b"m":
            return (name[code], texts[0], *nth, texts[1])
        return (name[code], *nth, *texts)


def message(
    milter: Milter,
    sender: str,
    recipients: list[str | tuple[str, ...]],
    fields: list[tuple],
    macros: dict[str, str] | None = None,
    args: tuple[str, ...] = (),
    queue: str = "4XyZ",
) -> tuple[list[tuple], str]:
    """A whole message on an open connection. Values of fields are given without the space behind the colon."""
    assert (reply := milter.mail(sender, *args, macros=macros)) == "continue", reply
    for recipient in recipients:
        given = (recipient,) if isinstance(recipient, str) else recipient
        assert (reply := milter.rcpt(*given)) == "continue", reply
    space = b" " if milter.steps & HDR_LEADSPC else b""
    for name, value in fields:
        milter.field(name, space + (value.encode() if isinstance(value, str) else value))
    return milter.end(queue)


def until(is_so, seconds: float = 20.0):
    """Waits until something is so, and returns it."""
    end = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)
    return found
