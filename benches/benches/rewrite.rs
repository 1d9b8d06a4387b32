//! Whole messages: three maps, from one whose domains stand nowhere to one that rewrites 3.8
//! addresses a message, and three ways to take what comes out. Throughput is that of the field
//! sections: the body is read by none but the one that copies it.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use readdress::{Direction, Scratch};
use readdress_benches::corpus::{Directory, HOT, Hits, STREAM, office, small};
use readdress_benches::shape::section_length;
use readdress_benches::work::{contiguous, edit_list, slices, verdict};

fn rewrite(criterion: &mut Criterion) {
    let directory = Directory::new();
    let engines = Hits::ALL.map(|hits| (hits, hits.engine(&directory)));
    let mut scratch = Scratch::new();
    let mut output = Vec::new();
    for (corpus, messages) in [
        ("stream", office(&directory, STREAM)),
        ("hot", office(&directory, HOT)),
        ("small", small(&directory, HOT)),
    ] {
        let octets: usize = messages.iter().map(|message| section_length(message)).sum();
        for (hits, engine) in &engines {
            let mut group = criterion.benchmark_group(format!("rewrite/{corpus}/{}", hits.name()));
            group.throughput(Throughput::Bytes(octets as u64));
            group.bench_function("verdict", |bencher| {
                bencher.iter(|| messages.iter().for_each(|message| verdict(engine, message, &mut scratch)));
            });
            group.bench_function("slices", |bencher| {
                bencher.iter(|| messages.iter().for_each(|message| slices(engine, message, &mut scratch)));
            });
            group.bench_function("edit-list", |bencher| {
                bencher.iter(|| messages.iter().for_each(|message| edit_list(engine, message, &mut scratch)));
            });
            group.bench_function("contiguous", |bencher| {
                bencher.iter(|| {
                    for message in &messages {
                        contiguous(engine, message, &mut scratch, &mut output);
                    }
                });
            });
            group.finish();
        }
    }
    // What a gateway that takes fields one by one asks for.
    let messages = office(&directory, STREAM);
    let [.., (_, engine)] = &engines;
    let mut group = criterion.benchmark_group("rewrite/stream/mailboxes-field-by-field");
    group.throughput(Throughput::Elements(messages.len() as u64));
    let fields: Vec<Vec<(&[u8], &[u8])>> =
        messages.iter().map(|message| readdress_benches::shape::fields(message)).collect();
    group.bench_function("field-changes", |bencher| {
        bencher.iter(|| {
            for fields in &fields {
                let mut message = engine.begin(Direction::Outbound, &mut scratch);
                for (name, body) in fields {
                    message.field(name, body).unwrap();
                }
                black_box(message.finish().field_changes().map(|change| change.len()).sum::<usize>());
            }
        });
    });
    group.finish();
}

/// The corpora are long enough for short measurements.
fn quick() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = quick();
    targets = rewrite
}
criterion_main!(benches);
