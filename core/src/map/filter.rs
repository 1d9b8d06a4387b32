//! The filter before a side's mailboxes: it tells most local-parts that no entry has after one look at
//! 32 octets, and never denies one that an entry has.
//!
//! A split block Bloom filter: one hash chooses a block of eight words of 32 bits and one bit in each of
//! them. With ten bits a key about one unknown key in a hundred gets through.

use crate::header::prefetch;
use crate::map::hash::hash;

const WORDS: usize = 8;
const BLOCK: usize = 4 * WORDS;
/// Bits of the filter for each key.
const BITS: usize = 10;
/// Odd multipliers, one for each word: the fractions of the square roots of the first primes.
const SALTS: [u32; WORDS] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f373, 0xa54f_f53b, 0x510e_527f, 0x9b05_688d, 0x1f83_d9ab, 0x5be0_cd19];

/// The hash by which the filter knows a key.
#[inline]
pub(super) fn key_hash(domain: u32, local_part: &[u8]) -> u64 {
    hash(u64::from(domain), local_part)
}

/// Asks memory for what [`may_have`] will read.
#[inline]
pub(super) fn ask(filter: &[u8], hash: u64) {
    prefetch::<BLOCK>(filter, place(hash, filter.len() / BLOCK) * BLOCK);
}

/// Whether the filter lets the key with this hash through. An empty filter lets all through.
#[inline]
pub(super) fn may_have(filter: &[u8], hash: u64) -> bool {
    let (blocks, _) = filter.as_chunks::<BLOCK>();
    let Some(block) = blocks.get(place(hash, blocks.len())) else { return true };
    let (words, _) = block.as_chunks::<4>();
    let has =
        words.iter().zip(bits(hash)).fold(1, |has, (word, bit)| has & (u32::from_le_bytes(*word) >> bit));
    has == 1
}

/// The filter for `keys` keys, all of which are to be added.
pub(super) struct FilterWriter(Vec<u32>);

impl FilterWriter {
    pub(super) fn new(keys: usize) -> FilterWriter {
        FilterWriter(vec![0; (keys * BITS).div_ceil(8 * BLOCK) * WORDS])
    }

    pub(super) fn add(&mut self, domain: u32, local_part: &[u8]) {
        let hash = key_hash(domain, local_part);
        let (blocks, _) = self.0.as_chunks_mut::<WORDS>();
        let at = place(hash, blocks.len());
        if let Some(block) = blocks.get_mut(at) {
            for (word, bit) in block.iter_mut().zip(bits(hash)) {
                *word |= 1 << bit;
            }
        }
    }

    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        out.extend(self.0.iter().flat_map(|word| word.to_le_bytes()));
    }
}

/// The block of a hash: its upper half, scaled to their number.
#[inline]
fn place(hash: u64, blocks: usize) -> usize {
    let [_, high] = parts(hash);
    let scaled = (u64::from(high) * blocks as u64) >> 32;
    usize::try_from(scaled).unwrap_or(0)
}

/// The bit of each word: five bits of the product of the lower half and a salt.
#[inline]
fn bits(hash: u64) -> [u32; WORDS] {
    let [low, _] = parts(hash);
    SALTS.map(|salt| low.wrapping_mul(salt) >> 27)
}

#[inline]
fn parts(hash: u64) -> [u32; 2] {
    let octets = hash.to_le_bytes();
    let (low, high) = octets.split_at(4);
    [low, high].map(|half| half.first_chunk().map_or(0, |octets| u32::from_le_bytes(*octets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_let_through_and_little_else() {
        let mut writer = FilterWriter::new(10_000);
        let key = |number: usize| format!("user.{number}");
        for number in 0..10_000 {
            writer.add(3, key(number).as_bytes());
        }
        let mut filter = Vec::new();
        writer.append_to(&mut filter);
        assert_eq!(filter.len(), 12_512);
        let has = |domain, number| may_have(&filter, key_hash(domain, key(number).as_bytes()));
        assert!((0..10_000).all(|number| has(3, number)));
        let others = (10_000..110_000).filter(|&number| has(3, number)).count();
        let elsewhere = (0..100_000).filter(|&number| has(4, number)).count();
        assert!(others < 2_000 && elsewhere < 2_000, "{others} and {elsewhere} of 100,000");
    }

    #[test]
    fn an_empty_filter_denies_nothing() {
        assert!(may_have(&[], key_hash(0, b"x")));
        let mut filter = Vec::new();
        FilterWriter::new(0).append_to(&mut filter);
        assert!(filter.is_empty());
    }
}
