//! Envelope paths (RFC 5321 4.1.2).

use std::ffi::c_char;

use readdress::{PathKind, Scratch};

use crate::engine::readdress_engine;
use crate::error::{Failure, readdress_error};
use crate::guard;
use crate::names;
use crate::ptr::{self, Out};
use crate::result::verdict;
use crate::session::{self, READDRESS_SESSION_TRIAL, readdress_session};
use crate::slice::readdress_slice;
use crate::status::{READDRESS_E_BUFFER, readdress_status};

/// The most octets of an envelope path, angle brackets included (RFC 5321 4.5.3.1.3). A buffer of
/// this size always suffices.
pub const READDRESS_PATH_MAX: usize = 256;

/// READDRESS_PATH_*.
pub type readdress_path_kind = u32;
/// The reverse-path: MAIL FROM. May be the null path "<>".
pub const READDRESS_PATH_REVERSE: readdress_path_kind = 1;
/// A forward-path: RCPT TO.
pub const READDRESS_PATH_FORWARD: readdress_path_kind = 2;

/// What came of a path. The caller's memory. Texts point into the engine's map: they live as long as
/// the reference that was used.
#[repr(C)]
pub struct readdress_path_info {
    /// Whether the path to use differs from the one given. Never in shadow mode.
    pub changed: bool,
    /// Whether the address is in a mapped domain and no entry maps it.
    pub unmapped: bool,
    /// What the plan says to do: READDRESS_VERDICT_*.
    pub verdict: u32,
    /// Why the path was left alone if it could not be parsed; a NUL-terminated constant. NULL if it
    /// could.
    pub skipped: *const c_char,
    /// The name of the entry that gave the new path, in shadow mode the one that would; may be empty.
    pub entry: readdress_slice,
    /// The file the entry came from, as the plan names it; may be empty.
    pub file: readdress_slice,
    /// The line of the entry in its file; 0 if unknown.
    pub line: u32,
}

/// Rewrites one path of the envelope. Outbound, a reverse-path becomes external; in both
/// directions, a forward-path becomes internal: that is how a message finds its system.
///
/// Parameters: session: as for readdress_rewrite(). kind: READDRESS_PATH_REVERSE or
/// READDRESS_PATH_FORWARD. path, len: with or without angle brackets; no ESMTP parameters. buf, cap:
/// where the path to use goes, changed or not, in angle brackets if the given one was, not
/// NUL-terminated; it may be the same memory as path. NULL with cap 0 asks for the length. out_len: its
/// octets. info: may be NULL.
///
/// Returns: READDRESS_OK; READDRESS_E_BUFFER if cap is too small (*out_len is what is needed then,
/// and nothing else is written); READDRESS_E_LIMIT for a path of more than READDRESS_PATH_MAX;
/// READDRESS_E_ARGUMENT. A path that can't be parsed is left alone, and is no error.
///
/// Thread-safe.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_rewrite_path(
    engine: Option<&readdress_engine>,
    session: Option<&readdress_session>,
    kind: readdress_path_kind,
    path: *const u8,
    len: usize,
    buf: *mut u8,
    cap: usize,
    out_len: *mut usize,
    info: *mut readdress_path_info,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: places to write to, by the header's general part.
    let (out_len, info, err) = unsafe { (Out::new(out_len), Out::new(info), Out::new(err)) };
    guard::status(err, || {
        let engine = engine.ok_or_else(|| Failure::null("engine"))?.engine();
        let is_trial = session.is_some_and(|session| session.flags & READDRESS_SESSION_TRIAL != 0);
        let session = session::read(session, engine)?;
        let kind = match kind {
            READDRESS_PATH_REVERSE => PathKind::Reverse,
            READDRESS_PATH_FORWARD => PathKind::Forward,
            other => return Err(Failure::argument(format!("kind is {other}, which is no kind of path"))),
        };
        let out_len = out_len.ok_or_else(|| Failure::null("out_len"))?;
        // SAFETY: len octets at path, by the header's general part.
        let path = unsafe { ptr::envelope_path(path, len) }?;
        if buf.is_null() && cap > 0 {
            return Err(Failure::null("buf"));
        }
        let mut scratch = Scratch::new();
        let done = engine.rewrite_path(session, kind, path, &mut scratch)?;
        let to = if done.changed() || is_trial { done.to() } else { path };
        let report = readdress_path_info {
            changed: done.changed(),
            unmapped: done.unmapped(),
            verdict: verdict(done.verdict()),
            skipped: done.skipped().map_or(std::ptr::null(), |reason| names::reason(reason).as_ptr()),
            entry: done.entry().as_ref().map(readdress::Entry::name).into(),
            file: done.entry().as_ref().and_then(readdress::Entry::file).into(),
            line: done.entry().as_ref().map_or(0, readdress::Entry::line),
        };
        let needed = to.len();
        // SAFETY: cap octets at buf, by the header's general part; path is not looked at again.
        if !unsafe { ptr::copy_out(to, buf, cap) } {
            out_len.put(needed);
            return Err(Failure::new(READDRESS_E_BUFFER, format!("the path takes {needed} octets")));
        }
        out_len.put(needed);
        if let Some(info) = info {
            info.put(report);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bound_is_the_engines() {
        assert_eq!(super::READDRESS_PATH_MAX, readdress::PATH_MAX);
    }
}
