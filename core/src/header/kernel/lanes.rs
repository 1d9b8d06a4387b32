//! The ways by vectors whose comparisons give vectors.

/// A way: the instructions differ by their names alone.
macro_rules! by_lanes {
    ($module:ident, $feature:literal, $lane:literal, $vector:ident, [$($instruction:ident as $name:ident),*]) => {
        pub(super) mod $module {
            use std::arch::x86_64::{$vector as Vector, $($instruction as $name),*};

            use super::super::read::{Facts, Found, read_by};
            use super::super::{BLOCK, Parts, ask_for};

            const LANE: usize = $lane;

            read_by!($feature);

            /// In every place of a lane, what was found there.
            struct Sums {
                /// Carriage returns without a line feed behind them, or line feeds without one before.
                bare: Vector,
                odd: Vector,
                /// Line feeds that no field begins behind.
                over: Vector,
            }

            impl Sums {
                #[target_feature(enable = $feature)]
                fn new() -> Sums {
                    Sums { bare: none(), odd: none(), over: none() }
                }

                #[inline]
                #[target_feature(enable = $feature)]
                fn ends(&mut self, block: &[u8; BLOCK], ahead: &[u8; BLOCK]) -> u64 {
                    let lanes = block.as_chunks::<LANE>().0.iter().zip(ahead.as_chunks::<LANE>().0);
                    let mut ends = 0;
                    for (number, (lane, ahead)) in lanes.enumerate() {
                        let (octets, next) = (load(lane), load(ahead));
                        let feed = is(octets, b'\n');
                        let white_space = or(is(next, b' '), is(next, b'\t'));
                        let end = and_not(white_space, feed);
                        ends |= bits(end) << (number * LANE);
                        // Signed, octets of 128 and above are below 0.
                        self.over = or(self.over, and(end, greater(all(14), next)));
                        self.bare = or(self.bare, xor(is(octets, b'\r'), is(next, b'\n')));
                        self.odd = or(self.odd, greater(all(1), octets));
                    }
                    ends
                }

                #[inline]
                #[target_feature(enable = $feature)]
                fn is_over(&self) -> bool {
                    bits(self.over) != 0
                }

                #[target_feature(enable = $feature)]
                fn has_bare(&self) -> bool {
                    bits(self.bare) != 0
                }

                #[target_feature(enable = $feature)]
                fn has_odd(&self) -> bool {
                    bits(self.odd) != 0
                }
            }

            /// The octets of a block that no field name has: all but `ftext` of RFC 5322 3.6.8.
            #[inline]
            #[target_feature(enable = $feature)]
            fn name_stops(block: &[u8; BLOCK]) -> u64 {
                let mut names = 0;
                for (number, lane) in block.as_chunks::<LANE>().0.iter().enumerate() {
                    let octets = load(lane);
                    // Signed, one more than 126 is the greatest number, and one more than 127 the least.
                    let printable = greater(add(octets, all(1)), all(33));
                    names |= bits(and_not(is(octets, b':'), printable)) << (number * LANE);
                }
                !names
            }

            #[target_feature(enable = $feature)]
            pub(in crate::header::kernel) fn parts(block: &[u8; BLOCK]) -> Parts {
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

            #[inline]
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

by_lanes!(
    sse2,
    "sse2",
    16,
    __m128i,
    [
        _mm_add_epi8 as add,
        _mm_and_si128 as and,
        _mm_andnot_si128 as and_not,
        _mm_cmpeq_epi8 as equal,
        _mm_cmpgt_epi8 as greater,
        _mm_movemask_epi8 as highest_bits,
        _mm_or_si128 as or,
        _mm_set1_epi8 as all,
        _mm_setzero_si128 as none,
        _mm_xor_si128 as xor
    ]
);

by_lanes!(
    avx2,
    "avx2,bmi1,bmi2,lzcnt,popcnt",
    32,
    __m256i,
    [
        _mm256_add_epi8 as add,
        _mm256_and_si256 as and,
        _mm256_andnot_si256 as and_not,
        _mm256_cmpeq_epi8 as equal,
        _mm256_cmpgt_epi8 as greater,
        _mm256_movemask_epi8 as highest_bits,
        _mm256_or_si256 as or,
        _mm256_set1_epi8 as all,
        _mm256_setzero_si256 as none,
        _mm256_xor_si256 as xor
    ]
);
