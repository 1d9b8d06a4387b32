"""What leaves a gateway is what the library makes of the message, octet for octet: fields, folds, comments, all that
mail servers have opinions about.

Each message goes through two gateways, one in shadow mode. What arrives from that one is what Postfix makes of it
by itself; rewritten by the command, it has to be what arrives from the other.
"""

import os
import re
import shutil
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mail
import plans
from gateway import Gateway
from mail import Mail
from scenario import Scenario

TESTS = Path(__file__).parents[1]
FIXTURES = TESTS / "fixtures"
# Messages from elsewhere, if they are there.
CORPUS = TESTS.parents[1] / "shared/corpus/eml"
CORPUS_MESSAGES = int(os.environ.get("READDRESS_CASES", 400))
JOHN = "john@tenant1.contoso.com"
ADDRESS = re.compile(rb"(?<![\w.!#$%&'*+/=?^`{|}~@-])([A-Za-z0-9][A-Za-z0-9._-]{0,40})@((?:[A-Za-z0-9-]{1,40}\.){1,4}[A-Za-z]{2,10})\b")


class TwoGateways(Scenario):
    @classmethod
    def build(cls, net):
        # Long lines and many hops are the messages' own affair.
        settings = {"hopcount_limit": "1000", "smtp_line_length_limit": "0", "line_length_limit": "65536"}
        cls.internet = net.internet(settings=settings)
        cls.plain, cls.rewriting = (
            net.add(Gateway(net, name, server_name="gateway.example", trusts=["tenant"], settings=settings))
            for name in ("plain", "rewriting")
        )
        cls.folder = net.folder / "plans"
        cls.folder.mkdir()

    def publish(self, name, text):
        """The plan for the one gateway, and in shadow mode for the other."""
        assert 'mode = "enforce"' in text
        text = text.replace("[rewrite]", "[limits]\nreceived = 1000\n\n[rewrite]", 1)
        text += plans.LISTENERS.format(tenant=self.net.address("tenant"))
        for gateway, mode in ((self.plain, "shadow"), (self.rewriting, "enforce")):
            plan = self.folder / f"{name}-{mode}.toml"
            plan.write_text(text.replace('mode = "enforce"', f'mode = "{mode}"', 1))
            gateway.publish(plan)

    def compare(self, paths, at_least):
        """Sends all, and compares; so many are to be rewritten."""
        for gateway in (self.plain, self.rewriting):
            with ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(lambda numbers: self.send_some(gateway, paths, numbers), self.shares(len(paths))))
            refused = {number for share in answers for number in share}
            if gateway is self.plain:
                not_taken = refused
        self.net.settle(60)
        arrived = {}
        for each in self.internet.inbox():
            arrived[each.delivered_to] = each
        taken = [number for number in range(len(paths)) if number not in refused]
        self.assertGreater(len(taken), len(paths) * 0.95)
        # What Postfix would cut is not taken; else, what one takes, the other takes.
        too_large = [arrived[f"plain-{number}@example.net"].as_sent() for number in refused - not_taken]
        for expected in self.by_command(too_large):
            self.assertGreater(max(map(len, re.findall(rb"^\S+:.*(?:\n[ \t].*)*", expected, re.MULTILINE))), 59900)
        self.assertEqual(not_taken - refused, set())
        wrong, rewritten = [], 0
        for number in taken:
            plain, done = arrived.get(f"plain-{number}@example.net"), arrived.get(f"rewriting-{number}@example.net")
            self.assertTrue(plain and done, paths[number])
            rewritten += plain.as_sent() != done.as_sent()
        originals = [arrived[f"plain-{number}@example.net"].as_sent() for number in taken]
        for number, expected in zip(taken, self.by_command(originals)):
            if arrived[f"rewriting-{number}@example.net"].as_sent() != expected:
                wrong.append(f"{paths[number].relative_to(paths[number].parents[2])}")
        self.assertEqual(wrong, [])
        self.assertGreater(rewritten, at_least)
        print(f"{len(taken)} messages, {rewritten} rewritten, all as by the library", flush=True)

    def shares(self, count):
        return [range(share, count, 4) for share in range(4)]

    def send_some(self, gateway, paths, numbers):
        """The numbers of those that were not taken."""
        refused = []
        with mail.Session(gateway.address, source=self.net.address("tenant")) as session:
            for number in numbers:
                message = Mail(paths[number].read_bytes(), "", JOHN)
                sent = session.send(message, JOHN, [f"{gateway.name}-{number}@example.net"])
                if not sent.taken:
                    refused.append(number)
        return refused

    def by_command(self, messages):
        """The messages as the command rewrites them."""
        place = self.folder / "messages"
        place.mkdir(exist_ok=True)

        def rewrite(item):
            number, octets = item
            path = place / str(number)
            path.write_bytes(octets)
            command = [os.environ["READDRESS"], "rewrite", "--map", self.rewriting.map, "--direction", "outbound", path]
            return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(rewrite, enumerate(messages)))


class Fixtures(TwoGateways):
    def test_the_fixtures(self):
        shutil.copy(FIXTURES / "entries.csv", self.folder)
        self.publish("fixtures", (FIXTURES / "plan.toml").read_text())
        messages = sorted(FIXTURES.glob("messages/**/*.eml"))
        self.compare(messages, at_least=150)


@unittest.skipUnless(CORPUS.is_dir(), "no corpus beside the project")
class Elsewhere(TwoGateways):
    def test_messages_from_elsewhere(self):
        messages = [path for path in sorted(CORPUS.glob("**/*")) if path.is_file() and path.stat().st_size < 200_000]
        messages = messages[:: max(1, len(messages) // CORPUS_MESSAGES)]
        found = sorted({match[0].lower() for path in messages for match in ADDRESS.finditer(path.read_bytes()[:65536])})
        found = [address.decode() for address in found if b".." not in address and b".@" not in address]
        rows = [f"{number},{address},r{number}@contoso.com\n" for number, address in enumerate(found)]
        (self.folder / "entries.csv").write_text("Name,InternalAddress,ExternalAddress\n" + "".join(rows))
        plan = '[plan]\nname = "elsewhere"\n\n[rewrite]\nmode = "enforce"\n\n[[rewrite.entries]]\nfile = "entries.csv"\n'
        self.publish("elsewhere", plan)
        self.compare(messages, at_least=len(messages) // 3)
