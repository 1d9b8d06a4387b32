//! What can be said about a plan before a message flows: proofs, and doubts with their witnesses.
//!
//! The questions are put to the engine itself, over the compiled map, so that what is proved is
//! what will happen.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use readdress::{Added, AddedSide, Direction, Engine, EntryDirection, EntryId, EntryKind, PathKind, Scratch};

use crate::diagnostic::{Diagnostic, Location};
use crate::plan::{EntryPlace, Plan};

/// The most diagnostics of one code in a report; the last one says how many more there are.
const SHOWN_OF_A_CODE: usize = 1000;
/// The longest chain that is followed to see whether it comes back.
const CHAIN_MAX: usize = 16;

/// Everything found out about a plan.
#[derive(Debug, Default)]
pub struct Report {
    /// Nothing compiles.
    pub errors: Vec<Diagnostic>,
    /// It compiles, and may not do what was meant.
    pub warnings: Vec<Diagnostic>,
    /// What holds without exception: `round-trip`.
    pub proved: Vec<&'static str>,
    /// How many of each kind.
    pub counts: Counts,
}

/// How many entries a plan has.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// All entries.
    pub entries: usize,
    /// Entries for one mailbox.
    pub mailbox: usize,
    /// Entries for a domain.
    pub domain: usize,
    /// Entries for a `*.` domain.
    pub subdomain: usize,
    /// Entries of any kind that are outbound-only.
    pub outbound_only: usize,
}

impl Plan {
    /// Everything that can be said about the plan.
    #[must_use]
    pub fn check(&self) -> Report {
        match self.map() {
            Ok(map) => self.assess(&map),
            Err(errors) => {
                Report { errors, warnings: self.notes.clone(), counts: self.counts(), ..Report::default() }
            }
        }
    }

    pub(crate) fn assess(&self, map: &[u8]) -> Report {
        let mut findings = Findings::default();
        let domains = DomainEntries::of(self);
        if let Ok(engine) = Engine::from_bytes(map.to_vec()) {
            let mut asked = Asked { engine: &engine, scratch: Scratch::new() };
            for (id, entry) in self.entries() {
                self.find_chain(id, &entry, &domains, &mut asked, &mut findings);
                self.find_lost_subaddress(id, &entry, &mut asked, &mut findings);
                self.find_subaddress_collision(id, &entry, &mut asked, &mut findings);
                self.find_collision(id, &entry, &domains, &mut asked, &mut findings);
                self.find_shadowed(id, &entry, &domains, &asked, &mut findings);
            }
            self.find_unrouted_postmasters(&mut asked, &mut findings);
        }
        let mut report = findings.into_report();
        report.counts = self.counts();
        report.warnings.extend(self.notes.iter().cloned());
        report.warnings.sort_by(|a, b| (a.at.first(), a.code).cmp(&(b.at.first(), b.code)));
        report
    }

    fn entries(&self) -> impl Iterator<Item = (EntryId, Added<'_>)> {
        (0..).map(EntryId).map_while(|id| self.builder.get(id).map(|entry| (id, entry)))
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, entry) in self.entries() {
            counts.entries += 1;
            counts.outbound_only += usize::from(entry.direction == EntryDirection::Outbound);
            match entry.kind {
                EntryKind::Mailbox => counts.mailbox += 1,
                EntryKind::Domain => counts.domain += 1,
                EntryKind::Subdomains => counts.subdomain += 1,
            }
        }
        counts
    }

    /// A result that is itself the internal address of an entry. Legal, an address is rewritten
    /// once; but who wrote the entries may have expected otherwise.
    fn find_chain(
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
        findings.warn(
            Diagnostic::warning(code, at, message)
                .excerpt(text(entry.external.text))
                .witness(steps)
                .hint(hint),
        );
    }

    /// A two-way mailbox whose subaddresses can't come back: the external local-part holds a
    /// delimiter itself, or is of a kind that is never split.
    fn find_lost_subaddress(
        &self,
        id: EntryId,
        entry: &Added<'_>,
        asked: &mut Asked<'_>,
        findings: &mut Findings,
    ) {
        let delimiters = asked.engine.map().policy().subaddress_delimiters.clone();
        let is_two_way_mailbox = entry.kind == EntryKind::Mailbox && entry.direction == EntryDirection::Both;
        let (Some(delimiter), true) = (delimiters.chars().next(), is_two_way_mailbox) else { return };
        if is_split_like_a_name(entry.external.local_part, delimiters.as_bytes()) {
            return;
        }
        let plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
        if !entry.internal.local_part.iter().all(plain) {
            return;
        }
        let tagged =
            format!("{}{delimiter}x@{}", text(entry.internal.local_part), text(entry.internal.domain));
        let Some(out) = asked.outbound(tagged.as_bytes()) else { return };
        let back = asked.inbound(out.as_bytes()).unwrap_or_else(|| out.clone());
        if back.eq_ignore_ascii_case(&tagged) {
            return;
        }
        let at = self.locate(id, |place| place.external);
        let message = "a subaddress of this mailbox does not find its way back: its external form is split elsewhere or not at all";
        let diagnostic = Diagnostic::warning("subaddress-lost", at, message)
            .hint("choose an external local-part without a delimiter, or set subaddress-delimiters = \"\"");
        findings.doubt_round_trip();
        findings.add(diagnostic.excerpt(text(entry.external.text)).witness([tagged, out, back]));
    }

    /// An external address that is another one's with a subaddress: john@i with the subaddress
    /// `+sales` leaves as john+sales@x, and the answer reaches whoever has that address.
    fn find_subaddress_collision(
        &self,
        id: EntryId,
        entry: &Added<'_>,
        asked: &mut Asked<'_>,
        findings: &mut Findings,
    ) {
        if entry.kind != EntryKind::Mailbox || entry.direction != EntryDirection::Both {
            return;
        }
        let delimiters = asked.engine.map().policy().subaddress_delimiters.clone();
        let local_part = text(entry.external.local_part);
        let Some(at) = local_part.find(|character| delimiters.contains(character)).filter(|&at| at > 0)
        else {
            return;
        };
        let (base, tag) = local_part.split_at(at);
        let base = format!("{base}@{}", text(entry.external.domain));
        // Where a domain entry takes the other address, the collision is that of `find_collision`.
        if !asked.is_mailbox_inbound(base.as_bytes()) {
            return;
        }
        let Some(internal) = asked.inbound(base.as_bytes()) else { return };
        let Some((local_part, domain)) = internal.rsplit_once('@') else { return };
        let witness = format!("{local_part}{tag}@{domain}");
        let Some(out) = asked.outbound(witness.as_bytes()) else { return };
        let Some(back) = asked.inbound(out.as_bytes()) else { return };
        if back.eq_ignore_ascii_case(&witness) {
            return;
        }
        let message =
            "this external address is another one's with a subaddress: answers to that subaddress come here";
        findings.doubt_round_trip();
        findings.add(
            Diagnostic::error("not-invertible", self.locate(id, |place| place.external), message)
                .excerpt(text(entry.external.text))
                .witness([witness, out, back])
                .hint("choose another external address, or set subaddress-delimiters = \"\""),
        );
    }

    /// A domain entry and a mailbox entry that meet in one external address: where i.example <->
    /// x.example stands beside a@i.example <-> b@x.example, b@i.example leaves as b@x.example too,
    /// and the answer reaches a.
    fn find_collision(
        &self,
        id: EntryId,
        entry: &Added<'_>,
        domains: &DomainEntries<'_>,
        asked: &mut Asked<'_>,
        findings: &mut Findings,
    ) {
        if entry.kind != EntryKind::Mailbox || entry.direction != EntryDirection::Both {
            return;
        }
        let Some(&(internal_domain, domain_id)) = domains.by_external.get(entry.external.domain) else {
            return;
        };
        let mut witness = Vec::new();
        let quoted = entry.external.text.iter().rposition(|&octet| octet == b'@');
        witness.extend_from_slice(quoted.and_then(|at| entry.external.text.get(..at)).unwrap_or_default());
        witness.push(b'@');
        witness.extend_from_slice(internal_domain);
        let Some(out) = asked.outbound(&witness) else { return };
        let back = asked.inbound(out.as_bytes()).unwrap_or_else(|| out.clone());
        let witness = text(&witness);
        if back.eq_ignore_ascii_case(&witness) {
            return;
        }
        let message = "a domain entry gives this external address to another mailbox, if that exists; answers to it come here";
        let hint = format!("make sure that {witness} does not exist, or give it an entry of its own");
        findings.doubt_round_trip();
        findings.warn(
            Diagnostic::warning("unproved-collision", self.locate(id, |place| place.external), message)
                .excerpt(text(entry.external.text))
                .also_at(self.locate(domain_id, |place| place.external))
                .witness([witness, out, back])
                .hint(hint),
        );
    }

    /// An entry without effect.
    fn find_shadowed(
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
        findings.warn(diagnostic);
    }

    /// Inbound domains must take mail for postmaster (RFC 5321 4.5.1), which domain entries leave
    /// alone.
    fn find_unrouted_postmasters(&self, asked: &mut Asked<'_>, findings: &mut Findings) {
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
            findings.warn(
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
}

/// The domain entries of a plan, by each side.
struct DomainEntries<'p> {
    /// Every domain that stands on the internal side of an entry of any kind.
    internal: HashSet<&'p [u8]>,
    /// Internal domain: external domain, direction, entry.
    by_internal: BTreeMap<&'p [u8], (&'p [u8], EntryDirection, EntryId)>,
    /// External domain of a two-way entry: internal domain, entry.
    by_external: BTreeMap<&'p [u8], (&'p [u8], EntryId)>,
    has_subdomains: bool,
}

impl<'p> DomainEntries<'p> {
    fn of(plan: &'p Plan) -> DomainEntries<'p> {
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

/// The engine, asked about single addresses.
struct Asked<'e> {
    engine: &'e Engine,
    scratch: Scratch,
}

impl Asked<'_> {
    /// What an address becomes in outbound fields, if it changes.
    fn outbound(&mut self, address: &[u8]) -> Option<String> {
        self.path(PathKind::Reverse, address)
    }

    /// What an address becomes inbound, if it changes.
    fn inbound(&mut self, address: &[u8]) -> Option<String> {
        self.path(PathKind::Forward, address)
    }

    /// Whether an entry names the address on its external side, even if both sides are the same.
    fn is_mapped_inbound(&self, address: &[u8]) -> bool {
        self.engine.explain(Direction::Inbound, address).entry.is_some()
    }

    /// Whether the entry that names the address on its external side is for one mailbox.
    fn is_mailbox_inbound(&self, address: &[u8]) -> bool {
        let entry = self.engine.explain(Direction::Inbound, address).entry;
        entry.is_some_and(|entry| entry.kind == EntryKind::Mailbox)
    }

    /// The kind of the entry that an address would be under if the one it is under were not there.
    fn next_entry(&self, direction: Direction, address: &[u8]) -> Option<EntryKind> {
        self.engine.explain(direction, address).shadowed.first().map(|entry| entry.kind)
    }

    /// Whether a mailbox would be under the entry of its domain if it had none of its own. Some
    /// never are: postmaster, or one whose base address has an entry.
    fn is_domain_entry_next(&self, entry: &Added<'_>) -> bool {
        let next = |direction, address| self.next_entry(direction, address) == Some(EntryKind::Domain);
        next(Direction::Outbound, entry.internal.text)
            && (entry.direction == EntryDirection::Outbound || next(Direction::Inbound, entry.external.text))
    }

    fn path(&mut self, kind: PathKind, address: &[u8]) -> Option<String> {
        let path = self.engine.rewrite_path(Direction::Outbound, kind, address, &mut self.scratch).ok()?;
        path.entry().is_some().then(|| text(path.to()))
    }
}

/// What was found so far.
#[derive(Default)]
struct Findings {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    /// How often each code was found.
    seen: BTreeMap<&'static str, (usize, Option<Location>)>,
    round_trip_is_doubtful: bool,
}

impl Findings {
    fn doubt_round_trip(&mut self) {
        self.round_trip_is_doubtful = true;
    }

    fn warn(&mut self, diagnostic: Diagnostic) {
        self.add(diagnostic);
    }

    fn add(&mut self, diagnostic: Diagnostic) {
        let (count, last) = self.seen.entry(diagnostic.code).or_default();
        *count += 1;
        if *count > SHOWN_OF_A_CODE {
            *last = diagnostic.at.into_iter().next();
        } else {
            match diagnostic.severity {
                crate::Severity::Error => self.errors.push(diagnostic),
                crate::Severity::Warning => self.warnings.push(diagnostic),
            }
        }
    }

    fn into_report(mut self) -> Report {
        for (code, (count, last)) in self.seen {
            if let Some(at) = last {
                let message = format!("{} more like this, the last one here", count - SHOWN_OF_A_CODE);
                self.warnings.push(Diagnostic::warning(code, at, message).hint("mend those shown first"));
            }
        }
        // Every two-way mailbox key is unique on both sides and found before all others, and every
        // two-way domain key likewise; so what goes out through an entry comes back through it,
        // unless a mailbox entry takes the place of a domain entry on the way back or a subaddress
        // is split elsewhere. Those are the cases looked for above.
        let proved = if self.round_trip_is_doubtful { Vec::new() } else { vec!["round-trip"] };
        Report { errors: self.errors, warnings: self.warnings, proved, counts: Counts::default() }
    }
}

/// Whether a subaddress of this external local-part is split off again where it was put on: there
/// is no delimiter in it, and it is none of the kinds that are never split. Quick, for the many
/// that are; the engine is asked about the others.
fn is_split_like_a_name(local_part: &[u8], delimiters: &[u8]) -> bool {
    let is_plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_' | b'\'' | b'-');
    local_part.iter().all(|octet| is_plain(octet) && !delimiters.contains(octet))
        && !matches!(local_part, b"postmaster" | b"mailer-daemon")
        && !local_part.starts_with(b"owner-")
        && !local_part.starts_with(b"imcea")
        && !local_part.ends_with(b"-request")
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
