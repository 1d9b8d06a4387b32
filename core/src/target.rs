//! The address that an entry gives: written where the old one stood, and checked once more, since a
//! map file may be forged.

use crate::addr_spec::Address;
use crate::engine::Session;
use crate::idn;
use crate::lex::{has_any, is_one_quoted_string, quote_if_needed, unquote};
use crate::map::{Hit, KeyKind, Tables};
use crate::reason::Reason;
use crate::scratch::Scratch;
use crate::span::{Span, widen};

/// Appends the address that `hit` gives for `scratch.address` to `scratch.texts` and says where. `None`
/// if that is the same address. On a failure the texts are as they were.
pub(crate) fn write_target(
    tables: &Tables<'_>,
    session: Session,
    hit: Hit,
    scratch: &mut Scratch,
) -> Result<Option<Span>, Reason> {
    let start = scratch.texts.len();
    if !write(tables, hit, scratch) {
        scratch.texts.truncate(start);
        return Ok(None);
    }
    let target = Span::new(start, scratch.texts.len());
    let text = target.of(&scratch.texts);
    // Nearly always.
    if !has_any(text, |octet| !matches!(octet, b' '..=b'~')) {
        return Ok(Some(target));
    }
    let failure = if text.iter().any(u8::is_ascii_control) {
        Some(Reason::ControlCharacter)
    } else if !text.is_ascii() && !session.smtputf8 && !scratch.address.is_international() {
        Some(Reason::NeedsSmtputf8)
    } else {
        None
    };
    match failure {
        None => Ok(Some(target)),
        Some(reason) => {
            scratch.texts.truncate(start);
            Err(reason)
        }
    }
}

/// The key alone does not tell what the new address is.
pub(crate) struct KeyIsNotEnough;

/// The same for an address in ASCII of which only the key was read. On a failure `texts` is as it was.
#[inline]
pub(crate) fn write_usual_target(
    tables: &Tables<'_>,
    hit: &Hit,
    address: &Address,
    texts: &mut Vec<u8>,
) -> Result<Option<Span>, KeyIsNotEnough> {
    let key = &address.local_key;
    if hit.kind != KeyKind::Mailbox || hit.name.len() < key.len() {
        return Err(KeyIsNotEnough);
    }
    let start = texts.len();
    let given = tables.given(hit).filter(|given| !given.is_identity);
    let Some(given) = given.filter(|given| given.write_local_part(key, texts).is_some()) else {
        return Ok(None);
    };
    texts.push(b'@');
    texts.extend_from_slice(given.domain);
    let target = Span::new(start, texts.len());
    if has_any(target.of(texts), |octet| !matches!(octet, b' '..=b'~')) {
        texts.truncate(start);
        return Err(KeyIsNotEnough);
    }
    Ok(Some(target))
}

/// `false` if the address stays the same.
#[inline]
fn write(tables: &Tables<'_>, hit: Hit, scratch: &mut Scratch) -> bool {
    let given = tables.given(&hit).filter(|given| !given.is_identity);
    let Some(given) = given else { return false };
    let Scratch { address, texts, local_part: joined, .. } = scratch;
    match hit.kind {
        KeyKind::Mailbox | KeyKind::Subaddress => {
            let start = texts.len();
            let key = hit.name.of(&address.local_key);
            if given.write_local_part(key, texts).is_none() {
                return false;
            }
            if key.len() < address.local_key.len() {
                // What was set aside around the name goes back around the new one.
                joined.clear();
                joined.extend_from_slice(address.local_part.get(..widen(hit.name.start)).unwrap_or_default());
                let local_part = texts.get(start..).unwrap_or_default();
                if is_one_quoted_string(local_part) {
                    unquote(local_part, joined);
                } else {
                    joined.extend_from_slice(local_part);
                }
                joined.extend_from_slice(address.local_part.get(widen(hit.name.end)..).unwrap_or_default());
                texts.truncate(start);
                quote_if_needed(joined, texts);
            }
            write_domain(given.domain, address, texts);
        }
        KeyKind::Domain | KeyKind::Subdomain => {
            if given.domain.eq_ignore_ascii_case(&address.domain_key) {
                return false;
            }
            texts.extend_from_slice(&address.local_text);
            write_domain(given.domain, address, texts);
        }
    }
    true
}

/// A domain as the map spells it; in Unicode form only where the old one was.
fn write_domain(domain: &[u8], address: &Address, texts: &mut Vec<u8>) {
    texts.push(b'@');
    match address.has_u_labels.then(|| idn::to_u_labels(domain)).flatten() {
        Some(unicode) => texts.extend_from_slice(unicode.as_bytes()),
        None => texts.extend_from_slice(domain),
    }
}
