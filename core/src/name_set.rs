//! A set of field names that is asked about every field of every message: whether a name may be in it is
//! told by three octets, and which one it is by a hash.

use crate::lex::each;

/// Field names, compared without regard to ASCII case, each with its number.
#[derive(Clone, Debug)]
pub struct NameSet {
    names: Vec<Vec<u8>>,
    /// Beginnings that stand for all names that have them, in lower case, each with its number.
    prefixes: Vec<(Vec<u8>, usize)>,
    /// A bit for each beginning that a name in the set may have.
    beginnings: Box<[u64; BEGINNINGS / 64]>,
    /// For each hash, the numbers of the names that have it.
    by_hash: Box<[Vec<u16>; HASHES]>,
}

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
            by_hash: Box::new([const { Vec::new() }; HASHES]),
        }
    }

    /// The number of a name: that which it has, or the next, from 0. A name without number is none beyond
    /// 65,536 names.
    pub fn add(&mut self, name: &[u8]) -> Option<usize> {
        if let Some(number) = self.find(name) {
            return Some(number);
        }
        let number = u16::try_from(self.names.len()).ok()?;
        self.by_hash.get_mut(hash(name))?.push(number);
        self.begin_with(name);
        self.names.push(name.to_ascii_lowercase());
        Some(self.names.len() - 1)
    }

    /// The number of all names that begin so and have none of their own. At least three octets.
    pub fn add_prefix(&mut self, prefix: &[u8]) -> Option<usize> {
        let number = u16::try_from(self.names.len()).ok()?;
        self.begin_with(prefix);
        self.prefixes.push((prefix.to_ascii_lowercase(), usize::from(number)));
        // No field has this name: so that numbers stay those of names.
        self.names.push(Vec::new());
        Some(usize::from(number))
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
        let mut numbers = self.by_hash.get(hash(name))?.iter().map(|&number| usize::from(number));
        let is_it = |&number: &usize| self.names.get(number).is_some_and(|known| is_same(name, known));
        numbers.find(is_it).or_else(|| {
            let begins = |prefix: &[u8]| {
                name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
            };
            self.prefixes.iter().find(|(prefix, _)| begins(prefix)).map(|(_, number)| *number)
        })
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

/// Whether a name is a known one, which is in lower case; eight octets at a time, the last eight once more.
#[inline]
fn is_same(name: &[u8], known: &[u8]) -> bool {
    if name.len() != known.len() {
        return false;
    }
    let (Some(last), Some(known_last)) = (name.last_chunk(), known.last_chunk()) else {
        return name.eq_ignore_ascii_case(known);
    };
    let mut words = name.as_chunks().0.iter().zip(known.as_chunks().0);
    lower(*last) == u64::from_le_bytes(*known_last)
        && words.all(|(word, known)| lower(*word) == u64::from_le_bytes(*known))
}

/// Eight octets with ASCII letters in lower case.
#[inline]
fn lower(octets: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(octets);
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
            assert_eq!(lower([octet; 8]), u64::from_le_bytes([octet.to_ascii_lowercase(); 8]), "{octet}");
            for place in 0..20 {
                let (mut name, known) = ([b'N'; 20], [b'n'; 20]);
                name[place] = octet;
                assert_eq!(is_same(&name, &known), octet.eq_ignore_ascii_case(&b'n'), "{octet} {place}");
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
