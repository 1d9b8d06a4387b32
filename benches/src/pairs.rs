//! Entries of large maps, packed: ten million of them take 650 MB, where as many `Person`s would
//! take four times that.

use crate::corpus::SEED;
use crate::people::{Crowd, INTERNAL_DOMAINS};
use crate::rng::Rng;

/// Internal addresses with their external ones.
#[derive(Debug, Default)]
pub struct Pairs {
    text: String,
    /// Where each address ends: internal, external, internal, and so on.
    ends: Vec<u32>,
}

impl Pairs {
    /// `count` entries of a map, and `misses` addresses in the same domains that it does not have.
    #[must_use]
    pub fn generate(count: usize, misses: usize) -> (Pairs, Pairs) {
        let mut crowd = Crowd::new(Rng::new(SEED + 4), &INTERNAL_DOMAINS);
        let mut take = |count| {
            let mut pairs =
                Pairs { text: String::with_capacity(60 * count), ends: Vec::with_capacity(2 * count) };
            for person in crowd.by_ref().take(count) {
                pairs.push(&person.internal);
                pairs.push(&person.external);
            }
            pairs
        };
        (take(count), take(misses))
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len() / 2
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Internal and external address of the one with this number.
    #[must_use]
    pub fn get(&self, nth: usize) -> (&str, &str) {
        (self.text(2 * nth), self.text(2 * nth + 1))
    }

    /// All, in the order in which they were made, which is none.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        (0..self.len()).map(|nth| self.get(nth))
    }

    /// Their numbers, in the order of the internal addresses' octets.
    #[must_use]
    pub fn sorted(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..u32::try_from(self.len()).expect("few entries")).collect();
        order.sort_unstable_by_key(|&nth| self.get(nth as usize).0);
        order
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(u32::try_from(self.text.len()).expect("less than 4 GiB"));
    }

    fn text(&self, nth: usize) -> &str {
        let start = nth.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[nth] as usize]
    }
}
