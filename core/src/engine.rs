//! The engine: fields to addresses to map to edits. The only module that knows them all.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::autocrypt;
use crate::body::FieldBody;
use crate::domain_filter::{DomainFilter, Filters};
use crate::error::{Error, Limit};
use crate::field::{AUTOCRYPT, BodyKind, LIST_UNSUBSCRIBE};
use crate::firewall;
use crate::flags::Flags;
use crate::fold::fit_lines;
use crate::header::{Field, NamedFields, Scanner, is_wsp, octet_flags};
use crate::mailto::is_one_click_signed;
use crate::map::{KeySide, Map, MapData, Tables};
use crate::policy::Direction;
use crate::reason::Reason;
use crate::rewritten::Rewritten;
use crate::room::Room;
use crate::routing::Router;
use crate::scratch::{Arrival, FieldRecord, Scratch};
use crate::signature::SignatureKind;
use crate::signed::leaves_alone;
use crate::span::{Span, widen};
use crate::tracked::TrackedFields;
use crate::withdraw::withdraw;

/// A map ready for use. Immutable; a clone is another reference to the same map, so handing one
/// to each thread or message is cheap, and a message sees one generation whatever is reloaded.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    takes_shortcuts: bool,
}

struct Shared {
    map: Map<MapData>,
    tracked: TrackedFields,
    filters: Filters,
    router: Router,
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
        let (tracked, filters) =
            (TrackedFields::new(map.policy(), !map.routing().listeners.is_empty()), Filters::new(&map));
        let router = Router::new(map.routing());
        Engine { shared: Arc::new(Shared { map, tracked, filters, router }), takes_shortcuts: true }
    }

    /// The same map, asked about every address and scanned line by line. What comes out is the same, later:
    /// this is what the tests hold the shortcuts to.
    #[must_use]
    pub fn without_shortcuts(&self) -> Engine {
        Engine { takes_shortcuts: false, ..self.clone() }
    }

    /// The map.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.shared.map
    }

    /// What the plan says about where mail goes, ready to be asked.
    pub(crate) fn router(&self) -> &Router {
        &self.shared.router
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
    /// scratch and this engine; it does not matter where the message arrived field by field, which has
    /// to be [finished](FieldByField::finish). With others, the outcome is nonsense.
    #[must_use]
    pub fn outcome<'a>(&'a self, message: &'a [u8], scratch: &'a Scratch) -> Rewritten<'a> {
        Rewritten::new(self.map(), &self.shared.tracked, message, scratch)
    }

    /// Whether `other` is the same engine: the same map in the same memory.
    #[must_use]
    pub fn is_same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared) && self.takes_shortcuts == other.takes_shortcuts
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
        let filter = self.shared.filters.of(session.direction).filter(|_| self.takes_shortcuts);
        if !self.scan_fields(session, message, filter, scratch)? {
            scratch.begin(self.shared.tracked.len());
            self.scan_fields(session, message, None, scratch)?;
        }
        self.end_section(session.direction, message, scratch);
        Ok(())
    }

    /// Goes through the fields; bodies that `filter` says no of are passed over. `false` if addresses that were
    /// passed over might have to be counted: a body has no more addresses than octets, so that is only in
    /// sections of more octets than addresses are allowed.
    fn scan_fields(
        &self,
        session: Session,
        message: &[u8],
        filter: Option<&DomainFilter>,
        scratch: &mut Scratch,
    ) -> Result<bool, Error> {
        let Shared { map, tracked, .. } = &*self.shared;
        let limits = map.policy().limits;
        let scanner = if self.takes_shortcuts { Scanner::best() } else { Scanner::Lines };
        let notes = std::mem::take(&mut scratch.notes);
        let mut fields = NamedFields::new(message, limits, scanner, tracked.names(), notes)?;
        let is_complete = self.go_through(session, message, &mut fields, filter, scratch);
        scratch.notes = fields.into_notes();
        is_complete
    }

    fn go_through(
        &self,
        session: Session,
        message: &[u8],
        fields: &mut NamedFields<'_>,
        filter: Option<&DomainFilter>,
        scratch: &mut Scratch,
    ) -> Result<bool, Error> {
        let Shared { map, tracked, .. } = &*self.shared;
        let limits = map.policy().limits;
        let mut has_passed_over = false;
        let mut tables = None;
        while let Some((number, field)) = fields.next_field()? {
            let nth = scratch.count_field(number);
            if tracked.is_removed(number, session.direction) {
                firewall::remove(message, field, false, scratch)?;
                continue;
            }
            if nth == 1 && tracked.is_from(number) {
                scratch.from = Some(field.body);
            }
            if let Some(kind) = tracked.signature(number, field.body.of(message)) {
                scratch.signatures.room(1)?;
                scratch.signatures.push((kind, field.body));
            }
            if tracked.is_rewritten(number, session.direction) {
                let is_few = field.body.end <= limits.addresses;
                if has_passed_over && !is_few {
                    return Ok(false);
                }
                if is_few
                    && tracked.kind(number) == BodyKind::Addresses
                    && filter.is_some_and(|filter| !filter.may_concern(field.body.of(message)))
                {
                    has_passed_over = true;
                    continue;
                }
                let prefix = widen(field.body.start - field.name.start);
                let ending = || fields.line_ending().octets();
                let side = KeySide::of(session.direction);
                let tables = tables.get_or_insert_with(|| map.tables(side));
                let kind = tracked.kind(number);
                self.rewrite_field(tables, session, message, field, kind, nth, prefix, ending, scratch)?;
            }
        }
        scratch.flags = fields.section().flags();
        scratch.flags.set(tracked.flags(&scratch.counts));
        scratch.input_body_offset = fields.section().body_offset();
        Ok(true)
    }

    /// Finds the edits of one field. `prefix`: octets on its first line before the body.
    #[expect(clippy::too_many_arguments, reason = "one field is all of this")]
    fn rewrite_field(
        &self,
        tables: &Tables<'_>,
        session: Session,
        source: &[u8],
        field: Field,
        kind: BodyKind,
        nth: u32,
        prefix: usize,
        line_ending: impl FnOnce() -> &'static [u8],
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let (edits_before, skips_before) = (scratch.edits.len(), scratch.skips.len());
        let number = scratch.next_field();
        let mut body = FieldBody::new(self.map(), tables, session, kind, source, field.body, number);
        if !self.takes_shortcuts {
            body = body.without_shortcuts();
        }
        body.rewrite(scratch)?;
        let record = |scratch: &Scratch| {
            let edits = Span::new(edits_before, scratch.edits.len());
            FieldRecord { name: field.name, body: field.body, nth, edits, withdrawn: None }
        };
        if scratch.edits.len() > edits_before {
            fit_lines(source, kind, &record(scratch), prefix, line_ending(), scratch)?;
        }
        if scratch.edits.len() > edits_before || scratch.skips.len() > skips_before {
            // Skips take room that was made for those of edits before.
            scratch.room_to_withdraw()?;
            scratch.fields.room(1)?;
            let record = record(scratch);
            scratch.fields.push(record);
        }
        Ok(())
    }

    /// What only the whole header section decides. `source` is what edits are places in.
    fn end_section(&self, direction: Direction, source: &[u8], scratch: &mut Scratch) {
        let Shared { map, tracked, .. } = &*self.shared;
        firewall::number(source, scratch);
        let is_left_alone = leaves_alone(map.policy().on_signed(direction), scratch);
        withdraw(scratch, source, |name| is_left_alone(name).then_some(Reason::SignedMessage));
        let is_one_click = is_one_click_signed(tracked, source, scratch);
        let one_click = is_one_click.then_some(Reason::OneClickSigned);
        // With From goes what must be the same.
        let left_alone = autocrypt::left_alone_with_from(source, scratch);
        withdraw(scratch, source, |name| {
            if name.eq_ignore_ascii_case(LIST_UNSUBSCRIBE.as_bytes()) {
                one_click
            } else if name.eq_ignore_ascii_case(AUTOCRYPT.as_bytes()) {
                left_alone
            } else {
                None
            }
        });
    }
}

/// A message whose fields arrive one by one. Made by [`Engine::begin`].
pub struct FieldByField<'a> {
    engine: &'a Engine,
    scratch: &'a mut Scratch,
    /// The scratch's own is brought up to date with every field.
    arrival: Arrival,
}

impl<'a> FieldByField<'a> {
    /// The next field: its name, with the white space before the colon if there is any, and its body as
    /// it stands behind the colon, without the last line ending. Both may be gone when the call returns.
    /// Folds added to the body are line feeds if it has no CRLF.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], as for a whole message; the fields before count. Give the message up then.
    pub fn field(&mut self, name: &[u8], body: &[u8]) -> Result<(), Error> {
        let Shared { map, tracked, .. } = &*self.engine.shared;
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
        // White space before the colon is part of the line, and not of the name.
        let prefix = name.len() + 1;
        let spaces = name.iter().rev().take_while(|&&octet| is_wsp(octet)).count();
        let name = name.get(..name.len() - spaces).unwrap_or_default();
        self.scratch.flags.set_if(spaces > 0, Flags::SPACE_BEFORE_COLON);
        let Some(number) = tracked.find(name) else { return Ok(()) };
        let nth = self.scratch.count_field(number);
        if let Some(kind) = tracked.signature(number, body) {
            return self.keep_signature(kind, body);
        }
        let direction = self.arrival.session.direction;
        let is_author = nth == 1 && tracked.is_from(number);
        let is_removed = tracked.is_removed(number, direction);
        let is_rewritten = tracked.is_rewritten(number, direction);
        if !is_author && !is_rewritten && !is_removed {
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
        let has_crlf = || memchr::memmem::find(body, b"\r\n").is_some();
        let line_ending = || if has_crlf() { b"\r\n".as_slice() } else { b"\n" };
        let outcome = if is_removed {
            firewall::remove(&bodies, field, true, self.scratch)
        } else if is_rewritten {
            let (session, scratch) = (self.arrival.session, &mut *self.scratch);
            let tables = map.tables(KeySide::of(session.direction));
            let kind = tracked.kind(number);
            self.engine.rewrite_field(
                &tables,
                session,
                &bodies,
                field,
                kind,
                nth,
                prefix,
                line_ending,
                scratch,
            )
        } else {
            Ok(())
        };
        if is_author {
            self.scratch.from = Some(field.body);
        } else if self.scratch.fields.len() == recorded {
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

    /// The end of the header section: what came out. Only now is it known whether the message is one
    /// that the plan leaves alone in part ([`OnSigned`](crate::OnSigned)). Its flags are those that names,
    /// bodies and the number of fields show; line endings, and what stands between fields, are the host's to know.
    pub fn finish(self) -> Rewritten<'a> {
        let tracked = &self.engine.shared.tracked;
        self.scratch.flags.set(tracked.flags(&self.scratch.counts));
        let bodies = std::mem::take(&mut self.scratch.bodies);
        self.engine.end_section(self.arrival.session.direction, &bodies, self.scratch);
        self.scratch.bodies = bodies;
        self.engine.outcome(&[], self.scratch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::{EntryDirection, MapBuilder, NewEntry};

    #[test]
    fn there_is_room_to_withdraw_every_edit_whatever_fields_follow() {
        let mut builder = MapBuilder::new();
        let (internal, external) = (b"a@i.example".as_slice(), b"b@x.example".as_slice());
        let direction = EntryDirection::Both;
        builder
            .add(&NewEntry { name: "", internal, external, direction, except: &[], source: None })
            .unwrap();
        let engine = Engine::from_bytes(builder.finish().unwrap()).unwrap();
        let mut scratch = Scratch::new();
        let mut parts = engine.begin(Direction::Outbound, &mut scratch);
        parts.field(b"From", "a@i.example,".repeat(100).as_bytes()).unwrap();
        parts.field(b"To", "@i.example,".repeat(100).as_bytes()).unwrap();
        assert_eq!(
            (scratch.edits.iter().filter(|edit| !edit.is_fold()).count(), scratch.skips.len()),
            (100, 100)
        );
        assert!(scratch.skips.capacity() >= 200);
    }
}
