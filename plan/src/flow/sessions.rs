//! The ways into the gateway that mail is followed from: each system's, each listener's, the internet's.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use readdress::routing::Condition;
use readdress::{Direction, Engine};

use crate::flow::system::Session;
use crate::plan::Plan;
use crate::world::System;

/// Addresses for documentation and tests (RFC 5737, RFC 2544) that may stand for the internet's.
const STRANGERS: [[u8; 3]; 4] = [[203, 0, 113], [198, 51, 100], [192, 0, 2], [198, 18, 0]];

/// All ways into the gateway: those of strangers and other clients first, then those of the systems.
pub(super) fn sessions(plan: &Plan, engine: &Engine) -> Vec<Session> {
    let edges = edges(plan);
    let of_systems: Vec<Session> =
        (0_u16..).zip(&plan.systems).flat_map(|(number, system)| of_system(number, system, &edges)).collect();
    let mut sessions = of_others(plan, engine, &edges);
    let listeners = &plan.routing.listeners;
    for listener in listeners.iter().filter(|listener| listener.tls_name.is_some() || listener.authenticated)
    {
        let session = Session {
            name: listener.name.clone(),
            address: listener.client_ip.first().map(first_of).or_else(|| stranger(plan)),
            tls_name: listener.tls_name.as_ref().map(|name| name.replacen('*', "mail", 1)),
            authenticated: listener.authenticated,
            ..Session::default()
        };
        let comes_in_by = |session: &Session| engine.admit(&session.client()).listener.map(|(at, _)| at);
        let number = comes_in_by(&session);
        let mut known = sessions.iter().chain(&of_systems);
        let is_known = known.any(|known| known.direction.is_none() && comes_in_by(known) == number);
        if number.is_some() && !is_known {
            sessions.push(session);
        }
    }
    sessions.extend(of_systems);
    find_alike(plan, engine, &mut sessions);
    sessions
}

fn of_system(number: u16, system: &System, edges: &[IpAddr]) -> Vec<Session> {
    let session = Session {
        name: system.name.clone(),
        tls_name: system.tls_name.clone(),
        system: Some(number),
        ..Session::default()
    };
    if !system.client_ip.is_empty() {
        let addresses = edges.iter().copied().filter(|address| is_in(&system.client_ip, *address));
        // A network of everybody has no edges.
        let some = system.client_ip.iter().map(first_of);
        return some
            .chain(addresses)
            .map(|address| Session { address: Some(address), ..session.clone() })
            .collect();
    }
    if session.tls_name.is_some() {
        return vec![session];
    }
    // What its sessions are like isn't said: they may be taken for either.
    Direction::ALL.map(|direction| Session { direction: Some(direction), ..session.clone() }).into()
}

/// Clients that are no system's, from each kind of address.
fn of_others(plan: &Plan, engine: &Engine, edges: &[IpAddr]) -> Vec<Session> {
    let listeners = &plan.routing.listeners;
    let is_a_system = |address: IpAddr| plan.systems.iter().any(|system| is_in(&system.client_ip, address));
    let free = edges.iter().copied().filter(|address| !is_a_system(*address)).map(Some);
    let mut sessions = Vec::new();
    for address in std::iter::once(stranger(plan)).chain(free) {
        let mut session = Session { name: "internet".to_owned(), address, ..Session::default() };
        let admission = engine.admit(&session.client());
        if admission.refused {
            continue;
        }
        if let Some((_, listener)) = admission.listener
            && !listener.client_ip.is_empty()
        {
            session.name.clone_from(&listener.name);
        }
        session.direction = listeners.is_empty().then_some(Direction::Inbound);
        sessions.push(session);
    }
    sessions
}

/// Where networks that a plan names begin, and where what is behind them does: of all addresses, one of each
/// kind that these networks tell apart but for the kind that is in none.
fn edges(plan: &Plan) -> Vec<IpAddr> {
    let listeners = plan.routing.listeners.iter().flat_map(|listener| &listener.client_ip);
    let systems = plan.systems.iter().flat_map(|system| &system.client_ip);
    let rules = client_networks(plan).flatten();
    let mut edges = Vec::new();
    for network in listeners.chain(systems).chain(rules).filter(|network| network.prefix_len() > 0) {
        edges.push(network.network());
        edges.extend(match network.broadcast() {
            IpAddr::V4(last) => {
                last.to_bits().checked_add(1).map(|next| IpAddr::V4(Ipv4Addr::from_bits(next)))
            }
            IpAddr::V6(last) => {
                last.to_bits().checked_add(1).map(|next| IpAddr::V6(Ipv6Addr::from_bits(next)))
            }
        });
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Finds the sessions that make no difference to the gateway: the same listener, the same trust, the same
/// answers to rules that ask about the client's address. Of one system's, or of those of no system, one stays.
fn find_alike(plan: &Plan, engine: &Engine, sessions: &mut Vec<Session>) {
    let networks: Vec<&[IpNet]> = client_networks(plan).collect();
    let traits = |session: &Session| {
        let admission = engine.admit(&session.client());
        let answers: Vec<bool> = networks
            .iter()
            .map(|networks| session.address.is_some_and(|address| is_in(networks, address)))
            .collect();
        (
            admission.listener.map(|(number, _)| number),
            session.is_trusted(engine),
            admission.refused && session.direction.is_none(),
            answers,
        )
    };
    let mut known = HashSet::new();
    sessions.retain(|session| known.insert((session.system, traits(session))));
    let mut first = HashMap::new();
    for (number, session) in (0..).zip(sessions) {
        session.alike = *first.entry(traits(session)).or_insert(number);
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

fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
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
