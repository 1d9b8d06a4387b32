//! Whether a rule is about a message, and about a recipient of it.
//!
//! What a rule asks about the message as a whole is answered once; what it asks about recipients, for each.
//! An answer may be missing: the header section may come later, or From may not parse.

use crate::map::Map;
use crate::routing::decision::{Decision, RecipientRecord, Sender, Standing};
use crate::routing::model::{Condition, DomainType, Rule, Scope, SenderLocation, is_in};
use crate::routing::request::Client;
use crate::routing::router::Router;
use crate::routing::step::Why;
use crate::span::{Span, widen};

/// How a rule stands to a message as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RuleStanding {
    /// What it asks about the message holds.
    Open,
    /// It is not about this message, whoever the recipient is.
    Out(Why),
    /// It asks for the header section, or about recipients, that are not there yet.
    Later,
    /// It asks who the author is, and that can't be told.
    Unclear,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Truth {
    Yes,
    No,
    Later,
    Unclear,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Truth {
        if holds { Truth::Yes } else { Truth::No }
    }
}

/// What rules are held against.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) map: &'a Map,
    pub(super) router: &'a Router,
    pub(super) decision: &'a Decision,
    pub(super) client: Client<'a>,
    pub(super) trusted: bool,
    /// Whether further recipients may follow.
    pub(super) is_open: bool,
}

impl Message<'_> {
    /// How a rule stands to the message, whoever the recipient is.
    pub(super) fn standing(&self, rule: &Rule) -> RuleStanding {
        let mut standing = RuleStanding::Open;
        for (conditions, is_exception) in [(&rule.when, false), (&rule.unless, true)] {
            for condition in conditions.iter().filter(|condition| !is_about_recipient(condition)) {
                match (self.holds(rule, condition), is_exception) {
                    (Truth::No, false) => return RuleStanding::Out(Why::Unless(condition.name())),
                    (Truth::Yes, true) => return RuleStanding::Out(Why::When(condition.name())),
                    (Truth::Later, _) => standing = RuleStanding::Later,
                    (Truth::Unclear, _) if standing == RuleStanding::Open => standing = RuleStanding::Unclear,
                    _ => {}
                }
            }
        }
        standing
    }

    /// Why a rule is not about a recipient; `None` if it is.
    pub(super) fn objection(&self, rule: &Rule, recipient: &RecipientRecord) -> Option<Why> {
        let holds = |condition: &&Condition| self.holds_for(condition, recipient);
        let of_recipient = |condition: &&Condition| is_about_recipient(condition);
        let mut when = rule.when.iter().filter(of_recipient);
        if let Some(condition) = when.find(|condition| !holds(condition)) {
            return Some(Why::Unless(condition.name()));
        }
        let mut unless = rule.unless.iter().filter(of_recipient);
        unless.find(holds).map(|condition| Why::When(condition.name()))
    }

    fn holds(&self, rule: &Rule, condition: &Condition) -> Truth {
        if let Condition::SenderScope(scope) = condition
            && !self.trusted
        {
            // Nobody is inside on such a session, whoever they say they are: what does not parse, or is not
            // there yet, must not keep a rule against strangers from acting.
            return (*scope == Scope::NotInOrganization).into();
        }
        if condition.is_about_sender() {
            return match rule.sender_location {
                SenderLocation::Envelope => self.holds_for_sender(condition),
                SenderLocation::Header => self.holds_for_authors(condition),
            };
        }
        match condition {
            Condition::ClientIp(networks) => {
                self.client.address.is_some_and(|address| is_in(networks, address)).into()
            }
            Condition::Listener(listeners) => {
                self.decision.listener.is_some_and(|listener| listeners.contains(&listener)).into()
            }
            Condition::AnyRecipientDomain(patterns) => {
                let is_named = |standing: &Standing| {
                    let domain = self.domain(standing.key);
                    patterns.iter().any(|pattern| pattern.covers(domain))
                };
                let mut recipients = self.decision.recipients.iter();
                let holds = recipients.any(|recipient| is_named(&recipient.came) || is_named(&recipient.is));
                if self.is_open && !holds { Truth::Later } else { holds.into() }
            }
            Condition::Header(_) if !self.decision.header.is_there => Truth::Later,
            Condition::Header(fields) => {
                let questions = self.router.header();
                let answers = &self.decision.header;
                fields.iter().any(|(name, text)| questions.contains(answers, name, text)).into()
            }
            _ => Truth::No,
        }
    }

    fn holds_for_sender(&self, condition: &Condition) -> Truth {
        match &self.decision.sender {
            Sender::Address(sender) => {
                self.holds_for_address(condition, &sender.key, &self.decision.texts).into()
            }
            Sender::Null => match condition {
                Condition::Sender(keys) => keys.iter().any(Vec::is_empty),
                Condition::SenderScope(scope) => (*scope == Scope::InOrganization) == self.trusted,
                _ => false,
            }
            .into(),
            // An address that does not parse is none of ours; of one that is not known nothing holds.
            Sender::Unreadable => {
                matches!(condition, Condition::SenderScope(Scope::NotInOrganization)).into()
            }
            Sender::Unknown => Truth::No,
        }
    }

    fn holds_for_authors(&self, condition: &Condition) -> Truth {
        let answers = &self.decision.header;
        if !self.decision.header.is_there {
            return Truth::Later;
        }
        let holds = |author| self.holds_for_address(condition, author, &answers.keys);
        if answers.authors.iter().any(holds) {
            Truth::Yes
        } else if answers.is_author_unclear {
            Truth::Unclear
        } else {
            Truth::No
        }
    }

    /// Whether a condition about the sender holds for an address, given as key in `texts`.
    fn holds_for_address(&self, condition: &Condition, key: &(Span, u32), texts: &[u8]) -> bool {
        let (whole, domain) = parts(*key, texts);
        match condition {
            Condition::Sender(keys) => keys.iter().any(|key| key == whole),
            Condition::SenderDomain(patterns) => patterns.iter().any(|pattern| pattern.covers(domain)),
            Condition::SenderScope(scope) => {
                let is_inside = self.trusted && self.is_ours(self.router.accepted(domain));
                (*scope == Scope::InOrganization) == is_inside
            }
            Condition::SenderMemberOf(groups) => {
                let local_part = whole.get(..widen(key.1).saturating_sub(1)).unwrap_or_default();
                let known = self.map.recipient(local_part, domain);
                known.is_some_and(|known| self.is_member(known.number, groups))
            }
            _ => false,
        }
    }

    fn holds_for(&self, condition: &Condition, recipient: &RecipientRecord) -> bool {
        // What no entry has rewritten is as it came.
        let both = [&recipient.came, &recipient.is];
        let of = if recipient.entry.is_some() { &both[..] } else { &both[1..] };
        let key = |standing: &Standing| parts(standing.key, &self.decision.texts);
        match condition {
            Condition::Recipient(keys) => {
                of.iter().any(|standing| keys.iter().any(|wanted| wanted == key(standing).0))
            }
            Condition::RecipientDomain(patterns) => of.iter().any(|standing| {
                let (_, domain) = key(standing);
                patterns.iter().any(|pattern| pattern.covers(domain))
            }),
            Condition::RecipientScope(scope) => {
                let is_inside =
                    of.iter().any(|standing| standing.is_listed(self.map) || self.is_ours(standing.accepted));
                (*scope == Scope::InOrganization) == is_inside
            }
            Condition::RecipientMemberOf(groups) => of
                .iter()
                .filter_map(|standing| standing.known)
                .any(|known| self.is_member(known.number, groups)),
            _ => false,
        }
    }

    /// Whether an accepted domain is one whose addresses are inside.
    fn is_ours(&self, accepted: Option<u16>) -> bool {
        let domains = &self.map.routing().accepted_domains;
        let accepted = accepted.and_then(|number| domains.get(usize::from(number)));
        accepted.is_some_and(|accepted| accepted.kind != DomainType::ExternalRelay)
    }

    fn is_member(&self, recipient: u32, groups: &[u16]) -> bool {
        let class = self.map.recipient_class(recipient);
        class.is_some_and(|class| class.groups.iter().any(|group| groups.contains(group)))
    }

    fn domain(&self, key: (Span, u32)) -> &[u8] {
        parts(key, &self.decision.texts).1
    }
}

/// A key, and the domain in it.
pub(super) fn parts((span, domain): (Span, u32), texts: &[u8]) -> (&[u8], &[u8]) {
    let whole = span.of(texts);
    (whole, whole.get(widen(domain)..).unwrap_or_default())
}

pub(super) fn is_about_recipient(condition: &Condition) -> bool {
    matches!(
        condition,
        Condition::Recipient(_)
            | Condition::RecipientDomain(_)
            | Condition::RecipientScope(_)
            | Condition::RecipientMemberOf(_)
    )
}
