//! Whole messages through a map with entries of every kind, both directions and both faces.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use readdress::{Direction, Engine, EntryDirection, MapBuilder, NewEntry, Policy, Preset, Scratch};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut builder = MapBuilder::new();
    builder.set_policy(Policy::from_preset(Preset::Edge2016));
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

fuzz_target!(|message: &[u8]| {
    let mut scratch = Scratch::new();
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
        done.field_changes().for_each(|change| drop(change.value()));
    }
});
