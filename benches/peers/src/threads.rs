//! Several threads, each with messages and scratch of its own and all with one engine, beside threads
//! that share nothing: what the machine loses by running two at once (memory, caches, clock) is lost to
//! both. Time is that of the wall: a thread that waits for another has to show.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use readdress::{Engine, Scratch};
use readdress_benches::scan::line_feeds;
use readdress_benches::shape::section_length;
use readdress_benches::stopwatch::{MANY_ROUNDS, whose_turn};
use readdress_benches::work::{contiguous, verdict};
use serde_json::{Value, json};

/// Threads at most: a few more than two show the trend.
const MOST: usize = 8;

/// How long a thread runs in a round, about.
const ROUND: Duration = Duration::from_millis(20);

type Work<'a> = Box<dyn Fn(&mut Worker) + Sync + 'a>;

/// What a thread has for itself.
struct Worker {
    messages: Vec<Vec<u8>>,
    sections: Vec<Vec<u8>>,
    scratch: Scratch,
    output: Vec<u8>,
}

impl Worker {
    fn new(messages: &[Vec<u8>]) -> Worker {
        let section = |message: &Vec<u8>| message[..section_length(message)].to_vec();
        Worker {
            messages: messages.to_vec(),
            sections: messages.iter().map(section).collect(),
            scratch: Scratch::new(),
            output: Vec::new(),
        }
    }
}

/// Messages a second of all threads together, for each work and number of threads, in each round.
pub fn race(messages: &[Vec<u8>], no_domain: &Engine, mailboxes: &Engine) -> Value {
    let works: [(&str, Work); 3] = [
        (
            "memchr line feeds",
            Box::new(|worker| worker.sections.iter().for_each(|section| _ = black_box(line_feeds(section)))),
        ),
        (
            "no-domain verdict",
            Box::new(|worker| {
                worker.messages.iter().for_each(|message| verdict(no_domain, message, &mut worker.scratch));
            }),
        ),
        (
            "mailboxes contiguous",
            Box::new(|worker| {
                let Worker { messages, scratch, output, .. } = worker;
                messages.iter().for_each(|message| contiguous(mailboxes, message, scratch, output));
            }),
        ),
    ];
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let counts: Vec<usize> =
        [1, 2, 4, 8].into_iter().filter(|&count| count <= processors.min(MOST)).collect();
    let mut workers: Vec<Worker> =
        (0..counts.last().copied().unwrap_or(1)).map(|_| Worker::new(messages)).collect();

    let passes: Vec<u32> = works.iter().map(|(_, work)| passes(work, &mut workers[0])).collect();
    let mut rates = vec![vec![Vec::with_capacity(MANY_ROUNDS); counts.len()]; works.len()];
    for round in 0..MANY_ROUNDS {
        for turn in 0..works.len() * counts.len() {
            let number = whose_turn(round, turn, works.len() * counts.len());
            let (work, count) = (number / counts.len(), number % counts.len());
            let time = together(&works[work].1, &mut workers[..counts[count]], passes[work]);
            let done = messages.len() * counts[count] * passes[work] as usize;
            rates[work][count].push((done as f64 / time.as_secs_f64()).round());
        }
    }
    let works = works.iter().zip(rates).map(|((name, _), rates)| (name.to_string(), json!(rates)));
    json!({ "processors": processors, "counts": counts, "messages a second": works.collect::<serde_json::Map<_, _>>() })
}

/// How many times a work has to go over the messages to fill a round.
fn passes(work: &Work, worker: &mut Worker) -> u32 {
    work(worker);
    let start = Instant::now();
    work(worker);
    u32::try_from(ROUND.as_nanos() / start.elapsed().as_nanos().max(1)).expect("few passes") + 1
}

/// From when all began to when the last was done.
fn together(work: &Work, workers: &mut [Worker], passes: u32) -> Duration {
    let gate = &Barrier::new(workers.len());
    let times: Vec<(Instant, Instant)> = thread::scope(|scope| {
        let mut threads = Vec::with_capacity(workers.len());
        for worker in workers {
            threads.push(scope.spawn(move || {
                gate.wait();
                let start = Instant::now();
                (0..passes).for_each(|_| work(worker));
                (start, Instant::now())
            }));
        }
        threads.into_iter().map(|thread| thread.join().expect("nothing panics")).collect()
    });
    let first = times.iter().map(|&(start, _)| start).min().expect("a thread");
    let last = times.iter().map(|&(_, end)| end).max().expect("a thread");
    last - first
}
