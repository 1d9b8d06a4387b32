//! Looking a key up in an `fst` automaton without trusting its octets.
//!
//! The `fst` crate builds the automata; its own reader believes them and panics on a damaged one.
//! This reader knows the same format (version 3) and checks every access, so that a map file that
//! is sealed but wrong costs an answer and never the process. Time is linear in the key.
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
//! first octet; 0 stands for the final node without transitions.

use crate::span::widen;

/// An automaton in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Automaton<'d> {
    data: &'d [u8],
    root: usize,
}

/// The inputs that have a number of their own, from 1 on.
const COMMON_INPUTS: &[u8; 63] = b"te/oasripcnw.hlm-du012g=:bf3y5&_4v9678k%?xCDASFIBEjPTzRNM+LOqHG";

/// Octets before the first node: version and type.
const HEAD: usize = 16;
/// Octets behind the last node: number of keys, root, checksum.
const TAIL: usize = 20;
/// More transitions than this have an index.
const INDEX_THRESHOLD: usize = 32;

struct Step {
    output: u64,
    target: usize,
}

impl<'d> Automaton<'d> {
    /// The automaton stored in `data`, or `None` if that is none of the known version.
    pub(super) fn new(data: &'d [u8]) -> Option<Automaton<'d>> {
        let tail = data.len().checked_sub(TAIL).filter(|&tail| tail >= HEAD)?;
        if uint(data, 0, 8)? != 3 {
            return None;
        }
        let root = usize::try_from(uint(data, tail + 8, 8)?).ok()?;
        (root < tail).then_some(Automaton { data, root })
    }

    /// The keys it says it has.
    pub(super) fn len(&self) -> u64 {
        self.data.len().checked_sub(TAIL).and_then(|tail| uint(self.data, tail, 8)).unwrap_or(0)
    }

    /// The value of the key that `parts` are when put together.
    #[inline]
    pub(super) fn get(&self, parts: &[&[u8]]) -> Option<u64> {
        let mut node = self.root;
        let mut value = 0_u64;
        for &part in parts {
            for &octet in part {
                let step = self.step(node, octet)?;
                value = value.wrapping_add(step.output);
                node = step.target;
            }
        }
        self.final_output(node).map(|output| value.wrapping_add(output))
    }

    #[inline]
    fn step(&self, node: usize, octet: u8) -> Option<Step> {
        if node == 0 {
            return None;
        }
        let state = self.octet(node)?;
        if state & 0x80 == 0 {
            return self.step_any(node, state, octet);
        }
        let (input, first) = match common_input(state & 0x3f) {
            Some(input) => (input, node),
            None => (self.octet(node.checked_sub(1)?)?, node.checked_sub(1)?),
        };
        if input != octet {
            return None;
        }
        if state & 0x40 != 0 {
            return Some(Step { output: 0, target: first.checked_sub(1)? });
        }
        let sizes = Sizes::new(self.octet(first.checked_sub(1)?)?);
        let target_at = first.checked_sub(1 + sizes.target)?;
        let start = target_at.checked_sub(sizes.output)?;
        Some(Step {
            output: uint(self.data, start, sizes.output)?,
            target: self.target(target_at, sizes, start)?,
        })
    }

    #[inline]
    fn step_any(&self, node: usize, state: u8, octet: u8) -> Option<Step> {
        let any = self.any(node, state)?;
        let index_at = any.sizes_at.checked_sub(any.index_size())?;
        let inputs_at = index_at.checked_sub(any.count)?;
        let nth = if any.index_size() > 0 {
            let nth = usize::from(self.octet(index_at + usize::from(octet))?);
            (nth < any.count).then_some(nth)?
        } else {
            let inputs = self.data.get(inputs_at..index_at)?;
            let found = inputs.iter().position(|&input| input == octet)?;
            any.count.checked_sub(found + 1)?
        };
        let target_at = inputs_at.checked_sub((nth + 1) * any.sizes.target)?;
        let outputs_end = inputs_at.checked_sub(any.count * any.sizes.target)?;
        let output_at = outputs_end.checked_sub((nth + 1) * any.sizes.output)?;
        let start = any.start(outputs_end)?;
        Some(Step {
            output: uint(self.data, output_at, any.sizes.output)?,
            target: self.target(target_at, any.sizes, start)?,
        })
    }

    /// What a key that ends at `node` adds to its value; `None` if none ends there.
    fn final_output(&self, node: usize) -> Option<u64> {
        if node == 0 {
            return Some(0);
        }
        let state = self.octet(node)?;
        if state & 0xc0 != 0x40 {
            return None;
        }
        let any = self.any(node, state)?;
        let outputs_end = any.sizes_at.checked_sub(any.index_size() + any.count * (1 + any.sizes.target))?;
        uint(self.data, any.start(outputs_end)?, any.sizes.output)
    }

    fn any(&self, node: usize, state: u8) -> Option<AnyNode> {
        let (count, counted) = match state & 0x3f {
            0 => (usize::from(self.octet(node.checked_sub(1)?)?), 1),
            count => (usize::from(count), 0),
        };
        // One transition has a state of its own, so the number 1 is free to mean 256.
        let count = if counted == 1 && count == 1 { 256 } else { count };
        let sizes_at = node.checked_sub(counted + 1)?;
        Some(AnyNode {
            count,
            sizes: Sizes::new(self.octet(sizes_at)?),
            sizes_at,
            is_final: state & 0x40 != 0,
        })
    }

    #[inline]
    fn target(&self, at: usize, sizes: Sizes, start: usize) -> Option<usize> {
        match uint(self.data, at, sizes.target)? {
            0 => Some(0),
            distance => start.checked_sub(usize::try_from(distance).ok()?),
        }
    }

    #[inline]
    fn octet(&self, at: usize) -> Option<u8> {
        self.data.get(at).copied()
    }
}

/// A node of the third kind.
struct AnyNode {
    count: usize,
    sizes: Sizes,
    sizes_at: usize,
    is_final: bool,
}

impl AnyNode {
    fn index_size(&self) -> usize {
        if self.count > INDEX_THRESHOLD { 256 } else { 0 }
    }

    /// The node's first octet; its outputs end at `outputs_end`.
    fn start(&self, outputs_end: usize) -> Option<usize> {
        let final_output = if self.is_final { self.sizes.output } else { 0 };
        outputs_end.checked_sub(self.count * self.sizes.output + final_output)
    }
}

#[derive(Clone, Copy)]
struct Sizes {
    target: usize,
    output: usize,
}

impl Sizes {
    fn new(octet: u8) -> Sizes {
        Sizes { target: usize::from(octet >> 4), output: usize::from(octet & 0x0f) }
    }
}

fn common_input(number: u8) -> Option<u8> {
    COMMON_INPUTS.get(usize::from(number).checked_sub(1)?).copied()
}

/// A little-endian number of `width` octets; at most 8.
#[inline]
fn uint(data: &[u8], at: usize, width: usize) -> Option<u64> {
    let octets = data.get(at..at.checked_add(width)?).filter(|_| width <= 8)?;
    Some(octets.iter().rev().fold(0, |value, &octet| value << 8 | u64::from(octet)))
}

/// A value as it is stored in our automata: an index of 32 bits.
pub(super) fn index(value: u64) -> Option<usize> {
    u32::try_from(value).ok().map(widen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    fn build<'k>(pairs: impl IntoIterator<Item = (&'k Vec<u8>, &'k u64)>) -> Vec<u8> {
        let mut builder = fst::raw::Builder::memory();
        for (key, value) in pairs {
            builder.insert(key, *value).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn every_single_octet_key_is_found() {
        for octet in 0..=255_u8 {
            let bytes = build([(&vec![octet], &7)]);
            let automaton = Automaton::new(&bytes).unwrap();
            for other in 0..=255_u8 {
                assert_eq!(automaton.get(&[&[other]]), (other == octet).then_some(7));
            }
        }
    }

    proptest! {
        #[test]
        fn answers_are_those_of_the_fst_crate(
            pairs in btree_map(vec(prop_oneof![4 => b'a'..=b'f', 1 => any::<u8>()], 0..8), any::<u64>(), 0..400),
            others in vec(vec(any::<u8>(), 0..8), 0..20),
        ) {
            let bytes = build(&pairs);
            let automaton = Automaton::new(&bytes).unwrap();
            prop_assert_eq!(automaton.len(), pairs.len() as u64);
            for (key, value) in &pairs {
                prop_assert_eq!(automaton.get(&[key]), Some(*value));
                let (head, tail) = key.split_at(key.len() / 2);
                prop_assert_eq!(automaton.get(&[head, tail]), Some(*value));
            }
            for key in &others {
                prop_assert_eq!(automaton.get(&[key]), pairs.get(key).copied());
            }
        }

        #[test]
        fn wide_nodes_are_read(inputs in 30_usize..=256) {
            let pairs: Vec<(Vec<u8>, u64)> = (0..inputs).map(|i| (vec![u8::try_from(i).unwrap(), b'x'], 3 * i as u64)).collect();
            let bytes = build(pairs.iter().map(|(key, value)| (key, value)));
            let automaton = Automaton::new(&bytes).unwrap();
            for (key, value) in &pairs {
                prop_assert_eq!(automaton.get(&[key]), Some(*value));
            }
        }

        #[test]
        fn damage_costs_an_answer_and_never_the_process(
            keys in btree_map(vec(b'a'..=b'z', 1..6), 0..1000_u64, 1..50),
            damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        ) {
            let mut bytes = build(&keys);
            for (place, octet) in damage {
                let at = place.index(bytes.len());
                bytes[at] = octet;
            }
            if let Some(automaton) = Automaton::new(&bytes) {
                for key in keys.keys() {
                    automaton.get(&[key]);
                }
            }
        }
    }
}
