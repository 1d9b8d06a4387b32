//! The examples, held to what each of them is there to show: every plan is clean and proved, mail goes where it
//! is said to go, and each mistake that people make there is found.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

#[path = "examples/accepted_domains.rs"]
mod accepted_domains;
#[path = "examples/folder.rs"]
mod folder;
#[path = "examples/gradual_move.rs"]
mod gradual_move;
#[path = "examples/imap_batches.rs"]
mod imap_batches;
#[path = "examples/no_anonymous_relay.rs"]
mod no_anonymous_relay;
#[path = "examples/no_routing_domain.rs"]
mod no_routing_domain;
#[path = "examples/shared_domain.rs"]
mod shared_domain;

use folder::Example;

const PHASES: &[&str] = &["1-before.toml", "2-during.toml", "3-after.toml"];

#[test]
fn every_plan_is_clean_and_proved() {
    for (example, plans) in [
        ("no-routing-domain", PHASES),
        ("imap-batches", PHASES),
        ("shared-domain", &["plan.toml"]),
        ("accepted-domains", &["plan.toml"]),
        ("gradual-move", PHASES),
    ] {
        let folder = Example::new(example);
        for plan in plans {
            assert_eq!(folder.found(plan), [""; 0], "{example}/{plan}");
            let proved = folder.plan(plan).check().proved;
            assert_eq!(
                proved,
                ["round-trip", "loop-free", "no-black-hole", "no-open-relay"],
                "{example}/{plan}"
            );
        }
    }
}
