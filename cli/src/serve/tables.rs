//! The maps: what Postfix asks, and what the engine says to it.
//!
//! A failure of ours is never NOTFOUND: Postfix would go on as if the plan said nothing, and send mail the wrong way.

use std::panic::{AssertUnwindSafe, catch_unwind};

use readdress::routing::{Action, Connector, Decision, Envelope, NextHop, Transport, Way};
use readdress::{Direction, Engine, EntryAddress, Error, Mode, PathKind, Scratch, Session, Unmapped};
use readdress_plan::postfix::{SMTP, TlsPolicy, next_hop, transport};

use crate::serve::netstring::Answer;
use crate::serve::policies::{Policies, is_kept_by_domain};

/// What the plan does not say and `main.cf` does.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The transport of mailboxes here. Without it, Postfix finds them by itself.
    pub(crate) deliver_to: Option<String>,
    /// The same where more than the recipient keeps the mail here: a client that restores the address.
    pub(crate) route_deliver_to: Option<String>,
    /// The service of routes that more than the recipient decides.
    pub(crate) route_transport: String,
}

/// A map file's answers.
pub(crate) struct Tables {
    engine: Engine,
    policies: Policies,
    names: Names,
}

/// What is needed to look something up, used again and again by one thread.
pub(crate) struct Buffers {
    scratch: Scratch,
    decision: Decision,
    /// For maps that know nothing of the message but one recipient.
    alone: Decision,
}

impl Default for Buffers {
    fn default() -> Buffers {
        Buffers { scratch: Scratch::new(), decision: Decision::new(), alone: Decision::new().for_tables() }
    }
}

/// What a map says.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Said {
    /// The answer.
    pub(crate) answer: Answer,
    /// What it would be if the plan were in force: in shadow mode Postfix does what it did before.
    pub(crate) withheld: Option<Answer>,
}

/// The maps by name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Map {
    Transport,
    Restore,
    TlsPolicy,
    Accepted,
    Canonical,
    Generic,
    Virtual,
    Recipient,
}

impl Map {
    pub(crate) const ALL: [(&'static str, Map); 8] = [
        ("transport", Map::Transport),
        ("restore", Map::Restore),
        ("tls-policy", Map::TlsPolicy),
        ("accepted", Map::Accepted),
        ("canonical", Map::Canonical),
        ("generic", Map::Generic),
        ("virtual", Map::Virtual),
        ("recipient", Map::Recipient),
    ];

    pub(crate) fn named(name: &[u8]) -> Option<Map> {
        Map::ALL.into_iter().find(|(known, _)| known.as_bytes() == name).map(|(_, map)| map)
    }
}

impl Tables {
    pub(crate) fn new(engine: Engine, names: Names) -> Tables {
        let policies = Policies::new(&engine);
        Tables { engine, policies, names }
    }

    /// Goes on from others: mail that Postfix has taken up by them is encrypted as they asked.
    pub(crate) fn go_on_from(&mut self, before: &Tables) {
        self.policies.remember(&before.policies);
    }

    /// The engine whose answers these are.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What a map says to a key, whatever happens meanwhile.
    pub(crate) fn look_up(&self, map: Map, key: &[u8], buffers: &mut Buffers) -> Said {
        guarded(buffers, |buffers| self.ask(map, key, buffers))
    }

    fn ask(&self, map: Map, key: &[u8], buffers: &mut Buffers) -> Result<Said, Error> {
        // Nobody else answers for routing addresses, and which domains are ours is no change to any message.
        let mut is_always = matches!(map, Map::Restore | Map::Accepted);
        let answer = match map {
            Map::Transport => self.transport(key, buffers, &mut is_always)?,
            Map::Restore => self.restore(key, buffers)?,
            Map::TlsPolicy => self.tls_policy(key),
            Map::Accepted => self.accepted(key),
            Map::Canonical => self.canonical(key, buffers)?,
            Map::Generic => match self.restore(key, buffers)? {
                Answer::NotFound => self.canonical(key, buffers)?,
                restored => {
                    is_always = true;
                    restored
                }
            },
            Map::Virtual => self.virtual_alias(key, buffers)?,
            Map::Recipient => self.recipient(key, buffers)?,
        };
        if is_always || self.engine.map().policy().mode != Mode::Shadow {
            return Ok(Said { answer, withheld: None });
        }
        Ok(Said { answer: Answer::NotFound, withheld: Some(answer) })
    }

    /// transport(5): the way out of a copy that has been decided about.
    fn transport(
        &self,
        key: &[u8],
        buffers: &mut Buffers,
        is_routing_address: &mut bool,
    ) -> Result<Answer, Error> {
        if let Some(answer) = self.transport_of(key, buffers, is_routing_address)? {
            return Ok(answer);
        }
        // Postfix asks for "*", too, before it believes any NOTFOUND.
        let Some(quoted) = quoted(key) else { return Ok(Answer::NotFound) };
        let answer = self.transport_of(&quoted, buffers, is_routing_address)?;
        Ok(answer.unwrap_or_else(|| waits("it is no address")))
    }

    /// The same of a key that is an address.
    fn transport_of(
        &self,
        key: &[u8],
        buffers: &mut Buffers,
        is_routing_address: &mut bool,
    ) -> Result<Option<Answer>, Error> {
        let Transport { way, restored } = self.engine.transport(key, &mut buffers.decision)?;
        *is_routing_address = restored.is_some();
        let names = &self.names;
        Ok(Some(match way {
            Way::NoAddress => return Ok(None),
            Way::Drop => Answer::found("discard:"),
            Way::Defer(why) => waits(why),
            Way::Deliver if restored.is_none() => {
                names.deliver_to.as_deref().map_or(Answer::NotFound, Answer::found)
            }
            Way::Deliver => match names.route_deliver_to.as_deref() {
                Some(transport) => Answer::found(transport),
                None => waits("more than the recipient keeps this mail here: --route-deliver-to is missing"),
            },
            Way::Relay(connector) => {
                let service = if restored.is_some() { names.route_transport.as_str() } else { SMTP };
                let mut value = transport(service, connector);
                if connector.is_none_or(|connector| connector.next_hop == NextHop::Mx) {
                    let address = restored.unwrap_or(key);
                    value.push_str(&self.exchangers(address, connector, restored.is_some()));
                }
                Answer::found(value)
            }
        }))
    }

    /// The next hop of mail to the mail exchangers of an address's domain. Postfix finds them by itself, but for a
    /// routing address; and where a connector asks for more encryption than other mail to the domain gets, the next hop
    /// needs another name, which the port gives it (`smtp_tls_policy_maps`).
    fn exchangers(&self, address: &[u8], connector: Option<&Connector>, is_routed: bool) -> String {
        let domain = match EntryAddress::parse(address) {
            Ok(parsed) => String::from_utf8_lossy(parsed.domain()).into_owned(),
            Err(_) => {
                String::from_utf8_lossy(address.rsplit(|octet| *octet == b'@').next().unwrap_or_default())
                    .into_owned()
            }
        };
        if domain.starts_with('[') {
            return if is_routed { next_hop(&domain) } else { String::new() };
        }
        let asked = connector.map_or(TlsPolicy::May, TlsPolicy::of);
        if is_kept_by_domain(&self.engine, &domain, &asked) {
            if is_routed { domain } else { String::new() }
        } else {
            format!("{domain}:25")
        }
    }

    /// The address in a routing address, as the next hop knows it.
    fn restore(&self, key: &[u8], buffers: &mut Buffers) -> Result<Answer, Error> {
        let restored = self.engine.restore(key, &mut buffers.decision)?;
        Ok(restored.map_or(Answer::NotFound, Answer::found))
    }

    /// `smtp_tls_policy_maps`: how sessions to a next hop are encrypted.
    fn tls_policy(&self, key: &[u8]) -> Answer {
        match self.policies.of(&self.engine, key) {
            None => Answer::NotFound,
            Some(Ok(policy)) => Answer::found(policy.to_string()),
            Some(Err(why)) => Answer::temporary(why),
        }
    }

    /// The type of the accepted domain that covers a domain.
    fn accepted(&self, key: &[u8]) -> Answer {
        let accepted = match EntryAddress::parse(key) {
            Ok(EntryAddress::Domain(domain)) => self.engine.accepted_domain(&domain),
            _ => None,
        };
        accepted.map_or(Answer::NotFound, |accepted| Answer::found(accepted.kind.name()))
    }

    /// canonical(5): internal to external, as in outbound messages.
    fn canonical(&self, key: &[u8], buffers: &mut Buffers) -> Result<Answer, Error> {
        if key.starts_with(b"<") {
            return Ok(Answer::NotFound);
        }
        let session = Session::from(Direction::Outbound).with_smtputf8(true);
        let done = match self.engine.rewrite_path(session, PathKind::Reverse, key, &mut buffers.scratch) {
            Ok(done) => done,
            // In fields there are longer ones, which concern us only in a domain of ours.
            Err(Error::Limit { .. }) => {
                let explained = self.engine.explain(session, key);
                let is_ours = explained.entry.is_some() || explained.unmapped;
                let answer = if is_ours {
                    Answer::temporary("an address of more than 254 octets")
                } else {
                    Answer::NotFound
                };
                return Ok(answer);
            }
            Err(error) => return Err(error),
        };
        Ok(match done.verdict() {
            _ if done.entry().is_some() => Answer::found(done.to()),
            Unmapped::Pass => Answer::NotFound,
            Unmapped::Tempfail | Unmapped::Reject => {
                Answer::temporary("no entry maps this address, and the plan lets no such mail out")
            }
        })
    }

    /// virtual(5): where mail for a recipient goes.
    fn virtual_alias(&self, key: &[u8], buffers: &mut Buffers) -> Result<Answer, Error> {
        let routes = self.engine.route(&FROM_OURS, [key], &mut buffers.alone)?;
        let Some(route) = routes.get(0) else { return Ok(Answer::NotFound) };
        Ok(match route.reply() {
            Some((code, enhanced, text)) if code < 500 => {
                Answer::temporary(format!("{code} {enhanced} {text}"))
            }
            // Who is refused is not moved.
            Some(_) => Answer::NotFound,
            None if route.forward_path() == key => Answer::NotFound,
            None => Answer::found(route.forward_path()),
        })
    }

    /// access(5) by recipient: the reply to one who is refused. One whose mail a rule drops is not: DISCARD would drop
    /// the mail of all other recipients, too, and the transport drops it.
    fn recipient(&self, key: &[u8], buffers: &mut Buffers) -> Result<Answer, Error> {
        // Postfix asks for parts of addresses, too.
        if !matches!(EntryAddress::parse(key), Ok(EntryAddress::Mailbox { .. })) {
            return Ok(Answer::NotFound);
        }
        let routes = self.engine.route(&FROM_OURS, [key], &mut buffers.alone)?;
        let refused = routes.get(0).filter(|route| route.action() == Action::Reject);
        Ok(match refused.and_then(|route| route.reply()) {
            Some((code, enhanced, text)) => Answer::found(format!("{code} {enhanced} {text}")),
            None => Answer::NotFound,
        })
    }
}

/// What keeps mail in the queue: error(8), by the name that leaves it there. smtpd(8) asks for the transport, too, of
/// senders and of recipients whom no milter has seen yet: were the answer TEMP, it would put them off, so that nobody
/// heard of a refusal, and nobody could send whom no directory lists.
fn waits(why: &str) -> Answer {
    Answer::found(format!("retry:4.3.0 {why}"))
}

/// An address with its local-part in quotes. Where Postfix finds nothing under an address that needs them, it asks
/// again without them, and has to be told the same. `None` of what is no address in any form.
fn quoted(key: &[u8]) -> Option<Vec<u8>> {
    let at = key.iter().rposition(|octet| *octet == b'@')?;
    let (local_part, domain) = key.split_at_checked(at)?;
    let mut quoted = vec![b'"'];
    for octet in local_part {
        if matches!(octet, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(*octet);
    }
    quoted.push(b'"');
    quoted.extend_from_slice(domain);
    Some(quoted)
}

/// A message of one of our systems: whether the client may send here at all is another restriction's matter.
const FROM_OURS: Envelope<'static> = Envelope {
    client: readdress::routing::Client { address: None, tls: false, tls_name: None, authenticated: false },
    direction: Some(Direction::Outbound),
    smtputf8: true,
    reverse_path: None,
    header: None,
    is_open: false,
};

/// Runs a look-up. One that fails in whatever way is asked again later.
fn guarded(buffers: &mut Buffers, look_up: impl FnOnce(&mut Buffers) -> Result<Said, Error>) -> Said {
    let failed = |reason: String| Said { answer: Answer::temporary(reason), withheld: None };
    match catch_unwind(AssertUnwindSafe(|| look_up(buffers))) {
        Ok(Ok(said)) => said,
        Ok(Err(error)) => failed(error.to_string()),
        Err(_) => {
            // Nobody knows what state they are in.
            *buffers = Buffers::default();
            failed("the look-up broke off, which is a mistake in readdress".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use readdress::Limit;

    #[test]
    fn a_look_up_that_fails_is_one_for_later() {
        let mut buffers = Buffers::default();
        let limit = || Error::Limit { limit: Limit::Addresses, allowed: 1, offset: 2 };
        let said = guarded(&mut buffers, |_| Err(limit()));
        assert_eq!(said.answer, Answer::temporary(limit().to_string()));
        let said = guarded(&mut buffers, |_| panic!("on purpose"));
        assert!(matches!(said.answer, Answer::Temporary(_)), "{said:?}");
    }
}
