//! Compares what runs in one process: rounds that interleave the contestants, so that a phase in
//! which the machine is slower hits all of them, and the median of seven.

use std::time::Instant;

/// Rounds that the median is taken of.
pub const ROUNDS: usize = 7;

/// The least time a contestant runs in a round, in nanoseconds.
const ROUND: u128 = 40_000_000;

/// Something to time: one call goes over the whole corpus.
pub struct Contestant<'a> {
    name: &'static str,
    run: Box<dyn FnMut() + 'a>,
}

impl<'a> Contestant<'a> {
    /// A contestant.
    pub fn new(name: &'static str, run: impl FnMut() + 'a) -> Contestant<'a> {
        Contestant { name, run: Box::new(run) }
    }
}

/// What came out.
#[derive(Debug)]
pub struct Times {
    times: Vec<(&'static str, f64)>,
}

impl Times {
    /// Nanoseconds per item.
    #[must_use]
    pub fn of(&self, name: &str) -> f64 {
        self.times.iter().find(|(known, _)| *known == name).expect("a contestant of this name").1
    }

    /// How many times as long `name` takes as `other`.
    #[must_use]
    pub fn ratio(&self, name: &str, other: &str) -> f64 {
        self.of(name) / self.of(other)
    }

    /// Names and nanoseconds per item, in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.times.iter().copied()
    }
}

/// Times the contestants over a corpus of `items`.
#[must_use]
pub fn race(items: usize, mut contestants: Vec<Contestant<'_>>) -> Times {
    let passes: Vec<usize> = contestants
        .iter_mut()
        .map(|contestant| {
            (contestant.run)();
            let start = Instant::now();
            (contestant.run)();
            let pass = start.elapsed().as_nanos().max(1);
            usize::try_from(ROUND / pass).expect("few passes") + 1
        })
        .collect();
    let mut rounds = vec![Vec::new(); contestants.len()];
    for _ in 0..ROUNDS {
        for ((contestant, &passes), times) in contestants.iter_mut().zip(&passes).zip(&mut rounds) {
            let start = Instant::now();
            for _ in 0..passes {
                (contestant.run)();
            }
            times.push(start.elapsed().as_secs_f64() * 1e9 / (passes * items) as f64);
        }
    }
    let times = contestants.iter().zip(rounds).map(|(contestant, times)| (contestant.name, median(times)));
    Times { times: times.collect() }
}

/// The middle one.
#[must_use]
pub fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
