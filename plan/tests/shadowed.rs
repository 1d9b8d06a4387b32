//! Entries and exceptions that `check` says decide nothing: each beside one nearly like it that does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use common::{PlanFolder, place};
use readdress_plan::Diagnostic;

fn shadowed_in(folder: &PlanFolder) -> Vec<Diagnostic> {
    let mut warnings = folder.read().check().warnings;
    warnings.retain(|warning| warning.code == "shadowed-entry");
    warnings
}

/// What is shadowed, each with what shows it.
fn shadowed(entries: &[&str]) -> Vec<(String, String)> {
    let found = shadowed_in(&PlanFolder::of_entries("", entries));
    let shown = |warning: Diagnostic| (warning.excerpt.expect("an excerpt"), warning.witness.join(" "));
    found.into_iter().map(shown).collect()
}

#[track_caller]
fn assert_shadowed(entries: &[&str], which: &str, witness: &str) {
    assert_eq!(shadowed(entries), [(which.to_owned(), witness.to_owned())], "{entries:?}");
}

#[track_caller]
fn assert_decides(entries: &[&str]) {
    assert!(shadowed(entries).is_empty(), "{entries:?} gives {:?}", shadowed(entries));
}

/// A `*.` entry with exceptions, as it stands in a plan.
fn wildcard(internal: &str, external: &str, except: &[&str]) -> String {
    format!(
        "[[rewrite.entry]]\ninternal = '{internal}'\nexternal = '{external}'\ndirection = 'outbound'\nexcept = {except:?}\n"
    )
}

#[test]
fn a_mailbox_that_its_domain_s_entry_takes_anyway() {
    let entries = ["i.example x.example", "a@i.example A@x.example"];
    let folder = PlanFolder::of_entries("", &entries);
    let [warning] = shadowed_in(&folder).try_into().expect("one");
    assert_eq!(place(&warning), (6, 13));
    assert_eq!(warning.at.get(1).map(|at| at.line), Some(2), "the domain's entry");
    assert!(warning.hint.is_some());
    assert_shadowed(&entries, "a@i.example", "a@i.example A@x.example");
    // Outbound-only: nothing would come in by it either way.
    assert_shadowed(
        &["i.example x.example", "a@i.example > a@x.example"],
        "a@i.example",
        "a@i.example a@x.example",
    );
    assert_shadowed(
        &["i.example > x.example", "a@i.example > a@x.example"],
        "a@i.example",
        "a@i.example a@x.example",
    );
    // These bring somebody back, go elsewhere, or are for somebody whom no domain entry moves.
    assert_decides(&["i.example > x.example", "a@i.example a@x.example"]);
    assert_decides(&["i.example x.example", "a@i.example b@x.example"]);
    assert_decides(&["i.example x.example", "a@i.example a@y.example"]);
    assert_decides(&["i.example x.example", "postmaster@i.example postmaster@x.example"]);
    assert_decides(&["i.example x.example", "imceaex-a@i.example imceaex-a@x.example"]);
    assert_decides(&["i.example > x.example", "srs0=h=t=d=u@i.example > srs0=h=t=d=u@x.example"]);
    assert_shadowed(
        &["i.example x.example", "srs0=h=t=d=u@i.example srs0=h=t=d=u@x.example"],
        "srs0=h=t=d=u@i.example",
        "srs0=h=t=d=u@i.example srs0=h=t=d=u@x.example",
    );
}

#[test]
fn a_mailbox_that_the_entry_of_a_domain_above_takes_anyway() {
    let above = "*.i.example > x.example";
    assert_shadowed(&[above, "a@b.i.example > a@x.example"], "a@b.i.example", "a@b.i.example a@x.example");
    assert_decides(&[above, "a@b.i.example a@x.example"]);
    assert_decides(&[above, "*.b.i.example > y.example", "a@b.i.example > a@x.example"]);
    let excepted = wildcard("*.i.example", "x.example", &["b.i.example"]);
    let folder = PlanFolder::of_entries(&excepted, &["a@b.i.example > a@x.example"]);
    assert!(shadowed_in(&folder).is_empty(), "nothing else takes it");
}

#[test]
fn a_mailbox_that_is_another_one_s_with_a_subaddress() {
    let base = "a@i.example b@x.example";
    assert_shadowed(&[base, "a+t@i.example b+t@x.example"], "a+t@i.example", "a+t@i.example b+t@x.example");
    let folder = PlanFolder::of_entries("", &[base, "a+t@i.example b+t@x.example"]);
    let [warning] = shadowed_in(&folder).try_into().expect("one");
    assert_eq!(warning.at.get(1).map(|at| at.line), Some(2), "the mailbox's entry");
    assert_decides(&[base, "a+t@i.example a+t@x.example", "i.example > x.example"]);
    assert_decides(&[base, "a+y@i.example a+y@i.example"]);
    let off = "[rewrite]\nsubaddress-delimiters = ''\n";
    assert!(shadowed_in(&PlanFolder::of_entries(off, &[base, "a+t@i.example b+t@x.example"])).is_empty());
}

#[test]
fn an_address_or_a_domain_that_stays_what_it_is() {
    assert_shadowed(&["a@i.example A@i.example"], "a@i.example", "a@i.example");
    assert_shadowed(&["*.k.example > x.example", "a@i.example a@i.example"], "a@i.example", "a@i.example");
    assert_shadowed(&["i.example I.example"], "i.example", "someone@i.example");
    assert_shadowed(&["*.k.example > x.example", "i.example i.example"], "i.example", "someone@i.example");
    // These keep an address from the entry of a domain, in one direction or the other.
    assert_decides(&["*.i.example > x.example", "a@i.example a@i.example"]);
    assert_decides(&["*.i.example > x.example", "b.i.example b.i.example"]);
    assert_decides(&["i.example > x.example", "a@i.example a@i.example"]);
    assert_decides(&["k.example x.example", "a@x.example a@x.example"]);
    // Domain entries leave abuse alone, and not abuse+tag.
    assert_decides(&["i.example x.example", "abuse@i.example abuse@i.example"]);
    assert_decides(&["postmaster@i.example postmaster@i.example"]);
    // Where what nothing maps is refused, an entry that changes nothing lets it through.
    let refused = "[rewrite]\nunmapped = 'reject'\n";
    let folder = PlanFolder::of_entries(refused, &["a@i.example a@i.example", "b@i.example b@x.example"]);
    assert!(shadowed_in(&folder).is_empty());
}

#[test]
fn a_domain_that_the_entry_above_takes_anyway() {
    let above = "*.i.example > x.example";
    assert_shadowed(
        &[above, "b.i.example > x.example"],
        "b.i.example",
        "someone@b.i.example someone@x.example",
    );
    assert_shadowed(&[above, "i.example > x.example"], "i.example", "someone@i.example someone@x.example");
    let same = "*.b.i.example > x.example";
    assert_shadowed(&[above, same], "*.b.i.example", "someone@b.i.example someone@x.example");
    assert_decides(&[above, "b.i.example x.example"]);
    assert_decides(&[above, "b.i.example > y.example"]);
    assert_decides(&[above, "*.b.i.example > y.example", "*.c.b.i.example > x.example"]);
    let except = |which: &[&str]| wildcard("*.i.example", "x.example", which);
    let below = |which: &[&str]| wildcard("*.b.i.example", "x.example", which);
    let count = |plan: String| shadowed_in(&PlanFolder::new(&plan)).len();
    assert_eq!(count(except(&["b.i.example"]) + &below(&[])), 1, "the exception decides nothing");
    assert_eq!(count(except(&["c.i.example"]) + &below(&[])), 1, "the entry decides nothing");
    assert_eq!(count(except(&[]) + &below(&["c.b.i.example"])), 0);
    assert_eq!(count(except(&["c.b.i.example"]) + &below(&["c.b.i.example"])), 1, "both leave it alone");
}

#[test]
fn an_entry_whose_exceptions_are_all_it_is_for() {
    let plan = wildcard("*.i.example", "x.example", &["i.example"]);
    let [warning] = shadowed_in(&PlanFolder::new(&plan)).try_into().expect("one");
    assert_eq!((place(&warning), warning.witness.join(" ")), ((2, 13), "someone@i.example".to_owned()));
    // It keeps its domains from the entry above.
    let plan =
        wildcard("*.b.i.example", "x.example", &["b.i.example"]) + &wildcard("*.i.example", "y.example", &[]);
    assert!(shadowed_in(&PlanFolder::new(&plan)).is_empty());
}

#[test]
fn an_exception_that_something_else_decides() {
    let own = "[[rewrite.entry]]\ninternal = 'b.i.example'\nexternal = 'y.example'\n";
    let plan = wildcard("*.i.example", "x.example", &["c.i.example", "b.i.example"]) + own;
    let [warning] = shadowed_in(&PlanFolder::new(&plan)).try_into().expect("one");
    assert_eq!(warning.excerpt.as_deref(), Some("b.i.example"));
    assert_eq!(place(&warning), (5, 27));
    assert_eq!(warning.at.get(1).map(|at| at.line), Some(7), "the domain's own entry");
    assert_eq!(warning.witness, ["someone@b.i.example", "someone@y.example"]);
    // It decides about somebody below.
    let recipients = "[[recipients]]\nfile = 'r.csv'\n";
    let below = PlanFolder::new(&format!("{plan}{recipients}")).with("r.csv", "Address\nann@d.b.i.example\n");
    assert!(shadowed_in(&below).is_empty());

    let nested = wildcard("*.i.example", "x.example", &["c.b.i.example", "b.i.example", "B.i.example"]);
    let found = shadowed_in(&PlanFolder::new(&nested));
    let places: Vec<_> = found.iter().map(|warning| (place(warning), warning.at[1].column)).collect();
    assert_eq!(places, [((5, 12), 29), ((5, 44), 29)], "below another one, and there already");
}

#[test]
fn an_exception_and_an_entry_are_never_both_named_for_the_other() {
    // Either would do, so only the entry is named.
    let plan = wildcard("*.i.example", "x.example", &["b.i.example"])
        + "[[rewrite.entry]]\ninternal = 'b.i.example'\nexternal = 'b.i.example'\n";
    let [warning] = shadowed_in(&PlanFolder::new(&plan)).try_into().expect("one");
    assert_eq!(place(&warning).0, 7);
}
