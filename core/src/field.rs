//! The fields that may hold addresses to rewrite, and those that never do.
//!
//! One table: field name, role, and what each preset does with it in each direction. The table of
//! the design ("which addresses, in which direction") is this file; RFC 5322 3.6, RFC 8098 and
//! RFC 5321 4.4 are behind it.

use crate::policy::{Direction, Preset};

/// What a field says about the people it names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// Who wrote or sent the message, or wants the answers.
    Originator,
    /// Who the message is for.
    Recipient,
    /// Who wants to be told what became of it.
    Notification,
}

/// A field with addresses that presets know.
#[derive(Debug)]
pub struct KnownField {
    /// Name as RFCs and vendors write it; matched without regard to ASCII case.
    pub name: &'static str,
    /// Its role.
    pub role: Role,
    /// RFC 5322 3.6: at most once in a message. A second one is flagged and treated alike.
    pub once: bool,
    /// One cell for each preset: coexistence, edge-2016, edge-2013, postfix.
    rewritten: [Cell; 4],
}

/// In which direction of the message a preset rewrites a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cell {
    Outbound,
    Inbound,
    Never,
}

use Cell::{Inbound as In, Never as No, Outbound as Out};

const fn known(name: &'static str, role: Role, once: bool, rewritten: [Cell; 4]) -> KnownField {
    KnownField { name, role, once, rewritten }
}

/// All fields that presets know, in the order of the design's table.
#[rustfmt::skip]
pub static KNOWN_FIELDS: &[KnownField] = &[
    //                                                                      coex 2016 2013 postfix
    known("From",                        Role::Originator,   true,  [Out, Out, Out, Out]),
    known("Sender",                      Role::Originator,   true,  [Out, Out, Out, Out]),
    known("Reply-To",                    Role::Originator,   true,  [Out, Out, Out, Out]),
    known("Resent-From",                 Role::Originator,   false, [Out, Out, Out, Out]),
    known("Resent-Sender",               Role::Originator,   false, [Out, Out, Out, Out]),
    known("Resent-Reply-To",             Role::Originator,   false, [Out, No,  No,  In]),
    known("Errors-To",                   Role::Originator,   false, [Out, No,  No,  Out]),
    known("Mail-Followup-To",            Role::Originator,   false, [Out, No,  No,  Out]),
    known("Mail-Reply-To",               Role::Originator,   false, [Out, No,  No,  No]),
    known("Return-Receipt-To",           Role::Notification, false, [Out, Out, Out, Out]),
    known("Disposition-Notification-To", Role::Notification, false, [Out, Out, Out, Out]),
    known("To",                          Role::Recipient,    true,  [Out, In,  Out, In]),
    known("Cc",                          Role::Recipient,    true,  [Out, In,  Out, In]),
    known("Bcc",                         Role::Recipient,    true,  [Out, No,  No,  In]),
    known("Resent-To",                   Role::Recipient,    false, [Out, No,  No,  In]),
    known("Resent-Cc",                   Role::Recipient,    false, [Out, No,  No,  In]),
    known("Resent-Bcc",                  Role::Recipient,    false, [Out, No,  No,  In]),
    known("Apparently-To",               Role::Recipient,    false, [Out, No,  No,  In]),
];

impl KnownField {
    /// Whether `preset` rewrites this field in messages of `direction`.
    #[must_use]
    pub fn is_rewritten(&self, preset: Preset, direction: Direction) -> bool {
        let column = match preset {
            Preset::Coexistence => 0,
            Preset::Edge2016 => 1,
            Preset::Edge2013 => 2,
            Preset::Postfix => 3,
            Preset::EnvelopeOnly => return false,
        };
        let wanted = match direction {
            Direction::Outbound => Cell::Outbound,
            Direction::Inbound => Cell::Inbound,
        };
        self.rewritten.get(column) == Some(&wanted)
    }
}

/// What the body of a field is made of, as far as addresses go. Known by the field's name.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum BodyKind {
    /// An address list (RFC 5322 3.4).
    #[default]
    Addresses,
    /// URIs in angle brackets, `mailto` among them (RFC 2369 2).
    Uris,
    /// Attributes, `addr` among them (Autocrypt level 1, 2.1).
    Autocrypt,
}

/// What says who a key is for. It must be the address of From, so it is rewritten where From is.
pub(crate) const AUTOCRYPT: &str = "Autocrypt";

/// Where list mail is unsubscribed from, by mail or in one click.
pub(crate) const LIST_UNSUBSCRIBE: &str = "List-Unsubscribe";

/// Makes of List-Unsubscribe a thing of one click (RFC 8058 3.1).
pub(crate) const LIST_UNSUBSCRIBE_POST: &str = "List-Unsubscribe-Post";

/// The fields of RFC 2369.
const URI_FIELDS: [&str; 6] =
    ["List-Help", LIST_UNSUBSCRIBE, "List-Subscribe", "List-Post", "List-Owner", "List-Archive"];

impl BodyKind {
    /// The kind of a field's body by its name.
    pub(crate) fn of(name: &str) -> BodyKind {
        if URI_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            BodyKind::Uris
        } else if name.eq_ignore_ascii_case(AUTOCRYPT) {
            BodyKind::Autocrypt
        } else {
            BodyKind::Addresses
        }
    }
}

/// Fields that are never rewritten, whatever a plan says: trace, identification, signatures, keys and
/// loop detection. Names in lower case.
const NEVER: &[&str] = &[
    "return-path",
    "received",
    "delivered-to",
    "x-original-to",
    "message-id",
    "resent-message-id",
    "in-reply-to",
    "references",
    "authentication-results",
    "received-spf",
    "dkim-signature",
    "domainkey-signature",
    "openpgp",
    "x-ms-tnef-correlator",
    "x-ld-processed",
];

/// Beginnings of the names of such fields, in lower case.
const NEVER_PREFIXES: &[&str] = &["content-", "arc-"];

/// Whether a field may never be rewritten, whatever the plan says.
///
/// Exchange keeps its loop detection in `X-MS-Exchange-…Loop…` and forwarding-loop fields: an
/// edited one lets a message run in circles.
#[must_use]
pub fn is_never_rewritten(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NEVER.contains(&name.as_str())
        || NEVER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || (name.starts_with("x-ms-exchange-") && name.contains("loop"))
        || name.contains("forwarding-loop")
}

/// Whether `name` is a field name by RFC 5322 3.6.8: printable US-ASCII without colon and space.
#[must_use]
pub fn is_field_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&octet| is_name_octet(octet))
}

/// `ftext` of RFC 5322 3.6.8.
#[inline]
pub(crate) const fn is_name_octet(octet: u8) -> bool {
    matches!(octet, 33..=57 | 59..=126)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loop_detection_and_trace_fields_are_never_rewritten() {
        for name in [
            "Return-Path",
            "RECEIVED",
            "Content-Type",
            "ARC-Seal",
            "X-MS-Exchange-Inbox-Rules-Loop",
            "X-MS-Exchange-Transport-Forked-Loop-Detection",
            "X-MS-Exchange-ForwardingLoop",
            "DKIM-Signature",
            "Message-ID",
            "OpenPGP",
        ] {
            assert!(is_never_rewritten(name), "{name}");
        }
        for known in KNOWN_FIELDS {
            assert!(!is_never_rewritten(known.name), "{}", known.name);
        }
    }

    #[test]
    fn envelope_only_names_no_field() {
        for known in KNOWN_FIELDS {
            for direction in [Direction::Outbound, Direction::Inbound] {
                assert!(!known.is_rewritten(Preset::EnvelopeOnly, direction));
            }
        }
    }
}
