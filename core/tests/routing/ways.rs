//! Domain types, the directory, waves and connectors.

use readdress::routing::{Actions, Decision, DomainType, Envelope, Rule, WaveState};

use crate::world::{World, route, route_one, trusted, untrusted};

#[test]
fn the_type_of_a_domain_decides_about_unknown_recipients() {
    let engine = World::default()
        .accept("auth.example", DomainType::Authoritative)
        .accept("int.example", DomainType::InternalRelay)
        .accept("ext.example", DomainType::ExternalRelay)
        .accept("lost.example", DomainType::InternalRelay)
        .connector("old", 1, &["int.example", "ext.example"])
        .mailbox("known@auth.example")
        .mailbox("known@int.example")
        .mailbox("known@ext.example")
        .engine();
    for (recipient, expected) in [
        ("known@auth.example", "deliver known@auth.example"),
        ("<Known@AUTH.example.>", "deliver Known@AUTH.example."),
        ("nobody@auth.example", "reject 550 5.1.10"),
        ("known@int.example", "deliver known@int.example"),
        ("nobody@int.example", "relay nobody@int.example by old"),
        // Never looked up.
        ("known@ext.example", "relay known@ext.example by old"),
        // A mis-setting is no reason for a bounce.
        ("nobody@lost.example", "reject 451 4.4.4"),
        ("known+tag@auth.example", "deliver known+tag@auth.example"),
        ("postmaster", "deliver postmaster"),
        ("<>", "reject 501 5.1.3"),
        ("no address", "reject 501 5.1.3"),
    ] {
        assert_eq!(route_one(&engine, &untrusted("<a@far.example>"), recipient), expected, "{recipient}");
    }
}

#[test]
fn an_exact_domain_beats_a_longer_suffix_and_that_a_shorter_one() {
    let engine = World::default()
        .accept("*.x.example", DomainType::ExternalRelay)
        .accept("*.a.x.example", DomainType::Authoritative)
        .accept("b.a.x.example", DomainType::InternalRelay)
        .connector("far", 1, &["*.x.example"])
        .mailbox("somebody@else.example")
        .engine();
    for (recipient, expected) in [
        ("u@x.example", "relay u@x.example by far"),
        ("u@c.x.example", "relay u@c.x.example by far"),
        ("u@a.x.example", "reject 550 5.1.10"),
        ("u@c.a.x.example", "reject 550 5.1.10"),
        ("u@b.a.x.example", "relay u@b.a.x.example by far"),
    ] {
        assert_eq!(route_one(&engine, &untrusted("<>"), recipient), expected, "{recipient}");
    }
}

#[test]
fn the_closest_address_space_then_the_lowest_cost_then_the_name_chooses_the_connector() {
    let engine = World::default()
        .connector("everything", 0, &["*"])
        .connector("b-same-cost", 5, &["x.example"])
        .connector("a-same-cost", 5, &["x.example"])
        .connector("dear", 9, &["x.example"])
        .connector("below", 1, &["*.x.example"])
        .connector("by-rule-only", 0, &[])
        .engine();
    for (recipient, expected) in [
        ("u@x.example", "relay u@x.example by a-same-cost"),
        ("u@a.x.example", "relay u@a.x.example by below"),
        ("u@ax.example", "relay u@ax.example by everything"),
    ] {
        assert_eq!(route_one(&engine, &trusted("<a@y.example>"), recipient), expected, "{recipient}");
    }
    let engine = World::default().connector("by-rule-only", 0, &[]).engine();
    assert_eq!(route_one(&engine, &trusted("<>"), "u@x.example"), "relay u@x.example by MX");
}

#[test]
fn a_wave_says_which_side_has_the_mailbox() {
    let world = |state| {
        World::default()
            .accept("x.example", DomainType::InternalRelay)
            .accept("here.example", DomainType::Authoritative)
            .connector("old", 1, &["x.example"])
            .wave("batch", state)
            .recipient("u@x.example", None, &[], Some(0))
            .recipient("v@x.example", Some("v@new.example"), &[], Some(0))
            .recipient("u@here.example", Some("u@new.example"), &[], Some(0))
            .engine()
    };
    let all = ["u@x.example", "v@x.example", "u@here.example"];
    for (state, expected) in [
        (
            WaveState::Pending,
            ["relay u@x.example by old", "relay v@x.example by old", "deliver u@here.example"],
        ),
        (
            WaveState::InFlight,
            ["relay u@x.example by old", "relay v@x.example by old", "deliver u@here.example"],
        ),
        (
            WaveState::Migrated,
            ["deliver u@x.example", "relay v@new.example by MX", "relay u@new.example by MX"],
        ),
        (
            WaveState::Retired,
            ["deliver u@x.example", "relay v@new.example by MX", "relay u@new.example by MX"],
        ),
    ] {
        assert_eq!(route(&world(state), &untrusted("<>"), &all), expected, "{state:?}");
    }
}

#[test]
fn a_routing_address_is_followed_once_with_its_subaddress() {
    let engine = World::default()
        .accept("x.example", DomainType::Authoritative)
        .connector("cloud", 1, &["tenant.example"])
        .recipient("moved@x.example", Some("moved@tenant.example"), &[], None)
        .recipient("alias@x.example", Some("mailbox@x.example"), &[], None)
        .recipient("again@x.example", Some("moved@x.example"), &[], None)
        .recipient("lost@x.example", Some("nobody@x.example"), &[], None)
        .mailbox("mailbox@x.example")
        .engine();
    for (recipient, expected) in [
        ("moved@x.example", "relay moved@tenant.example by cloud"),
        ("moved+tag@x.example", "relay moved+tag@tenant.example by cloud"),
        ("alias@x.example", "deliver mailbox@x.example"),
        // Not followed any further: nobody hands on mail for this domain.
        ("again@x.example", "reject 451 4.4.4"),
        ("lost@x.example", "reject 550 5.1.10"),
    ] {
        assert_eq!(route_one(&engine, &untrusted("<>"), recipient), expected, "{recipient}");
    }
}

#[test]
fn the_type_of_its_domain_decides_about_a_routing_address_that_is_not_here() {
    let world = |kind| {
        World::default()
            .accept("x.example", DomainType::Authoritative)
            .accept("y.example", kind)
            .group("some")
            .recipient("nobody@x.example", Some("nobody@y.example"), &[], None)
            .recipient("member@x.example", Some("member@y.example"), &[], None)
            .recipient("known@x.example", Some("known@y.example"), &[], None)
            .stranger("member@y.example", &[0])
            .mailbox("known@y.example")
            .engine()
    };
    let all = ["nobody@x.example", "member@x.example", "known@x.example"];
    for (kind, expected) in [
        (DomainType::Authoritative, ["reject 550 5.1.10", "reject 550 5.1.10", "deliver known@y.example"]),
        // A mis-setting is no reason for a bounce.
        (DomainType::InternalRelay, ["reject 451 4.4.4", "reject 451 4.4.4", "deliver known@y.example"]),
        // Never looked up.
        (DomainType::ExternalRelay, ["reject 451 4.4.4"; 3]),
    ] {
        assert_eq!(route(&world(kind), &untrusted("<>"), &all), expected, "{kind:?}");
    }
}

#[test]
fn a_recipient_in_a_domain_that_is_not_accepted_has_wave_and_routing_address_too() {
    let engine = World::default()
        .accept("x.example", DomainType::Authoritative)
        .wave("batch", WaveState::Pending)
        .recipient("moved@far.example", Some("moved@new.example"), &[], None)
        .recipient("pending@far.example", None, &[], Some(0))
        .mailbox("here@far.example")
        .engine();
    for (recipient, expected) in [
        ("moved@far.example", "relay moved@new.example by MX"),
        ("pending@far.example", "relay pending@far.example by MX"),
        ("here@far.example", "deliver here@far.example"),
    ] {
        assert_eq!(route_one(&engine, &untrusted("<>"), recipient), expected, "{recipient}");
    }
}

#[test]
fn the_forward_path_is_internal_before_anything_is_decided() {
    let engine = World::default()
        .accept("x.example", DomainType::Authoritative)
        .accept("tenant.example", DomainType::ExternalRelay)
        .connector("tenant", 1, &["tenant.example"])
        .entry("mary.jones@tenant.example", "mary@x.example")
        .engine();
    let envelope = untrusted("<a@far.example>");
    assert_eq!(
        route_one(&engine, &envelope, "<mary@x.example>"),
        "relay mary.jones@tenant.example by tenant"
    );
    // Entries name the domain, so who has none is unknown though no directory is listed.
    assert_eq!(route_one(&engine, &envelope, "nobody@x.example"), "reject 550 5.1.10");
    let mut decision = Decision::explained();
    let routes = engine.route(&envelope, [b"<mary@x.example>".as_slice()], &mut decision).unwrap();
    let route = routes.get(0).unwrap();
    assert_eq!(route.recipient(), b"mary@x.example");
    assert_eq!(route.next_hops(), ["tenant.example.net:25"]);
    let steps: Vec<String> = route.steps().map(|step| step.to_string()).collect();
    assert_eq!(
        steps,
        [
            "session: the plan has no listeners, so nobody is trusted",
            "entry entry: gives the internal address",
            "accepted-domain tenant.example: external-relay: all mailboxes are elsewhere",
            "connector tenant: serves the domain most closely, at the lowest cost",
        ]
    );
}

#[test]
fn without_a_directory_the_host_decides_who_is_known() {
    let engine = World::default().accept("x.example", DomainType::Authoritative).engine();
    assert_eq!(route_one(&engine, &untrusted("<>"), "u@x.example"), "deliver u@x.example");
}

#[test]
fn more_recipients_than_addresses_are_allowed_are_a_limit() {
    let engine = World::default().engine();
    let recipients = vec![b"u@x.example".as_slice(); 101];
    let error = engine.route(&Envelope::default(), recipients, &mut Decision::new()).err().unwrap();
    assert_eq!(error.to_string(), "limit addresses (100) passed at octet 100");
}

#[test]
fn whose_internal_address_the_session_can_not_carry_is_refused() {
    let engine = World::default()
        .accept("x.example", DomainType::Authoritative)
        .entry("j\u{fc}rgen@tenant.example", "juergen@x.example")
        .recipient("moved@x.example", Some("m\u{f6}ved@tenant.example"), &[], None)
        .engine();
    let plain = untrusted("<a@far.example>");
    for recipient in ["juergen@x.example", "moved@x.example"] {
        assert_eq!(route_one(&engine, &plain, recipient), "reject 553 5.6.7", "{recipient}");
        let international = Envelope { smtputf8: true, ..plain };
        assert!(route_one(&engine, &international, recipient).starts_with("relay "), "{recipient}");
    }
}

#[test]
fn where_somebody_is_redirected_entries_say_nothing_of() {
    let mut world = World::default()
        .accept("x.example", DomainType::Authoritative)
        .accept("y.example", DomainType::Authoritative)
        .entry("john@tenant.example", "john@x.example");
    world.routing.rules = vec![Rule {
        name: "to the desk".to_owned(),
        actions: Actions { redirect_to: Some("desk@y.example".to_owned()), ..Actions::default() },
        ..Rule::default()
    }];
    let engine = world.engine();
    assert_eq!(route_one(&engine, &untrusted("<>"), "nobody@x.example"), "deliver desk@y.example");
}
