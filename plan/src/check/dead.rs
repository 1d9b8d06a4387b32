//! Entries and exceptions without effect: what they say would happen without them, too.
//!
//! Whatever is named here can be removed, all of it at once, and no address that the plan names comes
//! out otherwise. So what one of them leans on is never named because of that one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use readdress::{
    Added, Direction, Entry, EntryAddress, EntryDirection, EntryId, EntryKind, Session, Unmapped,
};

use super::asked::{Asked, spelled};
use super::domains::{DomainEntries, DomainEntry};
use super::findings::Findings;
use super::round_trip::{FRESH, batv_tag, is_split_like_a_name};
use super::text;
use crate::diagnostic::Diagnostic;
use crate::domain::{at_and_above, is_at_or_below};
use crate::plan::{Exception, Plan};

/// Why an entry has no effect.
#[derive(Clone, Copy)]
pub(super) struct Dead {
    because: &'static str,
    /// The entry that does the same.
    same: Option<EntryId>,
}

const SAME_AS_DOMAIN: &str = "the entry of its domain does the same";
const SAME_AS_ABOVE: &str = "the entry of the domains above does the same";
const SAME_AS_BASE: &str = "the entry of the address without its subaddress or tag does the same";
const SAME_ADDRESS: &str = "both sides are the same address";
const SAME_DOMAIN: &str = "both sides are the same domain";
const ALL_EXCEPTED: &str = "its exceptions are all of its domains";

impl Plan {
    /// An entry without effect. `dead` has those for whole domains.
    pub(super) fn find_shadowed(
        &self,
        id: EntryId,
        entry: &Added<'_>,
        domains: &DomainEntries<'_>,
        dead: &DeadEntries,
        asked: &Asked<'_>,
        findings: &mut Findings,
    ) {
        let found = match entry.kind {
            EntryKind::Mailbox => dead_mailbox(entry, domains, asked),
            EntryKind::Domain | EntryKind::Subdomains => dead.get(&id).copied(),
        };
        let Some(Dead { because, same }) = found else { return };
        let mut witness = match entry.kind {
            EntryKind::Mailbox => vec![text(entry.internal.text), text(entry.external.text)],
            EntryKind::Domain | EntryKind::Subdomains if because == ALL_EXCEPTED => {
                vec![someone(entry.internal.domain)]
            }
            EntryKind::Domain | EntryKind::Subdomains => {
                vec![someone(entry.internal.domain), someone(entry.external.domain)]
            }
        };
        witness.dedup_by(|later, earlier| later.eq_ignore_ascii_case(earlier));
        let hint = if same.is_none() && because != ALL_EXCEPTED {
            "remove it, unless it is there so that the address does not count as unmapped"
        } else {
            "remove it, or correct it if it was meant to do something else"
        };
        let mut diagnostic = Diagnostic::warning(
            "shadowed-entry",
            self.locate(id, |place| place.internal),
            format!("the entry changes nothing: {because}"),
        )
        .excerpt(text(entry.internal.text))
        .witness(witness)
        .hint(hint);
        if let Some(same) = same {
            diagnostic = diagnostic.also_at(self.locate(same, |place| place.internal));
        }
        findings.add(diagnostic);
    }

    /// Exceptions without effect.
    pub(super) fn find_shadowed_exceptions<'p>(
        &'p self,
        domains: &DomainEntries<'p>,
        dead: &DeadEntries,
        asked: &mut Asked<'_>,
        findings: &mut Findings,
    ) {
        let living = Living { domains, dead };
        let mut named = None;
        for entry in domains.subdomains.values().filter(|entry| !dead.contains_key(&entry.id)) {
            let source = self.source_of(entry.id);
            let mut places = BTreeMap::new();
            for exception in self.except(entry.id) {
                places.entry(exception.domain.as_slice()).or_insert(exception.at);
            }
            for exception in self.except(entry.id) {
                let domain = exception.domain.as_slice();
                let mut at_and_above = at_and_above(domain).map(|parent| places.get(parent));
                let first = at_and_above.next().flatten();
                let (because, other) = if let Some(above) = at_and_above.flatten().next() {
                    ("an exception above it does the same", self.locate_in(source, *above))
                } else if let Some(first) = first.filter(|first| **first != exception.at) {
                    ("it is there already", self.locate_in(source, *first))
                } else if let Some(longer) = living.longer(domain, entry) {
                    let at = self.locate(longer.id, |place| place.internal);
                    ("an entry for fewer domains decides about it", at)
                } else if let Some(own) = living.exact(domain)
                    && !living.decides_below(
                        exception,
                        entry,
                        named.get_or_insert_with(|| self.named(domains)),
                    )
                {
                    let at = self.locate(own.id, |place| place.internal);
                    ("the domain has an entry of its own, and the plan names no other below it", at)
                } else {
                    continue;
                };
                let someone = someone(domain);
                let result = asked.outbound(someone.as_bytes());
                findings.add(
                    Diagnostic::warning(
                        "shadowed-entry",
                        self.locate_in(source, exception.at),
                        format!("the exception changes nothing: {because}"),
                    )
                    .excerpt(text(domain))
                    .also_at(other)
                    .witness(std::iter::once(someone).chain(result))
                    .hint("remove it, unless there are domains below it that are to be left alone"),
                );
            }
        }
    }

    fn named<'p>(&'p self, domains: &DomainEntries<'p>) -> Named<'p> {
        let exceptions = self.exceptions.values().flatten().map(|exception| exception.domain.as_slice());
        let listed = self.directory.domains().map(|(domain, _)| domain);
        let all = domains.internal().chain(exceptions).chain(listed);
        all.map(|domain| (from_the_right(domain), domain)).collect()
    }
}

/// Somebody of a domain, whom no entry names.
fn someone(domain: &[u8]) -> String {
    format!("someone@{}", text(domain))
}

fn dead_mailbox(entry: &Added<'_>, domains: &DomainEntries<'_>, asked: &Asked<'_>) -> Option<Dead> {
    let (internal, external) = (&entry.internal, &entry.external);
    let policy = asked.engine.map().policy();
    let is_same_name = internal.local_part == external.local_part;
    let is_identity = is_same_name && internal.domain == external.domain;
    if is_identity && (internal.local_part == b"postmaster" || policy.unmapped != Unmapped::Pass) {
        return None;
    }
    let delimiters = policy.subaddress_delimiters.as_bytes();
    if is_moved_like_a_name(internal.local_part, delimiters) {
        // Behind the entry come those of the domain, whatever is set aside of the address.
        let next = domains.moving(internal.domain);
        let back = || domains.by_external.get(external.domain).map_or(external.domain, |(domain, _)| *domain);
        let is_same = is_same_name
            && next.map_or(internal.domain, |next| next.external) == external.domain
            && (entry.direction == EntryDirection::Outbound || back() == internal.domain);
        return is_same.then(|| Dead {
            because: match next {
                None => SAME_ADDRESS,
                Some(next) if next.internal == internal.domain => SAME_AS_DOMAIN,
                Some(_) => SAME_AS_ABOVE,
            },
            same: next.map(|next| next.id),
        });
    }
    let mut first = None;
    let directions: &[Direction] = match entry.direction {
        EntryDirection::Both => &[Direction::Outbound, Direction::Inbound],
        EntryDirection::Outbound => &[Direction::Outbound],
    };
    for &direction in directions {
        let side = if direction == Direction::Outbound { internal } else { external };
        let details = delimiters.iter().map(|delimiter| format!("{}{FRESH}", char::from(*delimiter)));
        for detail in std::iter::once(String::new()).chain(details) {
            for tag in ["", "prvs=0="] {
                let name = [tag.as_bytes(), side.local_part, detail.as_bytes()].concat();
                let session = Session::from(direction).with_smtputf8(true);
                let explained = asked.engine.explain(session, spelled(&name, side.domain).as_bytes());
                let Some(winner) = explained.entry.filter(|winner| winner.internal() == internal.text) else {
                    continue;
                };
                let next = explained.shadowed.into_iter().next();
                let stays = Some((name.clone(), side.domain.to_vec()));
                let without = next.as_ref().map_or(stays, |next| moved(next, direction, &name));
                if moved(&winner, direction, &name) != without {
                    return None;
                }
                first.get_or_insert(next);
            }
        }
    }
    let next = first.flatten();
    let same = next.as_ref().and_then(|next| domains.by_text(&next.internal()));
    let because = match next.map(|next| next.kind()) {
        None => SAME_ADDRESS,
        Some(EntryKind::Mailbox) => SAME_AS_BASE,
        Some(EntryKind::Domain) => SAME_AS_DOMAIN,
        Some(EntryKind::Subdomains) => SAME_AS_ABOVE,
    };
    Some(Dead { because, same })
}

/// Whether domain entries move this name like any other, with and without a subaddress. Quick, for
/// the many that they do; the engine is asked about the others.
fn is_moved_like_a_name(local_part: &[u8], delimiters: &[u8]) -> bool {
    is_split_like_a_name(local_part, delimiters) && local_part != b"abuse" && !local_part.starts_with(b"srs")
}

/// The key of what an entry makes of a local-part that is under it.
fn moved(entry: &Entry<'_>, direction: Direction, local_part: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (from, to) = match direction {
        Direction::Outbound => (entry.internal(), entry.external()),
        Direction::Inbound => (entry.external(), entry.internal()),
    };
    match (EntryAddress::parse(&from).ok()?, EntryAddress::parse(&to).ok()?) {
        (
            EntryAddress::Mailbox { local_part: from, .. },
            EntryAddress::Mailbox { local_part: to, domain },
        ) => {
            let tag = if local_part == from { 0 } else { batv_tag(local_part).unwrap_or(0) };
            let (tag, name) = local_part.split_at_checked(tag)?;
            Some(([tag, to.as_slice(), name.strip_prefix(from.as_slice())?].concat(), domain))
        }
        (_, to) => Some((local_part.to_vec(), to.domain().to_vec())),
    }
}

/// The entries for whole domains that have no effect.
pub(super) type DeadEntries = BTreeMap<EntryId, Dead>;

pub(super) fn dead_entries(domains: &DomainEntries<'_>, asked: &Asked<'_>) -> DeadEntries {
    let is_watched = asked.engine.map().policy().unmapped != Unmapped::Pass;
    let exact = domains.exact.values();
    let mut dead: DeadEntries =
        exact.filter_map(|entry| Some((entry.id, dead_domain(entry, domains, is_watched)?))).collect();
    let mut subdomains: Vec<_> = domains.subdomains.values().collect();
    // Those below first: what they decide, no exception above them does.
    subdomains.sort_unstable_by_key(|entry| Reverse(entry.internal.len()));
    for entry in subdomains {
        if let Some(found) = dead_subdomains(entry, &Living { domains, dead: &dead }) {
            dead.insert(entry.id, found);
        }
    }
    dead
}

fn dead_domain(entry: &DomainEntry<'_>, domains: &DomainEntries<'_>, is_watched: bool) -> Option<Dead> {
    let is_identity = entry.internal == entry.external;
    // A two-way entry brings somebody back; and where what nothing maps is refused, one that changes
    // nothing lets it through.
    if !is_identity && entry.direction == EntryDirection::Both || is_identity && is_watched {
        return None;
    }
    let next = domains.covering(entry.internal).filter(|next| !next.excepts(entry.internal));
    let is_same = next.map_or(entry.internal, |next| next.external) == entry.external;
    let because = if next.is_some() { SAME_AS_ABOVE } else { SAME_DOMAIN };
    is_same.then(|| Dead { because, same: next.map(|next| next.id) })
}

fn dead_subdomains(entry: &DomainEntry<'_>, living: &Living<'_, '_>) -> Option<Dead> {
    let leaves_all = entry.excepts(entry.internal);
    let next = living.domains.covering_all_of(entry).filter(|next| !next.excepts(entry.internal));
    let Some(next) = next else {
        return leaves_all.then_some(Dead { because: ALL_EXCEPTED, same: None });
    };
    let is_same = !leaves_all
        && next.external == entry.external
        && living.left_alone(entry, entry) == living.left_alone(next, entry);
    is_same.then_some(Dead { because: SAME_AS_ABOVE, same: Some(next.id) })
}

/// What is left of the domain entries without those that have no effect.
struct Living<'c, 'p> {
    domains: &'c DomainEntries<'p>,
    dead: &'c DeadEntries,
}

/// Domains that a plan names, by their labels from the right.
type Named<'p> = BTreeMap<Vec<u8>, &'p [u8]>;

impl<'p> Living<'_, 'p> {
    /// The entry of a domain itself.
    fn exact(&self, domain: &[u8]) -> Option<&DomainEntry<'p>> {
        self.domains.exact.get(domain).filter(|entry| !self.dead.contains_key(&entry.id))
    }

    /// The longest `*.` entry over a domain, if it is longer than this one.
    fn longer(&self, domain: &[u8], entry: &DomainEntry<'_>) -> Option<&DomainEntry<'p>> {
        let over = at_and_above(domain).filter_map(|parent| self.domains.subdomains.get(parent));
        over.take_while(|over| over.id != entry.id).find(|over| !self.dead.contains_key(&over.id))
    }

    /// Whether an exception decides about a domain below its own that the plan names.
    fn decides_below(&self, exception: &Exception, entry: &DomainEntry<'_>, named: &Named<'p>) -> bool {
        let from = from_the_right(&exception.domain);
        let below = named.range(from.clone()..).take_while(|(key, _)| key.starts_with(&from));
        let mut below = below.map(|(_, domain)| *domain).filter(|domain| *domain != exception.domain);
        below.any(|domain| self.exact(domain).is_none() && self.longer(domain, entry).is_none())
    }

    /// The domains of `of` that `entry` leaves alone with all below them: none below another, and
    /// none about which an entry for fewer domains decides.
    fn left_alone<'e>(&self, entry: &'e DomainEntry<'_>, of: &DomainEntry<'_>) -> HashSet<&'e [u8]> {
        let is_topmost =
            |domain: &&[u8]| !at_and_above(domain).skip(1).any(|parent| entry.except.contains(parent));
        let except = entry.except.iter().copied().filter(|domain| is_at_or_below(domain, of.internal));
        except.filter(is_topmost).filter(|domain| self.longer(domain, of).is_none()).collect()
    }
}

/// A domain with its labels from the right, so that those below it follow it in order.
fn from_the_right(domain: &[u8]) -> Vec<u8> {
    let labels = domain.rsplit(|octet| *octet == b'.');
    labels.flat_map(|label| label.iter().copied().chain([b'.'])).collect()
}
