"""Routing addresses that a stranger writes into a message, where the message itself takes a route that more than the
recipient decides: what the gateway passes on is what it was given."""

import plans
from gateway import Gateway
from host import PORT
from mail import compose, somebody
from scenario import Scenario

PLAN = """\
[plan]
name = "filter"

[[rewrite.entry]]
internal = "john@tenant1.contoso.com"
external = "john@contoso.com"

[[accepted-domain]]
domain = "contoso.com"
type = "authoritative"

[[accepted-domain]]
domain = "tenant1.contoso.com"
type = "internal-relay"

[[connector]]
name = "To the tenant"
smart-hosts = ["[{tenant}]:{port}"]
address-spaces = ["tenant1.contoso.com"]

[[connector]]
name = "Filter"
smart-hosts = ["[{filter}]:{port}"]
rule-scoped = true

[[connector]]
name = "Internet"
mx = true
address-spaces = ["*"]

[[rule]]
name = "Mail from outside is filtered"
when = {{ sender-scope = "not-in-organization" }}
do = {{ route-via = "Filter" }}
"""


class StrangersRoutes(Scenario):
    @classmethod
    def build(cls, net):
        cls.internet = net.internet()
        ours = {"domains": ["tenant1.contoso.com"], "everybody": ["tenant1.contoso.com"]}
        cls.tenant, cls.filter = net.host("tenant", **ours), net.host("filter", **ours)
        cls.gateway = net.add(Gateway(net, trusts=["tenant"]))
        cls.plan = net.folder / "plan.toml"
        systems = {"tenant": cls.tenant.address, "filter": cls.filter.address}
        cls.plan.write_text((PLAN + plans.LISTENERS).format(**systems, port=PORT))

    def setUp(self):
        super().setUp()
        self.gateway.publish(self.plan)

    def test_mail_takes_the_route(self):
        message = self.write(self.gateway, "john@contoso.com")
        self.filter.await_mail(message, to="john@tenant1.contoso.com", sender=message.sender)

    def test_no_reverse_path_becomes_another(self):
        for spelled in (
            "ceo=fabrikam.example@mx.route.invalid",
            "ceo=fabrikam.example@X.Route.Invalid",
            "c..eo=fabrikam.example@mx.route.invalid",
            ".ceo=fabrikam.example@mx.route.invalid",
        ):
            message = compose(sender=spelled, From=somebody(), To="john@contoso.com")
            sent = self.offer(message, self.gateway, "john@contoso.com")
            if sent.taken:
                arrived = self.filter.await_mail(message)
                self.assertEqual(arrived.return_path, spelled)

    def test_no_field_becomes_another(self):
        for spelled in (
            "ceo=fabrikam.example@mx.route.invalid",
            "ceo=fabrikam.example@mx.route(x).invalid",
            "ceo=fabrikam.example@mx.rou\\te.invalid",
            "ceo=fabrikam.example@mx.\"route\".invalid",
            "The boss <ceo=fabrikam.example@mx.route.invalid>",
        ):
            with self.subTest(spelled):
                message = compose(sender=somebody(), From=spelled, Reply_To=spelled, To="john@contoso.com")
                sent = self.offer(message, self.gateway, "john@contoso.com")
                if sent.taken:
                    arrived = self.filter.await_mail(message)
                    self.assertEqual((arrived.all("From"), arrived.all("Reply-To")), ([spelled], [spelled]))
