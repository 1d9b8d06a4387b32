//! The engine beside other readers of mail: which octets are addr-specs? Over all real mail and
//! published test vectors where there are any, and the project's own fixtures.
//!
//! Every disagreement falls into classes (`classes`): constructs in the octets, each with the
//! paragraph that decides. One that doesn't is a failure. `scripts/differential.sh` builds the
//! peers and runs this; without them only Python is asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test may stop, and is used by nobody"
)]

mod bodies;
mod classes;
mod flaws;
mod grammar;
mod peer;
mod removal;
mod sections;
mod tokens;

use std::path::PathBuf;

use classes::{Answer, Ask, Comparison, Follows, Tally, shown};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use readdress::Limits;
use readdress::address::{AddressList, Item};
use readdress::field::KNOWN_FIELDS;
use readdress::header::HeaderSection;
use readdress_tests::{messages, root};
use tokens::{Kind, Token};

const BODIES: Comparison =
    Comparison { kind: 'B', ours: our_addr_specs, normal: grammar::normal_text, classes: bodies::CLASSES };

const SECTIONS: Comparison =
    Comparison { kind: 'F', ours: our_sections, normal: sections::normal, classes: sections::CLASSES };

/// How many random bodies the peers are asked about.
const RANDOM_BODIES: usize = 3_000;

#[test]
fn every_disagreement_about_addr_specs_has_its_paragraph() {
    let subjects = address_bodies();
    let mut failures: Vec<String> = Vec::new();
    for (place, body) in &subjects {
        let (ours, grammar) = (our_addr_specs(body), grammar::addr_specs(body));
        if ours != grammar {
            failures.push(format!(
                "{place}: {}\n    ours {}\n    grammar {}",
                body.escape_ascii(),
                shown(&ours),
                shown(&grammar)
            ));
        }
    }
    failures.extend(BODIES.check_ours(&subjects));
    for mut peer in peer::all() {
        let tally = BODIES.run(&mut peer, &subjects);
        print(&BODIES, peer.name(), "address fields", &tally);
        failures.extend(tally.unexplained);
    }
    report(&failures);
}

/// The grammar here and the engine's are two readings of one text: they agree beyond what mail holds.
#[test]
fn the_engine_reads_random_bodies_as_the_grammar_says() {
    let cases = std::env::var("READDRESS_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(20_000);
    for subject in random_bodies(cases) {
        let body = &subject.1;
        // What separates inside the brackets of a malformed piece is a matter of recovery: the engine
        // reads no domain-literal behind what can't be a local-part, the tokens here do.
        let separates = |token: &Token| {
            token.kind == Kind::Literal
                && body[token.at.clone()].iter().any(|octet| b",;:\"(".contains(octet))
        };
        if grammar::pieces(body)
            .iter()
            .any(|piece| piece.is_malformed() && piece.tokens.iter().any(separates))
        {
            continue;
        }
        assert_eq!(
            shown(&our_addr_specs(body)),
            shown(&grammar::addr_specs(body)),
            "{}",
            body.escape_ascii()
        );
        // An unterminated quote or comment spoils later ones, so taking it away changes what they are.
        let opens = |token: &Token| token.kind == Kind::Stray && b"\"(".contains(&body[token.at.start]);
        if !tokens::tokens(body).iter().any(opens) {
            report(&BODIES.check_ours(&[subject]));
        }
    }
}

/// The classes are enough for more than what happens to be in real mail.
#[test]
fn every_disagreement_about_random_bodies_has_its_paragraph() {
    let subjects: Vec<(String, Vec<u8>)> = random_bodies(RANDOM_BODIES).collect();
    let mut failures = Vec::new();
    for mut peer in peer::all() {
        let tally = BODIES.run(&mut peer, &subjects);
        print(&BODIES, peer.name(), "random bodies", &tally);
        failures.extend(tally.unexplained);
    }
    report(&failures);
}

/// Bodies put together of what makes address lists difficult; always the same ones.
fn random_bodies(count: usize) -> impl Iterator<Item = (String, Vec<u8>)> {
    const PARTS: [&str; 32] = [
        "a",
        "b.c",
        "d e",
        "x@y",
        "x@y",
        "<f@g>",
        ", ",
        ", ",
        "@",
        ".",
        ",",
        "<",
        ">",
        ":",
        ";",
        "(",
        ")",
        "\"",
        "\\",
        "[",
        "]",
        " ",
        "\r\n ",
        "\n\t",
        "\r",
        "\0",
        "=?utf-8?q?a=40b?=",
        "\u{fc}",
        "\"q, r\"",
        "(c@d)",
        "[192.0.2.1]",
        "g: h@i;",
    ];
    let body = proptest::collection::vec(proptest::sample::select(&PARTS[..]), 0..14);
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    (0..count).map(move |nth| {
        let parts = body.new_tree(&mut runner).unwrap().current();
        (format!("random body {nth}"), parts.concat().into_bytes())
    })
}

/// The fields come before what is in them: both together are what a reader of mail does.
#[test]
fn every_disagreement_about_address_fields_has_its_paragraph() {
    let mut subjects = Vec::new();
    for folder in folders() {
        subjects.extend(messages(&folder));
    }
    let mut failures = SECTIONS.check_ours(&subjects);
    // Python's two ways and GMime's read header sections alike.
    for mut peer in peer::all().into_iter().filter(|peer| peer.reads_sections) {
        let tally = SECTIONS.run(&mut peer, &subjects);
        print(&SECTIONS, peer.name(), "header sections", &tally);
        failures.extend(tally.unexplained);
    }
    report(&failures);
}

/// The classes explain only what they are about.
#[test]
fn a_peer_that_is_merely_wrong_has_no_excuse() {
    struct Forgetful;
    impl Ask for Forgetful {
        fn name(&self) -> &'static str {
            "forgetful"
        }
        fn ask(&mut self, _: char, body: &[u8]) -> Answer {
            let mut found = grammar::addr_specs(body);
            found.truncate(2);
            Ok(found)
        }
    }
    let body = b" \"a, b\" <a@b>, G: (c) d . e@f;, <@r:g@h>, =?utf-8?q?x?= <x@y>".to_vec();
    let tally = BODIES.run(&mut Forgetful, &[("here".to_owned(), body)]);
    assert_eq!((tally.disagreed, tally.unexplained.len()), (1, 1));
}

fn print(comparison: &Comparison, peer: &str, what: &str, tally: &Tally) {
    println!(
        "\n{peer}, {what}: {} alike, {} not, {} of them unexplained",
        tally.agreed,
        tally.disagreed,
        tally.unexplained.len()
    );
    for (&class, (count, place)) in &tally.classes {
        let class = &comparison.classes[class];
        let who = if class.follows == Follows::Us { "" } else { " [not by us]" };
        println!("  {count:5} {} ({}){who}; first in {place}", class.name, class.rfc);
    }
}

fn report(failures: &[String]) {
    let shown = failures.iter().take(40).fold(String::new(), |text, failure| text + failure + "\n");
    assert!(failures.is_empty(), "{} without an explanation:\n{shown}", failures.len());
}

fn our_addr_specs(body: &[u8]) -> Vec<Vec<u8>> {
    let found = AddressList::new(body).filter_map(|item| match item {
        Item::Mailbox(mailbox) => Some(grammar::normal_text(mailbox.addr_spec.span().of(body))),
        Item::Malformed { .. } => None,
    });
    found.collect()
}

/// The folder of real mail and vectors, or where `READDRESS_CORPUS` says its messages are.
fn corpus() -> Option<(PathBuf, PathBuf)> {
    let named = std::env::var_os("READDRESS_CORPUS").map(PathBuf::from);
    let mail = named.unwrap_or_else(|| root().join("../shared/corpus/eml"));
    mail.is_dir().then(|| (mail.clone(), mail.join("../vectors/address_inputs.jsonl")))
}

/// The bodies of all address fields, with their places.
fn address_bodies() -> Vec<(String, Vec<u8>)> {
    let mut subjects = Vec::new();
    for folder in folders() {
        for (name, message) in messages(&folder) {
            let mut nth = 0;
            for (field, body) in our_fields(&message) {
                nth += 1;
                subjects.push((format!("{name} #{nth} {field}"), body));
            }
        }
    }
    if let Some((_, vectors)) = corpus() {
        for line in std::fs::read_to_string(vectors).unwrap_or_default().lines() {
            let vector: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| vector[key].as_str().unwrap().to_owned();
            subjects.push((text("src"), text("input").into_bytes()));
        }
    }
    println!("{} bodies", subjects.len());
    subjects
}

fn folders() -> Vec<PathBuf> {
    let fixtures = root().join("tests/fixtures/messages");
    let Some((mail, _)) = corpus() else {
        println!("differential: SKIPPED: no corpus of real mail: only the fixtures are compared");
        return vec![fixtures];
    };
    vec![fixtures, mail]
}

fn our_sections(message: &[u8]) -> Vec<Vec<u8>> {
    let field = |(name, body): (String, Vec<u8>)| sections::normal(&[name.as_bytes(), b":", &body].concat());
    our_fields(message).into_iter().map(field).collect()
}

fn our_fields(message: &[u8]) -> Vec<(String, Vec<u8>)> {
    let limits = Limits { header_octets: u32::MAX, fields: u32::MAX, ..Limits::default() };
    let mut section = HeaderSection::new(message, limits).unwrap();
    let mut fields = Vec::new();
    while let Some(field) = section.next_field().unwrap() {
        let name = String::from_utf8_lossy(field.name.of(message)).into_owned();
        if KNOWN_FIELDS.iter().any(|known| known.name.eq_ignore_ascii_case(&name)) {
            fields.push((name, field.body.of(message).to_vec()));
        }
    }
    fields
}
