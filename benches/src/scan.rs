//! The pieces that are timed by themselves, each as small as it can be asked for from outside the
//! engine, and the floors they are held against.

use std::hint::black_box;

use memchr::memchr_iter;
use readdress::Limits;
use readdress::address::{AddressList, Item};
use readdress::field::KNOWN_FIELDS;
use readdress::header::HeaderSection;

/// The names of all address fields, by length: the engine asks the same way.
#[derive(Debug)]
pub struct Names {
    by_length: Vec<Vec<&'static [u8]>>,
}

impl Names {
    /// All fields that presets know.
    #[must_use]
    pub fn new() -> Names {
        let longest = KNOWN_FIELDS.iter().map(|field| field.name.len()).max().expect("fields are known");
        let mut by_length = vec![Vec::new(); longest + 1];
        for field in KNOWN_FIELDS {
            by_length[field.name.len()].push(field.name.as_bytes());
        }
        Names { by_length }
    }

    /// Whether a field is one of them.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        let candidates = self.by_length.get(name.len());
        candidates.is_some_and(|known| known.iter().any(|known| known.eq_ignore_ascii_case(name)))
    }
}

impl Default for Names {
    fn default() -> Self {
        Names::new()
    }
}

/// Finds the address fields; gives a sum that depends on every place found.
#[must_use]
pub fn address_fields(section: &[u8], names: &Names) -> u32 {
    let mut scanner = HeaderSection::new(section, Limits::default()).expect("shorter than 4 GiB");
    let mut sum = 0;
    while let Some(field) = scanner.next_field().expect("within the limits") {
        if names.has(field.name.of(section)) {
            sum ^= field.body.start ^ field.body.end;
        }
    }
    sum
}

/// Finds the address fields and reads their lists; gives a sum that depends on every place found.
#[must_use]
pub fn address_fields_and_lists(section: &[u8], names: &Names) -> u32 {
    let mut scanner = HeaderSection::new(section, Limits::default()).expect("shorter than 4 GiB");
    let mut sum = 0;
    while let Some(field) = scanner.next_field().expect("within the limits") {
        if names.has(field.name.of(section)) {
            sum ^= field.body.start ^ mailboxes(field.body.of(section));
        }
    }
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
