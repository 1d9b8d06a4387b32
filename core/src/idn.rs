//! International domain names (RFC 5890, UTS 46): the two spellings of one domain.
//!
//! Keys have A-labels (`xn--…`). A domain with octets of 128 and above is looked up only if it is
//! its own canonical form: what a reader that maps characters would take it for is never guessed,
//! so full-width letters, ideographic full stops, soft hyphens and the Kelvin sign match nothing.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The A-label form of a domain in canonical Unicode form, without a dot behind it. `None` if it is
/// not canonical, or no domain.
pub(crate) fn to_a_labels(domain: &[u8]) -> Option<String> {
    let ascii =
        Uts46::new().to_ascii(domain, AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore).ok()?;
    let is_canonical = to_u_labels(ascii.as_bytes())?.as_bytes().eq_ignore_ascii_case(domain);
    is_canonical.then(|| ascii.into_owned())
}

/// The Unicode form of a domain of A-labels and others. `None` if one of its A-labels is none.
pub(crate) fn to_u_labels(domain: &[u8]) -> Option<Cow<'_, str>> {
    let (unicode, valid) = Uts46::new().to_unicode(domain, AsciiDenyList::EMPTY, Hyphens::Allow);
    valid.ok().map(|()| unicode)
}

/// Whether every label of an ASCII domain that says it is an A-label is one, in its only spelling.
pub(crate) fn has_sound_a_labels(domain: &[u8]) -> bool {
    let claims = |label: &[u8]| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"));
    if !domain.split(|&octet| octet == b'.').any(claims) {
        return true;
    }
    let back = to_u_labels(domain).and_then(|unicode| {
        let ascii = Uts46::new().to_ascii(
            unicode.as_bytes(),
            AsciiDenyList::EMPTY,
            Hyphens::Allow,
            DnsLength::Ignore,
        );
        ascii.ok().map(|ascii| ascii.as_bytes().eq_ignore_ascii_case(domain))
    });
    back == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_unicode_has_one_a_label_form() {
        for (unicode, ascii) in [
            ("bücher.example", "xn--bcher-kva.example"),
            ("bücher.Example", "xn--bcher-kva.example"),
            ("straße.example", "xn--strae-oqa.example"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("faß_x.example", "xn--fa_x-wna.example"),
        ] {
            assert_eq!(to_a_labels(unicode.as_bytes()).as_deref(), Some(ascii), "{unicode}");
            assert_eq!(to_u_labels(ascii.as_bytes()).unwrap(), unicode.to_ascii_lowercase());
            assert!(has_sound_a_labels(ascii.as_bytes()));
        }
    }

    #[test]
    fn what_only_maps_to_a_domain_is_not_looked_up() {
        for lookalike in [
            "BÜCHER.example",        // Unicode capitals are not folded
            "bu\u{308}cher.example", // decomposed
            "ｃontoso.com",          // full-width
            "contoso。com",          // ideographic full stop
            "con\u{ad}toso.com",     // soft hyphen
            "\u{212a}ontoso.com",    // Kelvin sign
            "xn--bcher-kva.bücher",  // half of it in each form
            "con\u{200d}toso.com",   // joiner where none belongs
        ] {
            assert_eq!(to_a_labels(lookalike.as_bytes()), None, "{lookalike}");
        }
        assert_eq!(to_a_labels(b"b\xfccher.example"), None);
    }

    #[test]
    fn false_a_labels_are_told() {
        assert!(has_sound_a_labels(b"a-b.example_x.com"));
        for domain in ["xn--example-.com", "xn--a.com", "XN--.com", "x.xn--contoso-com"] {
            assert!(!has_sound_a_labels(domain.as_bytes()), "{domain}");
        }
    }
}
