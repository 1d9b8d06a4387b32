//! Where mail for an address goes, if no rule says so: by the type of its domain, what the directory knows of
//! it, the wave it moves with, and the connectors.

use crate::error::Error;
use crate::map::KeySide;
use crate::routing::decide::{Deciding, append, read_address};
use crate::routing::decision::{Answer, Decision, Known, Outcome, RecipientRecord, Standing};
use crate::routing::model::{DomainType, WaveState};
use crate::routing::rules::parts;
use crate::routing::step::{Subject, Why};
use crate::span::Span;
use crate::target::write_target;

impl Deciding<'_, '_> {
    /// Where mail for an address goes, if no rule says so.
    pub(super) fn way(&mut self, record: &mut RecipientRecord, standing: Standing) -> Result<Outcome, Error> {
        let kind = self.kind(&standing);
        match standing.accepted.zip(kind) {
            Some((number, kind)) => self.step(Subject::Domain(number), Why::Type(kind))?,
            None => self.step(Subject::Recipient(standing.key.0), Why::NotAccepted)?,
        }
        if kind == Some(DomainType::ExternalRelay) {
            return self.hand_on(&standing);
        }
        if let Some(known) = standing.known {
            if let Some(state) = self.wave(known)?
                && !state.is_here()
            {
                return match kind {
                    Some(DomainType::Authoritative) => self.deliver(&standing),
                    Some(_) => self.hand_on(&standing),
                    None => self.leave(&standing),
                };
            }
            if known.is_routed {
                return self.follow(record, known);
            }
            if standing.is_listed(self.map) {
                return self.deliver(&standing);
            }
        }
        let Some(kind) = kind else { return self.leave(&standing) };
        let is_unknown = self.routing.has_directory || record.is_unmapped;
        self.step(
            Subject::Recipient(standing.key.0),
            if is_unknown { Why::NotListed } else { Why::NoDirectory },
        )?;
        match kind {
            DomainType::Authoritative if is_unknown => Ok(Outcome::Refused(Answer::Unknown)),
            DomainType::Authoritative => Ok(Outcome::Deliver),
            DomainType::InternalRelay | DomainType::ExternalRelay => self.hand_on(&standing),
        }
    }

    /// The type of the accepted domain that an address is in.
    fn kind(&self, standing: &Standing) -> Option<DomainType> {
        Some(self.routing.accepted_domains.get(usize::from(standing.accepted?))?.kind)
    }

    /// Mail for a recipient goes to its routing address. That is not looked up for another one.
    fn follow(&mut self, record: &mut RecipientRecord, known: Known) -> Result<Outcome, Error> {
        let routing_address = match self.write_routing_address(record.path, known)? {
            Ok(routing_address) => routing_address,
            Err(answer) => return Ok(Outcome::Refused(answer)),
        };
        record.path = routing_address;
        self.step(Subject::RoutingAddress(routing_address), Why::Followed)?;
        let standing = self.standing_of_text(routing_address)?.ok().flatten().unwrap_or_default();
        let kind = self.kind(&standing);
        let is_here = match standing.known {
            // Nobody there is looked up.
            Some(_) if kind == Some(DomainType::ExternalRelay) => false,
            Some(known) => {
                !known.is_routed
                    && standing.is_listed(self.map)
                    && self.wave(known)?.is_none_or(WaveState::is_here)
            }
            None => false,
        };
        let (_, domain) = parts(standing.key, &self.decision.texts);
        let connector = self.router.connector(domain);
        match kind {
            _ if is_here => {
                self.step(Subject::Recipient(standing.key.0), Why::RoutedHere)?;
                Ok(Outcome::Deliver)
            }
            Some(DomainType::Authoritative) if connector.is_none() && !standing.is_listed(self.map) => {
                self.step(Subject::Recipient(standing.key.0), Why::NotListed)?;
                Ok(Outcome::Refused(Answer::Unknown))
            }
            Some(_) => self.hand_on(&standing),
            None => self.leave(&standing),
        }
    }

    /// The routing address of a recipient whose address `path` is: a subaddress goes with it.
    fn write_routing_address(&mut self, path: Span, known: Known) -> Result<Result<Span, Answer>, Error> {
        let session = self.session();
        let Decision { scratch, texts, .. } = &mut *self.decision;
        let Some(view) = self.map.recipients_view() else { return Ok(Err(Answer::NoRoute)) };
        if read_address(path.of(texts), scratch) != Ok(true) {
            return Ok(Err(Answer::NoRoute));
        }
        scratch.texts.clear();
        match write_target(&view.tables(KeySide::Internal), session, known.hit, scratch) {
            Ok(Some(target)) => append(target.of(&scratch.texts), texts).map(Ok),
            Ok(None) => Ok(Err(Answer::NoRoute)),
            Err(reason) => Ok(Err(Answer::of(reason))),
        }
    }

    fn deliver(&mut self, standing: &Standing) -> Result<Outcome, Error> {
        self.step(Subject::Recipient(standing.key.0), Why::Listed)?;
        Ok(Outcome::Deliver)
    }

    /// To another of our systems, which only a connector names.
    fn hand_on(&mut self, standing: &Standing) -> Result<Outcome, Error> {
        if let Some(connector) = self.connector(standing)? {
            return Ok(Outcome::Relay(Some(connector)));
        }
        self.step(Subject::Recipient(standing.key.0), Why::NoConnector)?;
        Ok(Outcome::Refused(Answer::NoRoute))
    }

    /// To the outside, which DNS knows.
    fn leave(&mut self, standing: &Standing) -> Result<Outcome, Error> {
        let connector = self.connector(standing)?;
        if connector.is_none() {
            self.step(Subject::Dns, Why::Mx)?;
        }
        Ok(Outcome::Relay(connector))
    }

    fn connector(&mut self, standing: &Standing) -> Result<Option<u16>, Error> {
        let (_, domain) = parts(standing.key, &self.decision.texts);
        let connector = self.router.connector(domain);
        if let Some(number) = connector {
            self.step(Subject::Connector(number), Why::ByAddressSpace)?;
        }
        Ok(connector)
    }

    fn wave(&mut self, known: Known) -> Result<Option<WaveState>, Error> {
        let wave = self.map.recipient_class(known.number).and_then(|class| class.wave);
        let state = wave.and_then(|number| Some(self.routing.waves.get(usize::from(number))?.state));
        if let (Some(number), Some(state)) = (wave, state) {
            self.step(Subject::Wave(number), Why::State(state))?;
        }
        Ok(state)
    }
}
