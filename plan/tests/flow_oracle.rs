//! The proofs about mail flow, attacked: random worlds of up to four systems, at least a quarter of them
//! with loops or holes, put to `check` and to a walk that asks everybody about everybody and shares no code
//! with it.
//!
//! `READDRESS_CASES` sets how many worlds (1,000).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop")]
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a test may stop")]

mod common;
#[path = "flow_oracle/gateway.rs"]
mod gateway;
#[path = "flow_oracle/random.rs"]
mod random;
#[path = "flow_oracle/walk.rs"]
mod walk;
#[path = "flow_oracle/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use random::{Dice, random_world};
use readdress_plan::{Diagnostic, Plan, Report};
use walk::Found;
use world::{FEATURES, World};

const LOOPS: [&str; 2] = ["mail-loop", "forward-without-membership"];
const RELAYS: [&str; 2] = ["open-relay", "relay-hole"];
const HOLES: [&str; 2] = ["black-hole", "membership-without-mailbox"];

/// What `check` found of some kinds: of each address, the hops that show it.
fn told(report: &Report, codes: &[&str]) -> BTreeMap<String, Vec<String>> {
    let of_code = report.errors.iter().filter(|error| codes.contains(&error.code));
    let hops = |error: &Diagnostic| {
        // The way in is named first where the gateway is.
        let first = usize::from(!error.witness[0].contains(": "));
        (error.excerpt.clone().unwrap(), error.witness[first..].to_vec())
    };
    of_code.map(hops).collect()
}

/// What speaks against the report, if anything does.
fn disagreement(world: &World, report: &Report) -> Option<String> {
    let addresses = world.addresses();
    let found = world.follow_all(&addresses);
    let must = world.must_be_followed();
    for (what, codes, of) in [
        ("loop-free", LOOPS, (|found: &Found| &found.loops) as fn(&Found) -> &BTreeSet<Vec<String>>),
        ("no-black-hole", HOLES, |found: &Found| &found.holes),
    ] {
        let told = told(report, &codes);
        for (address, hops) in &told {
            // A stand-in for what is below a domain has a name of its own.
            let Some(found) = found.get(address) else { continue };
            if !of(found).contains(hops) {
                return Some(format!("{what}: {address}: {hops:?} is none of {:?}", of(found)));
            }
        }
        for (address, found) in &found {
            if !of(found).is_empty() && must.contains(address) && !told.contains_key(address) {
                return Some(format!("{what}: {address}: {:?} was not found", of(found).first()));
            }
        }
        let refuted = found.iter().find(|(_, found)| !of(found).is_empty());
        let is_open = found.values().any(|found| found.is_unmodelled);
        let is_proved = report.proved.contains(&what);
        if is_proved != (refuted.is_none() && !is_open) {
            return Some(format!("{what} proved: {is_proved}; refuted by {refuted:?}; open: {is_open}"));
        }
    }
    let relay = world.open_relay();
    let is_proved = report.proved.contains(&"no-open-relay");
    if is_proved != (relay.is_none() && !world.accepted.is_empty()) {
        return Some(format!("no-open-relay proved: {is_proved}; refuted by {relay:?}"));
    }
    let is_told = report.errors.iter().any(|error| RELAYS.contains(&error.code));
    if is_told != relay.is_some() {
        return Some(format!("an open relay is told of: {is_told}; there is {relay:?}"));
    }
    None
}

fn cases() -> u64 {
    std::env::var("READDRESS_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_000)
}

#[test]
fn what_is_said_of_mail_flow_is_what_walking_finds() {
    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    let mut bad = Vec::new();
    for case in 0..cases() {
        let mut dice = Dice(case.wrapping_mul(0x9e37_79b9));
        let world = random_world(&mut dice);
        let folder = world.written();
        let Ok(plan) = Plan::read(&folder.plan_file()) else {
            *tally.entry("refused").or_default() += 1;
            continue;
        };
        let report = plan.check();
        if let Some(why) = disagreement(&world, &report) {
            bad.push((case, why));
            continue;
        }
        for (what, codes) in [("loops", &LOOPS), ("holes", &HOLES)] {
            *tally.entry(what).or_default() += u64::from(!told(&report, codes).is_empty());
        }
        let has = |codes: &[&str]| !told(&report, codes).is_empty();
        *tally.entry("loops or holes").or_default() += u64::from(has(&LOOPS) || has(&HOLES));
        for what in &report.proved {
            *tally.entry(what).or_default() += 1;
        }
        for feature in world.features() {
            *tally.entry(feature).or_default() += 1;
        }
    }
    println!("{tally:?}");
    for (case, why) in bad.iter().take(20) {
        println!("{case}: {why}");
    }
    assert!(bad.is_empty(), "{} disagreements about {} worlds", bad.len(), cases());
    let count = |what: &str| tally.get(what).copied().unwrap_or_default();
    assert!(count("refused") * 3 < cases(), "few worlds are refused: {tally:?}");
    assert!(count("loops or holes") * 4 >= cases(), "a quarter has loops or holes: {tally:?}");
    for what in ["loops", "holes", "loop-free", "no-black-hole", "no-open-relay"] {
        assert!(count(what) * 6 >= cases(), "{what} is there often enough: {tally:?}");
    }
    let rare: Vec<&&str> = FEATURES.iter().filter(|feature| count(feature) * 20 < cases()).collect();
    assert!(rare.is_empty(), "{rare:?} are there often enough: {tally:?}");
}
