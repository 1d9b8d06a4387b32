//! Where mail goes: what a forward-path becomes by virtual(5), the way out by transport(5), and who is refused
//! by access(5). Each line is what the engine answers for the recipient.

use std::collections::{BTreeMap, BTreeSet};

use readdress::routing::Connector;

use super::text::Table;
use super::{Names, chain_error, forms, unwritable};
use crate::domain::at_and_above;
use crate::export::asked::{Asked, Universe, Way, key};
use crate::export::{Export, text};
use crate::plan::Plan;
use crate::postfix::{SMTP, transport};

/// The tables that recipients are looked up in.
pub(super) struct Routes {
    pub(super) virtual_aliases: Table,
    pub(super) virtual_forms: String,
    pub(super) transport: Table,
    pub(super) recipients: Table,
    pub(super) relay_domains: Table,
    /// Where mail goes that no table says anything about.
    pub(super) default_transport: String,
    /// Whether the table of recipients has everybody who is known.
    pub(super) lists_recipients: bool,
    /// Whether destinations outside have a transport of their own.
    pub(super) has_outside: bool,
    /// Whether a rule about recipients acts on mail to the outside.
    pub(super) has_rule_outside: bool,
}

struct Making<'p> {
    plan: &'p Plan,
    all: &'p Universe,
    routes: Routes,
    names: Names,
    /// Domains whose unknown names go to another address, and whether they have an `abuse` of their own.
    moved: Vec<(String, bool)>,
    moved_keys: BTreeSet<Vec<u8>>,
    /// For domains, `.domain` among them, the transport of those whom nothing names.
    ways: BTreeMap<String, String>,
    /// For final addresses that are named, by key: the address, its transport, and who goes there.
    finals: BTreeMap<Vec<u8>, (String, String, String)>,
    /// Domains whose unknown names are refused, and how.
    refusing: BTreeMap<Vec<u8>, String>,
}

/// An address outside of everything.
const OUTSIDE: &str = "anybody@outside.invalid";

pub(super) fn tables(plan: &Plan, all: &Universe, asked: &mut Asked, export: &mut Export) -> Routes {
    let outside = asked.route(OUTSIDE);
    let routes = Routes {
        virtual_aliases: Table::new("virtual(5), recipients to where their mail goes"),
        virtual_forms: String::new(),
        transport: Table::new("transport(5)"),
        recipients: Table::new(
            "access(5) by recipient; the keys with @ are those of relay_recipient_maps, too",
        ),
        relay_domains: Table::new("accepted domains"),
        default_transport: way_out(plan, &outside.way).unwrap_or_else(|| "smtp:".to_owned()),
        lists_recipients: true,
        has_outside: false,
        has_rule_outside: outside.by_rule,
    };
    if matches!(outside.way, Way::Refuse(_) | Way::Drop) || outside.path != OUTSIDE {
        let hint = "leave it to the milter, or write it into smtpd_relay_restrictions by hand";
        let message = "a rule refuses, drops or redirects mail to the outside: tables by recipient know our own domains";
        export.limit(plan.as_a_whole(), "recipients outside", message, hint);
    }
    let mut making = Making {
        plan,
        all,
        routes,
        names: Names::default(),
        moved: Vec::new(),
        moved_keys: BTreeSet::new(),
        ways: BTreeMap::new(),
        finals: BTreeMap::new(),
        refusing: BTreeMap::new(),
    };
    making.accept();
    for domain in &all.domains {
        making.domain(domain, asked);
    }
    for domain in &all.below {
        making.below(domain, asked, export);
    }
    for (key, (address, domain)) in &all.mailboxes {
        making.mailbox(key, address, domain, asked, export);
    }
    making.find_long_ways(asked, export);
    let delimiters = &plan.builder.policy().subaddress_delimiters;
    if !making.routes.virtual_aliases.is_empty {
        let mut ask = |address: &str| Some(asked.route(address).path).filter(|path| path != address);
        making.routes.virtual_forms = forms::lines(delimiters, &making.moved, ".*", &mut ask);
    }
    making.write_transport(export);
    making.routes
}

/// The transport of a way that leads somewhere.
fn way_out(plan: &Plan, way: &Way) -> Option<String> {
    let connector = |number: &usize| -> Option<&Connector> { plan.routing.connectors.get(*number) };
    match way {
        Way::Deliver => Some("virtual:".to_owned()),
        Way::Relay(number) => Some(transport(SMTP, number.as_ref().and_then(connector))),
        Way::Drop => Some("discard:".to_owned()),
        Way::Refuse(_) => None,
    }
}

/// The same for an accepted domain's unknown names: what is sent there in spite of a refusal must not leave for
/// the domain's mail exchangers, which may be this host.
fn way_or_end(plan: &Plan, way: &Way) -> Option<String> {
    let Way::Refuse(reply) = way else { return way_out(plan, way) };
    let service = if reply.starts_with('4') { "retry" } else { "error" };
    Some(format!("{service}:{}", reply.get(4..).unwrap_or_default()))
}

impl Making<'_> {
    fn accept(&mut self) {
        for accepted in &self.plan.routing.accepted_domains {
            let domain = text(&accepted.domain.domain);
            self.names.add(&mut self.routes.relay_domains, &domain, "OK");
            if accepted.domain.below {
                self.names.add(&mut self.routes.relay_domains, &format!(".{domain}"), "OK");
            }
        }
        self.names.clear();
    }

    /// Those of a domain whom nothing names.
    fn domain(&mut self, domain: &[u8], asked: &mut Asked) {
        let shown = text(domain);
        let (address, name) = self.all.anybody(domain);
        let answer = asked.route(&address);
        let is_accepted = self.plan.accepted.get(domain).is_some();
        if let Way::Refuse(reply) = &answer.way {
            self.routes.recipients.line(&shown, reply);
            self.refusing.insert(domain.to_vec(), reply.clone());
        } else if is_accepted {
            self.routes.recipients.line(&format!("@{shown}"), "DUNNO");
        }
        if answer.path == address {
            if let Some(way) = way_or_end(self.plan, &answer.way) {
                self.ways.insert(shown, way);
            }
            return;
        }
        let result = answer.path.strip_prefix(&name).filter(|rest| rest.starts_with('@'));
        self.routes.virtual_aliases.line(&format!("@{shown}"), result.unwrap_or(&answer.path));
        let has_abuse = asked.route(&format!("abuse@{shown}")).path != format!("abuse@{shown}");
        self.moved.push((shown.clone(), has_abuse));
        self.moved_keys.insert(domain.to_vec());
        let target = key(&answer.path);
        if result.is_none()
            && let Some(way) = way_out(self.plan, &answer.way)
        {
            self.finals.entry(target).or_insert((answer.path, way, address));
        }
    }

    /// Domains below one that nothing names.
    fn below(&mut self, domain: &[u8], asked: &mut Asked, export: &mut Export) {
        let shown = text(domain);
        let (address, _) = self.all.anybody(&self.all.anywhere(domain));
        let answer = asked.route(&address);
        if let Way::Refuse(reply) = &answer.way {
            self.routes.recipients.line(&format!(".{shown}"), reply);
        } else if self.plan.accepted.get(address.rsplit('@').next().unwrap_or_default().as_bytes()).is_some()
        {
            // What looks up known recipients knows no domains below others.
            self.routes.lists_recipients = false;
        }
        if answer.path != address {
            let message = format!("virtual(5) knows no domains below {shown}: mail for them stays as it is");
            export.limit(
                self.plan.as_a_whole(),
                &format!("*.{shown}"),
                message,
                "name each domain in the rule",
            );
        } else if let Some(way) = way_or_end(self.plan, &answer.way) {
            self.ways.insert(format!(".{shown}"), way);
        }
    }

    fn mailbox(
        &mut self,
        key_of: &[u8],
        address: &str,
        domain: &[u8],
        asked: &mut Asked,
        export: &mut Export,
    ) {
        let answer = asked.route(address);
        let is_same = key(&answer.path) == key_of;
        let is_moved = self.moved_keys.contains(domain);
        let mut is_written = true;
        if !is_same || is_moved {
            is_written &= self.names.add(&mut self.routes.virtual_aliases, address, &answer.path);
        }
        let usual = self.refusing.get(domain);
        let value = match &answer.way {
            Way::Refuse(reply) => Some(reply.as_str()).filter(|_| usual != Some(reply)),
            _ => usual.map(|_| "DUNNO"),
        };
        if let Some(value) = value {
            is_written &= self.routes.recipients.line(address, value);
        }
        if !is_written {
            unwritable(address, self.place(key_of), export);
        }
        let Some(way) = way_out(self.plan, &answer.way) else { return };
        if !is_same {
            let again = asked.route(&answer.path).path;
            if key(&again) != key(&answer.path) {
                let steps = vec![address.to_owned(), answer.path.clone(), again];
                chain_error(steps, self.place(key_of), export);
            }
        }
        let (path, taken, first) = self
            .finals
            .entry(key(&answer.path))
            .or_insert_with(|| (answer.path.clone(), way.clone(), address.to_owned()));
        if *taken != way {
            let message =
                format!("transport(5) sees only {path}, to which {first} and {address} go by different ways");
            let hint = "give one of them another address there, or leave it to the milter";
            export.limit(self.plan.as_a_whole(), address, message, hint);
        }
    }

    /// Entries for domains whose results go on to another place than the engine says.
    fn find_long_ways(&self, asked: &mut Asked, export: &mut Export) {
        for (domain, _) in &self.moved {
            let (anybody, name) = self.all.anybody(domain.as_bytes());
            let Some(target) = asked.route(&anybody).path.strip_prefix(&name).map(str::to_owned) else {
                continue;
            };
            let suffix = target.to_ascii_lowercase();
            let known = self.all.mailboxes.iter().filter(|(key, _)| key.ends_with(suffix.as_bytes()));
            for (_, (second, _)) in known {
                let first = format!("{}@{domain}", second.strip_suffix(&suffix).unwrap_or(second));
                let here = asked.route(&first).path;
                let there = asked.route(second).path;
                let is_named = self.all.mailboxes.contains_key(&key(&first));
                if !is_named && key(&here) != key(&there) {
                    chain_error(vec![first, here, there], self.plan.as_a_whole(), export);
                    break;
                }
            }
        }
    }

    fn write_transport(&mut self, export: &mut Export) {
        let ways = std::mem::take(&mut self.ways);
        let default = self.routes.default_transport.clone();
        // By parent domains, as transport(5) looks up.
        let above = |domain: &str| {
            let parents = at_and_above(domain.as_bytes()).skip(1);
            let mut found = parents.filter_map(|parent| ways.get(&format!(".{}", text(parent))));
            found.next().unwrap_or(&default).clone()
        };
        for (domain, way) in &ways {
            let name = domain.strip_prefix('.').unwrap_or(domain);
            let is_accepted = self.plan.accepted.get(name.as_bytes()).is_some();
            if *way != above(name) || is_accepted {
                self.routes.transport.line(domain, way);
                self.routes.has_outside |= !is_accepted;
            }
        }
        for (address, way, first) in std::mem::take(&mut self.finals).into_values() {
            let domain = key(&address).rsplit(|octet| *octet == b'@').next().map(text).unwrap_or_default();
            let usual = ways.get(&domain).cloned().unwrap_or_else(|| above(&domain));
            if way != usual && !self.routes.transport.line(&address, &way) {
                unwritable(&first, self.place(&key(&first)), export);
            }
        }
    }

    /// Where a recipient is listed.
    fn place(&self, key: &[u8]) -> crate::diagnostic::Location {
        let at = key.iter().rposition(|octet| *octet == b'@').unwrap_or_default();
        let (local_part, domain) = key.split_at(at);
        let known = self.plan.directory.get(local_part, domain.get(1..).unwrap_or_default());
        match known {
            Some(known) => self.plan.locate_in(known.at.source, known.at.at),
            None => self.plan.as_a_whole(),
        }
    }
}
