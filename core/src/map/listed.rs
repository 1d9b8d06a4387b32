//! An entry of a map, for reports: each of its parts is read when it is asked for.

use std::fmt;

use crate::map::record::{EntryDirection, EntryKind};
use crate::map::view::View;

/// An entry of a map. What look-ups do without is stored apart, and the addresses as differences from
/// each other: so each part is read when it is asked for.
#[derive(Clone, Copy)]
pub struct Entry<'m> {
    view: View<'m>,
    number: u32,
}

impl<'m> Entry<'m> {
    pub(super) fn new(view: View<'m>, number: u32) -> Entry<'m> {
        Entry { view, number }
    }

    /// Its number, from 0: see [`Map::entry`](crate::Map::entry).
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The name the plan gives it; may be empty.
    #[must_use]
    pub fn name(&self) -> &'m str {
        self.view.name(self.number).unwrap_or_default()
    }

    /// Mailbox, domain or `*.domain`.
    #[must_use]
    pub fn kind(&self) -> EntryKind {
        self.view.kind(self.number)
    }

    /// The internal address as the plan spells it.
    #[must_use]
    pub fn internal(&self) -> Vec<u8> {
        let [internal, _] = self.addresses();
        internal
    }

    /// The external address as the plan spells it.
    #[must_use]
    pub fn external(&self) -> Vec<u8> {
        let [_, external] = self.addresses();
        external
    }

    /// Both addresses, internal and external, as the plan spells them.
    #[must_use]
    pub fn addresses(&self) -> [Vec<u8>; 2] {
        self.view.addresses(self.number).unwrap_or_default()
    }

    /// Both ways or outbound only.
    #[must_use]
    pub fn direction(&self) -> EntryDirection {
        self.view.direction(self.number)
    }

    /// Domains a `*.domain` leaves alone, sorted.
    pub fn except(&self) -> impl Iterator<Item = &'m [u8]> + use<'m> {
        self.view.except(self.number)
    }

    /// The file it came from, relative to the plan.
    #[must_use]
    pub fn file(&self) -> Option<&'m str> {
        self.view.source(self.number)
    }

    /// The line in that file; 0 if unknown.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.view.line(self.number)
    }
}

impl PartialEq for Entry<'_> {
    fn eq(&self, other: &Entry<'_>) -> bool {
        let origin = |entry: &Entry<'_>| (entry.kind(), entry.direction(), entry.line());
        origin(self) == origin(other)
            && self.name() == other.name()
            && self.file() == other.file()
            && self.addresses() == other.addresses()
            && self.except().eq(other.except())
    }
}

impl Eq for Entry<'_> {}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [internal, external] =
            self.addresses().map(|address| String::from_utf8_lossy(&address).into_owned());
        f.debug_struct("Entry")
            .field("number", &self.number)
            .field("name", &self.name())
            .field("internal", &internal)
            .field("external", &external)
            .field("direction", &self.direction())
            .field("file", &self.file())
            .field("line", &self.line())
            .finish_non_exhaustive()
    }
}
