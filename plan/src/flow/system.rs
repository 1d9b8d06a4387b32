//! The systems that mail flows between, as a walk asks them.

use std::collections::HashSet;
use std::net::IpAddr;

use readdress::routing::{Client, DomainType, PatternTable};
use readdress::{Direction, Engine, EntryAddress, EntryDirection, EntryKind, PathKind, Scratch};

use crate::directory::{Existence, Mailbox};
use crate::flow::context::Knowledge;
use crate::flow::hop::Place;
use crate::plan::Plan;
use crate::world::{Forward, LeadsTo, System, UnknownRecipient};

/// All systems of a plan: the gateway's, which is the engine over the compiled map, and the others.
pub(crate) struct World<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) engine: &'p Engine,
    pub(crate) others: Vec<Other<'p>>,
    /// Ways into the gateway.
    pub(crate) sessions: Vec<Session>,
}

/// A way into the gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// What reports call it.
    pub(crate) name: String,
    pub(crate) address: Option<IpAddr>,
    pub(crate) tls_name: Option<String>,
    pub(crate) authenticated: bool,
    /// Where the plan does not say what the client is like, both are walked.
    pub(crate) direction: Option<Direction>,
    /// The system whose session it is; `None`: the internet's, or that of a listener that no system uses.
    pub(crate) system: Option<u16>,
    /// The first session that the gateway can't tell from this one.
    pub(crate) alike: u16,
}

impl Session {
    /// As the gateway sees it. A session that can be encrypted is.
    pub(crate) fn client(&self) -> Client<'_> {
        Client {
            address: self.address,
            tls: true,
            tls_name: self.tls_name.as_deref(),
            authenticated: self.authenticated,
        }
    }

    /// Whether the gateway takes it for one of our systems.
    pub(crate) fn is_trusted(&self, engine: &Engine) -> bool {
        let direction = self.direction.unwrap_or_else(|| engine.admit(&self.client()).direction());
        direction == Direction::Outbound
    }
}

/// Another system.
pub(crate) struct Other<'p> {
    pub(crate) system: &'p System,
    /// Which of its connectors serves a domain.
    spaces: PatternTable,
}

/// Where DNS, or a connector, sends mail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    Gateway,
    Other(u16),
    /// To nobody whom the plan knows.
    Outside,
}

impl<'p> Other<'p> {
    fn new(system: &'p System) -> Other<'p> {
        let connectors = || system.connectors.iter().zip(0..);
        let spaces = connectors().flat_map(|(connector, number)| {
            connector.address_spaces.iter().map(move |space| (space, number))
        });
        let rank = |number: u16| {
            system.connectors.get(usize::from(number)).map(|connector| (connector.cost, &connector.name))
        };
        Other { system, spaces: PatternTable::new(spaces, |new, known| rank(new) < rank(known)) }
    }

    /// Where its mail for a domain, given as key, goes by a connector.
    pub(crate) fn connector(&self, domain: &[u8]) -> Option<Target> {
        let connector = self.system.connectors.get(usize::from(self.spaces.get(domain)?))?;
        Some(match connector.leads_to {
            LeadsTo::This => Target::Gateway,
            LeadsTo::System(system) => Target::Other(system),
            LeadsTo::Outside => Target::Outside,
        })
    }

    /// To whom somebody's mail is forwarded.
    pub(crate) fn forwards(&self, key: &[u8]) -> &'p [Forward] {
        self.system.forwards.of(key)
    }

    /// Whether a mailbox is there. `None`: the plan lists nobody of that domain there, so that it is not known.
    pub(crate) fn has(&self, key: &[u8]) -> Option<bool> {
        let Mailbox { local_part, domain } = mailbox(key)?;
        match self.system.directory.exists(&local_part, &domain) {
            Existence::Listed => Some(true),
            Existence::Absent => Some(false),
            Existence::Unknown => self.system.directory.lists_domain(&domain).then_some(false),
        }
    }

    /// Whether it hands on mail for somebody unknown in a domain of this type.
    pub(crate) fn hands_on(&self, kind: DomainType) -> bool {
        kind != DomainType::Authoritative || self.system.unknown_recipient == UnknownRecipient::Relay
    }
}

impl<'p> World<'p> {
    pub(crate) fn new(plan: &'p Plan, engine: &'p Engine) -> World<'p> {
        let others = plan.systems.iter().map(Other::new).collect();
        World { plan, engine, others, sessions: super::sessions::sessions(plan, engine) }
    }

    /// Where a connector of the gateway leads.
    pub(crate) fn leads_to(&self, connector: u16) -> Target {
        match self.plan.leads.get(usize::from(connector)) {
            Some(LeadsTo::System(system)) => Target::Other(*system),
            Some(LeadsTo::This) => Target::Gateway,
            Some(LeadsTo::Outside) | None => Target::Outside,
        }
    }

    /// Where DNS sends mail for a domain, given as key: to the gateway if it accepts it, else to the first
    /// system that does.
    pub(crate) fn mail_exchanger(&self, domain: &[u8]) -> Target {
        if self.plan.accepted.get(domain).is_some() {
            return Target::Gateway;
        }
        let mut others = (0..).zip(&self.others);
        let other = others.find(|(_, other)| other.system.accepted.get(domain).is_some());
        other.map_or(Target::Outside, |(number, _)| Target::Other(number))
    }

    /// The sessions that a system's mail comes in by; of those that the gateway can't tell apart, one.
    pub(crate) fn sessions_of(&self, system: u16) -> impl Iterator<Item = u16> {
        let its = self.sessions.iter().filter(move |session| session.system == Some(system));
        its.map(|session| session.alike)
    }

    /// What reports call the way by which a message comes to the first place.
    pub(crate) fn way_in(&self, place: Place) -> Option<&str> {
        match place {
            Place::Here(session) => Some(&self.sessions.get(usize::from(session))?.name),
            Place::At(_) => None,
        }
    }

    /// What reports call a place.
    pub(crate) fn name(&self, place: Place) -> String {
        match place {
            Place::Here(_) => "this".to_owned(),
            Place::At(system) => self
                .others
                .get(usize::from(system))
                .map_or_else(String::new, |other| other.system.name.clone()),
        }
    }
}

impl Knowledge for World<'_> {
    fn members(&self, group: u16) -> Vec<Vec<u8>> {
        let group = self.plan.groups.get(usize::from(group));
        group.map_or_else(Vec::new, |group| group.members.keys().cloned().collect())
    }

    fn is_member(&self, key: &[u8], group: u16) -> bool {
        let group = self.plan.groups.get(usize::from(group));
        group.is_some_and(|group| group.members.contains_key(key))
    }

    fn is_inside(&self, domain: &[u8]) -> bool {
        self.plan.accepted.get(domain).is_some_and(|kind| kind != DomainType::ExternalRelay)
    }

    fn rewritten(&self) -> Vec<Vec<u8>> {
        let mut pairs = HashSet::new();
        let mut found = Vec::new();
        for (_, entry) in self.plan.entries() {
            let is_two_way = entry.kind == EntryKind::Mailbox && entry.direction == EntryDirection::Both;
            if is_two_way && pairs.insert((entry.internal.domain, entry.external.domain)) {
                found.push([entry.external.local_part, b"@", entry.external.domain].concat());
            }
        }
        found
    }

    fn internal(&self, key: &[u8]) -> Vec<u8> {
        let path = spelled(key);
        let mut scratch = Scratch::new();
        let session = readdress::Session::from(Direction::Inbound).with_smtputf8(true);
        let done = self.engine.rewrite_path(session, PathKind::Forward, path.as_bytes(), &mut scratch);
        done.map_or_else(|_| key.to_vec(), |done| key_of(done.to()))
    }
}

/// A key as an address on the wire: its local-part in quotes where it has to be.
pub(super) fn spelled(key: &[u8]) -> String {
    mailbox(key).map_or_else(String::new, |mailbox| mailbox.text())
}

/// The mailbox that a key names.
pub(crate) fn mailbox(key: &[u8]) -> Option<Mailbox> {
    let at = key.iter().rposition(|&octet| octet == b'@')?;
    Some(Mailbox { local_part: key.get(..at)?.to_vec(), domain: key.get(at + 1..)?.to_vec() })
}

/// The domain of a key.
pub(crate) fn domain_of(key: &[u8]) -> &[u8] {
    let at = key.iter().rposition(|&octet| octet == b'@');
    at.and_then(|at| key.get(at + 1..)).unwrap_or_default()
}

/// The key of an address as it is spelled; itself, if it is none.
pub(crate) fn key_of(address: &[u8]) -> Vec<u8> {
    EntryAddress::parse(address).map_or_else(|_| address.to_vec(), |parsed| parsed.key())
}
