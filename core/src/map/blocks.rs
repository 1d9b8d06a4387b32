//! The mailboxes of one side: sorted by domain and local-part, front-coded in blocks. An automaton of
//! their heads tells which block of a domain a key is in, if it is anywhere.
//!
//! ```text
//! block   octets of all suffixes u16, count u8, count headers u16, suffixes, values
//! header  bits 0-4   octets shared with the key before; 31: the number stands before the suffix
//!         bits 5-8   octets of the suffix; 0: the number stands before the suffix
//!         bits 9-10  form of the value
//!         bits 11-15 target among the domain's usual ones; 31: the domain's number stands in the value
//! value   [domain's number, 7 bits an octet, lowest first] and, by form:
//!         0  the local-part is the key
//!         1  one octet: kept octets of the key in the upper half, octets behind them in the lower; these
//!         2  the same with an octet for each number; behind 255, with both sides of the entry having one
//!            key, so that nothing is ever edited
//!         3  the key's first octet, and from behind its first dot as many as the upper half of one octet
//!            says; then as many as the lower half says, these: `jdoe2` of `john.doe`
//! ```
//!
//! Whatever a file says, a search looks at 16 keys at most.

use crate::span::widen;

/// The most mailboxes of a block. Longer ones are smaller, and slower to search.
pub(super) const BLOCK: usize = 16;

/// Octets of a block before its headers.
pub(super) const BLOCK_HEAD: usize = 3;
/// The number of octets shared that stands elsewhere.
pub(super) const LONG_SHARED: usize = 31;
/// The most octets of a suffix that a header tells.
pub(super) const SUFFIX_MAX: usize = 15;
/// The target that stands in the value.
pub(super) const OTHER_TARGET: usize = 31;

/// The forms of values.
pub(super) const SAME: u16 = 0;
pub(super) const SHORT: u16 = 1;
pub(super) const LONG: u16 = 2;
pub(super) const INITIAL: u16 = 3;
/// Stands before a value of the long form whose entry has one key on both sides. Nothing is kept of so
/// long a key.
pub(super) const IDENTITY: u8 = 255;

/// The place of a mailbox: its block, and which of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Place {
    pub(super) block: u32,
    pub(super) nth: u8,
}

/// What an entry gives for a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Value<'m> {
    pub(super) target: Target,
    /// Octets of the key that the local-part begins with.
    pub(super) kept: usize,
    /// Octets behind the key's first dot that follow.
    pub(super) behind_dot: usize,
    /// What follows those.
    pub(super) literal: &'m [u8],
    pub(super) is_identity: bool,
}

/// The domain of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Target {
    /// Of this place among the usual ones of the key's domain.
    Usual(usize),
    /// The one of this number.
    Domain(u32),
}

/// One block.
#[derive(Clone, Copy)]
pub(super) struct Block<'m> {
    headers: &'m [[u8; 2]],
    suffixes: &'m [u8],
    /// And all behind them.
    values: &'m [u8],
}

impl<'m> Block<'m> {
    #[inline]
    pub(super) fn read(blocks: &'m [u8], at: u32) -> Option<Block<'m>> {
        let (head, rest) = blocks.get(widen(at)..)?.split_first_chunk::<BLOCK_HEAD>()?;
        let [low, high, count] = *head;
        if usize::from(count) > BLOCK {
            return None;
        }
        let (headers, rest) = rest.split_at_checked(2 * usize::from(count))?;
        let (suffixes, values) = rest.split_at_checked(usize::from(u16::from_le_bytes([low, high])))?;
        Some(Block { headers: headers.as_chunks().0, suffixes, values })
    }

    /// Which of the block's keys `key` is.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<u8> {
        // What has been found of the key in those before, and what has not.
        let (mut matched, mut rest) = (0, key);
        let mut suffixes = self.suffixes;
        for (header, nth) in self.headers.iter().zip(0..) {
            let (shared, suffix) = Self::next(*header, &mut suffixes)?;
            if shared > matched {
                continue;
            }
            if shared < matched {
                return None;
            }
            let common = common_prefix(suffix, rest);
            rest = rest.get(common..)?;
            match (suffix.get(common), rest.first()) {
                (None, None) => return Some(nth),
                (Some(octet), wanted) if Some(octet) > wanted => return None,
                _ => {}
            }
            matched += common;
        }
        None
    }

    /// Octets that the next key shares with the one before, and those behind; `suffixes` goes behind them.
    #[inline]
    fn next<'s>(header: [u8; 2], suffixes: &mut &'s [u8]) -> Option<(usize, &'s [u8])> {
        let header = usize::from(u16::from_le_bytes(header));
        let (mut shared, mut length) = (header & 31, header >> 5 & 15);
        if shared == LONG_SHARED {
            shared = usize::from(*suffixes.split_off_first()?);
        }
        if length == 0 {
            length = usize::from(*suffixes.split_off_first()?);
        }
        Some((shared, suffixes.split_off(..length)?))
    }

    /// The key at a place of the block, in `key`.
    pub(super) fn key(&self, nth: u8, key: &mut Vec<u8>) -> Option<()> {
        key.clear();
        let mut suffixes = self.suffixes;
        for header in self.headers.get(..=usize::from(nth))? {
            let (shared, suffix) = Self::next(*header, &mut suffixes)?;
            key.get(..shared)?;
            key.truncate(shared);
            key.extend_from_slice(suffix);
        }
        Some(())
    }

    /// The value at a place of the block, whose key has `length` octets.
    #[inline]
    pub(super) fn value(&self, nth: u8, length: usize) -> Option<Value<'m>> {
        let (last, before) = self.headers.get(..=usize::from(nth))?.split_last()?;
        let mut rest = self.values;
        for header in before {
            // Seven in ten have no octets: nothing of their own in the header's upper bits.
            let header = u16::from_le_bytes(*header);
            if form(header) != SAME || usize::from(header >> 11) == OTHER_TARGET {
                Value::read(header, 0, &mut rest)?;
            }
        }
        Value::read(u16::from_le_bytes(*last), length, &mut rest)
    }
}

impl<'m> Value<'m> {
    /// What the local-part is made of. Nothing that the key has not.
    #[inline]
    pub(super) fn parts<'k>(&self, key: &'k [u8]) -> Option<[&'k [u8]; 2]> {
        let behind_dot = match self.behind_dot {
            0 => &[],
            length => key.get(memchr::memchr(b'.', key)? + 1..)?.get(..length)?,
        };
        Some([key.get(..self.kept)?, behind_dot])
    }

    /// Reads a value from the front of `rest`; its key has `length` octets.
    #[inline]
    fn read(header: u16, length: usize, rest: &mut &'m [u8]) -> Option<Value<'m>> {
        let target = match usize::from(header >> 11) {
            OTHER_TARGET => Target::Domain(read_number(rest)?),
            usual => Target::Usual(usual),
        };
        let form = form(header);
        let mut is_identity = false;
        let (kept, behind_dot, octets) = match form {
            SAME => (length, 0, 0),
            SHORT | INITIAL => {
                let both = *rest.split_off_first()?;
                let (upper, lower) = (usize::from(both >> 4), usize::from(both & 15));
                if form == SHORT { (upper, 0, lower) } else { (1, upper, lower) }
            }
            _ => {
                let mut kept = *rest.split_off_first()?;
                is_identity = kept == IDENTITY;
                if is_identity {
                    kept = *rest.split_off_first()?;
                }
                (usize::from(kept), 0, usize::from(*rest.split_off_first()?))
            }
        };
        let literal = rest.split_off(..octets)?;
        Some(Value { target, kept, behind_dot, literal, is_identity })
    }
}

#[inline]
fn form(header: u16) -> u16 {
    header >> 9 & 3
}

/// Seven bits an octet, the lowest first; the highest bit is set in all but the last.
fn read_number(rest: &mut &[u8]) -> Option<u32> {
    let mut number = 0;
    for shift in (0..32).step_by(7) {
        let octet = *rest.split_off_first()?;
        number |= u32::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// How many octets two texts begin with alike.
#[inline]
pub(super) fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}
