//! The C library as a C program sees it: loaded at run time, called through its exported names,
//! with structs laid out as in readdress.h. Loading it keeps its code apart from the engine that
//! this program is linked with.

use std::error::Error;
use std::ffi::{CStr, OsStr, c_char, c_void};
use std::hint::black_box;
use std::ptr::{null, null_mut};

use libloading::{Library, Symbol};

const OUTBOUND: u32 = 1;
/// `READDRESS_OPEN_MMAP`.
const OPEN_MMAP: u32 = 1;

/// `readdress_slice`.
#[repr(C)]
struct Slice {
    data: *const u8,
    length: usize,
}

/// `readdress_session`.
#[repr(C)]
struct Session {
    direction: u32,
    flags: u32,
    client_address: *const c_char,
    tls_name: *const c_char,
    reverse_path: Slice,
    recipients: *const Slice,
    recipient_count: usize,
}

type Open = unsafe extern "C" fn(*const c_char, u32, *mut *mut c_void, *mut c_void) -> u32;
type Free = unsafe extern "C" fn(*mut c_void);
type New = unsafe extern "C" fn() -> *mut c_void;
type Rewrite =
    unsafe extern "C" fn(*const c_void, *const Session, *const u8, usize, *mut c_void, *mut c_void) -> u32;
type Slices = unsafe extern "C" fn(*const c_void, *mut usize) -> *const Slice;

/// The library's functions that are timed.
pub struct CLibrary {
    open: Open,
    free_engine: Free,
    new_result: New,
    free_result: Free,
    rewrite: Rewrite,
    slices: Slices,
    /// Keeps the functions in memory.
    _library: Library,
}

impl CLibrary {
    /// Loads it from a path.
    pub fn new(path: &OsStr) -> Result<CLibrary, Box<dyn Error>> {
        // SAFETY: nothing runs when our library is loaded.
        let library = unsafe { Library::new(path) }?;
        // SAFETY: the types are those of the functions in readdress.h, and `_library` outlives the
        // copies of the pointers, since both live in one struct whose fields are private.
        unsafe {
            Ok(CLibrary {
                open: *symbol(&library, "readdress_engine_open")?,
                free_engine: *symbol(&library, "readdress_engine_free")?,
                new_result: *symbol(&library, "readdress_result_new")?,
                free_result: *symbol(&library, "readdress_result_free")?,
                rewrite: *symbol(&library, "readdress_rewrite")?,
                slices: *symbol(&library, "readdress_result_slices")?,
                _library: library,
            })
        }
    }

    /// A map file in a C engine, mapped and not copied, and a result to use again and again.
    pub fn rewriter(&self, map: &CStr) -> CRewriter<'_> {
        let mut opened = null_mut();
        // SAFETY: the path ends in a NUL, and `opened` is writable.
        let status = unsafe { (self.open)(map.as_ptr(), OPEN_MMAP, &raw mut opened, null_mut()) };
        assert_eq!(status, 0, "the map is sound");
        // SAFETY: it takes nothing.
        let result = unsafe { (self.new_result)() };
        let nothing = Slice { data: null(), length: 0 };
        let session = Session {
            direction: OUTBOUND,
            flags: 0,
            client_address: null(),
            tls_name: null(),
            reverse_path: nothing,
            recipients: null(),
            recipient_count: 0,
        };
        CRewriter { library: self, engine: opened, result, session }
    }
}

/// A function of a library.
///
/// # Safety
///
/// `T` must be the type of the function of this name.
pub unsafe fn symbol<'l, T>(library: &'l Library, name: &str) -> Result<Symbol<'l, T>, libloading::Error> {
    // SAFETY: the caller vouches for the type.
    unsafe { library.get(name.as_bytes()) }
}

/// An engine, a session and a result of the C library.
pub struct CRewriter<'l> {
    library: &'l CLibrary,
    engine: *mut c_void,
    result: *mut c_void,
    session: Session,
}

impl CRewriter<'_> {
    /// `readdress_rewrite()`.
    pub fn rewrite(&self, message: &[u8]) {
        // SAFETY: engine, session and result live as long as `self`, and nobody else uses the
        // result; the message is readable during the call, and the next one or `drop` comes before
        // anybody looks at the result.
        let status = unsafe {
            (self.library.rewrite)(
                self.engine,
                &raw const self.session,
                message.as_ptr(),
                message.len(),
                self.result,
                null_mut(),
            )
        };
        assert_eq!(status, 0, "within the limits");
    }

    /// `readdress_rewrite()` and `readdress_result_slices()`.
    pub fn slices(&self, message: &[u8]) {
        self.rewrite(message);
        let mut count = 0;
        // SAFETY: the result has the outcome of `message`, which is still there.
        let slices = unsafe { (self.library.slices)(self.result, &raw mut count) };
        black_box((slices, count));
    }

    /// The output, to see that it is the right one.
    pub fn output(&self, message: &[u8]) -> Vec<u8> {
        self.rewrite(message);
        let mut count = 0;
        // SAFETY: as in `slices`; the array has `count` slices, each of octets of the message, the
        // map or the result, which are all still there.
        unsafe {
            let slices = (self.library.slices)(self.result, &raw mut count);
            let slices = (0..count).map(|nth| &*slices.add(nth));
            slices.flat_map(|slice| std::slice::from_raw_parts(slice.data, slice.length)).copied().collect()
        }
    }
}

impl Drop for CRewriter<'_> {
    fn drop(&mut self) {
        // SAFETY: both came from this library, are freed once, and nothing of them is in use.
        unsafe {
            (self.library.free_result)(self.result);
            (self.library.free_engine)(self.engine);
        }
    }
}
