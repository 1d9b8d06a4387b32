"""What the test's own mail systems look up, answered by the test itself: socketmap_table(5), over TCP.

So a mailbox or a forward that a test adds is there with the next look-up, and nothing has to be reloaded.
The gateway's maps are none of this: `readdress serve` answers them.
"""

import socketserver
import threading

PORT = 2526


class Tables:
    """A server for any number of tables: functions from a key to a value, or None."""

    def __init__(self, address):
        self._address = address
        self._tables = {}
        self._server = _Server((address, PORT), _Session)
        self._server.tables = self._tables
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def add(self, name, answer):
        """The table as Postfix names it."""
        self._tables[name] = answer
        return f"socketmap:inet:{self._address}:{PORT}:{name}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 200


class _Session(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            while request := self._netstring():
                table, _, key = request.decode().partition(" ")
                value = self.server.tables[table](key)
                reply = ("NOTFOUND " if value is None else f"OK {value}").encode()
                self.wfile.write(b"%d:%s," % (len(reply), reply))
        except OSError:
            # Postfix's processes come and go.
            pass

    def _netstring(self):
        digits = b""
        while (octet := self.rfile.read(1)) not in (b":", b""):
            digits += octet
        return self.rfile.read(int(digits) + 1)[:-1] if digits else b""
