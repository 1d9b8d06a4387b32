//! Who exists: the recipients that a plan lists, and the domains of which it lists them all.

use std::collections::{BTreeSet, HashSet};

use readdress::EntryAddress;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::entry::Placed;
use crate::source::Source;
use crate::table::{Column, Rows};

/// The columns of a list of recipients.
const COLUMNS: &[Column] = &[("Address", true)];

/// The recipients of a plan. Empty if it lists none.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// Domain and local-part of each, as keys.
    listed: BTreeSet<(Vec<u8>, Vec<u8>)>,
    /// Domains with no other mailbox than those listed, as keys.
    complete: HashSet<Vec<u8>>,
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
        if self.listed.contains(&(domain.to_vec(), local_part.to_vec())) {
            Existence::Listed
        } else if self.complete.contains(domain) {
            Existence::Absent
        } else {
            Existence::Unknown
        }
    }

    /// The local-parts of a domain that are listed and begin so.
    pub(crate) fn beginning<'d>(
        &'d self,
        local_part: &[u8],
        domain: &[u8],
    ) -> impl Iterator<Item = &'d [u8]> {
        let from = (domain.to_vec(), local_part.to_vec());
        let (domain, start) = from.clone();
        let listed = self.listed.range(from..);
        listed
            .take_while(move |(other, name)| *other == domain && name.starts_with(&start))
            .map(|(_, name)| name.as_slice())
    }

    /// Adds a list of recipients.
    pub(crate) fn add_table(&mut self, source: &Source, diagnostics: &mut Diagnostics) {
        let Some(mut rows) = Rows::open(source, COLUMNS, diagnostics) else { return };
        while let Some(row) = rows.next_row(diagnostics) {
            let Some(address) = diagnostics.keep(rows.address(&row, 0)) else { continue };
            match EntryAddress::parse(address.text.as_bytes()) {
                Ok(EntryAddress::Mailbox { local_part, domain }) => {
                    self.listed.insert((domain, local_part));
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
