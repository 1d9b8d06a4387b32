//! A plan of many entries: compiled from CSV, every look-up right in both directions.
//!
//! 50,000 entries, or as many as `READDRESS_ENTRIES` says. `make test-full` runs a million in an
//! optimised build and holds the time to 15 seconds.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

use std::fmt::Write as _;
use std::time::Instant;

use readdress::{Direction, Engine, PathKind, Scratch};
use readdress_plan::Plan;

const NAMES: [&str; 16] = [
    "anna", "ben", "chiara", "dora", "emil", "fatma", "greta", "hugo", "ines", "jonas", "karla", "luis",
    "mona", "nils", "olga", "paul",
];

/// Both addresses of an entry: seven in ten keep the local-part, two in ten get another, and one
/// has a number for a name.
fn pair(number: usize) -> (String, String) {
    let name = |salt: usize| NAMES.get((number / salt) % NAMES.len()).unwrap();
    let local_part = format!("{}.{}.{number}", name(1), name(16));
    let tenant = format!("tenant{}.example", number % 20);
    match number % 10 {
        0..7 => (format!("{local_part}@{tenant}"), format!("{local_part}@shared{}.example", number % 3)),
        7 | 8 => {
            (format!("{local_part}@{tenant}"), format!("{}{number}@shared{}.example", name(5), number % 3))
        }
        _ => (format!("u{number:08}@{tenant}"), format!("{local_part}@shared{}.example", number % 3)),
    }
}

#[test]
fn a_large_plan_compiles_and_answers() {
    let count = std::env::var("READDRESS_ENTRIES").map_or(50_000, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut csv = "Name,InternalAddress,ExternalAddress\r\n".to_owned();
    for number in 0..count {
        let (internal, external) = pair(number);
        writeln!(csv, "User {number},{internal},{external}\r").unwrap();
    }
    std::fs::write(folder.path().join("entries.csv"), csv).unwrap();
    let plan_file = folder.path().join("plan.toml");
    std::fs::write(&plan_file, "[plan]\nname = \"many\"\n[[rewrite.entries]]\nfile = \"entries.csv\"\n")
        .unwrap();

    let start = Instant::now();
    let plan = Plan::read(&plan_file).unwrap();
    let read = start.elapsed();
    let compiled = plan.compile().unwrap();
    let map_file = folder.path().join("many.map");
    readdress::publish(&map_file, &compiled.map).unwrap();
    let took = start.elapsed();
    let engine = Engine::open(&map_file).unwrap();
    assert_eq!(engine.map().entry_count() as usize, count);
    assert_eq!(compiled.report.proved, ["round-trip"]);
    println!("{count} entries: read in {read:.2?}, checked, compiled and published in {took:.2?}");
    for section in engine.map().sections() {
        println!(
            "    {:24} {:12} octets {:8.2} per entry",
            section.name,
            section.length,
            section.length as f64 / count as f64
        );
    }
    println!(
        "    {:24} {:12} octets {:8.2} per entry",
        "file",
        engine.map().size(),
        engine.map().size() as f64 / count as f64
    );

    let mut scratch = Scratch::new();
    let start = Instant::now();
    for number in 0..count {
        let (internal, external) = pair(number);
        let out = engine
            .rewrite_path(Direction::Outbound, PathKind::Reverse, internal.as_bytes(), &mut scratch)
            .unwrap();
        assert_eq!(out.to(), external.as_bytes());
        let back = engine
            .rewrite_path(Direction::Inbound, PathKind::Forward, external.as_bytes(), &mut scratch)
            .unwrap();
        assert_eq!(back.to(), internal.as_bytes());
        let miss = format!("nobody.{number}@tenant{}.example", number % 20);
        let miss = engine
            .rewrite_path(Direction::Outbound, PathKind::Reverse, miss.as_bytes(), &mut scratch)
            .unwrap();
        assert!(!miss.changed() && miss.unmapped());
    }
    println!("    {} look-ups in {:.2?}", 3 * count, start.elapsed());
    if count >= 1_000_000 && !cfg!(debug_assertions) {
        assert!(took.as_secs() < 15, "{took:.2?}");
    }
}
