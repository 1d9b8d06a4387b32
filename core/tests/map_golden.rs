//! A map file that was written once and opens for ever, with the same answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

use std::fmt::Write as _;

use readdress::{Direction, Engine, EntryDirection, MapBuilder, NewEntry, Policy, Preset, Session};

/// Version 1.0, of [`written_today`] as it was then.
const GOLDEN: &[u8] = include_bytes!("golden/map-1.0.map");
const ANSWERS: &str = include_str!("golden/map-1.0.txt");

/// Every kind of entry, key and value that a map can have.
fn written_today() -> Vec<u8> {
    use EntryDirection::{Both, Outbound};
    let long = "l".repeat(240);
    let mut entries: Vec<(String, String, EntryDirection, &[&[u8]])> = [
        ("john.smith@tenant1.contoso.com", "john.smith@contoso.com", Both),
        ("Jane.Doe@Tenant1.Contoso.com", "Jane@contoso.com", Both),
        ("\"a b\"@tenant1.contoso.com", "\"c \\\"d\"@contoso.com", Both),
        ("u0001234@tenant1.contoso.com", "a.name.that.is.longer@contoso.com", Both),
        ("mary.jones@tenant1.contoso.com", "mjones2@contoso.com", Both),
        ("same@contoso.com", "Same@Contoso.com", Both),
        ("user@[192.0.2.1]", "literal@contoso.com", Both),
        ("jürgen@bücher.example", "juergen@xn--bcher-kva.contoso.com", Both),
        ("Out.Only@tenant1.contoso.com", "john.smith@contoso.com", Outbound),
        ("out.only2@tenant1.contoso.com", "other@fabrikam.com", Outbound),
        ("i.example", "x.example", Both),
        ("o.example", "x.example", Outbound),
        ("same.example", "same.example", Both),
        ("*.labs.example", "flat.example", Outbound),
    ]
    .map(|(internal, external, direction)| (internal.to_owned(), external.to_owned(), direction, &[][..]))
    .into();
    entries.push((format!("{long}@l.example"), format!("{long}1@x.l.example"), Both, &[]));
    entries.push((format!("{long}2@l.example"), "short@x.l.example".to_owned(), Both, &[]));
    entries.push((
        "*.keep.example".to_owned(),
        "flat.example".to_owned(),
        Outbound,
        &[b"a.keep.example", b"keep.example"],
    ));
    for number in 0..1200 {
        let target = format!("p{number}@t{}.example", (number % 40).max(4));
        entries.push((format!("p{number}@many.example"), target, Both, &[]));
    }
    let mut builder = MapBuilder::new();
    builder.set_name("golden");
    builder.set_policy(Policy::from_preset(Preset::Postfix));
    let files = ["plan.toml", "entries.csv"].map(|file| builder.add_source(file));
    for (line, (internal, external, direction, except)) in (1..).zip(&entries) {
        let entry = NewEntry {
            name: if line % 3 == 0 || line > 20 { "Jörg" } else { "" },
            internal: internal.as_bytes(),
            external: external.as_bytes(),
            direction: *direction,
            except,
            source: (line > 1).then_some((if line % 2 == 0 { files[0] } else { files[1] }, line)),
        };
        builder.add(&entry).unwrap();
    }
    builder.finish().unwrap()
}

/// What a map says: its entries, and what becomes of addresses on the way of each. Of the many that are
/// alike, some.
fn answers(map: &[u8]) -> String {
    let engine = Engine::from_bytes(map.to_vec()).unwrap();
    let map = engine.map();
    let mut text = format!("{} {}\n", map.name(), map.generation());
    let policy = map.policy();
    let _ = writeln!(text, "{} {} {:?}", policy.preset.name(), policy.subaddress_delimiters, policy.limits);
    let mut ask = |address: &str| {
        for direction in Direction::ALL {
            let explained = engine.explain(Session::from(direction).with_smtputf8(true), address.as_bytes());
            let result = explained.result.map(|result| String::from_utf8(result).unwrap());
            let number = explained.entry.map(|entry| entry.number());
            let _ = writeln!(
                text,
                "{address} {}: {result:?} {number:?} {}",
                direction.name(),
                explained.unmapped
            );
        }
    };
    let some = || map.entries().filter(|entry| entry.name().is_empty() || entry.number() % 16 == 0);
    for entry in some() {
        let [internal, external] = entry.addresses().map(|address| String::from_utf8(address).unwrap());
        for address in [&internal, &external] {
            ask(&match address.split_once('@') {
                Some((name, domain)) if !name.ends_with('"') => {
                    format!("{}+tag@{domain}", name.to_uppercase())
                }
                Some(_) => address.clone(),
                None => format!("anybody@{}", address.trim_start_matches("*.")),
            });
        }
    }
    for address in
        ["x@b.labs.example", "x@a.keep.example", "x@b.keep.example", "x@elsewhere.example", "q@many.example"]
    {
        ask(address);
    }
    for entry in some() {
        let _ =
            writeln!(text, "{entry:?} {:?}", entry.except().map(<[u8]>::escape_ascii).collect::<Vec<_>>());
    }
    text
}

#[test]
fn a_map_of_version_1_0_opens_and_answers_as_ever() {
    if std::env::var_os("READDRESS_BLESS").is_some() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let map = written_today();
        std::fs::write(folder.join("map-1.0.txt"), answers(&map)).unwrap();
        std::fs::write(folder.join("map-1.0.map"), map).unwrap();
        return;
    }
    let answers = answers(GOLDEN);
    for (number, (answer, expected)) in (1..).zip(answers.lines().zip(ANSWERS.lines())) {
        assert_eq!(answer, expected, "line {number}");
    }
    assert_eq!(answers.len(), ANSWERS.len());
}

#[test]
fn the_same_plan_still_gives_the_same_octets() {
    assert!(written_today() == GOLDEN, "the format has changed without its version, or the hash has");
}
