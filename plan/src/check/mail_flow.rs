//! Mail flow: every known address, and somebody unknown of every domain, is followed from every way in.
//! Loops and black holes are found with the shortest way that shows each.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use readdress::EntryKind;
use readdress::routing::{Condition, DomainPattern};

use super::findings::Findings;
use super::text;
use crate::diagnostic::{Diagnostic, Location};
use crate::flow::{
    Context, Contexts, Ending, Hop, Place, Target, Trail, Walk, Walked, WayOut, World, domain_of, stand_ins,
};
use crate::plan::Plan;
use crate::progress::Progress;

/// Addresses that a thread takes at a time.
const PORTION: usize = 1024;

/// An address that is followed.
#[derive(Debug)]
pub(super) struct Subject {
    /// As key.
    pub(super) key: Vec<u8>,
    /// Whether somebody has it: then it must arrive.
    is_known: bool,
    place: Origin,
}

/// Why an address is followed.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// It stands in a table: source and octet.
    Table(u32, u32),
    /// Somebody unknown in the accepted domain of this number, here or at another system.
    Domain(Option<u16>, usize),
    /// Somebody in a domain that nobody accepts.
    Outside,
}

/// What is wrong with mail for an address.
enum Trouble {
    Loop(Trail),
    Hole(Ending, Trail),
    /// Its mail leaves by a connector for where nobody of the plan is.
    Unmodelled(WayOut),
    Endless,
}

impl Plan {
    /// Follows mail for everybody. What holds without exception is added to what is proved.
    pub(super) fn find_flows(&self, world: &World<'_>, findings: &mut Findings, progress: &Progress) {
        let contexts = self.contexts(world);
        let subjects = self.subjects();
        progress.begin(subjects.len());
        let next = AtomicUsize::new(0);
        let work = || {
            let mut walk = Walk::new(world);
            let mut found = Vec::new();
            loop {
                let first = next.fetch_add(PORTION, Ordering::Relaxed);
                let Some(portion) = subjects.get(first..subjects.len().min(first + PORTION)) else { break };
                if portion.is_empty() {
                    break;
                }
                for (number, subject) in (first..).zip(portion) {
                    let troubles = troubles(world, &mut walk, &contexts.list, subject);
                    found.extend(troubles.into_iter().map(|trouble| (number, trouble)));
                }
                progress.advance(portion.len());
            }
            found
        };
        let threads =
            thread::available_parallelism().map_or(1, usize::from).min(1 + subjects.len() / PORTION);
        let mut found: Vec<(usize, Trouble)> = thread::scope(|scope| {
            let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut found = work();
            // A worker that panicked has found nothing; what it did not look at, nobody proves.
            for worker in workers {
                match worker.join() {
                    Ok(more) => found.extend(more),
                    Err(_) => found.push((0, Trouble::Endless)),
                }
            }
            found
        });
        found.sort_by_key(|(number, _)| *number);
        let mut flaws = Flaws { is_doubtful: !contexts.is_complete, ..Flaws::default() };
        for (number, trouble) in found {
            if let Some(subject) = subjects.get(number) {
                self.report(world, subject, trouble, &mut flaws, findings);
            }
        }
        for way_out in flaws.unmodelled.iter().copied() {
            findings.add(self.unmodelled(way_out));
        }
        let is_sure = !flaws.is_doubtful && flaws.unmodelled.is_empty();
        findings.prove("loop-free", is_sure && !flaws.has_loop);
        findings.prove("no-black-hole", is_sure && !flaws.has_hole);
    }

    /// Everything besides the address that decides where mail goes.
    pub(super) fn contexts(&self, world: &World<'_>) -> Contexts {
        Contexts::of(&self.routing, world)
    }

    /// Whom to follow: everybody who is known anywhere, and somebody unknown of each domain.
    fn subjects(&self) -> Vec<Subject> {
        let mut subjects = Vec::new();
        let mut add = |key: Vec<u8>, is_known, place| subjects.push(Subject { key, is_known, place });
        let directories =
            std::iter::once(&self.directory).chain(self.systems.iter().map(|system| &system.directory));
        for directory in directories {
            for (local_part, domain, known, is_listed) in directory.recipients() {
                let key = [local_part, b"@", domain].concat();
                add(key, is_listed, Origin::Table(known.at.source, known.at.at));
            }
        }
        for (mailbox, forwards) in self.systems.iter().flat_map(|system| system.forwards.iter()) {
            for forward in forwards.iter().take(1) {
                add(mailbox.to_vec(), true, Origin::Table(forward.at.source, forward.at.at));
            }
        }
        for (id, entry) in self.entries().filter(|(_, entry)| entry.kind == EntryKind::Mailbox) {
            let key = [entry.external.local_part, b"@", entry.external.domain].concat();
            let at = self
                .places
                .get(usize::try_from(id.0).unwrap_or(usize::MAX))
                .map_or(0, |place| place.external);
            add(key, false, Origin::Table(self.source_of(id), at));
        }
        for key in self.named_by_rules() {
            let origin = self.origin(domain_of(&key));
            add(key, false, origin);
        }
        for key in self.strangers() {
            let origin = self.origin(domain_of(&key));
            add(key, false, origin);
        }
        // Of one address that stands in several tables, the one that makes it known stays.
        subjects.sort_by(|a, b| (&a.key, !a.is_known).cmp(&(&b.key, !b.is_known)));
        subjects.dedup_by(|later, first| later.key == first.key);
        subjects
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.routing.rules.iter().flat_map(|rule| rule.when.iter().chain(&rule.unless))
    }

    /// The recipients whom rules name, themselves or by their groups, as keys.
    pub(super) fn named_by_rules(&self) -> Vec<Vec<u8>> {
        let mut named = Vec::new();
        for condition in self.conditions() {
            match condition {
                Condition::Recipient(keys) => named.extend(keys.iter().cloned()),
                Condition::RecipientMemberOf(groups) => {
                    let groups = groups.iter().filter_map(|group| self.groups.get(usize::from(*group)));
                    named.extend(groups.flat_map(|group| group.members.keys().cloned()));
                }
                _ => {}
            }
        }
        named
    }

    /// Somebody unknown in each domain that is named, and in one that is not.
    pub(super) fn strangers(&self) -> Vec<Vec<u8>> {
        let mut strangers: Vec<Vec<u8>> = self.named_domains().iter().flat_map(stand_ins).collect();
        strangers.sort();
        strangers.dedup();
        strangers
    }

    /// Every domain that decides where somebody's mail goes, and one that nobody names.
    fn named_domains(&self) -> Vec<DomainPattern> {
        let exact = |domain: &[u8]| DomainPattern { domain: domain.to_vec(), below: false };
        let accepted =
            std::iter::once(&self.accepted).chain(self.systems.iter().map(|system| &system.accepted));
        let mut named: Vec<DomainPattern> = accepted
            .flat_map(|accepted| accepted.list().iter().map(|accepted| accepted.domain.clone()))
            .collect();
        named.push(DomainPattern::any());
        named.extend(
            self.routing.connectors.iter().flat_map(|connector| connector.address_spaces.iter().cloned()),
        );
        for system in &self.systems {
            named.extend(
                system.connectors.iter().flat_map(|connector| connector.address_spaces.iter().cloned()),
            );
            named.extend(system.directory.domains().map(|(domain, _)| exact(domain)));
        }
        for condition in self.conditions() {
            if let Condition::RecipientDomain(patterns) | Condition::AnyRecipientDomain(patterns) = condition
            {
                named.extend(patterns.iter().cloned());
            }
        }
        for (_, entry) in self.entries().filter(|(_, entry)| entry.kind == EntryKind::Domain) {
            named.extend([exact(entry.internal.domain), exact(entry.external.domain)]);
        }
        named.sort();
        named.dedup();
        named
    }

    /// What makes a domain one to follow mail for: the accepted domain that covers it, here or elsewhere.
    fn origin(&self, domain: &[u8]) -> Origin {
        let elsewhere = (0..).zip(&self.systems).map(|(number, system)| (Some(number), &system.accepted));
        let mut all = std::iter::once((None, &self.accepted)).chain(elsewhere);
        let found = all.find_map(|(system, accepted)| {
            let over =
                accepted.list().iter().enumerate().filter(|(_, accepted)| accepted.domain.covers(domain));
            let (number, _) = over.max_by_key(|(_, accepted)| accepted.domain.closeness())?;
            Some(Origin::Domain(system, number))
        });
        found.unwrap_or(Origin::Outside)
    }

    pub(super) fn subject_place(&self, subject: &Subject) -> Location {
        match subject.place {
            Origin::Table(source, at) => self.locate_in(source, at),
            Origin::Outside => self.locate_in(0, 0),
            Origin::Domain(None, number) => self.place_of(&self.routing_places.accepted_domains, number),
            Origin::Domain(Some(system), _) => {
                let system = self.systems.get(usize::from(system));
                system.map_or_else(|| self.locate_in(0, 0), |system| system.at.clone())
            }
        }
    }

    pub(super) fn place_of(&self, places: &[Location], number: usize) -> Location {
        places.get(number).cloned().unwrap_or_else(|| self.locate_in(0, 0))
    }

    fn report(
        &self,
        world: &World<'_>,
        subject: &Subject,
        trouble: Trouble,
        flaws: &mut Flaws,
        findings: &mut Findings,
    ) {
        let at = self.subject_place(subject);
        let address = text(&subject.key);
        match trouble {
            Trouble::Endless => flaws.is_doubtful = true,
            Trouble::Unmodelled(way_out) => {
                if !flaws.unmodelled.contains(&way_out) {
                    flaws.unmodelled.push(way_out);
                }
            }
            Trouble::Loop(trail) => {
                flaws.has_loop = true;
                findings.add(self.looping(world, at, &address, &trail));
            }
            Trouble::Hole(ending, trail) => {
                flaws.has_hole = true;
                findings.add(self.hole(world, at, &address, ending, &trail));
            }
        }
    }

    fn looping(&self, world: &World<'_>, at: Location, address: &str, trail: &Trail) -> Diagnostic {
        let forward = trail.iter().zip(trail.iter().skip(1)).find(|(_, next)| next.is_forwarded);
        let diagnostic = match forward.and_then(|(hop, _)| Some((hop, self.forward_at(hop)?))) {
            Some((hop, place)) => {
                let system = world.name(hop.place);
                let who = text(&hop.address);
                let message = format!("{system} forwards {who}, and this system sends the mail back there");
                Diagnostic::error("forward-without-membership", place, message)
                    .excerpt(address)
                    .hint("put the mailbox into the group or wave that is delivered here, or take the forward away until it is moved")
            }
            None => Diagnostic::error("mail-loop", at, format!("mail for {address} runs in circles"))
                .excerpt(address)
                .hint("let one of the systems refuse whom it does not know: make the domain authoritative there"),
        };
        diagnostic.witness(witness(world, trail))
    }

    fn hole(
        &self,
        world: &World<'_>,
        at: Location,
        address: &str,
        ending: Ending,
        trail: &Trail,
    ) -> Diagnostic {
        let last = trail.last();
        let place = match last.map(|hop| hop.place) {
            Some(Place::Here(_)) | None => "this system".to_owned(),
            Some(place) => world.name(place),
        };
        let mut witness = witness(world, trail);
        witness.push(ending.words().to_owned());
        if let Some(group) = last.and_then(|hop| self.group_without_mailbox(hop)) {
            let message = format!("{address} is in the group \"{}\", and has no mailbox here", group.name);
            return Diagnostic::error("membership-without-mailbox", at, message)
                .excerpt(address)
                .hint("take it out of the group until the mailbox is moved, or list the mailbox here")
                .witness(witness);
        }
        let message = match ending {
            Ending::NoRoute => {
                format!("mail for {address} waits at {place} until it comes back: nothing says where it goes")
            }
            _ => format!("mail for {address} is refused at {place}, though the plan knows who that is"),
        };
        Diagnostic::error("black-hole", at, message)
            .excerpt(address)
            .hint("list the mailbox where it is, forward it, or give the domain a connector")
            .witness(witness)
    }

    /// The place of the forward that sends a hop's mail on.
    fn forward_at(&self, hop: &Hop) -> Option<Location> {
        let Place::At(system) = hop.place else { return None };
        let forward = self.systems.get(usize::from(system))?.forwards.of(&hop.address).first()?;
        Some(self.locate_in(forward.at.source, forward.at.at))
    }

    fn unmodelled(&self, way_out: WayOut) -> Diagnostic {
        let (at, name) = match way_out {
            WayOut::Connector(connector) => {
                let number = usize::from(connector);
                let connector = self.routing.connectors.get(number);
                let name = connector.map_or("", |connector| &connector.name);
                (self.place_of(&self.routing_places.connectors, number), name)
            }
            WayOut::System(system) => match self.systems.get(usize::from(system)) {
                Some(system) => (system.at.clone(), system.name.as_str()),
                None => (self.locate_in(0, 0), ""),
            },
        };
        let message = format!(
            "mail for our own domains leaves by \"{name}\" for a host that is no [[system]] of this plan"
        );
        Diagnostic::warning("unmodelled-next-hop", at, message)
            .excerpt(name)
            .hint("describe that system in a [[system]] table: without, nobody knows whether mail comes back from there")
    }
}

/// What stands against a proof.
#[derive(Default)]
struct Flaws {
    has_loop: bool,
    has_hole: bool,
    /// Whether something could not be looked at.
    is_doubtful: bool,
    unmodelled: Vec<WayOut>,
}

/// What is wrong with mail for an address, in all contexts and from everywhere: of each kind the one that is
/// shown soonest.
fn troubles(
    world: &World<'_>,
    walk: &mut Walk<'_, '_>,
    contexts: &[Context],
    subject: &Subject,
) -> Vec<Trouble> {
    let starts = starts(world, &subject.key);
    let mut found = Shortest::default();
    for context in contexts {
        walk.begin();
        for start in &starts {
            found.take(walk.follow(start.clone(), context, |ending| subject.is_harmed_by(ending)));
        }
    }
    if found.trail.is_some() || found.hole.is_some() {
        // The first way that is found is not always the shortest.
        for (context, start) in
            contexts.iter().flat_map(|context| starts.iter().map(move |start| (context, start)))
        {
            let is_hole = |ending| subject.is_harmed_by(ending) && !matches!(ending, Ending::Left { .. });
            found.take(walk.nearest(start.clone(), context, is_hole));
        }
    }
    found.into_troubles()
}

impl Subject {
    /// Whether mail for it must not end so.
    fn is_harmed_by(&self, ending: Ending) -> bool {
        match ending {
            Ending::NoRoute => true,
            Ending::Unknown => self.is_known,
            Ending::Left { unmodelled } => unmodelled.is_some(),
            Ending::Delivered | Ending::ByRule | Ending::RelayDenied => false,
        }
    }
}

/// The shortest trails that were found.
#[derive(Default)]
struct Shortest {
    trail: Option<Trail>,
    hole: Option<(Ending, Trail)>,
    unmodelled: Vec<WayOut>,
    is_endless: bool,
}

impl Shortest {
    fn take(&mut self, walked: Walked) {
        for trail in walked.loops {
            if self.trail.as_ref().is_none_or(|known| trail.len() < known.len()) {
                self.trail = Some(trail);
            }
        }
        for (ending, trail) in walked.ends {
            if let Ending::Left { unmodelled: Some(way_out) } = ending {
                if !self.unmodelled.contains(&way_out) {
                    self.unmodelled.push(way_out);
                }
            } else if self.hole.as_ref().is_none_or(|(_, known)| trail.len() < known.len()) {
                self.hole = Some((ending, trail));
            }
        }
        self.is_endless |= walked.is_endless;
    }

    fn into_troubles(self) -> Vec<Trouble> {
        let unmodelled = self.unmodelled.into_iter().map(Trouble::Unmodelled);
        let mut troubles: Vec<Trouble> = unmodelled.collect();
        troubles.extend(self.is_endless.then_some(Trouble::Endless));
        troubles.extend(self.trail.map(Trouble::Loop));
        troubles.extend(self.hole.map(|(ending, trail)| Trouble::Hole(ending, trail)));
        troubles
    }
}

/// Where mail for an address begins: at every other system, by every listener, and from the internet at the
/// system that DNS names.
fn starts(world: &World<'_>, key: &[u8]) -> Vec<Hop> {
    let hop = |place| Hop { place, address: key.to_vec(), is_forwarded: false };
    let exchanger = world.mail_exchanger(domain_of(key));
    let mut starts: Vec<Hop> = (0..).zip(&world.others).map(|(number, _)| hop(Place::At(number))).collect();
    for (number, session) in (0..).zip(&world.sessions) {
        let is_its_way = session.is_trusted(world.engine) || exchanger == Target::Gateway;
        if session.system.is_none() && session.alike == number && is_its_way {
            starts.push(hop(Place::Here(number)));
        }
    }
    starts
}

/// A trail in words: `internet`, `this: u@x.example`, `old host: u@x.example`.
pub(super) fn witness(world: &World<'_>, trail: &Trail) -> Vec<String> {
    let way_in = trail.first().and_then(|hop| world.way_in(hop.place));
    let hops = trail.iter().map(|hop| format!("{}: {}", world.name(hop.place), text(&hop.address)));
    way_in.map(str::to_owned).into_iter().chain(hops).collect()
}

impl Ending {
    /// What became of a message, for witnesses.
    fn words(self) -> &'static str {
        match self {
            Ending::Delivered => "delivered",
            Ending::Left { .. } => "gone",
            Ending::ByRule => "refused by a rule",
            Ending::RelayDenied => "relaying denied",
            Ending::Unknown => "unknown there",
            Ending::NoRoute => "no route",
        }
    }
}
