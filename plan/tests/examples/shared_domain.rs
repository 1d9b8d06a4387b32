//! Two tenants, one shared domain, and the gateway between them and the internet.

use readdress::routing::{Client, Tls};

use crate::folder::{Example, assert_routes, from};

const EXAMPLE: &str = "shared-domain";
const PLAN: &str = "plan.toml";
const STRANGER: &str = "203.0.113.5";
const OUTSIDER: &str = "olivia@example.org";
const INTERNET: &str = "[[listener]]\nname = \"Internet\"\n";

pub(crate) fn tenant_1() -> Client<'static> {
    Client { tls_name: Some("mail.tenant1.example"), ..from("192.0.2.25") }
}

pub(crate) fn tenant_2() -> Client<'static> {
    Client { tls_name: Some("mail.tenant2.example"), ..from("192.0.2.70") }
}

#[test]
fn mail_of_the_internet_reaches_the_right_tenant() {
    assert_routes(
        &Example::new(EXAMPLE).engine(PLAN),
        from(STRANGER),
        &[
            (
                OUTSIDER,
                "john@contoso.com, mary@contoso.com",
                "relay john@tenant1.contoso.com by To tenant 1; relay mary.jones@tenant2.contoso.com by To tenant 2",
            ),
            ("", "sales+q4@contoso.com", "relay sales+q4@tenant1.contoso.com by To tenant 1"),
            (OUTSIDER, "john@tenant1.contoso.com", "relay john@tenant1.contoso.com by To tenant 1"),
            (OUTSIDER, "nobody@contoso.com", "550 5.1.10"),
            (OUTSIDER, "someone@example.net", "554 5.7.1"),
            (
                "john@contoso.com",
                "mary@contoso.com, someone@example.net",
                "relay mary.jones@tenant2.contoso.com by To tenant 2; 554 5.7.1",
            ),
        ],
    );
}

#[test]
fn a_tenant_writes_to_the_other_and_to_the_internet() {
    let engine = Example::new(EXAMPLE).engine(PLAN);
    let both = "relay mary.jones@tenant2.contoso.com by To tenant 2";
    assert_routes(
        &engine,
        tenant_1(),
        &[
            (
                "john@tenant1.contoso.com",
                "mary@contoso.com, someone@example.net",
                &format!("{both}; relay someone@example.net by Internet"),
            ),
            // Delivery reports.
            ("", "someone@example.net", "relay someone@example.net by Internet"),
            // Somebody else's mail at the same provider: its sender is none of ours.
            (OUTSIDER, "mary@contoso.com, someone@example.net", &format!("{both}; drop")),
        ],
    );
    assert_routes(
        &engine,
        tenant_2(),
        &[
            (
                "mary.jones@tenant2.contoso.com",
                "john@contoso.com, someone@example.net",
                "relay john@tenant1.contoso.com by To tenant 1; relay someone@example.net by Appliance",
            ),
            ("john@tenant1.contoso.com", "someone@example.net", "relay someone@example.net by Internet"),
        ],
    );
}

#[test]
fn whoever_lacks_address_or_encryption_or_certificate_is_a_stranger() {
    let engine = Example::new(EXAMPLE).engine(PLAN);
    for client in [
        Client { tls_name: Some("mail.tenant1.example"), ..from(STRANGER) },
        Client { tls: false, ..tenant_1() },
        Client { tls_name: None, ..tenant_1() },
        Client { tls_name: Some("mail.tenant2.example"), ..tenant_1() },
    ] {
        assert_routes(
            &engine,
            client,
            &[
                ("john@tenant1.contoso.com", "someone@example.net", "554 5.7.1"),
                (
                    "john@tenant1.contoso.com",
                    "mary@contoso.com",
                    "relay mary.jones@tenant2.contoso.com by To tenant 2",
                ),
            ],
        );
    }
}

#[test]
fn the_ways_out_are_encrypted_as_the_plan_says() {
    let engine = Example::new(EXAMPLE).engine(PLAN);
    let connectors = engine.map().routing().connectors.iter();
    let tls: Vec<(&str, Tls, Option<&str>)> = connectors
        .map(|connector| (connector.name.as_str(), connector.tls, connector.tls_name.as_deref()))
        .collect();
    assert_eq!(
        tls,
        [
            ("To tenant 1", Tls::Required, Some("mx.tenant1.example")),
            ("To tenant 2", Tls::Required, Some("mx.tenant2.example")),
            ("Appliance", Tls::Opportunistic, None),
            ("Internet", Tls::Opportunistic, None),
        ]
    );
}

fn domain_entry(tenant: &str, direction: &str) -> String {
    format!(
        "\n[[rewrite.entry]]\ninternal = \"{tenant}.contoso.com\"\nexternal = \"contoso.com\"\ndirection = \"{direction}\""
    )
}

#[test]
fn two_tenants_with_two_way_domain_entries() {
    let entries = |direction| domain_entry("tenant1", direction) + &domain_entry("tenant2", direction);
    assert_eq!(
        Example::new(EXAMPLE).adding(PLAN, &entries("both")).found(PLAN),
        ["not-invertible plan.toml:140 tenant1.contoso.com > tenant2.contoso.com"]
    );
    assert_eq!(Example::new(EXAMPLE).adding(PLAN, &entries("outbound")).found(PLAN), [""; 0]);
}

/// The example with an internet listener that lets strangers send anywhere: the rules alone guard.
pub(crate) fn with_anonymous_relay() -> Example {
    let open = format!("{INTERNET}anonymous-relay = true\n");
    Example::new(EXAMPLE).with(PLAN, INTERNET, &open)
}

const OUT: &str = " > to nobody-has-this-mailbox@outside.invalid";

/// One thing is found, with a witness from whichever sender to these recipients.
fn assert_relayed(found: &[String], from: &str, to: &str) {
    assert!(matches!(found, [only] if only.starts_with(from) && only.ends_with(to)), "{found:?}");
}

#[test]
fn a_relay_hole_by_any_recipient() {
    assert_eq!(with_anonymous_relay().found(PLAN), [""; 0]);
    let example =
        with_anonymous_relay().with(PLAN, "when = { recipient-domain", "when = { any-recipient-domain");
    let to = format!("{OUT} > and nobody-has-this-mailbox@contoso.com");
    assert_relayed(&example.found(PLAN), "relay-hole plan.toml:65 internet > from ", &to);
    assert_eq!(example.plan(PLAN).check().proved, ["round-trip", "loop-free", "no-black-hole"]);
}

#[test]
fn anonymous_relay_without_the_rules() {
    let drop = "do = { drop = true }";
    let example = with_anonymous_relay().with(PLAN, drop, "do = { set-header = { X-Guard = \"off\" } }");
    assert_relayed(&example.found(PLAN), "open-relay plan.toml:65 internet > from ", OUT);
}

#[test]
fn a_listener_that_trusts_everybody() {
    let trusting = format!("{INTERNET}trusted = true\n");
    let example = Example::new(EXAMPLE).with(PLAN, INTERNET, &trusting);
    assert_eq!(example.found(PLAN), ["open-relay plan.toml:65"]);
    for all in [
        "\"0.0.0.0/0\"",
        "\"128.0.0.0/1\", \"0.0.0.0/1\"",
        "\"192.0.2.1\", \"::/1\", \"c000::/2\", \"8000::/2\"",
    ] {
        let example = Example::new(EXAMPLE).with(PLAN, INTERNET, &format!("{trusting}client-ip = [{all}]\n"));
        assert_eq!(example.found(PLAN), ["open-relay plan.toml:65"], "{all}");
    }
    // Encryption alone says nothing about who it is.
    let asks = "client-ip = [\"192.0.2.0/26\"]\ntls = \"required\"\ntls-name = \"mail.tenant1.example\"\n";
    let example = Example::new(EXAMPLE).with(PLAN, asks, "tls = \"required\"\n");
    assert!(example.found(PLAN).contains(&"open-relay plan.toml:51".to_owned()), "{:?}", example.found(PLAN));
}
