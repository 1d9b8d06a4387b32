"""A Postfix that takes mail on one port, does with it what a way of rewriting adds, and forgets it."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/postfix"))
from instance import HOST, Instance, free_port  # noqa: E402, F401

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


class Measured(Instance):
    """What is left of it after the `with` block is the processor time that it and its processes took, in seconds."""

    def __init__(self, folder, settings):
        folder.mkdir()
        super().__init__(folder, MAIN + settings, MASTER, {"port": free_port()})
        self.seconds = None

    @property
    def port(self):
        return self.ports["port"]

    def __exit__(self, *_):
        # What the master does not wait for at its end is not in what it says of its children.
        running = _session_seconds(self._master.pid)
        self.seconds = running + ended(self._master)

    def sent(self):
        return self.log().count("status=sent")


def _session_seconds(session):
    """The processor time so far of a session's processes but its leader."""
    ticks = 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # proc(5): state is the third field, session the sixth, utime and stime the 14th and 15th.
        if int(fields[3]) == session and int(place.parent.name) != session:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def ended(process):
    """Ends a process that ends its own, and gives the processor time of all of them."""
    if process.returncode is not None:
        raise RuntimeError(f"{process.args[0]} has ended with {process.returncode}")
    process.send_signal(signal.SIGTERM)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime
