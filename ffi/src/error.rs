//! What went wrong, in memory of the caller's.

use std::ffi::c_char;

use readdress::Error;

use crate::status::{
    READDRESS_E_ARGUMENT, READDRESS_E_ORDER, READDRESS_E_PANIC, READDRESS_E_UNSUPPORTED, readdress_status,
};

/// Octets of readdress_error.message, the NUL behind it included.
pub const READDRESS_MESSAGE_MAX: usize = 256;

/// What went wrong. The caller's memory; written by calls that fail, left as it is by calls that
/// succeed, never kept.
#[repr(C)]
pub struct readdress_error {
    /// What the call returned.
    pub status: readdress_status,
    /// The octet of the input that it is about; 0 where there is none.
    pub offset: usize,
    /// One line of UTF-8 text for a person. NUL-terminated, cut between characters if it is too
    /// long. It may have a file name in it, but no address.
    pub message: [c_char; READDRESS_MESSAGE_MAX],
}

/// A call that failed.
pub(crate) struct Failure {
    pub(crate) status: readdress_status,
    offset: usize,
    message: String,
}

impl Failure {
    pub(crate) fn new(status: readdress_status, message: impl Into<String>) -> Failure {
        Failure { status, offset: 0, message: message.into() }
    }

    pub(crate) fn argument(message: impl Into<String>) -> Failure {
        Failure::new(READDRESS_E_ARGUMENT, message)
    }

    pub(crate) fn null(what: &str) -> Failure {
        Failure::argument(format!("{what} is NULL"))
    }

    pub(crate) fn order(message: &str) -> Failure {
        Failure::new(READDRESS_E_ORDER, message)
    }

    pub(crate) fn panic() -> Failure {
        Failure::new(READDRESS_E_PANIC, "a fault of the library was caught; see the standard error stream")
    }

    #[cfg_attr(feature = "compile", expect(dead_code, reason = "for libraries built without plans"))]
    pub(crate) fn unsupported(what: &str) -> Failure {
        Failure::new(READDRESS_E_UNSUPPORTED, format!("this library was built without {what}"))
    }

    /// The same, in the shape that C reads.
    pub(crate) fn to_c(&self) -> readdress_error {
        let mut message = [0; READDRESS_MESSAGE_MAX];
        let room = message.len() - 1;
        let end = (0..=self.message.len().min(room)).rev().find(|&end| self.message.is_char_boundary(end));
        let text = self.message.as_bytes().get(..end.unwrap_or(0)).unwrap_or_default();
        for (place, &octet) in message.iter_mut().zip(text) {
            // A control character would make two lines of one, or end the text.
            let shown = if octet.is_ascii_control() { b' ' } else { octet };
            *place = c_char::from_ne_bytes([shown]);
        }
        readdress_error { status: self.status, offset: self.offset, message }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { status: error.code(), offset: error.offset(), message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let failure = Failure::new(1, format!("x\n{}", "ä".repeat(200)));
        let octets: Vec<u8> = failure.to_c().message.iter().map(|octet| octet.to_ne_bytes()[0]).collect();
        let end = octets.iter().position(|&octet| octet == 0).unwrap();
        assert_eq!(String::from_utf8(octets[..end].to_vec()).unwrap(), format!("x {}", "ä".repeat(126)));
        assert!(octets[end..].iter().all(|&octet| octet == 0));
    }
}
