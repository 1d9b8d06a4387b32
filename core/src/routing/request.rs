//! What a gateway knows of a message when it asks where it goes, and who may come in.

use std::net::IpAddr;

use crate::engine::{Engine, Session};
use crate::policy::Direction;
use crate::routing::model::{Listener, Tls, is_in};

/// The other side of a session, as the gateway sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client<'a> {
    /// Its address; `None` if unknown: listeners that name addresses are not for it.
    pub address: Option<IpAddr>,
    /// Whether the session is encrypted.
    pub tls: bool,
    /// The name in its verified certificate.
    pub tls_name: Option<&'a str>,
    /// Whether it has authenticated itself.
    pub authenticated: bool,
}

/// A message on its way, but for its recipients.
#[derive(Clone, Copy, Debug, Default)]
pub struct Envelope<'a> {
    /// Who brings it.
    pub client: Client<'a>,
    /// What the gateway knows better than the plan's listeners: outbound is a session of one of our systems.
    pub direction: Option<Direction>,
    /// Whether the session is one for internationalised mail (RFC 6531).
    pub smtputf8: bool,
    /// The reverse-path, with or without angle brackets; `<>` or nothing in it is the null reverse-path.
    /// `None` if it is not known: no condition about the sender holds then.
    pub reverse_path: Option<&'a [u8]>,
    /// The message or its header section. `None` if it is not there yet: no condition about fields holds then,
    /// and what is decided [may change](crate::routing::Routes::is_final).
    pub header: Option<&'a [u8]>,
    /// Whether further recipients may follow, as at RCPT TO: what rules ask about any recipient may come to
    /// hold then.
    pub is_open: bool,
}

/// As what a client comes in.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'m> {
    /// The listener that it fits, and its number.
    pub listener: Option<(u16, &'m Listener)>,
    /// Whether it is one of our systems.
    pub trusted: bool,
    /// Whether nothing of it may be taken: there are listeners, it fits none, and its address is known.
    pub refused: bool,
}

impl Admission<'_> {
    /// Which way messages of this client go.
    #[must_use]
    pub fn direction(&self) -> Direction {
        if self.trusted { Direction::Outbound } else { Direction::Inbound }
    }
}

impl From<Admission<'_>> for Session {
    fn from(admission: Admission<'_>) -> Session {
        Session::from(admission.direction())
    }
}

impl Engine {
    /// As what a client comes in: by the first listener of the plan that it fits.
    #[must_use]
    pub fn admit(&self, client: &Client<'_>) -> Admission<'_> {
        let listeners = &self.map().routing().listeners;
        let listener = (0..).zip(listeners).find(|(_, listener)| fits(listener, client));
        Admission {
            listener,
            trusted: listener.is_some_and(|(_, listener)| listener.trusted),
            refused: listener.is_none() && !listeners.is_empty() && client.address.is_some(),
        }
    }
}

fn fits(listener: &Listener, client: &Client<'_>) -> bool {
    let Listener { client_ip, tls, tls_name, authenticated, .. } = listener;
    let has_name = |wanted: &String| client.tls_name.is_some_and(|name| is_certificate_name(wanted, name));
    (client_ip.is_empty() || client.address.is_some_and(|address| is_in(client_ip, address)))
        && (*tls != Tls::Required || client.tls)
        && tls_name.as_ref().is_none_or(|wanted| client.tls && has_name(wanted))
        && (!authenticated || client.authenticated)
}

/// Whether a certificate's name is the wanted one; `*.` before the wanted one stands for exactly one label
/// (RFC 9525 6.3).
fn is_certificate_name(wanted: &str, name: &str) -> bool {
    match wanted.strip_prefix("*.") {
        None => wanted.eq_ignore_ascii_case(name),
        Some(parent) => name
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        for (wanted, name, expected) in [
            ("mail.example.net", "MAIL.example.net", true),
            ("*.example.net", "mail.example.net", true),
            ("*.example.net", "a.mail.example.net", false),
            ("*.example.net", "example.net", false),
            ("*.example.net", ".example.net", false),
            ("mail.example.net", "*.example.net", false),
        ] {
            assert_eq!(is_certificate_name(wanted, name), expected, "{wanted} {name}");
        }
    }
}
