//! Places in a message: 32-bit offsets, so that an edit is small and an array of them is cheap.
//!
//! The engine refuses inputs of 4 GiB and more once, at the door
//! ([`Limit::MessageOctets`](crate::Limit::MessageOctets)); behind it no offset can be cut.

/// Octets `start..end` of some buffer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Span {
    /// First octet.
    pub start: u32,
    /// The octet behind the last one.
    pub end: u32,
}

impl Span {
    /// The octets `start..end`; an `end` before `start` counts as empty.
    pub(crate) fn new(start: usize, end: usize) -> Span {
        let start = narrow(start);
        Span { start, end: narrow(end).max(start) }
    }

    /// Octets in the span.
    #[must_use]
    pub fn len(self) -> usize {
        widen(self.end - self.start)
    }

    /// Whether it holds no octet.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The octets themselves; none where the span lies outside `bytes`.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(widen(self.start)..widen(self.end)).unwrap_or_default()
    }

    /// The same span, `by` octets further on.
    pub(crate) fn shifted(self, by: usize) -> Span {
        Span::new(widen(self.start) + by, widen(self.end) + by)
    }
}

/// An offset as it is stored. Inputs that need more bits never get here.
pub(crate) fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// A stored offset as it is used.
pub(crate) const fn widen(offset: u32) -> usize {
    // `usize` is at least 32 bits wide wherever `std` runs a mail server.
    offset as usize
}
