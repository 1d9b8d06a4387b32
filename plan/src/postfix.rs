//! What Postfix calls the ways out: shared by exported tables and by whoever answers Postfix's questions while mail
//! flows.

use std::fmt;

use readdress::routing::{Connector, NextHop, Tls};

/// The `smtp` client of `master.cf`.
pub const SMTP: &str = "smtp";

/// A connector as transport and next hop (transport(5)): a service of `master.cf` and hosts to be tried in this
/// order. `smtp:`, with nothing behind it, is the mail exchangers of the recipient's domain.
#[must_use]
pub fn transport(service: &str, connector: Option<&Connector>) -> String {
    match connector.map(|connector| &connector.next_hop) {
        None | Some(NextHop::Mx) => format!("{service}:"),
        Some(NextHop::SmartHosts(hosts)) => {
            let hosts: Vec<String> = hosts.iter().map(|host| next_hop(host)).collect();
            format!("{service}:{}", hosts.join(","))
        }
    }
}

/// A smart host as smtp(8) has it: in brackets, for it is no domain with mail exchangers.
#[must_use]
pub fn next_hop(host: &str) -> String {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((literal, rest)) => (literal, rest.strip_prefix(':').unwrap_or_default()),
        None if host.matches(':').count() == 1 => host.split_once(':').unwrap_or((host, "")),
        None => (host, ""),
    };
    let bare = if name.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("ipv6:")) {
        name.get(5..).unwrap_or_default()
    } else {
        name
    };
    let name =
        if bare.contains(':') { format!("ipv6:{bare}") } else { bare.trim_end_matches('.').to_owned() };
    if port.is_empty() || port == "25" { format!("[{name}]") } else { format!("[{name}]:{port}") }
}

/// How sessions to a next hop are encrypted (`smtp_tls_policy_maps`), the least strict first.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TlsPolicy {
    /// Never.
    None,
    /// If the other side can.
    May,
    /// Always, whatever the certificate.
    Encrypt,
    /// Always, and the certificate has this name; with a dot before it, one below.
    Secure(String),
}

impl TlsPolicy {
    /// What a connector asks for.
    #[must_use]
    pub fn of(connector: &Connector) -> TlsPolicy {
        match (connector.tls, connector.tls_name.as_deref()) {
            (Tls::None, _) => TlsPolicy::None,
            (Tls::Opportunistic, None) => TlsPolicy::May,
            (Tls::Required, None) => TlsPolicy::Encrypt,
            (_, Some(name)) => TlsPolicy::Secure(name.strip_prefix('*').unwrap_or(name).to_owned()),
        }
    }
}

impl fmt::Display for TlsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsPolicy::None => f.write_str("none"),
            TlsPolicy::May => f.write_str("may"),
            TlsPolicy::Encrypt => f.write_str("encrypt"),
            TlsPolicy::Secure(name) => write!(f, "secure match={name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hops_are_hosts_not_domains() {
        for (host, expected) in [
            ("mail.example.net", "[mail.example.net]"),
            ("Mail.example.net.:2525", "[Mail.example.net]:2525"),
            ("[192.0.2.1]:25", "[192.0.2.1]"),
            ("192.0.2.1:2525", "[192.0.2.1]:2525"),
            ("2001:db8::1", "[ipv6:2001:db8::1]"),
            ("[IPv6:2001:db8::1]:26", "[ipv6:2001:db8::1]:26"),
        ] {
            assert_eq!(next_hop(host), expected, "{host}");
        }
    }

    #[test]
    fn policies_are_ordered_by_how_much_they_ask_for() {
        let named = |name: &str| TlsPolicy::Secure(name.to_owned());
        let policies = [TlsPolicy::None, TlsPolicy::May, TlsPolicy::Encrypt, named("a.example")];
        assert!(policies.is_sorted());
        assert_eq!(
            policies.map(|policy| policy.to_string()),
            ["none", "may", "encrypt", "secure match=a.example"]
        );
    }
}
