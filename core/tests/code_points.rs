//! Every code point there is, surrogates as the three octets they would have, at each place of an
//! address and around it: none is taken for an ASCII character that it isn't, whatever it would
//! become cut to 8 or 7 bits, folded, normalised or left out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop")]

mod support;

use readdress::{Direction, Engine, Scratch};
use support::engine;

const CODE_POINTS: u32 = 0x11_0000;
/// Fields of one message: what is left of a message is made anew for each.
const AT_ONCE: u32 = 128;

const ADDRESS: &str = "john@tenant1.contoso.com";
const TARGET: &str = "john.smith@contoso.com";

/// A body with a place for a code point, and the ASCII characters at that place with which an
/// entry still applies, with what comes out then.
struct Place {
    before: &'static str,
    after: &'static str,
    harmless: &'static [u8],
    becomes: &'static str,
    /// Whether the entry applies with every character beyond ASCII: in a display-name.
    is_name: bool,
}

const fn place(before: &'static str, after: &'static str, harmless: &'static [u8]) -> Place {
    Place { before, after, harmless, becomes: TARGET, is_name: false }
}

/// Comments and white space may stand around words, a comma before and behind an address, a dot
/// behind a domain; case doesn't count.
const PLACES: &[Place] = &[
    // In place of a character of the local-part, of the @, of the domain.
    place("", "ohn@tenant1.contoso.com", b"jJ"),
    place("john", "tenant1.contoso.com", b"@"),
    place("john@", "enant1.contoso.com", b"tT"),
    place("john@tenant1", "contoso.com", b"."),
    // Between two characters.
    place("", "john@tenant1.contoso.com", b" \t\n,"),
    place("jo", "hn@tenant1.contoso.com", b""),
    place("john", "@tenant1.contoso.com", b" \t\n"),
    place("john@ten", "ant1.contoso.com", b""),
    place("john@tenant1.contoso.com", "", b" \t\n,."),
    // In a name before somebody else's address.
    place("john", "tenant1.contoso.com <u@other.example>", b""),
    // In a domain with an entry for all of its mailboxes.
    Place { becomes: "u@x.example", ..place("u@", ".example", b"kK") },
    Place { becomes: "u@x.example", ..place("u@k", "example", b".") },
    // In a name before the address itself: letters, white space, a comma, a group's colon.
    Place {
        is_name: true,
        ..place(
            "x",
            "y <john@tenant1.contoso.com>",
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~. \t\n,:",
        )
    },
];

/// The octets of a code point in UTF-8, surrogates by the same rule.
fn encode(point: u32, out: &mut Vec<u8>) {
    let continuation = |shift: u32| u8::try_from(point >> shift & 0x3f).unwrap() | 0x80;
    let first = |shift: u32| u8::try_from(point >> shift).unwrap();
    match point {
        0..0x80 => out.push(first(0)),
        0x80..0x800 => out.extend([first(6) | 0xc0, continuation(0)]),
        0x800..0x1_0000 => out.extend([first(12) | 0xe0, continuation(6), continuation(0)]),
        _ => out.extend([first(18) | 0xf0, continuation(12), continuation(6), continuation(0)]),
    }
}

/// What the entry gives with this code point at this place, by the rules of RFC 5322 alone.
fn expected(place: &Place, point: u32) -> Option<&'static str> {
    match u8::try_from(point).ok().filter(u8::is_ascii) {
        Some(octet) if place.harmless.contains(&octet) => Some(place.becomes),
        // A detail without text; the delimiter is put back.
        Some(b'+') if place.before == "john" && place.after.starts_with('@') => {
            Some("john.smith+@contoso.com")
        }
        None if place.is_name => Some(place.becomes),
        _ => None,
    }
}

/// Tries the code points from `start` on at one place; the edits found must be those expected.
fn try_points(engine: &Engine, place: &Place, start: u32, scratch: &mut Scratch, body: &mut Vec<u8>) -> u32 {
    let end = CODE_POINTS.min(start + AT_ONCE);
    let mut parts = engine.begin(Direction::Outbound, scratch);
    for point in start..end {
        body.clear();
        body.extend_from_slice(place.before.as_bytes());
        encode(point, body);
        body.extend_from_slice(place.after.as_bytes());
        parts.field(b"To", body).unwrap();
    }
    let done = parts.finish();
    let mut edits = done.edits();
    let mut hits = 0;
    for (point, nth) in (start..end).zip(1..) {
        let Some(want) = expected(place, point) else { continue };
        let edit = edits.next().unwrap_or_else(|| panic!("U+{point:04X} at {:?}: no edit", place.before));
        let is_expected = edit.nth == nth && edit.to == want.as_bytes();
        assert!(is_expected, "U+{point:04X} between {:?} and {:?}: {edit:?}", place.before, place.after);
        hits += 1;
    }
    if let Some(edit) = edits.next() {
        panic!("U+{:04X} between {:?} and {:?}: {edit:?}", start + edit.nth - 1, place.before, place.after);
    }
    hits
}

#[test]
fn no_code_point_is_taken_for_another() {
    let engine = engine(&[(ADDRESS, TARGET), ("k.example", "x.example")]);
    let (mut scratch, mut body) = (Scratch::new(), Vec::new());
    let mut hits = 0;
    for place in PLACES {
        for start in (0..CODE_POINTS).step_by(usize::try_from(AT_ONCE).unwrap()) {
            hits += try_points(&engine, place, start, &mut scratch, &mut body);
        }
    }
    let harmless: usize = PLACES.iter().map(|place| place.harmless.len()).sum();
    let details = 1;
    let in_names = CODE_POINTS - 0x80;
    assert_eq!(hits, u32::try_from(harmless + details).unwrap() + in_names);
}

#[test]
fn the_encoding_is_utf_8() {
    let mut octets = Vec::new();
    for point in (0..CODE_POINTS).filter_map(char::from_u32) {
        octets.clear();
        encode(u32::from(point), &mut octets);
        assert_eq!(octets, point.to_string().into_bytes());
    }
}
