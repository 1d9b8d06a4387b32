"""The gateway: a Postfix with readdress-milter and `readdress serve`, all by one map file.

    folder/map/plan.map      the map, which both read and look after
    folder/milter.conf       configuration of the milter
    folder/milter.output     log of the milter: event=… lines
    folder/serve.output      log of the look-ups, each with map, key, answer and generation

The milter decides about every message and rewrites it. Postfix asks the look-ups for nothing but where a final
recipient goes, how the way there is encrypted, which domains are ours, and, on the way out by the transport
`readdress`, the address behind a routing address. All of it is set up as the operator's manual says (manual.py).
"""

import grp
import json
import os
import pwd
import re
import subprocess

import manual
from host import Host
from login import Logins
from mail import Login
from process import Process, eventually

SERVE_PORT = 2527
# A second listener, behind which Postfix itself would relay for everybody: what guards it is the plan alone.
OPEN_PORT = 2528
MILTER_USER, MILTER_GROUP = "nobody", "postfix"
INTERVAL = 0.05
MASTER = """\
{address}:{port} inet n - n - - smtpd
    -o mynetworks=127.0.0.0/8
    -o smtpd_relay_restrictions=permit_mynetworks,reject
"""


class Gateway(Host):
    """Has no knowledge of its own but its map. `missing` are mailboxes that the plan takes for granted and that are
    not here."""

    asks_dns = True

    def __init__(self, network, name="gateway", *, server_name="gateway.example", **what):
        super().__init__(network, name, server_name=server_name, **what)
        self.map, self.generation = self.folder / "map/plan.map", None
        self.missing = set()
        self._logins = self.milter = self.serve = None

    @property
    def milter_socket(self):
        return f"unix:{self.folder}/milter/socket"

    @property
    def _places(self):
        """What stands for addresses and paths of the manual."""
        return {"look_ups": f"{self.address}:{SERVE_PORT}", "milter": self.milter_socket, "map": self.map}

    def main_cf(self):
        lines = super().main_cf()
        lines |= manual.settings("main.cf", **self._places, ours=lines["mynetworks"])
        certificate, authorities = lines["smtpd_tls_cert_file"], lines["smtpd_tls_CAfile"]
        lines |= manual.settings(
            "main.cf.tls", own_certificate=certificate, own_key=lines["smtpd_tls_key_file"], authorities=authorities
        )
        return lines | {
            # What is not there although the plan says so.
            "transport_maps": f"{self._table('missing', self._is_missing)}, {lines['transport_maps']}",
            "virtual_mailbox_domains": "",
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": "private/login",
            "smtpd_tls_auth_only": "yes",
            # Domains without a port, as mail exchangers are.
            "smtp_tcp_port": "2525",
        }

    def master_cf(self):
        open_port = MASTER.format(address=self.address, port=OPEN_PORT)
        # The test's DNS is what a chroot has for one.
        service = manual.box("master.cf", **self._places).replace("unix - - n -", "unix - - y -")
        return super().master_cf() + open_port + service

    def configure(self):
        super().configure()
        # Maps are read by their group, which their folder gives them; and so is the milter's socket.
        user, group = pwd.getpwnam(MILTER_USER).pw_uid, grp.getgrnam(MILTER_GROUP).gr_gid
        for place, owner in ((self.map.parent, 0), (self.folder / "milter", user)):
            place.mkdir()
            os.chown(place, owner, group)
            place.chmod(0o2750)
        self._logins = Logins(self.folder / "queue/private/login")
        settings = manual.settings("milter.conf", **self._places)
        settings |= {"user": MILTER_USER, "group": MILTER_GROUP, "interval": INTERVAL, "log": "stderr"}
        # Other tests run beside this one.
        del settings["metrics"]
        lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
        (self.folder / "milter.conf").write_text(lines)
        command = [os.environ["READDRESS_MILTER"], "-f", "-c", self.folder / "milter.conf"]
        self.milter = Process(self.folder, "milter", command)
        command = manual.words("serve", **self._places)
        command = [os.environ["READDRESS"], *command[1:], "--interval", INTERVAL, "--verbose"]
        self.serve = Process(self.folder, "serve", command)

    def start(self):
        """With the map that was published before, if one was; else it begins with the first that is."""
        super().start()
        if self.map.exists():
            self._start_ours()

    def _start_ours(self):
        for process in (self.milter, self.serve):
            process.start()

    def stop(self):
        super().stop()
        for process in (self.milter, self.serve):
            if process:
                process.stop()
        if self._logins:
            self._logins.close()

    def publish(self, plan):
        """Compiles a plan, puts the map into its place and waits until milter and look-ups have it. Gives what was
        found in the plan."""
        is_first = not self.map.exists()
        before = [len(process.log()) for process in (self.milter, self.serve)]
        found = run("compile", plan, "-o", self.map, "--format", "json")
        generation = json.loads(found.stdout)["generation"] if found.returncode == 0 else None
        assert generation, f"{plan}: {found.stdout}{found.stderr}"
        if is_first:
            self._start_ours()
        if generation != self.generation:
            for process, seen in zip((self.milter, self.serve), before):
                self._await_generation(process, seen, generation)
        self.generation = generation

    def _await_generation(self, process, seen, generation):
        def has_it():
            assert process.runs(), f"{process.name} ended\n{process.log()}"
            return generation[:12] in process.log()[seen:]

        eventually(has_it, lambda: f"{process.name} does not take the map\n{process.log()[seen:]}")

    def processes(self):
        """Who runs: the same as before, if nothing was restarted."""
        return [process.pid for process in (self._master, self.milter, self.serve)]

    def account(self, user):
        """Somebody of ours who may log in, from anywhere."""
        self._logins.passwords[user] = f"password of {user}"
        return Login(user, self._logins.passwords[user])

    def _is_missing(self, address):
        return "error:5.1.1 no such mailbox" if address in self.missing else None

    # What the log of the milter says, and that of the look-ups.

    def await_event(self, event, seconds=10, **words):
        """The first line of the milter about an event with these words, as a dictionary, when it is there."""
        words = {name.replace("_", "-"): value for name, value in words.items()}
        what = f"event={event} {words} in the log of the milter"
        return eventually(lambda: next(self._events(event, words), None), what, seconds)

    def events(self, event, **words):
        return list(self._events(event, {name.replace("_", "-"): value for name, value in words.items()}))

    def _events(self, event, words):
        for line in self.milter.log().splitlines():
            found = parse(line)
            if found.get("event") == event and words.items() <= found.items():
                yield found

    def lookup_lines(self):
        """A line for each look-up, which begins with the time (RFC 3339)."""
        return [line for line in self.serve.log().splitlines() if " map=" in line]

    def lookups(self, map, key):
        """What the look-ups answered for a key, in order."""
        found = (parse(line) for line in self.lookup_lines())
        return [line["answer"] for line in found if line.get("map") == map and line.get("key") == key]

    def logs(self):
        ours = [(f"{self.name} {process.name}", process.log()) for process in (self.milter, self.serve) if process]
        return super().logs() + ours


def parse(line):
    """The words of a log line: name=value, with quotes where there is white space, and \\ before what needs it."""
    found = {}
    for name, quoted, plain in re.findall(r'(?:^|\s)([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', line):
        found[name] = re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
    return found


def run(*words):
    """The command, with its output."""
    command = [os.environ["READDRESS"], *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)
