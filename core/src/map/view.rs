//! What stands in a verified file, read in place: its sections, and all that reports tell of an entry.

use crate::lex::quote_if_needed;
use crate::map::blocks::BLOCK;
use crate::map::domains::{Texts, exceptions_of, partition_point};
use crate::map::entry::EntryAddress;
use crate::map::format::{Decoder, SectionId, Sections, u32_at, u32_from};
use crate::map::lookup::{Hit, KeyKind, KeySide};
use crate::map::record::{DOMAIN_ENTRY, DomainEntry, EntryDirection, EntryKind};
use crate::map::write::PROVENANCE_RECORD;
use crate::span::{Span, narrow, widen};

/// Marks a reference that is a rank among external mailboxes and not an entry's number.
pub(super) const EXTERNAL: u32 = 1 << 31;

/// A file and where its sections are.
#[derive(Clone, Copy)]
pub(crate) struct View<'m> {
    pub(super) file: &'m [u8],
    pub(super) sections: &'m Sections,
}

impl<'m> View<'m> {
    pub(super) fn section(&self, id: SectionId) -> &'m [u8] {
        self.sections.get(self.file, id)
    }

    pub(super) fn decoder(&self, id: SectionId) -> Decoder<'m> {
        Decoder::new(self.file, self.sections.range(id))
    }

    pub(super) fn entry_count(&self) -> u32 {
        narrow(self.sections.range(SectionId::Provenance).len() / PROVENANCE_RECORD)
    }

    /// Entries for mailboxes; those for domains have the numbers behind.
    pub(super) fn mailbox_count(&self) -> u32 {
        let domains = self.sections.range(SectionId::DomainEntries).len() / DOMAIN_ENTRY;
        self.entry_count().saturating_sub(narrow(domains))
    }

    /// Mailboxes on the external side.
    pub(super) fn external_count(&self) -> u32 {
        narrow(self.sections.range(SectionId::ExternalOrder).len() / 4)
    }

    pub(super) fn texts(&self) -> Option<Texts<'m>> {
        Texts::new(self.section(SectionId::DomainTexts))
    }

    /// The entry for a domain of this number.
    pub(super) fn domain_entry(&self, number: u32) -> Option<DomainEntry> {
        let nth = number.checked_sub(self.mailbox_count())?;
        DomainEntry::read(self.section(SectionId::DomainEntries), widen(nth))
    }

    /// The number of the entry that a reference leads to.
    pub(super) fn number(&self, reference: u32) -> Option<u32> {
        let number = if reference & EXTERNAL == 0 {
            Some(reference)
        } else {
            u32_at(self.section(SectionId::ExternalOrder), widen(reference & !EXTERNAL))
        };
        number.filter(|&number| number < self.entry_count())
    }

    pub(super) fn kind(&self, number: u32) -> EntryKind {
        self.domain_entry(number).map_or(EntryKind::Mailbox, |entry| entry.kind)
    }

    pub(super) fn direction(&self, number: u32) -> EntryDirection {
        let is_outbound_only = || {
            let octet = self.section(SectionId::OutboundOnly).get(widen(number / 8))?;
            Some(octet >> (number % 8) & 1 == 1)
        };
        match self.domain_entry(number) {
            Some(entry) => entry.direction,
            None if is_outbound_only().unwrap_or(false) => EntryDirection::Outbound,
            None => EntryDirection::Both,
        }
    }

    /// Both addresses of an entry as the plan spells them.
    pub(super) fn addresses(&self, number: u32) -> Option<[Vec<u8>; 2]> {
        let Some(entry) = self.domain_entry(number) else { return self.mailbox_addresses(number) };
        let texts = self.texts()?;
        let wildcard: &[u8] = if entry.kind == EntryKind::Subdomains { b"*." } else { b"" };
        Some([[wildcard, texts.get(entry.internal)?].concat(), texts.get(entry.external)?.to_vec()])
    }

    fn mailbox_addresses(&self, number: u32) -> Option<[Vec<u8>; 2]> {
        let tables = self.tables(KeySide::Internal);
        let record = tables.domains.of_rank(number)?;
        let nth = widen(number.checked_sub(record.first_rank)?);
        // Blocks are full but for the last one of each domain.
        let block = tables.block(&record, narrow(nth / BLOCK))?;
        let (block, nth) = (tables.read(block)?, u8::try_from(nth % BLOCK).ok()?);
        let mut key = Vec::new();
        block.key(nth, &mut key)?;
        let value = block.value(nth, key.len())?;
        let given = tables.given_by(&value, record.targets.0)?;
        let external = given.address(&key)?;
        let spelled = match self.direction(number) {
            EntryDirection::Outbound => self.spelling(number).map(<[u8]>::to_vec),
            EntryDirection::Both => self.internal_of(number, &external),
        };
        let internal = spelled.unwrap_or_else(|| {
            let mut plain = Vec::new();
            quote_if_needed(&key, &mut plain);
            [plain.as_slice(), b"@", tables.domains.key(&record).unwrap_or_default()].concat()
        });
        Some([internal, external])
    }

    /// The internal address of a two-way mailbox entry, as its external side gives it.
    fn internal_of(&self, number: u32, external: &[u8]) -> Option<Vec<u8>> {
        let EntryAddress::Mailbox { local_part, domain } = EntryAddress::parse(external).ok()? else {
            return None;
        };
        let tables = self.tables(KeySide::External);
        let (domain, record) = tables.domains.find(&domain)?;
        let mark = tables.mailbox(domain, &record, &local_part)?;
        let name = Span::new(0, local_part.len());
        let given = tables.given(&Hit { mark, kind: KeyKind::Mailbox, name })?;
        let is_it = self.number(mark.entry) == Some(number);
        given.address(&local_part).filter(|_| is_it)
    }

    /// The internal address of an outbound-only mailbox entry, if its key does not tell.
    fn spelling(&self, number: u32) -> Option<&'m [u8]> {
        let section = self.section(SectionId::Spellings);
        let count = widen(u32_from(section, 0)?);
        let (places, texts) = section.get(4..)?.split_at_checked(count.checked_mul(8)?)?;
        let nth = partition_point(count, |nth| u32_at(places, 2 * nth).is_some_and(|of| of < number));
        u32_at(places, 2 * nth).filter(|&of| of == number)?;
        let at = widen(u32_at(places, 2 * nth + 1)?);
        Decoder::new(texts, at..texts.len()).short_bytes().ok()
    }

    /// Domains that an entry leaves alone.
    pub(super) fn except(&self, number: u32) -> impl Iterator<Item = &'m [u8]> + use<'m> {
        let texts = self.texts();
        exceptions_of(self.section(SectionId::Exceptions), number)
            .filter_map(move |domain| texts.as_ref().and_then(|texts| texts.get(domain)))
    }

    /// Name, file and line of an entry.
    pub(super) fn name(&self, number: u32) -> Option<&'m str> {
        let at = self.provenance(number, 0)?;
        let mut names = self.decoder(SectionId::Names);
        names.bytes(widen(at)).ok()?;
        names.short_str().ok()
    }

    pub(super) fn source(&self, number: u32) -> Option<&'m str> {
        let source = self.provenance(number, 1)?;
        let mut sources = self.decoder(SectionId::Sources);
        for _ in 0..source {
            sources.short_bytes().ok()?;
        }
        sources.short_str().ok()
    }

    pub(super) fn line(&self, number: u32) -> u32 {
        self.provenance(number, 2).unwrap_or(0)
    }

    fn provenance(&self, number: u32, nth: usize) -> Option<u32> {
        let at = widen(number).checked_mul(PROVENANCE_RECORD / 4)?.checked_add(nth)?;
        u32_at(self.section(SectionId::Provenance), at)
    }
}
