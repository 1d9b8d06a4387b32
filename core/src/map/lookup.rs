//! Which entry wins: the ladder of keys an address is looked up under.
//!
//! 1. the mailbox with its subaddress, as it stands and then without a BATV tag,
//! 2. the mailbox without both,
//! 3. its domain,
//! 4. the longest `*.` domain at or above its domain.
//!
//! The first that is there wins; what an entry gives is never looked up again. Address literals are
//! known by whole mailboxes alone, and `local_part` says what no domain entry moves.

use std::ops::ControlFlow;

use crate::addr_spec::{Address, DOMAIN_MAX};
use crate::local_part::{LocalPart, Movable, may_have_parts};
use crate::map::Map;
use crate::map::domains::{DomainRecord, NONE, is_exception};
use crate::map::format::SectionId;
use crate::map::record::EntryDirection;
use crate::map::tables::{Mark, NthBlock, Tables};
use crate::policy::Direction;
use crate::span::Span;

/// The kind of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyKind {
    /// The whole address.
    Mailbox,
    /// The address without its subaddress.
    Subaddress,
    /// Its domain.
    Domain,
    /// A `*.` domain at or above its domain.
    Subdomain,
}

impl KeyKind {
    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KeyKind::Mailbox => "mailbox",
            KeyKind::Subaddress => "subaddress",
            KeyKind::Domain => "domain",
            KeyKind::Subdomain => "subdomain",
        }
    }
}

/// Which side of the entries an address is looked for on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeySide {
    Internal,
    External,
}

impl KeySide {
    /// The side that the fields of a message of this direction are on before rewriting.
    pub(crate) fn of(direction: Direction) -> KeySide {
        match direction {
            Direction::Outbound => KeySide::Internal,
            Direction::Inbound => KeySide::External,
        }
    }
}

/// The entry that won.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Hit {
    pub(crate) mark: Mark,
    pub(crate) kind: KeyKind,
    /// The octets of the local-part that were looked up; what stands around them was set aside.
    pub(crate) name: Span,
}

impl Hit {
    pub(crate) fn of(rung: &Rung<'_>, mark: Mark) -> Hit {
        Hit { mark, kind: rung.kind, name: Span::new(rung.tag, rung.tag + rung.local_part.len()) }
    }
}

/// What looking an address up gave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Found {
    Hit(Hit),
    /// No entry maps it, but entries name its domain.
    Unmapped,
    /// No entry says anything about its domain, or one says to leave it alone.
    Nothing,
}

/// One key of the ladder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rung<'a> {
    pub(crate) kind: KeyKind,
    /// Octets of a tag before the local-part of the key.
    pub(crate) tag: usize,
    /// The local-part of the key; empty for domains.
    pub(crate) local_part: &'a [u8],
    pub(crate) domain: &'a [u8],
    pub(crate) entry: Option<Mark>,
}

/// How far the look-up of an address has come. Those of several addresses go side by side, step by step, so
/// that they wait for memory together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    /// Number of the domain's record.
    domain: Option<u32>,
    /// Of the domain and the whole local-part; 0 if the domain has no mailboxes.
    hash: u64,
    /// Number of the block that the whole local-part is in, if it is anywhere.
    number: Option<u32>,
    block: Option<NthBlock>,
}

/// An address that is being looked up.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) address: Address,
    /// Of the address, only the key was read.
    pub(crate) has_only_key: bool,
    pub(crate) way: Way,
}

impl<D: AsRef<[u8]>> Map<D> {
    /// Looks an address up.
    pub(crate) fn look_up(&self, tables: &Tables<'_>, address: &Address) -> Found {
        let mut way = tables.set_out(address);
        way.find_block(tables, address);
        way.reach_block(tables);
        self.arrive(tables, address, &way)
    }

    /// The last step. Most addresses are found under their whole mailbox, the first key, or have no other.
    #[inline]
    pub(crate) fn arrive(&self, tables: &Tables<'_>, address: &Address, way: &Way) -> Found {
        let side = tables.side;
        let may_be_below = side == KeySide::Internal && self.has_subdomain_entries;
        let Some(record) = way.record(tables) else {
            return if may_be_below { self.look_up_by_ladder(side, address) } else { Found::Nothing };
        };
        if let Some(mark) = way.block.and_then(|block| tables.mark(&record, block, &address.local_key)) {
            let name = Span::new(0, address.local_key.len());
            return Found::Hit(Hit { mark, kind: KeyKind::Mailbox, name });
        }
        let delimiters = self.policy().subaddress_delimiters.as_bytes();
        if may_be_below || record.exact != NONE || may_have_parts(&address.local_key, delimiters) {
            return self.look_up_by_ladder(side, address);
        }
        if record.names_mailboxes() { Found::Unmapped } else { Found::Nothing }
    }

    /// Looks an address up under all of its keys.
    fn look_up_by_ladder(&self, side: KeySide, address: &Address) -> Found {
        let mut hit = None;
        let named = self.climb::<false>(side, address, |rung| match rung.entry {
            Some(entry) => {
                hit = Some(Hit::of(&rung, entry));
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        });
        match hit {
            Some(hit) => Found::Hit(hit),
            None if named => Found::Unmapped,
            None => Found::Nothing,
        }
    }

    /// Whether entries say something about `domain`, given in any case.
    pub(crate) fn names_domain(&self, side: KeySide, domain: &[u8]) -> bool {
        let tables = self.tables(side);
        let mut buffer = [0; DOMAIN_MAX];
        let Some(lower) = buffer.get_mut(..domain.len()) else { return false };
        lower.copy_from_slice(domain);
        lower.make_ascii_lowercase();
        let exact = tables.domains.find(lower).is_some_and(|(_, record)| record.names_mailboxes());
        exact || self.covers(side, &tables, lower)
    }

    /// Walks the ladder, calling `visit` with each key until it breaks off. `ALL`: with keys that
    /// are known to miss, too. Returns whether entries name the address's domain.
    pub(crate) fn climb<const ALL: bool>(
        &self,
        side: KeySide,
        address: &Address,
        mut visit: impl FnMut(Rung<'_>) -> ControlFlow<()>,
    ) -> bool {
        let tables = self.tables(side);
        let domain = address.domain_key.as_slice();
        let known = tables.domains.find(domain);
        let may_be_below = side == KeySide::Internal && self.has_subdomain_entries;
        if known.is_none() && !may_be_below && !ALL {
            return false;
        }
        let mut named = known.is_some_and(|(_, record)| record.names_mailboxes());
        let mailboxes = known.filter(|(_, record)| record.mailboxes > 0);

        let LocalPart { tag, subaddress, movable } =
            LocalPart::read(&address.local_key, self.policy().subaddress_delimiters.as_bytes());
        let whole = address.local_key.len();
        let keys = [
            (KeyKind::Mailbox, Some((0, whole))),
            (KeyKind::Mailbox, (tag > 0).then_some((tag, whole))),
            (KeyKind::Subaddress, subaddress.map(|at| (tag, at))),
        ];
        for (kind, place) in keys {
            let Some((tag, local_part)) =
                place.and_then(|(tag, end)| Some((tag, address.local_key.get(tag..end)?)))
            else {
                continue;
            };
            let entry = mailboxes.and_then(|(number, record)| tables.mailbox(number, &record, local_part));
            if (mailboxes.is_some() || ALL) && visit(Rung { kind, tag, local_part, domain, entry }).is_break()
            {
                return named;
            }
        }
        if movable == Movable::Never || !address.has_plain_domain() {
            return named || self.covers(side, &tables, domain);
        }
        let entry = known.and_then(|(_, record)| entry(record.exact));
        let entry = entry
            .filter(|&number| movable == Movable::Always || self.leads_back(number))
            .map(Mark::of_domain);
        let rung = Rung { kind: KeyKind::Domain, tag: 0, local_part: &[], domain, entry };
        if (entry.is_some() || ALL) && visit(rung).is_break() {
            return named;
        }
        if movable == Movable::ThereAndBack {
            return named || self.covers(side, &tables, domain);
        }
        if may_be_below && let Some((domain, entry)) = self.subdomain_entry(&tables, domain) {
            named |= entry.is_some();
            let entry = entry.map(Mark::of_domain);
            // The last rung: whether to go on makes no difference.
            _ = visit(Rung { kind: KeyKind::Subdomain, tag: 0, local_part: &[], domain, entry });
        }
        named
    }

    /// Whether what goes out through an entry comes back through it.
    fn leads_back(&self, entry: u32) -> bool {
        self.view().domain_entry(entry).is_some_and(|entry| entry.direction == EntryDirection::Both)
    }

    /// Whether a `*.` entry is about `domain`.
    fn covers(&self, side: KeySide, tables: &Tables<'_>, domain: &[u8]) -> bool {
        side == KeySide::Internal
            && self.subdomain_entry(tables, domain).is_some_and(|(_, entry)| entry.is_some())
    }

    /// The longest `*.` domain at or above `domain`, with its entry; without, if `domain` is one
    /// of its exceptions.
    fn subdomain_entry<'a>(&self, tables: &Tables<'_>, domain: &'a [u8]) -> Option<(&'a [u8], Option<u32>)> {
        if !self.has_subdomain_entries {
            return None;
        }
        let (parent, number) = at_and_above(domain)
            .find_map(|parent| Some((parent, entry(tables.domains.find(parent)?.1.subdomains)?)))?;
        Some((parent, Some(number).filter(|&number| !self.is_excepted(number, domain))))
    }

    fn is_excepted(&self, entry: u32, domain: &[u8]) -> bool {
        let exceptions = self.view().section(SectionId::Exceptions);
        let Some(texts) = self.view().texts().filter(|_| !exceptions.is_empty()) else { return false };
        at_and_above(domain).any(|parent| is_exception(exceptions, &texts, entry, parent))
    }
}

impl Tables<'_> {
    /// The first step of a look-up.
    #[inline]
    pub(crate) fn set_out(&self, address: &Address) -> Way {
        let mut way = Way::default();
        if let Some(number) = self.domains.number(&address.domain_key) {
            way.domain = Some(number);
            if way.record(self).is_some_and(|record| record.mailboxes > 0) {
                way.hash = self.filter_hash(number, &address.local_key);
            }
        }
        way
    }

    /// The steps between, side by side.
    pub(crate) fn approach(&self, asked: &mut [Asked]) {
        for Asked { address, way, .. } in &mut *asked {
            way.find_block(self, address);
        }
        for Asked { way, .. } in asked {
            way.reach_block(self);
        }
    }
}

impl Way {
    #[inline]
    fn record(&self, tables: &Tables<'_>) -> Option<DomainRecord> {
        tables.domains.record(self.domain?)
    }

    #[inline]
    fn find_block(&mut self, tables: &Tables<'_>, address: &Address) {
        self.number = self
            .record(tables)
            .and_then(|record| tables.block_number(&record, self.hash, &address.local_key));
    }

    #[inline]
    fn reach_block(&mut self, tables: &Tables<'_>) {
        self.block = self.number.and_then(|number| tables.block(&self.record(tables)?, number));
    }
}

/// An entry's number, if it is one.
fn entry(number: u32) -> Option<u32> {
    (number != NONE).then_some(number)
}

/// `domain` and its parents, the longest first.
pub(crate) fn at_and_above(domain: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parents = memchr::memchr_iter(b'.', domain).filter_map(move |dot| domain.get(dot + 1..));
    std::iter::once(domain).chain(parents)
}
