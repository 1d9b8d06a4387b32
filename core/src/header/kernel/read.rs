//! Reading a chunk: the walk over its blocks that every way has in common. Each tells it what stands in a block,
//! and where the name ends that a block begins with.

use memchr::memchr_iter;

use super::BLOCK;
use crate::span::widen;

/// A block and the octet behind it.
pub(super) type Ahead = [u8; BLOCK + 1];

/// Octets that are read in one go at most: what a place has room for.
pub(in crate::header) const CHUNK: usize = 1 << 15;

/// Blocks that are read without looking whether there are as many, or room for what is found in them.
pub(super) const PAIR: usize = 2;

/// How many fields may begin in what is read in one go; it ends where a pair of blocks might have more, and behind
/// the pair in which the section does.
pub(super) const ROOM: usize = 256;

/// [`LINE_MAX`](crate::header::LINE_MAX), as a part of a place.
pub(super) const LONG: u16 = 998;

/// Octets of a block, as a part of a place.
pub(super) const BLOCK_PLACES: u16 = 64;

/// Fields that begin in a chunk, and what stands in it.
#[derive(Clone, Debug)]
pub(in crate::header) struct Found {
    /// How far behind the start of the chunk fields begin: behind each line feed with something else than white
    /// space behind it. A field begins there, or the section ends.
    pub(super) places: [u16; ROOM],
    /// For each of them, octets of its name, if a name and a colon begin there and there are less than 64. Else 0.
    pub(super) names: [u8; ROOM],
    pub(super) count: usize,
    /// Which of them are wanted, to judge by their first octets, or have to be looked at.
    pub(super) marks: [u8; ROOM],
    pub(super) marked: usize,
    /// Which of them are more than a line may have octets behind the one before.
    pub(super) longs: [u8; ROOM],
    pub(super) long: usize,
    /// Octets that were read. Those behind the message, if it has fewer, count as spaces.
    pub(in crate::header) octets: usize,
    pub(in crate::header) facts: Facts,
}

/// What stands in a chunk; line feeds also right behind it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::header) struct Facts {
    /// A line feed without a carriage return before it.
    pub(in crate::header) has_bare_feed: bool,
    /// A carriage return without a line feed behind it.
    pub(in crate::header) has_bare_return: bool,
    /// A NUL, or an octet of 128 or above.
    pub(in crate::header) has_odd: bool,
}

impl Found {
    pub(in crate::header) const fn new() -> Found {
        let (places, none) = ([0; ROOM], [0; ROOM]);
        let facts = Facts { has_bare_feed: false, has_bare_return: false, has_odd: false };
        Found {
            places,
            names: none,
            count: 0,
            marks: none,
            marked: 0,
            longs: none,
            long: 0,
            octets: 0,
            facts,
        }
    }

    /// Forgets what was found.
    pub(in crate::header) fn clear(&mut self) {
        (self.count, self.marked, self.long, self.octets) = (0, 0, 0, 0);
    }

    /// How many fields begin in the chunk.
    #[inline]
    pub(in crate::header) fn count(&self) -> usize {
        self.count
    }

    /// How far behind the start of the chunk the nth field begins.
    #[inline]
    pub(in crate::header) fn place(&self, nth: usize) -> Option<usize> {
        self.places.get(..self.count)?.get(nth).map(|place| usize::from(*place))
    }

    /// Octets of the name of the nth field, if the kernel knows it.
    #[inline]
    pub(in crate::header) fn name(&self, nth: usize) -> Option<usize> {
        self.names.get(..self.count)?.get(nth).map(|name| usize::from(*name)).filter(|name| *name > 0)
    }

    /// The nth of the fields that are marked, counted from 0 as all that begin in the chunk.
    #[inline]
    pub(in crate::header) fn mark(&self, nth: usize) -> Option<usize> {
        self.marks.get(..self.marked)?.get(nth).map(|mark| usize::from(*mark))
    }

    /// Those that are more than a line may have octets behind the one before, of which the first is none.
    pub(in crate::header) fn longs(&self) -> impl ExactSizeIterator<Item = usize> {
        self.longs.get(..self.long).unwrap_or_default().iter().map(|long| usize::from(*long))
    }

    /// How many of the fields begin not more than so far behind the start of the chunk.
    pub(in crate::header) fn count_up_to(&self, place: usize) -> usize {
        let places = self.places.get(..self.count).unwrap_or_default();
        places.partition_point(|&other| usize::from(other) <= place)
    }
}

/// Lists the places of bits behind `count` others, and gives how many there are then. `first`: that of the lowest bit.
#[inline(always)]
pub(super) fn list(mut bits: u64, first: u16, places: &mut [u16; ROOM], count: usize) -> usize {
    let listed = count + widen(bits.count_ones());
    // Nearly no block has more than two: these are written whether or not there are so many.
    let mut next = count;
    for _ in 0..2 {
        put(places, next, first.wrapping_add(lowest(bits)));
        (next, bits) = (next + 1, bits & bits.wrapping_sub(1));
    }
    while bits != 0 {
        put(places, next, first.wrapping_add(lowest(bits)));
        (next, bits) = (next + 1, bits & bits.wrapping_sub(1));
    }
    listed
}

/// There is room; that this is told by a remainder is what compilers understand.
#[inline(always)]
fn put(places: &mut [u16; ROOM], nth: usize, place: u16) {
    if let Some(room) = places.get_mut(nth % ROOM) {
        *room = place;
    }
}

/// The place of the lowest bit; 64 if there is none.
#[inline(always)]
pub(super) fn trailing_zeros(bits: u64) -> usize {
    widen(bits.trailing_zeros())
}

/// The same, as a part of a place.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "64 at most")]
fn lowest(bits: u64) -> u16 {
    bits.trailing_zeros() as u16
}

/// A number below 256 as it is noted.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
pub(super) fn low_octet(number: usize) -> u8 {
    number as u8
}

/// The last octets of a message with spaces behind them: no field begins with one, and no flag is for one.
#[inline(never)]
pub(super) fn padded<const SIZE: usize>(octets: &[u8]) -> [u8; SIZE] {
    let mut block = [b' '; SIZE];
    if let Some(start) = block.get_mut(..octets.len()) {
        start.copy_from_slice(octets);
    }
    block
}

/// Whether there are bare line feeds, and bare carriage returns, in the first octets or as the next one.
#[cold]
pub(super) fn pairs(octets: &[u8], length: usize) -> (bool, bool) {
    let octets = octets.get(..=length).unwrap_or(octets);
    let is_return = |at: Option<usize>| at.is_none_or(|at| octets.get(at) == Some(&b'\r'));
    let has_bare_feed = memchr_iter(b'\n', octets).any(|at| !is_return(at.checked_sub(1)));
    let is_bare = |at: usize| at < length && octets.get(at + 1) != Some(&b'\n');
    (has_bare_feed, memchr_iter(b'\r', octets).any(is_bare))
}

/// The function `read` of a way, from its `Sums` and `name_stops`.
macro_rules! read_by {
    ($($feature:literal)?) => {
        $(#[target_feature(enable = $feature)])?
        pub(in crate::header::kernel) fn read(
            message: &[u8],
            from: usize,
            is_wanted: impl Fn([u8; 4]) -> bool,
            found: &mut Found,
        ) {
            use crate::header::kernel::read::{
                Ahead, BLOCK_PLACES, CHUNK, LONG, PAIR, ROOM, list, low_octet, padded, pairs, trailing_zeros,
            };

            let rest = message.get(from..).unwrap_or_default();
            let mut sums = Sums::new();
            let (mut at, mut first, mut count) = (0, 1, 0);
            let mut is_over = false;
            while !is_over && at < CHUNK && count + PAIR * BLOCK <= ROOM {
                let octets = rest.get(at..).unwrap_or_default();
                let Some(octets) = octets.first_chunk::<{ PAIR * BLOCK + 1 }>() else { break };
                let [_, ahead @ ..] = octets;
                for (block, ahead) in octets.as_chunks().0.iter().zip(ahead.as_chunks().0) {
                    ask_for(block);
                    count = list(sums.ends(block, ahead), first, &mut found.places, count);
                    first += BLOCK_PLACES;
                }
                is_over = sums.is_over();
                at += PAIR * BLOCK;
            }
            // The end of the message.
            while !is_over && at < CHUNK && count + PAIR * BLOCK <= ROOM && at < rest.len() {
                let octets = rest.get(at..).unwrap_or_default();
                let octets: Ahead = octets.first_chunk().copied().unwrap_or_else(|| padded(octets));
                let ([block @ .., _], [_, ahead @ ..]) = (&octets, &octets);
                count = list(sums.ends(block, ahead), first, &mut found.places, count);
                is_over = sums.is_over();
                first += BLOCK_PLACES;
                at += BLOCK;
            }
            let (has_bare_feed, has_bare_return) = if sums.has_bare() { pairs(rest, at) } else { (false, false) };
            found.facts = Facts { has_bare_feed, has_bare_return, has_odd: sums.has_odd() };
            (found.octets, found.count) = (at, count);
            let (mut marked, mut before, mut long) = (0, u16::MAX, 0);
            for nth in 0..count {
                let Some(place) = found.places.get(nth % ROOM) else { break };
                // Written whether or not it is one: the next one takes its place. So are marks.
                if let Some(room) = found.longs.get_mut(long % ROOM) {
                    *room = low_octet(nth);
                }
                long += usize::from(place.saturating_sub(before) > LONG);
                before = *place;
                let octets = message.get(from + usize::from(*place)..).unwrap_or_default();
                let tail;
                let block = match octets.first_chunk() {
                    Some(block) => block,
                    None => {
                        tail = padded(octets);
                        &tail
                    }
                };
                let length = trailing_zeros(name_stops(block));
                let name = if block.get(length) == Some(&b':') { length } else { 0 };
                let [first, second, third, fourth, ..] = *block;
                let is_marked = is_wanted([first, second, third, fourth]) | (name == 0);
                if let Some(room) = found.names.get_mut(nth % ROOM) {
                    *room = low_octet(name);
                }
                if let Some(mark) = found.marks.get_mut(marked % ROOM) {
                    *mark = low_octet(nth);
                }
                marked += usize::from(is_marked);
            }
            (found.marked, found.long) = (marked, long);
        }
    };
}
pub(super) use read_by;
