//! Why an address becomes what it becomes: the ladder of keys, shown.

use std::ops::ControlFlow;

use crate::addr_spec::Address;
use crate::address::{AddressList, Item};
use crate::engine::{Engine, Session};
use crate::map::{Entry, Found, Hit, KeyKind, KeySide};
use crate::reason::Reason;
use crate::scratch::Scratch;
use crate::target::write_target;

/// What an address is looked up under, what that finds, and what it becomes.
#[derive(Clone, Debug, Default)]
pub struct Explanation<'m> {
    /// The first key: the whole address, normalised. `None` if it is no address.
    pub key: Option<Vec<u8>>,
    /// The address that comes out; `None` if it stays as it is.
    pub result: Option<Vec<u8>>,
    /// Every key tried, up to the one that won.
    pub tried: Vec<Tried>,
    /// The entry that won.
    pub entry: Option<Entry<'m>>,
    /// The entries that would have won without it, in order.
    pub shadowed: Vec<Entry<'m>>,
    /// Whether entries name the address's domain and none of them maps it.
    pub unmapped: bool,
    /// Why it is no address, can't be looked up, or can't be put where it would go.
    pub reason: Option<Reason>,
}

/// One key of the ladder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tried {
    /// `local-part@domain`, `domain` or `*.domain`.
    pub key: Vec<u8>,
    /// Its kind.
    pub kind: KeyKind,
    /// Whether an entry has it.
    pub hit: bool,
}

impl Engine {
    /// Explains what happens to one address, in external form, in the fields of a message of this
    /// direction.
    #[must_use]
    pub fn explain(&self, session: impl Into<Session>, address: &[u8]) -> Explanation<'_> {
        let session = session.into();
        let mut explanation = Explanation::default();
        let mut scratch = Scratch::new();
        if let Err(reason) = read_one(address, &mut scratch.address) {
            explanation.reason = Some(reason);
            return explanation;
        }
        let map = self.map();
        let side = KeySide::of(session.direction);
        let tables = map.tables(side);
        let mut hits: Vec<Hit> = Vec::new();
        map.climb::<true>(side, &scratch.address, |rung| {
            let key = match rung.kind {
                KeyKind::Mailbox | KeyKind::Subaddress => [rung.local_part, b"@", rung.domain].concat(),
                KeyKind::Domain => rung.domain.to_vec(),
                KeyKind::Subdomain => [b"*.", rung.domain].concat(),
            };
            explanation.key.get_or_insert_with(|| key.clone());
            if hits.is_empty() {
                explanation.tried.push(Tried { key, kind: rung.kind, hit: rung.entry.is_some() });
            }
            if let Some(entry) = rung.entry {
                hits.push(Hit::of(&rung, entry));
            }
            ControlFlow::Continue(())
        });
        explanation.unmapped = map.look_up(&tables, &scratch.address) == Found::Unmapped;
        let mut hits = hits.into_iter();
        if let Some(winner) = hits.next() {
            explanation.entry = map.referenced(winner.mark.entry);
            match write_target(&tables, session, winner, &mut scratch) {
                Ok(Some(_)) => explanation.result = Some(std::mem::take(&mut scratch.texts)),
                Ok(None) => {}
                Err(reason) => explanation.reason = Some(reason),
            }
        }
        explanation.shadowed = hits.filter_map(|hit| map.referenced(hit.mark.entry)).collect();
        explanation
    }
}

/// Reads exactly one address, alone or in angle brackets.
fn read_one(text: &[u8], address: &mut Address) -> Result<(), Reason> {
    let mut list = AddressList::new(text);
    match (list.next(), list.next()) {
        (Some(Item::Mailbox(mailbox)), None) => address.read(text, &mailbox.addr_spec),
        (Some(Item::Malformed { reason, .. }), _) => Err(reason),
        (None, _) => Err(Reason::NoDomain),
        _ => Err(Reason::TextAfterAddress),
    }
}
