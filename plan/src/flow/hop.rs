//! The places a message comes to, and how it ends there.

/// Where a message is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Place {
    /// At the gateway, through the session of this number.
    Here(u16),
    /// At another system.
    At(u16),
}

/// How a copy of a message ends.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Ending {
    /// In a mailbox.
    Delivered,
    /// It leaves all systems of the plan. `unmodelled`: for a next hop that no system of the plan is, though
    /// the domain is that of one of them.
    Left { unmodelled: Option<WayOut> },
    /// A rule drops or refuses it.
    ByRule,
    /// The session may not send there.
    RelayDenied,
    /// The recipient is not known there.
    Unknown,
    /// Nobody hands it on: it waits, and comes back days later.
    NoRoute,
}

/// By what mail leaves for where nobody of the plan is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum WayOut {
    /// A connector of the gateway.
    Connector(u16),
    /// One of another system's.
    System(u16),
}

/// One step of a message on its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Hop {
    pub(crate) place: Place,
    /// The address, as key.
    pub(crate) address: Vec<u8>,
    /// Whether it came there because somebody's mail is forwarded.
    pub(crate) is_forwarded: bool,
}
