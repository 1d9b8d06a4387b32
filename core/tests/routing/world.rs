//! A small gateway to route through, and its answers as one line each.

use readdress::routing::{
    AcceptedDomain, Action, Client, Connector, Decision, DomainPattern, DomainType, Envelope, Listener,
    NewRecipient, NextHop, Routing, Tls, Wave, WaveState,
};
use readdress::{Engine, EntryDirection, Limits, MapBuilder, NewEntry, Policy};

/// A plan in the making.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) routing: Routing,
    pub(crate) builder: MapBuilder,
}

impl World {
    /// Accepts a domain, or `*.domain`.
    pub(crate) fn accept(mut self, domain: &str, kind: DomainType) -> World {
        let line = 1;
        self.routing.accepted_domains.push(AcceptedDomain { domain: pattern(domain), kind, line });
        self
    }

    /// A connector to a smart host of its name.
    pub(crate) fn connector(mut self, name: &str, cost: u32, spaces: &[&str]) -> World {
        self.routing.connectors.push(Connector {
            name: name.to_owned(),
            next_hop: NextHop::SmartHosts(vec![format!("{name}.example.net:25")]),
            address_spaces: spaces.iter().map(|space| pattern(space)).collect(),
            rule_scoped: spaces.is_empty(),
            cost,
            tls: Tls::Opportunistic,
            tls_name: None,
            validation_address: None,
            line: 1,
        });
        self
    }

    pub(crate) fn wave(mut self, name: &str, state: WaveState) -> World {
        self.routing.waves.push(Wave { name: name.to_owned(), state, line: 1 });
        self
    }

    pub(crate) fn group(mut self, name: &str) -> World {
        self.routing.groups.push(name.to_owned());
        self
    }

    pub(crate) fn listener(mut self, name: &str, client: &str, trusted: bool) -> World {
        let client_ip = if client.is_empty() { Vec::new() } else { vec![client.parse().unwrap()] };
        let name = name.to_owned();
        self.routing.listeners.push(Listener { name, client_ip, trusted, ..Listener::default() });
        self
    }

    pub(crate) fn entry(mut self, internal: &str, external: &str) -> World {
        let direction = EntryDirection::Both;
        let (internal, external) = (internal.as_bytes(), external.as_bytes());
        let entry = NewEntry { name: "entry", internal, external, direction, except: &[], source: None };
        self.builder.add(&entry).unwrap();
        self
    }

    /// A mailbox that is here, in groups, moving with a wave, or with a routing address.
    pub(crate) fn recipient(
        mut self,
        address: &str,
        routing_address: Option<&str>,
        groups: &[u16],
        wave: Option<u16>,
    ) -> World {
        self.routing.has_directory = true;
        let (address, routing_address) = (address.as_bytes(), routing_address.map(str::as_bytes));
        let recipient = NewRecipient { address, is_listed: true, routing_address, groups, wave };
        self.builder.add_recipient(&recipient, None).unwrap();
        self
    }

    pub(crate) fn mailbox(self, address: &str) -> World {
        self.recipient(address, None, &[], None)
    }

    /// A member of groups who has no mailbox here.
    pub(crate) fn stranger(mut self, address: &str, groups: &[u16]) -> World {
        let address = address.as_bytes();
        let recipient = NewRecipient { address, is_listed: false, routing_address: None, groups, wave: None };
        self.builder.add_recipient(&recipient, None).unwrap();
        self
    }

    pub(crate) fn engine(mut self) -> Engine {
        let limits = Limits { received: 3, addresses: 100, ..Limits::default() };
        self.builder.set_policy(Policy { limits, ..Policy::default() });
        self.builder.set_routing(self.routing);
        Engine::from_bytes(self.builder.finish().unwrap()).unwrap()
    }
}

pub(crate) fn pattern(domain: &str) -> DomainPattern {
    let below = domain.starts_with('*');
    let domain = domain.trim_start_matches(['*', '.']).as_bytes().to_vec();
    DomainPattern { domain, below }
}

pub(crate) fn client(address: &str) -> Client<'_> {
    Client { address: Some(address.parse().unwrap()), ..Client::default() }
}

/// An envelope of one of our systems.
pub(crate) fn trusted(reverse_path: &str) -> Envelope<'_> {
    let direction = Some(readdress::Direction::Outbound);
    Envelope { direction, reverse_path: Some(reverse_path.as_bytes()), ..Envelope::default() }
}

/// An envelope from anywhere.
pub(crate) fn untrusted(reverse_path: &str) -> Envelope<'_> {
    Envelope { reverse_path: Some(reverse_path.as_bytes()), ..Envelope::default() }
}

/// What becomes of each recipient: `deliver a@x`, `relay a@x by connector`, `reject 550 5.1.10`, `drop`.
pub(crate) fn route(engine: &Engine, envelope: &Envelope<'_>, recipients: &[&str]) -> Vec<String> {
    let mut decision = Decision::new();
    let paths = recipients.iter().map(|recipient| recipient.as_bytes());
    let routes = engine.route(envelope, paths, &mut decision).unwrap();
    let lines = routes.iter().map(|route| {
        let path = String::from_utf8_lossy(route.forward_path());
        match route.action() {
            Action::Deliver => format!("deliver {path}"),
            Action::Relay => match route.connector() {
                Some(connector) => format!("relay {path} by {}", connector.name),
                None => format!("relay {path} by MX"),
            },
            Action::Reject => {
                let (code, enhanced, _) = route.reply().unwrap();
                format!("reject {code} {enhanced}")
            }
            Action::Drop => "drop".to_owned(),
        }
    });
    lines.collect()
}

/// The same for one recipient.
pub(crate) fn route_one(engine: &Engine, envelope: &Envelope<'_>, recipient: &str) -> String {
    route(engine, envelope, &[recipient]).remove(0)
}
