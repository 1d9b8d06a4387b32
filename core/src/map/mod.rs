//! The address map: one immutable file with everything a gateway needs, verified as a whole before
//! its first use.
//!
//! [`MapBuilder`] writes it, [`Map`] reads it. The keys of each side are in an automaton built by
//! the `fst` crate: one for domains, one for mailboxes. ARCHITECTURE.md describes the file.

mod automaton;
mod build;
mod data;
mod entry;
mod format;
mod lookup;
mod publish;
mod record;
mod write;

use crate::error::Error;
use crate::map::automaton::Automaton;
use crate::map::format::{Decoder, SectionId, Sections, malformed};
use crate::map::record::{EntryRecord, read_policy};
use crate::policy::Policy;
use crate::span::{narrow, widen};

pub use crate::map::build::{
    Added, AddedSide, BuildError, Conflict, ConflictKind, ENTRIES_MAX, EntryError, EntryId, MapBuilder,
    NewEntry, Side, SourceFile, TEXT_MAX,
};
pub use crate::map::data::MapData;
pub use crate::map::entry::{ADDRESS_MAX, AddressError, AddressErrorKind, EntryAddress};
pub(crate) use crate::map::format::SEAL_OCTETS;
pub use crate::map::lookup::KeyKind;
pub(crate) use crate::map::lookup::{Found, Hit, KeySide};
pub use crate::map::publish::publish;
pub use crate::map::record::{EntryDirection, EntryKind};

/// A verified map file in memory of any kind. Immutable, so it may be shared between threads.
#[derive(Debug)]
pub struct Map<D = MapData> {
    data: D,
    sections: Sections,
    name: String,
    policy: Policy,
    /// The seal in hexadecimal digits.
    generation: String,
    entry_count: u32,
    has_subdomain_entries: bool,
}

impl<D: AsRef<[u8]>> Map<D> {
    /// Verifies a map file and takes it into use. Every octet is covered by the file's seal:
    /// whatever was flipped, cut or added is found here.
    ///
    /// The octets behind `data` must never change afterwards; each call of `as_ref` must return
    /// the same ones. If they do change, look-ups give wrong answers or none, never undefined
    /// behaviour.
    pub fn new(data: D) -> Result<Map<D>, Error> {
        let file = data.as_ref();
        let sections = Sections::open(file)?;
        let (name, policy) = read_policy(file, sections.range(SectionId::Policy))?;
        let generation = blake3::Hash::from(*sections.seal()).to_hex().to_string();
        let offsets = sections.range(SectionId::Entries);
        let entry_count = (offsets.len() / 4).checked_sub(1).filter(|_| offsets.len() % 4 == 0);
        let entry_count = entry_count.ok_or_else(|| malformed("entries", offsets.start))?;
        if sections.range(SectionId::Provenance).len() != entry_count * write::PROVENANCE_RECORD {
            return Err(malformed("provenance", sections.range(SectionId::Provenance).start).into());
        }
        for id in [
            SectionId::InternalDomains,
            SectionId::InternalMailboxes,
            SectionId::ExternalDomains,
            SectionId::ExternalMailboxes,
            SectionId::Exceptions,
        ] {
            if Automaton::new(sections.get(file, id)).is_none() {
                return Err(malformed("automaton", sections.range(id).start).into());
            }
        }
        let records = sections.get(file, SectionId::InternalDomainRecords);
        let has_subdomain_entries = lookup::has_subdomain_entries(records);
        Ok(Map {
            sections,
            name,
            policy,
            generation,
            entry_count: narrow(entry_count),
            has_subdomain_entries,
            data,
        })
    }

    /// The file's identity: 64 hexadecimal digits. Two files with the same are the same.
    #[must_use]
    pub fn generation(&self) -> &str {
        &self.generation
    }

    /// The plan's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything the plan says apart from entries.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How many entries the map has.
    #[must_use]
    pub fn entry_count(&self) -> u32 {
        self.entry_count
    }

    /// Octets of the file.
    #[must_use]
    pub fn size(&self) -> usize {
        self.data.as_ref().len()
    }

    /// The file, as it can be opened again.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.data.as_ref()
    }

    /// The file's last octets, which no other file has.
    pub(crate) fn seal(&self) -> &[u8; SEAL_OCTETS] {
        self.sections.seal()
    }

    /// An entry by its number, from 0: mailboxes first, then domains, then `*.` domains, each
    /// ordered by internal key.
    #[must_use]
    pub fn entry(&self, number: u32) -> Option<Entry<'_>> {
        let record = self.record(number)?;
        let (name, file, line) = self.provenance(number).unwrap_or(("", None, 0));
        let mut except = Vec::new();
        let mut list = record.except;
        while let Ok(domain) = list.short_bytes() {
            except.push(domain);
        }
        Some(Entry {
            name,
            kind: record.kind,
            internal: record.internal,
            external: record.external,
            direction: record.direction,
            except,
            file,
            line,
        })
    }

    /// The domains of one side as keys; `None` if there may be more than `most`.
    pub(crate) fn domains(&self, side: KeySide, most: usize) -> Option<Vec<Vec<u8>>> {
        let domain = |entry: Entry<'_>| {
            let text = if side == KeySide::Internal { entry.internal } else { entry.external };
            EntryAddress::parse(text).ok().map(|address| address.domain().to_vec())
        };
        (widen(self.entry_count) <= 100_000 + most).then(|| {
            let mut domains: Vec<Vec<u8>> = self.entries().filter_map(domain).collect();
            domains.sort_unstable();
            domains.dedup();
            domains
        })
    }

    /// All entries, in the order of their numbers.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.entry_count).filter_map(|number| self.entry(number))
    }

    /// The files the entries came from, relative to the plan.
    #[must_use]
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &str> {
        let mut decoder = self.decoder(SectionId::Sources);
        let mut sources = Vec::new();
        while let Ok(source) = decoder.short_str() {
            sources.push(source);
        }
        sources.into_iter()
    }

    /// The file's sections, in order.
    pub fn sections(&self) -> impl Iterator<Item = SectionInfo> + '_ {
        SectionId::ALL.into_iter().map(|id| {
            let range = self.sections.range(id);
            SectionInfo { name: id.name(), offset: range.start, length: range.len() }
        })
    }

    pub(crate) fn record(&self, number: u32) -> Option<EntryRecord<'_>> {
        let offsets = self.section(SectionId::Entries);
        let start = u32_at(offsets, widen(number))?;
        let end = u32_at(offsets, widen(number) + 1)?;
        let base = self.sections.range(SectionId::Addresses);
        let range = base.start.checked_add(widen(start))?..base.start.checked_add(widen(end))?;
        if range.start > range.end || range.end > base.end {
            return None;
        }
        EntryRecord::read(self.data.as_ref(), range).ok()
    }

    fn provenance(&self, number: u32) -> Option<(&str, Option<&str>, u32)> {
        let records = self.section(SectionId::Provenance);
        let value = |nth| u32_at(records, widen(number) * 3 + nth);
        let (name_at, source, line) = (value(0)?, value(1)?, value(2)?);
        let mut names = self.decoder(SectionId::Names);
        let name = if name_at == write::NONE {
            ""
        } else {
            names.bytes(widen(name_at)).and_then(|_| names.short_str()).ok()?
        };
        let mut sources = self.decoder(SectionId::Sources);
        let file = if source == write::NONE {
            None
        } else {
            for _ in 0..source {
                sources.short_bytes().ok()?;
            }
            sources.short_str().ok()
        };
        Some((name, file, line))
    }

    fn section(&self, id: SectionId) -> &[u8] {
        self.sections.get(self.data.as_ref(), id)
    }

    fn decoder(&self, id: SectionId) -> Decoder<'_> {
        Decoder::new(self.data.as_ref(), self.sections.range(id))
    }
}

/// The little-endian number at place `nth` of an array of them.
fn u32_at(array: &[u8], nth: usize) -> Option<u32> {
    let start = nth.checked_mul(4)?;
    let octets = array.get(start..start.checked_add(4)?)?;
    <[u8; 4]>::try_from(octets).ok().map(u32::from_le_bytes)
}

/// An entry of a map.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry<'m> {
    /// The name the plan gives it; may be empty.
    pub name: &'m str,
    /// Mailbox, domain or `*.domain`.
    pub kind: EntryKind,
    /// The internal address as the plan spells it.
    pub internal: &'m [u8],
    /// The external address as the plan spells it.
    pub external: &'m [u8],
    /// Both ways or outbound only.
    pub direction: EntryDirection,
    /// Domains a `*.domain` leaves alone.
    pub except: Vec<&'m [u8]>,
    /// The file it came from, relative to the plan.
    pub file: Option<&'m str>,
    /// The line in that file; 0 if unknown.
    pub line: u32,
}

/// A section of a map file, for reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SectionInfo {
    /// Its name.
    pub name: &'static str,
    /// Where it begins in the file.
    pub offset: usize,
    /// Its octets.
    pub length: usize,
}
