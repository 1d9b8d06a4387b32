//! Where mail goes, by asking everybody about everybody: nothing here is quick, and nothing is the engine's.

use std::collections::{BTreeMap, BTreeSet};

use crate::gateway::{Context, Decided, OUTSIDE, STRANGER, Session, connector, domain, is_in, kind};
use crate::world::{Ask, Kind, Known, Network, System, To, World};

/// Where a message is: at the gateway, by what the gateway can tell of the session; or at a system.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Place {
    Here(Option<usize>, bool, bool, Vec<bool>),
    At(usize),
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum End {
    Fine,
    Unmodelled,
    Unknown,
    NoRoute,
}

#[derive(Clone, Debug)]
enum Next {
    Go(Place, String),
    End(End),
}

type Spot = (Place, String);

/// What was found of an address.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The shortest ways in circles, in the words of the report but for the way in.
    pub(crate) loops: BTreeSet<Vec<String>>,
    /// The shortest ways to where it is lost.
    pub(crate) holes: BTreeSet<Vec<String>>,
    pub(crate) is_unmodelled: bool,
}

impl World {
    fn exchanger(&self, domain: &str) -> To {
        if kind(&self.accepted, domain).is_some() {
            return To::This;
        }
        let other = self.systems.iter().position(|system| kind(&system.accepted, domain).is_some());
        other.map_or(To::Outside, To::System)
    }

    fn place(&self, session: Session) -> Place {
        let asks = self.rules.iter().flat_map(|rule| rule.when.iter().chain(&rule.unless));
        let answers = asks.filter_map(|ask| match ask {
            Ask::Client(networks) => Some(is_in(networks, session.address)),
            _ => None,
        });
        let (listener, is_trusted) = (self.listener(session), self.is_trusted(session));
        Place::Here(listener, is_trusted, self.is_refused(session), answers.collect())
    }

    /// Addresses that no two of the networks tell apart from all others.
    fn clients() -> impl Iterator<Item = u32> {
        (0xc000_0200..0xc000_020a).chain([0xcb00_7109])
    }

    fn sessions_of(&self, system: usize) -> Vec<Session> {
        let networks = &self.systems[system].networks;
        if networks.is_empty() {
            return [true, false].map(|is_ours| Session { address: None, forced: Some(is_ours) }).into();
        }
        let all = World::clients().filter(|address| is_in(networks, Some(*address)));
        all.map(|address| Session { address: Some(address), forced: None }).collect()
    }

    /// The sessions of clients that are no system's.
    fn others(&self) -> Vec<Session> {
        let is_free =
            |address: &u32| self.systems.iter().all(|system| !is_in(&system.networks, Some(*address)));
        let all = World::clients().filter(is_free);
        all.map(|address| Session { address: Some(address), forced: None }).collect()
    }

    /// Every session there is, each place once.
    fn all_sessions(&self) -> BTreeMap<Place, Session> {
        let of_systems = (0..self.systems.len()).flat_map(|number| self.sessions_of(number));
        of_systems.chain(self.others()).map(|session| (self.place(session), session)).collect()
    }

    fn starts(&self, address: &str) -> BTreeSet<Spot> {
        let mut starts: BTreeSet<Spot> =
            (0..self.systems.len()).map(|number| (Place::At(number), address.to_owned())).collect();
        for session in self.others() {
            if self.is_trusted(session) || self.exchanger(domain(address)) == To::This {
                starts.insert((self.place(session), address.to_owned()));
            }
        }
        starts
    }

    fn nexts(&self, sessions: &BTreeMap<Place, Session>, context: &Context, spot: &Spot) -> Vec<Next> {
        match &spot.0 {
            Place::Here(..) => self.at_gateway(sessions[&spot.0], context, &spot.1),
            Place::At(number) => self.at_system(*number, &spot.1),
        }
    }

    fn at_gateway(&self, session: Session, context: &Context, address: &str) -> Vec<Next> {
        let end = |end| vec![Next::End(end)];
        match self.decide(session, context, address) {
            Decided::Deliver | Decided::ByRule | Decided::Denied => end(End::Fine),
            Decided::Unknown => end(End::Unknown),
            Decided::NoRoute => end(End::NoRoute),
            Decided::Relay(number, path) => {
                match number.map_or(To::Mx, |number| self.connectors[number].to) {
                    To::System(system) => vec![Next::Go(Place::At(system), path)],
                    To::Outside | To::This if kind(&self.accepted, domain(&path)).is_some() => {
                        end(End::Unmodelled)
                    }
                    To::Outside | To::This => end(End::Fine),
                    To::Mx => match self.exchanger(domain(&path)) {
                        // Our own domain, and a connector that asks DNS about it.
                        To::This => end(End::Unmodelled),
                        To::System(system) => vec![Next::Go(Place::At(system), path)],
                        To::Outside | To::Mx => end(End::Fine),
                    },
                }
            }
        }
    }

    fn at_system(&self, number: usize, address: &str) -> Vec<Next> {
        let System { accepted, listed, complete, forwards, relays, .. } = &self.systems[number];
        let targets: BTreeSet<&String> =
            forwards.iter().filter(|(from, _)| from == address).map(|(_, to)| to).collect();
        if !targets.is_empty() {
            let next = |to: &&String| {
                // To itself: a copy that stays.
                if **to == *address {
                    Next::End(End::Fine)
                } else {
                    Next::Go(Place::At(number), (*to).clone())
                }
            };
            return targets.iter().map(next).collect();
        }
        let Some(kind) = kind(accepted, domain(address)) else {
            return self.leaving(number, address, self.exchanger(domain(address)));
        };
        let may_be_there = kind != Kind::ExternalRelay && {
            let lists = listed.iter().any(|known| domain(known) == domain(address));
            let is_all = complete.iter().any(|all| all == domain(address));
            listed.iter().any(|known| known == address) || !(lists || is_all)
        };
        let is_sure = may_be_there && listed.iter().any(|known| known == address);
        let hands_on = kind != Kind::Authoritative || *relays;
        let mut nexts = Vec::new();
        if may_be_there {
            nexts.push(Next::End(End::Fine));
        }
        if hands_on && !is_sure {
            // DNS would lead back.
            nexts.extend(self.leaving(number, address, To::Mx));
        }
        if !may_be_there && !hands_on {
            nexts.push(Next::End(End::Unknown));
        }
        nexts
    }

    fn leaving(&self, number: usize, address: &str, dns: To) -> Vec<Next> {
        let connectors = &self.systems[number].connectors;
        let to = connector(connectors, domain(address)).map_or(dns, |number| connectors[number].to);
        match to {
            To::This => {
                let sessions = self.sessions_of(number);
                let places: BTreeSet<Place> =
                    sessions.into_iter().map(|session| self.place(session)).collect();
                places.into_iter().map(|place| Next::Go(place, address.to_owned())).collect()
            }
            To::System(system) => vec![Next::Go(Place::At(system), address.to_owned())],
            // Ours, and gone to nobody knows where.
            To::Outside if self.exchanger(domain(address)) != To::Outside => {
                vec![Next::End(End::Unmodelled)]
            }
            To::Outside => vec![Next::End(End::Fine)],
            To::Mx => vec![Next::End(End::NoRoute)],
        }
    }

    /// Follows mail for each of some addresses, in all contexts.
    pub(crate) fn follow_all(&self, addresses: &BTreeSet<String>) -> BTreeMap<String, Found> {
        let sessions = self.all_sessions();
        let mut all: BTreeMap<String, Found> = BTreeMap::new();
        for context in self.contexts() {
            let mut known: BTreeMap<Spot, Vec<Next>> = BTreeMap::new();
            let mut nexts = |spot: &Spot| {
                let make = || self.nexts(&sessions, &context, spot);
                known.entry(spot.clone()).or_insert_with(make).clone()
            };
            for address in addresses {
                let found = all.entry(address.clone()).or_default();
                found.follow(&self.starts(address), self.is_known(address), &mut nexts);
            }
        }
        all
    }

    /// Whether somebody has an address.
    pub(crate) fn is_known(&self, address: &str) -> bool {
        let has = |system: &System| {
            system.listed.iter().any(|listed| listed == address)
                || system.forwards.iter().any(|(from, _)| from == address)
        };
        self.known(address).is_some() || self.systems.iter().any(has)
    }

    /// Who sends and who gets it, too: everybody of both, as far as any rule asks.
    fn contexts(&self) -> Vec<Context> {
        let asks = || self.rules.iter().flat_map(|rule| rule.when.iter().chain(&rule.unless));
        let everybody = || self.addresses().into_iter();
        let mut senders = vec![format!("{STRANGER}@{OUTSIDE}")];
        let about_sender = ["sender", "sender-domain", "sender-scope", "sender-member-of"];
        if asks().any(|ask| about_sender.contains(&ask.name())) {
            senders.push(String::new());
            senders.extend(everybody());
        }
        let mut companies = vec![Vec::new()];
        let questions = asks().filter(|ask| ask.name() == "any-recipient-domain").count();
        if questions > 0 {
            companies.extend(everybody().map(|one| vec![one]));
        }
        if questions > 1 {
            // For each question another one of those who make a difference to it.
            let is_external = |one: &String| self.mailboxes.iter().any(|(_, external)| external == one);
            let some: Vec<String> =
                everybody().filter(|one| one.starts_with(STRANGER) || is_external(one)).collect();
            let mut sets: BTreeSet<BTreeSet<&String>> = [BTreeSet::new()].into();
            for _ in 0..questions.min(3) {
                let larger = sets.iter().flat_map(|set| {
                    some.iter().map(move |one| set.iter().copied().chain([one]).collect::<BTreeSet<_>>())
                });
                sets = larger.collect();
            }
            companies.extend(sets.into_iter().map(|set| set.into_iter().cloned().collect()));
        }
        let with = |sender: String| {
            companies
                .iter()
                .map(move |company| Context { sender: sender.clone(), company: company.clone() })
                .collect::<Vec<_>>()
        };
        senders.into_iter().flat_map(with).collect()
    }

    /// Everybody named anywhere, and a stranger of each domain and outside.
    pub(crate) fn addresses(&self) -> BTreeSet<String> {
        let mut all: BTreeSet<String> = self.members.iter().map(|(_, member)| member.clone()).collect();
        for Known { address, routing, .. } in &self.listed {
            all.extend([Some(address.clone()), routing.clone()].into_iter().flatten());
        }
        for system in &self.systems {
            all.extend(system.listed.iter().cloned());
            all.extend(system.forwards.iter().flat_map(|(from, to)| [from.clone(), to.clone()]));
        }
        all.extend(
            self.mailboxes.iter().flat_map(|(internal, external)| [internal.clone(), external.clone()]),
        );
        for rule in &self.rules {
            all.extend(rule.redirect.clone());
            for ask in rule.when.iter().chain(&rule.unless) {
                if let Ask::Sender(named) | Ask::Recipient(named) = ask {
                    all.extend(named.iter().filter(|name| *name != "<>").cloned());
                }
            }
        }
        for domain in
            ["x.example", "y.example", "t.x.example", "u.x.example", "u.y.example", "z.example", OUTSIDE]
        {
            all.insert(format!("{STRANGER}@{domain}"));
        }
        all
    }

    /// A stranger's message to a stranger that the gateway would take; nobody outside is named by name.
    pub(crate) fn open_relay(&self) -> Option<String> {
        let is_everybody =
            |networks: &[Network]| networks.is_empty() || networks.iter().any(|(_, bits)| *bits == 0);
        if self.listeners.iter().any(|listener| listener.trusted && is_everybody(&listener.networks)) {
            return Some("everybody is trusted".to_owned());
        }
        if self.accepted.is_empty() {
            // Nobody says who is outside.
            return None;
        }
        let is_outside = |address: &String| {
            let of = [address.clone(), self.internal(address)];
            of.iter().all(|one| kind(&self.accepted, domain(one)).is_none() && self.known(one).is_none())
        };
        let contexts = self.contexts();
        for session in self.all_sessions().into_values().filter(|session| !self.is_trusted(*session)) {
            for context in &contexts {
                for to in self.addresses().iter().filter(|to| is_outside(to)) {
                    if matches!(self.decide(session, context, to), Decided::Deliver | Decided::Relay(..)) {
                        return Some(format!("{session:?} {context:?} {to}"));
                    }
                }
            }
        }
        None
    }
}

impl Found {
    fn follow(
        &mut self,
        starts: &BTreeSet<Spot>,
        is_known: bool,
        nexts: &mut impl FnMut(&Spot) -> Vec<Next>,
    ) {
        let is_hole = |end: End| end == End::NoRoute || (end == End::Unknown && is_known);
        // How far it is to the nearest hole.
        let mut seen = starts.clone();
        let mut border: Vec<Spot> = starts.iter().cloned().collect();
        let (mut steps, mut nearest) = (1, None);
        while !border.is_empty() {
            let mut far = Vec::new();
            for spot in &border {
                for next in nexts(spot) {
                    match next {
                        Next::Go(place, address) => {
                            let spot = (place, address);
                            if seen.insert(spot.clone()) {
                                far.push(spot);
                            }
                        }
                        Next::End(end) if is_hole(end) && nearest.is_none() => nearest = Some(steps),
                        Next::End(end) => self.is_unmodelled |= end == End::Unmodelled,
                    }
                }
            }
            border = far;
            steps += 1;
        }
        // Every way, until one comes back and the hole is reached.
        let mut ways: Vec<Vec<Spot>> = starts.iter().map(|spot| vec![spot.clone()]).collect();
        let (mut loops, mut holes) = (Vec::new(), Vec::new());
        while !ways.is_empty()
            && (loops.is_empty()
                || nearest.is_some_and(|nearest| holes.is_empty() && ways[0].len() <= nearest))
        {
            let mut longer = Vec::new();
            for way in ways {
                for next in nexts(way.last().unwrap()) {
                    match next {
                        Next::Go(place, address) => {
                            let spot = (place, address);
                            let (is_back, mut way) = (way.contains(&spot), way.clone());
                            way.push(spot);
                            if is_back { loops.push(words(&way, None)) } else { longer.push(way) }
                        }
                        Next::End(end) if is_hole(end) => holes.push(words(&way, Some(end))),
                        Next::End(_) => {}
                    }
                }
            }
            ways = longer;
        }
        keep_shortest(&mut self.loops, loops);
        keep_shortest(&mut self.holes, holes);
    }
}

fn keep_shortest(known: &mut BTreeSet<Vec<String>>, new: Vec<Vec<String>>) {
    known.extend(new);
    let least = known.iter().map(Vec::len).min();
    known.retain(|way| Some(way.len()) == least);
}

fn words(way: &[Spot], end: Option<End>) -> Vec<String> {
    let spot = |(place, address): &Spot| match place {
        Place::Here(..) => format!("this: {address}"),
        Place::At(number) => format!("s{number}: {address}"),
    };
    let end = end.map(|end| if end == End::NoRoute { "no route" } else { "unknown there" }.to_owned());
    way.iter().map(spot).chain(end).collect()
}
