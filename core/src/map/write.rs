//! From a builder's entries to a map file.

use std::collections::BTreeMap;

use crate::lex::quote_if_needed;
use crate::map::automaton::{Automaton, LEAF};
use crate::map::blocks::{BLOCK, OTHER_TARGET};
use crate::map::build::{MapBuilder, Of, Pending};
use crate::map::domains::{DomainRecord, NONE, table};
use crate::map::filter::FilterWriter;
use crate::map::format::{FileWriter, SectionId};
use crate::map::pack::{Mailbox, Packed, Packer, head};
use crate::map::record::{DomainEntry, EntryDirection, EntryKind, write_policy, write_short};
use crate::map::routing::write_routing;
use crate::map::sort::Sorted;
use crate::span::{narrow, widen};

/// Octets of an entry's provenance: name, file, line.
pub(super) const PROVENANCE_RECORD: usize = 12;

impl MapBuilder {
    /// The file. `None` if a section would take 4 GiB.
    pub(super) fn file(&self, internal: &Sorted, external: &Sorted) -> Option<Vec<u8>> {
        // An entry's number in the file is its place in the internal order.
        let mut numbers = vec![0_u32; self.entries.len()];
        for (number, &id) in internal.ids.iter().enumerate() {
            if let Some(place) = numbers.get_mut(widen(id)) {
                *place = narrow(number);
            }
        }
        let texts = self.sorted_texts();
        let mut file = FileWriter::new();
        file.section(SectionId::Policy, |out| write_policy(out, &self.name, &self.policy));
        file.section(SectionId::DomainTexts, |out| texts.append_to(self, out));
        file.section(SectionId::DomainEntries, |out| self.append_domain_entries(internal, &texts, out));
        file.section(SectionId::Exceptions, |out| self.append_exceptions(&numbers, &texts, out));
        for (of, sorted) in [(Of::Internal, internal), (Of::External, external)] {
            let SideTables { domains, records, targets, filter, packed } =
                self.side_tables(of, sorted, &numbers, &texts)?;
            let Packed { heads, places, blocks } = packed;
            let ids = match of {
                Of::Internal => SectionId::INTERNAL_TABLES,
                Of::External => SectionId::EXTERNAL_TABLES,
            };
            let tables = [domains, records, targets, filter, heads, places, blocks];
            for (id, octets) in ids.into_iter().zip(tables) {
                file.section(id, |out| out.extend_from_slice(&octets));
            }
        }
        let mailboxes = |entry: &&Pending| entry.kind == EntryKind::Mailbox;
        file.section(SectionId::ExternalOrder, |out| {
            let ids = external.ids.iter().filter(|&&id| self.entry(id).as_ref().is_some_and(mailboxes));
            out.extend(ids.filter_map(|&id| numbers.get(widen(id))).flat_map(|number| number.to_le_bytes()));
        });
        file.section(SectionId::OutboundOnly, |out| self.append_outbound_only(internal, out));
        file.section(SectionId::Spellings, |out| self.append_spellings(internal, out));
        file.section(SectionId::Sources, |out| {
            self.sources.iter().for_each(|source| write_short(out, source.as_bytes()));
        });
        file.section(SectionId::Provenance, |out| self.append_provenance(internal, out));
        file.section(SectionId::Names, |out| {
            for entry in self.in_order(internal).filter(|entry| !self.name(entry).is_empty()) {
                write_short(out, self.name(entry));
            }
        });
        file.section(SectionId::Routing, |out| write_routing(out, &self.routing));
        let [recipients, classes] = match &self.recipients {
            Some(recipients) => recipients.sections()?,
            None => Default::default(),
        };
        file.section(SectionId::Recipients, |out| out.extend_from_slice(&recipients));
        file.section(SectionId::RecipientClasses, |out| out.extend_from_slice(&classes));
        Some(file.finish())
    }

    fn in_order<'b>(&'b self, sorted: &'b Sorted) -> impl Iterator<Item = &'b Pending> {
        sorted.ids.iter().filter_map(|&id| self.entry(id))
    }

    /// The texts of all domains, sorted. The builder numbers them in the order of adding.
    fn sorted_texts(&self) -> SortedTexts {
        let mut order: Vec<u32> = (0..narrow(self.domains.len())).collect();
        order.sort_unstable_by_key(|&domain| self.domains.text(domain));
        let mut numbers = vec![NONE; order.len()];
        let mut places = vec![0; order.len()];
        let mut end = 0;
        for (number, &domain) in order.iter().enumerate() {
            let slots = numbers.get_mut(widen(domain)).zip(places.get_mut(widen(domain)));
            if let Some((slot, place)) = slots {
                (*slot, *place) = (narrow(number), end);
            }
            end += narrow(self.domains.text(domain).len());
        }
        SortedTexts { order, numbers, places }
    }

    fn append_domain_entries(&self, internal: &Sorted, texts: &SortedTexts, out: &mut Vec<u8>) {
        for entry in self.in_order(internal).filter(|entry| entry.kind != EntryKind::Mailbox) {
            let record = DomainEntry {
                kind: entry.kind,
                direction: entry.direction,
                is_identity: entry.kind == EntryKind::Domain && self.is_identity(entry),
                internal: texts.number(entry.domain(Of::Internal)),
                external: texts.number(entry.domain(Of::External)),
            };
            record.append_to(out);
        }
    }

    fn is_identity(&self, entry: &Pending) -> bool {
        let [internal, external] = entry.domains.map(|domain| self.domains.key(domain));
        internal == external && self.local_key(entry, Of::Internal) == self.local_key(entry, Of::External)
    }

    /// The exceptions of all `*.domain` entries: number of the entry and of the domain, sorted.
    fn append_exceptions(&self, numbers: &[u32], texts: &SortedTexts, out: &mut Vec<u8>) {
        let mut exceptions: Vec<[u32; 2]> = Vec::new();
        for (id, domains) in &self.except {
            let entry = numbers.get(widen(*id)).copied().unwrap_or(NONE);
            exceptions.extend(domains.iter().map(|&domain| [entry, texts.number(domain)]));
        }
        exceptions.sort_unstable();
        exceptions.dedup();
        out.extend(exceptions.iter().flatten().flat_map(|number| number.to_le_bytes()));
    }

    /// A bit for each mailbox entry, if any is outbound-only.
    fn append_outbound_only(&self, internal: &Sorted, out: &mut Vec<u8>) {
        let mailboxes = || self.in_order(internal).take_while(|entry| entry.kind == EntryKind::Mailbox);
        let is_outbound = |entry: &Pending| entry.direction == EntryDirection::Outbound;
        if !mailboxes().any(is_outbound) {
            return;
        }
        let start = out.len();
        for (number, entry) in mailboxes().enumerate() {
            if number % 8 == 0 {
                out.push(0);
            }
            if let Some(octet) = out.get_mut(start + number / 8).filter(|_| is_outbound(entry)) {
                *octet |= 1 << (number % 8);
            }
        }
    }

    /// Internal addresses as they are spelled, where neither the key nor the external side tells.
    fn append_spellings(&self, internal: &Sorted, out: &mut Vec<u8>) {
        let mut places = Vec::new();
        let mut texts = Vec::new();
        let mut plain = Vec::new();
        for (number, entry) in (0_u32..).zip(self.in_order(internal)) {
            if entry.kind != EntryKind::Mailbox || entry.direction == EntryDirection::Both {
                continue;
            }
            plain.clear();
            quote_if_needed(self.local_key(entry, Of::Internal), &mut plain);
            plain.push(b'@');
            plain.extend_from_slice(self.domains.text(self.domains.key(entry.domain(Of::Internal))));
            let address = self.address(entry, Of::Internal);
            if address != plain {
                places.push([number, narrow(texts.len())]);
                write_short(&mut texts, address);
            }
        }
        out.extend(narrow(places.len()).to_le_bytes());
        out.extend(places.iter().flatten().flat_map(|number| number.to_le_bytes()));
        out.append(&mut texts);
    }

    fn append_provenance(&self, internal: &Sorted, out: &mut Vec<u8>) {
        let mut names = 0;
        for entry in self.in_order(internal) {
            let length = self.name(entry).len();
            let name_at = if length == 0 { NONE } else { narrow(names) };
            if length > 0 {
                names += length + 2;
            }
            for value in [name_at, entry.source.0, entry.source.1] {
                out.extend(value.to_le_bytes());
            }
        }
    }

    /// One side's tables. `numbers`: of each entry, its number in the file.
    fn side_tables(
        &self,
        of: Of,
        sorted: &Sorted,
        numbers: &[u32],
        texts: &SortedTexts,
    ) -> Option<SideTables> {
        let mailbox_count = sorted
            .ids
            .partition_point(|&id| self.entry(id).is_some_and(|entry| entry.kind == EntryKind::Mailbox));
        let (mailboxes, others) = sorted.ids.split_at_checked(mailbox_count)?;
        let empty = |&domain: &u32| DomainRecord {
            text: (texts.place(domain), u8::try_from(self.domains.text(domain).len()).unwrap_or(u8::MAX)),
            exact: NONE,
            subdomains: NONE,
            first_rank: 0,
            mailboxes: 0,
            first_block: 0,
            node: LEAF,
            targets: (0, 0),
        };
        let mut records: Vec<DomainRecord> = sorted.domains.iter().map(empty).collect();
        let rank_of = |id: u32| {
            let domain = self.entry(id).map_or(NONE, |entry| entry.domain(of));
            sorted.ranks.get(widen(domain)).copied().unwrap_or(NONE)
        };
        for &id in others {
            let number = numbers.get(widen(id)).copied().unwrap_or(NONE);
            if let (Some(record), Some(entry)) = (records.get_mut(widen(rank_of(id))), self.entry(id)) {
                match entry.kind {
                    EntryKind::Subdomains => record.subdomains = number,
                    EntryKind::Domain | EntryKind::Mailbox => record.exact = number,
                }
            }
        }
        let mut packer = Packer::new();
        let mut filter = FilterWriter::new(mailboxes.len());
        let mut targets: Vec<u32> = Vec::new();
        let mut reached = 0;
        for (number, record) in (0_u32..).zip(&mut records) {
            record.first_rank = narrow(reached);
            let group = mailboxes.get(reached..)?;
            let group = group.get(..group.partition_point(|&id| rank_of(id) == number))?;
            if group.is_empty() {
                continue;
            }
            reached += group.len();
            let usual = self.usual_targets(of, group, texts);
            let of_group = group.iter().filter_map(|&id| Some(self.mailbox(of, self.entry(id)?, texts)));
            record.mailboxes = narrow(group.len());
            record.first_block = packer.block_count();
            record.targets = (narrow(targets.len()), u8::try_from(usual.len()).unwrap_or_default());
            packer.domain(number, &usual, of_group.inspect(|mailbox| filter.add(number, mailbox.key)))?;
            targets.extend(usual);
        }
        let packed = packer.finish()?;
        let heads = Automaton::new(&packed.heads);
        for (number, record) in
            (0_u32..).zip(&mut records).filter(|(_, record)| widen(record.mailboxes) > BLOCK)
        {
            let (node, blocks_before) = heads.walk(&head(number, &[]))?;
            debug_assert_eq!(blocks_before, u64::from(record.first_block), "what follows counts from there");
            record.node = node;
        }
        let keys = || sorted.domains.iter().map(|&domain| self.domains.text(domain));
        let mut tables = SideTables { domains: table(keys)?, packed, ..SideTables::default() };
        for record in &records {
            record.append_to(&mut tables.records);
        }
        tables.targets.extend(targets.iter().flat_map(|number| number.to_le_bytes()));
        filter.append_to(&mut tables.filter);
        Some(tables)
    }

    fn mailbox<'b>(&'b self, of: Of, entry: &'b Pending, texts: &SortedTexts) -> Mailbox<'b> {
        let other = of.other();
        Mailbox {
            key: self.local_key(entry, of),
            local_part: self.local_part(entry, other),
            domain: texts.number(entry.domain(other)),
            is_identity: self.is_identity(entry),
        }
    }

    /// The domains that a domain's mailboxes get most often, the commonest first.
    fn usual_targets(&self, of: Of, group: &[u32], texts: &SortedTexts) -> Vec<u32> {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for entry in group.iter().filter_map(|&id| self.entry(id)) {
            *counts.entry(texts.number(entry.domain(of.other()))).or_default() += 1;
        }
        let mut usual: Vec<(u32, usize)> = counts.into_iter().collect();
        usual.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        usual.into_iter().take(OTHER_TARGET).map(|(number, _)| number).collect()
    }
}

/// The texts of domains in the order in which they stand in the file.
struct SortedTexts {
    order: Vec<u32>,
    /// For each of the builder's domains, its number and its place in the file.
    numbers: Vec<u32>,
    places: Vec<u32>,
}

impl SortedTexts {
    fn number(&self, domain: u32) -> u32 {
        self.numbers.get(widen(domain)).copied().unwrap_or(NONE)
    }

    fn place(&self, domain: u32) -> u32 {
        self.places.get(widen(domain)).copied().unwrap_or(NONE)
    }

    fn append_to(&self, builder: &MapBuilder, out: &mut Vec<u8>) {
        let texts = || self.order.iter().map(|&domain| builder.domains.text(domain));
        out.extend(narrow(self.order.len()).to_le_bytes());
        let mut end = 0;
        out.extend(0_u32.to_le_bytes());
        for text in texts() {
            end += text.len();
            out.extend(narrow(end).to_le_bytes());
        }
        texts().for_each(|text| out.extend_from_slice(text));
    }
}

#[derive(Default)]
struct SideTables {
    domains: Vec<u8>,
    records: Vec<u8>,
    targets: Vec<u8>,
    filter: Vec<u8>,
    packed: Packed,
}
