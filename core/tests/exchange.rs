//! Exchange Edge's documented address rewriting, as its administrators know it, through the
//! presets.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod support;

use readdress::EntryDirection::{Both, Outbound};
use readdress::{Direction, Engine, PathKind, Policy, Preset, Scratch};
use support::engine_with;

const MESSAGE: &str = "From: joe@i.example\r\nSender: joe@i.example\r\nReply-To: joe@i.example\r\n\
    To: joe@i.example, joe@x.example\r\nCc: joe@i.example, joe@x.example\r\n\
    Return-Receipt-To: joe@i.example\r\nDisposition-Notification-To: joe@i.example\r\n\
    Resent-From: joe@i.example\r\nResent-Sender: joe@i.example\r\nBcc: joe@i.example\r\n\
    Resent-To: joe@i.example\r\nReturn-Path: <joe@i.example>\r\nX-To: joe@i.example\r\n\r\njoe@i.example\r\n";

fn by(preset: Preset, entries: &[(&str, &str, readdress::EntryDirection, &[&str])]) -> Engine {
    engine_with(Policy::from_preset(preset), entries)
}

/// The names of the fields that change, in order.
fn changed(engine: &Engine, direction: Direction) -> Vec<String> {
    let mut scratch = Scratch::new();
    let done = engine.rewrite_into(direction, MESSAGE.as_bytes(), &mut scratch).unwrap();
    done.field_changes().map(|change| String::from_utf8_lossy(change.name).into_owned()).collect()
}

fn path(engine: &Engine, direction: Direction, kind: PathKind, path: &str) -> String {
    let mut scratch = Scratch::new();
    let done = engine.rewrite_path(direction, kind, path.as_bytes(), &mut scratch).unwrap();
    String::from_utf8_lossy(done.to()).into_owned()
}

fn outbound(engine: &Engine, address: &str) -> String {
    path(engine, Direction::Outbound, PathKind::Reverse, address)
}

fn inbound(engine: &Engine, address: &str) -> String {
    path(engine, Direction::Inbound, PathKind::Forward, address)
}

const JOE: (&str, &str, readdress::EntryDirection, &[&str]) = ("joe@i.example", "joe@x.example", Both, &[]);

#[test]
fn the_page_of_2013_rewrites_to_and_cc_outbound() {
    let engine = by(Preset::Edge2013, &[JOE]);
    let fields = [
        "From",
        "Sender",
        "Reply-To",
        "To",
        "Cc",
        "Return-Receipt-To",
        "Disposition-Notification-To",
        "Resent-From",
        "Resent-Sender",
    ];
    assert_eq!(changed(&engine, Direction::Outbound), fields);
    assert_eq!(changed(&engine, Direction::Inbound), [""; 0]);
}

#[test]
fn the_pages_of_2016_and_2019_rewrite_to_and_cc_inbound() {
    let engine = by(Preset::Edge2016, &[JOE]);
    let fields = [
        "From",
        "Sender",
        "Reply-To",
        "Return-Receipt-To",
        "Disposition-Notification-To",
        "Resent-From",
        "Resent-Sender",
    ];
    assert_eq!(changed(&engine, Direction::Outbound), fields);
    assert_eq!(changed(&engine, Direction::Inbound), ["To", "Cc"]);
}

#[test]
fn coexistence_hides_every_address_outbound_and_leaves_inbound_fields_alone() {
    let engine = by(Preset::Coexistence, &[JOE]);
    let fields = [
        "From",
        "Sender",
        "Reply-To",
        "To",
        "Cc",
        "Return-Receipt-To",
        "Disposition-Notification-To",
        "Resent-From",
        "Resent-Sender",
        "Bcc",
        "Resent-To",
    ];
    assert_eq!(changed(&engine, Direction::Outbound), fields);
    assert_eq!(changed(&engine, Direction::Inbound), [""; 0]);
}

#[test]
fn postfix_rewrites_senders_outbound_and_recipients_inbound() {
    let engine = by(Preset::Postfix, &[JOE]);
    assert_eq!(changed(&engine, Direction::Inbound), ["To", "Cc"]);
    assert!(
        !changed(&engine, Direction::Outbound)
            .iter()
            .any(|field| ["To", "Cc", "Bcc"].contains(&field.as_str()))
    );
}

#[test]
fn envelope_only_touches_no_field_and_every_preset_the_envelope() {
    for preset in Preset::ALL {
        let engine = by(preset, &[JOE]);
        if preset == Preset::EnvelopeOnly {
            assert_eq!(changed(&engine, Direction::Outbound), [""; 0]);
        }
        assert_eq!(outbound(&engine, "<joe@i.example>"), "<joe@x.example>");
        assert_eq!(path(&engine, Direction::Inbound, PathKind::Reverse, "joe@i.example"), "joe@i.example");
        for direction in Direction::ALL {
            assert_eq!(path(&engine, direction, PathKind::Forward, "<joe@x.example>"), "<joe@i.example>");
        }
    }
}

#[test]
fn a_mailbox_entry_maps_one_mailbox_both_ways() {
    let engine = by(Preset::Edge2016, &[("joe@contoso.com", "support@nwt.example", Both, &[])]);
    assert_eq!(outbound(&engine, "Joe@Contoso.com"), "support@nwt.example");
    assert_eq!(inbound(&engine, "SUPPORT@nwt.example"), "joe@contoso.com");
    assert_eq!(outbound(&engine, "ann@contoso.com"), "ann@contoso.com");
}

#[test]
fn a_domain_entry_keeps_the_local_part() {
    let engine = by(Preset::Edge2016, &[("contoso.com", "fabrikam.com", Both, &[])]);
    assert_eq!(outbound(&engine, "Joe.X@contoso.com"), "Joe.X@fabrikam.com");
    assert_eq!(inbound(&engine, "Joe.X@fabrikam.com"), "Joe.X@contoso.com");
    // "contoso.com" is that domain alone.
    assert_eq!(outbound(&engine, "joe@sales.contoso.com"), "joe@sales.contoso.com");
}

#[test]
fn a_wildcard_flattens_subdomains_outbound_only_with_exceptions() {
    let engine = by(
        Preset::Edge2016,
        &[("*.contoso.com", "contoso.com", Outbound, &["legal.contoso.com", "corp.contoso.com"])],
    );
    for (internal, external) in [
        ("joe@sales.contoso.com", "joe@contoso.com"),
        ("joe@a.b.contoso.com", "joe@contoso.com"),
        ("joe@contoso.com", "joe@contoso.com"),
        // The same key is no edit: the address stays as it is spelled.
        ("Joe@CONTOSO.com", "Joe@CONTOSO.com"),
        ("joe@legal.contoso.com", "joe@legal.contoso.com"),
        ("joe@x.corp.contoso.com", "joe@x.corp.contoso.com"),
        ("joe@notlegal.contoso.com", "joe@contoso.com"),
        ("joe@notcontoso.com", "joe@notcontoso.com"),
    ] {
        assert_eq!(outbound(&engine, internal), external);
        assert_eq!(inbound(&engine, external), external);
    }
}

#[test]
fn outbound_only_maps_many_mailboxes_to_one_and_none_back() {
    let engine = by(
        Preset::Edge2016,
        &[("a@i.example", "all@x.example", Outbound, &[]), ("b@i.example", "all@x.example", Outbound, &[])],
    );
    assert_eq!(outbound(&engine, "a@i.example"), "all@x.example");
    assert_eq!(outbound(&engine, "b@i.example"), "all@x.example");
    assert_eq!(inbound(&engine, "all@x.example"), "all@x.example");
}

/// The most specific entry wins, wherever it stands in the list.
#[test]
fn mailbox_beats_domain_beats_subdomain_beats_wider_subdomain() {
    let mut entries = vec![
        ("joe@a.b.example", "mailbox@x.example", Both, &[][..]),
        ("a.b.example", "domain.example", Both, &[][..]),
        ("*.b.example", "narrow.example", Outbound, &[][..]),
        ("*.example", "wide.example", Outbound, &[][..]),
    ];
    for _ in 0..2 {
        let engine = by(Preset::Edge2016, &entries);
        for (internal, external) in [
            ("joe@a.b.example", "mailbox@x.example"),
            ("joe+tag@a.b.example", "mailbox+tag@x.example"),
            ("ann@a.b.example", "ann@domain.example"),
            ("ann@z.b.example", "ann@narrow.example"),
            ("ann@b.example", "ann@narrow.example"),
            ("ann@c.example", "ann@wide.example"),
        ] {
            assert_eq!(outbound(&engine, internal), external);
        }
        entries.reverse();
    }
}

#[test]
fn an_exception_ends_the_search() {
    let engine = by(
        Preset::Edge2016,
        &[
            ("*.b.example", "narrow.example", Outbound, &["keep.b.example"]),
            ("*.example", "wide.example", Outbound, &[]),
        ],
    );
    assert_eq!(outbound(&engine, "ann@keep.b.example"), "ann@keep.b.example");
}

#[test]
fn a_result_is_not_looked_up_again() {
    let engine = by(
        Preset::Edge2016,
        &[("a@i.example", "b@i.example", Both, &[]), ("b@i.example", "c@i.example", Both, &[])],
    );
    assert_eq!(outbound(&engine, "a@i.example"), "b@i.example");
}

#[test]
fn operators_addresses_stay_under_domain_entries_and_follow_their_own() {
    let engine = by(
        Preset::Coexistence,
        &[("i.example", "x.example", Both, &[]), ("postmaster@i.example", "pm@x.example", Both, &[])],
    );
    assert_eq!(outbound(&engine, "abuse@i.example"), "abuse@i.example");
    assert_eq!(outbound(&engine, "Mailer-Daemon@i.example"), "Mailer-Daemon@i.example");
    assert_eq!(outbound(&engine, "postmaster@i.example"), "pm@x.example");
    assert_eq!(outbound(&engine, "postmaster"), "postmaster");
    assert_eq!(outbound(&engine, "<>"), "<>");
}

#[test]
fn a_source_route_is_dropped_from_a_path_that_is_rewritten() {
    let engine = by(Preset::Coexistence, &[JOE]);
    assert_eq!(outbound(&engine, "<@a.example,@b.example:joe@i.example>"), "<joe@x.example>");
    assert_eq!(outbound(&engine, "<@a.example:ann@i.example>"), "<@a.example:ann@i.example>");
}

#[test]
fn what_is_no_path_is_left_alone_and_named() {
    let engine = by(Preset::Coexistence, &[JOE]);
    for bad in [
        "joe @i.example",
        "<joe@i.example",
        "Joe <joe@i.example>",
        "joe(x)@i.example",
        "a@b@i.example",
        "joe@i.example, x@y",
        " <joe@i.example>",
        "<joe@i.example> SIZE=1",
    ] {
        let mut scratch = Scratch::new();
        let done = engine
            .rewrite_path(Direction::Outbound, PathKind::Reverse, bad.as_bytes(), &mut scratch)
            .unwrap();
        assert!(!done.changed() && done.to() == bad.as_bytes() && done.skipped().is_some(), "{bad}");
    }
}

#[test]
fn a_path_has_at_most_256_octets() {
    let engine = by(Preset::Coexistence, &[JOE]);
    let mut scratch = Scratch::new();
    let fits = format!("<{}@i.example>", "a".repeat(256 - 12));
    assert!(
        engine.rewrite_path(Direction::Outbound, PathKind::Reverse, fits.as_bytes(), &mut scratch).is_ok()
    );
    let long = format!("{}@i.example", "a".repeat(256 - 11));
    assert!(
        engine.rewrite_path(Direction::Outbound, PathKind::Reverse, long.as_bytes(), &mut scratch).is_err()
    );
}
