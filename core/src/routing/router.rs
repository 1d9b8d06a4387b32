//! A plan's routing in the form in which it is asked: made once, when a map is taken into use.

use crate::engine::Engine;
use crate::routing::host::Labels;
use crate::routing::model::{AcceptedDomain, Connector, Routing, Rule};
use crate::routing::patterns::PatternTable;
use crate::routing::rules::is_about_recipient;
use crate::routing::section::HeaderQuestions;

/// Look-ups over what a plan says about where mail goes.
#[derive(Debug)]
pub(crate) struct Router {
    accepted: PatternTable,
    connectors: PatternTable,
    header: HeaderQuestions,
    labels: Labels,
    /// Of each rule, whether it asks anything about the message as a whole.
    asks_about_message: Vec<bool>,
}

impl Router {
    pub(crate) fn new(routing: &Routing) -> Router {
        let domains = routing.accepted_domains.iter().zip(0..);
        let accepted = domains.map(|(accepted, number)| (&accepted.domain, number));
        let connectors =
            || routing.connectors.iter().zip(0..).filter(|(connector, _)| !connector.rule_scoped);
        let spaces = connectors().flat_map(|(connector, number)| {
            connector.address_spaces.iter().map(move |space| (space, number))
        });
        let rank = |number: u16| {
            let connector = routing.connectors.get(usize::from(number));
            connector.map(|Connector { cost, name, .. }| (*cost, name))
        };
        Router {
            accepted: PatternTable::new(accepted, |new, known| new < known),
            connectors: PatternTable::new(spaces, |new, known| rank(new) < rank(known)),
            header: HeaderQuestions::new(routing),
            labels: Labels::new(&routing.connectors),
            asks_about_message: routing.rules.iter().map(asks_about_message).collect(),
        }
    }

    /// The accepted domain that covers a domain most closely, both as keys: its number in the plan.
    pub(super) fn accepted(&self, domain: &[u8]) -> Option<u16> {
        self.accepted.get(domain)
    }

    /// The connector that serves a domain most closely and at the lowest cost; of several, the first by name.
    pub(super) fn connector(&self, domain: &[u8]) -> Option<u16> {
        self.connectors.get(domain)
    }

    /// The rules, each with whether it asks anything about the message as a whole.
    pub(super) fn rules<'p>(&self, routing: &'p Routing) -> impl Iterator<Item = (&'p Rule, bool)> {
        routing.rules.iter().zip(self.asks_about_message.iter().copied())
    }

    /// The connectors' names in routing addresses.
    pub(super) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Whether any rule asks about more than recipients.
    pub(super) fn asks_about_messages(&self) -> bool {
        self.asks_about_message.contains(&true)
    }

    pub(super) fn header(&self) -> &HeaderQuestions {
        &self.header
    }
}

impl Engine {
    /// The accepted domain that covers a domain, given as [key](crate::EntryAddress::key), most closely.
    #[must_use]
    pub fn accepted_domain(&self, domain: &[u8]) -> Option<&AcceptedDomain> {
        let number = self.router().accepted(domain)?;
        self.map().routing().accepted_domains.get(usize::from(number))
    }

    /// The connector that mail for a domain, given as [key](crate::EntryAddress::key), leaves by where no rule says
    /// otherwise. `None` if none serves it.
    #[must_use]
    pub fn connector_for(&self, domain: &[u8]) -> Option<&Connector> {
        let number = self.router().connector(domain)?;
        self.map().routing().connectors.get(usize::from(number))
    }
}

fn asks_about_message(rule: &Rule) -> bool {
    rule.when.iter().chain(&rule.unless).any(|condition| !is_about_recipient(condition))
}
