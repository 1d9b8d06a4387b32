//! What can be said about a plan before a message flows: proofs, and doubts with their witnesses.
//!
//! The questions are put to the engine itself, over the compiled map, so that what is proved is
//! what will happen.

mod answers;
mod asked;
mod dead;
mod domains;
mod doubts;
mod findings;
mod mail_flow;
mod migration;
mod relay;
mod round_trip;

use std::sync::Arc;

use readdress::{Added, Engine, EntryDirection, EntryId, EntryKind, Map, MapData, Scratch};

use self::asked::Asked;
use self::dead::dead_entries;
use self::domains::DomainEntries;
use self::findings::Findings;
use crate::diagnostic::Diagnostic;
use crate::flow::World;
use crate::plan::Plan;
use crate::progress::Progress;

/// Everything found out about a plan.
#[derive(Debug, Default)]
pub struct Report {
    /// Nothing compiles.
    pub errors: Vec<Diagnostic>,
    /// It compiles, and may not do what was meant.
    pub warnings: Vec<Diagnostic>,
    /// What holds without exception: `round-trip`, `loop-free`, `no-black-hole`, `no-open-relay`.
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
        self.check_with(&Progress::new())
    }

    /// The same, telling another thread how far it has come.
    #[must_use]
    pub fn check_with(&self, progress: &Progress) -> Report {
        match self.map() {
            Ok(map) => self.assess(&Arc::new(map), progress),
            Err(errors) => {
                Report { errors, warnings: self.notes.clone(), counts: self.counts(), ..Report::default() }
            }
        }
    }

    pub(crate) fn assess(&self, map: &Arc<Vec<u8>>, progress: &Progress) -> Report {
        let mut findings = Findings::default();
        let domains = DomainEntries::of(self);
        let engine = Map::new(MapData::new(Shared(Arc::clone(map)))).map(Engine::new);
        if let Ok(engine) = engine {
            let mut asked = Asked { engine: &engine, scratch: Scratch::new() };
            let dead = dead_entries(&domains, &asked);
            for (id, entry) in self.entries() {
                self.find_chain(id, &entry, &domains, &mut asked, &mut findings);
                self.find_lost_replies(id, &entry, &domains, &asked, &mut findings);
                self.find_unanswered(id, &entry, &asked, &mut findings);
                self.find_shadowed(id, &entry, &domains, &dead, &asked, &mut findings);
            }
            self.find_shadowed_exceptions(&domains, &dead, &mut asked, &mut findings);
            self.find_unanswered_domains(&domains, &mut asked, &mut findings);
            self.find_unaccepted(&mut findings);
            self.find_near_misses(&mut findings);
            self.find_unrouted_postmasters(&mut asked, &mut findings);
            let world = World::new(self, &engine);
            // A plan without ways out leaves it to the host where mail goes.
            if !self.routing.connectors.is_empty() || !self.systems.is_empty() {
                self.find_flows(&world, &mut findings, progress);
                self.find_forwards_without_move(&engine, &mut findings);
                self.find_members_without_forward(&mut findings);
                self.find_misplaced_validation(&engine, &mut findings);
            }
            if !self.routing.accepted_domains.is_empty() || !self.routing.listeners.is_empty() {
                self.find_open_relays(&world, &mut findings);
            }
            self.find_leftovers(&mut findings);
            self.find_unreachable_rules(&mut findings);
        }
        let mut report = findings.into_report();
        report.counts = self.counts();
        report.warnings.extend(self.notes.iter().cloned());
        report.warnings.sort_by(|a, b| (a.at.first(), a.code).cmp(&(b.at.first(), b.code)));
        report
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (EntryId, Added<'_>)> {
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
}

/// A map that is asked before it is given out: it may be too large for a second copy.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
