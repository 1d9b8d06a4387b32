//! The corpora, and the maps they are rewritten with.

use std::path::Path;

use readdress::{Engine, EntryDirection, MapBuilder, NewEntry};

use crate::people::{ELSEWHERE, INTERNAL_DOMAINS, Person, csv, people};
use crate::rng::Rng;
use crate::{office, small};

/// Entries of every map.
pub const ENTRIES: usize = 100_000;

/// Messages of the streaming set: more than a core's caches hold.
pub const STREAM: usize = 2_000;

/// Messages of the hot set, which is the first of the streaming set: its octets stay in the second
/// cache and its branches are learnt, so it shows the best that can be.
pub const HOT: usize = 100;

/// What all corpora and maps are drawn from.
pub const SEED: u64 = 0x7265_6164_6472;

/// Who is in the map, and who might have been.
#[derive(Debug)]
pub struct Directory {
    /// The people in the map.
    pub mapped: Vec<Person>,
    /// As many in the same domains whom nobody writes to.
    pub unheard_of: Vec<Person>,
}

impl Directory {
    /// The directory that all corpora are made from.
    #[must_use]
    pub fn new() -> Directory {
        Directory::of(ENTRIES)
    }

    /// One of as many people.
    #[must_use]
    pub fn of(entries: usize) -> Directory {
        let mut mapped = people(&mut Rng::new(SEED), 2 * entries, &INTERNAL_DOMAINS);
        let unheard_of = mapped.split_off(entries);
        Directory { mapped, unheard_of }
    }
}

impl Default for Directory {
    fn default() -> Self {
        Directory::new()
    }
}

/// Messages as Microsoft 365 writes them: mapped people and strangers, about half and half.
#[must_use]
pub fn office(directory: &Directory, count: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(SEED + 1);
    (0..count).map(|_| office::message(&mut rng, &directory.mapped)).collect()
}

/// Small messages.
#[must_use]
pub fn small(directory: &Directory, count: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(SEED + 2);
    (0..count).map(|_| small::message(&mut rng, &directory.mapped)).collect()
}

/// What a map makes of the corpora.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hits {
    /// Its domains stand in no message.
    NoDomain,
    /// Its domains do, its mailboxes don't: every look-up goes all the way and misses.
    NoMailbox,
    /// The entries the messages were written for.
    Mailboxes,
}

impl Hits {
    /// All, in the order of the work they make.
    pub const ALL: [Hits; 3] = [Hits::NoDomain, Hits::NoMailbox, Hits::Mailboxes];

    /// The name in benchmarks.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Hits::NoDomain => "no-domain",
            Hits::NoMailbox => "no-mailbox",
            Hits::Mailboxes => "mailboxes",
        }
    }

    /// The entries.
    #[must_use]
    pub fn people(self, directory: &Directory) -> Vec<Person> {
        match self {
            Hits::NoDomain => people(&mut Rng::new(SEED + 3), ENTRIES, &ELSEWHERE),
            Hits::NoMailbox => directory.unheard_of.clone(),
            Hits::Mailboxes => directory.mapped.clone(),
        }
    }

    /// The engine, with every setting at its default.
    #[must_use]
    pub fn engine(self, directory: &Directory) -> Engine {
        engine(&self.people(directory))
    }
}

/// An engine with two-way entries for `people`.
#[must_use]
pub fn engine(people: &[Person]) -> Engine {
    let mut builder = MapBuilder::new();
    for person in people {
        let entry = NewEntry {
            name: &person.last,
            internal: person.internal.as_bytes(),
            external: person.external.as_bytes(),
            direction: EntryDirection::Both,
            except: &[],
            source: None,
        };
        builder.add(&entry).expect("generated addresses are addresses");
    }
    Engine::from_bytes(builder.finish().expect("entries do not clash")).expect("the map is sound")
}

/// Writes messages as files, a map file of each kind, and the plan that rewrites them, for programs
/// in other languages: `office/0000.eml`, `small/0000.eml`, `mailboxes.map`, `entries.csv`,
/// `plan.toml`.
pub fn write_to(folder: &Path, directory: &Directory, office_count: usize) -> std::io::Result<()> {
    for (name, messages) in [("office", office(directory, office_count)), ("small", small(directory, HOT))] {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        for (number, message) in messages.iter().enumerate() {
            std::fs::write(folder.join(format!("{number:04}.eml")), message)?;
        }
    }
    for hits in Hits::ALL {
        let engine = hits.engine(directory);
        std::fs::write(folder.join(format!("{}.map", hits.name())), engine.map().octets())?;
    }
    std::fs::write(folder.join("entries.csv"), csv(&directory.mapped))?;
    let plan = "[plan]\nname = \"benches\"\n\n[rewrite]\npreset = \"coexistence\"\n\n\
                [[rewrite.entries]]\nfile = \"entries.csv\"\n";
    std::fs::write(folder.join("plan.toml"), plan)
}
