//! Lines of tables. The reader takes a key up to white space outside quotes, and the rest of the line as value;
//! a line that begins with `#` or white space is none of its own.

use std::fmt::Write;

use crate::export::EXPORT_MARK;

/// A table in the making.
pub(super) struct Table {
    text: String,
    pub(super) is_empty: bool,
}

impl Table {
    pub(super) fn new(what: &str) -> Table {
        Table { text: format!("# {EXPORT_MARK}: {what}\n"), is_empty: true }
    }

    /// Adds a line, if a key can begin one.
    pub(super) fn line(&mut self, key: &str, value: &str) -> bool {
        if key.is_empty() || key.starts_with(['#', ' ', '\t']) {
            return false;
        }
        let _ = writeln!(self.text, "{key}\t{value}");
        self.is_empty = false;
        true
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// A literal inside a regular expression (POSIX, extended).
pub(super) fn escaped(literal: &str) -> String {
    let mut text = String::with_capacity(literal.len() + 8);
    for character in literal.chars() {
        // The slash ends the expression.
        if r".[]{}()*+?^$|\/".contains(character) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

/// A text on the right side of a line of expressions.
pub(super) fn replacement(literal: &str) -> String {
    literal.replace('$', "$$")
}

/// A set of octets as bracket expression; `not`: all others.
pub(super) fn bracket(octets: &str, not: bool) -> String {
    let mut text = String::from(if not { "[^" } else { "[" });
    if octets.contains(']') {
        text.push(']');
    }
    text.extend(octets.chars().filter(|c| !matches!(c, ']' | '^' | '-')));
    if octets.contains('^') {
        // Not at the beginning, where it would turn the set round.
        if text == "[" {
            return if octets.contains('-') { "[-^]".to_owned() } else { r"\^".to_owned() };
        }
        text.push('^');
    }
    if octets.contains('-') {
        text.push('-');
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_members_of_their_set_whatever_they_are() {
        for (octets, expected) in
            [("+", "[+]"), ("-+", "[+-]"), ("^", r"\^"), ("^-", "[-^]"), ("]+^", "[]+^]")]
        {
            assert_eq!(bracket(octets, false), expected);
        }
        assert_eq!(bracket("^", true), "[^^]");
        assert_eq!(bracket("-+", true), "[^+-]");
    }
}
