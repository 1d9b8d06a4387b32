//! Decisions: where the copies of a message go, and the memory for it.

use std::ffi::c_char;

use readdress::routing::{Decision, Envelope};
use readdress::{Engine, Error};

use crate::error::Failure;
use crate::guard;
use crate::route_info::readdress_route_info;
use crate::told::Told;

/// The decision about all recipients of one message, and memory that is used again for the next. One
/// thread at a time may use it. What it hands out points into the decision itself: it lives until the
/// decision is used for another message or freed, whatever becomes of engine, session and envelope.
#[derive(Default)]
pub struct readdress_decision {
    decision: Decision,
    /// What `decision` has been made for, and what the next one is to be for.
    is: Purpose,
    wanted: Purpose,
    told: Told,
}

/// What a decision is for.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
struct Purpose {
    /// It keeps steps.
    explain: bool,
    /// Its routes have paths for a host that goes by the recipient alone.
    host: bool,
}

impl From<Purpose> for Decision {
    fn from(Purpose { explain, host }: Purpose) -> Decision {
        let decision = if explain { Decision::explained() } else { Decision::new() };
        if host { decision.for_host() } else { decision }
    }
}

impl readdress_decision {
    /// Forgets everything but the memory.
    pub(crate) fn reset(&mut self) {
        self.told.clear();
    }

    /// After a panic nothing that was being worked on is to be trusted.
    pub(crate) fn abandon(&mut self) {
        *self = readdress_decision { wanted: self.wanted, ..readdress_decision::default() };
    }

    /// Decides about recipients, of which one that can't be read fails all.
    pub(crate) fn route<'r>(
        &mut self,
        engine: &Engine,
        envelope: &Envelope<'_>,
        recipients: impl Iterator<Item = Result<&'r [u8], Failure>>,
    ) -> Result<(), Failure> {
        if self.is != self.wanted {
            self.decision = self.wanted.into();
            self.is = self.wanted;
        }
        let mut failure = None;
        let readable = recipients.map_while(|recipient| recipient.map_err(|why| failure = Some(why)).ok());
        let routes = engine.route(envelope, readable, &mut self.decision);
        if let Some(failure) = failure {
            return Err(failure);
        }
        let filled = self.told.fill(&routes?);
        if filled.is_err() {
            self.told.clear();
        }
        Ok(filled.map_err(|_| Error::Memory)?)
    }
}

/// A decision about nothing.
///
/// Returns: the decision; the caller frees it with readdress_decision_free(). NULL only for
/// READDRESS_E_PANIC's reasons.
///
/// Thread-safe.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn readdress_decision_new() -> Option<Box<readdress_decision>> {
    guard::value(|| None, || Some(Box::default()))
}

/// Frees it, and all that it has handed out. NULL is allowed.
///
/// One thread at a time for a decision.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_decision_free(decision: Option<Box<readdress_decision>>) {
    guard::value(|| (), || drop(decision));
}

/// Whether readdress_route() keeps each step that leads to a decision, from its next call with this one
/// on. It does not until it is told to: steps cost a text in memory for each rule, listener, domain and
/// connector that is looked at, for each recipient, and several times the time. For logs that somebody
/// asked for, and for tools. NULL does nothing.
///
/// One thread at a time for a decision.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_decision_explain(decision: Option<&mut readdress_decision>, explain: bool) {
    guard::value(
        || (),
        || {
            if let Some(decision) = decision {
                decision.wanted.explain = explain;
            }
        },
    );
}

/// Whether each route that readdress_route() gives from its next call with this decision on has a host_path:
/// for hosts that choose the next hop by the recipient alone, as Postfix does. What such a host would take for
/// another address than stands there is refused then, and so are routing addresses as sender or in address
/// fields, which it would restore. NULL does nothing.
///
/// One thread at a time for a decision.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_decision_for_host(decision: Option<&mut readdress_decision>, for_host: bool) {
    guard::value(
        || (),
        || {
            if let Some(decision) = decision {
                decision.wanted.host = for_host;
            }
        },
    );
}

/// How many recipients were decided about: as many as the envelope had. 0 for NULL and for one without
/// a decision, which readdress_route() leaves behind when it fails.
///
/// One thread at a time for a decision.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_decision_count(decision: Option<&readdress_decision>) -> usize {
    guard::value(|| 0, || decision.map_or(0, |decision| decision.told.routes.len()))
}

/// What was decided about a recipient.
///
/// Parameters: recipient: its place among those of the envelope, from 0.
///
/// Returns: the decision; NULL for NULL, and where there is no such recipient.
///
/// One thread at a time for a decision.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_decision_at(
    decision: Option<&readdress_decision>,
    recipient: usize,
) -> *const readdress_route_info {
    guard::value(std::ptr::null, || {
        let route = decision.and_then(|decision| decision.told.routes.get(recipient));
        route.map_or(std::ptr::null(), std::ptr::from_ref)
    })
}

/// Whether nothing can change any more. Not, where a rule asks for the header section and the envelope
/// had none, or about recipients who may follow: ask again when all is there, and before refuse only whose
/// route is settled. false for NULL and for one
/// without a decision.
///
/// One thread at a time for a decision.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_decision_final(decision: Option<&readdress_decision>) -> bool {
    guard::value(|| false, || decision.is_some_and(|decision| decision.told.is_final))
}

/// Which way the message goes: READDRESS_OUTBOUND or READDRESS_INBOUND, as the session or the map's
/// listeners say. 0 for NULL and for one without a decision.
///
/// One thread at a time for a decision.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_decision_direction(decision: Option<&readdress_decision>) -> u32 {
    guard::value(|| 0, || decision.map_or(0, |decision| decision.told.direction))
}

/// The name of the map's listener that the session came by.
///
/// Returns: a NUL-terminated text, which lives like all that a decision hands out; NULL if it came by
/// none, for NULL and for one without a decision.
///
/// One thread at a time for a decision.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_decision_listener(decision: Option<&readdress_decision>) -> *const c_char {
    guard::value(std::ptr::null, || {
        decision.and_then(|decision| decision.told.listener).map_or(std::ptr::null(), |name| name.text)
    })
}
