//! What a plan says about where mail goes, as plain data: who may come in, whose mail is ours, by which
//! way it leaves, and what rules there are. Everything here is small but for the recipients, which a map has
//! in sections of their own.

use std::net::IpAddr;

use ipnet::IpNet;

/// All that decides where mail goes, but for the recipients themselves.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Routing {
    /// The domains whose mail comes in here.
    pub accepted_domains: Vec<AcceptedDomain>,
    /// Who may come in, in the order in which they are asked. If there are none, everybody may, and nobody
    /// is trusted but by the direction that the host gives.
    pub listeners: Vec<Listener>,
    /// The ways out.
    pub connectors: Vec<Connector>,
    /// Names of groups of addresses.
    pub groups: Vec<String>,
    /// The batches in which mailboxes move.
    pub waves: Vec<Wave>,
    /// In the order in which they act.
    pub rules: Vec<Rule>,
    /// Whether the plan lists recipients at all: if not, nobody is unknown.
    pub has_directory: bool,
}

impl Routing {
    /// Whether nothing is said about where mail goes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Routing::default()
    }
}

/// A domain, or a domain and all below it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DomainPattern {
    /// The domain as key: in lower case, with A-labels, without the dot behind it. Empty with `below`: every
    /// domain.
    pub domain: Vec<u8>,
    /// Whether it is about all domains below, too: `*.domain`.
    pub below: bool,
}

impl DomainPattern {
    /// Every domain.
    #[must_use]
    pub fn any() -> DomainPattern {
        DomainPattern { domain: Vec::new(), below: true }
    }

    /// Whether the pattern covers a domain, given as key. None covers the empty one: that is no domain.
    #[must_use]
    pub fn covers(&self, domain: &[u8]) -> bool {
        let Some(before) = domain.len().checked_sub(self.domain.len()) else { return false };
        match before {
            0 => domain == self.domain && !domain.is_empty(),
            _ if !self.below => false,
            _ if self.domain.is_empty() => true,
            _ => domain.get(before - 1) == Some(&b'.') && domain.ends_with(&self.domain),
        }
    }

    /// How closely it names a domain that it covers: an exact domain before any `*.`, a longer one before a
    /// shorter one.
    #[must_use]
    pub fn closeness(&self) -> (bool, usize) {
        (!self.below, self.domain.len())
    }
}

/// What becomes of mail for somebody of an accepted domain who is not known here.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DomainType {
    /// Refused: all mailboxes are here.
    Authoritative,
    /// Handed on: some mailboxes are elsewhere.
    InternalRelay,
    /// Nobody is looked up: all mailboxes are elsewhere.
    ExternalRelay,
}

impl DomainType {
    /// All types.
    pub const ALL: [DomainType; 3] =
        [DomainType::Authoritative, DomainType::InternalRelay, DomainType::ExternalRelay];

    /// Its name in plans and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DomainType::Authoritative => "authoritative",
            DomainType::InternalRelay => "internal-relay",
            DomainType::ExternalRelay => "external-relay",
        }
    }
}

/// A domain whose mail comes in here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AcceptedDomain {
    /// Which domain, or which and all below.
    pub domain: DomainPattern,
    /// What becomes of mail for unknown recipients.
    pub kind: DomainType,
    /// Where it stands in the plan file.
    pub line: u32,
}

/// Whether a session is encrypted.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Tls {
    /// Never.
    None,
    /// If the other side can.
    #[default]
    Opportunistic,
    /// Always, with a valid certificate if a name is given.
    Required,
}

impl Tls {
    /// All of them.
    pub const ALL: [Tls; 3] = [Tls::None, Tls::Opportunistic, Tls::Required];

    /// Its name in plans and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tls::None => "none",
            Tls::Opportunistic => "opportunistic",
            Tls::Required => "required",
        }
    }
}

/// Somebody who may come in, and as what. The first that a session fits is the session's.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listener {
    /// Its name.
    pub name: String,
    /// The addresses that clients have; empty: any.
    pub client_ip: Vec<IpNet>,
    /// What encryption is asked of the session; [`Tls::None`] and [`Tls::Opportunistic`] ask nothing.
    pub tls: Tls,
    /// The name that the client's verified certificate has to have; `*.` before it stands for one label.
    pub tls_name: Option<String>,
    /// Whether the client has to authenticate itself.
    pub authenticated: bool,
    /// A session of one of our systems: its messages are outbound.
    pub trusted: bool,
    /// Whether sessions that are not trusted may send to domains that are not accepted here. Without rules
    /// against it this is an open relay.
    pub anonymous_relay: bool,
    /// Where it stands in the plan file.
    pub line: u32,
}

/// Where a connector leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NextHop {
    /// To the mail exchangers of the recipient's domain, as DNS has them.
    Mx,
    /// To these hosts, as they stand in the plan: `host`, `host:port`, `[192.0.2.1]:25`. At least one.
    SmartHosts(Vec<String>),
}

/// A way out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connector {
    /// Its name.
    pub name: String,
    /// Where it leads.
    pub next_hop: NextHop,
    /// The domains it serves.
    pub address_spaces: Vec<DomainPattern>,
    /// Whether only rules choose it.
    pub rule_scoped: bool,
    /// The lower of two that serve the same domain is taken.
    pub cost: u32,
    /// How it encrypts.
    pub tls: Tls,
    /// The name that the next hop's certificate has to have.
    pub tls_name: Option<String>,
    /// An address at the other side that the connector is tried with.
    pub validation_address: Option<String>,
    /// Where it stands in the plan file.
    pub line: u32,
}

/// How far a batch of mailboxes has come.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum WaveState {
    /// The mailboxes are at the source.
    Pending,
    /// They are on both sides; mail goes to the source.
    InFlight,
    /// They are here, and the source forwards.
    Migrated,
    /// They are here, and the source knows nothing of them any more.
    Retired,
}

impl WaveState {
    /// All states, in the order in which a wave goes through them.
    pub const ALL: [WaveState; 4] =
        [WaveState::Pending, WaveState::InFlight, WaveState::Migrated, WaveState::Retired];

    /// Its name in plans and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            WaveState::Pending => "pending",
            WaveState::InFlight => "in-flight",
            WaveState::Migrated => "migrated",
            WaveState::Retired => "retired",
        }
    }

    /// Whether mail is delivered here.
    #[must_use]
    pub fn is_here(self) -> bool {
        matches!(self, WaveState::Migrated | WaveState::Retired)
    }
}

/// A batch of mailboxes that move together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wave {
    /// Its name.
    pub name: String,
    /// How far it has come.
    pub state: WaveState,
    /// Where it stands in the plan file.
    pub line: u32,
}

/// Inside or outside.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scope {
    /// A sender on a trusted session with an address in an accepted domain that is authoritative or internal
    /// relay, or with the null reverse-path; a recipient in the directory or in such a domain.
    InOrganization,
    /// Everybody else.
    NotInOrganization,
}

impl Scope {
    /// Both.
    pub const ALL: [Scope; 2] = [Scope::InOrganization, Scope::NotInOrganization];

    /// Its name in plans and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scope::InOrganization => "in-organization",
            Scope::NotInOrganization => "not-in-organization",
        }
    }
}

/// Which address is the sender to a rule.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum SenderLocation {
    /// The reverse-path.
    #[default]
    Envelope,
    /// Every mailbox of every From field: one that fits is enough.
    Header,
}

/// What a rule does to a message about which it can't be decided: one whose From it asks for and does not
/// parse.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum OnError {
    /// The rule does not act; the next one is asked.
    #[default]
    Ignore,
    /// The message is deferred: 451 4.3.0.
    Defer,
}

/// One thing that a rule asks. It holds if one of its values does. Groups and listeners are numbers in
/// [`Routing::groups`] and [`Routing::listeners`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Condition {
    /// The sender is one of these, as keys: `local-part@domain`. The null reverse-path is the empty key.
    Sender(Vec<Vec<u8>>),
    /// The sender's domain is one of these.
    SenderDomain(Vec<DomainPattern>),
    /// The sender is inside or outside.
    SenderScope(Scope),
    /// The sender is in one of these groups.
    SenderMemberOf(Vec<u16>),
    /// The recipient is one of these, as keys.
    Recipient(Vec<Vec<u8>>),
    /// The recipient's domain is one of these.
    RecipientDomain(Vec<DomainPattern>),
    /// The recipient is inside or outside.
    RecipientScope(Scope),
    /// The recipient is in one of these groups.
    RecipientMemberOf(Vec<u16>),
    /// Any recipient of the message is in one of these domains.
    AnyRecipientDomain(Vec<DomainPattern>),
    /// The client has one of these addresses.
    ClientIp(Vec<IpNet>),
    /// The session came by one of these listeners.
    Listener(Vec<u16>),
    /// A field of this name is there and its body, unfolded, contains this text, whatever its case.
    Header(Vec<(String, String)>),
}

impl Condition {
    /// Its name in plans and reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Condition::Sender(_) => "sender",
            Condition::SenderDomain(_) => "sender-domain",
            Condition::SenderScope(_) => "sender-scope",
            Condition::SenderMemberOf(_) => "sender-member-of",
            Condition::Recipient(_) => "recipient",
            Condition::RecipientDomain(_) => "recipient-domain",
            Condition::RecipientScope(_) => "recipient-scope",
            Condition::RecipientMemberOf(_) => "recipient-member-of",
            Condition::AnyRecipientDomain(_) => "any-recipient-domain",
            Condition::ClientIp(_) => "client-ip",
            Condition::Listener(_) => "listener",
            Condition::Header(_) => "header",
        }
    }

    /// Whether it is about the sender.
    #[must_use]
    pub fn is_about_sender(&self) -> bool {
        matches!(
            self,
            Condition::Sender(_)
                | Condition::SenderDomain(_)
                | Condition::SenderScope(_)
                | Condition::SenderMemberOf(_)
        )
    }
}

/// An answer to a client that is no success (RFC 5321 4.2, RFC 3463).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Reply {
    /// The reply code, 400 to 599.
    pub code: u16,
    /// The enhanced status code: `5.7.1`.
    pub enhanced: String,
    /// The text behind them: one line of printable ASCII.
    pub text: String,
}

/// What a rule does with a recipient's copy of the message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Actions {
    /// It leaves by this connector, a number in [`Routing::connectors`]. The last rule that says so counts.
    pub route_via: Option<u16>,
    /// It goes to this address, as it stands in the plan, instead.
    pub redirect_to: Option<String>,
    /// It is refused.
    pub reject: Option<Reply>,
    /// It is taken and goes nowhere.
    pub drop: bool,
    /// Fields that it gets, in place of all of that name.
    pub set_header: Vec<(String, String)>,
    /// Fields that it loses.
    pub remove_header: Vec<String>,
    /// It keeps its addresses as they are.
    pub rewrite_off: bool,
}

/// If this, then that. The conditions of `when` must all hold and none of `unless` may.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What must hold; nothing: the rule is about everything.
    pub when: Vec<Condition>,
    /// What must not.
    pub unless: Vec<Condition>,
    /// What it does.
    pub actions: Actions,
    /// Who the sender is.
    pub sender_location: SenderLocation,
    /// What becomes of messages that it can't decide about.
    pub on_error: OnError,
    /// Whether no later rule acts on the same copy.
    pub stop: bool,
    /// Where it stands in the plan file.
    pub line: u32,
}

/// Somebody whom a plan knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NewRecipient<'r> {
    /// The address, as on the wire. Two with one key are the same: add each once.
    pub address: &'r [u8],
    /// Whether there is a mailbox of this address, as opposed to an address of a group's member elsewhere.
    pub is_listed: bool,
    /// Where mail for it goes instead.
    pub routing_address: Option<&'r [u8]>,
    /// The groups it is in: numbers in [`Routing::groups`], ascending.
    pub groups: &'r [u16],
    /// The wave it moves with: a number in [`Routing::waves`].
    pub wave: Option<u16>,
}

/// Whether an address is in one of some networks. Addresses of version 4 in the form of version 6
/// (`::ffff:192.0.2.1`) are those of version 4.
pub(crate) fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_whole_labels() {
        let pattern = |domain: &str, below| DomainPattern { domain: domain.as_bytes().to_vec(), below };
        assert!(pattern("x.example", false).covers(b"x.example"));
        assert!(!pattern("x.example", false).covers(b"a.x.example"));
        assert!(pattern("x.example", true).covers(b"x.example"));
        assert!(pattern("x.example", true).covers(b"a.x.example"));
        assert!(!pattern("x.example", true).covers(b"ax.example"));
        assert!(DomainPattern::any().covers(b"x.example") && !DomainPattern::any().covers(b""));
    }

    #[test]
    fn an_address_of_version_4_is_the_same_in_both_forms() {
        let networks = ["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        for (address, expected) in [
            ("192.0.2.9", true),
            ("::ffff:192.0.2.9", true),
            ("192.0.3.9", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(is_in(&networks, address.parse().unwrap()), expected, "{address}");
        }
    }
}
