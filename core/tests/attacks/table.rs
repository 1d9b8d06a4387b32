//! The rows of the attack tables: tab-separated, one attack a line.
//!
//! Columns: field name, body, edits, skips, keys, where the attack is known from, why.
//! Octets are written as they are if they can be seen; else `\r \n \t \0 \\ \xNN`, and `\u{N}` for
//! a code point that can't be seen or tells nothing to the eye. `-` is an empty list, `?` in skips
//! or keys leaves open what is reported (international domains), never what is edited. Lists are
//! joined by ` ;; `.

use std::path::Path;

/// One attack.
pub(crate) struct Row {
    /// File and line.
    pub(crate) place: String,
    /// A field's name; `MAIL` and `RCPT` stand for the paths of the envelope.
    pub(crate) field: String,
    pub(crate) body: Vec<u8>,
    pub(crate) edits: Vec<Wanted>,
    /// Names of reasons.
    pub(crate) skips: Option<Vec<String>>,
    /// The whole address of each mailbox, as it is looked up first.
    pub(crate) keys: Option<Vec<Vec<u8>>>,
}

impl Row {
    /// The body with the edits put in by hand.
    pub(crate) fn edited(&self) -> Vec<u8> {
        let (mut body, mut position) = (Vec::new(), 0);
        for edit in &self.edits {
            assert!(edit.offset >= position, "{}: edits stand in order", self.place);
            body.extend_from_slice(&self.body[position..edit.offset]);
            body.extend_from_slice(&edit.new);
            position = edit.offset + edit.old.len();
        }
        body.extend_from_slice(&self.body[position..]);
        body
    }
}

/// An edit as it must be.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Wanted {
    /// Place in the body.
    pub(crate) offset: usize,
    pub(crate) old: Vec<u8>,
    pub(crate) new: Vec<u8>,
}

/// All rows of all tables in `folder`, in the order of file names.
pub(crate) fn read(folder: &Path) -> Vec<Row> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tsv"))
        .collect();
    files.sort();
    files.iter().flat_map(|file| read_file(file)).collect()
}

fn read_file(file: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(file).unwrap();
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty());
    lines.map(|(number, line)| read_row(format!("{name}:{}", number + 1), line)).collect()
}

fn read_row(place: String, line: &str) -> Row {
    let columns: Vec<&str> = line.split('\t').collect();
    let [field, body, edits, skips, keys, _known_from, why] = columns[..] else {
        panic!("{place}: {} columns", columns.len());
    };
    assert!(!why.is_empty(), "{place}: a row says why");
    let body = unescape(body);
    let edits = list(edits).unwrap().into_iter().map(|edit| wanted(&place, &body, edit)).collect();
    let skips = list(skips).map(|skips| skips.into_iter().map(str::to_owned).collect());
    let keys = list(keys).map(|keys| keys.into_iter().map(unescape).collect());
    Row { place, field: field.to_owned(), body, edits, skips, keys }
}

/// `old => new`, or `#2 old => new` for the second of several places.
fn wanted(place: &str, body: &[u8], edit: &str) -> Wanted {
    let (nth, edit) = match edit.strip_prefix('#').and_then(|edit| edit.split_once(' ')) {
        Some((nth, edit)) => (Some(nth.parse::<usize>().unwrap()), edit),
        None => (None, edit),
    };
    let (old, new) = edit.split_once(" => ").unwrap_or_else(|| panic!("{place}: {edit}"));
    let (old, new) = (unescape(old), unescape(new));
    let places: Vec<usize> = (0..body.len()).filter(|&at| body[at..].starts_with(&old)).collect();
    assert!(nth.is_some() || places.len() == 1, "{place}: {edit} stands {} times", places.len());
    Wanted { offset: places[nth.unwrap_or(1) - 1], old, new }
}

fn list(text: &str) -> Option<Vec<&str>> {
    match text {
        "?" => None,
        "-" => Some(Vec::new()),
        text => Some(text.split(" ;; ").collect()),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        octets.extend_from_slice(&rest.as_bytes()[..at]);
        let kind = rest.as_bytes()[at + 1];
        let mut length = 2;
        match kind {
            b'r' => octets.push(b'\r'),
            b'n' => octets.push(b'\n'),
            b't' => octets.push(b'\t'),
            b'0' => octets.push(0),
            b'\\' => octets.push(b'\\'),
            b'x' => {
                length = 4;
                octets.push(u8::from_str_radix(&rest[at + 2..at + 4], 16).unwrap());
            }
            b'u' => {
                let end = at + rest[at..].find('}').unwrap();
                length = end + 1 - at;
                let point = u32::from_str_radix(&rest[at + 3..end], 16).unwrap();
                octets.extend(char::from_u32(point).unwrap().to_string().bytes());
            }
            other => panic!("\\{} is no escape", char::from(other)),
        }
        rest = &rest[at + length..];
    }
    octets.extend_from_slice(rest.as_bytes());
    octets
}
