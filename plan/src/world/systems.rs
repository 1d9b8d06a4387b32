//! The other systems of a plan, with the tables that they name.

use std::collections::BTreeMap;

use crate::accepted::AcceptedDomains;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::directory::Directory;
use crate::reader::{ReadConnector, ReadSystem};
use crate::world::files::Files;
use crate::world::forwards::Forwards;
use crate::world::names::Names;
use crate::world::recipients::{contradiction, read_recipients};
use crate::world::{Host, LeadsTo, System, SystemConnector};

/// Reads the tables of each system, and finds where its connectors lead.
pub(crate) fn read_systems(
    read: Vec<ReadSystem>,
    files: &mut Files,
    (groups, waves): (&Names, &Names),
    diagnostics: &mut Diagnostics,
) -> Vec<System> {
    let leads: Vec<Vec<LeadsTo>> = {
        let owners = Owners::of(&read);
        read.iter().map(|system| owners.leads(&system.connectors, files, diagnostics)).collect()
    };
    let mut systems = Vec::with_capacity(read.len());
    for (system, leads) in read.into_iter().zip(leads) {
        let mut accepted = AcceptedDomains::default();
        for domain in &system.accepted {
            if let Some(plan) = files.sources().first() {
                accepted.add(domain, plan, diagnostics);
            }
        }
        let mut directory = Directory::default();
        let mut seen = Vec::new();
        for list in &system.recipients {
            if let Some(number) = diagnostics.keep(files.open(&list.file, &mut seen)) {
                let table = (files.sources(), number);
                // Who is in our groups is for our own lists to say.
                read_recipients(&mut directory, table, (groups, waves), &mut [], diagnostics);
            }
            for domain in &list.complete_for {
                if let Some(plan) = files.sources().first() {
                    directory.complete(domain, plan, diagnostics);
                }
            }
        }
        for found in directory.settle_proxies() {
            diagnostics.push(contradiction(&found, files.sources()));
        }
        let mut forwards = Forwards::default();
        let mut seen = Vec::new();
        for file in &system.forwards {
            let number = diagnostics.keep(files.open(file, &mut seen));
            if let Some((number, source)) = number.and_then(|at| Some((at, files.sources().get(at)?))) {
                forwards.read(source, number, diagnostics);
            }
        }
        let connectors =
            system.connectors.into_iter().zip(leads).map(|(connector, leads_to)| SystemConnector {
                name: connector.name,
                leads_to,
                address_spaces: connector.address_spaces,
                cost: connector.cost,
            });
        systems.push(System {
            connectors: connectors.collect(),
            name: system.name,
            accepted,
            directory,
            forwards,
            unknown_recipient: system.unknown_recipient,
            client_ip: system.client_ip,
            tls_name: system.tls_name,
            at: files.locate(system.at),
        });
    }
    systems
}

/// The systems by their next hops.
pub(crate) struct Owners<'s>(BTreeMap<&'s Host, u16>);

impl<'s> Owners<'s> {
    pub(crate) fn of(systems: &'s [ReadSystem]) -> Owners<'s> {
        let hops = (0..)
            .zip(systems)
            .flat_map(|(number, system)| system.next_hops.iter().map(move |(host, _)| (host, number)));
        Owners(hops.collect())
    }

    /// Where connectors lead: each to the system it names, or to the one whose next hop is its smart host.
    pub(crate) fn leads(
        &self,
        connectors: &[ReadConnector],
        files: &Files,
        diagnostics: &mut Diagnostics,
    ) -> Vec<LeadsTo> {
        connectors.iter().map(|connector| self.lead(connector, files, diagnostics)).collect()
    }

    fn lead(&self, connector: &ReadConnector, files: &Files, diagnostics: &mut Diagnostics) -> LeadsTo {
        let mut leads_to = connector.to_system;
        for (host, placed) in &connector.smart_hosts {
            let Some(owner) = self.0.get(host).copied().map(LeadsTo::System) else { continue };
            if *leads_to.get_or_insert(owner) != owner {
                let message = "this smart host is another system's than the connector leads to";
                diagnostics.push(
                    Diagnostic::error("bad-combination", files.locate(placed.at), message)
                        .excerpt(&placed.text)
                        .hint("make a connector for each system, or correct to-system"),
                );
            }
        }
        leads_to.unwrap_or(LeadsTo::Outside)
    }
}
