//! The decision: for each recipient, from the session through rules to the way out.
//!
//! 1. The session: who comes in, and as what.
//! 2. The message as a whole: whether it loops, how each rule stands to it.
//! 3. Each recipient: external to internal, what is known of the address, whether this session may send there,
//!    the rules in order, and where mail for the address goes.

use crate::engine::{Engine, Session};
use crate::envelope::{PathKind, address_in, inner};
use crate::error::{Error, Limit};
use crate::map::{Map, Recipient};
use crate::policy::Direction;
use crate::reason::Reason;
use crate::room::Room;
use crate::routing::decision::{
    Answer, Decision, Host, Known, Outcome, Pending, RecipientRecord, Routes, Sender, Standing,
};
use crate::routing::host::is_routing_domain;
use crate::routing::model::{Actions, OnError, Routing, Rule};
use crate::routing::request::Envelope;
use crate::routing::router::Router;
use crate::routing::rules::{Message, RuleStanding, parts};
use crate::routing::section::append_key;
use crate::routing::step::{StepRecord, Subject, Why};
use crate::scratch::Scratch;
use crate::span::{Span, widen};

impl Engine {
    /// Decides where each recipient's copy of a message goes. Recipients are forward-paths, with or without
    /// angle brackets.
    ///
    /// Time is linear in the header section and in recipients times rules. Once `decision` has seen a few
    /// messages nothing is allocated.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if there are more recipients than the plan allows addresses, or the header section
    /// passes one of its limits. Nothing was decided then.
    pub fn route<'a, 'r>(
        &'a self,
        envelope: &Envelope<'_>,
        recipients: impl IntoIterator<Item = &'r [u8]>,
        decision: &'a mut Decision,
    ) -> Result<Routes<'a>, Error> {
        decision.clear();
        let mut deciding = Deciding::new(self, envelope, decision);
        let refusal = deciding.judge_session();
        let refusal = refusal.or(deciding.read_sender()?);
        for recipient in recipients {
            deciding.read_recipient(recipient)?;
        }
        let refusal = refusal.or(deciding.judge_message()?);
        deciding.weigh_rules()?;
        for nth in 0..deciding.decision.recipients.len() {
            deciding.decide(nth, refusal)?;
        }
        Ok(Routes::new(self, decision))
    }
}

/// A message that is being decided about.
pub(super) struct Deciding<'d, 'e> {
    engine: &'d Engine,
    pub(super) map: &'d Map,
    pub(super) router: &'d Router,
    pub(super) routing: &'d Routing,
    pub(super) envelope: &'d Envelope<'e>,
    pub(super) decision: &'d mut Decision,
    trusted: bool,
    /// Whether nothing but the recipient's address counts: for hosts that see no more.
    pub(super) is_alone: bool,
}

/// What refuses all recipients alike, and the step that says so.
type Refusal = Option<(Answer, Subject, Why)>;

impl<'d, 'e> Deciding<'d, 'e> {
    pub(super) fn new(
        engine: &'d Engine,
        envelope: &'d Envelope<'e>,
        decision: &'d mut Decision,
    ) -> Deciding<'d, 'e> {
        let map = engine.map();
        let (router, routing) = (engine.router(), map.routing());
        let is_alone = decision.host == Host::Tables;
        Deciding { engine, map, router, routing, envelope, decision, trusted: false, is_alone }
    }
}

impl Deciding<'_, '_> {
    fn judge_session(&mut self) -> Refusal {
        let admission = self.engine.admit(&self.envelope.client);
        self.decision.listener = admission.listener.map(|(number, _)| number);
        let direction = self.envelope.direction.unwrap_or(admission.direction());
        self.decision.direction = Some(direction);
        self.trusted = direction == Direction::Outbound;
        let is_refused = admission.refused && self.envelope.direction.is_none();
        is_refused.then_some((Answer::NotAdmitted, Subject::Session, Why::NotAdmitted))
    }

    fn read_sender(&mut self) -> Result<Refusal, Error> {
        let Some(path) = self.envelope.reverse_path else { return Ok(None) };
        let standing = self.standing_of(path)?;
        let is_odd = standing.is_err();
        let sender = match standing {
            Ok(Some(sender)) => Sender::Address(sender),
            Ok(None) if inner(path).is_empty() => Sender::Null,
            Ok(None) => Sender::Unreadable,
            Err(_) => self.read_odd_sender(path)?.map_or(Sender::Unreadable, Sender::Address),
        };
        let why = match &sender {
            _ if self.decision.host != Host::ByRecipient => None,
            // The copy could leave under what stands in it, and no rule would have been asked about that.
            Sender::Address(sender) if is_routing_domain(parts(sender.key, &self.decision.texts).1) => {
                Some((Answer::RoutingSender, Why::RoutingSender))
            }
            Sender::Address(sender) if self.is_read_otherwise(sender) => {
                Some((Answer::BadSender, Why::BadSender))
            }
            _ if is_odd && !is_read_as_it_stands(path) => Some((Answer::BadSender, Why::BadSender)),
            _ => None,
        };
        self.decision.sender = sender;
        Ok(why.map(|(answer, why)| (answer, Subject::Message, why)))
    }

    /// Reads a reverse-path whose local-part has its dots in wrong places (`a..b@x`, `a.@x`), as there are in practice: to
    /// rules about senders it is who it says, to entries it is nobody.
    fn read_odd_sender(&mut self, path: &[u8]) -> Result<Option<Standing>, Error> {
        let path = inner(path);
        let Some(at) = memchr::memrchr(b'@', path).filter(|_| is_read_as_it_stands(path)) else {
            return Ok(None);
        };
        let (local_part, domain) = path.split_at(at);
        let mut plain = std::mem::take(&mut self.decision.scratch.decoded);
        plain.clear();
        plain.room(1 + domain.len())?;
        plain.push(b'x');
        plain.extend_from_slice(domain);
        let standing = self.standing_of(&plain)?;
        self.decision.scratch.decoded = plain;
        let Ok(Some(Standing { accepted, .. })) = standing else { return Ok(None) };
        let Decision { scratch: Scratch { address, .. }, texts, .. } = &mut *self.decision;
        address.local_key.clear();
        address.local_key.room(local_part.len())?;
        address.local_key.extend(local_part.iter().map(u8::to_ascii_lowercase));
        texts.room(address.local_key.len() + 1 + address.domain_key.len())?;
        Ok(Some(Standing { key: append_key(address, texts), accepted, known: None }))
    }

    /// Whether the host takes the address for another one: Postfix takes a source route out of quotes, so that
    /// "@x:john"@x.example becomes john@x.example.
    fn is_read_otherwise(&self, standing: &Standing) -> bool {
        let (key, domain) = parts(standing.key, &self.decision.texts);
        let is_bare = key.len() == domain.len() + 1;
        self.decision.host == Host::ByRecipient && key.starts_with(b"@") && !is_bare
    }

    /// Reads a forward-path, as it came and as entries rewrite it.
    fn read_recipient(&mut self, path: &[u8]) -> Result<(), Error> {
        let allowed = self.map.policy().limits.addresses;
        if self.decision.recipients.len() >= widen(allowed) {
            let offset = self.decision.recipients.len();
            return Err(Error::Limit { limit: Limit::Addresses, allowed: u64::from(allowed), offset });
        }
        let given = self.keep(inner(path))?;
        let mut record = RecipientRecord::new(given);
        match self.standing_of(path)? {
            // Postmaster without a domain is this system's (RFC 5321 4.5.1); a null path is no recipient.
            Ok(None) if !inner(path).is_empty() => record.outcome = Some(Outcome::Deliver),
            Ok(Some(came)) if is_routing_domain(parts(came.key, &self.decision.texts).1) => {
                record.outcome = Some(Outcome::Refused(Answer::RoutingAddress));
            }
            Ok(Some(came)) if self.is_read_otherwise(&came) => {
                record.outcome = Some(Outcome::Refused(Answer::BadAddress));
            }
            Ok(Some(came)) => {
                (record.came, record.is) = (came, came);
                record.outcome = self.rewrite(path, &mut record)?.map(Outcome::Refused);
                if record.entry.is_some() {
                    let rewritten = self.standing_of_text(record.path)?;
                    record.is = rewritten.ok().flatten().unwrap_or(came);
                }
            }
            Ok(None) | Err(_) => record.outcome = Some(Outcome::Refused(Answer::BadAddress)),
        }
        self.decision.recipients.room(1)?;
        self.decision.recipients.push(record);
        Ok(())
    }

    /// Rewrites a forward-path to the internal address, or says why that can't be used: without it the mail
    /// would go astray.
    fn rewrite(&mut self, path: &[u8], record: &mut RecipientRecord) -> Result<Option<Answer>, Error> {
        let session = self.session();
        let Decision { scratch, texts, .. } = &mut *self.decision;
        let Ok(done) = self.engine.rewrite_path(session, PathKind::Forward, path, scratch) else {
            return Ok(Some(Answer::BadAddress));
        };
        record.is_unmapped = done.unmapped();
        record.entry = done.entry_reference();
        if record.entry.is_some() {
            record.path = append(inner(done.to()), texts)?;
        }
        Ok(done.skipped().map(Answer::of))
    }

    /// The session that addresses are rewritten in.
    pub(super) fn session(&self) -> Session {
        let direction = self.decision.direction.unwrap_or(Direction::Inbound);
        Session::from(direction).with_smtputf8(self.envelope.smtputf8)
    }

    /// What refuses a message whoever the recipient is.
    fn judge_message(&mut self) -> Result<Refusal, Error> {
        let Some(header) = self.envelope.header else { return Ok(None) };
        let limits = self.map.policy().limits;
        let Decision { scratch, header: answers, host, .. } = &mut *self.decision;
        let is_for_host = *host == Host::ByRecipient;
        self.router.header().ask(header, is_for_host, limits, &mut scratch.address, answers)?;
        if answers.received > limits.received {
            return Ok(Some((Answer::Loop, Subject::Message, Why::TooManyHops)));
        }
        // What restores recipients' addresses restores all that are in the copy.
        Ok(answers.may_have_routing_address.then_some((
            Answer::RoutingSender,
            Subject::Message,
            Why::RoutingSender,
        )))
    }

    fn weigh_rules(&mut self) -> Result<(), Error> {
        self.decision.standings.room(self.routing.rules.len())?;
        for (rule, asks) in self.router.rules(self.routing) {
            let standing = if asks { self.message().standing(rule) } else { RuleStanding::Open };
            self.decision.standings.push(standing);
        }
        Ok(())
    }

    fn decide(&mut self, nth: usize, refusal: Refusal) -> Result<(), Error> {
        let Some(mut record) = self.decision.recipients.get(nth).copied() else { return Ok(()) };
        let (steps, acted) = (self.decision.steps.len(), self.decision.acted.len());
        let mut outcome = self.outcome(&mut record, refusal)?;
        record.host_path = record.path;
        if self.decision.host == Host::ByRecipient {
            outcome = self.lead_host(&mut record, outcome)?;
        }
        record.outcome = Some(outcome);
        record.steps = Span::new(steps, self.decision.steps.len());
        record.rules = Span::new(acted, self.decision.acted.len());
        if let Some(place) = self.decision.recipients.get_mut(nth) {
            *place = record;
        }
        Ok(())
    }

    fn outcome(&mut self, record: &mut RecipientRecord, refusal: Refusal) -> Result<Outcome, Error> {
        self.explain_session()?;
        if let Some((answer, subject, why)) = refusal {
            self.step(subject, why)?;
            return Ok(Outcome::Refused(answer));
        }
        if let Some(outcome) = record.outcome {
            let is_postmaster = matches!(outcome, Outcome::Deliver);
            self.step(
                Subject::Recipient(record.given),
                if is_postmaster { Why::Postmaster } else { Why::Malformed },
            )?;
            return Ok(outcome);
        }
        if let Some(entry) = record.entry {
            self.step(Subject::Entry(entry), Why::Rewritten)?;
        }
        if !self.may_send_to(record)? {
            return Ok(Outcome::Refused(Answer::RelayDenied));
        }
        let (redirect, via) = match self.apply_rules(record)? {
            Applied::Ends(outcome) => return Ok(outcome),
            Applied::GoesOn { redirect, via } => (redirect, via),
        };
        self.go_on(record, redirect, via)
    }

    /// Where a copy goes that the rules let pass.
    pub(super) fn go_on(
        &mut self,
        record: &mut RecipientRecord,
        redirect: Option<u16>,
        via: Option<u16>,
    ) -> Result<Outcome, Error> {
        let mut standing = record.is;
        let routing = self.routing;
        let actions = redirect.and_then(|rule| Some(&routing.rules.get(usize::from(rule))?.actions));
        if let Some(target) = actions.and_then(|actions| actions.redirect_to.as_deref()) {
            // Entries say nothing of the new address.
            record.is_unmapped = false;
            record.path = self.keep(target.as_bytes())?;
            standing = self.standing_of_text(record.path)?.ok().flatten().unwrap_or_default();
        }
        match via {
            Some(connector) => Ok(Outcome::Relay(Some(connector))),
            None => self.way(record, standing),
        }
    }

    fn explain_session(&mut self) -> Result<(), Error> {
        let why = if self.trusted { Why::Trusted } else { Why::Untrusted };
        match (self.decision.listener, self.envelope.direction) {
            (_, Some(_)) => self.step(Subject::Session, Why::ByHost),
            (Some(listener), None) => self.step(Subject::Listener(listener), why),
            (None, None) if self.routing.listeners.is_empty() => self.step(Subject::Session, Why::NoListener),
            (None, None) if self.envelope.client.address.is_none() => {
                self.step(Subject::Session, Why::ClientUnknown)
            }
            (None, None) => Ok(()),
        }
    }

    /// Whether the session may send to a recipient at all: to one of ours, or as one of ours. A plan without
    /// accepted domains says nothing about that.
    fn may_send_to(&mut self, record: &RecipientRecord) -> Result<bool, Error> {
        let of = [&record.came, &record.is];
        let is_ours = of.iter().any(|standing| standing.accepted.is_some() || standing.is_listed(self.map));
        if is_ours || self.trusted || self.routing.accepted_domains.is_empty() {
            return Ok(true);
        }
        let listener =
            self.decision.listener.and_then(|number| self.routing.listeners.get(usize::from(number)));
        let is_allowed = listener.is_some_and(|listener| listener.anonymous_relay);
        let why = if is_allowed { Why::AnonymousRelay } else { Why::RelayDenied };
        self.step(Subject::Recipient(record.is.key.0), why)?;
        Ok(is_allowed)
    }

    /// Lets the rules act on a recipient's copy, in order.
    pub(super) fn apply_rules(&mut self, record: &mut RecipientRecord) -> Result<Applied, Error> {
        let (mut redirect, mut via) = (None, None);
        for (number, (rule, asks_more)) in (0..).zip(self.router.rules(self.routing)) {
            if asks_more && self.is_alone {
                continue;
            }
            let standing = self.decision.standings.get(usize::from(number)).copied();
            let objection = match standing {
                Some(RuleStanding::Out(why)) => Some(why),
                _ => self.message().objection(rule, record),
            };
            let subject = Subject::Rule(number);
            if let Some(why) = objection {
                self.step(subject, why)?;
                continue;
            }
            match (standing, rule.on_error) {
                (Some(RuleStanding::Later), _) => {
                    self.decision.is_waiting = true;
                    record.pending = record.pending.max(pending(rule));
                    self.step(subject, Why::NotYet)?;
                    continue;
                }
                (Some(RuleStanding::Unclear), on_error) => {
                    self.step(subject, Why::CannotDecide)?;
                    match on_error {
                        OnError::Ignore => continue,
                        OnError::Defer => return Ok(Applied::Ends(Outcome::Refused(Answer::Undecided))),
                    }
                }
                _ => {}
            }
            self.decision.acted.room(1)?;
            self.decision.acted.push(number);
            let actions = &rule.actions;
            if actions.drop {
                self.step(subject, Why::Drops)?;
                return Ok(Applied::Ends(Outcome::Dropped));
            }
            if actions.reject.is_some() {
                self.step(subject, Why::Refuses)?;
                return Ok(Applied::Ends(Outcome::RefusedByRule(number)));
            }
            let why = match (&actions.redirect_to, actions.route_via) {
                (Some(_), _) => Why::Redirects,
                (None, Some(_)) => Why::RoutesVia,
                (None, None) if rule.stop => Why::Stops,
                (None, None) => Why::Acts,
            };
            self.step(subject, why)?;
            if actions.redirect_to.is_some() {
                redirect = Some(number);
            }
            via = actions.route_via.or(via);
            if rule.stop {
                break;
            }
        }
        if let Some(connector) = via {
            self.step(Subject::Connector(connector), Why::ByRule)?;
        }
        Ok(Applied::GoesOn { redirect, via })
    }

    fn message(&self) -> Message<'_> {
        Message {
            map: self.map,
            router: self.router,
            decision: self.decision,
            client: self.envelope.client,
            trusted: self.trusted,
            is_open: self.envelope.is_open,
        }
    }

    /// What is known of the address in a path; nothing, if there is none in it.
    fn standing_of(&mut self, path: &[u8]) -> Result<Result<Option<Standing>, Reason>, Error> {
        let is_address = read_address(path, &mut self.decision.scratch);
        self.standing(is_address)
    }

    /// The same for a path that stands in the texts.
    pub(super) fn standing_of_text(&mut self, path: Span) -> Result<Result<Option<Standing>, Reason>, Error> {
        let Decision { scratch, texts, .. } = &mut *self.decision;
        let is_address = read_address(path.of(texts), scratch);
        self.standing(is_address)
    }

    /// What is known of the address that was read last, if one was.
    fn standing(
        &mut self,
        is_address: Result<bool, Reason>,
    ) -> Result<Result<Option<Standing>, Reason>, Error> {
        match is_address {
            Err(reason) => return Ok(Err(reason)),
            Ok(false) => return Ok(Ok(None)),
            Ok(true) => {}
        }
        let Decision { scratch: Scratch { address, .. }, texts, .. } = &mut *self.decision;
        texts.room(address.local_key.len() + 1 + address.domain_key.len())?;
        let known = self.map.recipient(&address.local_key, &address.domain_key);
        Ok(Ok(Some(Standing {
            key: append_key(address, texts),
            accepted: self.router.accepted(&address.domain_key),
            known: known.map(|Recipient { number, hit, is_routed }| Known { number, hit, is_routed }),
        })))
    }

    fn keep(&mut self, text: &[u8]) -> Result<Span, Error> {
        append(text, &mut self.decision.texts)
    }

    pub(super) fn step(&mut self, subject: Subject, why: Why) -> Result<(), Error> {
        if self.decision.is_explained {
            self.decision.steps.room(1)?;
            self.decision.steps.push(StepRecord { subject, why });
        }
        Ok(())
    }
}

/// What a rule could do to a copy, by itself or by keeping later rules from acting.
fn pending(rule: &Rule) -> Pending {
    let Actions { route_via, redirect_to, reject, drop, .. } = &rule.actions;
    if *drop || reject.is_none() && (rule.stop || route_via.is_some() || redirect_to.is_some()) {
        Pending::Anything
    } else if reject.is_some() {
        Pending::Refusal
    } else {
        Pending::Nothing
    }
}

/// Whether a host reads no other address in a path that is none to us than the one that stands there: it has the wrong
/// dots, or no domain, to which the host adds its own. What has comments, quotes or spaces in it is another one without.
fn is_read_as_it_stands(path: &[u8]) -> bool {
    let is_special = |octet: &u8| *octet <= b' ' || *octet == 127 || b"\"(),:;<>[\\]".contains(octet);
    let path = inner(path);
    !path.iter().any(is_special) && path.iter().filter(|octet| **octet == b'@').count() < 2
}

/// What the rules did with a recipient's copy.
pub(super) enum Applied {
    Ends(Outcome),
    /// Numbers of the rule that redirects it and of the connector it leaves by.
    GoesOn {
        redirect: Option<u16>,
        via: Option<u16>,
    },
}

/// Takes the address in a path apart. `false` if there is none in it.
pub(super) fn read_address(path: &[u8], scratch: &mut Scratch) -> Result<bool, Reason> {
    match address_in(path, &mut scratch.local_part)? {
        Some(address) => scratch.address.read(path, &address).map(|()| true),
        None => Ok(false),
    }
}

pub(super) fn append(text: &[u8], texts: &mut Vec<u8>) -> Result<Span, Error> {
    texts.room(text.len())?;
    let start = texts.len();
    texts.extend_from_slice(text);
    Ok(Span::new(start, texts.len()))
}
