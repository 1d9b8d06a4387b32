//! The domains whose mail comes in here, if a plan lists them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use readdress::{AddressErrorKind, EntryAddress};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::domain::at_and_above;
use crate::entry::Placed;
use crate::source::Source;

/// What becomes of mail for somebody of an accepted domain who is not known here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DomainType {
    /// Refused: all mailboxes are here.
    Authoritative,
    /// Handed on: some mailboxes are elsewhere.
    InternalRelay,
    /// Nobody is looked up: all mailboxes are elsewhere.
    ExternalRelay,
}

impl DomainType {
    pub(crate) const ALL: [(&str, DomainType); 3] = [
        ("authoritative", DomainType::Authoritative),
        ("internal-relay", DomainType::InternalRelay),
        ("external-relay", DomainType::ExternalRelay),
    ];
}

/// An `[[accepted-domain]]` as it stands in the plan.
#[derive(Debug)]
pub(crate) struct ReadDomain {
    pub(crate) domain: Placed,
    pub(crate) kind: DomainType,
}

/// The accepted domains of a plan. Empty if it lists none.
#[derive(Debug, Default)]
pub(crate) struct AcceptedDomains {
    exact: BTreeMap<Vec<u8>, (DomainType, usize)>,
    /// `*.domain`: the domain itself and all below it.
    below: BTreeMap<Vec<u8>, (DomainType, usize)>,
}

impl AcceptedDomains {
    /// Whether the plan lists none, so that nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }

    /// The type of a domain, given as key: its own, or else that of the longest `*.` domain.
    pub(crate) fn get(&self, domain: &[u8]) -> Option<DomainType> {
        let below = || at_and_above(domain).find_map(|parent| self.below.get(parent));
        self.exact.get(domain).or_else(below).map(|(kind, _)| *kind)
    }

    /// Adds a domain of the plan file, which is `source`.
    pub(crate) fn add(&mut self, read: &ReadDomain, source: &Source, diagnostics: &mut Diagnostics) {
        let ReadDomain { domain: Placed { text, at }, kind } = read;
        let error = |code, offset, message: String, hint: &str| {
            Diagnostic::error(code, source.locate(at + offset), message).excerpt(text).hint(hint)
        };
        let (domains, domain) = match EntryAddress::parse(text.as_bytes()) {
            Ok(EntryAddress::Domain(domain)) => (&mut self.exact, domain),
            Ok(EntryAddress::Subdomains(domain)) => (&mut self.below, domain),
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
        match domains.entry(domain) {
            Entry::Vacant(place) => _ = place.insert((*kind, *at)),
            Entry::Occupied(first) => {
                let message = "this domain is accepted already".to_owned();
                let hint = "name it once; case and spelling make no difference";
                let first = source.locate(first.get().1);
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
        accepted.exact.insert(b"a.x.example".to_vec(), (DomainType::Authoritative, 0));
        accepted.below.insert(b"x.example".to_vec(), (DomainType::ExternalRelay, 0));
        accepted.below.insert(b"b.x.example".to_vec(), (DomainType::InternalRelay, 0));
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
