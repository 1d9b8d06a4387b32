"""Scenario 1: the old host takes no second domain; a group says who has moved, a rule sends all others there."""

import threading

import mail
import plans
from gateway import Gateway
from process import eventually
from scenario import Scenario

NAME = "no-routing-domain"
BEFORE, DURING, AFTER = "1-before.toml", "2-during.toml", "3-after.toml"
SCL = "X-MS-Exchange-Organization-SCL"
OUTSIDER = "olivia@example.org"
ADMIN = "admin@contoso.tenant.example"


class NoRoutingDomain(Scenario):
    @classmethod
    def build(cls, net):
        cls.internet = net.internet()
        cls.old = net.host(
            "old-host", domains=["contoso.com"], mailboxes=plans.mailboxes(NAME, "old-host.csv"),
            routes={"contoso.tenant.example": net.next_hop("gateway"), "*": net.next_hop("internet")},
            trusts=["gateway"], server_name="mail.oldhost.example",
        )  # fmt: skip
        cls.gateway = net.add(Gateway(net, trusts=["old-host"]))
        cls.example = plans.Example(
            net, NAME, hosts={"mail.oldhost.example": "old-host"}, networks={"192.0.2.16/28": ["old-host"]}
        )

    def setUp(self):
        super().setUp()
        self.old.forwards = plans.forwards(NAME, "forwards.csv")
        self.gateway.missing = set()
        self.gateway.publish(self.example.plan(DURING))

    # What it shows.

    def test_before_all_are_at_the_old_host(self):
        self.old.forwards = {}
        self.gateway.publish(self.example.plan(BEFORE))
        login = self.gateway.account(ADMIN)
        for how in ({}, {"sender": ADMIN, "login": login, "tls": True}):
            arrived = self.old.await_mail(self.write(self.gateway, "ann@contoso.com", **how))
            self.assertEqual((arrived.delivered_to, arrived.all(SCL)), ("ann@contoso.com", ["-1"]))
        message = self.write(self.gateway, OUTSIDER, sender=ADMIN, login=login, tls=True)
        self.assertEqual(self.internet.await_mail(message).return_path, ADMIN)

    def test_members_are_here_and_all_others_at_the_old_host(self):
        here, there = ["ann@contoso.com", "boris@contoso.com"], ["eva@contoso.com", "paul@contoso.com"]
        for recipient in here:
            message = self.write(self.gateway, recipient)
            arrived = self.gateway.await_mail(message, to=recipient, sender=message.sender)
            self.assertEqual((arrived.hops, arrived.all(SCL)), (["gateway.example"], []))
            self.assertEqual(arrived.as_sent(), message.octets)
            self.gateway.await_event("route", recipient=recipient, action="deliver", path=recipient)
        for recipient in there:
            message = self.write(self.gateway, recipient)
            arrived = self.old.await_mail(message, to=recipient, sender=message.sender)
            self.assertEqual((arrived.hops, arrived.all(SCL)), (["mail.oldhost.example", "gateway.example"], ["-1"]))
            self.gateway.await_event(
                "route", recipient=recipient, action="relay", path=recipient, via="To the old host",
                generation=self.gateway.generation[:12],
            )  # fmt: skip
        # In one message, each gets a copy in the right place, and nobody a second one.
        message = self.write(self.gateway, *here, *there)
        for host, recipients in ((self.gateway, here), (self.old, there)):
            for recipient in recipients:
                host.await_mail(message, to=recipient)
        self.net.settle()
        self.assertEqual([len(host.inbox(message)) for host in (self.gateway, self.old)], [2, 2])
        # They share their fields. What the rule sets for two of them would let a stranger past the filter to all, so
        # nobody gets it, and the log says so.
        for arrived in self.gateway.inbox(message) + self.old.inbox(message):
            self.assertEqual(arrived.all(SCL), [])
        self.gateway.await_event("headers-withheld", queue=arrived.id_at("gateway.example"), field=SCL)

    def test_a_rule_that_cannot_be_asked_is_passed_over(self):
        # Nobody can say whose message it is, and it goes its way.
        message = mail.compose(sender=mail.somebody(), From="Olivia <olivia@example.org", To="eva@contoso.com")
        self.send(message, self.gateway, "eva@contoso.com")
        self.assertEqual(self.old.await_mail(message).all(SCL), ["-1"])

    def test_who_is_unknown_is_for_the_old_host_to_say(self):
        message = self.write(self.gateway, "nobody@contoso.com")
        report = self.internet.await_report(message)
        self.assertEqual((report.status, report.recipient), ("5.1.1", "nobody@contoso.com"))
        self.assertIn("mail.oldhost.example", report.diagnostic + report.delivered.octets.decode())

    def test_what_the_old_host_forwards_reaches_its_member(self):
        message = self.write(self.old, "dmitri@contoso.com")
        arrived = self.gateway.await_mail(message, to="dmitri@contoso.tenant.example", sender=message.sender)
        # By the second rule: the old host has looked for spam already.
        self.assertEqual((arrived.hops, arrived.all(SCL)), (["gateway.example", "mail.oldhost.example"], ["-1"]))

    def test_strangers_set_no_confidence_level_and_do_not_relay(self):
        message = self.write(self.gateway, "ann@contoso.com", fields={SCL: "-1", "X-Own": "stays"})
        arrived = self.gateway.await_mail(message)
        self.assertEqual((arrived.all(SCL), arrived.all("X-Own")), ([], ["stays"]))
        self.gateway.await_event("remove", field=SCL, by="firewall")
        self.assert_refused(self.gateway, "someone@example.net", 554, "5.7.1", sender="ann@contoso.com")

    def test_who_joins_the_group_gets_the_next_message_here_and_none_is_lost(self):
        processes = self.gateway.processes()
        messages, failures, stop = [], [], threading.Event()

        def keep_writing():
            with mail.Session(self.gateway.address, source=self.net.address("stranger")) as session:
                while not stop.is_set():
                    message = mail.compose(From=mail.somebody(), To="eva@contoso.com")
                    sent = session.send(message, message.sender, ["eva@contoso.com"])
                    (messages if sent.taken else failures).append(message)

        def more(count):
            wanted = len(messages) + count
            eventually(lambda: len(messages) >= wanted, lambda: f"{len(messages)} messages", 60)

        writer = threading.Thread(target=keep_writing, daemon=True)
        writer.start()
        try:
            more(20)
            moved = self.example.adding("migrated-users.csv", "Migrated Users, eva@contoso.com").adding(
                "forwards.csv", "eva@contoso.com, eva@contoso.tenant.example"
            )
            self.gateway.publish(moved.plan(DURING))
            after = self.write(self.gateway, "eva@contoso.com")
            more(20)
            self.old.forwards["eva@contoso.com"] = ["eva@contoso.tenant.example"]
        finally:
            stop.set()
            writer.join()
        self.assertEqual(self.gateway.await_mail(after, to="eva@contoso.com").hops, ["gateway.example"])
        self.net.settle()
        copies = [(len(self.old.inbox(each)), len(self.gateway.inbox(each))) for each in messages]
        self.assertEqual(failures, [])
        self.assertEqual({sum(each) for each in copies}, {1})
        self.assertEqual((copies[0], copies[-1]), ((1, 0), (0, 1)))
        self.assertEqual(self.gateway.processes(), processes)

    def test_afterwards_all_are_here(self):
        self.old.forwards = {}
        self.gateway.publish(self.example.plan(AFTER))
        for recipient in ("ann@contoso.com", "paul@contoso.com"):
            arrived = self.gateway.await_mail(self.write(self.gateway, recipient), to=recipient)
            self.assertEqual((arrived.hops, arrived.all(SCL)), (["gateway.example"], []))
        self.assert_refused(self.gateway, "nobody@contoso.com", 550, "5.1.10")

    # Mistakes: what `check` says, and what they do.

    def test_mistake_a_forward_without_membership(self):
        forward = "eva@contoso.com, eva@contoso.tenant.example"
        spoiled = self.example.adding("forwards.csv", forward)
        self.assertEqual(
            spoiled.found(DURING),
            ["forward-without-membership forwards.csv:6 this: eva@contoso.com > old host: eva@contoso.com > this: eva@contoso.tenant.example"],
        )  # fmt: skip
        self.assertTrue(spoiled.is_refused(DURING))
        # The witness, on the servers: the wrong mailbox gets it, the one that is still being filled.
        self.old.forwards["eva@contoso.com"] = ["eva@contoso.tenant.example"]
        message = self.write(self.gateway, "eva@contoso.com")
        arrived = self.gateway.await_mail(message, to="eva@contoso.tenant.example")
        self.assertEqual(arrived.hops, ["gateway.example", "mail.oldhost.example", "gateway.example"])

    def test_mistake_a_forward_without_membership_that_loops(self):
        forward = "eva@contoso.com, eva@contoso.tenant.example"
        spoiled = self.example.adding("forwards.csv", forward).replacing(
            DURING, ', recipient-domain = "contoso.com"', ""
        )
        self.assertIn(
            "forward-without-membership forwards.csv:6 old host: eva@contoso.com > old host: eva@contoso.tenant.example"
            " > this: eva@contoso.tenant.example > old host: eva@contoso.tenant.example",
            spoiled.found(DURING),
        )
        self.assertNotIn("loop-free", spoiled.check(DURING)[1])
        self.assertTrue(spoiled.is_refused(DURING))
        self.old.forwards["eva@contoso.com"] = ["eva@contoso.tenant.example"]
        self.gateway.publish(spoiled.without_systems().with_limit(received=10).plan(DURING))
        message = self.write(self.old, "eva@contoso.com")
        report = self.internet.await_report(message)
        self.assertEqual((report.status, report.recipient), ("5.4.6", "eva@contoso.tenant.example"))
        # In at the old host, and then a Received field for each hop, until there are more than ten.
        refused = self.gateway.await_event("refuse", code="554", enhanced="5.4.6")
        self.assertEqual(refused["recipient"], "eva@contoso.tenant.example")
        self.net.settle()
        self.assertEqual([self.gateway.inbox(message), self.old.inbox(message)], [[], []])

    def test_mistake_a_member_without_mailbox(self):
        # The group says that Paul has moved; so does the list of mailboxes, until somebody looks.
        moved = self.example.adding("migrated-users.csv", "Migrated Users, paul@contoso.com").adding(
            "forwards.csv", "paul@contoso.com, paul@contoso.tenant.example"
        )
        self.assertIn(
            "membership-without-mailbox old-host.csv:12 internet > this: paul@contoso.com > no route",
            moved.found(DURING),
        )
        self.assertTrue(moved.is_refused(DURING))
        believed = moved.adding("mailboxes.csv", "paul@contoso.com, paul@contoso.tenant.example")
        self.gateway.publish(believed.plan(DURING))
        self.gateway.missing = {"paul@contoso.com"}
        report = self.internet.await_report(self.write(self.gateway, "paul@contoso.com"))
        self.assertEqual((report.status, report.recipient), ("5.1.1", "paul@contoso.com"))

    def test_mistake_a_forward_to_a_mailbox_that_is_not_there_yet(self):
        spoiled = self.example.adding("forwards.csv", "paul@contoso.com, paul@contoso.tenant.example")
        self.assertEqual(
            spoiled.found(DURING),
            ["black-hole old-host.csv:12 old host: paul@contoso.com > old host: paul@contoso.tenant.example"
             " > this: paul@contoso.tenant.example > unknown there"],
        )  # fmt: skip
        self.assertTrue(spoiled.is_refused(DURING))
        self.old.forwards["paul@contoso.com"] = ["paul@contoso.tenant.example"]
        report = self.internet.await_report(self.write(self.old, "paul@contoso.com"))
        self.assertEqual((report.status, report.recipient), ("5.1.10", "paul@contoso.tenant.example"))

    def test_mistake_a_member_whom_the_old_host_does_not_forward(self):
        row = "carla@contoso.com, carla@contoso.tenant.example\n"
        spoiled = self.example.replacing("forwards.csv", row, "")
        self.assertEqual(spoiled.found(DURING), ["moved-without-forward migrated-users.csv:4"])
        # From one colleague to another: into the mailbox that nobody reads any more.
        del self.old.forwards["carla@contoso.com"]
        message = self.write(self.old, "carla@contoso.com", sender="paul@contoso.com", by="people of old-host")
        self.old.await_mail(message, to="carla@contoso.com")

    def test_mistake_a_validation_address_on_the_wrong_side(self):
        def tried(example):
            """The address that the connector is tried with."""
            text = example.plan(DURING).read_text()
            return text.partition('validation-address = "')[2].partition('"')[0]

        spoiled = self.example.replacing(DURING, "olga@contoso.com", "ann@contoso.com")
        (found,) = spoiled.found(DURING)
        self.assertRegex(found, r"^misplaced-validation-address 2-during.toml:\d+$")
        self.assertTrue(spoiled.is_refused(DURING))
        # What is sent to try the connector does not pass it.
        for example, at in ((self.example, self.old), (spoiled, self.gateway)):
            at.await_mail(self.write(self.gateway, tried(example)), to=tried(example))
