//! The domains of one side: a table by hash, a record for each, and the texts of all domains.
//!
//! ```text
//! table   slots of 8 octets, a power of two of them: upper half of the domain's hash u32, number of its
//!         record u32, all ones in an empty slot. A domain is in the slot that the lower half of its hash
//!         names, or in one of the next 64, with no empty one between.
//! record  place of the key in the texts u32, its entry u32, its `*.` entry u32, rank of its first
//!         mailbox u32, number of mailboxes u32, number of their first block u32, node of the automaton
//!         behind its number u32, first of its usual targets u32, number of usual targets u8, octets of
//!         the key u8, zero u16
//! texts   count u32, count + 1 places u32, octets: each spelling once, sorted
//! ```

use std::cmp::Ordering;

use crate::map::format::{u32_at, u32_from};
use crate::map::hash::hash;
use crate::span::{narrow, widen};

/// Stands for "none" in stored numbers.
pub(super) const NONE: u32 = u32::MAX;
const SLOT: usize = 8;
/// Octets of a domain's record.
pub(super) const RECORD: usize = 36;
/// The most slots that a search goes on behind the first.
const RUN_MAX: usize = 64;

/// The domains of one side.
#[derive(Clone, Copy)]
pub(super) struct Domains<'m> {
    pub(super) table: &'m [u8],
    pub(super) records: &'m [u8],
    pub(super) texts: Texts<'m>,
}

/// What is known of a domain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct DomainRecord {
    /// The key: its place and octets.
    pub(super) text: (u32, u8),
    /// Number of its entry.
    pub(super) exact: u32,
    /// Number of its `*.` entry.
    pub(super) subdomains: u32,
    pub(super) first_rank: u32,
    pub(super) mailboxes: u32,
    /// Its first block, counted among those of its side.
    pub(super) first_block: u32,
    /// Where a search for one of its blocks starts in the automaton of heads.
    pub(super) node: u32,
    /// Its usual targets: the first, and how many.
    pub(super) targets: (u32, u8),
}

impl<'m> Domains<'m> {
    /// Finds a domain by its key: the number of its record, and that.
    pub(super) fn find(&self, domain: &[u8]) -> Option<(u32, DomainRecord)> {
        let number = self.number(domain)?;
        Some((number, self.record(number)?))
    }

    /// The number of a domain's record.
    pub(super) fn number(&self, domain: &[u8]) -> Option<u32> {
        let (slots, _) = self.table.as_chunks::<SLOT>();
        let hash = hash(0, domain);
        let tag = upper_half(hash);
        let mut at = first_slot(hash, slots.len())?;
        for _ in 0..=RUN_MAX {
            let slot = slots.get(at)?;
            let number = u32_at(slot, 1).filter(|&number| number != NONE)?;
            if u32_at(slot, 0) == Some(tag)
                && let Some(record) = DomainRecord::read(self.records, number)
                && self.key(&record) == Some(domain)
            {
                return Some(number);
            }
            at = (at + 1) & (slots.len() - 1);
        }
        None
    }

    /// The record of this number.
    #[inline]
    pub(super) fn record(&self, number: u32) -> Option<DomainRecord> {
        DomainRecord::read(self.records, number)
    }

    /// The key of a record's domain.
    pub(super) fn key(&self, record: &DomainRecord) -> Option<&'m [u8]> {
        let start = widen(record.text.0);
        self.texts.octets.get(start..start + usize::from(record.text.1))
    }

    /// How many domains there are.
    pub(super) fn len(&self) -> usize {
        self.records.len() / RECORD
    }

    /// The keys of all domains.
    pub(super) fn keys(self) -> impl Iterator<Item = &'m [u8]> {
        (0..narrow(self.len())).filter_map(move |number| self.key(&DomainRecord::read(self.records, number)?))
    }

    /// The record whose mailboxes have `rank` among them. Ranks grow with the records' numbers.
    pub(super) fn of_rank(&self, rank: u32) -> Option<DomainRecord> {
        let read = |number| DomainRecord::read(self.records, narrow(number));
        let behind = partition_point(self.records.len() / RECORD, |number| {
            read(number).is_some_and(|record| record.first_rank.saturating_add(record.mailboxes) <= rank)
        });
        let record = read(behind)?;
        (record.first_rank <= rank).then_some(record)
    }

    /// Whether the table is one, and whether any domain has a `*.` entry.
    pub(super) fn inspect(&self) -> Option<bool> {
        let is_table = self.table.is_empty() || (self.table.len() / SLOT).is_power_of_two();
        if !is_table || !self.table.len().is_multiple_of(SLOT) || !self.records.len().is_multiple_of(RECORD) {
            return None;
        }
        let mut numbers = 0..narrow(self.records.len() / RECORD);
        Some(numbers.any(|number| {
            DomainRecord::read(self.records, number).is_some_and(|record| record.subdomains != NONE)
        }))
    }
}

impl DomainRecord {
    #[inline]
    fn read(records: &[u8], number: u32) -> Option<DomainRecord> {
        let (records, _) = records.as_chunks::<RECORD>();
        let record = records.get(widen(number))?;
        let value = |nth| u32_at(record, nth);
        let [targets, length, _, _] = value(8)?.to_le_bytes();
        Some(DomainRecord {
            text: (value(0)?, length),
            exact: value(1)?,
            subdomains: value(2)?,
            first_rank: value(3)?,
            mailboxes: value(4)?,
            first_block: value(5)?,
            node: value(6)?,
            targets: (value(7)?, targets),
        })
    }

    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        for value in [
            self.text.0,
            self.exact,
            self.subdomains,
            self.first_rank,
            self.mailboxes,
            self.first_block,
            self.node,
            self.targets.0,
            u32::from_le_bytes([self.targets.1, self.text.1, 0, 0]),
        ] {
            out.extend(value.to_le_bytes());
        }
    }

    /// Whether entries are about mailboxes of the domain itself.
    pub(super) fn names_mailboxes(&self) -> bool {
        self.mailboxes > 0 || self.exact != NONE
    }
}

/// The texts of all domains, in any spelling, sorted.
#[derive(Clone, Copy, Default)]
pub(super) struct Texts<'m> {
    places: &'m [u8],
    octets: &'m [u8],
}

impl<'m> Texts<'m> {
    pub(super) fn new(section: &'m [u8]) -> Option<Texts<'m>> {
        let count = widen(u32_from(section, 0)?);
        let end = count.checked_add(2)?.checked_mul(4)?;
        let (places, octets) = section.split_at_checked(end)?;
        Some(Texts { places: places.get(4..)?, octets })
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&'m [u8]> {
        let start = u32_at(self.places, widen(number))?;
        let end = u32_at(self.places, widen(number) + 1)?;
        self.octets.get(widen(start)..widen(end))
    }
}

/// Whether a list of exceptions, of an entry and the number of a domain each and sorted by that, has one.
pub(super) fn is_exception(exceptions: &[u8], texts: &Texts<'_>, entry: u32, domain: &[u8]) -> bool {
    let compare = |nth: usize| {
        let of = u32_at(exceptions, 2 * nth).unwrap_or(NONE);
        let text =
            || u32_at(exceptions, 2 * nth + 1).and_then(|number| texts.get(number)).unwrap_or_default();
        of.cmp(&entry).then_with(|| text().cmp(domain))
    };
    let count = exceptions.len() / 8;
    let at = partition_point(count, |nth| compare(nth) == Ordering::Less);
    at < count && compare(at) == Ordering::Equal
}

/// The places in a list of exceptions that are an entry's.
pub(super) fn exceptions_of(exceptions: &[u8], entry: u32) -> impl Iterator<Item = u32> + Clone {
    let of = |nth| u32_at(exceptions, 2 * nth);
    let count = exceptions.len() / 8;
    let first = partition_point(count, |nth| of(nth).is_some_and(|of| of < entry));
    (first..count)
        .take_while(move |&nth| of(nth) == Some(entry))
        .filter_map(move |nth| u32_at(exceptions, 2 * nth + 1))
}

/// How many of `0..count` come first for which `is_before` holds.
pub(super) fn partition_point(count: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The table of a side's domains: their keys in the order of their records' numbers. `None` if too many
/// of them have nearly the same hash, which only somebody who looked for them achieves.
pub(super) fn table<'b, I: Iterator<Item = &'b [u8]>>(keys: impl Fn() -> I) -> Option<Vec<u8>> {
    let count = keys().count();
    if count == 0 {
        return Some(Vec::new());
    }
    let fewest = (2 * count).next_power_of_two();
    [fewest, 2 * fewest, 4 * fewest, 8 * fewest].into_iter().find_map(|slots| table_of(slots, keys()))
}

fn table_of<'b>(count: usize, keys: impl Iterator<Item = &'b [u8]>) -> Option<Vec<u8>> {
    let mut slots = vec![(0_u32, NONE); count];
    for (number, key) in keys.enumerate() {
        let hash = hash(0, key);
        let first = first_slot(hash, count)?;
        let mut run = (first..=first + RUN_MAX).map(|at| at & (count - 1));
        let free = run.find(|&at| slots.get(at).is_some_and(|(_, number)| *number == NONE))?;
        if let Some(slot) = slots.get_mut(free) {
            *slot = (upper_half(hash), narrow(number));
        }
    }
    Some(slots.iter().flat_map(|(tag, number)| [tag.to_le_bytes(), number.to_le_bytes()].concat()).collect())
}

#[inline]
fn first_slot(hash: u64, slots: usize) -> Option<usize> {
    Some(widen(lower_half(hash)) & slots.checked_sub(1)?)
}

#[inline]
fn upper_half(hash: u64) -> u32 {
    lower_half(hash >> 32)
}

#[inline]
fn lower_half(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_domain_is_found_and_no_other() {
        for count in [0, 1, 2, 3, 20, 5000] {
            let domains: Vec<String> = (0..count).map(|number| format!("d{number}.example")).collect();
            let (mut records, mut octets) = (Vec::new(), Vec::new());
            for (number, domain) in (0..).zip(&domains) {
                let text = (narrow(octets.len()), u8::try_from(domain.len()).unwrap());
                octets.extend_from_slice(domain.as_bytes());
                let record = DomainRecord {
                    text,
                    exact: number,
                    subdomains: NONE,
                    first_rank: number * 2,
                    mailboxes: 2,
                    first_block: 0,
                    node: 0,
                    targets: (0, 0),
                };
                record.append_to(&mut records);
            }
            let table = table(|| domains.iter().map(String::as_bytes)).unwrap();
            let texts = Texts { places: &[], octets: &octets };
            let side = Domains { table: &table, records: &records, texts };
            assert_eq!(side.inspect(), Some(false));
            for (number, domain) in (0..).zip(&domains) {
                let (found, record) = side.find(domain.as_bytes()).unwrap();
                assert_eq!((found, record.exact), (number, number));
                assert_eq!(side.of_rank(2 * number + 1).unwrap().exact, number);
                assert_eq!(side.find(format!("x{domain}").as_bytes()), None);
            }
            assert!(side.of_rank(2 * count).is_none());
        }
    }

    #[test]
    fn a_table_without_an_empty_slot_does_not_hold_a_search_up() {
        let table = [7_u8; 8 * 1024];
        let side = Domains { table: &table, records: &[], texts: Texts { places: &[], octets: &[] } };
        assert_eq!(side.find(b"d.example"), None);
        assert_eq!(Domains { table: &[0; 24], ..side }.inspect(), None);
    }
}
