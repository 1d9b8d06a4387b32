//! Lines of tables. The reader takes a key up to white space outside quotes, and the rest of the line as value;
//! a line that begins with `#` or white space is none of its own.

use std::fmt::Write;

use readdress::routing::{Connector, NextHop};

use crate::export::EXPORT_MARK;

/// A table in the making.
pub(super) struct Table {
    text: String,
    pub(super) is_empty: bool,
}

impl Table {
    pub(super) fn new(what: &str) -> Table {
        Table { text: format!("# {EXPORT_MARK}: {what}\n"), is_empty: true }
    }

    /// Adds a line, if a key can begin one.
    pub(super) fn line(&mut self, key: &str, value: &str) -> bool {
        if key.is_empty() || key.starts_with(['#', ' ', '\t']) {
            return false;
        }
        let _ = writeln!(self.text, "{key}\t{value}");
        self.is_empty = false;
        true
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// A literal inside a regular expression (POSIX, extended).
pub(super) fn escaped(literal: &str) -> String {
    let mut text = String::with_capacity(literal.len() + 8);
    for character in literal.chars() {
        // The slash ends the expression.
        if r".[]{}()*+?^$|\/".contains(character) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

/// A text on the right side of a line of expressions.
pub(super) fn replacement(literal: &str) -> String {
    literal.replace('$', "$$")
}

/// A set of octets as bracket expression; `not`: all others.
pub(super) fn bracket(octets: &str, not: bool) -> String {
    let mut text = String::from(if not { "[^" } else { "[" });
    if octets.contains(']') {
        text.push(']');
    }
    text.extend(octets.chars().filter(|c| !matches!(c, ']' | '^' | '-')));
    if octets.contains('^') {
        // Not at the beginning, where it would turn the set round.
        if text == "[" {
            return if octets.contains('-') { "[-^]".to_owned() } else { r"\^".to_owned() };
        }
        text.push('^');
    }
    if octets.contains('-') {
        text.push('-');
    }
    text.push(']');
    text
}

/// A connector as transport and next hop.
pub(super) fn transport(connector: Option<&Connector>) -> String {
    match connector.map(|connector| &connector.next_hop) {
        None | Some(NextHop::Mx) => "smtp:".to_owned(),
        Some(NextHop::SmartHosts(hosts)) => {
            let hosts: Vec<String> = hosts.iter().map(|host| next_hop(host)).collect();
            format!("smtp:{}", hosts.join(","))
        }
    }
}

/// A smart host as smtp(8) has it: in brackets, for it is no domain with mail exchangers.
pub(super) fn next_hop(host: &str) -> String {
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
    fn delimiters_are_members_of_their_set_whatever_they_are() {
        for (octets, expected) in
            [("+", "[+]"), ("-+", "[+-]"), ("^", r"\^"), ("^-", "[-^]"), ("]+^", "[]+^]")]
        {
            assert_eq!(bracket(octets, false), expected);
        }
        assert_eq!(bracket("^", true), "[^^]");
        assert_eq!(bracket("-+", true), "[^+-]");
    }
}
