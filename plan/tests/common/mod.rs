//! Plans written into a folder of their own.

use std::fs;
use std::path::{Path, PathBuf};

use readdress::Engine;
use readdress_plan::{Diagnostic, Plan};
use tempfile::TempDir;

/// The plan that takes its entries from one table.
#[allow(dead_code, reason = "not every test program needs each of these")]
pub(crate) const ONE_TABLE: &str = "[[rewrite.entries]]\nfile = \"entries.csv\"\n";

/// A folder with a plan in it, gone when it goes out of scope.
pub(crate) struct PlanFolder {
    folder: TempDir,
}

#[allow(dead_code, reason = "not every test program needs each of these")]
impl PlanFolder {
    pub(crate) fn new(plan: &str) -> PlanFolder {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("plan.toml"), plan).expect("a plan");
        PlanFolder { folder }
    }

    /// A plan of one table with these octets.
    pub(crate) fn of_table(table: impl AsRef<[u8]>) -> PlanFolder {
        PlanFolder::new(ONE_TABLE).with("entries.csv", table)
    }

    /// A plan with these entries in it, each `internal external` and, if it is outbound-only, `>`
    /// between them.
    pub(crate) fn of_entries(head: &str, entries: &[&str]) -> PlanFolder {
        let mut plan = head.to_owned();
        for entry in entries {
            let (words, direction) = match entry.split_once(" > ") {
                Some(words) => (words, "outbound"),
                None => (entry.rsplit_once(' ').expect("two addresses"), "both"),
            };
            let (internal, external) = words;
            plan.extend([format!(
                "[[rewrite.entry]]\ninternal = '{internal}'\nexternal = '{external}'\ndirection = '{direction}'\n"
            )]);
        }
        PlanFolder::new(&plan)
    }

    pub(crate) fn with(self, file: &str, octets: impl AsRef<[u8]>) -> PlanFolder {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, octets).expect("a file");
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn plan_file(&self) -> PathBuf {
        self.path().join("plan.toml")
    }

    pub(crate) fn read(&self) -> Plan {
        Plan::read(&self.plan_file()).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
    }

    pub(crate) fn map(&self) -> Vec<u8> {
        self.read().compile().unwrap_or_else(|diagnostics| panic!("{diagnostics}")).map
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::from_bytes(self.map()).expect("a compiled map opens")
    }

    /// The entries of the map: file, line, name, internal and external address.
    pub(crate) fn entries(&self) -> Vec<String> {
        let engine = self.engine();
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let mut entries: Vec<String> = engine
            .map()
            .entries()
            .map(|entry| {
                let (file, line) = (entry.file().unwrap_or("?"), entry.line());
                format!(
                    "{file}:{line} {} {} {}",
                    entry.name(),
                    text(&entry.internal()),
                    text(&entry.external())
                )
            })
            .collect();
        entries.sort_unstable();
        entries
    }
}

/// The place of a diagnostic in its file.
#[allow(dead_code, reason = "not every test program needs each of these")]
pub(crate) fn place(diagnostic: &Diagnostic) -> (u32, u32) {
    diagnostic.at.first().map_or((0, 0), |at| (at.line, at.column))
}
