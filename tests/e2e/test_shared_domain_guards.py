"""Scenario 3: whom the edge takes for one of ours, that nobody else relays, and that the ways to the tenants are
encrypted."""

import itertools

import mail
from certificates import Authority
from gateway import OPEN_PORT, run
from mail import Session, compose
from shared_domain import JOHN, MARY, PLAN, SOMEONE, SharedDomain

INTERNET = '[[listener]]\nname = "Internet"\n'
OURS = "john@contoso.com", MARY
OUTSIDE = SOMEONE, "other@example.org"


class Guards(SharedDomain):
    @classmethod
    def build(cls, net):
        super().build(net)
        cls.forged = Authority(net.folder / "forged", "forged.example").certificate("mail.tenant1.example")

    def strangers(self):
        """Who lacks address, encryption or certificate: the address's system, and the certificate."""
        certificate = self.net.authority.certificate
        return {
            "from another address": ("stranger", certificate("mail.tenant1.example")),
            "not encrypted": ("tenant1", None),
            "without a certificate": ("tenant1", True),
            "with another's certificate": ("tenant1", certificate("mail.tenant2.example")),
            "with a certificate of nobody's": ("tenant1", self.forged),
            "with nothing at all": ("stranger", None),
        }

    def test_who_lacks_address_encryption_or_certificate_is_a_stranger(self):
        for lack, (by, tls) in self.strangers().items():
            with self.subTest(lack):
                # By the plan alone: Postfix would relay for anybody there.
                message = compose(From=JOHN, To=f"mary@contoso.com, {SOMEONE}")
                sent = self.offer(message, self.gateway, ["mary@contoso.com", SOMEONE], by, tls=tls, port=OPEN_PORT)
                reply = sent.recipients[SOMEONE]
                self.assertEqual((reply.code, reply.enhanced), (554, "5.7.1"))
                # Mary gets it, as she would get anybody's mail; and John has not become john@contoso.com by it.
                self.assertEqual(self.tenant2.await_mail(message, to=MARY).return_path, JOHN)
                self.gateway.await_event("refuse", recipient=SOMEONE, code="554", enhanced="5.7.1")
        # The one who has all three.
        by, tls = "tenant1", self.net.authority.certificate("mail.tenant1.example")
        message = self.send(compose(From=JOHN, To=SOMEONE), self.gateway, SOMEONE, by, tls=tls, port=OPEN_PORT)
        self.internet.await_mail(message, sender="john@contoso.com")

    def test_anonymous_relay_is_impossible_whoever_else_gets_the_message(self):
        lists = [names for count in (1, 2, 3) for names in itertools.permutations(OURS + OUTSIDE, count)]
        self.assertEqual(len(lists), 40)
        expected = {self.tenant1: 0, self.tenant2: 0}
        before = {host: len(host.inbox()) for host in expected}
        outside = len(self.internet.inbox())
        for by, tls in (self.strangers()[lack] for lack in ("with nothing at all", "without a certificate")):
            for sender in ("olivia@example.org", JOHN, "john@contoso.com", ""):
                with Session(self.gateway.address, source=self.net.address(by), port=OPEN_PORT, tls=tls) as session:
                    for names in lists:
                        message = compose(sender=sender, From=sender or "olivia@example.org", To=", ".join(names))
                        sent = session.send(message, sender, names)
                        codes = {name: reply.code for name, reply in sent.recipients.items()}
                        self.assertEqual(codes, {name: 250 if name in OURS else 554 for name in names}, str(sent))
                        self.assertEqual(sent.taken, bool(set(names) & set(OURS)))
                        expected[self.tenant1] += OURS[0] in names
                        expected[self.tenant2] += OURS[1] in names
        self.net.settle()
        self.assertEqual({host: len(host.inbox()) - before[host] for host in expected}, expected)
        self.assertEqual(len(self.internet.inbox()), outside)

    def test_postfix_is_a_second_guard(self):
        self.assert_refused(self.gateway, SOMEONE, 554, "5.7.1", sender=JOHN)

    def test_what_comes_from_outside_and_goes_outside_is_dropped(self):
        # Somebody else's mail at the tenants' provider: it has its addresses, and its certificate.
        message = self.tenant_sends(JOHN, "mary@contoso.com", SOMEONE, envelope="bob@elsewhere.example")
        arrived = self.tenant2.await_mail(message, to=MARY)
        dropped = self.gateway.await_event("route", queue=arrived.id_at("gateway.example"), recipient=SOMEONE)
        self.assertEqual(dropped["action"], "drop")
        self.net.settle()
        self.assertEqual(self.internet.inbox(message), [])

    def test_who_is_unknown_is_refused(self):
        self.assert_refused(self.gateway, "nobody@contoso.com", 550, "5.1.10")

    def test_mail_waits_for_a_tenant_that_is_not_who_it_should_be(self):
        # Somebody answers for the tenant who has no certificate of its name.
        names = self.net.names.addresses
        names["mx.tenant1.example"] = self.appliance.address
        message = self.write(self.gateway, "john@contoso.com")
        self.gateway.await_log(r"to=<john@tenant1\.contoso\.com>.*status=deferred \(Server certificate not verified\)")
        names["mx.tenant1.example"] = self.tenant1.address
        self.tenant1.await_mail(message, to=JOHN)

    def test_records_for_all_three_domains(self):
        records = run("export", "dns", self.example.plan(PLAN)).stdout
        for domain in ("contoso.com", "tenant1.contoso.com", "tenant2.contoso.com"):
            self.assertIn(f'\n{domain}.\tIN\tTXT\t"v=spf1 mx ip4:198.51.100.25 include:spf.provider.example ~all"\n', records)
        self.assertIn("\ncontoso.com.\tIN\tMX\t10 ", records)

    # Mistakes: what `check` says, and what they do.

    def test_mistake_a_relay_hole_by_any_recipient(self):
        condition = 'when = { recipient-domain = ["contoso.com", "tenant1.contoso.com", "tenant2.contoso.com"] }'
        hole = condition.replace("recipient-domain", "any-recipient-domain")
        open_to_all = self.example.replacing(PLAN, INTERNET, f"{INTERNET}anonymous-relay = true\n")
        self.assertEqual(open_to_all.found(PLAN), [])
        spoiled = open_to_all.replacing(PLAN, condition, hole)
        (found,) = spoiled.found(PLAN)
        self.assertRegex(
            found,
            r"^relay-hole plan.toml:\d+ internet > from .* > to nobody-has-this-mailbox@outside.invalid"
            r" > and nobody-has-this-mailbox@contoso.com$",
        )
        self.assertTrue(spoiled.is_refused(PLAN))
        # The rules alone guard, and do.
        self.gateway.publish(open_to_all.plan(PLAN))
        mixed = ["mary@contoso.com", SOMEONE]
        message = compose(From=mail.somebody(), To=", ".join(mixed))
        self.send(message, self.gateway, mixed, port=OPEN_PORT)
        self.tenant2.await_mail(message, to=MARY)
        self.net.settle()
        self.assertEqual(self.internet.inbox(message), [])
        # The witness. What asks about a field is not followed by `check`, which proves nothing then, and says so.
        unseen = open_to_all.replacing(PLAN, condition, hole.replace(" }", ', header = { Subject = "Hole" } }'))
        self.assertNotIn("no-open-relay", unseen.check(PLAN)[1])
        self.gateway.publish(unseen.plan(PLAN))
        message = compose(From=mail.somebody(), To=", ".join(mixed), Subject="Hole")
        self.send(message, self.gateway, mixed, port=OPEN_PORT)
        self.internet.await_mail(message, to=SOMEONE)
        alone = compose(From=mail.somebody(), To=SOMEONE, Subject="Hole")
        self.send(alone, self.gateway, SOMEONE, port=OPEN_PORT)
        self.net.settle()
        self.assertEqual(self.internet.inbox(alone), [])

    def test_mistake_a_listener_that_trusts_everybody(self):
        spoiled = self.example.replacing(PLAN, INTERNET, f"{INTERNET}trusted = true\n")
        (found,) = spoiled.found(PLAN)
        self.assertRegex(found, r"^open-relay plan.toml:\d+$")
        self.assertTrue(spoiled.is_refused(PLAN))
        # Half the world may be somebody's network, for all that `check` knows.
        half = spoiled.replacing(PLAN, INTERNET, INTERNET + 'client-ip = ["0.0.0.0/1"]\n')
        self.gateway.publish(half.plan(PLAN))
        message = compose(From=JOHN, To=SOMEONE)
        self.send(message, self.gateway, SOMEONE, port=OPEN_PORT)
        self.internet.await_mail(message, sender="john@contoso.com")

    def test_mistake_two_way_domain_entries_of_both_tenants(self):
        def entries(direction):
            return [
                f'[[rewrite.entry]]\ninternal = "{tenant}.contoso.com"\nexternal = "contoso.com"\ndirection = "{direction}"'
                for tenant in ("tenant1", "tenant2")
            ]

        spoiled = self.example.adding(PLAN, *entries("both"))
        (found,) = spoiled.found(PLAN)
        self.assertRegex(found, r"^not-invertible plan.toml:\d+ tenant1.contoso.com > tenant2.contoso.com$")
        self.assertTrue(spoiled.is_refused(PLAN))
        # One way they are fine: who has no entry leaves as contoso.com, and gets no answer.
        self.gateway.publish(self.example.adding(PLAN, *entries("outbound")).plan(PLAN))
        self.internet.await_mail(self.tenant_sends("temp@tenant1.contoso.com", SOMEONE), sender="temp@contoso.com")
        self.assert_refused(self.gateway, "temp@contoso.com", 550, "5.1.10")
