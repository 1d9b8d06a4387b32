//! Where each recipient's mail goes: the rules of coexistence routing, one by one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop")]

mod host;
mod rules;
mod session;
mod ways;
mod world;
