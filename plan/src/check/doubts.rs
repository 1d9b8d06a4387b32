//! Doubts: entries that are legal and may not do what was meant.

use std::collections::{BTreeMap, BTreeSet};

use readdress::{Added, AddedSide, EntryDirection, EntryId, EntryKind};

use super::asked::Asked;
use super::domains::DomainEntries;
use super::findings::Findings;
use super::text;
use crate::diagnostic::Diagnostic;
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
        if !domains.is_internal(entry.external.domain) {
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

    /// External domains that are no accepted ones, where the plan lists those. Told once a domain.
    pub(super) fn find_unaccepted(&self, findings: &mut Findings) {
        if self.accepted.is_empty() {
            return;
        }
        let mut unaccepted: BTreeMap<&[u8], (EntryId, usize)> = BTreeMap::new();
        for (id, entry) in self.entries() {
            unaccepted.entry(entry.external.domain).or_insert((id, 0)).1 += 1;
        }
        unaccepted.retain(|domain, _| self.accepted.get(domain).is_none());
        for (domain, (first, count)) in unaccepted {
            let others = match count - 1 {
                0 => String::new(),
                1 => ", and one more entry leads there".to_owned(),
                others => format!(", and {others} more entries lead there"),
            };
            let message =
                format!("{} is no accepted domain: answers to it do not come in here{others}", text(domain));
            findings.add(
                Diagnostic::warning(
                    "external-address-not-accepted",
                    self.locate(first, |place| place.external),
                    message,
                )
                .excerpt(self.builder.get(first).map_or_else(String::new, |entry| text(entry.external.text)))
                .witness([text(domain)])
                .hint("add it as [[accepted-domain]], or correct the entry"),
            );
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
