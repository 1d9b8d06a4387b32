//! Where fields begin and names end: the one step of scanning that looks at every octet. And what the octets of
//! address lists can be a part of.
//!
//! Each octet, and the one behind it, is compared with those that the scanner asks about, which gives words with
//! a bit for each octet. The wide ways compare 16, 32 or 64 octets at once; `portable` is their safe twin, and
//! the tests hold each way to it for every octet in every place.
//!
//! This is the only module with `unsafe`. There are three uses of it. Vectors are made of arrays of their
//! own size. Memory is asked for ahead, by an instruction that reads nothing. And functions compiled for more
//! than x86-64 has at least are called from ones that are not: only for a [`Kernel`] with a [`Proof`], which is
//! only made where the processor has said that it knows what the function is compiled for.
#![allow(unsafe_code, reason = "vectors and calls behind a run-time check; see above")]
#![allow(clippy::inline_always, reason = "what the ways have in common is compiled for each of them")]

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod portable;
mod read;

#[cfg(target_arch = "x86_64")]
use std::sync::atomic::{AtomicU8, Ordering};

#[cfg(target_arch = "x86_64")]
use lanes::{avx2, sse2};

pub(super) use read::{Facts, Found};

/// Octets of a block: one for each bit of a word.
pub(crate) const BLOCK: usize = 64;

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
    #[expect(clippy::unnecessary_wraps, reason = "on other processors there is none")]
    #[inline]
    pub(crate) fn widest() -> Option<Kernel> {
        // Asked for each message and list, and the processor once; several threads may ask it at a time. Waiting
        // for each other is what a child would do for ever whose parent forked meanwhile.
        static WIDEST: AtomicU8 = AtomicU8::new(0);
        match WIDEST.load(Ordering::Relaxed) {
            // The proofs: these are only stored where the processor has said that it knows them.
            3 => Some(Kernel::Avx512(Proof(()))),
            2 => Some(Kernel::Avx2(Proof(()))),
            1 => Some(Kernel::Sse2),
            _ => {
                let (widest, number) = match (Kernel::avx512(), Kernel::avx2()) {
                    (Some(kernel), _) => (kernel, 3),
                    (None, Some(kernel)) => (kernel, 2),
                    (None, None) => (Kernel::Sse2, 1),
                };
                WIDEST.store(number, Ordering::Relaxed);
                Some(widest)
            }
        }
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
        let knows = is_x86_feature_detected!("avx2") && knows_bits();
        knows.then_some(Kernel::Avx2(Proof(())))
    }

    /// The way by AVX-512, where the processor knows it.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn avx512() -> Option<Kernel> {
        let knows = is_x86_feature_detected!("avx512bw") && knows_bits();
        knows.then_some(Kernel::Avx512(Proof(())))
    }

    /// Reads the octets of a message from `from` on, up to [`CHUNK`](read::CHUNK) of them. Fields are wanted by their
    /// first octets.
    #[inline]
    pub(super) fn read(
        self,
        message: &[u8],
        from: usize,
        is_wanted: impl Fn([u8; 4]) -> bool,
        found: &mut Found,
    ) {
        match self {
            Kernel::Portable => portable::read(message, from, is_wanted, found),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: SSE2 is part of x86-64.
            Kernel::Sse2 => unsafe { sse2::read(message, from, is_wanted, found) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: see `Proof`.
            Kernel::Avx2(Proof(())) => unsafe { avx2::read(message, from, is_wanted, found) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: see `Proof`.
            Kernel::Avx512(Proof(())) => unsafe { avx512::read(message, from, is_wanted, found) },
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

/// Whether the processor knows the instructions about bits that wide ways are compiled with.
#[cfg(target_arch = "x86_64")]
#[inline]
fn knows_bits() -> bool {
    is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

/// How far ahead of the block that is read the next ones are asked for: a few hundred octets are read in less
/// time than memory takes to answer.
const AHEAD: usize = 3072;

/// Asks for the octets of a block further on, which may be there or not.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
fn ask_for(block: &[u8; BLOCK]) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    let octet = block.as_ptr().wrapping_add(AHEAD);
    // SAFETY: a hint: nothing is read.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(octet.cast()) };
}

#[inline(always)]
#[cfg(not(target_arch = "x86_64"))]
fn ask_for(_block: &[u8; BLOCK]) {}

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

#[cfg(test)]
mod tests {
    use super::read::CHUNK;
    use super::*;
    use proptest::prelude::*;

    fn kernels() -> Vec<Kernel> {
        let mut kernels = vec![Kernel::Portable];
        #[cfg(target_arch = "x86_64")]
        kernels.extend([Some(Kernel::Sse2), Kernel::avx2(), Kernel::avx512()].into_iter().flatten());
        kernels
    }

    type Read = (Vec<(usize, usize)>, usize, Facts);

    fn read(kernel: Kernel, message: &[u8], from: usize, found: &mut Found) -> Read {
        kernel.read(message, from, |octets| octets.starts_with(b"To:"), found);
        let marks: Vec<usize> = (0..).map_while(|nth| found.mark(nth)).collect();
        let fields = (0..found.count()).map(|nth| {
            let name = found.name(nth).unwrap_or(0);
            let place = found.place(nth).unwrap();
            let is_wanted = message.get(from + place..).is_none_or(|octets| octets.starts_with(b"To:"));
            assert_eq!(marks.contains(&nth), name == 0 || is_wanted);
            (place, name)
        });
        (fields.collect(), found.octets, found.facts)
    }

    fn fresh(kernel: Kernel, message: &[u8]) -> Read {
        read(kernel, message, 0, &mut Found::new())
    }

    /// The names that octets behind line feeds are for `kernel`, from its places.
    fn names(kernel: Kernel, message: &[u8]) -> Vec<usize> {
        fresh(kernel, message).0.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn every_octet_is_told_in_every_place() {
        for octet in 0..=255_u8 {
            for place in 0..=3 * BLOCK {
                let mut message = [b'x'; 3 * BLOCK + 1];
                message[place] = octet;
                let expected = fresh(Kernel::Portable, &message);
                let is_end = octet == b'\n' && place < 3 * BLOCK;
                assert_eq!(expected.0, if is_end { vec![(place + 1, 0)] } else { vec![] });
                for kernel in kernels() {
                    assert_eq!(fresh(kernel, &message), expected, "{kernel:?} {octet} {place}");
                }
            }
        }
    }

    #[test]
    fn names_have_printable_ascii_without_the_colon() {
        for kernel in kernels() {
            for octet in 0..=255_u8 {
                for place in 0..BLOCK - 2 {
                    let mut message = [&b"\n"[..], &[b'x'; BLOCK - 1], b":"].concat();
                    message[place + 1] = octet;
                    message[BLOCK - 1] = b':';
                    let is_name = (33..127).contains(&octet) && octet != b':';
                    let expected = match octet {
                        b':' => place,
                        _ if is_name => BLOCK - 2,
                        _ => 0,
                    };
                    let found = names(kernel, &message);
                    let is_folded = place == 0 && matches!(octet, b' ' | b'\t');
                    let expected = (!is_folded).then_some(expected);
                    assert_eq!(found.first().copied(), expected, "{kernel:?} {octet} {place}");
                }
            }
        }
    }

    #[test]
    fn a_name_is_known_up_to_63_octets_wherever_it_stands() {
        for kernel in kernels() {
            for length in 0..70 {
                for behind in [0, 1, 62, 63, 64, 65, 200] {
                    let name = "n".repeat(length);
                    let message = format!("\n{name}:{}", "x".repeat(behind));
                    let expected = if length < BLOCK { length } else { 0 };
                    let found = names(kernel, message.as_bytes());
                    assert_eq!(found, [expected], "{kernel:?}: {length} octets, {behind} behind");
                }
            }
        }
    }

    #[test]
    fn what_is_read_ends_where_a_block_might_have_more_fields_than_there_is_room_for() {
        let message = b"\n".repeat(5 * BLOCK);
        for kernel in kernels() {
            let mut found = Found::new();
            let (mut from, mut places) = (0, 0);
            while from < message.len() {
                let (listed, octets, _) = read(kernel, &message, from, &mut found);
                assert!((BLOCK..=CHUNK).contains(&octets), "{kernel:?}");
                (from, places) = (from + octets, places + listed.len());
            }
            assert_eq!(places, message.len() - 1, "{kernel:?}: all but the last octet");
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
    fn a_field_begins_behind_a_line_feed_unless_white_space_follows() {
        let mut message = vec![b'x'; CHUNK + 1];
        for (at, octets) in
            [(62, "\r\nTo:"), (100, "\r\n "), (126, "\r\n\t"), (200, "\r\n:"), (CHUNK - 2, "\r\n")]
        {
            message[at..at + octets.len()].copy_from_slice(octets.as_bytes());
        }
        for kernel in kernels() {
            let (places, octets, facts) = fresh(kernel, &message);
            assert_eq!(places, [(64, 2), (202, 0), (CHUNK, 0)]);
            assert_eq!(octets, CHUNK);
            assert_eq!(facts, Facts::default());
        }
    }

    proptest! {
        #[test]
        fn every_way_is_the_portable_one(
            message in proptest::collection::vec(
                prop_oneof![
                    1 => any::<u8>(), 40 => Just(b'a'), 2 => Just(b'\r'), 2 => Just(b'\n'), 1 => Just(b' '),
                    1 => Just(b'\t'), 2 => Just(b':')
                ],
                0..40 * BLOCK
            ),
            from in 0..20 * BLOCK,
        ) {
            let from = from.min(message.len());
            // What was there before must not show.
            let mut found = Found::new();
            let expected = read(Kernel::Portable, &message, from, &mut found);
            for kernel in kernels() {
                prop_assert_eq!(&read(kernel, &message, from, &mut found), &expected, "{:?}", kernel);
            }
        }
    }
}
