//! Time, stack and memory, whatever the input.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop")]
#![allow(unsafe_code, reason = "counting allocations takes an allocator")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use readdress::{Direction, Engine, Error, Limit, Limits, OnSigned, PathKind, Policy, Scratch};
use support::{engine_with, opt_in};

const SIZE: usize = 16 * 1024 * 1024;

/// Inputs that have broken other parsers, as endless repetitions.
const PATHOLOGICAL: [(&str, &str, &str); 36] = [
    ("parentheses", "To: ", "("),
    ("closed parentheses", "To: ", "(,)"),
    ("quoted backslashes", "To: ", "\"\\"),
    ("quotes and commas", "To: ", "\","),
    ("escaped quotes and commas", "To: \"", "\\\","),
    ("colons", "To: ", "a:"),
    ("angles", "To: ", "<"),
    ("commas", "To: ", ","),
    ("folds", "To: ", "\r\n "),
    ("folds in an address", "To: user@", "a\r\n .\r\n "),
    ("one-letter fields", "", "a:\n"),
    ("ats", "To: ", "@"),
    ("brackets and commas", "To: ", "a@[,"),
    ("dots", "To: user@", "a."),
    ("routes", "To: <", "@a,"),
    ("mapped addresses", "To: ", "user@i.example,"),
    ("malformed beside a mapped domain", "To: i.example ", "a@b@c,"),
    ("mapped domains in disorder", "To: <", "i.example "),
    ("international domains", "To: ", "u@bücher.straße.例え.example,"),
    ("a long international label", "To: ", "u@äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü.example,"),
    ("mapped addresses in a signed message", "Content-Type: application/pkcs7-mime\nTo: ", "user@i.example,"),
    (
        "edits and skips in turns in a signed message",
        "Content-Type: application/pkcs7-mime\nTo: i.example ",
        "a@b@c,user@i.example,",
    ),
    ("tags before tags", "To: ", "prvs=1=prvs=1=prvs=1=prvs=1=user+a+b@i.example,"),
    ("addresses as names", "To: ", "\"user@i.example\"<a@b>,"),
    ("a name that never ends", "To: \"user@i.example", "\\\""),
    ("encoded-words", "To: ", "=?utf-8?q?user=40i.example?= "),
    ("one encoded-word", "To: =?utf-8?q?", "=40"),
    ("names of encoded-words", "To: ", "=?utf-8?b?dXNlckBpLmV4YW1wbGU=?=<a@b>,"),
    ("links", "List-Post: ", "<mailto:user@i.example>,"),
    ("addresses in one link", "List-Post: <mailto:", "user@i.example,"),
    ("open links", "List-Post: i.example ", "<mailto:user%40i.example,"),
    ("percent signs", "List-Post: <mailto:", "%"),
    ("folds in a link", "List-Post: <mailto:user@i.example", "\r\n "),
    ("attributes", "Autocrypt: ", "a=b; "),
    (
        "links that stay",
        "DKIM-Signature: h=List-Unsubscribe-Post\nList-Unsubscribe-Post:\nList-Unsubscribe: ",
        "<mailto:user@i.example>,",
    ),
    ("keys of somebody left alone", "From: i.example x@\n", "Autocrypt: addr=user@i.example\n"),
];

/// The message of `size` octets, in whose time nothing but its size may matter.
fn message(start: &str, unit: &str, size: usize) -> Vec<u8> {
    let mut message = start.as_bytes().to_vec();
    message.extend(unit.as_bytes().iter().cycle().take(size - start.len()));
    message
}

fn unlimited() -> Engine {
    let limits = Limits { header_octets: u32::MAX, fields: u32::MAX, addresses: u32::MAX, received: 100 };
    engine_with(
        Policy { limits, on_signed_outbound: OnSigned::EnvelopeOnly, ..opt_in() },
        &[("user@i.example", "somebody@x.example", readdress::EntryDirection::Both, &[])],
    )
}

/// Tests that measure time take turns: beside each other they would measure each other.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The best of a few runs: what the machine does in between only ever adds.
fn best(runs: usize, mut run: impl FnMut()) -> Duration {
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min()
        .unwrap()
}

#[test]
fn sixteen_mebibytes_of_anything_take_linear_time_on_a_small_stack() {
    let (engine, _turn) = (unlimited(), turn());
    let engines = [engine.without_shortcuts(), engine];
    for ((name, start, unit), engine) in
        PATHOLOGICAL.iter().flat_map(|case| engines.each_ref().map(|engine| (case, engine)))
    {
        let engine = engine.clone();
        let thread = std::thread::Builder::new().stack_size(64 * 1024).spawn(move || {
            let time = |size: usize, runs| {
                let message = message(start, unit, size);
                let mut scratch = Scratch::new();
                best(runs, || {
                    let done = engine.rewrite_into(Direction::Outbound, &message, &mut scratch).unwrap();
                    assert!(done.size() > message.len() / 2);
                })
            };
            (time(SIZE / 64, 5), time(SIZE, 2))
        });
        let (small, large) = thread.unwrap().join().unwrap();
        println!("{name}: {small:?} for 256 KiB, {large:?} for 16 MiB");
        // 64 times the octets: a quadratic step would take 4096 times as long. Ten times slack for a busy
        // machine, and for caches that hold the small message and not the large one.
        assert!(large < small.max(Duration::from_micros(50)) * 64 * 10, "{name}: {small:?} -> {large:?}");
    }
}

/// Each line is full, so that the longer addresses make it too long: one after the other needs folds.
#[test]
fn a_field_of_full_lines_takes_linear_time() {
    let (engine, _turn) = (unlimited(), turn());
    for (name, start, unit) in [
        ("full lines", "To: ", "user@i.example,".repeat(66)),
        ("full lines with names", "To: ", "\"user@i.example\" <user@i.example>,".repeat(28)),
        ("full lines of links", "List-Post: ", "<mailto:user@i.example>,".repeat(41)),
        ("full lines that no fold helps", "To: ", format!("user@i.example({}),", "c".repeat(980))),
    ] {
        let time = |size: usize, runs| {
            let message = message(start, &format!("{unit}\r\n "), size);
            let mut scratch = Scratch::new();
            best(runs, || {
                let done = engine.rewrite_into(Direction::Outbound, &message, &mut scratch).unwrap();
                assert!(done.edits().len() + done.skipped().len() > size / 1100);
            })
        };
        let (small, large) = (time(SIZE / 256, 5), time(SIZE / 8, 2));
        println!("{name}: {small:?} for 64 KiB, {large:?} for 2 MiB");
        assert!(large < small.max(Duration::from_micros(50)) * 32 * 4, "{name}: {small:?} -> {large:?}");
    }
}

/// Reports that are worked out when asked for: each on the buffers of one message.
#[test]
fn alignment_takes_linear_time() {
    let (engine, _turn) = (unlimited(), turn());
    for (name, start, unit) in [
        ("authors of one domain", "DKIM-Signature: d=i.example; h=from\nFrom: ", "user@i.example,"),
        ("authors in comments", "DKIM-Signature: d=i.example; h=from\nFrom: ", "(c)user(c)@(c)i(c).example,"),
        ("international authors", "DKIM-Signature: d=i.example; h=from\nFrom: ", "user@b\u{fc}cher.example,"),
        ("signatures", "From: user@i.example\n", "DKIM-Signature: d=a.b.i.example; h=from\n"),
        ("one signature", "From: user@i.example\nDKIM-Signature: h=from; d=", "i.example."),
    ] {
        let time = |size: usize| {
            let message = message(start, unit, size);
            let mut scratch = Scratch::new();
            let done = engine.rewrite_into(Direction::Outbound, &message, &mut scratch).unwrap();
            best(3, || assert!(done.signatures().all(|signature| signature.domain.len() < size)))
        };
        let (small, large) = (time(SIZE / 256), time(SIZE / 8));
        println!("{name}: {small:?} for 64 KiB, {large:?} for 2 MiB");
        assert!(large < small.max(Duration::from_micros(50)) * 32 * 10, "{name}: {small:?} -> {large:?}");
    }
}

#[test]
fn limits_are_reported_and_leave_the_message_alone() {
    let limit = |limits: Limits, message: &[u8]| {
        let engine = engine_with(
            Policy { limits, ..Policy::default() },
            &[("a@i.example", "b@x.example", readdress::EntryDirection::Both, &[])],
        );
        match engine.rewrite_into(Direction::Outbound, message, &mut Scratch::new()) {
            Ok(_) => None,
            Err(Error::Limit { limit, offset, .. }) => Some((limit, offset)),
            Err(other) => unreachable!("{other}"),
        }
    };
    let limits = Limits { header_octets: 40, fields: 2, addresses: 3, received: 100 };
    assert_eq!(limit(limits, b"To: a@i.example,b@c,d@e\nX: y\n\nlong long long long body"), None);
    assert_eq!(limit(limits, b"To: a,b,c,d@e,f@g,h@i,j@k\nX: y\n\n"), Some((Limit::Addresses, 22)));
    assert_eq!(limit(limits, b"A: 1\nB: 2\nC: 3\n\n"), Some((Limit::Fields, 10)));
    assert_eq!(
        limit(limits, &[b'A', b':'].into_iter().chain([b'x'; 60]).collect::<Vec<_>>()),
        Some((Limit::HeaderOctets, 40))
    );
    // What does not parse counts as an address, too: no list of reports grows without bound.
    assert_eq!(limit(limits, b"To: @,@,@,@\n\n").map(|(limit, _)| limit), Some(Limit::Addresses));
}

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn i8_nothing_is_allocated_once_warm() {
    let both = readdress::EntryDirection::Both;
    let engine = engine_with(
        Policy { on_signed_outbound: OnSigned::SkipFields, ..opt_in() },
        &[
            (
                "user@i.example",
                "a.much.longer.name.than.before.so.that.lines.have.to.be.folded@x.example",
                both,
                &[],
            ),
            ("\"q q\"@i.example", "\"r r\"@x.example", both, &[]),
            ("d.example", "e.example", both, &[]),
        ],
    );
    let long = format!("To: {}\r\n\r\n", vec!["user@i.example"; 60].join(", "));
    let messages: [&[u8]; 9] = [
        b"Subject: nothing\r\n\r\n",
        b"From: \"U, S\" <user+tag@i.example>\r\nTo: x (c) @ d.example, \"q q\"+t@i.example\r\n\r\n",
        b"From: a@b@c, user@i.example\r\nCc: nobody@i.example, \"q q+t\"@i.example\r\n\r\n",
        b"To: \"unterminated i.example, user@i.example\r\n",
        b"From: user@i.example, a@b@i.example\r\nSender: user@i.example\r\nContent-Type: application/pkcs7-mime\r\n",
        long.as_bytes(),
        b"To: \"'user@i.example'\" <a@b>, =?utf-8?q?x=40d.example?= <x@d.example>, \"nobody@i.example\" <a@b>\r\n\r\n",
        b"List-Post: <mailto:%22q%20q%22@i.example,x@d.example?subject=x>, i.example\r\nFrom: user@i.example\r\nAutocrypt: addr=user@i.example; keydata=x\r\n\r\n",
        b"DKIM-Signature: h=List-Unsubscribe-Post\r\nList-Unsubscribe-Post: x\r\nList-Unsubscribe: <mailto:user@i.example>\r\nAutocrypt: addr=user@i.example\r\nFrom: x@@i.example\r\n\r\n",
    ];
    let mut scratch = Scratch::new();
    let run = |scratch: &mut Scratch| {
        for message in messages {
            for direction in Direction::ALL {
                let done = engine.rewrite_into(direction, message, scratch).unwrap();
                assert!(done.slices().map(<[u8]>::len).sum::<usize>() == done.size());
                assert!(
                    done.skipped().all(|skip| !skip.field.is_empty())
                        && done.unmapped().all(|address| !address.is_empty())
                );
            }
        }
        let mut parts = engine.begin(Direction::Outbound, scratch);
        for (name, body) in [
            (&b"From"[..], &b" user@i.example, a@b@i.example"[..]),
            (b"To", b" user@i.example"),
            (b"Content-Type", b" application/pkcs7-mime"),
        ] {
            parts.field(name, body).unwrap();
        }
        let done = parts.finish();
        assert!((done.edits().len(), done.skipped().len()) == (1, 2));
        for path in [&b"<user+x@i.example>"[..], b"<>", b"other@elsewhere.example"] {
            let path = engine.rewrite_path(Direction::Outbound, PathKind::Reverse, path, scratch).unwrap();
            assert!(!path.to().is_empty());
        }
    };
    run(&mut scratch);
    let before = ALLOCATIONS.get();
    run(&mut scratch);
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
