//! All 65,536 pairs of octets in the address that an entry gives: the builder refuses them, or
//! what they come to in a message is harmless. And the same pairs written into a finished map,
//! sealed anew as a forger would: no output gains a line, a NUL or another control character.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop")]

mod support;

use readdress::address::{AddressList, Item};
use readdress::{
    Direction, Engine, EntryDirection, FieldSet, MapBuilder, NewEntry, PathKind, Policy, Rewritten, Scratch,
};

const SEAL_OCTETS: usize = 32;

fn pairs() -> impl Iterator<Item = [u8; 2]> {
    (0..=u16::MAX).map(u16::to_be_bytes)
}

/// A policy that rewrites To in both directions, and nothing else: engines are made quickly with it.
fn both_ways() -> Policy {
    let to = || FieldSet::new(["To"]).unwrap();
    Policy { outbound: to(), inbound: to(), ..Policy::default() }
}

fn outbound<'a>(name: &'a str, internal: &'a [u8], external: &'a [u8]) -> NewEntry<'a> {
    NewEntry { name, internal, external, direction: EntryDirection::Outbound, except: &[], source: None }
}

fn controls(octets: &[u8]) -> usize {
    octets.iter().filter(|octet| octet.is_ascii_control()).count()
}

/// The addr-specs of a field body, and whether all of it is well-formed.
fn mailboxes(body: &[u8]) -> (Vec<&[u8]>, bool) {
    let mut is_well_formed = true;
    let mailboxes = AddressList::new(body)
        .filter_map(|item| match item {
            Item::Mailbox(mailbox) => Some(mailbox.addr_spec.span().of(body)),
            Item::Malformed { .. } => {
                is_well_formed = false;
                None
            }
        })
        .collect();
    (mailboxes, is_well_formed)
}

/// Entries whose external addresses have each pair in one place, as far as the builder takes them.
/// Each internal address is known by its pair's number.
fn built(before: &str, after: &str, is_mailbox: bool) -> (Engine, Vec<u16>) {
    let mut builder = MapBuilder::new();
    let mut taken = Vec::new();
    for pair in pairs() {
        let number = u16::from_be_bytes(pair);
        let external = [before.as_bytes(), &pair, after.as_bytes()].concat();
        let internal = if is_mailbox { format!("u{number}@i.example") } else { format!("i{number}.example") };
        if builder.add(&outbound("", internal.as_bytes(), &external)).is_ok() {
            assert_eq!(controls(&external), 0, "{}", external.escape_ascii());
            taken.push(number);
        }
    }
    (Engine::from_bytes(builder.finish().unwrap()).unwrap(), taken)
}

/// What comes out for entries that the builder took is one well-formed address in place of one,
/// with a detail and without.
fn check_built(before: &str, after: &str, is_mailbox: bool) -> usize {
    let (engine, taken) = built(before, after, is_mailbox);
    let mut scratch = Scratch::new();
    for number in &taken {
        let bodies = if is_mailbox {
            vec![format!("u{number}@i.example"), format!("<u{number}+x@i.example>")]
        } else {
            vec![format!("u@i{number}.example"), format!("\"u v\"@i{number}.example")]
        };
        for body in bodies {
            let mut parts = engine.begin(Direction::Outbound, &mut scratch);
            parts.field(b"To", body.as_bytes()).unwrap();
            let done = parts.finish();
            let values: Vec<Vec<u8>> = done.field_changes().map(|change| change.value()).collect();
            // An address beyond ASCII may be kept out of a message that is not SMTPUTF8.
            let [value] = values.as_slice() else {
                assert!(values.is_empty() && !number.to_be_bytes().is_ascii(), "{body}: no edit");
                continue;
            };
            assert_eq!(controls(value), 0, "{}", value.escape_ascii());
            let (found, is_well_formed) = mailboxes(value);
            let to: Vec<&[u8]> = done.edits().map(|edit| edit.to).collect();
            assert!(is_well_formed && found == to && to.len() == 1, "{}", value.escape_ascii());
        }
    }
    taken.len()
}

#[test]
fn the_builder_refuses_every_pair_that_could_do_harm() {
    // Letters, digits and the 19 marks of RFC 5322 3.2.3 are atext.
    let (atext, letters_and_digits) = (81, 62);
    // Two of atext, or a dot before or behind one; and what UTF-8 the builder may take.
    let local_part = check_built("a", "b@x.example", true);
    assert!(local_part >= atext * atext + 2 * atext, "{local_part} pairs in a local-part");
    let quoted = check_built("\"a", "b\"@x.example", true);
    assert!(quoted > local_part, "{quoted} pairs in quotes");
    let domain = check_built("a@b", "c.example", true);
    let is_enough = |taken: usize| taken >= letters_and_digits * letters_and_digits;
    assert!(is_enough(domain) && domain < local_part, "{domain} pairs in a domain");
    // A dot before or behind one digit.
    let literal = check_built("a@[192.0.2", "1]", true);
    assert!(literal <= 20, "{literal} pairs in a literal");
    let whole_domain = check_built("b", "c.example", false);
    assert!(is_enough(whole_domain), "{whole_domain} pairs in the domain of a domain entry");
}

/// Names are for reports: no octet of them is put into a message.
#[test]
fn no_pair_in_a_name_comes_out() {
    let mut builder = MapBuilder::new();
    let mut count = 0;
    for pair in pairs() {
        let Ok(text) = std::str::from_utf8(&pair) else { continue };
        let internal = format!("u{count}@i.example");
        let name = format!("name{text}of");
        builder.add(&outbound(&name, internal.as_bytes(), b"all@x.example")).unwrap();
        count += 1;
    }
    let engine = Engine::from_bytes(builder.finish().unwrap()).unwrap();
    let list: Vec<String> = (0..count).map(|number| format!("u{number}@i.example")).collect();
    let message = format!("To: {}\r\n\r\n", list.join(",\r\n "));
    let mut scratch = Scratch::new();
    let done = engine.rewrite_into(Direction::Outbound, message.as_bytes(), &mut scratch).unwrap();
    let wanted = format!("To: {}\r\n\r\n", vec!["all@x.example"; count].join(",\r\n "));
    assert!(done.to_vec() == wanted.as_bytes(), "only addresses differ");
    let names = done.edits().filter(|edit| edit.entry.as_ref().is_some_and(|entry| !entry.name().is_empty()));
    assert_eq!(names.count(), count);
}

/// A map with each kind of entry.
fn map() -> Vec<u8> {
    let mut builder = MapBuilder::new();
    builder.set_policy(both_ways());
    let two_way = |internal, external| NewEntry {
        direction: EntryDirection::Both,
        ..outbound("who", internal, external)
    };
    builder.add(&two_way(b"john@tenant1.contoso.com", b"john.smith@contoso.com")).unwrap();
    builder.add(&two_way(b"\"jane doe\"@tenant1.contoso.com", b"\"j doe\"@contoso.com")).unwrap();
    builder.add(&two_way(b"i.example", b"xyz.example")).unwrap();
    builder.add(&outbound("who", b"*.labs.example", b"flat.example")).unwrap();
    builder.finish().unwrap()
}

const MESSAGE: &[u8] = b"From: a@b.example\r\nTo: John <john@tenant1.contoso.com>,\r\n \
    john+x@tenant1.contoso.com, \"jane doe\"@tenant1.contoso.com (x),\r\n u@i.example, u@a.labs.example,\r\n \
    john.smith@contoso.com, john.smith+x@contoso.com, \"j doe\"@contoso.com, u@xyz.example\r\n\
    Subject: x\r\n\r\nbody\r\n";

/// The paths of each direction that an entry changes.
fn paths(direction: Direction) -> (PathKind, [&'static [u8]; 3]) {
    match direction {
        Direction::Outbound => {
            (PathKind::Reverse, [b"<john@tenant1.contoso.com>", b"u@i.example", b"<u@a.labs.example>"])
        }
        Direction::Inbound => (
            PathKind::Forward,
            [b"john.smith@contoso.com", b"<john.smith+x@contoso.com>", b"<u@xyz.example>"],
        ),
    }
}

/// Places in the file's addresses: octets of it, where in them the pair is written, and the direction
/// in which that goes out. Domains stand whole; local-parts behind an octet that says how many octets of
/// the key they keep and how many follow.
const TARGETS: &[(&[u8], usize, Direction)] = &[
    (b"\x46.smith", 1, Direction::Outbound),
    (b"\x46.smith", 5, Direction::Outbound),
    (b"\x07\"j doe\"", 2, Direction::Outbound),
    (b"contoso.com", 2, Direction::Outbound),
    (b"xyz.example", 0, Direction::Outbound),
    (b"flat.example", 2, Direction::Outbound),
    (b"\x0a\"jane doe\"", 4, Direction::Inbound),
    (b"tenant1.contoso.com", 0, Direction::Inbound),
    (b"i.example", 0, Direction::Inbound),
];

/// Writes the pair where the file has `text` for the first time.
fn forge(map: &[u8], text: &[u8], at: usize, pair: [u8; 2]) -> Vec<u8> {
    let found = map.windows(text.len()).position(|window| window == text).unwrap();
    let place = found + at;
    let mut forged = map.to_vec();
    forged[place..place + 2].copy_from_slice(&pair);
    let sealed = forged.len() - SEAL_OCTETS;
    let seal = blake3::hash(&forged[..sealed]);
    forged[sealed..].copy_from_slice(seal.as_bytes());
    forged
}

/// The message has the lines it had, and no control character that it didn't have.
fn check_message(done: &Rewritten<'_>, what: impl Fn() -> String) {
    let output = done.to_vec();
    let lines = |text: &[u8]| text.split(|&octet| octet == b'\n').count();
    assert_eq!(lines(&output), lines(MESSAGE), "{}: {}", what(), output.escape_ascii());
    assert_eq!(controls(&output), controls(MESSAGE), "{}: {}", what(), output.escape_ascii());
    for edit in done.edits() {
        assert_eq!(controls(edit.text), 0, "{}: {}", what(), edit.text.escape_ascii());
    }
}

#[test]
fn a_forged_address_adds_no_line_and_no_control_character() {
    let map = map();
    let mut scratch = Scratch::new();
    let mut edits = 0;
    for &(text, at, direction) in TARGETS {
        let (kind, paths) = paths(direction);
        for pair in pairs() {
            let Ok(engine) = Engine::from_bytes(forge(&map, text, at, pair)) else { continue };
            let what = || format!("{} in {}", pair.escape_ascii(), text.escape_ascii());
            let done = engine.rewrite_into(direction, MESSAGE, &mut scratch).unwrap();
            edits += done.edits().len();
            check_message(&done, what);
            for path in paths {
                let done = engine.rewrite_path(direction, kind, path, &mut scratch).unwrap();
                assert_eq!(controls(done.to()), 0, "{}: {}", what(), done.to().escape_ascii());
            }
        }
    }
    // Most pairs do no harm and go out: the test has looked at something.
    assert!(edits > 65_536 * TARGETS.len());
}
