//! Building a map file from entries: check each one, find the pairs that contradict each other,
//! sort, write. The same entries in any order, with the same policy, give the same octets but for
//! where they came from.

use std::fmt;

use crate::map::entry::{ADDRESS_MAX, AddressError, EntryAddress};
use crate::map::format;
use crate::map::record::{EntryDirection, EntryKind};
use crate::map::write::{NONE, Sorted};
use crate::policy::Policy;
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
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Conflicts(conflicts) => {
                write!(f, "{} pairs of entries contradict each other", conflicts.len())
            }
        }
    }
}

impl std::error::Error for BuildError {}

/// Collects entries and writes the map file.
#[derive(Debug, Default)]
pub struct MapBuilder {
    pub(super) name: String,
    pub(super) policy: Policy,
    pub(super) sources: Vec<String>,
    /// Texts and keys of all entries.
    pub(super) texts: Vec<u8>,
    pub(super) entries: Vec<Pending>,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) kind: EntryKind,
    pub(super) direction: EntryDirection,
    pub(super) name: Span,
    pub(super) internal: SidePlaces,
    pub(super) external: SidePlaces,
    pub(super) except: Box<[Span]>,
    pub(super) source: (u32, u32),
}

/// Where one side of an entry is in [`MapBuilder::texts`].
#[derive(Clone, Copy, Debug)]
pub(super) struct SidePlaces {
    pub(super) text: Span,
    pub(super) local_key: Span,
    pub(super) domain_key: Span,
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
        let octets = entry.name.len() + exception_octets + 4 * ADDRESS_MAX;
        if entry.name.len() > TEXT_MAX
            || exception_octets > TEXT_MAX
            || self.entries.len() >= widen(ENTRIES_MAX)
            || self.texts.len() + octets > widen(u32::MAX)
        {
            return Err(EntryError::TooLarge);
        }
        let id = EntryId(narrow(self.entries.len()));
        let pending = Pending {
            kind,
            direction: entry.direction,
            name: self.keep(entry.name.as_bytes()),
            internal: self.keep_side(entry.internal, &internal),
            external: self.keep_side(entry.external, &external),
            except: exceptions.iter().map(|domain| self.keep(domain)).collect(),
            source: entry.source.map_or((NONE, 0), |(file, line)| (file.0, line)),
        };
        self.entries.push(pending);
        Ok(id)
    }

    /// An entry as it was added.
    #[must_use]
    pub fn get(&self, id: EntryId) -> Option<Added<'_>> {
        let entry = self.entry(id.0)?;
        let side = |places: SidePlaces| AddedSide {
            text: places.text.of(&self.texts),
            local_part: places.local_key.of(&self.texts),
            domain: places.domain_key.of(&self.texts),
        };
        Some(Added {
            kind: entry.kind,
            direction: entry.direction,
            name: std::str::from_utf8(entry.name.of(&self.texts)).unwrap_or_default(),
            internal: side(entry.internal),
            external: side(entry.external),
        })
    }

    /// Every pair of entries that contradict each other; of more than two alike, the first with
    /// each of the others.
    #[must_use]
    pub fn conflicts(&self) -> Vec<Conflict> {
        let [internal, external] = self.sorted_sides();
        conflicts_of(&internal, &external)
    }

    /// The map file's octets, sealed.
    pub fn finish(&self) -> Result<Vec<u8>, BuildError> {
        let [internal, external] = self.sorted_sides();
        let conflicts = conflicts_of(&internal, &external);
        if !conflicts.is_empty() {
            return Err(BuildError::Conflicts(conflicts));
        }
        Ok(format::seal(&self.sections(&internal, &external)))
    }

    /// All entries by internal key, and the two-way ones by external key.
    fn sorted_sides(&self) -> [Sorted<'_>; 2] {
        let two_way = |entry: &Pending| entry.direction == EntryDirection::Both;
        [self.sorted(|_| true, |entry| entry.internal), self.sorted(two_way, |entry| entry.external)]
    }

    pub(super) fn entry(&self, id: u32) -> Option<&Pending> {
        self.entries.get(widen(id))
    }

    fn keep(&mut self, text: &[u8]) -> Span {
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        Span::new(start, self.texts.len())
    }

    fn keep_side(&mut self, text: &[u8], address: &EntryAddress) -> SidePlaces {
        let local_key = match address {
            EntryAddress::Mailbox { local_part, .. } => local_part.as_slice(),
            EntryAddress::Domain(_) | EntryAddress::Subdomains(_) => &[],
        };
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
        SidePlaces {
            text: Span::new(text, self.texts.len()),
            local_key: self.keep(local_key),
            domain_key: self.keep(address.domain()),
        }
    }
}

fn conflicts_of(internal: &Sorted<'_>, external: &Sorted<'_>) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for (sorted, kind) in
        [(internal, ConflictKind::DuplicateInternal), (external, ConflictKind::NotInvertible)]
    {
        for group in sorted.alike() {
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
