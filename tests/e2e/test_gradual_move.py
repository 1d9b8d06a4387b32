"""Scenario 5: user by user away from a third party's mail service, whose mailboxes become forwarders."""

import plans
from gateway import Gateway, run
from mail import compose
from scenario import Scenario

NAME = "gradual-move"
BEFORE, DURING, AFTER = "1-before.toml", "2-during.toml", "3-after.toml"
SOMEONE = "someone@example.net"
ADMIN = "admin@contoso-com.tenant.example"


class GradualMove(Scenario):
    @classmethod
    def build(cls, net):
        cls.internet = net.internet()
        cls.old = net.host("old-server", trusts=["gateway"], server_name="mail.oldserver.example")
        cls.gateway = net.add(Gateway(net, trusts=["old-server"]))
        cls.example = plans.Example(
            net, NAME, hosts={"mail.oldserver.example": "old-server"}, networks={"203.0.113.25": ["old-server"]}
        )

    def setUp(self):
        super().setUp()
        self.use(DURING)

    def use(self, phase, example=None):
        """A phase, here and at the old server. Mail exchanger is the old server before the move, and then the gateway."""
        old, net = self.old, self.net
        old.domains, old.shares = {"contoso.com"} if phase != AFTER else set(), set()
        old.mailboxes = {BEFORE: plans.mailboxes(NAME, "old-before.csv"), DURING: plans.mailboxes(NAME, "old-during.csv")}.get(phase, set())
        old.forwards = plans.forwards(NAME, "forwards.csv") if phase == DURING else {}
        # All that leaves it leaves by the gateway, as soon as the move begins.
        gateway, internet = net.next_hop("gateway"), net.next_hop("internet")
        old.routes = {"contoso-com.tenant.example": gateway, "*": internet if phase == BEFORE else gateway}
        net.names.exchangers["contoso.com"] = "mail.oldserver.example" if phase == BEFORE else "gateway.example"
        self.gateway.publish((example or self.example).plan(phase))

    def colleague_writes(self, *recipients, sender="alma@contoso.com"):
        """Somebody whose mailbox is here sends, from wherever they are."""
        return self.write(self.gateway, *recipients, sender=sender, tls=True, login=self.gateway.account(sender))

    def old_colleague_writes(self, *recipients, sender="gus@contoso.com"):
        """Somebody whose mailbox is at the old server."""
        return self.write(self.old, *recipients, sender=sender, by="people of old-server")

    # What it shows.

    def test_before_the_move_the_domain_is_not_ours(self):
        self.use(BEFORE)
        self.assert_refused(self.gateway, "alma@contoso.com", 554, "5.7.1")
        # From one of us by the domain's mail exchanger, which is the old server.
        message = self.colleague_writes("alma@contoso.com", sender=ADMIN)
        self.assertEqual(self.old.await_mail(message).hops, ["mail.oldserver.example", "gateway.example"])
        self.gateway.await_mail(self.old_colleague_writes(ADMIN), to=ADMIN)

    def test_mail_from_outside_for_moved_and_unmoved_users(self):
        # Moved; in flight, and not yet.
        for recipient, home in (("alma@contoso.com", self.gateway), ("emil@contoso.com", self.old), ("gus@contoso.com", self.old)):
            message = self.write(self.gateway, recipient)
            self.assertEqual(home.await_mail(message, to=recipient, sender=message.sender).as_sent(), message.octets)
        # Who is unknown is for the old server to say; who is unknown by the new address, for us.
        report = self.internet.await_report(self.write(self.gateway, "nobody@contoso.com"))
        self.assertEqual((report.status, report.recipient), ("5.1.1", "nobody@contoso.com"))
        self.assert_refused(self.gateway, "nobody@contoso-com.tenant.example", 550, "5.1.10")

    def test_mail_both_ways_between_moved_and_unmoved_users(self):
        message = self.colleague_writes("gus@contoso.com", "bela@contoso.com")
        self.old.await_mail(message, to="gus@contoso.com", sender="alma@contoso.com")
        self.gateway.await_mail(message, to="bela@contoso.com", sender="alma@contoso.com")
        # Of moved users the old server's mailbox is a forwarder.
        message = self.old_colleague_writes("alma@contoso.com", "hana@contoso.com")
        arrived = self.gateway.await_mail(message, to="alma@contoso-com.tenant.example", sender="gus@contoso.com")
        self.assertEqual(arrived.hops, ["gateway.example", "mail.oldserver.example"])
        self.old.await_mail(message, to="hana@contoso.com", sender="gus@contoso.com")
        # And who has not moved is a contact: mail for the new address goes to the old one.
        message = self.colleague_writes("gus@contoso-com.tenant.example")
        self.old.await_mail(message, to="gus@contoso.com")
        self.net.settle()

    def test_all_that_leaves_the_old_server_leaves_through_the_new_system(self):
        message = self.old_colleague_writes(SOMEONE)
        arrived = self.internet.await_mail(message, to=SOMEONE, sender="gus@contoso.com")
        self.assertEqual(arrived.hops, ["internet.host.example", "gateway.example", "mail.oldserver.example"])
        self.assert_refused(self.gateway, SOMEONE, 554, "5.7.1", sender="gus@contoso.com")
        # A report of what fails comes back to the one who has not moved, and to the one who has.
        self.internet.refused.add("gone@example.net")
        self.old.await_report(self.old_colleague_writes("gone@example.net"))
        self.gateway.await_report(self.colleague_writes("gone@example.net"))

    def test_afterwards_everybody_is_here(self):
        self.use(AFTER)
        for message in (self.write(self.gateway, "gus@contoso.com"), self.old_colleague_writes("gus@contoso.com", sender="root@oldserver.example")):
            self.gateway.await_mail(message, to="gus@contoso.com")
        self.assert_refused(self.gateway, "nobody@contoso.com", 550, "5.1.10")
        # The old server is none of ours any more.
        message = compose(From="gus@contoso.com", To=SOMEONE)
        sent = self.offer(message, self.gateway, SOMEONE, by="old-server")
        self.assertEqual((sent.recipients[SOMEONE].code, sent.recipients[SOMEONE].enhanced), (554, "5.7.1"))

    def test_steps_of_each_phase_and_of_the_retirement(self):
        def export(kind, older, newer):
            """What changes: the last of the files."""
            shown = run("export", kind, "--from", self.example.plan(older), self.example.plan(newer)).stdout
            return shown.rpartition("==>")[2]

        def assert_order(text, *steps):
            places = [text.find(step) for step in steps]
            self.assertNotIn(-1, places, text)
            self.assertEqual(places, sorted(places), text)

        assert_order(
            export("exchange", BEFORE, DURING),
            "-DomainType InternalRelay", "New-InboundConnector -Name 'Old server'",
            "New-OutboundConnector -Name 'To the old server'",
            "-EmailAddresses @{Add='alma@contoso-com.tenant.example'}",
            "Set-RemoteMailbox -Identity 'gus@contoso-com.tenant.example' -RemoteRoutingAddress 'gus@contoso.com'",
            "-ForwardingSmtpAddress 'alma@contoso-com.tenant.example'",
        )  # fmt: skip
        assert_order(
            export("exchange", DURING, AFTER),
            "-ForwardingSmtpAddress $null", "Disable-RemoteMailbox -Identity 'gus@contoso-com.tenant.example'",
            "-EmailAddresses @{Remove='alma@contoso-com.tenant.example'}",
            "Remove-OutboundConnector -Identity 'To the old server'", "Remove-InboundConnector -Identity 'Old server'",
            "Set-AcceptedDomain -Identity 'contoso.com' -DomainType Authoritative",
        )  # fmt: skip
        # The old server may send for the domain for the time being.
        spf = 'contoso.com.\tIN\tTXT\t"v=spf1 mx ip4:198.51.100.40 include:spf.tenant.example{} ~all"'
        before, after = spf.format(" include:spf.oldserver.example"), spf.format("")
        assert_order(export("dns", BEFORE, DURING), "; add", "contoso.com.\tIN\tMX\t10 ", before)
        assert_order(export("dns", DURING, AFTER), "; change", f"; was: {before}\n{after}")

    # Mistakes: what `check` says, and what they do.

    def test_mistake_the_old_server_forwards_whom_the_new_system_sends_back(self):
        old, new = "gus@contoso.com", "gus@contoso-com.tenant.example"
        spoiled = self.example.adding("forwards.csv", f"{old}, {new}")
        at_old, at_new = (f"old server: {address}" for address in (old, new))
        self.assertEqual(
            spoiled.found(DURING),
            [f"forward-without-membership forwards.csv:6 {at_new} > this: {new} > {at_old} > {at_new}",
             f"forward-without-membership forwards.csv:6 {at_old} > {at_new} > this: {new} > {at_old}"],
        )  # fmt: skip
        self.assertNotIn("loop-free", spoiled.check(DURING)[1])
        self.assertTrue(spoiled.is_refused(DURING))
        # Both ways in, on the servers: the plan's limit stops it.
        self.use(DURING, spoiled.without_systems().with_limit(received=12))
        self.old.forwards[old] = [new]
        for message in (self.old_colleague_writes(old, sender="hana@contoso.com"), self.write(self.gateway, new)):
            home = self.old if message.sender == "hana@contoso.com" else self.internet
            report = home.await_report(message)
            self.assertEqual((report.status, report.recipient), ("5.4.6", new))
        self.gateway.await_event("refuse", recipient=new, code="554", enhanced="5.4.6")
        # With the limit that the plan has by itself, Postfix counts to 50 first, and gives up.
        self.use(DURING, spoiled.without_systems())
        self.old.forwards[old] = [new]
        report = self.internet.await_report(self.write(self.gateway, old))
        self.assertEqual((report.status, report.recipient), ("5.4.0", old))
        self.net.settle()

    def test_mistake_the_old_server_forwards_whom_the_new_system_does_not_know(self):
        old, new = "new@contoso.com", "new@contoso-com.tenant.example"
        spoiled = self.example.adding("forwards.csv", f"{old}, {new}")
        self.assertEqual(
            spoiled.found(DURING),
            [f"black-hole forwards.csv:6 old server: {old} > old server: {new} > this: {new} > unknown there"],
        )
        self.assertTrue(spoiled.is_refused(DURING))
        self.old.forwards[old] = [new]
        report = self.internet.await_report(self.write(self.gateway, old))
        self.assertEqual((report.status, report.recipient), ("5.1.10", new))

    def test_mistake_a_moved_user_whom_the_old_server_does_not_forward(self):
        row = "alma@contoso.com, alma@contoso-com.tenant.example\n"
        spoiled = self.example.replacing("forwards.csv", row, "")
        self.assertEqual(spoiled.found(DURING), ["black-hole people.csv:2 old server: alma@contoso.com > unknown there"])
        self.assertTrue(spoiled.is_refused(DURING))
        del self.old.forwards["alma@contoso.com"]
        sent = self.offer(compose(From="gus@contoso.com"), self.old, "alma@contoso.com", by="people of old-server")
        self.assertEqual(sent.recipients["alma@contoso.com"].enhanced, "5.1.1")

    def test_mistake_both_sides_internal_relay(self):
        kind = 'accepted-domain = [ {{ domain = "contoso.com", type = "{}" }} ]'
        spoiled = self.example.replacing(DURING, kind.format("authoritative"), kind.format("internal-relay"))
        nobody = "nobody-has-this-mailbox@contoso.com"
        (found,) = spoiled.found(DURING)
        self.assertRegex(found, rf"^mail-loop 2-during.toml:\d+ old server: {nobody} > this: {nobody} > old server: {nobody}$")
        self.assertTrue(spoiled.is_refused(DURING))
        self.use(DURING, spoiled.without_systems().with_limit(received=12))
        self.old.domains, self.old.shares = set(), {"contoso.com"}
        for message, home in ((self.old_colleague_writes(nobody), self.old), (self.write(self.gateway, nobody), self.internet)):
            self.assertEqual(home.await_report(message).status, "5.4.6")

    def test_mistake_authoritative_too_early(self):
        early = '\n[[accepted-domain]]\ndomain = "contoso.com"\ntype = "authoritative"'
        spoiled = self.example.adding(BEFORE, early)
        found = spoiled.found(BEFORE)
        self.assertIn("black-hole old-before.csv:2 internet > this: alma@contoso.com > unknown there", found)
        self.assertTrue(spoiled.is_refused(BEFORE))
        # `adding` puts it behind the systems, of which nothing is to be left.
        self.use(BEFORE, self.example.replacing(BEFORE, "[[accepted-domain]]", f"{early}\n\n[[accepted-domain]]").without_systems())
        self.assert_refused(self.gateway, "alma@contoso.com", 550, "5.1.10")
