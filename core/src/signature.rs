//! What edits do to signatures: those over a header section, DKIM (RFC 6376) and ARC message signatures
//! (RFC 8617 4.1.2), and those over the body, S/MIME (RFC 8551) and PGP/MIME (RFC 3156).
//!
//! A signature covers the fields that its `h=` names, counted from the last of a name to the first,
//! one for each time it is named (RFC 6376 5.4.2). Whatever the canonicalization, a new address in
//! one of them breaks it. A signature over the body stays valid; but readers compare From and Sender with
//! the certificate (RFC 8551 3), so it counts as broken where one of these is edited; `signed` has what a
//! plan may want done about that. The report goes by names and numbers of fields; nothing is verified.

use memchr::memchr;

use crate::alignment::{Aligned, Domains};
use crate::content_type::ContentType;
use crate::firewall::removed_name;
use crate::scratch::{FieldRecord, Scratch};
use crate::span::widen;

/// The kinds of signatures that are reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignatureKind {
    /// A DKIM-Signature field.
    Dkim,
    /// An ARC-Message-Signature field.
    Arc,
    /// A message that is S/MIME as a whole: signed, encrypted or both.
    Smime,
    /// A message that is PGP/MIME as a whole.
    Pgp,
}

impl SignatureKind {
    /// Every kind.
    pub const ALL: [SignatureKind; 4] =
        [SignatureKind::Dkim, SignatureKind::Arc, SignatureKind::Smime, SignatureKind::Pgp];

    /// The name in JSON and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            SignatureKind::Dkim => "dkim",
            SignatureKind::Arc => "arc",
            SignatureKind::Smime => "smime",
            SignatureKind::Pgp => "pgp",
        }
    }
}

/// A field that tells of a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignatureField {
    /// It is one.
    Over(SignatureKind),
    /// It says what the body is.
    ContentType,
}

impl SignatureField {
    /// Their names.
    pub(crate) const ALL: [(&'static str, SignatureField); 3] = [
        ("DKIM-Signature", SignatureField::Over(SignatureKind::Dkim)),
        ("ARC-Message-Signature", SignatureField::Over(SignatureKind::Arc)),
        ("Content-Type", SignatureField::ContentType),
    ];

    /// What a field with this body tells of.
    pub(crate) fn kind(self, body: &[u8]) -> Option<SignatureKind> {
        match self {
            SignatureField::Over(kind) => Some(kind),
            SignatureField::ContentType => kind_of_body(body),
        }
    }
}

/// S/MIME and PGP/MIME by the type of the message as a whole.
fn kind_of_body(content_type: &[u8]) -> Option<SignatureKind> {
    let content_type = ContentType::read(content_type)?;
    if content_type.is(b"application/pkcs7-mime") || content_type.is(b"application/x-pkcs7-mime") {
        return Some(SignatureKind::Smime);
    }
    if !content_type.is(b"multipart/signed") && !content_type.is(b"multipart/encrypted") {
        return None;
    }
    let protocol = content_type.parameter(b"protocol")?;
    let is = |name: &[u8]| protocol.eq_ignore_ascii_case(name);
    if is(b"application/pkcs7-signature") || is(b"application/x-pkcs7-signature") {
        Some(SignatureKind::Smime)
    } else if is(b"application/pgp-signature") || is(b"application/pgp-encrypted") {
        Some(SignatureKind::Pgp)
    } else {
        None
    }
}

/// A signature, and what the edits do to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature<'a> {
    /// Its kind.
    pub kind: SignatureKind,
    /// The domain that signs, `d=`; empty if it can't be read, and of a signature over the body.
    pub domain: &'a [u8],
    /// The selector, `s=`; empty as the domain.
    pub selector: &'a [u8],
    /// Whether the edits leave all that it covers as it was. A signature whose `h=` can't be read
    /// counts as broken by any edit.
    pub is_intact: bool,
    /// The names of the edited fields that it covers, as they stand, each once.
    pub because: Vec<&'a [u8]>,
    /// Of a DKIM signature: how the domain that signs stands to that of From (RFC 7489 3.1.1), whether or
    /// not the signature is intact. DMARC asks about no other kind.
    pub aligned: Aligned,
}

/// The edited fields, as far as signatures are concerned: of each name the last one, which is the
/// first to be covered. There are no more of them than names in the policy, so reports take time
/// linear in the signatures however many fields are edited.
pub(crate) struct EditedFields<'a> {
    fields: Vec<EditedField<'a>>,
    /// Those that the header firewall removes may have any number of names, which are in order there.
    removed: Option<(&'a [u8], &'a Scratch)>,
}

struct EditedField<'a> {
    name: &'a [u8],
    /// Which of the fields of its name it is, counted from the last, from 1.
    from_last: u32,
}

impl<'a> EditedFields<'a> {
    /// `count` gives how many fields of a name there are.
    pub(crate) fn new(
        source: &'a [u8],
        scratch: &'a Scratch,
        count: impl Fn(&[u8]) -> u32,
    ) -> EditedFields<'a> {
        let mut fields: Vec<EditedField<'a>> = Vec::new();
        let is_changed =
            |record: &&FieldRecord| scratch.edits_of(record).first().is_some_and(|edit| !edit.is_removal());
        for record in scratch.fields.iter().filter(is_changed) {
            let name = record.name.of(source);
            let from_last = count(name).saturating_sub(record.nth).saturating_add(1);
            match fields.iter_mut().find(|field| field.name.eq_ignore_ascii_case(name)) {
                Some(field) => field.from_last = field.from_last.min(from_last),
                None => fields.push(EditedField { name, from_last }),
            }
        }
        let removed = (!scratch.removed.is_empty()).then_some((source, scratch));
        EditedFields { fields, removed }
    }

    /// Reports on the signature that a field with this body tells of. `from`: the domains of From.
    pub(crate) fn assess(&self, kind: SignatureKind, body: &'a [u8], from: &Domains) -> Signature<'a> {
        if matches!(kind, SignatureKind::Smime | SignatureKind::Pgp) {
            return self.assess_body(kind);
        }
        let covered = tag(body, b"h");
        let because: Vec<&[u8]> = covered.map_or_else(Vec::new, |list| {
            let covers = |field: &&EditedField<'_>| covers(list, field.name, field.from_last);
            let mut because: Vec<&[u8]> = self.fields.iter().filter(covers).map(|field| field.name).collect();
            because.extend(self.removed_in(list));
            because
        });
        let domain = tag(body, b"d").unwrap_or_default();
        let aligned = match kind {
            SignatureKind::Dkim => Domains::unchanged(domain).aligned(from),
            _ => Aligned::default(),
        };
        Signature {
            kind,
            domain,
            selector: tag(body, b"s").unwrap_or_default(),
            is_intact: if covered.is_some() { because.is_empty() } else { self.is_empty() },
            because,
            aligned,
        }
    }
}

impl<'a> EditedFields<'a> {
    fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.removed.is_none()
    }

    /// The removed fields that a list of field names has, each once.
    fn removed_in(&self, list: &[u8]) -> Vec<&'a [u8]> {
        let Some((source, scratch)) = self.removed else { return Vec::new() };
        let names = list.split(|&octet| octet == b':').map(<[u8]>::trim_ascii);
        let mut names: Vec<&[u8]> = names.filter_map(|name| removed_name(source, scratch, name)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Of a signature over the body: whether who it shows is still who signed.
    fn assess_body(&self, kind: SignatureKind) -> Signature<'a> {
        let names = self.fields.iter().map(|field| field.name);
        let because: Vec<&[u8]> = names.filter(|name| is_compared(name)).collect();
        let (is_intact, aligned) = (because.is_empty(), Aligned::default());
        Signature { kind, domain: b"", selector: b"", is_intact, because, aligned }
    }
}

/// Whether readers compare the addresses of a field with the certificate (RFC 8551 3).
pub(crate) fn is_compared(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"From") || name.eq_ignore_ascii_case(b"Sender")
}

/// Whether the DKIM signature with this body covers a field of this name.
pub(crate) fn dkim_covers(body: &[u8], name: &[u8]) -> bool {
    tag(body, b"h").is_some_and(|list| covers(list, name, 1))
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
