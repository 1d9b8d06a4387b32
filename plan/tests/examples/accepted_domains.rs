//! One gateway, three types of accepted domain, and remote mailboxes.

use crate::folder::{Example, assert_routes, from};

const EXAMPLE: &str = "accepted-domains";
const PLAN: &str = "plan.toml";
const OURS: &str = "192.0.2.9";
const STRANGER: &str = "203.0.113.5";
const OUTSIDER: &str = "olivia@example.org";

#[test]
fn the_type_of_its_domain_decides() {
    let engine = Example::new(EXAMPLE).engine(PLAN);
    for client in [from(OURS), from(STRANGER)] {
        assert_routes(
            &engine,
            client,
            &[
                // Authoritative: here, moved to the tenant, unknown.
                (OUTSIDER, "nora@contoso.com", "deliver nora@contoso.com"),
                (OUTSIDER, "quinn@contoso.com", "relay quinn@contoso.mail.tenant.example by To the tenant"),
                (
                    OUTSIDER,
                    "Quinn+q4@contoso.com",
                    "relay quinn+q4@contoso.mail.tenant.example by To the tenant",
                ),
                (OUTSIDER, "nobody@contoso.com", "550 5.1.10"),
                // Internal relay: here, at the branch, unknown here.
                ("", "tess@fabrikam.com", "deliver tess@fabrikam.com"),
                (OUTSIDER, "vera@fabrikam.com", "relay vera@fabrikam.com by To the branch office"),
                (OUTSIDER, "nobody@fabrikam.com", "relay nobody@fabrikam.com by To the branch office"),
                // External relay: nobody is looked up.
                (OUTSIDER, "yara@subsidiary.example", "relay yara@subsidiary.example by To the subsidiary"),
                (
                    OUTSIDER,
                    "nobody@subsidiary.example",
                    "relay nobody@subsidiary.example by To the subsidiary",
                ),
            ],
        );
    }
    assert_routes(&engine, from(OURS), &[("nora@contoso.com", OUTSIDER, "relay olivia@example.org by DNS")]);
    assert_routes(&engine, from(STRANGER), &[("nora@contoso.com", OUTSIDER, "554 5.7.1")]);
}

#[test]
fn without_a_connector_internal_relay_defers() {
    let space = "address-spaces = [\"fabrikam.com\"]\n";
    let example = Example::new(EXAMPLE).with(PLAN, space, "rule-scoped = true\n");
    let found = example.found(PLAN);
    assert!(
        found.contains(&"black-hole branch.csv:2 internet > this: vera@fabrikam.com > no route".to_owned()),
        "{found:?}"
    );
}

#[test]
fn a_remote_routing_address_in_the_primary_domain() {
    for (primary, witness) in [("samir@contoso.com", "same"), ("samir.b@contoso.com", "another")] {
        let routing = "samir@contoso.com,samir@contoso.mail.tenant.example";
        let example =
            Example::new(EXAMPLE).with("recipients.csv", routing, &format!("samir@contoso.com,{primary}"));
        assert_eq!(
            example.refused(PLAN),
            [format!("routing-address-in-shared-domain recipients.csv:9 samir@contoso.com > {primary}")],
            "{witness}"
        );
    }
}

#[test]
fn both_sides_internal_relay() {
    let branch = |kind| format!("accepted-domain = [ {{ domain = \"fabrikam.com\", type = \"{kind}\" }} ]");
    let example = Example::new(EXAMPLE).with(PLAN, &branch("authoritative"), &branch("internal-relay"));
    let nobody = "nobody-has-this-mailbox@fabrikam.com";
    assert_eq!(
        example.found(PLAN),
        [format!(
            "mail-loop plan.toml:14 branch office: {nobody} > this: {nobody} > branch office: {nobody}"
        )]
    );
}
