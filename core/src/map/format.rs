//! The container of a map file: head, table of sections, sections, seal. ARCHITECTURE.md has the
//! layout; this module is the only one that believes an octet of a file, and only after the
//! BLAKE3 seal over all of them.

use std::ops::Range;

use crate::error::{MapError, MapErrorKind};
use crate::span::widen;

/// The first octets of every map file. The line endings in it show a file that went through a
/// text-mode transfer.
const MAGIC: [u8; 8] = *b"\x89RDRS\r\n\x1a";
const MAJOR: u16 = 1;
const MINOR: u16 = 0;
/// Features a reader must know to use a file. None yet.
const KNOWN_FEATURES: u32 = 0;
/// How keys are formed; a reader that forms them otherwise must refuse the file.
const KEY_PROFILE: u32 = 1;
const HEAD_OCTETS: usize = 32;
const TABLE_ROW_OCTETS: usize = 24;
/// BLAKE3 of all octets before it.
pub(crate) const SEAL_OCTETS: usize = 32;
const ALIGNMENT: usize = 8;

/// What a section holds. Numbers are only ever added.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub(super) enum SectionId {
    Policy = 1,
    Entries = 2,
    Addresses = 3,
    InternalDomains = 4,
    InternalDomainRecords = 5,
    InternalMailboxes = 6,
    ExternalDomains = 7,
    ExternalDomainRecords = 8,
    ExternalMailboxes = 9,
    Exceptions = 10,
    Sources = 11,
    Provenance = 12,
    Names = 13,
    ExternalOrder = 14,
}

impl SectionId {
    /// All sections, in the order in which they stand in a file.
    pub(super) const ALL: [SectionId; 14] = [
        SectionId::Policy,
        SectionId::Entries,
        SectionId::Addresses,
        SectionId::InternalDomains,
        SectionId::InternalDomainRecords,
        SectionId::InternalMailboxes,
        SectionId::ExternalDomains,
        SectionId::ExternalDomainRecords,
        SectionId::ExternalMailboxes,
        SectionId::ExternalOrder,
        SectionId::Exceptions,
        SectionId::Sources,
        SectionId::Provenance,
        SectionId::Names,
    ];

    /// The name `inspect` shows.
    pub(super) fn name(self) -> &'static str {
        match self {
            SectionId::Policy => "policy",
            SectionId::Entries => "entries",
            SectionId::Addresses => "addresses",
            SectionId::InternalDomains => "internal-domains",
            SectionId::InternalDomainRecords => "internal-domain-records",
            SectionId::InternalMailboxes => "internal-mailboxes",
            SectionId::ExternalDomains => "external-domains",
            SectionId::ExternalDomainRecords => "external-domain-records",
            SectionId::ExternalMailboxes => "external-mailboxes",
            SectionId::ExternalOrder => "external-order",
            SectionId::Exceptions => "exceptions",
            SectionId::Sources => "sources",
            SectionId::Provenance => "provenance",
            SectionId::Names => "names",
        }
    }

    fn position(self) -> usize {
        SectionId::ALL.iter().position(|&id| id == self).unwrap_or(0)
    }
}

/// Where each section of a verified file is.
#[derive(Clone, Debug)]
pub(super) struct Sections {
    ranges: [Range<usize>; SectionId::ALL.len()],
    seal: [u8; SEAL_OCTETS],
}

impl Sections {
    /// Verifies a whole file, its seal first, and finds its sections.
    pub(super) fn open(file: &[u8]) -> Result<Sections, MapError> {
        if !file.starts_with(&MAGIC) || file.len() < HEAD_OCTETS + SEAL_OCTETS {
            return Err(MapError::new(MapErrorKind::NotAMap, 0));
        }
        let mut head = Decoder::new(file, MAGIC.len()..HEAD_OCTETS);
        let (major, minor) = (head.u16()?, head.u16()?);
        let features = head.u32()?;
        let expected = head.u64()?;
        let got = file.len() as u64;
        if expected != got {
            return Err(MapError::new(MapErrorKind::Length { expected, got }, MAGIC.len() + 8));
        }
        let sealed = file.len() - SEAL_OCTETS;
        let (content, seal) = file.split_at_checked(sealed).unwrap_or((file, &[]));
        let computed = blake3::hash(content);
        if computed.as_bytes() != seal {
            return Err(MapError::new(MapErrorKind::Checksum, sealed));
        }
        // From here on the octets are those a compiler wrote, or those of a forger.
        if major != MAJOR || minor > MINOR {
            return Err(MapError::new(MapErrorKind::Version { major, minor }, MAGIC.len()));
        }
        if features & !KNOWN_FEATURES != 0 {
            let kind = MapErrorKind::Features(features & !KNOWN_FEATURES);
            return Err(MapError::new(kind, MAGIC.len() + 4));
        }
        let count = head.u32()?;
        if head.u32()? != KEY_PROFILE {
            return Err(malformed("unknown key profile", HEAD_OCTETS - 4));
        }
        Sections::read_table(content, widen(count), *computed.as_bytes())
    }

    /// The octets of one section.
    pub(super) fn get<'f>(&self, file: &'f [u8], id: SectionId) -> &'f [u8] {
        file.get(self.range(id)).unwrap_or_default()
    }

    /// The place of one section.
    pub(super) fn range(&self, id: SectionId) -> Range<usize> {
        self.ranges.get(id.position()).cloned().unwrap_or(0..0)
    }

    /// The seal: the file's identity.
    pub(super) fn seal(&self) -> &[u8; SEAL_OCTETS] {
        &self.seal
    }

    fn read_table(content: &[u8], count: usize, seal: [u8; SEAL_OCTETS]) -> Result<Sections, MapError> {
        if count != SectionId::ALL.len() {
            return Err(malformed("wrong number of sections", HEAD_OCTETS - 8));
        }
        let table_end = HEAD_OCTETS + count * TABLE_ROW_OCTETS;
        let mut table = Decoder::new(content, HEAD_OCTETS..table_end);
        let mut ranges = [const { 0..0 }; SectionId::ALL.len()];
        let mut reached = table_end;
        for (id, range) in SectionId::ALL.into_iter().zip(&mut ranges) {
            let row = table.position();
            let found = (table.u32()?, table.u32()?);
            let offset = usize::try_from(table.u64()?).ok();
            let length = usize::try_from(table.u64()?).ok();
            let end = offset.zip(length).and_then(|(offset, length)| offset.checked_add(length));
            if found != (id as u32, 0) || offset != Some(reached) {
                return Err(malformed("section out of order", row));
            }
            let Some(end) = end.filter(|&end| end <= content.len()) else {
                return Err(malformed("section outside the file", row));
            };
            *range = reached..end;
            reached = end.next_multiple_of(ALIGNMENT);
            if content.get(end..reached).is_none_or(|padding| padding.iter().any(|&octet| octet != 0)) {
                return Err(malformed("padding that is not zero", end));
            }
        }
        if reached != content.len() {
            return Err(malformed("octets behind the last section", reached));
        }
        Ok(Sections { ranges, seal })
    }
}

/// Writes a file of the given sections, in the order of [`SectionId::ALL`].
pub(super) fn seal(sections: &[Vec<u8>; SectionId::ALL.len()]) -> Vec<u8> {
    let table_end = HEAD_OCTETS + sections.len() * TABLE_ROW_OCTETS;
    let content: usize = sections.iter().map(|section| section.len().next_multiple_of(ALIGNMENT)).sum();
    let total = table_end + content + SEAL_OCTETS;
    let mut file = Vec::with_capacity(total);
    file.extend(MAGIC);
    file.extend(MAJOR.to_le_bytes());
    file.extend(MINOR.to_le_bytes());
    file.extend(KNOWN_FEATURES.to_le_bytes());
    file.extend((total as u64).to_le_bytes());
    file.extend(crate::span::narrow(sections.len()).to_le_bytes());
    file.extend(KEY_PROFILE.to_le_bytes());
    let mut offset = table_end;
    for (id, section) in SectionId::ALL.into_iter().zip(sections) {
        file.extend((id as u32).to_le_bytes());
        file.extend(0_u32.to_le_bytes());
        file.extend((offset as u64).to_le_bytes());
        file.extend((section.len() as u64).to_le_bytes());
        offset += section.len().next_multiple_of(ALIGNMENT);
    }
    for section in sections {
        file.extend_from_slice(section);
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
    }
    let seal = blake3::hash(&file);
    file.extend(seal.as_bytes());
    file
}

pub(super) fn malformed(what: &'static str, offset: usize) -> MapError {
    MapError::new(MapErrorKind::Malformed(what), offset)
}

/// Reads little-endian numbers and octet strings from a stretch of a file, each access checked.
#[derive(Clone, Debug)]
pub(super) struct Decoder<'f> {
    file: &'f [u8],
    range: Range<usize>,
}

impl<'f> Decoder<'f> {
    pub(super) fn new(file: &'f [u8], range: Range<usize>) -> Decoder<'f> {
        Decoder { file, range }
    }

    pub(super) fn position(&self) -> usize {
        self.range.start
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.range.is_empty()
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'f [u8], MapError> {
        let start = self.range.start;
        let end = start.checked_add(length).filter(|&end| end <= self.range.end);
        let bytes = end.and_then(|end| self.file.get(start..end));
        self.range.start = end.unwrap_or(start);
        bytes.ok_or_else(|| malformed("ends too early", start))
    }

    pub(super) fn u8(&mut self) -> Result<u8, MapError> {
        self.array::<1>().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, MapError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, MapError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, MapError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A string behind its length in 16 bits.
    pub(super) fn short_bytes(&mut self) -> Result<&'f [u8], MapError> {
        let length = self.u16()?;
        self.bytes(usize::from(length))
    }

    /// The same, as UTF-8.
    pub(super) fn short_str(&mut self) -> Result<&'f str, MapError> {
        let at = self.position();
        std::str::from_utf8(self.short_bytes()?).map_err(|_| malformed("text that is not UTF-8", at))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], MapError> {
        let at = self.range.start;
        let bytes = self.bytes(N)?;
        <[u8; N]>::try_from(bytes).map_err(|_| malformed("ends too early", at))
    }
}
