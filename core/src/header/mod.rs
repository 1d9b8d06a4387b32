//! The field scanner: octets of a message in, fields as spans out (RFC 5322 2.1, 2.2, 4.5).
//!
//! A line ends at a line feed, with or without a carriage return before it; a bare carriage return
//! is an octet like any other. A field is a name, optional white space, a colon, and everything up
//! to the next line that does not begin with white space. The header section ends at the first
//! empty line, at the first line that is neither a field nor a continuation, or with the input.
//!
//! Nothing is copied or changed, every octet is looked at a bounded number of times, and nothing
//! is kept between fields but a position and what a few hundred octets are.
//!
//! Lines are found in two ways that agree: `lines` goes from line feed to line feed, `blocks` asks of 64
//! octets at once which of them are what (`kernel`).

mod blocks;
pub(crate) mod kernel;
mod lines;
mod name;
mod named;

use memchr::memchr;

use crate::error::{Error, Limit};
use crate::flags::Flags;
use crate::policy::Limits;
use crate::span::{Span, widen};

pub use crate::header::blocks::Notes;
use crate::header::blocks::{Blocks, Passed};
use crate::header::kernel::Kernel;
pub(crate) use crate::header::kernel::prefetch;
use crate::header::lines::Lines;
use crate::header::name::name_end;
pub use crate::header::named::NamedFields;

/// RFC 5322 2.1.1: the most octets a line may have, its line ending apart.
pub(crate) const LINE_MAX: usize = 998;

/// One field of a header section.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Field {
    /// The field name, without white space and colon.
    pub name: Span,
    /// The field body: all behind the colon, folds included, the last line ending excluded.
    pub body: Span,
}

/// How the lines of a header section end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum LineEnding {
    #[default]
    CrLf,
    Lf,
}

impl LineEnding {
    pub(crate) const fn octets(self) -> &'static [u8] {
        match self {
            LineEnding::CrLf => b"\r\n",
            LineEnding::Lf => b"\n",
        }
    }
}

/// How a header section is scanned. Every way finds the same; they differ in speed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Scanner {
    /// From line feed to line feed, by memchr: on any processor.
    Lines,
    /// By blocks, octet by octet: what the other ways by blocks are held to.
    Portable,
    /// By blocks, 16 octets at once: on any x86-64 processor.
    Sse2,
    /// By blocks, 32 octets at once: on x86-64 processors that know AVX2.
    Avx2,
    /// By blocks, 64 octets at once: on x86-64 processors that know AVX-512 (BW).
    Avx512,
}

impl Scanner {
    /// Every way, whether or not this processor knows it.
    pub const ALL: [Scanner; 5] =
        [Scanner::Lines, Scanner::Portable, Scanner::Sse2, Scanner::Avx2, Scanner::Avx512];

    /// The fastest way on this processor.
    #[must_use]
    #[inline]
    pub fn best() -> Scanner {
        match Kernel::widest() {
            #[cfg(target_arch = "x86_64")]
            Some(Kernel::Avx512(_)) => Scanner::Avx512,
            #[cfg(target_arch = "x86_64")]
            Some(Kernel::Avx2(_)) => Scanner::Avx2,
            #[cfg(target_arch = "x86_64")]
            Some(Kernel::Sse2) => Scanner::Sse2,
            _ => Scanner::Lines,
        }
    }

    /// Whether this processor knows it. Another way is taken instead of one that it does not know.
    #[must_use]
    pub fn is_available(self) -> bool {
        matches!(self, Scanner::Lines) || self.kernel().is_some()
    }

    #[inline]
    fn kernel(self) -> Option<Kernel> {
        if self == Scanner::best() {
            return Kernel::widest();
        }
        match self {
            Scanner::Lines => None,
            Scanner::Portable => Some(Kernel::Portable),
            #[cfg(target_arch = "x86_64")]
            Scanner::Sse2 => Some(Kernel::Sse2),
            #[cfg(target_arch = "x86_64")]
            Scanner::Avx2 => Kernel::avx2(),
            #[cfg(target_arch = "x86_64")]
            Scanner::Avx512 => Kernel::avx512(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => None,
        }
    }
}

/// Iterates over the fields of a header section. After the last one, [`body_offset`] and
/// [`flags`] are complete.
///
/// [`body_offset`]: HeaderSection::body_offset
/// [`flags`]: HeaderSection::flags
#[derive(Debug)]
pub struct HeaderSection<'m> {
    message: &'m [u8],
    limits: Limits,
    /// Start of the line to look at next.
    position: usize,
    /// Where the body begins, once that is known.
    body_offset: Option<usize>,
    fields: u32,
    flags: Flags,
    way: Way<'m>,
}

/// How lines are found.
#[derive(Debug)]
enum Way<'m> {
    Lines(Lines<'m>),
    Blocks(Blocks<'m>),
}

impl<'m> HeaderSection<'m> {
    /// The header section at the start of `message`.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] for a message of 4 GiB or more.
    #[inline]
    pub fn new(message: &'m [u8], limits: Limits) -> Result<Self, Error> {
        HeaderSection::with_scanner(message, limits, Scanner::best())
    }

    /// The same, scanned in a way of the caller's choice.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    #[inline]
    pub fn with_scanner(message: &'m [u8], limits: Limits, scanner: Scanner) -> Result<Self, Error> {
        HeaderSection::with_notes(message, limits, scanner, Notes::default())
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a library has more callers than a program; see docs/performance"
    )]
    fn with_notes(message: &'m [u8], limits: Limits, scanner: Scanner, notes: Notes) -> Result<Self, Error> {
        if u32::try_from(message.len()).is_err() {
            let allowed = u64::from(u32::MAX);
            return Err(Error::Limit { limit: Limit::MessageOctets, allowed, offset: widen(u32::MAX) });
        }
        let way = match scanner.kernel() {
            Some(kernel) => Way::Blocks(Blocks::new(message, kernel, notes)?),
            None => Way::Lines(Lines::new(message)),
        };
        let flags = Flags::default();
        let mut section =
            HeaderSection { message, limits, position: 0, body_offset: None, fields: 0, flags, way };
        if is_mbox_from_line(message) {
            section.flags.set(Flags::MBOX_FROM_LINE);
            section.position = section.line_end(0);
            if let Way::Blocks(blocks) = &mut section.way {
                blocks.begin_at(section.position);
            }
        }
        Ok(section)
    }

    /// The next field, or `None` at the end of the header section.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] for a header section with more octets or fields than allowed.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<Field>, Error> {
        self.next_where(|_| true)
    }

    /// The next field that is wanted, to judge by its first octets; the same ones for all fields of a section.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as its caller")]
    fn next_where(&mut self, is_wanted: impl Fn([u8; 4]) -> bool + Copy) -> Result<Option<Field>, Error> {
        if self.body_offset.is_some() {
            return Ok(None);
        }
        loop {
            if let Way::Blocks(blocks) = &mut self.way {
                let passed = Passed { octets: self.position, fields: self.fields };
                if let Some((field, passed)) = blocks.marked_field(passed, &self.limits) {
                    (self.position, self.fields) = (passed.octets, passed.fields);
                    return Ok(Some(field));
                }
                let passed = blocks.pass(passed, &self.limits, is_wanted);
                (self.position, self.fields) = (passed.octets, passed.fields);
            }
            let start = self.position;
            let Some((name_end, colon)) = self.name_and_colon(start)? else { return Ok(None) };
            let allowed = widen(self.limits.header_octets);
            let end = match &mut self.way {
                Way::Lines(lines) => lines.field_end(start, allowed),
                Way::Blocks(blocks) => blocks.field_end(start, allowed, is_wanted),
            };
            let body_end = self.pass_field(start, end)?;
            let octets = self.message.get(start..).and_then(<[u8]>::first_chunk);
            if octets.is_none_or(|octets| is_wanted(*octets)) {
                let (name, body) = (Span::new(start, name_end), Span::new(colon + 1, body_end));
                return Ok(Some(Field { name, body }));
            }
        }
    }

    /// Where the field name that begins at `start` ends, and the colon behind it. `None` if no field begins
    /// there; then the section is finished.
    #[inline]
    fn name_and_colon(&mut self, start: usize) -> Result<Option<(usize, usize)>, Error> {
        if let Way::Blocks(blocks) = &self.way
            && let Some(length) = blocks.name()
        {
            return Ok(Some((start + length, start + length)));
        }
        let name_end = name_end(self.message, start);
        let colon = match self.message.get(name_end) {
            Some(b':') => Some(name_end),
            _ => self.colon_behind_space(name_end),
        };
        match colon {
            Some(colon) if name_end > start => Ok(Some((name_end, colon))),
            _ => self.finish(start),
        }
    }

    /// Counts a field and goes behind it. Gives the end of its body.
    #[inline]
    fn pass_field(&mut self, start: usize, end: Option<LineEnd>) -> Result<usize, Error> {
        let Some(end) = end else { return Err(self.too_long()) };
        self.position = end.after;
        self.fields += 1;
        if self.fields > self.limits.fields {
            let allowed = u64::from(self.limits.fields);
            return Err(Error::Limit { limit: Limit::Fields, allowed, offset: start });
        }
        Ok(end.text)
    }

    /// Where the body begins: behind the empty line, or at the line that ended the section
    /// without one, or at the end of the input. Complete once [`next_field`](Self::next_field)
    /// has returned `None`.
    #[must_use]
    pub fn body_offset(&self) -> usize {
        self.body_offset.unwrap_or(self.position)
    }

    /// What was remarkable. Complete once [`next_field`](Self::next_field) has returned `None`.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// The line ending that a fold takes in the field that was found last: that of most lines so far.
    pub(crate) fn line_ending(&mut self) -> LineEnding {
        let is_lf = match &mut self.way {
            Way::Lines(lines) => lines.are_mostly_lf(),
            Way::Blocks(blocks) => blocks.are_mostly_lf(self.position),
        };
        if is_lf { LineEnding::Lf } else { LineEnding::CrLf }
    }

    /// The colon behind a name and white space (RFC 5322 4.5).
    #[cold]
    fn colon_behind_space(&mut self, name_end: usize) -> Option<usize> {
        let behind = self.message.get(name_end..)?;
        let spaces = behind.iter().take_while(|&&octet| is_wsp(octet)).count();
        let colon = name_end + spaces;
        let found = self.message.get(colon) == Some(&b':');
        self.flags.set_if(found && spaces > 0, Flags::SPACE_BEFORE_COLON);
        found.then_some(colon)
    }

    /// Where the line that goes on at `from` has ended.
    fn line_end(&mut self, from: usize) -> usize {
        match &mut self.way {
            Way::Lines(lines) => lines.line_end().after,
            Way::Blocks(_) => line_end(self.message, from).after,
        }
    }

    fn into_notes(self) -> Notes {
        match self.way {
            Way::Lines(_) => Notes::default(),
            Way::Blocks(blocks) => blocks.into_notes(),
        }
    }

    fn too_long(&self) -> Error {
        let allowed = self.limits.header_octets;
        Error::Limit { limit: Limit::HeaderOctets, allowed: u64::from(allowed), offset: widen(allowed) }
    }

    /// The section ends with what stands at `start`: an empty line, something else than a field, or nothing.
    #[cold]
    fn finish<T>(&mut self, start: usize) -> Result<Option<T>, Error> {
        let body_offset = match self.message.get(start..).unwrap_or_default() {
            [] => {
                self.flags.set(Flags::NO_EMPTY_LINE);
                start
            }
            [b'\n', ..] | [b'\r', b'\n', ..] => self.line_end(start),
            _ => {
                self.flags.set(Flags::NOT_A_FIELD);
                start
            }
        };
        if body_offset > widen(self.limits.header_octets) {
            return Err(self.too_long());
        }
        self.position = body_offset;
        self.body_offset = Some(body_offset);
        let flags = match &mut self.way {
            Way::Lines(lines) => lines.flags(body_offset),
            Way::Blocks(blocks) => blocks.flags(body_offset),
        };
        self.flags.set(flags);
        Ok(None)
    }
}

/// The end of a line.
#[derive(Clone, Copy, Debug)]
struct LineEnd {
    /// End of the line's text.
    text: usize,
    /// Start of the next line.
    after: usize,
}

/// The end of the line that goes on at `from`. The octet before `from` belongs to the same line or is the
/// colon: never a line feed.
fn line_end(message: &[u8], from: usize) -> LineEnd {
    let rest = message.get(from..).unwrap_or_default();
    match memchr(b'\n', rest) {
        Some(length) => LineEnd { text: text_end(message, from + length), after: from + length + 1 },
        None => LineEnd { text: message.len(), after: message.len() },
    }
}

/// Where the text ends that the line feed at `feed` follows.
fn text_end(message: &[u8], feed: usize) -> usize {
    let before = feed.checked_sub(1).filter(|&before| message.get(before) == Some(&b'\r'));
    before.unwrap_or(feed)
}

/// The flags that depend on single octets alone.
pub(crate) fn octet_flags(bytes: &[u8]) -> Flags {
    let mut flags = Flags::default();
    flags.set_if(memchr(0, bytes).is_some(), Flags::NUL);
    if !bytes.is_ascii() {
        let utf8 = std::str::from_utf8(bytes).is_ok();
        flags.set(if utf8 { Flags::UTF8 } else { Flags::EIGHT_BIT });
    }
    flags
}

#[inline]
pub(crate) const fn is_wsp(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// `From ` as mbox files have it before each message, quoted with `>` or not. `From :` begins a field
/// (RFC 5322 4.5.2).
fn is_mbox_from_line(message: &[u8]) -> bool {
    let quotes = message.iter().take_while(|&&octet| octet == b'>').count();
    let rest = message.get(quotes..).and_then(|rest| rest.strip_prefix(b"From "));
    rest.is_some_and(|rest| {
        let colon = rest.iter().find(|octet| !matches!(octet, b' ' | b'\t'));
        quotes > 0 || colon != Some(&b':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_from_field_with_space_before_its_colon_is_no_mbox_line() {
        assert!(is_mbox_from_line(b"From john@d Tue Nov 18 09:12:41 2025\n"));
        assert!(is_mbox_from_line(b">>From  :\n"));
        assert!(!is_mbox_from_line(b"From \t : john@d\n"));
        assert!(!is_mbox_from_line(b"From: john@d\n"));
    }

    type Scanned = (Vec<(String, String)>, usize, Vec<&'static str>);

    fn scan(message: &[u8]) -> Scanned {
        let [first, others @ ..] = Scanner::ALL.map(|scanner| scan_by(scanner, message));
        for (other, scanner) in others.iter().zip(&Scanner::ALL[1..]) {
            assert_eq!(*other, first, "{scanner:?}");
        }
        first
    }

    fn scan_by(scanner: Scanner, message: &[u8]) -> Scanned {
        let mut section = HeaderSection::with_scanner(message, Limits::default(), scanner).unwrap();
        let mut fields = Vec::new();
        while let Some(field) = section.next_field().unwrap() {
            let text = |span: Span| String::from_utf8_lossy(span.of(message)).into_owned();
            fields.push((text(field.name), text(field.body)));
        }
        (fields, section.body_offset(), section.flags().names().collect())
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, body)| ((*name).to_owned(), (*body).to_owned())).collect()
    }

    #[test]
    fn fields_end_at_the_first_line_that_does_not_continue_them() {
        let message = b"From: a\r\nTo: b,\r\n\tc\r\nX:\r\n\r\nbody: no\r\n";
        let (fields, body, flags) = scan(message);
        assert_eq!(fields, pairs(&[("From", " a"), ("To", " b,\r\n\tc"), ("X", "")]));
        assert_eq!(&message[body..], b"body: no\r\n");
        assert!(flags.is_empty());
    }

    #[test]
    fn every_mixture_of_line_endings_is_kept_and_flagged() {
        let (fields, body, flags) = scan(b"A: 1\r\nB: 2\n 3\r\n\nbody");
        assert_eq!(fields, pairs(&[("A", " 1"), ("B", " 2\n 3")]));
        assert_eq!(body, 16);
        assert_eq!(flags, ["bare-lf", "mixed-line-endings"]);
    }

    #[test]
    fn a_bare_carriage_return_ends_no_line() {
        let (fields, _, flags) = scan(b"A: 1\rB: 2\r\r\n\r\n");
        assert_eq!(fields, pairs(&[("A", " 1\rB: 2\r")]));
        assert_eq!(flags, ["bare-cr"]);
    }

    #[test]
    fn a_carriage_return_that_ends_the_input_is_half_of_nothing() {
        assert_eq!(scan(b"A: 1\nB: 2\r").2, ["bare-lf", "bare-cr", "no-empty-line"]);
        assert_eq!(scan(b"\nA: 1").2, ["bare-lf"]);
    }

    #[test]
    fn a_line_that_is_no_field_ends_the_section() {
        let (fields, body, flags) = scan(b"A: 1\r\nno field here\r\nB: 2\r\n\r\n");
        assert_eq!(fields, pairs(&[("A", " 1")]));
        assert_eq!(body, 6);
        assert_eq!(flags, ["not-a-field"]);
    }

    #[test]
    fn a_section_without_its_empty_line_is_complete() {
        let (fields, body, flags) = scan(b"A: 1\r\nB : 2");
        assert_eq!(fields, pairs(&[("A", " 1"), ("B", " 2")]));
        assert_eq!(body, 11);
        assert_eq!(flags, ["no-empty-line", "space-before-colon"]);
    }

    #[test]
    fn a_continuation_of_nothing_is_no_field() {
        assert_eq!(scan(b" A: 1\r\n\r\n"), (Vec::new(), 0, vec!["not-a-field"]));
    }

    #[test]
    fn an_mbox_line_is_no_field() {
        for line in ["From me@x Mon Jan  1 00:00:00 2024\n", ">From me@x Mon\n"] {
            let (fields, _, flags) = scan(format!("{line}A: 1\n\n").as_bytes());
            assert_eq!(fields, pairs(&[("A", " 1")]));
            assert_eq!(flags, ["bare-lf", "mbox-from-line"]);
        }
    }

    #[test]
    fn a_line_is_long_from_999_octets_on() {
        let fits = format!("A: 1\r\nB:{}\r\n c\r\n\r\n", "x".repeat(LINE_MAX - 2));
        assert!(scan(fits.as_bytes()).2.is_empty());
        let long = format!("A: 1\r\nB:{}\r\n c\r\n\r\n", "x".repeat(LINE_MAX - 1));
        assert_eq!(scan(long.as_bytes()).2, ["long-line"]);
    }

    #[test]
    fn limits_hold_exactly() {
        let message = b"A: 1\r\nB: 2\r\n\r\nbody";
        for scanner in Scanner::ALL {
            let run = |limits| {
                let mut section = HeaderSection::with_scanner(message, limits, scanner)?;
                while section.next_field()?.is_some() {}
                Ok::<_, Error>(())
            };
            let limits = Limits { header_octets: 14, fields: 2, ..Limits::default() };
            assert!(run(limits).is_ok());
            let octets = run(Limits { header_octets: 13, ..limits });
            assert!(matches!(octets, Err(Error::Limit { limit: Limit::HeaderOctets, offset: 13, .. })));
            let fields = run(Limits { fields: 1, ..limits });
            assert!(matches!(fields, Err(Error::Limit { limit: Limit::Fields, offset: 6, .. })));
        }
    }

    #[test]
    fn octets_above_127_are_flagged_by_kind() {
        assert_eq!(scan("A: ü\r\n\r\n".as_bytes()).2, ["utf-8"]);
        assert_eq!(scan(b"A: \xfc\r\n\r\n").2, ["eight-bit"]);
        assert_eq!(scan(b"A: \0\r\n\r\n").2, ["nul"]);
    }
}
