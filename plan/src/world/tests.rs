//! What a plan knows of other systems, read back.

use std::fs;

use readdress::routing::DomainType;

use crate::Plan;
use crate::directory::Existence;
use crate::world::{LeadsTo, UnknownRecipient};

const PLAN: &str = r#"
[[connector]]
name = "by host"
smart-hosts = ["elsewhere.example.net", "MAIL.example.net"]
rule-scoped = true

[[connector]]
name = "by name"
mx = true
to-system = "Appliance"
rule-scoped = true

[[connector]]
name = "to nobody we know"
smart-hosts = ["mail.example.net:26"]
rule-scoped = true

[[group]]
name = "Moved"
file = "moved.csv"

[[recipients]]
file = "ours.csv"

[[rule]]
name = "later"
stop = true

[[rule]]
name = "first"
priority = 0
stop = true

[dns]
gateway = ["::ffff:198.51.100.7"]
spf-includes = "spf.example.net"

[[system]]
name = "old host"
next-hop = "mail.example.net:25"
accepted-domain = [{ domain = "*.contoso.com", type = "authoritative" }]
recipients = [{ file = "ours.csv", complete-for = ["contoso.com"] }]
forwards = [{ file = "forwards.csv" }]
connector = [
    { name = "back", to-system = "this", address-spaces = ["*"] },
    { name = "by host", smart-hosts = "appliance.example.net:25", address-spaces = "a.example", cost = 7 },
    { name = "out", smart-hosts = "relay.example.net", address-spaces = "b.example" },
]
unknown-recipient = "relay"
client-ip = "203.0.113.5"
tls-name = "mail.example.net"

[[system]]
name = "Appliance"
next-hop = ["appliance.example.net"]
"#;

fn plan() -> (tempfile::TempDir, Plan) {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("plan.toml", PLAN),
        ("ours.csv", "Name, EmailAddress\nann@contoso.com, ann@tenant.example\n"),
        ("moved.csv", "Identity, Members\nMoved, Ann@contoso.com\nMoved, bob@contoso.com\n"),
        (
            "forwards.csv",
            "Mailbox, ForwardTo\nann@contoso.com, z@tenant.example\nAnn@contoso.com, a@tenant.example\n\
             ann@contoso.com, Z@tenant.example\n",
        ),
    ] {
        fs::write(folder.path().join(file), text).unwrap();
    }
    let plan = Plan::read(&folder.path().join("plan.toml")).unwrap_or_else(|found| panic!("{found}"));
    (folder, plan)
}

fn line(text: &str) -> u32 {
    let at = PLAN.find(text).unwrap();
    u32::try_from(PLAN[..at].matches('\n').count() + 1).unwrap()
}

#[test]
fn connectors_lead_to_the_systems_whose_hosts_they_name() {
    let (_folder, plan) = plan();
    assert_eq!(plan.leads, [LeadsTo::System(0), LeadsTo::System(1), LeadsTo::Outside]);
    let [old, appliance] = plan.systems.as_slice() else { panic!("two systems") };
    let leads: Vec<LeadsTo> = old.connectors.iter().map(|connector| connector.leads_to).collect();
    assert_eq!(leads, [LeadsTo::This, LeadsTo::System(1), LeadsTo::Outside]);
    assert_eq!(old.connectors[1].cost, 7);
    assert!(appliance.connectors.is_empty() && appliance.accepted.is_empty());
}

#[test]
fn a_system_is_known_by_its_own_tables() {
    let (_folder, plan) = plan();
    let old = &plan.systems[0];
    assert_eq!((old.name.as_str(), old.at.line), ("old host", line("[[system]]")));
    assert_eq!(old.accepted.get(b"a.contoso.com"), Some(DomainType::Authoritative));
    assert_eq!(old.directory.exists(b"ann", b"contoso.com"), Existence::Listed);
    assert_eq!(old.directory.exists(b"bob", b"contoso.com"), Existence::Absent);
    assert_eq!(old.unknown_recipient, UnknownRecipient::Relay);
    assert_eq!(plan.systems[1].unknown_recipient, UnknownRecipient::Reject);
    assert_eq!(old.client_ip, ["203.0.113.5/32".parse().unwrap()]);
    assert_eq!(old.tls_name.as_deref(), Some("mail.example.net"));
    let targets: Vec<String> =
        old.forwards.of(b"ann@contoso.com").iter().map(|forward| forward.to.text()).collect();
    assert_eq!(targets, ["a@tenant.example", "z@tenant.example"], "each once, though one stands twice");
    let first = old.forwards.of(b"ann@contoso.com")[1].at;
    assert_eq!(plan.locate_in(first.source, first.at).line, 2);
    assert_eq!(old.forwards.iter().count(), 1);
}

#[test]
fn members_and_proxies_are_found_with_their_places() {
    let (_folder, plan) = plan();
    let members: Vec<(&[u8], u32)> = plan.groups[0]
        .members
        .iter()
        .map(|(member, at)| (member.as_slice(), plan.locate_in(at.source, at.at).line))
        .collect();
    assert_eq!(members, [(b"ann@contoso.com".as_slice(), 2), (b"bob@contoso.com", 3)]);
    assert_eq!(plan.groups[0].name, "Moved");
    let proxy = plan.directory.get(b"ann", b"tenant.example").unwrap();
    let (mailbox, _) = proxy.proxy_of.as_deref().unwrap();
    assert_eq!(mailbox.text(), "ann@contoso.com");
    assert_eq!(plan.directory.proxies(mailbox)[0].text(), "ann@tenant.example");
    assert_eq!(plan.directory.get(b"ann", b"contoso.com").unwrap().groups, [0]);
    assert_eq!(plan.directory.exists(b"bob", b"contoso.com"), Existence::Unknown, "a member is no mailbox");
    assert_eq!(plan.directory.get(b"bob", b"contoso.com").unwrap().groups, [0]);
}

#[test]
fn places_stand_in_the_order_of_what_they_are_of() {
    let (_folder, plan) = plan();
    let lines: Vec<u32> = plan.routing_places.rules.iter().map(|at| at.line).collect();
    assert_eq!(lines, [line("name = \"first\"") - 1, line("name = \"later\"") - 1]);
    let lines: Vec<u32> = plan.routing.rules.iter().map(|rule| rule.line).collect();
    assert_eq!(lines, [line("name = \"first\"") - 1, line("name = \"later\"") - 1]);
    assert_eq!(plan.routing_places.connectors.len(), 3);
    let dns = plan.dns.as_ref().unwrap();
    assert_eq!(dns.gateway, ["198.51.100.7".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(
        (dns.spf_includes.as_slice(), dns.at.line),
        (&["spf.example.net".to_owned()][..], line("[dns]"))
    );
}
