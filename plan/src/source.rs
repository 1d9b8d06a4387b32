//! A file of the plan: its text, and lines and columns in it.

use std::io;
use std::path::{Path, PathBuf};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::diagnostic::{Diagnostic, Location};

/// The most octets of one file of a plan.
pub(crate) const FILE_OCTETS_MAX: u64 = 4 * 1024 * 1024 * 1024 - 1;

/// A file of the plan, decoded.
#[derive(Debug)]
pub(crate) struct Source {
    /// As the person who named the plan finds it.
    pub(crate) shown: String,
    /// Relative to the plan, as it stands in it.
    pub(crate) relative: String,
    pub(crate) text: String,
    /// The file itself, whatever name it goes by.
    pub(crate) real: PathBuf,
    lines: Lines,
}

impl Source {
    /// Reads a file as UTF-8, or as UTF-16 if it begins with a byte order mark. An undecodable
    /// file is an error at its first undecodable character; nothing is ever replaced.
    pub(crate) fn read(path: &Path, relative: String) -> Result<Source, SourceError> {
        let length = std::fs::metadata(path).map_err(SourceError::Io)?.len();
        if length > FILE_OCTETS_MAX {
            return Err(SourceError::Io(io::Error::new(io::ErrorKind::FileTooLarge, "4 GiB or more")));
        }
        let mut octets = std::fs::read(path).map_err(SourceError::Io)?;
        let real = std::fs::canonicalize(path).map_err(SourceError::Io)?;
        let shown = path.display().to_string();
        let (encoding, mark) = Encoding::for_bom(&octets).unwrap_or((UTF_8, 0));
        let content = octets.get(mark..).unwrap_or_default();
        let failure = |at: Location, why: &str| {
            let hint = "save the file as UTF-8 (PowerShell: Export-Csv -NoTypeInformation -Encoding UTF8)";
            SourceError::Undecodable(Box::new(Diagnostic::error("lossy-csv", at, why).hint(hint)))
        };
        let nul_count = content.iter().take(64).filter(|&&octet| octet == 0).count();
        if encoding == UTF_8 && nul_count > 8 {
            let at = Location { file: shown, line: 1, column: 1 };
            return Err(failure(at, "the file looks like UTF-16 without a byte order mark"));
        }
        let text = if encoding == UTF_8 {
            // Moved, not copied: tables may be large.
            octets.drain(..mark);
            String::from_utf8(octets).map_err(|error| {
                let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
                let before = String::from_utf8_lossy(valid);
                let at = Lines::of(&before).locate(&shown, before.len());
                failure(at, "the file is not UTF-8 here")
            })?
        } else {
            debug_assert!(encoding == UTF_16LE || encoding == UTF_16BE, "the only other marks there are");
            let decoded = encoding.decode_without_bom_handling_and_without_replacement(content);
            decoded.map(String::from).ok_or_else(|| {
                failure(
                    Location { file: shown.clone(), line: 0, column: 0 },
                    "the file begins like UTF-16 and is none; it may have been cut short",
                )
            })?
        };
        let lines = Lines::of(&text);
        if let Some(at) = text.find('\0') {
            let why = "a NUL character stands here: the file is damaged or no text";
            return Err(failure(lines.locate(&shown, at), why));
        }
        Ok(Source { shown, relative, text, real, lines })
    }

    /// A file that is nowhere.
    #[cfg(test)]
    pub(crate) fn of_text(text: &str) -> Source {
        let name = || "plan.toml".to_owned();
        let (text, lines) = (text.to_owned(), Lines::of(text));
        Source { shown: name(), relative: name(), text, real: PathBuf::from(name()), lines }
    }

    /// The place of an octet of the text.
    pub(crate) fn locate(&self, offset: usize) -> Location {
        self.lines.locate(&self.shown, offset)
    }

    /// Lets the text go, which for a large table is most of what reading takes. Places are still told.
    pub(crate) fn forget_text(&mut self) {
        self.text = String::new();
    }

    /// The text of the line that an octet stands in.
    pub(crate) fn line_at(&self, offset: usize) -> &str {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let start = before.rfind(['\r', '\n']).map_or(0, |end| end + 1);
        let rest = self.text.get(start..).unwrap_or_default();
        rest.split(['\r', '\n']).next().unwrap_or_default()
    }

    /// The line, from 1, of an octet of the text.
    pub(crate) fn line(&self, offset: usize) -> u32 {
        narrow(self.lines.number(offset))
    }
}

/// Why a file can't be used.
pub(crate) enum SourceError {
    Io(io::Error),
    Undecodable(Box<Diagnostic>),
}

/// Where the lines of a text begin, but for the first. A table with a mistake in every row is
/// reported in time proportional to its length only if no place is counted from the top.
#[derive(Debug)]
struct Lines {
    starts: Vec<u32>,
    /// Octets of the text.
    length: usize,
    /// A bit for each octet of the text that goes on with a character; nothing, if none does.
    continued: Vec<u8>,
}

impl Lines {
    /// Lines end with LF, CRLF, or a CR alone, as spreadsheets on old Macs write them.
    fn of(text: &str) -> Lines {
        let octets = text.as_bytes();
        let is_end = |&(at, octet): &(usize, &u8)| {
            *octet == b'\n' || (*octet == b'\r' && octets.get(at + 1) != Some(&b'\n'))
        };
        let starts = octets.iter().enumerate().filter(is_end).map(|(at, _)| narrow(at + 1)).collect();
        let bits =
            |octets: &[u8]| octets.iter().rev().fold(0, |bits, octet| bits << 1 | octet_goes_on(*octet));
        let continued = if text.is_ascii() { Vec::new() } else { octets.chunks(8).map(bits).collect() };
        Lines { starts, length: text.len(), continued }
    }

    fn number(&self, offset: usize) -> usize {
        let offset = narrow(offset);
        self.starts.partition_point(|&start| start <= offset) + 1
    }

    fn locate(&self, file: &str, offset: usize) -> Location {
        let offset = offset.min(self.length);
        let line = self.number(offset);
        let start = line.checked_sub(2).and_then(|before| self.starts.get(before)).copied().unwrap_or(0);
        let octets = narrow(offset).saturating_sub(start);
        let column = octets.saturating_sub(self.continued_in(start, narrow(offset))) + 1;
        Location { file: file.to_owned(), line: narrow(line), column }
    }

    /// How many of the octets `start..end` go on with a character.
    fn continued_in(&self, start: u32, end: u32) -> u32 {
        let [first, last] = [start, end].map(|at| usize::try_from(at / 8).unwrap_or(usize::MAX));
        let whole = self.continued.get(first..last).unwrap_or_default();
        // Those of the octet of bits that `at` is in, before it.
        let before = |nth: usize, at: u32| {
            self.continued.get(nth).map_or(0, |bits| (bits & !(u8::MAX << (at % 8))).count_ones())
        };
        let count: u32 = whole.iter().map(|bits| bits.count_ones()).sum();
        (count + before(last, end)).saturating_sub(before(first, start))
    }
}

/// 1 for the octets of a character behind its first one, else 0.
fn octet_goes_on(octet: u8) -> u8 {
    u8::from(octet & 0xc0 == 0x80)
}

/// As maps and reports count.
pub(crate) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        for text in
            ["", "a", "a\nbc\r\nd\re", "\u{e9}a\n\u{20ac}\u{1f600}b\r\n\n\u{e9}\u{e9}", "\u{e9}\r\r\n\u{e9}"]
        {
            let lines = Lines::of(text);
            let (mut line, mut column) = (1, 1);
            for (at, character) in text.char_indices() {
                let found = lines.locate("file", at);
                assert_eq!((found.line, found.column), (line, column), "{at} of {text:?}");
                let is_end = character == '\n' || character == '\r' && !text[at + 1..].starts_with('\n');
                (line, column) = if is_end { (line + 1, 1) } else { (line, column + 1) };
            }
            let end = lines.locate("file", text.len() + 7);
            assert_eq!((end.line, end.column), (line, column), "the end of {text:?}");
        }
    }
}
