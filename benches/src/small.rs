//! Mail as a plain client sends it within a site: a few fields, hardly any trace.

use crate::people::{Person, stranger};
use crate::rng::Rng;
use crate::section::Section;
use crate::words::{WEEKDAYS, mailbox, sentence, text};

/// A message with three addresses, one of them always of somebody in the map.
#[must_use]
pub fn message(rng: &mut Rng, people: &[Person]) -> Vec<u8> {
    let mut section = Section::default();
    let from = rng.pick(people).clone();
    let time = format!(
        "{}, {} Nov 2025 {:02}:{:02}:{:02} +0100",
        rng.pick(&WEEKDAYS),
        rng.between(1, 28),
        rng.below(24),
        rng.below(60),
        rng.below(60)
    );
    let id = rng.hex(12);
    section.line(
        "Received",
        &format!("from desk.example.net by mx.example.net\r\n\twith ESMTP id {id}; {time}"),
    );
    section.line("Date", &time);
    section.line("From", &mailbox(rng, &from));
    let (colleague, guest) = (rng.pick(people).clone(), stranger(rng));
    section.words("To", [(mailbox(rng, &colleague) + ",").as_str(), mailbox(rng, &guest).as_str()], " ");
    section.line("Subject", &sentence(rng, 5));
    section.line("Message-ID", &format!("<{}@desk.example.net>", rng.hex(16)));
    section.line("MIME-Version", "1.0");
    section.line("Content-Type", "text/plain; charset=utf-8");
    section.finish(&text(rng, 1060))
}
