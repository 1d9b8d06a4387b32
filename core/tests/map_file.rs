//! Map files: the same entries give the same octets, and nothing but those octets opens.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop")]

mod support;

use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use readdress::{
    ConflictKind, Direction, Engine, EntryDirection, Error, Map, MapBuilder, MapErrorKind, NewEntry,
    OnSigned, Policy, Preset, Scratch, publish,
};
use support::config;

fn entry<'a>(internal: &'a str, external: &'a str, direction: EntryDirection) -> NewEntry<'a> {
    NewEntry {
        name: "",
        internal: internal.as_bytes(),
        external: external.as_bytes(),
        direction,
        except: &[],
        source: None,
    }
}

/// [`small`] with enough mailboxes for several blocks on both sides, built once.
static LARGER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| larger(150));

fn small() -> Vec<u8> {
    larger(0)
}

fn larger(more: usize) -> Vec<u8> {
    let mut builder = MapBuilder::new();
    builder.set_name("small");
    builder.add(&entry("a@i.example", "b@x.example", EntryDirection::Both)).unwrap();
    builder.add(&entry("i.example", "x.example", EntryDirection::Both)).unwrap();
    let wildcard = NewEntry {
        except: &[b"keep.l.example"],
        ..entry("*.l.example", "x.example", EntryDirection::Outbound)
    };
    builder.add(&wildcard).unwrap();
    for number in 0..more {
        let [internal, external] =
            [format!("m{number}@i.example"), format!("n{number}@x{}.example", (number % 40).max(8))];
        builder.add(&entry(&internal, &external, EntryDirection::Both)).unwrap();
    }
    builder.finish().unwrap()
}

fn refusal(bytes: Vec<u8>) -> MapErrorKind {
    match Map::new(bytes) {
        Err(Error::Map(error)) => error.kind,
        other => panic!("{:?} is a refusal", other.map(|map| map.entry_count())),
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let map = small();
    assert!(Map::new(map.clone()).is_ok());
    for at in 0..map.len() {
        for bit in 0..8 {
            let mut damaged = map.clone();
            damaged[at] ^= 1 << bit;
            assert!(Map::new(damaged).is_err(), "bit {bit} of octet {at}");
        }
    }
}

#[test]
fn every_missing_or_added_octet_is_refused() {
    let map = small();
    for length in 0..map.len() {
        assert!(Map::new(&map[..length]).is_err(), "{length} octets");
    }
    for extra in [0, 1, 255] {
        let mut longer = map.clone();
        longer.push(extra);
        assert!(matches!(refusal(longer), MapErrorKind::Length { .. }));
    }
    for at in 0..map.len() {
        let mut shorter = map.clone();
        shorter.remove(at);
        assert!(Map::new(shorter).is_err(), "without octet {at}");
        let mut longer = map.clone();
        longer.insert(at, 0);
        assert!(Map::new(longer).is_err(), "a zero before octet {at}");
    }
}

/// The seal made anew, as a forger would.
fn reseal(mut map: Vec<u8>) -> Vec<u8> {
    let end = map.len() - 32;
    let seal = blake3::hash(&map[..end]);
    map[end..].copy_from_slice(seal.as_bytes());
    map
}

#[test]
fn a_newer_version_says_so() {
    let mut map = small();
    map[8] = 2;
    assert_eq!(refusal(reseal(map)), MapErrorKind::Version { major: 2, minor: 0 });
    let mut map = small();
    map[12] = 4;
    assert_eq!(refusal(reseal(map)), MapErrorKind::Features(4));
    assert_eq!(refusal(b"From: x\n\n".to_vec()), MapErrorKind::NotAMap);
}

#[test]
fn the_order_of_adding_makes_no_difference() {
    let entries =
        [("a@i.example", "z@x.example"), ("b@i.example", "y@x.example"), ("j.example", "w.example")];
    let build = |order: [usize; 3]| {
        let mut builder = MapBuilder::new();
        for number in order {
            builder.add(&entry(entries[number].0, entries[number].1, EntryDirection::Both)).unwrap();
        }
        builder.finish().unwrap()
    };
    assert_eq!(build([0, 1, 2]), build([2, 0, 1]));
}

#[test]
fn what_went_in_can_be_read_back() {
    let mut policy = Policy::from_preset(Preset::Edge2016);
    policy.subaddress_delimiters = "+-".to_owned();
    policy.limits.fields = 7;
    policy.on_signed_outbound = OnSigned::SkipFields;
    policy.on_signed_inbound = OnSigned::EnvelopeOnly;
    policy.scrub_display_names = true;
    let mut builder = MapBuilder::new();
    builder.set_name("näme");
    builder.set_policy(policy.clone());
    let file = builder.add_source("dir/entries.csv");
    let added = NewEntry {
        name: "Jörg",
        source: Some((file, 12)),
        ..entry("\"J x\"@I.example.", "j@x.example", EntryDirection::Outbound)
    };
    builder.add(&added).unwrap();
    let map = Map::new(builder.finish().unwrap()).unwrap();
    assert_eq!((map.name(), map.policy(), map.entry_count()), ("näme", &policy, 1));
    assert_eq!(map.sources().collect::<Vec<_>>(), ["dir/entries.csv"]);
    let read = map.entry(0).unwrap();
    assert_eq!((read.name(), read.file(), read.line()), ("Jörg", Some("dir/entries.csv"), 12));
    assert_eq!(read.addresses(), [b"\"J x\"@I.example".to_vec(), b"j@x.example".to_vec()]);
    assert_eq!(read.direction(), EntryDirection::Outbound);
    assert_eq!(map.generation().len(), 64);
    let sections: usize = map.sections().map(|section| section.length).sum();
    assert!(sections < map.size() && map.size() < sections + 800);
}

#[test]
fn entries_that_contradict_each_other_are_all_named() {
    let mut builder = MapBuilder::new();
    for (internal, external) in [
        ("a@i.example", "a@x.example"),
        ("A@i.example", "b@x.example"),
        ("c@i.example", "\"a\"@X.example"),
        ("\"a\"@i.example.", "d@x.example"),
    ] {
        builder.add(&entry(internal, external, EntryDirection::Both)).unwrap();
    }
    let found: Vec<_> = builder
        .conflicts()
        .iter()
        .map(|conflict| (conflict.kind, conflict.first.0, conflict.second.0))
        .collect();
    assert_eq!(
        found,
        [
            (ConflictKind::DuplicateInternal, 0, 1),
            (ConflictKind::NotInvertible, 0, 2),
            (ConflictKind::DuplicateInternal, 0, 3),
        ]
    );
    assert!(builder.finish().is_err());
}

#[test]
fn publishing_replaces_whole_files_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contoso.map");
    publish(&path, &small()).unwrap();
    assert_eq!(Engine::open(&path).unwrap().map().entry_count(), 3);
    let mut damaged = small();
    damaged[100] ^= 1;
    assert!(publish(&path, &damaged).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), small());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    assert!(publish(&folder.path().join("none/contoso.map"), &small()).is_err());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o137, 0);
}

/// Opens a map whose octets are any, and asks it everything.
fn use_forged(map: Vec<u8>, address: &str) {
    let Ok(engine) = Engine::from_bytes(reseal(map)) else { return };
    let mut scratch = Scratch::new();
    for direction in Direction::ALL {
        let message = format!("From: {address}\nTo: {address}\n\n");
        if let Ok(done) = engine.rewrite_into(direction, message.as_bytes(), &mut scratch) {
            let output = done.to_vec();
            assert_eq!(output.iter().filter(|&&octet| octet == b'\n').count(), 3);
            _ = done.edits().count();
        }
        _ = engine.explain(direction, address.as_bytes());
    }
    for entry in engine.map().entries() {
        _ = (entry.addresses(), entry.name(), entry.file(), entry.direction(), entry.except().count());
    }
    _ = engine.map().sections().count();
}

/// The octets of a section of [`LARGER`].
fn section(name: &str) -> std::ops::Range<usize> {
    let map = Map::new(LARGER.as_slice()).unwrap();
    let info = map.sections().find(|section| section.name == name).unwrap();
    info.offset..info.offset + info.length
}

#[test]
fn an_automaton_that_is_none_is_refused() {
    for name in ["internal-heads", "external-heads"] {
        let place = section(name);
        let mut map = LARGER.clone();
        map[place.start] = 4;
        assert_eq!(refusal(reseal(map)), MapErrorKind::Malformed("automaton"));
        let mut map = LARGER.clone();
        map[place.end - 12..place.end - 4].fill(0xff);
        assert_eq!(refusal(reseal(map)), MapErrorKind::Malformed("automaton"), "its root is outside");
    }
}

proptest! {
    #![proptest_config(config())]

    /// A file that is sealed but wrong costs answers, never the process.
    #[test]
    fn a_forged_map_stops_nothing(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        address in prop::sample::select(vec!["a@i.example", "b@x.example", "q@i.example", "z@s.l.example", "z@keep.l.example", "m77@i.example", "n77@x37.example", "n41@x8.example", "n@x8.example", "p@x8.example"]),
    ) {
        let mut map = LARGER.clone();
        let length = map.len();
        for (place, octet) in damage {
            map[place.index(length)] = octet;
        }
        use_forged(map, address);
    }

    /// The same where all of the damage is in what finds mailboxes, which is a small part of a file.
    #[test]
    fn a_forged_way_to_a_mailbox_stops_nothing(
        name in prop::sample::select(vec!["domain-records", "heads", "places", "blocks"]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        (side, address) in prop_oneof![
            (Just("internal"), prop::sample::select(vec!["a@i.example", "m77@i.example", "z@i.example"])),
            (Just("external"), prop::sample::select(vec!["n41@x8.example", "n@x8.example", "p@x8.example"])),
        ],
    ) {
        let mut map = LARGER.clone();
        let place = section(&format!("{side}-{name}"));
        for (at, octet) in damage {
            map[place.start + at.index(place.len())] = octet;
        }
        use_forged(map, address);
    }
}
