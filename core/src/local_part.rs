//! Local-parts that are more than a name: what is set aside for the look-up, and which entries apply.
//!
//! | form | treatment |
//! |---|---|
//! | `user+detail` (RFC 5233) | looked up with and without the detail |
//! | `prvs=tag=user`, `btv1==tag==user`, `msprvs1=tag=user` (BATV) | the tag is put aside, and back again |
//! | `SRS0=…`, `SRS0+…`, `SRS1-…`, `…+SRS=…` (SRS) | only a two-way domain entry moves it, octet for octet |
//! | `IMCEAEX-…` and its like (Exchange) | only an entry that names it whole applies |
//! | `postmaster`, `abuse`, `mailer-daemon` | no domain entry moves it (RFC 2142, RFC 5321 4.5.1) |

use crate::lex::has_any;

/// A local-part taken apart. Places count in the unquoted local-part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LocalPart {
    /// Octets of a BATV tag at the beginning, 0 without one.
    pub(crate) tag: usize,
    /// Where a subaddress begins.
    pub(crate) subaddress: Option<usize>,
    /// Which domain entries apply.
    pub(crate) movable: Movable,
}

/// Whether a domain entry moves an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Movable {
    /// Like any name.
    Always,
    /// Only an entry for the domain itself that leads back, too: a bounce has to find its way.
    ThereAndBack,
    /// Never.
    Never,
}

impl LocalPart {
    /// Takes an unquoted, ASCII-lower-cased local-part apart.
    pub(crate) fn read(key: &[u8], delimiters: &[u8]) -> LocalPart {
        let may_be_more = may_have_parts(key, delimiters);
        // Without one there is neither a tag nor SRS behind a delimiter.
        let has_equals = may_be_more && key.contains(&b'=');
        let tag = if has_equals { tag_length(key) } else { 0 };
        let name = key.get(tag..).unwrap_or_default();
        let (splits, movable) = if is_rewritten_sender(name, has_equals) {
            (false, Movable::ThereAndBack)
        } else if is_encapsulated(name) {
            (false, Movable::Never)
        } else if matches!(name, b"postmaster" | b"abuse" | b"mailer-daemon") {
            (true, Movable::Never)
        } else {
            (true, Movable::Always)
        };
        let splits = splits && may_be_more;
        let subaddress = if splits { subaddress(name, delimiters) } else { None };
        let subaddress = subaddress.map(|at| tag + at);
        LocalPart { tag, subaddress, movable }
    }
}

/// Whether a local-part may have a tag or a subaddress; nearly all have neither. `false` is always right.
#[inline]
pub(crate) fn may_have_parts(key: &[u8], delimiters: &[u8]) -> bool {
    match *delimiters {
        [delimiter] => has_any(key, |octet| octet == b'=' || octet == delimiter),
        _ => has_any(key, |octet| octet == b'=' || delimiters.contains(&octet)),
    }
}

/// Octets of a BATV tag: prefix, tag and what separates it from the local-part behind.
fn tag_length(key: &[u8]) -> usize {
    const TAGS: &[(&[u8], &[u8])] = &[(b"prvs=", b"="), (b"btv1==", b"=="), (b"msprvs1=", b"=")];
    for (prefix, separator) in TAGS {
        let Some(rest) = key.strip_prefix(*prefix) else { continue };
        let end = memchr::memmem::find(rest, separator).map_or(0, |at| prefix.len() + at + separator.len());
        // A tag needs something in it, and a name behind it.
        return if end > prefix.len() + separator.len() && end < key.len() { end } else { 0 };
    }
    0
}

/// SRS in its four spellings: the hash does not cover the domain that forwards.
fn is_rewritten_sender(name: &[u8], has_equals: bool) -> bool {
    let is_classic = name.strip_prefix(b"srs").is_some_and(|rest| {
        matches!(rest.first(), Some(b'0' | b'1')) && matches!(rest.get(1), Some(b'=' | b'+' | b'-'))
    });
    is_classic || has_equals && memchr::memmem::find(name, b"+srs=").is_some()
}

/// An address of another system inside a local-part: IMCEAEX-, IMCEAX500-, IMCEASMTP- and so on. A `+`
/// in it is a hexadecimal escape.
fn is_encapsulated(name: &[u8]) -> bool {
    name.starts_with(b"imcea") && name.contains(&b'-')
}

/// Where a subaddress begins (RFC 5233): at the first delimiter, behind at least one octet.
fn subaddress(name: &[u8], delimiters: &[u8]) -> Option<usize> {
    let at = name.iter().position(|octet| delimiters.contains(octet))?;
    let base = name.get(..at)?;
    let is_splittable = at > 0
        && !matches!(base, b"postmaster" | b"mailer-daemon")
        && !name.starts_with(b"owner-")
        && !base.ends_with(b"-request")
        && !name.ends_with(b"-request");
    is_splittable.then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str) -> LocalPart {
        LocalPart::read(key.as_bytes(), b"+")
    }

    #[test]
    fn subaddresses_split_at_the_first_delimiter_behind_a_base() {
        assert_eq!(read("john+a+b").subaddress, Some(4));
        for whole in ["john", "+john", "postmaster+x", "owner-list+x", "list-request+x", "x+list-request"] {
            assert_eq!(read(whole).subaddress, None, "{whole}");
        }
    }

    #[test]
    fn one_delimiter_is_found_as_one_of_several_is() {
        for key in [
            "",
            "john",
            "john+a",
            "+john",
            "john.doe-smith+",
            "prvs=1=a+b",
            "a=b",
            "srs0-h=t+d",
            "imceaex-a+b",
        ] {
            let several = LocalPart::read(key.as_bytes(), b"++");
            assert_eq!(LocalPart::read(key.as_bytes(), b"+"), several, "{key}");
        }
    }

    #[test]
    fn what_has_parts_may_have_them() {
        for length in 0..40 {
            let mut key = vec![b'a'; length];
            assert!(!may_have_parts(&key, b"+-"), "{length}");
            for at in 0..length {
                for octet in *b"=+-" {
                    key[at] = octet;
                    assert!(may_have_parts(&key, b"+-"), "{octet} at {at} of {length}");
                }
                key[at] = b'a';
            }
        }
    }

    #[test]
    fn tags_are_set_aside_whole() {
        for (key, tag, subaddress) in [
            ("prvs=1234abcdef=john", 16, None),
            ("prvs=1234abcdef=john+news", 16, Some(20)),
            ("prvs=1234=a=b", 10, None),
            ("btv1==0123456789a==john", 19, None),
            ("msprvs1=17543abc=bounces-1-2", 17, None),
            ("prvs=1234", 0, None),
            ("prvs=1234=", 0, None),
            ("prvs==john", 0, None),
            ("btv1=12==john", 0, None),
            ("x+prvs=1=y", 0, Some(1)),
        ] {
            let read = read(key);
            assert_eq!((read.tag, read.subaddress), (tag, subaddress), "{key}");
        }
    }

    #[test]
    fn addresses_inside_others_are_known_by_their_form() {
        for key in
            ["srs0=h=t=d=u", "srs0+h=t=d=u", "srs1-h=d==h=t=d=u", "bounce+srs=h=t=d=u", "prvs=1=srs0=h=t=d=u"]
        {
            assert_eq!((read(key).movable, read(key).subaddress), (Movable::ThereAndBack, None), "{key}");
        }
        for key in ["imceaex-_o=x_cn=recipients+2f", "imceax500-c=us+2fa=x"] {
            assert_eq!((read(key).movable, read(key).subaddress), (Movable::Never, None), "{key}");
        }
        for key in ["postmaster", "prvs=1=abuse", "mailer-daemon"] {
            assert_eq!(read(key).movable, Movable::Never, "{key}");
        }
        for key in ["srs2=x", "srs", "srsly", "imceax", "abuse1", "abuse+x"] {
            assert_eq!(read(key).movable, Movable::Always, "{key}");
        }
    }
}
