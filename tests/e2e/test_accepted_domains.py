"""Scenario 4: one gateway, three types of accepted domain, and remote mailboxes."""

import plans
from gateway import Gateway
from scenario import Scenario

NAME, PLAN = "accepted-domains", "plan.toml"


class AcceptedDomains(Scenario):
    @classmethod
    def build(cls, net):
        cls.internet = net.internet()
        cls.branch = net.host(
            "branch", domains=["fabrikam.com"], mailboxes=plans.mailboxes(NAME, "branch.csv"),
            routes={"*": net.next_hop("gateway")}, trusts=["gateway"], server_name="mail.branch.example",
        )  # fmt: skip
        cls.subsidiary = net.host(
            "subsidiary", domains=["subsidiary.example"], mailboxes=plans.mailboxes(NAME, "subsidiary.csv"),
            routes={"*": net.next_hop("gateway")}, server_name="mail.subsidiary.example",
        )  # fmt: skip
        cls.tenant = net.host(
            "tenant", domains=["contoso.mail.tenant.example"], shares=["contoso.com"],
            mailboxes={address for addresses in plans.forwards(NAME, "tenant.csv").values() for address in addresses},
            routes={"*": net.next_hop("gateway")}, trusts=["gateway"], server_name="contoso.mx.tenant.example",
        )  # fmt: skip
        cls.gateway = net.add(Gateway(net, trusts=["branch", "subsidiary", "tenant"]))
        cls.example = plans.Example(
            net, NAME,
            # The first smart host of the branch office is down.
            hosts={"mail.branch.example": "a branch that is down", "192.0.2.41": "branch",
                   "mail.subsidiary.example": "subsidiary", "contoso.mx.tenant.example": "tenant"},
            networks={"192.0.2.0/24": ["branch", "subsidiary", "tenant"], "192.0.2.40/30": ["branch"],
                      "192.0.2.48/30": ["subsidiary"], "192.0.2.128/25": ["tenant"]},
        )  # fmt: skip

    def setUp(self):
        super().setUp()
        self.branch.domains, self.branch.shares = {"fabrikam.com"}, set()
        self.branch.forwards = plans.forwards(NAME, "branch-forwards.csv")
        # Whom the tenant has, it knows by both addresses.
        self.tenant.forwards = plans.forwards(NAME, "tenant.csv")
        self.gateway.publish(self.example.plan(PLAN))

    # What it shows.

    def test_authoritative(self):
        for recipient in ("nora@contoso.com", "Nora+q4@contoso.com"):
            arrived = self.gateway.await_mail(self.write(self.gateway, recipient))
            self.assertEqual(arrived.delivered_to, recipient)
        self.assert_refused(self.gateway, "nobody@contoso.com", 550, "5.1.10")

    def test_a_remote_mailbox_gets_its_mail_under_its_routing_address(self):
        for recipient, routing in (
            ("quinn@contoso.com", "quinn@contoso.mail.tenant.example"),
            ("Quinn+q4@contoso.com", "quinn+q4@contoso.mail.tenant.example"),
        ):
            message = self.write(self.gateway, recipient)
            arrived = self.tenant.await_mail(message, to=routing, sender=message.sender)
            # For everybody who reads it, it is for Quinn.
            self.assertEqual(arrived.as_sent(), message.octets)
            self.gateway.await_event("route", recipient=recipient, action="relay", path=routing, via="To the tenant")
        self.gateway.await_log(r"Verified TLS connection established to contoso\.mx\.tenant\.example")

    def test_a_remote_mailbox_that_is_gone_is_reported_by_the_address_that_was_written_to(self):
        self.tenant.refused.add("rosa@contoso.mail.tenant.example")
        self.addCleanup(self.tenant.refused.clear)
        report = self.internet.await_report(self.write(self.gateway, "rosa@contoso.com"))
        self.assertEqual((report.status, report.original), ("5.1.1", "rosa@contoso.com"))

    def test_internal_relay(self):
        self.gateway.await_mail(self.write(self.gateway, "tess@fabrikam.com"), to="tess@fabrikam.com")
        # By the second smart host, since the first does not answer.
        message = self.write(self.gateway, "vera@fabrikam.com")
        self.branch.await_mail(message, to="vera@fabrikam.com", sender=message.sender)
        self.assertEqual(
            self.gateway.lookups("transport", "vera@fabrikam.com")[-1],
            f"OK smtp:[mail.branch.example]:2525,[{self.branch.address}]:2525",
        )
        # Unknown here is not unknown: that is for the branch office to say.
        report = self.internet.await_report(self.write(self.gateway, "nobody@fabrikam.com"))
        self.assertEqual((report.status, report.recipient), ("5.1.1", "nobody@fabrikam.com"))

    def test_external_relay(self):
        self.subsidiary.await_mail(self.write(self.gateway, "yara@subsidiary.example"), to="yara@subsidiary.example")
        report = self.internet.await_report(self.write(self.gateway, "nobody@subsidiary.example"))
        self.assertEqual((report.status, report.recipient), ("5.1.1", "nobody@subsidiary.example"))

    def test_our_systems_reach_each_other_and_the_internet(self):
        homes = {
            "nora@contoso.com": (self.gateway, "nora@contoso.com"),
            "quinn@contoso.com": (self.tenant, "quinn@contoso.mail.tenant.example"),
            "tess@fabrikam.com": (self.gateway, "tess@fabrikam.com"),
            "vera@fabrikam.com": (self.branch, "vera@fabrikam.com"),
            "yara@subsidiary.example": (self.subsidiary, "yara@subsidiary.example"),
            "someone@example.net": (self.internet, "someone@example.net"),
        }
        for system, sender in (
            (self.branch, "vera@fabrikam.com"), (self.subsidiary, "yara@subsidiary.example"),
            (self.tenant, "quinn@contoso.com"),
        ):  # fmt: skip
            message = self.write(system, *homes, sender=sender, by=f"people of {system.name}")
            for recipient, (home, mailbox) in homes.items():
                # By its own forward to an address of the gateway's.
                if (system, recipient) == (self.branch, "tess@fabrikam.com"):
                    mailbox = "tess@fabrikam.contoso.com"
                home.await_mail(message, to=mailbox, sender=sender)
            self.net.settle()
            self.assertEqual(sum(len(host.inbox(message)) for host in self.net.hosts.values()), len(homes))
        self.assert_refused(self.gateway, "someone@example.net", 554, "5.7.1", sender="nora@contoso.com")

    # Mistakes: what `check` says, and what they do.

    def test_mistake_a_remote_routing_address_in_the_primary_domain(self):
        row = "samir@contoso.com,samir@contoso.mail.tenant.example"
        for primary in ("samir@contoso.com", "samir.b@contoso.com"):
            spoiled = self.example.replacing("recipients.csv", row, f"samir@contoso.com,{primary}")
            self.assertEqual(
                spoiled.found(PLAN), [f"routing-address-in-shared-domain recipients.csv:9 samir@contoso.com > {primary}"]
            )
            self.assertTrue(spoiled.is_refused(PLAN))
        # What it asks for, said by a rule: to the tenant, under the primary address. The tenant knows Samir by the
        # other one alone, and hands his mail to the gateway.
        rule = '[[rule]]\nname = "Samir"\nwhen = { recipient = "samir@contoso.com" }\ndo = { route-via = "To the tenant" }'
        said = self.example.replacing(PLAN, "[dns]", f"{rule}\n\n[dns]")
        said = said.replacing("recipients.csv", f"{row}\n", "samir@contoso.com,\n")
        tenant_row, by_other = "samir@contoso.com, samir@contoso.mail", "samir.b@contoso.mail.tenant.example, samir@contoso.mail"
        said = said.replacing("tenant.csv", tenant_row, by_other)
        samir = "samir@contoso.com"
        self.assertRegex("".join(said.found(PLAN)), f"^mail-loop .* tenant: {samir} > this: {samir} > tenant: {samir}")
        del self.tenant.forwards["samir@contoso.com"]
        self.gateway.publish(said.without_systems().with_limit(received=10).plan(PLAN))
        message = self.write(self.gateway, "samir@contoso.com")
        report = self.internet.await_report(message)
        self.assertEqual((report.status, report.recipient), ("5.4.6", "samir@contoso.com"))
        self.gateway.await_event("refuse", recipient="samir@contoso.com", code="554", enhanced="5.4.6")
        self.net.settle()
        self.assertEqual(self.tenant.inbox(message) + self.gateway.inbox(message), [])

    def test_mistake_both_sides_internal_relay(self):
        branch = 'accepted-domain = [ {{ domain = "fabrikam.com", type = "{}" }} ]'
        spoiled = self.example.replacing(PLAN, branch.format("authoritative"), branch.format("internal-relay"))
        nobody = "nobody-has-this-mailbox@fabrikam.com"
        (found,) = spoiled.found(PLAN)
        self.assertRegex(found, rf"^mail-loop plan.toml:\d+ branch office: {nobody} > this: {nobody} > branch office: {nobody}$")
        self.assertTrue(spoiled.is_refused(PLAN))
        # The witness, on the servers.
        self.branch.domains, self.branch.shares = set(), {"fabrikam.com"}
        self.gateway.publish(spoiled.without_systems().with_limit(received=10).plan(PLAN))
        self.branch.await_mail(self.write(self.gateway, "vera@fabrikam.com"), to="vera@fabrikam.com")
        report = self.internet.await_report(self.write(self.gateway, nobody))
        self.assertEqual((report.status, report.recipient), ("5.4.6", nobody))

    def test_mistake_internal_relay_without_a_connector(self):
        spoiled = self.example.replacing(PLAN, 'address-spaces = ["fabrikam.com"]\n', "rule-scoped = true\n")
        self.assertIn("black-hole branch.csv:2 internet > this: vera@fabrikam.com > no route", spoiled.found(PLAN))
        self.assertTrue(spoiled.is_refused(PLAN))
        # There is no way to have such a map: whoever tries keeps the one that is in force.
        self.branch.await_mail(self.write(self.gateway, "vera@fabrikam.com"), to="vera@fabrikam.com")
