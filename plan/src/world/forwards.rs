//! What another system forwards: `Mailbox,ForwardTo`. A mailbox may stand there many times: fan-out.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostics;
use crate::directory::{ListedAt, Mailbox};
use crate::source::{Source, narrow};
use crate::table::{Column, Rows, items};
use crate::world::recipients::{SEPARATORS, mailbox};

const COLUMNS: &[Column] = &[("Mailbox", true), ("ForwardTo", true)];

/// Where a system's mailboxes forward to.
#[derive(Debug, Default)]
pub(crate) struct Forwards {
    /// By the mailbox's key: each target once, in order, with the place of its first row.
    targets: BTreeMap<Vec<u8>, Vec<Forward>>,
}

/// One target of a mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    pub(crate) to: Mailbox,
    /// Where the mailbox stands in the row.
    pub(crate) at: ListedAt,
}

impl Forwards {
    /// Where a mailbox forwards to; `mailbox` as key.
    pub(crate) fn of(&self, mailbox: &[u8]) -> &[Forward] {
        self.targets.get(mailbox).map_or(&[], Vec::as_slice)
    }

    /// Every mailbox that forwards, as key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[Forward])> {
        self.targets.iter().map(|(mailbox, targets)| (mailbox.as_slice(), targets.as_slice()))
    }

    /// Reads the table of this number.
    pub(crate) fn read(&mut self, source: &Source, number: usize, diagnostics: &mut Diagnostics) {
        let Some(mut rows) = Rows::open(source, COLUMNS, diagnostics) else { return };
        while let Some(row) = rows.next_row(diagnostics) {
            let from = diagnostics.keep(rows.address(&row, 0));
            let to = diagnostics.keep(rows.address(&row, 1));
            let from = from.and_then(|from| Some((mailbox(&from, source, diagnostics)?, from.at)));
            let to = to.map(|to| items(&to, SEPARATORS)).unwrap_or_default();
            let to: Vec<Mailbox> = to.iter().filter_map(|to| mailbox(to, source, diagnostics)).collect();
            let Some((from, at)) = from else { continue };
            let targets = self.targets.entry(from.key()).or_default();
            for to in to {
                if let Err(place) = targets.binary_search_by(|known| known.to.cmp(&to)) {
                    let at = ListedAt { source: narrow(number), at: narrow(at) };
                    targets.insert(place, Forward { to, at });
                }
            }
        }
    }
}
