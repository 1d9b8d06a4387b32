//! The numbers that fallible calls return. They are only ever added to.

use std::ffi::{CStr, c_char};

/// What a fallible call returns: READDRESS_OK or one of READDRESS_E_*. A caller has to expect
/// numbers that are added later; any that is not 0 is a failure.
pub type readdress_status = u32;

/// Done.
pub const READDRESS_OK: readdress_status = 0;
/// The message or path passes a limit (error.offset: where). Nothing was changed; "try again
/// later" is the answer that loses no mail.
pub const READDRESS_E_LIMIT: readdress_status = 1;
/// Not a map file of a version that this library knows, or a damaged one.
pub const READDRESS_E_MAP: readdress_status = 2;
/// The operating system refused a file operation.
pub const READDRESS_E_IO: readdress_status = 3;
/// No memory for a map or a result.
pub const READDRESS_E_NOMEM: readdress_status = 4;
/// The map to be loaded has fewer than half the entries of the one in use.
pub const READDRESS_E_SHRUNK: readdress_status = 5;
/// An argument that can't be: NULL where a pointer is needed, an unknown flag or number, a length
/// no buffer can have.
pub const READDRESS_E_ARGUMENT: readdress_status = 6;
/// A call that can't come now, such as a field before the message it belongs to has begun.
pub const READDRESS_E_ORDER: readdress_status = 7;
/// The caller's buffer is too small; the size needed has been stored.
pub const READDRESS_E_BUFFER: readdress_status = 8;
/// A fault of the library itself was caught. The result is empty, everything else stays valid; a
/// line about it went to the standard error stream. Please report it.
pub const READDRESS_E_PANIC: readdress_status = 9;
/// An entry's address is none, or the two don't fit together.
pub const READDRESS_E_ENTRY: readdress_status = 10;
/// Two entries contradict each other, so that replies could not find their way back.
pub const READDRESS_E_CONFLICT: readdress_status = 11;
/// The plan can't be read, or checking it found errors.
pub const READDRESS_E_PLAN: readdress_status = 12;
/// This library was built without what the call needs.
pub const READDRESS_E_UNSUPPORTED: readdress_status = 13;

/// The name of a status for logs: "limit", "no-memory".
///
/// Returns: a NUL-terminated constant; "unknown" for a number that this library does not have.
/// Never NULL. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_status_name(status: readdress_status) -> *const c_char {
    name(status).as_ptr()
}

fn name(status: readdress_status) -> &'static CStr {
    match status {
        READDRESS_OK => c"ok",
        READDRESS_E_LIMIT => c"limit",
        READDRESS_E_MAP => c"map",
        READDRESS_E_IO => c"io",
        READDRESS_E_NOMEM => c"no-memory",
        READDRESS_E_SHRUNK => c"shrunk",
        READDRESS_E_ARGUMENT => c"argument",
        READDRESS_E_ORDER => c"order",
        READDRESS_E_BUFFER => c"buffer",
        READDRESS_E_PANIC => c"panic",
        READDRESS_E_ENTRY => c"entry",
        READDRESS_E_CONFLICT => c"conflict",
        READDRESS_E_PLAN => c"plan",
        READDRESS_E_UNSUPPORTED => c"unsupported",
        _ => c"unknown",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use readdress::{Error, Limit};

    use super::*;

    #[test]
    fn the_numbers_of_the_engine_are_those_of_the_header() {
        let limit = Error::Limit { limit: Limit::Fields, allowed: 1, offset: 0 };
        assert_eq!(limit.code(), READDRESS_E_LIMIT);
        let io = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(Error::from(io).code(), READDRESS_E_IO);
        assert_eq!(Error::Memory.code(), READDRESS_E_NOMEM);
        assert_eq!(Error::Shrunk { from: 2, to: 0 }.code(), READDRESS_E_SHRUNK);
        let map = readdress::Engine::from_bytes(Vec::new()).err().map(|error| error.code());
        assert_eq!(map, Some(READDRESS_E_MAP));
    }

    #[test]
    fn every_status_has_a_name_of_its_own() {
        let names: BTreeSet<&CStr> = (0..=READDRESS_E_UNSUPPORTED).map(name).collect();
        assert_eq!(names.len(), 14);
        assert!(!names.contains(c"unknown"));
        assert_eq!(name(14), c"unknown");
    }
}
