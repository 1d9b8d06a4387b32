//! Edits taken back at the end of a header section, when a later field has shown that an earlier one
//! must stay as it is.

use crate::reason::Reason;
use crate::scratch::{Scratch, SkipRecord};
use crate::span::{Span, widen};

/// Drops the edits of every field for whose name `reason_of` gives a reason, and reports each address
/// that was edited there as left alone for it. Edits, fields and skips stay in order.
///
/// `source` is what the edits are places in. Linear but for the sorting of the skips, and only if there
/// are new ones; nothing is allocated: there is [`room`](Scratch::room_to_withdraw) for them.
pub(crate) fn withdraw(scratch: &mut Scratch, source: &[u8], reason_of: impl Fn(&[u8]) -> Option<Reason>) {
    let Scratch { edits, fields, skips, .. } = scratch;
    let skips_before = skips.len();
    let mut kept = 0;
    for field in fields {
        let end = widen(field.edits.end).min(edits.len());
        let span = widen(field.edits.start).min(end)..end;
        let start = kept;
        if let Some(reason) = reason_of(field.name.of(source)) {
            let withdrawn = edits.get(span).unwrap_or_default();
            let addresses = withdrawn.iter().filter(|edit| !edit.is_fold());
            skips.extend(addresses.map(|edit| SkipRecord {
                field: edit.field,
                at: edit.place.start,
                reason,
            }));
        } else {
            kept += span.len();
            edits.copy_within(span, start);
        }
        field.edits = Span::new(start, kept);
    }
    edits.truncate(kept);
    if skips.len() > skips_before {
        skips.sort_unstable_by_key(|skip| (skip.field, skip.at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::{EditRecord, FieldRecord};
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
