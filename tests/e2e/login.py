"""Logging in: Dovecot's protocol for smtpd_sasl_type = dovecot, as far as Postfix's smtpd(8) needs it, with PLAIN.

So people of ours who are anywhere can submit to the gateway, and the milter is told who they are, without another
server to install.
"""

import base64
import os
import socketserver
import threading


class Logins:
    """`passwords` of users. Listens on a socket in the queue directory, as Postfix wants it."""

    def __init__(self, path):
        self.passwords = {}
        self._server = _Server(str(path), _Session)
        self._server.passwords = self.passwords
        os.chmod(path, 0o666)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _Session(socketserver.StreamRequestHandler):
    def handle(self):
        self._say("VERSION", "1", "2")
        self._say("MECH", "PLAIN", "plaintext")
        self._say("SPID", str(os.getpid()))
        self._say("CUID", "1")
        self._say("COOKIE", "0" * 32)
        self._say("DONE")
        try:
            while line := self.rfile.readline():
                verb, *words = line.decode().rstrip("\n").split("\t")
                if verb == "AUTH":
                    self._answer(words[0], dict(word.partition("=")[::2] for word in words))
        except OSError:
            pass

    def _answer(self, number, words):
        _, user, password = base64.b64decode(words["resp"]).decode().split("\0")
        if password and self.server.passwords.get(user) == password:
            self._say("OK", number, f"user={user}")
        else:
            self._say("FAIL", number, f"user={user}")

    def _say(self, *words):
        self.wfile.write(("\t".join(words) + "\n").encode())
