//! For hosts that choose the way out by the recipient alone, as Postfix does by `transport_maps`.
//!
//! Where the recipient alone leads the way that was decided, such a host gets the forward-path itself, and asks
//! [`Engine::transport`] when the copy leaves: so it goes by the map that is in use then. Where more than the
//! recipient decides, it gets a routing address, `user=domain@label.route.invalid` (RFC 6761 6.4: nobody else
//! uses `invalid`), which names the way, and [`Engine::restore`] takes it back where the copy leaves. Nobody may send
//! to routing addresses: they would get round all rules.

use std::fmt::Write;

use crate::addr_spec::LOCAL_PART_MAX;
use crate::engine::Engine;
use crate::envelope::address_in;
use crate::error::Error;
use crate::lex::quote_if_needed;
use crate::policy::Direction;
use crate::room::Room;
use crate::routing::decide::{Applied, Deciding, append, read_address};
use crate::routing::decision::{Answer, Decision, Outcome, RecipientRecord};
use crate::routing::model::Connector;
use crate::routing::request::Envelope;
use crate::scratch::Scratch;
use crate::span::{Span, widen};

/// The domain of routing addresses.
const DOMAIN: &[u8] = b"route.invalid";

/// The labels of ways that are no connectors. Those of connectors have a `-` in them.
const HERE: &str = "here";
const MX: &str = "mx";

/// The way out for mail to an address, as far as the address alone says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transport<'a> {
    /// Which way.
    pub way: Way<'a>,
    /// What the address was, if it is a routing address.
    pub restored: Option<&'a [u8]>,
}

/// A way out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way<'a> {
    /// None: the mailbox is here.
    Deliver,
    /// By a connector; without one, to where DNS says.
    Relay(Option<&'a Connector>),
    /// None: a rule drops it.
    Drop,
    /// None: it is no address.
    NoAddress,
    /// It can't be told, or the mail goes on under another address, which a host that asks so late can't
    /// give it: keep it, and ask again later.
    Defer(&'static str),
}

impl Engine {
    /// Which way a copy leaves that has been decided about: its recipient is a [path for such a
    /// host](crate::routing::Route::host_path). No entry rewrites it again, and only rules that ask about
    /// nothing but the recipient act.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`].
    pub fn transport<'a>(
        &'a self,
        address: &[u8],
        decision: &'a mut Decision,
    ) -> Result<Transport<'a>, Error> {
        decision.clear();
        let connectors = &self.map().routing().connectors;
        let connector = |number: Option<u16>| number.and_then(|number| connectors.get(usize::from(number)));
        match self.read_routing_address(address, decision)? {
            RoutingAddress::No => {}
            RoutingAddress::Of(Named::Here, restored) => {
                return Ok(Transport { way: Way::Deliver, restored: Some(restored.of(&decision.texts)) });
            }
            RoutingAddress::Of(Named::By(number), restored) => {
                let way = Way::Relay(connector(number));
                return Ok(Transport { way, restored: Some(restored.of(&decision.texts)) });
            }
            RoutingAddress::NoWay(_) => {
                let way = Way::Defer("the plan has no such connector any more");
                return Ok(Transport { way, restored: None });
            }
            RoutingAddress::Bad(why) => return Ok(Transport { way: Way::Defer(why), restored: None }),
            RoutingAddress::NoAddress => return Ok(Transport { way: Way::NoAddress, restored: None }),
        }
        let envelope =
            Envelope { direction: Some(Direction::Outbound), smtputf8: true, ..Envelope::default() };
        let mut deciding = Deciding::new(self, &envelope, decision);
        let path = append(address, &mut deciding.decision.texts)?;
        let (outcome, is_moved) = deciding.alone(path)?;
        let way = match outcome {
            Outcome::Dropped => Way::Drop,
            Outcome::Refused(_) | Outcome::RefusedByRule(_) => {
                Way::Defer("nobody is known by this address now")
            }
            _ if is_moved => Way::Defer("mail for it goes to another address now"),
            Outcome::Deliver => Way::Deliver,
            Outcome::Relay(number) => Way::Relay(connector(number)),
        };
        Ok(Transport { way, restored: None })
    }

    /// The address in a routing address, with its own quotes; `None` if it is none. A way that the plan has no
    /// more changes nothing about that: the copy may have taken it a moment ago.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`].
    pub fn restore<'a>(&self, address: &[u8], decision: &'a mut Decision) -> Result<Option<&'a [u8]>, Error> {
        decision.clear();
        Ok(match self.read_routing_address(address, decision)? {
            RoutingAddress::Of(_, restored) | RoutingAddress::NoWay(restored) => {
                Some(restored.of(&decision.texts))
            }
            RoutingAddress::No | RoutingAddress::Bad(_) | RoutingAddress::NoAddress => None,
        })
    }

    fn read_routing_address(&self, address: &[u8], decision: &mut Decision) -> Result<RoutingAddress, Error> {
        let Decision { scratch, texts, .. } = decision;
        if read_address(address, scratch) != Ok(true) {
            return Ok(RoutingAddress::NoAddress);
        }
        let Scratch { address, .. } = scratch;
        if !is_routing_domain(&address.domain_key) {
            return Ok(RoutingAddress::No);
        }
        let label = address.domain_key.strip_suffix(DOMAIN).and_then(|rest| rest.strip_suffix(b"."));
        let Some(label) = label else { return Ok(RoutingAddress::Bad("there is no way in it")) };
        let named = self.router().labels().named(label);
        let at = address.local_part.iter().rposition(|octet| *octet == b'=');
        let Some((name, domain)) = at.and_then(|at| address.local_part.split_at_checked(at)) else {
            return Ok(RoutingAddress::Bad("there is no address in it"));
        };
        texts.room(2 * address.local_part.len() + 3)?;
        let start = texts.len();
        quote_if_needed(name, texts);
        texts.push(b'@');
        texts.extend_from_slice(domain.get(1..).unwrap_or_default());
        let restored = Span::new(start, texts.len());
        if read_address(restored.of(texts), scratch) != Ok(true) {
            return Ok(RoutingAddress::Bad("there is no address in it"));
        }
        Ok(match named {
            Some(named) => RoutingAddress::Of(named, restored),
            None => RoutingAddress::NoWay(restored),
        })
    }
}

impl Deciding<'_, '_> {
    /// Gives a recipient the path for a host that goes by it alone.
    pub(super) fn lead_host(
        &mut self,
        record: &mut RecipientRecord,
        outcome: Outcome,
    ) -> Result<Outcome, Error> {
        let named = match outcome {
            Outcome::Deliver => Named::Here,
            Outcome::Relay(number) => Named::By(number),
            Outcome::Refused(_) | Outcome::RefusedByRule(_) | Outcome::Dropped => return Ok(outcome),
        };
        // Postmaster without a domain: there is nothing to look up.
        let has_domain = record.is.key.1 > 0;
        let is_plain = record.path == record.given && !self.router.asks_about_messages();
        let path = self.without_route(record.path)?;
        record.host_path = path;
        if is_plain || !has_domain {
            return Ok(outcome);
        }
        let explained = std::mem::take(&mut self.decision.is_explained);
        let alone = self.alone(path);
        self.decision.is_explained = explained;
        let (alone, is_moved) = alone?;
        let is_the_same = !is_moved
            && match (alone, named) {
                (Outcome::Deliver, Named::Here) => true,
                (Outcome::Relay(by), Named::By(number)) => by == number,
                _ => false,
            };
        if is_the_same {
            return Ok(outcome);
        }
        let Decision { scratch, texts, .. } = &mut *self.decision;
        let is_address = read_address(path.of(texts), scratch);
        let Scratch { address, local_part: joined, .. } = scratch;
        let length = address.local_part.len() + 1 + address.domain_text.len();
        if is_address != Ok(true) || address.domain_text.contains(&b'=') || length > LOCAL_PART_MAX {
            return Ok(Outcome::Refused(Answer::NoRoute));
        }
        joined.clear();
        joined.room(length)?;
        joined.extend_from_slice(&address.local_part);
        joined.push(b'=');
        joined.extend_from_slice(&address.domain_text);
        texts.room(2 * joined.len() + 64 + DOMAIN.len())?;
        let start = texts.len();
        quote_if_needed(joined, texts);
        texts.push(b'@');
        texts.extend_from_slice(self.router.labels().of(named).as_bytes());
        texts.push(b'.');
        texts.extend_from_slice(DOMAIN);
        record.host_path = Span::new(start, texts.len());
        Ok(outcome)
    }

    /// A path without the source route before it (RFC 5321 appendix C): hosts forget it.
    fn without_route(&mut self, path: Span) -> Result<Span, Error> {
        let Decision { scratch, texts, .. } = &mut *self.decision;
        if !path.of(texts).starts_with(b"@") {
            return Ok(path);
        }
        texts.room(path.len() + 2)?;
        let start = texts.len();
        texts.push(b'<');
        texts.extend_from_within(widen(path.start)..widen(path.end));
        texts.push(b'>');
        let bracketed = texts.get(start..).unwrap_or_default();
        let address = address_in(bracketed, &mut scratch.local_part).ok().flatten();
        Ok(address.map_or(path, |address| address.span().shifted(start)))
    }

    /// Where mail for an address goes if nothing but the address counts, and whether under another one.
    fn alone(&mut self, path: Span) -> Result<(Outcome, bool), Error> {
        let mut record = RecipientRecord::new(path);
        let Some(standing) = self.standing_of_text(path)?.ok().flatten() else {
            return Ok((Outcome::Refused(Answer::BadAddress), false));
        };
        (record.came, record.is) = (standing, standing);
        let acted = self.decision.acted.len();
        let was_alone = std::mem::replace(&mut self.is_alone, true);
        let applied = self.apply_rules(&mut record);
        self.is_alone = was_alone;
        self.decision.acted.truncate(acted);
        let outcome = match applied? {
            Applied::Ends(outcome) => outcome,
            Applied::GoesOn { redirect, via } => self.go_on(&mut record, redirect, via)?,
        };
        let texts = &self.decision.texts;
        Ok((outcome, !record.path.of(texts).eq_ignore_ascii_case(path.of(texts))))
    }
}

/// An address, read as one of the routing domain.
enum RoutingAddress {
    No,
    /// It is no address at all.
    NoAddress,
    /// The way it names, and the address in it, in the decision's texts.
    Of(Named, Span),
    /// The same, and the plan has no such way.
    NoWay(Span),
    /// It is one, and can't be read: why.
    Bad(&'static str),
}

/// The way that a routing address names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Named {
    Here,
    By(Option<u16>),
}

/// The connectors' names as domain labels: what of the name a label may have, for people, and a part of its
/// hash, so that no two are the same. They stay the same from plan to plan as long as the name does, for mail
/// may wait long.
#[derive(Debug)]
pub(super) struct Labels(Vec<String>);

/// Octets of a label that show the name.
const SHOWN: usize = 40;

impl Labels {
    pub(super) fn new(connectors: &[Connector]) -> Labels {
        Labels(connectors.iter().map(|connector| label(&connector.name)).collect())
    }

    fn of(&self, named: Named) -> &str {
        match named {
            Named::Here => HERE,
            Named::By(None) => MX,
            Named::By(Some(number)) => self.0.get(usize::from(number)).map_or(MX, String::as_str),
        }
    }

    fn named(&self, label: &[u8]) -> Option<Named> {
        if label == HERE.as_bytes() {
            return Some(Named::Here);
        }
        if label == MX.as_bytes() {
            return Some(Named::By(None));
        }
        let (number, _) = (0..).zip(&self.0).find(|(_, known)| known.as_bytes() == label)?;
        Some(Named::By(Some(number)))
    }
}

fn label(name: &str) -> String {
    let mut label = String::with_capacity(SHOWN + 9);
    for octet in name.bytes().take(SHOWN) {
        if octet.is_ascii_alphanumeric() {
            label.push(char::from(octet.to_ascii_lowercase()));
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
    }
    if label.is_empty() {
        label.push('x');
    }
    if !label.ends_with('-') {
        label.push('-');
    }
    for octet in blake3::hash(name.as_bytes()).as_bytes().iter().take(4) {
        // Writing to a String does not fail.
        let _ = write!(label, "{octet:02x}");
    }
    label
}

/// Whether a domain, given as key, is that of routing addresses or lies below it.
pub(super) fn is_routing_domain(domain: &[u8]) -> bool {
    domain.strip_suffix(DOMAIN).is_some_and(|before| before.is_empty() || before.ends_with(b"."))
}

/// Whether an address in the domain of routing addresses may stand in a field's body, however a host reads that: it takes
/// comments, quotes and backslashes out.
pub(super) fn may_have_routing_domain(body: &[u8]) -> bool {
    let word = |word: &[u8]| word.iter().fold(0, |word, octet| word << 8 | u64::from(*octet));
    let (mut is_behind_at, mut last, mut rest) = (false, 0_u64, None);
    for octet in body.iter().filter(|octet| !matches!(octet, b'\\' | b'"')) {
        let octet = octet.to_ascii_lowercase();
        is_behind_at |= octet == b'@';
        last = last << 8 | u64::from(octet);
        if is_behind_at && last & 0xff_ffff_ffff == word(b"route") {
            rest.get_or_insert_with(Rest::default);
            continue;
        }
        match rest.as_mut().map(|rest: &mut Rest| rest.take(octet)) {
            Some(Taken::All) => return true,
            Some(Taken::Nothing) => rest = None,
            Some(Taken::Some) | None => {}
        }
    }
    false
}

/// What stands behind `route`, in the hope of `.invalid`.
#[derive(Default)]
struct Rest {
    has_dot: bool,
    /// A comment has begun, and nobody knows where it ends.
    is_open: bool,
    /// How many octets of the word are there.
    octets: usize,
}

enum Taken {
    All,
    Some,
    Nothing,
}

impl Rest {
    fn take(&mut self, octet: u8) -> Taken {
        const WORD: &[u8] = b"invalid";
        if WORD.get(self.octets) == Some(&octet) {
            self.octets += 1;
            return if self.octets == WORD.len() && self.has_dot { Taken::All } else { Taken::Some };
        }
        let is_within = std::mem::take(&mut self.octets) > 0;
        self.is_open |= octet == b'(';
        self.has_dot |= octet == b'.' && (self.is_open || !is_within);
        if self.is_open {
            self.octets = usize::from(WORD.first() == Some(&octet));
            return Taken::Some;
        }
        let may_stand_between = matches!(octet, b'.' | b' ' | b'\t' | b'\r' | b'\n');
        if may_stand_between && !is_within { Taken::Some } else { Taken::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_of_routing_addresses_is_seen_however_it_is_hidden() {
        for text in [
            "a=b.example@mx.route.invalid",
            "a=b.example@route.invalid",
            "a=b.example@mx.Route.INVALID",
            "a=b.example@mx.\"route\".invalid",
            "a=b.example@mx.rou\\te.in\\va\\lid",
            "a=b.example@mx.route(a (b) c) . (d) invalid",
            "a=b.example@mx.route(a \\) in.inv).ininvalid",
            "a=b.example@mx.route .\r\n invalid",
            "a=b.example@route.in.route.routeroute.invalid",
        ] {
            assert!(may_have_routing_domain(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "a@invalid.route",
            "a@rout.invalid",
            "a@route.invali",
            "a@route.example, b@c.invalid",
            "a@route invalid",
            "a@b.example, \"Route Invalid\" <noc@b.example>",
            "Route. Invalid <noc@b.example>",
            "\\\\",
        ] {
            assert!(!may_have_routing_domain(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn labels_are_labels_whatever_the_name_is() {
        for name in ["To the foreign host", "mx", "here", "", "\u{fc}\u{fc}", "-a-", &"long ".repeat(99)] {
            let label = label(name);
            let octets = label.as_bytes();
            assert!(octets.len() <= 63 && octets.contains(&b'-'), "{label}");
            assert!(octets[0].is_ascii_alphanumeric() && octets[octets.len() - 1].is_ascii_alphanumeric());
            assert!(octets.iter().all(|o| o.is_ascii_lowercase() || o.is_ascii_digit() || *o == b'-'));
        }
        assert_eq!(label("To the foreign host").rsplit_once('-').unwrap().0, "to-the-foreign-host");
        assert_ne!(label("Old host"), label("old host"));
    }

    #[test]
    fn the_domain_of_routing_addresses_has_an_edge() {
        for (domain, expected) in [
            ("route.invalid", true),
            ("mx.route.invalid", true),
            ("xroute.invalid", false),
            ("route.invalid.example", false),
            ("invalid", false),
        ] {
            assert_eq!(is_routing_domain(domain.as_bytes()), expected, "{domain}");
        }
    }
}
