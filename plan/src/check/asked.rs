//! The engine, asked about single addresses: what is proved is what will happen.

use readdress::{
    Added, Direction, Engine, EntryAddress, EntryDirection, EntryKind, PathKind, Scratch, Session,
};

use super::text;

/// The engine, asked about single addresses.
pub(super) struct Asked<'e> {
    pub(super) engine: &'e Engine,
    pub(super) scratch: Scratch,
}

impl Asked<'_> {
    /// What an address becomes in outbound fields, if it changes.
    pub(super) fn outbound(&mut self, address: &[u8]) -> Option<String> {
        self.path(PathKind::Reverse, address)
    }

    /// What an address becomes inbound, if it changes.
    pub(super) fn inbound(&mut self, address: &[u8]) -> Option<String> {
        self.path(PathKind::Forward, address)
    }

    /// Whether an entry names the address on its external side, even if both sides are the same.
    pub(super) fn is_mapped_inbound(&self, address: &[u8]) -> bool {
        self.engine.explain(Direction::Inbound, address).entry.is_some()
    }

    /// The kind of the entry that an address would be under if the one it is under were not there.
    pub(super) fn next_entry(&self, direction: Direction, address: &[u8]) -> Option<EntryKind> {
        self.engine.explain(direction, address).shadowed.first().map(readdress::Entry::kind)
    }

    /// Whether a mailbox would be under the entry of its domain if it had none of its own. Some
    /// never are: postmaster, or one whose base address has an entry.
    pub(super) fn is_domain_entry_next(&self, entry: &Added<'_>) -> bool {
        let next = |direction, address| self.next_entry(direction, address) == Some(EntryKind::Domain);
        next(Direction::Outbound, entry.internal.text)
            && (entry.direction == EntryDirection::Outbound || next(Direction::Inbound, entry.external.text))
    }

    fn path(&mut self, kind: PathKind, address: &[u8]) -> Option<String> {
        let path = self.engine.rewrite_path(Direction::Outbound, kind, address, &mut self.scratch).ok()?;
        path.entry().is_some().then(|| text(path.to()))
    }

    /// Out and in again, if a two-way entry takes the address out.
    pub(super) fn trip(&self, address: &str) -> Option<Trip> {
        let session = |direction| Session::from(direction).with_smtputf8(true);
        let there = self.engine.explain(session(Direction::Outbound), address.as_bytes());
        let entry = there.entry.filter(|entry| entry.direction() == EntryDirection::Both)?;
        let out = there.result.unwrap_or_else(|| address.as_bytes().to_vec());
        let here = self.engine.explain(session(Direction::Inbound), &out);
        let back = here.result.unwrap_or_else(|| out.clone());
        let is_home = self.engine.explain(session(Direction::Outbound), &back).key == there.key;
        let (kind, internal) = (entry.kind(), entry.internal());
        Some(Trip { is_home, kind, internal, steps: [address.to_owned(), text(&out), text(&back)] })
    }

    /// The internal side of the two-way mailbox entry that takes an address in: its key.
    pub(super) fn mailbox_behind(&self, address: &str) -> Option<EntryAddress> {
        let entry = self.engine.explain(Direction::Inbound, address.as_bytes()).entry?;
        let internal = EntryAddress::parse(&entry.internal()).ok()?;
        (entry.kind() == EntryKind::Mailbox).then_some(internal)
    }
}

/// The way of one address.
pub(super) struct Trip {
    /// Whether what comes back is what went out, whatever its spelling.
    pub(super) is_home: bool,
    /// Kind and internal address of the entry that takes it out.
    pub(super) kind: EntryKind,
    pub(super) internal: Vec<u8>,
    /// The address, as what it goes out, and as what that comes in.
    pub(super) steps: [String; 3],
}

/// An address of an unquoted local-part, with quotes where they must be.
pub(super) fn spelled(local_part: &[u8], domain: &[u8]) -> String {
    let is_atext =
        |octet: &u8| octet.is_ascii_alphanumeric() || *octet >= 128 || b"!#$%&'*+-/=?^_`{|}~".contains(octet);
    let is_dot_atom =
        local_part.split(|octet| *octet == b'.').all(|atom| !atom.is_empty() && atom.iter().all(is_atext));
    let local_part = text(local_part);
    let domain = text(domain);
    if is_dot_atom {
        return format!("{local_part}@{domain}");
    }
    let escaped = local_part.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"@{domain}")
}
