//! The pieces that are timed by themselves, each as small as it can be asked for from outside the
//! engine, and the floors they are held against.

use std::hint::black_box;
use std::mem::take;

use memchr::memchr_iter;
use readdress::address::{AddressList, Item};
use readdress::field::KNOWN_FIELDS;
use readdress::header::{NamedFields, Notes, Scanner};
use readdress::{Limits, NameSet};

/// The names of all address fields, as the engine asks about them.
#[must_use]
pub fn address_field_names() -> NameSet {
    let mut names = NameSet::new();
    for field in KNOWN_FIELDS {
        names.add(field.name.as_bytes());
    }
    names
}

/// Finds the address fields; gives a sum that depends on every place found.
#[must_use]
pub fn address_fields(section: &[u8], names: &NameSet, scanner: Scanner, notes: &mut Notes) -> u32 {
    let mut fields = NamedFields::new(section, Limits::default(), scanner, names, take(notes))
        .expect("shorter than 4 GiB");
    let mut sum = 0;
    while let Some((_, field)) = fields.next_field().expect("within the limits") {
        sum ^= field.body.start ^ field.body.end;
    }
    *notes = fields.into_notes();
    sum
}

/// Finds the address fields and reads their lists; gives a sum that depends on every place found.
#[must_use]
pub fn address_fields_and_lists(message: &[u8], names: &NameSet, notes: &mut Notes) -> u32 {
    let mut fields = NamedFields::new(message, Limits::default(), Scanner::best(), names, take(notes))
        .expect("shorter than 4 GiB");
    let mut sum = 0;
    while let Some((_, field)) = fields.next_field().expect("within the limits") {
        sum ^= field.body.start ^ mailboxes(field.body.of(message));
    }
    *notes = fields.into_notes();
    sum
}

/// Finds every line feed; gives a sum that depends on every place found. What a scanner of lines
/// built on memchr can reach at best.
#[must_use]
pub fn line_feeds(section: &[u8]) -> usize {
    memchr_iter(b'\n', section).fold(0, |sum, at| sum ^ at)
}

/// Copies a section to the same place each time.
pub fn copy(section: &[u8], buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.extend_from_slice(section);
    black_box(buffer.as_slice());
}

/// Reads an address list; gives a sum that depends on every place found.
#[must_use]
pub fn mailboxes(body: &[u8]) -> u32 {
    AddressList::new(body).fold(0, |sum, item| match item {
        Item::Mailbox(mailbox) => sum ^ mailbox.addr_spec.local_part.start ^ mailbox.addr_spec.domain.end,
        Item::Malformed { at, .. } => sum ^ at,
    })
}
