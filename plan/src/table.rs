//! Tables as CSV: entries, `Name,InternalAddress,ExternalAddress[,ExceptionList][,OutboundOnly]`, the
//! columns of Exchange's address rewrite entries; and lists of recipients.
//!
//! The `csv` crate takes the cells apart. It forgives quotes that open in the middle of a cell or
//! never close, and then shifts or swallows rows; so each row that has a quote is read a second
//! time, strictly, and a row that is not plain RFC 4180 is an error.

use csv::{ByteRecord, ReaderBuilder};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::entry::{Placed, ReadEntry};
use crate::nearest::nearest;
use crate::source::Source;

/// A column, as named in header rows, and whether a table must have it.
pub(crate) type Column = (&'static str, bool);

/// The columns of a table of entries.
pub(crate) const ENTRY_COLUMNS: &[Column] = &[
    ("Name", false),
    ("InternalAddress", true),
    ("ExternalAddress", true),
    ("ExceptionList", false),
    ("OutboundOnly", false),
];

/// Delimiters that spreadsheets write.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// The rows of one file.
pub(crate) struct Rows<'s> {
    source: &'s Source,
    reader: csv::Reader<&'s [u8]>,
    delimiter: u8,
    columns: &'static [Column],
    /// For each of them, its place in a row.
    places: Vec<Option<usize>>,
    width: usize,
    record: ByteRecord,
    /// Line of the record, from 1.
    line: u32,
}

/// One row: where it begins, and its cells.
pub(crate) struct Row {
    start: usize,
    cells: Vec<Placed>,
}

impl<'s> Rows<'s> {
    /// Reads the header row.
    pub(crate) fn open(
        source: &'s Source,
        columns: &'static [Column],
        diagnostics: &mut Diagnostics,
    ) -> Option<Rows<'s>> {
        let text = source.text.as_str();
        if text.starts_with("#TYPE") {
            let message = "the first line is a PowerShell type, not a header row";
            let hint = "export with -NoTypeInformation -Encoding UTF8: without them PowerShell replaces characters by '?'";
            diagnostics.push(
                Diagnostic::error("lossy-csv", source.locate(0), message)
                    .excerpt(first_line(text))
                    .hint(hint),
            );
            return None;
        }
        let delimiter = sniff(first_line(text.trim_start_matches(['\r', '\n'])));
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        let mut rows = Rows {
            source,
            reader,
            delimiter,
            columns,
            places: vec![None; columns.len()],
            width: 0,
            record: ByteRecord::new(),
            line: 0,
        };
        rows.read_header(diagnostics).then_some(rows)
    }

    /// The next row that is not empty; rows with mistakes are reported and passed over.
    pub(crate) fn next_row(&mut self, diagnostics: &mut Diagnostics) -> Option<Row> {
        loop {
            let start = self.next_record()?;
            if let Some(row) = self.row(start, diagnostics) {
                return Some(row);
            }
        }
    }

    /// The next entry of a table with [`ENTRY_COLUMNS`].
    pub(crate) fn next_entry(&mut self, diagnostics: &mut Diagnostics) -> Option<ReadEntry> {
        loop {
            let row = self.next_row(diagnostics)?;
            if let Some(entry) = self.entry(&row, diagnostics) {
                return Some(entry);
            }
        }
    }

    fn read_header(&mut self, diagnostics: &mut Diagnostics) -> bool {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let hint = &format!("the first row names the columns: {}", names.join(","));
        let Some(start) = self.next_record() else {
            let message = "the file is empty";
            diagnostics.push(Diagnostic::error("missing-column", self.source.locate(0), message).hint(hint));
            return false;
        };
        let Some(cells) = diagnostics.keep(self.cells(start)) else { return false };
        self.width = cells.len();
        let mut is_good = true;
        for (number, cell) in cells.iter().enumerate() {
            let found = self.columns.iter().position(|(name, _)| name.eq_ignore_ascii_case(&cell.text));
            match found.and_then(|column| self.places.get_mut(column)) {
                Some(place @ None) => *place = Some(number),
                Some(Some(_)) => {
                    is_good = false;
                    let message = "the column stands twice";
                    let at = self.source.locate(cell.at);
                    diagnostics.push(
                        Diagnostic::error("duplicate-column", at, message).excerpt(&cell.text).hint(hint),
                    );
                }
                None => {
                    let hint = match nearest(&cell.text, names.iter().copied()) {
                        Some(near) => format!("did you mean `{near}`? Unknown columns are passed over"),
                        None => "unknown columns are passed over".to_owned(),
                    };
                    let at = self.source.locate(cell.at);
                    let message = format!("unknown column `{}`", cell.text);
                    diagnostics.push(
                        Diagnostic::warning("unknown-column", at, message).excerpt(&cell.text).hint(hint),
                    );
                }
            }
        }
        for ((name, is_required), place) in self.columns.iter().zip(&self.places) {
            if *is_required && place.is_none() {
                is_good = false;
                let message = format!("the column {name} is missing");
                let at = self.source.locate(start);
                let header = first_line(self.source.text.get(start..).unwrap_or_default());
                diagnostics.push(Diagnostic::error("missing-column", at, message).excerpt(header).hint(hint));
            }
        }
        is_good
    }

    /// Reads one row into `record` and returns the octet it begins at.
    fn next_record(&mut self) -> Option<usize> {
        // Reading octets from memory has no errors, and rows of any width are let through.
        if !self.reader.read_byte_record(&mut self.record).unwrap_or(false) {
            return None;
        }
        let position = self.record.position()?;
        let end_before = usize::try_from(position.byte()).ok()?;
        // The reader names the end of the row before; blank lines lie between.
        let text = self.source.text.as_bytes();
        let is_blank = |octet: &&u8| matches!(octet, b'\r' | b'\n');
        let blank = text.get(end_before..)?.iter().take_while(is_blank).count();
        let start = end_before + blank;
        self.line = self.source.line(start);
        Some(start)
    }

    /// The cells of a row; none if the row is empty or has mistakes, each of which is reported.
    fn row(&self, start: usize, diagnostics: &mut Diagnostics) -> Option<Row> {
        let cells = diagnostics.keep(self.cells(start))?;
        if cells.iter().all(|cell| cell.text.is_empty()) {
            return None;
        }
        if cells.len() != self.width {
            let message = format!("the row has {} cells and the header row {}", cells.len(), self.width);
            let row = first_line(self.source.text.get(start..).unwrap_or_default());
            let hint = "give every row as many cells as the header row; a cell with a delimiter in it stands in quotes";
            let at = self.source.locate(start);
            diagnostics.push(Diagnostic::error("ragged-row", at, message).excerpt(row).hint(hint));
            return None;
        }
        Some(Row { start, cells })
    }

    /// The cell of a column, by its number.
    pub(crate) fn cell<'r>(&self, row: &'r Row, column: usize) -> Option<&'r Placed> {
        self.places.get(column).copied().flatten().and_then(|place| row.cells.get(place))
    }

    fn entry(&self, row: &Row, diagnostics: &mut Diagnostics) -> Option<ReadEntry> {
        let (name, except, outbound_only) = (self.cell(row, 0), self.cell(row, 3), self.cell(row, 4));
        // All of them before the first `?`, so that every mistake of the row is seen.
        let internal = diagnostics.keep(self.address(row, 1));
        let external = diagnostics.keep(self.address(row, 2));
        let except =
            diagnostics.keep(except.map_or(Ok(Vec::new()), |cell| Ok(items(&self.whole(cell)?, &[',']))));
        let is_outbound_only = diagnostics.keep(outbound_only.map_or(Ok(false), |cell| self.boolean(cell)));
        Some(ReadEntry {
            name: name.map(|cell| cell.text.clone()).unwrap_or_default(),
            internal: internal?,
            external: external?,
            is_outbound_only: is_outbound_only?,
            except: except?,
            line: self.line,
        })
    }

    /// The cell of a column that must have an address in it.
    pub(crate) fn address(&self, row: &Row, column: usize) -> Result<Placed, Box<Diagnostic>> {
        match self.cell(row, column) {
            Some(cell) if cell.text.is_empty() => {
                let name = self.columns.get(column).map_or("", |(name, _)| *name);
                let message = format!("the cell {name} is empty");
                let row = first_line(self.source.text.get(row.start..).unwrap_or_default());
                let hint = "fill it in, or remove the row";
                Err(Box::new(
                    Diagnostic::error("empty-cell", self.source.locate(cell.at), message)
                        .excerpt(row)
                        .hint(hint),
                ))
            }
            Some(cell) => self.whole(cell),
            None => Ok(Placed::default()),
        }
    }

    /// A cell with addresses, if no character of it was lost on the way.
    fn whole(&self, cell: &Placed) -> Result<Placed, Box<Diagnostic>> {
        match cell.text.find(['?', '\u{fffd}']) {
            Some(at) => {
                let message = "a character of this address was lost when the file was written";
                let hint = "export again as UTF-8 (PowerShell: Export-Csv -NoTypeInformation -Encoding UTF8)";
                let at = self.source.locate(cell.at + at);
                Err(Box::new(Diagnostic::error("lossy-csv", at, message).excerpt(&cell.text).hint(hint)))
            }
            None => Ok(cell.clone()),
        }
    }

    fn boolean(&self, cell: &Placed) -> Result<bool, Box<Diagnostic>> {
        match cell.text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" | "$true" => Ok(true),
            "" | "false" | "no" | "0" | "$false" => Ok(false),
            _ => {
                let message = "OutboundOnly is neither true nor false";
                let at = self.source.locate(cell.at);
                Err(Box::new(
                    Diagnostic::error("unknown-value", at, message)
                        .excerpt(&cell.text)
                        .hint("write true or false"),
                ))
            }
        }
    }

    /// The cell of a column that may have an address in it.
    pub(crate) fn optional(&self, row: &Row, column: usize) -> Result<Option<Placed>, Box<Diagnostic>> {
        let cell = self.cell(row, column).filter(|cell| !cell.text.is_empty());
        cell.map(|cell| self.whole(cell)).transpose()
    }

    /// The cells of the row at `start`, without the white space around them, each with its place.
    fn cells(&self, start: usize) -> Result<Vec<Placed>, Box<Diagnostic>> {
        let mut cells = Vec::with_capacity(self.record.len());
        let mut at = start;
        for field in &self.record {
            let is_quoted = self.source.text.as_bytes().get(at) == Some(&b'"');
            let raw = self.raw_cell(at)?;
            // The source is UTF-8 and delimiters are ASCII, so every cell is UTF-8.
            let text = std::str::from_utf8(field).unwrap_or_default();
            let before = text.len() - text.trim_start().len();
            cells.push(Placed { text: text.trim().to_owned(), at: at + before + usize::from(is_quoted) });
            at += raw + 1;
        }
        Ok(cells)
    }

    /// Octets of the cell at `at`, its quotes included, by the strict reading.
    fn raw_cell(&self, at: usize) -> Result<usize, Box<Diagnostic>> {
        let rest = self.source.text.as_bytes().get(at..).unwrap_or_default();
        let is_end = |octet: u8| octet == self.delimiter || matches!(octet, b'\r' | b'\n');
        let bad = |offset: usize, message: &str, hint: &str| {
            let row = first_line(self.source.text.get(at..).unwrap_or_default());
            Err(Box::new(
                Diagnostic::error("bad-quoting", self.source.locate(at + offset), message)
                    .excerpt(row)
                    .hint(hint),
            ))
        };
        if rest.first() != Some(&b'"') {
            let length = rest.iter().position(|&octet| is_end(octet)).unwrap_or(rest.len());
            let cell = rest.get(..length).unwrap_or_default();
            let spaces = cell.iter().take_while(|octet| **octet == b' ').count();
            if spaces > 0 && cell.get(spaces) == Some(&b'"') {
                return bad(
                    spaces,
                    "a space stands before the quote",
                    "remove the space: the quote must be the cell's first character",
                );
            }
            return Ok(length);
        }
        let mut position = 1;
        loop {
            match (rest.get(position), rest.get(position + 1)) {
                (Some(b'"'), Some(b'"')) => position += 2,
                (Some(b'"'), next) if next.is_none_or(|&octet| is_end(octet)) => return Ok(position + 1),
                (Some(b'"'), _) => {
                    let hint = "write a quote inside a cell twice, and the whole cell in quotes: \"\"\"jane doe\"\"@example.com\"";
                    return bad(position + 1, "text follows the closing quote", hint);
                }
                (Some(_), _) => position += 1,
                (None, _) => {
                    return bad(
                        0,
                        "the quote is never closed",
                        "close it, or write it twice to mean a quote",
                    );
                }
            }
        }
    }
}

/// The items of a cell, separated by any of these outside quotes.
pub(crate) fn items(cell: &Placed, separators: &[char]) -> Vec<Placed> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_separator = |character: char| {
        let is_separator = !is_quoted && separators.contains(&character);
        is_quoted ^= character == '"' && !is_escaped;
        is_escaped = is_quoted && character == '\\' && !is_escaped;
        is_separator
    };
    let mut items = Vec::new();
    let mut at = cell.at;
    for item in cell.text.split(is_separator) {
        let text = item.trim();
        if !text.is_empty() {
            let before = item.len() - item.trim_start().len();
            items.push(Placed { text: text.to_owned(), at: at + before });
        }
        at += item.len() + 1;
    }
    items
}

/// Whether the header row names a column.
pub(crate) fn names_column(source: &Source, column: &str) -> bool {
    let header = first_line(source.text.trim_start_matches(['\r', '\n']));
    let delimiter = char::from(sniff(header));
    let is_it = |cell: &str| cell.trim().trim_matches('"').trim().eq_ignore_ascii_case(column);
    header.split(delimiter).any(is_it)
}

fn first_line(text: &str) -> &str {
    text.split(['\r', '\n']).next().unwrap_or_default()
}

/// The delimiter that the header row has most of.
fn sniff(header: &str) -> u8 {
    let count = |delimiter: u8| header.bytes().filter(|&octet| octet == delimiter).count();
    DELIMITERS.into_iter().rev().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}
