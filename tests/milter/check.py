#!/usr/bin/env python3
"""What readdress-milter does, asked by an MTA that is made here (client.py).

    check.py MILTER READDRESS [--under COMMAND]

COMMAND is put before the milter: a memory checker whose findings give it another exit code than 0."""

from __future__ import annotations

import argparse
import atexit
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from client import ACTIONS, CHGFROM, HDR_LEADSPC, NR_HDR, SETSYMLIST, STEPS, TENANT, Closed, Milter, message, until

HERE = pathlib.Path(__file__).resolve().parent
INSIDE, OUTSIDE, NOBODY = "192.0.2.7", "198.51.100.9", "203.0.113.200"
FROM_JOHN = [("From", "John <john@tenant1.contoso.com>"), ("To", "ann@far.example"), ("Subject", "Hello")]
FROM_ANN = [("From", "ann@far.example"), ("To", "john@contoso.com"), ("Subject", "Hello")]

options = argparse.Namespace()
running: list[subprocess.Popen[bytes]] = []


@atexit.register
def end_all() -> None:
    """None is left behind, however the tests end."""
    for process in running:
        if process.poll() is None:
            process.kill()  # its worker ends with it


class Gateway:
    """A milter of our own, with its folder."""

    def __init__(self, **settings: str) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="milter-"))
        self.map = self.folder / "gateway.map"
        self.settings = {
            "map": str(self.map),
            "socket": f"unix:{self.folder}/milter.sock",
            "metrics": f"unix:{self.folder}/metrics.sock",
            "pid-file": f"{self.folder}/pid",
            "interval": "0.02",
            "log": "stderr",
            **{key.replace("_", "-"): value for key, value in settings.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.files = 0
        self.compile()

    def compile(self, *changes: tuple[str, str]) -> None:
        """Puts a map into its place: of the tests' plan, with texts of it replaced."""
        plan = (HERE / "plan.toml").read_text()
        for old, new in changes:
            assert old in plan, old
            plan = plan.replace(old, new)
        self.compile_plan(plan)

    def compile_plan(self, plan: str) -> None:
        shutil.copy(HERE / "recipients.csv", self.folder)
        (self.folder / "plan.toml").write_text(plan)
        command = [options.readdress, "compile", self.folder / "plan.toml", "-o", self.map]
        subprocess.run(command, check=True, capture_output=True)

    def write_configuration(self) -> pathlib.Path:
        place = self.folder / "milter.conf"
        place.write_text("# of a test\n\n" + "".join(f"{key} = {value}\n" for key, value in self.settings.items()))
        return place

    def start(self, environment: dict[str, str] | None = None) -> Gateway:
        command = [*shlex.split(options.under), options.milter, "-f", "-c", str(self.write_configuration())]
        before = len(self.events("started"))
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        running.append(self.process)
        is_there = lambda: len(self.events("started")) > before and (self.folder / "pid").exists()  # noqa: E731
        until(lambda: is_there() or self.process.poll() is not None, 60)
        assert self.process.poll() is None, self.log()
        return self

    def stop(self) -> int:
        """Ends it and gives its exit code, which a memory checker has a say in."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(30)

    def log(self) -> str:
        place = self.folder / "log"
        return place.read_text() if place.exists() else ""

    def events(self, event: str) -> list[str]:
        return [line for line in self.log().splitlines() if re.search(rf"(^| )event={event}( |$)", line)]

    def await_event(self, event: str, number: int = 1) -> str:
        return until(lambda: len(found := self.events(event)) >= number and found[number - 1])

    def connect(self, client: str | None = OUTSIDE, **negotiation: int) -> Milter:
        milter = Milter(f"{self.folder}/milter.sock", **negotiation)
        assert milter.connect(client) == "continue"
        return milter

    def get(self, request: bytes = b"GET /metrics HTTP/1.0\r\n\r\n") -> str:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(f"{self.folder}/metrics.sock")
            client.sendall(request)
            answer = b""
            while got := client.recv(65536):
                answer += got
        return answer.decode()

    def metric(self, name: str) -> int:
        return int(re.search(rf"^readdress_milter_{re.escape(name)} (\d+)$", self.get(), re.M).group(1))

    def remove(self) -> None:
        shutil.rmtree(self.folder)


class Case(unittest.TestCase):
    """A test with gateways, of which each has to end without a finding."""

    settings: dict[str, str] = {}
    gateway: Gateway

    @classmethod
    def setUpClass(cls) -> None:
        cls.gateway = Gateway(**cls.settings).start()

    @classmethod
    def tearDownClass(cls) -> None:
        code = cls.gateway.stop()
        log = cls.gateway.log()
        cls.gateway.remove()
        assert code == 0, f"exit code {code}: {log[-4000:]}"

    def send(self, client: str, sender: str, recipients: list, fields: list, **more) -> tuple[list[tuple], str]:
        milter = self.gateway.connect(client)
        if client == INSIDE:
            more.setdefault("macros", TENANT)
        try:
            return message(milter, sender, recipients, fields, **more)
        finally:
            milter.quit()


class Rewriting(Case):
    def test_negotiation_asks_for_what_is_needed(self) -> None:
        milter = self.gateway.connect()
        self.assertEqual(milter.version, 6)
        self.assertEqual(milter.actions, 0x1 | 0x10 | 0x40 | 0x80 | 0x08 | SETSYMLIST)
        self.assertTrue(milter.steps & HDR_LEADSPC and milter.steps & NR_HDR and milter.steps & 0x10)
        for name in ("i", "{tls_version}", "{cert_subject}", "{auth_authen}", "{auth_type}", "{daemon_name}"):
            self.assertIn(name, milter.symbols[2].split())
        milter.quit()

    def test_outbound_becomes_external(self) -> None:
        edits, reply = self.send(INSIDE, "<john@tenant1.contoso.com>", ["<ann@far.example>"], FROM_JOHN)
        self.assertEqual(reply, "continue")
        self.assertEqual(
            edits,
            [("chgfrom", "<john@contoso.com>"), ("chgheader", "From", 1, " John <john@contoso.com>")],
        )

    def test_a_mixed_message_reaches_both(self) -> None:
        fields = [("From", "john@tenant1.contoso.com"), ("To", "mary@contoso.com,\n someone@far.example")]
        edits, reply = self.send(
            INSIDE, "<john@tenant1.contoso.com>", ["<mary@contoso.com>", "<someone@far.example>"], fields
        )
        self.assertEqual(reply, "continue")
        self.assertEqual(
            edits,
            [
                ("chgfrom", "<john@contoso.com>"),
                ("addrcpt", "<mary.jones@tenant2.contoso.com>", "ORCPT=rfc822;mary@contoso.com"),
                ("delrcpt", "<mary@contoso.com>"),
                ("chgheader", "From", 1, " john@contoso.com"),
            ],
        )

    def test_parameters_of_the_envelope_stay(self) -> None:
        edits, _ = self.send(
            INSIDE,
            "<john@tenant1.contoso.com>",
            [
                ("<Mary@Contoso.com>", "NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;m+2Bx@other.example"),
                ("<mary+a=b@contoso.com>", "NOTIFY=NEVER"),
            ],
            FROM_JOHN,
            args=("SIZE=1000", "RET=HDRS", "BODY=8BITMIME", "ENVID=abc"),
        )
        self.assertEqual(edits[0], ("chgfrom", "<john@contoso.com>", "RET=HDRS ENVID=abc"))
        self.assertEqual(
            edits[1:5],
            [
                (
                    "addrcpt",
                    "<mary.jones@tenant2.contoso.com>",
                    "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;m+2Bx@other.example",
                ),
                (
                    "addrcpt",
                    "<mary.jones+a=b@tenant2.contoso.com>",
                    "NOTIFY=NEVER ORCPT=rfc822;mary+2Ba+3Db@contoso.com",
                ),
                ("delrcpt", "<Mary@Contoso.com>"),
                ("delrcpt", "<mary+a=b@contoso.com>"),
            ],
        )

    def test_the_null_sender_stays(self) -> None:
        edits, reply = self.send(INSIDE, "<>", ["<ann@far.example>"], FROM_JOHN)
        self.assertEqual((edits, reply), ([("chgheader", "From", 1, " John <john@contoso.com>")], "continue"))

    def test_nothing_to_do_is_no_edit(self) -> None:
        edits, reply = self.send(OUTSIDE, "<ann@far.example>", ["<c@contoso.com>"], [("From", "ann@far.example")])
        self.assertEqual((edits, reply), ([], "continue"))

    def test_each_field_by_its_own_number(self) -> None:
        fields = [
            ("From", "john@tenant1.contoso.com"),
            ("To", "a@far.example"),
            ("from", "x@far.example"),
            ("FROM", "john@tenant1.contoso.com"),
            ("Reply-To", "\t<john@tenant1.contoso.com>,\n\tb@far.example"),
            ("Subject", ""),
        ]
        edits, _ = self.send(INSIDE, "<>", ["<ann@far.example>"], fields)
        self.assertEqual(
            edits,
            [
                ("chgheader", "From", 1, " john@contoso.com"),
                ("chgheader", "FROM", 3, " john@contoso.com"),
                ("chgheader", "Reply-To", 1, " \t<john@contoso.com>,\n\tb@far.example"),
            ],
        )

    def test_without_leading_space_the_mta_adds_it(self) -> None:
        milter = self.gateway.connect(INSIDE, steps=STEPS & ~HDR_LEADSPC & ~NR_HDR)
        fields = [("From", "john@tenant1.contoso.com"), ("X-Empty", ""), ("Reply-To", "  john@tenant1.contoso.com")]
        edits, reply = message(milter, "<>", ["<ann@far.example>"], fields, macros=TENANT)
        self.assertEqual(reply, "continue")
        self.assertEqual(
            edits,
            [
                ("chgheader", "From", 1, "john@contoso.com"),
                ("chgheader", "Reply-To", 1, "  john@contoso.com"),
            ],
        )
        milter.quit()

    def test_international_addresses(self) -> None:
        edits, reply = self.send(
            OUTSIDE, "<ann@far.example>", ["<jörg@contoso.com>"], [("From", "ann@far.example")], args=("SMTPUTF8",)
        )
        self.assertEqual(reply, "continue")
        # What is not ASCII may be one address or two, by the MTA's own rules about case.
        self.assertEqual(
            edits,
            [
                ("delrcpt", "<jörg@contoso.com>"),
                ("addrcpt", "<jörg@tenant1.contoso.com>", "ORCPT=utf-8;j\\x{F6}rg@contoso.com"),
            ],
        )

    def test_eight_bit_fields_pass(self) -> None:
        fields = [("From", b"J\xf6rg <john@tenant1.contoso.com>"), ("Subject", b"\xff\xfe \x80")]
        edits, reply = self.send(INSIDE, "<>", ["<ann@far.example>"], fields)
        self.assertEqual(reply, "continue")
        self.assertEqual(edits, [("chgheader", "From", 1, " J\udcf6rg <john@contoso.com>")])

    def test_a_route_that_the_sender_decides_goes_by_a_routing_address(self) -> None:
        edits, _ = self.send(
            INSIDE, "<mary.jones@tenant2.contoso.com>", ["<ann@far.example>"], [("From", "mary.jones@tenant2.contoso.com")]
        )
        self.assertEqual(edits[0], ("chgfrom", "<mary@contoso.com>"))
        self.assertRegex(edits[1][1], r"^<ann=far\.example@[^@]+\.route\.invalid>$")
        self.assertEqual(edits[2], ("delrcpt", "<ann@far.example>"))

    def test_a_partner_may_see_addresses_as_they_are(self) -> None:
        edits, reply = self.send(INSIDE, "<john@tenant1.contoso.com>", ["<p@pilot.example>"], FROM_JOHN)
        self.assertEqual((edits, reply), ([], "continue"))
        # One who may not is reason enough to rewrite.
        edits, _ = self.send(
            INSIDE, "<john@tenant1.contoso.com>", ["<p@pilot.example>", "<ann@far.example>"], FROM_JOHN, queue="4Shared"
        )
        self.assertEqual([edit[0] for edit in edits], ["chgfrom", "chgheader"])
        self.assertIn("queue=4Shared", self.gateway.await_event("rewrite-shared"))


class Recipients(Case):
    def from_outside(self, recipients: list, **more) -> list[tuple]:
        edits, reply = self.send(OUTSIDE, "<ann@far.example>", recipients, [("From", "ann@far.example")], **more)
        self.assertEqual(reply, "continue")
        return edits

    def test_two_that_become_one_are_added_once(self) -> None:
        self.assertEqual(
            self.from_outside([("<help1@contoso.com>", "NOTIFY=NEVER"), ("<help2@contoso.com>", "NOTIFY=FAILURE")]),
            [
                # The parameters of who wants to hear of failures.
                ("addrcpt", "<team@tenant1.contoso.com>", "NOTIFY=FAILURE ORCPT=rfc822;help2@contoso.com"),
                ("delrcpt", "<help1@contoso.com>"),
                ("delrcpt", "<help2@contoso.com>"),
            ],
        )

    def test_one_that_becomes_another_that_is_there_is_only_deleted(self) -> None:
        self.assertEqual(
            self.from_outside(["<team@tenant1.contoso.com>", "<help1@contoso.com>"]), [("delrcpt", "<help1@contoso.com>")]
        )

    def test_case_alone_is_no_change(self) -> None:
        self.assertEqual(self.from_outside(["<C@Contoso.com>"]), [])
        self.assertEqual(
            self.from_outside(["<TEAM@Tenant1.contoso.com>", "<help1@contoso.com>"]), [("delrcpt", "<help1@contoso.com>")]
        )

    def test_quotes_alone_are_no_change(self) -> None:
        for spelled in ('"team"', '"Te\\am"'):
            self.assertEqual(
                self.from_outside([f"<{spelled}@tenant1.contoso.com>", "<help1@contoso.com>"]),
                [("delrcpt", "<help1@contoso.com>")],
            )

    def test_one_given_twice_is_changed_once(self) -> None:
        self.assertEqual(
            self.from_outside(["<mary@contoso.com>", "<mary@contoso.com>", "<MARY@contoso.com>"]),
            [
                ("addrcpt", "<mary.jones@tenant2.contoso.com>", "ORCPT=rfc822;mary@contoso.com"),
                ("delrcpt", "<mary@contoso.com>"),
                ("delrcpt", "<MARY@contoso.com>"),
            ],
        )

    def test_a_source_route_is_no_part_of_the_address(self) -> None:
        self.assertEqual(
            self.from_outside(["<@relay.example,@other.example:mary@contoso.com>"]),
            [
                ("addrcpt", "<mary.jones@tenant2.contoso.com>", "ORCPT=rfc822;mary@contoso.com"),
                ("delrcpt", "<@relay.example,@other.example:mary@contoso.com>"),
                # As Postfix keeps it.
                ("delrcpt", "<mary@contoso.com>"),
            ],
        )

    def test_dropped_ones_are_deleted(self) -> None:
        self.assertEqual(self.from_outside(["<c@contoso.com>", "<drop@contoso.com>"]), [("delrcpt", "<drop@contoso.com>")])

    def test_all_dropped_is_discarded(self) -> None:
        edits, reply = self.send(OUTSIDE, "<ann@far.example>", ["<drop@contoso.com>"], FROM_ANN)
        self.assertEqual((edits, reply), ([], "discard"))

    def test_refusals_are_given_at_rcpt(self) -> None:
        milter = self.gateway.connect()
        self.assertEqual(milter.mail("<ann@far.example>"), "continue")
        self.assertEqual(milter.rcpt("<x@elsewhere.example>")[:9], "554 5.7.1")
        self.assertEqual(milter.rcpt("<nobody@contoso.com>"), "550 5.1.10 Recipient not found")
        # A percent sign is doubled for the MTA, which takes the text for a format.
        self.assertEqual(milter.rcpt("<closed@contoso.com>"), '451 4.2.1 100%% full: "come" back')
        self.assertEqual(milter.rcpt("<no address>")[:1], "5")
        self.assertEqual(milter.rcpt("<mary@contoso.com>"), "continue")
        milter.field("From", " ann@far.example")
        edits, reply = milter.end()
        self.assertEqual(reply, "continue")
        self.assertEqual([edit[0] for edit in edits], ["addrcpt", "delrcpt"])
        milter.quit()
        line = self.gateway.events("refuse")
        self.assertTrue(any('recipient=nobody@contoso.com code=550 enhanced=5.1.10 text="Recipient not found"' in l for l in line))

    def test_strangers_get_nowhere(self) -> None:
        milter = self.gateway.connect("192.0.2.99")
        self.assertEqual(milter.mail("<john@tenant1.contoso.com>"), "continue")  # no TLS: no listener is for it
        self.assertEqual(milter.rcpt("<john@contoso.com>")[:3], "554")
        milter.quit()

    def test_a_field_refuses_the_whole_message(self) -> None:
        fields = [*FROM_ANN, ("X-Class", "secret")]
        edits, reply = self.send(OUTSIDE, "<ann@far.example>", ["<john@contoso.com>", "<mary@contoso.com>"], fields)
        self.assertEqual((edits, reply), ([], "550 5.7.7 Too secret"))

    def test_a_temporary_refusal_wins(self) -> None:
        fields = [*FROM_ANN, ("X-Class", "secret, later")]
        edits, reply = self.send(OUTSIDE, "<ann@far.example>", ["<mary@contoso.com>", "<john@contoso.com>"], fields)
        self.assertEqual((edits, reply), ([], "451 4.2.1 Come back"))

    def test_a_loop_ends(self) -> None:
        fields = [("Received", "from a by b; Tue, 18 Nov 2025 09:12:44 +0100")] * 21 + FROM_ANN
        edits, reply = self.send(OUTSIDE, "<ann@far.example>", ["<mary@contoso.com>"], fields)
        self.assertEqual(edits, [])
        self.assertEqual(reply[:9], "554 5.4.6")


class Fields(Case):
    def test_the_firewall_takes_away_what_strangers_set(self) -> None:
        fields = [
            ("X-MS-Exchange-Organization-SCL", "1"),
            *FROM_ANN,
            ("X-MS-Exchange-Organization-SCL", "-1"),
            ("x-ms-exchange-organization-scl", "-1"),
            ("X-MS-Exchange-CrossPremises-A", "b"),
        ]
        edits, _ = self.send(OUTSIDE, "<ann@far.example>", ["<c@contoso.com>"], fields)
        self.assertEqual(
            edits,
            [
                ("chgheader", "X-MS-Exchange-CrossPremises-A", 1, ""),
                ("chgheader", "x-ms-exchange-organization-scl", 3, ""),
                ("chgheader", "X-MS-Exchange-Organization-SCL", 2, ""),
                ("chgheader", "X-MS-Exchange-Organization-SCL", 1, ""),
            ],
        )

    def test_rules_set_and_remove(self) -> None:
        fields = [
            ("X-Old", "1"),
            ("X-Mark", "theirs"),
            ("X-MS-Exchange-Organization-SCL", "9"),
            *FROM_ANN,
            ("x-old", "2\n folded"),
            ("X-Older", "3"),
            ("X-MARK", "theirs, too"),
        ]
        edits, _ = self.send(OUTSIDE, "<ann@far.example>", ["<john@contoso.com>", "<drop@contoso.com>"], fields)
        envelope, edits = edits[:3], edits[3:]
        self.assertEqual([edit[0] for edit in envelope], ["addrcpt", "delrcpt", "delrcpt"])
        self.assertEqual(edits[0], ("chgheader", "X-MS-Exchange-Organization-SCL", 1, ""))
        rules = sorted(edits[1:], key=lambda edit: (edit[1].lower(), edit[0] == "addheader"))
        self.assertEqual(
            rules,
            [
                ("chgheader", "X-Mark", 2, ""),
                ("chgheader", "X-Mark", 1, ""),
                ("addheader", "X-Mark", " one line"),
                ("addheader", "X-MS-Exchange-Organization-SCL", " -1"),
                ("chgheader", "X-Old", 2, ""),
                ("chgheader", "X-Old", 1, ""),
            ],
        )
        self.assertNotIn("headers-shared", self.gateway.log())

    def test_what_is_meant_for_some_is_done_for_all(self) -> None:
        edits, _ = self.send(
            OUTSIDE, "<ann@far.example>", ["<john@contoso.com>", "<mary@contoso.com>"], FROM_ANN, queue="4Some"
        )
        # But not what steers our own systems: a stranger would have it for whom he likes.
        self.assertEqual([edit[1] for edit in edits if edit[0] == "addheader"], ["X-Mark"])
        self.assertTrue(until(lambda: self.gateway.events("headers-withheld")))
        ours, _ = self.send(INSIDE, "<john@tenant1.contoso.com>", ["<john@contoso.com>", "<mary@contoso.com>"], FROM_JOHN, queue="4Ours")
        self.assertIn("X-MS-Exchange-Organization-SCL", [edit[1] for edit in ours if edit[0] == "addheader"])
        self.assertTrue(until(lambda: [l for l in self.gateway.events("headers-shared") if "queue=4Some" in l and "X-Mark" in l]))
        # Of the test before, whose other recipient got nothing.
        self.assertEqual({line.split()[0] for line in self.gateway.events("headers-shared")}, {"queue=4Some", "queue=4Ours"})

    def test_a_large_field_passes_whole(self) -> None:
        # More than libmilter's own 64 KB, and than what Postfix keeps of a field.
        others = ",\n ".join(f"user{n}@far.example" for n in range(9000))
        fields = [("From", "john@tenant1.contoso.com"), ("X-Long", others), ("Subject", "x")]
        edits, reply = self.send(INSIDE, "<>", ["<ann@far.example>"], fields)
        self.assertEqual((edits, reply), ([("chgheader", "From", 1, " john@contoso.com")], "continue"))

    def test_a_large_value_is_sent_whole_or_not_at_all(self) -> None:
        before = self.gateway.metric('failures_total{cause="limit"}')
        for users in (110, 150):
            others = ",\n ".join(f"user{n:0500}@far.example" for n in range(users))
            fields = [("From", "a@far.example"), ("To", others + ", john@tenant1.contoso.com")]
            edits, reply = self.send(INSIDE, "<>", ["<ann@far.example>"], fields)
            if users == 110:
                self.assertEqual(edits, [("chgheader", "To", 1, " " + others + ", john@contoso.com")])
        # Postfix would cut it at 60000 octets.
        self.assertEqual((edits, reply[:9]), ([], "451 4.3.0"))
        self.assertEqual(self.gateway.metric('failures_total{cause="limit"}'), before + 1)


class Failures(Case):
    def refused(self, fields: list, **more) -> str:
        edits, reply = self.send(INSIDE, "<john@tenant1.contoso.com>", ["<ann@far.example>"], fields, **more)
        self.assertEqual(edits, [])
        return reply

    def test_a_sender_too_long_is_refused_at_once(self) -> None:
        milter = self.gateway.connect(OUTSIDE)
        self.assertEqual(milter.mail(f"<{'a' * 243}@far.example>"), "501 5.1.7 The sender's address is too long")
        self.assertEqual(milter.mail(f"<{'a' * 242}@far.example>"), "continue")
        milter.quit()

    def test_limits_defer(self) -> None:
        before = self.gateway.metric('failures_total{cause="limit"}')
        tempfail = "451 4.3.0 The mail filter can't take this message now, try again later"
        self.assertEqual(self.refused([*FROM_JOHN, ("X-Large", "x" * 400000)]), tempfail)
        self.assertEqual(self.refused([("X-A", "b")] * 1001 + FROM_JOHN), tempfail)
        self.assertEqual(self.refused([("To", ", ".join(["a@tenant1.contoso.com"] * 201))]), tempfail)
        self.assertEqual(self.gateway.metric('failures_total{cause="limit"}'), before + 3)
        self.assertIn("queue=4XyZ event=failure cause=limit", self.gateway.log())

    def test_too_many_recipients_defer(self) -> None:
        recipients = [f"<user{n}@far.example>" for n in range(201)]
        edits, reply = self.send(INSIDE, "<john@tenant1.contoso.com>", recipients, FROM_JOHN)
        self.assertEqual((edits, reply[:9]), ([], "451 4.3.0"))

    def test_a_line_end_that_is_no_fold_defers(self) -> None:
        self.assertEqual(self.refused([("Subject", "x\nBcc: y@tenant1.contoso.com")])[:9], "451 4.3.0")

    def test_an_mta_that_can_not_edit_gets_nothing_through(self) -> None:
        milter = self.gateway.connect(INSIDE, actions=ACTIONS & ~CHGFROM)
        self.assertEqual(milter.mail("<john@tenant1.contoso.com>", macros=TENANT)[:9], "451 4.3.0")
        # Nor the next time.
        self.assertEqual(milter.mail("<john@tenant1.contoso.com>", macros=TENANT)[:9], "451 4.3.0")
        milter.quit()
        self.assertIn("cause=negotiation", self.gateway.await_event("failure", len(self.gateway.events("failure"))))

    def test_macros_only_with_helo(self) -> None:
        milter = self.gateway.connect(INSIDE, actions=ACTIONS & ~SETSYMLIST)
        self.assertFalse(milter.steps & 0x2, "HELO is needed for its macros")
        milter.macros(b"H", TENANT)
        self.assertEqual(milter.ask(b"H", b"client.example\0"), "continue")
        edits, _ = message(milter, "<john@tenant1.contoso.com>", ["<ann@far.example>"], FROM_JOHN)
        self.assertEqual(edits[0][0], "chgfrom")
        milter.quit()

    def test_a_connection_that_breaks_off(self) -> None:
        for steps in range(5):
            milter = self.gateway.connect()
            if steps > 0:
                milter.mail("<ann@far.example>")
            if steps > 1:
                milter.rcpt("<mary@contoso.com>")
            if steps > 2:
                milter.field("From", " ann@far.example")
            if steps > 3:
                milter.send(b"E")
            milter.close()
        until(lambda: self.gateway.metric("connections") == 0)
        self.assertEqual(self.gateway.metric("messages_in_flight"), 0)

    def test_junk_instead_of_the_protocol(self) -> None:
        for junk in (b"GET / HTTP/1.0\r\n\r\n", b"\0\0\0\1O", b"\xff\xff\xff\xffO", b"\0\0\0\5Zabcd", b"\0\0\0\2Mx"):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(f"{self.gateway.folder}/milter.sock")
                client.sendall(junk)
        edits, reply = self.send(INSIDE, "<>", ["<ann@far.example>"], FROM_JOHN)
        self.assertEqual(len(edits), 1)


class Sessions(Case):
    def direction(self, client: str | None, macros: dict[str, str]) -> str:
        """outbound, if it is one of ours; inbound; or the first reply that is a refusal."""
        milter = self.gateway.connect(client)
        queue = f"4Session{client}".replace("/", "-")
        try:
            self.assertEqual(milter.mail("<john@tenant1.contoso.com>", macros=macros), "continue")
            reply = milter.rcpt("<mary@contoso.com>")
            if reply != "continue":
                return reply[:9]
            for name, value in FROM_JOHN:
                milter.field(name, " " + value)
            edits, reply = milter.end(queue)
            self.assertEqual(reply, "continue")
            return "outbound" if edits[0][0] == "chgfrom" else "inbound"
        finally:
            milter.quit()

    def test_trust_takes_all_that_the_listener_asks(self) -> None:
        self.assertEqual(self.direction(INSIDE, TENANT), "outbound")
        self.assertEqual(self.direction("2001:db8::25", TENANT), "outbound")
        self.assertEqual(self.direction("::ffff:192.0.2.7", TENANT), "outbound")
        self.assertEqual(self.direction("2001:db9::25", TENANT)[:3], "554")
        self.assertEqual(self.direction(INSIDE, {**TENANT, "{cert_subject}": "mail.other.example"})[:3], "554")
        self.assertEqual(self.direction(INSIDE, {"{tls_version}": "TLSv1.3"})[:3], "554")
        self.assertEqual(self.direction(OUTSIDE, TENANT), "inbound")

    def test_a_name_counts_only_if_it_was_verified(self) -> None:
        subject = {"{tls_version}": "TLSv1.3", "{cert_subject}": "/C=DE/CN=mail.tenant.example", "{cn_subject}": "mail.tenant.example"}
        self.assertEqual(self.direction(INSIDE, {**subject, "{verify}": "OK"}), "outbound")
        for verify in ("FAIL", "NO", "NONE"):
            self.assertEqual(self.direction(INSIDE, {**subject, "{verify}": verify})[:3], "554")
            self.assertEqual(self.direction(INSIDE, {**TENANT, "{verify}": verify})[:3], "554")
        self.assertEqual(self.direction(INSIDE, subject)[:3], "554")
        self.assertEqual(self.direction(INSIDE, {**TENANT, "{cert_subject}": "x" * 300})[:3], "554")

    def test_authentication(self) -> None:
        self.assertEqual(self.direction(NOBODY, {"{auth_authen}": "john", "{auth_type}": "PLAIN"}), "outbound")
        self.assertEqual(self.direction(NOBODY, {"{auth_authen}": ""}), "inbound")
        self.assertEqual(self.direction(NOBODY, {}), "inbound")

    def test_no_address_is_no_listener(self) -> None:
        for client in (None, "/run/socket"):
            self.assertNotEqual(self.direction(client, TENANT), "outbound")

    def test_a_session_that_changes_is_looked_at_anew(self) -> None:
        milter = self.gateway.connect(NOBODY)
        login = {"{auth_authen}": "john", "{auth_type}": "PLAIN"}
        for macros, first in (({}, "addrcpt"), (login, "chgfrom"), ({}, "addrcpt")):
            edits, _ = message(milter, "<john@tenant1.contoso.com>", ["<mary@contoso.com>"], FROM_JOHN, macros=macros)
            self.assertEqual(edits[0][0], first)
        milter.quit()

    def test_messages_of_a_connection_know_nothing_of_each_other(self) -> None:
        milter = self.gateway.connect(INSIDE)
        for _ in range(3):
            self.assertEqual(milter.mail("<john@tenant1.contoso.com>", "SMTPUTF8", "RET=FULL", macros=TENANT), "continue")
            self.assertEqual(milter.rcpt("<mary@contoso.com>"), "continue")
            milter.field("From", " mary.jones@tenant2.contoso.com")
            milter.send(b"A")  # RSET
            edits, _ = message(milter, "<>", ["<ann@far.example>"], FROM_JOHN, macros=TENANT)
            self.assertEqual(edits, [("chgheader", "From", 1, " John <john@contoso.com>")])
        milter.quit()
        self.assertGreaterEqual(self.gateway.metric('messages_total{outcome="aborted"}'), 3)

    def test_many_at_once(self) -> None:
        wrong: list[object] = []

        def work(number: int) -> None:
            try:
                milter = self.gateway.connect(INSIDE)
                for _ in range(20):
                    name = f"john+{number}"
                    edits, reply = message(
                        milter, f"<{name}@tenant1.contoso.com>", ["<mary@contoso.com>"],
                        [("From", f"{name}@tenant1.contoso.com")], macros=TENANT,
                    )  # fmt: skip
                    assert reply == "continue", reply
                    assert edits[0] == ("chgfrom", f"<{name}@contoso.com>"), edits
                    assert edits[3] == ("chgheader", "From", 1, f" {name}@contoso.com"), edits
                milter.quit()
            except BaseException as found:
                wrong.append(found)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class Logs(Case):
    def test_a_line_for_each_rewrite_and_decision(self) -> None:
        self.send(INSIDE, "<john@tenant1.contoso.com>", ["<mary@contoso.com>"], FROM_JOHN, queue="4Lines")
        generation = re.search(r"generation=([0-9a-f]{12})", self.gateway.log()).group(1)
        lines = until(lambda: len(found := [l for l in self.gateway.log().splitlines() if l.startswith("queue=4Lines ")]) >= 4 and found)
        self.assertEqual(
            lines,
            [
                "queue=4Lines event=route recipient=mary@contoso.com action=relay path=mary.jones@tenant2.contoso.com "
                'via="To tenant 2" host-path=mary.jones@tenant2.contoso.com direction=outbound listener="Tenants" '
                f"generation={generation}",
                "queue=4Lines event=rewrite field=reverse-path old=<john@tenant1.contoso.com> new=<john@contoso.com> "
                f'entry="John" at=plan.toml:9 generation={generation}',
                "queue=4Lines event=rewrite field=From nth=1 old=john@tenant1.contoso.com new=john@contoso.com "
                f'entry="John" at=plan.toml:9 generation={generation}',
                "queue=4Lines event=rewrite field=forward-path old=mary@contoso.com new=mary.jones@tenant2.contoso.com "
                f'entry="Mary" at=plan.toml:14 generation={generation}',
            ],
        )

    def test_no_text_forges_a_line(self) -> None:
        evil = 'x"\\ \x1b[2J\x7f\x80 event=rewrite'
        fields = [("From", f'"{evil}" <john@tenant1.contoso.com>'), ("To", '"a b"@tenant1.contoso.com, "\x01\\""@tenant1.contoso.com')]
        self.send(INSIDE, '<"a b"@tenant1.contoso.com>', ['<"q q"@far.example>'], fields, queue='4"Evil\nqueue=x')
        self.gateway.await_event("unmapped")
        for line in self.gateway.log().splitlines():
            self.assertRegex(line, r"^[ -~]+$")
            self.assertRegex(line, r'^[a-z-]+=("(\\.|[^"\\])*"|[^ "\\]+)( [a-z-]+=("(\\.|[^"\\])*"|[^ "\\]+))*$')
        self.assertIn('queue="4\\"Evil\\x0aqueue=x"', self.gateway.log())
        self.assertIn('address="\\"a b\\"@tenant1.contoso.com"', self.gateway.log())

    def test_findings_are_logged_and_counted(self) -> None:
        unmapped, skipped = self.gateway.metric("unmapped_total"), self.gateway.metric("skipped_total")
        fields = [
            ("From", "john@tenant1.contoso.com"),
            ("From", "john@tenant1.contoso.com"),
            ("To", "temp@tenant1.contoso.com, \"john@tenant1.contoso.com"),
        ]
        self.send(INSIDE, "<other@tenant1.contoso.com>", ["<ann@far.example>"], fields, queue="4Find")
        self.assertEqual(self.gateway.metric("unmapped_total"), unmapped + 2)
        self.assertEqual(self.gateway.metric("skipped_total"), skipped + 1)
        log = self.gateway.log()
        self.assertRegex(log, r"queue=4Find event=unmapped place=field address=temp@tenant1.contoso.com")
        self.assertRegex(log, r"queue=4Find event=unmapped place=reverse-path address=<other@tenant1.contoso.com>")
        self.assertRegex(log, r"queue=4Find event=skipped field=To nth=1 offset=\d+ reason=unterminated-quoted-string")
        self.assertRegex(log, r"queue=4Find event=flags flags=duplicate-from")
        signature = ("DKIM-Signature", "v=1; a=rsa-sha256; d=tenant1.contoso.com; s=s1; h=From; bh=x; b=y")
        self.send(INSIDE, "<>", ["<ann@far.example>"], [signature, *FROM_JOHN], queue="4Sign")
        log = self.gateway.log()
        self.assertRegex(log, r"queue=4Sign event=signature-broken kind=dkim domain=tenant1.contoso.com selector=s1 because=From")

    def test_counters(self) -> None:
        before = self.gateway.metric('messages_total{outcome="changed"}')
        self.send(INSIDE, "<john@tenant1.contoso.com>", ["<mary@contoso.com>"], FROM_JOHN)
        text = self.gateway.get()
        self.assertTrue(text.startswith("HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"))
        body = text.partition("\r\n\r\n")[2]
        self.assertEqual(int(re.search(r"Content-Length: (\d+)", text).group(1)), len(body))
        self.assertEqual(self.gateway.metric('messages_total{outcome="changed"}'), before + 1)
        self.assertRegex(body, r'readdress_milter_map_info\{generation="[0-9a-f]{64}",library="[0-9.]+"\} 1\n')
        self.assertIn("readdress_milter_map_entries 3\n", body)
        named = set()
        for line in body.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) readdress_milter_\w+ .+|readdress_milter_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? \d+)$')
            if line.startswith("# TYPE "):
                self.assertNotIn(line.split()[2], named)
                named.add(line.split()[2])
            elif not line.startswith("#"):
                self.assertIn(re.match(r"\w+", line).group(), named)

    def test_other_requests_get_no_counters(self) -> None:
        self.assertIn("404", self.gateway.get(b"GET /else HTTP/1.0\r\n\r\n").splitlines()[0])
        self.assertIn("405", self.gateway.get(b"POST / HTTP/1.0\r\n\r\n").splitlines()[0])
        # One who says nothing is let go of, and keeps nobody for long.
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{self.gateway.folder}/metrics.sock")
            self.assertIn("200", self.gateway.get().splitlines()[0])
            client.settimeout(20)
            self.assertEqual(client.recv(1), b"")


class Unmapped(Case):
    def test_the_plan_says_what_to_do_about_leaks(self) -> None:
        fields = [("From", "john@tenant1.contoso.com"), ("To", "temp@tenant1.contoso.com")]
        for policy, reply in (("tempfail", "451 4.7.1"), ("reject", "550 5.7.1")):
            self.gateway.compile(('preset = "coexistence"', f'preset = "coexistence"\nunmapped = "{policy}"'))
            self.gateway.await_event("reload", 1 if policy == "tempfail" else 2)
            edits, got = self.send(INSIDE, "<john@tenant1.contoso.com>", ["<ann@far.example>"], fields)
            self.assertEqual((edits, got[:9]), ([], reply))
            edits, got = self.send(INSIDE, "<temp@tenant1.contoso.com>", ["<ann@far.example>"], FROM_JOHN)
            self.assertEqual((edits, got[:9]), ([], reply))
            edits, got = self.send(INSIDE, "<temp@tenant1.contoso.com>", ["<p@pilot.example>"], fields)
            self.assertEqual((edits, got), ([], "continue"), "who may see all is no leak")


class Maps(Case):
    def rewritten(self, milter: Milter) -> str:
        edits, _ = message(milter, "<>", ["<ann@far.example>"], FROM_JOHN, macros=TENANT)
        return edits[0][3]

    def test_reloads(self) -> None:
        gateway = self.gateway
        milter = gateway.connect(INSIDE)
        self.assertEqual(self.rewritten(milter), " John <john@contoso.com>")
        # A message that has begun is not touched by a new map.
        milter.mail("<john@tenant1.contoso.com>", macros=TENANT)
        milter.rcpt("<ann@far.example>")
        gateway.compile(('external = "john@contoso.com"', 'external = "jack@contoso.com"'))
        line = gateway.await_event("reload")
        self.assertIn("entries=3 by=watch", line)
        milter.field("From", " john@tenant1.contoso.com")
        edits, _ = milter.end()
        self.assertEqual(edits, [("chgfrom", "<john@contoso.com>"), ("chgheader", "From", 1, " john@contoso.com")])
        # The next one of the same connection sees it.
        self.assertEqual(self.rewritten(milter), " John <jack@contoso.com>")
        # One that is broken, and none at all, change nothing, and are reported once each.
        good = gateway.map.read_bytes()
        failed = gateway.metric('reloads_total{result="failed"}')
        (gateway.folder / "next").write_bytes(good[: len(good) // 2])
        os.rename(gateway.folder / "next", gateway.map)
        gateway.await_event("reload-failed")
        until(lambda: gateway.metric('reloads_total{result="failed"}') > failed + 5)
        self.assertEqual(len(gateway.events("reload-failed")), 1)
        self.assertEqual(self.rewritten(milter), " John <jack@contoso.com>")
        os.unlink(gateway.map)
        gateway.await_event("reload-failed", 2)
        self.assertEqual(self.rewritten(milter), " John <jack@contoso.com>")
        gateway.map.write_bytes(good)
        gateway.await_event("map-unchanged")
        # SIGHUP looks at once, says so, and stops nobody.
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: any("by=signal" in line for line in gateway.events("map-unchanged")))
        self.assertEqual(self.rewritten(milter), " John <jack@contoso.com>")
        # A map that shrank is refused unless somebody says that it is meant.
        plan = (HERE / "plan.toml").read_text()
        for name in ("Mary", "Jörg"):
            plan = re.sub(rf'\[\[rewrite\.entry\]\]\nname = "{name}"\n.*\n.*\n', "", plan)
        gateway.compile_plan(plan)
        self.assertIn("cause=shrunk", gateway.await_event("reload-failed", 3))
        self.assertEqual(gateway.metric("map_entries"), 3)
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: gateway.metric("map_entries") == 1)
        self.assertIsNone(gateway.process.poll())
        milter.quit()


class Shadow(Case):
    settings = {"mode": "shadow"}

    def same_as_without(self) -> None:
        """Whatever happens, nothing is edited, and nobody refused; the log says what would be."""
        milter = self.gateway.connect(INSIDE)
        edits, reply = message(
            milter, "<john@tenant1.contoso.com>", ["<mary@contoso.com>"], [*FROM_JOHN], macros=TENANT, queue="4Edits"
        )
        self.assertEqual((edits, reply), ([], "continue"))
        for fields in ([("X-Class", "secret")], [("X-Large", "x" * 400000)], [("A", "b\nc: d")]):
            self.assertEqual(message(milter, "<>", ["<ann@far.example>"], [*fields, *FROM_JOHN], macros=TENANT), ([], "continue"))
        self.assertEqual(message(milter, "<>", ["<nobody@contoso.com>"], FROM_JOHN, macros=TENANT), ([], "continue"))
        self.assertEqual(message(milter, "<>", ["<drop@contoso.com>"], FROM_JOHN, macros=TENANT), ([], "continue"))
        milter.quit()
        milter = self.gateway.connect(OUTSIDE, actions=0)
        self.assertEqual(message(milter, "<>", ["<john@contoso.com>"], FROM_ANN), ([], "continue"))
        milter.quit()
        log = self.gateway.log()
        self.assertRegex(log, r"queue=4Edits event=rewrite field=From nth=1 old=john@tenant1.contoso.com new=john@contoso.com .* mode=shadow")
        self.assertRegex(log, r"event=refuse recipient=nobody@contoso.com code=550 .* mode=shadow")
        self.assertRegex(log, r"event=failure cause=limit .* mode=shadow")

    def test_by_configuration(self) -> None:
        self.same_as_without()

    def test_by_the_map(self) -> None:
        gateway = Gateway(mode="enforce")
        gateway.compile(("[rewrite]\n", '[rewrite]\nmode = "shadow"\n'))
        gateway.start()
        Shadow.gateway, mine = gateway, Shadow.gateway
        try:
            self.same_as_without()
        finally:
            Shadow.gateway = mine
            self.assertEqual(gateway.stop(), 0, gateway.log()[-4000:])
            gateway.remove()


@unittest.skipIf(shutil.which("cc") is None, "no C compiler")
class Memory(unittest.TestCase):
    """What is not there is a temporary failure, and nothing else."""

    def try_message(self, gateway: Gateway) -> str:
        wanted = [
            ("chgfrom", "<john@contoso.com>", "RET=HDRS"),
            ("addrcpt", "<john@tenant1.contoso.com>", "NOTIFY=FAILURE ORCPT=rfc822;john@contoso.com"),
            ("addrcpt", "<mary.jones@tenant2.contoso.com>", "ORCPT=rfc822;mary@contoso.com"),
            ("delrcpt", "<john@contoso.com>"),
            ("delrcpt", "<mary@contoso.com>"),
            ("chgheader", "From", 1, " John <john@contoso.com>"),
        ]
        milter = Milter(f"{gateway.folder}/milter.sock")
        try:
            for ask in (
                lambda: milter.connect(INSIDE),
                lambda: milter.mail("<john@tenant1.contoso.com>", "RET=HDRS", macros=TENANT),
                lambda: milter.rcpt("<john@contoso.com>", "NOTIFY=FAILURE"),
                lambda: milter.rcpt("<mary@contoso.com>"),
            ):
                if (reply := ask()) != "continue":
                    return reply
            for name, value in [*FROM_JOHN, ("X-Filler", "x" * 600)]:
                milter.field(name, " " + value)
            edits, reply = milter.end()
            if reply == "continue":
                self.assertEqual([e for e in edits if e[0] != "addheader"], wanted)
                self.assertEqual(len(edits), len(wanted) + 2)
            return reply
        finally:
            milter.close()

    @unittest.skipIf("--under" in sys.argv or "sanitized" in sys.argv[1], "they have an allocator of their own")
    def test_every_failure_defers(self) -> None:
        gateway = Gateway()
        shim = gateway.folder / "scarce.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, HERE / "scarce.c", "-ldl"], check=True)
        replies: set[str] = set()
        for every in (*range(2, 24), 29, 31, 37, 41, 43, 47):
            gateway.start({"LD_PRELOAD": str(shim), "SCARCE": str(every)})
            replies.update(self.try_message(gateway) for _ in range(12))
            self.assertIsNone(gateway.process.poll(), "it is still there")
            until(lambda: gateway.metric("connections") == 0)
            self.assertGreater(gateway.metric('failures_total{cause="memory"}'), 0)
            self.assertEqual(gateway.metric("messages_in_flight"), 0)
            self.assertEqual(gateway.stop(), 0, gateway.log()[-4000:])
        gateway.remove()
        self.assertIn("continue", replies)
        self.assertIn("451 4.3.0", {reply[:9] for reply in replies})
        self.assertLessEqual({reply[:2] for reply in replies}, {"co", "45", "te"})


class WithoutListeners(unittest.TestCase):
    PLAN = (
        '[plan]\nname = "entries"\n[[rewrite.entry]]\nname = "John"\n'
        'internal = "john@tenant1.contoso.com"\nexternal = "john@contoso.com"\n'
    )

    def edits(self, direction: str) -> list[tuple]:
        gateway = Gateway(direction=direction)
        gateway.compile_plan(self.PLAN)
        gateway.start()
        milter = gateway.connect(OUTSIDE)
        edits, reply = message(milter, "<john@tenant1.contoso.com>", ["<john@contoso.com>"], FROM_JOHN)
        self.assertEqual(reply, "continue")
        milter.quit()
        self.assertIn("direction", gateway.await_event("no-listeners"))
        self.assertEqual(gateway.stop(), 0, gateway.log()[-4000:])
        gateway.remove()
        return edits

    def test_the_configuration_says_which_way(self) -> None:
        forward = [
            ("addrcpt", "<john@tenant1.contoso.com>", "ORCPT=rfc822;john@contoso.com"),
            ("delrcpt", "<john@contoso.com>"),
        ]
        self.assertEqual(self.edits("inbound"), forward)
        self.assertEqual(
            self.edits("outbound"),
            [
                ("chgfrom", "<john@contoso.com>"),
                *forward,
                ("chgheader", "From", 1, " John <john@contoso.com>"),
            ],
        )


class Starting(unittest.TestCase):
    def setUp(self) -> None:
        self.gateway = Gateway()

    def tearDown(self) -> None:
        self.gateway.remove()

    def run_milter(self, *arguments: str) -> tuple[int, str]:
        command = [options.milter, "-c", str(self.gateway.write_configuration()), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    def test_what_is_wrong_is_said_with_its_line(self) -> None:
        place = self.gateway.folder / "milter.conf"
        for text, wrong in (
            ("map = a\nsocket = unix:b\nsokcet = c\n", ":3: no key \"sokcet\""),
            ("map = a\nmap = b\n", ':2: "map" a second time'),
            ("map\n", ":1: no \"=\""),
            ("map = a\n", 'have to be there'),
            ("map = a\nsocket = b\n", ':2: "socket" wants unix:'),
            ("interval = 0\n", ':1: "interval" wants seconds'),
            ("umask = 9\n", ':1: "umask" wants'),
            ("mode = shadowy\n", ':1: "mode" wants enforce or shadow'),
            ("#" + "x" * 5000 + "\n", ":1: too long a line"),
        ):
            place.write_text(text)
            done = subprocess.run([options.milter, "-t", "-c", place], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 78, done.stderr)
            self.assertIn(wrong, done.stderr)
        done = subprocess.run([options.milter, "-t"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 64)

    def test_no_map_no_start(self) -> None:
        self.gateway.settings["log"] = "syslog"
        self.assertEqual(self.run_milter("-t")[0], 0)
        good = self.gateway.map.read_bytes()
        self.gateway.map.write_bytes(good[:-1])
        for option in ("-t", "-f"):
            code, log = self.run_milter(option)
            self.assertEqual(code, 78)
            self.assertIn("event=not-started", log)
        self.gateway.map.unlink()
        for option in ("-t", "-f"):
            code, log = self.run_milter(option)
            self.assertEqual(code, 66, log)
            self.assertIn("gateway.map", log)
        self.assertFalse((self.gateway.folder / "milter.sock").exists())

    def test_sockets_of_others_stay(self) -> None:
        place = self.gateway.folder / "milter.sock"
        place.write_text("no socket")
        code, log = self.run_milter("-f")
        self.assertEqual((code, place.read_text()), (78, "no socket"))
        self.assertIn("no socket", log)
        place.unlink()
        # One that an earlier run left behind goes.
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(str(place))
        stale.close()
        self.gateway.start()
        # One that somebody listens on stays, and its milter, and its pid.
        pid = (self.gateway.folder / "pid").read_text()
        self.assertEqual(int(pid), self.gateway.process.pid) if not options.under else None
        code, log = self.run_milter("-f")
        self.assertEqual(code, 78)
        self.assertIn("somebody is listening", log)
        self.assertEqual((self.gateway.folder / "pid").read_text(), pid)
        milter = self.gateway.connect()
        milter.quit()
        self.assertEqual(self.gateway.stop(), 0, self.gateway.log()[-4000:])
        for name in ("milter.sock", "metrics.sock", "pid"):
            self.assertFalse((self.gateway.folder / name).exists(), name)

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
    def test_privileges_are_dropped_first(self) -> None:
        self.gateway.settings.update({"user": "nobody", "umask": "0077"})
        os.chmod(self.gateway.folder, 0o755)
        os.chmod(self.gateway.map, 0o600)
        code, log = self.run_milter("-f")
        self.assertEqual(code, 66, "what only root may read is not there: " + log)
        os.chmod(self.gateway.map, 0o644)
        code, log = self.run_milter("-f")
        self.assertEqual(code, 78, "nor may a folder of root's be written to: " + log)
        shutil.chown(self.gateway.folder, "nobody")
        self.gateway.start()
        owner = os.stat(self.gateway.folder / "milter.sock")
        self.assertEqual((owner.st_uid, owner.st_mode & 0o077), (os.stat(self.gateway.folder).st_uid, 0))
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                command, text = (status.parent / "cmdline").read_bytes(), status.read_text()
            except OSError:
                continue
            if str(self.gateway.folder).encode() in command and "readdress-milte" in text:
                self.assertEqual(set(re.search(r"Uid:(.*)", text).group(1).split()), {str(owner.st_uid)})
        self.assertEqual(self.gateway.stop(), 0, self.gateway.log()[-4000:])
        self.gateway.settings["user"] = "there-is-no-such-user"
        self.assertEqual(self.run_milter("-f")[0], 77)

    def test_in_the_background(self) -> None:
        self.gateway.settings["log"] = "syslog"
        code, log = self.run_milter()
        self.assertEqual(code, 0, log)
        pid = int((self.gateway.folder / "pid").read_text())
        self.addCleanup(lambda: pathlib.Path(f"/proc/{pid}").exists() and os.kill(pid, signal.SIGKILL))
        milter = self.gateway.connect(INSIDE)
        edits, _ = message(milter, "<>", ["<ann@far.example>"], FROM_JOHN, macros=TENANT)
        self.assertEqual(len(edits), 1)
        milter.quit()
        os.kill(pid, signal.SIGTERM)
        until(lambda: not pathlib.Path(f"/proc/{pid}").exists())

    def workers(self) -> list[int]:
        pid = self.gateway.process.pid
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @unittest.skipIf("valgrind" in sys.argv, "it has no other processes")
    def test_a_worker_that_dies_ends_the_supervisor(self) -> None:
        self.gateway.start()
        (worker,) = self.workers()
        os.kill(worker, signal.SIGKILL)
        self.assertEqual(self.gateway.process.wait(20), 70)
        self.assertIn("event=worker-died signal=9", self.gateway.log())
        # Sockets that were left behind are no hindrance.
        self.gateway.start()
        (worker,) = self.workers()
        os.kill(self.gateway.process.pid, signal.SIGKILL)
        self.gateway.process.wait(20)
        until(lambda: not pathlib.Path(f"/proc/{worker}").exists() or "zombie" in pathlib.Path(f"/proc/{worker}/status").read_text())
        self.assertFalse((self.gateway.folder / "milter.sock").exists())

    def test_stopping_waits_for_open_messages(self) -> None:
        self.gateway.start()
        milter, other = self.gateway.connect(INSIDE), self.gateway.connect(INSIDE)
        milter.mail("<john@tenant1.contoso.com>", macros=TENANT)
        milter.rcpt("<ann@far.example>")
        self.gateway.process.terminate()
        until(lambda: not (self.gateway.folder / "milter.sock").exists())
        self.assertEqual(other.mail("<john@tenant1.contoso.com>", macros=TENANT)[:9], "451 4.3.2")
        milter.field("From", " john@tenant1.contoso.com")
        edits, reply = milter.end()
        self.assertEqual((len(edits), reply), (2, "continue"))
        self.assertRaises(Closed, milter.receive)
        milter.close()
        other.close()
        self.assertEqual(self.gateway.stop(), 0, self.gateway.log()[-4000:])
        self.assertIn("event=stopped cut-off=0", self.gateway.log())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("milter")
    parser.add_argument("readdress")
    parser.add_argument("--under", default="")
    parser.add_argument("tests", nargs="*")
    options = parser.parse_intermixed_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    done = unittest.main(argv=[sys.argv[0], *options.tests], exit=False, verbosity=1)
    sys.exit(0 if done.result.wasSuccessful() else 1)
