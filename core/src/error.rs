//! What can go wrong, grouped by whose fault it is, with the evidence.
//!
//! The parser itself has no errors: what does not parse in a message is left alone and listed as
//! skipped. An [`Error`] means that nothing was done at all: the host sends its own buffer, or
//! answers "try again later".

use std::fmt;
use std::io;

/// An operation that could not be carried out. Nothing was changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The caller's message or path is larger than a named limit allows.
    Limit {
        /// Which limit.
        limit: Limit,
        /// Its value in force.
        allowed: u64,
        /// Octet of the input at which it was passed.
        offset: usize,
    },
    /// The map file is not one this version can use, or it is damaged.
    Map(MapError),
    /// The operating system refused a file operation.
    Io(io::Error),
    /// There is no memory for the map or the outcome.
    Memory,
    /// A map that was to replace another one has fewer than half its entries: more likely a
    /// mistake on the way than what was meant.
    Shrunk {
        /// Entries of the map in use.
        from: u32,
        /// Entries of the one that was refused.
        to: u32,
    },
}

impl Error {
    /// The number of this error, the same in C (`readdress_status`) and Python. Numbers are only
    /// ever added.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Error::Limit { .. } => 1,
            Error::Map(_) => 2,
            Error::Io(_) => 3,
            Error::Memory => 4,
            Error::Shrunk { .. } => 5,
        }
    }

    /// The octet of the input the error is about; 0 where there is none.
    #[must_use]
    pub fn offset(&self) -> usize {
        match self {
            Error::Limit { offset, .. } => *offset,
            Error::Map(error) => error.offset,
            Error::Io(_) | Error::Memory | Error::Shrunk { .. } => 0,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Limit { limit, allowed, offset } => {
                write!(f, "limit {} ({allowed}) passed at octet {offset}", limit.name())
            }
            Error::Map(error) => error.fmt(f),
            Error::Io(error) => error.fmt(f),
            Error::Memory => f.write_str("out of memory"),
            Error::Shrunk { from, to } => write!(
                f,
                "the new map has {to} entries where the one in use has {from}; ask for the reload by force if that is meant"
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<MapError> for Error {
    fn from(error: MapError) -> Self {
        Error::Map(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::OutOfMemory { Error::Memory } else { Error::Io(error) }
    }
}

/// The limits that a message or path can pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Limit {
    /// Octets of the whole message: offsets are 32 bits wide. Not configurable.
    MessageOctets,
    /// Octets of the header section, the empty line included.
    HeaderOctets,
    /// Fields of the header section.
    Fields,
    /// Addresses in fields that the policy names.
    Addresses,
    /// Octets of an envelope path, `<` and `>` included (RFC 5321 4.5.3.1.3). Not configurable.
    PathOctets,
}

impl Limit {
    /// The name in plans, JSON and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Limit::MessageOctets => "message-octets",
            Limit::HeaderOctets => "header-octets",
            Limit::Fields => "fields",
            Limit::Addresses => "addresses",
            Limit::PathOctets => "path-octets",
        }
    }
}

/// Why a map file was refused. A refused map is never used in part.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MapError {
    /// What is wrong.
    pub kind: MapErrorKind,
    /// Octet of the file at which it shows.
    pub offset: usize,
}

impl MapError {
    pub(crate) fn new(kind: MapErrorKind, offset: usize) -> Self {
        MapError { kind, offset }
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            MapErrorKind::NotAMap => f.write_str("not a readdress map file"),
            MapErrorKind::Version { major, minor } => write!(
                f,
                "map format {major}.{minor} is newer than this version of readdress; compile the plan again or upgrade"
            ),
            MapErrorKind::Features(bits) => write!(
                f,
                "the map needs features this version does not have (bits {bits:#x}); upgrade readdress"
            ),
            MapErrorKind::Length { expected, got } => write!(
                f,
                "the map file is {got} octets long and says it has {expected}: truncated or appended to"
            ),
            MapErrorKind::Checksum => {
                f.write_str("the map file's BLAKE3 seal does not match its content: it is damaged")
            }
            MapErrorKind::Malformed(what) => {
                write!(f, "the map file is malformed at octet {}: {what}", self.offset)
            }
        }
    }
}

impl std::error::Error for MapError {}

/// The kinds of [`MapError`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MapErrorKind {
    /// The first octets are not the magic number, or the file is too short to have one.
    NotAMap,
    /// A format version this code does not know.
    Version {
        /// Major version found.
        major: u16,
        /// Minor version found.
        minor: u16,
    },
    /// Required feature bits this code does not know.
    Features(u32),
    /// The file's length and the length in its head differ.
    Length {
        /// Octets according to the head.
        expected: u64,
        /// Octets of the file.
        got: u64,
    },
    /// The seal over all octets does not match.
    Checksum,
    /// A section breaks the format's rules although the seal matches.
    Malformed(&'static str),
}
