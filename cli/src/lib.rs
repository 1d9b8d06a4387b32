//! The `readdress` command as a function: arguments and streams in, an exit code out.
//!
//! A binary, a test and a language binding all call [`run`]. It touches no global state, starts
//! nothing that outlives it and never panics on what it reads. What a verb prints on its standard
//! output is complete or absent: a result is worked out before its first octet is written.
//!
//! Exit codes are those of [`exit`]; diagnostics go to the error stream, one to a line.

#![forbid(unsafe_code)]

pub mod exit;

mod check;
mod compile;
mod describe;
mod diff;
mod escape;
mod explain;
mod export;
mod failure;
mod findings;
mod input;
mod inspect;
mod json;
mod options;
mod progress;
mod rewrite;
mod route;
mod serve;

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Read, Write};

use clap::Parser;

use crate::failure::Failure;
use crate::options::{Options, Verb};

/// Runs one command line and gives its exit code. `args` begins with the program's own name.
///
/// `out` is flushed before the function returns. Progress is never drawn: the streams of the
/// caller may be anything.
pub fn run<I>(args: I, input: &mut dyn Read, out: &mut dyn Write, err: &mut dyn Write) -> u8
where
    I: IntoIterator<Item = OsString>,
{
    run_with(args, &mut Streams { input, out, err, progress: false })
}

/// The same with the standard streams of this process, and with a spinner on the error stream for
/// work that takes longer than a second, if that is a terminal.
pub fn run_standard<I>(args: I) -> u8
where
    I: IntoIterator<Item = OsString>,
{
    let mut err = io::stderr();
    let progress = err.is_terminal();
    // Without a buffer of our own, every line feed of a message would be a system call.
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let code = run_with(
        args,
        &mut Streams { input: &mut io::stdin().lock(), out: &mut out, err: &mut err, progress },
    );
    // What a failed write left in the buffer must not be tried again when it is dropped.
    let _ = out.into_parts();
    code
}

/// Where a verb reads and writes.
struct Streams<'a> {
    input: &'a mut dyn Read,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    progress: bool,
}

impl Streams<'_> {
    /// Writes to the error stream. When even that fails there is nobody left to tell.
    fn tell(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
    }
}

fn run_with<I>(args: I, streams: &mut Streams<'_>) -> u8
where
    I: IntoIterator<Item = OsString>,
{
    let done = Options::try_parse_from(args)
        .map_err(|error| Failure::usage(&error))
        .and_then(|options| verb(&options, streams));
    let done = done.and_then(|code| match streams.out.flush() {
        Ok(()) => Ok(code),
        Err(error) => Err(Failure::output(&error)),
    });
    match done {
        Ok(code) => code,
        Err(failure) => failure.tell(streams),
    }
}

fn verb(options: &Options, streams: &mut Streams<'_>) -> Result<u8, Failure> {
    match &options.verb {
        Verb::Compile(options) => compile::run(options, streams),
        Verb::Check(options) => check::run(options, streams),
        Verb::Rewrite(options) => rewrite::run(options, streams),
        Verb::Explain(options) => explain::run(options, streams),
        Verb::Route(options) => route::run(options, streams),
        Verb::Diff(options) => diff::run(options, streams),
        Verb::Export(options) => export::run(options, streams),
        Verb::Inspect(options) => inspect::run(options, streams),
        Verb::Serve(options) => serve::run(options, streams),
    }
}
