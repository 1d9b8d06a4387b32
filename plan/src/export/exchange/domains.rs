//! Accepted domains and connectors.

use ipnet::IpNet;
use readdress::routing::{DomainPattern, DomainType, NextHop, Tls};

use super::{Kind, Object, list, quoted, truth};
use crate::export::{Export, place, text};
use crate::plan::Plan;
use crate::world::LeadsTo;

pub(super) fn domains(plan: &Plan, objects: &mut Vec<Object>) {
    for accepted in &plan.routing.accepted_domains {
        let name = quoted(&text(&accepted.domain.domain));
        let kind = match accepted.kind {
            DomainType::Authoritative => "Authoritative",
            DomainType::InternalRelay => "InternalRelay",
            DomainType::ExternalRelay => "ExternalRelay",
        };
        let below = truth(accepted.domain.below);
        let change =
            format!("Set-AcceptedDomain -Identity {name} -DomainType {kind} -MatchSubDomains {below}");
        // In Exchange Online, domains are made elsewhere; there only their type is set.
        let make = format!(
            "if (Get-AcceptedDomain -Identity {name} -ErrorAction SilentlyContinue) {{ {change} }} else {{ \
             New-AcceptedDomain -Name {name} -DomainName {} -DomainType {kind} }}",
            quoted(&pattern(&accepted.domain))
        );
        objects.push(Object {
            kind: Kind::Domain,
            id: pattern(&accepted.domain),
            make,
            change: Some(change),
            remove: format!("Remove-AcceptedDomain -Identity {name} -Confirm:$false"),
            batch: String::new(),
            is_return: accepted.kind == DomainType::Authoritative,
        });
    }
}

fn pattern(pattern: &DomainPattern) -> String {
    match (pattern.below, pattern.domain.is_empty()) {
        (true, true) => "*".to_owned(),
        (true, false) => format!("*.{}", text(&pattern.domain)),
        (false, _) => text(&pattern.domain),
    }
}

/// The shortest prefix of a network that Exchange Online takes.
const PREFIX_MIN: u8 = 24;

pub(super) fn listeners(plan: &Plan, export: &mut Export, objects: &mut Vec<Object>) {
    for (number, listener) in plan.routing.listeners.iter().enumerate() {
        let mut limit = |message: &str, hint: &str| {
            let at = place(&plan.routing_places.listeners, number, plan.as_a_whole());
            export.limit(at, &listener.name, message, hint);
        };
        if listener.authenticated {
            limit("an inbound connector can't ask for authentication", "ask for a certificate's name");
        }
        if listener.anonymous_relay {
            limit("no connector lets strangers relay", "leave it to the gateway");
        }
        let is_taken =
            |network: &&IpNet| matches!(network, IpNet::V4(_)) && network.prefix_len() >= PREFIX_MIN;
        if !listener.client_ip.iter().all(|network| is_taken(&network)) {
            limit(
                "connectors know addresses of version 4 in networks of at most 256: the others are left out",
                "name the addresses one by one",
            );
        }
        let networks: Vec<String> =
            listener
                .client_ip
                .iter()
                .filter(is_taken)
                .map(|network| {
                    if network.prefix_len() == 32 { network.addr().to_string() } else { network.to_string() }
                })
                .collect();
        if networks.is_empty() && listener.tls_name.is_none() {
            // Whoever is not trusted may come in anyway; a connector for all of them would trust everybody.
            if listener.trusted || !listener.client_ip.is_empty() {
                limit("a connector needs addresses or a certificate's name", "add client-ip or tls-name");
            }
            continue;
        }
        let mut words = String::new();
        if !networks.is_empty() {
            words.push_str(&format!(" -SenderIPAddresses {}", list(networks)));
        }
        words.push_str(&format!(" -RequireTls {}", truth(listener.tls == Tls::Required)));
        if let Some(name) = &listener.tls_name {
            words.push_str(&format!(" -TlsSenderCertificateName {}", quoted(name)));
        }
        let (name, kind) = (quoted(&listener.name), if listener.trusted { "OnPremises" } else { "Partner" });
        objects.push(Object {
            kind: Kind::InboundConnector,
            id: listener.name.clone(),
            make: format!(
                "New-InboundConnector -Name {name} -ConnectorType {kind} -SenderDomains '*'{words}"
            ),
            change: Some(format!("Set-InboundConnector -Identity {name} -ConnectorType {kind}{words}")),
            remove: format!("Remove-InboundConnector -Identity {name} -Confirm:$false"),
            batch: String::new(),
            is_return: false,
        });
    }
}

pub(super) fn connectors(plan: &Plan, export: &mut Export, objects: &mut Vec<Object>) {
    let leads = plan.leads.iter().copied().chain(std::iter::repeat(LeadsTo::Outside));
    for ((number, connector), leads) in plan.routing.connectors.iter().enumerate().zip(leads) {
        let mut limit = |message: &str, hint: &str| {
            let at = place(&plan.routing_places.connectors, number, plan.as_a_whole());
            export.limit(at, &connector.name, message, hint);
        };
        let is_ours = matches!(leads, LeadsTo::System(_));
        let kind = if is_ours { "OnPremises" } else { "Partner" };
        let mut words = String::new();
        match &connector.next_hop {
            NextHop::Mx => words.push_str(" -UseMXRecord $true"),
            NextHop::SmartHosts(hosts) => {
                let mut bare = Vec::new();
                for host in hosts {
                    let (name, port) = split_port(host);
                    if !matches!(port, "" | "25") {
                        limit("connectors lead to port 25", "let the other host listen there");
                    }
                    bare.push(name);
                }
                words.push_str(&format!(" -UseMXRecord $false -SmartHosts {}", list(bare)));
            }
        }
        words.push_str(&format!(" -IsTransportRuleScoped {}", truth(connector.rule_scoped)));
        if !connector.address_spaces.is_empty() {
            words.push_str(&format!(
                " -RecipientDomains {}",
                list(connector.address_spaces.iter().map(pattern))
            ));
        }
        if connector.cost != 1 {
            limit("connectors of Exchange Online have no cost", "let no two connectors serve one domain");
        }
        match (connector.tls, &connector.tls_name) {
            (Tls::None, _) => {
                limit(
                    "connectors encrypt whenever the other side can",
                    "let the other side not offer STARTTLS",
                );
                words.push_str(" -TlsSettings $null");
            }
            (Tls::Opportunistic, None) => words.push_str(" -TlsSettings $null"),
            (Tls::Required, None) => words.push_str(" -TlsSettings EncryptionOnly"),
            (_, Some(name)) => {
                words.push_str(&format!(" -TlsSettings DomainValidation -TlsDomain {}", quoted(name)));
            }
        }
        if let Some(address) = &connector.validation_address {
            words.push_str(&format!(" -ValidationRecipients {}", quoted(address)));
        }
        let name = quoted(&connector.name);
        objects.push(Object {
            kind: Kind::OutboundConnector,
            id: connector.name.clone(),
            make: format!("New-OutboundConnector -Name {name} -ConnectorType {kind}{words} -Enabled $true"),
            change: Some(format!(
                "Set-OutboundConnector -Identity {name} -ConnectorType {kind}{words} -Enabled $true"
            )),
            remove: format!("Remove-OutboundConnector -Identity {name} -Confirm:$false"),
            batch: String::new(),
            is_return: false,
        });
    }
}

fn split_port(host: &str) -> (&str, &str) {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((literal, rest)) => (literal, rest.strip_prefix(':').unwrap_or_default()),
        None if host.matches(':').count() == 1 => host.split_once(':').unwrap_or((host, "")),
        None => (host, ""),
    }
}
