//! Where the name of a field ends, for ways of scanning whose kernel has not told it.

use crate::lex::{each, is_ftext};
use crate::span::widen;

/// Where the octets of a field name that goes on at `from` end.
pub(super) fn name_end(message: &[u8], from: usize) -> usize {
    let (words, rest) = message.get(from..).unwrap_or_default().as_chunks();
    for (nth, word) in words.iter().enumerate() {
        let stops = name_stops(*word);
        if stops != 0 {
            return from + 8 * nth + widen(stops.trailing_zeros() / 8);
        }
    }
    from + 8 * words.len() + rest.iter().take_while(|&&octet| is_ftext(octet)).count()
}

/// The highest bit of each of eight octets that no field name has: all but `ftext` of RFC 5322 3.6.8.
#[inline]
fn name_stops(octets: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(octets);
    // Of each octet, the low seven bits: no sum reaches the next one.
    let low = word & each(0x7f);
    let behind_space = low + each(0x80 - 33);
    let delete = low + each(1);
    let no_colon = (low ^ each(b':')) + each(0x7f);
    (!behind_space | delete | !no_colon | word) & each(0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_where_an_octet_is_that_no_name_has() {
        for octet in 0..=255 {
            for length in 0..20 {
                for behind in 0..10 {
                    let text = [vec![b'~'; length], vec![octet], vec![b'!'; behind]].concat();
                    let end = if is_ftext(octet) { text.len() } else { length };
                    assert_eq!(name_end(&text, 0), end, "{octet} behind {length} and before {behind}");
                }
            }
        }
    }
}
