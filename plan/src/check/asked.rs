//! The engine, asked about single addresses: what is proved is what will happen.

use readdress::{
    Direction, Engine, EntryAddress, EntryDirection, EntryKind, PathKind, Scratch, Session, Tried,
};

use super::text;
pub(super) use crate::spelled::spelled;

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

    /// Who takes an address in.
    pub(super) fn taker(&self, address: &[u8]) -> Taker {
        let explained = self.engine.explain(Session::from(Direction::Inbound).with_smtputf8(true), address);
        let Some(entry) = explained.entry else { return Taker::Nobody };
        let Some(result) = explained.result else { return Taker::Itself };
        let key = self.engine.explain(Direction::Outbound, &result).key.unwrap_or_default();
        Taker::Entry { key, address: text(&result), internal: entry.internal() }
    }

    /// The local-parts of the mailboxes that an address of an external domain may be meant for.
    pub(super) fn names(&self, local_part: &[u8], domain: &[u8]) -> Vec<Vec<u8>> {
        let tried = self.engine.explain(Direction::Inbound, spelled(local_part, domain).as_bytes()).tried;
        let name = |tried: Tried| Some(tried.key.strip_suffix(domain)?.strip_suffix(b"@")?.to_vec());
        tried.into_iter().filter_map(name).collect()
    }

    /// Whether an outbound-only entry for whole domains changes an address on its way out.
    pub(super) fn is_moved_one_way(&mut self, address: &[u8]) -> bool {
        let session = Session::from(Direction::Outbound).with_smtputf8(true);
        let path = self.engine.rewrite_path(session, PathKind::Reverse, address, &mut self.scratch);
        path.is_ok_and(|path| {
            path.entry().is_some_and(|entry| {
                entry.kind() != EntryKind::Mailbox && entry.direction() == EntryDirection::Outbound
            })
        })
    }

    /// Whether an entry names the address on its external side, even if both sides are the same.
    pub(super) fn is_mapped_inbound(&self, address: &[u8]) -> bool {
        self.engine.explain(Direction::Inbound, address).entry.is_some()
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

/// Who takes an address in.
pub(super) enum Taker {
    /// Whoever an entry says: key and address, and the entry's internal side.
    Entry { key: Vec<u8>, address: String, internal: Vec<u8> },
    /// The address itself: an entry says that it is the same inside.
    Itself,
    /// No entry says it.
    Nobody,
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
