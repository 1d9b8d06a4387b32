//! Who exists: the recipients that a plan lists, and the domains of which it lists them all.

use std::collections::{BTreeMap, HashSet};

use readdress::EntryAddress;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::entry::Placed;
use crate::source::{Source, narrow};
use crate::table::{Column, Rows};

/// The columns of a list of recipients.
const COLUMNS: &[Column] = &[("Address", true)];

/// The recipients of a plan. Empty if it lists none.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// The local-parts of each domain and where each is listed first, as keys.
    listed: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, ListedAt>>,
    /// Domains with no other mailbox than those listed, as keys.
    complete: HashSet<Vec<u8>>,
}

/// Where a recipient is listed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ListedAt {
    /// Which of the plan's sources.
    pub(crate) source: u32,
    /// Octet at which the address begins.
    pub(crate) at: u32,
}

/// What a plan says about a mailbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Existence {
    Listed,
    /// Its domain is listed completely, and it is not there.
    Absent,
    Unknown,
}

impl Directory {
    /// Whether a mailbox exists; both parts as keys.
    pub(crate) fn exists(&self, local_part: &[u8], domain: &[u8]) -> Existence {
        if self.place(local_part, domain).is_some() {
            Existence::Listed
        } else if self.is_complete(domain) {
            Existence::Absent
        } else {
            Existence::Unknown
        }
    }

    /// Where a mailbox is listed first; both parts as keys.
    pub(crate) fn place(&self, local_part: &[u8], domain: &[u8]) -> Option<ListedAt> {
        self.listed.get(domain)?.get(local_part).copied()
    }

    /// Whether every mailbox of a domain is listed.
    pub(crate) fn is_complete(&self, domain: &[u8]) -> bool {
        self.complete.contains(domain)
    }

    /// The domains of which somebody is listed, with the local-parts of each.
    pub(crate) fn domains(
        &self,
    ) -> impl Iterator<Item = (&[u8], impl Iterator<Item = (&[u8], ListedAt)> + use<'_>)> {
        self.listed.iter().map(|(domain, names)| {
            (domain.as_slice(), names.iter().map(|(local_part, place)| (local_part.as_slice(), *place)))
        })
    }

    /// Whether somebody of a domain is listed.
    pub(crate) fn lists_domain(&self, domain: &[u8]) -> bool {
        self.listed.contains_key(domain)
    }

    /// The local-parts of a domain that are listed and begin so.
    pub(crate) fn beginning<'d>(&'d self, start: &[u8], domain: &[u8]) -> impl Iterator<Item = &'d [u8]> {
        let start = start.to_vec();
        let names = self.listed.get(domain).map(|names| names.range(start.clone()..));
        names
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_slice())
            .take_while(move |name| name.starts_with(&start))
    }

    /// Adds a list of recipients, the source of this number.
    pub(crate) fn add_table(&mut self, source: &Source, number: usize, diagnostics: &mut Diagnostics) {
        let Some(mut rows) = Rows::open(source, COLUMNS, diagnostics) else { return };
        while let Some(row) = rows.next_row(diagnostics) {
            let Some(address) = diagnostics.keep(rows.address(&row, 0)) else { continue };
            match EntryAddress::parse(address.text.as_bytes()) {
                Ok(EntryAddress::Mailbox { local_part, domain }) => {
                    let place = ListedAt { source: narrow(number), at: narrow(address.at) };
                    self.listed.entry(domain).or_default().entry(local_part).or_insert(place);
                }
                parsed => {
                    let message = parsed.err().map_or_else(
                        || "a recipient is a mailbox, and this is a domain".to_owned(),
                        |error| error.to_string(),
                    );
                    diagnostics.push(
                        Diagnostic::error("bad-address", source.locate(address.at), message)
                            .excerpt(&address.text)
                            .hint("write local-part@domain"),
                    );
                }
            }
        }
    }

    /// Says that every mailbox of a domain is listed.
    pub(crate) fn complete(&mut self, domain: &Placed, source: &Source, diagnostics: &mut Diagnostics) {
        match EntryAddress::parse(domain.text.as_bytes()) {
            Ok(EntryAddress::Domain(domain)) => {
                self.complete.insert(domain);
            }
            _ => diagnostics.push(
                Diagnostic::error("bad-address", source.locate(domain.at), "this is no domain")
                    .excerpt(&domain.text)
                    .hint("name the domain whose mailboxes are all listed: tenant1.contoso.com"),
            ),
        }
    }
}
