//! The domains whose mail comes in here, if a plan lists them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use readdress::routing::{AcceptedDomain, DomainPattern, DomainType};
use readdress::{AddressErrorKind, EntryAddress};

use crate::diagnostic::{Diagnostic, Diagnostics, Location};
use crate::domain::at_and_above;
use crate::entry::Placed;
use crate::source::Source;

/// An `[[accepted-domain]]` as it stands in the plan.
#[derive(Debug)]
pub(crate) struct ReadDomain {
    pub(crate) domain: Placed,
    pub(crate) kind: DomainType,
    /// Line of its table.
    pub(crate) line: u32,
}

/// The accepted domains of a plan, or of another system. Empty if none are listed.
#[derive(Debug, Default)]
pub(crate) struct AcceptedDomains {
    /// In the order in which they stand.
    list: Vec<AcceptedDomain>,
    /// Octet of the plan file at which each begins.
    places: Vec<usize>,
    /// The numbers of exact domains.
    exact: BTreeMap<Vec<u8>, usize>,
    /// `*.domain`: the domain itself and all below it.
    below: BTreeMap<Vec<u8>, usize>,
}

impl AcceptedDomains {
    /// Whether the plan lists none, so that nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them, in the order in which they stand.
    pub(crate) fn list(&self) -> &[AcceptedDomain] {
        &self.list
    }

    /// Where each stands; `source` is the plan file.
    pub(crate) fn places(&self, source: &Source) -> Vec<Location> {
        self.places.iter().map(|&at| source.locate(at)).collect()
    }

    /// The type of a domain, given as key: its own, or else that of the longest `*.` domain.
    pub(crate) fn get(&self, domain: &[u8]) -> Option<DomainType> {
        let below = || at_and_above(domain).find_map(|parent| self.below.get(parent));
        let number = *self.exact.get(domain).or_else(below)?;
        self.list.get(number).map(|accepted| accepted.kind)
    }

    /// Adds a domain of the plan file, which is `source`.
    pub(crate) fn add(&mut self, read: &ReadDomain, source: &Source, diagnostics: &mut Diagnostics) {
        let ReadDomain { domain: Placed { text, at }, kind, line } = read;
        let error = |code, offset, message: String, hint: &str| {
            Diagnostic::error(code, source.locate(at + offset), message).excerpt(text).hint(hint)
        };
        let (domains, domain, below) = match EntryAddress::parse(text.as_bytes()) {
            Ok(EntryAddress::Domain(domain)) => (&mut self.exact, domain, false),
            Ok(EntryAddress::Subdomains(domain)) => (&mut self.below, domain, true),
            Ok(EntryAddress::Mailbox { .. }) => {
                let message = "an accepted domain is a domain, and this is a mailbox".to_owned();
                diagnostics.push(error("bad-address", 0, message, "write domain or *.domain"));
                return;
            }
            Err(found) => {
                let hint = match found.kind {
                    AddressErrorKind::International => {
                        "write it in lower case and composed, as a browser shows it, or in its xn-- form"
                    }
                    _ => "write domain or *.domain",
                };
                diagnostics.push(error("bad-address", found.offset, found.to_string(), hint));
                return;
            }
        };
        match domains.entry(domain.clone()) {
            Entry::Vacant(place) => {
                place.insert(self.list.len());
                let domain = DomainPattern { domain, below };
                self.list.push(AcceptedDomain { domain, kind: *kind, line: *line });
                self.places.push(*at);
            }
            Entry::Occupied(first) => {
                let message = "this domain is accepted already".to_owned();
                let hint = "name it once; case and spelling make no difference";
                let first = source.locate(self.places.get(*first.get()).copied().unwrap_or_default());
                diagnostics.push(error("duplicate-domain", 0, message, hint).also_at(first));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_domain_beats_the_longest_that_covers_it() {
        let mut accepted = AcceptedDomains::default();
        assert!(accepted.is_empty());
        let source = Source::of_text("");
        let mut diagnostics = Diagnostics::default();
        for (text, kind) in [
            ("a.x.example", DomainType::Authoritative),
            ("*.x.example", DomainType::ExternalRelay),
            ("*.b.x.example", DomainType::InternalRelay),
        ] {
            let domain = Placed { text: text.to_owned(), at: 0 };
            accepted.add(&ReadDomain { domain, kind, line: 1 }, &source, &mut diagnostics);
        }
        assert!(diagnostics.is_empty(), "{diagnostics}");
        for (domain, kind) in [
            ("a.x.example", Some(DomainType::Authoritative)),
            ("x.example", Some(DomainType::ExternalRelay)),
            ("z.a.x.example", Some(DomainType::ExternalRelay)),
            ("z.b.x.example", Some(DomainType::InternalRelay)),
            ("y.example", None),
            ("ax.example", None),
        ] {
            assert_eq!(accepted.get(domain.as_bytes()), kind, "{domain}");
        }
    }
}
