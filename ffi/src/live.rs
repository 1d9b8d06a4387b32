//! A map file that is replaced while mail flows.

use std::ffi::c_char;

use readdress::{Live, Reload};

use crate::engine::{empty, loader, readdress_engine};
use crate::error::{Failure, readdress_error};
use crate::guard;
use crate::ptr::{self, Out};
use crate::status::readdress_status;

/// Accept a map with fewer than half the entries of the one in use. Without it such a map is more
/// likely a mistake on the way than what was meant, and is refused.
pub const READDRESS_RELOAD_FORCE: u32 = 1;

/// A map file and the engine made of its latest valid version. Internally synchronised without
/// locks: any number of threads may use one at once, and fork() at any moment.
pub struct readdress_live {
    live: Live,
}

/// Opens a map file that will be replaced by others. Nothing watches it: the host asks for reloads.
///
/// Parameters, errors and ownership: as for readdress_engine_open(); the caller frees with
/// readdress_live_free(). The path is kept, and counts from the working directory of each reload
/// unless it is absolute. Thread-safe.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_live_open(
    map_path: *const c_char,
    flags: u32,
    out: *mut *mut readdress_live,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: places to write to, by the header's general part.
    let (out, err) = unsafe { (Out::new(out), Out::new(err)) };
    let out = empty(out);
    guard::status(err, || {
        let out = out?;
        // SAFETY: a NUL-terminated path, by the header's general part.
        let path = unsafe { ptr::path(map_path, "map_path") }?;
        let live = Live::open_with(path, loader(flags)?)?;
        out.put(Box::into_raw(Box::new(readdress_live { live })));
        Ok(())
    })
}

/// Takes the file's map into use if it is another one. Costs three system calls if it is not, so a
/// host may ask before every message, every second, or when it is told to. On any failure the map
/// in use stays in use.
///
/// Parameters: flags: 0 or READDRESS_RELOAD_FORCE. swapped: whether there is a new map in use;
/// may be NULL.
///
/// Returns: READDRESS_OK; READDRESS_E_SHRUNK, READDRESS_E_IO, READDRESS_E_MAP, READDRESS_E_NOMEM,
/// READDRESS_E_ARGUMENT. Thread-safe; of two reloads at once, the one begun later stands.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_live_reload(
    live: Option<&readdress_live>,
    flags: u32,
    swapped: *mut bool,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: places to write to, by the header's general part.
    let (swapped, err) = unsafe { (Out::new(swapped), Out::new(err)) };
    guard::status(err, || {
        let live = live.ok_or_else(|| Failure::null("live"))?;
        let accept = match flags {
            0 => Reload::Careful,
            READDRESS_RELOAD_FORCE => Reload::Force,
            _ => return Err(Failure::argument("flags has a flag that this version does not know")),
        };
        let is_swapped = live.live.reload(accept)?;
        if let Some(swapped) = swapped {
            swapped.put(is_swapped);
        }
        Ok(())
    })
}

/// The engine in use now. A message is rewritten with one engine from beginning to end, whatever
/// is reloaded meanwhile.
///
/// Returns: a reference that the caller frees with readdress_engine_free(); NULL for NULL.
/// Thread-safe; never waits.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn readdress_live_acquire(live: Option<&readdress_live>) -> Option<Box<readdress_engine>> {
    guard::value(|| None, || live.map(|live| Box::new(readdress_engine::new(live.live.engine()))))
}

/// Frees it. Engines acquired from it stay valid. NULL is allowed. No other thread may be using it.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_live_free(live: Option<Box<readdress_live>>) {
    guard::value(|| (), || drop(live));
}
