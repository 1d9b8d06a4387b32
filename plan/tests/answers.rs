//! Who gets the answers to what goes out one way, and where they come in: each doubt beside a plan
//! nearly like it that raises none. A witness is held to what the engine does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use common::{PlanFolder, place};
use readdress::{Direction, PathKind, Scratch};
use readdress_plan::Diagnostic;

const CODES: [&str; 3] =
    ["reply-reaches-another", "outbound-only-without-mailbox", "external-address-not-accepted"];

/// A plan with these entries and recipients; `head` goes before them.
fn folder(head: &str, entries: &[&str], recipients: &[&str]) -> PlanFolder {
    let head = format!("{head}\n[[recipients]]\nfile = 'r.csv'\n");
    folder_as_is(&head, entries, recipients)
}

fn folder_as_is(head: &str, entries: &[&str], recipients: &[&str]) -> PlanFolder {
    PlanFolder::of_entries(head, entries).with("r.csv", format!("Address\n{}\n", recipients.join("\n")))
}

fn found(folder: &PlanFolder) -> Vec<Diagnostic> {
    let report = folder.read().check();
    assert!(report.errors.is_empty(), "{:#?}", report.errors);
    let found: Vec<_> = report.warnings.into_iter().filter(|warning| CODES.contains(&warning.code)).collect();
    for warning in &found {
        assert!(warning.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{warning}");
        if warning.code != "external-address-not-accepted" {
            assert_witness(folder, &warning.witness);
        }
    }
    found
}

/// Code, witness and lines of each.
fn shown(folder: &PlanFolder) -> Vec<(&'static str, String, Vec<u32>)> {
    let lines = |warning: &Diagnostic| warning.at.iter().map(|at| at.line).collect();
    found(folder).iter().map(|warning| (warning.code, warning.witness.join(" "), lines(warning))).collect()
}

fn assert_witness(folder: &PlanFolder, witness: &[String]) {
    let (engine, mut scratch) = (folder.engine(), Scratch::new());
    let mut kinds = [PathKind::Reverse, PathKind::Forward].into_iter();
    for step in witness.windows(2) {
        let kind = kinds.next().expect("out and in");
        let path = engine.rewrite_path(Direction::Outbound, kind, step[0].as_bytes(), &mut scratch);
        assert_eq!(String::from_utf8_lossy(path.expect("a path").to()), step[1]);
    }
}

#[test]
fn two_recipients_that_leave_as_one_are_told_with_who_gets_the_answer() {
    let domains = ["a.i.example > x.example", "*.b.i.example > x.example"];
    let both = ["john@a.i.example", "john@c.b.i.example", "mary@a.i.example"];
    // Mary and John's mailboxes are at the external domain itself: it takes mail for one John.
    let taken = shown(&folder("", &domains, &[&both[..], &["john@x.example", "mary@x.example"]].concat()));
    assert_eq!(
        taken,
        [("reply-reaches-another", "john@a.i.example john@x.example".to_owned(), vec![2, 3, 6])]
    );
    // Nobody is known there.
    let nobody = shown(&folder("", &domains, &both));
    assert_eq!(
        nobody,
        [
            ("outbound-only-without-mailbox", "mary@a.i.example mary@x.example".to_owned(), vec![6, 4]),
            ("outbound-only-without-mailbox", "john@a.i.example john@x.example".to_owned(), vec![2, 3, 6]),
        ]
    );
    // An entry of one John's: the other one is the finding.
    let entries =
        [domains[0], domains[1], "john@a.i.example john@x.example", "mary@a.i.example mary@x.example"];
    let other = shown(&folder("", &entries, &both));
    let witness = "john@c.b.i.example john@x.example john@a.i.example".to_owned();
    assert_eq!(other, [("reply-reaches-another", witness, vec![3, 14, 10])]);
    // An entry of somebody else's: both are.
    let entries = [domains[0], domains[1], "j@k.example john@x.example", "mary@a.i.example mary@x.example"];
    let found = found(&folder("", &entries, &both));
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|warning| warning.witness[2] == "j@k.example"));
    // One John alone, and each under a name of his own.
    let entries =
        [domains[0], domains[1], "john@a.i.example j1@x.example", "mary@a.i.example mary@x.example"];
    let apart = folder("", &[&entries[..], &["j2@c.b.i.example john@x.example"]].concat(), &both[..1]);
    assert!(shown(&apart).is_empty(), "{:?}", shown(&apart));
}

#[test]
fn a_recipient_who_leaves_as_somebody_of_a_two_way_domain_is_told() {
    let entries = ["k.example x.example", "a.i.example > x.example"];
    let other = shown(&folder("", &entries, &["Ann@a.i.example", "postmaster@a.i.example", "bob@k.example"]));
    let witness = "ann@a.i.example ann@x.example ann@k.example".to_owned();
    assert_eq!(other, [("reply-reaches-another", witness, vec![2, 6, 10])]);
    assert!(shown(&folder("", &entries, &["bob@k.example"])).is_empty());
}

#[test]
fn many_recipients_of_one_address_are_counted() {
    let entries = ["*.i.example > x.example", "z@i.example z@x.example"];
    let recipients = ["ann@a.i.example", "ann@b.i.example", "ann@c.i.example", "Ann@C.i.example"];
    let [found] = found(&folder("", &entries, &recipients)).try_into().expect("one");
    assert!(found.message.contains("ann@b.i.example and 1 more"), "{found}");
}

#[test]
fn an_outbound_only_domain_that_nobody_answers_is_told_once() {
    let entries = ["a.i.example > x.example", "*.b.example > x.example", "c.example > y.example"];
    let nobody = shown(&folder("", &entries, &["bob@b.b.example", "ann@b.b.example"]));
    assert_eq!(
        nobody,
        [
            ("outbound-only-without-mailbox", "bob@b.b.example bob@x.example".to_owned(), vec![10, 2]),
            ("outbound-only-without-mailbox", "someone@c.example someone@y.example".to_owned(), vec![14]),
        ]
    );
    let [first, _] = found(&folder("", &entries, &["bob@b.b.example"])).try_into().expect("two");
    assert!(first.message.ends_with(", and one more entry gives it"), "{first}");
}

#[test]
fn a_domain_of_which_anybody_answers_is_not_doubted() {
    let one_way = "i.example > x.example";
    for (entries, recipients) in [
        // An entry takes somebody in; the external domain has a mailbox; it has entries of its own.
        (&[one_way, "a@k.example a@x.example"][..], &[][..]),
        (&[one_way, "k.example x.example"], &[]),
        (&[one_way], &["a@x.example"]),
        (&[one_way, "x.example y.example"], &["a@i.example"]),
        (&["*.contoso.com > contoso.com"], &["a@eu.contoso.com"]),
    ] {
        let shown = shown(&folder("", entries, recipients));
        assert!(shown.is_empty(), "{entries:?} {shown:?}");
    }
    // All its mailboxes are elsewhere, or there is nobody who could write.
    let relay = "[[accepted-domain]]\ndomain = 'x.example'\ntype = 'external-relay'";
    assert!(shown(&folder(relay, &[one_way, "a@i.example > b@x.example"], &["z@i.example"])).is_empty());
    let nobody = "[[recipients]]\nfile = 'r.csv'\ncomplete-for = ['i.example']\n";
    assert!(shown(&folder_as_is(nobody, &[one_way], &[])).is_empty());
    let relay = relay.replace("external-relay", "internal-relay");
    assert_eq!(shown(&folder(&relay, &[one_way], &[])).len(), 1, "who is elsewhere is not known");
}

#[test]
fn somebody_forgotten_is_told_where_others_get_their_answers() {
    let entries = ["i.example > x.example", "ann@i.example ann@x.example"];
    let forgotten = shown(&folder("", &entries, &["ann@i.example", "bob@i.example", "ann+tag@i.example"]));
    let witness = "bob@i.example bob@x.example".to_owned();
    assert_eq!(forgotten, [("outbound-only-without-mailbox", witness, vec![3, 6])]);
    // A subaddress of a mailbox that is listed at the external domain.
    assert!(
        shown(&folder("", &entries, &["bob@i.example", "bob+tag@i.example", "bob@x.example"])).is_empty()
    );
    // At an internal domain there may be more mailboxes than those listed, unless all are.
    let flat = ["*.contoso.com > contoso.com", "ann@contoso.com ann@contoso.com"];
    assert!(shown(&folder("", &flat, &["bob@eu.contoso.com"])).is_empty());
    let complete = "[[recipients]]\nfile = 'r.csv'\ncomplete-for = ['contoso.com']\n";
    assert_eq!(shown(&folder_as_is(complete, &flat, &["bob@eu.contoso.com"])).len(), 1);
}

#[test]
fn a_mailbox_that_answers_under_another_spelling_is_itself() {
    let entries = ["i.example x.example", "\"ann\"@i.example > ANN@x.example"];
    assert!(shown(&folder("", &entries, &[])).is_empty());
    let kept = ["*.i.example > x.example", "ann@i.example > Ann@i.example", "bob@k.example bob@x.example"];
    assert!(shown(&folder("", &kept, &[])).is_empty(), "who sends as himself is there");
}

#[test]
fn external_domains_that_are_not_accepted_are_told_once() {
    let entries = [
        "a@i.example a@x.example",
        "b@i.example > b@X.example",
        "c@i.example c@y.example",
        "*.k.example > z.y.example",
    ];
    let accepted =
        |domain: &str| format!("[[accepted-domain]]\ndomain = '{domain}'\ntype = 'external-relay'\n");
    assert!(found(&PlanFolder::of_entries("", &entries)).iter().all(|found| found.code != CODES[2]));
    let found_with = |head: &str| {
        let mut found = found(&PlanFolder::of_entries(head, &entries));
        found.retain(|found| found.code == CODES[2]);
        found
    };
    let [x, z] = found_with(&accepted("y.example")).try_into().expect("two");
    assert_eq!((place(&x), &x.witness), ((6, 13), &vec!["x.example".to_owned()]));
    assert!(x.message.ends_with(", and one more entry leads there"), "{x}");
    assert_eq!(z.witness, ["z.y.example"]);
    assert_eq!(found_with(&accepted("*.y.example")).len(), 1);
    assert!(found_with(&(accepted("*.Example"))).is_empty());
}
