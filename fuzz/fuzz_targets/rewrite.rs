//! Whole messages through a map with entries of every kind and a policy that asks for all there is, in
//! both directions; and the same field by field.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use readdress::header::HeaderSection;
use readdress::{
    Direction, Engine, EntryDirection, FieldSet, Limits, MapBuilder, NewEntry, Policy, Preset, Scratch,
};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut builder = MapBuilder::new();
    let mut policy = Policy { scrub_display_names: true, ..Policy::from_preset(Preset::Edge2016) };
    let with_lists = |set: &FieldSet| {
        let lists = ["List-Post", "List-Unsubscribe", "List-Help"];
        FieldSet::new(set.names().chain(lists).map(str::to_owned).collect::<Vec<_>>()).unwrap()
    };
    (policy.outbound, policy.inbound) = (with_lists(&policy.outbound), with_lists(&policy.inbound));
    builder.set_policy(policy);
    let long = format!("{}@x.example", "long.".repeat(30) + "name");
    let entries = [
        ("a@b", "c@d", EntryDirection::Both),
        ("\"a b\"@b", "\"c d\"@d", EntryDirection::Both),
        ("long@b", long.as_str(), EntryDirection::Both),
        ("e", "f", EntryDirection::Both),
        ("*.b", "d", EntryDirection::Outbound),
    ];
    for (internal, external, direction) in entries {
        let (internal, external) = (internal.as_bytes(), external.as_bytes());
        builder
            .add(&NewEntry { name: "", internal, external, direction, except: &[], source: None })
            .unwrap();
    }
    Engine::from_bytes(builder.finish().unwrap()).unwrap()
});

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
    }
});
