//! `compile`: what is written, and what never is.

use std::fs;

use serde_json::json;

use crate::bench::{Bench, ENTRIES, keys};

#[test]
fn the_summary_names_file_size_and_generation() {
    let bench = Bench::new();
    let map = bench.path("contoso.map");
    let ran = bench.run(&["compile", &bench.path("plan.toml"), "-o", &map]);
    let octets = bench.read("contoso.map");
    let generation = bench.run(&["inspect", "--format", "json", &map]).json()["generation"].clone();
    let first = &generation.as_str().unwrap()[..12];
    assert_eq!(ran.clean(), format!("{map}: 3 entries, {} octets, generation {first}\n", octets.len()));
    assert_eq!(bench.files(), ["contoso.map", "entries.csv", "message.eml", "plan.toml"]);
}

#[test]
fn the_same_plan_gives_the_same_octets() {
    let (one, other) = (Bench::new(), Bench::new());
    one.map();
    other.map();
    assert_eq!(one.read("contoso.map"), other.read("contoso.map"));
}

#[test]
fn json_has_the_findings_and_what_was_written() {
    let bench = Bench::new();
    let map = bench.path("contoso.map");
    let object = bench.run(&["compile", &bench.path("plan.toml"), "-o", &map, "--format", "json"]).json();
    assert_eq!(
        keys(&object),
        ["errors", "warnings", "proved", "counts", "file", "written", "octets", "generation"]
    );
    assert_eq!(object["file"], map.as_str());
    assert_eq!(object["written"], true);
    assert_eq!(object["octets"], bench.read("contoso.map").len());
}

#[test]
fn errors_leave_the_old_map_in_place() {
    let bench = Bench::new();
    let map = bench.map();
    let before = bench.read("contoso.map");
    bench.write("entries.csv", format!("{ENTRIES}Johnny,johnny@tenant1.contoso.com,john@contoso.com\n"));
    let plan = bench.path("plan.toml");
    let ran = bench.run(&["compile", &plan, "-o", &map]);
    assert!(ran.refused(65).contains("error[not-invertible]"), "{}", ran.err);
    let ran = bench.run(&["compile", &plan, "-o", &map, "--format", "json"]);
    assert_eq!(ran.code, 65);
    let object = ran.json();
    assert_eq!(object["errors"][0]["code"], "not-invertible");
    assert_eq!((&object["written"], &object["generation"]), (&json!(false), &json!(null)));
    assert_eq!(bench.read("contoso.map"), before);
}

#[test]
fn a_map_file_replaces_an_older_one() {
    let bench = Bench::new();
    let map = bench.map();
    let before = bench.read("contoso.map");
    bench.write("entries.csv", format!("{ENTRIES}Ann,ann@tenant1.contoso.com,ann@contoso.com\n"));
    assert_eq!(bench.run(&["compile", &bench.path("plan.toml"), "-o", &map]).code, 0);
    assert_ne!(bench.read("contoso.map"), before);
    bench.write("contoso.map", &before[..before.len() - 7]);
    assert_eq!(bench.run(&["compile", &bench.path("plan.toml"), "-o", &map]).code, 0, "a damaged one, too");
}

#[test]
fn nothing_but_a_map_file_is_replaced() {
    let bench = Bench::new();
    let (plan, entries) = (bench.path("plan.toml"), bench.path("entries.csv"));
    for target in [&plan, &entries] {
        assert!(bench.run(&["compile", &plan, "-o", target]).refused(73).contains("not a map file"));
    }
    assert_eq!(bench.read("entries.csv"), ENTRIES.as_bytes());
    let empty = bench.write("empty.map", "");
    assert_eq!(bench.run(&["compile", &plan, "-o", &empty]).code, 0, "an empty file holds nothing");
}

#[test]
fn a_missing_proof_is_an_error_when_it_is_required() {
    let bench = Bench::new();
    let (plan, map) = (bench.path("plan.toml"), bench.path("contoso.map"));
    let ran = bench.run(&["compile", &plan, "-o", &map, "--require", "round-trip,loop-free"]);
    assert!(ran.refused(65).contains("error[missing-proof]: loop-free"), "{}", ran.err);
    assert!(!ran.err.contains("round-trip"), "{}", ran.err);
    assert!(!bench.join("contoso.map").exists());
    assert_eq!(bench.run(&["compile", &plan, "-o", &map, "--require", "round-trip"]).code, 0);
}

#[test]
fn places_where_no_file_can_be_are_cannot_create() {
    let bench = Bench::new();
    let plan = bench.path("plan.toml");
    let in_file = bench.path("message.eml/contoso.map");
    let nowhere = bench.path("nowhere/contoso.map");
    for target in [nowhere.as_str(), &in_file, bench.folder().to_str().unwrap()] {
        let ran = bench.run(&["compile", &plan, "-o", target]);
        assert!(ran.refused(73).contains(target), "{}", ran.err);
    }
    assert_eq!(bench.files(), ["entries.csv", "message.eml", "plan.toml"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_cannot_create() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let folder = bench.join("closed");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    // The superuser may write even there, but not into the kernel's own folder.
    let closed = if fs::write(folder.join("probe"), "").is_ok() { "/proc".into() } else { folder.clone() };
    let target = closed.join("contoso.map");
    let ran = bench.run(&["compile", &bench.path("plan.toml"), "-o", target.to_str().unwrap()]);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(ran.refused(73).contains("contoso.map"), "{}", ran.err);
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_is_not_replaced() {
    let bench = Bench::new();
    let ran = bench.run(&["compile", &bench.path("plan.toml"), "-o", "/dev/full"]);
    assert!(ran.refused(73).contains("not a regular file"), "{}", ran.err);
}

/// Every plan that the plan crate's tests know to be wrong: the code of bad data, diagnostics with
/// their place, and no file.
#[test]
fn no_bad_plan_writes_a_map() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../plan/testdata/bad");
    let mut count = 0;
    for plan in fs::read_dir(folder).unwrap() {
        let plan = plan.unwrap().path().join("plan.toml").into_os_string().into_string().unwrap();
        let bench = Bench::new();
        let before = bench.files();
        let ran = bench.run(&["compile", &plan, "-o", &bench.path("new.map")]);
        assert_eq!(ran.code, 65, "{plan}: {}", ran.err);
        assert!(ran.out.is_empty() && ran.err.contains(": error["), "{plan}: {}", ran.err);
        assert_eq!(bench.files(), before, "{plan}");
        count += 1;
    }
    assert!(count >= 30, "{count} bad plans");
}
