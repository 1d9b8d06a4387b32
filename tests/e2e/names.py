"""The DNS of a test's internet: addresses of the systems in it, and a mail exchanger for every other domain.

Answers A and MX over UDP (RFC 1035), to Postfix's smtp(8), which asks the server that resolv.conf in its chroot
names. So a connector with `mx = true` is carried out as it would be outside.
"""

import socket
import socketserver
import struct
import threading

A, MX = 1, 15
NO_SUCH_DOMAIN = 3
SECONDS_TO_LIVE = 1


class Names:
    """`addresses` from host names to addresses. `exchangers` from domains to the hosts that take their mail; of all
    others it is `exchanger`. Domains in `missing` don't exist."""

    def __init__(self, address):
        self.address = address
        self.addresses, self.exchangers, self.exchanger, self.missing = {}, {}, None, set()
        self._server = _Server((address, 53), _Question)
        self._server.names = self
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def answer(self, domain, kind):
        """The data of the one record that answers, b"" where there is none, None for a domain that does not exist."""
        if domain in self.missing:
            return None
        if domain in self.addresses:
            return socket.inet_aton(self.addresses[domain]) if kind == A else b""
        exchanger = self.exchangers.get(domain, self.exchanger)
        if exchanger is None:
            return None
        return struct.pack("!H", 10) + _labels(exchanger) if kind == MX else b""

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.UDPServer):
    allow_reuse_address = True


class _Question(socketserver.BaseRequestHandler):
    def handle(self):
        packet, reply_to = self.request
        end, labels = 12, []
        while packet[end]:
            labels.append(packet[end + 1 : end + 1 + packet[end]].decode("latin-1").lower())
            end += 1 + packet[end]
        question = packet[12 : end + 5]
        (kind,) = struct.unpack_from("!H", packet, end + 1)
        data = self.server.names.answer(".".join(labels), kind)
        # A response, authoritative, with recursion as it was asked for and available.
        flags = 0x8480 | struct.unpack_from("!H", packet, 2)[0] & 0x0100 | (NO_SUCH_DOMAIN if data is None else 0)
        answer = struct.pack("!HHHIH", 0xC00C, kind, 1, SECONDS_TO_LIVE, len(data)) + data if data else b""
        reply_to.sendto(packet[:2] + struct.pack("!HHHHH", flags, 1, bool(data), 0, 0) + question + answer, self.client_address)


def _labels(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
