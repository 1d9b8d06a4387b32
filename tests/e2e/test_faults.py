"""What happens to mail when parts of the gateway fail while it flows: nothing is lost, nothing comes twice, and
nothing goes out as it is inside.

A tenant's server sends without pause, and tries again as servers do. Whatever fails, the gateway answers that
it can't take the message now, or keeps what it has taken.
"""

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time

import mail
import plans
from gateway import Gateway, run
from mail import compose
from process import eventually
from scenario import Scenario

PEOPLE = 50
EVERY = 0.02
FAULT_SECONDS = 1.0
PLAN = """\
[plan]
name = "faults"

[rewrite]
preset = "coexistence"
unmapped = "reject"

[[rewrite.entries]]
file = "entries.csv"

[[accepted-domain]]
domain = "contoso.com"
type = "authoritative"

[[accepted-domain]]
domain = "tenant1.contoso.com"
type = "internal-relay"

[[connector]]
name = "To the tenant"
smart-hosts = ["{hop}"]
address-spaces = ["tenant1.contoso.com"]
"""


class Faults(Scenario):
    @classmethod
    def build(cls, net):
        cls.internet = net.internet()
        cls.tenant = net.host(
            "tenant", domains=["tenant1.contoso.com"], everybody=["tenant1.contoso.com"],
            routes={"*": net.next_hop("gateway")}, trusts=["gateway"],
        )  # fmt: skip
        cls.gateway = net.add(Gateway(net, trusts=["tenant"]))
        cls.folder = net.folder / "plan"
        cls.folder.mkdir()
        cls.write_entries("user")

    @classmethod
    def write_entries(cls, name, count=PEOPLE):
        rows = [f"{name}{n},{name}{n}@tenant1.contoso.com,{name}{n}@contoso.com\n" for n in range(count)]
        (cls.folder / "entries.csv").write_text("Name,InternalAddress,ExternalAddress\n" + "".join(rows))

    def setUp(self):
        super().setUp()
        self.plan = self.folder / "plan.toml"
        plan = PLAN + plans.LISTENERS
        self.plan.write_text(plan.format(tenant=self.tenant.address, hop=self.net.next_hop("tenant")))
        self.gateway.publish(self.plan)

    def under_load(self, *faults):
        """Sends while each fault is there and is mended, and looks what became of every message."""
        load = Load(self)
        load.start()
        try:
            for fault in faults:
                time.sleep(FAULT_SECONDS / 2)
                with fault():
                    time.sleep(FAULT_SECONDS)
            time.sleep(FAULT_SECONDS / 2)
        finally:
            load.stop()
        self.assertEqual(load.failures, [])
        self.net.settle(90)
        self.account(load.sent)

    def account(self, sent):
        arrived = {}
        for each in self.internet.inbox():
            arrived.setdefault(each.message_id, []).append(each)
        self.assertEqual([len(arrived.get(message_id, ())) for message_id in sent], [1] * len(sent))
        # Nothing that left shows where it is inside. The Received fields are each server's own.
        for (each,) in arrived.values():
            fields = [(name, value) for name, value in each.fields if name not in ("Received", "Return-Path")]
            shown = [field for field in fields if "tenant1" in field[1]]
            self.assertEqual((shown, each.return_path.rpartition("@")[2]), ([], "contoso.com"), each.octets)
        self.assertEqual(self.tenant.inbox(), [], "a report came back")
        self.assertGreater(len(sent), 50)

    # Each is a context: the fault is there inside.

    @contextlib.contextmanager
    def milter_killed(self):
        self.gateway.milter.kill()
        yield
        self.gateway.milter.start()

    @contextlib.contextmanager
    def milter_worker_killed(self):
        """The process that works; the one that looks after it ends with it, and is started anew as a service is."""
        (worker,) = _children(self.gateway.milter.pid)
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: not self.gateway.milter.runs(), "the milter outlives its worker")
        yield
        self.gateway.milter.start()

    @contextlib.contextmanager
    def look_ups_stopped(self):
        self.gateway.serve.stop()
        yield
        self.gateway.serve.start()

    @contextlib.contextmanager
    def look_ups_killed(self):
        self.gateway.serve.kill()
        yield
        self.gateway.serve.start()

    @contextlib.contextmanager
    def map_taken_away(self):
        aside = self.gateway.map.with_suffix(".aside")
        self.gateway.map.rename(aside)
        yield
        aside.rename(self.gateway.map)

    @contextlib.contextmanager
    def map_broken(self):
        """As a copy that went wrong half way leaves it, put into place by renaming."""
        octets = self.gateway.map.read_bytes()
        for broken in (octets[: len(octets) // 2], octets[:-1] + bytes([octets[-1] ^ 1]), b""):
            self.replace_map(broken)
            time.sleep(FAULT_SECONDS / 4)
        yield
        self.replace_map(octets)

    @contextlib.contextmanager
    def map_shrunk(self):
        """An export that came out nearly empty: half the people would have no entry."""
        self.write_entries("user", 3)
        found = run("compile", self.plan, "-o", self.gateway.map)
        self.assertEqual(found.returncode, 0, found.stderr)
        yield
        self.write_entries("user")
        self.assertEqual(run("compile", self.plan, "-o", self.gateway.map).returncode, 0)

    def replace_map(self, octets):
        new = self.gateway.map.with_suffix(".new")
        new.write_bytes(octets)
        os.chown(new, -1, self.gateway.map.parent.stat().st_gid)
        new.chmod(0o640)
        new.rename(self.gateway.map)

    # What is to be shown.

    def test_the_milter_is_killed(self):
        self.under_load(self.milter_killed, self.milter_worker_killed, self.milter_killed)

    def test_the_look_ups_are_stopped_and_killed(self):
        self.under_load(self.look_ups_stopped, self.look_ups_killed)

    def test_the_map_goes_away_breaks_and_shrinks(self):
        processes = self.gateway.processes()
        self.under_load(self.map_taken_away, self.map_broken, self.map_shrunk)
        self.assertEqual(self.gateway.processes(), processes, "something was restarted")
        for process in (self.gateway.milter, self.gateway.serve):
            self.assertRegex(process.log(), r"has 3 entries where the (map|one) in use has 50")

    def test_everything_at_once(self):
        @contextlib.contextmanager
        def everything():
            # Neither starts without a map, so that is mended first.
            with self.look_ups_killed(), self.milter_killed(), self.map_broken():
                yield

        self.under_load(everything)

    def test_the_disk_is_full(self):
        """A map that does not fit is none: the one before stays, whole, and in use."""
        self.under_load(self.disk_full)

    @contextlib.contextmanager
    def disk_full(self):
        before = self.gateway.map.read_bytes()
        self.write_entries("other", 20_000)
        with small_disk(self.gateway.map.parent) as limit:
            found = subprocess.run(
                [os.environ["READDRESS"], "compile", self.plan, "-o", self.gateway.map],
                capture_output=True, text=True, timeout=60, preexec_fn=limit,
            )  # fmt: skip
            self.assertIn(found.returncode, (73, 74), found.stderr)
            self.assertEqual(self.gateway.map.read_bytes(), before)
            self.assertEqual(sorted(os.listdir(self.gateway.map.parent)), [self.gateway.map.name])
            yield
        self.write_entries("user")


@contextlib.contextmanager
def small_disk(folder):
    """Leaves no room in a folder: a small file system over it, with what is there; where none may be mounted, a
    limit on files, which a process gets by calling what this gives."""
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    status = folder.stat()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

        yield limit
        return
    try:
        os.chown(folder, status.st_uid, status.st_gid)
        folder.chmod(status.st_mode)
        for name, octets in kept.items():
            (folder / name).write_bytes(octets)
            os.chown(folder / name, -1, status.st_gid)
            (folder / name).chmod(0o640)
        yield None
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [int(child) for child in children.read().split()]


class Load:
    """The tenant's people write to the outside, each message from somebody else."""

    def __init__(self, test):
        self.sent, self.failures = [], []
        self._test, self._stop = test, threading.Event()
        self._thread = threading.Thread(target=self._write)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _write(self):
        test, number = self._test, 0
        try:
            with mail.Session(test.tenant.address, source=test.tenant.people) as session:
                while not self._stop.wait(EVERY):
                    sender = f"user{number % PEOPLE}@tenant1.contoso.com"
                    number += 1
                    other = f"user{number % PEOPLE}@tenant1.contoso.com"
                    message = compose(From=f"Somebody <{sender}>", To=f"someone{number}@example.net, {other}", Cc=other)
                    sent = session.send(message, sender, [f"someone{number}@example.net"])
                    assert sent.taken, str(sent)
                    self.sent.append(message.message_id)
        except Exception as error:
            self.failures.append(error)
