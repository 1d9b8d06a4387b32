//! The steps that lead to a decision, for people: each names what was looked at and says why it counted.

use std::borrow::Cow;
use std::fmt;

use crate::engine::Engine;
use crate::routing::decision::Decision;
use crate::routing::model::{DomainType, WaveState};
use crate::span::Span;

/// What a step is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Subject {
    Session,
    Listener(u16),
    Message,
    Recipient(Span),
    Entry(u32),
    Domain(u16),
    Wave(u16),
    Rule(u16),
    RoutingAddress(Span),
    Connector(u16),
    Dns,
}

/// Why it counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Why {
    /// The host says which way the message goes.
    ByHost,
    Trusted,
    Untrusted,
    NoListener,
    NotAdmitted,
    ClientUnknown,
    TooManyHops,
    RoutingSender,
    BadSender,
    Malformed,
    Postmaster,
    Rewritten,
    Type(DomainType),
    NotAccepted,
    RelayDenied,
    AnonymousRelay,
    Listed,
    NotListed,
    NoDirectory,
    State(WaveState),
    Acts,
    Stops,
    Redirects,
    RoutesVia,
    Refuses,
    Drops,
    /// A condition of `when` does not hold.
    Unless(&'static str),
    /// An exception holds.
    When(&'static str),
    NotYet,
    CannotDecide,
    Followed,
    RoutedHere,
    ByAddressSpace,
    ByRule,
    NoConnector,
    Mx,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct StepRecord {
    pub(super) subject: Subject,
    pub(super) why: Why,
}

/// One step that led to a decision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step<'a> {
    /// What was looked at: `session`, `listener`, `message`, `recipient`, `entry`, `accepted-domain`, `wave`,
    /// `rule`, `routing-address`, `connector`, `dns`.
    pub what: &'static str,
    /// Its name; may be empty.
    pub name: Cow<'a, str>,
    /// Why it counted, or did not: a clause for people.
    pub why: Cow<'static, str>,
}

impl<'a> Step<'a> {
    pub(super) fn new(engine: &'a Engine, decision: &'a Decision, record: &StepRecord) -> Step<'a> {
        let routing = engine.map().routing();
        let text = |span: Span| String::from_utf8_lossy(span.of(&decision.texts));
        let at = usize::from;
        let (what, name): (_, Cow<'a, str>) = match record.subject {
            Subject::Session => ("session", "".into()),
            Subject::Listener(number) => {
                ("listener", routing.listeners.get(at(number)).map_or("", |listener| &listener.name).into())
            }
            Subject::Message => ("message", "".into()),
            Subject::Recipient(span) => ("recipient", text(span)),
            Subject::Entry(number) => {
                let entry = engine.map().referenced(number);
                ("entry", entry.map(|entry| entry.name()).unwrap_or_default().into())
            }
            Subject::Domain(number) => {
                let domain = routing.accepted_domains.get(at(number)).map(|accepted| &accepted.domain);
                let name = domain.map(|domain| {
                    let wildcard = if domain.below { "*." } else { "" };
                    format!("{wildcard}{}", String::from_utf8_lossy(&domain.domain))
                });
                ("accepted-domain", name.unwrap_or_default().into())
            }
            Subject::Wave(number) => {
                ("wave", routing.waves.get(at(number)).map_or("", |wave| &wave.name).into())
            }
            Subject::Rule(number) => {
                ("rule", routing.rules.get(at(number)).map_or("", |rule| &rule.name).into())
            }
            Subject::RoutingAddress(span) => ("routing-address", text(span)),
            Subject::Connector(number) => {
                ("connector", routing.connectors.get(at(number)).map_or("", |found| &found.name).into())
            }
            Subject::Dns => ("dns", "".into()),
        };
        let why = match record.why {
            Why::Unless(condition) => format!("passed over: `{condition}` does not hold").into(),
            Why::When(condition) => format!("passed over: its exception `{condition}` holds").into(),
            why => why.text().into(),
        };
        Step { what, name, why }
    }
}

impl Why {
    fn text(self) -> &'static str {
        match self {
            Why::ByHost => "the gateway says which way the message goes",
            Why::Trusted => "a session of one of our systems",
            Why::Untrusted => "a session that is not trusted",
            Why::NoListener => "the plan has no listeners, so nobody is trusted",
            Why::NotAdmitted => "no listener takes this client",
            Why::ClientUnknown => "the client is not known, so it is not trusted",
            Why::TooManyHops => "it has more Received fields than the plan allows",
            Why::RoutingSender => "nobody sends from routing addresses",
            Why::BadSender => "the sender's address does not parse, and the host could read another one",
            Why::Malformed => "this is no address",
            Why::Postmaster => "postmaster without a domain is this system's",
            Why::Rewritten => "gives the internal address",
            Why::Type(kind) => match kind {
                DomainType::Authoritative => "authoritative: all mailboxes are here",
                DomainType::InternalRelay => "internal-relay: some mailboxes are elsewhere",
                DomainType::ExternalRelay => "external-relay: all mailboxes are elsewhere",
            },
            Why::NotAccepted => "no accepted domain: outside",
            Why::RelayDenied => "the session is not trusted, so it may not send to the outside",
            Why::AnonymousRelay => "the listener lets anybody send to the outside",
            Why::Listed => "the directory has this mailbox",
            Why::NotListed => "the directory does not have this mailbox",
            Why::NoDirectory => "the plan lists no recipients, so the host's own directory decides",
            Why::State(state) => match state {
                WaveState::Pending => "pending: the mailbox is at the source",
                WaveState::InFlight => "in-flight: mail still goes to the source",
                WaveState::Migrated => "migrated: the mailbox is at the target",
                WaveState::Retired => "retired: the mailbox is at the target",
            },
            Why::Acts => "acts",
            Why::Stops => "acts, and no later rule does",
            Why::Redirects => "sends it to another address",
            Why::RoutesVia => "chooses the connector",
            Why::Refuses => "refuses it",
            Why::Drops => "drops it",
            Why::NotYet => "passed over for now: it asks for what is not there yet",
            Why::CannotDecide => "it can't be decided, since From does not parse",
            Why::Followed => "the directory says that mail goes there",
            Why::RoutedHere => "that mailbox is here",
            Why::ByAddressSpace => "serves the domain most closely, at the lowest cost",
            Why::ByRule => "a rule chose it",
            Why::NoConnector => "no connector serves the domain",
            Why::Mx => "no connector serves the domain, so its mail exchangers do",
            Why::Unless(_) | Why::When(_) => "passed over",
        }
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(f, "{}: {}", self.what, self.why)
        } else {
            write!(f, "{} {}: {}", self.what, self.name, self.why)
        }
    }
}
