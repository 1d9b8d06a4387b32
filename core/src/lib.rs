//! The engine of readdress: it rewrites the addresses of messages and envelopes from a map file,
//! and leaves every other octet as it was.
//!
//! ```text
//! message ─► header ─► field in policy? ─► address list ─► addr-spec ─► key ─► map ─► edits ─► slices
//!            (spans)     (tracked)          (address)      (addr_spec)        (map)  (scratch) (rewritten)
//! ```
//!
//! One direction, no way back: an address is rewritten once, and the output shares the input's
//! octets.
//!
//! ```
//! use readdress::{Direction, Engine, EntryDirection, MapBuilder, NewEntry, Scratch};
//!
//! let mut builder = MapBuilder::new();
//! builder.add(&NewEntry {
//!     name: "John",
//!     internal: b"john@tenant1.contoso.com",
//!     external: b"john@contoso.com",
//!     direction: EntryDirection::Both,
//!     except: &[],
//!     source: None,
//! })?;
//! let engine = Engine::from_bytes(builder.finish()?)?;
//!
//! let message = b"From: \"Doe, John\" <john@tenant1.contoso.com>\r\n\r\nHello!\r\n";
//! let mut scratch = Scratch::new();
//! let done = engine.rewrite_into(Direction::Outbound, message, &mut scratch)?;
//! assert_eq!(done.to_vec(), b"From: \"Doe, John\" <john@contoso.com>\r\n\r\nHello!\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds, whatever the input
//!
//! - I1: without an edit the output is the input, as one slice.
//! - I2: octets outside edits are untouched.
//! - I3: edits lie inside bodies of fields that the policy names, before the empty line; Autocrypt goes
//!   with From. Whole fields go where the header firewall removes them, which only a plan with listeners
//!   has.
//! - I4: a new address parses to the address that the map gives, once a display-name is unquoted and a
//!   link decoded.
//! - I5: no line grows past 998 octets that was not longer before.
//! - I6: what does not parse is left alone and reported, and is never an error.
//! - I7: an address is rewritten once.
//! - I8: no panic, linear time, constant stack; no allocation once the buffers have grown.
//!
//! # Threads
//!
//! [`Engine`] and [`Map`] are immutable and may be shared between threads; a [`Scratch`] belongs to
//! one at a time. Nothing here starts threads, takes locks or keeps global state.

mod addr_spec;
pub mod address;
mod alignment;
mod autocrypt;
mod body;
mod content_type;
mod display_name;
mod domain_filter;
mod encoded_word;
mod engine;
mod envelope;
mod error;
mod explain;
pub mod field;
mod finder;
mod firewall;
mod flags;
mod fold;
pub mod header;
mod idn;
mod lex;
mod live;
mod local_part;
mod mailto;
mod map;
mod name_set;
mod policy;
mod reason;
mod rewritten;
mod room;
pub mod routing;
mod scratch;
mod signature;
mod signed;
mod span;
mod target;
mod tracked;
mod usual;
mod withdraw;

pub use crate::addr_spec::{DOMAIN_MAX, LOCAL_PART_MAX};
pub use crate::alignment::{Aligned, Alignment, Domains};
pub use crate::engine::{Engine, FieldByField, Session};
pub use crate::envelope::{PATH_MAX, PathKind, RewrittenPath};
pub use crate::error::{Error, Limit, MapError, MapErrorKind};
pub use crate::explain::{Explanation, Tried};
pub use crate::flags::Flags;
pub use crate::live::{Live, Loader, Reload};
pub use crate::map::{
    ADDRESS_MAX, Added, AddedSide, AddressError, AddressErrorKind, BuildError, Conflict, ConflictKind,
    ENTRIES_MAX, Entry, EntryAddress, EntryDirection, EntryError, EntryId, EntryKind, KeyKind, Map,
    MapBuilder, MapData, NewEntry, SectionInfo, Side, SourceFile, TEXT_MAX, publish,
};
pub use crate::name_set::NameSet;
pub use crate::policy::{
    Direction, FIELD_NAME_MAX, FIELD_SET_MAX, FieldSet, FieldSetError, Limits, Mode, OnSigned, Policy,
    Preset, Unmapped,
};
pub use crate::reason::Reason as SkipReason;
pub use crate::rewritten::{Edit, FieldChange, Rewritten, Skip};
pub use crate::scratch::Scratch;
pub use crate::signature::{Signature, SignatureKind};
pub use crate::span::Span;

/// What host threads may do with the public types, promised to them in the C header.
#[cfg(test)]
mod promises {
    use std::panic::{RefUnwindSafe, UnwindSafe};

    fn shared_between_threads<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    fn moved_between_threads<T: Send + UnwindSafe>() {}

    #[test]
    fn engines_are_shared_and_scratches_move() {
        shared_between_threads::<crate::Engine>();
        shared_between_threads::<crate::Map>();
        shared_between_threads::<crate::Live>();
        moved_between_threads::<crate::Scratch>();
        moved_between_threads::<crate::MapBuilder>();
    }
}
