//! How policy and entries are stored in their sections: the writer and the reader of each record
//! side by side.

use std::ops::Range;

use crate::error::MapError;
use crate::map::format::{Decoder, malformed};
use crate::policy::{FieldSet, Limits, Mode, OnSigned, Policy, Preset, Unmapped};
use crate::span::narrow;

/// Whether an entry serves both directions.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum EntryDirection {
    /// Internal to external in outbound mail, external to internal in inbound mail.
    #[default]
    Both,
    /// Internal to external only: several internal addresses may share the external one.
    Outbound,
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum EntryKind {
    /// One mailbox.
    Mailbox,
    /// A domain.
    Domain,
    /// A domain and all below it.
    Subdomains,
}

const KINDS: [EntryKind; 3] = [EntryKind::Mailbox, EntryKind::Domain, EntryKind::Subdomains];
const OUTBOUND_ONLY: u8 = 1 << 2;
const IDENTITY: u8 = 1 << 3;

/// An entry as it stands in the `addresses` section.
#[derive(Clone, Debug)]
pub(crate) struct EntryRecord<'f> {
    pub(super) kind: EntryKind,
    pub(super) direction: EntryDirection,
    /// Both sides have the same key: nothing is ever edited.
    pub(crate) is_identity: bool,
    pub(crate) internal: &'f [u8],
    pub(crate) external: &'f [u8],
    /// The exceptions, each behind its length.
    pub(super) except: Decoder<'f>,
}

impl<'f> EntryRecord<'f> {
    pub(super) fn read(file: &'f [u8], range: Range<usize>) -> Result<EntryRecord<'f>, MapError> {
        let mut decoder = Decoder::new(file, range);
        let at = decoder.position();
        let flags = decoder.u8()?;
        let kind = KINDS.get(usize::from(flags & 3)).copied();
        let kind = kind.ok_or_else(|| malformed("unknown kind of entry", at))?;
        let internal = decoder.short_bytes()?;
        let external = decoder.short_bytes()?;
        let direction =
            if flags & OUTBOUND_ONLY != 0 { EntryDirection::Outbound } else { EntryDirection::Both };
        Ok(EntryRecord {
            kind,
            direction,
            is_identity: flags & IDENTITY != 0,
            internal,
            external,
            except: decoder,
        })
    }
}

/// Appends an entry's record; the inverse of [`EntryRecord::read`].
pub(super) fn write_entry<'e>(
    out: &mut Vec<u8>,
    kind: EntryKind,
    direction: EntryDirection,
    is_identity: bool,
    texts: impl IntoIterator<Item = &'e [u8]>,
) {
    let mut flags = KINDS.iter().position(|&known| known == kind).map_or(0, |at| narrow(at).to_le_bytes()[0]);
    if direction == EntryDirection::Outbound {
        flags |= OUTBOUND_ONLY;
    }
    if is_identity {
        flags |= IDENTITY;
    }
    out.push(flags);
    for text in texts {
        write_short(out, text);
    }
}

/// Appends a string behind its length in 16 bits. Nothing longer gets here: addresses, field names
/// and file names are checked before.
pub(super) fn write_short(out: &mut Vec<u8>, text: &[u8]) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend(length.to_le_bytes());
    out.extend_from_slice(text.get(..usize::from(length)).unwrap_or_default());
}

/// Appends name and policy of a plan.
pub(super) fn write_policy(out: &mut Vec<u8>, name: &str, policy: &Policy) {
    write_short(out, name.as_bytes());
    out.push(u8::from(policy.mode == Mode::Shadow));
    out.push(number_of(&Preset::ALL, policy.preset));
    out.push(number_of(&UNMAPPED, policy.unmapped));
    out.push(number_of(&OnSigned::ALL, policy.on_signed_outbound));
    out.push(number_of(&OnSigned::ALL, policy.on_signed_inbound));
    out.push(u8::from(policy.scrub_display_names));
    write_short(out, policy.subaddress_delimiters.as_bytes());
    let limits = &policy.limits;
    for limit in [limits.header_octets, limits.fields, limits.addresses, limits.received] {
        out.extend(limit.to_le_bytes());
    }
    for set in [&policy.outbound, &policy.inbound] {
        out.extend(narrow(set.names().len()).to_le_bytes());
        for name in set.names() {
            write_short(out, name.as_bytes());
        }
    }
}

/// The inverse of [`write_policy`].
pub(super) fn read_policy(file: &[u8], range: Range<usize>) -> Result<(String, Policy), MapError> {
    let mut decoder = Decoder::new(file, range);
    let name = decoder.short_str()?.to_owned();
    let at = decoder.position();
    let unknown = || malformed("unknown policy value", at);
    let flag = |octet: u8| match octet {
        0 | 1 => Ok(octet == 1),
        _ => Err(unknown()),
    };
    let mode = if flag(decoder.u8()?)? { Mode::Shadow } else { Mode::Enforce };
    let preset = Preset::ALL.get(usize::from(decoder.u8()?)).copied().ok_or_else(unknown)?;
    let unmapped = UNMAPPED.get(usize::from(decoder.u8()?)).copied().ok_or_else(unknown)?;
    let on_signed = |octet: u8| OnSigned::ALL.get(usize::from(octet)).copied().ok_or_else(unknown);
    let on_signed_outbound = on_signed(decoder.u8()?)?;
    let on_signed_inbound = on_signed(decoder.u8()?)?;
    let scrub_display_names = flag(decoder.u8()?)?;
    let subaddress_delimiters = decoder.short_str()?.to_owned();
    let limits = Limits {
        header_octets: decoder.u32()?,
        fields: decoder.u32()?,
        addresses: decoder.u32()?,
        received: decoder.u32()?,
    };
    let outbound = read_field_set(&mut decoder)?;
    let inbound = read_field_set(&mut decoder)?;
    if !decoder.is_at_end() {
        return Err(malformed("octets behind the policy", decoder.position()));
    }
    let policy = Policy {
        mode,
        preset,
        outbound,
        inbound,
        subaddress_delimiters,
        unmapped,
        on_signed_outbound,
        on_signed_inbound,
        scrub_display_names,
        limits,
    };
    Ok((name, policy))
}

fn read_field_set(decoder: &mut Decoder<'_>) -> Result<FieldSet, MapError> {
    let at = decoder.position();
    let count = decoder.u32()?;
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(decoder.short_str()?);
    }
    FieldSet::new(names).map_err(|_| malformed("a field set that can't be", at))
}

const UNMAPPED: [Unmapped; 3] = [Unmapped::Pass, Unmapped::Tempfail, Unmapped::Reject];

fn number_of<T: PartialEq + Copy>(all: &[T], value: T) -> u8 {
    let position = all.iter().position(|known| *known == value);
    position.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}
