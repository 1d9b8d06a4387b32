"""Where a message's copies go, and the records that say so."""

from __future__ import annotations

import copy
import ipaddress
import pickle
from pathlib import Path
from typing import Any

import pytest

from readdress import Decision, Engine, LimitError, Step

PLAN = """\
[plan]
name = "routes"

[limits]
header-octets = 40000
addresses = 3

[[rewrite.entry]]
name = "John"
internal = "john@tenant1.contoso.com"
external = "john@contoso.com"

[[accepted-domain]]
domain = "contoso.com"
type = "authoritative"

[[accepted-domain]]
domain = "tenant1.contoso.com"
type = "internal-relay"

[[recipients]]
file = "recipients.csv"

[[listener]]
name = "Tenant"
client-ip = ["192.0.2.0/24", "2001:db8::/32"]
tls = "required"
tls-name = "*.tenant.example"
trusted = true

[[listener]]
name = "Submission"
authenticated = true
trusted = true

[[listener]]
name = "Internet"
client-ip = ["198.51.100.0/24"]

[[connector]]
name = "To tenant 1"
smart-hosts = ["a.example.net:25", "[192.0.2.9]:2525"]
address-spaces = ["tenant1.contoso.com"]
tls = "required"
tls-name = "*.example.net"

[[rule]]
name = "Marks ours"
when = { sender-scope = "in-organization" }
do = { set-header = { X-Inside = "yes" }, remove-header = ["X-Outside"] }

[[rule]]
name = "Bounces"
when = { sender = "<>" }
do = { rewrite = "off" }

[[rule]]
name = "Spam"
when = { header = { X-Spam = "yes" } }
do = { drop = true }
"""

HAM = b"From: a@far.example\r\n\r\nHello\r\n"
SPAM = b"From: a@far.example\r\nX-Spam: yes\r\n\r\n"
TENANT: dict[str, Any] = {"client_ip": "192.0.2.7", "tls_name": "mail.tenant.example"}
INTERNET: dict[str, Any] = {"client_ip": "198.51.100.7"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder: Path = tmp_path_factory.mktemp("routes")
    (folder / "recipients.csv").write_text("Address\nann@contoso.com\n")
    (folder / "plan.toml").write_text(PLAN)
    return Engine.compile(folder / "plan.toml")


def test_a_decision_says_everything(gateway: Engine) -> None:
    decision = gateway.route(
        "<john@contoso.com>", mail_from="<ann@contoso.com>", message=HAM, explain=False, **TENANT
    )
    (entry,) = gateway.entries()
    assert decision == Decision(
        recipient="john@contoso.com",
        action="relay",
        forward_path="john@tenant1.contoso.com",
        next_hops=("a.example.net:25", "[192.0.2.9]:2525"),
        connector="To tenant 1",
        tls="required",
        tls_name="*.example.net",
        code=None,
        enhanced=None,
        text=None,
        set_headers=(("X-Inside", "yes"),),
        removed_headers=("X-Outside",),
        rewrite=True,
        entry=entry,
        listener="Tenant",
        direction="outbound",
        final=True,
        steps=(),
    )


def test_several_recipients_are_decided_together(gateway: Engine) -> None:
    recipients = [b"ann@contoso.com", b"nobody@contoso.com", b"b@far.example"]
    decided = gateway.route(iter(recipients), mail_from=b"a@far.example", message=HAM, **INTERNET)
    assert isinstance(decided, tuple)
    assert [(one.recipient, one.action, one.code, one.enhanced, one.text) for one in decided] == [
        (b"ann@contoso.com", "deliver", None, None, None),
        (b"nobody@contoso.com", "reject", 550, "5.1.10", "Recipient not found"),
        (b"b@far.example", "reject", 554, "5.7.1", "Relaying denied"),
    ]
    assert {(one.listener, one.direction) for one in decided} == {("Internet", "inbound")}
    assert gateway.route([]) == ()
    assert gateway.route(("ann@contoso.com",))[0] == gateway.route("ann@contoso.com")


def test_a_client_comes_in_by_address_encryption_name_and_authentication(gateway: Engine) -> None:
    def listener(**session: Any) -> str | None:
        decision: Decision[str] = gateway.route("ann@contoso.com", **session)
        return decision.listener

    assert listener(**TENANT) == "Tenant"
    for address in (ipaddress.ip_address("2001:db8::1"), ipaddress.ip_address("192.0.2.1")):
        assert listener(client_ip=address, tls_name="a.tenant.example") == "Tenant"
    assert listener(client_ip="192.0.2.7", tls=True) is None
    assert listener(client_ip="192.0.2.7", tls=True, tls_name="") is None
    assert listener(client_ip="192.0.2.7", tls=True, authenticated=True) == "Submission"
    assert listener(client_ip="::ffff:198.51.100.1") == "Internet"
    assert listener() is None


def test_a_client_that_no_listener_takes_is_refused_unless_the_caller_knows_better(
    gateway: Engine,
) -> None:
    refused = gateway.route("ann@contoso.com", client_ip="203.0.113.7")
    assert (refused.action, refused.code, refused.direction) == ("reject", 554, "inbound")
    taken = gateway.route("b@far.example", client_ip="203.0.113.7", direction="outbound")
    assert (taken.action, taken.direction, taken.next_hops) == ("relay", "outbound", ())
    assert (taken.tls, taken.connector) == ("opportunistic", None)


def test_a_rule_that_asks_for_the_message_leaves_the_decision_open(gateway: Engine) -> None:
    early = gateway.route("ann@contoso.com", **INTERNET)
    assert (early.action, early.final) == ("deliver", False)
    for message in (HAM, b""):
        late = gateway.route("ann@contoso.com", message=message, **INTERNET)
        assert (late.action, late.final) == ("deliver", True)
    for spam in (SPAM, bytearray(SPAM), memoryview(SPAM)):
        late = gateway.route("ann@contoso.com", message=spam, **INTERNET)
        assert (late.action, late.final) == ("drop", True)


def test_a_long_header_section_is_decided_about_like_a_short_one(gateway: Engine) -> None:
    long = b"Subject: " + b"x" * 30_000 + b"\r\n" + SPAM
    assert gateway.route("ann@contoso.com", message=long, **INTERNET).action == "drop"


def test_the_null_reverse_path_is_not_one_that_is_unknown(gateway: Engine) -> None:
    for null in ("<>", "", b"<>", b""):
        assert not gateway.route("ann@contoso.com", mail_from=null, **INTERNET).rewrite
    assert gateway.route("ann@contoso.com", **INTERNET).rewrite


def test_steps_say_why(gateway: Engine) -> None:
    decision = gateway.route("john@contoso.com", message=HAM, **TENANT)
    assert decision.steps[0] == Step("listener", "Tenant", "a session of one of our systems")
    assert str(decision.steps[0]) == "listener Tenant: a session of one of our systems"
    assert {step.what for step in decision.steps} == {
        "listener",
        "entry",
        "rule",
        "accepted-domain",
        "recipient",
        "connector",
    }
    assert str(Step("session", "", "so it is")) == "session: so it is"


def test_what_is_no_address_is_refused_and_no_error(gateway: Engine) -> None:
    for path in ("no address", "<>", "a@b@contoso.com", "x" * 500 + "@contoso.com"):
        assert gateway.route(path, **INTERNET).code == 501
    octets = gateway.route(b"caf\xe9@contoso.com", **INTERNET)
    assert (octets.recipient, octets.code) == (b"caf\xe9@contoso.com", 501)


def test_limits_raise(gateway: Engine) -> None:
    with pytest.raises(LimitError) as caught:
        gateway.route(["ann@contoso.com"] * 4)
    assert (caught.value.limit, caught.value.allowed) == ("addresses", 3)
    with pytest.raises(LimitError) as caught:
        gateway.route("ann@contoso.com", message=b"Subject: " + b"x" * 50_000)
    assert caught.value.limit == "header-octets"


@pytest.mark.parametrize(
    ("wrong", "kind", "says"),
    [
        ({"client_ip": "mail.example.net"}, ValueError, "client_ip must be an address"),
        ({"client_ip": ""}, ValueError, "client_ip must be an address"),
        ({"client_ip": 3}, TypeError, "client_ip must be str or an address of ipaddress, not int"),
        ({"mail_from": 3}, TypeError, "mail_from must be str or bytes, not int"),
        ({"message": "text"}, TypeError, "a message must be bytes, not str"),
        ({"direction": "both"}, ValueError, "direction must be 'outbound' or 'inbound'"),
        ({"tls_name": b"x"}, TypeError, "tls_name"),
    ],
)
def test_wrong_arguments(
    wrong: dict[str, Any], kind: type[Exception], says: str, gateway: Engine
) -> None:
    with pytest.raises(kind, match=says):
        gateway.route("ann@contoso.com", **wrong)


def test_wrong_recipients(gateway: Engine) -> None:
    with pytest.raises(TypeError, match="recipients must be str, bytes or several, not int"):
        gateway.route(3)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="a recipient must be str or bytes, not int"):
        gateway.route(["ann@contoso.com", 3])  # type: ignore[type-var]
    with pytest.raises(TypeError, match="a recipient must be str or bytes, not int"):
        gateway.route(bytearray(b"ann@contoso.com"))  # type: ignore[type-var]


def test_an_engine_of_entries_alone_says_nothing_of_routes(engine: Engine) -> None:
    decision = engine.route("john@contoso.com")
    assert (decision.action, decision.next_hops, decision.direction) == ("relay", (), "inbound")
    assert decision.forward_path == "john@tenant1.contoso.com"


def test_records_are_frozen_pickle_and_show_no_address(gateway: Engine) -> None:
    decided = gateway.route(["ann@contoso.com", "nobody@contoso.com"], **INTERNET)
    assert pickle.loads(pickle.dumps(decided)) == decided
    assert copy.copy(decided[0]) == decided[0]
    assert len(set(decided)) == 2
    with pytest.raises(AttributeError):
        decided[0].action = "drop"  # type: ignore[misc]
    assert [repr(one) for one in decided] == [
        "<readdress.Decision: deliver, not final>",
        "<readdress.Decision: reject 550 5.1.10, not final>",
    ]
    assert repr(decided[0].steps[0]) == "<readdress.Step: listener>"
