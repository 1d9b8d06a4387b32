//! Whole messages through a map with entries of every kind and a policy that asks for all there is, in
//! both directions; the same field by field, and without shortcuts.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use readdress::header::HeaderSection;
use readdress::{
    Direction, Engine, EntryDirection, FieldSet, Limits, MapBuilder, NewEntry, Policy, Preset, Scratch,
};

/// Domains of one label, which no filter is sound for.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| engine(["b", "d", "e", "f"]));

/// The same with dots, so that bodies are passed over.
static DOTTED: LazyLock<Engine> = LazyLock::new(|| engine(["b.c", "d.c", "e.c", "f.c"]));

fn engine([inside, outside, moved, to]: [&str; 4]) -> Engine {
    let mut builder = MapBuilder::new();
    let mut policy = Policy { scrub_display_names: true, ..Policy::from_preset(Preset::Edge2016) };
    let with_lists = |set: &FieldSet| {
        let lists = ["List-Post", "List-Unsubscribe", "List-Help"];
        FieldSet::new(set.names().chain(lists).map(str::to_owned).collect::<Vec<_>>()).unwrap()
    };
    (policy.outbound, policy.inbound) = (with_lists(&policy.outbound), with_lists(&policy.inbound));
    builder.set_policy(policy);
    let both = EntryDirection::Both;
    let entries = [
        (format!("a@{inside}"), format!("c@{outside}"), both),
        (format!("\"a b\"@{inside}"), format!("\"c d\"@{outside}"), both),
        (format!("long@{inside}"), format!("{}@x.example", "long.".repeat(30) + "name"), both),
        (moved.to_owned(), to.to_owned(), both),
        (format!("*.{inside}"), outside.to_owned(), EntryDirection::Outbound),
    ];
    for (internal, external, direction) in &entries {
        let (internal, external, direction) = (internal.as_bytes(), external.as_bytes(), *direction);
        builder
            .add(&NewEntry { name: "", internal, external, direction, except: &[], source: None })
            .unwrap();
    }
    Engine::from_bytes(builder.finish().unwrap()).unwrap()
}

/// All that an engine says of a message.
fn account(engine: &Engine, direction: Direction, message: &[u8], scratch: &mut Scratch) -> String {
    let done = engine.rewrite_into(direction, message, scratch).unwrap();
    let edits: Vec<_> = done.edits().map(|edit| (edit.offset, edit.length, edit.text.to_vec())).collect();
    let skips: Vec<_> = done.skipped().collect();
    let unmapped: Vec<_> = done.unmapped().collect();
    format!("{:?} {} {edits:?} {skips:?} {unmapped:?}", done.flags(), done.input_body_offset())
}

/// Whatever the line ending of folds.
fn unfolded(body: &[u8]) -> Vec<u8> {
    body.iter().copied().filter(|&octet| octet != b'\r').collect()
}

fuzz_target!(|message: &[u8]| {
    let (mut scratch, mut single) = (Scratch::new(), Scratch::new());
    for direction in Direction::ALL {
        let done = ENGINE.rewrite_into(direction, message, &mut scratch).unwrap();
        let output = done.to_vec();
        assert_eq!(output.len(), done.size());
        let (mut spliced, mut position) = (Vec::new(), 0);
        for edit in done.edits() {
            spliced.extend_from_slice(&message[position..edit.offset]);
            spliced.extend_from_slice(edit.text);
            position = edit.offset + edit.length;
            assert!(position <= done.input_body_offset());
        }
        spliced.extend_from_slice(&message[position..]);
        assert_eq!(output, spliced);
        assert!(done.changed() || done.slices().count() == usize::from(!message.is_empty()));
        assert_eq!(&output[done.body_offset()..], &message[done.input_body_offset()..]);
        let changes: Vec<_> =
            done.field_changes().map(|change| (change.nth, unfolded(&change.value()))).collect();
        let skips: Vec<_> = done.skipped().map(|skip| (skip.nth, skip.reason)).collect();

        let mut parts = ENGINE.begin(direction, &mut single);
        let mut section = HeaderSection::new(message, Limits::default()).unwrap();
        while let Some(field) = section.next_field().unwrap() {
            parts.field(field.name.of(message), field.body.of(message)).unwrap();
        }
        let parts = parts.finish();
        let alone = parts.field_changes().map(|change| (change.nth, unfolded(&change.value())));
        assert_eq!(changes, alone.collect::<Vec<_>>());
        assert_eq!(skips, parts.skipped().map(|skip| (skip.nth, skip.reason)).collect::<Vec<_>>());

        for engine in [&*ENGINE, &*DOTTED] {
            let plain = account(&engine.without_shortcuts(), direction, message, &mut single);
            assert_eq!(account(engine, direction, message, &mut scratch), plain);
        }
    }
});
