//! What the benchmarks run on and how they are timed: corpora that a seed determines, the maps for
//! them, and a stopwatch that interleaves what it compares. README.md beside this folder says what
//! is measured and what came out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a benchmark may stop"
)]

pub mod corpus;
pub mod migration;
pub mod office;
pub mod pairs;
pub mod people;
pub mod real;
pub mod rng;
pub mod scan;
pub mod section;
pub mod shape;
pub mod small;
pub mod stopwatch;
pub mod words;
pub mod work;
