//! What edits do to the signatures over a header section: DKIM (RFC 6376) and ARC message
//! signatures (RFC 8617 4.1.2).
//!
//! A signature covers the fields that its `h=` names, counted from the last of a name to the first,
//! one for each time it is named (RFC 6376 5.4.2). Whatever the canonicalization, a new address in
//! one of them breaks it. The report goes by names and numbers of fields; nothing is verified.

use memchr::memchr;

use crate::scratch::{FieldRecord, Scratch};

/// The kinds of signatures that are reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignatureKind {
    /// A DKIM-Signature field.
    Dkim,
    /// An ARC-Message-Signature field.
    Arc,
}

impl SignatureKind {
    pub(crate) const ALL: [SignatureKind; 2] = [SignatureKind::Dkim, SignatureKind::Arc];

    /// The name in JSON and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            SignatureKind::Dkim => "dkim",
            SignatureKind::Arc => "arc",
        }
    }

    pub(crate) fn field_name(self) -> &'static str {
        match self {
            SignatureKind::Dkim => "DKIM-Signature",
            SignatureKind::Arc => "ARC-Message-Signature",
        }
    }
}

/// A signature over the header section, and what the edits do to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature<'a> {
    /// Its kind.
    pub kind: SignatureKind,
    /// The domain that signs, `d=`; empty if it can't be read.
    pub domain: &'a [u8],
    /// The selector, `s=`; empty if it can't be read.
    pub selector: &'a [u8],
    /// Whether the edits leave all that it covers as it was. A signature whose `h=` can't be read
    /// counts as broken by any edit.
    pub is_intact: bool,
    /// The names of the edited fields that it covers, as they stand, each once.
    pub because: Vec<&'a [u8]>,
}

/// Reports on the signature field with this body. `counts` gives how many fields of an edited
/// field's name there are.
pub(crate) fn assess<'a>(
    kind: SignatureKind,
    body: &'a [u8],
    source: &'a [u8],
    scratch: &Scratch,
    count: impl Fn(&[u8]) -> u32,
) -> Signature<'a> {
    let tag = |name| tag(body, name);
    let mut signature = Signature {
        kind,
        domain: tag(b"d").unwrap_or_default(),
        selector: tag(b"s").unwrap_or_default(),
        is_intact: true,
        because: Vec::new(),
    };
    let edited = scratch.fields.iter().filter(|field| !field.edits.is_empty());
    let Some(covered) = tag(b"h") else {
        signature.is_intact = edited.count() == 0;
        return signature;
    };
    for field in edited {
        let name = field.name.of(source);
        if covers(covered, name, from_last(field, count(name))) {
            signature.is_intact = false;
            if !signature.because.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                signature.because.push(name);
            }
        }
    }
    signature
}

/// Which of the fields of its name a field is, counted from the last, from 1.
fn from_last(field: &FieldRecord, count: u32) -> u32 {
    count.saturating_sub(field.nth).saturating_add(1)
}

/// Whether a list of field names has this name at least so many times.
fn covers(list: &[u8], name: &[u8], times: u32) -> bool {
    let named =
        list.split(|&octet| octet == b':').filter(|item| item.trim_ascii().eq_ignore_ascii_case(name));
    named.take(usize::try_from(times).unwrap_or(usize::MAX)).count()
        >= usize::try_from(times).unwrap_or(usize::MAX)
}

/// The value of a tag (RFC 6376 3.2), without the white space around it; `None` if there is no
/// such tag.
fn tag<'b>(body: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
    body.split(|&octet| octet == b';').find_map(|item| {
        let (found, value) = item.split_at_checked(memchr(b'=', item)?)?;
        (found.trim_ascii() == name).then(|| value.get(1..).unwrap_or_default().trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::{covers, tag};

    #[test]
    fn tags_may_be_folded_and_spaced() {
        let body = b" v=1; a=rsa-sha256;\r\n\td = example.net ; s=s1;h=From : To\r\n : Cc;bh=abc=;b=d=e";
        assert_eq!(tag(body, b"d"), Some(&b"example.net"[..]));
        assert_eq!(tag(body, b"s"), Some(&b"s1"[..]));
        assert_eq!(tag(body, b"h"), Some(&b"From : To\r\n : Cc"[..]));
        assert_eq!(tag(body, b"bh"), Some(&b"abc="[..]));
        assert_eq!(tag(body, b"x"), None);
        assert_eq!(tag(b"", b"d"), None);
    }

    #[test]
    fn each_naming_covers_one_field_from_the_last() {
        let list = b"from:From : to\r\n :Subject";
        assert!(covers(list, b"FROM", 1) && covers(list, b"From", 2) && !covers(list, b"From", 3));
        assert!(covers(list, b"To", 1) && !covers(list, b"To", 2) && !covers(list, b"Cc", 1));
    }
}
