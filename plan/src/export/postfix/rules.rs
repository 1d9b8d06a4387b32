//! What of the rules tables can carry out: those about recipients alone, those that choose a way out by the
//! sender alone, and fields that every message gets or loses. The others are listed.

use readdress::routing::{Actions, Condition, Rule, Scope, SenderLocation};

use crate::export::asked::Asked;
use crate::export::{Export, place};
use crate::plan::Plan;

/// A plan's rules, as far as tables go.
#[derive(Default)]
pub(super) struct Rules<'p> {
    /// In order, with what of their actions a recipient's address decides.
    pub(super) of_recipients: Vec<Rule>,
    /// Numbers of those that choose a connector by the sender.
    pub(super) of_senders: Vec<(usize, &'p Rule)>,
    /// Rules about every message, for their fields.
    pub(super) fields: Vec<&'p Rule>,
}

const MILTER: &str = "leave this rule to the milter, which sees the whole message; its routes need a routing \
                      domain and the socketmap as transport table";

impl<'p> Rules<'p> {
    pub(super) fn of(plan: &'p Plan, export: &mut Export) -> Rules<'p> {
        let mut rules = Rules::default();
        for (number, rule) in plan.routing.rules.iter().enumerate() {
            let at = place(&plan.routing_places.rules, number, plan.as_a_whole());
            let mut conditions = rule.when.iter().chain(&rule.unless);
            let foreign = conditions.find(|condition| !is_about_recipient(condition));
            let is_of_everything = rule.when.is_empty() && rule.unless.is_empty();
            if let Some(condition) = foreign {
                if is_of_sender(rule) {
                    rules.of_senders.push((number, rule));
                } else {
                    let message = format!(
                        "tables can't carry out a rule that asks `{}`: they ignore it",
                        condition.name()
                    );
                    export.limit(at, &rule.name, message, MILTER);
                }
                continue;
            }
            if rule.actions.rewrite_off {
                let message = "tables rewrite for everybody: they ignore `rewrite = \"off\"`";
                export.limit(at.clone(), &rule.name, message, MILTER);
            }
            let has_fields = !rule.actions.set_header.is_empty() || !rule.actions.remove_header.is_empty();
            if has_fields && is_of_everything {
                rules.fields.push(rule);
            } else if has_fields {
                let message = "header_checks know no recipient: the fields that the rule sets or removes stay \
                               as they are";
                export.limit(at, &rule.name, message, MILTER);
            }
            let actions = Actions {
                set_header: Vec::new(),
                remove_header: Vec::new(),
                rewrite_off: false,
                ..rule.actions.clone()
            };
            rules.of_recipients.push(Rule { actions, ..rule.clone() });
        }
        // One that stops beats what stands before and behind it; else the last one counts.
        let (stopping, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut rules.of_senders).into_iter().partition(|(_, rule)| rule.stop);
        rules.of_senders = stopping.into_iter().chain(others.into_iter().rev()).collect();
        rules
    }
}

/// A rule that names somebody is not about their subaddresses; a table with the name in it is.
pub(super) fn limit_subaddresses(plan: &Plan, rules: &Rules<'_>, asked: &mut Asked, export: &mut Export) {
    let Some(delimiter) = plan.builder.policy().subaddress_delimiters.chars().next() else { return };
    for rule in &rules.of_recipients {
        let number = plan.routing.rules.iter().position(|known| known.name == rule.name).unwrap_or_default();
        let at = place(&plan.routing_places.rules, number, plan.as_a_whole());
        for condition in rule.when.iter().chain(&rule.unless) {
            let Condition::Recipient(keys) = condition else { continue };
            for key in keys {
                let address = super::written(key);
                // By the address outside, too, that leads there.
                let outside = asked.outbound(&address).filter(|outside| asked.route(outside).path == address);
                for address in std::iter::once(address).chain(outside) {
                    let Some((name, domain)) = address.rsplit_once('@') else { continue };
                    let message = format!(
                        "a table with {address} in it is about its subaddresses, too, and the rule is not"
                    );
                    let hint = "nothing, if the rule may act on them";
                    export.limit(at.clone(), &format!("{name}{delimiter}x@{domain}"), message, hint);
                }
            }
        }
    }
}

fn is_about_recipient(condition: &Condition) -> bool {
    matches!(
        condition,
        Condition::Recipient(_)
            | Condition::RecipientDomain(_)
            | Condition::RecipientScope(_)
            | Condition::RecipientMemberOf(_)
    )
}

/// Whether a rule chooses a connector for what leaves the organization, by one condition about the reverse-path.
fn is_of_sender(rule: &Rule) -> bool {
    let outside = Condition::RecipientScope(Scope::NotInOrganization);
    let inside = Condition::RecipientScope(Scope::InOrganization);
    let (scope, senders): (Vec<_>, Vec<_>) = rule.when.iter().partition(|condition| **condition == outside);
    let is_outside = !scope.is_empty() || rule.unless.contains(&inside);
    let is_one_sender = matches!(senders.as_slice(), [Condition::SenderDomain(_) | Condition::Sender(_)])
        && rule.unless.iter().all(|condition| *condition == inside);
    let Actions { route_via, redirect_to, reject, drop, set_header, remove_header, rewrite_off } =
        &rule.actions;
    let is_route_alone = route_via.is_some()
        && redirect_to.is_none()
        && reject.is_none()
        && !drop
        && set_header.is_empty()
        && remove_header.is_empty()
        && !rewrite_off;
    is_outside && is_one_sender && is_route_alone && rule.sender_location == SenderLocation::Envelope
}
