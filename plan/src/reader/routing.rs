//! Who comes in, where mail goes and in what batches: `[[group]]`, `[[wave]]`, `[[listener]]`,
//! `[[connector]]`, `[[system]]`, `[dns]`.

use std::collections::BTreeMap;

use ipnet::IpNet;
use readdress::routing::{Connector, DomainPattern, Listener, NextHop, Tls, Wave, WaveState};
use toml::de::DeTable;

use super::{Document, Reader, RecipientList};
use crate::accepted::ReadDomain;
use crate::diagnostic::Diagnostic;
use crate::entry::Placed;
use crate::world::{Dns, Host, LeadsTo, Names, UnknownRecipient};

/// A `[[group]]`.
#[derive(Debug)]
pub(crate) struct ReadGroup {
    pub(crate) name: String,
    pub(crate) file: Option<Placed>,
}

/// Where a connector leads, as far as its table says, and for a system's connector the rest of it.
#[derive(Debug, Default)]
pub(crate) struct ReadConnector {
    pub(crate) name: String,
    pub(crate) to_system: Option<LeadsTo>,
    pub(crate) smart_hosts: Vec<(Host, Placed)>,
    pub(crate) address_spaces: Vec<DomainPattern>,
    pub(crate) cost: u32,
}

/// A `[[system]]`.
#[derive(Debug)]
pub(crate) struct ReadSystem {
    pub(crate) name: String,
    pub(crate) next_hops: Vec<(Host, Placed)>,
    pub(crate) accepted: Vec<ReadDomain>,
    pub(crate) recipients: Vec<RecipientList>,
    pub(crate) forwards: Vec<Placed>,
    pub(crate) connectors: Vec<ReadConnector>,
    pub(crate) unknown_recipient: UnknownRecipient,
    pub(crate) client_ip: Vec<IpNet>,
    pub(crate) tls_name: Option<String>,
    pub(crate) at: usize,
}

/// The gateway, among the names of systems.
const THIS: &str = "this";

const DEFAULT_COST: u32 = 1;

impl Reader<'_, '_> {
    pub(super) fn groups(&mut self, root: &DeTable<'_>, document: &mut Document) {
        for value in self.counted(root, "", "group") {
            let (Some(table), at) = (value.get_ref().as_table(), value.span().start) else { continue };
            self.check_keys(table, &["name", "file"], &[]);
            let file = self.string(table, "file");
            if let Some(name) = self.name(table, at, &mut document.names.groups) {
                document.groups.push(ReadGroup { name, file });
            }
        }
    }

    pub(super) fn waves(&mut self, root: &DeTable<'_>, document: &mut Document) {
        for value in self.counted(root, "", "wave") {
            let (Some(table), at) = (value.get_ref().as_table(), value.span().start) else { continue };
            self.check_keys(table, &["name", "state"], &[]);
            let name = self.name(table, at, &mut document.names.waves);
            self.require(table, "state", at);
            let state = self.choice(table, "state", &WaveState::ALL.map(|state| (state.name(), state)));
            if let (Some(name), Some(state)) = (name, state) {
                document.routing.waves.push(Wave { name, state, line: self.source.line(at) });
                document.places.waves.push(self.source.locate(at));
            }
        }
    }

    pub(super) fn listeners(&mut self, root: &DeTable<'_>, document: &mut Document) {
        let known = ["name", "client-ip", "tls", "tls-name", "authenticated", "trusted", "anonymous-relay"];
        for value in self.counted(root, "", "listener") {
            let (Some(table), at) = (value.get_ref().as_table(), value.span().start) else { continue };
            self.check_keys(table, &known, &[]);
            let name = self.name(table, at, &mut document.names.listeners);
            let client_ip = self.each(table, "client-ip", Self::network);
            let (tls, tls_name) = self.tls(table);
            let mut flag = |key| self.boolean(table, key).unwrap_or_default();
            let [authenticated, trusted, anonymous_relay] =
                ["authenticated", "trusted", "anonymous-relay"].map(&mut flag);
            let Some(name) = name else { continue };
            document.routing.listeners.push(Listener {
                name,
                client_ip,
                tls,
                tls_name,
                authenticated,
                trusted,
                anonymous_relay,
                line: self.source.line(at),
            });
            document.places.listeners.push(self.source.locate(at));
        }
    }

    pub(super) fn connectors(&mut self, root: &DeTable<'_>, document: &mut Document) {
        let known = [
            "name",
            "smart-hosts",
            "mx",
            "to-system",
            "address-spaces",
            "rule-scoped",
            "cost",
            "tls",
            "tls-name",
            "validation-address",
        ];
        for value in self.counted(root, "", "connector") {
            let (Some(table), at) = (value.get_ref().as_table(), value.span().start) else { continue };
            self.check_keys(table, &known, &[]);
            let name = self.name(table, at, &mut document.names.connectors);
            let (next_hop, smart_hosts) = self.next_hop(table, at);
            let to_system = self.named_system(table, &document.names.systems);
            if let (Some((LeadsTo::This, placed)), Some(_)) = (&to_system, &name) {
                let message = "the connector leads from this gateway to itself";
                self.error("bad-combination", placed.at, message, &placed.text, "name another system");
            }
            let address_spaces = self.each(table, "address-spaces", Self::pattern);
            let rule_scoped = self.boolean(table, "rule-scoped").unwrap_or_default();
            self.check_scope(table, at, rule_scoped);
            let (tls, tls_name) = self.tls(table);
            let validation = self.string(table, "validation-address");
            let validation = validation.filter(|address| self.mailbox(address).is_some());
            let cost = self.whole_number(table, "cost", 0).unwrap_or(DEFAULT_COST);
            let (Some(name), Some(next_hop)) = (name, next_hop) else { continue };
            document.routing.connectors.push(Connector {
                name,
                next_hop,
                address_spaces,
                rule_scoped,
                cost,
                tls,
                tls_name,
                validation_address: validation.map(|address| address.text),
                line: self.source.line(at),
            });
            let to_system = to_system.map(|(system, _)| system);
            document.leads.push(ReadConnector { to_system, smart_hosts, ..ReadConnector::default() });
            document.places.connectors.push(self.source.locate(at));
        }
    }

    /// By DNS or to smart hosts: one of the two.
    fn next_hop(&mut self, table: &DeTable<'_>, at: usize) -> (Option<NextHop>, Vec<(Host, Placed)>) {
        let is_mx = self.boolean(table, "mx").unwrap_or_default();
        let hosts = self.each(table, "smart-hosts", Self::host);
        let names = || hosts.iter().map(|(_, placed)| placed.text.clone()).collect();
        let next_hop = match (is_mx, table.get("smart-hosts")) {
            (true, None) => Some(NextHop::Mx),
            (false, Some(_)) if hosts.is_empty() => None,
            (false, Some(_)) => Some(NextHop::SmartHosts(names())),
            (true, Some(hosts)) => {
                let message = "a connector leads to smart hosts or by MX, not both";
                let hint = "remove one of smart-hosts and mx";
                self.error("bad-combination", hosts.span().start, message, "", hint);
                None
            }
            (false, None) => {
                let message = "the connector leads nowhere";
                let hint = "add smart-hosts = [\"mail.example.net\"], or mx = true";
                self.error("missing-key", at, message, "", hint);
                None
            }
        };
        (next_hop, hosts)
    }

    /// A connector serves domains, or is chosen by rules.
    fn check_scope(&mut self, table: &DeTable<'_>, at: usize, rule_scoped: bool) {
        match table.get("address-spaces") {
            Some(spaces) if rule_scoped => {
                let message = "a connector that only rules choose has no address spaces";
                let hint = "remove address-spaces, or rule-scoped";
                self.error("bad-combination", spaces.span().start, message, "", hint);
            }
            None if !rule_scoped => {
                let message = "nothing chooses this connector";
                let hint = "add address-spaces = [\"*\"] or the domains it serves, or rule-scoped = true";
                self.error("missing-key", at, message, "", hint);
            }
            _ => {}
        }
    }

    fn tls(&mut self, table: &DeTable<'_>) -> (Tls, Option<String>) {
        let tls = self.choice(table, "tls", &Tls::ALL.map(|tls| (tls.name(), tls))).unwrap_or_default();
        let name = self.certificate(table);
        if let (Tls::None, Some(value)) = (tls, table.get("tls-name")) {
            let message = "without TLS there is no certificate with a name";
            let hint = "remove tls-name, or write tls = \"required\"";
            self.error("bad-combination", value.span().start, message, "", hint);
        }
        (tls, name)
    }

    fn named_system(&mut self, table: &DeTable<'_>, systems: &Names) -> Option<(LeadsTo, Placed)> {
        let name = self.string(table, "to-system")?;
        let system =
            if name.text == THIS { LeadsTo::This } else { LeadsTo::System(self.number_of(&name, systems)?) };
        Some((system, name))
    }

    /// The names of all systems come first: connectors name any of them.
    pub(super) fn systems(&mut self, root: &DeTable<'_>, document: &mut Document) {
        let tables = self.counted(root, "", "system");
        let named: Vec<Option<String>> = tables
            .iter()
            .map(|value| {
                let table = value.get_ref().as_table()?;
                let name = self.name(table, value.span().start, &mut document.names.systems)?;
                if let Some(placed) = table.get("name").and_then(|name| self.placed(name))
                    && name.eq_ignore_ascii_case(THIS)
                {
                    let message = "this is the name of the gateway itself";
                    self.error("bad-value", placed.at, message, &name, "call the other system otherwise");
                }
                Some(name)
            })
            .collect();
        for (value, name) in tables.into_iter().zip(named) {
            let Some(table) = value.get_ref().as_table() else { continue };
            let system = self.system(table, value.span().start, &document.names.systems);
            if let Some(name) = name {
                document.systems.push(ReadSystem { name, ..system });
            }
        }
        self.check_next_hops(&document.systems);
    }

    fn system(&mut self, table: &DeTable<'_>, at: usize, systems: &Names) -> ReadSystem {
        let known = [
            "name",
            "next-hop",
            "accepted-domain",
            "recipients",
            "forwards",
            "connector",
            "unknown-recipient",
            "client-ip",
            "tls-name",
        ];
        self.check_keys(table, &known, &[]);
        let next_hops = self.each(table, "next-hop", Self::host);
        let accepted = self.tables(table, "system.", "accepted-domain");
        let accepted = accepted.into_iter().filter_map(|domain| self.accepted_domain(domain)).collect();
        let recipients = self.tables(table, "system.", "recipients");
        let recipients = recipients.into_iter().filter_map(|list| self.recipients(list)).collect();
        let mut forwards = Vec::new();
        for value in self.tables(table, "system.", "forwards") {
            let Some(table) = value.get_ref().as_table() else { continue };
            self.check_keys(table, &["file"], &[]);
            forwards.extend(self.required(table, "file", value.span().start));
        }
        let (mut names, mut connectors) = (Names::new("connector of the system"), Vec::new());
        for value in self.counted(table, "system.", "connector") {
            let Some(table) = value.get_ref().as_table() else { continue };
            connectors.extend(self.system_connector(table, value.span().start, &mut names, systems));
        }
        let words = [("reject", UnknownRecipient::Reject), ("relay", UnknownRecipient::Relay)];
        let unknown_recipient = self.choice(table, "unknown-recipient", &words).unwrap_or_default();
        ReadSystem {
            name: String::new(),
            next_hops,
            accepted,
            recipients,
            forwards,
            connectors,
            unknown_recipient,
            client_ip: self.each(table, "client-ip", Self::network),
            tls_name: self.certificate(table),
            at,
        }
    }

    fn system_connector(
        &mut self,
        table: &DeTable<'_>,
        at: usize,
        names: &mut Names,
        systems: &Names,
    ) -> Option<ReadConnector> {
        self.check_keys(table, &["name", "to-system", "address-spaces", "cost", "smart-hosts"], &[]);
        let name = self.name(table, at, names);
        let to_system = self.named_system(table, systems);
        if !table.contains_key("to-system") && !table.contains_key("smart-hosts") {
            let message = "the connector leads nowhere";
            let hint = "add to-system = \"this\" or another system's name, or smart-hosts";
            self.error("missing-key", at, message, "", hint);
        }
        if !table.contains_key("address-spaces") {
            let hint = "add address-spaces = [\"*\"], or the domains it serves";
            self.error("missing-key", at, "`address-spaces` is missing", "", hint);
        }
        Some(ReadConnector {
            to_system: to_system.map(|(system, _)| system),
            smart_hosts: self.each(table, "smart-hosts", Self::host),
            address_spaces: self.each(table, "address-spaces", Self::pattern),
            cost: self.whole_number(table, "cost", 0).unwrap_or(DEFAULT_COST),
            name: name?,
        })
    }

    /// By its next hop a system is known: no two may share one.
    fn check_next_hops(&mut self, systems: &[ReadSystem]) {
        let mut first_of: BTreeMap<&Host, (usize, &Placed)> = BTreeMap::new();
        let hops = systems.iter().enumerate().flat_map(|(number, system)| {
            system.next_hops.iter().map(move |(host, placed)| (number, host, placed))
        });
        for (number, host, placed) in hops {
            let (owner, first) = *first_of.entry(host).or_insert((number, placed));
            if owner == number {
                continue;
            }
            let message = "another system has this next hop: mail to the two can't be told apart";
            let hint = "make one system of the two, or correct the next hop; the port is 25 if none is given";
            self.diagnostics.push(
                Diagnostic::error("duplicate-next-hop", self.source.locate(placed.at), message)
                    .excerpt(&placed.text)
                    .also_at(self.source.locate(first.at))
                    .hint(hint),
            );
        }
    }

    pub(super) fn dns(&mut self, root: &DeTable<'_>) -> Option<Dns> {
        let at = root.get("dns")?.span().start;
        let table = self.table(root, "dns")?;
        self.check_keys(table, &["gateway", "spf-includes"], &[]);
        let gateway = self.each(table, "gateway", Self::address);
        let spf_includes = self.each(table, "spf-includes", Self::domain);
        Some(Dns { gateway, spf_includes, at: self.source.locate(at) })
    }
}
