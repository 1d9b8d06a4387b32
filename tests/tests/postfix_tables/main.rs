//! Tables of `export postfix`, `readdress serve` and the engine agree: every key of the tables, and ten thousand near
//! misses of each plan, asked of postmap(1) and over a socket, and put together as Postfix's manuals say; or the export
//! lists the difference itself.
//!
//! Without postmap it is skipped loudly. `scripts/postfix.sh`, which installs it, sets `READDRESS_POSTFIX=1`: then
//! that is a failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod exported;
mod probes;
mod served;
mod service;
mod tables;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use readdress::{Engine, EntryAddress};
use readdress_plan::{Export, ExportKind, Plan};
use readdress_tests::root;
use tempfile::TempDir;

use crate::probes::{addresses, near_misses};
use crate::tables::{POSTMAP, Tables};

const NEAR_MISSES: usize = 10_000;

/// A plan, in each form in which it can be asked.
struct Subject {
    path: PathBuf,
    engine: Engine,
    tables: Tables,
    /// Whom to ask about.
    probes: Vec<String>,
    /// What the export lists as different.
    listed: Vec<String>,
    /// The tables, and a configuration for postmap.
    folder: TempDir,
}

impl Subject {
    fn new(path: &Path) -> Subject {
        let plan = Plan::read(path).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        let engine = Engine::from_bytes(plan.compile().unwrap().map).unwrap();
        let export: Export = plan.export(ExportKind::Postfix, None);
        assert!(export.errors.is_empty(), "{}: {:?}", path.display(), export.errors);
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::new(&export, folder.path(), &engine);
        let mut keys = tables.keys();
        keys.extend(addresses(&engine));
        let keys: Vec<String> = keys.into_iter().collect();
        let mut probes: BTreeSet<String> = keys.iter().cloned().collect();
        probes.extend(near_misses(&keys, NEAR_MISSES));
        let probes: Vec<String> = probes
            .into_iter()
            .filter(|probe| EntryAddress::parse(probe.as_bytes()).is_ok() && probe.contains('@'))
            .collect();
        assert!(probes.len() >= NEAR_MISSES, "{}: {}", path.display(), probes.len());
        println!("{}: {} addresses asked about, {} keys", path.display(), probes.len(), keys.len());
        let listed = export.limits.iter().filter_map(|limit| limit.excerpt.clone()).collect();
        Subject { path: path.to_owned(), engine, tables, probes, listed, folder }
    }

    /// Fails where there are differences.
    fn assert_agreement(&self, differences: &[String]) {
        assert!(
            differences.is_empty(),
            "{}: {} differences:\n{}",
            self.path.display(),
            differences.len(),
            differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
        );
    }
}

/// All example plans, and one with everything that tables can say; none, without postmap.
fn plans() -> Vec<PathBuf> {
    if !Path::new(POSTMAP).exists() {
        eprintln!("postfix tables: SKIPPED: {POSTMAP} is missing (Debian: postfix)");
        assert!(std::env::var("READDRESS_POSTFIX").as_deref() != Ok("1"), "{POSTMAP} is missing");
        return Vec::new();
    }
    let mut plans: Vec<PathBuf> = fs::read_dir(root().join("examples"))
        .unwrap()
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).into_iter().flatten())
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    plans.sort();
    plans.push(root().join("tests/postfix/tables/plan.toml"));
    plans
}
