//! What came out, for `benches/report`, which knows the targets: every round of every contestant.

use readdress_benches::stopwatch::Times;
use serde_json::{Map, Value};

/// Nanoseconds an item in each round, by contestant. A hundredth of a nanosecond is enough.
pub fn rounds(times: &Times) -> Value {
    let cut = |&time: &f64| Value::from((time * 100.0).round() / 100.0);
    let lines = times.rounds();
    lines
        .map(|(name, rounds)| (name.to_owned(), rounds.iter().map(cut).collect()))
        .collect::<Map<_, _>>()
        .into()
}
