//! The fields of a section that somebody asks about.

use crate::error::Error;
use crate::header::{Field, HeaderSection, LineEnding, Notes, Scanner};
use crate::name_set::NameSet;
use crate::policy::Limits;

/// Iterates over the fields of a header section whose names are in a set. Those between are held to the same rules
/// and limits, but hardly looked at.
#[derive(Debug)]
pub struct NamedFields<'m> {
    section: HeaderSection<'m>,
    names: &'m NameSet,
}

impl<'m> NamedFields<'m> {
    /// Those at the start of `message`.
    ///
    /// # Errors
    ///
    /// As [`HeaderSection::new`].
    #[inline]
    pub fn new(
        message: &'m [u8],
        limits: Limits,
        scanner: Scanner,
        names: &'m NameSet,
        notes: Notes,
    ) -> Result<NamedFields<'m>, Error> {
        Ok(NamedFields { section: HeaderSection::with_notes(message, limits, scanner, notes)?, names })
    }

    /// The next field, with the number of its name, or `None` at the end of the header section.
    ///
    /// # Errors
    ///
    /// As [`HeaderSection::next_field`].
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a library has more callers than a program; see docs/performance"
    )]
    pub fn next_field(&mut self) -> Result<Option<(usize, Field)>, Error> {
        let names = self.names;
        while let Some(field) = self.section.next_where(|octets| names.may_begin(octets))? {
            if let Some(number) = names.find(field.name.of(self.section.message)) {
                return Ok(Some((number, field)));
            }
        }
        Ok(None)
    }

    /// The room for notes, for the next message.
    #[must_use]
    pub fn into_notes(self) -> Notes {
        self.section.into_notes()
    }

    /// What is known of the section.
    #[must_use]
    pub fn section(&self) -> &HeaderSection<'m> {
        &self.section
    }

    /// The line ending that a fold takes in the field that was found last: that of most lines so far.
    pub(crate) fn line_ending(&mut self) -> LineEnding {
        self.section.line_ending()
    }
}
