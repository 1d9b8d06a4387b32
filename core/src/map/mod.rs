//! The address map: one immutable file with everything a gateway needs, verified as a whole before
//! its first use.
//!
//! [`MapBuilder`] writes it, [`Map`] reads it. Each side has its domains in a table by hash and their
//! mailboxes in sorted blocks, each beside what it becomes; an automaton tells which block to search.
//! ARCHITECTURE.md describes the file.

mod automaton;
mod blocks;
mod build;
mod data;
mod directory;
mod domains;
mod entry;
mod filter;
mod format;
mod hash;
mod listed;
mod lookup;
mod pack;
mod publish;
mod record;
mod routing;
mod sort;
mod tables;
mod view;
mod write;

use crate::error::Error;
use crate::map::automaton::Automaton;
use crate::map::directory::Directory;
use crate::map::format::{SectionId, Sections, malformed};
use crate::map::record::{DOMAIN_ENTRY, read_policy};
use crate::map::routing::read_routing;
use crate::map::write::PROVENANCE_RECORD;
use crate::policy::Policy;
use crate::routing::Routing;
use crate::span::narrow;

pub use crate::map::build::{
    Added, AddedSide, BuildError, Conflict, ConflictKind, ENTRIES_MAX, EntryError, EntryId, MapBuilder,
    NewEntry, Side, SourceFile, TEXT_MAX,
};
pub use crate::map::data::MapData;
pub(crate) use crate::map::directory::Recipient;
pub use crate::map::entry::{ADDRESS_MAX, AddressError, AddressErrorKind, EntryAddress};
pub(crate) use crate::map::format::SEAL_OCTETS;
pub use crate::map::listed::Entry;
pub use crate::map::lookup::KeyKind;
pub(crate) use crate::map::lookup::{Asked, Found, Hit, KeySide, Way, at_and_above};
pub use crate::map::publish::publish;
pub use crate::map::record::{EntryDirection, EntryKind};
pub(crate) use crate::map::tables::Tables;
pub(crate) use crate::map::view::View;

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
    routing: Routing,
    directory: Option<Directory>,
}

impl<D: AsRef<[u8]>> Map<D> {
    /// Verifies a map file and takes it into use. Every octet is covered by the file's seal:
    /// whatever was flipped, cut or added is found here.
    ///
    /// The octets behind `data` must never change afterwards; each call of `as_ref` must return
    /// the same ones. If they do change, look-ups give wrong answers or none, never undefined
    /// behaviour.
    pub fn new(data: D) -> Result<Map<D>, Error> {
        let map = Map::without_recipients(data)?;
        let directory = Directory::read(map.data.as_ref(), &map.sections)?;
        Ok(Map { directory, ..map })
    }

    /// The same without looking for recipients: their own map has none, however often a forger puts one
    /// into the other.
    fn without_recipients(data: D) -> Result<Map<D>, Error> {
        let file = data.as_ref();
        let sections = Sections::open(file)?;
        let (name, policy) = read_policy(file, sections.range(SectionId::Policy))?;
        let generation = blake3::Hash::from(*sections.seal()).to_hex().to_string();
        let view = View { file, sections: &sections };
        let place = |id| sections.range(id).start;
        let [provenance, domain_entries] =
            [(SectionId::Provenance, PROVENANCE_RECORD), (SectionId::DomainEntries, DOMAIN_ENTRY)].map(
                |(id, record)| {
                    Some(sections.range(id).len())
                        .filter(|octets| octets % record == 0)
                        .map(|octets| octets / record)
                },
            );
        let counts = provenance.zip(domain_entries).filter(|(all, domains)| domains <= all);
        let (entry_count, _) = counts.ok_or_else(|| malformed("entries", place(SectionId::Provenance)))?;
        let mut has_subdomain_entries = false;
        for (side, domains, heads) in [
            (KeySide::Internal, SectionId::InternalDomains, SectionId::InternalHeads),
            (KeySide::External, SectionId::ExternalDomains, SectionId::ExternalHeads),
        ] {
            if !Automaton::new(view.section(heads)).is_known() {
                return Err(malformed("automaton", place(heads)).into());
            }
            if view.texts().is_none() {
                return Err(malformed("texts", place(SectionId::DomainTexts)).into());
            }
            has_subdomain_entries |=
                view.tables(side).domains.inspect().ok_or_else(|| malformed("domains", place(domains)))?
                    && side == KeySide::Internal;
        }
        let routing = read_routing(file, sections.range(SectionId::Routing))?;
        Ok(Map {
            routing,
            directory: None,
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

    /// What the plan says about where mail goes, but for the recipients.
    #[must_use]
    pub fn routing(&self) -> &Routing {
        &self.routing
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
        (number < self.entry_count).then(|| Entry::new(self.view(), number))
    }

    /// The entry that an edit or a look-up names.
    pub(crate) fn referenced(&self, reference: u32) -> Option<Entry<'_>> {
        Some(Entry::new(self.view(), self.view().number(reference)?))
    }

    /// The domains of one side as keys; `None` if there are more than `most`.
    pub(crate) fn domains(&self, side: KeySide, most: usize) -> Option<impl Iterator<Item = &[u8]>> {
        let domains = self.tables(side).domains;
        (domains.len() <= most).then(|| domains.keys())
    }

    /// All entries, in the order of their numbers.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.entry_count).filter_map(|number| self.entry(number))
    }

    /// The files the entries came from, relative to the plan.
    #[must_use]
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &str> {
        let mut decoder = self.view().decoder(SectionId::Sources);
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

    #[inline]
    pub(crate) fn view(&self) -> View<'_> {
        View { file: self.data.as_ref(), sections: &self.sections }
    }

    /// What look-ups of addresses on one side read.
    #[inline]
    pub(crate) fn tables(&self, side: KeySide) -> Tables<'_> {
        self.view().tables(side)
    }
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
