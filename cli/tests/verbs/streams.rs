//! Streams that fail.

use std::ffi::OsString;
use std::io::{self, Read, Write};

use crate::bench::{Bench, Failing, MESSAGE};

fn run_to(args: &[&str], input: &mut dyn Read, out: &mut dyn Write) -> (u8, String) {
    let mut err = Vec::new();
    let args = ["readdress"].iter().chain(args).map(OsString::from);
    let code = readdress_cli::run(args, input, out, &mut err);
    (code, String::from_utf8(err).unwrap())
}

#[test]
fn a_reader_that_went_away_is_an_io_error_and_no_news() {
    let bench = Bench::new();
    let (plan, map) = (bench.path("plan.toml"), bench.map());
    let message = bench.path("message.eml");
    for args in [
        &["check", &plan][..],
        &["check", "--format", "json", &plan],
        &["compile", &plan, "-o", &map],
        &["rewrite", "--map", &map, "--direction", "outbound", &message],
        &["rewrite", "--map", &map, "--direction", "outbound", "--format", "edits", &message],
        &["rewrite", "--map", &map, "--direction", "outbound", "--format", "json", &message],
        &["explain", "--map", &map, "--direction", "outbound", "john@tenant1.contoso.com"],
        &["inspect", &map],
        &["inspect", "--format", "json", &map],
        &["--help"],
    ] {
        for room in [0, 10] {
            let mut out = Failing { room, kind: io::ErrorKind::BrokenPipe };
            let ran = run_to(args, &mut io::empty(), &mut out);
            assert_eq!(ran, (74, String::new()), "{args:?}");
        }
    }
}

#[test]
fn a_full_disk_is_told() {
    let bench = Bench::new();
    let args = ["rewrite", "--plan", &bench.path("plan.toml"), "--direction", "outbound"];
    let mut out = Failing { room: 10, kind: io::ErrorKind::StorageFull };
    let (code, err) = run_to(&args, &mut MESSAGE.as_bytes(), &mut out);
    assert_eq!(code, 74);
    assert!(err.starts_with("readdress: cannot write to standard output: "), "{err}");
}

#[test]
fn octets_that_only_a_flush_delivers_count() {
    let bench = Bench::new();
    let args = ["rewrite", "--plan", &bench.path("plan.toml"), "--direction", "outbound"];
    let mut out = io::BufWriter::new(Failing { room: 10, kind: io::ErrorKind::BrokenPipe });
    assert_eq!(run_to(&args, &mut MESSAGE.as_bytes(), &mut out), (74, String::new()));
    let _ = out.into_parts();
}

#[test]
fn an_input_that_breaks_off_is_an_io_error_and_prints_nothing() {
    let bench = Bench::new();
    let args = ["rewrite", "--plan", &bench.path("plan.toml"), "--direction", "outbound", "-"];
    let mut out = Vec::new();
    let mut input = Failing { room: 10, kind: io::ErrorKind::ConnectionReset };
    let (code, err) = run_to(&args, &mut input, &mut out);
    assert_eq!((code, out.len()), (74, 0));
    assert!(err.starts_with("readdress: cannot read standard input: "), "{err}");
}

#[test]
fn an_error_stream_that_is_closed_changes_no_exit_code() {
    let bench = Bench::new();
    let mut err = Failing { room: 0, kind: io::ErrorKind::BrokenPipe };
    let args = ["readdress", "inspect", &bench.path("absent")].map(OsString::from);
    let code = readdress_cli::run(args, &mut io::empty(), &mut io::sink(), &mut err);
    assert_eq!(code, 66);
}
