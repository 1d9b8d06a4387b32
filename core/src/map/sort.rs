//! The order of entries by one side's keys: by kind, then domain, then local-part.

use std::cmp::Ordering;

use crate::map::build::{MapBuilder, Of, Pending};
use crate::map::domains::NONE;
use crate::map::record::{EntryDirection, EntryKind};
use crate::span::{narrow, widen};

/// Entries by one side's keys.
pub(super) struct Sorted {
    pub(super) ids: Vec<u32>,
    /// Numbers of the builder's domains that are keys on this side, sorted by text.
    pub(super) domains: Vec<u32>,
    /// For each of the builder's domains, the place of its key in `domains`.
    pub(super) ranks: Vec<u32>,
    /// Groups of two and more entries with the same key, each in the order of adding.
    pub(super) alike: Vec<Vec<u32>>,
}

/// What an entry is sorted by. Most comparisons end in the numbers.
struct SortKey {
    /// Kind and the domain's rank.
    group: u32,
    id: u32,
    /// The first octets of the local-part, as numbers that sort like them.
    start: [u64; 2],
}

/// Ranks of domains below it are ranks; there are fewer entries than that.
const KIND: u32 = 1 << 30;

impl MapBuilder {
    /// All entries by internal key, or the two-way ones by external key.
    pub(super) fn sorted(&self, of: Of) -> Sorted {
        let is_in = |entry: &Pending| of == Of::Internal || entry.direction == EntryDirection::Both;
        let included = || (0..).zip(&self.entries).filter(|(_, entry)| is_in(entry));
        let (domains, ranks) = self.ranked_domains(of, included().map(|(_, entry)| entry));
        let key = |(id, entry): (u32, &Pending)| {
            let kind = match entry.kind {
                EntryKind::Mailbox => 0,
                EntryKind::Domain => KIND,
                EntryKind::Subdomains => 2 * KIND,
            };
            let rank = ranks.get(widen(entry.domain(of))).copied().unwrap_or_default();
            SortKey { group: kind + rank, id, start: start(self.local_key(entry, of)) }
        };
        let mut keys: Vec<SortKey> = Vec::with_capacity(included().count());
        keys.extend(included().map(key));
        keys.sort_unstable_by(|a, b| self.compare(of, a, b).then(a.id.cmp(&b.id)));
        let alike = keys
            .chunk_by(|a, b| self.compare(of, a, b) == Ordering::Equal)
            .filter(|group| group.len() > 1)
            .map(|group| group.iter().map(|key| key.id).collect())
            .collect();
        let ids = keys.iter().map(|key| key.id).collect();
        Sorted { ids, domains, ranks, alike }
    }

    fn compare(&self, of: Of, a: &SortKey, b: &SortKey) -> Ordering {
        let key = |key: &SortKey| self.entry(key.id).map_or(&[][..], |entry| self.local_key(entry, of));
        (a.group, a.start).cmp(&(b.group, b.start)).then_with(|| key(a).cmp(key(b)))
    }

    /// The keys of the domains of a side, sorted, and the rank of each domain among them.
    fn ranked_domains<'b>(&self, of: Of, entries: impl Iterator<Item = &'b Pending>) -> (Vec<u32>, Vec<u32>) {
        let mut ranks = vec![NONE; self.domains.len()];
        for entry in entries {
            if let Some(rank) = ranks.get_mut(widen(self.domains.key(entry.domain(of)))) {
                *rank = 0;
            }
        }
        let mut keys: Vec<u32> =
            (0..).zip(&ranks).filter(|(_, rank)| **rank == 0).map(|(key, _)| key).collect();
        keys.sort_unstable_by_key(|&key| self.domains.text(key));
        for (rank, &key) in keys.iter().enumerate() {
            if let Some(place) = ranks.get_mut(widen(key)) {
                *place = narrow(rank);
            }
        }
        for domain in 0..narrow(self.domains.len()) {
            let rank = ranks.get(widen(self.domains.key(domain))).copied();
            if let Some((place, rank)) = ranks.get_mut(widen(domain)).zip(rank) {
                *place = rank;
            }
        }
        (keys, ranks)
    }
}

/// The first 16 octets as numbers that sort like them; missing ones sort first.
fn start(local_part: &[u8]) -> [u64; 2] {
    let mut octets = [0; 16];
    for (place, octet) in octets.iter_mut().zip(local_part) {
        *place = *octet;
    }
    let (words, _) = octets.as_chunks();
    match words {
        [first, second] => [u64::from_be_bytes(*first), u64::from_be_bytes(*second)],
        _ => [0; 2],
    }
}
