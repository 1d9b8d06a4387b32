//! Next hops: `host`, `host:port`, `192.0.2.1`, `[192.0.2.1]:25`, `[IPv6:2001:db8::1]:25`.

use std::net::IpAddr;

use readdress::EntryAddress;

/// The port of SMTP.
const SMTP: u16 = 25;

/// A next hop, in the form in which two that mean the same are the same.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Host {
    /// A domain as key, or an address in its canonical form.
    name: String,
    port: u16,
}

impl Host {
    pub(crate) fn parse(text: &str) -> Option<Host> {
        if let Some((literal, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let is_tagged = literal.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("ipv6:"));
            let address = if is_tagged { literal.get(5..)? } else { literal };
            let port = if rest.is_empty() { SMTP } else { port(rest.strip_prefix(':')?)? };
            return Some(Host { name: canonical(address)?, port });
        }
        if let Some(name) = canonical(text) {
            return Some(Host { name, port: SMTP });
        }
        let (name, port) = match text.split_once(':') {
            Some((name, digits)) => (name, port(digits)?),
            None => (text, SMTP),
        };
        let domain = || match EntryAddress::parse(name.as_bytes()) {
            // No top-level domain is a number: this would be an address, and is none.
            Ok(EntryAddress::Domain(key)) if !is_number(key.rsplit(|octet| *octet == b'.').next()?) => {
                String::from_utf8(key).ok()
            }
            _ => None,
        };
        Some(Host { name: canonical(name).or_else(domain)?, port })
    }
}

fn canonical(address: &str) -> Option<String> {
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical().to_string())
}

fn port(digits: &str) -> Option<u16> {
    is_number(digits.as_bytes()).then(|| digits.parse().ok())?.filter(|&port| port > 0)
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_is_the_same_in_every_spelling() {
        for alike in [
            &["mail.example.net", "MAIL.example.net:25", "mail.example.net.:25"][..],
            &["192.0.2.1", "[192.0.2.1]", "[192.0.2.1]:25", "192.0.2.1:25", "[::ffff:192.0.2.1]"],
            &["2001:db8::1", "[2001:DB8:0::1]:25", "[IPv6:2001:db8::1]"],
            &["bücher.example:2525", "xn--bcher-kva.example:2525"],
        ] {
            let hosts: Vec<_> = alike.iter().map(|text| Host::parse(text)).collect();
            assert!(hosts.iter().all(|host| host.is_some() && *host == hosts[0]), "{alike:?}: {hosts:?}");
        }
        assert_ne!(Host::parse("a.example:25"), Host::parse("a.example:26"));
    }

    #[test]
    fn what_is_no_host_is_none() {
        for text in [
            "",
            ":25",
            "a.example:",
            "a.example:0",
            "a.example:65536",
            "a.example:+25",
            "a b.example",
            "*.example",
            "[a.example]:25",
            "[192.0.2.1]25",
            "[192.0.2.300]",
            "192.0.2.300",
            "john@a.example",
            "smtp:a.example:25",
        ] {
            assert_eq!(Host::parse(text), None, "{text}");
        }
    }
}
