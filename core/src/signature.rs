//! What edits do to the signatures over a header section: DKIM (RFC 6376) and ARC message
//! signatures (RFC 8617 4.1.2).
//!
//! A signature covers the fields that its `h=` names, counted from the last of a name to the first,
//! one for each time it is named (RFC 6376 5.4.2). Whatever the canonicalization, a new address in
//! one of them breaks it. The report goes by names and numbers of fields; nothing is verified.

use memchr::memchr;

use crate::scratch::Scratch;
use crate::span::widen;

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
    /// Every kind.
    pub const ALL: [SignatureKind; 2] = [SignatureKind::Dkim, SignatureKind::Arc];

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

/// The edited fields, as far as signatures are concerned: of each name the last one, which is the
/// first to be covered. There are no more of them than names in the policy, so reports take time
/// linear in the signatures however many fields are edited.
pub(crate) struct EditedFields<'a> {
    fields: Vec<EditedField<'a>>,
}

struct EditedField<'a> {
    name: &'a [u8],
    /// Which of the fields of its name it is, counted from the last, from 1.
    from_last: u32,
}

impl<'a> EditedFields<'a> {
    /// `count` gives how many fields of a name there are.
    pub(crate) fn new(source: &'a [u8], scratch: &Scratch, count: impl Fn(&[u8]) -> u32) -> EditedFields<'a> {
        let mut fields: Vec<EditedField<'a>> = Vec::new();
        for record in scratch.fields.iter().filter(|record| !record.edits.is_empty()) {
            let name = record.name.of(source);
            let from_last = count(name).saturating_sub(record.nth).saturating_add(1);
            match fields.iter_mut().find(|field| field.name.eq_ignore_ascii_case(name)) {
                Some(field) => field.from_last = field.from_last.min(from_last),
                None => fields.push(EditedField { name, from_last }),
            }
        }
        EditedFields { fields }
    }

    /// Reports on the signature field with this body.
    pub(crate) fn assess(&self, kind: SignatureKind, body: &'a [u8]) -> Signature<'a> {
        let covered = tag(body, b"h");
        let because: Vec<&[u8]> = covered.map_or_else(Vec::new, |list| {
            let covers = |field: &&EditedField<'_>| covers(list, field.name, field.from_last);
            self.fields.iter().filter(covers).map(|field| field.name).collect()
        });
        Signature {
            kind,
            domain: tag(body, b"d").unwrap_or_default(),
            selector: tag(body, b"s").unwrap_or_default(),
            is_intact: if covered.is_some() { because.is_empty() } else { self.fields.is_empty() },
            because,
        }
    }
}

/// Whether a list of field names has this name at least so many times.
fn covers(list: &[u8], name: &[u8], times: u32) -> bool {
    let is_name = |item: &&[u8]| item.trim_ascii().eq_ignore_ascii_case(name);
    list.split(|&octet| octet == b':').filter(is_name).count() >= widen(times)
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
