//! Whose mail goes elsewhere: every recipient that either of the two knows, and of each accepted domain somebody
//! whom neither does, asked about with the router, from one of our systems and from the internet.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write;
use std::rc::Rc;

use readdress::routing::{Action, Decision, DomainType, Envelope, Route};
use readdress::{Direction, Engine, EntryAddress};
use serde_json::Value;

use super::domains::label;
use crate::escape::Shown;
use crate::failure::Failure;
use crate::json::Object;

/// The most recipients that are shown with a number of them.
const EXAMPLES: usize = 3;
/// A sender whom no plan knows.
const STRANGER: &[u8] = b"anybody@outside.invalid";

/// What differs about where mail goes.
#[derive(Default)]
pub(super) struct Moves {
    /// Waves that are in another state: name, old and new state.
    waves: Vec<[Option<String>; 3]>,
    groups: BTreeMap<GroupKey, Group>,
    recipients: Vec<Move>,
    /// Each way once: there may be a million recipients, and few ways.
    ways: HashSet<Rc<Way>>,
}

/// Domain, and wave in the new plan, or else in the old one.
type GroupKey = (Vec<u8>, Option<String>);

/// Recipients of one domain and wave.
#[derive(Default)]
struct Group {
    known: usize,
    moved: usize,
    examples: Vec<String>,
}

/// A recipient whose mail goes elsewhere.
struct Move {
    recipient: Vec<u8>,
    /// Whether it stands for all of its domain whom nobody lists.
    is_unknown: bool,
    wave: Option<String>,
    /// From one of our systems, and from the internet; `None` where that stays the same.
    from: [Option<[Rc<Way>; 2]>; 2],
}

const ORIGINS: [&str; 2] = ["inside", "outside"];

/// Where mail goes.
#[derive(Clone, Eq, Hash, PartialEq)]
struct Way {
    action: Action,
    /// `None`: the recipient itself.
    path: Option<Vec<u8>>,
    connector: Option<String>,
    next_hops: Vec<String>,
    reply: Option<String>,
}

/// One of the two, with what it takes to ask it.
struct Asked<'e> {
    engine: &'e Engine,
    /// A sender of ours.
    sender: Vec<u8>,
    decision: Decision,
}

/// A recipient that is asked about.
#[derive(Default)]
struct Known {
    address: Vec<u8>,
    waves: [Option<u16>; 2],
}

impl Moves {
    pub(super) fn between(engines: [&Engine; 2]) -> Result<Moves, Failure> {
        let mut moves = Moves { waves: waves(engines), ..Moves::default() };
        if engines
            .iter()
            .all(|engine| engine.map().routing().is_empty() && engine.map().recipient_count() == 0)
        {
            return Ok(moves);
        }
        let recipients = recipients(engines);
        let mut asked = engines.map(Asked::new);
        for (key, known) in &recipients {
            let waves = engines.into_iter().zip(known.waves).rev();
            let wave = waves.into_iter().find_map(|(engine, wave)| wave_name(engine, wave));
            moves.ask(&mut asked, (key, &known.address), wave, false)?;
        }
        let patterns = engines.iter().flat_map(|engine| &engine.map().routing().accepted_domains);
        let patterns: BTreeSet<_> = patterns.map(|accepted| &accepted.domain).collect();
        let exact: BTreeSet<&[u8]> = patterns.iter().map(|pattern| pattern.domain.as_slice()).collect();
        for pattern in patterns {
            let mut domain = pattern.domain.clone();
            if pattern.below {
                let below =
                    |number: usize| [label("anywhere", number).as_bytes(), b".", &pattern.domain].concat();
                let mut free =
                    (0..=exact.len()).map(below).filter(|domain| !exact.contains(domain.as_slice()));
                domain = free.next().unwrap_or_default();
            }
            let somebody = |number: usize| [label("anybody", number).as_bytes(), b"@", &domain].concat();
            let mut free =
                (0..=recipients.len()).map(somebody).filter(|address| !recipients.contains_key(address));
            let address = free.next().unwrap_or_default();
            moves.ask(&mut asked, (&address, &address), None, true)?;
        }
        Ok(moves)
    }

    fn once(&mut self, way: Way) -> Rc<Way> {
        if let Some(known) = self.ways.get(&way) {
            return Rc::clone(known);
        }
        let way = Rc::new(way);
        self.ways.insert(Rc::clone(&way));
        way
    }

    fn ask(
        &mut self,
        [old, new]: &mut [Asked<'_>; 2],
        (key, address): (&[u8], &[u8]),
        wave: Option<String>,
        is_unknown: bool,
    ) -> Result<(), Failure> {
        let mut from = [None, None];
        for (origin, place) in from.iter_mut().enumerate() {
            let ways = [old.way(address, origin)?, new.way(address, origin)?];
            if ways[0] != ways[1] {
                *place = Some(ways.map(|way| self.once(way)));
            }
        }
        let domain = key.rsplit(|octet| *octet == b'@').next().unwrap_or_default().to_vec();
        let has_moved = from.iter().any(Option::is_some);
        if !is_unknown {
            let group = self.groups.entry((domain, wave.clone())).or_default();
            group.known += 1;
            group.moved += usize::from(has_moved);
            if has_moved && group.examples.len() < EXAMPLES {
                group.examples.push(Shown(address).to_string());
            }
        }
        if has_moved {
            self.recipients.push(Move { recipient: address.to_vec(), is_unknown, wave, from });
        }
        Ok(())
    }
}

fn waves([old, new]: [&Engine; 2]) -> Vec<[Option<String>; 3]> {
    let states = |engine: &Engine| -> BTreeMap<String, String> {
        let waves = engine.map().routing().waves.iter();
        waves.map(|wave| (wave.name.clone(), wave.state.name().to_owned())).collect()
    };
    let (old, new) = (states(old), states(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let names = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    names.map(|name| [Some(name.clone()), old.get(name).cloned(), new.get(name).cloned()]).collect()
}

fn wave_name(engine: &Engine, wave: Option<u16>) -> Option<String> {
    Some(engine.map().routing().waves.get(usize::from(wave?))?.name.clone())
}

/// Everybody, by key.
fn recipients(engines: [&Engine; 2]) -> BTreeMap<Vec<u8>, Known> {
    let mut all: BTreeMap<Vec<u8>, Known> = BTreeMap::new();
    for (which, engine) in engines.into_iter().enumerate() {
        let map = engine.map();
        for number in 0..map.recipient_count() {
            let Some(address) = map.recipient_entry(number).map(|entry| entry.internal()) else { continue };
            let Ok(parsed) = EntryAddress::parse(&address) else { continue };
            let known = all.entry(parsed.key()).or_default();
            known.address = address;
            if let Some(place) = known.waves.get_mut(which) {
                *place = map.recipient_standing(number).and_then(|(wave, ..)| wave);
            }
        }
    }
    all
}

impl Asked<'_> {
    fn new(engine: &Engine) -> Asked<'_> {
        let domains = &engine.map().routing().accepted_domains;
        let ours = domains.iter().find(|accepted| accepted.kind != DomainType::ExternalRelay);
        let sender = ours.map_or_else(Vec::new, |ours| [b"anybody@", ours.domain.domain.as_slice()].concat());
        Asked { engine, sender, decision: Decision::new() }
    }

    fn way(&mut self, recipient: &[u8], origin: usize) -> Result<Way, Failure> {
        let (direction, sender) = match origin {
            0 => (Direction::Outbound, self.sender.as_slice()),
            _ => (Direction::Inbound, STRANGER),
        };
        let envelope = Envelope {
            direction: Some(direction),
            smtputf8: true,
            reverse_path: Some(sender),
            ..Envelope::default()
        };
        let routes = self.engine.route(&envelope, [recipient], &mut self.decision);
        let routes = routes.map_err(|error| Failure::engine("a recipient", &error))?;
        Ok(routes.get(0).map_or_else(Way::of_nobody, |route| Way::of(&route)))
    }
}

impl Way {
    fn of(route: &Route<'_>) -> Way {
        Way {
            action: route.action(),
            path: Some(route.forward_path()).filter(|path| *path != route.recipient()).map(<[u8]>::to_vec),
            connector: route.connector().map(|connector| connector.name.clone()),
            next_hops: route.next_hops().to_vec(),
            reply: route.reply().map(|(code, enhanced, text)| format!("{code} {enhanced} {text}")),
        }
    }

    fn of_nobody() -> Way {
        Way { action: Action::Reject, path: None, connector: None, next_hops: Vec::new(), reply: None }
    }

    fn words(&self) -> String {
        let mut words = self.action.name().to_owned();
        if let Some(reply) = &self.reply {
            let _ = write!(words, " {}", Shown(reply.as_bytes()));
            return words;
        }
        if let Some(path) = &self.path {
            let _ = write!(words, " {}", Shown(path));
        }
        if self.action == Action::Relay {
            match &self.connector {
                Some(connector) => _ = write!(words, " by {}", Shown(connector.as_bytes())),
                None => words.push_str(" by MX"),
            }
            if !self.next_hops.is_empty() {
                let _ = write!(words, " to {}", Shown(self.next_hops.join(", ").as_bytes()));
            }
        }
        words
    }

    fn object(&self, recipient: &[u8]) -> Value {
        Object::new()
            .with("action", self.action.name())
            .with_octets("forward_path", self.path.as_deref().unwrap_or(recipient))
            .with("connector", self.connector.clone())
            .with("next_hops", self.next_hops.clone())
            .with("reply", self.reply.clone())
            .into()
    }
}

impl Moves {
    fn is_silent(&self) -> bool {
        self.waves.is_empty() && self.recipients.is_empty() && self.groups.is_empty()
    }

    /// Waves, then how many of each domain and wave move, then who. Nothing, if neither says where mail goes.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for [name, old, new] in &self.waves {
            let shown = |state: &Option<String>| state.clone().unwrap_or_else(|| "none".to_owned());
            let name = name.as_deref().unwrap_or_default();
            let _ = writeln!(text, "wave      {}: {} -> {}", Shown(name.as_bytes()), shown(old), shown(new));
        }
        for ((domain, wave), group) in self.groups.iter().filter(|(_, group)| group.moved > 0) {
            let wave = in_wave(wave.as_deref());
            let more = if group.moved > group.examples.len() { ", …" } else { "" };
            let (moved, known) = (group.moved, group.known);
            let _ = writeln!(
                text,
                "moves     {}{wave}: {moved} of {known} recipients: {}{more}",
                Shown(domain),
                group.examples.join(", ")
            );
        }
        for moved in &self.recipients {
            moved.lines(&mut text);
        }
        if !self.is_silent() {
            let listed = self.recipients.iter().filter(|moved| !moved.is_unknown).count();
            let unknown = self.recipients.len() - listed;
            let _ = writeln!(text, "{listed} recipients and those unknown of {unknown} domains go elsewhere");
        }
        text
    }

    pub(super) fn waves(&self) -> Vec<Value> {
        let object = |[name, old, new]: &[Option<String>; 3]| {
            Object::new().with("name", name.clone()).with("old", old.clone()).with("new", new.clone()).into()
        };
        self.waves.iter().map(object).collect()
    }

    pub(super) fn summaries(&self) -> Vec<Value> {
        let groups = self.groups.iter().filter(|(_, group)| group.moved > 0);
        let object = |((domain, wave), group): (&GroupKey, &Group)| {
            Object::new()
                .with_octets("domain", domain)
                .with("wave", wave.clone())
                .with("known", group.known)
                .with("moved", group.moved)
                .with("examples", group.examples.clone())
                .into()
        };
        groups.map(object).collect()
    }

    pub(super) fn recipients(&self) -> Vec<Value> {
        self.recipients.iter().map(Move::object).collect()
    }
}

fn in_wave(wave: Option<&str>) -> String {
    wave.map_or_else(String::new, |wave| format!(" in {}", Shown(wave.as_bytes())))
}

impl Move {
    fn lines(&self, text: &mut String) {
        let who =
            if self.is_unknown { " (for those unknown)".to_owned() } else { in_wave(self.wave.as_deref()) };
        let [inside, outside] = &self.from;
        let changes = if inside == outside {
            vec![("recipient", inside)]
        } else {
            vec![("inside", inside), ("outside", outside)]
        };
        for (origin, ways) in changes {
            if let Some([old, new]) = ways {
                let (old, new) = (old.words(), new.words());
                let _ = writeln!(text, "{origin:<9} {}{who}: {old} -> {new}", Shown(&self.recipient));
            }
        }
    }

    fn object(&self) -> Value {
        let from = ORIGINS.into_iter().zip(&self.from).fold(Object::new(), |from, (origin, ways)| {
            let change = ways.as_ref().map(|[old, new]| {
                Value::from(
                    Object::new()
                        .with("old", old.object(&self.recipient))
                        .with("new", new.object(&self.recipient)),
                )
            });
            from.with(origin, change)
        });
        Object::new()
            .with_octets("recipient", &self.recipient)
            .with("unknown", self.is_unknown)
            .with("wave", self.wave.clone())
            .with("from", Value::from(from))
            .into()
    }
}
