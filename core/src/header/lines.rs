//! Lines from line feed to line feed: the slow twin of `blocks`, and the way where that has no kernel.

use memchr::{Memchr, memchr_iter};

use crate::flags::Flags;
use crate::header::{LINE_MAX, LineEnd, is_wsp, octet_flags, text_end};

/// What was found of the lines of a message so far.
#[derive(Debug)]
pub(super) struct Lines<'m> {
    message: &'m [u8],
    /// Those behind the lines that were read.
    feeds: Memchr<'m>,
    crlf: usize,
    bare_lf: usize,
    has_long_line: bool,
}

impl<'m> Lines<'m> {
    pub(super) fn new(message: &'m [u8]) -> Lines<'m> {
        Lines { message, feeds: memchr_iter(b'\n', message), crlf: 0, bare_lf: 0, has_long_line: false }
    }

    /// The end of the next line, counted by its kind of line ending.
    pub(super) fn line_end(&mut self) -> LineEnd {
        let Some(feed) = self.feeds.next() else {
            return LineEnd { text: self.message.len(), after: self.message.len() };
        };
        let text = text_end(self.message, feed);
        if text == feed {
            self.bare_lf += 1;
        } else {
            self.crlf += 1;
        }
        LineEnd { text, after: feed + 1 }
    }

    /// Reads lines until one is followed by something else than a continuation. `None` if there are more
    /// than `allowed` octets up to there.
    pub(super) fn field_end(&mut self, start: usize, allowed: usize) -> Option<LineEnd> {
        let mut line_start = start;
        loop {
            let end = self.line_end();
            self.has_long_line |= end.text - line_start > LINE_MAX;
            if end.after > allowed {
                return None;
            }
            if !self.message.get(end.after).is_some_and(|&octet| is_wsp(octet)) {
                return Some(end);
            }
            line_start = end.after;
        }
    }

    pub(super) fn are_mostly_lf(&self) -> bool {
        self.bare_lf > self.crlf
    }

    /// The flags of a section that ends at `body_offset`.
    pub(super) fn flags(&self, body_offset: usize) -> Flags {
        let section = self.message.get(..body_offset).unwrap_or_default();
        // Told at once: 255 for a NUL, and 127 or more for an octet of 128 or above.
        let has_odd = section.iter().fold(0, |most, octet| octet.wrapping_sub(1).max(most)) >= 127;
        let mut flags = if has_odd { octet_flags(section) } else { Flags::default() };
        let returns = memchr_iter(b'\r', section).count();
        flags.set_if(self.has_long_line, Flags::LONG_LINE);
        flags.set_if(returns > self.crlf, Flags::BARE_CR);
        flags.set_if(self.bare_lf > 0, Flags::BARE_LF);
        flags.set_if(self.bare_lf > 0 && self.crlf > 0, Flags::MIXED_LINE_ENDINGS);
        flags
    }
}
