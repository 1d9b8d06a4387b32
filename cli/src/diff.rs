//! `readdress diff`: what two plans or maps make of the same addresses, where that differs.
//!
//! Asked about are all addresses that either of them names, each with the engine: what is shown is what
//! will happen, however it came about. A domain is asked about with somebody whom nobody names.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use readdress::{Direction, Engine, Entry, EntryAddress, EntryDirection, EntryKind, Session};
use serde_json::Value;

use crate::describe::{self, place};
use crate::escape::Shown;
use crate::failure::Failure;
use crate::json::{self, Object};
use crate::options::DiffOptions;
use crate::{Streams, exit, input, progress};

/// Who stands for everybody of a domain.
const ANYBODY: &str = "anybody";

/// What plans begin with and map files don't have: their magic is no TOML.
const MAP_MAGIC: &[u8] = b"\x89RDR";

pub(crate) fn run(options: &DiffOptions, streams: &mut Streams<'_>) -> Result<u8, Failure> {
    let differences = progress::during(streams.progress, "comparing", || {
        let (old, new) = (open(&options.old)?, open(&options.new)?);
        Ok(Differences { settings: settings(&old, &new), addresses: addresses(&old, &new) })
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

struct Differences {
    /// Name, old value, new value.
    settings: Vec<(&'static str, String, String)>,
    addresses: Vec<Change>,
}

/// One address that comes out otherwise.
struct Change {
    direction: Direction,
    kind: EntryKind,
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
}

fn addresses(old: &Engine, new: &Engine) -> Vec<Change> {
    let mut changes = Vec::new();
    for direction in Direction::ALL {
        let mut named = BTreeMap::new();
        for engine in [old, new] {
            for entry in engine.map().entries() {
                name(direction, &entry, &mut named);
            }
        }
        for ((_, kind), address) in named {
            let (old, new) = (ask(old, direction, &address), ask(new, direction, &address));
            if !old.is_same(&new) {
                let kind = KINDS.get(kind).copied().unwrap_or(EntryKind::Mailbox);
                changes.push(Change { direction, kind, address, old, new });
            }
        }
    }
    changes
}

const KINDS: [EntryKind; 3] = [EntryKind::Mailbox, EntryKind::Domain, EntryKind::Subdomains];

/// Notes an address that an entry is about, under its key.
fn name(direction: Direction, entry: &Entry<'_>, named: &mut BTreeMap<(Vec<u8>, usize), Vec<u8>>) {
    let address = match direction {
        Direction::Outbound => entry.internal(),
        Direction::Inbound if entry.direction() == EntryDirection::Both => entry.external(),
        Direction::Inbound => return,
    };
    let Ok(parsed) = EntryAddress::parse(&address) else { return };
    let kind = KINDS.iter().position(|kind| *kind == entry.kind()).unwrap_or_default();
    named.entry((parsed.key(), kind)).or_insert_with(|| match entry.kind() {
        EntryKind::Mailbox => address,
        EntryKind::Domain | EntryKind::Subdomains => [ANYBODY.as_bytes(), b"@", parsed.domain()].concat(),
    });
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
        for change in &self.addresses {
            let direction = change.direction.name();
            let _ = writeln!(text, "{direction:<9} {}", change.line());
        }
        let (outbound, inbound) = (self.count(Direction::Outbound), self.count(Direction::Inbound));
        let _ = writeln!(
            text,
            "{} settings, {outbound} addresses outbound and {inbound} inbound differ",
            self.settings.len()
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
                .with("kind", kind_name(change.kind))
                .with_octets("address", &change.address)
                .with("old", change.old.object())
                .with("new", change.new.object())
                .into()
        });
        let counts = Object::new()
            .with("settings", self.settings.len())
            .with("outbound", self.count(Direction::Outbound))
            .with("inbound", self.count(Direction::Inbound));
        Object::new()
            .with("settings", settings.collect::<Vec<Value>>())
            .with("addresses", addresses.collect::<Vec<Value>>())
            .with("counts", Value::from(counts))
            .into()
    }
}

impl Change {
    fn line(&self) -> String {
        let about = match self.kind {
            EntryKind::Mailbox => "",
            EntryKind::Domain => " (for its domain)",
            EntryKind::Subdomains => " (for its domain and all below)",
        };
        format!("{}{about}: {} -> {}", Shown(&self.address), self.old.words(), self.new.words())
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

fn kind_name(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Mailbox => "mailbox",
        EntryKind::Domain => "domain",
        EntryKind::Subdomains => "subdomain",
    }
}
