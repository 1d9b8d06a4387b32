//! The hash of map files: of a domain, for its table, and of a domain's number with a local-part, for
//! the filter. Fast on short texts; it is part of the format and never changes.

/// Odd numbers without a pattern: the fractions of the square roots of 2, 3 and 5.
const STEP: u64 = 0x6a09_e667_f3bc_c909;
const TAIL: u64 = 0xbb67_ae85_84ca_a73b;
const END: u64 = 0x3c6e_f372_fe94_f82b;

/// 64 bits of `text`, other ones for each `seed`. Texts that differ in any octet or in length differ in
/// about half of them.
#[inline]
pub(super) fn hash(seed: u64, text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let mut state = seed.wrapping_mul(STEP) ^ END;
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word), STEP);
    }
    state = fold(state ^ last(rest), TAIL ^ text.len() as u64);
    fold(state, END)
}

/// Up to seven octets as one number.
#[inline]
fn last(rest: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last));
    }
    rest.iter().fold(0, |number, &octet| number << 8 | u64::from(octet))
}

/// Both halves of the product, one over the other.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let [low, high] = halves(u128::from(a) * u128::from(b));
    low ^ high
}

#[inline]
fn halves(product: u128) -> [u64; 2] {
    let octets = product.to_le_bytes();
    let (low, high) = octets.split_at(8);
    [low, high].map(|half| half.first_chunk().map_or(0, |octets| u64::from_le_bytes(*octets)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_hash_never_changes() {
        let texts = ["", "a", "abc", "john.doe", "tenant1.contoso.com"];
        let hashes = texts.map(|text| hash(7, text.as_bytes()));
        let known = [
            12_199_246_418_170_810_880,
            12_570_190_006_079_286_690,
            1_338_148_381_915_102_963,
            3_479_226_200_809_639_194,
            10_674_392_034_545_245_292,
        ];
        assert_eq!(hashes, known);
    }

    #[test]
    fn texts_that_differ_a_little_have_different_hashes() {
        let mut seen = HashSet::new();
        for length in 0..40 {
            let text = vec![b'a'; length];
            assert!(seen.insert(hash(0, &text)), "{length} octets");
            assert!(seen.insert(hash(1, &text)), "another seed");
            for at in 0..length {
                for bit in 0..8 {
                    let mut other = text.clone();
                    other[at] ^= 1 << bit;
                    assert!(seen.insert(hash(0, &other)), "bit {bit} of octet {at} of {length}");
                }
            }
        }
    }
}
