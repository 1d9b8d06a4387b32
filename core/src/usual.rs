//! Mailboxes as nearly all are spelled - `First Last <local.part@dom.ain>`, `"Last, First" <...>`, or the
//! addr-spec alone - read 64 octets at a time. Of any other, and of whatever is wrong in one, nothing is said
//! here: the grammar in [`address`](crate::address) reads it from its first octet. What is read here, it reads
//! alike.

use crate::address::{AddrSpec, Mailbox};
use crate::header::kernel::{BLOCK, Kernel, Parts};
use crate::span::{Span, narrow, widen};

/// A body to read such mailboxes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usual<'b> {
    body: &'b [u8],
    /// The body and what is known to be behind it in memory: windows reach over its end.
    ahead: &'b [u8],
    kernel: Kernel,
}

impl<'b> Usual<'b> {
    /// The body that `ahead` begins with. `None` where a processor has no way of reading 64 octets that is worth it.
    #[inline]
    pub(crate) fn new(body: &'b [u8], ahead: &'b [u8]) -> Option<Usual<'b>> {
        Kernel::widest().map(|kernel| Usual { body, ahead, kernel })
    }

    /// The mailbox at `from` and the place behind it, and behind the comma there. `None` if it is not so spelled:
    /// its name words and spaces, a quoted-string or nothing, its addr-spec two dot-atoms in ASCII, no comment
    /// anywhere, white space only before its words, and folded, if at all, before the first.
    #[inline]
    pub(crate) fn mailbox(self, from: usize, in_group: bool) -> Option<(Mailbox, usize)> {
        let body = self.body;
        let from = behind_fold(body, from);
        let window = self.window(from);
        let spaces = widen(window.spaces.trailing_ones());
        let (start, known) = (from + spaces, BLOCK - spaces);
        let window = window.behind(spaces);
        let name = widen((window.words | window.spaces).trailing_ones());
        let angle = match body.get(start + name)? {
            b'<' if body.get(start) != Some(&b'.') => Some(name),
            b'"' if name == 0 => Some(angle_behind_quotes(body, start, window, known)?),
            b'@' => None,
            _ => return None,
        };
        let ahead = angle.map_or(0, |angle| angle + 1);
        let addr_spec = self.addr_spec(start + ahead, window.behind(ahead), known.saturating_sub(ahead))?;
        let mut end = widen(addr_spec.domain.end);
        if angle.is_some() {
            end += 1;
            if body.get(end - 1) != Some(&b'>') {
                return None;
            }
        }
        end += match body.get(end) {
            Some(b',') => 1,
            Some(b';') if in_group => 0,
            None => 0,
            Some(_) => return None,
        };
        let angle = angle.map(|angle| narrow(start + angle));
        Some((Mailbox { start: narrow(start), angle, addr_spec }, end))
    }

    /// The addr-spec at `from`, of which `length` octets are known already.
    #[inline]
    fn addr_spec(self, from: usize, known: Parts, length: usize) -> Option<AddrSpec> {
        let find = |parts: Parts, length: usize| {
            let (local_part, domain) = dot_atoms(parts)?;
            let at = from + local_part;
            let end = at + 1 + domain;
            // At the end of a window the domain may go on.
            let is_whole = end < from + length && end <= self.body.len();
            let is_whole = is_whole && self.body.get(at) == Some(&b'@');
            is_whole.then(|| AddrSpec { local_part: Span::new(from, at), domain: Span::new(at + 1, end) })
        };
        find(known, length).or_else(|| find(self.window(from), BLOCK))
    }

    /// What the 64 octets from `from` on are.
    #[inline]
    fn window(self, from: usize) -> Parts {
        let rest = self.ahead.get(from..).unwrap_or_default();
        match rest.first_chunk() {
            Some(block) => self.kernel.parts(block),
            None => self.kernel.parts(&padded(rest)),
        }
    }
}

impl Parts {
    /// Without the first octets.
    #[inline]
    fn behind(self, octets: usize) -> Parts {
        let octets = narrow(octets);
        Parts {
            words: self.words.unbounded_shr(octets),
            dots: self.dots.unbounded_shr(octets),
            beyond_ascii: self.beyond_ascii.unbounded_shr(octets),
            spaces: self.spaces.unbounded_shr(octets),
            quote_stops: self.quote_stops.unbounded_shr(octets),
        }
    }
}

/// Octets of the two dot-atoms that the window begins with, one octet between them.
#[inline]
fn dot_atoms(window: Parts) -> Option<(usize, usize)> {
    let octets = window.words & !window.beyond_ascii;
    let first = octets.trailing_ones();
    let second = octets.unbounded_shr(first + 1).trailing_ones();
    // On both sides of a dot is something of an atom.
    let atoms = octets & !window.dots;
    let loose_dots = window.dots & !(atoms << 1 & atoms >> 1);
    let here = !u64::MAX.unbounded_shl(first + 1 + second);
    (first > 0 && second > 0 && loose_dots & here == 0).then(|| (widen(first), widen(second)))
}

/// The place behind a line ending and the octet of white space that is behind it, or behind a tab.
#[inline]
fn behind_fold(body: &[u8], from: usize) -> usize {
    let length = match body.get(from..).unwrap_or_default() {
        [b'\r', b'\n', b' ' | b'\t', ..] => 3,
        [b'\n', b' ' | b'\t', ..] => 2,
        [b'\t', ..] => 1,
        _ => 0,
    };
    from + length
}

/// How far behind the quoted-string at `open` the `<` is, with a space between or without. The window begins
/// with the quoted-string; of its octets `known` are known.
#[inline]
fn angle_behind_quotes(body: &[u8], open: usize, window: Parts, known: usize) -> Option<usize> {
    let close = 1 + widen((window.quote_stops >> 1).trailing_zeros());
    if close >= known {
        return None;
    }
    match body.get(open + close..)? {
        [b'"', b' ', b'<', ..] => Some(close + 2),
        [b'"', b'<', ..] => Some(close + 1),
        _ => None,
    }
}

/// Less than a window.
#[inline(never)]
fn padded(octets: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    if let Some(start) = block.get_mut(..octets.len()) {
        start.copy_from_slice(octets);
    }
    block
}
