"""The systems of scenario 3: two tenants that send as contoso.com, the gateway, an appliance, the internet."""

import plans
from gateway import Gateway
from mail import compose
from scenario import Scenario

NAME, PLAN = "shared-domain", "plan.toml"
JOHN, MARY = "john@tenant1.contoso.com", "mary.jones@tenant2.contoso.com"
SOMEONE = "someone@example.net"


class SharedDomain(Scenario):
    @classmethod
    def build(cls, net):
        cls.internet = net.internet()
        cls.tenant1, cls.tenant2 = (
            net.host(
                name, domains=[f"{name}.contoso.com"], mailboxes=plans.mailboxes(NAME, f"{name}.csv"),
                routes={"*": net.next_hop("gateway")}, server_name=f"mx.{name}.example",
                client_name=f"mail.{name}.example", settings={"smtp_tls_security_level": "encrypt"},
            )
            for name in ("tenant1", "tenant2")
        )  # fmt: skip
        cls.appliance = net.host(
            "appliance", routes={"contoso.com": net.next_hop("gateway"), "*": net.next_hop("internet")}, trusts=["gateway"], server_name="appliance.example.net"
        )
        cls.gateway = net.add(Gateway(net, trusts=["tenant1", "tenant2"]))
        cls.example = plans.Example(
            net, NAME,
            hosts={"mx.tenant1.example": "tenant1", "mx.tenant2.example": "tenant2", "appliance.example.net": "appliance"},
            networks={"192.0.2.0/26": ["tenant1"], "192.0.2.64/26": ["tenant2"]},
        )  # fmt: skip

    def setUp(self):
        super().setUp()
        self.gateway.publish(self.example.plan(PLAN))

    def tearDown(self):
        # The gateway has no mailboxes: what stays there has gone astray.
        self.net.settle()
        self.assertEqual([arrived.delivered_to for arrived in self.gateway.inbox()], [])
        super().tearDown()

    def tenant_sends(self, sender, *recipients, envelope=None, **fields):
        """Somebody at a tenant writes, in their own mail system. `envelope` is the reverse-path, if it isn't they."""
        tenant = self.tenant1 if sender.endswith("@tenant1.contoso.com") else self.tenant2
        fields = {"From": sender, "To": ", ".join(recipients), **fields}
        message = compose(sender=sender if envelope is None else envelope, **fields)
        return self.send(message, tenant, recipients, by=f"people of {tenant.name}")

    def internet_sends(self, *recipients, **how):
        return self.write(self.gateway, *recipients, **how)

    def rewrites(self, arrived):
        """What the milter's log says of a message's rewrites: field, old, new and entry; all with the generation."""
        events = self.gateway.events("rewrite", queue=arrived.id_at("gateway.example"))
        self.assertEqual({event["generation"] for event in events} - {self.gateway.generation[:12]}, set())
        return [
            (event["field"], event["old"].strip("<>"), event["new"].strip("<>"), event["entry"], event["at"])
            for event in events
        ]
