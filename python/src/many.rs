//! Many messages on all cores.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

use readdress::{Engine, Error, Session};

use crate::outcome::Outcome;

/// Messages of one call: after each so many, signals are looked at, so that Ctrl-C works.
pub(crate) const BATCH: usize = 4096;

/// Messages that a thread takes at a time: enough that taking costs nothing, few enough that
/// threads end together.
const SHARE: usize = 16;

/// What came of each message, in order.
///
/// Up to `threads` threads work, the calling one among them; they end with the call. Where the
/// system gives fewer, those it gives do the work.
pub(crate) fn rewrite(
    engine: &Engine,
    session: Session,
    messages: &[&[u8]],
    threads: usize,
) -> Vec<Result<Outcome, Error>> {
    let shares = messages.len().div_ceil(SHARE);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let share = next.fetch_add(1, Ordering::Relaxed);
            let Some(messages) = messages.chunks(SHARE).nth(share) else { return done };
            let outcomes: Vec<_> =
                messages.iter().map(|message| Outcome::of(engine, session, message)).collect();
            done.push((share, outcomes));
        }
    };
    let mut done = thread::scope(|scope| {
        let helpers: Vec<ScopedJoinHandle<'_, _>> = (1..threads.min(shares))
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mut done = work();
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(share, _)| *share);
    done.into_iter().flat_map(|(_, outcomes)| outcomes).collect()
}

/// How many threads a call uses if it is not told: one for each core that the process may use.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
