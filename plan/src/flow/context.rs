//! What else of a message may decide where it goes: who sends it, and who else gets it.
//!
//! Rules ask about both. Of all senders there are, only those need to be looked at that some rule tells apart:
//! somebody outside, somebody inside, nobody, and whomever a rule names.

use readdress::routing::{Condition, DomainPattern, DomainType, Routing, SenderLocation};

/// The most contexts that each address is followed in; beyond them nothing is proved.
pub(crate) const CONTEXTS_MAX: usize = 256;

/// A sender, and somebody who gets the same message.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Context {
    /// The reverse-path; empty for the null one.
    pub(crate) sender: Vec<u8>,
    /// The other recipient.
    pub(crate) company: Option<Vec<u8>>,
}

/// All that a plan's rules tell apart.
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

impl Contexts {
    /// `member_of` gives a member of a group.
    pub(crate) fn of(routing: &Routing, member_of: impl Fn(u16) -> Option<Vec<u8>>) -> Contexts {
        let mut is_complete = true;
        let mut senders = vec![somebody(&DomainPattern::any())];
        let mut company = vec![None];
        for rule in &routing.rules {
            for condition in rule.when.iter().chain(&rule.unless) {
                is_complete &=
                    !(rule.sender_location == SenderLocation::Header && condition.is_about_sender());
                match condition {
                    Condition::Sender(keys) => senders.extend(keys.iter().cloned()),
                    Condition::SenderDomain(patterns) => senders.extend(patterns.iter().map(somebody)),
                    Condition::SenderMemberOf(groups) => {
                        senders.extend(groups.iter().filter_map(|&group| member_of(group)));
                    }
                    Condition::SenderScope(_) => senders.extend([insider(routing), Vec::new()]),
                    Condition::AnyRecipientDomain(patterns) => {
                        company.extend(patterns.iter().map(|pattern| Some(somebody(pattern))));
                    }
                    Condition::Header(_) => is_complete = false,
                    _ => {}
                }
            }
        }
        senders.sort();
        senders.dedup();
        company.sort();
        company.dedup();
        is_complete &= senders.len().saturating_mul(company.len()) <= CONTEXTS_MAX;
        let all = senders.iter().flat_map(|sender| {
            company.iter().map(move |company| Context { sender: sender.clone(), company: company.clone() })
        });
        Contexts { list: all.take(CONTEXTS_MAX).collect(), is_complete }
    }
}

/// Somebody of a domain that is inside.
fn insider(routing: &Routing) -> Vec<u8> {
    let mut domains = routing.accepted_domains.iter();
    let inside = domains.find(|accepted| accepted.kind != DomainType::ExternalRelay);
    inside.map_or_else(Vec::new, |accepted| somebody(&accepted.domain))
}

/// Somebody unknown in a domain that a pattern covers.
pub(crate) fn somebody(pattern: &DomainPattern) -> Vec<u8> {
    let domain = String::from_utf8_lossy(&pattern.domain);
    let address = match (pattern.below, domain.is_empty()) {
        (true, true) => format!("{NOBODY}@{OUTSIDE}"),
        (true, false) => format!("{NOBODY}@{NOBODY}.{domain}"),
        (false, _) => format!("{NOBODY}@{domain}"),
    };
    address.into_bytes()
}
