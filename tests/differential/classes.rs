//! What a class of disagreements is, and how one is found for a disagreement.
//!
//! A class has a predicate: the construct stands in the octets. That alone would explain too much,
//! so the class also takes the construct away, and does it in a way of which the RFC says what it
//! means for the addr-specs. A set of classes explains a disagreement if both sides agree once all
//! their constructs are gone and disagree as soon as one of them is left. What the RFC says of the
//! construct is held to our answers: taking it away changes them exactly as `effect` says.

use std::collections::{BTreeMap, HashMap};

/// What somebody finds: octets, or the name of an exception.
pub type Answer = Result<Vec<Vec<u8>>, String>;

pub struct Class {
    pub name: &'static str,
    /// The paragraph that decides, and what it decides.
    pub rfc: &'static str,
    pub follows: Follows,
    pub effect: Effect,
    /// The octets without the construct; the same octets where it doesn't stand.
    pub without: fn(&[u8]) -> Vec<u8>,
}

/// Who follows the paragraph.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Follows {
    Us,
    /// We take more or less than the RFC allows, on purpose: the name says what, ARCHITECTURE.md why.
    NotUs,
}

/// What our answer is without the construct, if the RFC is followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// The same: the construct means nothing to addr-specs, or is no address. A peer that
    /// disagrees doesn't follow the paragraph.
    Same,
    /// As many, in the same places: the construct was replaced by something in what is compared.
    Reworded,
    /// The addr-specs that hold the construct are taken away with it, and no other.
    Fewer,
    /// The same but for dots behind domains, which we take and the RFC doesn't know.
    Undotted,
}

impl Effect {
    /// Whether `after` is what must become of `before`.
    pub fn holds(self, before: &[Vec<u8>], after: &[Vec<u8>]) -> bool {
        match self {
            Effect::Same => before == after,
            Effect::Reworded => before.len() == after.len(),
            Effect::Fewer => {
                let mut left = before.iter();
                after.len() < before.len() && after.iter().all(|found| left.any(|known| known == found))
            }
            Effect::Undotted => {
                before.iter().map(|found| found.strip_suffix(b".").unwrap_or(found)).eq(after.iter())
            }
        }
    }
}

/// Somebody who can be asked.
pub trait Ask {
    fn name(&self) -> &str;
    fn ask(&mut self, kind: char, octets: &[u8]) -> Answer;
}

/// A comparison: what is asked, who answers for us, and the classes.
pub struct Comparison {
    pub kind: char,
    pub ours: fn(&[u8]) -> Vec<Vec<u8>>,
    /// The form in which a peer's answers are compared with ours.
    pub normal: fn(&[u8]) -> Vec<u8>,
    pub classes: &'static [Class],
}

/// What came out for one peer.
#[derive(Default)]
pub struct Tally {
    pub agreed: usize,
    pub disagreed: usize,
    /// By the class's place in the table: how often, and where first.
    pub classes: BTreeMap<usize, (usize, String)>,
    pub unexplained: Vec<String>,
}

impl Comparison {
    /// Asks one peer about everything.
    pub fn run(&self, peer: &mut dyn Ask, subjects: &[(String, Vec<u8>)]) -> Tally {
        let mut tally = Tally::default();
        let mut known: HashMap<&[u8], Option<Vec<usize>>> = HashMap::new();
        for (place, octets) in subjects {
            if self.agrees(peer, octets) {
                tally.agreed += 1;
                continue;
            }
            tally.disagreed += 1;
            let classes = known.entry(octets).or_insert_with(|| self.explain(peer, octets));
            match classes {
                Some(classes) => {
                    for &class in &*classes {
                        let entry = tally.classes.entry(class).or_insert_with(|| (0, place.clone()));
                        entry.0 += 1;
                    }
                }
                None => tally.unexplained.push(self.describe(peer, place, octets)),
            }
        }
        tally
    }

    /// What must be so for every subject, whatever peers say: a construct taken away changes our
    /// answer as its paragraph says. Gives the places where it doesn't.
    pub fn check_ours(&self, subjects: &[(String, Vec<u8>)]) -> Vec<String> {
        let mut wrong = Vec::new();
        for (place, octets) in subjects {
            let before = (self.ours)(octets);
            for class in self.classes {
                let without = (class.without)(octets);
                if without != *octets && !class.effect.holds(&before, &(self.ours)(&without)) {
                    wrong.push(format!(
                        "{place}: {}: {} -> {}: {} -> {}",
                        class.name,
                        octets.escape_ascii(),
                        without.escape_ascii(),
                        shown(&before),
                        shown(&(self.ours)(&without))
                    ));
                }
            }
        }
        wrong
    }

    fn agrees(&self, peer: &mut dyn Ask, octets: &[u8]) -> bool {
        self.answer(peer, octets).is_ok_and(|theirs| theirs == (self.ours)(octets))
    }

    fn answer(&self, peer: &mut dyn Ask, octets: &[u8]) -> Answer {
        peer.ask(self.kind, octets).map(|found| found.iter().map(|text| (self.normal)(text)).collect())
    }

    /// The classes that are needed, and no more, for both to agree.
    fn explain(&self, peer: &mut dyn Ask, octets: &[u8]) -> Option<Vec<usize>> {
        let mut needed: Vec<usize> = (0..self.classes.len()).collect();
        if !self.agrees(peer, &self.without(&needed, octets)) {
            return None;
        }
        // Later classes take whole addresses away: one that isn't needed goes first.
        for class in (0..self.classes.len()).rev() {
            let fewer: Vec<usize> = needed.iter().copied().filter(|&other| other != class).collect();
            if self.agrees(peer, &self.without(&fewer, octets)) {
                needed = fewer;
            }
        }
        Some(needed)
    }

    fn without(&self, classes: &[usize], octets: &[u8]) -> Vec<u8> {
        classes.iter().fold(octets.to_vec(), |octets, &class| (self.classes[class].without)(&octets))
    }

    fn describe(&self, peer: &mut dyn Ask, place: &str, octets: &[u8]) -> String {
        let all: Vec<usize> = (0..self.classes.len()).collect();
        let rest = self.without(&all, octets);
        let mut text = format!("{}: {place}", peer.name());
        for (what, octets) in [("as it is", octets), ("what is left", &rest)] {
            let theirs = match self.answer(peer, octets) {
                Ok(found) => shown(&found),
                Err(exception) => exception,
            };
            let ours = shown(&(self.ours)(octets));
            text += &format!(
                "\n    {what}: {}\n        ours {ours}\n        theirs {theirs}",
                octets.escape_ascii()
            );
        }
        text
    }
}

pub fn shown(answers: &[Vec<u8>]) -> String {
    let texts: Vec<String> = answers.iter().map(|answer| answer.escape_ascii().to_string()).collect();
    format!("[{}]", texts.join(" | "))
}
