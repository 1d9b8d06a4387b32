//! Messages that are S/MIME or PGP/MIME as a whole: what a plan wants left alone in them.
//!
//! Content-Type may stand behind the fields that it protects, so this is the last thing that happens to
//! a header section: edits that were found are taken back, folds included, and each address among them
//! is reported as a skip. Everything is done in place and in time linear in edits and skips.

use crate::policy::OnSigned;
use crate::reason::Reason;
use crate::scratch::{EditRecord, Scratch, SkipRecord, merge_skips};
use crate::signature::{SignatureKind, is_compared};
use crate::span::{Span, widen};

/// Takes back what `on_signed` forbids, if the message is one of these. `source` is what edits are places
/// in. Doing it twice changes nothing.
pub(crate) fn hold_back(source: &[u8], on_signed: OnSigned, scratch: &mut Scratch) {
    let is_signed = |kind| matches!(kind, SignatureKind::Smime | SignatureKind::Pgp);
    if on_signed == OnSigned::Rewrite || !scratch.signatures.iter().any(|(kind, _)| is_signed(*kind)) {
        return;
    }
    let Scratch { edits, fields, skips, .. } = scratch;
    for field in &mut *fields {
        field.is_held = on_signed == OnSigned::EnvelopeOnly || is_compared(field.name.of(source));
    }
    let is_held = |edit: &EditRecord| fields.get(widen(edit.field)).is_some_and(|field| field.is_held);
    let addresses = edits.iter().filter(|edit| is_held(edit) && !edit.is_fold());
    let count = addresses.clone().count();
    let from_last = addresses.rev().map(|edit| SkipRecord {
        field: edit.field,
        at: edit.place.start,
        reason: Reason::SignedMessage,
    });
    merge_skips(skips, count, from_last);
    edits.retain(|edit| !is_held(edit));
    // Each field keeps its number: those that lose their edits have skips instead.
    let mut start = 0;
    for field in fields {
        let kept = if field.is_held { 0 } else { field.edits.len() };
        field.edits = Span::new(start, start + kept);
        start += kept;
    }
}
