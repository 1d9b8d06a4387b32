"""Recipients that become each other, however they are spelled: each gets one copy."""

import plans
from gateway import Gateway
from host import PORT
from scenario import Scenario

PLAN = """\
[plan]
name = "swap"

# Somebody's address of today is what somebody else is known by outside.
[[rewrite.entry]]
internal = "john@contoso.com"
external = "j.doe@contoso.com"

[[rewrite.entry]]
internal = "j.doe@contoso.com"
external = "jane@contoso.com"

[[accepted-domain]]
domain = "contoso.com"
type = "internal-relay"

[[connector]]
name = "To the tenant"
smart-hosts = ["[{tenant}]:{port}"]
address-spaces = ["contoso.com"]
"""


class Recipients(Scenario):
    @classmethod
    def build(cls, net):
        cls.tenant = net.host("tenant", domains=["contoso.com"], everybody=["contoso.com"])
        cls.gateway = net.add(Gateway(net))
        cls.plan = net.folder / "plan.toml"
        cls.plan.write_text((PLAN + plans.ITSELF + plans.OTHERS).format(tenant=cls.tenant.address, port=PORT))

    def setUp(self):
        super().setUp()
        self.gateway.publish(self.plan)

    def test_each_gets_one_copy(self):
        for spelled in (
            "j.doe@contoso.com", "J.Doe@Contoso.com", '"j.doe"@contoso.com', '"j\\.doe"@contoso.com', '"J.Doe"@contoso.com',
            "@x.example:j.doe@contoso.com", '@x.example:"j.doe"@contoso.com', "j.doe@contoso.com.",
        ):  # fmt: skip
            for recipients in ([spelled, "jane@contoso.com"], ["jane@contoso.com", spelled]):
                with self.subTest(recipients):
                    message = self.write(self.gateway, *recipients)
                    self.net.settle()
                    arrived = sorted(copy.delivered_to.lower() for copy in self.tenant.inbox(message))
                    self.assertEqual(arrived, ["j.doe@contoso.com", "john@contoso.com"])

    def test_one_who_is_named_twice_gets_one_copy(self):
        for spelled in ("jane@contoso.com", "JANE@contoso.com", '"jane"@contoso.com', "jane@contoso.com."):
            message = self.write(self.gateway, "jane@contoso.com", spelled)
            self.net.settle()
            self.assertEqual(len(self.tenant.inbox(message)), 1, spelled)
