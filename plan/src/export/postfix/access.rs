//! Who comes in, how the way out is encrypted, what every message gets, and the ways that senders decide.

use std::fmt::Write;

use ipnet::IpNet;
use readdress::routing::{Condition, DomainPattern, NextHop, Tls};

use super::rules::Rules;
use super::text::{Table, escaped, replacement};
use crate::export::{EXPORT_MARK, Export, place, text};
use crate::plan::Plan;
use crate::postfix::{SMTP, TlsPolicy, next_hop, transport};

/// The tables of clients: who may come in, and who is one of our systems.
pub(super) struct Clients {
    pub(super) admitted: String,
    pub(super) trusted: String,
    pub(super) has_trusted: bool,
}

const EVERYBODY: [&str; 2] = ["0.0.0.0/0", "::/0"];

pub(super) fn clients(plan: &Plan, export: &mut Export) -> Clients {
    let mut admitted =
        format!("# {EXPORT_MARK}: cidr_table(5), clients that may come in; OK: they may relay\n");
    let mut trusted = format!("# {EXPORT_MARK}: cidr_table(5), clients that are our own systems\n");
    let (mut has_trusted, mut is_open, mut untrusted) = (false, false, Vec::<IpNet>::new());
    for (number, listener) in plan.routing.listeners.iter().enumerate() {
        let at = || place(&plan.routing_places.listeners, number, plan.as_a_whole());
        let asks_more =
            listener.tls == Tls::Required || listener.tls_name.is_some() || listener.authenticated;
        if asks_more {
            let message = "a table by address can't ask for TLS, a certificate's name or authentication: its clients \
                           may come in and may not relay";
            let hint = "leave it to the milter, or add permit_tls_clientcerts or permit_sasl_authenticated to \
                        smtpd_relay_restrictions by hand";
            export.limit(at(), &listener.name, message, hint);
        }
        if listener.anonymous_relay && !listener.trusted {
            let message = "clients that are not trusted may relay here, which only rules make safe that tables can't \
                           carry out: they may not";
            export.limit(at(), &listener.name, message, "leave it to the milter");
        }
        let may_relay = listener.trusted && !asks_more;
        let is_for_all = listener.client_ip.is_empty();
        if is_for_all && may_relay {
            let message = "every client would be one of our systems: they may come in and may not relay";
            export.limit(at(), &listener.name, message, "name the addresses of our systems in client-ip");
        }
        let may_relay = may_relay && !is_for_all;
        let overlaps = |network: &IpNet| {
            untrusted.iter().any(|other| other.contains(&network.addr()) || network.contains(&other.addr()))
        };
        if may_relay && listener.client_ip.iter().any(overlaps) {
            let message = "an earlier listener takes some of these clients, which tables of our systems can't leave out";
            export.limit(at(), &listener.name, message, "let no two listeners name one address");
        }
        let networks: Vec<String> = if is_for_all {
            is_open = true;
            EVERYBODY.map(str::to_owned).to_vec()
        } else {
            listener.client_ip.iter().map(ToString::to_string).collect()
        };
        for network in networks {
            let _ = writeln!(admitted, "{network}\t{}", if may_relay { "OK" } else { "DUNNO" });
            if may_relay && !listener.client_ip.iter().any(overlaps) {
                has_trusted = true;
                let _ = writeln!(trusted, "{network}\tOK");
            }
        }
        if !may_relay {
            untrusted.extend(&listener.client_ip);
        }
    }
    if !plan.routing.listeners.is_empty() && !is_open {
        for network in EVERYBODY {
            let _ = writeln!(admitted, "{network}\t554 5.7.1 Client not permitted");
        }
    }
    Clients { admitted, trusted, has_trusted }
}

/// How sessions to next hops are encrypted.
pub(super) fn tls_policy(plan: &Plan, export: &mut Export) -> Table {
    let mut table = Table::new("smtp_tls_policy_maps");
    let mut seen = std::collections::BTreeMap::new();
    for (number, connector) in plan.routing.connectors.iter().enumerate() {
        let at = || place(&plan.routing_places.connectors, number, plan.as_a_whole());
        let policy = TlsPolicy::of(connector);
        match &connector.next_hop {
            NextHop::Mx if policy == TlsPolicy::May => {}
            NextHop::Mx => {
                let message = "smtp_tls_policy_maps know next hops, and this connector has those of DNS: it encrypts \
                               if it can";
                export.limit(
                    at(),
                    &connector.name,
                    message,
                    "name smart hosts, or set smtp_tls_security_level",
                );
            }
            NextHop::SmartHosts(hosts) => {
                for host in hosts {
                    let hop = next_hop(host);
                    match seen.get(&hop) {
                        None => {
                            table.line(&hop, &policy.to_string());
                            seen.insert(hop, policy.clone());
                        }
                        Some(known) if *known == policy => {}
                        Some(known) => {
                            let message =
                                format!("{hop} has the policy `{known}` already, from another connector");
                            let hint = "let connectors to one host ask for the same encryption";
                            export.limit(at(), &connector.name, message, hint);
                        }
                    }
                }
            }
        }
    }
    table
}

/// Fields of every message: lines of `header_checks`, and restrictions that put fields in.
pub(super) fn fields(plan: &Plan, rules: &Rules<'_>, export: &mut Export) -> (String, Vec<String>) {
    let (mut checks, mut restrictions) = (String::new(), Vec::new());
    let rules = rules.fields.as_slice();
    for (nth, rule) in rules.iter().enumerate() {
        let later = rules.get(nth + 1..).unwrap_or_default();
        let is_named_later = |name: &str| {
            later.iter().any(|rule| {
                let set = rule.actions.set_header.iter().map(|(name, _)| name);
                set.chain(&rule.actions.remove_header).any(|other| other.eq_ignore_ascii_case(name))
            })
        };
        for (name, value) in rule.actions.set_header.iter().filter(|(name, _)| !is_named_later(name)) {
            if value.contains(['{', '}']) || !value.is_ascii() {
                let message =
                    format!("no access table can hold the value of {name}: the field stays as it is");
                export.limit(plan.as_a_whole(), &rule.name, message, "leave the rule to the milter");
                continue;
            }
            let _ =
                writeln!(checks, "/^{}:[[:space:]]*{}[[:space:]]*$/\tDUNNO", escaped(name), escaped(value));
            let _ = writeln!(checks, "/^{}:/\tIGNORE", escaped(name));
            restrictions
                .push(format!("check_client_access static:{{PREPEND {name}: {}}}", replacement(value)));
        }
        for name in rule.actions.remove_header.iter().filter(|name| !is_named_later(name)) {
            if !rule.actions.set_header.iter().any(|(set, _)| set.eq_ignore_ascii_case(name)) {
                let _ = writeln!(checks, "/^{}:/\tIGNORE", escaped(name));
            }
        }
    }
    (checks, restrictions)
}

/// The ways out that the reverse-path decides: expressions over whole addresses.
pub(super) fn senders(plan: &Plan, rules: &Rules<'_>) -> String {
    let mut text_of = String::new();
    for (_, rule) in &rules.of_senders {
        let connector =
            rule.actions.route_via.and_then(|number| plan.routing.connectors.get(usize::from(number)));
        let way = transport(SMTP, connector);
        for condition in &rule.when {
            let expressions: Vec<String> = match condition {
                Condition::Sender(keys) => keys
                    .iter()
                    .filter(|key| !key.is_empty())
                    .map(|key| crate::export::postfix::written(key))
                    .map(|address| format!("^{}$", escaped(&address)))
                    .collect(),
                Condition::SenderDomain(patterns) => patterns.iter().map(pattern).collect(),
                _ => Vec::new(),
            };
            for expression in expressions {
                let _ = writeln!(text_of, "/{expression}/\t{}", replacement(&way));
            }
        }
    }
    text_of
}

fn pattern(pattern: &DomainPattern) -> String {
    let domain = escaped(&text(&pattern.domain));
    match (pattern.below, domain.is_empty()) {
        (true, true) => "@".to_owned(),
        (true, false) => format!("@(.+\\.)?{domain}$"),
        (false, _) => format!("@{domain}$"),
    }
}
