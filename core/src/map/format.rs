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

/// What a section holds. Numbers are places, in the order in which sections stand in a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub(super) enum SectionId {
    Policy = 1,
    DomainTexts = 2,
    DomainEntries = 3,
    Exceptions = 4,
    InternalDomains = 5,
    InternalRecords = 6,
    InternalTargets = 7,
    InternalFilter = 8,
    InternalHeads = 9,
    InternalPlaces = 10,
    InternalBlocks = 11,
    ExternalDomains = 12,
    ExternalRecords = 13,
    ExternalTargets = 14,
    ExternalFilter = 15,
    ExternalHeads = 16,
    ExternalPlaces = 17,
    ExternalBlocks = 18,
    ExternalOrder = 19,
    OutboundOnly = 20,
    Spellings = 21,
    Sources = 22,
    Provenance = 23,
    Names = 24,
    Routing = 25,
    Recipients = 26,
    RecipientClasses = 27,
}

impl SectionId {
    /// All sections, in the order in which they stand in a file: what look-ups read, then what only
    /// reports do.
    pub(super) const ALL: [SectionId; 27] = [
        SectionId::Policy,
        SectionId::DomainTexts,
        SectionId::DomainEntries,
        SectionId::Exceptions,
        SectionId::InternalDomains,
        SectionId::InternalRecords,
        SectionId::InternalTargets,
        SectionId::InternalFilter,
        SectionId::InternalHeads,
        SectionId::InternalPlaces,
        SectionId::InternalBlocks,
        SectionId::ExternalDomains,
        SectionId::ExternalRecords,
        SectionId::ExternalTargets,
        SectionId::ExternalFilter,
        SectionId::ExternalHeads,
        SectionId::ExternalPlaces,
        SectionId::ExternalBlocks,
        SectionId::ExternalOrder,
        SectionId::OutboundOnly,
        SectionId::Spellings,
        SectionId::Sources,
        SectionId::Provenance,
        SectionId::Names,
        SectionId::Routing,
        SectionId::Recipients,
        SectionId::RecipientClasses,
    ];

    /// The tables of one side that look-ups go through: domains, their records and usual targets, filter, heads,
    /// places, blocks. A file has them in this order.
    pub(super) const INTERNAL_TABLES: [SectionId; 7] = [
        SectionId::InternalDomains,
        SectionId::InternalRecords,
        SectionId::InternalTargets,
        SectionId::InternalFilter,
        SectionId::InternalHeads,
        SectionId::InternalPlaces,
        SectionId::InternalBlocks,
    ];

    /// The same of the other side.
    pub(super) const EXTERNAL_TABLES: [SectionId; 7] = [
        SectionId::ExternalDomains,
        SectionId::ExternalRecords,
        SectionId::ExternalTargets,
        SectionId::ExternalFilter,
        SectionId::ExternalHeads,
        SectionId::ExternalPlaces,
        SectionId::ExternalBlocks,
    ];

    /// The name `inspect` shows.
    pub(super) fn name(self) -> &'static str {
        match self {
            SectionId::Policy => "policy",
            SectionId::DomainTexts => "domain-texts",
            SectionId::DomainEntries => "domain-entries",
            SectionId::Exceptions => "exceptions",
            SectionId::InternalDomains => "internal-domains",
            SectionId::InternalRecords => "internal-domain-records",
            SectionId::InternalTargets => "internal-targets",
            SectionId::InternalFilter => "internal-filter",
            SectionId::InternalHeads => "internal-heads",
            SectionId::InternalPlaces => "internal-places",
            SectionId::InternalBlocks => "internal-blocks",
            SectionId::ExternalDomains => "external-domains",
            SectionId::ExternalRecords => "external-domain-records",
            SectionId::ExternalTargets => "external-targets",
            SectionId::ExternalFilter => "external-filter",
            SectionId::ExternalHeads => "external-heads",
            SectionId::ExternalPlaces => "external-places",
            SectionId::ExternalBlocks => "external-blocks",
            SectionId::ExternalOrder => "external-order",
            SectionId::OutboundOnly => "outbound-only",
            SectionId::Spellings => "spellings",
            SectionId::Sources => "sources",
            SectionId::Provenance => "provenance",
            SectionId::Names => "names",
            SectionId::Routing => "routing",
            SectionId::Recipients => "recipients",
            SectionId::RecipientClasses => "recipient-classes",
        }
    }

    fn position(self) -> usize {
        widen(self as u32) - 1
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

/// A file being written, section by section in the order of [`SectionId::ALL`].
pub(super) struct FileWriter {
    file: Vec<u8>,
    /// Where each section so far begins, and its octets.
    places: Vec<(usize, usize)>,
}

impl FileWriter {
    /// Room for the head and the table.
    pub(super) fn new() -> FileWriter {
        let head = HEAD_OCTETS + SectionId::ALL.len() * TABLE_ROW_OCTETS;
        FileWriter { file: vec![0; head], places: Vec::new() }
    }

    /// Appends the next section, which `write` writes.
    pub(super) fn section(&mut self, id: SectionId, write: impl FnOnce(&mut Vec<u8>)) {
        debug_assert_eq!(id.position(), self.places.len(), "sections stand in order");
        let start = self.file.len();
        write(&mut self.file);
        self.places.push((start, self.file.len() - start));
        self.file.resize(self.file.len().next_multiple_of(ALIGNMENT), 0);
    }

    /// The file with its head and seal.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let total = self.file.len() + SEAL_OCTETS;
        let mut head = Vec::with_capacity(HEAD_OCTETS + self.places.len() * TABLE_ROW_OCTETS);
        head.extend(MAGIC);
        head.extend(MAJOR.to_le_bytes());
        head.extend(MINOR.to_le_bytes());
        head.extend(KNOWN_FEATURES.to_le_bytes());
        head.extend((total as u64).to_le_bytes());
        head.extend(crate::span::narrow(self.places.len()).to_le_bytes());
        head.extend(KEY_PROFILE.to_le_bytes());
        for (id, (offset, length)) in SectionId::ALL.into_iter().zip(&self.places) {
            head.extend((id as u32).to_le_bytes());
            head.extend(0_u32.to_le_bytes());
            head.extend((*offset as u64).to_le_bytes());
            head.extend((*length as u64).to_le_bytes());
        }
        if let Some(place) = self.file.get_mut(..head.len()) {
            place.copy_from_slice(&head);
        }
        let seal = blake3::hash(&self.file);
        self.file.extend(seal.as_bytes());
        self.file
    }
}

/// The little-endian number at place `nth` of an array of them.
#[inline]
pub(super) fn u32_at(array: &[u8], nth: usize) -> Option<u32> {
    u32_from(array, nth.checked_mul(4)?)
}

/// The little-endian number at octet `at`.
#[inline]
pub(super) fn u32_from(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|octets| u32::from_le_bytes(*octets))
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
