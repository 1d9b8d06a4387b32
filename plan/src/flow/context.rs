//! What else of a message may decide where it goes: who sends it, and who else gets it.
//!
//! Rules ask about both. Of all senders and companies there are, only those need to be looked at that some
//! rule tells apart: two for which the same conditions hold are one to it. Sender and company stay the same on
//! the whole way.

use std::collections::HashSet;

use readdress::routing::{Condition, DomainPattern, Routing, Rule, SenderLocation};

use crate::flow::system::domain_of;

/// The most contexts that each address is followed in; beyond them nothing is proved.
pub(crate) const CONTEXTS_MAX: usize = 256;

/// A sender, and who else gets the same message.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Context {
    /// The other recipients.
    pub(crate) company: Vec<Vec<u8>>,
    /// The reverse-path; empty for the null one.
    pub(crate) sender: Vec<u8>,
}

/// All that a plan's rules tell apart. Those without company come first.
#[derive(Debug)]
pub(crate) struct Contexts {
    pub(crate) list: Vec<Context>,
    /// Whether there are no others: not, where a rule asks about the header section, or there are too many.
    pub(crate) is_complete: bool,
}

/// A name that nobody has.
const NOBODY: &str = "nobody-has-this-mailbox";
/// A domain that nobody has (RFC 2606).
const OUTSIDE: &str = "outside.invalid";

/// What a plan knows besides its routing.
pub(crate) trait Knowledge {
    /// Everybody in a group, as keys.
    fn members(&self, group: u16) -> Vec<Vec<u8>>;
    /// Whether somebody, given as key, is in a group.
    fn is_member(&self, key: &[u8], group: u16) -> bool;
    /// Whether a domain, given as key, is one whose addresses are inside.
    fn is_inside(&self, domain: &[u8]) -> bool;
    /// Of each pair of domains between which two-way entries rewrite mailboxes, an external one.
    fn rewritten(&self) -> Vec<Vec<u8>>;
    /// A forward-path, given as key, as entries rewrite it.
    fn internal(&self, key: &[u8]) -> Vec<u8>;
}

impl Contexts {
    pub(crate) fn of(routing: &Routing, knowledge: &impl Knowledge) -> Contexts {
        let asks = |rule: &'_ Rule| {
            let is_open = rule.sender_location == SenderLocation::Header;
            rule.when.iter().chain(&rule.unless).any(|condition| {
                matches!(condition, Condition::Header(_)) || (is_open && condition.is_about_sender())
            })
        };
        let mut is_complete = !routing.rules.iter().any(asks);
        let conditions = || routing.rules.iter().flat_map(|rule| rule.when.iter().chain(&rule.unless));
        let senders = senders(
            routing,
            &conditions().filter(|one| one.is_about_sender()).collect::<Vec<_>>(),
            knowledge,
        );
        let company = companies(conditions(), knowledge);
        is_complete &= senders.len().saturating_mul(company.len()) <= CONTEXTS_MAX;
        let all = company.iter().flat_map(|company| {
            senders.iter().map(move |sender| Context { sender: sender.clone(), company: company.clone() })
        });
        Contexts { list: all.take(CONTEXTS_MAX).collect(), is_complete }
    }
}

/// Of all senders one of each kind that the conditions about senders tell apart. Between two of the domains
/// that stand in a plan no pattern distinguishes: so the kinds are those of these domains, of one below each
/// that stands with `*.`, of nobody's, and of everybody who is named.
fn senders(routing: &Routing, conditions: &[&Condition], knowledge: &impl Knowledge) -> Vec<Vec<u8>> {
    let mut all = vec![somebody(&DomainPattern::any())];
    for condition in conditions {
        all.push(Vec::new());
        match condition {
            Condition::Sender(keys) => all.extend(keys.iter().cloned()),
            Condition::SenderDomain(patterns) => all.extend(patterns.iter().flat_map(stand_ins)),
            Condition::SenderMemberOf(groups) => {
                all.extend(groups.iter().flat_map(|&group| knowledge.members(group)));
            }
            Condition::SenderScope(_) => {
                let domains = routing.accepted_domains.iter().map(|accepted| &accepted.domain);
                all.extend(domains.flat_map(stand_ins));
            }
            _ => {}
        }
    }
    let holds = |condition: &&Condition, sender: &[u8]| match condition {
        Condition::Sender(keys) => keys.iter().any(|key| key == sender),
        Condition::SenderDomain(patterns) => {
            !sender.is_empty() && patterns.iter().any(|pattern| pattern.covers(domain_of(sender)))
        }
        Condition::SenderMemberOf(groups) => groups.iter().any(|&group| knowledge.is_member(sender, group)),
        // As on a trusted session; on all others nobody is inside.
        Condition::SenderScope(_) => sender.is_empty() || knowledge.is_inside(domain_of(sender)),
        _ => false,
    };
    let mut kinds = HashSet::new();
    all.retain(|sender| {
        // No condition but that of its own name takes it for what it is.
        let answers: Vec<bool> = conditions.iter().map(|condition| holds(condition, sender)).collect();
        kinds.insert(answers)
    });
    all
}

/// Of all companies one of each kind that conditions about any recipient tell apart. Each recipient that is
/// added makes more of them hold.
fn companies<'r>(
    conditions: impl Iterator<Item = &'r Condition>,
    knowledge: &impl Knowledge,
) -> Vec<Vec<Vec<u8>>> {
    let mut asked: Vec<&[DomainPattern]> = Vec::new();
    for condition in conditions {
        if let Condition::AnyRecipientDomain(patterns) = condition
            && !asked.contains(&patterns.as_slice())
        {
            asked.push(patterns);
        }
    }
    let mut all = vec![(vec![false; asked.len()], Vec::new())];
    if asked.is_empty() {
        return all.into_iter().map(|(_, company)| company).collect();
    }
    let mut one_each: Vec<(Vec<bool>, Vec<u8>)> = Vec::new();
    let stand_ins = asked.iter().copied().flatten().flat_map(stand_ins);
    for address in stand_ins.chain(knowledge.rewritten()) {
        let internal = knowledge.internal(&address);
        let is_in = |patterns: &&[DomainPattern]| {
            let of = [domain_of(&address), domain_of(&internal)];
            patterns.iter().any(|pattern| of.iter().any(|domain| pattern.covers(domain)))
        };
        let answers: Vec<bool> = asked.iter().map(is_in).collect();
        if one_each.iter().all(|(known, _)| *known != answers) {
            one_each.push((answers, address));
        }
    }
    // More are not followed anyway.
    let mut next = 0;
    while let Some((answers, company)) = all.get(next).cloned()
        && all.len() <= CONTEXTS_MAX
    {
        for (more, address) in &one_each {
            let both: Vec<bool> = answers.iter().zip(more).map(|(a, b)| *a || *b).collect();
            if all.iter().all(|(known, _)| *known != both) {
                let mut company = company.clone();
                company.push(address.clone());
                all.push((both, company));
            }
        }
        next += 1;
    }
    all.into_iter().map(|(_, company)| company).collect()
}

/// Somebody unknown in a domain that a pattern names, and in one below it that it covers.
pub(crate) fn stand_ins(pattern: &DomainPattern) -> Vec<Vec<u8>> {
    let exact = DomainPattern { domain: pattern.domain.clone(), below: false };
    let mut stand_ins = vec![somebody(pattern)];
    if pattern.below && !pattern.domain.is_empty() {
        stand_ins.push(somebody(&exact));
    }
    stand_ins
}

/// Somebody unknown in a domain that a pattern covers.
fn somebody(pattern: &DomainPattern) -> Vec<u8> {
    let domain = String::from_utf8_lossy(&pattern.domain);
    let address = match (pattern.below, domain.is_empty()) {
        (true, true) => format!("{NOBODY}@{OUTSIDE}"),
        (true, false) => format!("{NOBODY}@{NOBODY}.{domain}"),
        (false, _) => format!("{NOBODY}@{domain}"),
    };
    address.into_bytes()
}
