//! Edits taken back at the end of a header section, when a later field has shown that an earlier one
//! must stay as it is.

use crate::reason::Reason;
use crate::scratch::{EditRecord, Scratch, SkipRecord, merge_skips};
use crate::span::{Span, widen};

/// Takes back the edits of every field for whose name `reason_of` gives a reason, folds included, and reports
/// each address that was edited there as left alone for it. Edits, fields and skips stay in order, and fields
/// keep their numbers: those that lose their edits have skips instead.
///
/// `source` is what the edits are places in. Everything is done in place, in time linear in edits and skips;
/// nothing is allocated: there is [`room`](Scratch::room_to_withdraw) for the skips.
pub(crate) fn withdraw(scratch: &mut Scratch, source: &[u8], reason_of: impl Fn(&[u8]) -> Option<Reason>) {
    let Scratch { edits, fields, skips, .. } = scratch;
    let mut is_any = false;
    for field in &mut *fields {
        // What is removed is no address that could stay.
        let is_edited = edits.get(widen(field.edits.start)).is_some_and(|edit| !edit.is_removal());
        field.withdrawn = reason_of(field.name.of(source)).filter(|_| is_edited && !field.edits.is_empty());
        is_any |= field.withdrawn.is_some();
    }
    if !is_any {
        return;
    }
    let reason = |edit: &EditRecord| fields.get(widen(edit.field)).and_then(|field| field.withdrawn);
    let skip = |edit: &EditRecord| {
        let reason = reason(edit).filter(|_| !edit.is_fold())?;
        Some(SkipRecord { field: edit.field, at: edit.place.start, reason })
    };
    let count = edits.iter().filter_map(skip).count();
    merge_skips(skips, count, edits.iter().rev().filter_map(skip));
    edits.retain(|edit| reason(edit).is_none());
    let mut start = 0;
    for field in fields {
        let kept = if field.withdrawn.is_some() { 0 } else { field.edits.len() };
        field.edits = Span::new(start, start + kept);
        start += kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::FieldRecord;
    use crate::span::narrow;

    /// Fields `A`, `B` and `A` again, with two edits, a fold and one, and one.
    fn scratch() -> Scratch {
        let mut scratch = Scratch::new();
        for (number, (name, edits)) in [(0, 2), (1, 2), (0, 1)].into_iter().enumerate() {
            let start = scratch.edits.len();
            let field = narrow(number);
            for nth in 0..edits {
                let at = 10 * field + nth;
                let entry = if number == 1 && nth == 0 { u32::MAX } else { 7 };
                let place = Span { start: at, end: at };
                let (text, from, to) = (Span::default(), Span::default(), Span::default());
                scratch.edits.push(EditRecord { place, text, from, to, entry, field });
            }
            scratch.fields.push(FieldRecord {
                name: Span::new(name, name + 1),
                body: Span::default(),
                nth: 1,
                edits: Span::new(start, scratch.edits.len()),
                withdrawn: None,
            });
        }
        scratch.skips.push(SkipRecord { field: 1, at: 19, reason: Reason::NoDomain });
        scratch
    }

    fn edits(scratch: &Scratch) -> Vec<Vec<u32>> {
        let places = |field| scratch.edits_of(field).iter().map(|edit| edit.place.start).collect();
        scratch.fields.iter().map(places).collect()
    }

    fn skips(scratch: &Scratch) -> Vec<(u32, u32)> {
        scratch.skips.iter().map(|skip| (skip.field, skip.at)).collect()
    }

    #[test]
    fn edits_of_a_name_become_skips_and_the_others_stay() {
        let mut scratch = scratch();
        withdraw(&mut scratch, b"AB", |name| (name == b"A").then_some(Reason::LineTooLong));
        assert_eq!(edits(&scratch), [vec![], vec![10, 11], vec![]]);
        assert_eq!(skips(&scratch), [(0, 0), (0, 1), (1, 19), (2, 20)]);
        withdraw(&mut scratch, b"AB", |name| (name == b"A").then_some(Reason::LineTooLong));
        assert_eq!((edits(&scratch).concat(), scratch.skips.len()), (vec![10, 11], 4));
    }

    #[test]
    fn a_fold_is_taken_back_without_a_report() {
        let mut scratch = scratch();
        withdraw(&mut scratch, b"AB", |name| (name == b"B").then_some(Reason::LineTooLong));
        assert_eq!(edits(&scratch), [vec![0, 1], vec![], vec![20]]);
        assert_eq!(skips(&scratch), [(1, 11), (1, 19)]);
        withdraw(&mut scratch, b"AB", |_| None);
        assert_eq!(edits(&scratch), [vec![0, 1], vec![], vec![20]]);
    }
}
