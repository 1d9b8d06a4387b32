//! What moving mailboxes leaves behind, or has not done yet: members without mailboxes, mailboxes without
//! forwards, leftovers of retired waves, connectors that are tried with the wrong address.

use readdress::routing::{Action, Condition, Decision, Envelope, WaveState};
use readdress::{Direction, Engine};

use super::findings::Findings;
use super::text;
use crate::diagnostic::Diagnostic;
use crate::directory::{Existence, Mailbox};
use crate::flow::{Hop, Place, mailbox};
use crate::plan::Plan;
use crate::world::{Group, LeadsTo, System};

impl Plan {
    /// Groups whose members are exempt from a rule that sends everybody else's mail to another system: those
    /// who have moved. With each, that system.
    fn moved_groups(&self) -> impl Iterator<Item = (u16, Option<&System>)> {
        let moving = self.routing.rules.iter().filter_map(|rule| {
            let leads_to = self.leads.get(usize::from(rule.actions.route_via?));
            let system = match leads_to {
                Some(LeadsTo::System(system)) => self.systems.get(usize::from(*system)),
                _ => None,
            };
            Some((rule, system))
        });
        moving.flat_map(|(rule, system)| {
            let groups = rule.unless.iter().flat_map(|condition| match condition {
                Condition::RecipientMemberOf(groups) => groups.as_slice(),
                _ => &[],
            });
            groups.map(move |group| (*group, system))
        })
    }

    /// The group of those who have moved that a hop's address is in, though it has no mailbox here.
    pub(super) fn group_without_mailbox(&self, hop: &Hop) -> Option<&Group> {
        let Place::Here(_) = hop.place else { return None };
        let Mailbox { local_part, domain } = mailbox(&hop.address)?;
        if self.directory.exists(&local_part, &domain) == Existence::Listed {
            return None;
        }
        let mut groups = self.moved_groups().filter_map(|(group, _)| self.groups.get(usize::from(group)));
        groups.find(|group| group.members.contains_key(&hop.address))
    }

    /// Members of a group of those who have moved whose old mailbox does not forward: mail that is written there
    /// stays there.
    pub(super) fn find_members_without_forward(&self, findings: &mut Findings) {
        for (group, system) in self.moved_groups() {
            let Some((group, system)) = self.groups.get(usize::from(group)).zip(system) else { continue };
            for (member, at) in &group.members {
                let Some(Mailbox { local_part, domain }) = mailbox(member) else { continue };
                let is_there = system.directory.exists(&local_part, &domain) == Existence::Listed;
                if !is_there || !system.forwards.of(member).is_empty() {
                    continue;
                }
                let who = text(member);
                let message =
                    format!("{who} has moved here, and {} still delivers to the old mailbox", system.name);
                findings.add(
                    Diagnostic::warning("moved-without-forward", self.locate_in(at.source, at.at), message)
                        .excerpt(who)
                        .hint("forward the old mailbox to the new one, or delete it"),
                );
            }
        }
    }

    /// Mailboxes that another system forwards to their address here, though their own mail is still sent there:
    /// what comes by the forward is delivered to a mailbox that has not taken over yet.
    pub(super) fn find_forwards_without_move(&self, engine: &Engine, findings: &mut Findings) {
        let mut decision = Decision::new();
        for (number, system) in (0_u16..).zip(&self.systems) {
            for (key, forwards) in system.forwards.iter() {
                let Some(owner) = mailbox(key) else { continue };
                let proxies = self.directory.proxies(&owner);
                let stays = forwards.iter().any(|forward| forward.to.key() == key);
                let Some(forward) = forwards.iter().find(|forward| proxies.contains(&forward.to)) else {
                    continue;
                };
                let path = owner.text();
                let goes_back = Direction::ALL.into_iter().any(|direction| {
                    let envelope = Envelope { direction: Some(direction), ..Envelope::default() };
                    let routes = engine.route(&envelope, [path.as_bytes()], &mut decision);
                    let connector =
                        routes.ok().and_then(|routes| routes.get(0)).and_then(|route| route.connector());
                    let known = &self.routing.connectors;
                    let at = connector.and_then(|used| known.iter().position(|one| one == used));
                    let leads_to = at.and_then(|at| self.leads.get(at));
                    leads_to == Some(&LeadsTo::System(number))
                });
                let at = self.locate_in(forward.at.source, forward.at.at);
                // Where it comes back here once more, the loop has been found.
                if stays || !goes_back || findings.has("forward-without-membership", &at) {
                    continue;
                }
                let name = &system.name;
                let message =
                    format!("{name} forwards {path} to its mailbox here, and mail for it is sent to {name}");
                findings.add(
                    Diagnostic::error("forward-without-membership", at, message)
                        .excerpt(&path)
                        .hint("put the mailbox into the group or wave that is delivered here, or take the forward away until it is moved")
                        .witness([
                            format!("this: {path}"),
                            format!("{name}: {path}"),
                            format!("this: {}", forward.to.text()),
                        ]),
                );
            }
        }
    }

    /// What is left of waves that are over: other addresses, forwards, and group rows.
    pub(super) fn find_leftovers(&self, findings: &mut Findings) {
        let is_retired = |wave: u16| {
            self.routing.waves.get(usize::from(wave)).is_some_and(|wave| wave.state == WaveState::Retired)
        };
        for (local_part, domain, known, _) in self.directory.recipients() {
            let Some((wave, _)) = known.wave.filter(|(wave, _)| is_retired(*wave)) else { continue };
            let name = self.routing.waves.get(usize::from(wave)).map_or("", |wave| wave.name.as_str());
            let mailbox = Mailbox { local_part: local_part.to_vec(), domain: domain.to_vec() };
            let who = mailbox.text();
            let mut leftover = |what: String, at: (u32, u32), hint: &str| {
                let message = format!("the wave \"{name}\" is retired, and {who} still {what}");
                findings.add(
                    Diagnostic::warning("wave-leftover", self.locate_in(at.0, at.1), message)
                        .excerpt(&who)
                        .hint(hint),
                );
            };
            for proxy in self.directory.proxies(&mailbox) {
                let at = self.directory.place(&proxy.local_part, &proxy.domain).unwrap_or(known.at);
                let what = format!("has the other address {}", proxy.text());
                leftover(what, (at.source, at.at), "remove the row from the table of other addresses");
            }
            for system in &self.systems {
                for forward in system.forwards.of(&mailbox.key()) {
                    let what = format!("is forwarded at {}", system.name);
                    leftover(what, (forward.at.source, forward.at.at), "remove the forward");
                }
            }
            for (group, _) in self.moved_groups() {
                let Some(group) = self.groups.get(usize::from(group)) else { continue };
                if let Some(at) = group.members.get(&mailbox.key()) {
                    let what = format!("is in the group \"{}\"", group.name);
                    leftover(what, (at.source, at.at), "remove the row from the group");
                }
            }
        }
    }

    /// Connectors that are tried with an address that is not at their other side.
    pub(super) fn find_misplaced_validation(&self, engine: &Engine, findings: &mut Findings) {
        let mut decision = Decision::new();
        let envelope = Envelope { direction: Some(Direction::Outbound), ..Envelope::default() };
        for (number, connector) in self.routing.connectors.iter().enumerate() {
            let Some(address) = &connector.validation_address else { continue };
            let routes = engine.route(&envelope, [address.as_bytes()], &mut decision);
            let is_here = routes
                .ok()
                .and_then(|routes| routes.get(0))
                .is_some_and(|route| route.action() == Action::Deliver);
            let other_side = match self.leads.get(number) {
                Some(LeadsTo::System(system)) => self.systems.get(usize::from(*system)),
                _ => None,
            };
            let is_absent = Mailbox::parse(address).is_ok_and(|Mailbox { local_part, domain }| {
                other_side.is_some_and(|system| {
                    let directory = &system.directory;
                    let key = [local_part.as_slice(), b"@", &domain].concat();
                    let leaves = system.forwards.of(&key).iter().any(|forward| forward.to.key() != key);
                    let is_listed = directory.place(&local_part, &domain).is_some();
                    leaves || directory.lists_domain(&domain) && !is_listed
                })
            });
            if !is_here && !is_absent {
                continue;
            }
            let message = if is_here {
                "the connector is tried with an address whose mailbox is on this side"
            } else {
                "the connector is tried with an address that has no mailbox at the other side"
            };
            findings.add(
                Diagnostic::error(
                    "misplaced-validation-address",
                    self.place_of(&self.routing_places.connectors, number),
                    message,
                )
                .excerpt(address)
                .hint("name a mailbox that is at the other side and stays there"),
            );
        }
    }

    /// Rules that nothing comes to, since one before them takes everything.
    pub(super) fn find_unreachable_rules(&self, findings: &mut Findings) {
        let takes_all = self.routing.rules.iter().position(|rule| {
            let ends = rule.stop || rule.actions.drop || rule.actions.reject.is_some();
            ends && rule.when.is_empty() && rule.unless.is_empty()
        });
        let Some(last) = takes_all else { return };
        for (number, rule) in self.routing.rules.iter().enumerate().skip(last + 1) {
            let message = "no message comes to this rule: one before it takes them all";
            findings.add(
                Diagnostic::warning(
                    "unreachable-rule",
                    self.place_of(&self.routing_places.rules, number),
                    message,
                )
                .excerpt(&rule.name)
                .also_at(self.place_of(&self.routing_places.rules, last))
                .hint("put it before that one, or give that one conditions"),
            );
        }
    }
}
