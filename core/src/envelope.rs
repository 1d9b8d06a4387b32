//! Envelope paths (RFC 5321 4.1.2): the reverse-path of MAIL FROM and the forward-path of RCPT TO.
//!
//! A reverse-path goes from internal to external in outbound messages. A forward-path goes from
//! external to internal in both directions: that is how a message finds its system.

use std::fmt;

use crate::address::{AddrSpec, AddressList, Item};
use crate::alignment::{Domains, domain_name};
use crate::engine::{Engine, Session};
use crate::error::{Error, Limit};
use crate::lex::copy_tokens;
use crate::map::{ADDRESS_MAX, Entry, Found, KeySide, Map};
use crate::policy::{Direction, Mode, Unmapped};
use crate::reason::Reason;
use crate::scratch::Scratch;
use crate::span::{Span, widen};
use crate::target::write_target;

/// The most octets of a path, `<` and `>` included (RFC 5321 4.5.3.1.3).
pub const PATH_MAX: usize = 256;

/// Which path of the envelope.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PathKind {
    /// MAIL FROM; may be the null path `<>`.
    Reverse,
    /// RCPT TO.
    Forward,
}

/// The outcome of rewriting one path.
#[derive(Clone)]
pub struct RewrittenPath<'a> {
    from: &'a [u8],
    to: &'a [u8],
    map: &'a Map,
    /// What leads to the entry.
    entry: Option<u32>,
    is_shadow: bool,
    unmapped: bool,
    skipped: Option<Reason>,
    verdict: Unmapped,
}

impl<'a> RewrittenPath<'a> {
    /// The path as it was given.
    #[must_use]
    pub fn from(&self) -> &'a [u8] {
        self.from
    }

    /// The path to use: in angle brackets if the given one was. In shadow mode, the one that would
    /// be used.
    #[must_use]
    pub fn to(&self) -> &'a [u8] {
        self.to
    }

    /// Whether the host has something to change. Never in shadow mode.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.entry.is_some() && !self.is_shadow
    }

    /// The entry that gave the new path.
    #[must_use]
    pub fn entry(&self) -> Option<Entry<'a>> {
        self.map.referenced(self.entry?)
    }

    /// What leads to that entry.
    pub(crate) fn entry_reference(&self) -> Option<u32> {
        self.entry
    }

    /// Whether the address is in a mapped domain and no entry maps it.
    #[must_use]
    pub fn unmapped(&self) -> bool {
        self.unmapped
    }

    /// Why the path was left alone, if it could not be parsed or its new form not be used.
    #[must_use]
    pub fn skipped(&self) -> Option<Reason> {
        self.skipped
    }

    /// The domain of the path as it was given and of the one to use (in shadow mode, the one that would
    /// be used), to be compared with [`Rewritten::from_domains`](crate::Rewritten::from_domains): of a
    /// reverse-path, what DMARC compares with From (RFC 7489 3.1.2). `None` for a null path, one without a
    /// domain and one that does not parse.
    #[must_use]
    pub fn domains(&self) -> Domains {
        let mut tokens = Vec::new();
        let mut domain = |path: &[u8]| {
            let address = address_in(path, &mut tokens).ok().flatten()?;
            domain_name(address.domain.of(path))
        };
        Domains { before: domain(self.from), after: domain(self.to) }
    }

    /// What the plan says to do with such a message.
    #[must_use]
    pub fn verdict(&self) -> Unmapped {
        self.verdict
    }
}

impl fmt::Debug for RewrittenPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RewrittenPath")
            .field("from", &String::from_utf8_lossy(self.from))
            .field("to", &String::from_utf8_lossy(self.to))
            .field("entry", &self.entry())
            .field("unmapped", &self.unmapped)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Rewrites one path: `<john@example.net>`, or the same without angle brackets, or `<>`. ESMTP
    /// parameters are no part of it. A source route is dropped from a path that is rewritten.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] for a path of more than [`PATH_MAX`] octets.
    pub fn rewrite_path<'a>(
        &'a self,
        session: impl Into<Session>,
        kind: PathKind,
        path: &'a [u8],
        scratch: &'a mut Scratch,
    ) -> Result<RewrittenPath<'a>, Error> {
        let brackets = if path.starts_with(b"<") { 0 } else { 2 };
        if path.len() + brackets > PATH_MAX {
            let (limit, allowed) = (Limit::PathOctets, PATH_MAX as u64);
            return Err(Error::Limit { limit, allowed, offset: PATH_MAX - brackets });
        }
        let session = session.into();
        let side = match (kind, session.direction) {
            (PathKind::Forward, _) => Some(KeySide::External),
            (PathKind::Reverse, Direction::Outbound) => Some(KeySide::Internal),
            (PathKind::Reverse, Direction::Inbound) => None,
        };
        scratch.begin(0);
        let outcome = match side.zip(address_in(path, &mut scratch.local_part).transpose()) {
            Some((side, Ok(address))) => self.rewrite_address(session, side, path, address, scratch),
            Some((_, Err(reason))) => Err(reason),
            None => Ok(PathOutcome::Alone),
        };
        let map = self.map();
        let mut rewritten = RewrittenPath {
            from: path,
            to: path,
            map,
            entry: None,
            is_shadow: map.policy().mode == Mode::Shadow,
            unmapped: false,
            skipped: None,
            verdict: Unmapped::Pass,
        };
        match outcome {
            Ok(PathOutcome::To(text, entry)) => {
                rewritten.to = text.of(&scratch.texts);
                rewritten.entry = Some(entry);
            }
            Ok(PathOutcome::Unmapped) => {
                rewritten.unmapped = true;
                rewritten.verdict = map.policy().verdict(true);
            }
            Ok(PathOutcome::Alone) => {}
            Err(reason) => rewritten.skipped = Some(reason),
        }
        Ok(rewritten)
    }

    fn rewrite_address(
        &self,
        session: Session,
        side: KeySide,
        path: &[u8],
        address: AddrSpec,
        scratch: &mut Scratch,
    ) -> Result<PathOutcome, Reason> {
        scratch.address.read(path, &address)?;
        let tables = self.map().tables(side);
        let hit = match self.map().look_up(&tables, &scratch.address) {
            Found::Hit(hit) => hit,
            Found::Unmapped => return Ok(PathOutcome::Unmapped),
            Found::Nothing => return Ok(PathOutcome::Alone),
        };
        let is_bracketed = path.starts_with(b"<");
        if is_bracketed {
            scratch.texts.push(b'<');
        }
        if write_target(&tables, session, hit, scratch)?.is_none() {
            return Ok(PathOutcome::Alone);
        }
        if is_bracketed {
            scratch.texts.push(b'>');
        }
        if scratch.texts.len() > ADDRESS_MAX + if is_bracketed { 2 } else { 0 } {
            return Err(Reason::AddressTooLong);
        }
        Ok(PathOutcome::To(Span::new(0, scratch.texts.len()), hit.mark.entry))
    }
}

enum PathOutcome {
    /// A new path, in the scratch's texts, and the entry that gave it.
    To(Span, u32),
    Unmapped,
    Alone,
}

/// The address in a path; `None` in a null path and in a bare `postmaster` (RFC 5321 4.1.1.3).
///
/// The grammar of message fields reads it, and nothing of it that paths don't have is let through:
/// no display-name, comment, white space, list or group.
pub(crate) fn address_in(path: &[u8], tokens: &mut Vec<u8>) -> Result<Option<AddrSpec>, Reason> {
    let inner = inner(path);
    if inner.is_empty() || inner.eq_ignore_ascii_case(b"postmaster") {
        return Ok(None);
    }
    let mut list = AddressList::new(path);
    let mailbox = match (list.next(), list.next()) {
        (Some(Item::Mailbox(mailbox)), None) => mailbox,
        (Some(Item::Malformed { reason, .. }), _) => return Err(reason),
        (None, _) => return Err(Reason::NoDomain),
        _ => return Err(Reason::TextAfterAddress),
    };
    let span = mailbox.addr_spec.span();
    let is_plain = match mailbox.angle {
        Some(0) => {
            path.len() == widen(span.end) + 1
                && path.get(1..widen(span.start)).is_some_and(|before| before.is_empty() || is_route(before))
        }
        None => mailbox.start == 0 && path.len() == widen(span.end),
        Some(_) => false,
    };
    let mut is_tight = |span: Span| {
        tokens.clear();
        copy_tokens(span.of(path), tokens);
        tokens == span.of(path)
    };
    let joined = mailbox.addr_spec.local_part.end + 1 == mailbox.addr_spec.domain.start;
    if is_plain && joined && is_tight(mailbox.addr_spec.local_part) && is_tight(mailbox.addr_spec.domain) {
        Ok(Some(mailbox.addr_spec))
    } else {
        Err(Reason::UnexpectedCharacter)
    }
}

/// A path without its angle brackets.
pub(crate) fn inner(path: &[u8]) -> &[u8] {
    path.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(path)
}

/// The address that `text` is: an addr-spec as paths have it, and nothing around it. For addresses that
/// stand elsewhere than in address lists.
pub(crate) fn bare_address(text: &[u8], tokens: &mut Vec<u8>) -> Result<AddrSpec, Reason> {
    match address_in(text, tokens)? {
        Some(address) if !text.starts_with(b"<") => Ok(address),
        Some(_) => Err(Reason::UnexpectedCharacter),
        None => Err(Reason::NoDomain),
    }
}

/// A source route as it stands before the local-part: `@first.example,@second.example:` (RFC 5321 4.1.2).
fn is_route(text: &[u8]) -> bool {
    let is_domain_octet = |octet: &u8| {
        octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b'[' | b']' | 0x80..)
    };
    text.strip_suffix(b":").is_some_and(|domains| {
        domains.split(|&octet| octet == b',').all(|at_domain| {
            let domain = at_domain.strip_prefix(b"@").unwrap_or_default();
            !domain.is_empty() && domain.iter().all(is_domain_octet)
        })
    })
}
