//! The domain entries of a plan, by each side.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use readdress::{EntryDirection, EntryId, EntryKind};

use crate::domain::at_and_above;
use crate::plan::Plan;

/// The domain entries of a plan.
pub(super) struct DomainEntries<'p> {
    /// Every domain that stands on the internal side of an entry of any kind.
    internal: HashSet<&'p [u8]>,
    /// Entries for a domain, by their internal side.
    pub(super) exact: BTreeMap<&'p [u8], DomainEntry<'p>>,
    /// Entries for a `*.` domain, by that.
    pub(super) subdomains: BTreeMap<&'p [u8], DomainEntry<'p>>,
    /// External domain of a two-way entry: internal domain, entry.
    pub(super) by_external: BTreeMap<&'p [u8], (&'p [u8], EntryId)>,
    plan: &'p Plan,
    /// Every entry by its internal side as written; made when first asked for.
    by_text: OnceCell<HashMap<&'p [u8], EntryId>>,
}

/// An entry for a domain or a `*.` domain.
pub(super) struct DomainEntry<'p> {
    pub(super) id: EntryId,
    pub(super) internal: &'p [u8],
    pub(super) external: &'p [u8],
    pub(super) direction: EntryDirection,
    /// Whether it is for all domains below its internal one, too.
    pub(super) is_subdomains: bool,
    pub(super) except: HashSet<&'p [u8]>,
}

impl<'p> DomainEntries<'p> {
    pub(super) fn of(plan: &'p Plan) -> DomainEntries<'p> {
        let (mut exact, mut subdomains) = (BTreeMap::new(), BTreeMap::new());
        let (mut by_external, mut internal) = (BTreeMap::new(), HashSet::new());
        for (id, entry) in plan.entries() {
            internal.insert(entry.internal.domain);
            if entry.kind == EntryKind::Mailbox {
                continue;
            }
            let domain_entry = DomainEntry {
                id,
                internal: entry.internal.domain,
                external: entry.external.domain,
                direction: entry.direction,
                is_subdomains: entry.kind == EntryKind::Subdomains,
                except: plan.except(id).iter().map(|exception| exception.domain.as_slice()).collect(),
            };
            let entries = if entry.kind == EntryKind::Domain { &mut exact } else { &mut subdomains };
            entries.insert(entry.internal.domain, domain_entry);
            if entry.direction == EntryDirection::Both {
                by_external.insert(entry.external.domain, (entry.internal.domain, id));
            }
        }
        DomainEntries { internal, exact, subdomains, by_external, plan, by_text: OnceCell::new() }
    }

    /// Whether entries are about mailboxes of this domain on their internal side.
    pub(super) fn is_internal(&self, domain: &[u8]) -> bool {
        self.internal.contains(domain) || self.covering(domain).is_some()
    }

    /// Every domain that stands on the internal side of an entry of any kind.
    pub(super) fn internal(&self) -> impl Iterator<Item = &'p [u8]> {
        self.internal.iter().copied()
    }

    /// The entry whose internal side is written so.
    pub(super) fn by_text(&self, internal: &[u8]) -> Option<EntryId> {
        let index = || self.plan.entries().map(|(id, entry)| (entry.internal.text, id)).collect();
        self.by_text.get_or_init(index).get(internal).copied()
    }

    /// The `*.` entry that decides about a domain without an entry of its own, be it that the
    /// domain is an exception.
    pub(super) fn covering(&self, domain: &[u8]) -> Option<&DomainEntry<'p>> {
        if self.subdomains.is_empty() {
            return None;
        }
        at_and_above(domain).find_map(|parent| self.subdomains.get(parent))
    }

    /// The `*.` entry that would decide about the domains of another one if that were not there.
    pub(super) fn covering_all_of(&self, entry: &DomainEntry<'_>) -> Option<&DomainEntry<'p>> {
        at_and_above(entry.internal).skip(1).find_map(|parent| self.subdomains.get(parent))
    }

    /// The entry that moves what is moved of a domain as a whole.
    pub(super) fn moving(&self, domain: &[u8]) -> Option<&DomainEntry<'p>> {
        self.exact.get(domain).or_else(|| self.covering(domain).filter(|entry| !entry.excepts(domain)))
    }
}

impl DomainEntry<'_> {
    /// Whether the entry leaves a domain alone.
    pub(super) fn excepts(&self, domain: &[u8]) -> bool {
        !self.except.is_empty() && at_and_above(domain).any(|parent| self.except.contains(parent))
    }
}
