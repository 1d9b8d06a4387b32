//! The tables of one side of a verified file, read in place: what a look-up goes through, step by step.

use crate::header::prefetch;
use crate::map::automaton::Automaton;
use crate::map::blocks::{BLOCK, Block, Place, Target, Value};
use crate::map::domains::{DomainRecord, Domains};
use crate::map::filter;
use crate::map::format::{SectionId, u32_at};
use crate::map::lookup::{Hit, KeyKind, KeySide};
use crate::map::view::{EXTERNAL, View};
use crate::span::{narrow, widen};

/// Octets of a block as most are.
const BLOCK_OCTETS: usize = 192;

/// The tables of one side. Where they are is found once for the look-ups of many addresses.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'m> {
    pub(super) side: KeySide,
    view: View<'m>,
    pub(super) domains: Domains<'m>,
    targets: &'m [u8],
    filter: &'m [u8],
    heads: &'m [u8],
    places: &'m [u8],
    blocks: &'m [u8],
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
    place: Place,
    /// The first of the usual targets of its domain.
    targets: u32,
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

impl Mark {
    /// An entry for a domain.
    pub(super) fn of_domain(entry: u32) -> Mark {
        Mark { entry, ..Mark::default() }
    }
}

impl Given<'_> {
    /// Appends the local-part that a key gets. `None`, with nothing appended, if there is none.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a library has more callers than a program; see docs/performance"
    )]
    pub(crate) fn write_local_part(&self, key: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let value = self.value?;
        for part in value.parts(key)? {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(value.literal);
        Some(())
    }

    pub(super) fn address(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut address = Vec::new();
        self.write_local_part(key, &mut address)?;
        address.push(b'@');
        address.extend_from_slice(self.domain);
        Some(address)
    }
}

impl<'m> View<'m> {
    /// The tables of one side.
    #[inline]
    pub(crate) fn tables(&self, side: KeySide) -> Tables<'m> {
        let ids = match side {
            KeySide::Internal => SectionId::INTERNAL_TABLES,
            KeySide::External => SectionId::EXTERNAL_TABLES,
        };
        let [table, records, targets, filter, heads, places, blocks] = ids.map(|id| self.section(id));
        // A verified file has texts.
        let domains = Domains { table, records, texts: self.texts().unwrap_or_default() };
        Tables { side, view: *self, domains, targets, filter, heads, places, blocks }
    }
}

impl<'m> Tables<'m> {
    /// Looks a mailbox up in a domain.
    pub(super) fn mailbox(&self, domain: u32, record: &DomainRecord, local_part: &[u8]) -> Option<Mark> {
        let number = self.block_number(record, self.filter_hash(domain, local_part), local_part)?;
        self.mark(record, self.block(record, number)?, local_part)
    }

    /// The first step: what the filter is asked by. Each step asks memory for what the next one reads.
    #[inline]
    pub(super) fn filter_hash(&self, domain: u32, local_part: &[u8]) -> u64 {
        let hash = filter::key_hash(domain, local_part);
        filter::ask(self.filter, hash);
        hash
    }

    /// The second step: which of the domain's blocks a mailbox is in, if it is anywhere.
    #[inline]
    pub(super) fn block_number(&self, record: &DomainRecord, hash: u64, local_part: &[u8]) -> Option<u32> {
        if record.mailboxes == 0 || !filter::may_have(self.filter, hash) {
            return None;
        }
        let count = record.mailboxes.div_ceil(narrow(BLOCK));
        let number = Automaton::new(self.heads).floor(record.node, count, local_part)?;
        let number = u32::try_from(number).ok()?;
        prefetch::<4>(self.places, 4 * (widen(record.first_block) + widen(number)));
        Some(number)
    }

    /// The third step: where that block stands.
    #[inline]
    pub(super) fn block(&self, record: &DomainRecord, number: u32) -> Option<NthBlock> {
        let at = u32_at(self.places, widen(record.first_block).checked_add(widen(number))?)?;
        prefetch::<BLOCK_OCTETS>(self.blocks, widen(at));
        Some(NthBlock { number, at })
    }

    /// The last step: the mailbox.
    #[inline]
    pub(super) fn mark(&self, record: &DomainRecord, block: NthBlock, local_part: &[u8]) -> Option<Mark> {
        let place = Place { block: block.at, nth: self.read(block)?.find(local_part)? };
        let nth = block.number.checked_mul(narrow(BLOCK))?.checked_add(u32::from(place.nth))?;
        let rank = record.first_rank.checked_add(nth).filter(|rank| rank & EXTERNAL == 0)?;
        let (entry, count) = match self.side {
            KeySide::Internal => (rank, self.view.mailbox_count()),
            KeySide::External => (rank | EXTERNAL, self.view.external_count()),
        };
        (rank < count).then_some(Mark { entry, place, targets: record.targets.0 })
    }

    /// What stands in a block.
    #[inline]
    pub(super) fn read(&self, block: NthBlock) -> Option<Block<'m>> {
        Block::read(self.blocks, block.at)
    }

    /// What an entry gives for a key of so many octets.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a library has more callers than a program; see docs/performance"
    )]
    pub(crate) fn given(&self, hit: &Hit) -> Option<Given<'m>> {
        match hit.kind {
            KeyKind::Mailbox | KeyKind::Subaddress => {
                let Mark { place, targets, .. } = hit.mark;
                let value = Block::read(self.blocks, place.block)?.value(place.nth, hit.name.len())?;
                self.given_by(&value, targets)
            }
            KeyKind::Domain | KeyKind::Subdomain => {
                let entry = self.view.domain_entry(hit.mark.entry)?;
                let domain = match self.side {
                    KeySide::Internal => entry.external,
                    KeySide::External => entry.internal,
                };
                let domain = self.domains.texts.get(domain)?;
                Some(Given { value: None, domain, is_identity: entry.is_identity })
            }
        }
    }

    /// What a value gives, the first of the usual targets of its domain being number `targets`.
    #[inline]
    pub(super) fn given_by(&self, value: &Value<'m>, targets: u32) -> Option<Given<'m>> {
        let number = match value.target {
            Target::Domain(number) => number,
            Target::Usual(nth) => u32_at(self.targets, widen(targets).checked_add(nth)?)?,
        };
        let domain = self.domains.texts.get(number)?;
        Some(Given { value: Some(*value), domain, is_identity: value.is_identity })
    }
}
