//! Fields by what a kernel finds, mostly in a whole section at once: where they begin, and what the octets are.
//!
//! What a section has to be flagged for is known chunk by chunk; of the last one it is found out once more, so
//! that what lies behind the section never counts.

use memchr::{memchr_iter, memrchr};

use crate::error::Error;
use crate::flags::Flags;
use crate::header::kernel::{Facts, Found, Kernel};
use crate::header::{Field, LINE_MAX, LineEnd, line_end, octet_flags, text_end};
use crate::policy::Limits;
use crate::room::Room;
use crate::span::{Span, narrow, widen};

/// What was found of a message so far.
#[derive(Debug)]
pub(super) struct Blocks<'m> {
    message: &'m [u8],
    kernel: Kernel,
    /// Where the chunk begins that the scan is in, and what was found in it.
    chunk: usize,
    notes: Notes,
    /// Where the field begins that goes on into the chunk.
    open: usize,
    /// How many of the fields that begin in the chunk were reached, and of those that are marked, passed. The one
    /// reached last is where the scan is; if there is none, that field begins before the chunk.
    reached: usize,
    marks: usize,
    /// Whether the field that begins before the chunk is one, and not wanted.
    is_unmarked: bool,
    /// What stands in all chunks before.
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

/// What a scan has gone past: where the next field begins, and how many there were.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    pub(super) octets: usize,
    pub(super) fields: u32,
}

/// A kilobyte and more for the notes of a scan: whoever scans many messages hands it from one to the next.
#[derive(Debug, Default)]
pub struct Notes(Vec<Found>);

static NOTHING: Found = Found::new();

impl<'m> Blocks<'m> {
    #[inline]
    pub(super) fn new(message: &'m [u8], kernel: Kernel, mut notes: Notes) -> Result<Blocks<'m>, Error> {
        if notes.0.is_empty() {
            notes.0.room(1)?;
            notes.0.push(Found::new());
        }
        notes.0.iter_mut().for_each(Found::clear);
        Ok(Blocks {
            message,
            kernel,
            chunk: 0,
            notes,
            open: 0,
            reached: 0,
            marks: 0,
            is_unmarked: false,
            behind: Facts::default(),
            has_long_line: false,
            counted: Counted::default(),
        })
    }

    #[inline]
    fn found(&self) -> &Found {
        self.notes.0.first().unwrap_or(&NOTHING)
    }

    pub(super) fn into_notes(self) -> Notes {
        self.notes
    }

    /// The first field begins at `position`: before it is a line that is none.
    pub(super) fn begin_at(&mut self, position: usize) {
        self.open = position;
    }

    /// Octets of the name of the field where the scan is, which a colon follows; `None` if it has to be looked at.
    #[inline]
    pub(super) fn name(&self) -> Option<usize> {
        self.found().name(self.reached.checked_sub(1)?)
    }

    /// The next field that is wanted, if it and all before it are plain fields within the limits, and it ends in the
    /// chunk; and what is passed with it. For others see [`pass`](Self::pass).
    #[inline]
    pub(super) fn marked_field(&mut self, from: Passed, limits: &Limits) -> Option<(Field, Passed)> {
        let found = self.found();
        let mark = found.mark(self.marks)?;
        let name = found.name(mark)?;
        let (start, octets) = (self.chunk + found.place(mark)?, self.chunk + found.place(mark + 1)?);
        let before = (mark + 1).checked_sub(self.reached).filter(|_| self.reached > 0 || self.is_unmarked)?;
        let fields = from.fields.saturating_add(narrow(before + 1));
        if octets > widen(limits.header_octets) || fields > limits.fields {
            return None;
        }
        (self.reached, self.marks) = (mark + 2, self.marks + 1);
        let body = Span::new(start + name + 1, text_end(self.message, octets - 1));
        Some((Field { name: Span::new(start, start + name), body }, Passed { octets, fields }))
    }

    /// Goes past fields up to one that is wanted, to judge by its first octets, or that has to be looked at.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a library has more callers than a program; see docs/performance"
    )]
    pub(super) fn pass(
        &mut self,
        from: Passed,
        limits: &Limits,
        is_wanted: impl Fn([u8; 4]) -> bool + Copy,
    ) -> Passed {
        if self.found().octets == 0 {
            self.read_chunk(is_wanted);
        }
        let mut passed = from;
        loop {
            // The first one that is marked, from where the scan is.
            let here = self.reached.saturating_sub(1);
            let mut mark = self.found().mark(self.marks);
            while mark.is_some_and(|mark| mark < here) {
                self.marks += 1;
                mark = self.found().mark(self.marks);
            }
            if self.reached == 0 && !self.is_unmarked {
                return passed;
            }
            let up_to = mark.map_or(self.found().count(), |mark| mark + 1);
            let Some(further) = self.passed(passed, up_to, limits) else { return passed };
            passed = further;
            self.reached = up_to;
            let is_beyond = self.chunk > widen(limits.header_octets);
            if mark.is_some() || self.is_last_chunk() || is_beyond {
                return passed;
            }
            self.leave_chunk(is_wanted);
            self.is_unmarked = true;
        }
    }

    /// What is passed with the fields up to one of the chunk. `None` if that might pass a limit.
    #[inline]
    fn passed(&self, from: Passed, up_to: usize, limits: &Limits) -> Option<Passed> {
        let Some(last) = up_to.checked_sub(1).filter(|_| up_to > self.reached) else { return Some(from) };
        let octets = self.chunk + self.found().place(last)?;
        let fields = from.fields.saturating_add(narrow(up_to - self.reached));
        if octets > widen(limits.header_octets) || fields > limits.fields {
            return None;
        }
        Some(Passed { octets, fields })
    }

    /// The end of the field that begins at `start`. `None` if there are more than `allowed` octets up to there.
    #[inline]
    pub(super) fn field_end(
        &mut self,
        start: usize,
        allowed: usize,
        is_wanted: impl Fn([u8; 4]) -> bool,
    ) -> Option<LineEnd> {
        let after = loop {
            if let Some(place) = self.found().place(self.reached) {
                self.reached += 1;
                // A line that is no field may lie before the first one.
                if self.chunk + place > start {
                    break self.chunk + place;
                }
            } else if self.is_last_chunk() {
                return self.last_line_end(allowed);
            } else if self.chunk > allowed {
                return None;
            } else {
                self.leave_chunk(&is_wanted);
                self.is_unmarked = false;
            }
        };
        let end = LineEnd { text: text_end(self.message, after - 1), after };
        (after <= allowed).then_some(end)
    }

    /// Whether most lines before `position` end in a bare line feed. `position` was reached.
    pub(super) fn are_mostly_lf(&mut self, position: usize) -> bool {
        let has_bare_feed = self.behind.has_bare_feed || self.found().facts.has_bare_feed;
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
        while self.chunk + self.found().octets < body_offset {
            self.leave_chunk(|_| true);
        }
        self.look_for_long_line(body_offset);
        let section = self.message.get(..body_offset).unwrap_or_default();
        let mut facts = self.found().facts;
        if facts.has_bare_feed || facts.has_bare_return || section.len() < 2 {
            (facts.has_bare_feed, facts.has_bare_return) = bare_octets(section, self.chunk);
        }
        self.behind.add(facts);
        let seen = self.behind;
        let ends_in_return = section.last() == Some(&b'\r');
        let is_mixed = || seen.has_bare_feed && memchr::memmem::find(section, b"\r\n").is_some();
        let mut flags = if seen.has_odd { octet_flags(section) } else { Flags::default() };
        flags.set_if(self.has_long_line, Flags::LONG_LINE);
        flags.set_if(seen.has_bare_return || ends_in_return, Flags::BARE_CR);
        flags.set_if(seen.has_bare_feed, Flags::BARE_LF);
        flags.set_if(is_mixed(), Flags::MIXED_LINE_ENDINGS);
        flags
    }

    /// The end of a field that goes on to the end of the message.
    #[cold]
    fn last_line_end(&mut self, allowed: usize) -> Option<LineEnd> {
        (self.reached, self.is_unmarked) = (0, false);
        let after = self.message.len();
        let text = match self.message.last() {
            Some(b'\n') => text_end(self.message, after - 1),
            _ => after,
        };
        (after <= allowed).then_some(LineEnd { text, after })
    }

    #[inline]
    fn is_last_chunk(&self) -> bool {
        self.chunk + self.found().octets >= self.message.len()
    }

    /// Goes on to the next chunk. There is one.
    #[inline]
    fn leave_chunk(&mut self, is_wanted: impl Fn([u8; 4]) -> bool) {
        self.look_for_long_line(usize::MAX);
        self.behind.add(self.found().facts);
        self.chunk += self.found().octets;
        self.read_chunk(is_wanted);
    }

    /// Looks for a long line in the fields that end in the chunk, and up to a place.
    #[inline]
    fn look_for_long_line(&mut self, up_to: usize) {
        let first = self.found().place(0).map_or(up_to, |place| up_to.min(self.chunk + place));
        let last = self.found().count().checked_sub(1).and_then(|nth| self.found().place(nth));
        let last = last.map_or(self.open, |place| self.chunk + place);
        let may_be_long = self.found().longs().len() > 0
            || first.saturating_sub(self.open) > LINE_MAX
            || up_to.saturating_sub(last) > LINE_MAX;
        if may_be_long {
            self.look_for_long_line_in_each(up_to);
        }
        self.open = last;
    }

    #[inline(never)]
    fn look_for_long_line_in_each(&mut self, up_to: usize) {
        let found = self.found();
        let place = |nth: usize| found.place(nth).map(|place| self.chunk + place);
        // There may be none: a field may be longer than the chunk.
        let first = place(0).map(|end| (self.open, end));
        let others = found.longs().filter_map(|nth| Some((place(nth.checked_sub(1)?)?, place(nth)?)));
        let whole = first.into_iter().chain(others).take_while(|&(_, end)| end <= up_to);
        let mut is_long = whole.fold(false, |is_long, (start, end)| {
            is_long | (end - start > LINE_MAX && has_long_line(self.message, start, end))
        });
        if up_to <= self.message.len() {
            let before = up_to.checked_sub(self.chunk).map_or(0, |place| found.count_up_to(place));
            let start = before.checked_sub(1).and_then(place).unwrap_or(self.open);
            is_long |= has_long_line(self.message, start, up_to);
        }
        self.has_long_line |= is_long;
    }

    #[inline]
    fn read_chunk(&mut self, is_wanted: impl Fn([u8; 4]) -> bool) {
        if let Some(found) = self.notes.0.first_mut() {
            self.kernel.read(self.message, self.chunk, is_wanted, found);
        }
        (self.reached, self.marks) = (0, 0);
    }
}

/// Whether there is a line of more than [`LINE_MAX`] octets between the start of one and the end of another.
fn has_long_line(message: &[u8], start: usize, after: usize) -> bool {
    let (mut at, after) = (start, after.min(message.len()));
    while after.saturating_sub(at) > LINE_MAX {
        // All lines up to the last line feed of so many octets have less.
        let most = message.get(at..=at + LINE_MAX).unwrap_or_default();
        if let Some(feed) = memrchr(b'\n', most) {
            at += feed + 1;
            continue;
        }
        let end = line_end(message, at);
        if end.text - at > LINE_MAX {
            return true;
        }
        at = end.after;
    }
    false
}

impl Facts {
    #[inline]
    fn add(&mut self, other: Facts) {
        self.has_bare_feed |= other.has_bare_feed;
        self.has_bare_return |= other.has_bare_return;
        self.has_odd |= other.has_odd;
    }
}

/// Whether a section has, from `start` on, a line feed without a carriage return before it, and the other way
/// round, but for a carriage return at its end.
#[cold]
fn bare_octets(section: &[u8], start: usize) -> (bool, bool) {
    let octets = section.get(start..).unwrap_or_default();
    let is_return = |at: Option<usize>| at.and_then(|at| section.get(at)) == Some(&b'\r');
    let is_bare_feed = |at: usize| !is_return((start + at).checked_sub(1));
    let is_bare_return = |at: usize| octets.get(at + 1).is_some_and(|&next| next != b'\n');
    let has_bare_feed = memchr_iter(b'\n', octets).any(is_bare_feed);
    (has_bare_feed, memchr_iter(b'\r', octets).any(is_bare_return))
}
