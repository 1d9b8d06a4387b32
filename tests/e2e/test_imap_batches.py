"""Scenario 2: an IMAP source is moved to a tenant in batches; the source stays the mail exchanger until the last."""

import json

import plans
from gateway import Gateway, run
from scenario import Scenario

NAME = "imap-batches"
BEFORE, DURING, AFTER = "1-before.toml", "2-during.toml", "3-after.toml"
BATCH_1 = [f"{user}@fabrikam.com" for user in ("user1", "user3", "user5", "sales")]
BATCH_2 = [f"{user}@fabrikam.com" for user in ("user2", "user4", "user6", "support")]
BATCH_3 = [f"{user}@fabrikam.com" for user in ("user7", "user8", "user9")]


def at_tenant(address):
    """The other address of a mailbox, which the source forwards to."""
    return address.replace("@fabrikam.com", "@fabrikam.tenant.example")


class ImapBatches(Scenario):
    @classmethod
    def build(cls, net):
        cls.internet = net.internet()
        cls.source = net.host(
            "source", domains=["fabrikam.com", "*.cloud.fabrikam.com"], everybody=["*.cloud.fabrikam.com"],
            mailboxes=plans.mailboxes(NAME, "source.csv"),
            routes={"fabrikam.tenant.example": net.next_hop("gateway"), "*": net.next_hop("internet")},
            trusts=["gateway"], server_name="imap.source.example",
        )  # fmt: skip
        cls.gateway = net.add(Gateway(net, trusts=["source"]))
        cls.example = plans.Example(
            net, NAME, hosts={"imap.source.example": "source"}, networks={"192.0.2.143": ["source"]}
        )
        # Batch 2 on its own: its state, and its three tables.
        next_batch = (
            ('"batch-2"\nstate = "in-flight"', '"batch-2"\nstate = "migrated"'),
            ('"Migrated batch-2"              # nobody of it yet', '"Migrated batch-2"\nfile = "batch-2-group.csv"'),
            ('[[wave]]\nname = "batch-1"', '[[recipients]]\nfile = "batch-2-proxies.csv"\n\n[[wave]]\nname = "batch-1"'),
            ('{ file = "batch-1-forwards.csv" }', '{ file = "batch-1-forwards.csv" }, { file = "batch-2-forwards.csv" }'),
        )
        cls.next = cls.example
        for old, new in next_batch:
            cls.next = cls.next.replacing(DURING, old, new)

    def setUp(self):
        super().setUp()
        self.use(self.example, DURING, "batch-1-forwards.csv")

    def use(self, example, plan, *forwards):
        """A phase, here and at the source."""
        self.gateway.publish(example.plan(plan))
        self.source.forwards = plans.forwards(NAME, *forwards)

    def colleague_writes(self, *recipients, sender="user1@fabrikam.com"):
        """Somebody whose mailbox is here sends, from wherever they are."""
        return self.write(self.gateway, *recipients, sender=sender, tls=True, login=self.gateway.account(sender))

    def mailboxes_that_get(self, recipients):
        """Where a colleague's mail for each of them arrives: the addresses of those that are here."""
        message = self.colleague_writes(*recipients, sender="admin@fabrikam.tenant.example")
        self.net.settle()
        here = [arrived.delivered_to for arrived in self.gateway.inbox(message)]
        there = [arrived.delivered_to for arrived in self.source.inbox(message)]
        self.assertEqual(sorted(here + there), sorted(recipients))
        return here

    # What it shows.

    def test_a_colleague_reaches_everybody(self):
        message = self.colleague_writes(*BATCH_1[1:], *BATCH_2, *BATCH_3, "a@cloud.fabrikam.com", "b@c.d.cloud.fabrikam.com")
        for recipient in BATCH_1[1:]:
            self.assertEqual(self.gateway.await_mail(message, to=recipient).hops, ["gateway.example"])
        for recipient in [*BATCH_2, *BATCH_3]:
            # Through the connector, with the address unchanged.
            arrived = self.source.await_mail(message, to=recipient, sender="user1@fabrikam.com")
            self.assertEqual(arrived.hops, ["imap.source.example", "gateway.example"])
            self.gateway.await_event("route", recipient=recipient, action="relay", via="To the source")
        for recipient in ("a@cloud.fabrikam.com", "b@c.d.cloud.fabrikam.com"):
            self.source.await_mail(message, to=recipient)
            self.gateway.await_event("route", recipient=recipient, action="relay", via="Catch-all to the source")
        self.net.settle()
        self.assertEqual([len(host.inbox(message)) for host in (self.gateway, self.source)], [3, 9])

    def test_what_the_source_forwards_reaches_the_tenant(self):
        for recipient in BATCH_1[:3]:
            message = self.write(self.source, recipient)
            arrived = self.gateway.await_mail(message, to=at_tenant(recipient))
            self.assertEqual(arrived.hops, ["gateway.example", "imap.source.example"])
        # Sales is forwarded twice, for an archive gets a copy.
        message = self.write(self.source, "sales@fabrikam.com")
        self.gateway.await_mail(message, to="sales@fabrikam.tenant.example")
        self.source.await_mail(message, to="sales@archive.cloud.fabrikam.com")
        self.net.settle()
        self.assertEqual([len(host.inbox(message)) for host in (self.gateway, self.source)], [1, 1])

    def test_who_has_not_moved_stays_with_the_source(self):
        for recipient in (BATCH_2[0], BATCH_3[0]):
            self.assertEqual(self.source.await_mail(self.write(self.source, recipient)).delivered_to, recipient)
        message = self.colleague_writes("nobody@fabrikam.com", sender="user3@fabrikam.com")
        report = self.gateway.await_report(message)
        self.assertEqual((report.status, report.recipient), ("5.1.1", "nobody@fabrikam.com"))

    def test_each_batch_moves_exactly_its_own_users(self):
        everybody = [*BATCH_1, *BATCH_2, *BATCH_3]
        phases = (
            (self.example, BEFORE, [], []),
            (self.example, DURING, ["batch-1-forwards.csv"], BATCH_1),
            (self.next, DURING, ["batch-1-forwards.csv", "batch-2-forwards.csv"], BATCH_1 + BATCH_2),
            (self.example, AFTER, [], everybody),
        )
        before = None
        for example, plan, forwards, here in phases:
            with self.subTest(plan=plan, here=here):
                self.assertEqual(example.found(plan), [])
                self.use(example, plan, *forwards)
                self.assertEqual(sorted(self.mailboxes_that_get(everybody)), sorted(here))
                # And before anybody sends, `diff` says so.
                if before:
                    moved = [who for who in here if who not in before[1]]
                    self.assertEqual(sorted(_moved_here(before[0], example.plan(plan))), sorted(moved))
                before = example.plan(plan), here

    def test_after_the_cut_over_everybody_is_here(self):
        self.use(self.example, AFTER)
        for recipient in ("user1@fabrikam.com", "user9@fabrikam.com", "postmaster@fabrikam.com"):
            self.assertEqual(self.gateway.await_mail(self.write(self.gateway, recipient)).delivered_to, recipient)
        # Unknown; and the other addresses are gone, as the catch-all is.
        for recipient in ("nobody@fabrikam.com", "user1@fabrikam.tenant.example"):
            self.assert_refused(self.gateway, recipient, 550, "5.1.10")
        self.assert_refused(self.gateway, "a@cloud.fabrikam.com", 554, "5.7.1")

    # Mistakes: what `check` says, and what they do.

    def test_mistake_leftovers_of_a_retired_batch(self):
        wave = 'name = "batch-1"\nstate = "{}"'
        spoiled = self.example.replacing(DURING, wave.format("migrated"), wave.format("retired"))
        # Five forwards, since Sales has two, four rows of the group, four other addresses.
        tables = (("forwards", range(2, 7)), ("group", range(2, 6)), ("proxies", range(2, 6)))
        leftovers = [f"wave-leftover batch-1-{table}.csv:{line}" for table, lines in tables for line in lines]
        self.assertEqual(spoiled.found(DURING), leftovers)
        # The other addresses are taken away, and the forwards are forgotten.
        self.use(self.example, AFTER, "batch-1-forwards.csv")
        report = self.internet.await_report(self.write(self.source, "user1@fabrikam.com"))
        self.assertEqual((report.status, report.recipient), ("5.1.10", "user1@fabrikam.tenant.example"))

    def test_mistake_a_forward_without_membership(self):
        row = "Migrated batch-1, user3@fabrikam.com\n"
        spoiled = self.example.replacing("batch-1-group.csv", row, "")
        self.assertEqual(
            spoiled.found(DURING),
            ["forward-without-membership batch-1-forwards.csv:3 this: user3@fabrikam.com > source: user3@fabrikam.com"
             " > this: user3@fabrikam.tenant.example"],
        )  # fmt: skip
        self.assertTrue(spoiled.is_refused(DURING))
        # The witness: a colleague's mail goes round by the source, to the other address.
        self.gateway.publish(spoiled.without_systems().plan(DURING))
        message = self.colleague_writes("user3@fabrikam.com")
        arrived = self.gateway.await_mail(message, to="user3@fabrikam.tenant.example")
        self.assertEqual(arrived.hops, ["gateway.example", "imap.source.example", "gateway.example"])

    def test_mistake_a_forward_for_a_batch_that_has_no_other_addresses_yet(self):
        row = "user2@fabrikam.com, user2@fabrikam.tenant.example"
        spoiled = self.example.adding("batch-1-forwards.csv", row)
        (found, *_) = spoiled.found(DURING)
        self.assertRegex(found, r"^black-hole \S+ .*source: user2@fabrikam.com > .* > unknown there$")
        self.assertTrue(spoiled.is_refused(DURING))
        self.source.forwards["user2@fabrikam.com"] = ["user2@fabrikam.tenant.example"]
        report = self.internet.await_report(self.write(self.source, "user2@fabrikam.com"))
        self.assertEqual((report.status, report.recipient), ("5.1.10", "user2@fabrikam.tenant.example"))

    def test_mistake_a_validation_address_that_has_moved(self):
        spoiled = self.example.replacing(DURING, '"user9@', '"user1@')
        (found,) = spoiled.found(DURING)
        self.assertRegex(found, r"^misplaced-validation-address 2-during.toml:\d+$")
        self.assertTrue(spoiled.is_refused(DURING))
        # What is sent to try the connector does not pass it.
        for address, at in (("user9@fabrikam.com", self.source), ("user1@fabrikam.com", self.gateway)):
            at.await_mail(self.colleague_writes(address, sender="admin@fabrikam.tenant.example"), to=address)


def _moved_here(before, after):
    """Recipients of any batch of whom `diff` says that their mail is delivered here from now on."""
    found = json.loads(run("diff", before, after, "--format", "json").stdout)["recipients"]
    return [
        each["recipient"] for each in found if each["wave"] and each["from"]["inside"]["new"]["action"] == "deliver"
    ]
