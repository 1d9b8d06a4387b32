//! The arrays of C structs that a result hands out, each filled when it is first asked for.
//!
//! The two that a message is sent from, slices and field changes, get their memory when the message
//! is rewritten, so that handing them out can't fail. The others are reports: without memory they
//! are empty.

use std::collections::TryReserveError;
use std::ffi::c_char;

use readdress::{FieldChange, Rewritten};

use crate::alignment::{self, readdress_from_domains};
use crate::names;
use crate::report::{readdress_edit, readdress_field_change, readdress_signature, readdress_skip};
use crate::slice::readdress_slice;

/// Everything that one outcome hands out. Memory is kept from message to message.
#[derive(Default)]
pub(crate) struct Arrays {
    pub(crate) slices: Array<readdress_slice>,
    pub(crate) field_changes: Array<readdress_field_change>,
    pub(crate) edits: Array<readdress_edit>,
    pub(crate) skipped: Array<readdress_skip>,
    pub(crate) unmapped: Array<readdress_slice>,
    pub(crate) signatures: Array<readdress_signature>,
    pub(crate) from_domains: Array<readdress_from_domains>,
    /// The names of edited fields that signatures cover.
    because: Vec<readdress_slice>,
}

/// An array of C structs, and the texts that they point to.
pub(crate) struct Array<T> {
    items: Vec<T>,
    /// NUL-terminated texts. Never moved while `items` point into it.
    texts: Vec<u8>,
    is_filled: bool,
}

impl<T> Default for Array<T> {
    fn default() -> Array<T> {
        Array { items: Vec::new(), texts: Vec::new(), is_filled: false }
    }
}

impl<T> Array<T> {
    fn clear(&mut self) {
        self.items.clear();
        self.texts.clear();
    }

    /// Makes room for what will be asked for.
    fn reserve(&mut self, items: usize, texts: usize) -> Result<(), TryReserveError> {
        self.clear();
        self.items.try_reserve(items)?;
        self.texts.try_reserve(texts)
    }

    /// The array, filled by `fill` if it is not yet. Place and number of its items.
    pub(crate) fn get(
        &mut self,
        fill: impl FnOnce(&mut Array<T>) -> Result<(), TryReserveError>,
    ) -> (*const T, usize) {
        if !self.is_filled {
            self.clear();
            if fill(self).is_err() {
                self.clear();
                return (std::ptr::null(), 0);
            }
            self.is_filled = true;
        }
        if self.items.is_empty() { (std::ptr::null(), 0) } else { (self.items.as_ptr(), self.items.len()) }
    }

    /// Stores a text and a NUL, for which there must be room, and gives its place.
    fn text(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> (*const c_char, usize) {
        let (start, capacity) = (self.texts.len(), self.texts.capacity());
        write(&mut self.texts);
        let length = self.texts.len() - start;
        self.texts.push(0);
        debug_assert_eq!(self.texts.capacity(), capacity, "room was made");
        let text = self.texts.get(start..).map_or(std::ptr::null(), <[u8]>::as_ptr);
        (text.cast(), length)
    }

    fn name(&mut self, name: &[u8]) -> *const c_char {
        self.text(|texts| texts.extend_from_slice(name)).0
    }
}

impl Arrays {
    /// Forgets the last outcome and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.slices.is_filled = false;
        self.field_changes.is_filled = false;
        self.edits.is_filled = false;
        self.skipped.is_filled = false;
        self.unmapped.is_filled = false;
        self.signatures.is_filled = false;
        self.from_domains.is_filled = false;
    }

    /// Makes room for what a message is sent from.
    pub(crate) fn reserve_output(&mut self, done: &Rewritten<'_>) -> Result<(), TryReserveError> {
        if !done.changed() {
            return self.slices.reserve(1, 0);
        }
        let edits = done.edits().len();
        self.slices.reserve(2 * edits + 1, 0)?;
        // Each changed field has an edit, and all of them stand in the new header section, where a
        // colon and a line feed take the room of the NULs; the last line may lack its line feed. Names of
        // fields that go stand in the old one. How long the new one is would have to be added up.
        let removed = if done.has_removals() { done.input_body_offset() } else { 0 };
        self.field_changes.reserve(edits, done.body_offset_at_most() + removed + 1)
    }

    /// The same for a message that arrived field by field, of which there is no section.
    pub(crate) fn reserve_changes(&mut self, done: &Rewritten<'_>) -> Result<(), TryReserveError> {
        let sizes = done.field_changes().map(|change| (1, change.name.len() + change.len() + 2));
        let (items, texts) = sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
        self.field_changes.reserve(items, texts)
    }
}

pub(crate) fn slices(array: &mut Array<readdress_slice>, done: &Rewritten<'_>) {
    array.items.extend(done.slices().map(readdress_slice::from));
}

pub(crate) fn field_changes(array: &mut Array<readdress_field_change>, done: &Rewritten<'_>) {
    for change in done.field_changes() {
        let name = array.name(change.name);
        let (value, length) = if change.is_removal() {
            (std::ptr::null(), 0)
        } else {
            array.text(|texts| append_with_line_feeds(&change, texts))
        };
        array.items.push(readdress_field_change { name, value, length, nth: change.nth });
    }
}

/// Appends a field's new body with folds as milters want them: no carriage return before a line
/// feed.
fn append_with_line_feeds(change: &FieldChange<'_>, texts: &mut Vec<u8>) {
    let start = texts.len();
    change.append_to(texts);
    let mut kept = start;
    for at in start..texts.len() {
        let is_dropped = texts.get(at..at + 2) == Some(b"\r\n");
        if !is_dropped {
            texts.swap(kept, at);
            kept += 1;
        }
    }
    texts.truncate(kept);
}

pub(crate) fn edits(array: &mut Array<readdress_edit>, done: &Rewritten<'_>) -> Result<(), TryReserveError> {
    let names = done.edits().map(|edit| edit.field.len() + 1).sum();
    array.reserve(done.edits().len(), names)?;
    for edit in done.edits() {
        let field = array.name(edit.field);
        let entry = edit.entry.as_ref();
        array.items.push(readdress_edit {
            offset: edit.offset,
            length: edit.length,
            text: edit.text.into(),
            field,
            nth: edit.nth,
            line: entry.map_or(0, readdress::Entry::line),
            from: edit.from.into(),
            to: edit.to.into(),
            entry: entry.map(readdress::Entry::name).into(),
            file: entry.and_then(readdress::Entry::file).into(),
        });
    }
    Ok(())
}

pub(crate) fn skipped(
    array: &mut Array<readdress_skip>,
    done: &Rewritten<'_>,
) -> Result<(), TryReserveError> {
    let names = done.skipped().map(|skip| skip.field.len() + 1).sum();
    array.reserve(done.skipped().len(), names)?;
    for skip in done.skipped() {
        let (field, reason) = (array.name(skip.field), names::reason(skip.reason).as_ptr());
        array.items.push(readdress_skip { field, reason, offset: skip.offset, nth: skip.nth });
    }
    Ok(())
}

pub(crate) fn unmapped(
    array: &mut Array<readdress_slice>,
    done: &Rewritten<'_>,
) -> Result<(), TryReserveError> {
    array.reserve(done.unmapped().len(), 0)?;
    array.items.extend(done.unmapped().map(readdress_slice::from));
    Ok(())
}

/// The domains of From, as an array of one; of none if there are none.
pub(crate) fn from_domains(
    array: &mut Array<readdress_from_domains>,
    done: &Rewritten<'_>,
) -> Result<(), TryReserveError> {
    let domains = done.from_domains();
    let [before, after] = [domains.before, domains.after].map(Option::unwrap_or_default);
    if before.is_empty() && after.is_empty() {
        return Ok(());
    }
    array.reserve(1, before.len() + after.len() + 2)?;
    let mut store = |domain: &str| {
        let (text, len) = array.text(|texts| texts.extend_from_slice(domain.as_bytes()));
        readdress_slice { data: text.cast(), len }
    };
    let domains = readdress_from_domains { before: store(&before), after: store(&after) };
    array.items.push(domains);
    Ok(())
}

impl Arrays {
    /// The signatures: place and number.
    pub(crate) fn signatures(&mut self, done: &Rewritten<'_>) -> (*const readdress_signature, usize) {
        let Arrays { signatures, because, .. } = self;
        signatures.get(|array| {
            array.reserve(done.signatures().len(), 0)?;
            because.clear();
            because.try_reserve(done.signatures().map(|signature| signature.because.len()).sum())?;
            for signature in done.signatures() {
                let start = because.len();
                because.extend(signature.because.iter().copied().map(readdress_slice::from));
                let names = because.get(start..).unwrap_or_default();
                array.items.push(readdress_signature {
                    kind: names::signature(signature.kind).as_ptr(),
                    domain: signature.domain.into(),
                    selector: signature.selector.into(),
                    because: names.as_ptr(),
                    because_count: names.len(),
                    intact: signature.is_intact,
                    aligned_before: alignment::number(signature.aligned.before),
                    aligned_after: alignment::number(signature.aligned.after),
                });
            }
            Ok(())
        })
    }
}
