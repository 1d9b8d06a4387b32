//! GMime with a hash table, as benches/c/gmime.c has it: loaded at run time, so that nothing here needs
//! it to be built.

use std::error::Error;
use std::ffi::{CString, OsStr, c_char, c_void};
use std::hint::black_box;

use libloading::Library;
use readdress::Engine;

use crate::c_library::symbol;

type New = unsafe extern "C" fn() -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type Entry = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char);
type Run = unsafe extern "C" fn(*mut c_void, *const u8, usize) -> usize;
type Size = unsafe extern "C" fn(*const c_void) -> usize;

/// The functions of gmime.c.
pub struct GMime {
    new: New,
    free: Free,
    entry: Entry,
    parse: Run,
    rewrite: Run,
    size: Size,
    /// Keeps the functions in memory.
    _library: Library,
}

impl GMime {
    /// Loads them from a path.
    pub fn open(path: &OsStr) -> Result<GMime, Box<dyn Error>> {
        // SAFETY: nothing runs when it is loaded but what GLib does in any program.
        let library = unsafe { Library::new(path) }?;
        // SAFETY: the types are those of the functions in gmime.c, and `_library` outlives the copies
        // of the pointers.
        unsafe {
            Ok(GMime {
                new: *symbol(&library, "gmime_new")?,
                free: *symbol(&library, "gmime_free")?,
                entry: *symbol(&library, "gmime_entry")?,
                parse: *symbol(&library, "gmime_parse")?,
                rewrite: *symbol(&library, "gmime_rewrite")?,
                size: *symbol(&library, "gmime_size")?,
                _library: library,
            })
        }
    }

    /// A parser with the entries of a map.
    pub fn rewriter(&self, engine: &Engine) -> GMimeRewriter<'_> {
        // SAFETY: it takes nothing.
        let rival = unsafe { (self.new)() };
        for entry in engine.map().entries() {
            let text = |octets: &[u8]| CString::new(octets).expect("addresses have no NUL");
            let (internal, external) =
                (text(&entry.internal().to_ascii_lowercase()), text(&entry.external()));
            // SAFETY: both are read during the call only.
            unsafe { (self.entry)(rival, internal.as_ptr(), external.as_ptr()) };
        }
        GMimeRewriter { library: self, rival }
    }
}

/// A parser with a hash table.
pub struct GMimeRewriter<'l> {
    library: &'l GMime,
    rival: *mut c_void,
}

impl GMimeRewriter<'_> {
    /// Parses, and looks at all addresses.
    pub fn parse(&self, message: &[u8]) {
        // SAFETY: the message is readable during the call; nobody else uses the parser.
        black_box(unsafe { (self.library.parse)(self.rival, message.as_ptr(), message.len()) });
    }

    /// Parses, replaces addresses and writes the message: how many were replaced.
    pub fn rewrite(&self, message: &[u8]) -> usize {
        // SAFETY: as in `parse`.
        unsafe { (self.library.rewrite)(self.rival, message.as_ptr(), message.len()) }
    }

    /// Octets of the message that was written last.
    pub fn size(&self) -> usize {
        // SAFETY: it reads a number.
        unsafe { (self.library.size)(self.rival) }
    }
}

impl Drop for GMimeRewriter<'_> {
    fn drop(&mut self) {
        // SAFETY: it came from this library and is freed once.
        unsafe { (self.library.free)(self.rival) };
    }
}
