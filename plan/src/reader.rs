//! The plan file: TOML walked by hand, so that every mistake is found in one go and has its place.

mod routing;
mod rules;
mod values;

use std::collections::BTreeSet;

use readdress::routing::{DomainType, Routing};
use readdress::{Direction, FieldSet, FieldSetError, Mode, OnSigned, Policy, Preset, Unmapped};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use self::routing::{ReadConnector, ReadGroup, ReadSystem};
use crate::accepted::ReadDomain;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::entry::{Placed, ReadEntry};
use crate::nearest::nearest;
use crate::source::Source;
use crate::world::{Dns, Names as NamesOf, Places};

/// What a plan file says.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) name: String,
    pub(crate) policy: Policy,
    /// Files of entries, as named.
    pub(crate) files: Vec<Placed>,
    /// Entries that stand in the plan file itself.
    pub(crate) entries: Vec<ReadEntry>,
    pub(crate) recipients: Vec<RecipientList>,
    pub(crate) accepted: Vec<ReadDomain>,
    pub(crate) groups: Vec<ReadGroup>,
    /// Waves, listeners, connectors and rules.
    pub(crate) routing: Routing,
    /// For each connector, where it leads.
    pub(crate) leads: Vec<ReadConnector>,
    pub(crate) systems: Vec<ReadSystem>,
    pub(crate) dns: Option<Dns>,
    pub(crate) names: Names,
    pub(crate) places: Places,
}

/// The names of the things that a plan refers to by name.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) groups: NamesOf,
    pub(crate) waves: NamesOf,
    pub(crate) listeners: NamesOf,
    pub(crate) connectors: NamesOf,
    pub(crate) systems: NamesOf,
}

impl Default for Names {
    fn default() -> Names {
        let [groups, waves, listeners, connectors, systems] =
            ["group", "wave", "listener", "connector", "system"].map(NamesOf::new);
        Names { groups, waves, listeners, connectors, systems }
    }
}

/// A file of recipients.
#[derive(Debug)]
pub(crate) struct RecipientList {
    pub(crate) file: Placed,
    /// Domains of which it has every mailbox.
    pub(crate) complete_for: Vec<Placed>,
}

/// Reads a plan file. What it says wrongly goes to `diagnostics`.
pub(crate) fn read(source: &Source, diagnostics: &mut Diagnostics) -> Document {
    let mut document = Document::default();
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        let message = error.message().lines().collect::<Vec<_>>().join(": ");
        let hint = if message.contains("duplicate key") {
            "write each key and each [table] once"
        } else {
            "the plan is a TOML file; strings stand in quotes"
        };
        diagnostics.push(
            Diagnostic::error("syntax", source.locate(at), message).excerpt(source.line_at(at)).hint(hint),
        );
    }
    if !errors.is_empty() {
        return document;
    }
    let mut reader = Reader { source, diagnostics };
    let known = [
        "plan",
        "rewrite",
        "limits",
        "accepted-domain",
        "recipients",
        "group",
        "wave",
        "listener",
        "connector",
        "dns",
        "rule",
        "system",
    ];
    reader.check_keys(root.get_ref(), &known, &[]);
    if let Some(table) = reader.table(root.get_ref(), "plan") {
        reader.check_keys(table, &["name"], &[]);
        document.name = reader.string(table, "name").map(|name| name.text).unwrap_or_default();
    }
    if let Some(table) = reader.table(root.get_ref(), "rewrite") {
        reader.rewrite(table, &mut document);
    }
    if let Some(table) = reader.table(root.get_ref(), "limits") {
        reader.limits(table, &mut document.policy);
    }
    for table in reader.tables(root.get_ref(), "", "recipients") {
        if let Some(list) = reader.recipients(table) {
            document.recipients.push(list);
        }
    }
    for table in reader.counted(root.get_ref(), "", "accepted-domain") {
        if let Some(domain) = reader.accepted_domain(table) {
            document.accepted.push(domain);
        }
    }
    // Each before those that name it.
    reader.groups(root.get_ref(), &mut document);
    reader.waves(root.get_ref(), &mut document);
    reader.listeners(root.get_ref(), &mut document);
    reader.systems(root.get_ref(), &mut document);
    reader.connectors(root.get_ref(), &mut document);
    reader.rules(root.get_ref(), &mut document);
    document.dns = reader.dns(root.get_ref());
    document
}

struct Reader<'s, 'd> {
    source: &'s Source,
    diagnostics: &'d mut Diagnostics,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl Reader<'_, '_> {
    fn rewrite(&mut self, table: &DeTable<'_>, document: &mut Document) {
        let known = [
            "mode",
            "preset",
            "subaddress-delimiters",
            "unmapped",
            "on-signed",
            "scrub-display-names",
            "outbound",
            "inbound",
            "entries",
            "entry",
        ];
        self.check_keys(table, &known, &["parts"]);
        let modes = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];
        let preset = self.choice(table, "preset", &Preset::ALL.map(|preset| (preset.name(), preset)));
        let mut policy = Policy::from_preset(preset.unwrap_or_default());
        policy.mode = self.choice(table, "mode", &modes).unwrap_or_default();
        let unmapped =
            [Unmapped::Pass, Unmapped::Tempfail, Unmapped::Reject].map(|value| (value.name(), value));
        policy.unmapped = self.choice(table, "unmapped", &unmapped).unwrap_or_default();
        if let Some(delimiters) = self.string(table, "subaddress-delimiters") {
            let is_delimiter =
                |character: char| character.is_ascii_graphic() && !"@.\"\\()<>[]:;,".contains(character);
            if delimiters.text.chars().all(is_delimiter) && delimiters.text.len() <= 16 {
                policy.subaddress_delimiters = delimiters.text;
            } else {
                let hint = "write up to 16 characters that may stand in an address without quotes, such as \"+\" or \"+-\"";
                self.error(
                    "bad-value",
                    delimiters.at,
                    "these can't be subaddress delimiters",
                    &delimiters.text,
                    hint,
                );
            }
        }
        policy.scrub_display_names = self.boolean(table, "scrub-display-names").unwrap_or_default();
        let on_signed = self.on_signed(table).unwrap_or_default();
        policy.on_signed_outbound = on_signed;
        policy.on_signed_inbound = on_signed;
        for direction in Direction::ALL {
            self.direction(table, direction, &mut policy);
        }
        document.policy = policy;
        for table in self.tables(table, "rewrite.", "entries") {
            self.check_keys(table.get_ref().as_table().unwrap_or(&DeTable::new()), &["file"], &[]);
            let inner = table.get_ref().as_table();
            if let Some(file) = inner.and_then(|inner| self.required(inner, "file", table.span().start)) {
                document.files.push(file);
            }
        }
        for table in self.tables(table, "rewrite.", "entry") {
            let at = table.span().start;
            if let Some(entry) = table.get_ref().as_table().and_then(|inner| self.entry(inner, at)) {
                document.entries.push(entry);
            }
        }
    }

    /// What a plan says about one direction alone.
    fn direction(&mut self, table: &DeTable<'_>, direction: Direction, policy: &mut Policy) {
        let Some(table) = self.table(table, direction.name()) else { return };
        self.check_keys(table, &["fields", "on-signed"], &[]);
        let (fields, on_signed) = match direction {
            Direction::Outbound => (&mut policy.outbound, &mut policy.on_signed_outbound),
            Direction::Inbound => (&mut policy.inbound, &mut policy.on_signed_inbound),
        };
        if let Some(named) = self.field_set(table) {
            *fields = named;
        }
        if let Some(chosen) = self.on_signed(table) {
            *on_signed = chosen;
        }
    }

    fn on_signed(&mut self, table: &DeTable<'_>) -> Option<OnSigned> {
        self.choice(table, "on-signed", &OnSigned::ALL.map(|policy| (policy.name(), policy)))
    }

    fn entry(&mut self, table: &DeTable<'_>, at: usize) -> Option<ReadEntry> {
        self.check_keys(table, &["name", "internal", "external", "direction", "except"], &[]);
        let name = self.string(table, "name").map(|name| name.text).unwrap_or_default();
        let is_outbound_only = self.choice(table, "direction", &[("both", false), ("outbound", true)]);
        let except = self.strings(table, "except");
        let internal = self.required(table, "internal", at);
        let external = self.required(table, "external", at);
        Some(ReadEntry {
            name,
            line: self.source.locate(at).line,
            internal: internal?,
            external: external?,
            is_outbound_only: is_outbound_only.unwrap_or_default(),
            except,
        })
    }

    fn recipients(&mut self, value: &Value<'_>) -> Option<RecipientList> {
        let table = value.get_ref().as_table()?;
        self.check_keys(table, &["file", "complete-for"], &[]);
        let complete_for = self.strings(table, "complete-for");
        Some(RecipientList { file: self.required(table, "file", value.span().start)?, complete_for })
    }

    fn accepted_domain(&mut self, value: &Value<'_>) -> Option<ReadDomain> {
        let (table, at) = (value.get_ref().as_table()?, value.span().start);
        self.check_keys(table, &["domain", "type"], &[]);
        let domain = self.required(table, "domain", at);
        self.require(table, "type", at);
        let kind = self.choice(table, "type", &DomainType::ALL.map(|kind| (kind.name(), kind)));
        Some(ReadDomain { domain: domain?, kind: kind?, line: self.source.line(at) })
    }

    fn limits(&mut self, table: &DeTable<'_>, policy: &mut Policy) {
        let limits = &mut policy.limits;
        let places = [
            ("header-octets", &mut limits.header_octets),
            ("fields", &mut limits.fields),
            ("addresses", &mut limits.addresses),
            ("received", &mut limits.received),
        ];
        self.check_keys(table, &places.each_ref().map(|(key, _)| *key), &[]);
        for (key, limit) in places {
            if let Some(number) = self.whole_number(table, key, 1) {
                *limit = number;
            }
        }
    }

    fn field_set(&mut self, table: &DeTable<'_>) -> Option<FieldSet> {
        let value = table.get("fields")?;
        let names = self.strings(table, "fields");
        let (mut good, mut seen) = (Vec::new(), BTreeSet::new());
        for name in &names {
            let error = match FieldSet::new([name.text.as_str()]) {
                Ok(_) if seen.insert(name.text.to_ascii_lowercase()) => {
                    good.push(name.text.as_str());
                    continue;
                }
                Ok(_) => FieldSetError::Duplicate(name.text.clone()),
                Err(error) => error,
            };
            let (code, hint) = match &error {
                FieldSetError::NeverRewritten(_) => ("never-rewritten", "remove it from the list"),
                FieldSetError::Duplicate(_) => ("duplicate-field", "name it once; case makes no difference"),
                _ => ("bad-value", "a field name is printable ASCII without colon and space"),
            };
            self.error(code, name.at, &error.to_string(), &name.text, hint);
        }
        match FieldSet::new(good) {
            Ok(fields) => Some(fields),
            Err(error) => {
                self.error("bad-value", value.span().start, &error.to_string(), "", "name fewer fields");
                None
            }
        }
    }

    /// Reports every key that is not known, with the nearest one that is.
    fn check_keys(&mut self, table: &DeTable<'_>, known: &[&str], later: &[&str]) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let at = key.span().start;
            if later.contains(&name) {
                let message = format!("`{name}` is not supported by this version");
                self.error(
                    "unsupported",
                    at,
                    &message,
                    name,
                    "remove it, or use a version of readdress that has it",
                );
            } else {
                let hint = match nearest(name, known.iter().chain(later).copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known here: {}", known.join(", ")),
                };
                self.error("unknown-key", at, &format!("unknown key `{name}`"), name, &hint);
            }
        }
    }

    fn table<'t>(&mut self, table: &'t DeTable<'t>, key: &str) -> Option<&'t DeTable<'t>> {
        let value = table.get(key)?;
        let inner = value.get_ref().as_table();
        if inner.is_none() {
            self.wrong_type(key, value, "a table");
        }
        inner
    }

    /// The tables of an array of tables.
    fn tables<'t>(&mut self, table: &'t DeTable<'t>, parent: &str, key: &str) -> Vec<&'t Value<'t>> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, value, &format!("an array of tables: [[{parent}{key}]]"));
            return Vec::new();
        };
        let (tables, others): (Vec<_>, Vec<_>) = array.iter().partition(|item| item.get_ref().is_table());
        for other in others {
            self.wrong_type(key, other, "a table");
        }
        tables
    }

    fn string(&mut self, table: &DeTable<'_>, key: &str) -> Option<Placed> {
        let value = table.get(key)?;
        let placed = self.placed(value);
        if placed.is_none() {
            self.wrong_type(key, value, "a string");
        }
        placed
    }

    fn strings(&mut self, table: &DeTable<'_>, key: &str) -> Vec<Placed> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "an array of strings");
            return Vec::new();
        };
        let mut strings = Vec::new();
        for item in array {
            match self.placed(item) {
                Some(placed) => strings.push(placed),
                None => self.wrong_type(key, item, "a string"),
            }
        }
        strings
    }

    fn boolean(&mut self, table: &DeTable<'_>, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong_type(key, value, "true or false");
        }
        found
    }

    fn required(&mut self, table: &DeTable<'_>, key: &str, at: usize) -> Option<Placed> {
        self.require(table, key, at);
        self.string(table, key)
    }

    fn require(&mut self, table: &DeTable<'_>, key: &str, at: usize) {
        if !table.contains_key(key) {
            let message = format!("`{key}` is missing");
            self.error("missing-key", at, &message, "", &format!("add {key} = \"…\" to this table"));
        }
    }

    /// One of a few words.
    fn choice<T: Copy>(&mut self, table: &DeTable<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
        let found = self.string(table, key)?;
        let value = words.iter().find(|(word, _)| *word == found.text).map(|(_, value)| *value);
        if value.is_none() {
            let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let hint = match nearest(&found.text, list.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"? Known: {}", list.join(", ")),
                None => format!("known: {}", list.join(", ")),
            };
            let message = format!("`{key}` can't be \"{}\"", found.text);
            self.error("unknown-value", found.at, &message, &found.text, &hint);
        }
        value
    }

    /// A string value and where its text begins, behind the quote.
    fn placed(&self, value: &Value<'_>) -> Option<Placed> {
        let text = value.get_ref().as_str()?.to_owned();
        let start = value.span().start;
        let is_quoted = self.source.text.get(start..).is_some_and(|rest| rest.starts_with(['"', '\'']));
        Some(Placed { text, at: start + usize::from(is_quoted) })
    }

    fn wrong_type(&mut self, key: &str, value: &Value<'_>, wanted: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        let message = format!("`{key}` is {found} here and must be {wanted}");
        let excerpt = self.excerpt(value);
        self.error("wrong-type", value.span().start, &message, &excerpt, &format!("write {wanted}"));
    }

    fn excerpt(&self, value: &Value<'_>) -> String {
        let text = self.source.text.get(value.span()).unwrap_or_default();
        text.lines().next().unwrap_or_default().to_owned()
    }

    fn error(&mut self, code: &'static str, at: usize, message: &str, excerpt: &str, hint: &str) {
        let mut diagnostic = Diagnostic::error(code, self.source.locate(at), message).hint(hint);
        if !excerpt.is_empty() {
            diagnostic = diagnostic.excerpt(excerpt);
        }
        self.diagnostics.push(diagnostic);
    }
}
