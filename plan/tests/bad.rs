//! Plans with mistakes: `testdata/bad/<name>/` holds a plan, its tables, and in `want` the place
//! and code of everything that is to be said about it, one to a line, no more and no less. Where
//! words matter to the reader, `says` lists some that must be shown.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use readdress_plan::{Diagnostic, Location, Plan, Severity};

/// The plans in `testdata/bad`, and `want` files among them.
const LEAST: usize = 74;

#[test]
fn every_mistake_is_reported_at_its_place_and_nothing_compiles() {
    let folders = folders();
    assert!(folders.len() >= LEAST, "only {} plans", folders.len());
    let failures: Vec<String> = folders.iter().filter_map(|folder| differs(folder).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn what_is_said_tells_a_stranger_what_to_do() {
    for folder in folders() {
        for diagnostic in found(&folder) {
            assert!(!diagnostic.message.trim().is_empty(), "{diagnostic}");
            let hint = diagnostic.hint.as_deref().unwrap_or_default();
            assert!(!hint.trim().is_empty(), "no hint: {diagnostic}");
            let shown = diagnostic.to_string();
            let is_safe = |character: char| !character.is_control() || character == '\n';
            assert!(shown.chars().all(is_safe), "control characters reach the terminal: {shown:?}");
        }
    }
}

#[test]
fn no_mistake_writes_anything() {
    for folder in folders() {
        let before = listing(&folder);
        _ = found(&folder);
        assert_eq!(listing(&folder), before, "{}", folder.display());
    }
}

#[test]
fn every_code_of_an_error_has_a_plan_that_shows_it() {
    let seen: BTreeSet<&str> = folders()
        .iter()
        .flat_map(|folder| found(folder))
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| diagnostic.code)
        .collect();
    // `too-large` takes gigabytes or 65,536 octets of name; `good.rs` has the latter.
    for code in [
        "bad-address",
        "bad-combination",
        "bad-host",
        "bad-network",
        "bad-quoting",
        "bad-value",
        "duplicate-column",
        "duplicate-domain",
        "duplicate-field",
        "duplicate-file",
        "duplicate-internal",
        "duplicate-name",
        "duplicate-next-hop",
        "duplicate-recipient",
        "empty-cell",
        "except-outside",
        "except-without-wildcard",
        "kind-mismatch",
        "lossy-csv",
        "missing-column",
        "missing-file",
        "missing-key",
        "never-rewritten",
        "not-invertible",
        "ragged-row",
        "routing-address-in-shared-domain",
        "syntax",
        "unknown-key",
        "unknown-name",
        "unknown-value",
        "unsupported",
        "wildcard-external",
        "wildcard-not-outbound-only",
        "wrong-type",
    ] {
        assert!(seen.contains(code), "no plan shows {code}");
    }
}

#[test]
fn a_plan_that_is_not_there_is_missing_input() {
    let missing = Plan::read(Path::new("testdata/bad/no-such-plan.toml")).unwrap_err();
    assert!(missing.is_missing_input());
    let codes: Vec<&str> = missing.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, ["missing-file"]);
    let table = Plan::read(&root().join("missing-csv/plan.toml")).unwrap_err();
    assert!(!table.is_missing_input(), "the plan is there; what it says is wrong");
}

/// Everything that is said about the plan of a folder. Asserts that it gives no map.
fn found(folder: &Path) -> Vec<Diagnostic> {
    let plan = match Plan::read(&folder.join("plan.toml")) {
        Err(diagnostics) => return diagnostics.into_iter().collect(),
        Ok(plan) => plan,
    };
    let report = plan.check();
    let refused: Vec<Diagnostic> = match plan.compile() {
        Ok(_) => panic!("{} compiles", folder.display()),
        Err(diagnostics) => diagnostics.into_iter().collect(),
    };
    assert_eq!(refused, report.errors, "check and compile differ in {}", folder.display());
    assert!(report.proved.is_empty(), "nothing is proved of a plan with errors: {}", folder.display());
    report.errors.into_iter().chain(report.warnings).collect()
}

fn differs(folder: &Path) -> Result<(), String> {
    let found = found(folder);
    let mut got: Vec<String> = found.iter().map(|diagnostic| summary(folder, diagnostic)).collect();
    let want = fs::read_to_string(folder.join("want")).unwrap_or_default();
    let mut want: Vec<String> = want.lines().map(str::to_owned).collect();
    got.sort_unstable();
    want.sort_unstable();
    if got != want {
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        let (name, said) = (folder.display(), said.join("\n"));
        return Err(format!("{name}\nwant {want:#?}\ngot {got:#?}\n{said}"));
    }
    let shown = found.iter().map(|diagnostic| format!("{diagnostic}")).collect::<Vec<_>>().join("\n");
    let says = fs::read_to_string(folder.join("says")).unwrap_or_default();
    match says.lines().find(|words| !shown.contains(words)) {
        Some(words) => Err(format!("{}\nnot said: {words}\n{shown}", folder.display())),
        None => Ok(()),
    }
}

/// `file:line:column: error[code]`, the file relative to the folder.
fn summary(folder: &Path, diagnostic: &Diagnostic) -> String {
    let Location { file, line, column } = diagnostic.at.first().expect("a place");
    let file = Path::new(file).strip_prefix(folder).expect("a file of the plan").display();
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = if *line > 0 { format!("{file}:{line}:{column}") } else { file.to_string() };
    format!("{place}: {severity}[{}]", diagnostic.code)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/bad")
}

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root()).expect("testdata").map(|entry| entry.expect("an entry").path()).collect();
    folders.sort_unstable();
    folders
}

/// Every file of a folder with its octets.
fn listing(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), fs::read(&path).expect("a file")))
        .collect();
    files.sort_unstable();
    files
}
