//! Lines by blocks of 64 octets: where they end comes from a kernel, 256 octets at a time.
//!
//! What a section has to be flagged for is known chunk by chunk; of the last one it is found out once more, so
//! that what lies behind the section never counts.

use memchr::memchr_iter;

use crate::flags::Flags;
use crate::header::kernel::{BLOCK, BLOCKS, CHUNK, Chunk, Ends, Facts, Kernel};
use crate::header::{LINE_MAX, LineEnd, line_end, name_end, octet_flags, text_end};

/// What was found of a message so far.
#[derive(Debug)]
pub(super) struct Blocks<'m> {
    message: &'m [u8],
    kernel: Kernel,
    /// Where the chunk begins that the scan is in.
    chunk: usize,
    /// Where fields end in the chunk.
    ends: Ends,
    /// The block of the chunk that the scan is in.
    number: usize,
    /// Where fields end in that block; those that were reached are gone.
    ahead: u64,
    /// What stands in the chunk, and in all before it.
    facts: Facts,
    behind: Facts,
    has_long_line: bool,
    /// Lines up to a place, by their ending: only counted if both kinds were seen.
    counted: Counted,
}

#[derive(Debug, Default)]
struct Counted {
    up_to: usize,
    crlf: usize,
    lf: usize,
}

impl<'m> Blocks<'m> {
    #[inline]
    pub(super) fn new(message: &'m [u8], kernel: Kernel) -> Blocks<'m> {
        let mut blocks = Blocks {
            message,
            kernel,
            chunk: 0,
            ends: [0; BLOCKS],
            number: 0,
            ahead: 0,
            facts: Facts::default(),
            behind: Facts::default(),
            has_long_line: false,
            counted: Counted::default(),
        };
        blocks.read_chunk();
        blocks
    }

    /// Where the octets of a field name that begins at `start` end.
    #[inline]
    pub(super) fn name_end(&self, start: usize) -> usize {
        let block = self.message.get(start..).and_then(<[u8]>::first_chunk);
        let stops = block.map_or(0, |block| self.kernel.name_stops(block));
        if stops == 0 { name_end(self.message, start) } else { start + trailing_zeros(stops) }
    }

    /// The end of the field that begins at `start`. `None` if there are more than `allowed` octets up to there.
    #[inline]
    pub(super) fn field_end(&mut self, start: usize, allowed: usize) -> Option<LineEnd> {
        let feed = loop {
            if self.ahead != 0 {
                let feed = self.chunk + self.number * BLOCK + trailing_zeros(self.ahead);
                self.ahead &= self.ahead - 1;
                // A line that is no field may lie before the first one.
                if feed >= start {
                    break feed;
                }
            } else if let Some(&ends) = self.ends.get(self.number + 1) {
                self.number += 1;
                self.ahead = ends;
            } else if self.chunk + CHUNK >= self.message.len() {
                return self.last_line_end(start, allowed);
            } else if self.chunk > allowed {
                return None;
            } else {
                self.leave_chunk();
            }
        };
        let end = LineEnd { text: text_end(self.message, feed), after: feed + 1 };
        self.checked(start, end, allowed)
    }

    /// Whether most lines before `position` end in a bare line feed. `position` was reached.
    pub(super) fn are_mostly_lf(&mut self, position: usize) -> bool {
        let has_bare_feed = self.behind.has_bare_feed || self.facts.has_bare_feed;
        if !has_bare_feed {
            return false;
        }
        let counted = &mut self.counted;
        let lines = self.message.get(counted.up_to..position).unwrap_or_default();
        for feed in memchr_iter(b'\n', lines) {
            let feed = counted.up_to + feed;
            if text_end(self.message, feed) == feed { counted.lf += 1 } else { counted.crlf += 1 }
        }
        counted.up_to = position;
        counted.lf > counted.crlf
    }

    /// The flags of a section that ends at `body_offset`.
    pub(super) fn flags(&mut self, body_offset: usize) -> Flags {
        // The empty line may end in another chunk than the one it begins in.
        while self.chunk + CHUNK < body_offset {
            self.leave_chunk();
        }
        let section = self.message.get(..body_offset).unwrap_or_default();
        let Facts { has_bare_feed, has_bare_return, has_odd, .. } = self.facts;
        // Only beside bare line feeds does it matter whether there are returns.
        let has_bare_feed = has_bare_feed || self.behind.has_bare_feed;
        if has_bare_feed || has_bare_return || has_odd || section.len() < 2 {
            self.facts = facts_of(section, self.chunk);
        }
        self.behind.add(self.facts);
        let seen = self.behind;
        let ends_in_return = section.last() == Some(&b'\r');
        // Every carriage return is part of a CRLF, unless there are bare ones.
        let has_crlf =
            seen.has_return && (!seen.has_bare_return || memchr::memmem::find(section, b"\r\n").is_some());
        let mut flags = if seen.has_odd { octet_flags(section) } else { Flags::default() };
        flags.set_if(self.has_long_line, Flags::LONG_LINE);
        flags.set_if(seen.has_bare_return || ends_in_return, Flags::BARE_CR);
        flags.set_if(seen.has_bare_feed, Flags::BARE_LF);
        flags.set_if(seen.has_bare_feed && has_crlf, Flags::MIXED_LINE_ENDINGS);
        flags
    }

    /// The end of a field that goes on to the end of the message.
    #[cold]
    fn last_line_end(&mut self, start: usize, allowed: usize) -> Option<LineEnd> {
        let after = self.message.len();
        let text = match self.message.last() {
            Some(b'\n') => text_end(self.message, after - 1),
            _ => after,
        };
        self.checked(start, LineEnd { text, after }, allowed)
    }

    /// Holds the field from `start` on to what is allowed, and looks for a long line in it.
    #[inline]
    fn checked(&mut self, start: usize, end: LineEnd, allowed: usize) -> Option<LineEnd> {
        if end.text - start > LINE_MAX && (self.behind.is_quiet || self.facts.is_quiet) {
            self.look_for_long_line(start, end.after);
        }
        (end.after <= allowed).then_some(end)
    }

    /// Goes on to the next chunk. There is one.
    #[inline]
    fn leave_chunk(&mut self) {
        self.behind.add(self.facts);
        self.chunk += CHUNK;
        self.read_chunk();
    }

    #[inline]
    fn read_chunk(&mut self) {
        let rest = self.message.get(self.chunk..).unwrap_or_default();
        self.facts = match rest.first_chunk() {
            Some(chunk) => self.kernel.read(chunk, &mut self.ends),
            None => self.kernel.read(&padded(rest), &mut self.ends),
        };
        self.number = 0;
        self.ahead = self.ends.first().copied().unwrap_or(0);
    }

    /// Looks for a line of more than [`LINE_MAX`] octets in a field.
    #[cold]
    fn look_for_long_line(&mut self, start: usize, after: usize) {
        let mut at = start;
        while at < after && !self.has_long_line {
            let end = line_end(self.message, at);
            self.has_long_line = end.text - at > LINE_MAX;
            at = end.after;
        }
    }
}

impl Facts {
    #[inline]
    fn add(&mut self, other: Facts) {
        self.has_bare_feed |= other.has_bare_feed;
        self.has_bare_return |= other.has_bare_return;
        self.has_return |= other.has_return;
        self.has_odd |= other.has_odd;
        self.is_quiet |= other.is_quiet;
    }
}

/// What stands in a section from `start` on, but for a carriage return at its end.
#[cold]
fn facts_of(section: &[u8], start: usize) -> Facts {
    let octets = section.get(start..).unwrap_or_default();
    let is_return = |at: Option<usize>| at.and_then(|at| section.get(at)) == Some(&b'\r');
    let is_bare_feed = |at: usize| !is_return((start + at).checked_sub(1));
    let is_bare_return = |at: usize| octets.get(at + 1).is_some_and(|&next| next != b'\n');
    Facts {
        has_bare_feed: memchr_iter(b'\n', octets).any(is_bare_feed),
        has_bare_return: memchr_iter(b'\r', octets).any(is_bare_return),
        has_return: octets.strip_suffix(b"\r").unwrap_or(octets).contains(&b'\r'),
        has_odd: octets.iter().any(|&octet| octet == 0 || octet >= 128),
        is_quiet: false,
    }
}

/// Less than a chunk, with spaces behind it: no field begins with one, and no flag is for one.
#[inline(never)]
fn padded(octets: &[u8]) -> Chunk {
    let mut chunk = [b' '; CHUNK + 1];
    if let Some(start) = chunk.get_mut(..octets.len()) {
        start.copy_from_slice(octets);
    }
    chunk
}

/// The place of the lowest bit.
#[inline]
fn trailing_zeros(mask: u64) -> usize {
    crate::span::widen(mask.trailing_zeros())
}
