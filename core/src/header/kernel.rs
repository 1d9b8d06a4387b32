//! Which octets of a chunk are what: the one step of scanning that looks at every octet.
//!
//! For each of the octets that the scanner asks about there is a word with a bit for every octet of a
//! block. The wide ways compare 16 or 32 octets at once; [`portable`] is their safe twin, and the tests
//! hold each way to it for every octet in every place.
//!
//! This is the only module with `unsafe`. There are two uses of it. Vectors are loaded from arrays of their
//! own size, by instructions that take any alignment. And functions compiled for SSE2 or AVX2 are called from
//! ones that are not: SSE2 is part of x86-64, and [`Kernel::Avx2`] is only made where the processor has said
//! that it knows AVX2.
#![allow(unsafe_code, reason = "vector loads and the call behind a run-time check; see above")]

/// Octets of a block: one for each bit of a word.
pub(super) const BLOCK: usize = 64;
/// Blocks that are classified in one go.
pub(super) const BLOCKS: usize = 8;
/// Octets that are classified in one go.
pub(super) const CHUNK: usize = BLOCK * BLOCKS;

/// What the octets of a block are; the lowest bit is the first octet.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Classes {
    pub(super) line_feed: u64,
    pub(super) carriage_return: u64,
    /// Space and tab.
    pub(super) white_space: u64,
    pub(super) colon: u64,
    /// 33 to 126: `ftext` of RFC 5322 3.6.8, and the colon.
    pub(super) printable: u64,
}

/// A way of classifying.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kernel {
    /// Octet by octet.
    Portable,
    /// 16 octets at once; every x86-64 processor knows how.
    #[cfg(target_arch = "x86_64")]
    Sse2,
    /// 32 octets at once. Only [`Kernel::avx2`] makes it.
    #[cfg(target_arch = "x86_64")]
    Avx2(Proof),
}

/// That the processor knows AVX2: nothing outside this module can make one.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Proof(());

impl Kernel {
    /// The widest way that this processor knows; `None` where only [`Kernel::Portable`] is.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn widest() -> Option<Kernel> {
        Kernel::avx2().or(Some(Kernel::Sse2))
    }

    /// See the other.
    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    pub(super) fn widest() -> Option<Kernel> {
        None
    }

    /// The way by AVX2, where the processor knows it.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn avx2() -> Option<Kernel> {
        std::arch::is_x86_feature_detected!("avx2").then_some(Kernel::Avx2(Proof(())))
    }

    /// Classifies a chunk.
    #[inline]
    pub(super) fn classify(self, chunk: &[u8; CHUNK], classes: &mut [Classes; BLOCKS]) {
        let (blocks, _) = chunk.as_chunks::<BLOCK>();
        match self {
            Kernel::Portable => {
                for (block, classes) in blocks.iter().zip(classes) {
                    *classes = portable(block);
                }
            }
            #[cfg(target_arch = "x86_64")]
            // SAFETY: SSE2 is part of x86-64.
            Kernel::Sse2 => unsafe { sse2(blocks, classes) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Proof` is only made where the processor has said that it knows AVX2.
            Kernel::Avx2(Proof(())) => unsafe { avx2(blocks, classes) },
        }
    }
}

/// The safe twin of all others.
fn portable(block: &[u8; BLOCK]) -> Classes {
    let mask = |is_meant: fn(u8) -> bool| {
        block.iter().rev().fold(0, |mask, &octet| mask << 1 | u64::from(is_meant(octet)))
    };
    Classes {
        line_feed: mask(|octet| octet == b'\n'),
        carriage_return: mask(|octet| octet == b'\r'),
        white_space: mask(|octet| matches!(octet, b' ' | b'\t')),
        colon: mask(|octet| octet == b':'),
        printable: mask(|octet| matches!(octet, 33..=126)),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn sse2(blocks: &[[u8; BLOCK]], classes: &mut [Classes; BLOCKS]) {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi8, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_loadu_si128, _mm_movemask_epi8,
        _mm_or_si128, _mm_set1_epi8,
    };
    const LANE: usize = 16;
    for (block, classes) in blocks.iter().zip(classes) {
        let (lanes, _) = block.as_chunks::<LANE>();
        *classes = Classes::default();
        for (number, lane) in lanes.iter().enumerate() {
            // SAFETY: the array is as large as the vector; the load takes any alignment.
            let octets = unsafe { _mm_loadu_si128(lane.as_ptr().cast::<__m128i>()) };
            let is = |octet: u8| _mm_cmpeq_epi8(octets, _mm_set1_epi8(octet.cast_signed()));
            let bits = |lanes| u64::from(_mm_movemask_epi8(lanes).cast_unsigned()) << (number * LANE);
            classes.line_feed |= bits(is(b'\n'));
            classes.carriage_return |= bits(is(b'\r'));
            classes.white_space |= bits(_mm_or_si128(is(b' '), is(b'\t')));
            classes.colon |= bits(is(b':'));
            // Comparison is signed: one more than 126 is the greatest number, and one more than 127 the least.
            let above = _mm_add_epi8(octets, _mm_set1_epi8(1));
            classes.printable |= bits(_mm_cmpgt_epi8(above, _mm_set1_epi8(33)));
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(blocks: &[[u8; BLOCK]], classes: &mut [Classes; BLOCKS]) {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi8, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256,
        _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    };
    const LANE: usize = 32;
    for (block, classes) in blocks.iter().zip(classes) {
        let (lanes, _) = block.as_chunks::<LANE>();
        *classes = Classes::default();
        for (number, lane) in lanes.iter().enumerate() {
            // SAFETY: the array is as large as the vector; the load takes any alignment.
            let octets = unsafe { _mm256_loadu_si256(lane.as_ptr().cast::<__m256i>()) };
            let is = |octet: u8| _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(octet.cast_signed()));
            let bits = |lanes| u64::from(_mm256_movemask_epi8(lanes).cast_unsigned()) << (number * LANE);
            classes.line_feed |= bits(is(b'\n'));
            classes.carriage_return |= bits(is(b'\r'));
            classes.white_space |= bits(_mm256_or_si256(is(b' '), is(b'\t')));
            classes.colon |= bits(is(b':'));
            // As in `sse2`.
            let above = _mm256_add_epi8(octets, _mm256_set1_epi8(1));
            classes.printable |= bits(_mm256_cmpgt_epi8(above, _mm256_set1_epi8(33)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kernels() -> Vec<Kernel> {
        let mut kernels = vec![Kernel::Portable];
        #[cfg(target_arch = "x86_64")]
        kernels.extend([Some(Kernel::Sse2), Kernel::avx2()].into_iter().flatten());
        kernels
    }

    fn classify(kernel: Kernel, chunk: &[u8; CHUNK]) -> [Classes; BLOCKS] {
        // What was there before must not show.
        let mut classes = [Classes { colon: u64::MAX, ..Classes::default() }; BLOCKS];
        kernel.classify(chunk, &mut classes);
        classes
    }

    #[test]
    fn every_octet_is_told_in_every_place() {
        for kernel in kernels() {
            for octet in 0..=255_u8 {
                for place in 0..CHUNK {
                    let mut chunk = [b'x'; CHUNK];
                    chunk[place] = octet;
                    let classes = classify(kernel, &chunk);
                    let bit =
                        |mask: fn(&Classes) -> u64| mask(&classes[place / BLOCK]) >> (place % BLOCK) & 1 == 1;
                    assert_eq!(bit(|classes| classes.line_feed), octet == 10, "{kernel:?} {octet} {place}");
                    assert_eq!(
                        bit(|classes| classes.carriage_return),
                        octet == 13,
                        "{kernel:?} {octet} {place}"
                    );
                    assert_eq!(
                        bit(|classes| classes.white_space),
                        octet == 9 || octet == 32,
                        "{kernel:?} {octet}"
                    );
                    assert_eq!(bit(|classes| classes.colon), octet == 58, "{kernel:?} {octet} {place}");
                    assert_eq!(
                        bit(|classes| classes.printable),
                        (33..127).contains(&octet),
                        "{kernel:?} {octet}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_way_is_the_portable_one(octets in proptest::collection::vec(any::<u8>(), CHUNK)) {
            let chunk: [u8; CHUNK] = octets.try_into().unwrap();
            let expected = classify(Kernel::Portable, &chunk);
            for kernel in kernels() {
                prop_assert_eq!(classify(kernel, &chunk), expected);
            }
        }
    }
}
