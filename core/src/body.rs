//! A field body in hand: its addresses are found, looked up, and become edits or reports. What it is
//! made of says who finds them: this module in address lists, [`mailto`](crate::mailto) in URIs,
//! [`autocrypt`](crate::autocrypt) in attributes.

use crate::addr_spec::{Address, DOMAIN_MAX, LOCAL_PART_MAX};
use crate::address::{AddressList, Item, Mailbox};
use crate::engine::Session;
use crate::envelope::bare_address;
use crate::error::Error;
use crate::field::BodyKind;
use crate::idn;
use crate::lex::copy_comments;
use crate::map::{Asked, Found, KeySide, Map, Tables, Way};
use crate::reason::Reason;
use crate::scratch::{EditRecord, Scratch, SkipRecord, TOGETHER};
use crate::span::{Span, narrow, widen};
use crate::target::{write_target, write_usual_target};

/// The most octets that a text can have which is decoded to see whether it is an address: a local-part
/// with every octet quoted, a domain with its dot, the `@`, and two pairs of quotes or brackets.
pub(crate) const BARE_ADDRESS_MAX: usize = 2 * (LOCAL_PART_MAX + 1) + 1 + DOMAIN_MAX + 1 + 4;

/// A field body whose addresses are being rewritten.
pub(crate) struct FieldBody<'b> {
    pub(crate) map: &'b Map,
    /// The map's, of the side that addresses are on before rewriting.
    tables: &'b Tables<'b>,
    pub(crate) session: Session,
    pub(crate) octets: &'b [u8],
    /// The same and what is behind it in the source.
    ahead: &'b [u8],
    kind: BodyKind,
    /// Where it begins in the source.
    base: usize,
    /// The number of its field, should that be recorded.
    field: u32,
    /// Whether mailboxes that are spelled as usual are read as such.
    takes_shortcuts: bool,
    /// Asked once, when there is something to report.
    names_mapped_domain: Option<bool>,
}

/// A new address, in the texts of the scratch, and the entry that gave it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) to: Span,
    pub(crate) entry: u32,
}

impl<'b> FieldBody<'b> {
    /// The body at `place` in the source, of the field that will have this number.
    pub(crate) fn new(
        map: &'b Map,
        tables: &'b Tables<'b>,
        session: Session,
        kind: BodyKind,
        source: &'b [u8],
        place: Span,
        field: u32,
    ) -> FieldBody<'b> {
        let base = widen(place.start);
        let (octets, ahead) = (place.of(source), source.get(base..).unwrap_or_default());
        FieldBody {
            map,
            tables,
            session,
            octets,
            ahead,
            kind,
            base,
            field,
            takes_shortcuts: true,
            names_mapped_domain: None,
        }
    }

    /// Every mailbox read by the grammar.
    pub(crate) fn without_shortcuts(self) -> FieldBody<'b> {
        FieldBody { takes_shortcuts: false, ..self }
    }

    /// Appends the edits and skips of the body to those of the scratch, in the order of their places.
    pub(crate) fn rewrite(&mut self, scratch: &mut Scratch) -> Result<(), Error> {
        match self.kind {
            BodyKind::Addresses => self.rewrite_addresses(scratch),
            BodyKind::Uris => self.rewrite_uris(scratch),
            BodyKind::Autocrypt => self.rewrite_autocrypt(scratch),
        }
    }

    fn rewrite_addresses(&mut self, scratch: &mut Scratch) -> Result<(), Error> {
        let mut list = AddressList::ahead_of(self.ahead, self.octets);
        if !self.takes_shortcuts {
            list = list.without_shortcuts();
        }
        let mut items = [None; TOGETHER];
        let mut reads = [Ok(()); TOGETHER];
        scratch.room_for_lists()?;
        loop {
            let mut count = 0;
            for ((item, read), asked) in items.iter_mut().zip(&mut reads).zip(&mut scratch.asked) {
                list.read_next(item);
                let Some(item) = item else { break };
                *read = self.ask(item, list.is_usual(), asked);
                count += 1;
            }
            if count == 0 {
                return Ok(());
            }
            self.tables.approach(scratch.asked.get_mut(..count).unwrap_or_default());
            for (nth, (item, read)) in items.iter().zip(reads).enumerate().take(count) {
                let Some(item) = item else { break };
                self.rewrite_item(item, read, nth, scratch)?;
            }
        }
    }

    /// Reads the address of an item and sets out to look it up.
    fn ask(&self, item: &Item, is_usual: bool, asked: &mut Asked) -> Result<(), Reason> {
        asked.way = Way::default();
        if let Item::Mailbox(mailbox) = item {
            asked.has_only_key = is_usual && asked.address.read_usual_key(self.ahead, &mailbox.addr_spec);
            if !asked.has_only_key {
                asked.address.read(self.octets, &mailbox.addr_spec)?;
            }
            asked.way = self.tables.set_out(&asked.address);
        }
        Ok(())
    }

    /// `read`: whether there is an address to look up; it is the one asked for as number `nth`.
    fn rewrite_item(
        &mut self,
        item: &Item,
        read: Result<(), Reason>,
        nth: usize,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let (at, outcome) = match item {
            Item::Mailbox(mailbox) => {
                let place = mailbox.addr_spec.span();
                self.expect_address(place.start, place.len(), scratch)?;
                if self.map.policy().scrub_display_names {
                    self.rewrite_display_name(mailbox, scratch)?;
                }
                (place.start, read.and_then(|()| self.rewrite_mailbox(mailbox, nth, scratch)))
            }
            Item::Malformed { at, reason } => {
                self.expect_address(*at, 0, scratch)?;
                (*at, Err(*reason))
            }
        };
        self.settle(at, outcome, scratch)
    }

    /// Ends the look-up of one mailbox.
    fn rewrite_mailbox(&self, mailbox: &Mailbox, nth: usize, scratch: &mut Scratch) -> Result<(), Reason> {
        let Some(Asked { address, has_only_key, way }) = scratch.asked.get_mut(nth) else { return Ok(()) };
        let found = self.map.arrive(self.tables, address, way);
        let place = mailbox.addr_spec.span();
        let old = place.of(self.octets);
        if *has_only_key {
            // It is spelled as usual: the text of the address is what stands there.
            match found {
                Found::Nothing => return Ok(()),
                Found::Unmapped => {
                    let text = scratch.text(|_, texts| texts.extend_from_slice(old));
                    scratch.unmapped.push(text);
                    return Ok(());
                }
                Found::Hit(hit) => {
                    let written = write_usual_target(self.tables, &hit, address, &mut scratch.texts);
                    if let Ok(to) = written {
                        if let Some(to) = to {
                            let from = scratch.text(|_, texts| texts.extend_from_slice(old));
                            self.record(place, to, from, Target { to, entry: hit.mark.entry }, scratch);
                        }
                        return Ok(());
                    }
                    address.read_usual_texts(self.ahead, &mailbox.addr_spec);
                }
            }
        }
        std::mem::swap(address, &mut scratch.address);
        let Some(target) = self.take(found, scratch)? else { return Ok(()) };
        let Address { local_text, domain_text, .. } = &scratch.address;
        let has_more = old.len() > local_text.len() + 1 + domain_text.len();
        if has_more && old.contains(&b'(') {
            copy_comments(old, &mut scratch.texts);
        }
        let text = Span::new(widen(target.to.start), scratch.texts.len());
        self.edit(place, text, target, scratch);
        Ok(())
    }

    /// Counts an address, or something in the place of one, that takes `length` octets, and makes room
    /// for whatever may come of it.
    pub(crate) fn expect_address(&self, at: u32, length: usize, scratch: &mut Scratch) -> Result<(), Error> {
        scratch.count_address(&self.map.policy().limits, self.base + widen(at))?;
        scratch.room_for_address(length)
    }

    /// Looks `scratch.address` up, and writes what the map gives for it. `None` if it stays as it is.
    pub(crate) fn look_up(&self, scratch: &mut Scratch) -> Result<Option<Target>, Reason> {
        let found = self.map.look_up(self.tables, &scratch.address);
        self.take(found, scratch)
    }

    /// Writes what the map gives for `scratch.address`.
    fn take(&self, found: Found, scratch: &mut Scratch) -> Result<Option<Target>, Reason> {
        let hit = match found {
            Found::Hit(hit) => hit,
            Found::Unmapped => {
                let text = scratch.text(Address::write_text);
                scratch.unmapped.push(text);
                return Ok(None);
            }
            Found::Nothing => return Ok(None),
        };
        let to = write_target(self.tables, self.session, hit, scratch)?;
        Ok(to.map(|to| Target { to, entry: hit.mark.entry }))
    }

    /// Records the edit that puts `text` in the place of `scratch.address`.
    pub(crate) fn edit(&self, place: Span, text: Span, target: Target, scratch: &mut Scratch) {
        let from = scratch.text(Address::write_text);
        self.record(place, text, from, target, scratch);
    }

    fn record(&self, place: Span, text: Span, from: Span, target: Target, scratch: &mut Scratch) {
        let Target { to, entry } = target;
        let place = place.shifted(self.base);
        scratch.edits.push(EditRecord { place, text, from, to, entry, field: self.field });
    }

    /// Ends what was done about the address at `at`. What was left alone is reported if a mapped domain
    /// stands in the body.
    pub(crate) fn settle(
        &mut self,
        at: u32,
        outcome: Result<(), Reason>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        if let Err(reason) = outcome
            && self.names_mapped_domain(scratch)?
        {
            self.skip(at, reason, scratch);
        }
        Ok(())
    }

    /// Reports something as left alone.
    pub(crate) fn skip(&self, at: u32, reason: Reason, scratch: &mut Scratch) {
        let at = narrow(self.base + widen(at));
        scratch.skips.push(SkipRecord { field: self.field, at, reason });
    }

    fn names_mapped_domain(&mut self, scratch: &mut Scratch) -> Result<bool, Error> {
        if let Some(known) = self.names_mapped_domain {
            return Ok(known);
        }
        let side = KeySide::of(self.session.direction);
        let mut found = mentions_mapped_domain(self.map, side, self.octets);
        if !found && self.kind == BodyKind::Uris {
            crate::mailto::decode_all(self.octets, &mut scratch.decoded)?;
            found = mentions_mapped_domain(self.map, side, &scratch.decoded);
        }
        self.names_mapped_domain = Some(found);
        Ok(found)
    }
}

impl Scratch {
    /// Takes the address apart that `text` is, if it is one and nothing else.
    pub(crate) fn read_bare_address(&mut self, text: &[u8]) -> Result<(), Reason> {
        if text.len() > BARE_ADDRESS_MAX {
            return Err(Reason::AddressTooLong);
        }
        if has_control(text) {
            return Err(Reason::ControlCharacter);
        }
        let address = bare_address(text, &mut self.local_part)?;
        self.address.read(text, &address)
    }
}

/// Whether there is a control character in a text, those behind ASCII (U+0080 to U+009F) among them.
fn has_control(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_control)
        || (!text.is_ascii()
            && std::str::from_utf8(text).is_ok_and(|text| text.chars().any(char::is_control)))
}

/// Whether a mapped domain stands anywhere in a body, as a run of the characters domains are
/// made of, in either spelling. For reports about bodies that do not parse; longer runs are no
/// domains.
fn mentions_mapped_domain(map: &Map, side: KeySide, body: &[u8]) -> bool {
    let is_ascii_octet = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    let is_named = |run: &[u8]| !run.is_empty() && run.len() <= DOMAIN_MAX && map.names_domain(side, run);
    if body.split(|octet| !is_ascii_octet(octet)).map(without_dots).any(is_named) {
        return true;
    }
    // A second time for Unicode, so that quotes and names that touch an ASCII domain don't hide it.
    !body.is_ascii()
        && body
            .split(|octet| octet.is_ascii() && !is_ascii_octet(octet))
            .map(without_dots)
            .filter(|run| run.len() <= DOMAIN_MAX && !run.is_ascii())
            .filter_map(idn::to_a_labels)
            .any(|domain| is_named(domain.as_bytes()))
}

/// A run without the dots at its ends, which belong to what could not be parsed.
fn without_dots(run: &[u8]) -> &[u8] {
    let start = run.iter().position(|&octet| octet != b'.').unwrap_or(run.len());
    let end = run.iter().rposition(|&octet| octet != b'.').map_or(start, |last| last + 1);
    run.get(start..end).unwrap_or_default()
}
