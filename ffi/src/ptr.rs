//! Everything that is done with pointers from C, and with memory that Rust can't vouch for.
//!
//! What C promises is the header's general part: a pointer that is not NULL points to as much as
//! the call says, for as long as the call says. Everything else is checked here.

use std::ffi::{CStr, OsStr, c_char};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;

use memmap2::Mmap;
use readdress::{Error, Limit, MapData};

use crate::error::Failure;

/// A place of the caller's that a value is written to. What stood there is never read.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// `None` for NULL.
    ///
    /// # Safety
    ///
    /// A `place` that is not NULL must be aligned, and writable for as long as this lives.
    pub(crate) unsafe fn new(place: *mut T) -> Option<Out<T>> {
        NonNull::new(place).map(Out)
    }

    pub(crate) fn put(&self, value: T) {
        // SAFETY: `new`'s caller vouches for the place; `write` reads and drops nothing there.
        unsafe { self.0.write(value) }
    }
}

/// Octets that C gives as place and length. NULL is allowed for none.
///
/// # Safety
///
/// `length` octets must be readable at `data` for as long as the caller chooses `'a` to be.
pub(crate) unsafe fn octets<'a>(data: *const u8, length: usize) -> Result<&'a [u8], Failure> {
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Failure::null("a buffer of more than no octets"));
    }
    if isize::try_from(length).is_err() {
        return Err(Failure::argument("no buffer is that long"));
    }
    // SAFETY: not NULL, not longer than a buffer can be, and readable by the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}

/// Structs that C gives as place and number. NULL is allowed for none.
///
/// # Safety
///
/// `count` of them must be aligned and readable at `data` for as long as the caller chooses `'a` to be.
pub(crate) unsafe fn items<'a, T>(data: *const T, count: usize) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Failure::null("an array of more than no items"));
    }
    if count.checked_mul(size_of::<T>()).is_none_or(|octets| isize::try_from(octets).is_err()) {
        return Err(Failure::argument("no array is that long"));
    }
    // SAFETY: not NULL, not longer than an array can be, aligned and readable by the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(data, count) })
}

/// Octets of a message or field body. One of 4 GiB and more is not looked at.
///
/// # Safety
///
/// As for [`octets`].
pub(crate) unsafe fn message<'a>(data: *const u8, length: usize) -> Result<&'a [u8], Failure> {
    // SAFETY: the caller's promise is handed on.
    unsafe { limited(data, length, Limit::MessageOctets, u64::from(u32::MAX)) }
}

/// The same for a path of the envelope. One of more than [`readdress::PATH_MAX`] is not looked at.
///
/// # Safety
///
/// As for [`octets`].
pub(crate) unsafe fn envelope_path<'a>(data: *const u8, length: usize) -> Result<&'a [u8], Failure> {
    // SAFETY: the caller's promise is handed on.
    unsafe { limited(data, length, Limit::PathOctets, readdress::PATH_MAX as u64) }
}

/// # Safety
///
/// As for [`octets`], if `length` is not above `allowed`.
unsafe fn limited<'a>(
    data: *const u8,
    length: usize,
    limit: Limit,
    allowed: u64,
) -> Result<&'a [u8], Failure> {
    if isize::try_from(length).is_ok() && length as u64 > allowed {
        let offset = usize::try_from(allowed).unwrap_or(usize::MAX);
        return Err(Error::Limit { limit, allowed, offset }.into());
    }
    // SAFETY: the caller's promise is handed on.
    unsafe { octets(data, length) }
}

/// Memory of the caller's to write octets to. NULL is allowed for none.
///
/// # Safety
///
/// `length` octets must be writable at `data`, and nobody else may use them, for as long as the
/// caller chooses `'a` to be. They may be uninitialized: nothing is read through it.
pub(crate) unsafe fn copy_out(from: &[u8], to: *mut u8, length: usize) -> bool {
    if from.len() > length || (to.is_null() && !from.is_empty()) {
        return false;
    }
    if !from.is_empty() {
        // SAFETY: `to` has room for `from` by the caller's promise. `copy` allows the two to
        // overlap, as when a host has a path rewritten in its own buffer.
        unsafe { std::ptr::copy(from.as_ptr(), to, from.len()) }
    }
    true
}

/// A NUL-terminated text.
///
/// # Safety
///
/// A `text` that is not NULL must be readable up to a NUL for as long as the caller chooses `'a`
/// to be.
pub(crate) unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a CStr, Failure> {
    // SAFETY: the caller's promise is handed on.
    unsafe { optional_text(text) }.ok_or_else(|| Failure::null(what))
}

/// A NUL-terminated text that may be missing.
///
/// # Safety
///
/// As for [`text`].
pub(crate) unsafe fn optional_text<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: not NULL, and NUL-terminated by the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

/// A NUL-terminated path of the operating system.
///
/// # Safety
///
/// As for [`text`].
pub(crate) unsafe fn path<'a>(path: *const c_char, what: &str) -> Result<&'a Path, Failure> {
    // SAFETY: the caller's promise is handed on.
    let path = unsafe { text(path, what) }?;
    Ok(Path::new(OsStr::from_bytes(path.to_bytes())))
}

/// Octets that a result keeps from one call to another.
#[derive(Clone, Copy)]
pub(crate) struct Borrowed {
    data: *const u8,
    length: usize,
}

impl Borrowed {
    pub(crate) fn new(octets: &[u8]) -> Borrowed {
        Borrowed { data: octets.as_ptr(), length: octets.len() }
    }

    /// The octets again.
    ///
    /// # Safety
    ///
    /// They must still be there, as the header demands of a message whose result is looked at.
    pub(crate) unsafe fn octets<'a>(self) -> &'a [u8] {
        // SAFETY: `new` took them from a slice, and they are there by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }
}

/// Maps a file into memory.
pub(crate) fn map_file(file: File) -> Result<MapData, Error> {
    // SAFETY: the host asked for it with READDRESS_OPEN_MMAP, whose comment says what it vouches
    // for: nobody writes to the file or cuts it. Files are replaced by renaming, which leaves the
    // old one in place.
    let map = unsafe { Mmap::map(&file) }?;
    Ok(MapData::new(map))
}
