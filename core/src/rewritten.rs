//! What came out, in the shapes that hosts take it in: slices for `writev`, edits for logs, whole
//! new field bodies for milters. All of them borrow; nothing is put together before it is asked
//! for.

use std::io::{self, IoSlice, Write};

use crate::alignment::Domains;
use crate::flags::Flags;
use crate::map::{Entry, Map};
use crate::policy::{Mode, Unmapped};
use crate::reason::Reason;
use crate::scratch::{EditRecord, FieldRecord, Scratch};
use crate::signature::{EditedFields, Signature};
use crate::span::{Span, widen};
use crate::tracked::TrackedFields;

/// Octets of a fold: a line ending and a space.
const FOLD_MAX: usize = 3;

/// The outcome of rewriting one message.
#[derive(Clone, Copy)]
pub struct Rewritten<'a> {
    map: &'a Map,
    tracked: &'a TrackedFields,
    scratch: &'a Scratch,
    /// What the edits are places in: the message, or the bodies of single fields.
    source: &'a [u8],
    is_field_by_field: bool,
}

/// One change of the input.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edit<'a> {
    /// Where it begins in the input; in a message that arrived field by field, in the field's
    /// body.
    pub offset: usize,
    /// Octets replaced; 0 for a fold. A removal in a message that arrived field by field is of the body.
    pub length: usize,
    /// What replaces them: the new address, with the comments of the old one behind it; as a
    /// quoted-string in a display-name, percent-encoded in a link.
    pub text: &'a [u8],
    /// The field's name as it stands.
    pub field: &'a [u8],
    /// Which of the fields of this name, from 1.
    pub nth: u32,
    /// The address before, without comments; empty for folds and removals.
    pub from: &'a [u8],
    /// The address after, without comments; empty for folds and removals.
    pub to: &'a [u8],
    /// The entry that gave it; `None` for a fold and a removal.
    pub entry: Option<Entry<'a>>,
}

impl Edit<'_> {
    /// Whether it removes a whole field, with its line ending: the header firewall did.
    #[must_use]
    pub fn is_removal(&self) -> bool {
        self.entry.is_none() && self.text.is_empty()
    }
}

/// A stretch of a field that could not be parsed, or an address that could not be put in or is left alone
/// in a signed message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Skip<'a> {
    /// The field's name as it stands.
    pub field: &'a [u8],
    /// Which of the fields of this name, from 1.
    pub nth: u32,
    /// Where parsing stopped, or the address begins; counted like [`Edit::offset`].
    pub offset: usize,
    /// Why.
    pub reason: Reason,
}

/// A field with a new body, or one that goes.
#[derive(Clone)]
pub struct FieldChange<'a> {
    /// The field's name as it stands.
    pub name: &'a [u8],
    /// Which of the fields of this name, from 1.
    pub nth: u32,
    /// `None`: it goes.
    pieces: Option<Pieces<'a>>,
}

impl<'a> FieldChange<'a> {
    /// Whether the field goes as a whole; its new body is empty then, which no other's is.
    #[must_use]
    pub fn is_removal(&self) -> bool {
        self.pieces.is_none()
    }

    fn pieces(&self) -> impl Iterator<Item = &'a [u8]> {
        self.pieces.clone().into_iter().flatten()
    }

    /// Octets of the new body.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces().map(<[u8]>::len).sum()
    }

    /// Whether the new body is empty, as that of a removed field is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the new body: all behind the colon, folds kept, without the last line ending.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        for piece in self.pieces() {
            out.extend_from_slice(piece);
        }
    }

    /// The new body.
    #[must_use]
    pub fn value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.len());
        self.append_to(&mut value);
        value
    }
}

impl<'a> Rewritten<'a> {
    /// The outcome in a scratch: of a message, or of fields that came one by one.
    pub(crate) fn new(
        map: &'a Map,
        tracked: &'a TrackedFields,
        message: &'a [u8],
        scratch: &'a Scratch,
    ) -> Rewritten<'a> {
        let is_field_by_field = scratch.arrival.is_some();
        let source = if is_field_by_field { &scratch.bodies } else { message };
        Rewritten { map, tracked, scratch, source, is_field_by_field }
    }

    /// Whether the output differs from the input. Never in shadow mode.
    #[must_use]
    pub fn changed(&self) -> bool {
        !self.applied().is_empty()
    }

    /// Octets of the output.
    #[must_use]
    pub fn size(&self) -> usize {
        if self.changed() { self.scratch.output_length(self.source.len()) } else { self.source.len() }
    }

    /// Where the body begins in the output; 0 in a message that arrived field by field.
    #[must_use]
    pub fn body_offset(&self) -> usize {
        let input = self.scratch.input_body_offset;
        if self.changed() && !self.is_field_by_field { self.scratch.output_length(input) } else { input }
    }

    /// What [`body_offset`](Self::body_offset) is not above, told without a look at each edit: for hosts that make
    /// room for the new header section before they know whether they will ask for it.
    #[must_use]
    pub fn body_offset_at_most(&self) -> usize {
        let Scratch { input_body_offset, texts, edits, .. } = self.scratch;
        // Every new text stands among the texts, but that all folds of a field share one.
        input_body_offset.saturating_add(texts.len()).saturating_add(FOLD_MAX * edits.len())
    }

    /// Where the body begins in the input; 0 in a message that arrived field by field.
    #[must_use]
    pub fn input_body_offset(&self) -> usize {
        self.scratch.input_body_offset
    }

    /// Whether there is nothing to tell but flags: no edit, nothing skipped, no unmapped address and no
    /// signature.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let Scratch { edits, skips, unmapped, signatures, .. } = self.scratch;
        edits.is_empty() && skips.is_empty() && unmapped.is_empty() && signatures.is_empty()
    }

    /// What is remarkable about the header section.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.scratch.flags
    }

    /// The output, piece by piece: stretches of the input, and new addresses between them. An
    /// unchanged message is one slice, the input itself. Empty for a message that arrived field by
    /// field; its output are its [`field_changes`](Self::field_changes).
    pub fn slices(&self) -> impl Iterator<Item = &'a [u8]> + Clone {
        let source = if self.is_field_by_field { &[] } else { self.source };
        Pieces::new(source, 0, if self.is_field_by_field { &[] } else { self.applied() }, &self.scratch.texts)
    }

    /// The same for vectored writes.
    pub fn io_slices(&self) -> impl Iterator<Item = IoSlice<'a>> + Clone {
        self.slices().map(IoSlice::new)
    }

    /// Writes the output.
    pub fn write_to(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        self.slices().try_for_each(|slice| out.write_all(slice))
    }

    /// The output as one buffer.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut output = Vec::with_capacity(self.size());
        for slice in self.slices() {
            output.extend_from_slice(slice);
        }
        output
    }

    /// Every change, in the order of places. In shadow mode, those that would be made.
    pub fn edits(&self) -> impl ExactSizeIterator<Item = Edit<'a>> + use<'a> {
        let this = *self;
        self.scratch.edits.iter().map(move |edit| this.edit(edit))
    }

    /// Every field with a new body, and then those that go, from the last to the first: in this order a milter
    /// may apply them one by one, by name and number. None in shadow mode.
    pub fn field_changes(&self) -> impl Iterator<Item = FieldChange<'a>> + use<'a> {
        let this = *self;
        let fields = if self.changed() { self.scratch.fields.as_slice() } else { &[] };
        let is_removed = move |field: &FieldRecord| {
            this.scratch.edits_of(field).first().is_some_and(EditRecord::is_removal)
        };
        let kept = fields.iter().filter(move |field| !field.edits.is_empty() && !is_removed(field));
        let changed = kept.map(move |field| {
            let (body, base) = (field.body.of(this.source), widen(field.body.start));
            this.field_change(
                field,
                Some(Pieces::new(body, base, this.scratch.edits_of(field), &this.scratch.texts)),
            )
        });
        let removed = fields.iter().rev().filter(move |field| is_removed(field));
        changed.chain(removed.map(move |field| this.field_change(field, None)))
    }

    /// Whether the header firewall removes any field.
    #[must_use]
    pub fn has_removals(&self) -> bool {
        !self.scratch.removed.is_empty()
    }

    fn field_change(&self, field: &FieldRecord, pieces: Option<Pieces<'a>>) -> FieldChange<'a> {
        FieldChange { name: field.name.of(self.source), nth: field.nth, pieces }
    }

    /// What was left alone although a mapped domain stands in the field.
    pub fn skipped(&self) -> impl ExactSizeIterator<Item = Skip<'a>> + use<'a> {
        let this = *self;
        self.scratch.skips.iter().map(move |skip| {
            let field = this.field(skip.field);
            Skip {
                field: field.map_or(&[], |field| field.name.of(this.source)),
                nth: field.map_or(0, |field| field.nth),
                offset: this.offset(skip.at, field),
                reason: skip.reason,
            }
        })
    }

    /// Addresses in mapped domains that no entry maps, in the order they stand; an address that
    /// stands twice is listed twice.
    pub fn unmapped(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let texts = &self.scratch.texts;
        self.scratch.unmapped.iter().map(move |span| span.of(texts))
    }

    /// Every signature that the header section tells of and what the edits do to it, in the order they
    /// stand; worked out when asked for. In shadow mode, what the edits would do.
    pub fn signatures(&self) -> impl ExactSizeIterator<Item = Signature<'a>> + use<'a> {
        let this = *self;
        let count = |name: &[u8]| this.tracked.count(name, &this.scratch.counts);
        let edited = EditedFields::new(this.source, this.scratch, count);
        let mut from = None;
        this.scratch.signatures.iter().map(move |(kind, body)| {
            let from = from.get_or_insert_with(|| this.from_domains());
            edited.assess(*kind, body.of(this.source), from)
        })
    }

    /// The author domain of DMARC (RFC 7489 3.1), that of all mailboxes in From, before and after the edits;
    /// worked out when asked for, in time linear in the field. `None` twice for a message without From, with
    /// several such fields or with one in which something does not parse; `None` on one side if mailboxes
    /// of several domains stand there, or one without a domain name.
    #[must_use]
    pub fn from_domains(&self) -> Domains {
        let Scratch { from, edits, texts, counts, .. } = self.scratch;
        let Some(body) = from.filter(|_| self.tracked.count(b"From", counts) == 1) else {
            return Domains::default();
        };
        let first = edits.partition_point(|edit| edit.place.start < body.start);
        let end = edits.partition_point(|edit| edit.place.start < body.end);
        let edits = edits.get(first..end).unwrap_or_default();
        Domains::of_mailboxes(body.of(self.source), body.start, edits, texts)
    }

    /// What the plan says to do with a message that has such addresses.
    #[must_use]
    pub fn verdict(&self) -> Unmapped {
        self.map.policy().verdict(!self.scratch.unmapped.is_empty())
    }

    /// The map's generation.
    #[must_use]
    pub fn generation(&self) -> &'a str {
        self.map.generation()
    }

    fn applied(&self) -> &'a [EditRecord] {
        match self.map.policy().mode {
            Mode::Enforce => &self.scratch.edits,
            Mode::Shadow => &[],
        }
    }

    fn edit(&self, edit: &EditRecord) -> Edit<'a> {
        let texts = &self.scratch.texts;
        let field = self.field(edit.field);
        Edit {
            offset: self.offset(edit.place.start, field),
            length: edit.place.len(),
            text: edit.text.of(texts),
            field: field.map_or(&[], |field| field.name.of(self.source)),
            nth: field.map_or(0, |field| field.nth),
            from: edit.from.of(texts),
            to: edit.to.of(texts),
            entry: self.map.referenced(edit.entry),
        }
    }

    fn field(&self, number: u32) -> Option<&'a FieldRecord> {
        self.scratch.fields.get(widen(number))
    }

    fn offset(&self, at: u32, field: Option<&FieldRecord>) -> usize {
        let base = field.filter(|_| self.is_field_by_field).map_or(0, |field| field.body.start);
        widen(at - base.min(at))
    }
}

/// A buffer with edits applied, piece by piece; empty pieces are left out.
#[derive(Clone)]
struct Pieces<'a> {
    source: &'a [u8],
    /// What edits count from.
    base: usize,
    edits: &'a [EditRecord],
    texts: &'a [u8],
    /// Where in `source` the next piece begins.
    position: usize,
    /// The text of an edit whose place has been reached.
    text: Option<Span>,
}

impl<'a> Pieces<'a> {
    fn new(source: &'a [u8], base: usize, edits: &'a [EditRecord], texts: &'a [u8]) -> Pieces<'a> {
        Pieces { source, base, edits, texts, position: 0, text: None }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if let Some(text) = self.text.take().filter(|text| !text.is_empty()) {
                return Some(text.of(self.texts));
            }
            let start = self.position;
            let end = match self.edits {
                [edit, rest @ ..] => {
                    self.edits = rest;
                    self.text = Some(edit.text);
                    self.position = widen(edit.place.end) - self.base;
                    widen(edit.place.start) - self.base
                }
                [] if start < self.source.len() => {
                    self.position = self.source.len();
                    self.source.len()
                }
                [] => return None,
            };
            if end > start {
                return self.source.get(start..end);
            }
        }
    }
}
