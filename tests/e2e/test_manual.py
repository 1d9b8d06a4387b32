"""What the operator's manual says beside its configurations, which the gateway of all scenarios is made of: it names
events and counters that there are, and mail is signed behind us."""

import re
import shutil
import subprocess
import unittest
from pathlib import Path

import manual
import plans
from gateway import Gateway
from process import Process, eventually
from scenario import Scenario

MILTER = Path(__file__).parents[2] / "examples/milter"
SIGNER_PORT = 8892
PLAN = """\
[plan]
name = "signing"

[[rewrite.entry]]
internal = "john@tenant1.contoso.com"
external = "john@contoso.com"
"""


class Words(unittest.TestCase):
    def test_events_and_counters_are_those_of_the_milter(self):
        sources = "".join(path.read_text() for path in MILTER.glob("*.[ch8]"))
        events = set(re.findall(r"`event=([\w-]+)`", manual.TEXT))
        counters = set(re.findall(r"`readdress_milter_(\w+)", manual.TEXT))
        self.assertGreater(min(len(events), len(counters)), 3)
        missing = [word for word in events | counters if f'"{word}"' not in sources and f"_{word}{{" not in sources]
        self.assertEqual(missing, [])


class Manual(Scenario):
    """A gateway that signs, with OpenDKIM behind the milter."""

    @classmethod
    def build(cls, net):
        cls.internet = net.internet()
        cls.signer = f"{net.address('signer')}:{SIGNER_PORT}"
        cls.gateway = net.add(Gateway(net, trusts=["tenant"]))
        places = {"signer": cls.signer, "milter": cls.gateway.milter_socket}
        cls.gateway.settings.update(manual.settings("main.cf.signing", **places))
        cls.plan = net.folder / "plan.toml"
        cls.plan.write_text((PLAN + plans.LISTENERS).format(tenant=net.address("tenant")))
        cls.make_signer(net)

    @classmethod
    def make_signer(cls, net):
        cls.folder = net.folder / "signer"
        cls.folder.mkdir()
        key, records = cls.folder / "key", cls.folder / "records"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        public = subprocess.run(
            ["openssl", "rsa", "-in", key, "-pubout"], check=True, capture_output=True, text=True
        ).stdout
        public = "".join(line for line in public.splitlines() if not line.startswith("-"))
        records.write_text(f"edge._domainkey.contoso.com v=DKIM1; k=rsa; p={public}\n")
        address, port = cls.signer.split(":")
        configuration = manual.box(
            "opendkim.conf", ours=net.address("tenant"), key=key, signer_socket=f"{port}@{address}"
        )
        (cls.folder / "sign.conf").write_text(configuration + "Background no\nRequireSafeKeys no\n")
        (cls.folder / "verify.conf").write_text(f"Mode v\nTestDNSData {records}\n")
        signer = Process(cls.folder, "signer", ["opendkim", "-f", "-x", cls.folder / "sign.conf"])
        signer.start()
        cls.addClassCleanup(signer.stop)

    def test_what_leaves_is_signed_as_it_leaves(self):
        self.gateway.publish(self.plan)
        arrived = self.written()
        self.assertEqual(arrived.all("From"), ["john@contoso.com"])
        self.assertIn("d=contoso.com", arrived.one("DKIM-Signature"))
        self.assertIn("verification (s=edge, d=contoso.com", self.verified(arrived.as_sent()))
        # That it would not be otherwise.
        spoiled = arrived.as_sent().replace(b"From: john@", b"From: joe@")
        self.assertNotIn("succeeded", self.verified(spoiled))

    def test_it_is_tried_out_then_meant_and_taken_back(self):
        """Sections 7, 8 and 10: shadow mode, another map, and the map from before."""
        inside, outside = "john@tenant1.contoso.com", "john@contoso.com"
        shadow = self.plan.with_name("shadow.toml")
        shadow.write_text(self.plan.read_text().replace("[[rewrite", '[rewrite]\nmode = "shadow"\n\n[[rewrite', 1))
        for plan, seen in ((shadow, inside), (self.plan, outside)):
            self.gateway.publish(plan)
            arrived = self.written()
            self.assertEqual((arrived.all("From"), arrived.return_path), ([seen], seen))
            self.gateway.await_event("rewrite", field="reverse-path", old=f"<{inside}>", new=f"<{outside}>")
            line = self.gateway.await_event("rewrite", old=inside, new=outside, generation=self.gateway.generation[:12])
            self.assertRegex(line["at"], r"^\w+\.toml:\d+$")
            kept = self.gateway.map.with_name("kept.map")
            if plan == shadow:
                shutil.copy2(self.gateway.map, kept)
                shutil.chown(kept, group="postfix")
        before = len(self.gateway.milter.log())
        kept.rename(self.gateway.map)
        eventually(lambda: "event=reload" in self.gateway.milter.log()[before:], "the map from before is in use")
        self.gateway.generation = None
        self.assertEqual(self.written().all("From"), [inside])

    def written(self):
        message = self.write(self.gateway, "someone@example.net", sender="john@tenant1.contoso.com", by="tenant")
        return self.internet.await_mail(message)

    def verified(self, octets):
        path = self.folder / "message"
        path.write_bytes(octets)
        done = subprocess.run(
            ["opendkim", "-v", "-x", self.folder / "verify.conf", "-t", path], capture_output=True, text=True, timeout=30
        )
        return done.stdout + done.stderr
