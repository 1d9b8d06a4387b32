//! Who can be a recipient, and the engine asked about each: what is exported is what it decides.

use std::collections::{BTreeMap, BTreeSet};

use readdress::routing::{Action, Condition, Decision, DomainPattern, Envelope, Rule};
use readdress::{Direction, Engine, EntryAddress, EntryDirection, EntryKind, Session};

use crate::plan::Plan;
use crate::spelled::spelled;

/// Names that no domain entry moves (RFC 2142, RFC 5321 4.5.1).
pub(super) const RESERVED: [&str; 3] = ["postmaster", "abuse", "mailer-daemon"];

/// A plan's engine with some of its rules.
pub(super) struct Asked {
    pub(super) engine: Engine,
    decision: Decision,
}

/// What becomes of mail for a recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    /// The forward-path to use.
    pub(super) path: String,
    pub(super) way: Way,
    /// Whether a rule acted.
    pub(super) by_rule: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Way {
    Deliver,
    /// By the connector of this number.
    Relay(Option<usize>),
    Drop,
    /// The reply.
    Refuse(String),
}

impl Asked {
    /// `None` if the plan does not compile.
    pub(super) fn new(plan: &Plan, rules: Vec<Rule>) -> Option<Asked> {
        let mut builder = plan.builder.clone();
        let mut routing = plan.routing.clone();
        routing.rules = rules;
        builder.set_routing(routing);
        let engine = Engine::from_bytes(builder.finish().ok()?).ok()?;
        Some(Asked { engine, decision: Decision::new() })
    }

    /// What becomes of mail of our own systems for an address.
    pub(super) fn route(&mut self, address: &str) -> Answer {
        let envelope =
            Envelope { direction: Some(Direction::Outbound), smtputf8: true, ..Envelope::default() };
        let routes = self.engine.route(&envelope, [address.as_bytes()], &mut self.decision);
        let route = routes.ok().and_then(|routes| routes.get(0));
        let Some(route) = route else {
            let way = Way::Refuse("451 4.3.0 Not decided".to_owned());
            return Answer { path: address.to_owned(), way, by_rule: false };
        };
        let connectors = &self.engine.map().routing().connectors;
        let number = route.connector().and_then(|taken| connectors.iter().position(|known| known == taken));
        let reply = || {
            let (code, enhanced, text) = route.reply().unwrap_or((451, "4.3.0", "Not decided"));
            format!("{code} {enhanced} {text}")
        };
        let way = match route.action() {
            Action::Deliver => Way::Deliver,
            Action::Relay => Way::Relay(number),
            Action::Drop => Way::Drop,
            Action::Reject => Way::Refuse(reply()),
        };
        let path = String::from_utf8_lossy(route.forward_path()).into_owned();
        Answer { path, way, by_rule: route.rules().next().is_some() }
    }

    /// What an address becomes in outbound fields, if it changes.
    pub(super) fn outbound(&self, address: &str) -> Option<String> {
        let session = Session::from(Direction::Outbound).with_smtputf8(true);
        let result = self.engine.explain(session, address.as_bytes()).result?;
        Some(String::from_utf8_lossy(&result).into_owned())
    }
}

/// The key of an address.
pub(super) fn key(address: &str) -> Vec<u8> {
    EntryAddress::parse(address.as_bytes()).map_or_else(|_| address.as_bytes().to_vec(), |known| known.key())
}

/// All mailboxes and domains that a plan names as recipients.
#[derive(Default)]
pub(super) struct Universe {
    /// By key: as it is written.
    pub(super) mailboxes: BTreeMap<Vec<u8>, (String, Vec<u8>)>,
    pub(super) domains: BTreeSet<Vec<u8>>,
    /// `*.domain`: without the `*.`.
    pub(super) below: BTreeSet<Vec<u8>>,
}

impl Universe {
    pub(super) fn of(plan: &Plan) -> Universe {
        let mut all = Universe::default();
        // Two-way domain entries: who is known inside is known outside, too.
        let mut outside: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
        for (_, entry) in plan.entries() {
            if entry.kind == EntryKind::Domain && entry.direction == EntryDirection::Both {
                outside.insert(entry.internal.domain, entry.external.domain);
            }
            all.domains.insert(entry.internal.domain.to_vec());
            if entry.direction == EntryDirection::Both {
                all.domains.insert(entry.external.domain.to_vec());
            }
            match entry.kind {
                EntryKind::Mailbox => {
                    all.add(entry.internal.local_part, entry.internal.domain);
                    if entry.direction == EntryDirection::Both {
                        all.add(entry.external.local_part, entry.external.domain);
                    }
                }
                EntryKind::Domain | EntryKind::Subdomains => {
                    for name in RESERVED {
                        all.add(name.as_bytes(), entry.internal.domain);
                        if entry.direction == EntryDirection::Both {
                            all.add(name.as_bytes(), entry.external.domain);
                        }
                    }
                }
            }
        }
        for (local_part, domain, known, _) in plan.directory.recipients() {
            all.add(local_part, domain);
            if let Some(outside) = outside.get(domain) {
                all.add(local_part, outside);
            }
            if let Some(routing) = &known.routing {
                all.domains.extend(routing.key().map(|key| key.domain));
            }
        }
        let routing = &plan.routing;
        routing.accepted_domains.iter().for_each(|accepted| all.add_pattern(&accepted.domain));
        let spaces = routing.connectors.iter().flat_map(|connector| &connector.address_spaces);
        spaces.for_each(|space| all.add_pattern(space));
        for rule in &routing.rules {
            for condition in rule.when.iter().chain(&rule.unless) {
                match condition {
                    Condition::Recipient(keys) => keys.iter().for_each(|key| all.add_key(key)),
                    Condition::RecipientDomain(patterns) => {
                        for pattern in patterns {
                            all.add_pattern(pattern);
                        }
                    }
                    _ => {}
                }
            }
            if let Some(target) = &rule.actions.redirect_to {
                all.add_key(&key(target));
            }
        }
        all
    }

    fn add_pattern(&mut self, pattern: &DomainPattern) {
        if !pattern.domain.is_empty() {
            self.domains.insert(pattern.domain.clone());
            if pattern.below {
                self.below.insert(pattern.domain.clone());
            }
        }
    }

    fn add_key(&mut self, key: &[u8]) {
        if let Some(at) = key.iter().rposition(|octet| *octet == b'@') {
            let (local_part, domain) = key.split_at(at);
            self.add(local_part, domain.get(1..).unwrap_or_default());
        }
    }

    fn add(&mut self, local_part: &[u8], domain: &[u8]) {
        let key = [local_part, b"@", domain].concat();
        if !self.domains.contains(domain) {
            self.domains.insert(domain.to_vec());
        }
        self.mailboxes.entry(key).or_insert_with(|| (spelled(local_part, domain), domain.to_vec()));
    }

    /// A name that nobody has at a domain.
    pub(super) fn anybody(&self, domain: &[u8]) -> (String, String) {
        let domain = String::from_utf8_lossy(domain).into_owned();
        let name = (1..).map(|number| format!("anybody{number}"));
        let mut free =
            name.filter(|name| !self.mailboxes.contains_key(format!("{name}@{domain}").as_bytes()));
        let name = free.next().unwrap_or_default();
        (format!("{name}@{domain}"), name)
    }

    /// A domain below one that nothing names.
    pub(super) fn anywhere(&self, domain: &[u8]) -> Vec<u8> {
        let label = (1..).map(|number: u32| [format!("anywhere{number}.").as_bytes(), domain].concat());
        let mut free = label.filter(|domain| !self.domains.contains(domain));
        free.next().unwrap_or_default()
    }
}
