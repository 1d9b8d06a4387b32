//! Who may come in, as what, and how far.

use readdress::Direction;
use readdress::routing::{Client, Decision, DomainType, Envelope, Listener, Tls};

use crate::world::{World, client, route_one, trusted, untrusted};

fn guarded() -> World {
    let world = World::default()
        .accept("x.example", DomainType::Authoritative)
        .mailbox("u@x.example")
        .listener("tenant", "192.0.2.0/24", true)
        .listener("internet", "", false);
    let mut routing = world.routing;
    routing.listeners[0].tls = Tls::Required;
    routing.listeners[0].tls_name = Some("*.out.example".to_owned());
    World { routing, ..world }
}

#[test]
fn a_session_is_trusted_by_address_encryption_and_name_together() {
    let engine = guarded().engine();
    let full = Client { tls: true, tls_name: Some("mail.out.example"), ..client("192.0.2.7") };
    for (from, listener) in [
        (full, "tenant"),
        (Client { tls: false, ..full }, "internet"),
        (Client { tls_name: None, ..full }, "internet"),
        (Client { tls_name: Some("mail.in.example"), ..full }, "internet"),
        (Client { address: client("198.51.100.1").address, ..full }, "internet"),
        (Client { address: None, ..full }, "internet"),
    ] {
        let admission = engine.admit(&from);
        assert_eq!(admission.listener.map(|(_, found)| found.name.as_str()), Some(listener), "{from:?}");
        assert_eq!(admission.direction() == Direction::Outbound, listener == "tenant");
        let envelope = Envelope { client: from, ..untrusted("<u@x.example>") };
        let expected = if listener == "tenant" { "relay v@far.example by MX" } else { "reject 554 5.7.1" };
        assert_eq!(route_one(&engine, &envelope, "v@far.example"), expected);
        assert_eq!(route_one(&engine, &envelope, "u@x.example"), "deliver u@x.example");
    }
}

#[test]
fn who_fits_no_listener_is_refused() {
    let mut world = guarded();
    world.routing.listeners.pop();
    let engine = world.engine();
    let envelope = Envelope { client: client("198.51.100.1"), ..untrusted("<u@x.example>") };
    assert_eq!(route_one(&engine, &envelope, "u@x.example"), "reject 554 5.7.1");
    // Of an unknown client nothing can be said but that it is not trusted.
    assert_eq!(route_one(&engine, &untrusted("<u@x.example>"), "u@x.example"), "deliver u@x.example");
    assert_eq!(route_one(&engine, &untrusted("<u@x.example>"), "v@far.example"), "reject 554 5.7.1");
}

#[test]
fn authentication_can_be_asked_for() {
    let mut world = guarded();
    world.routing.listeners = vec![Listener {
        name: "submission".to_owned(),
        authenticated: true,
        trusted: true,
        ..Listener::default()
    }];
    let engine = world.engine();
    assert!(!engine.admit(&client("192.0.2.7")).trusted);
    assert!(engine.admit(&Client { authenticated: true, ..client("192.0.2.7") }).trusted);
}

#[test]
fn only_a_listener_that_says_so_lets_strangers_send_to_the_outside() {
    let mut world = guarded();
    world.routing.listeners[1].anonymous_relay = true;
    let engine = world.engine();
    let envelope = Envelope { client: client("198.51.100.1"), ..untrusted("<a@far.example>") };
    assert_eq!(route_one(&engine, &envelope, "v@far.example"), "relay v@far.example by MX");
}

#[test]
fn a_message_that_came_round_too_often_is_stopped() {
    let engine = guarded().engine();
    let received = "Received: from a by b; Sat, 21 Nov 2026 10:00:00 +0000\r\n";
    for (hops, expected) in [(3, "deliver u@x.example"), (4, "reject 554 5.4.6")] {
        let header = received.repeat(hops) + "\r\n";
        let envelope = Envelope { header: Some(header.as_bytes()), ..trusted("<>") };
        assert_eq!(route_one(&engine, &envelope, "u@x.example"), expected);
    }
}

#[test]
fn what_was_decided_can_be_asked_as_a_whole() {
    let engine = guarded().engine();
    let mut decision = Decision::new();
    let envelope = Envelope { client: client("198.51.100.1"), ..untrusted("<>") };
    let routes = engine.route(&envelope, [b"u@x.example".as_slice()], &mut decision).unwrap();
    assert_eq!(routes.listener().map(|listener| listener.name.as_str()), Some("internet"));
    assert_eq!(routes.direction(), Direction::Inbound);
    assert!(routes.is_final() && !routes.is_empty() && routes.len() == 1);
    assert!(routes.get(1).is_none());
}
