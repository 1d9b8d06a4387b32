//! Untrusted octets made fit for a terminal or a log: one line, no control characters.

use std::fmt::{self, Display, Formatter, Write};
use std::path::Path;

/// Octets shown as text. Printable characters stand as they are; everything else - control and
/// format characters, octets that are not UTF-8, and the backslash that marks them - is escaped,
/// so that two different values never look the same.
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    // `escape_debug` would escape these for the sake of Rust literals.
                    '"' | '\'' => f.write_char(character)?,
                    _ => write!(f, "{}", character.escape_debug())?,
                }
            }
            for octet in chunk.invalid() {
                write!(f, "\\x{octet:02x}")?;
            }
        }
        Ok(())
    }
}

/// A path shown as text.
pub(crate) fn path(path: &Path) -> String {
    Shown(path.as_os_str().as_encoded_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_or_turns_text_around_comes_through() {
        let hostile = "a\r\nb\u{1b}[2J\u{202e}c\u{7f}\0".as_bytes();
        assert_eq!(Shown(hostile).to_string(), r"a\r\nb\u{1b}[2J\u{202e}c\u{7f}\0");
        assert_eq!(Shown(b"\xff\\ff").to_string(), r"\xff\\ff");
    }

    #[test]
    fn addresses_stay_readable() {
        for address in ["\"jane doe\"@contoso.com", "o'neil@contoso.com", "jürgen@müller.example"] {
            assert_eq!(Shown(address.as_bytes()).to_string(), address);
        }
    }
}
