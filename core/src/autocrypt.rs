//! Autocrypt fields (Autocrypt level 1, 2.1): attributes between semicolons, of which `addr` must be the
//! address of From. So it is rewritten where From is, and left alone where From was left alone.

use crate::body::FieldBody;
use crate::error::Error;
use crate::field::AUTOCRYPT;
use crate::header::is_wsp;
use crate::lex::Cursor;
use crate::reason::Reason;
use crate::scratch::{EditRecord, FieldRecord, Scratch};
use crate::span::{Span, narrow, widen};

/// The attributes of a body, each without the white space around it.
pub(crate) fn attributes(body: &[u8]) -> impl Iterator<Item = Span> {
    let mut position = Some(0);
    std::iter::from_fn(move || {
        let start = position?;
        let rest = body.get(start..)?;
        let length = memchr::memchr(b';', rest);
        position = length.map(|length| start + length + 1);
        Some(trimmed(body, start, start + length.unwrap_or(rest.len())))
    })
}

/// Where the value of `addr` stands. A second one makes the field void, so none of the two is it.
fn addr(body: &[u8]) -> Result<Span, (u32, Reason)> {
    let mut found = None;
    for attribute in attributes(body) {
        let text = attribute.of(body);
        let Some(equals) = memchr::memchr(b'=', text) else { continue };
        let start = widen(attribute.start);
        if trimmed(body, start, start + equals).of(body) != b"addr" {
            continue;
        }
        let value = trimmed(body, start + equals + 1, widen(attribute.end));
        if found.replace(value).is_some() {
            return Err((value.start, Reason::SeveralAt));
        }
    }
    found.ok_or((narrow(body.len()), Reason::NoDomain))
}

/// The place `start..end` without white space at its ends. A bare carriage return is none.
fn trimmed(body: &[u8], start: usize, end: usize) -> Span {
    let text = body.get(start..end).unwrap_or_default();
    let mut cursor = Cursor::new(text);
    cursor.skip_fws();
    let first = cursor.position().min(text.len());
    let mut length = text.len();
    while length > first {
        let before = text.get(first..length).unwrap_or_default();
        length -= match before {
            [.., b'\r', b'\n'] => 2,
            [.., b'\n'] => 1,
            [.., octet] if is_wsp(*octet) => 1,
            _ => break,
        };
    }
    Span::new(start + first, start + length)
}

impl FieldBody<'_> {
    /// Rewrites the `addr` of an Autocrypt field.
    pub(crate) fn rewrite_autocrypt(&mut self, scratch: &mut Scratch) -> Result<(), Error> {
        let found = addr(self.octets);
        let (at, length) = found.map_or_else(|(at, _)| (at, 0), |place| (place.start, place.len()));
        self.expect_address(at, length, scratch)?;
        let outcome = match found {
            Ok(place) => self.rewrite_addr(place, scratch),
            Err((_, reason)) => Err(reason),
        };
        self.settle(at, outcome, scratch)
    }

    fn rewrite_addr(&self, place: Span, scratch: &mut Scratch) -> Result<(), Reason> {
        scratch.read_bare_address(place.of(self.octets))?;
        if let Some(target) = self.look_up(scratch)? {
            self.edit(place, target.to, target, scratch);
        }
        Ok(())
    }
}

/// Why Autocrypt fields must stay as they are: something in From was left alone, and no address edited.
/// For the end of a header section whose octets are in `source`.
pub(crate) fn left_alone_with_from(source: &[u8], scratch: &Scratch) -> Option<Reason> {
    let is = |field: &FieldRecord, name: &str| field.name.of(source).eq_ignore_ascii_case(name.as_bytes());
    let is_edited = |name: &str| {
        let mut fields = scratch.fields.iter().filter(|field| is(field, name));
        fields.any(|field| scratch.edits_of(field).iter().any(EditRecord::is_plain_address))
    };
    if !is_edited(AUTOCRYPT) || is_edited("From") {
        return None;
    }
    let of_from = |field: u32| scratch.fields.get(widen(field)).is_some_and(|field| is(field, "From"));
    scratch.skips.iter().find(|skip| of_from(skip.field)).map(|skip| skip.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str) -> Result<&str, Reason> {
        addr(body.as_bytes())
            .map(|place| std::str::from_utf8(place.of(body.as_bytes())).unwrap())
            .map_err(|(_, reason)| reason)
    }

    #[test]
    fn addr_is_found_wherever_it_stands() {
        for body in [
            "addr=a@b",
            " addr=a@b; keydata=\r\n addr=x@y=",
            "prefer-encrypt=mutual;\r\n\taddr = \r\n a@b \r\n ;keydata=abc==",
            "_x;;addr=a@b;",
        ] {
            assert_eq!(found(body), Ok("a@b"), "{body}");
        }
    }

    #[test]
    fn none_or_two_are_no_addr() {
        for body in ["", "keydata=addr=a@b", "Addr=a@b", "xaddr=a@b", "addr", "a ddr=a@b"] {
            assert_eq!(found(body), Err(Reason::NoDomain), "{body}");
        }
        assert_eq!(found("addr=a@b; addr=a@b"), Err(Reason::SeveralAt));
        assert_eq!(found("addr=a@b\r"), Ok("a@b\r"));
    }
}
