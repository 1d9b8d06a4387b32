//! The header firewall: what steers our own systems is removed from what strangers send.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop")]

use readdress::routing::{Listener, Routing};
use readdress::{Direction, Engine, EntryDirection, MapBuilder, Mode, NewEntry, OnSigned, Policy, Scratch};

fn builder(listeners: Vec<Listener>, policy: Policy) -> Engine {
    let mut builder = MapBuilder::new();
    builder.set_policy(policy);
    let (internal, external) = (b"in@a.example".as_slice(), b"out@b.example".as_slice());
    let direction = EntryDirection::Both;
    builder.add(&NewEntry { name: "", internal, external, direction, except: &[], source: None }).unwrap();
    builder.set_routing(Routing { listeners, ..Routing::default() });
    Engine::from_bytes(builder.finish().unwrap()).unwrap()
}

fn walled(policy: Policy) -> Engine {
    builder(vec![Listener { name: "all".to_owned(), ..Listener::default() }], policy)
}

const MESSAGE: &str = "From: a@x.example\r\nX-MS-Exchange-Organization-SCL: -1\r\nTo: out@b.example\r\n\
    x-ms-exchange-organization-authas: Internal\r\n folded\r\nX-MS-Exchange-CrossPremises-A: 1\r\n\
    X-MS-Exchange-Organization-SCL: 9\r\nX-MS-Exchange-Forwarding-Loop: u\r\n\r\nX-MS-Exchange-Organization-SCL: -1\r\n";

const CLEAN: &str = "From: a@x.example\r\nTo: out@b.example\r\nX-MS-Exchange-Forwarding-Loop: u\r\n\r\n\
    X-MS-Exchange-Organization-SCL: -1\r\n";

#[test]
fn fields_that_steer_us_are_removed_from_what_strangers_send() {
    let engine = walled(Policy::default());
    let mut scratch = Scratch::new();
    for line_ending in ["\r\n", "\n"] {
        let message = MESSAGE.replace("\r\n", line_ending);
        let done = engine.rewrite_into(Direction::Inbound, message.as_bytes(), &mut scratch).unwrap();
        assert_eq!(done.to_vec(), CLEAN.replace("\r\n", line_ending).as_bytes());
        assert_eq!(done.size(), done.to_vec().len());
        assert_eq!(&done.to_vec()[done.body_offset()..done.body_offset() + 4], b"X-MS");
        assert!(done.has_removals() && done.edits().all(|edit| edit.is_removal()));
        let plain = engine.without_shortcuts();
        let mut scratch = Scratch::new();
        let slow = plain.rewrite_into(Direction::Inbound, message.as_bytes(), &mut scratch).unwrap();
        assert_eq!(slow.to_vec(), done.to_vec());
    }
    let done = engine.rewrite_into(Direction::Outbound, MESSAGE.as_bytes(), &mut scratch).unwrap();
    assert_eq!(done.to_vec(), MESSAGE.as_bytes());
}

#[test]
fn without_listeners_nobody_is_a_stranger() {
    let engine = builder(Vec::new(), Policy::default());
    let mut scratch = Scratch::new();
    let done = engine.rewrite_into(Direction::Inbound, MESSAGE.as_bytes(), &mut scratch).unwrap();
    assert!(!done.changed() && !done.has_removals());
}

#[test]
fn a_milter_removes_them_from_the_last_to_the_first() {
    let policy = Policy::default();
    let engine = walled(Policy { inbound: policy.outbound.clone(), ..policy });
    let mut scratch = Scratch::new();
    let expected = [
        ("To", 1, " in@a.example"),
        ("X-MS-Exchange-Organization-SCL", 2, ""),
        ("X-MS-Exchange-CrossPremises-A", 1, ""),
        ("x-ms-exchange-organization-authas", 1, ""),
        ("X-MS-Exchange-Organization-SCL", 1, ""),
    ];
    let changes = |done: &readdress::Rewritten<'_>| -> Vec<(String, u32, String, bool)> {
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        done.field_changes()
            .map(|change| (text(change.name), change.nth, text(&change.value()), change.is_removal()))
            .collect()
    };
    let expected: Vec<(String, u32, String, bool)> = expected
        .map(|(name, nth, value)| (name.to_owned(), nth, value.to_owned(), value.is_empty()))
        .to_vec();
    let done = engine.rewrite_into(Direction::Inbound, MESSAGE.as_bytes(), &mut scratch).unwrap();
    assert_eq!(changes(&done), expected);
    let mut parts = engine.begin(Direction::Inbound, &mut scratch);
    let section = MESSAGE.split("\r\n\r\n").next().unwrap().replace("\r\n ", "\n ");
    for field in section.split("\r\n") {
        let (name, body) = field.split_once(':').unwrap();
        parts.field(name.as_bytes(), body.as_bytes()).unwrap();
    }
    assert_eq!(changes(&parts.finish()), expected);
}

#[test]
fn in_shadow_mode_removal_is_reported_and_not_done() {
    let engine = walled(Policy { mode: Mode::Shadow, ..Policy::default() });
    let mut scratch = Scratch::new();
    let done = engine.rewrite_into(Direction::Inbound, MESSAGE.as_bytes(), &mut scratch).unwrap();
    assert_eq!((done.changed(), done.edits().len(), done.field_changes().count()), (false, 4, 0));
}

#[test]
fn signatures_over_removed_fields_are_reported_and_keep_nothing() {
    let policy = Policy { on_signed_inbound: OnSigned::EnvelopeOnly, ..Policy::default() };
    let engine = walled(policy);
    let message = "DKIM-Signature: d=x.example; s=s; h=From:x-ms-exchange-organization-scl:\r\n \
        X-MS-Exchange-Organization-SCL:X-MS-Exchange-Organization-Other\r\nContent-Type: \
        multipart/signed; protocol=\"application/pkcs7-signature\"\r\nX-MS-Exchange-Organization-SCL: 1\r\n\r\n";
    let mut scratch = Scratch::new();
    let done = engine.rewrite_into(Direction::Inbound, message.as_bytes(), &mut scratch).unwrap();
    let dkim = done.signatures().next().unwrap();
    assert!(!dkim.is_intact);
    assert_eq!(dkim.because, [b"X-MS-Exchange-Organization-SCL"]);
    assert!(!done.to_vec().ends_with(b"1\r\n\r\n"), "an address that stays is one thing, this another");
}

#[test]
fn a_hundred_thousand_names_take_linear_time() {
    let engine = walled(Policy::default());
    let mut message = String::from("DKIM-Signature: d=x; s=s; h=");
    for number in 0..20_000 {
        message += &format!("X-MS-Exchange-Organization-{number}:");
    }
    message += "\r\n";
    for number in 0..90_000 {
        message += &format!("X-MS-Exchange-Organization-{}: x\r\n", number % 45_000);
    }
    let mut scratch = Scratch::new();
    let started = std::time::Instant::now();
    let done = engine.rewrite_into(Direction::Inbound, message.as_bytes(), &mut scratch).unwrap();
    assert_eq!(done.signatures().next().unwrap().because.len(), 20_000);
    assert_eq!(done.field_changes().last().map(|change| change.nth), Some(1));
    assert_eq!(done.field_changes().next().map(|change| change.nth), Some(2));
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
