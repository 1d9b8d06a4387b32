"""Addresses spelled so that Postfix reads another one than stands there: no rule and no entry is got round by them."""

import plans
from gateway import Gateway
from host import PORT
from mail import compose, somebody
from scenario import Scenario

PLAN = """\
[plan]
name = "spelled"

[[rewrite.entry]]
internal = "m.jones@fabrikam.com"
external = "mary@fabrikam.com"

# Nobody is unknown here.
[[accepted-domain]]
domain = "fabrikam.com"
type = "internal-relay"

[[connector]]
name = "To the tenant"
smart-hosts = ["[{tenant}]:{port}"]
address-spaces = ["fabrikam.com"]

[[rule]]
name = "Secrets"
when = {{ recipient = "ann@fabrikam.com", header = {{ X-Class = "secret" }} }}
do = {{ reject = {{ code = 550, enhanced = "5.7.1", text = "Too secret" }} }}

[[rule]]
name = "Unwanted"
when = {{ sender-domain = "unwanted.example" }}
do = {{ reject = {{ code = 550, enhanced = "5.7.1", text = "Unwanted" }} }}
"""


class Spelled(Scenario):
    @classmethod
    def build(cls, net):
        cls.internet = net.internet()
        cls.tenant = net.host("tenant", domains=["fabrikam.com"], everybody=["fabrikam.com"])
        cls.gateway = net.add(Gateway(net))
        cls.plan = net.folder / "plan.toml"
        cls.plan.write_text((PLAN + plans.ITSELF + plans.OTHERS).format(tenant=cls.tenant.address, port=PORT))

    def setUp(self):
        super().setUp()
        self.gateway.publish(self.plan)

    def arrived(self, sender, recipient):
        """Whom a message reaches."""
        message = compose(sender=sender, From=somebody(), To="undisclosed:;", X_Class="secret")
        self.offer(message, self.gateway, recipient)
        self.net.settle()
        return {copy.delivered_to for copy in self.tenant.inbox(message)}

    def test_recipients(self):
        self.assertEqual(self.arrived(somebody(), "mary@fabrikam.com"), {"m.jones@fabrikam.com"})
        self.assertEqual(self.arrived(somebody(), "ann@fabrikam.com"), set())
        for spelled in (
            "%s", '"%s"', '"@x:%s"', '"@x,@y:%s"', '"@:%s"', '"\\@x:%s"', '@x.example:"@x:%s"', "(x)%s", "%s(x)", " %s", "%s ", '"%s"(x)', "\\%s", '@x:"%s"',
            "@x.example:%s",
        ):  # fmt: skip
            for who in ("ann", "mary"):
                with self.subTest(spelled % who):
                    reached = self.arrived(somebody(), f"{spelled % who}@fabrikam.com")
                    self.assertEqual(reached & {"ann@fabrikam.com", "mary@fabrikam.com"}, set())

    def test_senders(self):
        self.assertEqual(self.arrived("a@wanted.example", "x@fabrikam.com"), {"x@fabrikam.com"})
        for spelled in (
            "a@unwanted.example", "a(b)@unwanted.example", "a@unwanted.example(b)", " a@unwanted.example", "a @unwanted.example",
            '"@x:a"@unwanted.example', "a@unwanted.example.", 'a@"unwanted".example', '"a@b"@unwanted.example', "a@b@unwanted.example",
            "a@unwanted.example,", "a@@unwanted.example", "a\\b@unwanted.example", "@x.example:a@unwanted.example",
            "@x:@y:a@unwanted.example", "a@unwanted .example", "<a@unwanted.example>",
        ):  # fmt: skip
            with self.subTest(spelled):
                self.assertEqual(self.arrived(spelled, "x@fabrikam.com"), set())
