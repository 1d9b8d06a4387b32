//! `readdress rewrite`: a message and its envelope through the engine, and the result in the form
//! that was asked for.
//!
//! Everything is worked out, and reported on the error stream, before the first octet goes to
//! standard output. A host that pipes mail through this command sees a whole message or none.

mod envelope;
mod object;
mod report;

use std::collections::HashSet;

use readdress::{Direction, Engine, Mode, Rewritten, Scratch, Session, Unmapped};

use self::envelope::Envelope;
use crate::failure::Failure;
use crate::input::{self, Message};
use crate::options::{MessageFormat, RewriteOptions};
use crate::{Streams, exit, json};

pub(crate) fn run(options: &RewriteOptions, streams: &mut Streams<'_>) -> Result<u8, Failure> {
    let engine = input::engine(&options.source)?;
    let message = Message::read(options, streams.input)?;
    let direction = Direction::from(options.direction);
    let session = Session::from(direction).with_smtputf8(options.smtputf8);
    let mut scratch = Scratch::new();
    let envelope = Envelope::rewrite(&engine, session, options, &mut scratch)?;
    let rewritten = engine
        .rewrite_into(session, &message.octets, &mut scratch)
        .map_err(|error| Failure::engine(&message.name, &error))?;
    let outcome =
        Outcome { engine: &engine, direction, message: &message, envelope: &envelope, rewritten: &rewritten };
    outcome.print(options.format, streams)
}

/// All that came of one command line.
struct Outcome<'a> {
    engine: &'a Engine,
    direction: Direction,
    message: &'a Message,
    envelope: &'a Envelope,
    rewritten: &'a Rewritten<'a>,
}

impl Outcome<'_> {
    fn print(&self, format: MessageFormat, streams: &mut Streams<'_>) -> Result<u8, Failure> {
        let refusal = self.refusal();
        if format != MessageFormat::Json || refusal.is_some() {
            streams.tell(&report::remarks(self));
        }
        if let Some(code) = refusal {
            return Ok(code);
        }
        let printed = match format {
            MessageFormat::Message => self.rewritten.write_to(&mut streams.out),
            MessageFormat::Edits => streams.out.write_all(report::edits(self).as_bytes()),
            MessageFormat::Json => json::write(streams.out, &object::object(self)),
        };
        printed.map_err(|error| Failure::output(&error))?;
        Ok(exit::OK)
    }

    /// What the plan wants done about unmapped addresses of message and envelope.
    fn verdict(&self) -> Unmapped {
        if self.envelope.is_unmapped() {
            self.engine.map().policy().unmapped
        } else {
            self.rewritten.verdict()
        }
    }

    /// The exit code if the message must not get out. Shadow mode reports and never interferes.
    fn refusal(&self) -> Option<u8> {
        if self.engine.map().policy().mode == Mode::Shadow {
            return None;
        }
        match self.verdict() {
            Unmapped::Pass => None,
            Unmapped::Tempfail => Some(exit::TRY_LATER),
            Unmapped::Reject => Some(exit::BAD_DATA),
        }
    }

    /// Each unmapped address once: those of the envelope first.
    fn unmapped(&self) -> Vec<&[u8]> {
        let mut seen = HashSet::new();
        self.envelope
            .unmapped()
            .chain(self.rewritten.unmapped())
            .filter(|address| seen.insert(*address))
            .collect()
    }
}
