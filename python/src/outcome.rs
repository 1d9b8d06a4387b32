//! Rewriting one message with a scratch that costs nothing where there is nothing to report.
//!
//! Each thread keeps one [`Scratch`]. A message with something to report takes it along, and the
//! thread gets it back when Python drops the result, unless it has another one by then. So a server
//! that drops each result before the next message allocates nothing.

use std::cell::Cell;

use memchr::memmem;
use readdress::{Domains, Engine, Error, Flags, Scratch, Session};

/// Octets of header section up to which Python's lock is kept. Letting it go and taking it again is
/// some 100 ns where nobody wants it; where another thread computes, getting it back takes until
/// that one is made to give it up, 5 ms by default. The engine needs some 10 µs for this much.
const LOCKED_OCTETS: usize = 16 * 1024;

/// Scratches of messages with a longer header section are dropped with their results, so that one
/// monstrous message does not leave its buffers to the thread for good.
const KEPT_OCTETS: usize = 256 * 1024;

thread_local! {
    static KEPT: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// What came of one message, apart from the message itself.
pub(crate) struct Outcome {
    /// What is remarkable about the header section.
    pub(crate) flags: Flags,
    /// Where the body begins in the input.
    pub(crate) input_body_offset: usize,
    /// What the message was rewritten for.
    session: Session,
    /// What there is to report: edits, skips, unmapped addresses, signatures. `None`: nothing.
    report: Option<Box<Scratch>>,
}

impl Outcome {
    /// Rewrites `message`.
    pub(crate) fn of(engine: &Engine, session: Session, message: &[u8]) -> Result<Outcome, Error> {
        let mut scratch = take();
        let rewritten = engine.rewrite_into(session, message, &mut scratch);
        let (flags, input_body_offset, is_silent) = match rewritten {
            Ok(done) => (done.flags(), done.input_body_offset(), done.is_silent()),
            // A message over a limit may have filled the scratch with anything: it is dropped.
            Err(error) => return Err(error),
        };
        let report = if is_silent {
            give_back(scratch, input_body_offset);
            None
        } else {
            Some(scratch)
        };
        Ok(Outcome { flags, input_body_offset, session, report })
    }

    /// The core's view of what there is to report, if anything. `engine` and `message` are those that
    /// this came of.
    pub(crate) fn report<'a>(
        &'a self,
        engine: &'a Engine,
        message: &'a [u8],
    ) -> Option<readdress::Rewritten<'a>> {
        self.report.as_ref().map(|scratch| engine.outcome(message, scratch))
    }

    /// The domains of From. Where there is nothing to report, nothing was kept: the message is read once
    /// more.
    pub(crate) fn author_domains(&self, engine: &Engine, message: &[u8]) -> Result<Domains, Error> {
        if let Some(done) = self.report(engine, message) {
            return Ok(done.from_domains());
        }
        let mut scratch = take();
        let domains = engine.rewrite_into(self.session, message, &mut scratch)?.from_domains();
        give_back(scratch, self.input_body_offset);
        Ok(domains)
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        if let Some(scratch) = self.report.take() {
            give_back(scratch, self.input_body_offset);
        }
    }
}

/// Whether a message is so much work that other threads should run meanwhile. Only the header section
/// counts: a large attachment behind a short one takes no time.
pub(crate) fn takes_long(message: &[u8]) -> bool {
    match message.get(..LOCKED_OCTETS) {
        None => false,
        Some(start) => memmem::find(start, b"\n\r\n").is_none() && memmem::find(start, b"\n\n").is_none(),
    }
}

/// This thread's scratch, or a new one.
fn take() -> Box<Scratch> {
    KEPT.try_with(Cell::take).ok().flatten().unwrap_or_default()
}

/// Keeps a scratch for the next message of this thread.
fn give_back(scratch: Box<Scratch>, header_octets: usize) {
    if header_octets <= KEPT_OCTETS {
        // The thread may be at its end.
        let _ = KEPT.try_with(|kept| kept.set(Some(scratch)));
    }
}
