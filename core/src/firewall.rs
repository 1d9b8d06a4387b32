//! The header firewall: fields that steer filtering and routing inside an organization are removed from what
//! strangers send, so that only our own systems and rules may set them.
//!
//! Removal is an edit of the whole field. Milters name a field by its number among those of its name, and
//! removing one renumbers those behind it; so removals are given from the last field to the first.

use std::cmp::Ordering;

use crate::error::Error;
use crate::header::Field;
use crate::room::Room;
use crate::scratch::{EditRecord, FieldRecord, REMOVAL, Scratch};
use crate::span::{Span, widen};

/// Beginnings of the names of such fields, in lower case.
pub(crate) const FIREWALLED: [&str; 2] = ["x-ms-exchange-organization-", "x-ms-exchange-crosspremises-"];

/// Records that a field of `source` is removed. `is_alone`: what stands behind its body is not its line ending.
pub(crate) fn remove(
    source: &[u8],
    field: Field,
    is_alone: bool,
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let behind = source.get(widen(field.body.end)..).unwrap_or_default();
    let ending = match behind {
        _ if is_alone => 0,
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => 0,
    };
    let start = if is_alone { field.body.start } else { field.name.start };
    let place = Span::new(widen(start), widen(field.body.end) + ending);
    let (number, edits) = (scratch.next_field(), scratch.edits.len());
    scratch.edits.room(1)?;
    scratch.fields.room(1)?;
    scratch.removed.room(1)?;
    let nothing = Span::default();
    let edit = EditRecord { place, text: nothing, from: nothing, to: nothing, entry: REMOVAL, field: number };
    scratch.edits.push(edit);
    scratch.fields.push(FieldRecord {
        name: field.name,
        body: field.body,
        nth: 1,
        edits: Span::new(edits, edits + 1),
        withdrawn: None,
    });
    scratch.removed.push(number);
    Ok(())
}

/// Gives each removed field its number among those of its name, and orders them by name, then by place.
pub(crate) fn number(source: &[u8], scratch: &mut Scratch) {
    let Scratch { removed, fields, .. } = scratch;
    let name = |number: u32| fields.get(widen(number)).map_or(&[][..], |field| field.name.of(source));
    removed.sort_unstable_by(|&a, &b| compare(name(a), name(b)).then(a.cmp(&b)));
    let mut nth = 0;
    for at in 0..removed.len() {
        let [before, this] = [at.checked_sub(1), Some(at)].map(|at| removed.get(at?).copied());
        let name = |number: u32| fields.get(widen(number)).map_or(&[][..], |field| field.name.of(source));
        let is_next =
            before.zip(this).is_some_and(|(before, this)| compare(name(before), name(this)).is_eq());
        nth = if is_next { nth + 1 } else { 1 };
        if let Some(field) = this.and_then(|this| fields.get_mut(widen(this))) {
            field.nth = nth;
        }
    }
}

/// The name, as it stands, of a removed field whose name this is.
pub(crate) fn removed_name<'a>(source: &'a [u8], scratch: &Scratch, name: &[u8]) -> Option<&'a [u8]> {
    let of = |number: &u32| scratch.fields.get(widen(*number)).map_or(&[][..], |field| field.name.of(source));
    let first = scratch.removed.partition_point(|number| compare(of(number), name).is_lt());
    scratch.removed.get(first).map(of).filter(|found| compare(found, name).is_eq())
}

/// The order of names, whatever their case.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_fields_are_counted_by_name() {
        let source = b"X-A:1\nX-b:2\nx-a:3\nX-B:4\nX-A:5\n";
        let mut scratch = Scratch::new();
        for at in (0..source.len()).step_by(6) {
            let field = Field { name: Span::new(at, at + 3), body: Span::new(at + 4, at + 5) };
            remove(source, field, false, &mut scratch).unwrap();
        }
        number(source, &mut scratch);
        let nths: Vec<u32> = scratch.fields.iter().map(|field| field.nth).collect();
        assert_eq!(nths, [1, 1, 2, 2, 3]);
        assert_eq!(scratch.edits[1].place, Span { start: 6, end: 12 });
        assert_eq!(removed_name(source, &scratch, b"x-B"), Some(&b"X-b"[..]));
        assert_eq!(removed_name(source, &scratch, b"x-c"), None);
    }
}
