//! DMARC alignment (RFC 7489 3.1): whether the domain that a signature or the envelope speaks for is that
//! of From, before and after the edits.
//!
//! The author domain is the one domain of all mailboxes in the one From field. A message without one, with
//! several or with something in From that does not parse has none, and DMARC leaves such messages out, too
//! (RFC 7489 6.6.1). Relaxed alignment goes by organizational domains, which take a list of public
//! suffixes or the DNS; there is neither here, so what depends on them is said to be undecided. Nothing is
//! verified: a signature that is aligned may still be broken.
//!
//! Everything is worked out when it is asked for, in time linear in the From field.

use crate::addr_spec::DOMAIN_MAX;
use crate::address::{AddressList, Item};
use crate::idn;
use crate::lex::copy_tokens;
use crate::scratch::EditRecord;
use crate::span::widen;

/// How a domain stands to that of From.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Alignment {
    /// They are the same (RFC 7489 3.1.1, 3.1.2).
    Strict,
    /// One lies below the other, which has at least two labels: aligned in relaxed mode. (Unless the
    /// upper one is a public suffix; nobody sends mail from these.)
    Relaxed,
    /// They lie beside each other below a domain of at least two labels: aligned in relaxed mode if that
    /// lies in one organizational domain, which a list of public suffixes or the DNS knows.
    Undecided,
    /// They have at most a top-level domain in common.
    None,
}

impl Alignment {
    /// Every alignment.
    pub const ALL: [Alignment; 4] =
        [Alignment::Strict, Alignment::Relaxed, Alignment::Undecided, Alignment::None];

    /// The name in JSON and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Alignment::Strict => "strict",
            Alignment::Relaxed => "relaxed",
            Alignment::Undecided => "undecided",
            Alignment::None => "none",
        }
    }

    /// Compares two domains as DNS does: ASCII case and one dot behind do not count, and both forms of an
    /// international domain are the same. `None` if one of them is no domain name: empty, longer than
    /// [`DOMAIN_MAX`] octets, an address literal, with an octet that host names don't have or in Unicode
    /// that is not canonical.
    ///
    /// ```
    /// use readdress::Alignment;
    ///
    /// assert_eq!(Alignment::of(b"mail.contoso.com", b"Contoso.com."), Some(Alignment::Relaxed));
    /// assert_eq!(Alignment::of(b"[192.0.2.1]", b"contoso.com"), None);
    /// ```
    #[must_use]
    pub fn of(one: &[u8], other: &[u8]) -> Option<Alignment> {
        Some(compare(&domain_name(one)?, &domain_name(other)?))
    }
}

/// The domain of an address before and after the edits: lower-case, A-labels, no dot behind. `None`: none,
/// or not one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Domains {
    /// As it was.
    pub before: Option<String>,
    /// As it is now; in shadow mode, as it would be.
    pub after: Option<String>,
}

/// An alignment before and after the edits. `None`: one of the two sides has no domain.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Aligned {
    /// Of the domains before.
    pub before: Option<Alignment>,
    /// Of the domains after.
    pub after: Option<Alignment>,
}

impl Domains {
    /// How these stand to the domains of From.
    #[must_use]
    pub fn aligned(&self, from: &Domains) -> Aligned {
        let align = |one: &Option<String>, from: &Option<String>| {
            one.as_ref().zip(from.as_ref()).map(|(one, from)| compare(one, from))
        };
        Aligned { before: align(&self.before, &from.before), after: align(&self.after, &from.after) }
    }

    /// Those of something that no edit changes.
    pub(crate) fn unchanged(domain: &[u8]) -> Domains {
        let before = domain_name(domain);
        Domains { after: before.clone(), before }
    }

    /// Those of a From field that stands alone. `base` is the place of its body, `edits` are those in it.
    pub(crate) fn of_mailboxes(body: &[u8], base: u32, edits: &[EditRecord], texts: &[u8]) -> Domains {
        let (mut before, mut after) = (Common::default(), Common::default());
        let mut edits = edits.iter().filter(|edit| !edit.is_fold()).peekable();
        let mut tokens = Vec::new();
        let mut list = AddressList::new(body);
        for item in list.by_ref() {
            let Item::Mailbox(mailbox) = item else { return Domains::default() };
            tokens.clear();
            copy_tokens(mailbox.addr_spec.domain.of(body), &mut tokens);
            let domain = domain_name(&tokens);
            let place = widen(base) + widen(mailbox.addr_spec.span().start);
            // Those of a display-name say nothing about the domain.
            while edits.next_if(|edit| widen(edit.place.start) < place).is_some() {}
            match edits.next_if(|edit| widen(edit.place.start) == place) {
                Some(edit) => after.add(domain_of(edit.to.of(texts))),
                None => after.add(domain.clone()),
            }
            before.add(domain);
        }
        if list.has_passed_over() {
            return Domains::default();
        }
        Domains { before: before.domain(), after: after.domain() }
    }
}

/// What several mailboxes have in common.
#[derive(Default)]
enum Common {
    #[default]
    Nothing,
    Domain(String),
    /// There is more than one domain, or an address without one.
    Several,
}

impl Common {
    fn add(&mut self, domain: Option<String>) {
        *self = match (std::mem::take(self), domain) {
            (Common::Nothing, Some(domain)) => Common::Domain(domain),
            (Common::Domain(known), Some(domain)) if known == domain => Common::Domain(known),
            _ => Common::Several,
        };
    }

    fn domain(self) -> Option<String> {
        match self {
            Common::Domain(domain) => Some(domain),
            Common::Nothing | Common::Several => None,
        }
    }
}

/// The domain of an addr-spec that stands alone.
fn domain_of(addr_spec: &[u8]) -> Option<String> {
    match AddressList::new(addr_spec).next()? {
        Item::Mailbox(mailbox) => domain_name(mailbox.addr_spec.domain.of(addr_spec)),
        Item::Malformed { .. } => None,
    }
}

/// The key of a domain name (RFC 1035 2.3.1, with underscores).
pub(crate) fn domain_name(domain: &[u8]) -> Option<String> {
    if domain.len() > DOMAIN_MAX {
        return None;
    }
    let domain = domain.strip_suffix(b".").unwrap_or(domain);
    let key = if domain.is_ascii() {
        String::from_utf8(domain.to_ascii_lowercase()).ok()?
    } else {
        idn::to_a_labels(domain)?.to_ascii_lowercase()
    };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
    };
    key.split('.').all(is_label).then_some(key)
}

/// Compares two keys. What they share counts from two labels on: no organizational domain has fewer.
fn compare(one: &str, other: &str) -> Alignment {
    if one == other {
        return Alignment::Strict;
    }
    let labels = |domain: &str| domain.split('.').count();
    let shared = one.rsplit('.').zip(other.rsplit('.')).take_while(|(one, other)| one == other).count();
    if shared < 2 {
        Alignment::None
    } else if shared == labels(one).min(labels(other)) {
        Alignment::Relaxed
    } else {
        Alignment::Undecided
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(one: &str, other: &str) -> &'static str {
        let found = Alignment::of(one.as_bytes(), other.as_bytes());
        assert_eq!(found, Alignment::of(other.as_bytes(), one.as_bytes()), "{one} and {other}");
        found.map_or("", Alignment::name)
    }

    #[test]
    fn domains_are_compared_label_by_label() {
        for (one, other, expected) in [
            ("contoso.com", "contoso.com", "strict"),
            ("contoso.com", "mail.contoso.com", "relaxed"),
            ("contoso.com", "a.b.c.contoso.com", "relaxed"),
            ("mail.contoso.com", "news.contoso.com", "undecided"),
            ("contoso.co.example", "fabrikam.co.example", "undecided"),
            ("contoso.com", "fabrikam.com", "none"),
            ("contoso.com", "contoso.example", "none"),
            ("contoso.com", "notcontoso.com", "none"),
            ("contoso.com", "contoso.com.example", "none"),
            ("com", "contoso.com", "none"),
            ("localhost", "localhost", "strict"),
            ("localhost", "x.localhost", "none"),
        ] {
            assert_eq!(name(one, other), expected, "{one} and {other}");
        }
    }

    #[test]
    fn spellings_of_one_domain_are_the_same() {
        for other in ["CONTOSO.Com", "contoso.com.", "Contoso.com."] {
            assert_eq!(name("contoso.com", other), "strict", "{other}");
        }
        assert_eq!(name("b\u{fc}cher.example", "XN--BCHER-KVA.example."), "strict");
        assert_eq!(name("post.b\u{fc}cher.example", "xn--bcher-kva.example"), "relaxed");
    }

    #[test]
    fn what_is_no_domain_name_is_not_compared() {
        let long = format!("{}.example", "a.".repeat(130));
        let long_label = format!("{}.example", "a".repeat(64));
        for domain in [
            "",
            ".",
            "contoso.com..",
            ".contoso.com",
            "contoso..com",
            "[192.0.2.1]",
            "[IPv6:2001:db8::1]",
            "contoso .com",
            "con\u{ad}toso.com",
            "\u{ff43}ontoso.com",
            "a!b.example",
            "contoso.com\0",
            "x@contoso.com",
            &long,
            &long_label,
        ] {
            assert_eq!(name(domain, "contoso.com"), "", "{domain}");
            assert_eq!(name(domain, domain), "", "{domain}");
        }
        assert_eq!(Alignment::of(b"b\xfccher.example", b"b\xfccher.example"), None);
    }
}
