//! What a decision hands out about each recipient.

use std::ffi::c_char;

use readdress::routing::{Action, Tls};

/// What becomes of a recipient's copy of a message: READDRESS_DELIVER, _RELAY, _REJECT or _DROP.
pub type readdress_action = u32;
/// It stays here: the mailbox is on this system.
pub const READDRESS_DELIVER: readdress_action = 1;
/// It leaves for another system.
pub const READDRESS_RELAY: readdress_action = 2;
/// The recipient is refused (code 5yz) or deferred (4yz).
pub const READDRESS_REJECT: readdress_action = 3;
/// It is taken and goes nowhere, since a rule says so.
pub const READDRESS_DROP: readdress_action = 4;

/// How the session to the next hop is encrypted: READDRESS_TLS_*. 0 for a copy that does not leave.
pub type readdress_tls = u32;
/// Never.
pub const READDRESS_TLS_NONE: readdress_tls = 1;
/// If the other side can.
pub const READDRESS_TLS_OPPORTUNISTIC: readdress_tls = 2;
/// Always: without it the copy does not leave.
pub const READDRESS_TLS_REQUIRED: readdress_tls = 3;

/// A text that is both: NUL-terminated, and of a length, for texts that hosts or plans have put a NUL
/// into. One that is absent is empty; text is never NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct readdress_text {
    /// The text. Behind its last octet stands a NUL.
    pub text: *const c_char,
    /// Octets of text, without the NUL behind it.
    pub len: usize,
}

/// A field that a copy gets, in place of all fields of that name.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct readdress_header {
    /// The field's name, without the colon.
    pub name: readdress_text,
    /// What stands behind the colon and a space. One line.
    pub value: readdress_text,
}

/// A step that led to a decision, for people.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct readdress_step {
    /// What was looked at: "session", "listener", "message", "recipient", "entry", "accepted-domain",
    /// "wave", "rule", "routing-address", "connector", "dns". Others may be added.
    pub what: readdress_text,
    /// Its name; may be empty. It may be an address.
    pub name: readdress_text,
    /// Why it counted, or did not. The wording may change.
    pub why: readdress_text,
}

/// What was decided about one recipient.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct readdress_route_info {
    /// The forward-path as it was given, without angle brackets.
    pub recipient: readdress_text,
    /// What becomes of the copy.
    pub action: readdress_action,
    /// Of a copy that leaves, how the session is encrypted; 0 of any other.
    pub tls: readdress_tls,
    /// The forward-path to use, without angle brackets; the given one, where nothing changes it. Where
    /// it differs, the given one belongs into ORCPT (RFC 3461 4.2).
    pub forward_path: readdress_text,
    /// The forward-path to hand to a host that chooses the next hop by the recipient alone, as Postfix
    /// does, if the decision is readdress_decision_for_host(): forward_path where that leads the same way,
    /// else a routing address, "user=domain@connector.route.invalid", which "readdress serve" knows. Else
    /// forward_path.
    pub host_path: readdress_text,
    /// The name of the connector that the copy leaves by; empty without one.
    pub connector: readdress_text,
    /// The name that the next hop's certificate has to have; empty if any will do. "*." before it
    /// stands for one label.
    pub tls_name: readdress_text,
    /// The hosts it leaves for, to be tried in this order, as the plan has them: "host", "host:port",
    /// "[192.0.2.1]:25". None, if it does not leave, or leaves for where the DNS says: the mail
    /// exchangers of forward_path's domain.
    pub next_hops: *const readdress_text,
    /// How many.
    pub next_hop_count: usize,
    /// Where the recipient is refused or deferred, the reply code, 400 to 599; else 0.
    pub code: u32,
    /// Whether the copy's addresses are rewritten. Not, where a rule says so: such a copy goes out
    /// without readdress_rewrite().
    pub rewritten: bool,
    /// Whether neither the header section nor recipients who may follow can lead the copy elsewhere: a
    /// refusal may be given at RCPT TO then. Fields to set and remove may still come.
    pub settled: bool,
    /// The enhanced status code of the reply (RFC 3463): "5.1.10". Empty without a reply.
    pub enhanced: readdress_text,
    /// The text of the reply. Empty without a reply.
    pub text: readdress_text,
    /// The fields that the copy gets.
    pub set_headers: *const readdress_header,
    /// How many.
    pub set_header_count: usize,
    /// The names of fields that it loses, all of that name, in any case.
    pub removed_headers: *const readdress_text,
    /// How many.
    pub removed_header_count: usize,
    /// The name of the entry that gave the internal address; may be empty.
    pub entry: readdress_text,
    /// The file the entry came from, as the plan names it; may be empty.
    pub file: readdress_text,
    /// The line of the entry in its file; 0 if unknown, or without an entry.
    pub line: u32,
    /// What led here, in order, if that was asked for: readdress_decision_explain().
    pub steps: *const readdress_step,
    /// How many.
    pub step_count: usize,
}

/// An action in numbers.
pub(crate) fn action(action: Action) -> readdress_action {
    match action {
        Action::Deliver => READDRESS_DELIVER,
        Action::Relay => READDRESS_RELAY,
        Action::Reject => READDRESS_REJECT,
        Action::Drop => READDRESS_DROP,
    }
}

/// Encryption in numbers.
pub(crate) fn tls(tls: Tls) -> readdress_tls {
    match tls {
        Tls::None => READDRESS_TLS_NONE,
        Tls::Opportunistic => READDRESS_TLS_OPPORTUNISTIC,
        Tls::Required => READDRESS_TLS_REQUIRED,
    }
}
