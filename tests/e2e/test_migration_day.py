"""A migration day: 2,000 people move in 20 waves while mail for them never stops.

Each wave is a change of one line in the plan, a compile and a reload; then the old server forwards who has moved.
A ledger of Message-IDs says what became of every message, and the look-ups' own log by which generation it went.
"""

import collections
import datetime
import os
import random
import threading
import time

import mail
from gateway import Gateway, parse, run
from mail import compose
from scenario import Scenario

PEOPLE, WAVES = 2000, 20
EVERY = 0.01
WAVE_SECONDS = 1.3
SESSIONS = 4
RETIRED_SECONDS = 1.0
PLAN = """\
[plan]
name = "migration-day"

[[accepted-domain]]
domain = "contoso.com"
type = "internal-relay"

[[accepted-domain]]
domain = "contoso-com.tenant.example"
type = "authoritative"

[[recipients]]
file = "people.csv"

[[recipients]]
file = "proxies.csv"

{waves}
[[listener]]
name = "Old server"
client-ip = ["{old}", "127.0.0.1"]
trusted = true

[[listener]]
name = "Internet"

[[connector]]
name = "To the old server"
smart-hosts = ["{hop}"]
address-spaces = ["contoso.com"]
"""
NAMES = [f"user{number:04}" for number in range(PEOPLE)]


def wave_of(number):
    return number * WAVES // PEOPLE


class MigrationDay(Scenario):
    @classmethod
    def build(cls, net):
        cls.internet = net.internet()
        cls.old = net.host(
            "old-server", domains=["contoso.com"], mailboxes={f"{name}@contoso.com" for name in NAMES},
            routes={"contoso-com.tenant.example": net.next_hop("gateway"), "*": net.next_hop("internet")},
            trusts=["gateway"],
        )  # fmt: skip
        cls.gateway = net.add(Gateway(net, trusts=["old-server"]))
        cls.folder = net.folder / "plan"
        cls.folder.mkdir()
        rows = [f"{name}@contoso.com,wave {wave_of(number)}\n" for number, name in enumerate(NAMES)]
        (cls.folder / "people.csv").write_text("Address,Wave\n" + "".join(rows))
        rows = [f"{name},{name}@contoso-com.tenant.example\n" for name in NAMES]
        (cls.folder / "proxies.csv").write_text("Name,EmailAddress\n" + "".join(rows))

    def write_plan(self, moved):
        """The plan in which so many waves have moved."""
        waves = [
            f'[[wave]]\nname = "wave {wave}"\nstate = "{"migrated" if wave < moved else "pending"}"\n\n'
            for wave in range(WAVES)
        ]
        plan = PLAN.format(waves="".join(waves), old=self.old.address, hop=self.net.next_hop("old-server"))
        path = self.folder / "plan.toml"
        path.write_text(plan)
        return path

    def publish(self, moved):
        """Publishes it, and notes since when the generation before is none any more."""
        before = self.gateway.generation
        self.gateway.publish(self.write_plan(moved))
        if before:
            # The map was renamed into its place then.
            self.retired[before[:12]] = os.stat(self.gateway.map).st_ctime

    def test_nothing_is_lost_nothing_comes_twice_and_nothing_goes_by_an_old_map(self):
        self.retired, self.moved = {}, 0
        self.publish(0)
        day = Day(self)
        day.start()
        try:
            for wave in range(WAVES):
                time.sleep(WAVE_SECONDS)
                self.publish(wave + 1)
                day.moved = wave + 1
                for number, name in enumerate(NAMES):
                    if wave_of(number) == wave:
                        self.old.forwards[f"{name}@contoso.com"] = [f"{name}@contoso-com.tenant.example"]
            time.sleep(WAVE_SECONDS)
        finally:
            day.stop()
        self.assertEqual(day.failures, [])
        self.net.settle(60)
        self.account(day)
        self.generations()

    def account(self, day):
        """Every message is in one mailbox, that of its recipient, on the side that was right when it was sent or when
        it arrived; no report went back."""
        arrived = collections.defaultdict(list)
        for host in (self.old, self.gateway):
            for each in host.inbox():
                arrived[each.message_id].append((host.name, each.delivered_to))
        self.assertEqual(self.internet.inbox(), [])
        lost = [entry for entry in day.ledger if not arrived[entry.message_id]]
        twice = [arrived[entry.message_id] for entry in day.ledger if len(arrived[entry.message_id]) > 1]
        self.assertEqual((lost, twice), ([], []))
        wrong = []
        for entry in day.ledger:
            ((side, mailbox),) = arrived[entry.message_id]
            late = {f"{entry.name}@contoso.com", f"{entry.name}@contoso-com.tenant.example"}
            has_moved = wave_of(NAMES.index(entry.name)) < entry.moved
            if mailbox not in late or (has_moved and side != "gateway"):
                wrong.append((entry, side, mailbox))
        self.assertEqual(wrong, [])
        sides = collections.Counter(side for (side, _), *_ in arrived.values())
        self.assertGreater(min(sides["gateway"], sides["old-server"]), 100)
        print(f"{len(day.ledger)} messages in {day.seconds:.0f} s, {dict(sides)}", flush=True)

    def generations(self):
        """When each transport look-up was answered, the generation that did was in force, or had been a second ago."""
        seen, latest = set(), 0
        for line in self.gateway.lookup_lines():
            found = parse(line)
            if found.get("map") != "transport":
                continue
            at = datetime.datetime.fromisoformat(line.partition(" ")[0]).timestamp()
            retired = self.retired.get(found["generation"])
            seen.add(found["generation"])
            if retired is not None:
                latest = max(latest, at - retired)
        self.assertLess(latest, RETIRED_SECONDS)
        self.assertGreater(len(seen), WAVES * 3 // 4)
        print(f"look-ups by {len(seen)} generations, none later than {latest * 1000:.0f} ms after its end", flush=True)


Entry = collections.namedtuple("Entry", "message_id name moved")


class Day:
    """Writes to random people, a message every ten milliseconds, some of them by way of the old server."""

    def __init__(self, test):
        self.moved, self.ledger, self.failures, self.seconds = 0, [], [], 0.0
        self._test, self._random = test, random.Random(20)
        self._numbers, self._lock, self._stop = 0, threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._write) for _ in range(SESSIONS)]

    def start(self):
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.seconds = time.monotonic() - self._began

    def _next(self):
        """The next message: its number, its recipient, and whether the old server gets it first."""
        with self._lock:
            self._numbers += 1
            due = self._began + self._numbers * EVERY
            number, name, by_old = self._numbers, self._random.choice(NAMES), self._random.random() < 0.2
        time.sleep(max(0.0, due - time.monotonic()))
        return number, name, by_old

    def _write(self):
        test = self._test
        source = test.net.address("stranger")
        try:
            with (
                mail.Session(test.gateway.address, source=source) as gateway,
                mail.Session(test.old.address, source=source) as old,
            ):
                while not self._stop.is_set():
                    number, name, by_old = self._next()
                    # Postfix remembers its last answer for a pair of sender and recipient for thirty seconds.
                    sender, recipient = f"olivia+{number}@example.org", f"{name}@contoso.com"
                    message = compose(From=sender, To=recipient)
                    entry = Entry(message.message_id, name, 0 if by_old else self.moved)
                    sent = (old if by_old else gateway).send(message, sender, [recipient])
                    assert sent.taken, str(sent)
                    self.ledger.append(entry)
        except Exception as error:
            self.failures.append(error)
