//! How the policy and entries for domains are stored in their sections: the writer and the reader of each record
//! side by side.

use std::ops::Range;

use crate::error::MapError;
use crate::map::format::{Decoder, malformed, u32_at};
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

const SUBDOMAINS: u32 = 1;
const OUTBOUND_ONLY: u32 = 1 << 1;
const IDENTITY: u32 = 1 << 2;
/// Octets of the record of an entry for a domain.
pub(super) const DOMAIN_ENTRY: usize = 12;

/// An entry for a domain, as it stands in the `domain-entries` section.
#[derive(Clone, Copy, Debug)]
pub(super) struct DomainEntry {
    pub(super) kind: EntryKind,
    pub(super) direction: EntryDirection,
    /// Both sides have the same key: nothing is ever edited.
    pub(super) is_identity: bool,
    /// Numbers of the domains as they are spelled.
    pub(super) internal: u32,
    pub(super) external: u32,
}

impl DomainEntry {
    pub(super) fn read(section: &[u8], nth: usize) -> Option<DomainEntry> {
        let value = |at| u32_at(section, nth.checked_mul(3)?.checked_add(at)?);
        let flags = value(0)?;
        let is = |flag| flags & flag != 0;
        Some(DomainEntry {
            kind: if is(SUBDOMAINS) { EntryKind::Subdomains } else { EntryKind::Domain },
            direction: if is(OUTBOUND_ONLY) { EntryDirection::Outbound } else { EntryDirection::Both },
            is_identity: is(IDENTITY),
            internal: value(1)?,
            external: value(2)?,
        })
    }

    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        let flag = |is, flag| if is { flag } else { 0 };
        let flags = flag(self.kind == EntryKind::Subdomains, SUBDOMAINS)
            | flag(self.direction == EntryDirection::Outbound, OUTBOUND_ONLY)
            | flag(self.is_identity, IDENTITY);
        for value in [flags, self.internal, self.external] {
            out.extend(value.to_le_bytes());
        }
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

/// The place of a value among all there are.
pub(super) fn number_of<T: PartialEq + Copy>(all: &[T], value: T) -> u8 {
    let position = all.iter().position(|known| *known == value);
    position.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}
