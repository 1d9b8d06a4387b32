//! Lists of URIs in angle brackets (RFC 2369), and the addresses in their `mailto` ones (RFC 6068).
//!
//! White space inside the brackets means nothing (RFC 2369 2) and comments stand outside them. The
//! addresses are what stands between `mailto:` and the `?`, or the end, separated by commas. Each is
//! percent-decoded once, and has to be an addr-spec then, without comments and white space. What
//! stands behind the `?` is never looked at, nor is any other URI.
//!
//! Time is linear in the body: the cursor never goes back, and no octet of a URI is decoded twice.

use crate::address::unexpected;
use crate::body::{BARE_ADDRESS_MAX, FieldBody};
use crate::encoded_word::hex;
use crate::error::Error;
use crate::field::{LIST_UNSUBSCRIBE, LIST_UNSUBSCRIBE_POST};
use crate::header::is_wsp;
use crate::lex::Cursor;
use crate::reason::Reason;
use crate::room::Room;
use crate::scratch::{Scratch, TEXT_OF_ADDRESS};
use crate::signature::{SignatureKind, dkim_covers};
use crate::span::{Span, narrow, widen};
use crate::tracked::TrackedFields;

/// What a list of URIs is made of, as far as addresses go. Offsets count from the start of the body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum UriItem {
    /// One of the addresses of a `mailto` URI.
    Address {
        /// The `<` of the URI.
        angle: u32,
        /// The address as it stands, percent-encoded, perhaps with white space in it.
        place: Span,
    },
    /// A stretch up to the next comma that is no URI in angle brackets.
    Malformed {
        /// The octet at which it stops being one.
        at: u32,
        /// What is wrong there.
        reason: Reason,
    },
}

/// Iterates over the addresses of a field body.
#[derive(Clone, Debug)]
pub(crate) struct UriList<'b> {
    body: &'b [u8],
    cursor: Cursor<'b>,
    /// The `<` of the `mailto` URI being read, and its addresses that are still to come.
    angle: u32,
    addresses: Span,
}

impl<'b> UriList<'b> {
    /// The list of URIs in `body`, a field's octets behind its colon.
    pub(crate) fn new(body: &'b [u8]) -> UriList<'b> {
        UriList { body, cursor: Cursor::new(body), angle: 0, addresses: Span::default() }
    }

    /// The next address of the URI being read; white space around it is no part of it.
    fn address(&mut self) -> Option<UriItem> {
        while !self.addresses.is_empty() {
            let rest = self.addresses.of(self.body);
            let start = widen(self.addresses.start);
            let length = memchr::memchr(b',', rest).unwrap_or(rest.len());
            self.addresses = Span::new(start + length + 1, widen(self.addresses.end));
            let piece = rest.get(..length).unwrap_or_default();
            let is_text = |octet: &u8| !is_space(*octet);
            let first = piece.iter().position(is_text);
            if let Some((first, last)) = first.zip(piece.iter().rposition(is_text)) {
                let place = Span::new(start + first, start + last + 1);
                return Some(UriItem::Address { angle: self.angle, place });
            }
        }
        None
    }

    /// Steps over a URI, or nothing, and the comma behind it.
    fn uri(&mut self) -> Result<(), Reason> {
        self.cursor.skip_cfws()?;
        let angle = self.cursor.position();
        match self.cursor.peek() {
            Some(b'<') => self.cursor.advance(),
            Some(b',') => {
                self.cursor.advance();
                return Ok(());
            }
            Some(octet) => return Err(unexpected(octet)),
            None => return Ok(()),
        }
        let is_mailto = self.scheme()?;
        let start = self.cursor.position();
        let end = self.rest_of_uri()?;
        self.cursor.skip_cfws()?;
        match self.cursor.peek() {
            None => {}
            Some(b',') => self.cursor.advance(),
            Some(octet) if octet.is_ascii_control() => return Err(Reason::ControlCharacter),
            Some(_) => return Err(Reason::TextAfterAddress),
        }
        if is_mailto {
            self.angle = narrow(angle);
            self.addresses = Span::new(start, end);
        }
        Ok(())
    }

    /// scheme ":" (RFC 3986 3.1); whether it is `mailto`.
    fn scheme(&mut self) -> Result<bool, Reason> {
        const MAILTO: &[u8] = b"mailto";
        let (mut length, mut is_mailto) = (0, true);
        loop {
            self.cursor.skip_fws();
            match self.cursor.peek() {
                Some(b':') if length > 0 => {
                    self.cursor.advance();
                    return Ok(is_mailto && length == MAILTO.len());
                }
                Some(octet)
                    if octet.is_ascii_alphabetic()
                        || (length > 0 && matches!(octet, b'0'..=b'9' | b'+' | b'-' | b'.')) =>
                {
                    is_mailto &= MAILTO.get(length).is_some_and(|known| known.eq_ignore_ascii_case(&octet));
                    length += 1;
                    self.cursor.advance();
                }
                Some(octet) => return Err(unexpected(octet)),
                None => return Err(Reason::UnterminatedAngleAddr),
            }
        }
    }

    /// Steps over the rest of a URI and the `>`; returns where its path ends. What no reader takes for
    /// a part of a URI ends the attempt: brackets, quotes, backslashes (RFC 3986 appendix C).
    fn rest_of_uri(&mut self) -> Result<usize, Reason> {
        let mut end = None;
        loop {
            self.cursor.skip_fws();
            match self.cursor.peek() {
                Some(b'>') => {
                    let end = end.unwrap_or(self.cursor.position());
                    self.cursor.advance();
                    return Ok(end);
                }
                Some(b'?' | b'#') => {
                    end = end.or(Some(self.cursor.position()));
                    self.cursor.advance();
                }
                Some(b'<' | b'"' | b'\\') => return Err(Reason::UnexpectedCharacter),
                Some(octet) if octet.is_ascii_control() => return Err(Reason::ControlCharacter),
                Some(_) => self.cursor.advance(),
                None => return Err(Reason::UnterminatedAngleAddr),
            }
        }
    }
}

impl Iterator for UriList<'_> {
    type Item = UriItem;

    fn next(&mut self) -> Option<UriItem> {
        loop {
            if let Some(address) = self.address() {
                return Some(address);
            }
            self.cursor.peek()?;
            if let Err(reason) = self.uri() {
                let at = narrow(self.cursor.position());
                self.cursor.skip_behind_comma(|_| {});
                return Some(UriItem::Malformed { at, reason });
            }
        }
    }
}

impl FieldBody<'_> {
    /// Rewrites the addresses of the `mailto` URIs in a list of URIs.
    pub(crate) fn rewrite_uris(&mut self, scratch: &mut Scratch) -> Result<(), Error> {
        for item in UriList::new(self.octets) {
            let (at, outcome) = match item {
                UriItem::Address { place, .. } => {
                    // Each octet of the new address may take three.
                    self.expect_address(place.start, 3 * TEXT_OF_ADDRESS, scratch)?;
                    (place.start, self.rewrite_uri_address(place, scratch))
                }
                UriItem::Malformed { at, reason } => {
                    self.expect_address(at, 0, scratch)?;
                    (at, Err(reason))
                }
            };
            self.settle(at, outcome, scratch)?;
        }
        Ok(())
    }

    fn rewrite_uri_address(&self, place: Span, scratch: &mut Scratch) -> Result<(), Reason> {
        let mut decoded = std::mem::take(&mut scratch.decoded);
        let read = percent_decode(place.of(self.octets), &mut decoded)
            .and_then(|()| scratch.read_bare_address(&decoded));
        scratch.decoded = decoded;
        read?;
        let Some(target) = self.look_up(scratch)? else { return Ok(()) };
        let Scratch { texts, decoded, .. } = scratch;
        percent_encode(target.to.of(texts), decoded);
        let start = texts.len();
        texts.extend_from_slice(decoded);
        let text = Span::new(start, texts.len());
        self.edit(place, text, target, scratch);
        Ok(())
    }
}

/// Whether List-Unsubscribe has to stay as it is: it is for one click, and one of the DKIM signatures
/// says so (RFC 8058 4). For the end of a header section whose octets are in `source`.
pub(crate) fn is_one_click_signed(tracked: &TrackedFields, source: &[u8], scratch: &Scratch) -> bool {
    let is_edited = scratch.fields.iter().any(|field| {
        !field.edits.is_empty() && field.name.of(source).eq_ignore_ascii_case(LIST_UNSUBSCRIBE.as_bytes())
    });
    is_edited
        && tracked.count(LIST_UNSUBSCRIBE_POST.as_bytes(), &scratch.counts) > 0
        && scratch.signatures.iter().any(|(kind, body)| {
            *kind == SignatureKind::Dkim && dkim_covers(body.of(source), LIST_UNSUBSCRIBE_POST.as_bytes())
        })
}

/// Puts what a percent-encoded address says into `out` (RFC 3986 2.1).
fn percent_decode(address: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    out.clear();
    let mut octets = address.iter().copied().filter(|&octet| !is_space(octet));
    while let Some(octet) = octets.next() {
        let said = match octet {
            b'%' => octets.next().zip(octets.next()).and_then(|(high, low)| hex(high, low)),
            _ => is_uri_octet(octet).then_some(octet),
        };
        if out.len() > BARE_ADDRESS_MAX {
            return Err(Reason::AddressTooLong);
        }
        out.push(said.ok_or(Reason::UnexpectedCharacter)?);
    }
    Ok(())
}

/// Puts a body into `out` as it would be if everything in it were percent-encoded: for reports.
pub(crate) fn decode_all(body: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    out.clear();
    out.room(body.len())?;
    let mut rest = body.iter().copied().filter(|&octet| !is_space(octet));
    while let Some(octet) = rest.next() {
        let mut ahead = rest.clone();
        let said = (octet == b'%').then(|| hex(ahead.next()?, ahead.next()?)).flatten();
        if said.is_some() {
            rest = ahead;
        }
        out.push(said.unwrap_or(octet));
    }
    Ok(())
}

/// Puts an address into `out` as RFC 6068 2 has it: all but the last `@` encoded, what separates, and
/// what is no octet of a URI. Parentheses too, since readers of fields know them as comments.
fn percent_encode(address: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.clear();
    let at = memchr::memrchr(b'@', address);
    for (place, &octet) in address.iter().enumerate() {
        let is_plain = octet.is_ascii_alphanumeric()
            || matches!(octet, b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'\'' | b'*' | b'+');
        if is_plain || at == Some(place) {
            out.push(octet);
            continue;
        }
        out.push(b'%');
        let digits = [octet >> 4, octet & 15].map(|digit| DIGITS.get(usize::from(digit)).copied());
        out.extend(digits.into_iter().flatten());
    }
}

/// What stands for itself in the path of a URI (RFC 3986 3.3).
const fn is_uri_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
                | b'/'
        )
}

const fn is_space(octet: u8) -> bool {
    is_wsp(octet) || matches!(octet, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(body: &str) -> Vec<String> {
        let show = |item| match item {
            UriItem::Address { angle, place } => {
                format!("{angle} {}", place.of(body.as_bytes()).escape_ascii())
            }
            UriItem::Malformed { at, reason } => format!("{at}: {reason}"),
        };
        UriList::new(body.as_bytes()).map(show).collect()
    }

    #[test]
    fn addresses_stand_between_the_scheme_and_the_question_mark() {
        for (body, expected) in [
            (" <mailto:a@b>", vec!["1 a@b"]),
            ("<MailTo:a@b?subject=x,y@z>, (c,) <mailto:c@d> (d)", vec!["0 a@b", "33 c@d"]),
            ("<mailto:a@b,c@d , ,e@f#g,h@i>", vec!["0 a@b", "0 c@d", "0 e@f"]),
            ("<https://a/?x=b@c>,<mailto:a@b>", vec!["19 a@b"]),
            ("<mail\r\n to: a@\r\n b >", vec!["0 a@\\r\\n b"]),
            ("<mailto:?to=a@b>,<mailto:>,, ", vec![]),
            ("<mailtos:a@b>, <x-mailto:a@b>, <mailto+x:a@b>", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(items(body), expected, "{body}");
        }
    }

    #[test]
    fn what_is_no_uri_in_brackets_is_told_and_the_next_one_read() {
        for (body, expected) in [
            ("mailto:a@b, <mailto:c@d>", vec!["0: unexpected-character", "12 c@d"]),
            ("NO (closed), <mailto:c@d>", vec!["0: unexpected-character", "13 c@d"]),
            ("<a@b>, <mailto:c@d>", vec!["2: unexpected-character", "7 c@d"]),
            ("<mailto:a@b> x, <mailto:c@d>", vec!["13: text-after-address", "16 c@d"]),
            ("<mailto:a@b> <mailto:c@d>", vec!["13: text-after-address"]),
            ("<mailto:a@b, <mailto:c@d>", vec!["13: unexpected-character"]),
            ("<mailto:a@b", vec!["11: unterminated-angle-addr"]),
            ("<mail", vec!["5: unterminated-angle-addr"]),
            ("<mailto:a\rb@c>, <mailto:c@d>", vec!["9: control-character", "16 c@d"]),
            ("<mailto:\"a,b\"@c>, <mailto:c@d>", vec!["8: unexpected-character", "18 c@d"]),
            ("<:a@b>,<1:a@b>", vec!["1: unexpected-character", "8: unexpected-character"]),
            ("(<mailto:a@b>", vec!["1: unterminated-comment"]),
        ] {
            assert_eq!(items(body), expected, "{body}");
        }
    }

    #[test]
    fn percent_encoding_is_undone_once_and_done_as_needed() {
        let decode = |text: &str| {
            let mut out = Vec::new();
            percent_decode(text.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(decode("%6aohn%40d%2Eexample").as_deref(), Ok("john@d.example"));
        assert_eq!(decode("john%2540d").as_deref(), Ok("john%40d"));
        assert_eq!(decode("a+b=c@\r\n d").as_deref(), Ok("a+b=c@d"));
        assert_eq!(decode("j%c3%bcrgen@d").as_deref(), Ok("jürgen@d"));
        for text in ["a%", "a%4", "a%4g", "a%%40", "[a", "a|b", "jürgen@d"] {
            assert_eq!(decode(text), Err(Reason::UnexpectedCharacter), "{text}");
        }
        assert_eq!(decode(&"a".repeat(BARE_ADDRESS_MAX + 2)), Err(Reason::AddressTooLong));

        let encode = |text: &str| {
            let mut out = Vec::new();
            percent_encode(text.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(encode("o'neil+a_b@d.example"), "o'neil+a_b@d.example");
        assert_eq!(encode("\"not@me, (x)\"@d"), "%22not%40me%2C%20%28x%29%22@d");
        assert_eq!(encode("a%b/c?d#e&f=g;h@[192.0.2.1]"), "a%25b%2Fc%3Fd%23e%26f%3Dg%3Bh@%5B192.0.2.1%5D");
        assert_eq!(encode("jürgen@d"), "j%C3%BCrgen@d");
    }
}
