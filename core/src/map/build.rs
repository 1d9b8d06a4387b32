//! Building a map file from entries: check each one, find the pairs that contradict each other,
//! sort, write. The same entries in any order, with the same policy, give the same octets but for
//! where they came from.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::map::directory::Recipients;
use crate::map::domains::NONE;
use crate::map::entry::{ADDRESS_MAX, AddressError, EntryAddress};
use crate::map::record::{EntryDirection, EntryKind};
use crate::map::sort::Sorted;
use crate::policy::Policy;
use crate::routing::Routing;
use crate::span::{Span, narrow, widen};

/// The most entries a map can have.
pub const ENTRIES_MAX: u32 = 100_000_000;
/// The most octets a name, a file name or a list of exceptions can have.
pub const TEXT_MAX: usize = 65_535;

/// A file that entries come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SourceFile(u32);

/// An entry of a builder, numbered from 0 in the order of adding.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EntryId(pub u32);

/// An entry to add. Addresses are in external form: quoted as on the wire.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// Shown in reports and logs; may be empty.
    pub name: &'a str,
    /// `user@domain`, `domain` or `*.domain`.
    pub internal: &'a [u8],
    /// `user@domain` or `domain`.
    pub external: &'a [u8],
    /// Both ways or outbound only.
    pub direction: EntryDirection,
    /// For `*.domain`: domains left alone, with all below them.
    pub except: &'a [&'a [u8]],
    /// Where it came from.
    pub source: Option<(SourceFile, u32)>,
}

/// Why an entry can't be added. The builder is as it was.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EntryError {
    /// One of its addresses is none.
    Address {
        /// Which one.
        side: Side,
        /// Why.
        error: AddressError,
    },
    /// A mailbox on one side and a domain on the other.
    KindMismatch,
    /// A `*.domain` that is not outbound-only: inbound, nothing says which of the domains to
    /// restore.
    WildcardNotOutboundOnly,
    /// A `*.domain` on the external side.
    WildcardExternal,
    /// Exceptions without a `*.domain`.
    ExceptWithoutWildcard,
    /// The exception of this number is no domain below the entry's.
    ExceptOutside(usize),
    /// A name or list longer than [`TEXT_MAX`], more than [`ENTRIES_MAX`] entries, or 4 GiB of
    /// text in all.
    TooLarge,
}

/// A place in an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The internal address.
    Internal,
    /// The external address.
    External,
    /// The exception of this number, from 0.
    Except(usize),
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryError::Address { error, .. } => error.fmt(f),
            EntryError::KindMismatch => {
                f.write_str("one side is a mailbox and the other a domain; both must be of one kind")
            }
            EntryError::WildcardNotOutboundOnly => f.write_str(
                "an entry for *.domain must be outbound-only: for inbound mail nothing says which domain to restore",
            ),
            EntryError::WildcardExternal => f.write_str("the external side can't be *.domain"),
            EntryError::ExceptWithoutWildcard => f.write_str("exceptions need a *.domain as internal address"),
            EntryError::ExceptOutside(_) => f.write_str("the exception is no domain below the entry's *.domain"),
            EntryError::TooLarge => f.write_str("a name or list is longer than 65535 octets, or there are too many entries"),
        }
    }
}

impl std::error::Error for EntryError {}

/// An entry in a builder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Added<'b> {
    /// Mailbox, domain or `*.domain`.
    pub kind: EntryKind,
    /// Both ways or outbound only.
    pub direction: EntryDirection,
    /// Its name.
    pub name: &'b str,
    /// The internal address.
    pub internal: AddedSide<'b>,
    /// The external address.
    pub external: AddedSide<'b>,
}

/// One side of an entry in a builder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddedSide<'b> {
    /// As it was written.
    pub text: &'b [u8],
    /// The key's local-part: unquoted, in lower case; empty for domains.
    pub local_part: &'b [u8],
    /// The key's domain, in lower case.
    pub domain: &'b [u8],
}

/// Two entries that can't both be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Conflict {
    /// How they contradict each other.
    pub kind: ConflictKind,
    /// The one added first.
    pub first: EntryId,
    /// The other.
    pub second: EntryId,
}

/// The kinds of [`Conflict`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConflictKind {
    /// The same internal key twice.
    DuplicateInternal,
    /// Two two-way entries with the same external key: a reply can't find its way back.
    NotInvertible,
}

/// Why no map was built.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BuildError {
    /// Entries contradict each other.
    Conflicts(Vec<Conflict>),
    /// The mailboxes of one side take 4 GiB or more.
    TooLarge,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Conflicts(conflicts) => {
                write!(f, "{} pairs of entries contradict each other", conflicts.len())
            }
            BuildError::TooLarge => f.write_str("the entries take 4 GiB or more"),
        }
    }
}

impl std::error::Error for BuildError {}

/// Collects entries and writes the map file.
#[derive(Clone, Debug, Default)]
pub struct MapBuilder {
    pub(super) name: String,
    pub(super) policy: Policy,
    pub(super) sources: Vec<String>,
    /// Names, addresses and keys of all entries.
    texts: Vec<u8>,
    pub(super) entries: Vec<Pending>,
    pub(super) domains: DomainNames,
    /// For entries that have any, the domains they leave alone.
    pub(super) except: BTreeMap<u32, Vec<u32>>,
    pub(super) routing: Routing,
    /// The recipients; none, if the plan lists none.
    pub(super) recipients: Option<Box<Recipients>>,
}

/// An entry of a builder: as small as can be, for there may be many millions.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// Where in the texts its own begin: name, internal address, external address, and those keys of
    /// local-parts that are not spelled like the local-part.
    at: u32,
    pub(super) source: (u32, u32),
    /// The domain of each side as it is spelled.
    pub(super) domains: [u32; 2],
    name: u16,
    /// Octets of each address.
    addresses: [u8; 2],
    /// Octets of each key of a local-part that stands for itself.
    keys: [u8; 2],
    pub(super) kind: EntryKind,
    pub(super) direction: EntryDirection,
}

/// A side of an entry, as an index.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Of {
    Internal,
    External,
}

impl Of {
    pub(super) fn other(self) -> Of {
        match self {
            Of::Internal => Of::External,
            Of::External => Of::Internal,
        }
    }
}

/// All domains that entries name, each spelling once, numbered in the order of adding.
#[derive(Clone, Debug, Default)]
pub(super) struct DomainNames {
    numbers: HashMap<Box<[u8]>, u32>,
    /// Spelling, and number of the key.
    names: Vec<(Box<[u8]>, u32)>,
}

impl DomainNames {
    /// The number of a spelling whose key is `key`.
    fn number(&mut self, spelling: &[u8], key: &[u8]) -> u32 {
        if let Some(&number) = self.numbers.get(spelling) {
            return number;
        }
        let key = if spelling == key { narrow(self.names.len()) } else { self.number(key, key) };
        let number = narrow(self.names.len());
        self.numbers.insert(spelling.into(), number);
        self.names.push((spelling.into(), key));
        number
    }

    /// A domain as it is spelled.
    pub(super) fn text(&self, number: u32) -> &[u8] {
        self.names.get(widen(number)).map_or(&[], |(text, _)| text)
    }

    /// The number of a domain's key.
    pub(super) fn key(&self, number: u32) -> u32 {
        self.names.get(widen(number)).map_or(number, |(_, key)| *key)
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

impl MapBuilder {
    /// A builder without entries, with the default policy.
    #[must_use]
    pub fn new() -> MapBuilder {
        MapBuilder::default()
    }

    /// Names the plan; cut to [`TEXT_MAX`] octets.
    pub fn set_name(&mut self, name: &str) {
        let end = (0..=name.len().min(TEXT_MAX)).rev().find(|&end| name.is_char_boundary(end));
        name.get(..end.unwrap_or(0)).unwrap_or_default().clone_into(&mut self.name);
    }

    /// Sets everything that is not an entry.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// What is rewritten, and how.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Names a file that entries come from, relative to the plan.
    pub fn add_source(&mut self, file: &str) -> SourceFile {
        let number = self.sources.iter().position(|known| known == file).unwrap_or_else(|| {
            self.sources.push(file.to_owned());
            self.sources.len() - 1
        });
        SourceFile(narrow(number))
    }

    /// Entries so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry.
    pub fn add(&mut self, entry: &NewEntry<'_>) -> Result<EntryId, EntryError> {
        let parse = |side, text: &[u8]| {
            EntryAddress::parse(text).map_err(|error| EntryError::Address { side, error })
        };
        let internal = parse(Side::Internal, entry.internal)?;
        let external = parse(Side::External, entry.external)?;
        let kind = kind_of(&internal, &external, entry.direction)?;
        if kind != EntryKind::Subdomains && !entry.except.is_empty() {
            return Err(EntryError::ExceptWithoutWildcard);
        }
        let mut exceptions = Vec::new();
        for (number, text) in entry.except.iter().enumerate() {
            match parse(Side::Except(number), text)? {
                EntryAddress::Domain(domain) if is_at_or_below(&domain, internal.domain()) => {
                    exceptions.push(domain);
                }
                _ => return Err(EntryError::ExceptOutside(number)),
            }
        }
        let exception_octets: usize = exceptions.iter().map(Vec::len).sum();
        let octets = entry.name.len() + 4 * ADDRESS_MAX;
        let name = u16::try_from(entry.name.len()).map_err(|_| EntryError::TooLarge)?;
        if exception_octets > TEXT_MAX
            || self.entries.len() >= widen(ENTRIES_MAX)
            || self.texts.len() + octets > widen(u32::MAX)
        {
            return Err(EntryError::TooLarge);
        }
        let id = EntryId(narrow(self.entries.len()));
        let at = narrow(self.texts.len());
        self.texts.extend_from_slice(entry.name.as_bytes());
        let (internal_text, internal_domain) = self.keep_address(entry.internal, &internal);
        let (external_text, external_domain) = self.keep_address(entry.external, &external);
        let keys = [
            self.keep_key(internal_text, internal_domain, &internal),
            self.keep_key(external_text, external_domain, &external),
        ];
        if !exceptions.is_empty() {
            let numbers = exceptions.iter().map(|domain| self.domains.number(domain, domain)).collect();
            self.except.insert(id.0, numbers);
        }
        self.entries.push(Pending {
            at,
            source: entry.source.map_or((NONE, 0), |(file, line)| (file.0, line)),
            domains: [internal_domain, external_domain],
            name,
            addresses: [internal_text, external_text].map(|text| octets_of(text.len())),
            keys,
            kind,
            direction: entry.direction,
        });
        Ok(id)
    }

    /// An entry as it was added.
    #[must_use]
    pub fn get(&self, id: EntryId) -> Option<Added<'_>> {
        let entry = self.entry(id.0)?;
        let side = |of| AddedSide {
            text: self.address(entry, of),
            local_part: self.local_key(entry, of),
            domain: self.domains.text(self.domains.key(entry.domain(of))),
        };
        Some(Added {
            kind: entry.kind,
            direction: entry.direction,
            name: std::str::from_utf8(self.name(entry)).unwrap_or_default(),
            internal: side(Of::Internal),
            external: side(Of::External),
        })
    }

    /// Every pair of entries that contradict each other; of more than two alike, the first with
    /// each of the others.
    #[must_use]
    pub fn conflicts(&self) -> Vec<Conflict> {
        conflicts_of(&self.sorted(Of::Internal), &self.sorted(Of::External))
    }

    /// The map file's octets, sealed.
    pub fn finish(&self) -> Result<Vec<u8>, BuildError> {
        let [internal, external] = [Of::Internal, Of::External].map(|of| self.sorted(of));
        let conflicts = conflicts_of(&internal, &external);
        if !conflicts.is_empty() {
            return Err(BuildError::Conflicts(conflicts));
        }
        self.file(&internal, &external).ok_or(BuildError::TooLarge)
    }

    pub(super) fn entry(&self, id: u32) -> Option<&Pending> {
        self.entries.get(widen(id))
    }

    /// An entry's name.
    pub(super) fn name(&self, entry: &Pending) -> &[u8] {
        self.text(entry, 0, usize::from(entry.name))
    }

    /// An entry's address as it is spelled.
    pub(super) fn address(&self, entry: &Pending, of: Of) -> &[u8] {
        let [internal, external] = entry.addresses.map(usize::from);
        let before = usize::from(entry.name);
        match of {
            Of::Internal => self.text(entry, before, internal),
            Of::External => self.text(entry, before + internal, external),
        }
    }

    /// The local-part of an entry's address as it is spelled; empty for domains.
    pub(super) fn local_part(&self, entry: &Pending, of: Of) -> &[u8] {
        let address = self.address(entry, of);
        let domain = self.domains.text(entry.domain(of)).len();
        match entry.kind {
            EntryKind::Mailbox => address.get(..address.len().saturating_sub(domain + 1)).unwrap_or_default(),
            EntryKind::Domain | EntryKind::Subdomains => &[],
        }
    }

    /// The key of the local-part; empty for domains.
    pub(super) fn local_key(&self, entry: &Pending, of: Of) -> &[u8] {
        let [internal, external] = entry.keys.map(usize::from);
        let before = usize::from(entry.name) + entry.addresses.map(usize::from).iter().sum::<usize>();
        match (of, internal, external) {
            (Of::Internal, 0, _) | (Of::External, _, 0) => self.local_part(entry, of),
            (Of::Internal, ..) => self.text(entry, before, internal),
            (Of::External, ..) => self.text(entry, before + internal, external),
        }
    }

    fn text(&self, entry: &Pending, from: usize, length: usize) -> &[u8] {
        let start = widen(entry.at) + from;
        self.texts.get(start..start + length).unwrap_or_default()
    }

    /// Keeps an address: its place, and the number of its domain.
    fn keep_address(&mut self, text: &[u8], address: &EntryAddress) -> (Span, u32) {
        // A dot behind a domain is no part of an address in a message (RFC 5321 2.3.5).
        let spelled = text.strip_suffix(b".").unwrap_or(text);
        let wildcard = if spelled.starts_with(b"*.") { 2 } else { 0 };
        let start = memchr::memrchr(b'@', spelled).map_or(wildcard, |at| at + 1);
        let (before, domain) = spelled.split_at_checked(start).unwrap_or((&[], spelled));
        // An international domain is kept with A-labels; messages get it in the form they have.
        let domain = if domain.is_ascii() { domain } else { address.domain() };
        let text = self.texts.len();
        self.texts.extend_from_slice(before);
        self.texts.extend_from_slice(domain);
        (Span::new(text, self.texts.len()), self.domains.number(domain, address.domain()))
    }

    /// Keeps the key of a local-part, if it is not spelled like that: its octets.
    fn keep_key(&mut self, text: Span, domain: u32, address: &EntryAddress) -> u8 {
        let EntryAddress::Mailbox { local_part, .. } = address else { return 0 };
        let end = text.len().saturating_sub(self.domains.text(domain).len() + 1);
        if text.of(&self.texts).get(..end) == Some(local_part.as_slice()) {
            return 0;
        }
        self.texts.extend_from_slice(local_part);
        octets_of(local_part.len())
    }
}

impl Pending {
    /// The domain of a side as it is spelled.
    pub(super) fn domain(&self, of: Of) -> u32 {
        let [internal, external] = self.domains;
        match of {
            Of::Internal => internal,
            Of::External => external,
        }
    }
}

/// Octets of an address: at most 255, those of `*.` before the longest domain.
fn octets_of(length: usize) -> u8 {
    debug_assert!(length < 256, "the grammar of entries allows no more");
    u8::try_from(length).unwrap_or(u8::MAX)
}

fn conflicts_of(internal: &Sorted, external: &Sorted) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for (sorted, kind) in
        [(internal, ConflictKind::DuplicateInternal), (external, ConflictKind::NotInvertible)]
    {
        for group in &sorted.alike {
            if let [first, others @ ..] = group.as_slice() {
                let pair = |&second| Conflict { kind, first: EntryId(*first), second: EntryId(second) };
                conflicts.extend(others.iter().map(pair));
            }
        }
    }
    conflicts.sort_by_key(|conflict| (conflict.second, conflict.first));
    conflicts
}

fn kind_of(
    internal: &EntryAddress,
    external: &EntryAddress,
    direction: EntryDirection,
) -> Result<EntryKind, EntryError> {
    match (internal, external) {
        (_, EntryAddress::Subdomains(_)) => Err(EntryError::WildcardExternal),
        (EntryAddress::Mailbox { .. }, EntryAddress::Mailbox { .. }) => Ok(EntryKind::Mailbox),
        (EntryAddress::Domain(_), EntryAddress::Domain(_)) => Ok(EntryKind::Domain),
        (EntryAddress::Subdomains(_), EntryAddress::Domain(_)) if direction == EntryDirection::Outbound => {
            Ok(EntryKind::Subdomains)
        }
        (EntryAddress::Subdomains(_), EntryAddress::Domain(_)) => Err(EntryError::WildcardNotOutboundOnly),
        _ => Err(EntryError::KindMismatch),
    }
}

fn is_at_or_below(domain: &[u8], parent: &[u8]) -> bool {
    domain.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with(b"."))
}
