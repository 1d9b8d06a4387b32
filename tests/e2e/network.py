"""The systems of a scenario by name: their addresses, certificates, DNS, and the internet around them.

Everything is on 127.R.0.n with an R that no other run on this machine has; each name asked for gets the next n.
"""

import random
import socket
from concurrent.futures import ThreadPoolExecutor

from certificates import Authority
from host import PORT, Host
from names import Names
from process import eventually
from tables import Tables

# Held for as long as a run uses the addresses of its R.
LOCK_PORT = 2524


class Network:
    """Used with `with`: closing it stops every system."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        self._addresses, self.hosts = {}, {}
        self._lock, self._octet = _reserve()
        self.authority = Authority(folder / "certificates")
        self.tables = Tables(self.address("tables"))
        self.names = Names(self.address("names"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def address(self, name):
        return f"127.{self._octet}.0.{self._addresses.setdefault(name, len(self._addresses) + 1)}"

    def next_hop(self, name):
        return f"[{self.address(name)}]:{PORT}"

    def add(self, host):
        """A system that the network starts, waits for and stops."""
        self.hosts[host.name] = host
        return host

    def host(self, name, **what):
        return self.add(Host(self, name, **what))

    def internet(self, **what):
        """Everybody else's mail system: it takes all mail, and is the mail exchanger of all other domains."""
        internet = self.host("internet", domains={"*"}, everybody={"*"}, **what)
        self.names.addresses["mx.internet.example"] = internet.address
        self.names.exchanger = "mx.internet.example"
        return internet

    def start(self):
        """Starts all systems side by side."""
        for host in self.hosts.values():
            host.configure()
            host.start()
        with ThreadPoolExecutor() as pool:
            list(pool.map(Host.await_start, self.hosts.values()))

    def close(self):
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: host.stop(), self.hosts.values()))
        self.tables.close()
        self.names.close()
        self._lock.close()

    def settle(self, seconds=30):
        """Waits until no message is on its way anywhere. One that a look at all queues missed, since it was going
        from a queue to another that was looked at before, is seen by the look in the other order."""
        hosts = list(self.hosts.values())

        def nothing_on_its_way():
            return not any(host.queue() for host in hosts + hosts[::-1] + hosts)

        eventually(nothing_on_its_way, lambda: f"queues: { {host.name: host.queue() for host in hosts} }", seconds)

    def logs(self):
        return [log for host in self.hosts.values() for log in host.logs()]


def _reserve():
    for octet in random.sample(range(1, 255), 254):
        lock = socket.socket()
        try:
            lock.bind((f"127.{octet}.0.254", LOCK_PORT))
            return lock, octet
        except OSError:
            lock.close()
    raise RuntimeError("every range of loopback addresses is taken")
