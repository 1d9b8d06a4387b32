//! Map files from anywhere: octets as they come, and a real map with octets changed and its seal
//! made anew, as a forger would. Refused or not, nothing panics, and no output gains a line.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use readdress::{Direction, Engine, EntryDirection, MapBuilder, NewEntry, Scratch};

static MAP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut builder = MapBuilder::new();
    let file = builder.add_source("entries.csv");
    let entries: [(&str, &str, EntryDirection, &[&[u8]]); 4] = [
        ("john@i.example", "j@x.example", EntryDirection::Both, &[]),
        ("\"jane doe\"@i.example", "jane@x.example", EntryDirection::Both, &[]),
        ("d.example", "y.example", EntryDirection::Both, &[]),
        ("*.l.example", "x.example", EntryDirection::Outbound, &[b"keep.l.example"]),
    ];
    for (internal, external, direction, except) in entries {
        let (internal, external) = (internal.as_bytes(), external.as_bytes());
        let source = Some((file, 1));
        builder.add(&NewEntry { name: "n", internal, external, direction, except, source }).unwrap();
    }
    // Several blocks on both sides, and more domains than a value names shortly.
    for number in 0..150 {
        let [internal, external] =
            [format!("m{number}@i.example"), format!("n{number}@x{}.example", (number % 40).max(8))];
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
    builder.finish().unwrap()
});

const MESSAGE: &[u8] = b"From: john@i.example, x@s.l.example, y@keep.l.example\n\
    To: \"jane doe\"+x@i.example, nobody@i.example, a@d.example, m77@i.example, n77@x37.example, n41@x8.example\n\nbody";

fn use_it(bytes: Vec<u8>) {
    let Ok(engine) = Engine::from_bytes(bytes) else { return };
    let mut scratch = Scratch::new();
    for direction in Direction::ALL {
        if let Ok(done) = engine.rewrite_into(direction, MESSAGE, &mut scratch) {
            let lines = |bytes: &[u8]| bytes.iter().filter(|&&octet| octet == b'\n').count();
            let folds = done.edits().filter(|edit| edit.length == 0).count();
            assert_eq!(lines(&done.to_vec()), lines(MESSAGE) + folds);
            assert!(done.edits().all(|edit| edit.field.len() > 1));
        }
        _ = engine.explain(direction, b"john+tag@i.example");
        _ = engine.explain(direction, b"m77@i.example");
        _ = engine.explain(direction, b"n41@x8.example");
        _ = engine.explain(direction, b"a@b.keep.l.example");
    }
    for entry in engine.map().entries() {
        _ = (entry.addresses(), entry.name(), entry.file(), entry.direction(), entry.except().count());
    }
    engine.map().sections().count();
    engine.map().sources().count();
}

fuzz_target!(|data: &[u8]| {
    use_it(data.to_vec());
    let mut forged = MAP.clone();
    let end = forged.len() - 32;
    for change in data.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % end;
        forged[at] = change[2];
    }
    let seal = *blake3::hash(&forged[..end]).as_bytes();
    forged[end..].copy_from_slice(&seal);
    use_it(forged);
});
