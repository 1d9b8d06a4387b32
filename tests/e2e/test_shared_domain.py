"""Scenario 3: two tenants, one shared domain, an edge in between: who sees which address, and who gets mail."""

import re

from gateway import run
from mail import Mail, compose
from plans import EXAMPLES
from shared_domain import JOHN, MARY, NAME, PLAN, SOMEONE, SharedDomain


def example_message(file):
    """A message of the example, as it goes over the wire."""
    octets = (EXAMPLES / NAME / file).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return octets, re.search(rb"^Message-ID: (\S+)", octets, re.MULTILINE)[1].decode()


def without_trace(octets):
    """Without the Received field that an example's message begins with: who gets it can't tell it from the others."""
    return re.sub(rb"\AReceived:.*\r\n(?:[ \t].*\r\n)*", b"", octets)


class Addresses(SharedDomain):
    def test_the_internet_and_the_other_tenant_see_one_company(self):
        message = compose(
            From="John Doe <john@tenant1.contoso.com>", To='"Jones, Mary" <mary@contoso.com>,\n someone@example.net',
            Cc="sales+q4@tenant1.contoso.com (Sales)", Reply_To="John Doe <John@Tenant1.Contoso.COM>",
            body="Write to john@tenant1.contoso.com: this is text.\n",
        )  # fmt: skip
        self.send(message, self.tenant1, ["mary@contoso.com", SOMEONE], by="people of tenant1")
        expected = (
            message.octets.replace(b"<john@tenant1.contoso.com>", b"<john@contoso.com>")
            .replace(b"sales+q4@tenant1.contoso.com (", b"sales+q4@contoso.com (")
            .replace(b"<John@Tenant1.Contoso.COM>", b"<john@contoso.com>")
        )
        for host, mailbox in ((self.internet, SOMEONE), (self.tenant2, MARY)):
            arrived = host.await_mail(message, to=mailbox, sender="john@contoso.com")
            self.assertEqual(arrived.as_sent(), expected)
        self.net.settle()
        self.assertEqual([len(host.inbox(message)) for host in self.net.hosts.values()], [1, 0, 1, 0, 0])
        self.assertIn('Client CN "mail.tenant1.example"', "".join(arrived.all("Received")))
        # Every rewrite is in the log, with old, new, entry, its place, and generation.
        john, mary, sales = (
            ("John Doe", "entries.csv:2"), ("Mary Jones", "entries.csv:3"), ("Sales", "entries.csv:4"),
        )  # fmt: skip
        self.assertCountEqual(
            self.rewrites(arrived),
            [
                ("reverse-path", JOHN, "john@contoso.com", *john),
                ("forward-path", "mary@contoso.com", MARY, *mary),
                ("From", JOHN, "john@contoso.com", *john),
                ("Cc", "sales+q4@tenant1.contoso.com", "sales+q4@contoso.com", *sales),
                ("Reply-To", "John@Tenant1.Contoso.COM", "john@contoso.com", *john),
            ],
        )

    def test_the_message_of_the_example(self):
        octets, message_id = example_message("message.eml")
        message = Mail(octets, message_id, JOHN)
        self.send(message, self.tenant1, [MARY, "olivia@example.org"], by="people of tenant1")
        shown = run("rewrite", "--plan", EXAMPLES / NAME / PLAN, "--direction", "outbound", EXAMPLES / NAME / "message.eml")
        expected = without_trace(shown.stdout.encode().replace(b"\n", b"\r\n"))
        for host, mailbox in ((self.internet, "olivia@example.org"), (self.tenant2, MARY)):
            self.assertEqual(host.await_mail(message, to=mailbox).as_sent(), expected)

    def test_a_reply_reaches_the_right_tenant_under_the_internal_address(self):
        octets, message_id = example_message("reply.eml")
        reply = Mail(octets, message_id, "olivia@example.org")
        self.send(reply, self.gateway, ["john@contoso.com", "mary@contoso.com", "sales+q4@contoso.com"])
        for host, mailbox in ((self.tenant1, JOHN), (self.tenant2, MARY), (self.tenant1, "sales+q4@tenant1.contoso.com")):
            arrived = host.await_mail(reply, to=mailbox, sender="olivia@example.org")
            # Her signature stays whole.
            self.assertEqual(arrived.as_sent(), without_trace(octets))
        rewrites = [(field, old, new) for field, old, new, *_ in self.rewrites(arrived)]
        self.assertEqual(
            sorted(rewrites),
            [
                ("forward-path", "john@contoso.com", JOHN),
                ("forward-path", "mary@contoso.com", MARY),
                ("forward-path", "sales+q4@contoso.com", "sales+q4@tenant1.contoso.com"),
            ],
        )

    def test_a_fresh_message_to_mary(self):
        for recipient, mailbox in (("mary@contoso.com", MARY), ("Mary+News@Contoso.COM", "mary.jones+News@tenant2.contoso.com")):
            message = self.internet_sends(recipient)
            arrived = self.tenant2.await_mail(message)
            self.assertEqual(arrived.delivered_to, mailbox)
            self.assertEqual(arrived.one("To"), recipient)

    def test_reply_to_all_from_outside(self):
        message = self.tenant_sends(JOHN, "mary@contoso.com", SOMEONE, Cc=f"{MARY}, helpdesk@tenant2.contoso.com")
        arrived = self.internet.await_mail(message)
        named = re.findall(r"[\w.+-]+@[\w.-]+", ",".join(map(arrived.one, ("From", "To", "Cc"))))
        self.assertEqual(
            named, ["john@contoso.com", "mary@contoso.com", SOMEONE, "mary@contoso.com", "support@contoso.com"]
        )
        ours = sorted({address for address in named if address != SOMEONE})
        reply = self.internet_sends(*ours, sender=SOMEONE, fields={"In-Reply-To": message.message_id})
        self.tenant1.await_mail(reply, to=JOHN)
        for mailbox in (MARY, "helpdesk@tenant2.contoso.com"):
            self.tenant2.await_mail(reply, to=mailbox)

    def test_colleagues_at_both_tenants(self):
        message = self.tenant_sends(MARY, "john@contoso.com", "sales@tenant1.contoso.com", "sales-north@contoso.com")
        for host, mailbox in (
            (self.tenant1, JOHN), (self.tenant1, "sales@tenant1.contoso.com"),
            (self.tenant2, "sales@tenant2.contoso.com"),
        ):  # fmt: skip
            arrived = host.await_mail(message, to=mailbox, sender="mary@contoso.com")
            self.assertEqual(arrived.one("To"), "john@contoso.com, sales@contoso.com, sales-north@contoso.com")

    def test_local_parts_that_need_quotes_or_look_odd(self):
        self.tenant1.mailboxes.add("room 12@tenant1.contoso.com")
        for external, mailbox in (
            ("room12@contoso.com", '"room 12"@tenant1.contoso.com'),
            ("ann.o'neil@contoso.com", "ann.oneil@tenant1.contoso.com"),
            ('"ann.o\'neil"@contoso.com', "ann.oneil@tenant1.contoso.com"),
        ):
            arrived = self.tenant1.await_mail(self.internet_sends(external))
            self.assertIn(arrived.delivered_to, (mailbox, mailbox.replace('"', "")))
        message = self.tenant_sends('"room 12"@tenant1.contoso.com', SOMEONE)
        arrived = self.internet.await_mail(message)
        self.assertEqual((arrived.return_path, arrived.one("From")), ("room12@contoso.com",) * 2)


    def test_senders_whose_addresses_need_care(self):
        # Postfix asks for their transport, too, before it asks the milter.
        for sender in (
            "a..b@example.net", ".a@example.net", '"a b"@example.net', "a@b_c.example", "a@[192.0.2.1]",
            "nobody@contoso.com", "nobody@tenant1.contoso.com",
        ):  # fmt: skip
            message = compose(sender=sender, From="a@example.net", To="john@contoso.com")
            self.send(message, self.gateway, "john@contoso.com")
            self.assertEqual(self.tenant1.await_mail(message).return_path.replace('"', ""), sender.replace('"', ""))


class Reports(SharedDomain):
    def test_a_delivery_that_fails_outside_is_reported_under_the_internal_address(self):
        self.internet.refused.add("gone@example.net")
        self.net.names.missing.add("no-such.example")
        for gone, status in (("gone@example.net", "5.1.1"), ("anybody@no-such.example", "5.4.4")):
            message = self.tenant_sends(JOHN, gone)
            report = self.tenant1.await_report(message)
            self.assertEqual((report.status, report.recipient, report.delivered.delivered_to), (status, gone, JOHN))
            # Nobody outside is told anything, and nothing goes round.
            self.assertEqual(report.delivered.hops, ["mx.tenant1.example", "gateway.example"])
            self.assertEqual(report.delivered.one("To"), "john@contoso.com")

    def test_a_report_from_outside_comes_back(self):
        report = compose(sender="", From="MAILER-DAEMON@example.net", To="john@contoso.com")
        self.send(report, self.gateway, "john@contoso.com")
        arrived = self.tenant1.await_mail(report, to=JOHN, sender="")
        self.assertEqual(arrived.as_sent(), report.octets)

    def test_who_has_no_mailbox_at_a_tenant_is_reported_to_the_outside(self):
        self.tenant1.mailboxes.remove("dora.novak@tenant1.contoso.com")
        self.addCleanup(self.tenant1.mailboxes.add, "dora.novak@tenant1.contoso.com")
        report = self.internet.await_report(self.internet_sends("dora@contoso.com"))
        self.assertEqual(report.status, "5.1.1")

    def test_out_of_office(self):
        message = compose(sender="", From="John <john@tenant1.contoso.com>", To=SOMEONE, Auto_Submitted="auto-replied")
        self.send(message, self.tenant1, SOMEONE, by="people of tenant1")
        arrived = self.internet.await_mail(message, sender="")
        self.assertEqual(arrived.one("From"), "John <john@contoso.com>")


class Lists(SharedDomain):
    LISTS = (
        ("plan.toml", '[[rewrite.entries]]', '[[rewrite.entry]]\nname = "Lists"\ninternal = "lists.tenant1.contoso.com"\n'
         'external = "lists.contoso.com"\n\n[[rewrite.entries]]'),
        ("plan.toml", '[[accepted-domain]]\ndomain = "contoso.com"', '[[accepted-domain]]\ndomain = "lists.contoso.com"\n'
         'type = "internal-relay"\n\n[[accepted-domain]]\ndomain = "lists.tenant1.contoso.com"\ntype = "internal-relay"\n\n'
         '[[accepted-domain]]\ndomain = "contoso.com"'),
        ("plan.toml", 'address-spaces = ["tenant1.contoso.com"]', 'address-spaces = ["tenant1.contoso.com", "lists.tenant1.contoso.com"]'),
        ("plan.toml", 'recipient-domain = ["contoso.com", ', 'recipient-domain = ["lists.contoso.com", "lists.tenant1.contoso.com", "contoso.com", '),
        ("plan.toml", 'accepted-domain = [ { domain = "tenant1.contoso.com", type = "authoritative" } ]',
         'accepted-domain = [ { domain = "tenant1.contoso.com", type = "authoritative" }, { domain = "lists.tenant1.contoso.com", type = "authoritative" } ]'),
    )  # fmt: skip

    def test_a_mailing_list_of_ours_with_srs(self):
        example = self.example
        for file, old, new in self.LISTS:
            example = example.replacing(file, old, new)
        self.gateway.publish(example.plan(PLAN))
        self.tenant1.domains.add("lists.tenant1.contoso.com")
        # The list sends on what somebody outside wrote: by SRS, the list answers for the reverse-path.
        srs, team = "SRS0=HhAa=6V=example.org=olivia", "team@lists.tenant1.contoso.com"
        self.tenant1.mailboxes |= {f"{srs.lower()}@lists.tenant1.contoso.com", team}
        message = compose(
            sender=f"{srs}@lists.tenant1.contoso.com", From="Olivia <olivia@example.org>", To=team, Reply_To=team,
            Sender="team-bounces+someone=example.net@lists.tenant1.contoso.com",
        )  # fmt: skip
        self.send(message, self.tenant1, SOMEONE, by="people of tenant1")
        arrived = self.internet.await_mail(message, to=SOMEONE)
        self.assertEqual(arrived.return_path, f"{srs}@lists.contoso.com")
        self.assertEqual(arrived.one("From"), "Olivia <olivia@example.org>")
        self.assertEqual(arrived.one("Reply-To"), "team@lists.contoso.com")
        # The inner address of VERP is never touched.
        self.assertEqual(arrived.one("Sender"), "team-bounces+someone=example.net@lists.contoso.com")
        # And the way back, octet for octet.
        report = compose(sender="", From="MAILER-DAEMON@example.net", To=arrived.return_path)
        self.send(report, self.gateway, arrived.return_path)
        self.assertEqual(self.tenant1.await_mail(report).delivered_to, f"{srs}@lists.tenant1.contoso.com")

    def test_addresses_with_batv(self):
        signed = "prvs=4711abcdef=john@tenant1.contoso.com"
        self.tenant1.mailboxes.add(signed)
        message = self.tenant_sends(JOHN, SOMEONE, envelope=signed)
        arrived = self.internet.await_mail(message)
        self.assertEqual(
            (arrived.return_path, arrived.one("From")), ("prvs=4711abcdef=john@contoso.com", "john@contoso.com")
        )
        report = compose(sender="", From="MAILER-DAEMON@example.net", To=arrived.return_path)
        self.send(report, self.gateway, arrived.return_path)
        self.assertEqual(self.tenant1.await_mail(report, sender="").delivered_to, signed)

    def test_a_mailing_list_outside(self):
        # Nothing of it is ours but whom it reaches.
        message = compose(
            sender="SRS0=HhAa=6V=example.com=bob@lists.example.org", From="Bob via List <list@lists.example.org>",
            Sender="list-bounces+john=contoso.com@lists.example.org", To="list@lists.example.org",
            List_Id="<list.lists.example.org>", List_Unsubscribe="<mailto:list-leave@lists.example.org?subject=john@contoso.com>",
        )  # fmt: skip
        self.send(message, self.gateway, "john@contoso.com")
        arrived = self.tenant1.await_mail(message, to=JOHN, sender=message.sender)
        self.assertEqual(arrived.as_sent(), message.octets)

    def test_smtputf8(self):
        example = self.example.adding("entries.csv", "Jürgen,juergen@tenant1.contoso.com,jürgen@contoso.com,,").adding(
            "tenant1.csv", "juergen@tenant1.contoso.com"
        )
        self.assertEqual(example.found(PLAN), [])
        self.gateway.publish(example.plan(PLAN))
        self.tenant1.mailboxes.add("juergen@tenant1.contoso.com")
        # In, under the address that it has outside; from somebody whose address is international, too.
        for recipient, mailbox in (("jürgen@contoso.com", "juergen@tenant1.contoso.com"), ("john@contoso.com", JOHN)):
            message = compose(From="Łucja <łucja@bücher.example>", To=recipient)
            self.send(message, self.gateway, recipient, smtputf8=True)
            arrived = self.tenant1.await_mail(message, to=mailbox, sender="łucja@bücher.example")
            self.assertEqual(arrived.as_sent(), message.octets)
        # Out, in a message that may have such addresses; and in one that may not.
        for smtputf8, seen in ((True, "jürgen@contoso.com"), (False, "juergen@tenant1.contoso.com")):
            message = compose(From="Juergen <juergen@tenant1.contoso.com>", To=SOMEONE)
            self.send(message, self.tenant1, SOMEONE, by="people of tenant1", smtputf8=smtputf8)
            arrived = self.internet.await_mail(message, to=SOMEONE)
            self.assertEqual((arrived.return_path, arrived.one("From")), (seen, f"Juergen <{seen}>"))
            skipped = self.gateway.events("skipped", queue=arrived.id_at("gateway.example"), reason="needs-smtputf8")
            self.assertEqual({event["field"] for event in skipped}, set() if smtputf8 else {"From", "reverse-path"})


class Routes(SharedDomain):
    """Tenant 2 leaves by the appliance, tenant 1 directly: a route that more than the recipient decides."""

    DIRECTLY = ["internet.host.example", "gateway.example", "mx.tenant1.example"]
    BY_APPLIANCE = ["internet.host.example", "appliance.example.net", "gateway.example", "mx.tenant2.example"]

    def test_each_tenant_leaves_its_own_way(self):
        for sender, external, hops in ((JOHN, "john", self.DIRECTLY), (MARY, "mary", self.BY_APPLIANCE)):
            for recipient in (SOMEONE, "someone+tag=1@example.net", "o'neil@example.net", '"first last"@example.net'):
                message = self.tenant_sends(sender, recipient)
                arrived = self.internet.await_mail(message)
                self.assertEqual((arrived.return_path, arrived.hops), (f"{external}@contoso.com", hops))
                # At the far end the address is what it was, in the envelope and in the fields.
                self.assertIn(arrived.delivered_to, (recipient, recipient.replace('"', "")))
                self.assertEqual(arrived.as_sent(), message.octets.replace(sender.encode(), f"{external}@contoso.com".encode()))
                self.assertNotIn(b"route.invalid", arrived.octets)

    def test_what_postfix_is_told(self):
        message = self.tenant_sends(MARY, SOMEONE, "john@contoso.com")
        arrived = self.internet.await_mail(message)
        self.tenant1.await_mail(message, to=JOHN, sender="mary@contoso.com")
        route = self.gateway.await_event("route", queue=arrived.id_at("gateway.example"), recipient=SOMEONE)
        self.assertEqual((route["action"], route["via"], route["path"]), ("relay", "Appliance", SOMEONE))
        self.assertRegex(route["host-path"], r"^someone=example\.net@.+\.route\.invalid$")
        self.assertEqual(self.gateway.lookups("transport", route["host-path"])[-1], "OK readdress:[appliance.example.net]:2525")
        self.assertEqual(self.gateway.lookups("restore", route["host-path"])[-1], f"OK {SOMEONE}")
        self.appliance.await_log(rf"{arrived.id_at('appliance.example.net')}: to=<someone@example\.net>, .*status=sent")

    def test_routing_addresses_are_nobody_s_way_in(self):
        message = self.tenant_sends(MARY, SOMEONE)
        arrived = self.internet.await_mail(message)
        path = self.gateway.await_event("route", queue=arrived.id_at("gateway.example"), recipient=SOMEONE)["host-path"]
        for port in (2525, 2528):
            sent = self.offer(compose(From="olivia@example.org"), self.gateway, path, port=port)
            self.assertGreaterEqual(sent.recipients[path].code, 500)

    def test_a_report_from_the_appliance(self):
        self.internet.refused.add("gone@example.net")
        report = self.tenant2.await_report(self.tenant_sends(MARY, "gone@example.net"))
        self.assertEqual((report.status, report.recipient), ("5.1.1", "gone@example.net"))
        # And where the appliance itself refuses, so that the report is the gateway's own.
        self.appliance.routes["refused.example"] = "[127.0.0.1]:1"
        self.appliance.refused.add("gone@refused.example")
        self.appliance.domains.add("refused.example")
        report = self.tenant2.await_report(self.tenant_sends(MARY, "gone@refused.example"))
        self.assertEqual((report.status, report.original), ("5.1.1", "gone@refused.example"))
        # Postfix names it as it had it last. To our own people: nobody outside is sent such a report.
        self.assertRegex(report.recipient, r"^gone=refused\.example@.+\.route\.invalid$")
