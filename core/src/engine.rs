//! The engine: fields to addresses to map to edits. The only module that knows them all.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::addr_spec::{Address, DOMAIN_MAX};
use crate::address::{AddressList, Item, Mailbox};
use crate::error::{Error, Limit};
use crate::fold::fit_lines;
use crate::header::{Field, HeaderSection, octet_flags};
use crate::idn;
use crate::lex::copy_comments;
use crate::map::{Found, KeySide, Map, MapData};
use crate::policy::Direction;
use crate::reason::Reason;
use crate::rewritten::Rewritten;
use crate::room::Room;
use crate::scratch::{Arrival, EditRecord, FieldRecord, Scratch, SkipRecord};
use crate::signature::SignatureKind;
use crate::span::{Span, narrow, widen};
use crate::target::write_target;
use crate::tracked::TrackedFields;

/// A map ready for use. Immutable; a clone is another reference to the same map, so handing one
/// to each thread or message is cheap, and a message sees one generation whatever is reloaded.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    map: Map<MapData>,
    tracked: TrackedFields,
}

/// What a gateway knows about the session a message comes through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Session {
    /// Which way the message goes.
    pub direction: Direction,
    /// Whether the session is one for internationalised mail (RFC 6531), so that an address may get
    /// a local-part outside ASCII. Those that had octets of 128 and above may anyway.
    pub smtputf8: bool,
}

impl Session {
    /// The same session with or without SMTPUTF8.
    #[must_use]
    pub fn with_smtputf8(self, smtputf8: bool) -> Session {
        Session { smtputf8, ..self }
    }
}

impl From<Direction> for Session {
    fn from(direction: Direction) -> Session {
        Session { direction, smtputf8: false }
    }
}

impl Engine {
    /// Reads and verifies a map file.
    pub fn open(path: &Path) -> Result<Engine, Error> {
        Ok(Engine::new(Map::new(MapData::read(File::open(path)?)?)?))
    }

    /// Verifies a map file in memory.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Engine, Error> {
        Ok(Engine::new(Map::new(MapData::new(bytes))?))
    }

    /// Takes a verified map into use.
    #[must_use]
    pub fn new(map: Map<MapData>) -> Engine {
        let tracked = TrackedFields::new(map.policy());
        Engine { shared: Arc::new(Shared { map, tracked }) }
    }

    /// The map.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.shared.map
    }

    /// Rewrites a message, or the header section of one. Nothing is copied: the outcome borrows
    /// from `message` and `scratch`.
    ///
    /// Time is linear in the header section; the body is not read. Once `scratch` has seen a few
    /// messages nothing is allocated.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if the message passes one of the plan's limits. Nothing was changed then.
    pub fn rewrite_into<'a>(
        &'a self,
        session: impl Into<Session>,
        message: &'a [u8],
        scratch: &'a mut Scratch,
    ) -> Result<Rewritten<'a>, Error> {
        scratch.begin(self.shared.tracked.len());
        self.scan(session.into(), message, scratch)?;
        Ok(self.outcome(message, scratch))
    }

    /// The outcome that `scratch` holds, once more: for hosts that keep a scratch and a message
    /// rather than a [`Rewritten`]. `message` must be the octets that were rewritten last with this
    /// scratch and this engine; it does not matter where the message arrived field by field. With
    /// others, the outcome is nonsense.
    #[must_use]
    pub fn outcome<'a>(&'a self, message: &'a [u8], scratch: &'a Scratch) -> Rewritten<'a> {
        Rewritten::new(self.map(), &self.shared.tracked, message, scratch)
    }

    /// Whether `other` is the same engine: the same map in the same memory.
    #[must_use]
    pub fn is_same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Begins a message that arrives field by field, as in a milter.
    pub fn begin<'a>(&'a self, session: impl Into<Session>, scratch: &'a mut Scratch) -> FieldByField<'a> {
        scratch.begin(self.shared.tracked.len());
        let arrival = Arrival { session: session.into(), fields: 0, octets: 0 };
        scratch.arrival = Some(arrival);
        FieldByField { engine: self, scratch, arrival }
    }

    /// Goes on with a message that [`begin`](Self::begin) began with this scratch and this engine,
    /// for hosts that get each field in a call of its own. `None` if none was begun.
    pub fn resume<'a>(&'a self, scratch: &'a mut Scratch) -> Option<FieldByField<'a>> {
        let arrival = scratch.arrival?;
        Some(FieldByField { engine: self, scratch, arrival })
    }

    fn scan(&self, session: Session, message: &[u8], scratch: &mut Scratch) -> Result<(), Error> {
        let Shared { map, tracked } = &*self.shared;
        let mut section = HeaderSection::new(message, map.policy().limits)?;
        while let Some(field) = section.next_field()? {
            let Some(number) = tracked.find(field.name.of(message)) else { continue };
            let nth = scratch.count_field(number);
            if let Some(kind) = tracked.signature(number, field.body.of(message)) {
                scratch.signatures.room(1)?;
                scratch.signatures.push((kind, field.body));
            }
            if tracked.is_rewritten(number, session.direction) {
                let prefix = widen(field.body.start - field.name.start);
                let ending = section.line_ending().octets();
                self.rewrite_field(session, message, field, nth, prefix, ending, scratch)?;
            }
        }
        scratch.flags = section.flags();
        scratch.flags.set(tracked.flags(&scratch.counts));
        scratch.input_body_offset = section.body_offset();
        Ok(())
    }

    /// Finds the edits of one field. `prefix`: octets on its first line before the body.
    #[expect(clippy::too_many_arguments, reason = "one field is all of this")]
    fn rewrite_field(
        &self,
        session: Session,
        source: &[u8],
        field: Field,
        nth: u32,
        prefix: usize,
        line_ending: &[u8],
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let map = self.map();
        let side = KeySide::of(session.direction);
        let body = field.body.of(source);
        let base = widen(field.body.start);
        let (edits_before, skips_before) = (scratch.edits.len(), scratch.skips.len());
        let number = scratch.next_field();
        let mut names_mapped_domain = None;
        for item in AddressList::new(body) {
            let (at, length) = match &item {
                Item::Mailbox(mailbox) => (mailbox.addr_spec.span().start, mailbox.addr_spec.span().len()),
                Item::Malformed { at, .. } => (*at, 0),
            };
            scratch.count_address(&map.policy().limits, base + widen(at))?;
            scratch.room_for_address(length)?;
            let outcome = match item {
                Item::Mailbox(mailbox) => self.rewrite_mailbox(session, body, &mailbox, scratch),
                Item::Malformed { reason, .. } => Err(reason),
            };
            let at = base + widen(at);
            match outcome {
                Ok(Some(edit)) => {
                    let place = edit.place.shifted(base);
                    scratch.edits.push(EditRecord { place, field: number, ..edit });
                }
                Ok(None) => {}
                Err(reason) => {
                    if *names_mapped_domain.get_or_insert_with(|| self.mentions_mapped_domain(side, body)) {
                        scratch.skips.push(SkipRecord { field: number, at: narrow(at), reason });
                    }
                }
            }
        }
        let edits = Span::new(edits_before, scratch.edits.len());
        let mut record = FieldRecord { name: field.name, body: field.body, nth, edits };
        if !edits.is_empty() {
            fit_lines(source, &record, prefix, line_ending, scratch)?;
            record.edits = Span::new(edits_before, scratch.edits.len());
        }
        if scratch.edits.len() > edits_before || scratch.skips.len() > skips_before {
            scratch.fields.room(1)?;
            scratch.fields.push(record);
        }
        Ok(())
    }

    /// Looks one mailbox up. The edit's place counts from the start of `body`.
    fn rewrite_mailbox(
        &self,
        session: Session,
        body: &[u8],
        mailbox: &Mailbox,
        scratch: &mut Scratch,
    ) -> Result<Option<EditRecord>, Reason> {
        let map = self.map();
        let side = KeySide::of(session.direction);
        scratch.address.read(body, &mailbox.addr_spec)?;
        let hit = match map.look_up(side, &scratch.address) {
            Found::Hit(hit) => hit,
            Found::Unmapped => {
                let text = scratch.text(Address::write_text);
                scratch.unmapped.push(text);
                return Ok(None);
            }
            Found::Nothing => return Ok(None),
        };
        let Some(to) = write_target(map, session, side, hit, scratch)? else { return Ok(None) };
        let place = mailbox.addr_spec.span();
        let old = place.of(body);
        if old.contains(&b'(') {
            copy_comments(old, &mut scratch.texts);
        }
        let text = Span::new(widen(to.start), scratch.texts.len());
        let from = scratch.text(Address::write_text);
        Ok(Some(EditRecord { place, text, from, to, entry: hit.mark.entry, field: 0 }))
    }

    /// Whether a mapped domain stands anywhere in a body, as a run of the characters domains are
    /// made of, in either spelling. For reports about bodies that do not parse; longer runs are no
    /// domains.
    fn mentions_mapped_domain(&self, side: KeySide, body: &[u8]) -> bool {
        let is_ascii_octet =
            |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        let is_named =
            |run: &[u8]| !run.is_empty() && run.len() <= DOMAIN_MAX && self.map().names_domain(side, run);
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
}

/// A run without the dots at its ends, which belong to what could not be parsed.
fn without_dots(run: &[u8]) -> &[u8] {
    let start = run.iter().position(|&octet| octet != b'.').unwrap_or(run.len());
    let end = run.iter().rposition(|&octet| octet != b'.').map_or(start, |last| last + 1);
    run.get(start..end).unwrap_or_default()
}

/// A message whose fields arrive one by one. Made by [`Engine::begin`].
pub struct FieldByField<'a> {
    engine: &'a Engine,
    scratch: &'a mut Scratch,
    /// The scratch's own is brought up to date with every field.
    arrival: Arrival,
}

impl<'a> FieldByField<'a> {
    /// The next field: its name, and its body as it stands behind the colon, without the last line
    /// ending. Both may be gone when the call returns. Folds added to the body are line feeds if
    /// it has no CRLF.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], as for a whole message; the fields before count. Give the message up then.
    pub fn field(&mut self, name: &[u8], body: &[u8]) -> Result<(), Error> {
        let Shared { map, tracked } = &*self.engine.shared;
        let limits = &map.policy().limits;
        let arrival = &mut self.arrival;
        arrival.fields = arrival.fields.saturating_add(1);
        let offset = arrival.octets;
        // What passed the section's limit once passes it again with the next field.
        arrival.octets = offset.saturating_add(name.len()).saturating_add(body.len()).saturating_add(3);
        self.scratch.arrival = Some(*arrival);
        if arrival.fields > limits.fields {
            let allowed = u64::from(limits.fields);
            return Err(Error::Limit { limit: Limit::Fields, allowed, offset });
        }
        if arrival.octets > widen(limits.header_octets) {
            let allowed = u64::from(limits.header_octets);
            return Err(Error::Limit {
                limit: Limit::HeaderOctets,
                allowed,
                offset: widen(limits.header_octets),
            });
        }
        self.scratch.flags.set(octet_flags(body));
        let Some(number) = tracked.find(name) else { return Ok(()) };
        let nth = self.scratch.count_field(number);
        if let Some(kind) = tracked.signature(number, body) {
            return self.keep_signature(kind, body);
        }
        if !tracked.is_rewritten(number, self.arrival.session.direction) {
            return Ok(());
        }
        self.scratch.bodies.room(name.len() + body.len())?;
        let mut bodies = std::mem::take(&mut self.scratch.bodies);
        let start = bodies.len();
        let recorded = self.scratch.fields.len();
        bodies.extend_from_slice(name);
        bodies.extend_from_slice(body);
        let body_start = start + name.len();
        let field = Field { name: Span::new(start, body_start), body: Span::new(body_start, bodies.len()) };
        let line_ending: &[u8] = if memchr::memmem::find(body, b"\r\n").is_some() { b"\r\n" } else { b"\n" };
        let outcome = self.engine.rewrite_field(
            self.arrival.session,
            &bodies,
            field,
            nth,
            name.len() + 1,
            line_ending,
            self.scratch,
        );
        if self.scratch.fields.len() == recorded {
            bodies.truncate(start);
        }
        self.scratch.bodies = bodies;
        outcome
    }

    fn keep_signature(&mut self, kind: SignatureKind, body: &[u8]) -> Result<(), Error> {
        let Scratch { bodies, signatures, .. } = &mut *self.scratch;
        bodies.room(body.len())?;
        signatures.room(1)?;
        let start = bodies.len();
        bodies.extend_from_slice(body);
        signatures.push((kind, Span::new(start, bodies.len())));
        Ok(())
    }

    /// The end of the header section: what came out. Its flags are those that bodies and the number
    /// of fields show; line endings, and what stands between fields, are the host's to know.
    pub fn finish(self) -> Rewritten<'a> {
        let tracked = &self.engine.shared.tracked;
        self.scratch.flags.set(tracked.flags(&self.scratch.counts));
        self.engine.outcome(&[], self.scratch)
    }
}
