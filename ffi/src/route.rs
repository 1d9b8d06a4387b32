//! Where each recipient's copy of a message goes.

use crate::decision::readdress_decision;
use crate::engine::readdress_engine;
use crate::error::{Failure, readdress_error};
use crate::guard;
use crate::ptr::{self, Out};
use crate::session::{self, readdress_session};
use crate::slice::readdress_slice;
use crate::status::{READDRESS_E_LIMIT, READDRESS_E_PANIC, readdress_status};

/// Octets of all forward-paths of a message. Far above what SMTP can bring, and low enough for places to
/// be counted in 32 bits.
const PATHS_MAX: usize = 1 << 30;

/// readdress_envelope.flags: further recipients may follow, as at RCPT TO. What rules ask about any recipient
/// may come to hold then.
pub const READDRESS_ENVELOPE_OPEN: u32 = 1;

/// A message on its way. The caller's memory, read during the call and not kept.
#[repr(C)]
pub struct readdress_envelope {
    /// The reverse-path, with or without angle brackets; "<>", or an empty text that is not NULL, is
    /// the null reverse-path. data NULL if it is not known: no condition about the sender holds then.
    pub reverse_path: readdress_slice,
    /// The forward-paths, with or without angle brackets, no ESMTP parameters. All of a message at
    /// once: rules may ask about the others.
    pub recipients: *const readdress_slice,
    /// How many.
    pub recipient_count: usize,
    /// The message, or its header section. data NULL if it is not there yet, as at RCPT TO: no
    /// condition about fields holds then, and what is decided may change (readdress_decision_final()).
    pub message: readdress_slice,
    /// 0 or READDRESS_ENVELOPE_OPEN.
    pub flags: u32,
}

/// Decides where each recipient's copy of a message goes: by the map's listeners, entries, rules,
/// recipients, accepted domains and connectors. Time is linear in the header section, and in recipients
/// times rules; the body is not read. A recipient that is no address, or that nobody knows, is refused
/// (READDRESS_REJECT), and is no error.
///
/// Parameters: engine. session: who brings the message. Its direction counts where it is set; where it
/// is 0, the map's listeners give it, and refuse every recipient of a client that they don't take. With
/// a map that has none, such a message is inbound. envelope: the message; NULL: the reverse-path and
/// recipients of the session count, and there is no header section. If it is not NULL, the session's
/// are not looked at. decision: takes the outcome; a former one is gone.
///
/// Returns: READDRESS_OK; READDRESS_E_LIMIT if there are more recipients than the plan allows addresses,
/// if their paths have more than 1 GiB, or the header section passes one of its limits;
/// READDRESS_E_NOMEM; READDRESS_E_ARGUMENT. On any failure the decision is empty; answer "try again
/// later".
///
/// Ownership: nothing of session and envelope is kept; the engine may be freed before the decision.
/// Thread-safe for the engine; the decision is this thread's.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_route(
    engine: Option<&readdress_engine>,
    session: Option<&readdress_session>,
    envelope: Option<&readdress_envelope>,
    mut decision: Option<&mut readdress_decision>,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: a place to write to, by the header's general part.
    let err = unsafe { Out::new(err) };
    let status = guard::status(err, || {
        let decision = decision.as_deref_mut().ok_or_else(|| Failure::null("decision"))?;
        decision.reset();
        let engine = engine.ok_or_else(|| Failure::null("engine"))?;
        let session = session.ok_or_else(|| Failure::null("session"))?;
        let (reverse_path, recipients, count, message, flags) = match envelope {
            Some(envelope) => {
                let readdress_envelope { reverse_path, recipients, recipient_count, message, flags } =
                    envelope;
                (reverse_path, *recipients, *recipient_count, Some(message), *flags)
            }
            None => (&session.reverse_path, session.recipients, session.recipient_count, None, 0),
        };
        if flags & !READDRESS_ENVELOPE_OPEN != 0 {
            return Err(Failure::argument("envelope.flags has a flag that this version does not know"));
        }
        let who = session::who(session)?;
        // SAFETY: as many octets as said at each, by the header's general part.
        let (reverse_path, header, recipients) = unsafe {
            (
                optional(reverse_path)?,
                message.map_or(Ok(None), |message| optional(message))?,
                ptr::items(recipients, count)?,
            )
        };
        let envelope = readdress::routing::Envelope {
            client: who.client,
            direction: who.direction,
            smtputf8: who.smtputf8,
            reverse_path,
            header,
            is_open: flags & READDRESS_ENVELOPE_OPEN != 0,
        };
        let mut octets = 0_usize;
        let recipients = recipients.iter().map(|recipient| {
            octets = octets.saturating_add(recipient.len);
            if octets > PATHS_MAX && isize::try_from(recipient.len).is_ok() {
                return Err(Failure::new(READDRESS_E_LIMIT, "the forward-paths have more than 1 GiB"));
            }
            // SAFETY: so many octets at it, by the header's general part.
            unsafe { ptr::octets(recipient.data, recipient.len) }
        });
        decision.route(engine.engine(), &envelope, recipients)
    });
    if let Some(decision) = decision.filter(|_| status == READDRESS_E_PANIC) {
        decision.abandon();
    }
    status
}

/// Octets that may be unknown: NULL with none.
///
/// # Safety
///
/// As for [`ptr::octets`].
unsafe fn optional<'a>(slice: &readdress_slice) -> Result<Option<&'a [u8]>, Failure> {
    if slice.data.is_null() && slice.len == 0 {
        return Ok(None);
    }
    // SAFETY: the caller's promise is handed on.
    unsafe { ptr::message(slice.data, slice.len) }.map(Some)
}
