//! The proof of the round trip, attacked: random plans, at least a third of them not invertible, put to
//! `check` and to a second reading of the rules that shares no code with the engine. Case, quoting and
//! both spellings of international domains are put on when the plan is written; keys know none of them.
//!
//! And the doubts about answers and about entries without effect: random plans of which many have
//! outbound-only domain entries, exceptions, recipients and accepted domains, put to `check` and to a
//! judge who asks about everybody.
//!
//! `READDRESS_CASES` sets how many plans (4,000).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop")]
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a test may stop")]

mod common;
#[path = "oracle/judge.rs"]
mod judge;
#[path = "oracle/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::fmt::Write;

use common::PlanFolder;
use judge::{Judgement, Part};
use readdress_plan::{Diagnostic, Plan};
use world::{Address, World, is_within};

/// A generator of small numbers (splitmix64): the same plans every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const INSIDE: &[&str] = &["i.example", "k.example", "bücher.example", "a.i.example"];
const OUTSIDE: &[&str] = &["x.example", "y.example", "straße.example", "i.example"];
const NAMES: &[&str] = &["a", "b", "c", "jo", "a b"];
const ODD_NAMES: &[&str] = &[
    "a+t",
    "b+t",
    "a+t+u",
    "a-t",
    "abuse",
    "postmaster",
    "owner-a",
    "a-request",
    "prvs=12ab=a",
    "prvs=12ab=b",
    "srs0=h=t=d=a",
    "imceaex-a",
    "btv1==12ab==c",
    "a+zzz",
    "+a",
    "x+srs=a",
];

fn a_label(domain: &str) -> String {
    domain.replace("bücher", "xn--bcher-kva").replace("straße", "xn--strae-oqa")
}

fn name(dice: &mut Dice) -> String {
    if dice.one_in(4) { dice.pick(ODD_NAMES) } else { dice.pick(NAMES) }.to_owned()
}

/// A world without the contradictions that no map is built of.
fn random_world(dice: &mut Dice) -> World {
    let mut world =
        World { delimiters: dice.pick(&["+", "+", "+", "", "+-", "-"]).to_owned(), ..World::default() };
    let (mut inside, mut outside) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..=dice.roll(6) {
        let internal: Address = (name(dice), a_label(dice.pick(INSIDE)));
        // Half of the time the same name outside, so that many plans are plain.
        let other = if dice.one_in(2) { internal.0.clone() } else { name(dice) };
        let external: Address = (other, a_label(dice.pick(OUTSIDE)));
        let one_way = dice.one_in(5);
        if inside.contains(&internal) || (!one_way && outside.contains(&external)) {
            continue;
        }
        inside.insert(internal.clone());
        if !one_way {
            outside.insert(external.clone());
        }
        world.mailboxes.push((internal, external, one_way));
    }
    let (mut inside, mut outside) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..=dice.roll(3) {
        let (internal, external) = (a_label(dice.pick(INSIDE)), a_label(dice.pick(OUTSIDE)));
        let one_way = dice.one_in(5);
        if !inside.insert(internal.clone()) || (!one_way && !outside.insert(external.clone())) {
            continue;
        }
        world.domains.push((internal, external, one_way));
    }
    if dice.one_in(4) {
        world.wildcards.push(("i.example".to_owned(), "x.example".to_owned(), Vec::new()));
    }
    if dice.one_in(2) {
        for _ in 0..dice.roll(4) {
            world.listed.insert((name(dice), a_label(dice.pick(INSIDE))));
        }
        for _ in 0..dice.roll(3) {
            world.complete.insert(a_label(dice.pick(INSIDE)));
        }
    }
    world
}

/// An address as people write it: quoted or not, in any case, its domain in either form.
fn spelled(dice: &mut Dice, (name, domain): &Address) -> String {
    let name = if dice.one_in(4) { name.to_uppercase() } else { name.clone() };
    let domain = if dice.one_in(2) {
        domain.replace("xn--bcher-kva", "bücher").replace("xn--strae-oqa", "straße")
    } else {
        domain.to_uppercase()
    };
    if name.contains(' ') || dice.one_in(5) {
        format!("\"{name}\"@{domain}")
    } else {
        format!("{name}@{domain}")
    }
}

fn written(dice: &mut Dice, world: &World) -> PlanFolder {
    let mut plan = format!("[rewrite]\nsubaddress-delimiters = '{}'\n", world.delimiters);
    let mut entry = |internal: &str, external: &str, one_way: bool, except: Option<&Vec<String>>| {
        let direction = if one_way { "outbound" } else { "both" };
        write!(
            plan,
            "[[rewrite.entry]]\ninternal = '{internal}'\nexternal = '{external}'\ndirection = '{direction}'\n"
        )
        .unwrap();
        if let Some(except) = except {
            writeln!(plan, "except = {except:?}").unwrap();
        }
    };
    for (internal, external, one_way) in &world.mailboxes {
        entry(&spelled(dice, internal), &spelled(dice, external), *one_way, None);
    }
    for (internal, external, one_way) in &world.domains {
        entry(internal, external, *one_way, None);
    }
    for (internal, external, except) in &world.wildcards {
        entry(&format!("*.{internal}"), external, true, Some(except));
    }
    for (domain, kind) in &world.accepted {
        write!(plan, "[[accepted-domain]]\ndomain = '{domain}'\ntype = '{kind}'\n").unwrap();
    }
    let complete: Vec<String> = world.complete.iter().map(|domain| format!("'{domain}'")).collect();
    write!(plan, "[[recipients]]\nfile = 'r.csv'\ncomplete-for = [{}]\n", complete.join(", ")).unwrap();
    let mut recipients = "Address\n".to_owned();
    for address in &world.listed {
        writeln!(recipients, "\"{}\"", spelled(dice, address).replace('"', "\"\"")).unwrap();
    }
    PlanFolder::new(&plan).with("r.csv", recipients)
}

fn codes(diagnostics: &[Diagnostic]) -> Vec<&str> {
    diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

fn cases() -> u64 {
    std::env::var("READDRESS_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(4_000)
}

#[test]
fn what_is_proved_holds_and_what_holds_is_proved() {
    let cases = cases();
    let (mut proved, mut refuted) = (0, 0);
    for case in 0..cases {
        let mut dice = Dice(case);
        let world = random_world(&mut dice);
        let folder = written(&mut dice, &world);
        let plan = Plan::read(&folder.plan_file())
            .unwrap_or_else(|found| panic!("case {case}: {found}\n{world:#?}"));
        let report = plan.check();
        let counterexample = world.counterexample();
        let is_proved = report.proved.contains(&"round-trip");
        assert_eq!(
            is_proved,
            counterexample.is_none(),
            "case {case}: {counterexample:?}\nerrors {:?}, warnings {:?}\n{world:#?}",
            codes(&report.errors),
            codes(&report.warnings)
        );
        if is_proved { proved += 1 } else { refuted += 1 }
    }
    println!("{cases} plans: {proved} proved, {refuted} not invertible");
    assert!(refuted * 3 >= cases && proved * 5 >= cases, "both kinds are there: {proved}, {refuted}");
}

const BELOW: &[&str] = &["i.example", "a.i.example", "b.i.example", "c.b.i.example", "d.c.b.i.example"];
const SENDING: &[&str] =
    &["i.example", "a.i.example", "b.i.example", "c.b.i.example", "k.example", "bücher.example"];
const TAKING: &[&str] = &["x.example", "x.example", "y.example", "straße.example", "i.example", "k.example"];

/// A world in which much goes out one way, and much is said twice.
fn doubtful_world(dice: &mut Dice) -> World {
    let mut world = World { delimiters: dice.pick(&["+", "+", "", "+-"]).to_owned(), ..World::default() };
    let (mut inside, mut outside) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..dice.roll(6) {
        let internal: Address = (name(dice), a_label(dice.pick(SENDING)));
        let other = if dice.one_in(3) { name(dice) } else { internal.0.clone() };
        let domain = if dice.one_in(6) { internal.1.clone() } else { a_label(dice.pick(TAKING)) };
        let (external, one_way) = ((other, domain), dice.one_in(3));
        if inside.insert(internal.clone()) && (one_way || outside.insert(external.clone())) {
            world.mailboxes.push((internal, external, one_way));
        }
    }
    let (mut inside, mut outside) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..dice.roll(4) {
        let internal = a_label(dice.pick(SENDING));
        let external = if dice.one_in(8) { internal.clone() } else { a_label(dice.pick(TAKING)) };
        let one_way = !dice.one_in(3);
        if inside.insert(internal.clone()) && (one_way || outside.insert(external.clone())) {
            world.domains.push((internal, external, one_way));
        }
    }
    for _ in 0..dice.roll(4) {
        let internal = dice.pick(BELOW).to_owned();
        let mut except: Vec<String> = (0..dice.roll(3)).map(|_| dice.pick(BELOW).to_owned()).collect();
        except.sort_unstable();
        except.dedup();
        except.retain(|domain| is_within(domain, &internal));
        if world.wildcards.iter().all(|(other, ..)| *other != internal) {
            world.wildcards.push((internal, a_label(dice.pick(TAKING)), except));
        }
    }
    for _ in 0..dice.roll(8) {
        let domains = if dice.one_in(3) { TAKING } else { SENDING };
        world.listed.insert((name(dice), a_label(dice.pick(domains))));
    }
    for _ in 0..dice.roll(3) {
        let domains = if dice.one_in(2) { TAKING } else { SENDING };
        world.complete.insert(a_label(dice.pick(domains)));
    }
    for _ in 0..dice.roll(4) {
        let domain =
            a_label(dice.pick(&["x.example", "*.x.example", "straße.example", "*.example", "*.i.example"]));
        let kind = dice.pick(&["authoritative", "internal-relay", "external-relay"]);
        world.accepted.insert(domain, kind.to_owned());
    }
    world
}

/// An address as a key, however it is written.
fn key(text: &str) -> Address {
    let (name, domain) = text.rsplit_once('@').unwrap();
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    (name.to_lowercase(), a_label(&domain.to_lowercase()))
}

/// Which part of the plan as written above a warning is about.
fn part(world: &World, warning: &Diagnostic) -> Part {
    let line = usize::try_from(warning.at[0].line).unwrap() - 3;
    let short = world.mailboxes.len() + world.domains.len();
    if line < 4 * short {
        return Part::Entry(line / 4);
    }
    let line = line - 4 * short;
    let number = short + line / 5;
    match line % 5 {
        4 => Part::Exception(number, warning.excerpt.clone().unwrap()),
        _ => Part::Entry(number),
    }
}

/// The entries and the exceptions of which `check` says that they decide nothing.
fn shadowed(dice: &mut Dice, world: &World) -> (BTreeSet<Part>, BTreeSet<Part>) {
    let report = written(dice, world).read().check();
    let shadowed = report.warnings.iter().filter(|warning| warning.code == "shadowed-entry");
    shadowed.map(|warning| part(world, warning)).partition(|part| matches!(part, Part::Entry(_)))
}

#[test]
fn who_answers_and_what_decides_nothing_is_judged_alike() {
    let mut tally = std::collections::BTreeMap::new();
    let mut count = |what: &'static str, how_many: usize| *tally.entry(what).or_insert(0) += how_many;
    for case in 0..cases() {
        let mut dice = Dice(case.wrapping_mul(0x9e37));
        let world = doubtful_world(&mut dice);
        let folder = written(&mut dice, &world);
        let plan = Plan::read(&folder.plan_file())
            .unwrap_or_else(|found| panic!("case {case}: {found}\n{world:#?}"));
        let report = plan.check();
        let of_code = |code: &'static str| report.warnings.iter().filter(move |warning| warning.code == code);

        let told: BTreeSet<String> =
            of_code("external-address-not-accepted").map(|warning| warning.witness[0].clone()).collect();
        assert_eq!(told, world.unaccepted(), "case {case}\n{world:#?}");
        count("not accepted", told.len());

        let judged = world.unanswered();
        let mut told: Vec<Judgement> = ["reply-reaches-another", "outbound-only-without-mailbox"]
            .into_iter()
            .flat_map(of_code)
            .map(|warning| (warning.code, warning.witness.iter().map(|address| key(address)).collect()))
            .collect();
        told.sort();
        assert_eq!(told, judged, "case {case}\n{world:#?}");
        count("unanswered", told.len());
        count("answered by all", usize::from(told.is_empty()));

        // Whatever is named is taken away at once, until nothing is: then all that is left decides.
        let mut rest = world;
        loop {
            let (entries, exceptions) = shadowed(&mut dice, &rest);
            let difference = rest.difference(&rest.without(&entries), &rest.all_domains());
            assert_eq!(difference, None, "case {case}: {entries:?} decide something\n{rest:#?}");
            let both = entries.union(&exceptions).cloned().collect();
            let next = rest.without(&both);
            let difference = rest.difference(&next, &rest.named_domains());
            assert_eq!(difference, None, "case {case}: {both:?} decide something\n{rest:#?}");
            count("entries without effect", entries.len());
            count("exceptions without effect", exceptions.len());
            if both.is_empty() {
                break;
            }
            rest = next;
        }
        for part in rest.parts() {
            let domains =
                if matches!(part, Part::Entry(_)) { rest.all_domains() } else { rest.named_domains() };
            let difference = rest.difference(&rest.without(&[part.clone()].into()), &domains);
            let decides = difference.is_some() || rest.keeps_postmaster(&part);
            assert!(decides, "case {case}: {part:?} decides nothing\n{rest:#?}");
        }
    }
    println!("{tally:?}");
    let least = usize::try_from(cases()).unwrap() / 20;
    assert!(tally.len() == 5 && tally.values().all(|count| *count >= least), "each kind is there: {tally:?}");
}
