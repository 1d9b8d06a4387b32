//! Every way of scanning finds the same: fields, where the body begins, flags, and what passes a limit.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop")]

mod support;

use proptest::prelude::*;
use readdress::header::{Field, HeaderSection, NamedFields, Notes, Scanner};
use readdress::{Error, Flags, Limits, NameSet};

use support::config;

/// What one way of scanning finds.
fn scan(message: &[u8], limits: Limits, scanner: Scanner) -> Result<(Vec<Field>, usize, Flags), Error> {
    let mut section = HeaderSection::with_scanner(message, limits, scanner)?;
    let mut fields = Vec::new();
    while let Some(field) = section.next_field()? {
        fields.push(field);
    }
    assert_eq!(section.next_field()?, None, "the end is the end");
    Ok((fields, section.body_offset(), section.flags()))
}

/// What one way finds of the fields with some names, where fields between are passed over.
fn scan_named(message: &[u8], limits: Limits, scanner: Scanner) -> Result<(Vec<Field>, usize, Flags), Error> {
    let mut names = NameSet::new();
    for name in NAMES {
        names.add(name.as_bytes());
    }
    let mut named = NamedFields::new(message, limits, scanner, &names, Notes::default())?;
    let mut fields = Vec::new();
    while let Some((number, field)) = named.next_field()? {
        let name = &message[field.name.start as usize..field.name.end as usize];
        assert!(name.eq_ignore_ascii_case(NAMES[number].as_bytes()));
        fields.push(field);
    }
    Ok((fields, named.section().body_offset(), named.section().flags()))
}

const NAMES: [&str; 3] = ["To", "X", "from"];

/// Compares as text: errors have no equality.
fn found(message: &[u8], limits: Limits, scanner: Scanner) -> String {
    format!("{:?}", scan(message, limits, scanner))
}

fn agree(message: &[u8], limits: Limits) -> Result<(), TestCaseError> {
    let expected = found(message, limits, Scanner::Lines);
    for scanner in Scanner::ALL {
        prop_assert_eq!(found(message, limits, scanner), expected.clone(), "{:?}", scanner);
    }
    agree_about_names(message, limits)
}

fn agree_about_names(message: &[u8], limits: Limits) -> Result<(), TestCaseError> {
    let expected = scan(message, limits, Scanner::Lines).map(|(fields, body_offset, flags)| {
        let is_named = |field: &Field| {
            let name = &message[field.name.start as usize..field.name.end as usize];
            NAMES.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        };
        (fields.into_iter().filter(is_named).collect::<Vec<_>>(), body_offset, flags)
    });
    for scanner in Scanner::ALL {
        let named = scan_named(message, limits, scanner);
        prop_assert_eq!(format!("{named:?}"), format!("{expected:?}"), "{:?}", scanner);
    }
    Ok(())
}

/// Pieces that header sections are made of, and those that break them.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop_oneof![
            Just("From: a@b.example"), Just("X-Long-Name-Of-A-Field-That-Passes-A-Block:"), Just(" folded"),
            Just("\ttabbed"), Just("Subject : spaced"), Just("To:"), Just(":"), Just("no field"), Just("From me Mon"),
            Just("\u{fc}"), Just("\u{7f}"),
        ].prop_map(|text| text.as_bytes().to_vec()),
        12 => prop_oneof![8 => Just("\r\n"), 3 => Just("\n"), 1 => Just("\r"), 1 => Just("\r\r\n"), 1 => Just("\n\r")]
            .prop_map(|text| text.as_bytes().to_vec()),
        3 => (1_usize..200).prop_map(|length| vec![b'x'; length]),
        // As many fields as there is room for in what is read at once, and more.
        1 => (1_usize..300).prop_map(|count| b"X:\n".repeat(count)),
        1 => (900_usize..1100).prop_map(|length| vec![b'y'; length]),
        1 => any::<u8>().prop_map(|octet| vec![octet]),
        1 => Just(b"\r\n\r\n".to_vec()),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn all_ways_agree_about_anything(pieces in proptest::collection::vec(piece(), 0..60)) {
        agree(&pieces.concat(), Limits::default())?;
    }

    #[test]
    fn all_ways_agree_about_what_passes_a_limit(
        pieces in proptest::collection::vec(piece(), 0..60),
        header_octets in 0_u32..3000,
        fields in 0_u32..12,
    ) {
        agree(&pieces.concat(), Limits { header_octets, fields, ..Limits::default() })?;
    }

    /// Whatever lies behind the section counts for nothing, though it lies in the same blocks.
    #[test]
    fn what_follows_the_section_does_not_show(
        length in 0_usize..700,
        ending in prop_oneof![Just("\r\n"), Just("\n")],
        behind in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut message = format!("A:{}{ending}{ending}", "z".repeat(length)).into_bytes();
        let section = message.clone();
        message.extend(behind);
        for scanner in Scanner::ALL {
            prop_assert_eq!(
                found(&message, Limits::default(), scanner),
                found(&section, Limits::default(), scanner)
            );
        }
    }
}

/// Octets that are read in one go.
const CHUNK: usize = 1 << 15;

/// A field of this many octets, of lines as long as these.
fn long_field(length: usize, line: usize) -> Vec<u8> {
    let mut field = b"To:".to_vec();
    while field.len() < length {
        let rest = (length - field.len()).min(line);
        field.resize(field.len() + rest.saturating_sub(3), b'a');
        field.extend_from_slice(b"\r\n ");
    }
    field
}

proptest! {
    #![proptest_config(ProptestConfig { cases: config().cases.div_ceil(40), ..config() })]

    /// A field may take several of the chunks that a section is read in; long lines are in it, or behind it, or in
    /// the body alone.
    #[test]
    fn fields_of_more_than_a_chunk_are_read_alike(
        chunks in 1_usize..4,
        more in 0_usize..600,
        line in prop_oneof![Just(60_usize), Just(998), Just(1002), Just(1003), Just(2000), Just(40_000)],
        before in proptest::collection::vec(piece(), 0..3),
        behind in proptest::collection::vec(piece(), 0..6),
        body in prop_oneof![Just(0_usize), Just(70), Just(2000), Just(CHUNK)],
    ) {
        let field = long_field(chunks * CHUNK + more - 300, line);
        let message = [before.concat(), field, behind.concat(), b"z\r\n\r\n".to_vec(), vec![b'b'; body]].concat();
        agree(&message, Limits::default())?;
        agree(&message, Limits { header_octets: 40_000, ..Limits::default() })?;
    }
}

/// A line is long from 999 octets on, wherever blocks begin and end.
#[test]
fn long_lines_are_found_in_every_place() {
    for before in 0..130 {
        for length in [997, 998, 999, 1000, 1023, 1024, 1025] {
            for (fold, ending) in [("\r\n ", "\r\n"), ("\n\t", "\n"), ("", "\r\n"), ("", "")] {
                let lead =
                    if fold.is_empty() { String::new() } else { format!("X:{}{fold}", "a".repeat(before)) };
                let name = if fold.is_empty() { "X:" } else { "" };
                let used = name.len() + fold.len().min(1);
                let message = format!("{lead}{name}{}{ending}", "b".repeat(length - used));
                for scanner in Scanner::ALL {
                    let (_, _, flags) = scan(message.as_bytes(), Limits::default(), scanner).unwrap();
                    assert_eq!(
                        flags.contains(Flags::LONG_LINE),
                        length > 998,
                        "{scanner:?}: {length} octets behind {before}"
                    );
                }
            }
        }
    }
}

/// Every short piece of a header section, in every place around the end of blocks.
#[test]
fn every_piece_is_the_same_wherever_blocks_end() {
    const OCTETS: [u8; 5] = *b"a:\r\n ";
    const LENGTH: u32 = 5;
    let leads: [(&str, &str); 4] = [("X:", "\n"), ("X:", "\r\n"), ("X:", ""), ("From ", "\n")];
    let tails: [&[u8]; 3] = [b"", b"\r\n\r\n\0\r", b"q:\xff\r\n"];
    let mut message = Vec::new();
    for number in 0..OCTETS.len().pow(LENGTH) {
        let digits = (0..LENGTH).map(|place| number / OCTETS.len().pow(place) % OCTETS.len());
        let piece: Vec<u8> = digits.map(|digit| OCTETS[digit]).collect();
        for at in 250..=257 {
            // Each piece meets each lead and each tail, though not in every place.
            let (begin, end) = leads[(at + number) % leads.len()];
            let tail = tails[(at + number / 3) % tails.len()];
            message.clear();
            message.extend_from_slice(begin.as_bytes());
            message.resize(at - end.len(), b'z');
            message.extend_from_slice(end.as_bytes());
            message.extend_from_slice(&piece);
            message.extend_from_slice(tail);
            let expected = scan(&message, Limits::default(), Scanner::Lines).unwrap();
            agree_about_names(&message, Limits::default()).unwrap();
            for scanner in Scanner::ALL {
                let found = scan(&message, Limits::default(), scanner).unwrap();
                assert_eq!(found, expected, "{scanner:?}: {}", message.escape_ascii());
            }
        }
    }
}
