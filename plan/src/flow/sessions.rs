//! The ways into the gateway that mail is followed from: each system's, each listener's, the internet's.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use readdress::routing::Condition;
use readdress::{Direction, Engine};

use crate::flow::system::Session;
use crate::plan::Plan;

/// Addresses for documentation and tests (RFC 5737, RFC 2544) that may stand for the internet's.
const STRANGERS: [[u8; 3]; 4] = [[203, 0, 113], [198, 51, 100], [192, 0, 2], [198, 18, 0]];

/// All ways into the gateway.
pub(super) fn sessions(plan: &Plan, engine: &Engine) -> Vec<Session> {
    let mut sessions = Vec::new();
    let listeners = &plan.routing.listeners;
    let internet = Session { name: "internet".to_owned(), address: stranger(plan), ..Session::default() };
    if !engine.admit(&internet.client()).refused {
        let direction = listeners.is_empty().then_some(Direction::Inbound);
        sessions.push(Session { direction, ..internet });
    }
    for (number, system) in (0_u16..).zip(&plan.systems) {
        let session = Session {
            name: system.name.clone(),
            address: system.client_ip.first().map(first_of),
            tls_name: system.tls_name.clone(),
            system: Some(number),
            ..Session::default()
        };
        if session.address.is_some() || session.tls_name.is_some() {
            sessions.push(session);
        } else {
            // What its sessions are like isn't said: they may be taken for either.
            sessions.extend(
                Direction::ALL.map(|direction| Session { direction: Some(direction), ..session.clone() }),
            );
        }
    }
    for listener in listeners {
        let session = Session {
            name: listener.name.clone(),
            address: listener.client_ip.first().map(first_of).or_else(|| stranger(plan)),
            tls_name: listener.tls_name.as_ref().map(|name| name.replacen('*', "mail", 1)),
            authenticated: listener.authenticated,
            ..Session::default()
        };
        let comes_in_by = |session: &Session| engine.admit(&session.client()).listener.map(|(at, _)| at);
        let number = comes_in_by(&session);
        let is_known = sessions.iter().any(|known| known.direction.is_none() && comes_in_by(known) == number);
        if number.is_some() && !is_known {
            sessions.push(session);
        }
    }
    find_alike(plan, engine, &mut sessions);
    sessions
}

/// Finds the sessions that make no difference to the gateway: the same listener, the same trust, the same
/// answers to rules that ask about the client's address.
fn find_alike(plan: &Plan, engine: &Engine, sessions: &mut [Session]) {
    let networks: Vec<&[IpNet]> = client_networks(plan).collect();
    let traits = |session: &Session| {
        let admission = engine.admit(&session.client());
        let is_in = |networks: &&[IpNet]| {
            session.address.is_some_and(|address| networks.iter().any(|network| network.contains(&address)))
        };
        let answers: Vec<bool> = networks.iter().map(is_in).collect();
        (
            admission.listener.map(|(number, _)| number),
            session.is_trusted(engine),
            admission.refused && session.direction.is_none(),
            answers,
        )
    };
    let traits: Vec<_> = sessions.iter().map(traits).collect();
    for (session, its) in sessions.iter_mut().zip(&traits) {
        let first = traits.iter().position(|known| known == its).and_then(|at| u16::try_from(at).ok());
        session.alike = first.unwrap_or_default();
    }
}

/// The networks that each condition about the client names.
fn client_networks(plan: &Plan) -> impl Iterator<Item = &[IpNet]> {
    let conditions = plan.routing.rules.iter().flat_map(|rule| rule.when.iter().chain(&rule.unless));
    conditions.filter_map(|condition| match condition {
        Condition::ClientIp(networks) => Some(networks.as_slice()),
        _ => None,
    })
}

fn first_of(network: &IpNet) -> IpAddr {
    network.hosts().next().unwrap_or_else(|| network.addr())
}

/// An address that no listener, system or rule names.
fn stranger(plan: &Plan) -> Option<IpAddr> {
    let listeners = plan.routing.listeners.iter().flat_map(|listener| &listener.client_ip);
    let systems = plan.systems.iter().flat_map(|system| &system.client_ip);
    let rules = client_networks(plan).flatten();
    let named: Vec<&IpNet> = listeners.chain(systems).chain(rules).collect();
    let all = STRANGERS.into_iter().flat_map(|[a, b, c]| (1..=254).map(move |d| Ipv4Addr::new(a, b, c, d)));
    let is_free = |address: &IpAddr| {
        // A network of everybody says nothing about anybody.
        named.iter().all(|network| network.prefix_len() == 0 || !network.contains(address))
    };
    all.map(IpAddr::V4).find(is_free)
}
