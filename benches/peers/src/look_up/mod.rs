//! Look-ups in large maps: ours beside hash maps, LMDB and a constant database, with the same entries
//! and the same questions. Whoever is asked copies the value to a buffer, as a rewrite would.
//!
//! Ours is asked through the engine, since that is the only way there is: for single addresses as the
//! reverse-path of an envelope, its grammar included; and for eight addresses of a message together. Of
//! that, the same with a map that does not name their domains is no look-up, nor is reading the address list:
//! all others get their keys ready-made.

mod build;
mod cdb;
mod lmdb;
mod questions;

use std::error::Error;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use readdress::address::AddressList;
use readdress::{Direction, Engine, PathKind, Scratch};
use readdress_benches::corpus::engine;
use readdress_benches::pairs::Pairs;
use readdress_benches::people::{ELSEWHERE, people};
use readdress_benches::rng::Rng;
use readdress_benches::stopwatch::{Contestant, ROUNDS, race};
use serde_json::{Map, Value, json};

use crate::json::rounds;
use crate::look_up::cdb::CdbLibrary;
use crate::look_up::questions::{Messages, Questions};

pub use crate::look_up::build::{Kind, build};

/// Addresses asked for in one go.
const CHUNK: usize = 16_384;

/// Different questions at most. Fewer would leave what answers them in a cache.
const QUESTIONS: usize = 1_000_000;

/// Addresses of a message.
const TOGETHER: usize = 8;

/// Builds all with `count` entries, each in a process of its own, below `folder`, and asks them.
pub fn measure(count: usize, folder: &Path, cdb: Option<&OsStr>) -> Result<Value, Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let mut built = Map::new();
    for kind in Kind::ALL.into_iter().filter(|&kind| kind != Kind::Cdb || cdb.is_some()) {
        eprintln!("peers: {count} entries: building {}", kind.name());
        let mut child = Command::new(std::env::current_exe()?);
        child.arg("build").arg(kind.word()).arg(count.to_string()).arg(folder).args(cdb);
        let output = child.stderr(std::process::Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("building {} ended with {}", kind.name(), output.status).into());
        }
        built.insert(kind.name().to_owned(), serde_json::from_slice(&output.stdout)?);
    }
    eprintln!("peers: {count} entries: asking");
    let times = ask(count, folder, cdb)?;
    Ok(json!({ "entries": count, "built": built, "times": times }))
}

fn ask(count: usize, folder: &Path, cdb: Option<&OsStr>) -> Result<Value, Box<dyn Error>> {
    let (pairs, unknown) = Pairs::generate(count, QUESTIONS.min(count));
    let hits = Questions::new(&pairs, QUESTIONS, |internal, external| (internal, external.len()));
    let misses = Questions::new(&unknown, QUESTIONS, |internal, _| (internal, 0));

    let std = build::std_map(&pairs);
    let ahash = build::ahash_map(&pairs);
    let environment = lmdb::open(&build::file(folder, Kind::Lmdb))?;
    let lmdb = lmdb::Reader::new(&environment)?;
    let library = cdb.map(CdbLibrary::open).transpose()?;
    let cdb = library.as_ref().map(|library| library.reader(&build::file(folder, Kind::Cdb))).transpose()?;
    let ours = Engine::open(&build::file(folder, Kind::Readdress))?;
    let elsewhere = engine(&people(&mut Rng::new(1), 1_000, &ELSEWHERE));
    drop((pairs, unknown));

    let (of_hits, of_misses) = (Messages::new(&hits, TOGETHER), Messages::new(&misses, TOGETHER));
    let everybody = Everybody { std: &std, ahash: &ahash, lmdb: &lmdb, cdb: cdb.as_ref(), ours: &ours };
    let mut contestants = Vec::new();
    for (what, questions) in [("hit", &hits), ("miss", &misses)] {
        for kind in Kind::ALL {
            let name = format!("{} {what}", kind.name());
            let (Some(first), Some(second)) = (everybody.answer(kind), everybody.answer(kind)) else {
                continue;
            };
            contestants.push(asked::<true>(format!("{name}, apart"), questions, first));
            contestants.push(asked::<false>(name, questions, second));
        }
    }
    for (name, engine, messages) in
        [("readdress hit, together", &ours, &of_hits), ("readdress miss, together", &ours, &of_misses)]
    {
        contestants.push(together::<false>(name, engine, messages));
    }
    for (name, messages) in [("readdress hit", &of_hits), ("readdress miss", &of_misses)] {
        contestants.push(together::<false>(&format!("{name}, passed over"), &elsewhere, messages));
        contestants.push(together::<true>(&format!("{name}, read alone"), &elsewhere, messages));
    }
    Ok(rounds(&race(ROUNDS, CHUNK, contestants)))
}

struct Everybody<'a> {
    std: &'a build::StdMap,
    ahash: &'a build::AHashMap,
    lmdb: &'a lmdb::Reader<'a>,
    cdb: Option<&'a cdb::CdbReader<'a>>,
    ours: &'a Engine,
}

impl<'a> Everybody<'a> {
    fn answer(&self, kind: Kind) -> Option<Answer<'a>> {
        let Everybody { std, ahash, lmdb, cdb, ours } = *self;
        Some(match kind {
            Kind::Readdress => path(ours),
            Kind::Std => from(|key| std.get(key).map(String::as_bytes)),
            Kind::Ahash => from(|key| ahash.get(key).map(|value| value.as_bytes())),
            Kind::Lmdb => from(|key| lmdb.get(key)),
            Kind::Cdb => {
                let cdb = cdb?;
                from(|key| cdb.get(key))
            }
        })
    }
}

/// Appends the value of a key, if there is one.
type Answer<'a> = Box<dyn FnMut(&str, &mut Vec<u8>) + 'a>;

fn from<'a>(get: impl Fn(&str) -> Option<&'a [u8]> + 'a) -> Answer<'a> {
    Box::new(move |key, to| {
        if let Some(value) = get(key) {
            to.extend_from_slice(value);
        }
    })
}

/// The next chunk of questions with each call. `APART`: each look-up ends before the next begins, as it
/// does where there is work between them; else a processor goes ahead to the next ones.
fn asked<'a, const APART: bool>(
    name: String,
    questions: &'a Questions,
    mut answer: Answer<'a>,
) -> Contestant<'a> {
    let (mut next, mut value) = (0, Vec::new());
    Contestant::new(name, move || {
        let (mut octets, mut meant) = (0, 0);
        for _ in 0..CHUNK {
            let (key, length) = questions.get(next);
            value.clear();
            answer(key, &mut value);
            octets += value.len();
            meant += length;
            next = if next + 1 == questions.len() { 0 } else { next + 1 };
            if APART {
                wait();
            }
        }
        assert_eq!(octets, meant, "the values are those that belong to the keys");
    })
}

/// Until everything before is done.
fn wait() {
    #[cfg(target_arch = "x86_64")]
    #[allow(unused_unsafe, reason = "newer compilers call it safe")]
    // SAFETY: every x86-64 processor has it.
    unsafe {
        std::arch::x86_64::_mm_lfence();
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

fn path(engine: &Engine) -> Answer<'_> {
    let mut scratch = Scratch::new();
    Box::new(move |key, to| {
        let done = engine.rewrite_path(Direction::Outbound, PathKind::Reverse, key.as_bytes(), &mut scratch);
        let done = done.expect("a path");
        if done.changed() {
            to.extend_from_slice(done.to());
        }
    })
}

/// The next messages with each call. `READ`: their address lists are read beforehand.
fn together<'a, const READ: bool>(name: &str, engine: &'a Engine, messages: &'a Messages) -> Contestant<'a> {
    let (mut next, mut scratch, mut output) = (0, Scratch::new(), Vec::new());
    Contestant::new(name, move || {
        for _ in 0..CHUNK / TOGETHER {
            let message = messages.get(next);
            if READ {
                let list = AddressList::new(Messages::list_of(message));
                assert_eq!(list.map(std::hint::black_box).count(), TOGETHER, "every one is read");
            }
            let done = engine.rewrite_into(Direction::Outbound, message, &mut scratch);
            let done = done.expect("within the limits");
            output.clear();
            done.slices().for_each(|slice| output.extend_from_slice(slice));
            next = if next + 1 == messages.len() { 0 } else { next + 1 };
        }
        std::hint::black_box(output.as_slice());
    })
}
