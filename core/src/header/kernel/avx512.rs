//! The way by vectors of 64 octets.

use std::arch::x86_64::{
    __m512i, _mm_setr_epi8, _mm512_broadcast_i32x4, _mm512_cmpeq_epi8_mask, _mm512_cmpgt_epi8_mask,
    _mm512_max_epi8, _mm512_min_epi8, _mm512_min_epu8, _mm512_movepi8_mask, _mm512_or_si512,
    _mm512_set1_epi8, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_sub_epi8, _mm512_subs_epu8,
    _mm512_test_epi8_mask, _mm512_testn_epi8_mask, _mm512_xor_si512,
};

use super::read::{Facts, Found, read_by};
use super::{BLOCK, Parts, ask_for};

read_by!("avx512bw,bmi1,bmi2,lzcnt,popcnt");

/// In every place of a block, what was found there. Comparisons of such vectors give words, and fewer of them are done
/// in a time than of anything that gives vectors: so 0 and not 0 are counted with for as long as possible.
struct Sums {
    /// Not 0 where there were carriage returns without a line feed behind them, or line feeds without one before.
    bare: __m512i,
    /// The least octet there was, or 1. Signed: those of 128 and above are below 0.
    least: __m512i,
    /// 0 where there was a line feed that no field begins behind.
    over: __m512i,
}

impl Sums {
    #[target_feature(enable = "avx512bw,bmi1,bmi2,lzcnt,popcnt")]
    fn new() -> Sums {
        let one = _mm512_set1_epi8(1);
        Sums { bare: _mm512_setzero_si512(), least: one, over: one }
    }

    #[inline]
    #[target_feature(enable = "avx512bw,bmi1,bmi2,lzcnt,popcnt")]
    fn ends(&mut self, block: &[u8; BLOCK], ahead: &[u8; BLOCK]) -> u64 {
        let (octets, next) = (load(block), load(ahead));
        let (one, feed, carriage_return) = (_mm512_set1_epi8(1), _mm512_set1_epi8(10), _mm512_set1_epi8(13));
        // By its low four bits: the space or tab that an octet is, if it is one.
        let white_space = _mm_setr_epi8(32, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0);
        let white_space = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(white_space), next);
        // 0 for a line feed, and 1 for white space.
        let is_feed = _mm512_xor_si512(octets, feed);
        let is_space = _mm512_subs_epu8(one, _mm512_xor_si512(white_space, next));
        let is_end = _mm512_or_si512(is_feed, is_space);
        // 0 for all up to 13, signed.
        let is_control = _mm512_xor_si512(_mm512_max_epi8(next, carriage_return), carriage_return);
        self.over = _mm512_min_epu8(self.over, _mm512_or_si512(is_end, is_control));
        let is_return = _mm512_min_epu8(_mm512_xor_si512(octets, carriage_return), one);
        let is_feed_next = _mm512_min_epu8(_mm512_xor_si512(next, feed), one);
        self.bare = _mm512_or_si512(self.bare, _mm512_xor_si512(is_return, is_feed_next));
        self.least = _mm512_min_epi8(self.least, octets);
        _mm512_testn_epi8_mask(is_end, is_end)
    }

    #[inline]
    #[target_feature(enable = "avx512bw,bmi1,bmi2,lzcnt,popcnt")]
    fn is_over(&self) -> bool {
        _mm512_testn_epi8_mask(self.over, self.over) != 0
    }

    #[target_feature(enable = "avx512bw,bmi1,bmi2,lzcnt,popcnt")]
    fn has_bare(&self) -> bool {
        _mm512_test_epi8_mask(self.bare, self.bare) != 0
    }

    #[target_feature(enable = "avx512bw,bmi1,bmi2,lzcnt,popcnt")]
    fn has_odd(&self) -> bool {
        _mm512_cmpgt_epi8_mask(_mm512_set1_epi8(1), self.least) != 0
    }
}

/// The octets of a block that no field name has: all but `ftext` of RFC 5322 3.6.8.
#[inline]
#[target_feature(enable = "avx512bw,bmi1,bmi2,lzcnt,popcnt")]
fn name_stops(block: &[u8; BLOCK]) -> u64 {
    let octets = load(block);
    let above = _mm512_subs_epu8(_mm512_sub_epi8(octets, _mm512_set1_epi8(33)), _mm512_set1_epi8(93));
    let is_colon = _mm512_subs_epu8(_mm512_set1_epi8(1), _mm512_xor_si512(octets, _mm512_set1_epi8(58)));
    let stops = _mm512_or_si512(above, is_colon);
    _mm512_test_epi8_mask(stops, stops)
}

#[target_feature(enable = "avx512bw,bmi1,bmi2,lzcnt,popcnt")]
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

#[target_feature(enable = "avx512bw,bmi1,bmi2,lzcnt,popcnt")]
fn load(block: &[u8; BLOCK]) -> __m512i {
    // SAFETY: any octets are a vector, and the array is as large.
    unsafe { std::mem::transmute::<[u8; BLOCK], __m512i>(*block) }
}

#[target_feature(enable = "avx512bw,bmi1,bmi2,lzcnt,popcnt")]
fn is(octets: __m512i, octet: u8) -> u64 {
    _mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8(octet.cast_signed()))
}
