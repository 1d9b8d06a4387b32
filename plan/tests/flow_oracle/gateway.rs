//! What the gateway decides about a copy of a message, as the design says it: addresses as texts, and lists
//! that are gone through from the beginning.

use crate::world::{Ask, Connector, Kind, Known, Network, Rule, World};

/// Who sends, and who else gets the same message.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Context {
    /// Empty: the null reverse-path.
    pub(crate) sender: String,
    pub(crate) company: Vec<String>,
}

/// A session at the gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) address: Option<u32>,
    /// Where the plan does not say what the client is like.
    pub(crate) forced: Option<bool>,
}

pub(crate) const STRANGER: &str = "nobody-has-this-mailbox";
pub(crate) const OUTSIDE: &str = "outside.invalid";

pub(crate) fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

fn covers(pattern: &str, domain: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => domain == parent || domain.ends_with(&format!(".{parent}")),
        None => pattern == "*" || pattern == domain,
    }
}

/// An exact domain goes first, then the longest.
fn closeness(pattern: &str) -> (bool, usize) {
    (!pattern.starts_with('*'), pattern.len())
}

pub(crate) fn kind(accepted: &[(String, Kind)], domain: &str) -> Option<Kind> {
    let over = accepted.iter().filter(|(pattern, _)| covers(pattern, domain));
    over.max_by_key(|(pattern, _)| closeness(pattern)).map(|(_, kind)| *kind)
}

pub(crate) fn connector(connectors: &[Connector], domain: &str) -> Option<usize> {
    let mut best: Option<((bool, usize), u32, usize)> = None;
    for (number, connector) in connectors.iter().enumerate() {
        for space in connector.spaces.iter().filter(|space| covers(space, domain)) {
            let better = match best {
                None => true,
                Some((known, cost, _)) => {
                    closeness(space) > known || (closeness(space) == known && connector.cost < cost)
                }
            };
            if better {
                best = Some((closeness(space), connector.cost, number));
            }
        }
    }
    best.map(|(.., number)| number)
}

pub(crate) fn is_in(networks: &[Network], address: Option<u32>) -> bool {
    let within = |&(first, bits): &Network, address: u32| {
        let mask = if bits == 0 { 0 } else { u32::MAX << (32 - u32::from(bits)) };
        address & mask == first & mask
    };
    address.is_some_and(|address| networks.iter().any(|network| within(network, address)))
}

/// What the gateway does with a copy.
pub(crate) enum Decided {
    Deliver,
    ByRule,
    Denied,
    Unknown,
    NoRoute,
    /// By a connector, or by DNS.
    Relay(Option<usize>, String),
}

impl World {
    pub(crate) fn known(&self, address: &str) -> Option<&Known> {
        self.listed.iter().find(|known| known.address == address)
    }

    fn is_member(&self, address: &str, group: usize) -> bool {
        self.known(address).is_some_and(|known| known.groups.contains(&group))
            || self.members.iter().any(|(of, member)| *of == group && member == address)
    }

    pub(crate) fn internal(&self, address: &str) -> String {
        if let Some((internal, _)) = self.mailboxes.iter().find(|(_, external)| external == address) {
            return internal.clone();
        }
        let (name, domain) = address.rsplit_once('@').unwrap();
        let entry = self.domains.iter().find(|(_, external)| external == domain);
        entry.map_or_else(|| address.to_owned(), |(internal, _)| format!("{name}@{internal}"))
    }

    /// The listener by which a client comes in.
    pub(crate) fn listener(&self, session: Session) -> Option<usize> {
        let fits = |networks: &[Network]| networks.is_empty() || is_in(networks, session.address);
        self.listeners.iter().position(|listener| fits(&listener.networks))
    }

    pub(crate) fn is_refused(&self, session: Session) -> bool {
        session.forced.is_none()
            && session.address.is_some()
            && !self.listeners.is_empty()
            && self.listener(session).is_none()
    }

    pub(crate) fn is_trusted(&self, session: Session) -> bool {
        session
            .forced
            .unwrap_or_else(|| self.listener(session).is_some_and(|number| self.listeners[number].trusted))
    }

    /// A domain whose addresses are inside.
    fn is_inside(&self, domain: &str) -> bool {
        matches!(kind(&self.accepted, domain), Some(Kind::Authoritative | Kind::InternalRelay))
    }

    fn holds(&self, ask: &Ask, session: Session, context: &Context, of: &[String; 2]) -> bool {
        let sender = context.sender.as_str();
        match ask {
            Ask::Sender(senders) => {
                senders.iter().any(|one| one == sender || (one == "<>" && sender.is_empty()))
            }
            Ask::SenderDomain(patterns) => {
                !sender.is_empty() && patterns.iter().any(|pattern| covers(pattern, domain(sender)))
            }
            Ask::SenderInside(wanted) => {
                let is_inside = sender.is_empty() || self.is_inside(domain(sender));
                (self.is_trusted(session) && is_inside) == *wanted
            }
            Ask::SenderMember(group) => self.is_member(sender, *group),
            Ask::Recipient(wanted) => of.iter().any(|address| wanted.contains(address)),
            Ask::RecipientDomain(patterns) => {
                of.iter().any(|address| patterns.iter().any(|pattern| covers(pattern, domain(address))))
            }
            Ask::RecipientInside(wanted) => {
                let inside =
                    |address: &String| self.known(address).is_some() || self.is_inside(domain(address));
                of.iter().any(inside) == *wanted
            }
            Ask::RecipientMember(group) => of.iter().any(|address| self.is_member(address, *group)),
            Ask::AnyRecipientDomain(patterns) => {
                let mut all = of.to_vec();
                for other in &context.company {
                    all.extend([other.clone(), self.internal(other)]);
                }
                all.iter().any(|address| patterns.iter().any(|pattern| covers(pattern, domain(address))))
            }
            Ask::Client(networks) => is_in(networks, session.address),
            Ask::Listener(number) => self.listener(session) == Some(*number),
        }
    }

    pub(crate) fn decide(&self, session: Session, context: &Context, to: &str) -> Decided {
        if self.is_refused(session) {
            return Decided::Denied;
        }
        let mut path = self.internal(to);
        let of = [to.to_owned(), path.clone()];
        let is_ours = |address: &String| {
            kind(&self.accepted, domain(address)).is_some() || self.known(address).is_some()
        };
        let relays = self.listener(session).is_some_and(|number| self.listeners[number].anonymous);
        if !of.iter().any(is_ours) && !self.is_trusted(session) && !self.accepted.is_empty() && !relays {
            return Decided::Denied;
        }
        let mut via = None;
        let mut redirect = None;
        for rule in &self.rules {
            let Rule { when, unless, .. } = rule;
            let acts = when.iter().all(|ask| self.holds(ask, session, context, &of))
                && !unless.iter().any(|ask| self.holds(ask, session, context, &of));
            if !acts {
                continue;
            }
            if rule.reject || rule.drop {
                return Decided::ByRule;
            }
            via = rule.via.or(via);
            redirect = rule.redirect.clone().or(redirect);
            if rule.stop {
                break;
            }
        }
        path = redirect.unwrap_or(path);
        if via.is_some() {
            return Decided::Relay(via, path);
        }
        self.way(path)
    }

    /// Without a rule: types of domains, the directory, waves, connectors.
    fn way(&self, path: String) -> Decided {
        let kind = kind(&self.accepted, domain(&path));
        let by_connector = |path: String| match connector(&self.connectors, domain(&path)) {
            None if kind.is_some() => Decided::NoRoute,
            connector => Decided::Relay(connector, path),
        };
        let known = self.known(&path).filter(|_| kind != Some(Kind::ExternalRelay));
        let Some(known) = known else {
            return if kind == Some(Kind::Authoritative) { Decided::Unknown } else { by_connector(path) };
        };
        if !self.is_here(known) {
            return if kind == Some(Kind::Authoritative) { Decided::Deliver } else { by_connector(path) };
        }
        match &known.routing {
            Some(routing) => self.follow(routing),
            None => Decided::Deliver,
        }
    }

    fn is_here(&self, known: &Known) -> bool {
        known.wave.is_none_or(|wave| ["migrated", "retired"].contains(&self.waves[wave]))
    }

    /// To a routing address, which is not looked up for another one.
    fn follow(&self, routing: &str) -> Decided {
        let kind = kind(&self.accepted, domain(routing));
        let known = self.known(routing).filter(|_| kind != Some(Kind::ExternalRelay));
        if known.is_some_and(|known| known.routing.is_none() && self.is_here(known)) {
            return Decided::Deliver;
        }
        match (connector(&self.connectors, domain(routing)), kind) {
            (None, Some(Kind::Authoritative)) if known.is_none() => Decided::Unknown,
            (None, Some(_)) => Decided::NoRoute,
            (connector, _) => Decided::Relay(connector, routing.to_owned()),
        }
    }
}
