//! Engines: maps in use.

use std::ffi::c_char;

use readdress::{Engine, Error, Live, Map, MapData, Mode};

use crate::error::{Failure, readdress_error};
use crate::guard;
use crate::ptr::{self, Out};
use crate::status::readdress_status;

/// Map the file into memory instead of reading it: many processes share it, and opening costs no
/// copy. Only for a file that nobody ever writes to or truncates, on a file system that never
/// goes away: a process that looks at octets that are gone is killed by SIGBUS. Replace such files
/// by renaming ("readdress compile" does), never by copying over them.
pub const READDRESS_OPEN_MMAP: u32 = 1;

/// A map in use. Immutable: any number of threads may use one at once, and it stays valid over
/// fork().
pub struct readdress_engine {
    engine: Engine,
    /// NUL-terminated.
    generation: String,
}

impl readdress_engine {
    pub(crate) fn new(engine: Engine) -> readdress_engine {
        let generation = format!("{}\0", engine.map().generation());
        readdress_engine { engine, generation }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// How a file gets into memory, by the flags of the call.
pub(crate) fn loader(flags: u32) -> Result<readdress::Loader, Failure> {
    match flags {
        0 => Ok(MapData::read),
        READDRESS_OPEN_MMAP => Ok(ptr::map_file),
        _ => Err(Failure::argument("flags has a flag that this version does not know")),
    }
}

/// Opens and verifies a map file.
///
/// Parameters: map_path: the file. flags: 0 or READDRESS_OPEN_MMAP. out: where the engine goes; set
/// to NULL first.
///
/// Returns: READDRESS_OK; READDRESS_E_IO, READDRESS_E_MAP (damaged in any octet, truncated, of an
/// unknown version, or no map), READDRESS_E_NOMEM, READDRESS_E_ARGUMENT.
///
/// Ownership: the caller owns the engine and frees it with readdress_engine_free(). The path is not
/// kept. Thread-safe.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_engine_open(
    map_path: *const c_char,
    flags: u32,
    out: *mut *mut readdress_engine,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: places to write to, by the header's general part.
    let (out, err) = unsafe { (Out::new(out), Out::new(err)) };
    let out = empty(out);
    guard::status(err, || {
        let out = out?;
        // SAFETY: a NUL-terminated path, by the header's general part.
        let path = unsafe { ptr::path(map_path, "map_path") }?;
        let file = std::fs::File::open(path).map_err(Error::from)?;
        let engine = Engine::new(Map::new(loader(flags)?(file)?)?);
        out.put(Box::into_raw(Box::new(readdress_engine::new(engine))));
        Ok(())
    })
}

/// Verifies a map file that is in memory, and copies it.
///
/// Parameters: map, len: the file's octets. out: where the engine goes; set to NULL first.
///
/// Returns: READDRESS_OK; READDRESS_E_MAP, READDRESS_E_NOMEM, READDRESS_E_ARGUMENT.
///
/// Ownership: the caller owns the engine; the octets are its own again when the call returns.
/// Thread-safe.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_engine_load(
    map: *const u8,
    len: usize,
    out: *mut *mut readdress_engine,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: places to write to, by the header's general part.
    let (out, err) = unsafe { (Out::new(out), Out::new(err)) };
    let out = empty(out);
    guard::status(err, || {
        let out = out?;
        // SAFETY: len octets at map, by the header's general part.
        let map = unsafe { ptr::octets(map, len) }?;
        let mut copy = Vec::new();
        copy.try_reserve_exact(map.len()).map_err(|_| Error::Memory)?;
        copy.extend_from_slice(map);
        out.put(Box::into_raw(Box::new(readdress_engine::new(Engine::from_bytes(copy)?))));
        Ok(())
    })
}

/// Another reference to the same engine.
///
/// Returns: the reference, to be freed for itself; NULL for NULL. Thread-safe.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn readdress_engine_retain(
    engine: Option<&readdress_engine>,
) -> Option<Box<readdress_engine>> {
    guard::value(|| None, || engine.map(|engine| Box::new(readdress_engine::new(engine.engine.clone()))))
}

/// Gives a reference up. The map goes with the last one, those of results included. NULL is
/// allowed. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_engine_free(engine: Option<Box<readdress_engine>>) {
    guard::value(|| (), || drop(engine));
}

/// The identity of the map: 64 hexadecimal digits, NUL-terminated; two maps with the same are the
/// same. Logs show the first 12.
///
/// Returns: a text that lives as long as this reference; NULL for NULL. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_engine_generation(engine: Option<&readdress_engine>) -> *const c_char {
    guard::value(std::ptr::null, || {
        engine.map_or(std::ptr::null(), |engine| engine.generation.as_ptr().cast())
    })
}

/// How many entries the map has; 0 for NULL. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_engine_entry_count(engine: Option<&readdress_engine>) -> u64 {
    guard::value(|| 0, || engine.map_or(0, |engine| engine.engine.map().entry_count().into()))
}

/// Whether the plan is tried out only (mode = "shadow"): everything is decided and reported, and nothing is
/// to be changed. Rewrites keep to that by themselves; a host that routes has to. false for NULL. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_engine_is_shadow(engine: Option<&readdress_engine>) -> bool {
    guard::value(|| false, || engine.is_some_and(|engine| engine.engine.map().policy().mode == Mode::Shadow))
}

/// A place for a handle, with NULL in it: a call that fails leaves nothing to free.
pub(crate) fn empty<T>(out: Option<Out<*mut T>>) -> Result<Out<*mut T>, Failure> {
    let out = out.ok_or_else(|| Failure::null("out"))?;
    out.put(std::ptr::null_mut());
    Ok(out)
}

/// What the header promises about threads.
const _: () = {
    const fn shared_between_threads<T: Send + Sync>() {}
    shared_between_threads::<readdress_engine>();
    shared_between_threads::<Live>();
};
