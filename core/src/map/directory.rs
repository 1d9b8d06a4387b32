//! The recipients of a plan: a map within the map, from each address to where its mail goes, and beside it
//! what is known of the recipient. Most recipients have that in common with many others: so it is kept once
//! for each class of them, and a class for each recipient.

use std::collections::HashMap;
use std::ops::Range;

use crate::error::MapError;
use crate::local_part::LocalPart;
use crate::map::build::{EntryError, EntryId, MapBuilder, NewEntry, Of, SourceFile};
use crate::map::entry::EntryAddress;
use crate::map::format::{Decoder, SectionId, Sections, malformed};
use crate::map::lookup::{Hit, KeyKind, KeySide};
use crate::map::record::EntryDirection;
use crate::map::view::View;
use crate::map::{Entry, Map};
use crate::routing::{NewRecipient, Routing};
use crate::span::{Span, narrow, widen};

/// What recipients of one class have in common.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Class {
    /// Whether there is a mailbox.
    pub(crate) is_listed: bool,
    /// The wave they move with.
    pub(crate) wave: Option<u16>,
    /// The groups they are in, ascending.
    pub(crate) groups: Box<[u16]>,
}

/// Stands for no wave.
const NO_WAVE: u16 = u16::MAX;

/// The recipients of a builder.
#[derive(Clone, Debug, Default)]
pub(super) struct Recipients {
    map: MapBuilder,
    classes: HashMap<Class, u32>,
    /// For each recipient, its class.
    class_of: Vec<u32>,
}

impl MapBuilder {
    /// Says where mail goes.
    pub fn set_routing(&mut self, routing: Routing) {
        self.routing = routing;
    }

    /// Adds a recipient. A routing address is taken as the external address of an entry is. `source` is the
    /// file and line it comes from.
    ///
    /// # Errors
    ///
    /// [`EntryError`], where address and routing address are the internal and the external side.
    pub fn add_recipient(
        &mut self,
        recipient: &NewRecipient<'_>,
        source: Option<(SourceFile, u32)>,
    ) -> Result<(), EntryError> {
        if !matches!(EntryAddress::parse(recipient.address), Ok(EntryAddress::Mailbox { .. }) | Err(_)) {
            return Err(EntryError::KindMismatch);
        }
        let recipients = self.recipients.get_or_insert_default();
        if recipients.map.sources.len() != self.sources.len() {
            recipients.map.sources.clone_from(&self.sources);
        }
        recipients.map.add(&NewEntry {
            name: "",
            internal: recipient.address,
            external: recipient.routing_address.unwrap_or(recipient.address),
            direction: EntryDirection::Outbound,
            except: &[],
            source,
        })?;
        let class = Class {
            is_listed: recipient.is_listed,
            wave: recipient.wave.filter(|&wave| wave != NO_WAVE),
            groups: recipient.groups.into(),
        };
        let next = narrow(recipients.classes.len());
        recipients.class_of.push(*recipients.classes.entry(class).or_insert(next));
        Ok(())
    }
}

impl Recipients {
    /// The sections of the recipients: their map, and their classes. `None` if that takes 4 GiB, or somebody
    /// was added twice.
    pub(super) fn sections(&self) -> Option<[Vec<u8>; 2]> {
        let [addresses, routes] = [Of::Internal, Of::External].map(|of| self.map.sorted(of));
        let map = self.map.file(&addresses, &routes).filter(|_| addresses.alike.is_empty())?;
        Some([map, self.classes(&addresses.ids)])
    }

    /// `order`: the recipients in the order of their numbers in the map.
    fn classes(&self, order: &[u32]) -> Vec<u8> {
        let mut classes: Vec<(&Class, u32)> = self.classes.iter().map(|(class, at)| (class, *at)).collect();
        classes.sort_unstable_by_key(|(_, number)| *number);
        let mut out = Vec::new();
        out.extend(narrow(classes.len()).to_le_bytes());
        for (class, _) in &classes {
            out.push(u8::from(class.is_listed));
            out.extend(class.wave.unwrap_or(NO_WAVE).to_le_bytes());
            out.extend(u16::try_from(class.groups.len()).unwrap_or(u16::MAX).to_le_bytes());
            out.extend(class.groups.iter().flat_map(|group| group.to_le_bytes()));
        }
        let width = width(classes.len());
        for class in order.iter().map(|&id| self.class_of.get(widen(id)).copied().unwrap_or_default()) {
            out.extend(class.to_le_bytes().into_iter().take(width));
        }
        out
    }
}

/// Octets of a class's number.
fn width(classes: usize) -> usize {
    match classes {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

/// The recipients of a map: where their own map is in the file, and their classes.
#[derive(Debug)]
pub(super) struct Directory {
    range: Range<usize>,
    sections: Sections,
    classes: Vec<Class>,
    /// Where the numbers of the recipients' classes stand in the file.
    class_of: Range<usize>,
}

/// A recipient that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipient {
    /// Its number among all recipients.
    pub(crate) number: u32,
    /// The recipient's entry in the recipients' own map.
    pub(crate) hit: Hit,
    /// Whether mail goes to another address.
    pub(crate) is_routed: bool,
}

impl Directory {
    /// Reads what a verified file says of recipients.
    pub(super) fn read(file: &[u8], sections: &Sections) -> Result<Option<Directory>, MapError> {
        let range = sections.range(SectionId::Recipients);
        let Some(inner) = file.get(range.clone()).filter(|inner| !inner.is_empty()) else { return Ok(None) };
        let map = Map::without_recipients(inner).map_err(|_| malformed("map of recipients", range.start))?;
        let mut decoder = Decoder::new(file, sections.range(SectionId::RecipientClasses));
        let mut classes = Vec::new();
        for _ in 0..decoder.u32()? {
            let at = decoder.position();
            let is_listed = match decoder.u8()? {
                0 => false,
                1 => true,
                _ => return Err(malformed("class of recipients", at)),
            };
            let wave = Some(decoder.u16()?).filter(|&wave| wave != NO_WAVE);
            let mut groups = Vec::new();
            for _ in 0..decoder.u16()? {
                groups.push(decoder.u16()?);
            }
            classes.push(Class { is_listed, wave, groups: groups.into() });
        }
        let at = decoder.position();
        let length = widen(map.entry_count()) * width(classes.len());
        decoder.bytes(length)?;
        if !decoder.is_at_end() {
            return Err(malformed("classes of recipients", decoder.position()));
        }
        let Map { sections, .. } = map;
        Ok(Some(Directory { range, sections, classes, class_of: at..at + length }))
    }

    /// The tables of the recipients' own map.
    pub(super) fn view<'m>(&'m self, file: &'m [u8]) -> View<'m> {
        View { file: file.get(self.range.clone()).unwrap_or_default(), sections: &self.sections }
    }

    fn class(&self, file: &[u8], number: u32) -> Option<&Class> {
        let width = width(self.classes.len());
        let numbers = file.get(self.class_of.clone())?;
        let octets = numbers.chunks_exact(width).nth(widen(number))?;
        let class = octets.iter().rev().fold(0, |number, octet| number << 8 | usize::from(*octet));
        self.classes.get(class)
    }
}

impl<D: AsRef<[u8]>> Map<D> {
    /// Whom the plan knows by this address, given as key: under the whole of it, or else without its
    /// subaddress or BATV tag.
    pub(crate) fn recipient(&self, local_part: &[u8], domain: &[u8]) -> Option<Recipient> {
        let directory = self.directory.as_ref()?;
        let tables = directory.view(self.data.as_ref()).tables(KeySide::Internal);
        let (domain, record) = tables.domains.find(domain)?;
        let LocalPart { tag, subaddress, .. } =
            LocalPart::read(local_part, self.policy().subaddress_delimiters.as_bytes());
        let whole = local_part.len();
        let keys = [
            Some((KeyKind::Mailbox, 0, whole)),
            (tag > 0).then_some((KeyKind::Mailbox, tag, whole)),
            subaddress.map(|end| (KeyKind::Subaddress, tag, end)),
        ];
        keys.into_iter().flatten().find_map(|(kind, start, end)| {
            let key = local_part.get(start..end)?;
            let mark = tables.mailbox(domain, &record, key)?;
            let hit = Hit { mark, kind, name: Span::new(start, end) };
            let is_routed = tables.given(&hit).is_some_and(|given| !given.is_identity);
            Some(Recipient { number: mark.entry, hit, is_routed })
        })
    }

    /// What is known of a recipient.
    pub(crate) fn recipient_class(&self, number: u32) -> Option<&Class> {
        self.directory.as_ref()?.class(self.data.as_ref(), number)
    }

    /// The tables that say where a recipient's mail goes.
    pub(crate) fn recipients_view(&self) -> Option<View<'_>> {
        Some(self.directory.as_ref()?.view(self.data.as_ref()))
    }

    /// How many recipients the plan knows.
    #[must_use]
    pub fn recipient_count(&self) -> u32 {
        self.recipients_view().map_or(0, |view| view.entry_count())
    }

    /// A recipient by its number, from 0, in the order of their keys, as an entry: its internal side is the
    /// recipient's address, the external one where its mail goes, or the same.
    #[must_use]
    pub fn recipient_entry(&self, number: u32) -> Option<Entry<'_>> {
        (number < self.recipient_count()).then(|| Some(Entry::new(self.recipients_view()?, number)))?
    }

    /// The wave a recipient moves with, the groups it is in, and whether it has a mailbox.
    #[must_use]
    pub fn recipient_standing(&self, number: u32) -> Option<(Option<u16>, &[u16], bool)> {
        let class = self.recipient_class(number)?;
        Some((class.wave, &class.groups, class.is_listed))
    }
}

/// For reports about a builder's recipients.
impl MapBuilder {
    /// How many recipients were added.
    #[must_use]
    pub fn recipient_count(&self) -> usize {
        self.recipients.as_ref().map_or(0, |recipients| recipients.class_of.len())
    }

    /// Recipients that were added twice, the first and the other one, in the order of adding.
    #[must_use]
    pub fn recipient_conflicts(&self) -> Vec<(EntryId, EntryId)> {
        let conflicts = self.recipients.as_ref().map(|recipients| recipients.map.conflicts());
        conflicts.into_iter().flatten().map(|conflict| (conflict.first, conflict.second)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map as deep as a forger likes: only the first map of recipients is looked at.
    #[test]
    fn recipients_have_no_recipients() {
        let recipient = |address| NewRecipient {
            address,
            is_listed: true,
            routing_address: None,
            groups: &[],
            wave: None,
        };
        let mut builder = MapBuilder::new();
        builder.add_recipient(&recipient(b"deep@x.example"), None).unwrap();
        for _ in 0..3 {
            let mut outer = MapBuilder::new();
            outer.add_recipient(&recipient(b"u@x.example"), None).unwrap();
            outer.recipients.as_mut().unwrap().map.recipients = builder.recipients.take();
            builder = outer;
        }
        let map = Map::new(builder.finish().unwrap()).unwrap();
        assert_eq!(map.recipient_count(), 1);
        assert!(map.recipient(b"u", b"x.example").is_some());
        assert!(map.recipient(b"deep", b"x.example").is_none());
    }
}
