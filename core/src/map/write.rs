//! From a builder's entries to the sections of a map file.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::map::build::{MapBuilder, Pending, SidePlaces};
use crate::map::format::SectionId;
use crate::map::record::{EntryKind, write_entry, write_policy, write_short};
use crate::span::{narrow, widen};

/// Stands for "no entry" in stored indexes.
pub(super) const NONE: u32 = u32::MAX;
/// Octets of a domain's record: flags, its entry, its `*.` entry.
pub(super) const DOMAIN_RECORD: usize = 12;
pub(super) const HAS_MAILBOXES: u32 = 1;
/// Octets of an entry's provenance: name, file, line.
pub(super) const PROVENANCE_RECORD: usize = 12;

/// Entries in the order of one side's keys: by kind, then domain, then local-part.
pub(super) struct Sorted<'b> {
    keys: Vec<SortKey<'b>>,
    /// The domains of that side, in order.
    domains: Vec<&'b [u8]>,
}

/// What an entry is sorted by. Nearly all comparisons end in the two numbers.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct SortKey<'b> {
    kind: EntryKind,
    /// The domain's place among the domains.
    domain: u32,
    /// The first octets of the local-part, as a number that sorts like them.
    local_start: u64,
    local_part: &'b [u8],
    id: u32,
}

impl Sorted<'_> {
    /// Groups of two and more entries with the same key, each in the order of adding.
    pub(super) fn alike(&self) -> impl Iterator<Item = Vec<u32>> {
        let is_alike = |a: &SortKey<'_>, b: &SortKey<'_>| {
            (a.kind, a.domain, a.local_part) == (b.kind, b.domain, b.local_part)
        };
        self.keys
            .chunk_by(is_alike)
            .filter(|group| group.len() > 1)
            .map(|group| group.iter().map(|key| key.id).collect())
    }

    fn ids(&self) -> impl Iterator<Item = u32> {
        self.keys.iter().map(|key| key.id)
    }
}

impl MapBuilder {
    /// The entries that `is_in`, sorted by one side.
    pub(super) fn sorted(
        &self,
        is_in: impl Fn(&Pending) -> bool,
        side: impl Fn(&Pending) -> SidePlaces,
    ) -> Sorted<'_> {
        let domain_of = |entry: &Pending| side(entry).domain_key.of(&self.texts);
        let mut ranks: HashMap<&[u8], u32> = HashMap::new();
        for entry in self.entries.iter().filter(|entry| is_in(entry)) {
            ranks.insert(domain_of(entry), 0);
        }
        let mut domains: Vec<&[u8]> = ranks.keys().copied().collect();
        domains.sort_unstable();
        for (rank, domain) in domains.iter().enumerate() {
            ranks.insert(domain, narrow(rank));
        }
        let key = |(id, entry): (usize, &Pending)| {
            let local_part = side(entry).local_key.of(&self.texts);
            SortKey {
                kind: entry.kind,
                domain: ranks.get(domain_of(entry)).copied().unwrap_or(NONE),
                local_start: local_start(local_part),
                local_part,
                id: narrow(id),
            }
        };
        let included = self.entries.iter().enumerate().filter(|(_, entry)| is_in(entry));
        let mut keys: Vec<SortKey<'_>> = included.map(key).collect();
        keys.sort_unstable();
        Sorted { keys, domains }
    }

    /// Every section, in the order of [`SectionId::ALL`].
    pub(super) fn sections(
        &self,
        internal: &Sorted<'_>,
        external: &Sorted<'_>,
    ) -> [Vec<u8>; SectionId::ALL.len()] {
        // An entry's number in the file is its place in the internal order, so that the values of
        // that automaton grow with its keys: that lets it share suffixes.
        let order: Vec<u32> = internal.ids().collect();
        let mut numbers = vec![0_u32; self.entries.len()];
        for (number, &id) in order.iter().enumerate() {
            if let Some(place) = numbers.get_mut(widen(id)) {
                *place = narrow(number);
            }
        }
        let internal = side_tables(internal, &numbers);
        let external = side_tables(external, &numbers);
        let mut policy = Vec::new();
        write_policy(&mut policy, &self.name, &self.policy);
        let mut sources = Vec::new();
        for source in &self.sources {
            write_short(&mut sources, source.as_bytes());
        }
        let (entries, addresses) = self.entry_sections(&order);
        let (provenance, names) = self.provenance_sections(&order);
        [
            policy,
            entries,
            addresses,
            internal.domains,
            internal.records,
            internal.mailboxes,
            external.domains,
            external.records,
            external.mailboxes,
            external.order,
            self.exceptions(&numbers),
            sources,
            provenance,
            names,
        ]
    }

    fn entry_sections(&self, order: &[u32]) -> (Vec<u8>, Vec<u8>) {
        let (mut offsets, mut addresses) = (Vec::new(), Vec::new());
        for entry in order.iter().filter_map(|&id| self.entry(id)) {
            offsets.extend(narrow(addresses.len()).to_le_bytes());
            let key = |side: SidePlaces| (side.local_key.of(&self.texts), side.domain_key.of(&self.texts));
            let is_identity =
                entry.kind != EntryKind::Subdomains && key(entry.internal) == key(entry.external);
            let texts = [entry.internal.text, entry.external.text];
            let texts = texts.iter().chain(&entry.except).map(|text| text.of(&self.texts));
            write_entry(&mut addresses, entry.kind, entry.direction, is_identity, texts);
        }
        offsets.extend(narrow(addresses.len()).to_le_bytes());
        (offsets, addresses)
    }

    fn provenance_sections(&self, order: &[u32]) -> (Vec<u8>, Vec<u8>) {
        let (mut provenance, mut names) = (Vec::new(), Vec::new());
        for entry in order.iter().filter_map(|&id| self.entry(id)) {
            let name = entry.name.of(&self.texts);
            let name_at = if name.is_empty() { NONE } else { narrow(names.len()) };
            if !name.is_empty() {
                write_short(&mut names, name);
            }
            for value in [name_at, entry.source.0, entry.source.1] {
                provenance.extend(value.to_le_bytes());
            }
        }
        (provenance, names)
    }

    /// The exceptions of all `*.domain` entries: entry number, then domain.
    fn exceptions(&self, numbers: &[u32]) -> Vec<u8> {
        let mut keys = BTreeSet::new();
        for (entry, number) in self.entries.iter().zip(numbers) {
            for domain in &entry.except {
                keys.insert([&number.to_be_bytes(), domain.of(&self.texts)].concat());
            }
        }
        let mut exceptions = Keys::default();
        for key in keys {
            exceptions.insert(&key, 0);
        }
        exceptions.finish()
    }
}

/// One side's tables. `numbers`: of each entry, its number in the file.
fn side_tables(sorted: &Sorted<'_>, numbers: &[u32]) -> SideTables {
    let mut tables = SideTables::default();
    let mut records: BTreeMap<u32, DomainRecord> = BTreeMap::new();
    let mut mailboxes = Keys::default();
    let mut key = Vec::new();
    let mut rank = 0_u64;
    for entry in &sorted.keys {
        let number = numbers.get(widen(entry.id)).copied().unwrap_or(NONE);
        let record = records.entry(entry.domain).or_default();
        match entry.kind {
            EntryKind::Mailbox => {
                record.flags |= HAS_MAILBOXES;
                key.clear();
                key.extend(entry.domain.to_be_bytes());
                key.extend_from_slice(entry.local_part);
                mailboxes.insert(&key, rank);
                rank += 1;
                tables.order.extend(number.to_le_bytes());
            }
            EntryKind::Domain => record.exact = number,
            EntryKind::Subdomains => record.subdomains = number,
        }
    }
    let mut domains = Keys::default();
    for (number, domain) in sorted.domains.iter().enumerate() {
        domains.insert(domain, number as u64);
    }
    // Every domain has an entry, so records are numbered like domains.
    for record in records.values() {
        for value in [record.flags, record.exact, record.subdomains] {
            tables.records.extend(value.to_le_bytes());
        }
    }
    tables.domains = domains.finish();
    tables.mailboxes = mailboxes.finish();
    tables
}

/// The first eight octets as a number that sorts like them; missing ones sort first.
fn local_start(local_part: &[u8]) -> u64 {
    let octets = local_part.iter().copied().chain(std::iter::repeat(0)).take(8);
    octets.fold(0, |number, octet| number << 8 | u64::from(octet))
}

#[derive(Debug)]
struct DomainRecord {
    flags: u32,
    exact: u32,
    subdomains: u32,
}

impl Default for DomainRecord {
    fn default() -> Self {
        DomainRecord { flags: 0, exact: NONE, subdomains: NONE }
    }
}

#[derive(Default)]
struct SideTables {
    domains: Vec<u8>,
    records: Vec<u8>,
    mailboxes: Vec<u8>,
    /// Entry numbers by rank of their mailbox key.
    order: Vec<u8>,
}

/// An automaton being built. Its only errors are keys out of order and failed writes; the keys
/// are sorted and the writes go to memory.
struct Keys(fst::raw::Builder<Vec<u8>>);

impl Default for Keys {
    fn default() -> Self {
        Keys(fst::raw::Builder::memory())
    }
}

impl Keys {
    fn insert(&mut self, key: &[u8], value: u64) {
        let inserted = self.0.insert(key, value);
        debug_assert!(inserted.is_ok(), "keys are sorted and unique");
    }

    fn finish(self) -> Vec<u8> {
        self.0.into_inner().unwrap_or_default()
    }
}
