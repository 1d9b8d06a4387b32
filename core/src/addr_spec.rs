//! What an addr-spec means: its key.
//!
//! Two addr-specs with the same key are the same mailbox to the map: the local-part unquoted and
//! ASCII-lower-cased, the domain lower-cased, with A-labels, without the dot behind it. Unicode is
//! never folded into ASCII, and nothing is decoded.

use crate::address::AddrSpec;
use crate::error::Error;
use crate::header::kernel::BLOCK;
use crate::idn;
use crate::lex::{copy_tokens, is_plain, unquote};
use crate::reason::Reason;
use crate::room::Room;
use crate::span::{Span, widen};

/// The most octets a local-part can have, without quotes, to be looked up. RFC 5321 4.5.3.1.1 says
/// 64; return paths and encapsulated addresses are longer in practice.
pub const LOCAL_PART_MAX: usize = 512;

/// The most octets a domain can have (RFC 1035 2.3.4, RFC 5321 4.5.3.1.2).
pub const DOMAIN_MAX: usize = 255;

/// One address, taken apart for looking up. Its buffers are reused from address to address.
#[derive(Debug, Default)]
pub(crate) struct Address {
    /// The local-part in external form: as it stands, without comments and white space around its
    /// words.
    pub(crate) local_text: Vec<u8>,
    /// The local-part in internal form: without quotes.
    pub(crate) local_part: Vec<u8>,
    /// The same, ASCII-lower-cased.
    pub(crate) local_key: Vec<u8>,
    /// The domain as it stands, without comments and white space.
    pub(crate) domain_text: Vec<u8>,
    /// The domain, ASCII-lower-cased, without the dot behind it; A-labels if it is in canonical
    /// Unicode form. Other domains with octets of 128 and above stay as they are, which no key is.
    pub(crate) domain_key: Vec<u8>,
    /// Whether the domain stands in Unicode form and its key does not.
    pub(crate) has_u_labels: bool,
}

impl Address {
    /// Makes room for any address that can be looked up, so that it does not matter which of several buffers
    /// gets which address.
    pub(crate) fn room(&mut self) -> Result<(), Error> {
        for text in [&mut self.local_text, &mut self.local_part, &mut self.local_key] {
            text.room(LOCAL_PART_MAX)?;
        }
        self.domain_text.room(DOMAIN_MAX)?;
        self.domain_key.room(DOMAIN_MAX)
    }

    /// Takes `addr_spec` of `body` apart.
    pub(crate) fn read(&mut self, body: &[u8], addr_spec: &AddrSpec) -> Result<(), Reason> {
        self.read_parts(addr_spec.local_part.of(body), addr_spec.domain.of(body))
    }

    /// Reads the key alone of two dot-atoms in ASCII of fewer octets than a window, in the body that `ahead` begins
    /// with: with copies of one length, whatever theirs is. `false` if there are too few octets for that.
    #[inline]
    pub(crate) fn read_usual_key(&mut self, ahead: &[u8], addr_spec: &AddrSpec) -> bool {
        const SHORT: usize = BLOCK / 2;
        if addr_spec.local_part.len().max(addr_spec.domain.len()) <= SHORT {
            self.read_key_in::<SHORT>(ahead, addr_spec)
        } else {
            self.read_key_in::<BLOCK>(ahead, addr_spec)
        }
    }

    #[inline]
    fn read_key_in<const SIZE: usize>(&mut self, ahead: &[u8], addr_spec: &AddrSpec) -> bool {
        let AddrSpec { local_part, domain } = *addr_spec;
        let (Some(local_text), Some(domain_text)) =
            (window::<SIZE>(ahead, local_part), window::<SIZE>(ahead, domain))
        else {
            return false;
        };
        put(&lower_case(local_text), local_part.len(), &mut self.local_key);
        put(&lower_case(domain_text), domain.len(), &mut self.domain_key);
        true
    }

    /// Reads what else there is of an address of which [`read_usual_key`](Self::read_usual_key) has read the key.
    #[inline]
    pub(crate) fn read_usual_texts(&mut self, ahead: &[u8], addr_spec: &AddrSpec) {
        let (local_text, domain_text) = (addr_spec.local_part.of(ahead), addr_spec.domain.of(ahead));
        // Whatever happens, nothing is left of the address that was here before.
        for (buffer, text) in [
            (&mut self.local_text, local_text),
            (&mut self.local_part, local_text),
            (&mut self.domain_text, domain_text),
        ] {
            buffer.clear();
            buffer.extend_from_slice(text);
        }
        self.has_u_labels = false;
    }

    /// Takes a local-part and a domain apart that are well-formed, each with whatever comments
    /// and white space stands in it.
    pub(crate) fn read_parts(&mut self, local_part: &[u8], domain: &[u8]) -> Result<(), Reason> {
        self.domain_text.clear();
        self.local_text.clear();
        self.local_part.clear();
        self.local_key.clear();
        self.domain_key.clear();
        let is_plain_domain = copy_text(domain, &mut self.domain_text);
        let is_plain_local_part = copy_text(local_part, &mut self.local_text);
        if is_plain_local_part {
            self.local_part.extend_from_slice(&self.local_text);
        } else {
            unquote_words(&self.local_text, &mut self.local_part);
        }
        if self.local_part.len() > LOCAL_PART_MAX || self.domain_text.len() > DOMAIN_MAX {
            return Err(Reason::AddressTooLong);
        }
        self.local_key.extend_from_slice(&self.local_part);
        self.local_key.make_ascii_lowercase();
        let domain = self.domain_text.strip_suffix(b".").unwrap_or(&self.domain_text);
        let a_labels = if is_plain_domain || domain.is_ascii() { None } else { idn::to_a_labels(domain) };
        self.has_u_labels = a_labels.is_some();
        let domain = a_labels.as_ref().map_or(domain, String::as_bytes);
        self.domain_key.extend_from_slice(domain);
        self.domain_key.make_ascii_lowercase();
        let is_plain = is_plain_domain && is_plain_local_part;
        if !is_plain && self.local_text.iter().chain(&self.domain_text).any(u8::is_ascii_control) {
            return Err(Reason::ControlCharacter);
        }
        Ok(())
    }

    /// Appends the address without comments and white space, as it stands apart from that.
    pub(crate) fn write_text(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.local_text);
        out.push(b'@');
        out.extend_from_slice(&self.domain_text);
    }

    /// Whether the address has octets of 128 and above: only internationalised mail has (RFC 6532).
    pub(crate) fn is_international(&self) -> bool {
        !self.local_part.is_ascii() || !self.domain_text.is_ascii()
    }

    /// Whether the domain is one of names, not an address literal, and has a key: what domain
    /// entries can be about.
    pub(crate) fn has_plain_domain(&self) -> bool {
        self.domain_key.is_ascii() && !self.domain_key.starts_with(b"[")
    }
}

#[inline]
fn lower_case<const SIZE: usize>(window: &[u8; SIZE]) -> [u8; SIZE] {
    let mut lower = *window;
    lower.make_ascii_lowercase();
    lower
}

/// The octets from the start of a place on.
#[inline]
fn window<const SIZE: usize>(ahead: &[u8], place: Span) -> Option<&[u8; SIZE]> {
    ahead.get(widen(place.start)..)?.first_chunk()
}

/// Puts the first octets of a window into a buffer.
#[inline]
fn put<const SIZE: usize>(window: &[u8; SIZE], length: usize, buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.extend_from_slice(window);
    buffer.truncate(length);
}

/// Appends a local-part or domain without comments and white space; returns whether it is nothing but
/// octets of atoms, and dots.
fn copy_text(text: &[u8], out: &mut Vec<u8>) -> bool {
    let is_plain = is_plain(text);
    if is_plain {
        out.extend_from_slice(text);
    } else {
        copy_tokens(text, out);
    }
    is_plain
}

/// Appends a local-part without its quotes; each of its words may be quoted or not (RFC 5322 4.4).
fn unquote_words(local_text: &[u8], out: &mut Vec<u8>) {
    if !local_text.contains(&b'"') {
        out.extend_from_slice(local_text);
        return;
    }
    let mut rest = local_text;
    while let Some(&octet) = rest.first() {
        let length = if octet == b'"' { quoted_length(rest) } else { 1 };
        let (word, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        if octet == b'"' {
            unquote(word, out);
        } else {
            out.extend_from_slice(word);
        }
        rest = behind;
    }
}

/// Octets of the quoted-string at the start of `text`, its quotes included.
fn quoted_length(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&octet) = text.get(at) {
        match octet {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(local_part: &str, domain: &str) -> String {
        let mut address = Address::default();
        address.read_parts(local_part.as_bytes(), domain.as_bytes()).unwrap();
        format!(
            "{}@{}",
            String::from_utf8_lossy(&address.local_key),
            String::from_utf8_lossy(&address.domain_key)
        )
    }

    #[test]
    fn spellings_of_one_mailbox_have_one_key() {
        for (local_part, domain) in [
            ("john.doe", "d.example"),
            ("JOHN.Doe", "D.Example."),
            ("\"john.doe\"", "d.example"),
            ("\"jo\\hn\".doe", "d (x) . example"),
            ("john (the) . \r\n doe", " d.example"),
        ] {
            assert_eq!(key(local_part, domain), "john.doe@d.example", "{local_part}@{domain}");
        }
        assert_eq!(key("\"a\\\"\\\\@ b\"", "d"), "a\"\\@ b@d");
    }

    #[test]
    fn unicode_is_not_folded_into_ascii() {
        // KELVIN SIGN, LATIN SMALL LETTER LONG S, FULLWIDTH LATIN SMALL LETTER A
        for lookalike in ["\u{212a}", "\u{17f}", "\u{ff41}"] {
            assert!(!key(lookalike, "d").is_ascii());
            assert!(!key("x", lookalike).is_ascii());
        }
    }

    #[test]
    fn both_spellings_of_an_international_domain_have_one_key() {
        assert_eq!(key("x", "b\u{fc}cher.Example."), "x@xn--bcher-kva.example");
        assert_eq!(key("x", "XN--BCHER-KVA.example"), "x@xn--bcher-kva.example");
    }

    #[test]
    fn what_no_map_can_hold_is_refused() {
        let mut address = Address::default();
        let long = vec![b'a'; LOCAL_PART_MAX + 1];
        assert_eq!(address.read_parts(&long, b"d"), Err(Reason::AddressTooLong));
        assert_eq!(address.read_parts(b"a", &vec![b'd'; DOMAIN_MAX + 1]), Err(Reason::AddressTooLong));
        assert_eq!(address.read_parts(b"\"a\x01\"", b"d"), Err(Reason::ControlCharacter));
    }
}
