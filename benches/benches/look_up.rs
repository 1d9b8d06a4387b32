//! Look-ups, asked for as paths of the envelope: the grammar of the path, the key and the map. The
//! map's share is the difference to a path in a domain that no entry names, where reading ends
//! after the domain. Of 100,000 entries, or of as many as each number in `READDRESS_ENTRIES` says:
//! `READDRESS_ENTRIES=50000,1000000,10000000` takes 6 GB and some minutes.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use readdress::{Direction, PathKind, Scratch};
use readdress_benches::corpus::{Directory, ENTRIES, Hits, engine};
use readdress_benches::people::Person;

/// The most paths asked for in one go, in an order that the map's is not. Fewer would leave the map's
/// parts that they need in the caches.
const PATHS: usize = 1_000_000;

fn look_up(criterion: &mut Criterion) {
    let sizes = std::env::var("READDRESS_ENTRIES").unwrap_or_else(|_| ENTRIES.to_string());
    for size in sizes.split(',') {
        look_up_of(criterion, size.parse().unwrap());
    }
}

fn look_up_of(criterion: &mut Criterion, entries: usize) {
    let directory = Directory::of(entries);
    let engine = engine(&directory.mapped);
    let elsewhere = Hits::NoDomain.people(&directory);
    let internal = |person: &Person| format!("<{}>", person.internal);
    let external = |person: &Person| format!("<{}>", person.external);
    let cases = [
        ("reverse/hit", PathKind::Reverse, paths(&directory.mapped, internal)),
        ("reverse/miss", PathKind::Reverse, paths(&directory.unheard_of, internal)),
        ("reverse/other-domain", PathKind::Reverse, paths(&elsewhere, internal)),
        ("forward/hit", PathKind::Forward, paths(&directory.mapped, external)),
        ("forward/other-domain", PathKind::Forward, paths(&elsewhere, internal)),
    ];
    let mut scratch = Scratch::new();
    let mut group = criterion.benchmark_group(format!("path/{entries}"));
    group.sample_size(10);
    for (name, kind, paths) in &cases {
        group.throughput(Throughput::Elements(paths.lines().count() as u64));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                for path in paths.lines() {
                    let done = engine.rewrite_path(Direction::Outbound, *kind, path.as_bytes(), &mut scratch);
                    black_box(done.unwrap().to());
                }
            });
        });
    }
    group.finish();
}

/// Some of the people, who are in no order. One behind the other, so that getting at the path costs nothing.
fn paths(people: &[Person], path: impl Fn(&Person) -> String) -> String {
    people.iter().step_by((people.len() / PATHS).max(1)).map(|person| path(person) + "\n").collect()
}

/// The corpora are long enough for short measurements.
fn quick() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = quick();
    targets = look_up
}
criterion_main!(benches);
