//! The tables of a verified file, read in place: what look-ups and reports share.

use crate::header::prefetch;
use crate::lex::quote_if_needed;
use crate::map::automaton::Automaton;
use crate::map::blocks::{BLOCK, Block, Place, Target, Value};
use crate::map::domains::{DomainRecord, Domains, Texts, exceptions_of, partition_point};
use crate::map::entry::EntryAddress;
use crate::map::filter;
use crate::map::format::{Decoder, SectionId, Sections, u32_at, u32_from};
use crate::map::lookup::{Hit, KeyKind, KeySide};
use crate::map::record::{DOMAIN_ENTRY, DomainEntry, EntryDirection, EntryKind};
use crate::map::write::PROVENANCE_RECORD;
use crate::span::{narrow, widen};

/// Octets of a block as most are.
const BLOCK_OCTETS: usize = 192;

/// Marks a reference that is a rank among external mailboxes and not an entry's number.
const EXTERNAL: u32 = 1 << 31;

/// A file and where its sections are.
#[derive(Clone, Copy)]
pub(crate) struct View<'m> {
    pub(super) file: &'m [u8],
    pub(super) sections: &'m Sections,
}

/// The tables of one side.
#[derive(Clone, Copy)]
pub(super) struct Side<'m> {
    of: KeySide,
    view: View<'m>,
    pub(super) domains: Domains<'m>,
}

/// A block: which of its domain's, and its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct NthBlock {
    number: u32,
    at: u32,
}

/// A mailbox that was found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Mark {
    /// The entry's number, or where that would have to be looked up, something that leads to it.
    pub(crate) entry: u32,
    pub(super) place: Place,
    /// The first of the usual targets of its domain.
    pub(super) targets: u32,
}

/// What an entry gives for an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'m> {
    /// What becomes of the local-part; nothing, for domains.
    value: Option<Value<'m>>,
    pub(crate) domain: &'m [u8],
    /// Both sides of the entry have one key: nothing is ever edited.
    pub(crate) is_identity: bool,
}

impl Given<'_> {
    /// Appends the local-part that a key gets. `None`, with nothing appended, if there is none.
    #[inline]
    pub(crate) fn write_local_part(&self, key: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let value = self.value?;
        for part in value.parts(key)? {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(value.literal);
        Some(())
    }

    fn address(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut address = Vec::new();
        self.write_local_part(key, &mut address)?;
        address.push(b'@');
        address.extend_from_slice(self.domain);
        Some(address)
    }
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

    pub(super) fn texts(&self) -> Option<Texts<'m>> {
        Texts::new(self.section(SectionId::DomainTexts))
    }

    #[inline]
    pub(super) fn side(&self, side: KeySide) -> Option<Side<'m>> {
        let [table, records] = match side {
            KeySide::Internal => [SectionId::InternalDomains, SectionId::InternalRecords],
            KeySide::External => [SectionId::ExternalDomains, SectionId::ExternalRecords],
        };
        let domains =
            Domains { table: self.section(table), records: self.section(records), texts: self.texts()? };
        Some(Side { of: side, view: *self, domains })
    }

    /// What an entry gives for a key of so many octets.
    #[inline]
    pub(crate) fn given(&self, side: KeySide, hit: &Hit) -> Option<Given<'m>> {
        match hit.kind {
            KeyKind::Mailbox | KeyKind::Subaddress => {
                let value = Block::read(self.section(blocks_of(side)), hit.mark.place.block)?
                    .value(hit.mark.place.nth, hit.name.len())?;
                self.given_by(side, &value, hit.mark.targets)
            }
            KeyKind::Domain | KeyKind::Subdomain => {
                let entry = self.domain_entry(hit.mark.entry)?;
                let domain = match side {
                    KeySide::Internal => entry.external,
                    KeySide::External => entry.internal,
                };
                let domain = self.texts()?.get(domain)?;
                Some(Given { value: None, domain, is_identity: entry.is_identity })
            }
        }
    }

    fn given_by(&self, side: KeySide, value: &Value<'m>, targets: u32) -> Option<Given<'m>> {
        let number = match value.target {
            Target::Domain(number) => number,
            Target::Usual(nth) => {
                let targets_of_side = match side {
                    KeySide::Internal => SectionId::InternalTargets,
                    KeySide::External => SectionId::ExternalTargets,
                };
                u32_at(self.section(targets_of_side), widen(targets).checked_add(nth)?)?
            }
        };
        let domain = self.texts()?.get(number)?;
        Some(Given { value: Some(*value), domain, is_identity: value.is_identity })
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
        let side = self.side(KeySide::Internal)?;
        let record = side.domains.of_rank(number)?;
        let nth = widen(number.checked_sub(record.first_rank)?);
        // Blocks are full but for the last one of each domain.
        let blocks = self.section(SectionId::InternalBlocks);
        let at = u32_at(
            self.section(SectionId::InternalPlaces),
            widen(record.first_block).checked_add(nth / BLOCK)?,
        )?;
        let (block, nth) = (Block::read(blocks, at)?, u8::try_from(nth % BLOCK).ok()?);
        let mut key = Vec::new();
        block.key(nth, &mut key)?;
        let value = block.value(nth, key.len())?;
        let given = self.given_by(KeySide::Internal, &value, record.targets.0)?;
        let external = given.address(&key)?;
        let spelled = match self.direction(number) {
            EntryDirection::Outbound => self.spelling(number).map(<[u8]>::to_vec),
            EntryDirection::Both => self.internal_of(number, &external),
        };
        let internal = spelled.unwrap_or_else(|| {
            let mut plain = Vec::new();
            quote_if_needed(&key, &mut plain);
            [plain.as_slice(), b"@", side.domains.key(&record).unwrap_or_default()].concat()
        });
        Some([internal, external])
    }

    /// The internal address of a two-way mailbox entry, as its external side gives it.
    fn internal_of(&self, number: u32, external: &[u8]) -> Option<Vec<u8>> {
        let EntryAddress::Mailbox { local_part, domain } = EntryAddress::parse(external).ok()? else {
            return None;
        };
        let side = self.side(KeySide::External)?;
        let (domain, record) = side.domains.find(&domain)?;
        let mark = side.mailbox(domain, &record, &local_part)?;
        let value = Block::read(self.section(SectionId::ExternalBlocks), mark.place.block)?
            .value(mark.place.nth, local_part.len())?;
        let given = self.given_by(KeySide::External, &value, mark.targets)?;
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

impl<'m> Side<'m> {
    #[inline]
    fn section(&self, internal: SectionId, external: SectionId) -> &'m [u8] {
        self.view.section(match self.of {
            KeySide::Internal => internal,
            KeySide::External => external,
        })
    }

    fn filter(&self) -> &'m [u8] {
        self.section(SectionId::InternalFilter, SectionId::ExternalFilter)
    }

    fn places(&self) -> &'m [u8] {
        self.section(SectionId::InternalPlaces, SectionId::ExternalPlaces)
    }

    fn blocks(&self) -> &'m [u8] {
        self.section(SectionId::InternalBlocks, SectionId::ExternalBlocks)
    }

    /// Looks a mailbox up in a domain.
    pub(super) fn mailbox(&self, domain: u32, record: &DomainRecord, local_part: &[u8]) -> Option<Mark> {
        let number = self.block_number(record, self.filter_hash(domain, local_part), local_part)?;
        self.mark(record, self.block(record, number)?, local_part)
    }

    /// The first step: what the filter is asked by. Each step asks memory for what the next one reads.
    #[inline]
    pub(super) fn filter_hash(&self, domain: u32, local_part: &[u8]) -> u64 {
        let hash = filter::key_hash(domain, local_part);
        filter::ask(self.filter(), hash);
        hash
    }

    /// The second step: which of the domain's blocks a mailbox is in, if it is anywhere.
    #[inline]
    pub(super) fn block_number(&self, record: &DomainRecord, hash: u64, local_part: &[u8]) -> Option<u32> {
        if record.mailboxes == 0 || !filter::may_have(self.filter(), hash) {
            return None;
        }
        let heads = self.section(SectionId::InternalHeads, SectionId::ExternalHeads);
        let count = record.mailboxes.div_ceil(narrow(BLOCK));
        let number = Automaton::new(heads).floor(record.node, count, local_part)?;
        let number = u32::try_from(number).ok()?;
        prefetch::<4>(self.places(), 4 * (widen(record.first_block) + widen(number)));
        Some(number)
    }

    /// The third step: where that block stands.
    #[inline]
    pub(super) fn block(&self, record: &DomainRecord, number: u32) -> Option<NthBlock> {
        let at = u32_at(self.places(), widen(record.first_block).checked_add(widen(number))?)?;
        prefetch::<BLOCK_OCTETS>(self.blocks(), widen(at));
        Some(NthBlock { number, at })
    }

    /// The last step: the mailbox.
    #[inline]
    pub(super) fn mark(&self, record: &DomainRecord, block: NthBlock, local_part: &[u8]) -> Option<Mark> {
        let place = Place { block: block.at, nth: Block::read(self.blocks(), block.at)?.find(local_part)? };
        let nth = block.number.checked_mul(narrow(BLOCK))?.checked_add(u32::from(place.nth))?;
        let rank = record.first_rank.checked_add(nth).filter(|rank| rank & EXTERNAL == 0)?;
        let (entry, count) = match self.of {
            KeySide::Internal => (rank, self.view.mailbox_count()),
            KeySide::External => {
                (rank | EXTERNAL, narrow(self.view.sections.range(SectionId::ExternalOrder).len() / 4))
            }
        };
        (rank < count).then_some(Mark { entry, place, targets: record.targets.0 })
    }
}

#[inline]
fn blocks_of(side: KeySide) -> SectionId {
    match side {
        KeySide::Internal => SectionId::InternalBlocks,
        KeySide::External => SectionId::ExternalBlocks,
    }
}
