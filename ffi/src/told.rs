//! The C structs of a decision. All of them are made when it is: what tells where mail goes can't fail
//! to be handed out later.

use std::collections::TryReserveError;

use readdress::routing::{Action, Route, Routes};
use readdress::{Direction, Entry};

use crate::route_info::{self, readdress_header, readdress_route_info, readdress_step, readdress_text};
use crate::session::{READDRESS_INBOUND, READDRESS_OUTBOUND};

/// Everything that one decision hands out. Memory is kept from message to message.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) routes: Vec<readdress_route_info>,
    pub(crate) is_final: bool,
    /// 0 without a decision.
    pub(crate) direction: u32,
    /// The listener's name.
    pub(crate) listener: Option<readdress_text>,
    next_hops: Vec<readdress_text>,
    set_headers: Vec<readdress_header>,
    removed_headers: Vec<readdress_text>,
    steps: Vec<readdress_step>,
    texts: Texts,
}

impl Told {
    /// Forgets the last decision and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.routes.clear();
        self.is_final = false;
        self.direction = 0;
        self.listener = None;
        self.next_hops.clear();
        self.set_headers.clear();
        self.removed_headers.clear();
        self.steps.clear();
        self.texts.clear();
    }

    pub(crate) fn fill(&mut self, routes: &Routes<'_>) -> Result<(), TryReserveError> {
        self.clear();
        self.routes.try_reserve(routes.len())?;
        for route in routes.iter() {
            self.add(&route)?;
        }
        self.place();
        let listener = routes.listener();
        self.listener = listener.map(|listener| self.texts.put(listener.name.as_bytes())).transpose()?;
        self.direction = match routes.direction() {
            Direction::Outbound => READDRESS_OUTBOUND,
            Direction::Inbound => READDRESS_INBOUND,
        };
        self.is_final = routes.is_final();
        Ok(())
    }

    /// Adds a route. Its arrays have their lengths, and get their places when none of them grows any more.
    fn add(&mut self, route: &Route<'_>) -> Result<(), TryReserveError> {
        let Told { routes, next_hops, set_headers, removed_headers, steps, texts, .. } = self;
        let next_hop_count = push_all(next_hops, route.next_hops().iter(), |hop| texts.put(hop.as_bytes()))?;
        let set_header_count = push_all(set_headers, route.set_headers(), |(name, value)| {
            Ok(readdress_header { name: texts.put(name.as_bytes())?, value: texts.put(value.as_bytes())? })
        })?;
        let removed_header_count =
            push_all(removed_headers, route.removed_headers(), |name| texts.put(name.as_bytes()))?;
        let step_count = push_all(steps, route.steps(), |step| {
            Ok(readdress_step {
                what: texts.put(step.what.as_bytes())?,
                name: texts.put(step.name.as_bytes())?,
                why: texts.put(step.why.as_bytes())?,
            })
        })?;
        let (code, enhanced, text) = route.reply().unwrap_or_default();
        let entry = route.entry();
        let connector = route.connector();
        let tls_name = connector.and_then(|connector| connector.tls_name.as_deref());
        let is_relayed = route.action() == Action::Relay;
        let info = readdress_route_info {
            recipient: texts.put(route.recipient())?,
            action: route_info::action(route.action()),
            tls: if is_relayed { route_info::tls(route.tls()) } else { 0 },
            forward_path: texts.put(route.forward_path())?,
            host_path: texts.put(route.host_path())?,
            connector: texts.put(connector.map_or(b"", |connector| connector.name.as_bytes()))?,
            tls_name: texts.put(tls_name.unwrap_or_default().as_bytes())?,
            next_hops: std::ptr::null(),
            next_hop_count,
            code: code.into(),
            rewritten: route.is_rewritten(),
            settled: route.is_settled(),
            enhanced: texts.put(enhanced.as_bytes())?,
            text: texts.put(text.as_bytes())?,
            set_headers: std::ptr::null(),
            set_header_count,
            removed_headers: std::ptr::null(),
            removed_header_count,
            entry: texts.put(entry.as_ref().map_or(b"", |entry| entry.name().as_bytes()))?,
            file: texts.put(entry.as_ref().and_then(Entry::file).unwrap_or_default().as_bytes())?,
            line: entry.as_ref().map_or(0, Entry::line),
            steps: std::ptr::null(),
            step_count,
        };
        routes.push(info);
        Ok(())
    }

    fn place(&mut self) {
        let mut next_hops = self.next_hops.as_slice();
        let mut set_headers = self.set_headers.as_slice();
        let mut removed_headers = self.removed_headers.as_slice();
        let mut steps = self.steps.as_slice();
        for route in &mut self.routes {
            route.next_hops = take(&mut next_hops, route.next_hop_count);
            route.set_headers = take(&mut set_headers, route.set_header_count);
            route.removed_headers = take(&mut removed_headers, route.removed_header_count);
            route.steps = take(&mut steps, route.step_count);
        }
    }
}

/// Pushes what `make` makes of each item, and gives their number.
fn push_all<T, U>(
    to: &mut Vec<T>,
    items: impl Iterator<Item = U>,
    mut make: impl FnMut(U) -> Result<T, TryReserveError>,
) -> Result<usize, TryReserveError> {
    let before = to.len();
    for item in items {
        to.try_reserve(1)?;
        to.push(make(item)?);
    }
    Ok(to.len() - before)
}

/// The place of the next `count` items; NULL for none.
fn take<T>(items: &mut &[T], count: usize) -> *const T {
    match items.split_at_checked(count) {
        Some((own, rest)) if !own.is_empty() => {
            *items = rest;
            own.as_ptr()
        }
        _ => std::ptr::null(),
    }
}

/// NUL-terminated texts that never move: where one does not fit behind the last, another piece of memory
/// is taken.
#[derive(Default)]
struct Texts {
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
}

/// Octets of the first piece. Each further one is twice as large as the one before, at least.
const PIECE: usize = 4096;

impl Texts {
    /// Makes one piece of all, so that decisions of the same size need no other.
    fn clear(&mut self) {
        let used = self.full.iter().map(Vec::len).sum::<usize>() + self.last.len();
        self.full.clear();
        self.last.clear();
        // Without memory for it there will be several again.
        _ = self.last.try_reserve(used);
    }

    fn put(&mut self, text: &[u8]) -> Result<readdress_text, TryReserveError> {
        if text.is_empty() {
            return Ok(readdress_text { text: c"".as_ptr(), len: 0 });
        }
        self.room(text.len() + 1)?;
        let start = self.last.len();
        self.last.extend_from_slice(text);
        self.last.push(0);
        let place = self.last.get(start..).map_or(c"".as_ptr(), |text| text.as_ptr().cast());
        Ok(readdress_text { text: place, len: text.len() })
    }

    /// Makes room for so many octets in the last piece.
    fn room(&mut self, octets: usize) -> Result<(), TryReserveError> {
        let capacity = self.last.capacity();
        if capacity - self.last.len() >= octets {
            return Ok(());
        }
        let mut next = Vec::new();
        next.try_reserve_exact(octets.max(PIECE).max(2 * capacity))?;
        self.full.try_reserve(1)?;
        self.full.push(std::mem::replace(&mut self.last, next));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;
    use crate::ptr;

    #[test]
    fn texts_stay_in_their_places_while_others_are_added() {
        let mut texts = Texts::default();
        for round in 0..3 {
            texts.clear();
            let wanted: Vec<String> = (0..999).map(|number| "x".repeat(number * 7 % 5000)).collect();
            let put: Vec<_> = wanted.iter().map(|text| texts.put(text.as_bytes()).unwrap()).collect();
            for (text, wanted) in put.iter().zip(&wanted) {
                // SAFETY: `texts` has it.
                let read = unsafe { ptr::optional_text(text.text) }.map(CStr::to_bytes);
                assert_eq!((read, text.len), (Some(wanted.as_bytes()), wanted.len()));
            }
            assert_eq!(texts.full.is_empty(), round > 0, "one piece is enough from the second time on");
        }
    }
}
