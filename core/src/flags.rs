//! What is remarkable about a message's header section, whether or not anything was rewritten.
//!
//! Flags are facts, not verdicts: the host decides what a message with several From fields is
//! worth. They are complete for the header section and say nothing about the body, which the
//! engine doesn't read; so their cost, and a host that sees fields only, is independent of it.

/// A set of facts about a header section.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Flags = Flags(1 << $bit);)*

            /// Every flag with its name in JSON and logs. Bits and names are only ever added.
            pub const ALL: &[(Flags, &str)] = &[$((Flags::$name, $text),)*];
        }
    };
}

flags! {
    /// A line feed without a carriage return before it ends a line (all of them in a file as
    /// Unix stores it).
    BARE_LF = 0, "bare-lf";
    /// A carriage return without a line feed behind it stands somewhere.
    BARE_CR = 1, "bare-cr";
    /// Some lines end in CRLF and some in a bare line feed.
    MIXED_LINE_ENDINGS = 2, "mixed-line-endings";
    /// A NUL octet stands somewhere.
    NUL = 3, "nul";
    /// Octets of 128 and above, all of them valid UTF-8 (RFC 6532).
    UTF8 = 4, "utf-8";
    /// Octets of 128 and above that are not UTF-8.
    EIGHT_BIT = 5, "eight-bit";
    /// The first line is a "From " line of an mbox file. It is not a field.
    MBOX_FROM_LINE = 6, "mbox-from-line";
    /// A line that is neither a field nor a continuation ends the header section without the
    /// empty line of RFC 5322 2.1. It and all behind it are left alone.
    NOT_A_FIELD = 7, "not-a-field";
    /// The input ends before the empty line. Legal for a header section alone.
    NO_EMPTY_LINE = 8, "no-empty-line";
    /// White space stands between a field's name and its colon (RFC 5322 4.5).
    SPACE_BEFORE_COLON = 9, "space-before-colon";
    /// A line is longer than 998 octets (RFC 5322 2.1.1).
    LONG_LINE = 10, "long-line";
    /// More than one From field.
    DUPLICATE_FROM = 11, "duplicate-from";
    /// More than one Sender field.
    DUPLICATE_SENDER = 12, "duplicate-sender";
    /// More than one Reply-To field.
    DUPLICATE_REPLY_TO = 13, "duplicate-reply-to";
    /// More than one To field.
    DUPLICATE_TO = 14, "duplicate-to";
    /// More than one Cc field.
    DUPLICATE_CC = 15, "duplicate-cc";
    /// More than one Bcc field.
    DUPLICATE_BCC = 16, "duplicate-bcc";
    /// No From field at all.
    NO_FROM = 17, "no-from";
}

impl Flags {
    /// The bits, the same in C and Python.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all flags of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no flag is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the flags that are set, in the order of their bits.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Flags::ALL.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| *name)
    }

    pub(crate) fn set(&mut self, other: Flags) {
        self.0 |= other.0;
    }

    pub(crate) fn set_if(&mut self, condition: bool, other: Flags) {
        if condition {
            self.set(other);
        }
    }
}
