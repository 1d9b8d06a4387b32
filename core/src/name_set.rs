//! A set of field names that is asked about every field of every message: whether a name may be in it is
//! told by three octets, and which one it is by a hash.

use crate::lex::each;

/// Field names, compared without regard to ASCII case, each with its number.
#[derive(Clone, Debug)]
pub struct NameSet {
    names: Vec<Name>,
    /// Beginnings that stand for all names that have them, in lower case, each with its number.
    prefixes: Vec<(Vec<u8>, usize)>,
    /// A bit for each beginning that a name in the set may have.
    beginnings: Box<[u64; BEGINNINGS / 64]>,
    /// For each hash, the number of the last name that was added with it, or [`NONE`].
    by_hash: Box<[u16; HASHES]>,
}

/// A name of the set.
#[derive(Clone, Debug)]
struct Name {
    length: usize,
    /// [`ends`], in lower case.
    ends: [u64; 2],
    /// The name before that has the same hash, or [`NONE`].
    before: u16,
    /// In lower case. Empty for a prefix, which no field has as its name.
    octets: Vec<u8>,
}

/// The number of no name.
const NONE: u16 = u16::MAX;

/// Hashes of three octets, of which case and kind are dropped.
const BEGINNINGS: usize = 1 << BEGINNING_BITS;
const BEGINNING_BITS: u32 = 15;
const HASHES: usize = 256;

impl NameSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> NameSet {
        NameSet {
            names: Vec::new(),
            prefixes: Vec::new(),
            beginnings: Box::new([0; BEGINNINGS / 64]),
            by_hash: Box::new([NONE; HASHES]),
        }
    }

    /// The number of a name: that which it has, or the next, from 0. A name without number is none beyond
    /// 65,535 names.
    pub fn add(&mut self, name: &[u8]) -> Option<usize> {
        if let Some(number) = self.find(name) {
            return Some(number);
        }
        let number = self.next_number()?;
        let before = std::mem::replace(self.by_hash.get_mut(hash(name))?, number);
        self.begin_with(name);
        let octets = name.to_ascii_lowercase();
        self.names.push(Name { length: name.len(), ends: ends(&octets), before, octets });
        Some(usize::from(number))
    }

    /// The number of all names that begin so and have none of their own. At least three octets.
    pub fn add_prefix(&mut self, prefix: &[u8]) -> Option<usize> {
        let number = usize::from(self.next_number()?);
        self.begin_with(prefix);
        self.prefixes.push((prefix.to_ascii_lowercase(), number));
        // Nothing finds it: so that numbers stay those of names.
        self.names.push(Name { length: 0, ends: [0; 2], before: NONE, octets: Vec::new() });
        Some(number)
    }

    fn next_number(&self) -> Option<u16> {
        u16::try_from(self.names.len()).ok().filter(|&number| number != NONE)
    }

    /// Says that names may begin as this one does.
    fn begin_with(&mut self, name: &[u8]) {
        // The octets behind a short name may be any.
        let any = 0..=31_u8;
        let octet = |at: usize| name.get(at).map_or(any.clone(), |&octet| octet & 31..=octet & 31);
        for first in octet(0) {
            for second in octet(1) {
                for third in octet(2) {
                    let (word, bit) = beginning([first, second, third, 0]);
                    if let Some(word) = self.beginnings.get_mut(word) {
                        *word |= 1 << bit;
                    }
                }
            }
        }
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether a field that begins with these octets may have a name of the set. `false` is always right.
    #[inline]
    #[must_use]
    pub fn may_begin(&self, octets: [u8; 4]) -> bool {
        let (word, bit) = beginning(octets);
        self.beginnings.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }

    /// The number of a name.
    #[inline]
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        let mut number = usize::from(*self.by_hash.get(hash(name))?);
        while let Some(known) = self.names.get(number) {
            if known.is(name) {
                return Some(number);
            }
            number = usize::from(known.before);
        }
        self.find_prefix(name)
    }

    fn find_prefix(&self, name: &[u8]) -> Option<usize> {
        let begins =
            |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        self.prefixes.iter().find(|(prefix, _)| begins(prefix)).map(|(_, number)| *number)
    }
}

impl Default for NameSet {
    fn default() -> NameSet {
        NameSet::new()
    }
}

/// The place of a beginning, which the fourth octet is no part of: word and bit.
#[inline]
fn beginning(octets: [u8; 4]) -> (usize, u32) {
    let bits = u32::from_le_bytes(octets) & 0x1f_1f1f;
    let hash = bits.wrapping_mul(0x9e37_79b1) >> (32 - BEGINNING_BITS);
    (crate::span::widen(hash / 64), hash % 64)
}

impl Name {
    /// Whether it is this one, in any case.
    #[inline]
    fn is(&self, name: &[u8]) -> bool {
        self.length == name.len()
            && self.ends == ends(name).map(lower)
            && (name.len() <= 16 || self.has_middle(name))
    }

    /// Whether what is between the ends is the same, too.
    fn has_middle(&self, name: &[u8]) -> bool {
        let words = name.as_chunks().0.iter().zip(self.octets.as_chunks().0);
        words.skip(1).all(|(word, known)| lower(u64::from_le_bytes(*word)) == u64::from_le_bytes(*known))
    }
}

/// The first and the last octets of a name, up to eight each; of one that has fewer, each octet at least once.
#[inline]
fn ends(name: &[u8]) -> [u64; 2] {
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        return [first, last].map(|octets| u64::from_le_bytes(*octets));
    }
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        return [first, last].map(|octets| u64::from(u32::from_le_bytes(*octets)));
    }
    let octet = |nth: usize| u64::from(name.get(nth).copied().unwrap_or(0));
    [octet(0) | octet(1) << 8 | octet(2) << 16, 0]
}

/// Eight octets with ASCII letters in lower case.
#[inline]
fn lower(word: u64) -> u64 {
    // Of each octet, the low seven bits: nothing is carried into the next one.
    let low = word & each(0x7f);
    let from_a = low + each(0x80 - b'A');
    let behind_z = low + each(0x7f - b'Z');
    let letters = from_a & !behind_z & !word & each(0x80);
    word | letters >> 2
}

/// Length, first and last octet, case apart. Field names are few, and differ in one of these.
#[inline]
fn hash(name: &[u8]) -> usize {
    let octet = |octet: Option<&u8>| usize::from(octet.map_or(0, |octet| octet & 31));
    (name.len() * 47 + octet(name.first()) * 13 + octet(name.last())) % HASHES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_never_refused_by_their_beginning() {
        let mut set = NameSet::new();
        let names = ["To", "From", "X", "Disposition-Notification-To", "!#$", "Cc"];
        for (number, name) in names.iter().enumerate() {
            assert_eq!(set.add(name.as_bytes()), Some(number));
            assert_eq!(set.add(name.to_ascii_uppercase().as_bytes()), Some(number));
        }
        for (number, name) in names.iter().enumerate() {
            for spelled in [name.to_ascii_lowercase(), name.to_ascii_uppercase()] {
                assert_eq!(set.find(spelled.as_bytes()), Some(number));
                for behind in [":  ", " \t:", ":\r\n"] {
                    let octets = [spelled.as_bytes(), behind.as_bytes()].concat();
                    assert!(set.may_begin([octets[0], octets[1], octets[2], octets[3]]), "{spelled}{behind}");
                }
            }
        }
        assert_eq!((set.find(b"Tp"), set.find(b""), set.find(b"Fro")), (None, None, None));
        assert!(!set.may_begin(*b"Subj") && !set.may_begin(*b"Rece"));
        assert_eq!(set.len(), names.len());
    }

    #[test]
    fn only_letters_have_a_case() {
        for octet in 0..=255_u8 {
            assert_eq!(lower(each(octet)), each(octet.to_ascii_lowercase()), "{octet}");
            for length in 1..40 {
                let mut set = NameSet::new();
                set.add(&vec![b'n'; length]);
                for place in 0..length {
                    let mut name = vec![b'N'; length];
                    name[place] = octet;
                    let expected = octet.eq_ignore_ascii_case(&b'n').then_some(0);
                    assert_eq!(set.find(&name), expected, "{octet} {place} of {length}");
                }
            }
        }
    }

    #[test]
    fn a_prefix_stands_for_names_without_a_number_of_their_own() {
        let mut set = NameSet::new();
        assert_eq!(set.add(b"X-Our-Own"), Some(0));
        assert_eq!(set.add_prefix(b"X-Our-"), Some(1));
        assert_eq!(set.add(b"To"), Some(2));
        for (name, number) in
            [("x-our-own", Some(0)), ("X-OUR-", Some(1)), ("X-Our-Ow", Some(1)), ("X-Our", None), ("", None)]
        {
            assert_eq!(set.find(name.as_bytes()), number, "{name}");
        }
        assert!(set.may_begin(*b"x-ou"));
    }
}
