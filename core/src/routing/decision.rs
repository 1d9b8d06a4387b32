//! What was decided about a message's recipients, and why.

use std::fmt;

use crate::engine::Engine;
use crate::map::{Entry, Hit, Map};
use crate::policy::Direction;
use crate::reason::Reason;
use crate::routing::model::{Connector, Listener, NextHop, Rule, Tls};
use crate::routing::section::HeaderAnswers;
use crate::routing::step::{Step, StepRecord};
use crate::scratch::Scratch;
use crate::span::{Span, widen};

/// What becomes of a recipient's copy of the message.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Action {
    /// It stays here: the mailbox is on this system.
    Deliver,
    /// It leaves for another system.
    Relay,
    /// The recipient is refused, or deferred: [`Route::reply`] says how.
    #[default]
    Reject,
    /// It is taken and goes nowhere, since a rule says so.
    Drop,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 4] = [Action::Deliver, Action::Relay, Action::Reject, Action::Drop];

    /// Its name in JSON and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Action::Deliver => "deliver",
            Action::Relay => "relay",
            Action::Reject => "reject",
            Action::Drop => "drop",
        }
    }
}

/// Answers that no rule has written: reply code, enhanced status code, text (RFC 5321 4.2, RFC 3463).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Answer {
    Unknown,
    NoRoute,
    RelayDenied,
    NotAdmitted,
    Loop,
    BadAddress,
    NeedsSmtputf8,
    RoutingAddress,
    RoutingSender,
    BadSender,
    Undecided,
}

impl Answer {
    /// Why an address can't be put where it would go.
    pub(super) fn of(reason: Reason) -> Answer {
        match reason {
            Reason::NeedsSmtputf8 => Answer::NeedsSmtputf8,
            _ => Answer::BadAddress,
        }
    }

    fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Answer::Unknown => (550, "5.1.10", "Recipient not found"),
            Answer::NoRoute => (451, "4.4.4", "No route to the recipient's system"),
            Answer::RelayDenied => (554, "5.7.1", "Relaying denied"),
            Answer::NotAdmitted => (554, "5.7.1", "Client not permitted"),
            Answer::Loop => (554, "5.4.6", "Too many hops, the message seems to loop"),
            Answer::BadAddress => (501, "5.1.3", "Bad recipient address syntax"),
            Answer::NeedsSmtputf8 => (553, "5.6.7", "The recipient's address needs SMTPUTF8"),
            Answer::RoutingAddress => (550, "5.1.2", "Nobody sends to this domain from outside"),
            Answer::RoutingSender => (550, "5.7.1", "Nobody sends from this domain"),
            Answer::BadSender => (501, "5.1.7", "Bad sender address syntax"),
            Answer::Undecided => (451, "4.3.0", "The sender can't be told from the message now"),
        }
    }
}

/// How a recipient's copy ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Deliver,
    /// By a connector, or to where DNS says.
    Relay(Option<u16>),
    Refused(Answer),
    /// By the rule of this number.
    RefusedByRule(u16),
    Dropped,
}

/// What is known of an address here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// The address as key, in the decision's texts, and where its domain begins.
    pub(super) key: (Span, u32),
    /// The accepted domain that covers it, a number in the plan's.
    pub(super) accepted: Option<u16>,
    pub(super) known: Option<Known>,
}

impl Standing {
    /// Whether the directory has a mailbox of this address.
    pub(super) fn is_listed(&self, map: &Map) -> bool {
        let class = self.known.and_then(|known| map.recipient_class(known.number));
        class.is_some_and(|class| class.is_listed)
    }
}

/// Whom the reverse-path names.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Sender {
    /// It is not known.
    #[default]
    Unknown,
    /// It is no address.
    Unreadable,
    /// Nobody: the null reverse-path.
    Null,
    Address(Standing),
}

/// Somebody whom the directory has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) number: u32,
    pub(super) hit: Hit,
    /// Whether mail goes to a routing address.
    pub(super) is_routed: bool,
}

/// What rules could do to a copy that ask for what is not there yet.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Pending {
    #[default]
    Nothing,
    /// Refuse it.
    Refusal,
    /// Lead it elsewhere, too.
    Anything,
}

/// One recipient while it is decided about.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecipientRecord {
    /// The forward-path as given, and the one to use, in the texts; without brackets.
    pub(super) given: Span,
    pub(super) path: Span,
    /// The one for a host that goes by the recipient alone.
    pub(super) host_path: Span,
    /// The address as it came, and as entries have rewritten it.
    pub(super) came: Standing,
    pub(super) is: Standing,
    pub(super) entry: Option<u32>,
    /// Whether entries name its domain and none maps it.
    pub(super) is_unmapped: bool,
    pub(super) outcome: Option<Outcome>,
    /// What a rule that is still to be asked could do to it.
    pub(super) pending: Pending,
    /// The rules that acted, in `acted`.
    pub(super) rules: Span,
    pub(super) steps: Span,
}

impl RecipientRecord {
    /// Somebody of whom nothing but the path is known.
    pub(super) fn new(path: Span) -> RecipientRecord {
        RecipientRecord {
            given: path,
            path,
            host_path: path,
            came: Standing::default(),
            is: Standing::default(),
            entry: None,
            is_unmapped: false,
            outcome: None,
            pending: Pending::Nothing,
            rules: Span::default(),
            steps: Span::default(),
        }
    }
}

/// What the host of a decision goes by.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Host {
    /// What is decided.
    #[default]
    Decision,
    /// The same but for the way out, which the recipient alone tells it.
    ByRecipient,
    /// One recipient: it knows nothing else of the message.
    Tables,
}

/// A decision about all recipients of a message, in buffers that are reused from message to message: once
/// they have grown to the size of the traffic, nothing is allocated. One at a time may use it.
#[derive(Debug, Default)]
pub struct Decision {
    /// Whether every step is kept.
    pub(super) is_explained: bool,
    /// Whom it is for.
    pub(super) host: Host,
    pub(super) texts: Vec<u8>,
    pub(super) recipients: Vec<RecipientRecord>,
    /// Numbers of rules that acted.
    pub(super) acted: Vec<u16>,
    pub(super) steps: Vec<StepRecord>,
    pub(super) sender: Sender,
    pub(super) listener: Option<u16>,
    pub(super) direction: Option<Direction>,
    pub(super) header: HeaderAnswers,
    /// Whether a rule asked for something that is not there yet.
    pub(super) is_waiting: bool,
    /// Of each rule, how it stands to the message as a whole.
    pub(super) standings: Vec<super::rules::RuleStanding>,
    pub(super) scratch: Scratch,
}

impl Decision {
    /// Empty buffers.
    #[must_use]
    pub fn new() -> Decision {
        Decision::default()
    }

    /// The same, keeping each [step](Route::steps) that leads to the decisions.
    #[must_use]
    pub fn explained() -> Decision {
        Decision { is_explained: true, ..Decision::default() }
    }

    /// Makes it one for a host that chooses the way out by the recipient alone, as Postfix does: each route
    /// has a [path for it](Route::host_path), from the next decision on. It costs about as much again where
    /// rules ask about more than recipients.
    ///
    /// What such a host would take for something else than what is decided about is refused: a reverse-path in which
    /// it could read another address than stands there (501 5.1.7), a source route in quotes (501), and routing
    /// addresses as sender or in address fields (550 5.7.1), which it would restore together with the recipient's.
    #[must_use]
    pub fn for_host(self) -> Decision {
        Decision { host: Host::ByRecipient, ..self }
    }

    /// Makes it one for hosts that know nothing of a message but one recipient, as Postfix does when it looks up
    /// `virtual_alias_maps`: only rules that ask about nothing else act, from the next decision on.
    #[must_use]
    pub fn for_tables(self) -> Decision {
        Decision { host: Host::Tables, ..self }
    }

    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.recipients.clear();
        self.acted.clear();
        self.steps.clear();
        self.sender = Sender::Unknown;
        self.listener = None;
        self.direction = None;
        self.header.is_there = false;
        self.is_waiting = false;
        self.standings.clear();
    }
}

/// What was decided about a message. Made by [`Engine::route`].
#[derive(Clone, Copy)]
pub struct Routes<'a> {
    engine: &'a Engine,
    decision: &'a Decision,
}

impl<'a> Routes<'a> {
    pub(super) fn new(engine: &'a Engine, decision: &'a Decision) -> Routes<'a> {
        Routes { engine, decision }
    }

    /// How many recipients there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.decision.recipients.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.decision.recipients.is_empty()
    }

    /// What was decided about a recipient, by its place among those given.
    #[must_use]
    pub fn get(&self, recipient: usize) -> Option<Route<'a>> {
        let record = self.decision.recipients.get(recipient)?;
        Some(Route { engine: self.engine, decision: self.decision, record })
    }

    /// All of them, in the order in which they were given.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Route<'a>> + use<'a> {
        let Routes { engine, decision } = *self;
        decision.recipients.iter().map(move |record| Route { engine, decision, record })
    }

    /// Whether nothing can change any more. Not, where a rule asks for the header section and that was not
    /// given, or about recipients who may follow: ask again when all is there.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !self.decision.is_waiting
    }

    /// The listener that the session came by.
    #[must_use]
    pub fn listener(&self) -> Option<&'a Listener> {
        self.engine.map().routing().listeners.get(usize::from(self.decision.listener?))
    }

    /// Which way the message goes.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.decision.direction.unwrap_or(Direction::Inbound)
    }
}

/// What was decided about one recipient.
#[derive(Clone, Copy)]
pub struct Route<'a> {
    engine: &'a Engine,
    decision: &'a Decision,
    record: &'a RecipientRecord,
}

impl<'a> Route<'a> {
    /// The forward-path as it was given, without angle brackets.
    #[must_use]
    pub fn recipient(&self) -> &'a [u8] {
        self.record.given.of(&self.decision.texts)
    }

    /// What becomes of the recipient's copy.
    #[must_use]
    pub fn action(&self) -> Action {
        match self.record.outcome {
            Some(Outcome::Deliver) => Action::Deliver,
            Some(Outcome::Relay(_)) => Action::Relay,
            Some(Outcome::Dropped) => Action::Drop,
            Some(Outcome::Refused(_) | Outcome::RefusedByRule(_)) | None => Action::Reject,
        }
    }

    /// The forward-path to use, without angle brackets; the given one, where nothing changes it. Where it
    /// differs, the given one belongs into ORCPT (RFC 3461 4.2).
    #[must_use]
    pub fn forward_path(&self) -> &'a [u8] {
        self.record.path.of(&self.decision.texts)
    }

    /// The forward-path to give to a host that chooses the way out by the recipient alone, if the decision is
    /// [for one](Decision::for_host): the one to use where that alone leads the same way, else a routing
    /// address, `user=domain@connector.route.invalid`. [`Engine::transport`] leads such a host,
    /// [`Engine::restore`] gives the address back where the copy leaves.
    #[must_use]
    pub fn host_path(&self) -> &'a [u8] {
        self.record.host_path.of(&self.decision.texts)
    }

    /// Whether neither the header section nor recipients who may follow can lead the copy elsewhere: a
    /// refusal is final then, though its text may become another one. Fields that rules set may still come.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self.record.pending {
            Pending::Nothing => true,
            Pending::Refusal => self.action() == Action::Reject,
            Pending::Anything => false,
        }
    }

    /// The entry that rewrote the forward-path.
    #[must_use]
    pub fn entry(&self) -> Option<Entry<'a>> {
        self.engine.map().referenced(self.record.entry?)
    }

    /// The connector that the copy leaves by. `None` without one: it leaves to where DNS says, if at all.
    #[must_use]
    pub fn connector(&self) -> Option<&'a Connector> {
        self.engine.map().routing().connectors.get(usize::from(self.connector_number()?))
    }

    /// The number of that connector, from 0, in [`Routing::connectors`](crate::routing::Routing::connectors).
    #[must_use]
    pub fn connector_number(&self) -> Option<u16> {
        match self.record.outcome {
            Some(Outcome::Relay(connector)) => connector,
            _ => None,
        }
    }

    /// The hosts it leaves for, to be tried in this order; none, if it stays or DNS says.
    #[must_use]
    pub fn next_hops(&self) -> &'a [String] {
        match self.connector().map(|connector| &connector.next_hop) {
            Some(NextHop::SmartHosts(hosts)) => hosts,
            Some(NextHop::Mx) | None => &[],
        }
    }

    /// How the session to the next hop is encrypted.
    #[must_use]
    pub fn tls(&self) -> Tls {
        self.connector().map_or(Tls::Opportunistic, |connector| connector.tls)
    }

    /// The answer to the client where the recipient is refused (5yz) or deferred (4yz): reply code, enhanced
    /// status code, text.
    #[must_use]
    pub fn reply(&self) -> Option<(u16, &'a str, &'a str)> {
        match self.record.outcome {
            Some(Outcome::Refused(answer)) => Some(answer.parts()),
            Some(Outcome::RefusedByRule(rule)) => {
                let reply = self.rule(rule)?.actions.reject.as_ref()?;
                Some((reply.code, &reply.enhanced, &reply.text))
            }
            None => Some(Answer::Undecided.parts()),
            Some(Outcome::Deliver | Outcome::Relay(_) | Outcome::Dropped) => None,
        }
    }

    /// Fields that the copy gets: each in place of all of that name.
    pub fn set_headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let route = *self;
        self.acted().enumerate().flat_map(move |(nth, rule)| {
            let fields = rule.actions.set_header.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            fields.filter(move |(name, _)| !route.is_named_behind(nth, name))
        })
    }

    /// Fields that the copy loses.
    pub fn removed_headers(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let route = *self;
        self.acted().enumerate().flat_map(move |(nth, rule)| {
            let names = rule.actions.remove_header.iter().map(String::as_str);
            names.filter(move |name| {
                let is_set = rule.actions.set_header.iter().any(|(set, _)| set.eq_ignore_ascii_case(name));
                !is_set && !route.is_named_behind(nth, name)
            })
        })
    }

    /// Whether the copy's addresses are rewritten. Not, where a rule says so.
    #[must_use]
    pub fn is_rewritten(&self) -> bool {
        self.acted().all(|rule| !rule.actions.rewrite_off)
    }

    /// Every rule that acted, in order.
    pub fn rules(&self) -> impl Iterator<Item = &'a Rule> + use<'a> {
        self.acted()
    }

    /// What led here, if the decision was [explained](Decision::explained).
    pub fn steps(&self) -> impl ExactSizeIterator<Item = Step<'a>> + use<'a> {
        let Route { engine, decision, record } = *self;
        let steps = decision.steps.get(widen(record.steps.start)..widen(record.steps.end));
        steps.unwrap_or_default().iter().map(move |step| Step::new(engine, decision, step))
    }

    /// Whether entries name the recipient's domain and none of them maps the recipient.
    #[must_use]
    pub fn is_unmapped(&self) -> bool {
        self.record.is_unmapped
    }

    fn acted(&self) -> impl Iterator<Item = &'a Rule> + use<'a> {
        let Route { engine, decision, record } = *self;
        let rules = decision.acted.get(widen(record.rules.start)..widen(record.rules.end));
        let all = &engine.map().routing().rules;
        rules.unwrap_or_default().iter().filter_map(move |&rule| all.get(usize::from(rule)))
    }

    fn rule(&self, number: u16) -> Option<&'a Rule> {
        self.engine.map().routing().rules.get(usize::from(number))
    }

    /// Whether a rule that acted behind the `nth` one sets or removes fields of this name.
    fn is_named_behind(&self, nth: usize, name: &str) -> bool {
        self.acted().skip(nth + 1).any(|rule| {
            let Rule { actions, .. } = rule;
            actions.set_header.iter().any(|(set, _)| set.eq_ignore_ascii_case(name))
                || actions.remove_header.iter().any(|removed| removed.eq_ignore_ascii_case(name))
        })
    }
}

impl fmt::Debug for Route<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("recipient", &String::from_utf8_lossy(self.recipient()))
            .field("action", &self.action())
            .field("forward_path", &String::from_utf8_lossy(self.forward_path()))
            .field("connector", &self.connector().map(|connector| &connector.name))
            .field("reply", &self.reply())
            .finish_non_exhaustive()
    }
}
