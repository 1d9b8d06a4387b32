//! The field scanner: fields lie inside the input, in order, before the body; and every way of scanning finds
//! the same, whatever is allowed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use readdress::header::{HeaderSection, NamedFields, Notes, Scanner};
use readdress::{Limits, NameSet, Span};

/// What one way of scanning finds, up to what passes a limit.
fn found(message: &[u8], limits: Limits, scanner: Scanner) -> (Vec<[Span; 2]>, String) {
    let mut section = HeaderSection::with_scanner(message, limits, scanner).unwrap();
    let mut fields = Vec::new();
    loop {
        match section.next_field() {
            Ok(Some(field)) => fields.push([field.name, field.body]),
            Ok(None) => return (fields, format!("{} {:?}", section.body_offset(), section.flags())),
            Err(error) => return (fields, format!("{error:?}")),
        }
    }
}

/// The same of fields with some names, where those between are passed over.
fn found_named(
    message: &[u8],
    limits: Limits,
    scanner: Scanner,
    names: &NameSet,
) -> (Vec<[Span; 2]>, String) {
    let mut named = NamedFields::new(message, limits, scanner, names, Notes::default()).unwrap();
    let mut fields = Vec::new();
    loop {
        match named.next_field() {
            Ok(Some((_, field))) => fields.push([field.name, field.body]),
            Ok(None) => {
                let section = named.section();
                return (fields, format!("{} {:?}", section.body_offset(), section.flags()));
            }
            Err(error) => return (fields, format!("{error:?}")),
        }
    }
}

fuzz_target!(|message: &[u8]| {
    let mut section = HeaderSection::new(message, Limits::default()).unwrap();
    let mut reached = 0;
    while let Ok(Some(field)) = section.next_field() {
        assert!(field.name.start >= reached && field.name.start < field.name.end);
        assert!(field.name.end < field.body.start && field.body.start <= field.body.end);
        assert!(field.name.of(message).iter().all(|octet| (33..=126).contains(octet) && *octet != b':'));
        reached = field.body.end;
    }
    assert!(section.body_offset() >= reached as usize && section.body_offset() <= message.len());

    let mut names = NameSet::new();
    for name in ["To", "From", "X"] {
        names.add(name.as_bytes());
    }
    // The first octet tells how much is allowed, so that limits fall on every place.
    let narrow = u32::from(message.first().copied().unwrap_or(0));
    for limits in
        [Limits::default(), Limits { header_octets: narrow, fields: narrow / 8, ..Limits::default() }]
    {
        let expected = found(message, limits, Scanner::Lines);
        let (fields, end) = &expected;
        let is_named = |[name, _]: &&[Span; 2]| names.find(name.of(message)).is_some();
        let named: Vec<[Span; 2]> = fields.iter().filter(is_named).copied().collect();
        for scanner in Scanner::ALL {
            assert_eq!(found(message, limits, scanner), expected, "{scanner:?}");
            let found = found_named(message, limits, scanner, &names);
            assert_eq!((&found.0, &found.1), (&named, end), "{scanner:?}");
        }
    }
});
