//! Where each recipient's mail goes today.

mod model;

pub use crate::routing::model::{
    AcceptedDomain, Actions, Condition, Connector, DomainPattern, DomainType, Listener, NewRecipient,
    NextHop, OnError, Reply, Routing, Rule, Scope, SenderLocation, Tls, Wave, WaveState,
};
