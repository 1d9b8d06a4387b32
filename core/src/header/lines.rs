//! Lines from line feed to line feed: the slow twin of `blocks`, and the way where that has no kernel.

use memchr::memchr_iter;

use crate::finder::Finder;
use crate::flags::Flags;
use crate::header::{LINE_MAX, LineEnd, is_wsp, octet_flags, text_end};

/// What was found of the lines of a message so far.
#[derive(Debug)]
pub(super) struct Lines<'m> {
    message: &'m [u8],
    /// Behind the lines that were read.
    position: usize,
    feeds: &'static Finder,
    crlf: usize,
    bare_lf: usize,
    has_long_line: bool,
}

/// What finds line feeds: too large to be a part of every section. Here no host's mail goes through lines, so
/// that nothing waits for a lock that another process took with it.
#[cfg(target_arch = "x86_64")]
fn line_feeds() -> &'static Finder {
    static FEEDS: std::sync::OnceLock<Finder> = std::sync::OnceLock::new();
    FEEDS.get_or_init(|| Finder::new(b'\n'))
}

#[cfg(not(target_arch = "x86_64"))]
fn line_feeds() -> &'static Finder {
    static FEEDS: Finder = Finder::new(b'\n');
    &FEEDS
}

impl<'m> Lines<'m> {
    pub(super) fn new(message: &'m [u8]) -> Lines<'m> {
        Lines { message, position: 0, feeds: line_feeds(), crlf: 0, bare_lf: 0, has_long_line: false }
    }

    /// The end of the next line, counted by its kind of line ending.
    pub(super) fn line_end(&mut self) -> LineEnd {
        let rest = self.message.get(self.position..).unwrap_or_default();
        let Some(length) = self.feeds.find(rest) else {
            self.position = self.message.len();
            return LineEnd { text: self.message.len(), after: self.message.len() };
        };
        let feed = self.position + length;
        self.position = feed + 1;
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
