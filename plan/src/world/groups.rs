//! Groups and who is in them: `Identity,Members`, as distribution groups are kept, and the column `Groups`
//! of lists of recipients.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostics, Severity};
use crate::directory::{Directory, ListedAt, Mailbox};
use crate::entry::Placed;
use crate::source::narrow;
use crate::table::{Column, Rows, items};
use crate::world::files::Files;
use crate::world::names::Names;
use crate::world::recipients::{SEPARATORS, mailbox};

const COLUMNS: &[Column] = &[("Identity", true), ("Members", true)];

/// A group of addresses.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// By key, and where each is first said to be in it.
    pub(crate) members: BTreeMap<Vec<u8>, ListedAt>,
}

/// Reads the tables of groups. One may hold several groups, and is read once.
pub(crate) fn read_groups<'p>(
    tables: impl Iterator<Item = &'p Placed>,
    files: &mut Files,
    names: &Names,
    directory: &mut Directory,
    groups: &mut [Group],
    diagnostics: &mut Diagnostics,
) {
    let mut seen = BTreeSet::new();
    for file in tables {
        let Some(number) = diagnostics.keep(files.open_again(file)) else { continue };
        if seen.insert(number) {
            read_table(files, number, names, directory, groups, diagnostics);
        }
    }
}

fn read_table(
    files: &Files,
    number: usize,
    names: &Names,
    directory: &mut Directory,
    groups: &mut [Group],
    diagnostics: &mut Diagnostics,
) {
    let Some(source) = files.sources().get(number) else { return };
    let Some(mut rows) = Rows::open(source, COLUMNS, diagnostics) else { return };
    // Each is told of once, however many rows it has.
    let mut unknown = BTreeSet::new();
    while let Some(row) = rows.next_row(diagnostics) {
        let identity = rows.cell(&row, 0).cloned().unwrap_or_default();
        if identity.text.is_empty() {
            diagnostics.keep(rows.address(&row, 0));
            continue;
        }
        let group = names.get(&identity.text);
        if group.is_none() && unknown.insert(identity.text.to_lowercase()) {
            let mut told = names.unknown(&identity.text, source.locate(identity.at));
            told.severity = Severity::Warning;
            told.message.push_str("; its rows are passed over");
            diagnostics.push(told);
        }
        let Some(members) = diagnostics.keep(rows.address(&row, 1)) else { continue };
        for member in items(&members, SEPARATORS) {
            let Some(address) = mailbox(&member, source, diagnostics) else { continue };
            let Some(group) = group else { continue };
            let at = ListedAt { source: narrow(number), at: narrow(member.at) };
            directory.join(&address, &member.text, group, at);
            join(groups, group, &address, at);
        }
    }
}

/// Puts somebody into the group of this number.
pub(super) fn join(groups: &mut [Group], group: u16, member: &Mailbox, at: ListedAt) {
    if let Some(group) = groups.get_mut(usize::from(group)) {
        group.members.entry(member.key()).or_insert(at);
    }
}
