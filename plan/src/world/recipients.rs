//! Lists of recipients: `Address[,RoutingAddress][,Groups][,Wave]`, and `Name,EmailAddress` as they are
//! kept for adding proxies to mailboxes.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::directory::{Contradiction, Directory, ListedAt, Mailbox, Recipient, RoutingAddress};
use crate::entry::Placed;
use crate::source::{Source, narrow};
use crate::table::{Column, Row, Rows, items, names_column};
use crate::world::groups::{Group, join};
use crate::world::names::Names;

const ADDRESSES: &[Column] =
    &[("Address", true), ("RoutingAddress", false), ("Groups", false), ("Wave", false)];
const PROXIES: &[Column] = &[("Name", true), ("EmailAddress", true)];

/// What separates several in one cell.
pub(super) const SEPARATORS: &[char] = &[';', ','];

/// Reads the list of this number into a directory.
pub(crate) fn read_recipients(
    directory: &mut Directory,
    (sources, number): (&[Source], usize),
    (groups, waves): (&Names, &Names),
    members: &mut [Group],
    diagnostics: &mut Diagnostics,
) {
    let Some(source) = sources.get(number) else { return };
    let list = List { sources, source, number: narrow(number), groups, waves };
    if names_column(source, "EmailAddress") && !names_column(source, "Address") {
        list.read_proxies(directory, diagnostics);
    } else {
        list.read_addresses(directory, members, diagnostics);
    }
}

struct List<'p> {
    sources: &'p [Source],
    source: &'p Source,
    number: u32,
    groups: &'p Names,
    waves: &'p Names,
}

impl List<'_> {
    fn read_addresses(
        &self,
        directory: &mut Directory,
        members: &mut [Group],
        diagnostics: &mut Diagnostics,
    ) {
        let Some(mut rows) = Rows::open(self.source, ADDRESSES, diagnostics) else { return };
        while let Some(row) = rows.next_row(diagnostics) {
            // All of them before the first `?`, so that every mistake of the row is seen.
            let address = diagnostics.keep(rows.address(&row, 0));
            let routing = diagnostics.keep(rows.optional(&row, 1)).flatten();
            let groups = self.groups(&rows, &row, diagnostics);
            let wave = self.wave(&rows, &row, diagnostics);
            let mailbox = address.and_then(|address| Some((self.mailbox(&address, diagnostics)?, address)));
            let routing = routing.and_then(|routing| {
                self.mailbox(&routing, diagnostics)?;
                let at = self.at(&routing);
                Some(Box::new(RoutingAddress { text: routing.text.into(), at }))
            });
            let Some((mailbox, address)) = mailbox else { continue };
            for (group, at) in &groups {
                join(members, *group, &mailbox, *at);
            }
            let mut groups: Vec<u16> = groups.into_iter().map(|(group, _)| group).collect();
            groups.sort_unstable();
            groups.dedup();
            let said = Recipient { at: self.at(&address), routing, groups, wave, ..Recipient::default() };
            self.tell(directory.list(&mailbox, &address.text, said), diagnostics);
        }
    }

    fn read_proxies(&self, directory: &mut Directory, diagnostics: &mut Diagnostics) {
        let Some(mut rows) = Rows::open(self.source, PROXIES, diagnostics) else { return };
        while let Some(row) = rows.next_row(diagnostics) {
            let address = diagnostics.keep(rows.address(&row, 1));
            let name = rows.cell(&row, 0);
            // A display-name says nothing about addresses; what has an @ is meant for one.
            let owner = match name.filter(|name| name.text.contains('@')) {
                Some(_) => diagnostics.keep(rows.address(&row, 0)),
                None => None,
            };
            let owner = owner.and_then(|owner| Some((self.mailbox(&owner, diagnostics)?, owner)));
            let Some(address) = address else { continue };
            let Some(proxy) = self.mailbox(&address, diagnostics) else { continue };
            let known = |placed: &Placed| Recipient { at: self.at(placed), ..Recipient::default() };
            self.tell(directory.list(&proxy, &address.text, known(&address)), diagnostics);
            if let Some((mailbox, owner)) = owner {
                self.tell(directory.list(&mailbox, &owner.text, known(&owner)), diagnostics);
                self.tell(directory.add_proxy(&proxy, &mailbox, self.at(&address)), diagnostics);
            }
        }
    }

    fn groups(&self, rows: &Rows<'_>, row: &Row, diagnostics: &mut Diagnostics) -> Vec<(u16, ListedAt)> {
        let names = rows.cell(row, 2).map(|cell| items(cell, SEPARATORS)).unwrap_or_default();
        let number = |name: Placed| {
            let number = self.groups.get(&name.text);
            if number.is_none() {
                diagnostics.push(self.groups.unknown(&name.text, self.source.locate(name.at)));
            }
            Some((number?, self.at(&name)))
        };
        names.into_iter().filter_map(number).collect()
    }

    fn wave(&self, rows: &Rows<'_>, row: &Row, diagnostics: &mut Diagnostics) -> Option<(u16, ListedAt)> {
        let name = rows.cell(row, 3).filter(|name| !name.text.is_empty())?;
        let number = self.waves.get(&name.text);
        if number.is_none() {
            diagnostics.push(self.waves.unknown(&name.text, self.source.locate(name.at)));
        }
        Some((number?, self.at(name)))
    }

    fn mailbox(&self, address: &Placed, diagnostics: &mut Diagnostics) -> Option<Mailbox> {
        mailbox(address, self.source, diagnostics)
    }

    fn at(&self, placed: &Placed) -> ListedAt {
        ListedAt { source: self.number, at: narrow(placed.at) }
    }

    fn tell(&self, found: impl IntoIterator<Item = Contradiction>, diagnostics: &mut Diagnostics) {
        for found in found {
            diagnostics.push(contradiction(&found, self.sources));
        }
    }
}

/// The mailbox that a cell names.
pub(super) fn mailbox(address: &Placed, source: &Source, diagnostics: &mut Diagnostics) -> Option<Mailbox> {
    let parsed = Mailbox::parse(&address.text).map_err(|message| {
        let at = source.locate(address.at);
        let hint = "write local-part@domain";
        Box::new(Diagnostic::error("bad-address", at, message).excerpt(&address.text).hint(hint))
    });
    diagnostics.keep(parsed)
}

/// What is wrong with a recipient of whom two things are said.
pub(super) fn contradiction(found: &Contradiction, sources: &[Source]) -> Diagnostic {
    let (what, address) = (found.what, found.of.text());
    let message = format!("another {what} is given for {address} already");
    let hint = format!(
        "give one {what}: case and quotes make no difference, and a proxy goes where its mailbox does"
    );
    Diagnostic::error("duplicate-recipient", locate(found.second, sources), message)
        .excerpt(address)
        .also_at(locate(found.first, sources))
        .hint(hint)
}

/// The place of something that is listed.
pub(super) fn locate(place: ListedAt, sources: &[Source]) -> crate::diagnostic::Location {
    let source = usize::try_from(place.source).ok().and_then(|number| sources.get(number));
    let nowhere = || crate::diagnostic::Location { file: String::new(), line: 0, column: 0 };
    let at = usize::try_from(place.at).unwrap_or_default();
    source.map_or_else(nowhere, |source| source.locate(at))
}
