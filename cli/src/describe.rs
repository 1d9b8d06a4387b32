//! Entries in words, for people.

use std::fmt::Write;

use readdress::{Entry, EntryDirection};

use crate::escape::Shown;

/// An entry's name and where it was written down: `John, entries.csv:2`, or what there is of it.
pub(crate) fn place(entry: &Entry<'_>) -> String {
    let mut text = Shown(entry.name().as_bytes()).to_string();
    if let Some(file) = entry.file() {
        if !text.is_empty() {
            text.push_str(", ");
        }
        let _ = write!(text, "{}:{}", Shown(file.as_bytes()), entry.line());
    }
    text
}

/// What an entry pairs: `john@tenant1.contoso.com <-> john@contoso.com`, with one arrow head when
/// it is outbound-only.
pub(crate) fn pair(entry: &Entry<'_>) -> String {
    let arrow = match entry.direction() {
        EntryDirection::Outbound => "->",
        EntryDirection::Both => "<->",
    };
    let [internal, external] = entry.addresses();
    let mut text = format!("{} {arrow} {}", Shown(&internal), Shown(&external));
    for (index, domain) in entry.except().enumerate() {
        let _ = write!(text, "{}{}", if index == 0 { " except " } else { ", " }, Shown(domain));
    }
    text
}

/// The direction's name in plans and JSON.
pub(crate) fn direction(entry: &Entry<'_>) -> &'static str {
    match entry.direction() {
        EntryDirection::Outbound => "outbound",
        EntryDirection::Both => "both",
    }
}
