//! Whole messages: the project's own fixtures, and a corpus of real mail where there is one.
//!
//! Each message goes through a map that hits nothing, and through one made of the addresses that
//! Python's email package finds in the messages, out and in again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use readdress::address::{AddressList, Item};
use readdress::field::KNOWN_FIELDS;
use readdress::header::HeaderSection;
use readdress::{Direction, Edit, Engine, EntryAddress, Limits, Rewritten, Scratch};
use readdress_plan::Plan;
use readdress_tests::{
    account, assert_untouched, both_ways, engine, messages, python_addresses, root, spliced,
};

fn fixtures() -> PathBuf {
    root().join("tests/fixtures/messages")
}

/// A folder of real messages beside the project, or where `READDRESS_CORPUS` says.
fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("READDRESS_CORPUS").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| root().join("../shared/corpus/eml"));
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no corpus of real mail at {}", folder.display());
    None
}

#[test]
fn there_are_enough_fixtures_of_every_kind() {
    let messages = messages(&fixtures());
    let kinds: BTreeSet<&str> = messages.keys().filter_map(|name| name.split('/').next()).collect();
    assert!(
        messages.len() >= 200 && kinds.len() >= 20,
        "{} messages of {} kinds",
        messages.len(),
        kinds.len()
    );
}

#[test]
fn a_map_without_hits_leaves_every_message_as_it_is() {
    let nothing =
        engine(both_ways(), [("a@nowhere.invalid", "b@nowhere.invalid"), ("no.invalid", "none.invalid")]);
    for folder in [Some(fixtures()), corpus()].into_iter().flatten() {
        let messages = messages(&folder);
        for (name, message) in &messages {
            assert_untouched(&nothing, name, message);
        }
        println!("{}: {} messages, both directions, untouched", folder.display(), messages.len());
    }
}

#[test]
fn fixtures_come_out_as_recorded() {
    let plan = Plan::read(&root().join("tests/fixtures/plan.toml")).unwrap();
    let engine = Engine::from_bytes(plan.compile().unwrap().map).unwrap();
    let mut accounts: BTreeMap<String, String> = BTreeMap::new();
    let mut edited = [0, 0];
    for (name, message) in messages(&fixtures()) {
        let kind = name.split('/').next().unwrap().to_owned();
        *accounts.entry(kind).or_default() += &account(&engine, &name, &message);
        for (direction, edited) in Direction::ALL.into_iter().zip(&mut edited) {
            let mut scratch = Scratch::new();
            *edited += usize::from(engine.rewrite_into(direction, &message, &mut scratch).unwrap().changed());
        }
    }
    println!("{} messages changed outbound, {} inbound", edited[0], edited[1]);
    assert!(edited[0] > 200 && edited[1] > 50);
    for (kind, account) in accounts {
        let path = root().join(format!("tests/fixtures/want/{kind}.txt"));
        if std::env::var_os("READDRESS_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &account).unwrap();
        }
        let want = std::fs::read_to_string(&path).unwrap_or_default();
        for (number, (want, got)) in want.lines().zip(account.lines()).enumerate() {
            assert_eq!(got, want, "{}:{}: `make bless` records what is meant", path.display(), number + 1);
        }
        assert_eq!(want.lines().count(), account.lines().count(), "{}", path.display());
    }
}

#[test]
fn outbound_and_inbound_again_gives_the_fixtures_back() {
    there_and_back(&fixtures());
}

#[test]
fn outbound_and_inbound_again_gives_real_mail_back() {
    if let Some(corpus) = corpus() {
        there_and_back(&corpus);
    }
}

fn there_and_back(folder: &Path) {
    let messages = messages(folder);
    let found = python_addresses(folder, &messages);
    let mut keys = BTreeMap::new();
    let mut not_mapped = 0;
    for address in found.values().flatten() {
        match EntryAddress::parse(address.as_bytes()) {
            Ok(parsed @ EntryAddress::Mailbox { .. }) => {
                _ = keys.entry(parsed.key()).or_insert_with(|| address.clone());
            }
            _ => not_mapped += 1,
        }
    }
    let entries: Vec<(String, String)> = keys
        .values()
        .enumerate()
        .map(|(number, address)| (address.clone(), format!("r{number}@rewritten{}.invalid", number % 7)))
        .collect();
    let engine = engine(
        both_ways(),
        entries.iter().map(|(internal, external)| (internal.as_str(), external.as_str())),
    );
    let mut tally = Tally::default();
    for (name, message) in &messages {
        round_trip(&engine, name, message, &mut tally);
        every_entry_hits(&engine, name, message, &keys);
    }
    println!(
        "{}: {} messages, {} entries, {not_mapped} finds that no entry can name",
        folder.display(),
        messages.len(),
        entries.len()
    );
    for (class, count) in &tally.classes {
        println!("    {count:6} {class}");
    }
    assert!(tally.unexplained.is_empty(), "{:#?}", tally.unexplained);
    assert!(tally.classes["edits, address back as it was"] * 10 > tally.edits * 9);
}

#[derive(Default)]
struct Tally {
    classes: BTreeMap<&'static str, usize>,
    edits: usize,
    unexplained: Vec<String>,
}

impl Tally {
    fn count(&mut self, class: &'static str) {
        *self.classes.entry(class).or_default() += 1;
    }
}

/// Out and in again: octets outside edits as they were, each address the same mailbox as before,
/// and spelled the same unless one of the known reasons is there to see.
fn round_trip(engine: &Engine, name: &str, message: &[u8], tally: &mut Tally) {
    let (mut there, mut back) = (Scratch::new(), Scratch::new());
    let out = engine.rewrite_into(Direction::Outbound, message, &mut there).unwrap();
    let sent = out.to_vec();
    assert_eq!(sent, spliced(message, &out), "{name}: octets outside edits");
    let returned = engine.rewrite_into(Direction::Inbound, &sent, &mut back).unwrap();
    assert_eq!(returned.to_vec(), spliced(&sent, &returned), "{name}: octets outside edits, inbound");
    let (out_edits, back_edits) = (addresses(&out), addresses(&returned));
    assert_eq!(out_edits.len(), back_edits.len(), "{name}: every address that went out comes in");
    let folds = out.edits().len() + returned.edits().len() - out_edits.len() - back_edits.len();
    for (went, came) in out_edits.iter().zip(&back_edits) {
        tally.edits += 1;
        let key = |address: &[u8]| engine.explain(Direction::Outbound, address).key;
        assert_eq!(key(went.from), key(came.to), "{name}: the same mailbox");
        let before = message.get(went.offset..went.offset + went.length).unwrap();
        if came.text.eq_ignore_ascii_case(before) {
            tally.count("edits, address back as it was");
        } else if before.iter().any(|octet| b" \t\r\n(".contains(octet)) {
            tally.count("edits, comments or white space inside the address moved behind it (RFC 5322 4.4)");
        } else if before.contains(&b'"') || came.text.contains(&b'"') {
            tally.count("edits, local-part quoted differently (RFC 5322 3.2.4)");
        } else if before.ends_with(b".") {
            tally.count("edits, dot behind the domain gone (RFC 5321 2.3.5)");
        } else if is_a_label_form(before, came.text) {
            tally.count("edits, an international domain back with A-labels (RFC 5890 2.3.2.1)");
        } else {
            tally.unexplained.push(format!(
                "{name}: {} came back as {}",
                before.escape_ascii(),
                came.text.escape_ascii()
            ));
        }
    }
    if folds == 0 {
        // Everything else is the original's: put the addresses of the original back by hand.
        let mut restored = Vec::new();
        let mut position = 0;
        for (went, came) in out_edits.iter().zip(&back_edits) {
            restored.extend_from_slice(sent.get(position..came.offset).unwrap());
            restored.extend_from_slice(message.get(went.offset..went.offset + went.length).unwrap());
            // Comments that stood inside the address stand behind it now, outside the second edit.
            position = came.offset + came.length + went.text.len() - went.to.len();
        }
        restored.extend_from_slice(sent.get(position..).unwrap());
        assert!(restored == message, "{name}: everything but addresses is the original's");
    } else {
        tally.count("messages with a fold put in (RFC 5322 2.1.1)");
    }
}

/// Whether two addresses of the same key differ in the domain alone, in Unicode form in the first.
fn is_a_label_form(unicode: &[u8], ascii: &[u8]) -> bool {
    let local_part =
        |address: &[u8]| address.rsplitn(2, |octet| *octet == b'@').nth(1).unwrap().to_ascii_lowercase();
    local_part(unicode) == local_part(ascii)
        && !unicode.is_ascii()
        && ascii.windows(4).any(|start| start.eq_ignore_ascii_case(b"xn--"))
}

/// The edits of addresses, without folds.
fn addresses<'a>(done: &Rewritten<'a>) -> Vec<Edit<'a>> {
    done.edits().filter(|edit| edit.entry.is_some()).collect()
}

/// Every address with an entry is edited: `differential` shows that these are the addresses, and that
/// what Python finds beside them is none.
fn every_entry_hits(engine: &Engine, name: &str, message: &[u8], entries: &BTreeMap<Vec<u8>, String>) {
    let mut scratch = Scratch::new();
    let done = engine.rewrite_into(Direction::Outbound, message, &mut scratch).unwrap();
    let key = |address: &[u8]| engine.explain(Direction::Outbound, address).key;
    // A subaddress has its base's entry and a key of its own.
    // Autocrypt goes with From, and is no address list.
    let in_lists = |edit: &Edit<'_>| !edit.field.eq_ignore_ascii_case(b"Autocrypt");
    let keys = addresses(&done).into_iter().filter(in_lists).filter_map(|edit| key(edit.from));
    let edited: Vec<Vec<u8>> = keys.filter(|key| entries.contains_key(key)).collect();
    let mut expected = Vec::new();
    let mut section = HeaderSection::new(message, Limits::default()).unwrap();
    while let Some(field) = section.next_field().unwrap() {
        let field_name = field.name.of(message);
        if !KNOWN_FIELDS.iter().any(|known| field_name.eq_ignore_ascii_case(known.name.as_bytes())) {
            continue;
        }
        let body = field.body.of(message);
        for item in AddressList::new(body) {
            let Item::Mailbox(mailbox) = item else { continue };
            let found = key(mailbox.addr_spec.span().of(body));
            expected.extend(found.filter(|key| entries.contains_key(key)));
        }
    }
    assert_eq!(edited, expected, "{name}: all addresses with entries, in order");
}
