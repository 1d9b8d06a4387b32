//! How sessions to each next hop are encrypted: what the strictest of the connectors that lead there asks for.

use std::collections::HashMap;

use readdress::routing::{Connector, NextHop};
use readdress::{Engine, EntryAddress};
use readdress_plan::postfix::{TlsPolicy, next_hop};

/// The policies of a plan's connectors.
pub(crate) struct Policies {
    /// Of smart hosts, as `transport` spells them, in lower case.
    hosts: HashMap<String, Policy>,
    /// Of mail exchangers, whichever connector leads there.
    exchangers: Option<Policy>,
    /// Of smart hosts of maps from before: Postfix asks for the way when it takes a message up, and for this when it
    /// sends it, which may be much later.
    former: HashMap<String, Policy>,
}

/// The most smart hosts of maps from before that are remembered.
const FORMER_MAX: usize = 10_000;

/// A policy, or why there can't be one.
type Policy = Result<TlsPolicy, String>;

impl Policies {
    pub(crate) fn new(engine: &Engine) -> Policies {
        let mut policies = Policies { hosts: HashMap::new(), exchangers: None, former: HashMap::new() };
        for connector in &engine.map().routing().connectors {
            match &connector.next_hop {
                NextHop::Mx => {
                    let known = policies.exchangers.take();
                    policies.exchangers = Some(stricter(known, connector, "the mail exchangers of a domain"));
                }
                NextHop::SmartHosts(hosts) => {
                    for host in hosts {
                        let hop = next_hop(host);
                        let known = policies.hosts.remove(&hop.to_ascii_lowercase());
                        let policy = stricter(known, connector, &hop);
                        policies.hosts.insert(hop.to_ascii_lowercase(), policy);
                    }
                }
            }
        }
        policies
    }

    /// Remembers what was asked for where no connector leads any more: the last copies may be on their way there still.
    pub(crate) fn remember(&mut self, before: &Policies) {
        for (hop, policy) in before.hosts.iter().chain(&before.former) {
            if self.former.len() >= FORMER_MAX {
                break;
            }
            if !self.hosts.contains_key(hop) {
                self.former.entry(hop.clone()).or_insert_with(|| policy.clone());
            }
        }
        if matches!(self.exchangers, None | Some(Ok(TlsPolicy::May))) {
            self.exchangers.clone_from(&before.exchangers);
        }
    }

    /// The policy of a next hop: a host in brackets, a domain, or a domain with port 25, by which mail goes that asks
    /// for more than other mail to the domain. `None` where `main.cf` says it: also where a connector to mail exchangers
    /// asks for what every smtp(8) does, for the site may ask for more (`dane`).
    pub(crate) fn of(&self, engine: &Engine, hop: &[u8]) -> Option<Policy> {
        let hop = str::from_utf8(hop).ok()?.to_ascii_lowercase();
        if hop.starts_with('[') {
            return self.hosts.get(&hop).or_else(|| self.former.get(&hop)).cloned();
        }
        let policy = match hop.strip_suffix(":25") {
            Some(domain) => {
                domain_key(domain)?;
                self.exchangers.clone()?
            }
            None => Ok(of_domain(engine, &domain_key(&hop)?)),
        };
        Some(policy).filter(|policy| *policy != Ok(TlsPolicy::May))
    }
}

/// Whether mail to the exchangers of a domain, given as key, is encrypted as asked if the next hop is the domain.
pub(crate) fn is_kept_by_domain(engine: &Engine, domain: &str, asked: &TlsPolicy) -> bool {
    match (of_domain(engine, domain.as_bytes()), asked) {
        (TlsPolicy::Secure(known), TlsPolicy::Secure(name)) => known == *name,
        (known, asked) => known >= *asked,
    }
}

/// What the connector that serves a domain asks for of its mail exchangers.
fn of_domain(engine: &Engine, domain: &[u8]) -> TlsPolicy {
    let connector = engine.connector_for(domain).filter(|connector| connector.next_hop == NextHop::Mx);
    connector.map_or(TlsPolicy::May, TlsPolicy::of)
}

fn domain_key(text: &str) -> Option<Vec<u8>> {
    match EntryAddress::parse(text.as_bytes()) {
        Ok(EntryAddress::Domain(domain)) => Some(domain),
        _ => None,
    }
}

/// The stricter of what is known and what a connector asks for. Two names are none: whichever is asked for, mail of the
/// other connector could go to a host that is not meant.
fn stricter(known: Option<Policy>, connector: &Connector, hop: &str) -> Policy {
    let asked = TlsPolicy::of(connector);
    let known = match known {
        None => return Ok(asked),
        Some(known) => known?,
    };
    match (&known, &asked) {
        (TlsPolicy::Secure(one), TlsPolicy::Secure(other)) if one != other => {
            Err(format!("connectors to {hop} ask for certificates of different names"))
        }
        _ => Ok(known.max(asked)),
    }
}
