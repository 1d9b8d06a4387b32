//! Where lines and names end: the one step of scanning that looks at every octet. And what the octets of address
//! lists can be a part of.
//!
//! Each octet, and the one behind it, is compared with those that the scanner asks about, which gives words with
//! a bit for each octet. The wide ways compare 16, 32 or 64 octets at once; [`portable`] is their safe twin, and
//! the tests hold each way to it for every octet in every place.
//!
//! This is the only module with `unsafe`. There are three uses of it. Vectors are made of arrays of their
//! own size. Memory is asked for ahead, by an instruction that reads nothing. And functions compiled for
//! more than x86-64 has at least are called from ones that are not: only for a [`Kernel`] with a [`Proof`],
//! which is only made where the processor has said that it knows what the function is compiled for.
#![allow(unsafe_code, reason = "vectors and calls behind a run-time check; see above")]

/// Octets of a block: one for each bit of a word.
pub(crate) const BLOCK: usize = 64;
/// Blocks that are read in one go.
pub(super) const BLOCKS: usize = 4;
/// Octets that are read in one go.
pub(super) const CHUNK: usize = BLOCK * BLOCKS;

/// A chunk and the octet behind it.
pub(super) type Chunk = [u8; CHUNK + 1];

/// For each block: line feeds with something else than white space behind them. A field begins behind it, or
/// the section ends.
pub(super) type Ends = [u64; BLOCKS];

/// What stands in a chunk; line feeds also right behind it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Facts {
    /// A line feed without a carriage return before it.
    pub(super) has_bare_feed: bool,
    /// A carriage return without a line feed behind it.
    pub(super) has_bare_return: bool,
    /// Any carriage return.
    pub(super) has_return: bool,
    /// A NUL, or an octet of 128 or above.
    pub(super) has_odd: bool,
    /// No line feed: a line of 511 octets or more fills a chunk.
    pub(super) is_quiet: bool,
}

/// What the octets of a block can be a part of in an address list: a bit for each, the first one lowest.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Parts {
    /// `atext` of RFC 5322 3.2.3, dots, and octets of 128 and above.
    pub(crate) words: u64,
    pub(crate) dots: u64,
    /// Octets of 128 and above.
    pub(crate) beyond_ascii: u64,
    pub(crate) spaces: u64,
    /// What ends a quoted-string, or does not stand for itself in one: quotes, backslashes, NUL and carriage
    /// returns.
    pub(crate) quote_stops: u64,
}

/// A way of reading.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kernel {
    /// Octet by octet.
    Portable,
    /// 16 octets at once; every x86-64 processor knows how.
    #[cfg(target_arch = "x86_64")]
    Sse2,
    /// 32 octets at once.
    #[cfg(target_arch = "x86_64")]
    Avx2(Proof),
    /// 64 octets at once.
    #[cfg(target_arch = "x86_64")]
    Avx512(Proof),
}

/// That the processor knows what the function is compiled for: nothing outside this module can make one.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Proof(());

impl Kernel {
    /// The widest way that this processor knows; `None` where only [`Kernel::Portable`] is.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn widest() -> Option<Kernel> {
        Kernel::avx512().or_else(Kernel::avx2).or(Some(Kernel::Sse2))
    }

    /// See the other.
    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    pub(crate) fn widest() -> Option<Kernel> {
        None
    }

    /// The way by AVX2, where the processor knows it.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn avx2() -> Option<Kernel> {
        is_x86_feature_detected!("avx2").then_some(Kernel::Avx2(Proof(())))
    }

    /// The way by AVX-512, where the processor knows it.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn avx512() -> Option<Kernel> {
        is_x86_feature_detected!("avx512bw").then_some(Kernel::Avx512(Proof(())))
    }

    /// Reads a chunk.
    #[inline]
    pub(super) fn read(self, chunk: &Chunk, ends: &mut Ends) -> Facts {
        ask_for(chunk);
        match self {
            Kernel::Portable => portable::read(chunk, ends),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: SSE2 is part of x86-64.
            Kernel::Sse2 => unsafe { sse2::read(chunk, ends) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: see `Proof`.
            Kernel::Avx2(Proof(())) => unsafe { avx2::read(chunk, ends) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: see `Proof`.
            Kernel::Avx512(Proof(())) => unsafe { avx512::read(chunk, ends) },
        }
    }

    /// The octets of a block that no field name has: all but `ftext` of RFC 5322 3.6.8.
    #[inline]
    pub(super) fn name_stops(self, block: &[u8; BLOCK]) -> u64 {
        match self {
            Kernel::Portable => portable::name_stops(block),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: SSE2 is part of x86-64.
            Kernel::Sse2 => unsafe { sse2::name_stops(block) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: see `Proof`.
            Kernel::Avx2(Proof(())) => unsafe { avx2::name_stops(block) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: see `Proof`.
            Kernel::Avx512(Proof(())) => unsafe { avx512::name_stops(block) },
        }
    }

    /// What the octets of a block can be a part of in an address list.
    #[inline]
    pub(crate) fn parts(self, block: &[u8; BLOCK]) -> Parts {
        match self {
            Kernel::Portable => portable::parts(block),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: SSE2 is part of x86-64.
            Kernel::Sse2 => unsafe { sse2::parts(block) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: see `Proof`.
            Kernel::Avx2(Proof(())) => unsafe { avx2::parts(block) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: see `Proof`.
            Kernel::Avx512(Proof(())) => unsafe { avx512::parts(block) },
        }
    }
}

/// How far ahead of the chunk that is read the next ones are asked for: a few hundred octets are read in less
/// time than memory takes to answer.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 1024;

/// Asks for the octets of a chunk further on, which may be there or not.
#[inline]
#[cfg(target_arch = "x86_64")]
fn ask_for(chunk: &Chunk) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in 0..BLOCKS {
        let octet = chunk.as_ptr().wrapping_add(AHEAD + line * BLOCK);
        // SAFETY: a hint: nothing is read.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(octet.cast()) };
    }
}

#[inline]
#[cfg(not(target_arch = "x86_64"))]
fn ask_for(_chunk: &Chunk) {}

/// Asks for the cache lines of some of the octets, which will be read soon; there may be fewer.
#[inline]
#[cfg(target_arch = "x86_64")]
pub(crate) fn prefetch<const COUNT: usize>(octets: &[u8], at: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in (0..COUNT).step_by(BLOCK) {
        let octet = octets.as_ptr().wrapping_add(at).wrapping_add(line);
        // SAFETY: a hint: nothing is read.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(octet.cast()) };
    }
}

#[inline]
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn prefetch<const COUNT: usize>(_octets: &[u8], _at: usize) {}

/// The blocks of a chunk, each with the one that begins an octet later.
#[inline]
fn blocks(chunk: &Chunk) -> impl Iterator<Item = (&[u8; BLOCK], &[u8; BLOCK])> {
    let [_, ahead @ ..] = chunk;
    chunk.as_chunks::<BLOCK>().0.iter().zip(ahead.as_chunks::<BLOCK>().0)
}

/// The safe twin of all others.
mod portable {
    use super::{BLOCK, Chunk, Ends, Facts, Parts, blocks};
    use crate::field::is_name_octet;
    use crate::lex::is_atext;

    pub(super) fn read(chunk: &Chunk, ends: &mut Ends) -> Facts {
        for ((block, ahead), ends) in blocks(chunk).zip(ends) {
            let is_end = |(octet, next): (&u8, &u8)| *octet == b'\n' && !matches!(next, b' ' | b'\t');
            *ends = mask(block.iter().zip(ahead).map(is_end));
        }
        let [octets @ .., _] = chunk;
        let has_pair = |is_meant: fn(bool, bool) -> bool| {
            let [_, ahead @ ..] = chunk;
            let mut pairs = octets.iter().zip(ahead);
            pairs.any(|(octet, next)| is_meant(*octet == b'\r', *next == b'\n'))
        };
        Facts {
            has_bare_feed: has_pair(|is_return, is_feed| is_feed && !is_return),
            has_bare_return: has_pair(|is_return, is_feed| is_return && !is_feed),
            has_return: octets.contains(&b'\r'),
            has_odd: octets.iter().any(|&octet| octet == 0 || octet >= 128),
            is_quiet: !octets.contains(&b'\n'),
        }
    }

    pub(super) fn name_stops(block: &[u8; BLOCK]) -> u64 {
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
}

/// The ways by vectors whose comparisons give vectors. The instructions differ by their names alone.
#[cfg(target_arch = "x86_64")]
macro_rules! by_lanes {
    ($module:ident, $feature:literal, $lane:literal, $vector:ident, [$($instruction:ident as $name:ident),*]) => {
        mod $module {
            use std::arch::x86_64::{$vector as Vector, $($instruction as $name),*};

            use super::{BLOCK, Chunk, Ends, Facts, Parts, blocks};

            const LANE: usize = $lane;

            #[target_feature(enable = $feature)]
            pub(super) fn read(chunk: &Chunk, ends: &mut Ends) -> Facts {
                let nothing = none();
                let (mut bare_feeds, mut bare_returns, mut returns, mut odd) = (nothing, nothing, nothing, nothing);
                let mut feeds = nothing;
                for (ends, (block, ahead)) in ends.iter_mut().zip(blocks(chunk)) {
                    let lanes = block.as_chunks::<LANE>().0.iter().zip(ahead.as_chunks::<LANE>().0);
                    *ends = 0;
                    for (number, (lane, ahead)) in lanes.enumerate() {
                        let (octets, next) = (load(lane), load(ahead));
                        let feed = is(octets, b'\n');
                        let white_space = or(is(next, b' '), is(next, b'\t'));
                        *ends |= bits(and_not(white_space, feed)) << (number * LANE);
                        let (is_return, is_feed) = (is(octets, b'\r'), is(next, b'\n'));
                        bare_feeds = or(bare_feeds, and_not(is_return, is_feed));
                        bare_returns = or(bare_returns, and_not(is_feed, is_return));
                        returns = or(returns, is_return);
                        // Signed, octets of 128 and above are below 0: all but those above 0 are odd.
                        odd = or(odd, greater(all(1), octets));
                        feeds = or(feeds, feed);
                    }
                }
                Facts {
                    has_bare_feed: bits(bare_feeds) != 0,
                    has_bare_return: bits(bare_returns) != 0,
                    has_return: bits(returns) != 0,
                    has_odd: bits(odd) != 0,
                    is_quiet: bits(feeds) == 0,
                }
            }

            #[target_feature(enable = $feature)]
            pub(super) fn name_stops(block: &[u8; BLOCK]) -> u64 {
                let mut names = 0;
                for (number, lane) in block.as_chunks::<LANE>().0.iter().enumerate() {
                    let octets = load(lane);
                    // Signed, one more than 126 is the greatest number, and one more than 127 the least.
                    let above = add(octets, all(1));
                    let printable = greater(above, all(33));
                    names |= bits(and_not(is(octets, b':'), printable)) << (number * LANE);
                }
                !names
            }

            #[target_feature(enable = $feature)]
            pub(super) fn parts(block: &[u8; BLOCK]) -> Parts {
                let mut parts = Parts::default();
                let mut specials = 0;
                for (number, lane) in block.as_chunks::<LANE>().0.iter().enumerate() {
                    let octets = load(lane);
                    let place = number * LANE;
                    // Every special character stands alone, or beside one that differs in one bit.
                    let (with_1, with_2) = (or(octets, all(1)), or(octets, all(2)));
                    let pairs = or(is(with_1, b')'), or(is(with_1, b';'), is(with_1, b']')));
                    let pairs = or(pairs, is(with_2, b'>'));
                    let quotes = is(octets, b'"');
                    let singles = or(is(octets, b','), or(is(octets, b'@'), is(octets, b'[')));
                    let singles = or(singles, or(quotes, is(octets, 127)));
                    // Signed, octets of 128 and above are below 0.
                    let low = greater(all(33), octets);
                    specials |= bits(and_not(octets, or(low, or(pairs, singles)))) << place;
                    parts.dots |= bits(is(octets, b'.')) << place;
                    parts.beyond_ascii |= bits(octets) << place;
                    parts.spaces |= bits(is(octets, b' ')) << place;
                    let stops = or(or(quotes, is(octets, b'\\')), or(is(octets, 0), is(octets, b'\r')));
                    parts.quote_stops |= bits(stops) << place;
                }
                Parts { words: !specials, ..parts }
            }

            #[target_feature(enable = $feature)]
            fn load(lane: &[u8; LANE]) -> Vector {
                // SAFETY: any octets are a vector, and the array is as large.
                unsafe { std::mem::transmute::<[u8; LANE], Vector>(*lane) }
            }

            #[target_feature(enable = $feature)]
            fn is(octets: Vector, octet: u8) -> Vector {
                equal(octets, all(octet.cast_signed()))
            }

            #[target_feature(enable = $feature)]
            fn bits(lanes: Vector) -> u64 {
                u64::from(highest_bits(lanes).cast_unsigned())
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
by_lanes!(
    sse2,
    "sse2",
    16,
    __m128i,
    [
        _mm_add_epi8 as add,
        _mm_andnot_si128 as and_not,
        _mm_cmpeq_epi8 as equal,
        _mm_cmpgt_epi8 as greater,
        _mm_movemask_epi8 as highest_bits,
        _mm_or_si128 as or,
        _mm_set1_epi8 as all,
        _mm_setzero_si128 as none
    ]
);

#[cfg(target_arch = "x86_64")]
by_lanes!(
    avx2,
    "avx2",
    32,
    __m256i,
    [
        _mm256_add_epi8 as add,
        _mm256_andnot_si256 as and_not,
        _mm256_cmpeq_epi8 as equal,
        _mm256_cmpgt_epi8 as greater,
        _mm256_movemask_epi8 as highest_bits,
        _mm256_or_si256 as or,
        _mm256_set1_epi8 as all,
        _mm256_setzero_si256 as none
    ]
);

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi8, _mm512_cmpeq_epi8_mask, _mm512_cmpgt_epi8_mask,
        _mm512_mask_cmpneq_epi8_mask, _mm512_min_epi8, _mm512_movepi8_mask, _mm512_or_si512,
        _mm512_set1_epi8,
    };

    use super::{BLOCK, Chunk, Ends, Facts, Parts, blocks};

    #[target_feature(enable = "avx512bw")]
    pub(super) fn read(chunk: &Chunk, ends: &mut Ends) -> Facts {
        let (mut bare_feeds, mut bare_returns, mut returns) = (0, 0, 0);
        let mut least = _mm512_set1_epi8(1);
        let mut feeds = 0;
        for (ends, (block, ahead)) in ends.iter_mut().zip(blocks(chunk)) {
            let (octets, next) = (load(block), load(ahead));
            let feed = is(octets, b'\n');
            let no_space = _mm512_mask_cmpneq_epi8_mask(feed, next, _mm512_set1_epi8(32));
            *ends = _mm512_mask_cmpneq_epi8_mask(no_space, next, _mm512_set1_epi8(9));
            let (is_return, is_feed) = (is(octets, b'\r'), is(next, b'\n'));
            bare_feeds |= is_feed & !is_return;
            bare_returns |= is_return & !is_feed;
            returns |= is_return;
            // Signed, octets of 128 and above are below 0: all but those above 0 are odd.
            least = _mm512_min_epi8(least, octets);
            feeds |= feed;
        }
        Facts {
            has_bare_feed: bare_feeds != 0,
            has_bare_return: bare_returns != 0,
            has_return: returns != 0,
            has_odd: _mm512_cmpgt_epi8_mask(_mm512_set1_epi8(1), least) != 0,
            is_quiet: feeds == 0,
        }
    }

    #[target_feature(enable = "avx512bw")]
    pub(super) fn name_stops(block: &[u8; BLOCK]) -> u64 {
        let octets = load(block);
        // Signed, one more than 126 is the greatest number, and one more than 127 the least.
        let above = _mm512_add_epi8(octets, _mm512_set1_epi8(1));
        !_mm512_cmpgt_epi8_mask(above, _mm512_set1_epi8(33)) | is(octets, b':')
    }

    #[target_feature(enable = "avx512bw")]
    pub(super) fn parts(block: &[u8; BLOCK]) -> Parts {
        let octets = load(block);
        // Every special character stands alone, or beside one that differs in one bit.
        let with_1 = _mm512_or_si512(octets, _mm512_set1_epi8(1));
        let with_2 = _mm512_or_si512(octets, _mm512_set1_epi8(2));
        let pairs = is(with_1, b')') | is(with_1, b';') | is(with_1, b']') | is(with_2, b'>');
        let quotes = is(octets, b'"');
        let singles = quotes | is(octets, b',') | is(octets, b'@') | is(octets, b'[') | is(octets, 127);
        // Signed, octets of 128 and above are below 0.
        let low = _mm512_cmpgt_epi8_mask(_mm512_set1_epi8(33), octets);
        let beyond_ascii = _mm512_movepi8_mask(octets);
        Parts {
            words: beyond_ascii | !(low | pairs | singles),
            dots: is(octets, b'.'),
            beyond_ascii,
            spaces: is(octets, b' '),
            quote_stops: quotes | is(octets, b'\\') | is(octets, 0) | is(octets, b'\r'),
        }
    }

    #[target_feature(enable = "avx512bw")]
    fn load(block: &[u8; BLOCK]) -> __m512i {
        // SAFETY: any octets are a vector, and the array is as large.
        unsafe { std::mem::transmute::<[u8; BLOCK], __m512i>(*block) }
    }

    #[target_feature(enable = "avx512bw")]
    fn is(octets: __m512i, octet: u8) -> u64 {
        _mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8(octet.cast_signed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kernels() -> Vec<Kernel> {
        let mut kernels = vec![Kernel::Portable];
        #[cfg(target_arch = "x86_64")]
        kernels.extend([Some(Kernel::Sse2), Kernel::avx2(), Kernel::avx512()].into_iter().flatten());
        kernels
    }

    fn read(kernel: Kernel, chunk: &Chunk) -> (Ends, Facts) {
        // What was there before must not show.
        let mut ends = [u64::MAX; BLOCKS];
        let facts = kernel.read(chunk, &mut ends);
        (ends, facts)
    }

    #[test]
    fn every_octet_is_told_in_every_place() {
        for octet in 0..=255_u8 {
            for place in 0..=CHUNK {
                let mut chunk = [b'x'; CHUNK + 1];
                chunk[place] = octet;
                let expected = read(Kernel::Portable, &chunk);
                let is_end = octet == b'\n' && place < CHUNK;
                assert_eq!(expected.0.iter().any(|&ends| ends != 0), is_end);
                for kernel in kernels() {
                    assert_eq!(read(kernel, &chunk), expected, "{kernel:?} {octet} {place}");
                }
            }
        }
    }

    #[test]
    fn names_have_printable_ascii_without_the_colon() {
        for kernel in kernels() {
            for octet in 0..=255_u8 {
                for place in 0..BLOCK {
                    let mut block = [b'x'; BLOCK];
                    block[place] = octet;
                    let is_name = (33..127).contains(&octet) && octet != b':';
                    assert_eq!(kernel.name_stops(&block), u64::from(!is_name) << place, "{kernel:?} {octet}");
                }
            }
        }
    }

    #[test]
    fn every_octet_has_its_part_in_every_place() {
        for octet in 0..=255_u8 {
            for place in 0..BLOCK {
                let mut block = [if place % 2 == 0 { b'x' } else { b'@' }; BLOCK];
                block[place] = octet;
                let expected = Kernel::Portable.parts(&block);
                assert_eq!(expected.words >> place & 1 == 1, octet == b'.' || crate::lex::is_atext(octet));
                for kernel in kernels() {
                    assert_eq!(kernel.parts(&block), expected, "{kernel:?} {octet} {place}");
                }
            }
        }
    }

    #[test]
    fn a_line_ends_a_field_unless_white_space_follows() {
        let mut chunk = [b'x'; CHUNK + 1];
        for (at, octets) in
            [(62, "\r\n"), (100, "\r\n "), (126, "\r\n\t"), (200, "\r\n"), (CHUNK - 2, "\r\n")]
        {
            chunk[at..at + octets.len()].copy_from_slice(octets.as_bytes());
        }
        let (ends, facts) = read(Kernel::Portable, &chunk);
        assert_eq!(ends, [1 << 63, 0, 0, 1 << (201 % BLOCK) | 1 << 63]);
        assert_eq!(facts, Facts { has_return: true, ..Facts::default() });
    }

    proptest! {
        #[test]
        fn every_way_is_the_portable_one(
            octets in proptest::collection::vec(
                prop_oneof![
                    1 => any::<u8>(), 4 => Just(b'a'), 1 => Just(b'\r'), 1 => Just(b'\n'), 1 => Just(b' '), 1 => Just(b'\t')
                ],
                CHUNK + 1
            ),
        ) {
            let chunk: Chunk = octets.try_into().unwrap();
            let expected = read(Kernel::Portable, &chunk);
            for kernel in kernels() {
                prop_assert_eq!(read(kernel, &chunk), expected);
            }
        }
    }
}
