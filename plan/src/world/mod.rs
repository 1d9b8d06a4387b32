//! What a plan says about where mail goes beyond what a map holds: the other systems, the places of things,
//! and the members of groups. The checks of mail flow and the exports read it.

mod build;
mod files;
mod forwards;
mod groups;
mod host;
mod names;
mod recipients;
mod systems;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipnet::IpNet;
use readdress::routing::DomainPattern;

use crate::accepted::AcceptedDomains;
use crate::diagnostic::Location;
use crate::directory::Directory;

pub(crate) use self::build::add_routing;
pub(crate) use self::files::Files;
pub(crate) use self::forwards::{Forward, Forwards};
pub(crate) use self::groups::{Group, read_groups};
pub(crate) use self::host::Host;
pub(crate) use self::names::{NUMBERS_MAX, Names};
pub(crate) use self::recipients::read_recipients;
pub(crate) use self::systems::{Owners, read_systems};

/// Where a connector leads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LeadsTo {
    /// To the gateway that the plan is for.
    This,
    /// To the system of this number in `Plan::systems`.
    System(u16),
    /// To nobody whom the plan knows.
    Outside,
}

/// Another mail system, in the words of its own plan.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) name: String,
    pub(crate) accepted: AcceptedDomains,
    pub(crate) directory: Directory,
    pub(crate) forwards: Forwards,
    pub(crate) connectors: Vec<SystemConnector>,
    pub(crate) unknown_recipient: UnknownRecipient,
    /// The addresses that its sessions come from; none if the plan doesn't say.
    pub(crate) client_ip: Vec<IpNet>,
    /// The name in the certificate that its sessions show.
    pub(crate) tls_name: Option<String>,
    pub(crate) at: Location,
}

/// A way out of another system.
#[derive(Debug)]
pub(crate) struct SystemConnector {
    pub(crate) name: String,
    pub(crate) leads_to: LeadsTo,
    pub(crate) address_spaces: Vec<DomainPattern>,
    pub(crate) cost: u32,
}

/// What a system does with mail for somebody of its domains whom it doesn't know.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum UnknownRecipient {
    #[default]
    Reject,
    /// Hands it to the connector that serves the domain.
    Relay,
}

/// What the records of the plan's domains say.
#[derive(Debug)]
pub(crate) struct Dns {
    /// The gateway's addresses.
    pub(crate) gateway: Vec<IpAddr>,
    /// Domains whose SPF record counts, too.
    pub(crate) spf_includes: Vec<String>,
    pub(crate) at: Location,
}

/// Where the tables of a plan stand, in the order of the routing's lists.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) accepted_domains: Vec<Location>,
    pub(crate) waves: Vec<Location>,
    pub(crate) listeners: Vec<Location>,
    pub(crate) connectors: Vec<Location>,
    pub(crate) rules: Vec<Location>,
}
