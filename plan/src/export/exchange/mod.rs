//! A plan as cmdlets. Everything that a plan says is one object there (a domain, a connector, a rule, somebody
//! in a group) that can be made, changed and removed; on the way from an older plan only what differs is told.
//!
//! Names and addresses are data: each stands in a literal (`quoted`), and nothing else of a plan gets into a
//! line. What Exchange has no word for is listed.

mod domains;
mod people;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use super::{EXPORT_MARK, Export};
use crate::plan::Plan;

/// Something that Exchange knows by a name. In the order in which things are made: each needs those before it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    /// Who hands mail on for a domain, before anything leads there.
    Domain,
    InboundConnector,
    OutboundConnector,
    Group,
    Member,
    Rule,
    AddressRewriteEntry,
    Proxy,
    RoutingAddress,
    Forward,
}

impl Kind {
    const ALL: [Kind; 10] = [
        Kind::Domain,
        Kind::InboundConnector,
        Kind::OutboundConnector,
        Kind::Group,
        Kind::Member,
        Kind::Rule,
        Kind::AddressRewriteEntry,
        Kind::Proxy,
        Kind::RoutingAddress,
        Kind::Forward,
    ];

    /// The order in which removing is safe: what chooses goes before what is chosen, and a domain is given back
    /// when nothing hands its mail on any more.
    const REMOVED: [Kind; 10] = [
        Kind::Rule,
        Kind::Forward,
        Kind::RoutingAddress,
        Kind::Proxy,
        Kind::Member,
        Kind::Group,
        Kind::OutboundConnector,
        Kind::InboundConnector,
        Kind::AddressRewriteEntry,
        Kind::Domain,
    ];

    fn heading(self) -> &'static str {
        match self {
            Kind::Domain => "accepted domains",
            Kind::InboundConnector => "inbound connectors",
            Kind::OutboundConnector => "outbound connectors",
            Kind::Group => "groups",
            Kind::Member => "members of groups",
            Kind::Rule => "rules",
            Kind::AddressRewriteEntry => "address rewriting (Edge servers)",
            Kind::Proxy => "other addresses of mailboxes",
            Kind::RoutingAddress => "mailboxes that are elsewhere",
            Kind::Forward => "forwarding: on the system that forwards, if that is Exchange",
        }
    }
}

/// One thing, in the cmdlets that make, change and remove it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Object {
    pub(super) kind: Kind,
    /// What tells it from others of its kind.
    pub(super) id: String,
    pub(super) make: String,
    /// `None`: removed and made again.
    pub(super) change: Option<String>,
    pub(super) remove: String,
    /// The batch it belongs to, for a heading.
    pub(super) batch: String,
    /// Whether it is given back to the one system that has everybody.
    pub(super) is_return: bool,
}

impl Plan {
    pub(super) fn export_exchange(&self, older: Option<&Plan>) -> Export {
        let mut export = Export::default();
        let objects = self.objects(&mut export);
        let text = match older {
            None => whole(&objects),
            Some(older) => changes(&older.objects(&mut Export::default()), &objects),
        };
        // Without the mark, Windows PowerShell reads octets as characters of its own, quotes among them.
        let mark = if text.is_ascii() { "" } else { "\u{feff}" };
        export.add("exchange.ps1", format!("{mark}{text}"));
        export
    }

    fn objects(&self, export: &mut Export) -> Vec<Object> {
        let mut objects = Vec::new();
        domains::domains(self, &mut objects);
        domains::listeners(self, export, &mut objects);
        domains::connectors(self, export, &mut objects);
        people::groups(self, &mut objects);
        rules::rules(self, export, &mut objects);
        people::entries(self, export, &mut objects);
        people::addresses(self, &mut objects);
        people::forwards(self, export, &mut objects);
        objects
    }
}

fn head(what: &str) -> String {
    format!(
        "# {EXPORT_MARK}: {what}.\n# Each line says what it changes; run them in this order, and stop at the first \
         that fails.\n$ErrorActionPreference = 'Stop'\n"
    )
}

fn whole(objects: &[Object]) -> String {
    let mut text = head("cmdlets that make what the plan says");
    for kind in Kind::ALL {
        section(&mut text, "make", kind, objects.iter().filter(|object| object.kind == kind), |object| {
            vec![object.make.clone()]
        });
    }
    text
}

fn changes(old: &[Object], new: &[Object]) -> String {
    let mut text = head("cmdlets from the older plan to this one");
    let by_id = |objects: &[Object]| -> BTreeMap<(Kind, String), Object> {
        objects.iter().map(|object| ((object.kind, object.id.clone()), object.clone())).collect()
    };
    let (old_by_id, new_by_id) = (by_id(old), by_id(new));
    let before = |object: &Object| old_by_id.get(&(object.kind, object.id.clone()));
    let is_new = |object: &&Object| before(object).is_none_or(|old| old.make != object.make);
    let mut late = BTreeSet::new();
    for kind in Kind::ALL {
        let objects = new.iter().filter(|object| object.kind == kind).filter(is_new);
        let objects = objects.filter(|object| {
            let is_late = object.is_return && before(object).is_some();
            if is_late {
                late.insert(object.id.clone());
            }
            !is_late
        });
        section(&mut text, "make or change", kind, objects, |object| {
            match (before(object), &object.change) {
                (None, _) => vec![object.make.clone()],
                (Some(_), Some(change)) => vec![change.clone()],
                (Some(old), None) => vec![old.remove.clone(), object.make.clone()],
            }
        });
    }
    for kind in Kind::REMOVED {
        let gone = |object: &&Object| !new_by_id.contains_key(&(object.kind, object.id.clone()));
        let objects = old.iter().filter(|object| object.kind == kind).filter(gone);
        section(&mut text, "remove", kind, objects, |object| vec![object.remove.clone()]);
    }
    let returned = new.iter().filter(|object| object.kind == Kind::Domain && late.contains(&object.id));
    section(&mut text, "give back", Kind::Domain, returned, |object| {
        vec![object.change.clone().unwrap_or_else(|| object.make.clone())]
    });
    text
}

fn section<'o>(
    text: &mut String,
    what: &str,
    kind: Kind,
    objects: impl Iterator<Item = &'o Object>,
    lines: impl Fn(&Object) -> Vec<String>,
) {
    let (mut is_first, mut batch) = (true, "");
    for object in objects {
        if is_first {
            text.push_str(&format!("\n# {what}: {}\n", kind.heading()));
            is_first = false;
        }
        if object.batch != batch {
            batch = &object.batch;
            text.push_str(&format!("# wave {}\n", super::remark(batch)));
        }
        for line in lines(object) {
            text.push_str(&line);
            text.push('\n');
        }
    }
}

/// A literal. PowerShell takes typographic quotes for quotes, too: two of them are one.
pub(super) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for character in text.chars() {
        if matches!(character, '\'' | '\u{2018}'..='\u{201b}') {
            literal.push(character);
        }
        literal.push(character);
    }
    literal.push('\'');
    literal
}

/// Literals with commas between them.
pub(super) fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    texts.into_iter().map(|text| quoted(text.as_ref())).collect::<Vec<_>>().join(",")
}

pub(super) fn truth(is_true: bool) -> &'static str {
    if is_true { "$true" } else { "$false" }
}

/// A literal inside a regular expression of .NET.
pub(super) fn escaped(literal: &str) -> String {
    let mut text = String::with_capacity(literal.len() + 8);
    for character in literal.chars() {
        if r"\*+?|{}[]()^$.# ".contains(character) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_quote_ends_a_literal() {
        assert_eq!(quoted("Mary O'Neil"), "'Mary O''Neil'");
        assert_eq!(quoted("a\u{2019}; Remove-Mailbox x"), "'a\u{2019}\u{2019}; Remove-Mailbox x'");
        assert_eq!(quoted("$(whoami) `n \"x\""), "'$(whoami) `n \"x\"'");
    }
}
