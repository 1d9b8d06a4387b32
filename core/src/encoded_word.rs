//! Encoded-words (RFC 2047): what one says, in UTF-8. Base64 and Q; UTF-8, US-ASCII and ISO-8859-1,
//! since an address is nothing else.
//!
//! Nothing is guessed: a word that is not whole, has padding missing, bits left over, octets that its
//! charset does not know, or half of a character, says nothing.

/// Appends what `word` says. `None` if it is no encoded-word of the kinds above; `out` may have grown
/// by some of it then.
pub(crate) fn decode(word: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let inner = word.strip_prefix(b"=?")?.strip_suffix(b"?=")?;
    let mut parts = inner.split(|&octet| octet == b'?');
    let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || text.is_empty() {
        return None;
    }
    let charset = Charset::named(charset)?;
    let start = out.len();
    match encoding {
        b"Q" | b"q" => decode_q(text, |octet| charset.push(octet, out))?,
        b"B" | b"b" => decode_base64(text, |octet| charset.push(octet, out))?,
        _ => return None,
    }
    // Each word holds whole characters (RFC 2047 5).
    std::str::from_utf8(out.get(start..)?).ok().map(|_| ())
}

#[derive(Clone, Copy)]
enum Charset {
    Utf8,
    Ascii,
    Latin1,
}

impl Charset {
    fn named(name: &[u8]) -> Option<Charset> {
        const CHARSETS: [(&[u8], Charset); 3] =
            [(b"utf-8", Charset::Utf8), (b"us-ascii", Charset::Ascii), (b"iso-8859-1", Charset::Latin1)];
        CHARSETS.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, charset)| charset)
    }

    /// Appends an octet of this charset in UTF-8.
    fn push(self, octet: u8, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Charset::Ascii if !octet.is_ascii() => return None,
            Charset::Latin1 => {
                out.extend_from_slice(char::from(octet).encode_utf8(&mut [0; 2]).as_bytes());
            }
            Charset::Utf8 | Charset::Ascii => out.push(octet),
        }
        Some(())
    }
}

/// The "Q" encoding (RFC 2047 4.2).
fn decode_q(text: &[u8], mut push: impl FnMut(u8) -> Option<()>) -> Option<()> {
    let mut octets = text.iter().copied();
    while let Some(octet) = octets.next() {
        match octet {
            b'_' => push(b' ')?,
            b'=' => push(hex(octets.next()?, octets.next()?)?)?,
            b'!'..=b'~' => push(octet)?,
            _ => return None,
        }
    }
    Some(())
}

/// The "B" encoding: base64 with its padding (RFC 4648 4).
fn decode_base64(text: &[u8], mut push: impl FnMut(u8) -> Option<()>) -> Option<()> {
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    if !text.len().is_multiple_of(4) {
        return None;
    }
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for &digit in group {
            bits = bits << 6 | u32::from(base64_digit(digit)?);
        }
        let missing = 4 - group.len();
        bits <<= 6 * missing;
        let [_, octets @ ..] = bits.to_be_bytes();
        let (said, rest) = octets.split_at_checked(group.len().checked_sub(1)?)?;
        if rest.iter().any(|&octet| octet != 0) {
            return None;
        }
        said.iter().try_for_each(|&octet| push(octet))?;
    }
    Some(())
}

const fn base64_digit(octet: u8) -> Option<u8> {
    Some(match octet {
        b'A'..=b'Z' => octet - b'A',
        b'a'..=b'z' => octet - b'a' + 26,
        b'0'..=b'9' => octet - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// The octet that two hexadecimal digits, in either case, stand for.
pub(crate) const fn hex(high: u8, low: u8) -> Option<u8> {
    match (hex_digit(high), hex_digit(low)) {
        (Some(high), Some(low)) => Some(high << 4 | low),
        _ => None,
    }
}

const fn hex_digit(octet: u8) -> Option<u8> {
    Some(match octet {
        b'0'..=b'9' => octet - b'0',
        b'a'..=b'f' => octet - b'a' + 10,
        b'A'..=b'F' => octet - b'A' + 10,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(word: &str) -> Option<String> {
        let mut out = Vec::new();
        decode(word.as_bytes(), &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn both_encodings_and_three_charsets_are_read() {
        for (word, text) in [
            ("=?utf-8?Q?john=40d.example?=", "john@d.example"),
            ("=?UTF-8?q?a_b=5F=c3=BC?=", "a b_ü"),
            ("=?us-ascii?B?am9obkBkLmV4YW1wbGU=?=", "john@d.example"),
            ("=?utf-8?b?YQ==?=", "a"),
            ("=?utf-8?b?YWJj?=", "abc"),
            ("=?ISO-8859-1?Q?=FC=E9?=", "üé"),
            ("=?iso-8859-1?b?/A==?=", "ü"),
        ] {
            assert_eq!(decoded(word).as_deref(), Some(text), "{word}");
        }
    }

    #[test]
    fn what_is_not_whole_says_nothing() {
        for word in [
            "=?utf-8?q??=",
            "=?utf-8?q?a",
            "=?utf-8?q?a?",
            "=?utf-8?q?a?b?=",
            "=?utf-8?x?a?=",
            "=?utf-8?qq?a?=",
            "=?utf-8*en?q?a?=",
            "=?utf8?q?a?=",
            "=?windows-1252?q?a?=",
            "=?utf-8?q?=4?=",
            "=?utf-8?q?=4g?=",
            "=?utf-8?q?=?=",
            "=?utf-8?q?a b?=",
            "=?utf-8?q?=C3?=",
            "=?utf-8?q?=FF?=",
            "=?us-ascii?q?=C3=BC?=",
            "=?utf-8?q?ü?=",
            "=?utf-8?b?YQ?=",
            "=?utf-8?b?YQ=?=",
            "=?utf-8?b?YR==?=",
            "=?utf-8?b?Y===?=",
            "=?utf-8?b?====?=",
            "=?utf-8?b?YQ==YQ==?=",
            "=?utf-8?b?YW-j?=",
            "=??=",
            "=?=",
            "a",
            "",
        ] {
            assert_eq!(decoded(word), None, "{word}");
        }
    }
}
