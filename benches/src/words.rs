//! Made-up text: display-names, subjects, bodies.

use crate::people::Person;
use crate::rng::Rng;

/// Names of days as dates in messages begin with.
pub const WEEKDAYS: [&str; 5] = ["Mon", "Tue", "Wed", "Thu", "Fri"];

const WORDS: [&str; 40] = [
    "figures", "draft", "for", "the", "quarter", "meeting", "on", "with", "agenda", "please", "review",
    "before", "contract", "delivery", "is", "late", "invoice", "and", "order", "from", "our", "plant",
    "travel", "plan", "new", "schedule", "training", "about", "open", "points", "release", "notes", "we",
    "need", "your", "answer", "by", "noon", "thanks", "minutes",
];

/// A mailbox as Outlook writes it.
#[must_use]
pub fn mailbox(rng: &mut Rng, person: &Person) -> String {
    let Person { first, last, internal, .. } = person;
    match rng.below(10) {
        0..5 => format!("{first} {last} <{internal}>"),
        5..8 => format!("\"{last}, {first}\" <{internal}>"),
        8 => format!("<{internal}>"),
        // What an encoder makes of a name with an umlaut at its end.
        _ => format!("=?utf-8?Q?{first}_{last}=C3=BC?= <{internal}>"),
    }
}

/// Some words.
#[must_use]
pub fn sentence(rng: &mut Rng, words: usize) -> String {
    (0..words).map(|_| *rng.pick(&WORDS)).collect::<Vec<_>>().join(" ")
}

/// Lines of words, about this many octets of them.
#[must_use]
pub fn text(rng: &mut Rng, octets: usize) -> String {
    let mut text = String::with_capacity(octets + 100);
    while text.len() < octets {
        text.push_str(&sentence(rng, 11));
        text.push_str("\r\n");
    }
    text
}
