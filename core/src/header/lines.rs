//! Lines from line feed to line feed: the slow twin of `blocks`, and the way where that has no kernel.

use memchr::memchr_iter;

use crate::flags::Flags;
use crate::header::{LINE_MAX, LineEnd, is_wsp, line_end, octet_flags};

/// What was found of the lines of a message so far.
#[derive(Debug)]
pub(super) struct Lines<'m> {
    message: &'m [u8],
    crlf: usize,
    bare_lf: usize,
    has_long_line: bool,
}

impl<'m> Lines<'m> {
    pub(super) fn new(message: &'m [u8]) -> Lines<'m> {
        Lines { message, crlf: 0, bare_lf: 0, has_long_line: false }
    }

    /// The end of the line that goes on at `from`, counted by its kind of line ending.
    pub(super) fn line_end(&mut self, from: usize) -> LineEnd {
        let end = line_end(self.message, from);
        match end.after - end.text {
            0 => {}
            1 => self.bare_lf += 1,
            _ => self.crlf += 1,
        }
        end
    }

    /// Reads lines until one is followed by something else than a continuation. `None` if there are more
    /// than `allowed` octets up to there.
    pub(super) fn field_end(&mut self, start: usize, body_start: usize, allowed: usize) -> Option<LineEnd> {
        let mut line_start = start;
        let mut from = body_start;
        loop {
            let end = self.line_end(from);
            self.has_long_line |= end.text - line_start > LINE_MAX;
            if end.after > allowed {
                return None;
            }
            if !self.message.get(end.after).is_some_and(|&octet| is_wsp(octet)) {
                return Some(end);
            }
            line_start = end.after;
            from = end.after;
        }
    }

    pub(super) fn are_mostly_lf(&self) -> bool {
        self.bare_lf > self.crlf
    }

    /// The flags of a section that ends at `body_offset`.
    pub(super) fn flags(&self, body_offset: usize) -> Flags {
        let section = self.message.get(..body_offset).unwrap_or_default();
        let mut flags = octet_flags(section);
        let returns = memchr_iter(b'\r', section).count();
        flags.set_if(self.has_long_line, Flags::LONG_LINE);
        flags.set_if(returns > self.crlf, Flags::BARE_CR);
        flags.set_if(self.bare_lf > 0, Flags::BARE_LF);
        flags.set_if(self.bare_lf > 0 && self.crlf > 0, Flags::MIXED_LINE_ENDINGS);
        flags
    }
}
