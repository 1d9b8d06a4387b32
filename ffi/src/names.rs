//! The words of reports as NUL-terminated constants. Tests hold them to the engine's own.

use std::ffi::{CStr, c_char};

use readdress::{Flags, SignatureKind, SkipReason};

use crate::guard;

/// A line feed without a carriage return before it ends a line.
pub const READDRESS_FLAG_BARE_LF: u32 = 1 << 0;
/// A carriage return without a line feed behind it stands somewhere.
pub const READDRESS_FLAG_BARE_CR: u32 = 1 << 1;
/// Some lines end in CRLF and some in a bare line feed.
pub const READDRESS_FLAG_MIXED_LINE_ENDINGS: u32 = 1 << 2;
/// A NUL octet stands somewhere.
pub const READDRESS_FLAG_NUL: u32 = 1 << 3;
/// Octets of 128 and above, all of them valid UTF-8.
pub const READDRESS_FLAG_UTF8: u32 = 1 << 4;
/// Octets of 128 and above that are not UTF-8.
pub const READDRESS_FLAG_EIGHT_BIT: u32 = 1 << 5;
/// The first line is a "From " line of an mbox file.
pub const READDRESS_FLAG_MBOX_FROM_LINE: u32 = 1 << 6;
/// A line that is no field ends the header section; it and all behind it are left alone.
pub const READDRESS_FLAG_NOT_A_FIELD: u32 = 1 << 7;
/// The input ends before the empty line.
pub const READDRESS_FLAG_NO_EMPTY_LINE: u32 = 1 << 8;
/// White space stands between a field's name and its colon.
pub const READDRESS_FLAG_SPACE_BEFORE_COLON: u32 = 1 << 9;
/// A line is longer than 998 octets.
pub const READDRESS_FLAG_LONG_LINE: u32 = 1 << 10;
/// More than one From field.
pub const READDRESS_FLAG_DUPLICATE_FROM: u32 = 1 << 11;
/// More than one Sender field.
pub const READDRESS_FLAG_DUPLICATE_SENDER: u32 = 1 << 12;
/// More than one Reply-To field.
pub const READDRESS_FLAG_DUPLICATE_REPLY_TO: u32 = 1 << 13;
/// More than one To field.
pub const READDRESS_FLAG_DUPLICATE_TO: u32 = 1 << 14;
/// More than one Cc field.
pub const READDRESS_FLAG_DUPLICATE_CC: u32 = 1 << 15;
/// More than one Bcc field.
pub const READDRESS_FLAG_DUPLICATE_BCC: u32 = 1 << 16;
/// No From field at all.
pub const READDRESS_FLAG_NO_FROM: u32 = 1 << 17;

/// The name of a flag for logs: "bare-lf".
///
/// Parameters: flag: one of READDRESS_FLAG_*, one bit.
///
/// Returns: a NUL-terminated constant; "unknown" for a number that is none of them. Never NULL.
/// Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_flag_name(flag: u32) -> *const c_char {
    guard::value(|| c"unknown".as_ptr(), || flag_name(flag).as_ptr())
}

fn flag_name(flag: u32) -> &'static CStr {
    match flag {
        READDRESS_FLAG_BARE_LF => c"bare-lf",
        READDRESS_FLAG_BARE_CR => c"bare-cr",
        READDRESS_FLAG_MIXED_LINE_ENDINGS => c"mixed-line-endings",
        READDRESS_FLAG_NUL => c"nul",
        READDRESS_FLAG_UTF8 => c"utf-8",
        READDRESS_FLAG_EIGHT_BIT => c"eight-bit",
        READDRESS_FLAG_MBOX_FROM_LINE => c"mbox-from-line",
        READDRESS_FLAG_NOT_A_FIELD => c"not-a-field",
        READDRESS_FLAG_NO_EMPTY_LINE => c"no-empty-line",
        READDRESS_FLAG_SPACE_BEFORE_COLON => c"space-before-colon",
        READDRESS_FLAG_LONG_LINE => c"long-line",
        READDRESS_FLAG_DUPLICATE_FROM => c"duplicate-from",
        READDRESS_FLAG_DUPLICATE_SENDER => c"duplicate-sender",
        READDRESS_FLAG_DUPLICATE_REPLY_TO => c"duplicate-reply-to",
        READDRESS_FLAG_DUPLICATE_TO => c"duplicate-to",
        READDRESS_FLAG_DUPLICATE_CC => c"duplicate-cc",
        READDRESS_FLAG_DUPLICATE_BCC => c"duplicate-bcc",
        READDRESS_FLAG_NO_FROM => c"no-from",
        _ => c"unknown",
    }
}

/// Fails to compile into a test that passes when the engine has a flag without a macro.
#[allow(dead_code, reason = "looked at by the tests only")]
const FLAG_COUNT: usize = Flags::ALL.len();

pub(crate) fn reason(reason: SkipReason) -> &'static CStr {
    match reason {
        SkipReason::UnterminatedQuotedString => c"unterminated-quoted-string",
        SkipReason::UnterminatedComment => c"unterminated-comment",
        SkipReason::UnterminatedDomainLiteral => c"unterminated-domain-literal",
        SkipReason::UnterminatedAngleAddr => c"unterminated-angle-addr",
        SkipReason::SeveralAt => c"several-at",
        SkipReason::NoDomain => c"no-domain",
        SkipReason::MalformedLocalPart => c"malformed-local-part",
        SkipReason::TextAfterAddress => c"text-after-address",
        SkipReason::NestedGroup => c"nested-group",
        SkipReason::UnexpectedCharacter => c"unexpected-character",
        SkipReason::ControlCharacter => c"control-character",
        SkipReason::NotUtf8 => c"not-utf-8",
        SkipReason::AddressTooLong => c"address-too-long",
        SkipReason::LineTooLong => c"line-too-long",
        SkipReason::NeedsSmtputf8 => c"needs-smtputf8",
        SkipReason::SignedMessage => c"signed-message",
        SkipReason::OneClickSigned => c"one-click-signed",
        _ => c"other",
    }
}

pub(crate) fn signature(kind: SignatureKind) -> &'static CStr {
    match kind {
        SignatureKind::Dkim => c"dkim",
        SignatureKind::Arc => c"arc",
        SignatureKind::Smime => c"smime",
        SignatureKind::Pgp => c"pgp",
        _ => c"other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_the_bits_and_names_of_the_engine() {
        for (flag, name) in Flags::ALL {
            assert_eq!(flag_name(flag.bits()).to_str(), Ok(*name));
        }
        assert_eq!(flag_name(1 << FLAG_COUNT), c"unknown");
    }

    #[test]
    fn reasons_and_kinds_have_the_names_of_the_engine() {
        for one in SkipReason::ALL {
            assert_eq!(reason(*one).to_str(), Ok(one.name()));
        }
        for kind in SignatureKind::ALL {
            assert_eq!(signature(kind).to_str(), Ok(kind.name()));
        }
    }
}
