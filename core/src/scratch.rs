//! Everything that rewriting one message needs and finds out, in buffers that are reused from
//! message to message: once they have grown to the size of the traffic, nothing is allocated.

use crate::addr_spec::{Address, DOMAIN_MAX, LOCAL_PART_MAX};
use crate::engine::Session;
use crate::error::{Error, Limit};
use crate::flags::Flags;
use crate::header::Notes;
use crate::map::Asked;
use crate::policy::Limits;
use crate::reason::Reason;
use crate::room::Room;
use crate::signature::SignatureKind;
use crate::span::{Span, narrow, widen};

/// Buffers for rewriting, and the outcome of the last message. One at a time may use it; keep one
/// per thread or connection.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The scanner's.
    pub(crate) notes: Notes,
    /// Changes of the source, sorted by place and disjoint.
    pub(crate) edits: Vec<EditRecord>,
    /// Fields that have an edit or a skip.
    pub(crate) fields: Vec<FieldRecord>,
    pub(crate) skips: Vec<SkipRecord>,
    /// Numbers of the fields that are removed; at the end in the order of their names.
    pub(crate) removed: Vec<u32>,
    /// Places in `texts` of the addresses that no entry maps.
    pub(crate) unmapped: Vec<Span>,
    /// New texts, and addresses for reports.
    pub(crate) texts: Vec<u8>,
    /// Where fields came one by one: the names and bodies of those in `fields`, and of the first From.
    /// Edits are places in it.
    pub(crate) bodies: Vec<u8>,
    /// The body of the first From field, in the source.
    pub(crate) from: Option<Span>,
    /// Bodies of signature fields, in the source.
    pub(crate) signatures: Vec<(SignatureKind, Span)>,
    /// How often each tracked field was seen.
    pub(crate) counts: Vec<u32>,
    pub(crate) flags: Flags,
    pub(crate) input_body_offset: usize,
    pub(crate) address: Address,
    /// Addresses of a list that are looked up side by side: [`TOGETHER`] of them from the first list on.
    pub(crate) asked: Vec<Asked>,
    /// A local-part being put together.
    pub(crate) local_part: Vec<u8>,
    /// What a display-name or a URI says.
    pub(crate) decoded: Vec<u8>,
    pub(crate) fold: crate::fold::FoldBuffers,
    addresses: u32,
    /// How far a message that arrives field by field has come.
    pub(crate) arrival: Option<Arrival>,
}

/// How far a message that arrives field by field has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) session: Session,
    pub(crate) fields: u32,
    pub(crate) octets: usize,
}

/// The most octets of text that an address adds to `texts`, apart from its comments: the old one,
/// the new one, each with every octet of the local-part quoted and each A-label octet a character.
pub(crate) const TEXT_OF_ADDRESS: usize = 4 * (LOCAL_PART_MAX + DOMAIN_MAX);

/// The most addresses that are looked up side by side: enough to hide that memory is slow, few enough that
/// all of it is still in the cache when each gets its turn.
pub(crate) const TOGETHER: usize = 8;

/// Stands for the entry in a fold.
pub(crate) const FOLD: u32 = u32::MAX;
/// Stands for the entry in the removal of a field.
pub(crate) const REMOVAL: u32 = u32::MAX - 1;

/// One change of the source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EditRecord {
    /// What is replaced, in the source.
    pub(crate) place: Span,
    /// What replaces it, in `texts`.
    pub(crate) text: Span,
    /// The address as it was and as it is now, without comments, in `texts`. Empty for folds and removals.
    pub(crate) from: Span,
    pub(crate) to: Span,
    /// The entry, [`FOLD`] or [`REMOVAL`].
    pub(crate) entry: u32,
    /// The field, in `fields`.
    pub(crate) field: u32,
}

impl EditRecord {
    /// Whether it is a fold and not an address.
    pub(crate) fn is_fold(&self) -> bool {
        self.entry == FOLD
    }

    /// Whether it removes a whole field.
    pub(crate) fn is_removal(&self) -> bool {
        self.entry == REMOVAL
    }

    /// Whether it is an addr-spec of an address list or an attribute: no fold, and not in a name or a link,
    /// which spell the new address once more.
    pub(crate) fn is_plain_address(&self) -> bool {
        !self.is_fold() && !self.is_removal() && self.text.start == self.to.start
    }

    /// Octets of the text less octets replaced, as two numbers: one of them is 0.
    pub(crate) fn growth(&self) -> (usize, usize) {
        let (new, old) = (self.text.len(), self.place.len());
        (new.saturating_sub(old), old.saturating_sub(new))
    }
}

/// A field with an edit or a skip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldRecord {
    pub(crate) name: Span,
    pub(crate) body: Span,
    /// Which of the fields of this name, from 1.
    pub(crate) nth: u32,
    /// Its edits, in `edits`.
    pub(crate) edits: Span,
    /// Why its edits are taken back; only while they are.
    pub(crate) withdrawn: Option<Reason>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SkipRecord {
    /// In `fields`.
    pub(crate) field: u32,
    /// Place in the source.
    pub(crate) at: u32,
    pub(crate) reason: Reason,
}

/// Puts `count` skips, given from the last to the first, among others; both are sorted by place. Room
/// was made for them. Time is linear in the skips behind the first new one.
pub(crate) fn merge_skips(
    skips: &mut Vec<SkipRecord>,
    count: usize,
    mut from_last: impl Iterator<Item = SkipRecord>,
) {
    let mut old = skips.len();
    let mut next = from_last.next();
    if let Some(skip) = next {
        skips.resize(old + count, skip);
    }
    let mut end = skips.len();
    while let Some(skip) = next {
        let last = old.checked_sub(1).and_then(|last| skips.get(last)).copied();
        let moved = last.filter(|other| other.at > skip.at);
        match moved {
            Some(_) => old -= 1,
            None => next = from_last.next(),
        }
        end = end.saturating_sub(1);
        if let Some(place) = skips.get_mut(end) {
            *place = moved.unwrap_or(skip);
        }
    }
}

impl Scratch {
    /// Empty buffers.
    #[must_use]
    pub fn new() -> Scratch {
        Scratch::default()
    }

    pub(crate) fn begin(&mut self, tracked: usize) {
        self.edits.clear();
        self.fields.clear();
        self.skips.clear();
        self.removed.clear();
        self.unmapped.clear();
        self.texts.clear();
        self.bodies.clear();
        self.from = None;
        self.signatures.clear();
        self.counts.clear();
        self.counts.resize(tracked, 0);
        self.flags = Flags::default();
        self.input_body_offset = 0;
        self.addresses = 0;
        self.arrival = None;
    }

    /// Makes room for the addresses of a list.
    pub(crate) fn room_for_lists(&mut self) -> Result<(), Error> {
        if self.asked.is_empty() {
            self.asked.room(TOGETHER)?;
            self.asked.resize_with(TOGETHER, Asked::default);
            // Addresses are exchanged between them and this one.
            let all = self.asked.iter_mut().map(|asked| &mut asked.address);
            all.chain([&mut self.address]).try_for_each(Address::room)?;
        }
        Ok(())
    }

    /// Makes room for whatever may come of one address that takes `length` octets of the source.
    pub(crate) fn room_for_address(&mut self, length: usize) -> Result<(), Error> {
        self.edits.room(1)?;
        self.skips.room(1)?;
        self.unmapped.room(1)?;
        self.texts.room(TEXT_OF_ADDRESS + length)
    }

    /// Makes room for whatever may come of a display-name that is an address, and of its mailbox, whose
    /// address takes `length` octets of the source.
    pub(crate) fn room_for_display_name(&mut self, length: usize) -> Result<(), Error> {
        // The new name once more, with every octet quoted.
        self.edits.room(2)?;
        self.skips.room(2)?;
        self.unmapped.room(2)?;
        self.texts.room(4 * TEXT_OF_ADDRESS + length)
    }

    /// Makes room for a report about each edit there is, should all be withdrawn in the end.
    pub(crate) fn room_to_withdraw(&mut self) -> Result<(), Error> {
        self.skips.room(self.edits.len())
    }

    /// Counts a tracked field and returns which of its name it is.
    pub(crate) fn count_field(&mut self, number: usize) -> u32 {
        self.counts.get_mut(number).map_or(0, |count| {
            *count = count.saturating_add(1);
            *count
        })
    }

    /// Counts an address, or something in the place of one.
    pub(crate) fn count_address(&mut self, limits: &Limits, offset: usize) -> Result<(), Error> {
        self.addresses = self.addresses.saturating_add(1);
        if self.addresses > limits.addresses {
            let allowed = u64::from(limits.addresses);
            return Err(Error::Limit { limit: Limit::Addresses, allowed, offset });
        }
        Ok(())
    }

    /// Appends to `texts` what `write` writes and returns its place.
    pub(crate) fn text(&mut self, write: impl FnOnce(&Address, &mut Vec<u8>)) -> Span {
        let start = self.texts.len();
        write(&self.address, &mut self.texts);
        Span::new(start, self.texts.len())
    }

    /// The number that the next field to be recorded will have.
    pub(crate) fn next_field(&self) -> u32 {
        narrow(self.fields.len())
    }

    /// Octets of all edit texts less octets replaced.
    pub(crate) fn output_length(&self, input: usize) -> usize {
        let (more, less) = self
            .edits
            .iter()
            .map(EditRecord::growth)
            .fold((0, 0), |sum, growth| (sum.0 + growth.0, sum.1 + growth.1));
        (input + more).saturating_sub(less)
    }

    /// The edits of one field.
    pub(crate) fn edits_of(&self, field: &FieldRecord) -> &[EditRecord] {
        self.edits.get(widen(field.edits.start)..widen(field.edits.end)).unwrap_or_default()
    }
}
