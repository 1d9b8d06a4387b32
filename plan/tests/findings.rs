//! What `check` finds in plans that compile: each doubt with the addresses that show it, and
//! `round-trip` proved exactly where it holds. A witness is held to what the engine does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop")]

mod common;

use common::{PlanFolder, place};
use readdress::{Direction, PathKind, Scratch};
use readdress_plan::{Counts, Diagnostic, Report, Severity};

/// Takes care of what every inbound domain needs, so that nothing is left to warn of.
const POSTMASTER: &str = "postmaster@i.example postmaster@x.example";

fn report(entries: &[&str]) -> Report {
    PlanFolder::of_entries("", entries).read().check()
}

/// The warnings but for the one that nearly every small plan has.
fn warnings(entries: &[&str]) -> Vec<Diagnostic> {
    let mut warnings = report(entries).warnings;
    warnings.retain(|warning| warning.code != "reserved-address-unrouted");
    warnings
}

/// The only warning, which must be of this code, with a hint.
fn only_warning(entries: &[&str], code: &str) -> Diagnostic {
    let warnings = warnings(entries);
    let [warning] = warnings.as_slice() else { panic!("{entries:?} gives {warnings:#?}") };
    assert_eq!((warning.code, warning.severity), (code, Severity::Warning), "{warning}");
    assert!(warning.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{warning}");
    warning.clone()
}

fn rewritten(folder: &PlanFolder, kind: PathKind, address: &str) -> String {
    let (engine, mut scratch) = (folder.engine(), Scratch::new());
    let path =
        engine.rewrite_path(Direction::Outbound, kind, address.as_bytes(), &mut scratch).expect("a path");
    String::from_utf8_lossy(path.to()).into_owned()
}

/// A witness of a broken round trip: what goes out, as what, and what comes back.
fn assert_is_lost(entries: &[&str], witness: &[String]) {
    let [before, out, back] = witness else { panic!("{witness:?}") };
    let folder = PlanFolder::of_entries("", entries);
    assert_eq!(&rewritten(&folder, PathKind::Reverse, before), out);
    assert_eq!(&rewritten(&folder, PathKind::Forward, out), back);
    assert_ne!(before, back);
}

#[test]
fn a_plan_without_doubts_has_no_warnings_and_a_proof() {
    let entries = [
        "john@i.example john@x.example",
        "mary@i.example mary.jones@x.example",
        "other.example other-x.example",
        "*.below.example > x.example",
        POSTMASTER,
        "postmaster@other.example postmaster@other-x.example",
    ];
    let report = report(&entries);
    assert!(report.warnings.is_empty(), "{:#?}", report.warnings);
    assert!(report.errors.is_empty());
    assert_eq!(report.proved, ["round-trip"]);
    let counts = Counts { entries: 6, mailbox: 4, domain: 1, subdomain: 1, outbound_only: 1 };
    assert_eq!(report.counts, counts);
}

#[test]
fn round_trip_is_proved_exactly_where_it_holds() {
    let holds: [&[&str]; 9] = [
        &[],
        &["a@i.example b@x.example"],
        &["i.example x.example"],
        // The domain entry gives the mailbox the same external address.
        &["i.example x.example", "a@i.example a@x.example"],
        // What would meet a@i.example's external address has an entry of its own.
        &["i.example x.example", "a@i.example b@x.example", "b@i.example a@x.example"],
        // Nothing comes back to outbound-only entries, and nothing is promised to.
        &["i.example x.example", "a@i.example > b@x.example"],
        &["*.i.example > x.example", "*.j.example > x.example"],
        // A chain is no obstacle: each message goes one step, out and back.
        &["a@i.example a@j.example", "a@j.example a@k.example"],
        &["\"john doe\"@i.example john@x.example"],
    ];
    for entries in holds {
        assert_eq!(report(entries).proved, ["round-trip"], "{entries:?}");
    }
    let fails: [&[&str]; 5] = [
        &["i.example x.example", "a@i.example b@x.example"],
        &["i.example x.example", "a@other.example a@x.example"],
        &["john@i.example john+sales@x.example"],
        &["john@i.example owner-john@x.example"],
        &["john@i.example john@x.example", "sales@i.example john+sales@x.example"],
    ];
    for entries in fails {
        assert!(report(entries).proved.is_empty(), "{entries:?}");
    }
}

#[test]
fn a_chain_shows_each_step() {
    let entries = ["a@i.example b@j.example", "B@J.example c@k.example"];
    let chain = only_warning(&entries, "chain");
    assert_eq!(chain.witness, ["a@i.example", "b@j.example", "c@k.example"]);
    assert_eq!(place(&chain), (3, 13), "where its external address stands");
    let folder = PlanFolder::of_entries("", &entries);
    assert_eq!(rewritten(&folder, PathKind::Reverse, "a@i.example"), "b@j.example", "one step a message");
    let domains = ["i.example j.example", "j.example > k.example", "a@k2.example a@k.example"];
    let domains = only_warning(&domains, "chain");
    assert_eq!(domains.witness, ["someone@i.example", "someone@j.example", "someone@k.example"]);
    let mixed = ["a@i.example b@j.example", "*.j.example > k.example", "a@k2.example a@k.example"];
    let mixed = only_warning(&mixed, "chain");
    assert_eq!(mixed.witness, ["a@i.example", "b@j.example", "b@k.example"]);
}

#[test]
fn a_cycle_shows_its_way_back() {
    let cycles = warnings(&["a@i.example b@j.example", "b@j.example a@i.example"]);
    let found: Vec<_> = cycles.iter().map(|cycle| (cycle.code, cycle.witness.join(" "))).collect();
    assert_eq!(
        found,
        [
            ("cycle", "a@i.example b@j.example a@i.example".to_owned()),
            ("cycle", "b@j.example a@i.example b@j.example".to_owned()),
        ]
    );
    assert!(
        warnings(&["a@i.example A@I.Example"]).iter().all(|warning| warning.code != "cycle"),
        "no step at all"
    );
}

#[test]
fn a_collision_nobody_ruled_out_shows_who_would_get_the_answer() {
    let entries = ["i.example x.example", "a@i.example b@x.example"];
    let collision = only_warning(&entries, "unproved-collision");
    assert_eq!(collision.witness, ["b@i.example", "b@x.example", "a@i.example"]);
    assert_is_lost(&entries, &collision.witness);
    assert_eq!(place(&collision), (7, 13));
    assert_eq!(collision.at.get(1).map(|at| at.line), Some(3), "the domain's entry");
    // A subaddress of a mailbox that a domain entry might name: doubt, no certainty.
    let entries = ["i.example x.example", "sales@j.example john+sales@x.example"];
    let found = report(&entries);
    assert!(found.errors.is_empty(), "{:#?}", found.errors);
    let collision =
        found.warnings.iter().find(|warning| warning.code == "unproved-collision").expect("a doubt");
    assert_is_lost(&entries, &collision.witness);
}

#[test]
fn a_subaddress_that_does_not_come_back_is_shown() {
    for entries in [
        ["john@i.example john+sales@x.example"],
        ["john@i.example owner-john@x.example"],
        ["john@i.example john-request@x.example"],
    ] {
        let lost = only_warning(&entries, "subaddress-lost");
        assert_is_lost(&entries, &lost.witness);
        assert_eq!(place(&lost), (3, 13));
    }
    let off = PlanFolder::of_entries(
        "[rewrite]\nsubaddress-delimiters = ''\n",
        &["john@i.example john+sales@x.example"],
    );
    let report = off.read().check();
    assert!(report.warnings.iter().all(|warning| warning.code != "subaddress-lost"));
    assert_eq!(report.proved, ["round-trip"], "nothing is split, so nothing is lost");
}

#[test]
fn a_domain_without_postmaster_is_named_once() {
    let entries = ["a@i.example a@x.example", "b@i.example b@X.example", "c@i.example > c@y.example"];
    let mut found = report(&entries).warnings;
    found.retain(|warning| warning.code == "reserved-address-unrouted");
    let unrouted: Vec<_> =
        found.iter().map(|warning| (warning.code, place(warning), &warning.witness)).collect();
    assert_eq!(unrouted, [("reserved-address-unrouted", (3, 13), &vec!["postmaster@x.example".to_owned()])]);
    assert_eq!(report(&["i.example x.example"]).warnings.len(), 1, "domain entries leave postmaster alone");
    assert!(report(&["a@i.example a@x.example", POSTMASTER]).warnings.is_empty());
    assert!(
        report(&["a@i.example a@x.example", "Postmaster@x.example postmaster@x.example"])
            .warnings
            .iter()
            .all(|warning| warning.code != "reserved-address-unrouted")
    );
}

#[test]
fn a_flood_of_one_warning_is_counted_and_not_listed() {
    let entries: Vec<String> = (0..1500).map(|n| format!("a{n}@i.example b{n}@x.example")).collect();
    let mut entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    entries.push("i.example x.example");
    let warnings = warnings(&entries);
    assert_eq!(warnings.len(), 1001);
    assert!(
        warnings.iter().any(|warning| warning.message.starts_with("500 more")),
        "and the rest is counted"
    );
    assert!(report(&entries).proved.is_empty());
}

#[test]
fn compile_reports_what_check_reports() {
    let folder = PlanFolder::of_entries(
        "",
        &["a@i.example b@j.example", "b@j.example c@k.example", "k.example k2.example"],
    );
    let plan = folder.read();
    let (checked, compiled) = (plan.check(), plan.compile().expect("a map").report);
    assert_eq!(checked.warnings, compiled.warnings);
    assert_eq!((checked.proved, checked.counts), (compiled.proved, compiled.counts));
}

#[test]
fn results_that_nobody_answers_or_somebody_else_does_are_told() {
    let lost = only_warning(&["printer@i.example > noreply@x.example"], "outbound-only-without-mailbox");
    assert_eq!(lost.witness, ["printer@i.example", "noreply@x.example"]);
    let found = warnings(&["john@i.example john@x.example", "sales@i.example > john@x.example"]);
    let [other] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((other.code, place(other)), ("reply-reaches-another", (7, 13)));
    assert_eq!(other.witness, ["sales@i.example", "john@x.example", "john@i.example"]);
    let listed = "[[recipients]]\nfile = 'r.csv'\n";
    let folder = PlanFolder::of_entries(listed, &["printer@i.example > noreply@x.example"]);
    let report = folder.with("r.csv", "Address\nNoReply@x.example\n").read().check();
    assert!(report.warnings.is_empty(), "{:#?}", report.warnings);
}

#[test]
fn a_list_of_recipients_decides_whether_two_entries_meet() {
    let collide = ["i.example x.example", "a@i.example b@x.example", POSTMASTER];
    let check = |head: &str, recipients: &str| {
        PlanFolder::of_entries(head, &collide).with("r.csv", recipients).read().check()
    };
    let unknown = check("[[recipients]]\nfile = 'r.csv'\n", "Address\na@i.example\n");
    assert_eq!((unknown.errors.len(), unknown.proved.len()), (0, 0));
    assert_eq!(unknown.warnings[0].code, "unproved-collision");

    let complete = "[[recipients]]\nfile = 'r.csv'\ncomplete-for = ['I.example']\n";
    let absent = check(complete, "Address\na@i.example\n");
    assert!(absent.warnings.is_empty() && absent.errors.is_empty(), "{:#?}", absent.warnings);
    assert_eq!(absent.proved, ["round-trip"]);

    let listed = check(complete, "Address\na@i.example\nB@i.example\n");
    let [error] = listed.errors.as_slice() else { panic!("{:#?}", listed.errors) };
    assert_eq!((error.code, error.severity), ("not-invertible", Severity::Error));
    assert_eq!(error.witness, ["b@i.example", "b@x.example", "a@i.example"]);
    assert!(listed.proved.is_empty());
}

#[test]
fn a_domain_mistyped_is_told_and_a_numbered_one_is_not() {
    let mut entries: Vec<String> =
        (0..12).map(|n| format!("u{n}@tenant1.example u{n}@contoso.example")).collect();
    entries.push("v@tenant2.example v@contsoo.example".to_owned());
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let near = only_warning(&entries, "near-miss-domain");
    assert_eq!(near.excerpt.as_deref(), Some("contsoo.example"));
    assert_eq!(place(&near), (51, 13));
}
