//! `readdress diff`: what two plans or maps make of the same addresses, where that differs.
//!
//! Asked about are all addresses that either of them names, each with the engine: what is shown is what
//! will happen, however it came about. A domain is asked about with somebody whom nobody names.

mod domains;
mod routes;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use readdress::{Direction, Engine, Entry, EntryAddress, EntryDirection, EntryKind, Session};
use serde_json::Value;

use self::domains::{DomainChange, Domains};
use self::routes::Moves;
use crate::describe::{self, place};
use crate::escape::Shown;
use crate::failure::Failure;
use crate::json::{self, Object};
use crate::options::DiffOptions;
use crate::{Streams, exit, input, progress};

/// What plans begin with and map files don't have: their magic is no TOML.
const MAP_MAGIC: &[u8] = b"\x89RDR";

pub(crate) fn run(options: &DiffOptions, streams: &mut Streams<'_>) -> Result<u8, Failure> {
    let differences = progress::during(streams.progress, "comparing", |_| {
        let (old, new) = (open(&options.old)?, open(&options.new)?);
        let mut differences = Differences { settings: settings(&old, &new), ..Differences::default() };
        for direction in Direction::ALL {
            differences.compare(direction, [&old, &new]);
        }
        differences.moves = Moves::between([&old, &new])?;
        Ok(differences)
    })?;
    let printed = if options.format.is_json() {
        json::write(streams.out, &differences.object())
    } else {
        streams.out.write_all(differences.text().as_bytes())
    };
    printed.map_err(|error| Failure::output(&error))?;
    Ok(exit::OK)
}

/// A map file, or else a plan.
fn open(path: &Path) -> Result<Engine, Failure> {
    let is_map = input::begins_with(path, MAP_MAGIC).map_err(|error| Failure::read(path, &error))?;
    if is_map { input::open(Some(path), None) } else { input::open(None, Some(path)) }
}

#[derive(Default)]
struct Differences {
    /// Name, old value, new value.
    settings: Vec<(&'static str, String, String)>,
    domains: Vec<DomainChange>,
    addresses: Vec<Change>,
    /// Whose mail goes elsewhere.
    moves: Moves,
}

/// One address that comes out otherwise.
struct Change {
    direction: Direction,
    address: Vec<u8>,
    old: Outcome,
    new: Outcome,
}

/// What one of the two makes of an address.
struct Outcome {
    /// The address that comes out; `None` if it stays as it is.
    result: Option<Vec<u8>>,
    /// Whether it is in a mapped domain and nothing maps it.
    is_unmapped: bool,
    /// The entry in words, and as JSON.
    place: String,
    entry: Value,
}

impl Outcome {
    /// Whether mail fares the same, whichever entry it is that says so.
    fn is_same(&self, other: &Outcome) -> bool {
        self.result == other.result && self.is_unmapped == other.is_unmapped
    }

    /// Whether the same entry says the same.
    fn is_like(&self, other: &Outcome) -> bool {
        self.is_same(other) && self.place == other.place
    }
}

impl Differences {
    /// Asks both about everybody and every domain that either of them names.
    fn compare(&mut self, direction: Direction, [old, new]: [&Engine; 2]) {
        let (mut named, mut domains) = (BTreeMap::new(), Domains::default());
        for entry in [old, new].iter().flat_map(|engine| engine.map().entries()) {
            let address = match direction {
                Direction::Outbound => entry.internal(),
                Direction::Inbound if entry.direction() == EntryDirection::Both => entry.external(),
                Direction::Inbound => continue,
            };
            let Ok(side) = EntryAddress::parse(&address) else { continue };
            domains.add(&entry, &side);
            if entry.kind() == EntryKind::Mailbox {
                named.entry(side.key()).or_insert_with(|| (address, side.domain().to_vec()));
            }
        }
        for (address, domain) in named.values() {
            let (old, new) = (ask(old, direction, address), ask(new, direction, address));
            let has_changed = !old.is_same(&new);
            domains.count(domain, address, has_changed);
            if has_changed {
                self.addresses.push(Change { direction, address: address.clone(), old, new });
            }
        }
        self.domains.extend(domains.changes(direction, [old, new], &named));
    }
}

fn ask(engine: &Engine, direction: Direction, address: &[u8]) -> Outcome {
    let session = Session::from(direction).with_smtputf8(true);
    let explanation = engine.explain(session, address);
    let entry = explanation.entry.as_ref();
    let object = |entry: &Entry<'_>| json::origin(entry).with("direction", describe::direction(entry)).into();
    Outcome {
        place: entry.map(place).unwrap_or_default(),
        entry: entry.map_or(Value::Null, object),
        result: explanation.result,
        is_unmapped: explanation.unmapped,
    }
}

fn settings(old: &Engine, new: &Engine) -> Vec<(&'static str, String, String)> {
    let both = [old, new].map(|engine| {
        let policy = engine.map().policy();
        let fields = |direction| policy.fields(direction).names().collect::<Vec<_>>().join(", ");
        let limits = &policy.limits;
        [
            ("mode", policy.mode.name().to_owned()),
            ("outbound", fields(Direction::Outbound)),
            ("inbound", fields(Direction::Inbound)),
            ("subaddress-delimiters", policy.subaddress_delimiters.clone()),
            ("unmapped", policy.unmapped.name().to_owned()),
            ("outbound on-signed", policy.on_signed_outbound.name().to_owned()),
            ("inbound on-signed", policy.on_signed_inbound.name().to_owned()),
            ("scrub-display-names", policy.scrub_display_names.to_string()),
            ("header-octets", limits.header_octets.to_string()),
            ("fields", limits.fields.to_string()),
            ("addresses", limits.addresses.to_string()),
            ("received", limits.received.to_string()),
        ]
    });
    let [old, new] = both;
    let pairs = old.into_iter().zip(new);
    pairs.filter(|(old, new)| old.1 != new.1).map(|((name, old), (_, new))| (name, old, new)).collect()
}

impl Differences {
    fn count(&self, direction: Direction) -> usize {
        self.addresses.iter().filter(|change| change.direction == direction).count()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, old, new) in &self.settings {
            let _ =
                writeln!(text, "setting   {name}: {} -> {}", Shown(old.as_bytes()), Shown(new.as_bytes()));
        }
        for change in &self.domains {
            let _ = writeln!(text, "{}", change.line());
        }
        for change in &self.addresses {
            let _ = writeln!(text, "{}", change.line());
        }
        text.push_str(&self.moves.text());
        let (outbound, inbound) = (self.count(Direction::Outbound), self.count(Direction::Inbound));
        let _ = writeln!(
            text,
            "{} settings, {} domains, {outbound} addresses outbound and {inbound} inbound differ",
            self.settings.len(),
            self.domains.len(),
        );
        text
    }

    fn object(&self) -> Value {
        let settings = self.settings.iter().map(|(name, old, new)| {
            Object::new().with("name", *name).with("old", old.as_str()).with("new", new.as_str()).into()
        });
        let addresses = self.addresses.iter().map(|change| {
            Object::new()
                .with("direction", change.direction.name())
                .with("kind", "mailbox")
                .with_octets("address", &change.address)
                .with("old", change.old.object())
                .with("new", change.new.object())
                .into()
        });
        let counts = Object::new()
            .with("settings", self.settings.len())
            .with("outbound", self.count(Direction::Outbound))
            .with("inbound", self.count(Direction::Inbound))
            .with("domains", self.domains.len());
        Object::new()
            .with("settings", settings.collect::<Vec<Value>>())
            .with("addresses", addresses.collect::<Vec<Value>>())
            .with("counts", Value::from(counts))
            .with("domains", self.domains.iter().map(DomainChange::object).collect::<Vec<_>>())
            .with("waves", self.moves.waves())
            .with("moves", self.moves.summaries())
            .with("recipients", self.moves.recipients())
            .into()
    }
}

impl Change {
    fn line(&self) -> String {
        let (direction, old, new) = (self.direction.name(), self.old.words(), self.new.words());
        format!("{direction:<9} {}: {old} -> {new}", Shown(&self.address))
    }
}

impl Outcome {
    fn words(&self) -> String {
        match &self.result {
            Some(result) => format!("{} ({})", Shown(result), self.place),
            None if self.is_unmapped => "unmapped".to_owned(),
            None => "unchanged".to_owned(),
        }
    }

    fn object(&self) -> Value {
        Object::new()
            .with_optional("result", self.result.as_deref())
            .with("unmapped", self.is_unmapped)
            .with("entry", self.entry.clone())
            .into()
    }
}
