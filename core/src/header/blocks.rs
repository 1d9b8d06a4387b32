//! Lines by blocks of 64 octets: what each octet is comes from a kernel, 512 octets at a time, and the rest is
//! arithmetic on words with a bit for each octet.
//!
//! A field begins where a line feed stands before and no white space does. What a section has to be
//! flagged for is collected block by block as the scan leaves them behind, so that what lies behind the
//! section, and was classified because it lies in the same chunk, never counts.

use memchr::memchr_iter;

use crate::flags::Flags;
use crate::header::kernel::{BLOCK, BLOCKS, CHUNK, Classes, Kernel};
use crate::header::{LINE_MAX, LineEnd, line_end, name_end, octet_flags, text_end};

/// A line of more than [`LINE_MAX`] octets has at least so many whole blocks behind the one that it begins in
/// and before the one that it ends in: `(LINE_MAX + 1 - 2 * (BLOCK - 1)) / BLOCK`, rounded up.
const QUIET_BLOCKS: u32 = 14;

/// What was found of a message so far.
#[derive(Debug)]
pub(super) struct Blocks<'m> {
    message: &'m [u8],
    kernel: Kernel,
    /// Where the chunk begins that `classes` is about.
    chunk: usize,
    classes: [Classes; BLOCKS],
    /// The block of the chunk that the scan is in.
    number: usize,
    /// Where fields begin in that block; those that were reached are gone.
    starts: u64,
    /// Whether the octet before that block is a line feed, a carriage return: 0 or 1.
    after_feed: u64,
    after_return: u64,
    /// What is behind.
    seen: Seen,
    /// Blocks without a line feed, up to the last one behind.
    quiet: u32,
    may_have_long_line: bool,
    has_long_line: bool,
    /// Lines up to a place, by their ending: only counted if both kinds were seen.
    counted: Counted,
}

/// Line endings and rare octets; only whether there are any matters.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    crlf: u64,
    bare_feed: u64,
    bare_return: u64,
    /// Controls and octets of 127 and above.
    odd: u64,
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
            classes: [Classes::default(); BLOCKS],
            number: 0,
            starts: 0,
            after_feed: 0,
            after_return: 0,
            seen: Seen::default(),
            quiet: 0,
            may_have_long_line: false,
            has_long_line: false,
            counted: Counted::default(),
        };
        blocks.classify();
        blocks
    }

    /// Where the octets of a field name that begins at `start` end. `start` was reached.
    #[inline]
    pub(super) fn name_end(&self, start: usize) -> usize {
        let stop = |number: usize| self.classes.get(number).map(|classes| !classes.printable | classes.colon);
        let Some(offset) = start.checked_sub(self.chunk) else { return name_end(self.message, start) };
        let Some(first) = stop(offset / BLOCK) else { return name_end(self.message, start) };
        let first = first >> (offset % BLOCK);
        if first != 0 {
            return start + trailing_zeros(first);
        }
        let mut number = offset / BLOCK + 1;
        while let Some(mask) = stop(number) {
            if mask != 0 {
                return self.chunk + number * BLOCK + trailing_zeros(mask);
            }
            number += 1;
        }
        name_end(self.message, self.chunk + CHUNK)
    }

    /// The end of the field that begins at `start`. `None` if there are more than `allowed` octets up to there.
    #[inline]
    pub(super) fn field_end(&mut self, start: usize, allowed: usize) -> Option<LineEnd> {
        let after = loop {
            if self.starts != 0 {
                let next = self.block_start() + trailing_zeros(self.starts);
                self.starts &= self.starts - 1;
                // A line that is no field may lie before the first one.
                if next > start {
                    break next;
                }
            } else if self.block_start() > allowed {
                return None;
            } else if !self.leave_block() {
                break self.message.len();
            }
        };
        let text = match self.message.get(after - 1) {
            Some(b'\n') => text_end(self.message, after - 1),
            _ => after,
        };
        if self.may_have_long_line && text - start > LINE_MAX {
            self.look_for_long_line(start, after);
        }
        (after <= allowed).then_some(LineEnd { text, after })
    }

    /// Whether most lines before `position` end in a bare line feed. `position` was reached.
    pub(super) fn are_mostly_lf(&mut self, position: usize) -> bool {
        let seen = self.seen_up_to(position);
        if seen.bare_feed == 0 || seen.crlf == 0 {
            return seen.bare_feed != 0;
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
        // The empty line may end in another block than the one it begins in.
        while self.block_start() + BLOCK <= body_offset && self.leave_block() {}
        let seen = self.seen_up_to(body_offset);
        let section = self.message.get(..body_offset).unwrap_or_default();
        let mut flags = if seen.odd == 0 { Flags::default() } else { octet_flags(section) };
        flags.set_if(self.has_long_line, Flags::LONG_LINE);
        flags.set_if(seen.bare_return != 0 || section.last() == Some(&b'\r'), Flags::BARE_CR);
        flags.set_if(seen.bare_feed != 0, Flags::BARE_LF);
        flags.set_if(seen.bare_feed != 0 && seen.crlf != 0, Flags::MIXED_LINE_ENDINGS);
        flags
    }

    fn block_start(&self) -> usize {
        self.chunk + self.number * BLOCK
    }

    fn current(&self) -> Classes {
        self.classes.get(self.number).copied().unwrap_or_default()
    }

    /// Goes on to the next block. `false` if there is none; then nothing has changed.
    #[inline]
    fn leave_block(&mut self) -> bool {
        if self.block_start() + BLOCK >= self.message.len() {
            return false;
        }
        let classes = self.current();
        self.seen.add(&classes, self.after_return, u64::MAX);
        self.quiet = if classes.line_feed == 0 { self.quiet + 1 } else { 0 };
        self.may_have_long_line |= self.quiet >= QUIET_BLOCKS;
        self.after_feed = classes.line_feed >> (BLOCK - 1);
        self.after_return = classes.carriage_return >> (BLOCK - 1);
        self.number += 1;
        if self.number == BLOCKS {
            self.chunk += CHUNK;
            self.number = 0;
            self.classify();
        } else {
            self.find_starts();
        }
        true
    }

    /// Classifies the chunk.
    #[inline]
    fn classify(&mut self) {
        let rest = self.message.get(self.chunk..).unwrap_or_default();
        match rest.first_chunk::<CHUNK>() {
            Some(chunk) => self.kernel.classify(chunk, &mut self.classes),
            None => self.classify_last(rest),
        }
        self.find_starts();
    }

    /// Classifies less than a chunk. Spaces behind the end are nothing that is asked about: no field begins
    /// with one, and no flag is for one.
    #[inline(never)]
    fn classify_last(&mut self, rest: &[u8]) {
        let mut chunk = [b' '; CHUNK];
        if let Some(start) = chunk.get_mut(..rest.len()) {
            start.copy_from_slice(rest);
        }
        self.kernel.classify(&chunk, &mut self.classes);
    }

    #[inline]
    fn find_starts(&mut self) {
        let classes = self.current();
        self.starts = (classes.line_feed << 1 | self.after_feed) & !classes.white_space;
    }

    /// What was seen before `position`, which lies in the current block or behind it.
    fn seen_up_to(&self, position: usize) -> Seen {
        let mut seen = self.seen;
        let octets = position.saturating_sub(self.block_start());
        let mask = if octets < BLOCK { (1 << octets) - 1 } else { u64::MAX };
        seen.add(&self.current(), self.after_return, mask);
        seen
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

impl Seen {
    /// Adds the octets of a block that `mask` has. `after_return`: 1 if there is a carriage return before it.
    #[inline]
    fn add(&mut self, classes: &Classes, after_return: u64, mask: u64) {
        let feed = classes.line_feed & mask;
        let after_return = (classes.carriage_return << 1 | after_return) & mask;
        let plain = classes.printable | classes.white_space | classes.line_feed | classes.carriage_return;
        self.crlf |= feed & after_return;
        self.bare_feed |= feed & !after_return;
        self.bare_return |= after_return & !feed;
        self.odd |= !plain & mask;
    }
}

/// The place of the lowest bit.
#[inline]
fn trailing_zeros(mask: u64) -> usize {
    crate::span::widen(mask.trailing_zeros())
}
