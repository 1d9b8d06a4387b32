//! Which version of the library a host was built for and runs with.

use std::ffi::{CStr, c_char};

/// The version of this header: major, minor, patch.
pub const READDRESS_VERSION_MAJOR: u32 = 0;
/// See READDRESS_VERSION_MAJOR.
pub const READDRESS_VERSION_MINOR: u32 = 1;
/// See READDRESS_VERSION_MAJOR.
pub const READDRESS_VERSION_PATCH: u32 = 0;
/// major * 1000000 + minor * 1000 + patch, for comparisons.
pub const READDRESS_VERSION_NUMBER: u32 = 1_000;
/// The number in the library's soname. A library with another one has another ABI.
pub const READDRESS_ABI_VERSION: u32 = 0;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// The version of the library that runs: "0.1.0". The program may have been built with the header
/// of another one.
///
/// Returns: a NUL-terminated constant. Never NULL. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The ABI of the library that runs; compare it with READDRESS_ABI_VERSION after dlopen().
///
/// Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_abi_version() -> u32 {
    READDRESS_ABI_VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macros_are_the_version_of_the_package() {
        let version =
            format!("{READDRESS_VERSION_MAJOR}.{READDRESS_VERSION_MINOR}.{READDRESS_VERSION_PATCH}");
        assert_eq!(version, env!("CARGO_PKG_VERSION"));
        assert_eq!(
            READDRESS_VERSION_NUMBER,
            READDRESS_VERSION_MAJOR * 1_000_000 + READDRESS_VERSION_MINOR * 1_000 + READDRESS_VERSION_PATCH
        );
        assert_eq!(VERSION.to_str(), Ok(env!("CARGO_PKG_VERSION")));
    }
}
