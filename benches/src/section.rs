//! Puts header sections together: fields on one line, fields folded between words, and fields with
//! long runs of base64, as signing and filtering services write them.

use crate::rng::Rng;

/// The column that folding keeps below, if words let it.
const COLUMN: usize = 72;

/// A header section, and a body behind it.
#[derive(Debug, Default)]
pub struct Section {
    text: String,
}

impl Section {
    /// A field on one line.
    pub fn line(&mut self, name: &str, body: &str) {
        self.text.push_str(name);
        self.text.push_str(": ");
        self.text.push_str(body);
        self.text.push_str("\r\n");
    }

    /// A field of words, folded before those that would pass the column. `fold` is the white space
    /// a continuation begins with.
    pub fn words<'a>(&mut self, name: &str, words: impl IntoIterator<Item = &'a str>, fold: &str) {
        self.text.push_str(name);
        self.text.push(':');
        let mut column = name.len() + 1;
        for word in words {
            if column + 1 + word.len() > COLUMN && column > name.len() + 1 {
                self.text.push_str("\r\n");
                self.text.push_str(fold);
                column = fold.len();
            } else {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(word);
            column += word.len();
        }
        self.text.push_str("\r\n");
    }

    /// A field that begins with `tags` and ends with `octets` of base64, folded at the column
    /// wherever that falls, with a space.
    pub fn base64(&mut self, name: &str, tags: &str, octets: usize, rng: &mut Rng) {
        let digits = rng.base64(octets);
        let mut rest = tags.to_owned() + &digits;
        self.text.push_str(name);
        self.text.push_str(": ");
        let mut room = COLUMN.saturating_sub(name.len() + 2);
        while rest.len() > room {
            let tail = rest.split_off(room);
            self.text.push_str(&rest);
            self.text.push_str("\r\n ");
            rest = tail;
            room = COLUMN - 1;
        }
        self.text.push_str(&rest);
        self.text.push_str("\r\n");
    }

    /// The empty line and a body; the message.
    #[must_use]
    pub fn finish(mut self, body: &str) -> Vec<u8> {
        self.text.push_str("\r\n");
        self.text.push_str(body);
        self.text.into_bytes()
    }
}
