//! Follows a message for one address until every copy of it has ended.

use readdress::routing::{Action, Decision, DomainType, Envelope};

use crate::flow::context::Context;
use crate::flow::hop::{Ending, Hop, Place, WayOut};
use crate::flow::system::{Other, Target, World, domain_of, key_of, spelled};
use crate::world::Forward;

/// The most places that a walk comes to. Beyond them nothing is said about the address.
pub(crate) const PLACES_MAX: usize = 1000;

/// A message being followed. Its buffers are reused from walk to walk.
pub(crate) struct Walk<'w, 'p> {
    world: &'w World<'p>,
    decision: Decision,
    /// Every place that was come to, with the address it had there.
    seen: Vec<Seen>,
    /// Numbers in `seen` of the places that lead to the present one, and of each what is still to be tried.
    path: Vec<(usize, Vec<Next>)>,
}

struct Seen {
    hop: Hop,
    is_on_path: bool,
}

/// What comes after a place.
pub(super) enum Next {
    Go(Hop),
    End(Ending),
}

/// The hops that lead somewhere.
pub(crate) type Trail = Vec<Hop>;

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Each way back to a place where the message was; the last hop is one that stands before.
    pub(crate) loops: Vec<Trail>,
    /// Each end, and how it came there.
    pub(crate) ends: Vec<(Ending, Trail)>,
    /// Whether the walk was given up.
    pub(crate) is_endless: bool,
}

impl<'w, 'p> Walk<'w, 'p> {
    pub(crate) fn new(world: &'w World<'p>) -> Walk<'w, 'p> {
        Walk { world, decision: Decision::new(), seen: Vec::new(), path: Vec::new() }
    }

    /// Forgets where it has been.
    pub(crate) fn begin(&mut self) {
        self.seen.clear();
        self.path.clear();
    }

    /// Follows a message that begins at `start`, but for places where it has been since it [began](Self::begin):
    /// what comes of those is known. `wants` says of which ends the way is asked for.
    pub(crate) fn follow(&mut self, start: Hop, context: &Context, wants: impl Fn(Ending) -> bool) -> Walked {
        let mut walked = Walked::default();
        if self.position(&start).is_some() {
            return walked;
        }
        self.enter(start, context);
        while let Some((_, nexts)) = self.path.last_mut() {
            match nexts.pop() {
                Some(Next::End(ending)) if wants(ending) => walked.ends.push((ending, self.trail())),
                Some(Next::End(_)) => {}
                Some(Next::Go(hop)) => match self.position(&hop) {
                    Some(at) if self.seen.get(at).is_some_and(|seen| seen.is_on_path) => {
                        let mut trail = self.trail();
                        trail.push(hop);
                        walked.loops.push(trail);
                    }
                    Some(_) => {}
                    None if self.seen.len() >= PLACES_MAX => {
                        self.path.clear();
                        walked.is_endless = true;
                        return walked;
                    }
                    None => self.enter(hop, context),
                },
                None => {
                    if let Some(left) = self.path.pop().and_then(|(at, _)| self.seen.get_mut(at)) {
                        left.is_on_path = false;
                    }
                }
            }
        }
        walked
    }

    fn enter(&mut self, hop: Hop, context: &Context) {
        let nexts = self.nexts(&hop, context);
        self.path.push((self.seen.len(), nexts));
        self.seen.push(Seen { hop, is_on_path: true });
    }

    fn position(&self, hop: &Hop) -> Option<usize> {
        self.seen.iter().position(|seen| seen.hop.place == hop.place && seen.hop.address == hop.address)
    }

    fn trail(&self) -> Trail {
        self.path.iter().filter_map(|(at, _)| self.seen.get(*at)).map(|seen| seen.hop.clone()).collect()
    }

    pub(super) fn nexts(&mut self, hop: &Hop, context: &Context) -> Vec<Next> {
        match hop.place {
            Place::Here(session) => self.at_gateway(session, &hop.address, context),
            Place::At(number) => match self.world.others.get(usize::from(number)) {
                Some(other) => self.at_other(number, other, &hop.address),
                None => Vec::new(),
            },
        }
    }

    /// What the gateway does: the engine's own decision.
    fn at_gateway(&mut self, session: u16, address: &[u8], context: &Context) -> Vec<Next> {
        let world = self.world;
        let Some(from) = world.sessions.get(usize::from(session)) else { return Vec::new() };
        let envelope = Envelope {
            client: from.client(),
            direction: from.direction,
            smtputf8: true,
            reverse_path: Some(&context.sender),
            header: None,
            is_open: false,
        };
        let path = spelled(address);
        let company = context.company.iter().map(|address| spelled(address)).collect::<Vec<_>>();
        let recipients = std::iter::once(&path).chain(&company).map(String::as_bytes);
        let routes = world.engine.route(&envelope, recipients, &mut self.decision);
        let Some(route) = routes.ok().and_then(|routes| routes.get(0)) else { return Vec::new() };
        let is_by_rule = || route.rules().last().is_some_and(|rule| rule.actions.reject.is_some());
        match (route.action(), route.reply()) {
            (Action::Deliver, _) => vec![Next::End(Ending::Delivered)],
            (Action::Drop, _) => vec![Next::End(Ending::ByRule)],
            (Action::Reject, _) if is_by_rule() => vec![Next::End(Ending::ByRule)],
            (Action::Reject, Some((_, "5.7.1", _))) => vec![Next::End(Ending::RelayDenied)],
            (Action::Reject, Some((400..500, ..))) => vec![Next::End(Ending::NoRoute)],
            (Action::Reject, _) => vec![Next::End(Ending::Unknown)],
            (Action::Relay, _) => {
                let key = key_of(route.forward_path());
                let number = route.connector_number();
                let target = number.map_or(Target::Outside, |number| world.leads_to(number));
                match target {
                    Target::Other(other) => vec![Next::Go(hop(Place::At(other), key, false))],
                    // A connector that leads to where it comes from.
                    Target::Gateway => vec![Next::Go(hop(Place::Here(session), key, false))],
                    // A connector that asks DNS about a domain of ours may well see another one than the world.
                    Target::Outside
                        if route.next_hops().is_empty()
                            && world.mail_exchanger(domain_of(&key)) != Target::Gateway =>
                    {
                        self.by_dns(None, &key)
                    }
                    Target::Outside => {
                        let is_ours = world.plan.accepted.get(domain_of(&key)).is_some();
                        let way_out = number.filter(|_| is_ours).map(WayOut::Connector);
                        vec![Next::End(Ending::Left { unmodelled: way_out })]
                    }
                }
            }
        }
    }

    /// What another system does: it forwards, delivers, or hands on.
    fn at_other(&self, number: u16, other: &Other<'_>, key: &[u8]) -> Vec<Next> {
        let forwards = other.forwards(key);
        if !forwards.is_empty() {
            let next = |forward: &Forward| match forward.to.key() {
                // A copy that stays.
                to if to == key => Next::End(Ending::Delivered),
                to => Next::Go(hop(Place::At(number), to, true)),
            };
            return forwards.iter().map(next).collect();
        }
        let Some(kind) = other.system.accepted.get(domain_of(key)) else {
            return self.by_connector(number, other, key, false);
        };
        let has = if kind == DomainType::ExternalRelay { Some(false) } else { other.has(key) };
        let mut nexts = Vec::new();
        if has != Some(false) {
            nexts.push(Next::End(Ending::Delivered));
        }
        if has != Some(true) && other.hands_on(kind) {
            nexts.extend(self.by_connector(number, other, key, true));
        } else if has == Some(false) {
            nexts.push(Next::End(Ending::Unknown));
        }
        nexts
    }

    /// By the connector of another system that serves the domain. `is_its`: the domain is one of that
    /// system's, so that DNS would lead back to it.
    fn by_connector(&self, number: u16, other: &Other<'_>, key: &[u8], is_its: bool) -> Vec<Next> {
        match other.connector(domain_of(key)) {
            Some(Target::Gateway) => self.to_gateway(number, key),
            Some(Target::Other(next)) => vec![Next::Go(hop(Place::At(next), key.to_vec(), false))],
            Some(Target::Outside) => {
                let is_ours = self.world.mail_exchanger(domain_of(key)) != Target::Outside;
                vec![Next::End(Ending::Left { unmodelled: is_ours.then_some(WayOut::System(number)) })]
            }
            None if is_its => vec![Next::End(Ending::NoRoute)],
            None => self.by_dns(Some(number), key),
        }
    }

    /// To where DNS says, from another system or from the gateway.
    fn by_dns(&self, from: Option<u16>, key: &[u8]) -> Vec<Next> {
        match (self.world.mail_exchanger(domain_of(key)), from) {
            (Target::Gateway, Some(other)) => self.to_gateway(other, key),
            // DNS names the gateway's own host, which does not send to itself.
            (Target::Gateway, None) => vec![Next::End(Ending::NoRoute)],
            (Target::Other(other), _) => vec![Next::Go(hop(Place::At(other), key.to_vec(), false))],
            (Target::Outside, _) => vec![Next::End(Ending::Left { unmodelled: None })],
        }
    }

    fn to_gateway(&self, other: u16, key: &[u8]) -> Vec<Next> {
        let sessions = self.world.sessions_of(other);
        sessions.map(|session| Next::Go(hop(Place::Here(session), key.to_vec(), false))).collect()
    }
}

fn hop(place: Place, address: Vec<u8>, is_forwarded: bool) -> Hop {
    Hop { place, address, is_forwarded }
}
