"""A Postfix that takes mail on one port, does with it what a way of rewriting adds, and forgets it."""

import os
import pwd
import signal
import smtplib
import socket
import subprocess
import time
from pathlib import Path

DAEMONS = Path("/usr/lib/postfix/sbin")
HOST = "127.0.0.1"
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
default_transport = discard
relay_transport = discard
disable_dns_lookups = yes
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
in_flow_delay = 0
notify_classes =
append_at_myorigin = no
append_dot_mydomain = no
local_header_rewrite_clients =
milter_default_action = tempfail
"""
MASTER = """\
{host}:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""
QUEUES = "active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace".split()


class Postfix:
    """Used with `with`: what is left of it afterwards is the processor time that it and its processes took, in
    seconds."""

    def __init__(self, folder, settings):
        self.folder, self.port, self.seconds = folder, _free_port(), None
        owner = pwd.getpwnam("postfix").pw_uid
        folder.mkdir()
        folder.chmod(0o755)
        words = {"folder": folder, "daemons": DAEMONS, "host": HOST, "port": self.port}
        (folder / "main.cf").write_text(MAIN.format(**words) + settings)
        (folder / "master.cf").write_text(MASTER.format(**words))
        for place in ("data", "queue"):
            (folder / place).mkdir()
        os.chown(folder / "data", owner, -1)
        for name in QUEUES:
            (folder / "queue" / name).mkdir(mode=0o755)
            if name != "pid":
                os.chown(folder / "queue" / name, owner, -1)

    def __enter__(self):
        command = [DAEMONS / "master", "-c", self.folder, "-d"]
        self._master = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while True:
            try:
                smtplib.SMTP(HOST, self.port, timeout=10).quit()
                return self
            except OSError:
                if time.monotonic() > until or self._master.poll() is not None:
                    self.__exit__()
                    raise RuntimeError(f"Postfix does not start:\n{self.log()}") from None
                time.sleep(0.1)

    def __exit__(self, *_):
        self.seconds = ended(self._master)

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else "(no log)"

    def sent(self):
        return self.log().count("status=sent")


def ended(process):
    """Ends a process that ends its own, and gives the processor time of all of them."""
    if process.returncode is not None:
        raise RuntimeError(f"{process.args[0]} has ended with {process.returncode}")
    process.send_signal(signal.SIGTERM)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]
