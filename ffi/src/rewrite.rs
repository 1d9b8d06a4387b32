//! Rewriting: whole messages, and messages that arrive field by field.

use std::ffi::c_char;

use crate::engine::readdress_engine;
use crate::error::{Failure, readdress_error};
use crate::guard;
use crate::ptr::{self, Out};
use crate::result::readdress_result;
use crate::session::{self, readdress_session};
use crate::status::{READDRESS_E_PANIC, readdress_status};

/// Rewrites a message, or the header section of one. Time is linear in the header section; the
/// body is not read. What can't be parsed is left alone and listed as skipped, and is no error.
///
/// Parameters: engine. session: says which way the message goes, or who brings it, so that the map's
/// listeners do. message, len: the message, up to 4 GiB - 1; it stays the caller's, is not copied, and
/// must stay in its place unchanged for as long as the result is looked at. result: takes the outcome;
/// a former one is gone.
///
/// Returns: READDRESS_OK; READDRESS_E_LIMIT, READDRESS_E_NOMEM, READDRESS_E_ARGUMENT. On any failure
/// the result is empty; answer "try again later", for what is not rewritten may leak an internal
/// address.
///
/// Thread-safe for the engine; the result is this thread's.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_rewrite(
    engine: Option<&readdress_engine>,
    session: Option<&readdress_session>,
    message: *const u8,
    len: usize,
    mut result: Option<&mut readdress_result>,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: a place to write to, by the header's general part.
    let err = unsafe { Out::new(err) };
    let status = guard::status(err, || {
        let result = given(&mut result)?;
        result.reset();
        let engine = engine.ok_or_else(|| Failure::null("engine"))?;
        // SAFETY: len octets at message, by the header's general part.
        let message = unsafe { ptr::message(message, len) }?;
        result.rewrite(engine, session::read(session, engine.engine())?, message)
    });
    abandon_after_panic(status, result)
}

/// Begins a message that arrives field by field, as in a milter. A former outcome is gone. The session
/// says which way it goes, as for readdress_rewrite(), and is not kept.
///
/// Returns: READDRESS_OK; READDRESS_E_ARGUMENT.
///
/// The result retains the engine, so the caller's reference may be freed at once.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_message_begin(
    mut result: Option<&mut readdress_result>,
    engine: Option<&readdress_engine>,
    session: Option<&readdress_session>,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: a place to write to, by the header's general part.
    let err = unsafe { Out::new(err) };
    let status = guard::status(err, || {
        let result = given(&mut result)?;
        result.reset();
        let engine = engine.ok_or_else(|| Failure::null("engine"))?;
        result.begin_fields(engine, session::read(session, engine.engine())?);
        Ok(())
    });
    abandon_after_panic(status, result)
}

/// The next field.
///
/// Parameters: name: all before the colon, NUL-terminated; white space at its end counts as part of
/// the line, not of the name. body, len: what stands behind the colon,
/// the white space there included (libmilter: SMFIP_HDR_LEADSPC), folds kept, without the line
/// ending at its end. Neither is kept: both may be gone when the call returns.
///
/// Returns: READDRESS_OK; READDRESS_E_ORDER if no message has begun; READDRESS_E_LIMIT,
/// READDRESS_E_NOMEM, READDRESS_E_ARGUMENT. The message is given up then: one with a field that
/// nobody has looked at has no outcome.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_message_field(
    mut result: Option<&mut readdress_result>,
    name: *const c_char,
    body: *const u8,
    len: usize,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: a place to write to, by the header's general part.
    let err = unsafe { Out::new(err) };
    let status = guard::status(err, || {
        let result = given(&mut result)?;
        // SAFETY: a NUL-terminated name and len octets at body, by the header's general part.
        let (name, body) = unsafe { (ptr::text(name, "name"), ptr::message(body, len)) };
        let field = name.and_then(|name| Ok((name.to_bytes(), body?)));
        result.field(field)
    });
    abandon_after_panic(status, result)
}

/// The end of the header section: the outcome is there to be looked at.
///
/// Returns: READDRESS_OK; READDRESS_E_ORDER if no message has begun, or a field of it could not be
/// taken; READDRESS_E_NOMEM; READDRESS_E_ARGUMENT.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_message_finish(
    mut result: Option<&mut readdress_result>,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: a place to write to, by the header's general part.
    let err = unsafe { Out::new(err) };
    let status = guard::status(err, || given(&mut result)?.finish_fields());
    abandon_after_panic(status, result)
}

fn given<'r>(result: &'r mut Option<&mut readdress_result>) -> Result<&'r mut readdress_result, Failure> {
    result.as_deref_mut().ok_or_else(|| Failure::null("result"))
}

/// Nothing that a panic left behind is used again.
fn abandon_after_panic(status: readdress_status, result: Option<&mut readdress_result>) -> readdress_status {
    if let Some(result) = result.filter(|_| status == READDRESS_E_PANIC) {
        result.abandon();
    }
    status
}
