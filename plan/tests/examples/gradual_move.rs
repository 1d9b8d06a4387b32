//! A gradual move from a third party's mail service.

use readdress::routing::{Decision, Envelope};

use crate::folder::{Example, assert_routes, described, from, one_of_us};

const EXAMPLE: &str = "gradual-move";
const DURING: &str = "2-during.toml";
const OLD_SERVER: &str = "203.0.113.25";
const STRANGER: &str = "203.0.113.5";
const OUTSIDER: &str = "olivia@example.org";

#[test]
fn before_the_move_the_domain_is_not_ours() {
    let engine = Example::new(EXAMPLE).engine("1-before.toml");
    assert_routes(&engine, from(STRANGER), &[(OUTSIDER, "alma@contoso.com", "554 5.7.1")]);
    assert_routes(
        &engine,
        one_of_us(),
        &[("admin@contoso-com.tenant.example", "alma@contoso.com", "relay alma@contoso.com by DNS")],
    );
}

#[test]
fn mail_flows_both_ways_for_moved_and_unmoved_users() {
    let engine = Example::new(EXAMPLE).engine(DURING);
    for client in [from(STRANGER), from(OLD_SERVER), one_of_us()] {
        assert_routes(
            &engine,
            client,
            &[
                // Moved, in flight, not yet, nobody.
                (OUTSIDER, "alma@contoso.com", "deliver alma@contoso.com"),
                (OUTSIDER, "emil@contoso.com", "relay emil@contoso.com by To the old server"),
                (OUTSIDER, "gus@contoso.com", "relay gus@contoso.com by To the old server"),
                ("", "nobody@contoso.com", "relay nobody@contoso.com by To the old server"),
                // As the old server's forwarders spell it; and a contact.
                (
                    "gus@contoso.com",
                    "alma@contoso-com.tenant.example",
                    "deliver alma@contoso-com.tenant.example",
                ),
                (
                    "alma@contoso.com",
                    "gus@contoso-com.tenant.example",
                    "relay gus@contoso.com by To the old server",
                ),
                ("alma@contoso.com", "nobody@contoso-com.tenant.example", "550 5.1.10"),
            ],
        );
    }
    // All that leaves the old server leaves through here.
    for client in [from(OLD_SERVER), one_of_us()] {
        assert_routes(&engine, client, &[("gus@contoso.com", OUTSIDER, "relay olivia@example.org by DNS")]);
    }
    assert_routes(&engine, from(STRANGER), &[("gus@contoso.com", OUTSIDER, "554 5.7.1")]);
}

#[test]
fn after_the_move_everybody_is_here() {
    assert_routes(
        &Example::new(EXAMPLE).engine("3-after.toml"),
        from(OLD_SERVER),
        &[
            (OUTSIDER, "gus@contoso.com", "deliver gus@contoso.com"),
            (OUTSIDER, "nobody@contoso.com", "550 5.1.10"),
            ("gus@contoso.com", OUTSIDER, "554 5.7.1"),
        ],
    );
}

#[test]
fn the_old_server_forwards_whom_the_new_system_sends_back() {
    let forward = "gus@contoso.com, gus@contoso-com.tenant.example";
    let example = Example::new(EXAMPLE).adding("forwards.csv", forward);
    let (old, new) = ("gus@contoso.com", "gus@contoso-com.tenant.example");
    let [at_old, at_new] = [old, new].map(|address| format!("old server: {address}"));
    assert_eq!(
        example.found(DURING),
        [
            format!("forward-without-membership forwards.csv:6 {at_new} > this: {new} > {at_old} > {at_new}"),
            format!("forward-without-membership forwards.csv:6 {at_old} > {at_new} > this: {new} > {at_old}"),
        ]
    );
    assert!(!example.plan(DURING).check().proved.contains(&"loop-free"));
}

#[test]
fn at_run_time_the_received_fields_stop_a_loop() {
    let engine = Example::new(EXAMPLE).engine(DURING);
    let decide = |hops: usize| {
        let header = "Received: from a by b; Tue, 18 Nov 2025 09:12:44 +0100\r\n".repeat(hops) + "\r\n";
        let envelope = Envelope {
            client: from(OLD_SERVER),
            reverse_path: Some(OUTSIDER.as_bytes()),
            header: Some(header.as_bytes()),
            ..Envelope::default()
        };
        let mut decision = Decision::new();
        let recipient: &[u8] = b"gus@contoso-com.tenant.example";
        let routes = engine.route(&envelope, [recipient], &mut decision).unwrap();
        described(&routes.get(0).unwrap())
    };
    assert_eq!(decide(100), "relay gus@contoso.com by To the old server");
    assert_eq!(decide(101), "554 5.4.6");
}

#[test]
fn the_old_server_forwards_whom_the_new_system_does_not_know() {
    let (old, new) = ("new@contoso.com", "new@contoso-com.tenant.example");
    assert_eq!(
        Example::new(EXAMPLE).adding("forwards.csv", &format!("{old}, {new}")).found(DURING),
        [format!(
            "black-hole forwards.csv:6 old server: {old} > old server: {new} > this: {new} > unknown there"
        )]
    );
}

#[test]
fn a_moved_user_whom_the_old_server_does_not_forward() {
    let row = "alma@contoso.com, alma@contoso-com.tenant.example\n";
    assert_eq!(
        Example::new(EXAMPLE).with("forwards.csv", row, "").found(DURING),
        ["black-hole people.csv:2 old server: alma@contoso.com > unknown there"]
    );
}

#[test]
fn both_sides_internal_relay() {
    let old = |kind| format!("accepted-domain = [ {{ domain = \"contoso.com\", type = \"{kind}\" }} ]");
    let example = Example::new(EXAMPLE).with(DURING, &old("authoritative"), &old("internal-relay"));
    let nobody = "nobody-has-this-mailbox@contoso.com";
    assert_eq!(
        example.found(DURING),
        [format!("mail-loop 2-during.toml:8 old server: {nobody} > this: {nobody} > old server: {nobody}")]
    );
}

#[test]
fn authoritative_too_early() {
    let early = "\n[[accepted-domain]]\ndomain = \"contoso.com\"\ntype = \"authoritative\"";
    let found = Example::new(EXAMPLE).adding("1-before.toml", early).found("1-before.toml");
    assert_eq!(found.len(), 12, "{found:?}");
    assert_eq!(found[1], "black-hole old-before.csv:2 internet > this: alma@contoso.com > unknown there");
}
