//! What can be asked, and what it takes to build: time, memory at most beside the entries themselves,
//! and octets an entry, in a process of its own, since memory that others had freed would hide some.

use std::collections::HashMap;
use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use readdress::{Engine, EntryDirection, MapBuilder, NewEntry};
use readdress_benches::pairs::Pairs;
use serde_json::{Value, json};

use crate::look_up::cdb::CdbLibrary;
use crate::look_up::lmdb;

/// The standard library's, with `SipHash`.
pub type StdMap = HashMap<String, String>;

/// The fastest at hand, without the standard library's room to grow in each text.
pub type AHashMap = hashbrown::HashMap<Box<str>, Box<str>, ahash::RandomState>;

/// Sections of our file that no look-up reads: they say where entries come from.
const PROVENANCE: [&str; 5] = ["policy", "sources", "provenance", "names", "external-order"];

/// Who is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Readdress,
    Std,
    Ahash,
    Lmdb,
    Cdb,
}

impl Kind {
    /// All.
    pub const ALL: [Kind; 5] = [Kind::Readdress, Kind::Std, Kind::Ahash, Kind::Lmdb, Kind::Cdb];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Readdress => "readdress",
            Kind::Std => "std HashMap",
            Kind::Ahash => "hashbrown + ahash",
            Kind::Lmdb => "LMDB",
            Kind::Cdb => "cdb",
        }
    }

    /// The word on the command line, which is the file's name, too.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Readdress => "readdress",
            Kind::Std => "std",
            Kind::Ahash => "ahash",
            Kind::Lmdb => "lmdb",
            Kind::Cdb => "cdb",
        }
    }
}

/// Where it has its file.
pub fn file(folder: &Path, kind: Kind) -> PathBuf {
    folder.join(kind.word())
}

/// Builds one and says what it took.
pub fn build(word: &str, count: usize, folder: &Path, cdb: Option<&OsStr>) -> Result<Value, Box<dyn Error>> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word).ok_or("no such kind")?;
    let (pairs, _) = Pairs::generate(count, 0);
    let path = file(folder, kind);
    let _ = fs::remove_file(&path);
    let before = Memory::reset()?;
    let start = Instant::now();
    let per_entry = |octets: usize| octets as f64 / count as f64;
    // What was built is kept until its memory was looked at.
    let (seconds, octets, also) = match kind {
        Kind::Std => {
            let map = std_map(&pairs);
            let seconds = start.elapsed().as_secs_f64();
            let octets = Memory::now()?.resident.saturating_sub(before.resident);
            assert_eq!(map.len(), count);
            (seconds, octets, Value::Null)
        }
        Kind::Ahash => {
            let map = ahash_map(&pairs);
            let seconds = start.elapsed().as_secs_f64();
            let octets = Memory::now()?.resident.saturating_sub(before.resident);
            assert_eq!(map.len(), count);
            (seconds, octets, Value::Null)
        }
        Kind::Lmdb => {
            lmdb::write(&path, &pairs)?;
            (start.elapsed().as_secs_f64(), file_octets(&path)?, Value::Null)
        }
        Kind::Cdb => {
            CdbLibrary::open(cdb.ok_or("cdb needs its library")?)?.write(&path, pairs.iter())?;
            (start.elapsed().as_secs_f64(), file_octets(&path)?, Value::Null)
        }
        Kind::Readdress => {
            fs::write(&path, our_map(&pairs))?;
            let seconds = start.elapsed().as_secs_f64();
            let engine = Engine::open(&path)?;
            let sections = engine.map().sections().filter(|section| !PROVENANCE.contains(&section.name));
            // It answers in both directions, the others in one.
            let octets = sections.map(|section| section.length).sum::<usize>() / 2;
            (seconds, octets, json!({ "file octets an entry": per_entry(engine.map().size()) }))
        }
    };
    let peak = Memory::now()?.peak.saturating_sub(before.resident);
    Ok(json!({
        "seconds": seconds,
        "octets an entry and direction": per_entry(octets),
        "peak octets": peak,
        "also": also,
    }))
}

/// Internal to external addresses.
pub fn std_map(pairs: &Pairs) -> StdMap {
    pairs.iter().map(|(internal, external)| (internal.to_owned(), external.to_owned())).collect()
}

/// Internal to external addresses.
pub fn ahash_map(pairs: &Pairs) -> AHashMap {
    pairs.iter().map(|(internal, external)| (internal.into(), external.into())).collect()
}

fn our_map(pairs: &Pairs) -> Vec<u8> {
    let mut builder = MapBuilder::new();
    for (internal, external) in pairs.iter() {
        let entry = NewEntry {
            name: "",
            internal: internal.as_bytes(),
            external: external.as_bytes(),
            direction: EntryDirection::Both,
            except: &[],
            source: None,
        };
        builder.add(&entry).expect("generated addresses are addresses");
    }
    builder.finish().expect("entries do not clash")
}

fn file_octets(path: &Path) -> Result<usize, Box<dyn Error>> {
    Ok(usize::try_from(fs::metadata(path)?.len())?)
}

/// Memory of this process, in octets.
struct Memory {
    resident: usize,
    peak: usize,
}

impl Memory {
    fn now() -> Result<Memory, Box<dyn Error>> {
        let status = fs::read_to_string("/proc/self/status")?;
        let octets = |name: &str| -> Result<usize, Box<dyn Error>> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
            Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
        };
        Ok(Memory { resident: octets("VmRSS:")?, peak: octets("VmHWM:")? })
    }

    /// The peak is counted from here.
    fn reset() -> Result<Memory, Box<dyn Error>> {
        // SAFETY: it gives free memory back, and touches nothing else.
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        unsafe {
            libc::malloc_trim(0);
        }
        fs::write("/proc/self/clear_refs", "5")?;
        Memory::now()
    }
}
