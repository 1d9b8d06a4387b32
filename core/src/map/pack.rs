//! Writes the mailboxes of one side as blocks and the automaton of their heads; `blocks` has the format.

use crate::map::blocks::{
    BLOCK, IDENTITY, INITIAL, LONG, LONG_SHARED, OTHER_TARGET, SAME, SHORT, SUFFIX_MAX, common_prefix,
};
use crate::span::{narrow, widen};

/// A mailbox to be written: its key, and what it becomes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mailbox<'b> {
    /// The local-part's key.
    pub(super) key: &'b [u8],
    /// The local-part it gets, as it is spelled.
    pub(super) local_part: &'b [u8],
    /// The number of the domain it gets.
    pub(super) domain: u32,
    /// Both sides have one key.
    pub(super) is_identity: bool,
}

/// One side's mailboxes being written, domain by domain.
pub(super) struct Packer {
    heads: fst::raw::Builder<Vec<u8>>,
    places: Vec<u8>,
    blocks: Vec<u8>,
    pending: Pending,
}

/// One side's mailboxes as they stand in a file.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// The automaton: of each block of a domain that has more than one, its [`head`] and its number.
    pub(super) heads: Vec<u8>,
    /// Where each block begins.
    pub(super) places: Vec<u8>,
    pub(super) blocks: Vec<u8>,
}

/// The key of a block: the number of its domain, and what tells it from the block before.
pub(super) fn head(domain: u32, separator: &[u8]) -> Vec<u8> {
    [&domain.to_be_bytes(), separator].concat()
}

/// The block that is being filled.
#[derive(Debug, Default)]
struct Pending {
    headers: Vec<u8>,
    suffixes: Vec<u8>,
    values: Vec<u8>,
    last_key: Vec<u8>,
    /// What tells the block from the one before.
    separator: Vec<u8>,
}

impl Packer {
    pub(super) fn new() -> Packer {
        Packer {
            heads: fst::raw::Builder::memory(),
            places: Vec::new(),
            blocks: Vec::new(),
            pending: Pending::default(),
        }
    }

    /// Blocks so far.
    pub(super) fn block_count(&self) -> u32 {
        narrow(self.places.len() / 4)
    }

    /// Writes the mailboxes of a domain, in the order of their keys; domains come in the order of their
    /// numbers. `usual`: numbers of at most [`OTHER_TARGET`] domains that the values name shortly.
    pub(super) fn domain<'b>(
        &mut self,
        number: u32,
        usual: &[u32],
        mailboxes: impl Iterator<Item = Mailbox<'b>>,
    ) -> Option<()> {
        let first = self.block_count();
        let mut separators = Vec::new();
        self.pending.last_key.clear();
        for mailbox in mailboxes {
            if self.pending.headers.len() == 2 * BLOCK {
                separators.push(self.finish_block());
            }
            self.pending.push(usual, &mailbox);
        }
        separators.push(self.finish_block());
        if separators.len() == 1 {
            return Some(());
        }
        // What is before all keys of the domain is looked for in its first block.
        separators.first_mut()?.clear();
        for (separator, block) in separators.iter().zip(u64::from(first)..) {
            self.heads.insert(head(number, separator), block).ok()?;
        }
        Some(())
    }

    /// `None` if that takes 4 GiB.
    pub(super) fn finish(self) -> Option<Packed> {
        let Packer { heads, places, blocks, .. } = self;
        let heads = heads.into_inner().ok()?;
        u32::try_from(heads.len().max(blocks.len())).ok()?;
        Some(Packed { heads, places, blocks })
    }

    /// Gives the block's separator.
    fn finish_block(&mut self) -> Vec<u8> {
        self.places.extend(narrow(self.blocks.len()).to_le_bytes());
        let Pending { headers, suffixes, values, separator, .. } = &mut self.pending;
        self.blocks.extend(u16::try_from(suffixes.len()).unwrap_or(u16::MAX).to_le_bytes());
        self.blocks.extend(octet(headers.len() / 2));
        for part in [headers, suffixes, values] {
            self.blocks.append(part);
        }
        std::mem::take(separator)
    }
}

impl Pending {
    fn push(&mut self, usual: &[u32], mailbox: &Mailbox<'_>) {
        let is_first = self.headers.is_empty();
        let mut shared = common_prefix(&self.last_key, mailbox.key);
        if is_first {
            // The shortest text that is behind the last key and not behind this one.
            self.separator = mailbox.key.get(..=shared).unwrap_or(mailbox.key).to_vec();
            shared = 0;
        }
        let suffix = mailbox.key.get(shared..).unwrap_or_default();
        let mut header = 0;
        if shared < LONG_SHARED {
            header |= bits(shared, 0);
        } else {
            header |= bits(LONG_SHARED, 0);
            self.suffixes.extend(octet(shared));
        }
        if (1..=SUFFIX_MAX).contains(&suffix.len()) {
            header |= bits(suffix.len(), 5);
        } else {
            self.suffixes.extend(octet(suffix.len()));
        }
        self.suffixes.extend_from_slice(suffix);
        header |= self.value(usual, mailbox);
        self.headers.extend(header.to_le_bytes());
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(suffix);
    }

    /// Appends a value and gives its bits of the header.
    fn value(&mut self, usual: &[u32], mailbox: &Mailbox<'_>) -> u16 {
        let target = usual.iter().take(OTHER_TARGET).position(|&domain| domain == mailbox.domain);
        if target.is_none() {
            self.number(mailbox.domain);
        }
        // A quoted local-part stands whole, so that its quotes are found at its ends.
        let is_quoted = mailbox.local_part.starts_with(b"\"");
        let kept = if is_quoted { 0 } else { common_prefix(mailbox.key, mailbox.local_part) };
        let literal = mailbox.local_part.get(kept..).unwrap_or_default();
        let behind_dot = if is_quoted { 0 } else { behind_dot(mailbox) };
        let form = if mailbox.is_identity {
            LONG
        } else if literal.is_empty() && kept == mailbox.key.len() {
            SAME
        } else if behind_dot > 0 && behind_dot >= kept && mailbox.local_part.len() - 1 - behind_dot < 16 {
            INITIAL
        } else if kept < 16 && literal.len() < 16 {
            SHORT
        } else {
            LONG
        };
        match form {
            SAME => {}
            SHORT => self.values.extend(octet(kept << 4 | literal.len())),
            INITIAL => {
                let rest = mailbox.local_part.get(1 + behind_dot..).unwrap_or_default();
                self.values.extend(octet(behind_dot << 4 | rest.len()));
                self.values.extend_from_slice(rest);
            }
            _ => {
                if mailbox.is_identity {
                    self.values.push(IDENTITY);
                }
                self.values.extend([kept, literal.len()].iter().flat_map(|&number| octet(number)));
            }
        }
        if matches!(form, SHORT | LONG) {
            self.values.extend_from_slice(literal);
        }
        bits(usize::from(form), 9) | bits(target.unwrap_or(OTHER_TARGET), 11)
    }

    fn number(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.values.extend(octet(widen(number & 0x7f | 0x80)));
            number >>= 7;
        }
        self.values.extend(octet(widen(number)));
    }
}

/// How many octets a local-part that begins like its key has next from behind the first dot of that; as
/// many as are told.
fn behind_dot(mailbox: &Mailbox<'_>) -> usize {
    let Some(((first, rest), (own, key))) = mailbox.local_part.split_first().zip(mailbox.key.split_first())
    else {
        return 0;
    };
    let dot = memchr::memchr(b'.', mailbox.key).filter(|&dot| dot > 0 && first == own);
    let name = dot.and_then(|dot| key.get(dot..)).unwrap_or_default();
    common_prefix(name, rest).min(15)
}

/// A number below 256: no address has more octets, and no block more members.
fn octet(number: usize) -> [u8; 1] {
    debug_assert!(number < 256, "{number} fits an octet");
    [u8::try_from(number).unwrap_or(u8::MAX)]
}

fn bits(number: usize, shift: u32) -> u16 {
    u16::try_from(number << shift).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::automaton::{Automaton, LEAF};
    use crate::map::blocks::{Block, Target};
    use crate::map::format::u32_at;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    /// Local-parts that share much with each other, some of them long.
    fn local_part() -> impl Strategy<Value = Vec<u8>> {
        let short = vec(prop_oneof![8 => b'a'..=b'c', 1 => any::<u8>()], 1..12);
        let dotted = (vec(b'a'..=b'c', 1..4), vec(b'a'..=b'b', 0..20))
            .prop_map(|(first, last)| [first, b".".to_vec(), last].concat());
        let initial =
            (b'a'..=b'c', vec(b'a'..=b'b', 0..20)).prop_map(|(first, last)| [vec![first], last].concat());
        let long = (0_usize..242, vec(b'a'..=b'b', 1..12))
            .prop_map(|(length, end)| [vec![b'a'; length], end].concat());
        prop_oneof![3 => short, 1 => long, 2 => dotted, 2 => initial]
    }

    /// Finds a key of the last domain, whose first block is the one of that number: its block, and which of it.
    fn find<'p>(packed: &'p Packed, node: u32, first: usize, key: &[u8]) -> Option<(usize, Block<'p>, u8)> {
        let count = narrow(packed.places.len() / 4 - first);
        let nth = Automaton::new(&packed.heads).floor(node, count, key)?;
        let number = first + usize::try_from(nth).ok()?;
        let block = Block::read(&packed.blocks, u32_at(&packed.places, number)?)?;
        Some((number, block, block.find(key)?))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_packed_is_found_and_nothing_else(
            entries in btree_map(local_part(), (local_part(), 0_u32..40, any::<bool>(), any::<bool>()), 1..3000),
            others in vec(local_part(), 0..50),
            usual in vec(0_u32..40, 0..=OTHER_TARGET),
        ) {
            let mut packer = Packer::new();
            // Another domain before it, so that nothing begins at 0.
            let other = Mailbox { key: b"b", local_part: b"b", domain: 7, is_identity: false };
            packer.domain(3, &[], std::iter::once(other)).unwrap();
            let mailboxes = entries.iter().map(|(key, (local_part, domain, is_same, is_identity))| Mailbox {
                key,
                local_part: if *is_same { key } else { local_part },
                domain: *domain,
                is_identity: *is_identity,
            });
            // Another one with the same heads, whose nodes are shared.
            packer.domain(257, &usual, mailboxes.clone()).unwrap();
            let first = widen(packer.block_count());
            packer.domain(258, &usual, mailboxes.clone()).unwrap();
            let packed = packer.finish().unwrap();
            let heads = Automaton::new(&packed.heads);
            let node = heads.walk(&head(258, &[])).map_or(LEAF, |(node, _)| node);
            prop_assert_eq!(node == LEAF, entries.len() <= BLOCK);
            for (rank, mailbox) in mailboxes.enumerate() {
                let (number, block, nth) = find(&packed, node, first, mailbox.key).unwrap();
                prop_assert_eq!((number - first) * BLOCK + usize::from(nth), rank);
                let value = block.value(nth, mailbox.key.len()).unwrap();
                let [kept, behind_dot] = value.parts(mailbox.key).unwrap();
                prop_assert_eq!([kept, behind_dot, value.literal].concat(), mailbox.local_part);
                let domain = match value.target {
                    Target::Usual(nth) => usual[nth],
                    Target::Domain(number) => number,
                };
                prop_assert_eq!((domain, value.is_identity), (mailbox.domain, mailbox.is_identity));
                let mut key = Vec::new();
                block.key(nth, &mut key).unwrap();
                prop_assert_eq!(key, mailbox.key);
            }
            for key in &others {
                let found = find(&packed, node, first, key);
                prop_assert_eq!(found.is_some(), entries.contains_key(key));
            }
        }

        #[test]
        fn damage_costs_an_answer_and_never_the_process(
            keys in vec(local_part(), 1..200),
            damage in vec((0..3, any::<prop::sample::Index>(), any::<u8>()), 1..40),
        ) {
            let mut sorted = keys.clone();
            sorted.sort();
            sorted.dedup();
            let mut packer = Packer::new();
            let mailbox = |key| Mailbox { key, local_part: b"x", domain: 99, is_identity: false };
            packer.domain(0, &[], sorted.iter().map(|key| mailbox(key.as_slice()))).unwrap();
            let mut packed = packer.finish().unwrap();
            let node = Automaton::new(&packed.heads).walk(&head(0, &[])).map_or(LEAF, |(node, _)| node);
            for (which, place, octet) in damage {
                let octets = match which {
                    0 => &mut packed.heads,
                    1 => &mut packed.places,
                    _ => &mut packed.blocks,
                };
                let at = place.index(octets.len());
                octets[at] = octet;
            }
            let mut decoded = Vec::new();
            for key in &sorted {
                if let Some((_, block, nth)) = find(&packed, node, 0, key) {
                    let value = block.value(nth, key.len());
                    _ = value.map(|value| value.parts(key));
                    _ = block.key(nth, &mut decoded);
                }
            }
        }
    }
}
