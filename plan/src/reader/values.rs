//! Values that stand in many tables: names, numbers, addresses, domains, networks, hosts.

use std::net::IpAddr;

use ipnet::IpNet;
use readdress::routing::DomainPattern;
use readdress::{AddressErrorKind, EntryAddress};
use toml::de::DeTable;

use super::{Reader, Value};
use crate::diagnostic::Diagnostic;
use crate::directory::Mailbox;
use crate::entry::Placed;
use crate::world::{Host, NUMBERS_MAX, Names};

/// The most octets of a name.
pub(super) const NAME_MAX: usize = 255;

impl Reader<'_, '_> {
    /// The tables of an array of them, not more than a map can count.
    pub(super) fn counted<'t>(
        &mut self,
        table: &'t DeTable<'t>,
        parent: &str,
        key: &str,
    ) -> Vec<&'t Value<'t>> {
        let tables = self.tables(table, parent, key);
        if let Some(beyond) = tables.get(NUMBERS_MAX) {
            let message = format!("more than {NUMBERS_MAX} tables [[{parent}{key}]]");
            self.error("too-large", beyond.span().start, &message, "", "split the plan");
        }
        tables
    }

    /// The name that a table must have, and no other one of its kind.
    pub(super) fn name(&mut self, table: &DeTable<'_>, at: usize, names: &mut Names) -> Option<String> {
        let name = self.required(table, "name", at)?;
        if !self.is_line(&name, NAME_MAX) {
            return None;
        }
        if let Err(first) = names.add(&name.text, name.at) {
            let message = format!("another {} has this name", names.kind());
            let first = self.source.locate(first);
            let hint = "give each a name of its own; case makes no difference";
            self.diagnostics.push(
                Diagnostic::error("duplicate-name", self.source.locate(name.at), message)
                    .excerpt(&name.text)
                    .also_at(first)
                    .hint(hint),
            );
            return None;
        }
        Some(name.text)
    }

    /// The number of the thing that a name is that of.
    pub(super) fn number_of(&mut self, name: &Placed, names: &Names) -> Option<u16> {
        let number = names.get(&name.text);
        if number.is_none() {
            self.diagnostics.push(names.unknown(&name.text, self.source.locate(name.at)));
        }
        number
    }

    /// Whether a text is a name: something of one line, without control characters. Says so if not.
    fn is_line(&mut self, text: &Placed, most: usize) -> bool {
        let is_good = !text.text.trim().is_empty()
            && text.text.len() <= most
            && text.text.trim() == text.text
            && !text.text.chars().any(char::is_control);
        if !is_good {
            let hint = &format!("write 1 to {most} octets in one line, without space at either end");
            self.error("bad-value", text.at, "this can't be a name", &text.text, hint);
        }
        is_good
    }

    /// A string, or an array of at least one.
    pub(super) fn one_or_more(&mut self, table: &DeTable<'_>, key: &str) -> Option<Vec<Placed>> {
        let value = table.get(key)?;
        self.one_or_more_of(key, value)
    }

    pub(super) fn one_or_more_of(&mut self, key: &str, value: &Value<'_>) -> Option<Vec<Placed>> {
        if let Some(placed) = self.placed(value) {
            return Some(vec![placed]);
        }
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a string or an array of strings");
            return None;
        };
        if array.is_empty() {
            let hint = "name at least one, or remove the key";
            self.error("bad-value", value.span().start, &format!("`{key}` names nothing"), "[]", hint);
            return None;
        }
        let mut strings = Vec::new();
        for item in array {
            match self.placed(item) {
                Some(placed) => strings.push(placed),
                None => self.wrong_type(key, item, "a string"),
            }
        }
        Some(strings)
    }

    /// What `read` makes of each of one or more strings; nothing if the key is not there.
    pub(super) fn each<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        mut read: impl FnMut(&mut Self, &Placed) -> Option<T>,
    ) -> Vec<T> {
        let strings = self.one_or_more(table, key).unwrap_or_default();
        strings.iter().filter_map(|placed| read(self, placed)).collect()
    }

    /// A whole number of at least `least`.
    pub(super) fn whole_number(&mut self, table: &DeTable<'_>, key: &str, least: u32) -> Option<u32> {
        let value = table.get(key)?;
        let number = value.get_ref().as_integer();
        let parsed = number
            .and_then(|number| u32::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok());
        let parsed = parsed.filter(|&number| number >= least);
        if parsed.is_none() {
            if number.is_some() {
                let excerpt = self.excerpt(value);
                let hint = format!("write a whole number from {least} to 4294967295");
                let message = format!("`{key}` is out of range");
                self.error("bad-value", value.span().start, &message, &excerpt, &hint);
            } else {
                self.wrong_type(key, value, "a whole number");
            }
        }
        parsed
    }

    /// `domain`, `*.domain`, or `*` for every domain.
    pub(super) fn pattern(&mut self, placed: &Placed) -> Option<DomainPattern> {
        if placed.text == "*" {
            return Some(DomainPattern::any());
        }
        let hint = "write domain, *.domain for it and all below, or * for every domain";
        match EntryAddress::parse(placed.text.as_bytes()) {
            Ok(EntryAddress::Domain(domain)) => Some(DomainPattern { domain, below: false }),
            Ok(EntryAddress::Subdomains(domain)) => Some(DomainPattern { domain, below: true }),
            Ok(EntryAddress::Mailbox { .. }) => {
                let message = "a domain is wanted here, and this is a mailbox";
                self.error("bad-address", placed.at, message, &placed.text, hint);
                None
            }
            Err(error) => {
                let hint = match error.kind {
                    AddressErrorKind::International => {
                        "write it in lower case and composed, as a browser shows it, or in its xn-- form"
                    }
                    _ => hint,
                };
                self.error("bad-address", placed.at + error.offset, &error.to_string(), &placed.text, hint);
                None
            }
        }
    }

    /// One domain, as it is written.
    pub(super) fn domain(&mut self, placed: &Placed) -> Option<String> {
        if self.pattern(placed)?.below {
            let hint = "name one domain";
            self.error("bad-address", placed.at, "a single domain is wanted here", &placed.text, hint);
            return None;
        }
        Some(placed.text.clone())
    }

    /// A mailbox.
    pub(super) fn mailbox(&mut self, placed: &Placed) -> Option<Mailbox> {
        match Mailbox::parse(&placed.text) {
            Ok(mailbox) => Some(mailbox),
            Err(message) => {
                self.error("bad-address", placed.at, &message, &placed.text, "write local-part@domain");
                None
            }
        }
    }

    /// A network, or a single address, in canonical form.
    pub(super) fn network(&mut self, placed: &Placed) -> Option<IpNet> {
        let single = || placed.text.parse::<IpAddr>().ok().map(IpNet::from);
        let Some(network) = placed.text.parse::<IpNet>().ok().or_else(single).and_then(unmapped) else {
            let hint = "write an address or a network: 192.0.2.1, 192.0.2.0/24, 2001:db8::/32";
            self.error("bad-network", placed.at, "this is no address and no network", &placed.text, hint);
            return None;
        };
        if network.addr() != network.network() {
            let hint = format!("write {} or {}", network.trunc(), network.addr());
            let message = "the network has an address with bits behind its prefix";
            self.error("bad-network", placed.at, message, &placed.text, &hint);
            return None;
        }
        Some(network)
    }

    /// An address of a host.
    pub(super) fn address(&mut self, placed: &Placed) -> Option<IpAddr> {
        let address = placed.text.parse::<IpAddr>().ok();
        if address.is_none() {
            let hint = "write an address: 192.0.2.1 or 2001:db8::1";
            self.error("bad-network", placed.at, "this is no address", &placed.text, hint);
        }
        address.map(|address| address.to_canonical())
    }

    /// A next hop.
    pub(super) fn host(&mut self, placed: &Placed) -> Option<(Host, Placed)> {
        let host = Host::parse(&placed.text).filter(|_| placed.text.len() <= NAME_MAX);
        if host.is_none() {
            let hint = "write host, host:port, [192.0.2.1]:25 or [IPv6:2001:db8::1]:25";
            self.error("bad-host", placed.at, "this is no host", &placed.text, hint);
        }
        Some((host?, placed.clone()))
    }

    /// The name in a certificate: a domain, or `*.domain` for any name of one label more.
    pub(super) fn certificate(&mut self, table: &DeTable<'_>) -> Option<String> {
        let name = self.string(table, "tls-name")?;
        let parsed = EntryAddress::parse(name.text.as_bytes());
        if matches!(parsed, Ok(EntryAddress::Domain(_) | EntryAddress::Subdomains(_))) {
            return Some(name.text);
        }
        let hint = "write the name that is in the certificate: mail.example.net or *.example.net";
        self.error("bad-address", name.at, "this is no name of a host", &name.text, hint);
        None
    }
}

/// A network of version 4 that is written as one of version 6, as one of version 4. `None` if it holds
/// addresses of both.
fn unmapped(network: IpNet) -> Option<IpNet> {
    let IpNet::V6(six) = network else { return Some(network) };
    match six.addr().to_ipv4_mapped() {
        Some(four) => IpNet::new(four.into(), six.prefix_len().checked_sub(96)?).ok(),
        None => Some(network),
    }
}
