//! Whether strangers can send to strangers through the gateway.
//!
//! Every way in that is not one of our systems is tried with a recipient outside, alone and in the company of
//! everybody whom a rule asks for, from senders of every kind. The engine's answer decides.

use readdress::routing::{Action, Decision, DomainPattern, Envelope};

use super::findings::Findings;
use super::text;
use crate::diagnostic::Diagnostic;
use crate::flow::{World, domain_of, somebody};
use crate::plan::Plan;

impl Plan {
    pub(super) fn find_open_relays(&self, world: &World<'_>, findings: &mut Findings) {
        let mut is_open = self.find_trusted_strangers(findings);
        let contexts = self.contexts();
        let mut senders: Vec<Vec<u8>> = contexts.list.iter().map(|context| context.sender.clone()).collect();
        // Strangers may say that they are anybody.
        senders.extend(self.routing.accepted_domains.iter().map(|accepted| somebody(&accepted.domain)));
        senders.sort();
        senders.dedup();
        let mut company: Vec<Option<Vec<u8>>> =
            contexts.list.iter().map(|context| context.company.clone()).collect();
        company.sort();
        company.dedup();
        let mut decision = Decision::new();
        let strangers = world.sessions.iter().filter(|session| !session.is_trusted(world.engine));
        for session in strangers {
            let mut tried = senders.iter().flat_map(|sender| company.iter().map(move |with| (sender, with)));
            let found = tried.find_map(|(sender, with)| {
                let envelope = Envelope {
                    client: session.client(),
                    direction: session.direction,
                    reverse_path: Some(sender),
                    ..Envelope::default()
                };
                self.outsiders().into_iter().find_map(|outsider| {
                    let recipients = [Some(outsider.as_slice()), with.as_deref()].into_iter().flatten();
                    let routes = world.engine.route(&envelope, recipients, &mut decision).ok()?;
                    let route = routes.get(0)?;
                    let goes = matches!(route.action(), Action::Relay | Action::Deliver);
                    let listeners = &self.routing.listeners;
                    let listener =
                        routes.listener().and_then(|by| listeners.iter().position(|one| one == by));
                    goes.then(|| (sender.clone(), outsider.clone(), with.clone(), listener))
                })
            });
            if let Some((sender, outsider, with, listener)) = found {
                is_open = true;
                findings.add(self.open_relay(listener, &session.name, &sender, &outsider, with.as_deref()));
            }
        }
        let is_sure = contexts.is_complete && !self.routing.accepted_domains.is_empty();
        findings.prove("no-open-relay", is_sure && !is_open);
    }

    /// Addresses outside: of no accepted domain, and of each that only a connector serves.
    fn outsiders(&self) -> Vec<Vec<u8>> {
        let spaces = self.routing.connectors.iter().flat_map(|connector| &connector.address_spaces);
        let mut outsiders = vec![somebody(&DomainPattern::any())];
        outsiders.extend(spaces.map(somebody));
        outsiders.retain(|outsider| self.accepted.get(domain_of(outsider)).is_none());
        outsiders.sort();
        outsiders.dedup();
        outsiders
    }

    /// Listeners that take anybody for one of our systems.
    fn find_trusted_strangers(&self, findings: &mut Findings) -> bool {
        let mut is_open = false;
        for (number, listener) in self.routing.listeners.iter().enumerate() {
            let asks = !listener.client_ip.is_empty()
                && listener.client_ip.iter().all(|network| network.prefix_len() > 0)
                || listener.tls_name.is_some()
                || listener.authenticated;
            if !listener.trusted || asks {
                continue;
            }
            is_open = true;
            let message = "this listener takes everybody for one of our systems";
            findings.add(
                Diagnostic::error("open-relay", self.place_of(&self.routing_places.listeners, number), message)
                    .excerpt(&listener.name)
                    .hint("name the addresses its clients have (client-ip) or the name in their certificate (tls-name)"),
            );
        }
        is_open
    }

    fn open_relay(
        &self,
        listener: Option<usize>,
        session: &str,
        sender: &[u8],
        outsider: &[u8],
        with: Option<&[u8]>,
    ) -> Diagnostic {
        let name = |address: &[u8]| if address.is_empty() { "<>".to_owned() } else { text(address) };
        let mut witness =
            vec![session.to_owned(), format!("from {}", name(sender)), format!("to {}", name(outsider))];
        let at = listener.map(|number| self.place_of(&self.routing_places.listeners, number));
        let at = at.unwrap_or_else(|| self.locate_in(0, 0));
        let diagnostic = match with {
            Some(with) => {
                witness.push(format!("and {}", name(with)));
                let message = "strangers can send to strangers, if somebody of ours gets the same message";
                Diagnostic::error("relay-hole", at, message)
                    .hint("let the rule ask about the recipient itself (recipient-domain), not about any of them")
            }
            None => Diagnostic::error("open-relay", at, "strangers can send to strangers")
                .hint("take anonymous-relay off the listener, or refuse by a rule what comes from outside and goes outside"),
        };
        diagnostic.witness(witness)
    }
}
