//! A sound "no": whether a field body may name a mapped domain at all, told before any parsing.
//!
//! Every mapped domain has a dot in it (else there is no filter), with a label on each side. In a body, the two
//! are told by what stands around the dot. A domain that hides from that has something else around its last
//! dot: white space or a comment (RFC 5322 4.4), which makes the answer "maybe", as does every octet outside
//! ASCII, behind which an international domain may stand. Nothing else can stand inside a domain: it is made of
//! atoms and dots, and whatever is quoted, escaped or encoded is no part of one; but for addresses in
//! display-names, for which anything encoded or escaped makes the answer "maybe", too.
//!
//! So a body that this says no of has no address to edit and none that is unmapped; and since it doesn't
//! mention a mapped domain either, what does not parse in it is not reported. The tests hold the engine with it
//! to the engine without.

use memchr::memchr;

use crate::finder::Finder;
use crate::map::{KeySide, Map};
use crate::policy::Direction;
use crate::span::widen;

/// More domains are not looked through when a map is opened; there is no filter then.
const DOMAINS_MAX: usize = 4096;

const NEAR_BITS: usize = 1 << 14;
const ENDING_BITS: usize = 1 << 12;

/// The filters of a map, for both directions.
#[derive(Debug)]
pub(crate) struct Filters([Option<DomainFilter>; 2]);

impl Filters {
    pub(crate) fn new(map: &Map) -> Filters {
        Filters(Direction::ALL.map(|direction| {
            let domains = map.domains(KeySide::of(direction), DOMAINS_MAX)?;
            let filter = DomainFilter::new(domains)?;
            Some(DomainFilter { decodes: map.policy().scrub_display_names, ..filter })
        }))
    }

    /// The filter for messages of this direction, if there is one.
    pub(crate) fn of(&self, direction: Direction) -> Option<&DomainFilter> {
        let [outbound, inbound] = &self.0;
        match direction {
            Direction::Outbound => outbound.as_ref(),
            Direction::Inbound => inbound.as_ref(),
        }
    }
}

/// What the mapped domains of one side end in.
#[derive(Clone, Debug)]
pub(crate) struct DomainFilter {
    /// Whether what is encoded or escaped counts, too: in display-names.
    decodes: bool,
    dots: Finder,
    /// Hashes of the two octets on either side of the last dot, which labels of one octet have any beside.
    near: Box<[u64; NEAR_BITS / 64]>,
    /// Hashes of the last two labels.
    endings: [u64; ENDING_BITS / 64],
}

impl DomainFilter {
    /// The filter for these domains, given as keys. `None` if it would not be sound: there is a domain of one
    /// label or an address literal.
    pub(crate) fn new(domains: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Option<DomainFilter> {
        let (near, endings) = (Box::new([0; NEAR_BITS / 64]), [0; ENDING_BITS / 64]);
        let mut filter = DomainFilter { decodes: false, dots: Finder::new(b'.'), near, endings };
        for domain in domains {
            let domain = domain.as_ref();
            let dot = memchr::memrchr(b'.', domain)?;
            let is_domain = domain.iter().all(|&octet| octet == b'.' || is_label_octet(octet));
            let (before, after) = labels_around(domain, dot);
            if !is_domain || before.is_empty() || after.is_empty() {
                return None;
            }
            filter.set_near(before, after);
            set(&mut filter.endings, ending(domain, dot));
        }
        Some(filter)
    }

    /// Says that a last dot may stand between these labels.
    fn set_near(&mut self, before: &[u8], after: &[u8]) {
        let any = 0..=31_u8;
        let octet = |octet: Option<&u8>| octet.map_or(any.clone(), |&octet| octet & 31..=octet & 31);
        let [last, first] = [before.last(), after.first()].map(|octet| octet.map_or(0, |&octet| octet & 31));
        for second_last in octet(before.len().checked_sub(2).and_then(|at| before.get(at))) {
            for second in octet(after.get(1)) {
                set(&mut *self.near, near([second_last, last, first, second]));
            }
        }
    }

    /// Whether `body` may name one of the domains. `false` is always right.
    pub(crate) fn may_concern(&self, body: &[u8]) -> bool {
        !body.is_ascii()
            || self.dots.places(body).any(|dot| self.may_be_last_dot(body, dot))
            || self.decodes && (memchr(b'\\', body).is_some() || memchr(b'?', body).is_some())
    }

    /// Whether the dot at `dot` may be the last one of a mapped domain.
    #[inline]
    fn may_be_last_dot(&self, body: &[u8], dot: usize) -> bool {
        let around = dot.checked_sub(2).and_then(|at| body.get(at..)).and_then(<[u8]>::first_chunk);
        let Some(&[second_last, last, _, first, second]) = around else { return self.is_at_edge(body, dot) };
        if label_octet(last) != 0 && label_octet(first) != 0 {
            has(&*self.near, near([second_last, last, first, second])) && self.is_ending(body, dot)
        } else {
            is_beside_cfws(last, first)
        }
    }

    /// The same where less than two octets are on one side.
    #[cold]
    fn is_at_edge(&self, body: &[u8], dot: usize) -> bool {
        let octet = |at: Option<usize>| at.and_then(|at| body.get(at)).copied().unwrap_or(0);
        let (last, first) = (octet(dot.checked_sub(1)), octet(Some(dot + 1)));
        if is_label_octet(last) && is_label_octet(first) {
            self.is_ending(body, dot)
        } else {
            is_beside_cfws(last, first)
        }
    }

    fn is_ending(&self, body: &[u8], dot: usize) -> bool {
        has(&self.endings, ending(body, dot))
    }
}

/// Whether white space, a fold or a comment may stand between a dot and its labels: CFWS (RFC 5322 3.2.2).
#[inline]
fn is_beside_cfws(before: u8, after: u8) -> bool {
    matches!(after, b' ' | b'\t' | b'\r' | b'\n' | b'(')
        || matches!(before, b' ' | b'\t' | b'\r' | b'\n' | b')')
}

/// The labels on both sides of a dot.
fn labels_around(text: &[u8], dot: usize) -> (&[u8], &[u8]) {
    let (before, behind) = text.split_at_checked(dot).unwrap_or((text, &[]));
    let behind = behind.get(1..).unwrap_or_default();
    let start = before.iter().rposition(|&octet| !is_label_octet(octet)).map_or(0, |at| at + 1);
    let end = behind.iter().position(|&octet| !is_label_octet(octet)).unwrap_or(behind.len());
    (before.get(start..).unwrap_or_default(), behind.get(..end).unwrap_or_default())
}

/// The octets that labels of mapped domains have, in either case.
#[inline]
const fn is_label_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}

/// A hash of the octets around a dot, of which case and kind are dropped.
#[inline]
fn near(octets: [u8; 4]) -> usize {
    let bits = u32::from_le_bytes(octets) & 0x1f1f_1f1f;
    widen(bits.wrapping_mul(0x9e37_79b1) >> (u32::BITS - NEAR_BITS.ilog2()))
}

/// Octets of labels in lower case; 0 for all others.
static LABEL_OCTETS: [u8; 256] = label_octets();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "the compiler runs it")]
const fn label_octets() -> [u8; 256] {
    let mut octets = [0; 256];
    let mut octet = 0;
    while octet < octets.len() {
        if is_label_octet(octet as u8) {
            octets[octet] = (octet as u8).to_ascii_lowercase();
        }
        octet += 1;
    }
    octets
}

/// An octet of a label in lower case; 0 for any other.
#[inline]
fn label_octet(octet: u8) -> u8 {
    LABEL_OCTETS.get(usize::from(octet)).copied().unwrap_or(0)
}

/// A hash of the two labels around a dot (FNV-1a), from the dot on to either side, case dropped.
fn ending(text: &[u8], dot: usize) -> usize {
    let (before, behind) = text.split_at_checked(dot).unwrap_or((text, &[]));
    let hash = label_hash(0x811c_9dc5, before.iter().rev());
    // The dot: so that it matters on which side of it an octet is.
    let hash = label_hash(step(hash, b'.'), behind.get(1..).unwrap_or_default().iter());
    widen(hash >> (u32::BITS - ENDING_BITS.ilog2()))
}

/// Goes on with the octets up to one that no label has.
#[inline]
fn label_hash<'o>(mut hash: u32, octets: impl Iterator<Item = &'o u8>) -> u32 {
    for octet in octets {
        let folded = label_octet(*octet);
        if folded == 0 {
            break;
        }
        hash = step(hash, folded);
    }
    hash
}

#[inline]
fn step(hash: u32, octet: u8) -> u32 {
    (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193)
}

fn set(bits: &mut [u64], number: usize) {
    if let Some(word) = bits.get_mut(number / 64) {
        *word |= 1 << (number % 64);
    }
}

#[inline]
fn has(bits: &[u64], number: usize) -> bool {
    bits.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> DomainFilter {
        DomainFilter::new([&b"tenant1.contoso.com"[..], b"fabrikam.x", b"_tls.d-e.example", b"q.org", b"v.w"])
            .unwrap()
    }

    #[test]
    fn a_mapped_domain_is_seen_in_every_dress() {
        for body in [
            " john@tenant1.contoso.com",
            "<JOHN@TENANT1.CONTOSO.COM>",
            "john@tenant1.contoso.com.",
            "john@tenant1 . contoso . com",
            "john@tenant1.contoso.(com)com",
            "john@tenant1.contoso(x).com",
            "john@tenant1.contoso\r\n .com",
            "john@tenant1.contoso.\r\n\tcom",
            "x (john@tenant1.contoso.com",
            "j@fabrikam.x",
            "j@below.fabrikam.X,",
            "j@[10.0.0.1], contoso.com",
            "j@_TLS.d-e.example;",
            "j@q.org",
            "j@sub.Q.ORG>",
            "v.w",
            "j@v.W",
            "(v.w)",
            "J\u{fc}rgen <j@elsewhere.example>",
        ] {
            assert!(filter().may_concern(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn what_is_clearly_elsewhere_is_not_looked_at() {
        for body in [
            "",
            " \"Doe, John Q.\" <john.doe@elsewhere.net>, first.last@other.org",
            " contoso@com.example",
            "j@xcontoso.com",
            "j@contoso.community",
            "j@contoso..com",
            "...",
        ] {
            assert!(!filter().may_concern(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn what_display_names_may_hide_is_looked_at_where_they_count() {
        let decoding = DomainFilter { decodes: true, ..filter() };
        for body in ["\"john@fabrikam\\.x\" <a@b.c>", "=?utf-8?q?john=40fabrikam=2Ex?= <a@b.c>"] {
            assert!(decoding.may_concern(body.as_bytes()), "{body}");
            assert!(!filter().may_concern(body.as_bytes()), "{body}");
        }
        assert!(decoding.may_concern(b"John <a@fabrikam.x>") && !decoding.may_concern(b"John <a@b.c>"));
    }

    #[test]
    fn there_is_none_where_it_would_not_be_sound() {
        for domain in ["localhost", "[192.0.2.1]", ".x", "x.", ""] {
            assert!(DomainFilter::new([&b"contoso.com"[..], domain.as_bytes()]).is_none(), "{domain}");
        }
        assert!(!DomainFilter::new([b""; 0]).unwrap().may_concern(b"a@b.c"), "no domain, no concern");
    }
}
