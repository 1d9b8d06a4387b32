//! Whether strangers can send to strangers through the gateway.
//!
//! Every way in that is not one of our systems is tried with a recipient outside, alone and in the company of
//! everybody whom a rule asks for, from senders of every kind. The engine's answer decides.

use ipnet::IpNet;
use readdress::routing::{Action, Decision, Envelope};

use super::findings::Findings;
use super::text;
use crate::diagnostic::Diagnostic;
use crate::directory::Mailbox;
use crate::flow::{Context, Knowledge, World, domain_of, mailbox};
use crate::plan::Plan;

impl Plan {
    pub(super) fn find_open_relays(&self, world: &World<'_>, findings: &mut Findings) {
        let mut is_open = self.find_trusted_strangers(findings);
        let contexts = self.contexts(world);
        // Strangers may also give a sender that does not parse.
        let unreadable =
            contexts.list.iter().map(|context| Context { sender: b"@".to_vec(), ..context.clone() });
        let tried: Vec<Context> = contexts.list.iter().cloned().chain(unreadable).collect();
        let outsiders = self.outsiders(world);
        let mut decision = Decision::new();
        let mut told = Vec::new();
        for session in world.sessions.iter().filter(|session| !session.is_trusted(world.engine)) {
            let pairs = tried.iter().flat_map(|context| outsiders.iter().map(move |to| (context, to)));
            for (context, outsider) in pairs {
                let envelope = Envelope {
                    client: session.client(),
                    direction: session.direction,
                    reverse_path: Some(&context.sender),
                    ..Envelope::default()
                };
                let recipients = std::iter::once(outsider).chain(&context.company).map(Vec::as_slice);
                let Ok(routes) = world.engine.route(&envelope, recipients, &mut decision) else { continue };
                let action = routes.get(0).map(|route| route.action());
                if !matches!(action, Some(Action::Relay | Action::Deliver)) {
                    continue;
                }
                is_open = true;
                let listeners = &self.routing.listeners;
                let listener = routes.listener().and_then(|by| listeners.iter().position(|one| one == by));
                // Of each listener one is enough.
                if !told.contains(&listener) {
                    told.push(listener);
                    findings.add(self.open_relay(listener, &session.name, context, outsider));
                }
                break;
            }
        }
        let is_sure = contexts.is_complete && !self.routing.accepted_domains.is_empty();
        findings.prove("no-open-relay", is_sure && !is_open);
    }

    /// Addresses outside, whatever entries make of them: somebody of each domain that is
    /// named and not accepted, and whom rules name there.
    fn outsiders(&self, world: &World<'_>) -> Vec<Vec<u8>> {
        if self.routing.accepted_domains.is_empty() {
            // The plan does not say who is outside.
            return Vec::new();
        }
        let mut outsiders = self.strangers();
        outsiders.extend(self.named_by_rules());
        let is_outside = |key: &[u8]| self.accepted.get(domain_of(key)).is_none() && !self.is_listed(key);
        outsiders.retain(|outsider| is_outside(outsider) && is_outside(&world.internal(outsider)));
        outsiders
    }

    fn is_listed(&self, key: &[u8]) -> bool {
        mailbox(key).is_some_and(|Mailbox { local_part, domain }| {
            self.directory.place(&local_part, &domain).is_some()
        })
    }

    /// Listeners that take anybody for one of our systems.
    fn find_trusted_strangers(&self, findings: &mut Findings) -> bool {
        let mut is_open = false;
        for (number, listener) in self.routing.listeners.iter().enumerate() {
            let asks = !listener.client_ip.is_empty() && !covers_everybody(&listener.client_ip)
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
        Context { sender, company }: &Context,
        outsider: &[u8],
    ) -> Diagnostic {
        let name = |address: &[u8]| if address.is_empty() { "<>".to_owned() } else { text(address) };
        let mut witness =
            vec![session.to_owned(), format!("from {}", name(sender)), format!("to {}", name(outsider))];
        let at = listener.map(|number| self.place_of(&self.routing_places.listeners, number));
        let at = at.unwrap_or_else(|| self.locate_in(0, 0));
        witness.extend(company.iter().map(|with| format!("and {}", name(with))));
        let diagnostic = match company.as_slice() {
            [_, ..] => {
                let message = "strangers can send to strangers, if somebody of ours gets the same message";
                Diagnostic::error("relay-hole", at, message)
                    .hint("let the rule ask about the recipient itself (recipient-domain), not about any of them")
            }
            [] => Diagnostic::error("open-relay", at, "strangers can send to strangers")
                .hint("take anonymous-relay off the listener, or refuse by a rule what comes from outside and goes outside"),
        };
        diagnostic.witness(witness)
    }
}

/// Whether all addresses there are, of either kind, are in one of these networks: in halves, too.
fn covers_everybody(networks: &[IpNet]) -> bool {
    IpNet::aggregate(&networks.to_vec()).iter().any(|network| network.prefix_len() == 0)
}
