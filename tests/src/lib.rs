//! What the end-to-end tests share: the messages of a folder, what Python finds in them, and a
//! readable account of what the engine makes of one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "test support may stop"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use readdress::{
    Direction, Engine, EntryDirection, FieldSet, MapBuilder, NewEntry, Policy, Preset, Rewritten, Scratch,
};

/// The folder of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// Every message below a folder, by its path from there, in order.
#[must_use]
pub fn messages(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for item in std::fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path = item.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "eml") {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The addresses that Python's email package finds in the address fields of each message, by
/// path.
///
/// # Panics
///
/// Without Python 3: `make deps` installs it.
#[must_use]
pub fn python_addresses(
    folder: &Path,
    messages: &BTreeMap<String, Vec<u8>>,
) -> BTreeMap<String, Vec<String>> {
    let mut python = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("addresses.py"))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs; `make deps` installs it");
    let names: String = messages.keys().fold(String::new(), |names, name| names + name + "\n");
    let mut input = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, names.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "addresses.py failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The fields that `Preset::Coexistence` rewrites, in both directions.
#[must_use]
pub fn both_ways() -> Policy {
    let mut policy = Policy::from_preset(Preset::Coexistence);
    policy.inbound = FieldSet::new(policy.outbound.names().map(str::to_owned)).unwrap();
    policy
}

/// An engine with two-way entries.
#[must_use]
pub fn engine<'e>(policy: Policy, entries: impl IntoIterator<Item = (&'e str, &'e str)>) -> Engine {
    let mut builder = MapBuilder::new();
    builder.set_policy(policy);
    for (internal, external) in entries {
        let entry = NewEntry {
            name: "",
            internal: internal.as_bytes(),
            external: external.as_bytes(),
            direction: EntryDirection::Both,
            except: &[],
            source: None,
        };
        builder.add(&entry).unwrap();
    }
    Engine::from_bytes(builder.finish().unwrap()).unwrap()
}

/// The output as the edits say it is, put together without the engine.
#[must_use]
pub fn spliced(message: &[u8], done: &Rewritten<'_>) -> Vec<u8> {
    let (mut output, mut position) = (Vec::new(), 0);
    for edit in done.edits() {
        output.extend_from_slice(message.get(position..edit.offset).expect("edits are sorted and disjoint"));
        output.extend_from_slice(edit.text);
        position = edit.offset + edit.length;
    }
    output.extend_from_slice(message.get(position..).unwrap());
    output
}

/// Shows that a map that hits nothing leaves a message as it is, in both directions.
pub fn assert_untouched(engine: &Engine, name: &str, message: &[u8]) {
    let mut scratch = Scratch::new();
    for direction in Direction::ALL {
        let done = engine.rewrite_into(direction, message, &mut scratch).unwrap();
        let slices: Vec<&[u8]> = done.slices().collect();
        let one = usize::from(!message.is_empty());
        assert!(!done.changed() && slices.len() == one, "{name} {}", direction.name());
        assert!(slices.iter().all(|slice| std::ptr::eq(*slice, message)), "{name} {}", direction.name());
    }
}

/// What the engine makes of a message, for people to read and for golden files.
#[must_use]
pub fn account(engine: &Engine, name: &str, message: &[u8]) -> String {
    let mut scratch = Scratch::new();
    let mut text = String::new();
    for direction in Direction::ALL {
        let done = engine.rewrite_into(direction, message, &mut scratch).unwrap();
        let flags: Vec<&str> = done.flags().names().collect();
        let _ = writeln!(text, "{name} {} [{}]", direction.name(), flags.join(" "));
        for edit in done.edits() {
            let shown = |octets: &[u8]| octets.escape_ascii().to_string();
            let _ = writeln!(
                text,
                "    {}+{} {}[{}] {} -> {}",
                edit.offset,
                edit.length,
                shown(edit.field),
                edit.nth,
                shown(message.get(edit.offset..edit.offset + edit.length).unwrap()),
                shown(edit.text)
            );
        }
        for skip in done.skipped() {
            let _ = writeln!(
                text,
                "    {} {}[{}] skipped: {}",
                skip.offset,
                skip.field.escape_ascii(),
                skip.nth,
                skip.reason
            );
        }
        for address in done.unmapped() {
            let _ = writeln!(text, "    unmapped: {}", address.escape_ascii());
        }
    }
    text
}
