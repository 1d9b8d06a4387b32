//! A map file that is replaced while it is in use: a valid new one is taken, anything else is not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop")]

use std::fs;
use std::path::PathBuf;

use readdress::{EntryDirection, Error, Live, MapBuilder, NewEntry, Reload, publish};
use tempfile::TempDir;

/// A map of `count` mailboxes named after `name`.
fn map(name: &str, count: usize) -> Vec<u8> {
    let mut builder = MapBuilder::new();
    for number in 0..count {
        let (internal, external) = (format!("{name}{number}@i.example"), format!("{name}{number}@x.example"));
        let entry = NewEntry {
            name,
            internal: internal.as_bytes(),
            external: external.as_bytes(),
            direction: EntryDirection::Both,
            except: &[],
            source: None,
        };
        builder.add(&entry).unwrap();
    }
    builder.finish().unwrap()
}

/// A folder with a map of ten mailboxes in it.
fn with_ten() -> (TempDir, PathBuf, Live) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("live.map");
    publish(&path, &map("a", 10)).unwrap();
    let live = Live::open(&path).unwrap();
    (folder, path, live)
}

#[test]
fn a_new_map_is_taken_once() {
    let (_folder, path, live) = with_ten();
    let before = live.engine();
    assert!(!live.reload(Reload::Careful).unwrap());
    publish(&path, &map("b", 10)).unwrap();
    assert!(live.reload(Reload::Careful).unwrap());
    assert!(!live.reload(Reload::Careful).unwrap());
    assert_ne!(live.engine().map().generation(), before.map().generation());
    assert!(before.explain(readdress::Direction::Outbound, b"a1@i.example").result.is_some());
    assert!(live.engine().explain(readdress::Direction::Outbound, b"b1@i.example").result.is_some());
}

#[test]
fn the_same_map_in_another_file_is_no_news() {
    let (_folder, path, live) = with_ten();
    let before = live.engine();
    publish(&path, &map("a", 10)).unwrap();
    assert!(!live.reload(Reload::Force).unwrap());
    assert!(live.engine().is_same(&before));
}

#[test]
fn what_is_no_map_leaves_the_old_one_in_use() {
    let (_folder, path, live) = with_ten();
    let before = live.engine();
    let good = map("b", 10);
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let same_end: Vec<u8> = map("a", 10).iter().map(|octet| octet ^ 1).collect();
    for broken in [&[][..], b"short", &good[..good.len() - 1], &flipped, &same_end] {
        fs::write(&path, broken).unwrap();
        assert!(matches!(live.reload(Reload::Force), Err(Error::Map(_))));
        assert!(live.engine().is_same(&before));
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(live.reload(Reload::Careful), Err(Error::Io(_))));
    fs::create_dir(&path).unwrap();
    assert!(matches!(live.reload(Reload::Careful), Err(Error::Io(_))));
    assert!(live.engine().is_same(&before));
}

#[test]
fn fewer_than_half_the_entries_need_force() {
    let (_folder, path, live) = with_ten();
    publish(&path, &map("b", 4)).unwrap();
    match live.reload(Reload::Careful) {
        Err(Error::Shrunk { from: 10, to: 4 }) => {}
        other => panic!("{other:?}"),
    }
    publish(&path, &map("b", 5)).unwrap();
    assert!(live.reload(Reload::Careful).unwrap());
    publish(&path, &map("b", 0)).unwrap();
    assert!(live.reload(Reload::Careful).is_err());
    assert!(live.reload(Reload::Force).unwrap());
    assert_eq!(live.engine().map().entry_count(), 0);
}

#[test]
fn reloads_that_overlap_end_with_the_newest_file() {
    let (_folder, path, live) = with_ten();
    for round in 0..50 {
        publish(&path, &map(&format!("r{round}x"), 10)).unwrap();
        let swaps: usize = std::thread::scope(|scope| {
            let reloads = [0; 4].map(|_| scope.spawn(|| usize::from(live.reload(Reload::Careful).unwrap())));
            reloads.into_iter().map(|reload| reload.join().unwrap()).sum()
        });
        assert!(swaps >= 1);
        let address = format!("r{round}x1@i.example");
        let engine = live.engine();
        assert!(engine.explain(readdress::Direction::Outbound, address.as_bytes()).result.is_some());
    }
}
