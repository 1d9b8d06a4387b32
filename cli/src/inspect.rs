//! `readdress inspect`: what a map file is made of.

use std::fmt::Write;

use readdress::{Direction, EntryDirection, EntryKind, Map};
use serde_json::{Number, Value};

use crate::escape::{self, Shown};
use crate::failure::Failure;
use crate::json::{self, Object};
use crate::options::InspectOptions;
use crate::{Streams, exit, input};

pub(crate) fn run(options: &InspectOptions, streams: &mut Streams<'_>) -> Result<u8, Failure> {
    let engine = input::open(options.map.as_deref(), options.plan.as_deref())?;
    let map = engine.map();
    let printed = if options.format.is_json() {
        json::write(streams.out, &object(options, map))
    } else {
        streams.out.write_all(text(options, map).as_bytes())
    };
    printed.map_err(|error| Failure::output(&error))?;
    Ok(exit::OK)
}

fn object(options: &InspectOptions, map: &Map) -> Value {
    let counts = Counts::of(map);
    let sections: Vec<Value> = map
        .sections()
        .map(|section| {
            Object::new()
                .with("name", section.name)
                .with("offset", section.offset)
                .with("octets", section.length)
                .with("octets_per_entry", Share::of(section.length, map).number())
                .into()
        })
        .collect();
    let file = options.map.as_ref().or(options.plan.as_ref());
    file.map_or_else(Object::new, |path| Object::new().with_path("file", path))
        .with("generation", map.generation())
        .with("name", map.name())
        .with("octets", map.size())
        .with("octets_per_entry", Share::of(map.size(), map).number())
        .with("counts", counts.object(map))
        .with("sections", sections)
        .with("policy", policy(map))
        .with("sources", map.sources().map(Value::from).collect::<Vec<_>>())
        .into()
}

fn policy(map: &Map) -> Object {
    let policy = map.policy();
    let fields = |direction| policy.fields(direction).names().map(Value::from).collect::<Vec<_>>();
    let on_signed = Object::new()
        .with("outbound", policy.on_signed_outbound.name())
        .with("inbound", policy.on_signed_inbound.name());
    let limits = Object::new()
        .with("header_octets", policy.limits.header_octets)
        .with("fields", policy.limits.fields)
        .with("addresses", policy.limits.addresses)
        .with("received", policy.limits.received);
    Object::new()
        .with("mode", policy.mode.name())
        .with("preset", policy.preset.name())
        .with("outbound", fields(Direction::Outbound))
        .with("inbound", fields(Direction::Inbound))
        .with("subaddress_delimiters", policy.subaddress_delimiters.as_str())
        .with("unmapped", policy.unmapped.name())
        .with("on_signed", on_signed)
        .with("scrub_display_names", policy.scrub_display_names)
        .with("limits", limits)
}

fn text(options: &InspectOptions, map: &Map) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| _ = writeln!(text, "{label:<12}{value}");
    if let Some(path) = options.map.as_ref().or(options.plan.as_ref()) {
        line("file", &escape::path(path));
    }
    line("name", &Shown(map.name().as_bytes()).to_string());
    line("generation", map.generation());
    line("size", &format!("{} octets, {} an entry", map.size(), Share::of(map.size(), map)));
    line("entries", &Counts::of(map).to_string());
    let routing = routing(map).map(|(what, count)| format!("{count} {}", what.replace('_', " ")));
    line("routing", &routing.join(", "));
    for source in map.sources() {
        line("source", &Shown(source.as_bytes()).to_string());
    }
    policy_lines(map, &mut line);
    sections(map, &mut text);
    text
}

fn policy_lines(map: &Map, line: &mut impl FnMut(&str, &str)) {
    let policy = map.policy();
    line("mode", policy.mode.name());
    line("preset", policy.preset.name());
    for direction in Direction::ALL {
        let names: Vec<&str> = policy.fields(direction).names().collect();
        let names = if names.is_empty() { "no field".to_owned() } else { names.join(", ") };
        line(direction.name(), &names);
    }
    let delimiters = policy.subaddress_delimiters.as_str();
    line("subaddress", if delimiters.is_empty() { "off" } else { delimiters });
    line("unmapped", policy.unmapped.name());
    let [outbound, inbound] = Direction::ALL.map(|direction| policy.on_signed(direction).name());
    line("on-signed", &format!("outbound {outbound}, inbound {inbound}"));
    line("scrub-names", if policy.scrub_display_names { "yes" } else { "no" });
    let limits = &policy.limits;
    line(
        "limits",
        &format!(
            "header-octets {}, fields {}, addresses {}, received {}",
            limits.header_octets, limits.fields, limits.addresses, limits.received
        ),
    );
}

fn sections(map: &Map, text: &mut String) {
    let width = map.sections().map(|section| section.name.len()).max().unwrap_or(0).max("section".len());
    let _ = writeln!(text, "\n{:width$} {:>12} {:>12} {:>12}", "section", "offset", "octets", "an entry");
    for section in map.sections() {
        let share = Share::of(section.length, map).to_string();
        let _ = writeln!(
            text,
            "{:width$} {:>12} {:>12} {share:>12}",
            section.name, section.offset, section.length
        );
    }
}

/// How much the map has of what says where mail goes.
fn routing(map: &Map) -> [(&'static str, usize); 7] {
    let routing = map.routing();
    [
        ("recipients", usize::try_from(map.recipient_count()).unwrap_or(usize::MAX)),
        ("accepted_domains", routing.accepted_domains.len()),
        ("listeners", routing.listeners.len()),
        ("connectors", routing.connectors.len()),
        ("rules", routing.rules.len()),
        ("waves", routing.waves.len()),
        ("groups", routing.groups.len()),
    ]
}

/// Entries by the kind of their addresses.
#[derive(Default)]
struct Counts {
    mailbox: u32,
    domain: u32,
    subdomain: u32,
    outbound_only: u32,
}

impl Counts {
    fn of(map: &Map) -> Counts {
        let mut counts = Counts::default();
        for entry in map.entries() {
            let kind = match entry.kind() {
                EntryKind::Mailbox => &mut counts.mailbox,
                EntryKind::Subdomains => &mut counts.subdomain,
                EntryKind::Domain => &mut counts.domain,
            };
            *kind += 1;
            if entry.direction() == EntryDirection::Outbound {
                counts.outbound_only += 1;
            }
        }
        counts
    }

    fn total(&self) -> u32 {
        self.mailbox + self.domain + self.subdomain
    }

    fn object(&self, map: &Map) -> Object {
        let entries = Object::new()
            .with("entries", self.total())
            .with("mailbox", self.mailbox)
            .with("domain", self.domain)
            .with("subdomain", self.subdomain)
            .with("outbound_only", self.outbound_only);
        routing(map).into_iter().fold(entries, |counts, (name, count)| counts.with(name, count))
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {} mailbox, {} domain, {} subdomain; {} of them outbound-only",
            self.total(),
            self.mailbox,
            self.domain,
            self.subdomain,
            self.outbound_only
        )
    }
}

/// Octets for each entry, in hundredths.
struct Share(u64);

impl Share {
    fn of(octets: usize, map: &Map) -> Share {
        Share((octets as u64).saturating_mul(100) / u64::from(map.entry_count().max(1)))
    }

    fn number(&self) -> Value {
        // Exact decimal text; a binary fraction would print as 3.3300000000000001 elsewhere.
        self.to_string().parse::<Number>().map_or(Value::Null, Value::Number)
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}
