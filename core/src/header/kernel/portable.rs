//! The safe twin of all others: octet by octet.

use super::read::{Facts, Found, read_by};
use super::{BLOCK, Parts, ask_for};
use crate::field::is_name_octet;
use crate::lex::is_atext;

#[derive(Default)]
struct Sums {
    has_bare: bool,
    has_odd: bool,
    is_over: bool,
}

read_by!();

impl Sums {
    fn new() -> Sums {
        Sums::default()
    }

    fn ends(&mut self, block: &[u8; BLOCK], ahead: &[u8; BLOCK]) -> u64 {
        let pairs = || block.iter().zip(ahead);
        let is_end = |(octet, next): (&u8, &u8)| *octet == b'\n' && !matches!(next, b' ' | b'\t');
        self.has_bare |= pairs().any(|(octet, next)| (*octet == b'\r') != (*next == b'\n'));
        self.has_odd |= block.iter().any(|&octet| octet == 0 || octet >= 128);
        self.is_over |= pairs().any(|pair| is_end(pair) && (*pair.1 < 14 || *pair.1 >= 128));
        mask(pairs().map(is_end))
    }

    fn is_over(&self) -> bool {
        self.is_over
    }

    fn has_bare(&self) -> bool {
        self.has_bare
    }

    fn has_odd(&self) -> bool {
        self.has_odd
    }
}

fn name_stops(block: &[u8; BLOCK]) -> u64 {
    mask(block.iter().map(|&octet| !is_name_octet(octet)))
}

pub(super) fn parts(block: &[u8; BLOCK]) -> Parts {
    let mask = |is: fn(u8) -> bool| mask(block.iter().map(|&octet| is(octet)));
    Parts {
        words: mask(|octet| octet == b'.' || is_atext(octet)),
        dots: mask(|octet| octet == b'.'),
        beyond_ascii: mask(|octet| octet >= 128),
        spaces: mask(|octet| octet == b' '),
        quote_stops: mask(|octet| matches!(octet, b'"' | b'\\' | 0 | b'\r')),
    }
}

fn mask(bits: impl DoubleEndedIterator<Item = bool>) -> u64 {
    bits.rev().fold(0, |mask, bit| mask << 1 | u64::from(bit))
}
