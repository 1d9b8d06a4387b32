//! The proof that replies find their way back: `inbound(outbound(x))` is x for every x that a two-way
//! entry takes out.
//!
//! Every two-way mailbox key is unique on both sides and found before all others, so what goes out
//! through a mailbox entry under its own key comes back. What goes out through a two-way domain entry
//! comes back through it unless a mailbox entry takes it on the way, and what was set aside (a
//! subaddress, a BATV tag) comes back unless it is split elsewhere on the other side. These are the
//! exceptions, and each is looked for where it can be: at the external side of a two-way mailbox entry.

use readdress::{Added, EntryAddress, EntryDirection, EntryId, EntryKind};

use super::asked::{Asked, Trip, spelled};
use super::domains::DomainEntries;
use super::findings::Findings;
use super::text;
use crate::diagnostic::Diagnostic;
use crate::directory::Existence;
use crate::plan::Plan;

/// A subaddress that nobody has in an entry.
pub(super) const FRESH: &str = "nobody-has-this-detail";

impl Plan {
    /// All that keeps an answer from coming back where the external side of one entry is concerned.
    pub(super) fn find_lost_replies(
        &self,
        id: EntryId,
        entry: &Added<'_>,
        domains: &DomainEntries<'_>,
        asked: &Asked<'_>,
        findings: &mut Findings,
    ) {
        if entry.kind != EntryKind::Mailbox || entry.direction != EntryDirection::Both {
            return;
        }
        self.find_lost_subaddress(id, entry, asked, findings);
        self.find_collision_of_details(id, entry, asked, findings);
        self.find_collision_with_domain(id, entry, domains, asked, findings);
    }

    /// Subaddresses that can't come back: the external local-part holds a delimiter itself, or is of
    /// a kind that is never split.
    fn find_lost_subaddress(
        &self,
        id: EntryId,
        entry: &Added<'_>,
        asked: &Asked<'_>,
        findings: &mut Findings,
    ) {
        let delimiters = &asked.engine.map().policy().subaddress_delimiters;
        let Some(delimiter) = delimiters.chars().next() else { return };
        if is_split_like_a_name(entry.external.local_part, delimiters.as_bytes()) {
            return;
        }
        let tagged = [entry.internal.local_part, format!("{delimiter}{FRESH}").as_bytes()].concat();
        let is_taken_out_here = |trip: &Trip| trip.internal == entry.internal.text;
        let Some(trip) = lost(asked, &tagged, entry.internal.domain, is_taken_out_here) else { return };
        let message = "a subaddress of this mailbox does not find its way back: its external form is split elsewhere or not at all";
        findings.doubt_round_trip();
        findings.add(
            Diagnostic::warning("subaddress-lost", self.locate(id, |place| place.external), message)
                .excerpt(text(entry.external.text))
                .witness(trip.steps)
                .hint(
                    "choose an external local-part without a delimiter, or set subaddress-delimiters = \"\"",
                ),
        );
    }

    /// An external address that is another one's with a subaddress or a BATV tag: john@i with the
    /// subaddress `+sales` leaves as john+sales@x, and the answer reaches whoever has that address.
    fn find_collision_of_details(
        &self,
        id: EntryId,
        entry: &Added<'_>,
        asked: &Asked<'_>,
        findings: &mut Findings,
    ) {
        let delimiters = asked.engine.map().policy().subaddress_delimiters.as_bytes();
        let local_part = entry.external.local_part;
        let delimiter = local_part.iter().position(|octet| delimiters.contains(octet));
        let tag = local_part.contains(&b'=').then(|| batv_tag(local_part)).flatten();
        for (start, end) in [(0, delimiter), (tag.unwrap_or(0), tag.map(|_| local_part.len()))] {
            let Some(base) = end.and_then(|end| local_part.get(start..end)).filter(|base| !base.is_empty())
            else {
                continue;
            };
            // Where a domain entry takes the other address, the collision is that of a domain.
            let Some(behind) = asked.mailbox_behind(&spelled(base, entry.external.domain)) else { continue };
            let EntryAddress::Mailbox { local_part: other, domain } = behind else { continue };
            let before = local_part.get(..start).unwrap_or_default();
            let after = end.and_then(|end| local_part.get(end..)).unwrap_or_default();
            let name = [before, &other, after].concat();
            let is_mailbox = |trip: &Trip| trip.kind == EntryKind::Mailbox;
            let Some(trip) = lost(asked, &name, &domain, is_mailbox) else { continue };
            let message = "this external address is another one's with a subaddress: answers to that subaddress come here";
            findings.doubt_round_trip();
            findings.add(
                Diagnostic::error("not-invertible", self.locate(id, |place| place.external), message)
                    .excerpt(text(entry.external.text))
                    .witness(trip.steps)
                    .hint("choose another external address, or set subaddress-delimiters = \"\""),
            );
        }
    }

    /// A domain entry and a mailbox entry that meet in one external address: where i.example <->
    /// x.example stands beside a@i.example <-> b@x.example, b@i.example leaves as b@x.example too,
    /// and the answer reaches a. Whether b@i.example exists decides.
    fn find_collision_with_domain(
        &self,
        id: EntryId,
        entry: &Added<'_>,
        domains: &DomainEntries<'_>,
        asked: &Asked<'_>,
        findings: &mut Findings,
    ) {
        let Some(&(internal_domain, domain_id)) = domains.by_external.get(entry.external.domain) else {
            return;
        };
        let Some((existence, trip)) = self.collision_with_domain(entry, internal_domain, asked) else {
            return;
        };
        let at = self.locate(id, |place| place.external);
        let [witness, ..] = &trip.steps;
        let diagnostic = if existence == Existence::Listed {
            let message =
                "a domain entry gives this external address to another mailbox; answers to it come here";
            Diagnostic::error("not-invertible", at, message)
                .hint(format!("give {witness} an entry of its own with another external address"))
        } else {
            let message = "a domain entry gives this external address to another mailbox, if that exists; answers to it come here";
            Diagnostic::warning("unproved-collision", at, message)
                .hint(format!("make sure that {witness} does not exist, or give it an entry of its own; a list of recipients with complete-for proves it"))
        };
        findings.doubt_round_trip();
        findings.add(
            diagnostic
                .excerpt(text(entry.external.text))
                .also_at(self.locate(domain_id, |place| place.external))
                .witness(trip.steps),
        );
    }

    /// Somebody of a domain whose answers this mailbox entry takes, and whether they exist.
    fn collision_with_domain(
        &self,
        entry: &Added<'_>,
        internal_domain: &[u8],
        asked: &Asked<'_>,
    ) -> Option<(Existence, Trip)> {
        let delimiters = asked.engine.map().policy().subaddress_delimiters.as_bytes();
        let local_part = entry.external.local_part;
        let is_domain = |trip: &Trip| trip.kind == EntryKind::Domain;
        let lost = |name: &[u8]| lost(asked, name, internal_domain, is_domain);
        let detailed = |detail: &'static str| {
            delimiters.iter().map(move |delimiter| [local_part, &[*delimiter], detail.as_bytes()].concat())
        };
        // Somebody may be listed under a name that is this one with a subaddress.
        let listed =
            detailed("").find_map(|start| self.directory.beginning(&start, internal_domain).find_map(lost));
        if let Some(trip) = listed {
            return Some((Existence::Listed, trip));
        }
        // Whoever exists under a name does so with any tag before it and any subaddress behind it.
        let name = local_part.get(batv_tag(local_part).unwrap_or(0)..).unwrap_or_default();
        let base = name.split(|octet| delimiters.contains(octet)).next().unwrap_or_default();
        let names = [local_part, name, base].into_iter().filter(|name| !name.is_empty());
        let known = names.map(|name| self.directory.exists(name, internal_domain));
        let existence = known.fold(Existence::Absent, |least, one| match (least, one) {
            (Existence::Listed, _) | (_, Existence::Listed) => Existence::Listed,
            (Existence::Unknown, _) | (_, Existence::Unknown) => Existence::Unknown,
            _ => Existence::Absent,
        });
        if existence == Existence::Absent {
            return None;
        }
        // What is no name by itself may be one with a subaddress: abuse is never moved, abuse+x is.
        let trip = lost(local_part).or_else(|| detailed(FRESH).find_map(|name| lost(&name)))?;
        Some((existence, trip))
    }
}

/// The way of an address that a two-way entry of a kind takes out, and that does not come back. One
/// whose name looks like a tag itself may be taken out only behind another tag.
fn lost(
    asked: &Asked<'_>,
    local_part: &[u8],
    domain: &[u8],
    is_meant: impl Fn(&Trip) -> bool,
) -> Option<Trip> {
    let lost =
        |name: &[u8]| asked.trip(&spelled(name, domain)).filter(|trip| !trip.is_home && is_meant(trip));
    lost(local_part).or_else(|| lost(&[b"prvs=0=".as_slice(), local_part].concat()))
}

/// Octets of a BATV tag at the beginning of a local-part that has one.
pub(super) fn batv_tag(local_part: &[u8]) -> Option<usize> {
    [(b"prvs=".as_slice(), b"=".as_slice()), (b"btv1==", b"=="), (b"msprvs1=", b"=")].iter().find_map(
        |(prefix, separator)| {
            let rest = local_part.strip_prefix(*prefix)?;
            let at = rest.windows(separator.len()).position(|window| window == *separator)?;
            Some(prefix.len() + at + separator.len())
        },
    )
}

/// Whether a subaddress of this external local-part is split off again where it was put on: there
/// is no delimiter in it, and it is none of the kinds that are never split. Quick, for the many
/// that are; the engine is asked about the others.
pub(super) fn is_split_like_a_name(local_part: &[u8], delimiters: &[u8]) -> bool {
    let is_plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_' | b'\'' | b'-');
    local_part.iter().all(|octet| is_plain(octet) && !delimiters.contains(octet))
        && !matches!(local_part, b"postmaster" | b"mailer-daemon")
        && !local_part.starts_with(b"owner-")
        && !local_part.starts_with(b"imcea")
        && !local_part.ends_with(b"-request")
}
