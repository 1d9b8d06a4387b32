//! What a gateway knows about the session that a message comes through.

use std::ffi::{CStr, c_char};
use std::net::IpAddr;

use readdress::routing::Client;
use readdress::{Direction, Engine, Session};

use crate::error::Failure;
use crate::ptr;
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

/// readdress_session.flags: for logs. In shadow mode readdress_rewrite_path() writes the path that would be
/// used; that nothing is to be changed is said by info as ever. Other calls don't look at it.
pub const READDRESS_SESSION_TRIAL: u32 = 8;

const KNOWN_FLAGS: u32 = READDRESS_SESSION_SMTPUTF8
    | READDRESS_SESSION_TLS
    | READDRESS_SESSION_AUTHENTICATED
    | READDRESS_SESSION_TRIAL;

/// What the gateway knows about the session that a message comes through. The caller's memory,
/// read during the call and not kept. For a plain rewrite
///
///     readdress_session session = { .direction = READDRESS_OUTBOUND };
///
/// is complete. With direction 0 the map's listeners say, by client_address, tls_name and flags, whether
/// the client is one of our systems: outbound if a listener that is trusted takes it, else inbound. A
/// client that no listener takes is not ours, so its message is rewritten as inbound;
/// readdress_route() refuses its recipients.
#[repr(C)]
pub struct readdress_session {
    /// READDRESS_OUTBOUND or READDRESS_INBOUND, which count more than any listener. 0 leaves it to the
    /// map's listeners; with a map that has none, 0 is READDRESS_E_ARGUMENT to all calls that rewrite,
    /// and inbound to readdress_route().
    pub direction: u32,
    /// Any of READDRESS_SESSION_*. READDRESS_SESSION_SMTPUTF8 allows addresses outside ASCII where
    /// there were none.
    pub flags: u32,
    /// The client's address as text, "192.0.2.1" or "2001:db8::1", without a zone or brackets; NULL if
    /// unknown: listeners that name addresses are not for it. Anything else is READDRESS_E_ARGUMENT.
    pub client_address: *const c_char,
    /// The verified name in the client's certificate; NULL or empty if there is none. With one, the
    /// session is encrypted, whatever flags say.
    pub tls_name: *const c_char,
    /// For readdress_route() without an envelope: as readdress_envelope.reverse_path. No other call
    /// looks at it.
    pub reverse_path: readdress_slice,
    /// For readdress_route() without an envelope: the forward-paths. No other call looks at them.
    pub recipients: *const readdress_slice,
    /// How many forward-paths.
    pub recipient_count: usize,
}

/// A session in the engine's words.
pub(crate) struct Who<'s> {
    pub(crate) client: Client<'s>,
    /// `None` leaves it to the listeners.
    pub(crate) direction: Option<Direction>,
    pub(crate) smtputf8: bool,
}

/// The session as it is for rewriting: its direction is known.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a library has more callers than a program; see docs/performance")]
pub(crate) fn read(session: Option<&readdress_session>, engine: &Engine) -> Result<Session, Failure> {
    let who = who(session.ok_or_else(|| Failure::null("session"))?)?;
    let direction = match who.direction {
        Some(direction) => direction,
        None if engine.map().routing().listeners.is_empty() => {
            return Err(Failure::argument("session.direction is not set, and the map has no listeners"));
        }
        None => engine.admit(&who.client).direction(),
    };
    Ok(Session::from(direction).with_smtputf8(who.smtputf8))
}

/// Who the client is, and what the gateway says of it.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a library has more callers than a program; see docs/performance")]
pub(crate) fn who(session: &readdress_session) -> Result<Who<'_>, Failure> {
    if session.flags & !KNOWN_FLAGS != 0 {
        return Err(Failure::argument("session.flags has a flag that this version does not know"));
    }
    let direction = match session.direction {
        READDRESS_OUTBOUND => Some(Direction::Outbound),
        READDRESS_INBOUND => Some(Direction::Inbound),
        0 => None,
        other => {
            return Err(Failure::argument(format!("session.direction is {other}, which is no direction")));
        }
    };
    let has = |flag| session.flags & flag != 0;
    let mut client = Client {
        address: None,
        tls: has(READDRESS_SESSION_TLS),
        tls_name: None,
        authenticated: has(READDRESS_SESSION_AUTHENTICATED),
    };
    if !session.client_address.is_null() || !session.tls_name.is_null() {
        name(&mut client, session)?;
    }
    Ok(Who { client, direction, smtputf8: has(READDRESS_SESSION_SMTPUTF8) })
}

/// What a session says of its client by texts.
fn name<'s>(client: &mut Client<'s>, session: &'s readdress_session) -> Result<(), Failure> {
    client.address = text(session.client_address).map(address).transpose()?;
    // An empty name is what some servers have where there is no certificate.
    let tls_name = text(session.tls_name).filter(|name| !name.is_empty());
    client.tls |= tls_name.is_some();
    // A name that is no text fits none that a plan has.
    client.tls_name = tls_name.and_then(|name| str::from_utf8(name).ok());
    Ok(())
}

fn text<'s>(text: *const c_char) -> Option<&'s [u8]> {
    // SAFETY: NULL or a NUL-terminated text, which stays during the call, by the header's general part.
    unsafe { ptr::optional_text(text) }.map(CStr::to_bytes)
}

fn address(text: &[u8]) -> Result<IpAddr, Failure> {
    let address = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    address.ok_or_else(|| Failure::argument("session.client_address is no address such as 192.0.2.1"))
}
