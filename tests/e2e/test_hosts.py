"""The harness by itself, without a gateway: mail flows, forwards and is refused between plain systems."""

from mail import compose
from scenario import Scenario

OUTSIDER = "olivia@example.org"


class Hosts(Scenario):
    """An old host with a forward to a new one, which sends all it does not have to the internet."""

    @classmethod
    def build(cls, net):
        cls.internet = net.internet()
        cls.new = net.host(
            "new", domains=["new.example", "*.catch.example"], mailboxes=["ann@new.example"], everybody=["*.catch.example"],
            routes={"*": net.next_hop("internet")}, trusts=["old"], server_name="mx.new.example",
        )  # fmt: skip
        cls.old = net.host(
            "old", domains=["old.example"], mailboxes=["bob@old.example"],
            forwards={"ann@old.example": ["ann@new.example"],
                      "all@old.example": ["ann@new.example", "bob@old.example", OUTSIDER]},
            routes={"new.example": net.next_hop("new"), "*.catch.example": net.next_hop("new"), "*": net.next_hop("internet")},
            server_name="mx.old.example", settings={"hopcount_limit": 5},
        )  # fmt: skip

    def test_mail_is_delivered_as_it_was_sent(self):
        message = compose(From=OUTSIDER, To="Bob <bob@old.example>", body="one\n.\n..two\n\n")
        self.send(message, self.old, "bob@old.example")
        arrived = self.old.await_mail(message, to="bob@old.example", sender=OUTSIDER)
        self.assertEqual(arrived.as_sent(), message.octets)
        self.assertEqual(arrived.one("To"), "Bob <bob@old.example>")
        self.assertEqual(arrived.hops, ["mx.old.example"])

    def test_forwards_fan_out(self):
        message = compose(From=OUTSIDER, To="all@old.example")
        self.send(message, self.old, "all@old.example")
        at_new = self.new.await_mail(message, to="ann@new.example", sender=OUTSIDER)
        self.assertEqual(at_new.hops, ["mx.new.example", "mx.old.example"])
        self.assertEqual(self.old.await_mail(message).original_to, "all@old.example")
        self.internet.await_mail(message, to=OUTSIDER)
        self.net.settle()
        self.assertEqual([len(host.inbox(message)) for host in (self.new, self.old, self.internet)], [1, 1, 1])

    def test_a_forward_that_is_added_counts_at_once(self):
        self.addCleanup(self.old.forwards.pop, "bob@old.example")
        for target in ("ann@new.example", "x@any.catch.example"):
            self.old.forwards["bob@old.example"] = [target]
            message = compose(From=OUTSIDER, To="bob@old.example")
            self.send(message, self.old, "bob@old.example")
            self.new.await_mail(message, to=target)

    def test_who_is_unknown_is_refused(self):
        sent = self.offer(compose(From=OUTSIDER), self.old, ["nobody@old.example", "bob+x@old.example"])
        self.assertEqual((sent.recipients["nobody@old.example"].code, sent.message.code), (550, 250))
        self.internet.refused.add("gone@example.net")
        message = compose(From="bob@old.example", To="gone@example.net")
        self.send(message, self.old, "gone@example.net", by="people of old")
        report = self.old.await_report(message)
        self.assertEqual((report.status, report.recipient), ("5.1.1", "gone@example.net"))

    def test_strangers_do_not_relay(self):
        for by, code in (("stranger", 554), ("old", 250), ("people of new", 250)):
            sent = self.offer(compose(From=OUTSIDER), self.new, "someone@example.net", by)
            self.assertEqual(sent.recipients["someone@example.net"].code, code, by)

    def test_systems_know_each_other_by_certificates(self):
        message = compose(From="bob@old.example", To="ann@new.example")
        self.send(message, self.old, "ann@new.example", by="people of old")
        arrived = self.new.await_mail(message)
        self.assertIn('(Client CN "mx.old.example", Issuer "authority.example" (verified OK))', arrived.all("Received")[0])

    def test_hops_are_counted(self):
        received = ["from a.example by b.example; Tue, 18 Nov 2025 09:12:44 +0100"] * 6
        sent = self.offer(compose(From=OUTSIDER, Received=received), self.old, "bob@old.example")
        self.assertEqual((sent.message.code, sent.message.enhanced), (554, "5.4.0"))
