//! How a plan's routing is stored in its section: the writer and the reader of each part side by side.
//!
//! Numbers of groups, listeners, connectors and waves are checked when a map is read: what comes out of here
//! names only what is there.

use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;

use crate::error::MapError;
use crate::map::format::{Decoder, malformed};
use crate::map::record::{number_of, write_short};
use crate::routing::{
    AcceptedDomain, Actions, Condition, Connector, DomainPattern, DomainType, Listener, NextHop, OnError,
    Reply, Routing, Rule, Scope, SenderLocation, Tls, Wave, WaveState,
};
use crate::span::narrow;

/// Appends a plan's routing; nothing, if it says nothing about where mail goes.
pub(super) fn write_routing(out: &mut Vec<u8>, routing: &Routing) {
    if routing.is_empty() {
        return;
    }
    out.push(u8::from(routing.has_directory));
    write_list(out, &routing.accepted_domains, |out, accepted| {
        write_pattern(out, &accepted.domain);
        out.push(number_of(&DomainType::ALL, accepted.kind));
        out.extend(accepted.line.to_le_bytes());
    });
    write_list(out, &routing.groups, |out, name| write_short(out, name.as_bytes()));
    write_list(out, &routing.waves, |out, wave| {
        write_short(out, wave.name.as_bytes());
        out.push(number_of(&WaveState::ALL, wave.state));
        out.extend(wave.line.to_le_bytes());
    });
    write_list(out, &routing.listeners, write_listener);
    write_list(out, &routing.connectors, write_connector);
    write_list(out, &routing.rules, write_rule);
}

/// The inverse of [`write_routing`].
pub(super) fn read_routing(file: &[u8], range: Range<usize>) -> Result<Routing, MapError> {
    if range.is_empty() {
        return Ok(Routing::default());
    }
    let mut reader = Reader { decoder: Decoder::new(file, range) };
    let mut routing = Routing { has_directory: reader.boolean()?, ..Routing::default() };
    routing.accepted_domains = reader.list(|reader| {
        let domain = reader.pattern()?;
        Ok(AcceptedDomain { domain, kind: reader.choice(&DomainType::ALL)?, line: reader.decoder.u32()? })
    })?;
    routing.groups = reader.list(Reader::text)?;
    routing.waves = reader.list(|reader| {
        let name = reader.text()?;
        Ok(Wave { name, state: reader.choice(&WaveState::ALL)?, line: reader.decoder.u32()? })
    })?;
    routing.listeners = reader.list(Reader::listener)?;
    routing.connectors = reader.list(Reader::connector)?;
    let counts = [routing.groups.len(), routing.listeners.len(), routing.connectors.len()];
    routing.rules = reader.list(|reader| reader.rule(counts))?;
    if !reader.decoder.is_at_end() {
        return Err(reader.malformed("octets behind the rules"));
    }
    Ok(routing)
}

const SCOPES: [Scope; 2] = Scope::ALL;
const LOCATIONS: [SenderLocation; 2] = [SenderLocation::Envelope, SenderLocation::Header];
const ON_ERROR: [OnError; 2] = [OnError::Ignore, OnError::Defer];

fn write_listener(out: &mut Vec<u8>, listener: &Listener) {
    write_short(out, listener.name.as_bytes());
    write_networks(out, &listener.client_ip);
    out.push(number_of(&Tls::ALL, listener.tls));
    write_optional(out, listener.tls_name.as_deref());
    for flag in [listener.authenticated, listener.trusted, listener.anonymous_relay] {
        out.push(u8::from(flag));
    }
    out.extend(listener.line.to_le_bytes());
}

fn write_connector(out: &mut Vec<u8>, connector: &Connector) {
    write_short(out, connector.name.as_bytes());
    let hosts = match &connector.next_hop {
        NextHop::Mx => &[][..],
        NextHop::SmartHosts(hosts) => hosts,
    };
    write_list(out, hosts, |out, host| write_short(out, host.as_bytes()));
    write_list(out, &connector.address_spaces, write_pattern);
    out.push(u8::from(connector.rule_scoped));
    out.extend(connector.cost.to_le_bytes());
    out.push(number_of(&Tls::ALL, connector.tls));
    write_optional(out, connector.tls_name.as_deref());
    write_optional(out, connector.validation_address.as_deref());
    out.extend(connector.line.to_le_bytes());
}

fn write_rule(out: &mut Vec<u8>, rule: &Rule) {
    write_short(out, rule.name.as_bytes());
    write_list(out, &rule.when, write_condition);
    write_list(out, &rule.unless, write_condition);
    let Actions { route_via, redirect_to, reject, drop, set_header, remove_header, rewrite_off } =
        &rule.actions;
    out.push(u8::from(route_via.is_some()));
    out.extend(route_via.unwrap_or_default().to_le_bytes());
    write_optional(out, redirect_to.as_deref());
    out.push(u8::from(reject.is_some()));
    if let Some(reply) = reject {
        out.extend(reply.code.to_le_bytes());
        write_short(out, reply.enhanced.as_bytes());
        write_short(out, reply.text.as_bytes());
    }
    out.push(u8::from(*drop));
    write_list(out, set_header, write_pair);
    write_list(out, remove_header, |out, name| write_short(out, name.as_bytes()));
    out.push(u8::from(*rewrite_off));
    out.push(number_of(&LOCATIONS, rule.sender_location));
    out.push(number_of(&ON_ERROR, rule.on_error));
    out.push(u8::from(rule.stop));
    out.extend(rule.line.to_le_bytes());
}

fn write_condition(out: &mut Vec<u8>, condition: &Condition) {
    let mut write = |kind: u8| out.push(kind);
    match condition {
        Condition::Sender(_) => write(0),
        Condition::SenderDomain(_) => write(1),
        Condition::SenderScope(_) => write(2),
        Condition::SenderMemberOf(_) => write(3),
        Condition::Recipient(_) => write(4),
        Condition::RecipientDomain(_) => write(5),
        Condition::RecipientScope(_) => write(6),
        Condition::RecipientMemberOf(_) => write(7),
        Condition::AnyRecipientDomain(_) => write(8),
        Condition::ClientIp(_) => write(9),
        Condition::Listener(_) => write(10),
        Condition::Header(_) => write(11),
    }
    match condition {
        Condition::Sender(keys) | Condition::Recipient(keys) => {
            write_list(out, keys, |out, key| write_short(out, key));
        }
        Condition::SenderDomain(patterns)
        | Condition::RecipientDomain(patterns)
        | Condition::AnyRecipientDomain(patterns) => write_list(out, patterns, write_pattern),
        Condition::SenderScope(scope) | Condition::RecipientScope(scope) => {
            out.push(number_of(&SCOPES, *scope));
        }
        Condition::SenderMemberOf(numbers)
        | Condition::RecipientMemberOf(numbers)
        | Condition::Listener(numbers) => {
            write_list(out, numbers, |out, number| out.extend(number.to_le_bytes()));
        }
        Condition::ClientIp(networks) => write_networks(out, networks),
        Condition::Header(fields) => write_list(out, fields, write_pair),
    }
}

fn write_pair(out: &mut Vec<u8>, (name, text): &(String, String)) {
    write_short(out, name.as_bytes());
    write_short(out, text.as_bytes());
}

fn write_pattern(out: &mut Vec<u8>, pattern: &DomainPattern) {
    out.push(u8::from(pattern.below));
    write_short(out, &pattern.domain);
}

/// Networks as text: there are few, and both versions have one form.
fn write_networks(out: &mut Vec<u8>, networks: &[IpNet]) {
    write_list(out, networks, |out, network| write_short(out, network.to_string().as_bytes()));
}

fn write_optional(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    write_short(out, text.unwrap_or_default().as_bytes());
}

fn write_list<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    out.extend(narrow(items.len()).to_le_bytes());
    for item in items {
        write(out, item);
    }
}

struct Reader<'f> {
    decoder: Decoder<'f>,
}

impl Reader<'_> {
    fn listener(&mut self) -> Result<Listener, MapError> {
        Ok(Listener {
            name: self.text()?,
            client_ip: self.list(Self::network)?,
            tls: self.choice(&Tls::ALL)?,
            tls_name: self.optional()?,
            authenticated: self.boolean()?,
            trusted: self.boolean()?,
            anonymous_relay: self.boolean()?,
            line: self.decoder.u32()?,
        })
    }

    fn connector(&mut self) -> Result<Connector, MapError> {
        let name = self.text()?;
        let hosts = self.list(Self::text)?;
        Ok(Connector {
            name,
            next_hop: if hosts.is_empty() { NextHop::Mx } else { NextHop::SmartHosts(hosts) },
            address_spaces: self.list(Self::pattern)?,
            rule_scoped: self.boolean()?,
            cost: self.decoder.u32()?,
            tls: self.choice(&Tls::ALL)?,
            tls_name: self.optional()?,
            validation_address: self.optional()?,
            line: self.decoder.u32()?,
        })
    }

    /// `counts`: how many groups, listeners and connectors there are.
    fn rule(&mut self, counts: [usize; 3]) -> Result<Rule, MapError> {
        let [groups, listeners, connectors] = counts;
        let name = self.text()?;
        let when = self.list(|reader| reader.condition(groups, listeners))?;
        let unless = self.list(|reader| reader.condition(groups, listeners))?;
        let has_route = self.boolean()?;
        let route_via = self.number(if has_route { connectors } else { usize::MAX })?;
        let redirect_to = self.optional()?;
        let has_reply = self.boolean()?;
        let reject = if has_reply {
            let at = self.decoder.position();
            let code = self.decoder.u16()?;
            if !(400..600).contains(&code) {
                return Err(malformed("reply code", at));
            }
            Some(Reply { code, enhanced: self.text()?, text: self.text()? })
        } else {
            None
        };
        let actions = Actions {
            route_via: has_route.then_some(route_via),
            redirect_to,
            reject,
            drop: self.boolean()?,
            set_header: self.list(Self::pair)?,
            remove_header: self.list(Self::text)?,
            rewrite_off: self.boolean()?,
        };
        Ok(Rule {
            name,
            when,
            unless,
            actions,
            sender_location: self.choice(&LOCATIONS)?,
            on_error: self.choice(&ON_ERROR)?,
            stop: self.boolean()?,
            line: self.decoder.u32()?,
        })
    }

    fn condition(&mut self, groups: usize, listeners: usize) -> Result<Condition, MapError> {
        Ok(match self.decoder.u8()? {
            0 => Condition::Sender(self.list(Self::key)?),
            1 => Condition::SenderDomain(self.list(Self::pattern)?),
            2 => Condition::SenderScope(self.choice(&SCOPES)?),
            3 => Condition::SenderMemberOf(self.list(|reader| reader.number(groups))?),
            4 => Condition::Recipient(self.list(Self::key)?),
            5 => Condition::RecipientDomain(self.list(Self::pattern)?),
            6 => Condition::RecipientScope(self.choice(&SCOPES)?),
            7 => Condition::RecipientMemberOf(self.list(|reader| reader.number(groups))?),
            8 => Condition::AnyRecipientDomain(self.list(Self::pattern)?),
            9 => Condition::ClientIp(self.list(Self::network)?),
            10 => Condition::Listener(self.list(|reader| reader.number(listeners))?),
            11 => Condition::Header(self.list(Self::pair)?),
            _ => return Err(self.malformed("unknown condition")),
        })
    }

    fn key(&mut self) -> Result<Vec<u8>, MapError> {
        Ok(self.decoder.short_bytes()?.to_vec())
    }

    fn pair(&mut self) -> Result<(String, String), MapError> {
        Ok((self.text()?, self.text()?))
    }

    fn pattern(&mut self) -> Result<DomainPattern, MapError> {
        let below = self.boolean()?;
        Ok(DomainPattern { domain: self.decoder.short_bytes()?.to_vec(), below })
    }

    fn network(&mut self) -> Result<IpNet, MapError> {
        let at = self.decoder.position();
        let text = self.decoder.short_str()?;
        let network = text.parse::<IpNet>().ok().filter(|network| {
            // What is compared with it is in this form, too.
            let address: IpAddr = network.addr();
            address.to_canonical() == address
        });
        network.ok_or_else(|| malformed("network", at))
    }

    /// A number below `count`.
    fn number(&mut self, count: usize) -> Result<u16, MapError> {
        let at = self.decoder.position();
        let number = self.decoder.u16()?;
        if usize::from(number) < count { Ok(number) } else { Err(malformed("number of nothing", at)) }
    }

    fn boolean(&mut self) -> Result<bool, MapError> {
        self.choice(&[false, true])
    }

    fn choice<T: Copy>(&mut self, all: &[T]) -> Result<T, MapError> {
        let at = self.decoder.position();
        let number = usize::from(self.decoder.u8()?);
        all.get(number).copied().ok_or_else(|| malformed("unknown routing value", at))
    }

    fn optional(&mut self) -> Result<Option<String>, MapError> {
        let is_there = self.boolean()?;
        let text = self.text()?;
        Ok(is_there.then_some(text))
    }

    fn text(&mut self) -> Result<String, MapError> {
        Ok(self.decoder.short_str()?.to_owned())
    }

    fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, MapError>,
    ) -> Result<Vec<T>, MapError> {
        // Each item takes an octet at least, so a forged count ends where the section does.
        let count = self.decoder.u32()?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    fn malformed(&self, what: &'static str) -> MapError {
        malformed(what, self.decoder.position())
    }
}
