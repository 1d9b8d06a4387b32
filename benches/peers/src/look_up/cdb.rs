//! A constant database, as Postfix has it: libcdb, through benches/c/cdb.c.

use std::error::Error;
use std::ffi::{CString, OsStr, c_char, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use libloading::Library;

use crate::c_library::symbol;

type Open = unsafe extern "C" fn(*const c_char) -> *mut c_void;
type Add = unsafe extern "C" fn(*mut c_void, *const u8, c_uint, *const u8, c_uint) -> c_int;
type Finish = unsafe extern "C" fn(*mut c_void) -> c_int;
type Free = unsafe extern "C" fn(*mut c_void);
type Find = unsafe extern "C" fn(*mut c_void, *const u8, c_uint, *mut c_uint) -> *const u8;

/// The functions of cdb.c.
pub struct CdbLibrary {
    new_maker: Open,
    add: Add,
    finish: Finish,
    new_reader: Open,
    free_reader: Free,
    find: Find,
    /// Keeps the functions in memory.
    _library: Library,
}

impl CdbLibrary {
    /// Loads them from a path.
    pub fn open(path: &OsStr) -> Result<CdbLibrary, Box<dyn Error>> {
        // SAFETY: nothing runs when it is loaded.
        let library = unsafe { Library::new(path) }?;
        // SAFETY: the types are those of the functions in cdb.c, and `_library` outlives the copies of
        // the pointers.
        unsafe {
            Ok(CdbLibrary {
                new_maker: *symbol(&library, "maker_new")?,
                add: *symbol(&library, "maker_add")?,
                finish: *symbol(&library, "maker_finish")?,
                new_reader: *symbol(&library, "reader_new")?,
                free_reader: *symbol(&library, "reader_free")?,
                find: *symbol(&library, "reader_find")?,
                _library: library,
            })
        }
    }

    /// Writes a database.
    pub fn write<'p>(
        &self,
        path: &Path,
        pairs: impl Iterator<Item = (&'p str, &'p str)>,
    ) -> Result<(), Box<dyn Error>> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: the path is read during the call only.
        let maker = unsafe { (self.new_maker)(path.as_ptr()) };
        if maker.is_null() {
            return Err("the database can't be created".into());
        }
        for (key, value) in pairs {
            let (key_length, length) = (c_uint::try_from(key.len())?, c_uint::try_from(value.len())?);
            // SAFETY: both are read during the call only, in their length.
            if unsafe { (self.add)(maker, key.as_ptr(), key_length, value.as_ptr(), length) } == 0 {
                return Err("the database can't be written".into());
            }
        }
        // SAFETY: the maker is not used any more.
        if unsafe { (self.finish)(maker) } == 0 {
            return Err("the database can't be finished".into());
        }
        Ok(())
    }

    /// Opens a database.
    pub fn reader(&self, path: &Path) -> Result<CdbReader<'_>, Box<dyn Error>> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: the path is read during the call only.
        let reader = unsafe { (self.new_reader)(path.as_ptr()) };
        if reader.is_null() {
            return Err("the database can't be opened".into());
        }
        Ok(CdbReader { library: self, reader })
    }
}

/// An open database, in memory as far as it was read.
pub struct CdbReader<'l> {
    library: &'l CdbLibrary,
    reader: *mut c_void,
}

impl CdbReader<'_> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        let (key_length, mut length) = (c_uint::try_from(key.len()).ok()?, 0);
        // SAFETY: the key is read during the call only; the value lies in the file's memory, which is
        // there as long as the reader.
        unsafe {
            let value = (self.library.find)(self.reader, key.as_ptr(), key_length, &raw mut length);
            (!value.is_null()).then(|| std::slice::from_raw_parts(value, length as usize))
        }
    }
}

impl Drop for CdbReader<'_> {
    fn drop(&mut self) {
        // SAFETY: it came from this library and is freed once.
        unsafe { (self.library.free_reader)(self.reader) };
    }
}
