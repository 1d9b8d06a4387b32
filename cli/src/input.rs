//! What a verb reads: the engine of a map or plan, and the message.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use readdress::Engine;
use readdress_plan::{Compiled, Diagnostics, Plan};

use crate::escape;
use crate::exit;
use crate::failure::Failure;
use crate::options::{RewriteOptions, Source};

/// One octet more than the engine takes: enough for it to say that there are too many, and a bound
/// on what an endless input makes us hold.
const MESSAGE_OCTETS: u64 = u32::MAX as u64 + 1;

/// The engine of the map or plan on the command line.
pub(crate) fn engine(source: &Source) -> Result<Engine, Failure> {
    open(source.map.as_deref(), source.plan.as_deref())
}

/// The engine of the one file that is given.
pub(crate) fn open(map: Option<&Path>, plan: Option<&Path>) -> Result<Engine, Failure> {
    match (map, plan) {
        (Some(path), _) => Engine::open(path).map_err(|error| Failure::map(path, &error)),
        (None, Some(path)) => {
            let compiled = compile(path)?;
            Engine::from_bytes(compiled.map).map_err(|error| Failure::map(path, &error))
        }
        (None, None) => Err(Failure::new(exit::USAGE, "neither --map nor --plan is given")),
    }
}

/// Whether a file begins with these octets.
pub(crate) fn begins_with(path: &Path, start: &[u8]) -> io::Result<bool> {
    let mut octets = Vec::new();
    File::open(path)?.take(start.len() as u64).read_to_end(&mut octets)?;
    Ok(octets == start)
}

fn compile(path: &Path) -> Result<Compiled, Failure> {
    plan(path)?.compile().map_err(|diagnostics| Failure::told(exit::BAD_DATA, diagnostics.to_string()))
}

/// Reads a plan, or says all that is wrong with it.
pub(crate) fn plan(path: &Path) -> Result<Plan, Failure> {
    Plan::read(path).map_err(|diagnostics| Failure::told(plan_code(&diagnostics), diagnostics.to_string()))
}

/// The exit code for a plan that can't be read.
pub(crate) fn plan_code(diagnostics: &Diagnostics) -> u8 {
    if diagnostics.is_missing_input() { exit::NO_INPUT } else { exit::BAD_DATA }
}

/// The message of `rewrite`.
pub(crate) struct Message {
    /// What diagnostics call it.
    pub(crate) name: String,
    /// Its octets; none when only the envelope is asked for.
    pub(crate) octets: Vec<u8>,
}

impl Message {
    /// Reads the operand or standard input; neither when paths alone are given, since a terminal
    /// would wait for a message that nobody means to type.
    pub(crate) fn read(options: &RewriteOptions, input: &mut dyn Read) -> Result<Message, Failure> {
        match &options.message {
            Some(path) => Message::from_operand(path, input),
            None if options.mail_from.is_some() || !options.rcpt_to.is_empty() => {
                Ok(Message { name: "envelope".to_owned(), octets: Vec::new() })
            }
            None => Message::from_input(input),
        }
    }

    /// Reads the operand; `-` is standard input.
    pub(crate) fn from_operand(path: &PathBuf, input: &mut dyn Read) -> Result<Message, Failure> {
        if path.as_os_str() == "-" { Message::from_input(input) } else { Message::from_file(path) }
    }

    fn from_file(path: &PathBuf) -> Result<Message, Failure> {
        let octets = File::open(path)
            .and_then(|mut file| read(&mut file))
            .map_err(|error| Failure::read(path, &error))?;
        Ok(Message { name: escape::path(path), octets })
    }

    fn from_input(input: &mut dyn Read) -> Result<Message, Failure> {
        match read(input) {
            Ok(octets) => Ok(Message { name: "<stdin>".to_owned(), octets }),
            Err(error) => Err(Failure::new(exit::IO, format_args!("cannot read standard input: {error}"))),
        }
    }
}

fn read(input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    input.take(MESSAGE_OCTETS).read_to_end(&mut octets)?;
    Ok(octets)
}
