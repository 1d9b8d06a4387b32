//! Every form of address that mail has, through fields and envelope: what is looked up, what comes out,
//! and that it comes back.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod support;

use readdress::EntryDirection::{Both, Outbound};
use readdress::{Direction, Engine, FieldSet, PathKind, Policy, Scratch, Session, SkipReason};
use support::engine_with;

/// Mailboxes, a domain there and back, a domain outbound only, a `*.` domain; fields both ways.
fn engine() -> Engine {
    let to = FieldSet::new(["To"]).unwrap();
    let policy = Policy { inbound: to.clone(), outbound: to, ..Policy::default() };
    engine_with(
        policy,
        &[
            ("john.doe@t1.example", "john@x.example", Both, &[]),
            ("\"jane doe\"@t1.example", "jane@x.example", Both, &[]),
            ("abuse@t1.example", "abuse@x.example", Both, &[]),
            ("i.example", "e.example", Both, &[]),
            ("old.example", "new.example", Outbound, &[]),
            ("*.labs.example", "x.example", Outbound, &[]),
            ("grete@bücher.example", "grete@x.example", Both, &[]),
            ("karl@t1.example", "karl@straße.example", Both, &[]),
            ("例え.example", "e2.example", Both, &[]),
            ("jürgen@t1.example", "jürgen@x.example", Both, &[]),
            ("juergen@t2.example", "jürgen.b@x.example", Both, &[]),
        ],
    )
}

fn field(engine: &Engine, session: impl Into<Session>, address: &str) -> Result<String, Option<SkipReason>> {
    let mut scratch = Scratch::new();
    let message = format!("To: {address}\r\n\r\n");
    let done = engine.rewrite_into(session, message.as_bytes(), &mut scratch).unwrap();
    if done.changed() {
        let output = String::from_utf8(done.to_vec()).unwrap();
        return Ok(output.trim_start_matches("To: ").trim_end().to_owned());
    }
    Err(done.skipped().next().map(|skip| skip.reason))
}

fn path(engine: &Engine, session: impl Into<Session>, kind: PathKind, address: &str) -> Option<String> {
    let mut scratch = Scratch::new();
    let given = format!("<{address}>");
    let done = engine.rewrite_path(session, kind, given.as_bytes(), &mut scratch).unwrap();
    done.changed().then(|| String::from_utf8(done.to().to_vec()).unwrap().trim_matches(['<', '>']).to_owned())
}

/// Goes out as `external` in field and envelope, and comes back as `back`.
fn there_and_back(internal: &str, external: &str, back: &str) {
    let engine = engine();
    assert_eq!(field(&engine, Direction::Outbound, internal), Ok(external.to_owned()), "{internal}");
    let out = path(&engine, Direction::Outbound, PathKind::Reverse, internal);
    assert_eq!(out.as_deref(), Some(external), "{internal}");
    assert_eq!(field(&engine, Direction::Inbound, external), Ok(back.to_owned()), "{external}");
    let home = path(&engine, Direction::Inbound, PathKind::Forward, external);
    assert_eq!(home.as_deref(), Some(back), "{external}");
}

fn round_trips(internal: &str, external: &str) {
    there_and_back(internal, external, internal);
}

/// Stays as it is outbound, and counts as unmapped or not.
fn stays(address: &str, is_unmapped: bool) {
    let engine = engine();
    let mut scratch = Scratch::new();
    let message = format!("To: {address}\r\n\r\n");
    let done = engine.rewrite_into(Direction::Outbound, message.as_bytes(), &mut scratch).unwrap();
    assert!(!done.changed(), "{address}");
    assert_eq!(done.unmapped().count(), usize::from(is_unmapped), "{address}");
}

#[test]
fn a_subaddress_goes_along_octet_for_octet() {
    round_trips("john.doe+News+2@t1.example", "john+News+2@x.example");
    // Quoted only where it must be: the base needs it on one side only.
    round_trips("\"jane doe+a\"@t1.example", "jane+a@x.example");
    there_and_back("\"john.doe+a b\"@t1.example", "\"john+a b\"@x.example", "\"john.doe+a b\"@t1.example");
    stays("postmaster+x@t1.example", true);
}

#[test]
fn srs_addresses_follow_a_domain_that_leads_back_and_no_other() {
    for local_part in [
        "SRS0=HHH=TT=outside.example=Alice",
        "SRS0+HHH=TT=outside.example=alice",
        "SRS0-HHH=TT=outside.example=alice",
        "SRS1=HHH=other.example==HHH=TT=outside.example=alice",
        "Bounces+SRS=hAsH=3k=outside.example=alice",
    ] {
        round_trips(&format!("{local_part}@i.example"), &format!("{local_part}@e.example"));
        stays(&format!("{local_part}@old.example"), true);
        stays(&format!("{local_part}@sub.labs.example"), true);
        stays(&format!("{local_part}@t1.example"), true);
    }
    // What stands before +SRS= is no mailbox with a subaddress.
    stays("john.doe+SRS=HHH=TT=outside.example=alice@t1.example", true);
}

#[test]
fn batv_tags_are_put_back_as_they_were() {
    round_trips("prvs=1234AbCdEf=john.doe@t1.example", "prvs=1234AbCdEf=john@x.example");
    round_trips("prvs=1234abcdef=john.doe+news@t1.example", "prvs=1234abcdef=john+news@x.example");
    round_trips("btv1==0123456789a==john.doe@t1.example", "btv1==0123456789a==john@x.example");
    round_trips("msprvs1=17543abcDEF=john.doe@t1.example", "msprvs1=17543abcDEF=john@x.example");
    round_trips("prvs=1234abcdef=Someone@i.example", "prvs=1234abcdef=Someone@e.example");
    round_trips("\"prvs=1=jane doe\"@t1.example", "prvs=1=jane@x.example");
    there_and_back(
        "prvs=1234abcdef=SRS0=H=T=o.example=a@i.example",
        "prvs=1234abcdef=SRS0=H=T=o.example=a@e.example",
        "prvs=1234abcdef=SRS0=H=T=o.example=a@i.example",
    );
    stays("prvs=1234abcdef=nobody@t1.example", true);
    stays("prvs=1234abcdef=postmaster@i.example", true);
    round_trips("prvs=1234abcdef=abuse@t1.example", "prvs=1234abcdef=abuse@x.example");
}

#[test]
fn verp_is_a_subaddress_and_the_address_inside_stays() {
    round_trips("john.doe+bob=t1.example@t1.example", "john+bob=t1.example@x.example");
    round_trips("list-bounces+bob=ext.example@i.example", "list-bounces+bob=ext.example@e.example");
}

#[test]
fn encapsulated_and_reserved_addresses_move_with_their_own_entry_alone() {
    for local_part in ["IMCEAEX-_O=ORG_OU=X+2Fcn=john.doe", "IMCEAX500-C=US+3BA=X", "IMCEASMTP-a+40b"] {
        stays(&format!("{local_part}@i.example"), true);
    }
    for local_part in ["postmaster", "Abuse", "mailer-daemon"] {
        stays(&format!("{local_part}@i.example"), true);
        stays(&format!("{local_part}@a.labs.example"), true);
    }
    round_trips("abuse@t1.example", "abuse@x.example");
    assert_eq!(path(&engine(), Direction::Inbound, PathKind::Forward, "postmaster"), None);
    assert_eq!(path(&engine(), Direction::Outbound, PathKind::Reverse, ""), None);
}

#[test]
fn both_spellings_of_an_international_domain_are_one() {
    let engine = engine();
    for (address, out) in [
        ("grete@xn--bcher-kva.example", "grete@x.example"),
        ("Grete@bücher.Example", "grete@x.example"),
        ("someone@例え.example", "someone@e2.example"),
        ("someone@xn--r8jz45g.example", "someone@e2.example"),
    ] {
        assert_eq!(field(&engine, Direction::Outbound, address), Ok(out.to_owned()), "{address}");
    }
    // A-labels in, A-labels out; Unicode only where Unicode was.
    let out = field(&engine, Direction::Outbound, "karl@t1.example");
    assert_eq!(out, Ok("karl@xn--strae-oqa.example".to_owned()));
    let back = field(&engine, Direction::Inbound, "karl@straße.example");
    assert_eq!(back, Ok("karl@t1.example".to_owned()));
    let inbound = |address| field(&engine, Direction::Inbound, address);
    assert_eq!(inbound("someone@e2.example"), Ok("someone@xn--r8jz45g.example".to_owned()));
    assert_eq!(inbound("grete@x.example"), Ok("grete@xn--bcher-kva.example".to_owned()));
}

#[test]
fn an_international_domain_in_a_field_that_does_not_parse_is_reported() {
    let engine = engine();
    let outbound = |address| field(&engine, Direction::Outbound, address);
    for address in ["grete@bücher.example@x", "grete@bücher.example..", "a b@xn--bcher-kva.example"] {
        assert!(matches!(outbound(address), Err(Some(_))), "{address}");
    }
    // Quotes that touch a domain don't hide it, and a look-alike is none.
    assert!(matches!(outbound("a@b “t1.example” c"), Err(Some(_))));
    assert_eq!(outbound("a b@BÜCHER.example"), Err(None));
}

#[test]
fn look_alikes_of_a_domain_are_other_domains() {
    for address in [
        "grete@BÜCHER.example",
        "grete@bu\u{308}cher.example",
        "john.doe@ｔ1.example",
        "john.doe@t1。example",
        "john.doe@t\u{ad}1.example",
        "karl@strasse.example",
        "j\u{f6}hn.doe@t1.example",
    ] {
        stays(address, address.starts_with("j\u{f6}"));
    }
}

#[test]
fn a_local_part_outside_ascii_goes_into_international_mail_alone() {
    let engine = engine();
    // The source is outside ASCII, so the message is international already.
    round_trips("jürgen@t1.example", "jürgen@x.example");
    round_trips("jürgen+ü@t1.example", "jürgen+ü@x.example");
    // Capitals outside ASCII are not folded.
    stays("JÜRGEN@t1.example", true);
    // The source is ASCII and the result is not.
    let session = Session::from(Direction::Outbound);
    assert_eq!(field(&engine, session, "juergen@t2.example"), Err(Some(SkipReason::NeedsSmtputf8)));
    let out = field(&engine, session.with_smtputf8(true), "juergen@t2.example");
    assert_eq!(out, Ok("jürgen.b@x.example".to_owned()));
    let mut scratch = Scratch::new();
    let done =
        engine.rewrite_path(session, PathKind::Reverse, b"<juergen@t2.example>", &mut scratch).unwrap();
    assert_eq!((done.changed(), done.skipped()), (false, Some(SkipReason::NeedsSmtputf8)));
    let explained = engine.explain(session, b"juergen@t2.example");
    assert_eq!((explained.result, explained.reason), (None, Some(SkipReason::NeedsSmtputf8)));
}

#[test]
fn the_key_is_what_was_looked_up() {
    let engine = engine();
    let keys = |address: &str| -> Vec<String> {
        let explained = engine.explain(Direction::Outbound, address.as_bytes());
        explained.tried.into_iter().map(|tried| String::from_utf8(tried.key).unwrap()).collect()
    };
    assert_eq!(
        keys("prvs=1=John.Doe+a@T1.example"),
        ["prvs=1=john.doe+a@t1.example", "john.doe+a@t1.example", "john.doe@t1.example",]
    );
    assert_eq!(
        keys("SRS0=h=t=o.example=a@a.labs.example"),
        ["srs0=h=t=o.example=a@a.labs.example", "a.labs.example",]
    );
    assert_eq!(keys("x@bücher.example"), ["x@xn--bcher-kva.example", "xn--bcher-kva.example"]);
}
