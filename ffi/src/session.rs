//! What a gateway knows about the session that a message comes through.

use std::ffi::c_char;

use readdress::{Direction, Session};

use crate::error::Failure;
use crate::slice::readdress_slice;

/// The message comes from one of our systems over a session we trust: internal addresses become
/// external.
pub const READDRESS_OUTBOUND: u32 = 1;
/// The message comes from anywhere else: external addresses become internal.
pub const READDRESS_INBOUND: u32 = 2;

/// readdress_session.flags: the client uses SMTPUTF8 (RFC 6531).
pub const READDRESS_SESSION_SMTPUTF8: u32 = 1;
/// readdress_session.flags: the session is encrypted.
pub const READDRESS_SESSION_TLS: u32 = 2;
/// readdress_session.flags: the client has authenticated itself.
pub const READDRESS_SESSION_AUTHENTICATED: u32 = 4;

const KNOWN_FLAGS: u32 = READDRESS_SESSION_SMTPUTF8 | READDRESS_SESSION_TLS | READDRESS_SESSION_AUTHENTICATED;

/// What the gateway knows about the session that a message comes through. The caller's memory,
/// read during the call and not kept. For a plain rewrite
///
///     readdress_session session = { .direction = READDRESS_OUTBOUND };
///
/// is complete. READDRESS_SESSION_SMTPUTF8 allows addresses outside ASCII where there were none. All
/// else is for maps with listeners and rules, which this version does not have yet: it may be set,
/// and has no effect.
#[repr(C)]
pub struct readdress_session {
    /// READDRESS_OUTBOUND or READDRESS_INBOUND. 0 leaves it to the map's listeners; with a map that
    /// has none it is READDRESS_E_ARGUMENT.
    pub direction: u32,
    /// Any of READDRESS_SESSION_*.
    pub flags: u32,
    /// The client's address as text, "192.0.2.1" or "2001:db8::1"; NULL if unknown.
    pub client_address: *const c_char,
    /// The verified name in the client's certificate; NULL if there is none.
    pub tls_name: *const c_char,
    /// The reverse-path of the envelope, with or without angle brackets; len 0 if unknown.
    pub reverse_path: readdress_slice,
    /// The forward-paths of the envelope; NULL if unknown.
    pub recipients: *const readdress_slice,
    /// How many forward-paths.
    pub recipient_count: usize,
}

/// The session in the engine's words.
pub(crate) fn read(session: Option<&readdress_session>) -> Result<Session, Failure> {
    let session = session.ok_or_else(|| Failure::null("session"))?;
    if session.flags & !KNOWN_FLAGS != 0 {
        return Err(Failure::argument("session.flags has a flag that this version does not know"));
    }
    let direction = match session.direction {
        READDRESS_OUTBOUND => Direction::Outbound,
        READDRESS_INBOUND => Direction::Inbound,
        0 => return Err(Failure::argument("session.direction is not set, and the map has no listeners")),
        other => {
            return Err(Failure::argument(format!("session.direction is {other}, which is no direction")));
        }
    };
    let smtputf8 = session.flags & READDRESS_SESSION_SMTPUTF8 != 0;
    Ok(Session::from(direction).with_smtputf8(smtputf8))
}
