//! Results: what came of a message, and the memory for it.

use std::cell::RefCell;

use readdress::{Engine, Rewritten, Scratch, Unmapped};

use crate::alignment::readdress_from_domains;
use crate::arrays::{self, Arrays};
use crate::engine::readdress_engine;
use crate::error::Failure;
use crate::guard;
use crate::ptr::{Borrowed, Out};
use crate::report::{readdress_edit, readdress_field_change, readdress_signature, readdress_skip};
use crate::slice::readdress_slice;

/// readdress_result_verdict(): send it.
pub const READDRESS_VERDICT_PASS: u32 = 0;
/// readdress_result_verdict(): the plan wants mail with unmapped addresses deferred (4xx).
pub const READDRESS_VERDICT_TEMPFAIL: u32 = 1;
/// readdress_result_verdict(): the plan wants mail with unmapped addresses refused (5xx).
pub const READDRESS_VERDICT_REJECT: u32 = 2;

/// The outcome of one message, and memory that is used again for the next. One thread at a time
/// may use it. What it hands out points into the message, the map and the result itself: it lives
/// until the result is used for another message or freed, and the message must stay unchanged in
/// its place as long.
#[derive(Default)]
pub struct readdress_result {
    /// Retained: names of entries are in its map.
    engine: Option<Engine>,
    scratch: Scratch,
    stage: Stage,
    arrays: RefCell<Arrays>,
}

/// What a result holds.
#[derive(Clone, Copy, Default)]
enum Stage {
    #[default]
    Nothing,
    /// Fields of a message that is not finished.
    Arriving,
    /// The outcome of a message that arrived field by field.
    Fields,
    /// The outcome of a whole message.
    Message(Borrowed),
}

impl readdress_result {
    /// Forgets everything but the memory.
    pub(crate) fn reset(&mut self) {
        self.stage = Stage::Nothing;
        self.arrays.get_mut().clear();
    }

    /// After a panic nothing that was being worked on is to be trusted.
    pub(crate) fn abandon(&mut self) {
        std::mem::take(self);
    }

    /// Takes an engine for a new message.
    fn begin(&mut self, engine: &readdress_engine) {
        if !self.engine.as_ref().is_some_and(|kept| kept.is_same(engine.engine())) {
            self.engine = Some(engine.engine().clone());
        }
    }

    pub(crate) fn rewrite(
        &mut self,
        engine: &readdress_engine,
        session: readdress::Session,
        message: &[u8],
    ) -> Result<(), Failure> {
        self.begin(engine);
        let done = engine.engine().rewrite_into(session, message, &mut self.scratch)?;
        self.arrays.get_mut().reserve_output(&done).map_err(|_| readdress::Error::Memory)?;
        self.stage = Stage::Message(Borrowed::new(message));
        Ok(())
    }

    pub(crate) fn begin_fields(&mut self, engine: &readdress_engine, session: readdress::Session) {
        self.begin(engine);
        _ = engine.engine().begin(session, &mut self.scratch);
        self.stage = Stage::Arriving;
    }

    /// Takes a field's name and body, if they could be read. The fields before are given up if not.
    pub(crate) fn field(&mut self, field: Result<(&[u8], &[u8]), Failure>) -> Result<(), Failure> {
        let mut message = self.arriving()?;
        let taken = field.and_then(|(name, body)| Ok(message.field(name, body)?));
        if taken.is_err() {
            self.stage = Stage::Nothing;
        }
        taken
    }

    pub(crate) fn finish_fields(&mut self) -> Result<(), Failure> {
        self.arriving()?.finish();
        self.stage = Stage::Fields;
        let mut arrays = std::mem::take(self.arrays.get_mut());
        let reserved = self.outcome().map_or(Ok(()), |done| arrays.reserve_changes(&done));
        *self.arrays.get_mut() = arrays;
        if reserved.is_err() {
            self.stage = Stage::Nothing;
        }
        Ok(reserved.map_err(|_| readdress::Error::Memory)?)
    }

    fn arriving(&mut self) -> Result<readdress::FieldByField<'_>, Failure> {
        let message = match (&self.engine, self.stage) {
            (Some(engine), Stage::Arriving) => engine.resume(&mut self.scratch),
            _ => None,
        };
        message.ok_or_else(|| Failure::order("no message has begun in this result"))
    }

    /// The outcome, if there is one.
    fn outcome(&self) -> Option<Rewritten<'_>> {
        let message = match self.stage {
            Stage::Nothing | Stage::Arriving => return None,
            Stage::Fields => &[],
            // SAFETY: the header says that the message stays in its place, unchanged, for as long
            // as its result is looked at.
            Stage::Message(message) => unsafe { message.octets() },
        };
        self.engine.as_ref().map(|engine| engine.outcome(message, &self.scratch))
    }
}

/// A result without an outcome.
///
/// Returns: the result; the caller frees it with readdress_result_free(). NULL only for
/// READDRESS_E_PANIC's reasons.
///
/// Thread-safe.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn readdress_result_new() -> Option<Box<readdress_result>> {
    guard::value(|| None, || Some(Box::default()))
}

/// Frees it, and all that it has handed out. NULL is allowed.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_result_free(result: Option<Box<readdress_result>>) {
    guard::value(|| (), || drop(result));
}

/// Whether the output differs from the input. If not, the host sends what it has: the engine has
/// copied nothing. false for NULL, for a result without an outcome and in shadow mode.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_result_changed(result: Option<&readdress_result>) -> bool {
    look(result, false, |done| done.changed())
}

/// Octets of the output: the sum of all slices; of a message that arrived field by field, 0.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_result_size(result: Option<&readdress_result>) -> usize {
    look(result, 0, |done| done.slices().map(<[u8]>::len).sum())
}

/// Where the body begins in the output, behind the empty line; 0 for a message that arrived field
/// by field.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_result_body_offset(result: Option<&readdress_result>) -> usize {
    look(result, 0, |done| done.body_offset())
}

/// Where the body begins in the input; 0 for a message that arrived field by field.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_result_input_body_offset(result: Option<&readdress_result>) -> usize {
    look(result, 0, |done| done.input_body_offset())
}

/// What is remarkable about the header section: READDRESS_FLAG_*, one bit each. Of a message that
/// arrived field by field, what names, bodies and the number of fields show.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_result_flags(result: Option<&readdress_result>) -> u32 {
    look(result, 0, |done| done.flags().bits())
}

/// What to do with the message: READDRESS_VERDICT_*. With an outcome it is what the plan says about
/// unmapped addresses: PASS where there are none, and always in shadow mode. Without one, for NULL
/// and after a fault it is TEMPFAIL: what was not rewritten must not get out.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_result_verdict(result: Option<&readdress_result>) -> u32 {
    look(result, READDRESS_VERDICT_TEMPFAIL, |done| verdict(done.verdict()))
}

/// The verdict in numbers.
pub(crate) fn verdict(verdict: Unmapped) -> u32 {
    match verdict {
        Unmapped::Pass => READDRESS_VERDICT_PASS,
        Unmapped::Tempfail => READDRESS_VERDICT_TEMPFAIL,
        Unmapped::Reject => READDRESS_VERDICT_REJECT,
    }
}

/// The output in pieces: stretches of the message, with new addresses between them. An unchanged
/// message is one slice, the message itself. None for a message that arrived field by field.
///
/// Parameters: count: how many; may be NULL. writev() takes no more than IOV_MAX at once.
///
/// Returns: the slices; NULL if there are none.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdress_result_slices(
    result: Option<&readdress_result>,
    count: *mut usize,
) -> *const readdress_slice {
    // SAFETY: a place to write to, by the header's general part.
    let count = unsafe { Out::new(count) };
    array(result, count, |arrays, done| {
        arrays.slices.get(|array| {
            arrays::slices(array, done);
            Ok(())
        })
    })
}

/// Every field with a new body, in the order in which a milter applies them. None in shadow mode.
///
/// Parameters: count: how many; may be NULL.
///
/// Returns: the changes; NULL if there are none.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdress_result_field_changes(
    result: Option<&readdress_result>,
    count: *mut usize,
) -> *const readdress_field_change {
    // SAFETY: a place to write to, by the header's general part.
    let count = unsafe { Out::new(count) };
    array(result, count, |arrays, done| {
        arrays.field_changes.get(|array| {
            arrays::field_changes(array, done);
            Ok(())
        })
    })
}

/// Every change, in the order of places, for logs. In shadow mode, those that would be made.
///
/// Parameters: count: how many; may be NULL.
///
/// Returns: the edits; NULL if there are none, or no memory for the report.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdress_result_edits(
    result: Option<&readdress_result>,
    count: *mut usize,
) -> *const readdress_edit {
    // SAFETY: a place to write to, by the header's general part.
    let count = unsafe { Out::new(count) };
    array(result, count, |arrays, done| arrays.edits.get(|array| arrays::edits(array, done)))
}

/// What was left alone although a mapped domain stands in the field.
///
/// Parameters: count: how many; may be NULL.
///
/// Returns: the report; NULL if there is none, or no memory for it.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdress_result_skipped(
    result: Option<&readdress_result>,
    count: *mut usize,
) -> *const readdress_skip {
    // SAFETY: a place to write to, by the header's general part.
    let count = unsafe { Out::new(count) };
    array(result, count, |arrays, done| arrays.skipped.get(|array| arrays::skipped(array, done)))
}

/// Addresses in mapped domains that no entry maps, in the order they stand; one that stands twice is
/// listed twice. They would leak: count them, and see readdress_result_verdict().
///
/// Parameters: count: how many; may be NULL.
///
/// Returns: the addresses; NULL if there are none, or no memory for the report.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdress_result_unmapped(
    result: Option<&readdress_result>,
    count: *mut usize,
) -> *const readdress_slice {
    // SAFETY: a place to write to, by the header's general part.
    let count = unsafe { Out::new(count) };
    array(result, count, |arrays, done| arrays.unmapped.get(|array| arrays::unmapped(array, done)))
}

/// Every signature over the header section, and whether the edits break it.
///
/// Parameters: count: how many; may be NULL.
///
/// Returns: the signatures; NULL if there are none, or no memory for the report.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdress_result_signatures(
    result: Option<&readdress_result>,
    count: *mut usize,
) -> *const readdress_signature {
    // SAFETY: a place to write to, by the header's general part.
    let count = unsafe { Out::new(count) };
    array(result, count, Arrays::signatures)
}

/// The domain of From before and after, which DMARC compares with the domain of each DKIM signature (the
/// signatures say how) and of the reverse-path (readdress_compare_domains()). There is none in a message
/// without From, with several such fields or with one in which something does not parse. One side has
/// none if mailboxes of several domains stand there, or one without a domain name.
///
/// Returns: the domains; NULL if there are none on either side, or no memory for the report.
///
/// One thread at a time for a result.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_result_from_domains(
    result: Option<&readdress_result>,
) -> *const readdress_from_domains {
    array(result, None, |arrays, done| arrays.from_domains.get(|array| arrays::from_domains(array, done)))
}

fn look<T: Copy>(result: Option<&readdress_result>, nothing: T, look: impl FnOnce(Rewritten<'_>) -> T) -> T {
    guard::value(|| nothing, || result.and_then(readdress_result::outcome).map_or(nothing, look))
}

fn array<T>(
    result: Option<&readdress_result>,
    count: Option<Out<usize>>,
    get: impl FnOnce(&mut Arrays, &Rewritten<'_>) -> (*const T, usize),
) -> *const T {
    let nothing = (std::ptr::null(), 0);
    let (items, number) = guard::value(
        || nothing,
        || {
            let Some(result) = result else { return nothing };
            // A panic in an earlier call may have left the arrays borrowed, never a second user.
            let Ok(mut arrays) = result.arrays.try_borrow_mut() else { return nothing };
            result.outcome().map_or(nothing, |done| get(&mut arrays, &done))
        },
    );
    if let Some(count) = count {
        count.put(number);
    }
    items
}
