//! How fast a field section is read: the field scanner with the names of address fields, beside
//! what the machine does at best with the same octets.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use readdress::Direction;
use readdress::Scratch;
use readdress::header::{Notes, Scanner};
use readdress_benches::corpus::{Directory, HOT, Hits, STREAM, office, small};
use readdress_benches::scan::{address_field_names, address_fields, copy, line_feeds, mailboxes};
use readdress_benches::shape::{address_bodies, section_length};

fn scan(criterion: &mut Criterion) {
    let directory = Directory::new();
    let names = address_field_names();
    let engine = Hits::Mailboxes.engine(&directory);
    let mut scratch = Scratch::new();
    for (corpus, messages) in [
        ("stream", office(&directory, STREAM)),
        ("hot", office(&directory, HOT)),
        ("small", small(&directory, HOT)),
    ] {
        let sections: Vec<&[u8]> =
            messages.iter().map(|message| message.get(..section_length(message)).unwrap()).collect();
        let octets: usize = sections.iter().map(|section| section.len()).sum();
        let mut group = criterion.benchmark_group(format!("scan/{corpus}"));
        group.throughput(Throughput::Bytes(octets as u64));
        let mut buffer = Vec::with_capacity(1 << 16);
        group.bench_function("memcpy", |bencher| {
            bencher.iter(|| sections.iter().for_each(|section| copy(section, &mut buffer)));
        });
        group.bench_function("memchr-line-feeds", |bencher| {
            bencher.iter(|| sections.iter().for_each(|section| _ = black_box(line_feeds(section))));
        });
        for scanner in Scanner::ALL.into_iter().filter(|scanner| scanner.is_available()) {
            let mut notes = Notes::default();
            group.bench_function(format!("address-fields/{scanner:?}"), |bencher| {
                bencher.iter(|| {
                    for section in &sections {
                        black_box(address_fields(section, &names, scanner, &mut notes));
                    }
                });
            });
        }
        // Inbound, the preset rewrites no field: what is left is the scan, as the engine does it.
        group.bench_function("engine-without-fields", |bencher| {
            bencher.iter(|| {
                for section in &sections {
                    let done = engine.rewrite_into(Direction::Inbound, section, &mut scratch).unwrap();
                    black_box((done.flags(), done.changed()));
                }
            });
        });
        group.finish();

        let bodies: Vec<&[u8]> = messages.iter().flat_map(|message| address_bodies(message)).collect();
        let octets: usize = bodies.iter().map(|body| body.len()).sum();
        let mut group = criterion.benchmark_group(format!("address-list/{corpus}"));
        group.throughput(Throughput::Bytes(octets as u64));
        group.bench_function("parse", |bencher| {
            bencher.iter(|| bodies.iter().for_each(|body| _ = black_box(mailboxes(body))));
        });
        group.finish();
    }
}

/// The corpora are long enough for short measurements.
fn quick() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = quick();
    targets = scan
}
criterion_main!(benches);
