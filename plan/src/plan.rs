//! A plan that has been read: its policy, its entries, and where each of them stands.

use std::collections::BTreeMap;
use std::path::Path;

use readdress::routing::Routing;
use readdress::{
    AddressErrorKind, EntryAddress, EntryDirection, EntryError, EntryId, MapBuilder, NewEntry, Side,
    SourceFile,
};

use crate::accepted::AcceptedDomains;
use crate::diagnostic::{Diagnostic, Diagnostics, Location};
use crate::directory::Directory;
use crate::entry::ReadEntry;
use crate::reader::{self, ReadGroup};
use crate::source::{Source, SourceError, narrow};
use crate::table::{ENTRY_COLUMNS, Rows};
use crate::world::{
    Dns, Files, Group, LeadsTo, Owners, Places, System, add_routing, read_groups, read_recipients,
    read_systems,
};

/// A plan, read and free of mistakes that reading shows.
#[derive(Debug)]
pub struct Plan {
    pub(crate) builder: MapBuilder,
    /// The plan file, then its CSVs.
    pub(crate) sources: Vec<Source>,
    /// Where each entry stands, in the order of the builder's.
    pub(crate) places: Vec<EntryPlace>,
    /// The exceptions of those that have any.
    pub(crate) exceptions: BTreeMap<EntryId, Vec<Exception>>,
    /// The recipients that the plan lists.
    pub(crate) directory: Directory,
    /// The domains whose mail comes in here.
    pub(crate) accepted: AcceptedDomains,
    /// Where mail goes, as the map has it.
    pub(crate) routing: Routing,
    /// In the order of the routing's groups.
    pub(crate) groups: Vec<Group>,
    /// For each of the routing's connectors, where it leads.
    pub(crate) leads: Vec<LeadsTo>,
    /// The other systems.
    pub(crate) systems: Vec<System>,
    pub(crate) dns: Option<Dns>,
    /// Where what the routing lists stands in the plan file.
    pub(crate) routing_places: Places,
    /// Warnings that reading gave.
    pub(crate) notes: Vec<Diagnostic>,
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryPlace {
    /// Which of the plan's sources.
    pub(crate) source: u32,
    /// Octet at which its internal and external address begin.
    pub(crate) internal: u32,
    pub(crate) external: u32,
}

/// A domain that an entry leaves alone.
#[derive(Debug)]
pub(crate) struct Exception {
    /// As key.
    pub(crate) domain: Vec<u8>,
    /// Octet at which it begins.
    pub(crate) at: u32,
}

impl Plan {
    /// Reads a plan and every file it names.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, not just the first thing.
    pub fn read(path: &Path) -> Result<Plan, Diagnostics> {
        let relative = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let source = Source::read(path, relative).map_err(|error| match error {
            SourceError::Undecodable(diagnostic) => {
                let hint = Some("a plan is a TOML file: save it as UTF-8 text".to_owned());
                Diagnostics::from(vec![Diagnostic { code: "syntax", hint, ..*diagnostic }])
            }
            SourceError::Io(error) => {
                let at = Location { file: path.display().to_string(), line: 0, column: 0 };
                let message = format!("the plan can't be read: {error}");
                let hint = "name a plan file in TOML; README.md shows one";
                Diagnostics::of_missing_input(Diagnostic::error("missing-file", at, message).hint(hint))
            }
        })?;
        let mut diagnostics = Diagnostics::default();
        let document = reader::read(&source, &mut diagnostics);
        let mut entries = Entries::default();
        entries.builder.set_name(&document.name);
        entries.builder.set_policy(document.policy);
        let file = entries.builder.add_source(&source.relative);
        for entry in &document.entries {
            entries.add(entry, 0, file, &source, &mut diagnostics);
        }
        let mut accepted = AcceptedDomains::default();
        for domain in &document.accepted {
            accepted.add(domain, &source, &mut diagnostics);
        }
        let mut routing_places = document.places;
        routing_places.accepted_domains = accepted.places(&source);
        let mut files = Files::new(path, source);
        let mut seen = Vec::new();
        for file in &document.files {
            let number = diagnostics.keep(files.open(file, &mut seen));
            if let Some((number, source)) = number.and_then(|at| Some((at, files.sources().get(at)?))) {
                entries.add_table(source, number, &mut diagnostics);
                files.forget_text(number);
            }
        }
        let names = (&document.names.groups, &document.names.waves);
        let of_group = |group: &ReadGroup| Group { name: group.name.clone(), members: BTreeMap::new() };
        let mut groups: Vec<Group> = document.groups.iter().map(of_group).collect();
        let mut directory = Directory::default();
        for list in &document.recipients {
            if let Some(number) = diagnostics.keep(files.open(&list.file, &mut seen)) {
                let table = (files.sources(), number);
                read_recipients(&mut directory, table, names, &mut groups, &mut diagnostics);
            }
            for domain in &list.complete_for {
                if let Some(plan) = files.sources().first() {
                    directory.complete(domain, plan, &mut diagnostics);
                }
            }
        }
        let tables = document.groups.iter().filter_map(|group| group.file.as_ref());
        read_groups(tables, &mut files, names.0, &mut directory, &mut groups, &mut diagnostics);
        let leads = Owners::of(&document.systems).leads(&document.leads, &files, &mut diagnostics);
        let mut routing = document.routing;
        routing.accepted_domains = accepted.list().to_vec();
        routing.groups = names.0.list().to_vec();
        routing.has_directory = !document.recipients.is_empty();
        let systems = read_systems(document.systems, &mut files, names, &mut diagnostics);
        add_routing(
            &mut entries.builder,
            &routing,
            &mut directory,
            &accepted,
            files.sources(),
            &mut diagnostics,
        );
        diagnostics.sort();
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        let notes = diagnostics.into_iter().collect();
        let Entries { builder, places, exceptions } = entries;
        Ok(Plan {
            builder,
            sources: files.into_sources(),
            places,
            exceptions,
            directory,
            accepted,
            routing,
            groups,
            leads,
            systems,
            dns: document.dns,
            routing_places,
            notes,
        })
    }

    /// The entries and the policy, for a map with more in it than the plan.
    #[must_use]
    pub fn into_builder(self) -> MapBuilder {
        self.builder
    }

    /// The domains that an entry leaves alone, in the order in which they stand.
    pub(crate) fn except(&self, entry: EntryId) -> &[Exception] {
        self.exceptions.get(&entry).map_or(&[], Vec::as_slice)
    }

    /// Which of the plan's sources an entry stands in.
    pub(crate) fn source_of(&self, entry: EntryId) -> u32 {
        index(entry.0).and_then(|number| self.places.get(number)).map_or(0, |place| place.source)
    }

    /// Where one side of an entry stands.
    pub(crate) fn locate(&self, entry: EntryId, side: impl FnOnce(&EntryPlace) -> u32) -> Location {
        match index(entry.0).and_then(|number| self.places.get(number)) {
            Some(place) => self.locate_in(place.source, side(place)),
            None => Location { file: String::new(), line: 0, column: 0 },
        }
    }

    /// The place of an octet in one of the plan's sources.
    pub(crate) fn locate_in(&self, source: u32, at: u32) -> Location {
        let source = index(source).and_then(|number| self.sources.get(number));
        let nowhere = || Location { file: String::new(), line: 0, column: 0 };
        source.zip(index(at)).map_or_else(nowhere, |(source, at)| source.locate(at))
    }
}

/// Entries as they are read.
#[derive(Default)]
struct Entries {
    builder: MapBuilder,
    places: Vec<EntryPlace>,
    exceptions: BTreeMap<EntryId, Vec<Exception>>,
}

impl Entries {
    fn add_table(&mut self, source: &Source, number: usize, diagnostics: &mut Diagnostics) {
        let file = self.builder.add_source(&source.relative);
        let Some(mut rows) = Rows::open(source, ENTRY_COLUMNS, diagnostics) else { return };
        while let Some(entry) = rows.next_entry(diagnostics) {
            self.add(&entry, number, file, source, diagnostics);
        }
    }

    fn add(
        &mut self,
        entry: &ReadEntry,
        number: usize,
        file: SourceFile,
        source: &Source,
        diagnostics: &mut Diagnostics,
    ) {
        let except: Vec<&[u8]> = entry.except.iter().map(|domain| domain.text.as_bytes()).collect();
        let direction = if entry.is_outbound_only { EntryDirection::Outbound } else { EntryDirection::Both };
        let added = self.builder.add(&NewEntry {
            name: &entry.name,
            internal: entry.internal.text.as_bytes(),
            external: entry.external.text.as_bytes(),
            direction,
            except: &except,
            source: Some((file, entry.line)),
        });
        match added {
            Ok(id) => {
                self.places.push(EntryPlace {
                    source: narrow(number),
                    internal: narrow(entry.internal.at),
                    external: narrow(entry.external.at),
                });
                let exceptions = entry.except.iter().filter_map(|placed| {
                    let domain = EntryAddress::parse(placed.text.as_bytes()).ok()?.domain().to_vec();
                    Some(Exception { domain, at: narrow(placed.at) })
                });
                if !entry.except.is_empty() {
                    self.exceptions.insert(id, exceptions.collect());
                }
            }
            Err(EntryError::Address { .. }) => {
                // The builder stops at the first side that is no address.
                let sides = [(Side::Internal, &entry.internal), (Side::External, &entry.external)];
                let except =
                    entry.except.iter().enumerate().map(|(number, domain)| (Side::Except(number), domain));
                for (side, placed) in sides.into_iter().chain(except) {
                    if let Err(error) = EntryAddress::parse(placed.text.as_bytes()) {
                        let error = EntryError::Address { side, error };
                        diagnostics.push(entry_error(entry, &error, source));
                    }
                }
            }
            Err(error) => diagnostics.push(entry_error(entry, &error, source)),
        }
    }
}

fn entry_error(entry: &ReadEntry, error: &EntryError, source: &Source) -> Diagnostic {
    let except = |number: &usize| entry.except.get(*number).unwrap_or(&entry.internal);
    let (code, placed, offset, hint) = match error {
        EntryError::Address { side, error } => {
            let placed = match side {
                Side::Internal => &entry.internal,
                Side::External => &entry.external,
                Side::Except(number) => except(number),
            };
            let hint = match error.kind {
                AddressErrorKind::ControlCharacter => {
                    "remove it: an address is one line of printable characters"
                }
                AddressErrorKind::SurroundingSpace => "remove the space",
                AddressErrorKind::TooLong => "check it: SMTP carries no longer address",
                AddressErrorKind::NotUtf8 => "save the file as UTF-8",
                AddressErrorKind::Invisible => {
                    "type the address anew: something came along when it was copied"
                }
                AddressErrorKind::International => {
                    "write it in lower case and composed, as a browser shows it, or in its xn-- form"
                }
                AddressErrorKind::Domain => {
                    "check for a double dot, a hyphen at either end of a label, and characters other than those"
                }
                AddressErrorKind::DomainLiteral => {
                    "write [192.0.2.1] or [IPv6:2001:db8::1] with the address you mean"
                }
                _ => "write local-part@domain, domain, or *.domain as internal address",
            };
            ("bad-address", placed, error.offset, hint)
        }
        EntryError::KindMismatch => {
            ("kind-mismatch", &entry.external, 0, "map a mailbox to a mailbox and a domain to a domain")
        }
        EntryError::WildcardNotOutboundOnly => (
            "wildcard-not-outbound-only",
            &entry.internal,
            0,
            "make it outbound-only, and map inbound mail by mailbox",
        ),
        EntryError::WildcardExternal => ("wildcard-external", &entry.external, 0, "name one external domain"),
        EntryError::ExceptWithoutWildcard => (
            "except-without-wildcard",
            entry.except.first().unwrap_or(&entry.internal),
            0,
            "drop the exceptions, or write *.domain as internal address",
        ),
        EntryError::ExceptOutside(number) => {
            ("except-outside", except(number), 0, "an exception is a domain at or below the one behind *.")
        }
        _ => {
            ("too-large", &entry.internal, 0, "shorten the name or the list of exceptions, or split the plan")
        }
    };
    // Offsets count in the cell's text; in its quoted form in the file they may be a little further.
    let in_place = source.text.get(placed.at..).is_some_and(|rest| rest.starts_with(&placed.text));
    let at = placed.at + if in_place { offset } else { 0 };
    Diagnostic::error(code, source.locate(at), error.to_string()).excerpt(&placed.text).hint(hint)
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}
