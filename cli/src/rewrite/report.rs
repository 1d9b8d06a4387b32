//! What `rewrite` tells people: remarks for the error stream, and the table of edits.

use std::fmt::Write;

use super::Outcome;
use crate::describe::place;
use crate::escape::Shown;

/// Envelope results, then what was skipped and which addresses no entry maps.
pub(super) fn remarks(outcome: &Outcome<'_>) -> String {
    let mut text = String::new();
    for (option, path) in outcome.envelope.paths() {
        let _ = write!(text, "{option}: {}", path.line());
        match path.skipped() {
            Some(reason) => drop(writeln!(text, " (skipped[{reason}])")),
            None => text.push('\n'),
        }
    }
    let message = &outcome.message.name;
    for skip in outcome.rewritten.skipped() {
        let (reason, field) = (skip.reason.name(), Shown(skip.field));
        let _ = writeln!(text, "{message}:{}: skipped[{reason}]: {field}[{}]", skip.offset, skip.nth);
    }
    let verdict = outcome.verdict().name();
    for address in outcome.unmapped() {
        let _ = writeln!(text, "{message}: unmapped[{verdict}]: {}", Shown(address));
    }
    text
}

/// A line for each edit, separated by blanks where it is to be cut: offset, length, field.
pub(super) fn edits(outcome: &Outcome<'_>) -> String {
    let mut text = String::new();
    for edit in outcome.rewritten.edits() {
        let _ = write!(text, "{} {} {}[{}] ", edit.offset, edit.length, Shown(edit.field), edit.nth);
        let _ = match edit.entry {
            None if edit.is_removal() => writeln!(text, "removed"),
            Some(entry) => {
                writeln!(text, "{} -> {} ({})", Shown(edit.from), Shown(edit.to), place(&entry))
            }
            // An edit without an entry keeps a line below 998 octets.
            None => writeln!(text, "fold"),
        };
    }
    text
}
