//! Compares what runs in one process: rounds that interleave the contestants, so that a phase in
//! which the machine is slower hits all of them. Who tells what came out takes ratios and differences
//! within each round and then the median, since two medians may come from different phases. Time is
//! that of the thread on a processor: waiting for one, where others compute, too, says nothing about a
//! contestant.

use rustix::time::{ClockId, clock_gettime};

/// Rounds that the median is taken of.
pub const ROUNDS: usize = 11;

/// Rounds for differences that are small beside what they are differences of.
pub const MANY_ROUNDS: usize = 41;

/// The least time a contestant runs in a round, in nanoseconds.
const ROUND: u64 = 20_000_000;

/// Something to time: one call goes over the whole corpus.
pub struct Contestant<'a> {
    name: String,
    run: Box<dyn FnMut() + 'a>,
}

impl<'a> Contestant<'a> {
    /// A contestant.
    pub fn new(name: impl Into<String>, run: impl FnMut() + 'a) -> Contestant<'a> {
        Contestant { name: name.into(), run: Box::new(run) }
    }
}

/// What came out: for each contestant, nanoseconds per item in every round.
#[derive(Clone, Debug)]
pub struct Times {
    times: Vec<(String, Vec<f64>)>,
}

impl Times {
    /// Nanoseconds per item of each round, by contestant, in the order they were given.
    pub fn rounds(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.times.iter().map(|(name, rounds)| (name.as_str(), rounds.as_slice()))
    }
}

/// Times the contestants over a corpus of `items`.
#[must_use]
pub fn race(rounds: usize, items: usize, mut contestants: Vec<Contestant<'_>>) -> Times {
    let passes: Vec<usize> = contestants
        .iter_mut()
        .map(|contestant| {
            (contestant.run)();
            let start = now();
            (contestant.run)();
            let pass = (now() - start).max(1);
            usize::try_from(ROUND / pass).expect("few passes") + 1
        })
        .collect();
    let mut times = vec![Vec::with_capacity(rounds); contestants.len()];
    for round in 0..rounds {
        for turn in 0..contestants.len() {
            let number = whose_turn(round, turn, contestants.len());
            let start = now();
            for _ in 0..passes[number] {
                (contestants[number].run)();
            }
            times[number].push((now() - start) as f64 / (passes[number] * items) as f64);
        }
    }
    Times { times: contestants.into_iter().map(|contestant| contestant.name).zip(times).collect() }
}

/// Who comes at this turn. Nobody always comes behind the same one, who may leave the caches full of its
/// own.
#[must_use]
pub fn whose_turn(round: usize, turn: usize, contestants: usize) -> usize {
    let turn = if round.is_multiple_of(2) { turn } else { contestants - 1 - turn };
    (round + turn) % contestants
}

/// Nanoseconds that this thread has computed.
fn now() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |part: i64| u64::try_from(part).expect("clocks don't run backwards");
    part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec)
}
