//! Transport rules.

use readdress::routing::{Condition, DomainPattern, OnError, Rule, Scope, SenderLocation};

use super::{Kind, Object, escaped, list, quoted, truth};
use crate::export::postfix::written;
use crate::export::{Export, place, text};
use crate::plan::Plan;

/// A field that has a parameter of its own.
const SCL: &str = "X-MS-Exchange-Organization-SCL";

pub(super) fn rules(plan: &Plan, export: &mut Export, objects: &mut Vec<Object>) {
    let mut priority = 0;
    for (number, rule) in plan.routing.rules.iter().enumerate() {
        let at = place(&plan.routing_places.rules, number, plan.as_a_whole());
        let mut limits = Vec::new();
        let conditions = conditions(plan, rule, &mut limits);
        let actions = actions(plan, rule, &mut limits);
        let is_about_nobody = conditions.is_none();
        for (message, hint) in limits {
            export.limit(at.clone(), &rule.name, message, hint);
        }
        // A rule with a condition less would act on more than it says.
        let Some(conditions) = conditions.filter(|_| !is_about_nobody) else { continue };
        let count = actions.len();
        for (nth, action) in actions.into_iter().enumerate() {
            let name = if nth == 0 { rule.name.clone() } else { format!("{} ({})", rule.name, nth + 1) };
            let location = match rule.sender_location {
                SenderLocation::Envelope => "Envelope",
                SenderLocation::Header => "Header",
            };
            let on_error = match rule.on_error {
                OnError::Ignore => "Ignore",
                OnError::Defer => "Defer",
            };
            let stops = truth(rule.stop && nth + 1 == count);
            let quoted_name = quoted(&name);
            objects.push(Object {
                kind: Kind::Rule,
                id: name,
                make: format!(
                    "New-TransportRule -Name {quoted_name}{conditions}{action} -SenderAddressLocation {location} \
                     -RuleErrorAction {on_error} -StopRuleProcessing {stops} -Priority {priority} -Mode Enforce"
                ),
                change: None,
                remove: format!("Remove-TransportRule -Identity {quoted_name} -Confirm:$false"),
                batch: String::new(),
                is_return: false,
            });
            priority += 1;
        }
    }
}

type Limits = Vec<(String, &'static str)>;

/// `None` if one of them can't be said.
fn conditions(plan: &Plan, rule: &Rule, limits: &mut Limits) -> Option<String> {
    let mut words = String::new();
    let mut is_complete = true;
    for (conditions, prefix) in [(&rule.when, ""), (&rule.unless, "ExceptIf")] {
        for (nth, condition) in conditions.iter().enumerate() {
            // A parameter stands once: fields of two names, each with a condition of its own, are too many.
            let earlier = conditions.get(..nth).unwrap_or_default();
            let is_again = earlier.iter().any(|other| other.name() == condition.name());
            if let Some(predicate) = predicate(plan, condition, prefix).filter(|_| !is_again) {
                words.push_str(&predicate);
            } else {
                is_complete = false;
                let message =
                    format!("no predicate asks what `{}` asks here: the rule is left out", condition.name());
                limits.push((message, "leave the rule to the gateway"));
            }
        }
    }
    is_complete.then_some(words)
}

fn predicate(plan: &Plan, condition: &Condition, prefix: &str) -> Option<String> {
    let is_exception = !prefix.is_empty();
    let word = |name: &str, value: String| Some(format!(" -{prefix}{name} {value}"));
    let scope = |scope: &Scope| match scope {
        Scope::InOrganization => "InOrganization".to_owned(),
        Scope::NotInOrganization => "NotInOrganization".to_owned(),
    };
    let groups = |numbers: &[u16]| {
        let names = numbers.iter().filter_map(|&number| plan.routing.groups.get(usize::from(number)));
        list(names)
    };
    let addresses = |keys: &[Vec<u8>]| {
        let is_known = keys.iter().all(|key| !key.is_empty());
        is_known.then(|| list(keys.iter().map(|key| written(key))))
    };
    let domains = |patterns: &[DomainPattern], exact: &str, by_pattern: &str| {
        if patterns.iter().any(|pattern| pattern.domain.is_empty()) {
            // Everybody: no condition at all, and no exception that a rule could have.
            return (!is_exception).then(String::new);
        }
        if patterns.iter().all(|pattern| !pattern.below) && !exact.is_empty() {
            return word(exact, list(patterns.iter().map(|pattern| text(&pattern.domain))));
        }
        word(by_pattern, list(patterns.iter().map(expression)))
    };
    match condition {
        Condition::Sender(keys) => word("From", addresses(keys)?),
        Condition::SenderDomain(patterns) => {
            domains(patterns, "SenderDomainIs", "FromAddressMatchesPatterns")
        }
        Condition::SenderScope(inside) => word("FromScope", scope(inside)),
        Condition::SenderMemberOf(numbers) => word("FromMemberOf", groups(numbers)),
        Condition::Recipient(keys) => word("SentTo", addresses(keys)?),
        Condition::RecipientDomain(patterns) => {
            domains(patterns, "RecipientDomainIs", "RecipientAddressMatchesPatterns")
        }
        Condition::RecipientScope(inside) => word("SentToScope", scope(inside)),
        Condition::RecipientMemberOf(numbers) => word("SentToMemberOf", groups(numbers)),
        Condition::AnyRecipientDomain(patterns) => {
            domains(patterns, "", "AnyOfRecipientAddressMatchesPatterns")
        }
        Condition::ClientIp(networks) => {
            word("SenderIpRanges", list(networks.iter().map(ToString::to_string)))
        }
        Condition::Listener(_) => None,
        Condition::Header(fields) => {
            let (name, _) = fields.first()?;
            if fields.iter().any(|(other, _)| !other.eq_ignore_ascii_case(name)) {
                return None;
            }
            let patterns =
                fields.iter().map(|(_, part)| if part.is_empty() { ".*".to_owned() } else { escaped(part) });
            let patterns = list(patterns);
            Some(format!(
                " -{prefix}HeaderMatchesMessageHeader {} -{prefix}HeaderMatchesPatterns {patterns}",
                quoted(name)
            ))
        }
    }
}

fn expression(pattern: &DomainPattern) -> String {
    let domain = escaped(&text(&pattern.domain));
    if pattern.below { format!("@([^@]+\\.)?{domain}$") } else { format!("@{domain}$") }
}

/// The words of one rule after the other: a rule of theirs sets or removes one field.
fn actions(plan: &Plan, rule: &Rule, limits: &mut Limits) -> Vec<String> {
    let actions = &rule.actions;
    let mut first = String::new();
    if let Some(connector) =
        actions.route_via.and_then(|number| plan.routing.connectors.get(usize::from(number)))
    {
        first.push_str(&format!(" -RouteMessageOutboundConnector {}", quoted(&connector.name)));
    }
    if let Some(target) = &actions.redirect_to {
        first.push_str(&format!(" -RedirectMessageTo {}", quoted(target)));
    }
    if let Some(reply) = &actions.reject {
        if reply.code != 550 || !is_taken(&reply.enhanced) {
            let message = format!(
                "rules refuse with 550 and 5.7.1 or 5.7.900 to 5.7.999, not {} {}",
                reply.code, reply.enhanced
            );
            limits.push((message, "write one of these into the plan"));
        }
        let enhanced = if is_taken(&reply.enhanced) { &reply.enhanced } else { "5.7.1" };
        first.push_str(&format!(
            " -RejectMessageReasonText {} -RejectMessageEnhancedStatusCode {}",
            quoted(&reply.text),
            quoted(enhanced)
        ));
    }
    if actions.drop {
        first.push_str(" -DeleteMessage $true");
    }
    if actions.rewrite_off {
        limits.push((
            "no rule turns address rewriting off".to_owned(),
            "leave the addresses out of the entries",
        ));
    }
    let (mut set, mut later) = (0, Vec::new());
    for (name, value) in &actions.set_header {
        if name.eq_ignore_ascii_case(SCL)
            && value.trim().parse::<i8>().is_ok_and(|level| (-1..=9).contains(&level))
        {
            first.push_str(&format!(" -SetSCL {}", value.trim()));
            continue;
        }
        let words = format!(" -SetHeaderName {} -SetHeaderValue {}", quoted(name), quoted(value));
        set += 1;
        if set == 1 { first.push_str(&words) } else { later.push(words) }
    }
    for (nth, name) in actions.remove_header.iter().enumerate() {
        let words = format!(" -RemoveHeader {}", quoted(name));
        if nth == 0 { first.push_str(&words) } else { later.push(words) }
    }
    if first.is_empty() && rule.stop {
        let message = "a rule that stops and does nothing is none there: it sets a field that says so";
        limits.push((message.to_owned(), "nothing, if a field more does no harm"));
        first.push_str(" -SetHeaderName 'X-Readdress-Stop' -SetHeaderValue 'yes'");
    }
    let mut all = Vec::new();
    if !first.is_empty() {
        all.push(first);
        all.append(&mut later);
    }
    all
}

fn is_taken(enhanced: &str) -> bool {
    let last = enhanced.strip_prefix("5.7.").and_then(|last| last.parse::<u16>().ok());
    last.is_some_and(|last| last == 1 || (900..=999).contains(&last))
}
