//! Doubts: entries that are legal and may not do what was meant.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use readdress::{Added, AddedSide, Direction, EntryDirection, EntryId, EntryKind};

use super::asked::Asked;
use super::findings::Findings;
use super::text;
use crate::diagnostic::Diagnostic;
use crate::directory::Existence;
use crate::plan::{EntryPlace, Plan};

/// The longest chain that is followed to see whether it comes back.
const CHAIN_MAX: usize = 16;
/// The most domains that are compared with each other.
const COMPARED_DOMAINS_MAX: usize = 1000;
/// A domain is taken for another one mistyped if that stands this many times as often.
const NEAR_MISS_RATIO: usize = 10;

impl Plan {
    /// A result that is itself the internal address of an entry. Legal, an address is rewritten
    /// once; but who wrote the entries may have expected otherwise.
    pub(super) fn find_chain(
        &self,
        id: EntryId,
        entry: &Added<'_>,
        domains: &DomainEntries<'_>,
        asked: &mut Asked<'_>,
        findings: &mut Findings,
    ) {
        if !domains.has_subdomains && !domains.internal.contains(entry.external.domain) {
            return;
        }
        // For a domain, any mailbox of it shows the chain.
        let probe = |side: &AddedSide<'_>| match entry.kind {
            EntryKind::Mailbox => text(side.text),
            EntryKind::Domain | EntryKind::Subdomains => format!("someone@{}", text(side.domain)),
        };
        let mut steps = vec![probe(&entry.internal), probe(&entry.external)];
        let (Some(first), Some(second)) = (steps.first(), steps.last()) else { return };
        if first.eq_ignore_ascii_case(second) {
            return;
        }
        let mut is_cycle = false;
        while let Some(next) = steps.last().and_then(|last| asked.outbound(last.as_bytes())) {
            is_cycle = steps.iter().any(|step| step.eq_ignore_ascii_case(&next));
            steps.push(next);
            if is_cycle || steps.len() > CHAIN_MAX {
                break;
            }
        }
        // An address whose result is itself under another spelling is no chain.
        if steps.len() < 3 {
            return;
        }
        let (code, message) = if is_cycle {
            (
                "cycle",
                "the results of these entries lead back to where they began; each message goes one step",
            )
        } else {
            (
                "chain",
                "the result of this entry is the internal address of another; each message goes one step",
            )
        };
        let at = self.locate(id, |place| place.external);
        let hint = "map straight to the final address, or leave it if one step is meant";
        findings.add(
            Diagnostic::warning(code, at, message)
                .excerpt(text(entry.external.text))
                .witness(steps)
                .hint(hint),
        );
    }

    /// An entry without effect.
    pub(super) fn find_shadowed(
        &self,
        id: EntryId,
        entry: &Added<'_>,
        domains: &DomainEntries<'_>,
        asked: &Asked<'_>,
        findings: &mut Findings,
    ) {
        let domain_entry = domains.by_internal.get(entry.internal.domain);
        let is_same = entry.internal.local_part == entry.external.local_part;
        let message = match entry.kind {
            EntryKind::Mailbox if is_same => match domain_entry {
                Some((external, direction, _))
                    if *external == entry.external.domain
                        && *direction == entry.direction
                        && asked.is_domain_entry_next(entry) =>
                {
                    "the entry of its domain does the same"
                }
                None if entry.internal.domain == entry.external.domain
                    && !domains.has_subdomains
                    && entry.internal.local_part != b"postmaster"
                    && asked.next_entry(Direction::Outbound, entry.internal.text).is_none() =>
                {
                    "both sides are the same address"
                }
                _ => return,
            },
            EntryKind::Domain
                if entry.internal.domain == entry.external.domain && !domains.has_subdomains =>
            {
                "both sides are the same domain"
            }
            _ => return,
        };
        let mut diagnostic = Diagnostic::warning(
            "shadowed-entry",
            self.locate(id, |place| place.internal),
            format!("the entry changes nothing: {message}"),
        )
        .excerpt(text(entry.internal.text))
        .hint("remove it, unless it is there so that the address does not count as unmapped");
        if let Some((_, _, other)) = domain_entry.filter(|_| entry.kind == EntryKind::Mailbox) {
            diagnostic = diagnostic.also_at(self.locate(*other, |place| place.internal));
        }
        findings.add(diagnostic);
    }

    /// Inbound domains must take mail for postmaster (RFC 5321 4.5.1), which domain entries leave
    /// alone.
    pub(super) fn find_unrouted_postmasters(&self, asked: &mut Asked<'_>, findings: &mut Findings) {
        let mut seen = BTreeSet::new();
        for (id, entry) in self.entries() {
            if entry.direction != EntryDirection::Both || !seen.insert(entry.external.domain) {
                continue;
            }
            let postmaster = format!("postmaster@{}", text(entry.external.domain));
            if asked.inbound(postmaster.as_bytes()).is_some()
                || asked.is_mapped_inbound(postmaster.as_bytes())
            {
                continue;
            }
            let message = format!("no entry says where {postmaster} goes");
            findings.add(
                Diagnostic::warning(
                    "reserved-address-unrouted",
                    self.locate(id, |place: &EntryPlace| place.external),
                    message,
                )
                .excerpt(text(entry.external.text))
                .witness([postmaster])
                .hint("add an entry for it, or a mailbox of that name at the external domain"),
            );
        }
    }

    /// An outbound-only result that nobody answers, or that somebody else answers.
    pub(super) fn find_unanswered(
        &self,
        id: EntryId,
        entry: &Added<'_>,
        asked: &mut Asked<'_>,
        findings: &mut Findings,
    ) {
        if entry.direction != EntryDirection::Outbound || entry.kind != EntryKind::Mailbox {
            return;
        }
        let result = entry.external.text;
        let at = self.locate(id, |place| place.external);
        let (sender, shown) = (text(entry.internal.text), text(result));
        match asked.inbound(result) {
            Some(other) if other.eq_ignore_ascii_case(&sender) => {}
            Some(other) => findings.add(
                Diagnostic::warning(
                    "reply-reaches-another",
                    at,
                    "replies to what this mailbox sends reach another one",
                )
                .excerpt(&shown)
                .witness([sender, shown, other])
                .hint("leave it if that one answers for both"),
            ),
            None if asked.is_mapped_inbound(result) => {}
            None => match self.directory.exists(entry.external.local_part, entry.external.domain) {
                Existence::Listed => {}
                Existence::Unknown | Existence::Absent => findings.add(
                    Diagnostic::warning(
                        "outbound-only-without-mailbox",
                        at,
                        "nothing says who gets the replies to what this mailbox sends",
                    )
                    .excerpt(&shown)
                    .witness([sender, shown])
                    .hint("add a two-way entry for the external address, or list it among the recipients"),
                ),
            },
        }
    }

    /// Domains that are written nearly like others which stand far more often.
    pub(super) fn find_near_misses(&self, findings: &mut Findings) {
        let mut domains: BTreeMap<&[u8], (usize, EntryId, bool)> = BTreeMap::new();
        for (id, entry) in self.entries() {
            for (domain, is_internal) in [(entry.internal.domain, true), (entry.external.domain, false)] {
                domains.entry(domain).or_insert((0, id, is_internal)).0 += 1;
            }
        }
        if domains.len() > COMPARED_DOMAINS_MAX {
            return;
        }
        for (rare, (count, id, is_internal)) in &domains {
            let near = domains.iter().find(|(common, (often, ..))| {
                *often >= NEAR_MISS_RATIO * count && is_near_miss(&text(rare), &text(common))
            });
            let Some((common, _)) = near else { continue };
            let at = self.locate(*id, |place| if *is_internal { place.internal } else { place.external });
            let message = format!("this domain is written nearly like {}", text(common));
            findings.add(
                Diagnostic::warning("near-miss-domain", at, message)
                    .excerpt(text(rare))
                    .hint("correct it, or leave it if there are two such domains"),
            );
        }
    }
}

/// One typing mistake apart: a letter missing, too many, another one, or two in the wrong order.
/// Domains that differ in a digit alone are numbered, not mistyped.
fn is_near_miss(one: &str, other: &str) -> bool {
    let without_digits = |domain: &str| domain.replace(|character: char| character.is_ascii_digit(), "");
    one.len().abs_diff(other.len()) <= 1
        && strsim::damerau_levenshtein(one, other) == 1
        && without_digits(one) != without_digits(other)
}

/// The domain entries of a plan, by each side.
pub(super) struct DomainEntries<'p> {
    /// Every domain that stands on the internal side of an entry of any kind.
    internal: HashSet<&'p [u8]>,
    /// Internal domain: external domain, direction, entry.
    by_internal: BTreeMap<&'p [u8], (&'p [u8], EntryDirection, EntryId)>,
    /// External domain of a two-way entry: internal domain, entry.
    pub(super) by_external: BTreeMap<&'p [u8], (&'p [u8], EntryId)>,
    has_subdomains: bool,
}

impl<'p> DomainEntries<'p> {
    pub(super) fn of(plan: &'p Plan) -> DomainEntries<'p> {
        let (mut by_internal, mut by_external) = (BTreeMap::new(), BTreeMap::new());
        let mut has_subdomains = false;
        let mut internal = HashSet::new();
        for (id, entry) in plan.entries() {
            internal.insert(entry.internal.domain);
            has_subdomains |= entry.kind == EntryKind::Subdomains;
            if entry.kind == EntryKind::Domain {
                by_internal.insert(entry.internal.domain, (entry.external.domain, entry.direction, id));
                if entry.direction == EntryDirection::Both {
                    by_external.insert(entry.external.domain, (entry.internal.domain, id));
                }
            }
        }
        DomainEntries { internal, by_internal, by_external, has_subdomains }
    }
}
