//! Writes the corpora, the entries and the plan to a folder, so that programs in other languages
//! can be timed on the same octets: `generate DIR [MESSAGES]`.
#![allow(clippy::expect_used, reason = "a tool may stop")]

use std::path::Path;
use std::process::ExitCode;

use readdress_benches::corpus::{Directory, STREAM, write_to};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let Some(folder) = args.next() else {
        eprintln!("usage: generate DIR [MESSAGES]");
        return ExitCode::from(64);
    };
    let count = args.next().map_or(STREAM, |count| {
        count.to_str().and_then(|count| count.parse().ok()).expect("MESSAGES is a number")
    });
    write_to(Path::new(&folder), &Directory::new(), count).expect("the folder can be written");
    ExitCode::SUCCESS
}
