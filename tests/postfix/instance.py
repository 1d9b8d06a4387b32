"""A Postfix of the test's own, on loopback, in a folder of its own, and a sink that it delivers to.

Nothing outside the folder is read or written but the installed programs: `master` is started with a
private configuration, not by the system's scripts. It is the leader of a process group, ends its
children when it is told to end, and is told by its process id.
"""

import os
import pwd
import signal
import smtplib
import socket
import socketserver
import subprocess
import threading
import time
from pathlib import Path

DAEMONS = Path("/usr/lib/postfix/sbin")
HOST = "127.0.0.1"
# Whatever can change an address or a field is off, except the canonical maps and the parsing of the
# fields that they are looked up for, which local_header_rewrite_clients turns on.
MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {daemons}
command_directory = /usr/sbin
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
meta_directory = {folder}
inet_interfaces = {host}
inet_protocols = ipv4
myhostname = mx.test.example
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [{host}]:{sink}
disable_dns_lookups = yes
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtputf8_enable = no
smtp_line_length_limit = 0
line_length_limit = 65536
hopcount_limit = 1000
in_flow_delay = 0
notify_classes =

local_header_rewrite_clients = permit_mynetworks
append_at_myorigin = no
append_dot_mydomain = no
swap_bangpath = no
allow_percent_hack = no
undisclosed_recipients_header =
message_drop_headers =
masquerade_domains =
header_checks =
body_checks =
recipient_delimiter = +
propagate_unmatched_extensions = canonical
sender_canonical_maps = texthash:{folder}/sender
recipient_canonical_maps = texthash:{folder}/recipient
"""
# One listener for each direction. On the way out sender fields go by the sender map, on the way in
# recipient fields by the recipient map; a forward-path goes by the recipient map either way.
MASTER = """\
{host}:{outbound} inet n - n - - smtpd -o cleanup_service_name=cleanup-outbound
{host}:{inbound} inet n - n - - smtpd -o cleanup_service_name=cleanup-inbound
cleanup-outbound unix n - n - 0 cleanup -o recipient_canonical_classes=envelope_recipient
cleanup-inbound unix n - n - 0 cleanup -o sender_canonical_maps=
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""
QUEUES = "active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace".split()


class Instance:
    """A Postfix with this main.cf and master.cf, whose words in braces are filled in, that answers on these ports. Runs
    as long as the `with` block."""

    def __init__(self, folder, main, master, ports, **words):
        self.folder, self.ports = Path(folder), ports
        owner = pwd.getpwnam("postfix").pw_uid
        self.folder.chmod(0o755)
        words = {"folder": self.folder, "daemons": DAEMONS, "host": HOST, **ports, **words}
        (self.folder / "main.cf").write_text(main.format(**words))
        (self.folder / "master.cf").write_text(master.format(**words))
        for place in ("data", "queue"):
            (self.folder / place).mkdir()
        os.chown(self.folder / "data", owner, -1)
        for name in QUEUES:
            queue = self.folder / "queue" / name
            queue.mkdir(mode=0o755)
            if name != "pid":
                os.chown(queue, owner, -1)
        self._master = None

    def __enter__(self):
        self._master = subprocess.Popen(
            [DAEMONS / "master", "-c", self.folder, "-d"], start_new_session=True, stdin=subprocess.DEVNULL
        )
        # For the script that runs it, if this process should end without ceremony.
        (self.folder / "master").write_text(str(self._master.pid))
        try:
            self._await()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _await(self):
        until = time.monotonic() + 30
        for port in self.ports.values():
            while True:
                try:
                    smtplib.SMTP(HOST, port, timeout=10).quit()
                    break
                except OSError:
                    if time.monotonic() > until or self._master.poll() is not None:
                        raise RuntimeError(f"Postfix does not start:\n{self.log()}") from None
                    time.sleep(0.1)

    def __exit__(self, *_):
        if self._master.poll() is None:
            self._master.send_signal(signal.SIGTERM)
        try:
            self._master.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._master.pid, signal.SIGKILL)
            self._master.wait(10)

    def log(self):
        try:
            return (self.folder / "log").read_text(errors="replace")
        except FileNotFoundError:
            return "(no log)"


class Postfix(Instance):
    """One that goes by canonical maps."""

    def __init__(self, folder, maps, sink):
        ports = {direction: free_port() for direction in ("outbound", "inbound")}
        super().__init__(folder, MAIN, MASTER, ports, sink=sink)
        for name, entries in maps.items():
            (self.folder / name).write_text("".join(f"{key}\t{value}\n" for key, value in entries))

    def send(self, direction, messages):
        """Hands over messages (reverse-path, forward-path, octets) in one session."""
        with smtplib.SMTP(HOST, self.ports[direction], timeout=30) as session:
            session.ehlo("client.example")
            for reverse, forward, message in messages:
                for command in (f"MAIL FROM:{reverse} BODY=8BITMIME", f"RCPT TO:{forward}"):
                    code, text = session.docmd(command)
                    if code != 250:
                        raise RuntimeError(f"{command}: {code} {text}")
                code, text = session.data(message)
                if code != 250:
                    raise RuntimeError(f"{code} {text} to a message")


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class Sink(socketserver.ThreadingTCPServer):
    """Takes every message and keeps it, by the number in its field X-Number."""

    daemon_threads = True
    request_queue_size = 200

    def __init__(self):
        super().__init__((HOST, 0), _Session)
        self.messages = {}
        self.arrived = threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def keep(self, reverse, forward, message):
        number = int(message.partition(b"\nX-Number: ")[2].partition(b"\r")[0])
        with self.arrived:
            self.messages[number] = (reverse, forward, message)
            self.arrived.notify_all()

    def wait(self, count, seconds):
        with self.arrived:
            return self.arrived.wait_for(lambda: len(self.messages) >= count, seconds)


class _Session(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            self.session()
        except ConnectionError:
            # Postfix keeps sessions open for more messages, and ends with one open.
            pass

    def session(self):
        self.say("220 sink.example ESMTP")
        reverse = forward = b""
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say("250-sink.example", "250 8BITMIME")
            elif verb == b"DATA":
                self.say("354 go on")
                self.server.keep(reverse, forward, self.data())
                self.say("250 taken")
            elif verb == b"QUIT":
                return self.say("221 bye")
            else:
                path = line[line.find(b"<") : line.rfind(b">") + 1]
                reverse, forward = (path if verb == b"MAIL" else reverse), (path if verb == b"RCPT" else forward)
                self.say("250 fine")

    def data(self):
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def say(self, *lines):
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
