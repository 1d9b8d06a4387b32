//! Look-ups, asked for as paths of the envelope: the grammar of the path, the key and the map. The
//! map's share is the difference to a path in a domain that no entry names, where reading ends
//! after the domain.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use readdress::{Direction, PathKind, Scratch};
use readdress_benches::corpus::{Directory, Hits};
use readdress_benches::people::Person;

/// Paths asked for in one go, in an order that the map's is not.
const PATHS: usize = 20_000;

fn look_up(criterion: &mut Criterion) {
    let directory = Directory::new();
    let engine = Hits::Mailboxes.engine(&directory);
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
    let mut group = criterion.benchmark_group("path");
    group.throughput(Throughput::Elements(PATHS as u64));
    for (name, kind, paths) in &cases {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                for path in paths {
                    let done = engine.rewrite_path(Direction::Outbound, *kind, path.as_bytes(), &mut scratch);
                    black_box(done.unwrap().to());
                }
            });
        });
    }
    group.finish();
}

/// Every fifth of 100,000; people are in no order.
fn paths(people: &[Person], path: impl Fn(&Person) -> String) -> Vec<String> {
    people.iter().step_by(people.len() / PATHS).map(path).collect()
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
