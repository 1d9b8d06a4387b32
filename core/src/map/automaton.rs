//! Searching an `fst` automaton of numbered keys for the greatest that is not above another, without
//! trusting its octets.
//!
//! The `fst` crate builds the automata; its own reader believes them and panics on a damaged one.
//! This reader knows the same format (version 3) and checks every access, so that a map file that
//! is sealed but wrong costs an answer and never the process. Time is linear in the key.
//!
//! The values are the keys' numbers in their order, so what adds up on the way to a node is the number
//! of the first key that goes on from there. The first transition above the key that is looked for thus
//! tells the answer, one before it, without a way down to the last key behind the transition below.
//!
//! A node is stored backwards and named by the place of its last octet, which tells its kind in
//! the two high bits:
//!
//! ```text
//! 11iiiiii  one transition, to the node stored just before, no output
//! 10iiiiii  one transition; before it: sizes, target, output
//! 0fnnnnnn  n transitions (0: the count is in the octet before), f: final; before it: sizes,
//!           an index of 256 octets if n > 32, n inputs, n targets, n outputs, final output
//! ```
//!
//! `iiiiii` is an index into [`COMMON_INPUTS`], or 0: the input is in the octet before. `sizes` is
//! the width of a target and of an output, four bits each. Targets are distances from the node's
//! first octet; 0 stands for the final node without transitions. The transition with the smallest
//! input stands last.

use crate::span::{narrow, widen};

/// An automaton in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Automaton<'d>(&'d [u8]);

/// The final node without transitions: it stands nowhere, and any search from it ends at once.
pub(super) const LEAF: u32 = 0;

/// The inputs that have a number of their own, from 1 on.
const COMMON_INPUTS: &[u8; 63] = b"te/oasripcnw.hlm-du012g=:bf3y5&_4v9678k%?xCDASFIBEjPTzRNM+LOqHG";

/// Octets before the first node: version and type.
const HEAD: usize = 16;
/// Octets behind the last node: number of keys, root, checksum.
const TAIL: usize = 20;
/// More transitions than this have an index.
const INDEX_THRESHOLD: usize = 32;

/// A place and the outputs on the way there.
#[derive(Clone, Copy)]
struct Reached {
    node: usize,
    value: u64,
}

/// Where an output stands, and the outputs on the way to its node.
#[derive(Clone, Copy)]
struct Output {
    at: usize,
    size: usize,
    value: u64,
}

impl<'d> Automaton<'d> {
    pub(super) fn new(data: &'d [u8]) -> Automaton<'d> {
        Automaton(data)
    }

    /// Whether it is one, of the known version.
    pub(super) fn is_known(self) -> bool {
        self.word(0) == Some(3) && self.root().is_some()
    }

    /// The node that `prefix` leads to from the root, and what is added up on the way.
    pub(super) fn walk(self, prefix: &[u8]) -> Option<(u32, u64)> {
        let mut at = Reached { node: self.root()?, value: 0 };
        for &octet in prefix {
            let state = self.octet(at.node).filter(|_| at.node != 0)?;
            at = if state & 0x80 == 0 {
                let node = self.node(at.node, state)?;
                let (less, is_equal) = self.search(&node, octet)?;
                is_equal.then(|| self.nth(&node, less, at.value))??
            } else {
                let single = self.single(at.node, state)?;
                (single.input == octet).then(|| self.behind(&single, at.value))??
            };
        }
        Some((u32::try_from(at.node).ok()?, at.value))
    }

    /// Of the `count` keys that go on from `node`, the number of the greatest that is not above `key`;
    /// they count from 0. `None` if all are above.
    #[inline]
    pub(super) fn floor(self, node: u32, count: u32, key: &[u8]) -> Option<u64> {
        let mut at = Reached { node: widen(node), value: 0 };
        // What tells the number of the first key that is known to be above.
        let mut limit = Output { at: 0, size: 0, value: u64::from(count) };
        for &octet in key {
            if at.node == 0 {
                return Some(at.value);
            }
            let state = self.octet(at.node)?;
            if state & 0x80 == 0 {
                let node = self.node(at.node, state)?;
                let (less, is_equal) = self.search(&node, octet)?;
                let above = less + usize::from(is_equal);
                if above < node.count {
                    limit = node.output(above, at.value);
                }
                if !is_equal {
                    return self.sum(limit)?.checked_sub(1);
                }
                at = self.nth(&node, less, at.value)?;
            } else {
                let single = self.single(at.node, state)?;
                if single.input != octet {
                    let above = if single.input < octet { self.sum(limit)? } else { at.value };
                    return above.checked_sub(1);
                }
                at = self.behind(&single, at.value)?;
            }
        }
        // What goes on behind `key` is above it.
        let is_key = at.node == 0 || self.octet(at.node)? & 0xc0 == 0x40;
        if is_key { Some(at.value) } else { at.value.checked_sub(1) }
    }

    #[inline]
    fn single(self, node: usize, state: u8) -> Option<Single> {
        let common = usize::from(state & 0x3f).checked_sub(1).and_then(|number| COMMON_INPUTS.get(number));
        let (input, first) = match common {
            Some(&input) => (input, node),
            None => (self.octet(node.checked_sub(1)?)?, node.checked_sub(1)?),
        };
        Some(Single { input, first, is_next: state & 0x40 != 0 })
    }

    /// Behind a single transition.
    #[inline]
    fn behind(self, single: &Single, value: u64) -> Option<Reached> {
        let sizes_at = single.first.checked_sub(1)?;
        if single.is_next {
            return Some(Reached { node: sizes_at, value });
        }
        let (target_size, output_size) = sizes(self.octet(sizes_at)?);
        let target_at = sizes_at.checked_sub(target_size)?;
        let start = target_at.checked_sub(output_size)?;
        let output = self.uint(start, output_size)?;
        Some(Reached { node: self.target(target_at, target_size, start)?, value: value.wrapping_add(output) })
    }

    #[inline]
    fn node(self, node: usize, state: u8) -> Option<Node> {
        let (count, sizes_at) = match state & 0x3f {
            // One transition has a state of its own, so the number 1 is free to mean 256.
            0 => match self.octet(node.wrapping_sub(1))? {
                1 => (256, node.wrapping_sub(2)),
                count => (usize::from(count), node.wrapping_sub(2)),
            },
            count => (usize::from(count), node.wrapping_sub(1)),
        };
        let (target_size, output_size) = sizes(self.octet(sizes_at)?);
        let inputs_end = sizes_at.wrapping_sub(if count > INDEX_THRESHOLD { 256 } else { 0 });
        let targets_end = inputs_end.wrapping_sub(count);
        let outputs_end = targets_end.wrapping_sub(count * target_size);
        let is_final = state & 0x40 != 0;
        let start = outputs_end.wrapping_sub((count + usize::from(is_final)) * output_size);
        // A node that would begin before the first octet begins behind its last one here; if it does not, no
        // place in between is one before the first octet either.
        (start <= node).then_some(Node {
            count,
            target_size,
            output_size,
            inputs_end,
            targets_end,
            outputs_end,
            start,
        })
    }

    /// How many inputs are before `octet`, and whether the next one is it.
    #[inline]
    fn search(self, node: &Node, octet: u8) -> Option<(usize, bool)> {
        if node.count > INDEX_THRESHOLD {
            let nth = usize::from(self.octet(node.inputs_end + usize::from(octet))?);
            if nth < node.count {
                return Some((nth, true));
            }
        }
        let inputs = self.0.get(node.targets_end..node.inputs_end)?;
        let above = inputs.iter().position(|&input| input <= octet).unwrap_or(inputs.len());
        let is_equal = inputs.get(above) == Some(&octet);
        Some((inputs.len() - above - usize::from(is_equal), is_equal))
    }

    /// Behind a transition, numbered in the order of inputs.
    #[inline]
    fn nth(self, node: &Node, nth: usize, value: u64) -> Option<Reached> {
        let target_at = node.targets_end.wrapping_sub((nth + 1) * node.target_size);
        let target = self.target(target_at, node.target_size, node.start)?;
        Some(Reached { node: target, value: self.sum(node.output(nth, value))? })
    }

    /// An output, and what was added up before.
    #[inline]
    fn sum(self, output: Output) -> Option<u64> {
        Some(output.value.wrapping_add(self.uint(output.at, output.size)?))
    }

    #[inline]
    fn target(self, at: usize, size: usize, start: usize) -> Option<usize> {
        match self.uint(at, size)? {
            0 => Some(0),
            distance => start.checked_sub(usize::try_from(distance).ok()?),
        }
    }

    fn root(self) -> Option<usize> {
        let tail = self.0.len().checked_sub(TAIL).filter(|&tail| tail >= HEAD)?;
        usize::try_from(self.word(tail + 8)?).ok().filter(|&root| root < tail)
    }

    #[inline]
    fn octet(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    /// A little-endian number of less than 8 octets: no output of ours has more. Behind each node there are as many.
    #[inline]
    fn uint(self, at: usize, width: usize) -> Option<u64> {
        let behind = 1_u64.wrapping_shl(8 * narrow(width));
        Some(self.word(at)? & behind.wrapping_sub(1))
    }

    /// A little-endian number of 8 octets.
    #[inline]
    fn word(self, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(*self.0.get(at..)?.first_chunk()?))
    }
}

/// A node of the first two kinds.
struct Single {
    input: u8,
    /// Its first octet but for sizes, target and output.
    first: usize,
    is_next: bool,
}

/// A node of the third kind.
struct Node {
    count: usize,
    target_size: usize,
    output_size: usize,
    inputs_end: usize,
    targets_end: usize,
    outputs_end: usize,
    /// Its first octet.
    start: usize,
}

impl Node {
    /// That of a transition, numbered in the order of inputs, behind `value`.
    #[inline]
    fn output(&self, nth: usize, value: u64) -> Output {
        let at = self.outputs_end.wrapping_sub((nth + 1) * self.output_size);
        Output { at, size: self.output_size, value }
    }
}

/// The widths of a target and of an output.
#[inline]
fn sizes(octet: u8) -> (usize, usize) {
    (usize::from(octet >> 4), usize::from(octet & 0x0f))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Pairs = BTreeMap<Vec<u8>, u64>;

    fn numbered(keys: impl IntoIterator<Item = Vec<u8>>) -> Pairs {
        let mut pairs: Pairs = keys.into_iter().map(|key| (key, 0)).collect();
        pairs.values_mut().zip(0..).for_each(|(value, number)| *value = number);
        pairs
    }

    fn build(pairs: &Pairs) -> Vec<u8> {
        let mut builder = fst::raw::Builder::memory();
        for (key, value) in pairs {
            builder.insert(key, *value).unwrap();
        }
        builder.into_inner().unwrap()
    }

    /// Asks for the floor of `key` from the root and, behind each prefix of it, from where that leads.
    fn check(pairs: &Pairs, octets: &[u8], key: &[u8]) -> Result<(), TestCaseError> {
        let automaton = Automaton::new(octets);
        for length in 0..=key.len() {
            let (prefix, rest) = key.split_at(length);
            let Some((node, value)) = automaton.walk(prefix) else {
                prop_assert!(
                    !pairs.keys().any(|key| key.starts_with(prefix)),
                    "{:?} leads somewhere",
                    prefix
                );
                continue;
            };
            let behind = || pairs.iter().filter(|(key, _)| key.starts_with(prefix));
            let count = u32::try_from(behind().count()).unwrap();
            prop_assert_eq!(behind().next().map(|(_, first)| *first), (count > 0).then_some(value));
            let floor = behind().rev().find(|(found, _)| found.as_slice() <= key).map(|(_, number)| *number);
            let found = automaton.floor(node, count, rest).map(|behind| value + behind);
            prop_assert_eq!(found, floor, "{:?} behind {}", key, length);
        }
        Ok(())
    }

    /// Keys that are prefixes of each other, the empty one among them.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![6 => b'a'..=b'd', 1 => prop_oneof![Just(0), Just(255)], 1 => any::<u8>()];
        vec(octet, 0..8)
    }

    #[test]
    fn every_single_octet_key_is_found() {
        for octet in 0..=255_u8 {
            let pairs = numbered([vec![octet]]);
            let octets = build(&pairs);
            assert!(Automaton::new(&octets).is_known());
            for other in 0..=255_u8 {
                check(&pairs, &octets, &[other]).unwrap();
                check(&pairs, &octets, &[other, 0]).unwrap();
            }
        }
    }

    #[test]
    fn the_leaf_has_one_key() {
        assert_eq!(Automaton::new(&[]).floor(LEAF, 1, b"key"), Some(0));
        assert_eq!(Automaton::new(&[]).floor(LEAF, 1, b""), Some(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn floors_are_those_of_a_sorted_map(
            keys in vec(key(), 0..400),
            others in vec(key(), 0..100),
        ) {
            let pairs = numbered(keys);
            let octets = build(&pairs);
            prop_assert!(Automaton::new(&octets).is_known());
            for key in pairs.keys().chain(&others) {
                check(&pairs, &octets, key)?;
            }
        }

        #[test]
        fn wide_nodes_are_read(
            inputs in prop::collection::btree_set(any::<u8>(), 28..=256),
            count in 1_usize..=256,
            has_empty in any::<bool>(),
        ) {
            let all: Vec<u8> = (0..=255).collect();
            for inputs in [inputs.into_iter().collect(), all[..count].to_vec(), all[256 - count..].to_vec()] {
                let keys = inputs.iter().map(|&input| vec![input, b'x']);
                let pairs = numbered(keys.chain(has_empty.then(Vec::new)));
                let octets = build(&pairs);
                for first in 0..=255_u8 {
                    for key in [&[first][..], &[first, b'w'], &[first, b'x'], &[first, b'x', 0]] {
                        check(&pairs, &octets, key)?;
                    }
                }
            }
        }

        #[test]
        fn damage_costs_an_answer_and_never_the_process(
            keys in vec(key(), 1..100),
            damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            starts in vec(any::<prop::sample::Index>(), 0..20),
            others in vec(key(), 0..20),
        ) {
            let pairs = numbered(keys);
            let mut octets = build(&pairs);
            for (place, octet) in damage {
                let at = place.index(octets.len());
                octets[at] = octet;
            }
            let automaton = Automaton::new(&octets);
            automaton.is_known();
            for key in pairs.keys().chain(&others) {
                if let Some((node, _)) = automaton.walk(key) {
                    automaton.floor(node, 7, key);
                }
                for start in &starts {
                    // Behind the end, too.
                    automaton.floor(u32::try_from(start.index(octets.len() + 40)).unwrap(), 7, key);
                }
            }
        }
    }
}
