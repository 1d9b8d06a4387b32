//! A plan of mail flow as plain data, and as the files that say it.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::common::PlanFolder;

/// The first address of a network, and how many bits of it count.
pub(crate) type Network = (u32, u8);

/// What is left of the plan language for this. Domains may stand with `*.` before them, or be `*`.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) accepted: Vec<(String, Kind)>,
    pub(crate) listed: Vec<Known>,
    pub(crate) complete: Vec<String>,
    /// Members of groups that another file names: `g0`, `g1`.
    pub(crate) members: Vec<(usize, String)>,
    /// `w0`, `w1`, …
    pub(crate) waves: Vec<&'static str>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) connectors: Vec<Connector>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) systems: Vec<System>,
    /// Two-way entries: internal, external.
    pub(crate) mailboxes: Vec<(String, String)>,
    pub(crate) domains: Vec<(String, String)>,
}

pub(crate) const GROUPS: usize = 2;

/// What must not be rare; the names of conditions are those of plans.
pub(crate) const FEATURES: [&str; 27] = [
    "sender",
    "sender-domain",
    "sender-scope",
    "sender-member-of",
    "recipient",
    "recipient-domain",
    "recipient-scope",
    "recipient-member-of",
    "any-recipient-domain",
    "client-ip",
    "listener",
    "four systems",
    "forward",
    "forward to itself",
    "fan-out",
    "routing address",
    "wave",
    "mailbox entry",
    "domain entry",
    "relays unknown",
    "listeners",
    "anonymous relay",
    "route-via",
    "redirect-to",
    "reject",
    "drop",
    "stop",
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Authoritative,
    InternalRelay,
    ExternalRelay,
}

/// A recipient of the gateway.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) address: String,
    pub(crate) routing: Option<String>,
    pub(crate) groups: Vec<usize>,
    pub(crate) wave: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Listener {
    /// None: everybody.
    pub(crate) networks: Vec<Network>,
    pub(crate) trusted: bool,
    pub(crate) anonymous: bool,
}

/// Where a connector leads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum To {
    This,
    System(usize),
    /// To a host that nobody describes.
    Outside,
    /// By DNS.
    Mx,
}

#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) to: To,
    /// None: only rules choose it.
    pub(crate) spaces: Vec<String>,
    pub(crate) cost: u32,
}

/// What a rule asks.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// `<>` among them is the null reverse-path.
    Sender(Vec<String>),
    SenderDomain(Vec<String>),
    SenderInside(bool),
    SenderMember(usize),
    Recipient(Vec<String>),
    RecipientDomain(Vec<String>),
    RecipientInside(bool),
    RecipientMember(usize),
    AnyRecipientDomain(Vec<String>),
    Client(Vec<Network>),
    Listener(usize),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    pub(crate) when: Vec<Ask>,
    pub(crate) unless: Vec<Ask>,
    pub(crate) via: Option<usize>,
    pub(crate) redirect: Option<String>,
    pub(crate) reject: bool,
    pub(crate) drop: bool,
    pub(crate) stop: bool,
}

/// Another system.
#[derive(Clone, Debug, Default)]
pub(crate) struct System {
    pub(crate) accepted: Vec<(String, Kind)>,
    pub(crate) listed: Vec<String>,
    pub(crate) complete: Vec<String>,
    pub(crate) forwards: Vec<(String, String)>,
    pub(crate) connectors: Vec<Connector>,
    /// Whether it hands on mail for whom it does not know.
    pub(crate) relays: bool,
    /// Where its sessions come from; nothing: the plan does not say.
    pub(crate) networks: Vec<Network>,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Authoritative, Kind::InternalRelay, Kind::ExternalRelay];

    fn name(self) -> &'static str {
        match self {
            Kind::Authoritative => "authoritative",
            Kind::InternalRelay => "internal-relay",
            Kind::ExternalRelay => "external-relay",
        }
    }
}

impl Ask {
    /// Its name in plans; a rule has each once.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Ask::Sender(_) => "sender",
            Ask::SenderDomain(_) => "sender-domain",
            Ask::SenderInside(_) => "sender-scope",
            Ask::SenderMember(_) => "sender-member-of",
            Ask::Recipient(_) => "recipient",
            Ask::RecipientDomain(_) => "recipient-domain",
            Ask::RecipientInside(_) => "recipient-scope",
            Ask::RecipientMember(_) => "recipient-member-of",
            Ask::AnyRecipientDomain(_) => "any-recipient-domain",
            Ask::Client(_) => "client-ip",
            Ask::Listener(_) => "listener",
        }
    }

    fn value(&self) -> String {
        let scope = |is_inside: &bool| {
            format!("{:?}", if *is_inside { "in-organization" } else { "not-in-organization" })
        };
        match self {
            Ask::Sender(texts)
            | Ask::SenderDomain(texts)
            | Ask::Recipient(texts)
            | Ask::RecipientDomain(texts)
            | Ask::AnyRecipientDomain(texts) => format!("{texts:?}"),
            Ask::SenderInside(is_inside) | Ask::RecipientInside(is_inside) => scope(is_inside),
            Ask::SenderMember(group) | Ask::RecipientMember(group) => format!("\"g{group}\""),
            Ask::Client(networks) => texts(networks),
            Ask::Listener(listener) => format!("\"l{listener}\""),
        }
    }
}

fn texts(networks: &[Network]) -> String {
    let text = |&(address, bits): &Network| format!("{}/{bits}", std::net::Ipv4Addr::from_bits(address));
    format!("{:?}", networks.iter().map(text).collect::<Vec<_>>())
}

impl World {
    pub(crate) fn written(&self) -> PlanFolder {
        let mut plan = String::new();
        for (internal, external) in self.mailboxes.iter().chain(&self.domains) {
            write!(plan, "[[rewrite.entry]]\ninternal = \"{internal}\"\nexternal = \"{external}\"\n")
                .unwrap();
        }
        for (domain, kind) in &self.accepted {
            write!(plan, "[[accepted-domain]]\ndomain = \"{domain}\"\ntype = \"{}\"\n", kind.name()).unwrap();
        }
        write!(plan, "[[recipients]]\nfile = \"r.csv\"\ncomplete-for = {:?}\n", self.complete).unwrap();
        for group in 0..GROUPS {
            write!(plan, "[[group]]\nname = \"g{group}\"\nfile = \"g.csv\"\n").unwrap();
        }
        for (number, state) in self.waves.iter().enumerate() {
            write!(plan, "[[wave]]\nname = \"w{number}\"\nstate = \"{state}\"\n").unwrap();
        }
        for (number, Listener { networks, trusted, anonymous }) in self.listeners.iter().enumerate() {
            writeln!(plan, "[[listener]]\nname = \"l{number}\"\ntrusted = {trusted}").unwrap();
            writeln!(plan, "anonymous-relay = {anonymous}").unwrap();
            if !networks.is_empty() {
                writeln!(plan, "client-ip = {}", texts(networks)).unwrap();
            }
        }
        for (number, Connector { to, spaces, cost }) in self.connectors.iter().enumerate() {
            let hop = match to {
                To::System(system) => format!("smart-hosts = [\"s{system}.example.net\"]"),
                To::Outside | To::This => format!("smart-hosts = [\"far{number}.example.net\"]"),
                To::Mx => "mx = true".to_owned(),
            };
            let scope = if spaces.is_empty() {
                "rule-scoped = true".to_owned()
            } else {
                format!("address-spaces = {spaces:?}")
            };
            write!(plan, "[[connector]]\nname = \"c{number}\"\n{hop}\n{scope}\ncost = {cost}\n").unwrap();
        }
        for (number, rule) in self.rules.iter().enumerate() {
            writeln!(plan, "{}", rule.written(number)).unwrap();
        }
        let mut folder = Vec::new();
        for (number, system) in self.systems.iter().enumerate() {
            plan += &system.written(number);
            let listed = format!("Address\n{}\n", system.listed.join("\n"));
            folder.push((format!("s{number}.csv"), listed));
            let forwards = system.forwards.iter().map(|(from, to)| format!("{from},{to}\n"));
            folder.push((
                format!("f{number}.csv"),
                format!("Mailbox,ForwardTo\n{}", forwards.collect::<String>()),
            ));
        }
        let mut listed = "Address,RoutingAddress,Groups,Wave\n".to_owned();
        for Known { address, routing, groups, wave } in &self.listed {
            let groups: Vec<String> = groups.iter().map(|group| format!("g{group}")).collect();
            let wave = wave.map_or_else(String::new, |wave| format!("w{wave}"));
            let routing = routing.as_deref().unwrap_or_default();
            writeln!(listed, "{address},{routing},{},{wave}", groups.join(";")).unwrap();
        }
        let members = self.members.iter().map(|(group, member)| format!("g{group},{member}\n"));
        let members = format!("Identity,Members\n{}", members.collect::<String>());
        let folder = folder.iter().fold(PlanFolder::new(&plan), |made, (name, text)| made.with(name, text));
        folder.with("r.csv", listed).with("g.csv", members)
    }
}

impl Rule {
    fn written(&self, number: usize) -> String {
        let conditions = |asks: &[Ask]| {
            let all: Vec<String> =
                asks.iter().map(|ask| format!("{} = {}", ask.name(), ask.value())).collect();
            all.join(", ")
        };
        let mut does = vec![format!("stop = {}", self.stop)];
        does.extend(self.via.map(|via| format!("route-via = \"c{via}\"")));
        does.extend(self.redirect.iter().map(|to| format!("redirect-to = \"{to}\"")));
        does.extend(self.reject.then(|| "reject = true".to_owned()));
        does.extend(self.drop.then(|| "drop = true".to_owned()));
        format!(
            "[[rule]]\nname = \"r{number}\"\nwhen = {{ {} }}\nunless = {{ {} }}\ndo = {{ {} }}",
            conditions(&self.when),
            conditions(&self.unless),
            does.join(", ")
        )
    }
}

impl System {
    fn written(&self, number: usize) -> String {
        let accepted: Vec<String> = self
            .accepted
            .iter()
            .map(|(domain, kind)| format!("{{ domain = \"{domain}\", type = \"{}\" }}", kind.name()))
            .collect();
        let connector = |(nth, Connector { to, spaces, cost }): (usize, &Connector)| {
            let to = match to {
                To::This => "to-system = \"this\"".to_owned(),
                To::System(system) => format!("to-system = \"s{system}\""),
                To::Outside | To::Mx => format!("smart-hosts = [\"far.s{number}.example.net\"]"),
            };
            format!("{{ name = \"c{nth}\", {to}, address-spaces = {spaces:?}, cost = {cost} }}")
        };
        let connectors: Vec<String> = self.connectors.iter().enumerate().map(connector).collect();
        let networks = if self.networks.is_empty() {
            String::new()
        } else {
            format!("client-ip = {}\n", texts(&self.networks))
        };
        format!(
            "[[system]]\nname = \"s{number}\"\nnext-hop = \"s{number}.example.net:25\"\n\
             {networks}accepted-domain = [{}]\nrecipients = [{{ file = \"s{number}.csv\", complete-for = {:?} }}]\n\
             forwards = [{{ file = \"f{number}.csv\" }}]\nconnector = [{}]\nunknown-recipient = \"{}\"\n",
            accepted.join(", "),
            self.complete,
            connectors.join(", "),
            if self.relays { "relay" } else { "reject" }
        )
    }
}

impl World {
    /// Those whom the report has to name if something is wrong with their mail.
    pub(crate) fn must_be_followed(&self) -> BTreeSet<String> {
        let mut all: BTreeSet<String> = self.listed.iter().map(|known| known.address.clone()).collect();
        all.extend(self.members.iter().map(|(_, member)| member.clone()));
        all.extend(self.mailboxes.iter().map(|(_, external)| external.clone()));
        for system in &self.systems {
            all.extend(system.listed.iter().cloned());
            all.extend(system.forwards.iter().map(|(from, _)| from.clone()));
        }
        for ask in self.asks() {
            if let Ask::Recipient(named) = ask {
                all.extend(named.iter().cloned());
            }
        }
        all
    }

    pub(crate) fn asks(&self) -> impl Iterator<Item = &Ask> {
        self.rules.iter().flat_map(|rule| rule.when.iter().chain(&rule.unless))
    }

    /// What the world has that must not be missing in all of them.
    pub(crate) fn features(&self) -> BTreeSet<&'static str> {
        let mut features: BTreeSet<&str> = self.asks().map(Ask::name).collect();
        let mut has = |feature, is_there: bool| {
            if is_there {
                features.insert(feature);
            }
        };
        let forwards = || self.systems.iter().flat_map(|system| &system.forwards);
        has("four systems", self.systems.len() == 3);
        has("forward", forwards().next().is_some());
        has("forward to itself", forwards().any(|(from, to)| from == to));
        has(
            "fan-out",
            self.systems.iter().any(|system| {
                let from = |one: &String| system.forwards.iter().filter(|(from, _)| from == one).count();
                system.forwards.iter().any(|(one, _)| from(one) > 1)
            }),
        );
        has("routing address", self.listed.iter().any(|known| known.routing.is_some()));
        has("wave", self.listed.iter().any(|known| known.wave.is_some()));
        has("mailbox entry", !self.mailboxes.is_empty());
        has("domain entry", !self.domains.is_empty());
        has("relays unknown", self.systems.iter().any(|system| system.relays));
        has("listeners", !self.listeners.is_empty());
        has("anonymous relay", self.listeners.iter().any(|listener| listener.anonymous));
        has("route-via", self.rules.iter().any(|rule| rule.via.is_some()));
        has("redirect-to", self.rules.iter().any(|rule| rule.redirect.is_some()));
        has("reject", self.rules.iter().any(|rule| rule.reject));
        has("drop", self.rules.iter().any(|rule| rule.drop));
        has("stop", self.rules.iter().any(|rule| rule.stop));
        features
    }
}
