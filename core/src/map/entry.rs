//! The two sides of an entry: what may stand there, and what it means as a key.
//!
//! Entries are written by people and end up in messages, so their grammar is strict: a mailbox is
//! `local-part@domain` as in RFC 5321 4.1.2, without comments, spaces around tokens or obsolete
//! forms; a domain is letters, digits, hyphens and underscores, or an international one in its
//! canonical form.

use std::fmt;

use crate::addr_spec::{Address, DOMAIN_MAX};
use crate::address::{AddressList, Item};
use crate::idn;

/// The most octets an address in an entry can have: what fits an envelope path (RFC 5321
/// 4.5.3.1.3) with its angle brackets.
pub const ADDRESS_MAX: usize = 254;

/// One side of an entry, parsed: what it matches.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum EntryAddress {
    /// One mailbox.
    Mailbox {
        /// Unquoted, ASCII-lower-cased.
        local_part: Vec<u8>,
        /// ASCII-lower-cased, without the dot behind it.
        domain: Vec<u8>,
    },
    /// Every mailbox of a domain.
    Domain(Vec<u8>),
    /// Every mailbox of a domain and of all domains below it: `*.domain`.
    Subdomains(Vec<u8>),
}

impl EntryAddress {
    /// Parses `user@domain`, `domain` or `*.domain`.
    pub fn parse(text: &[u8]) -> Result<EntryAddress, AddressError> {
        check_octets(text)?;
        if let Some(domain) = text.strip_prefix(b"*.") {
            return Ok(EntryAddress::Subdomains(domain_key(domain, 2)?));
        }
        if text.contains(&b'@') { mailbox(text) } else { domain_key(text, 0).map(EntryAddress::Domain) }
    }

    /// The key: `local-part@domain`, `domain` or `*.domain`. Two addresses with one key are the
    /// same to a map.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        match self {
            EntryAddress::Mailbox { local_part, domain } => [local_part, b"@".as_slice(), domain].concat(),
            EntryAddress::Domain(domain) => domain.clone(),
            EntryAddress::Subdomains(domain) => [b"*.".as_slice(), domain].concat(),
        }
    }

    /// The domain, whatever the kind.
    #[must_use]
    pub fn domain(&self) -> &[u8] {
        match self {
            EntryAddress::Mailbox { domain, .. }
            | EntryAddress::Domain(domain)
            | EntryAddress::Subdomains(domain) => domain,
        }
    }
}

/// Why an address can't stand in an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddressError {
    /// What is wrong.
    pub kind: AddressErrorKind,
    /// The octet at which it shows.
    pub offset: usize,
}

/// The kinds of [`AddressError`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AddressErrorKind {
    /// Nothing there.
    Empty,
    /// A control character: NUL, a line ending, a tab.
    ControlCharacter,
    /// White space at the beginning or end.
    SurroundingSpace,
    /// Longer than [`ADDRESS_MAX`] octets.
    TooLong,
    /// Octets of 128 and above that are not UTF-8.
    NotUtf8,
    /// A character that can't be seen: a space, a control or a formatting character outside ASCII.
    Invisible,
    /// A domain that is not in canonical Unicode form, or has a false A-label (RFC 5891, UTS 46).
    International,
    /// Not `local-part@domain` by RFC 5321 4.1.2.
    Mailbox,
    /// Not a domain: labels of letters, digits, `-` and `_`, at most 63 octets each, joined by
    /// single dots, 253 octets in all.
    Domain,
    /// Not an address literal such as `[192.0.2.1]`.
    DomainLiteral,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            AddressErrorKind::Empty => "the address is empty",
            AddressErrorKind::ControlCharacter => "the address contains a control character",
            AddressErrorKind::SurroundingSpace => "white space surrounds the address",
            AddressErrorKind::TooLong => "the address is longer than 254 octets",
            AddressErrorKind::NotUtf8 => "the address is not valid UTF-8",
            AddressErrorKind::Invisible => "the address contains a character that can't be seen",
            AddressErrorKind::International => {
                "not an international domain in its canonical form, or a false xn-- label"
            }
            AddressErrorKind::Mailbox => {
                "not an address: expected local-part@domain, with the local-part in quotes if it \
                 holds spaces or special characters"
            }
            AddressErrorKind::Domain => {
                "not a domain: expected labels of letters, digits, hyphens and underscores with \
                 single dots between them"
            }
            AddressErrorKind::DomainLiteral => "not an address literal such as [192.0.2.1]",
        };
        f.write_str(what)
    }
}

impl std::error::Error for AddressError {}

fn error(kind: AddressErrorKind, offset: usize) -> AddressError {
    AddressError { kind, offset }
}

fn check_octets(text: &[u8]) -> Result<(), AddressError> {
    if text.is_empty() {
        return Err(error(AddressErrorKind::Empty, 0));
    }
    if let Some(at) = text.iter().position(u8::is_ascii_control) {
        return Err(error(AddressErrorKind::ControlCharacter, at));
    }
    match std::str::from_utf8(text) {
        Err(problem) => return Err(error(AddressErrorKind::NotUtf8, problem.valid_up_to())),
        Ok(text) => {
            if let Some((at, _)) = text.char_indices().find(|(_, character)| is_invisible(*character)) {
                return Err(error(AddressErrorKind::Invisible, at));
            }
        }
    }
    if text.starts_with(b" ") {
        return Err(error(AddressErrorKind::SurroundingSpace, 0));
    }
    if text.ends_with(b" ") {
        return Err(error(AddressErrorKind::SurroundingSpace, text.len() - 1));
    }
    if text.len() > ADDRESS_MAX {
        return Err(error(AddressErrorKind::TooLong, ADDRESS_MAX));
    }
    Ok(())
}

/// Characters outside ASCII that nobody sees, so that two addresses could look like one: spaces,
/// controls, and the marks, overrides and fillers that Unicode calls default-ignorable.
fn is_invisible(character: char) -> bool {
    !character.is_ascii()
        && (character.is_whitespace()
            || character.is_control()
            || matches!(character,
                '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'))
}

/// Parses with the grammar that messages are read with, then insists on the strict form: nothing
/// but one local-part, one `@` and one domain.
fn mailbox(text: &[u8]) -> Result<EntryAddress, AddressError> {
    let mut list = AddressList::new(text);
    let (first, second) = (list.next(), list.next());
    let mailbox = match (first, second) {
        (Some(Item::Mailbox(mailbox)), None) if mailbox.addr_spec.span().of(text) == text => mailbox,
        (Some(Item::Malformed { at, .. }), _) => {
            return Err(error(AddressErrorKind::Mailbox, crate::span::widen(at).min(text.len())));
        }
        _ => return Err(error(AddressErrorKind::Mailbox, 0)),
    };
    let mut address = Address::default();
    if address.read(text, &mailbox.addr_spec).is_err() {
        return Err(error(AddressErrorKind::Mailbox, 0));
    }
    let is_one_word =
        !address.local_text.starts_with(b"\"") || crate::lex::is_one_quoted_string(&address.local_text);
    let mut canonical = Vec::new();
    address.write_text(&mut canonical);
    if canonical != text || !is_one_word || address.local_part.is_empty() {
        return Err(error(AddressErrorKind::Mailbox, 0));
    }
    let at = text.len() - address.domain_text.len();
    let domain = if address.domain_text.starts_with(b"[") {
        domain_literal(&address.domain_key, at)?
    } else {
        domain_key(&address.domain_text, at)?
    };
    if at + domain.len() > ADDRESS_MAX {
        return Err(error(AddressErrorKind::TooLong, at));
    }
    Ok(EntryAddress::Mailbox { local_part: address.local_key, domain })
}

fn domain_key(domain: &[u8], offset: usize) -> Result<Vec<u8>, AddressError> {
    let domain = domain.strip_suffix(b".").unwrap_or(domain);
    let a_labels = if domain.is_ascii() { None } else { Some(idn::to_a_labels(domain)) };
    let domain = match &a_labels {
        None => domain,
        Some(Some(a_labels)) => a_labels.as_bytes(),
        Some(None) => return Err(error(AddressErrorKind::International, offset)),
    };
    let mut at = offset;
    for label in domain.split(|&octet| octet == b'.') {
        let is_label = !label.is_empty()
            && label.len() <= 63
            && !label.starts_with(b"-")
            && !label.ends_with(b"-")
            && label.iter().all(|&octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
        if !is_label {
            return Err(error(AddressErrorKind::Domain, at));
        }
        at += label.len() + 1;
    }
    if domain.len() > DOMAIN_MAX - 2 {
        return Err(error(AddressErrorKind::Domain, offset));
    }
    if !idn::has_sound_a_labels(domain) {
        return Err(error(AddressErrorKind::International, offset));
    }
    Ok(domain.to_ascii_lowercase())
}

fn domain_literal(literal: &[u8], offset: usize) -> Result<Vec<u8>, AddressError> {
    let inner = literal.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    let is_literal = inner.and_then(|inner| std::str::from_utf8(inner).ok()).is_some_and(|inner| match inner
        .strip_prefix("ipv6:")
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => inner.parse::<std::net::Ipv4Addr>().is_ok(),
    });
    if is_literal { Ok(literal.to_vec()) } else { Err(error(AddressErrorKind::DomainLiteral, offset)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_key() {
        for (text, key) in [
            ("John@Tenant1.Contoso.COM", "john@tenant1.contoso.com"),
            ("\"Jane Doe\"@d.example", "jane doe@d.example"),
            ("\"john\"@d.example", "john@d.example"),
            ("user@[192.0.2.1]", "user@[192.0.2.1]"),
            ("user@[IPv6:2001:DB8::1]", "user@[ipv6:2001:db8::1]"),
            ("Contoso.COM.", "contoso.com"),
            ("*.Contoso.com", "*.contoso.com"),
            ("localhost", "localhost"),
            ("jürgen@Bücher.example", "jürgen@xn--bcher-kva.example"),
            ("*.bücher.example.", "*.xn--bcher-kva.example"),
        ] {
            assert_eq!(EntryAddress::parse(text.as_bytes()).unwrap().key(), key.as_bytes(), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_place() {
        use AddressErrorKind as Kind;
        let long = format!("{}@d.example", "a".repeat(250));
        for (text, kind, offset) in [
            ("", Kind::Empty, 0),
            ("a@b\r\nBcc: x@y", Kind::ControlCharacter, 3),
            ("a\0@b", Kind::ControlCharacter, 1),
            (" a@b", Kind::SurroundingSpace, 0),
            ("a@b ", Kind::SurroundingSpace, 3),
            (long.as_str(), Kind::TooLong, 254),
            ("jürgen\u{200b}@d", Kind::Invisible, 7),
            ("j\u{a0}@d", Kind::Invisible, 1),
            ("j@Bücher。example", Kind::International, 2),
            ("j@xn--a.com", Kind::International, 2),
            ("a@b@c", Kind::Mailbox, 3),
            ("a b@c", Kind::Mailbox, 3),
            ("a @c", Kind::Mailbox, 0),
            ("a(x)@c", Kind::Mailbox, 0),
            ("<a@b>", Kind::Mailbox, 0),
            ("a@b,c@d", Kind::Mailbox, 0),
            ("\"\"@b", Kind::Mailbox, 0),
            ("\"a\".b@c", Kind::Mailbox, 0),
            ("@b", Kind::Mailbox, 0),
            ("a@", Kind::Mailbox, 2),
            ("a..b@c", Kind::Mailbox, 4),
            ("a@b..c", Kind::Mailbox, 4),
            ("a@-b", Kind::Domain, 2),
            ("a@b.c!d", Kind::Domain, 4),
            ("a@[300.1.1.1]", Kind::DomainLiteral, 2),
            ("*.", Kind::Domain, 2),
            ("con toso.com", Kind::Domain, 0),
            ("*", Kind::Domain, 0),
        ] {
            assert_eq!(EntryAddress::parse(text.as_bytes()), Err(AddressError { kind, offset }), "{text:?}");
        }
    }
}
