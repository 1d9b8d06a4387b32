//! What callgrind counts: `gate FOLDER NAME` does one piece of work over messages that `generate` wrote,
//! in `counted`, and prints over how many. `gate - isa` prints the instruction set that code here may
//! choose at run time. Nothing depends on time, addresses or chance.
#![allow(clippy::expect_used, clippy::panic, reason = "a tool may stop")]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use readdress::header::{Notes, Scanner};
use readdress::{Direction, Engine, PathKind, Scratch};
use readdress_benches::scan::{address_field_names, address_fields};
use readdress_benches::shape::section_length;
use readdress_benches::work::{contiguous, edit_list, verdict};

/// Paths that are asked for.
const PATHS: usize = 2_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, name] = arguments.as_slice() else { panic!("usage: gate FOLDER NAME") };
    let folder = Path::new(folder);
    let office = || messages(&folder.join("office"));
    let items = match name.as_str() {
        "isa" => return println!("{}", instruction_set()),
        "scan" => scan(&office()),
        "verdict-no-domain" => {
            rewrite(&engine(folder, "no-domain"), &office(), |engine, message, scratch, _| {
                verdict(engine, message, scratch);
            })
        }
        "verdict-no-mailbox" => {
            rewrite(&engine(folder, "no-mailbox"), &office(), |engine, message, scratch, _| {
                verdict(engine, message, scratch);
            })
        }
        "rewrite-edit-list" => {
            rewrite(&engine(folder, "mailboxes"), &office(), |engine, message, scratch, _| {
                edit_list(engine, message, scratch);
            })
        }
        "rewrite-contiguous" => rewrite(&engine(folder, "mailboxes"), &office(), contiguous),
        "small-contiguous" => {
            rewrite(&engine(folder, "mailboxes"), &messages(&folder.join("small")), contiguous)
        }
        "path-hit" => look_up(&engine(folder, "mailboxes"), &engine(folder, "mailboxes")),
        "path-miss" => look_up(&engine(folder, "mailboxes"), &engine(folder, "no-mailbox")),
        other => panic!("nothing is called {other}"),
    };
    println!("{items}");
}

/// The only function whose instructions are counted, with all that it calls.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
    // A call in tail position would leave before the work is done.
    black_box(());
}

/// Once to grow the buffers, and once to be counted.
fn twice(work: &mut dyn FnMut()) {
    work();
    counted(work);
}

fn scan(messages: &[Vec<u8>]) -> usize {
    let sections: Vec<&[u8]> =
        messages.iter().filter_map(|message| message.get(..section_length(message))).collect();
    let names = address_field_names();
    let mut notes = Notes::default();
    twice(&mut || {
        for section in &sections {
            black_box(address_fields(section, &names, Scanner::best(), &mut notes));
        }
    });
    sections.len()
}

fn rewrite(
    engine: &Engine,
    messages: &[Vec<u8>],
    work: impl Fn(&Engine, &[u8], &mut Scratch, &mut Vec<u8>),
) -> usize {
    let (mut scratch, mut output) = (Scratch::new(), Vec::new());
    twice(&mut || messages.iter().for_each(|message| work(engine, message, &mut scratch, &mut output)));
    messages.len()
}

/// Asks for internal addresses of another map, or the same one.
fn look_up(engine: &Engine, whose: &Engine) -> usize {
    let mut scratch = Scratch::new();
    let entries = whose.map().entry_count() as usize;
    let paths: Vec<Vec<u8>> =
        whose.map().entries().step_by(entries / PATHS).map(|entry| entry.internal()).collect();
    twice(&mut || {
        for path in &paths {
            let done = engine.rewrite_path(Direction::Outbound, PathKind::Reverse, path, &mut scratch);
            black_box(done.expect("a path").to());
        }
    });
    paths.len()
}

fn engine(folder: &Path, name: &str) -> Engine {
    Engine::open(&folder.join(name).with_extension("map")).expect("generate wrote it")
}

fn messages(folder: &Path) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder).expect("generate wrote it");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).expect("a message")).collect()
}

/// The widest that this processor, or valgrind in its place, says it has.
fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512bw") {
            "x86-64 AVX-512BW"
        } else if is_x86_feature_detected!("avx2") {
            "x86-64 AVX2"
        } else {
            "x86-64 SSE2"
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH
}
