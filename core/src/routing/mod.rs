//! Where each recipient's mail goes today.

mod decide;
mod decision;
mod host;
mod model;
mod patterns;
mod request;
mod router;
mod rules;
mod section;
mod step;
mod way;

pub use crate::routing::decision::{Action, Decision, Route, Routes};
pub use crate::routing::host::{Transport, Way};
pub use crate::routing::model::{
    AcceptedDomain, Actions, Condition, Connector, DomainPattern, DomainType, Listener, NewRecipient,
    NextHop, OnError, Reply, Routing, Rule, Scope, SenderLocation, Tls, Wave, WaveState,
};
pub use crate::routing::patterns::PatternTable;
pub use crate::routing::request::{Admission, Client, Envelope};
pub(crate) use crate::routing::router::Router;
pub use crate::routing::step::Step;
