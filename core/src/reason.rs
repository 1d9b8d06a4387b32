//! The names of what is left alone: shown in JSON and logs, so only ever added to.

use std::fmt;

/// Why a stretch of a field body, or an address, was left alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// A `"` without its partner (RFC 5322 3.2.4).
    UnterminatedQuotedString,
    /// A `(` without its partner (RFC 5322 3.2.2).
    UnterminatedComment,
    /// A `[` without its partner, or with something between that can't be (RFC 5322 3.4.1).
    UnterminatedDomainLiteral,
    /// A `<` without its partner, or with more than an addr-spec between (RFC 5322 3.4).
    UnterminatedAngleAddr,
    /// More than one `@` outside quotes (RFC 5322 3.4.1).
    SeveralAt,
    /// An address without a domain where there must be one (RFC 5322 3.4.1).
    NoDomain,
    /// No local-part, or words in it that no dot joins (RFC 5322 3.4.1).
    MalformedLocalPart,
    /// Something follows an address that no comma separates from it (RFC 5322 3.4).
    TextAfterAddress,
    /// A group inside a group (RFC 5322 3.4).
    NestedGroup,
    /// A special character where none can be (RFC 5322 3.2.3).
    UnexpectedCharacter,
    /// A NUL, a bare carriage return or another control character.
    ControlCharacter,
    /// Octets of 128 and above in an address that are not UTF-8 (RFC 6532 3.1).
    NotUtf8,
    /// A local-part or domain longer than any map can hold.
    AddressTooLong,
    /// With the new address a line would pass 998 octets (RFC 5322 2.1.1) wherever it is folded.
    LineTooLong,
    /// The new local-part is outside ASCII, and the message is not for SMTPUTF8 (RFC 6531 3.1).
    NeedsSmtputf8,
    /// The plan leaves the fields of such a message alone: it is S/MIME or PGP/MIME as a whole (RFC 8551 3).
    SignedMessage,
    /// A DKIM signature covers the one-click unsubscription that the field is part of (RFC 8058 4).
    OneClickSigned,
}

impl Reason {
    /// Every reason.
    pub const ALL: &[Reason] = &[
        Reason::UnterminatedQuotedString,
        Reason::UnterminatedComment,
        Reason::UnterminatedDomainLiteral,
        Reason::UnterminatedAngleAddr,
        Reason::SeveralAt,
        Reason::NoDomain,
        Reason::MalformedLocalPart,
        Reason::TextAfterAddress,
        Reason::NestedGroup,
        Reason::UnexpectedCharacter,
        Reason::ControlCharacter,
        Reason::NotUtf8,
        Reason::AddressTooLong,
        Reason::LineTooLong,
        Reason::NeedsSmtputf8,
        Reason::SignedMessage,
        Reason::OneClickSigned,
    ];

    /// The name in JSON and logs. Names are only ever added.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::UnterminatedQuotedString => "unterminated-quoted-string",
            Reason::UnterminatedComment => "unterminated-comment",
            Reason::UnterminatedDomainLiteral => "unterminated-domain-literal",
            Reason::UnterminatedAngleAddr => "unterminated-angle-addr",
            Reason::SeveralAt => "several-at",
            Reason::NoDomain => "no-domain",
            Reason::MalformedLocalPart => "malformed-local-part",
            Reason::TextAfterAddress => "text-after-address",
            Reason::NestedGroup => "nested-group",
            Reason::UnexpectedCharacter => "unexpected-character",
            Reason::ControlCharacter => "control-character",
            Reason::NotUtf8 => "not-utf-8",
            Reason::AddressTooLong => "address-too-long",
            Reason::LineTooLong => "line-too-long",
            Reason::NeedsSmtputf8 => "needs-smtputf8",
            Reason::SignedMessage => "signed-message",
            Reason::OneClickSigned => "one-click-signed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
