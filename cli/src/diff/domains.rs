//! The domains that entries name: what becomes of somebody there whom none of them names.

use std::collections::BTreeMap;
use std::fmt::Write;

use readdress::{Direction, Engine, Entry, EntryAddress, EntryKind};
use serde_json::Value;

use super::{Outcome, ask};
use crate::escape::Shown;
use crate::json::{self, Object};

/// The most addresses that are shown of one domain.
const EXAMPLES: usize = 3;

/// The domains that entries of either plan name on one side, with a summary of what becomes of the
/// mailboxes there that entries name.
#[derive(Default)]
pub(super) struct Domains {
    /// By their labels from the right, so that those below a domain follow it.
    named: BTreeMap<Vec<u8>, Named>,
}

#[derive(Default)]
struct Named {
    domain: Vec<u8>,
    /// Whether an entry is about all domains below it, too.
    is_wide: bool,
    tally: Tally,
}

/// Mailboxes that entries name.
#[derive(Default)]
struct Tally {
    named: usize,
    changed: usize,
    examples: Vec<Vec<u8>>,
}

/// A domain in which somebody whom nobody names comes out otherwise.
pub(super) struct DomainChange {
    direction: Direction,
    domain: Vec<u8>,
    /// Whether it is the domain itself, those below it that nobody names, or both.
    itself: bool,
    below: bool,
    /// Who was asked about.
    address: Vec<u8>,
    old: Outcome,
    new: Outcome,
    tally: Tally,
}

impl Domains {
    /// Notes the domains on one side of an entry.
    pub(super) fn add(&mut self, entry: &Entry<'_>, side: &EntryAddress) {
        let named = self.get(side.domain());
        named.is_wide |= matches!(side, EntryAddress::Subdomains(_));
        if entry.kind() == EntryKind::Subdomains {
            // What is left alone is left alone with all below it.
            for domain in entry.except() {
                self.get(domain).is_wide = true;
            }
        }
    }

    /// Counts a mailbox that an entry names.
    pub(super) fn count(&mut self, domain: &[u8], address: &[u8], has_changed: bool) {
        let tally = &mut self.get(domain).tally;
        tally.named += 1;
        tally.changed += usize::from(has_changed);
        if has_changed && tally.examples.len() < EXAMPLES {
            tally.examples.push(address.to_vec());
        }
    }

    fn get(&mut self, domain: &[u8]) -> &mut Named {
        let named = || Named { domain: domain.to_vec(), ..Named::default() };
        self.named.entry(from_the_right(domain)).or_insert_with(named)
    }

    /// Where somebody comes out otherwise who is none of the mailboxes that entries name.
    pub(super) fn changes<T>(
        &self,
        direction: Direction,
        [old, new]: [&Engine; 2],
        mailboxes: &BTreeMap<Vec<u8>, T>,
    ) -> Vec<DomainChange> {
        let mut changes = Vec::new();
        for named in self.named.values() {
            // Who stands for everybody.
            let at = |name: &str, domain: &[u8]| [name.as_bytes(), b"@", domain].concat();
            let mut names = (0..=mailboxes.len()).map(|number| label("anybody", number));
            let name = names.find(|name| !mailboxes.contains_key(&at(name, &named.domain)));
            let name = name.unwrap_or_default();
            let change_at = |domain: &[u8], below: bool| {
                let address = at(&name, domain);
                let (old, new) = (ask(old, direction, &address), ask(new, direction, &address));
                let (domain, tally) = (named.domain.clone(), Tally::default());
                DomainChange { direction, domain, itself: !below, below, address, old, new, tally }
            };
            let mut itself = change_at(&named.domain, false);
            let below = named.is_wide.then(|| change_at(&self.below(&named.domain), true));
            let below = below.filter(|below| !below.old.is_same(&below.new));
            let has_changed = !itself.old.is_same(&itself.new);
            itself.below = has_changed && below.as_ref().is_some_and(|below| below.is_like(&itself));
            let below = below.filter(|_| !itself.below);
            for mut change in has_changed.then_some(itself).into_iter().chain(below) {
                change.tally = self.tally(named, change.itself, change.below);
                changes.push(change);
            }
        }
        changes
    }

    /// A domain below one, of which no entry says anything.
    fn below(&self, domain: &[u8]) -> Vec<u8> {
        let candidate = |number: usize| [label("anywhere", number).as_bytes(), b".", domain].concat();
        let is_free = |domain: &Vec<u8>| !self.named.contains_key(&from_the_right(domain));
        (0..=self.named.len()).map(candidate).find(is_free).unwrap_or_default()
    }

    fn tally(&self, named: &Named, itself: bool, below: bool) -> Tally {
        let from = from_the_right(&named.domain);
        let range = self.named.range(from.clone()..).take_while(|(key, _)| key.starts_with(&from));
        let range = range.filter(|(key, _)| if **key == from { itself } else { below });
        let mut sum = Tally::default();
        for (_, Named { tally, .. }) in range {
            sum.named += tally.named;
            sum.changed += tally.changed;
            let room = EXAMPLES.saturating_sub(sum.examples.len());
            sum.examples.extend(tally.examples.iter().take(room).cloned());
        }
        sum
    }
}

/// A word, or the same with a number behind it.
pub(super) fn label(word: &str, number: usize) -> String {
    if number == 0 { word.to_owned() } else { format!("{word}{}", number + 1) }
}

/// A domain with its labels from the right, so that those below it follow it in order.
fn from_the_right(domain: &[u8]) -> Vec<u8> {
    let labels = domain.rsplit(|octet| *octet == b'.');
    labels.flat_map(|label| label.iter().copied().chain([b'.'])).collect()
}

impl DomainChange {
    fn is_like(&self, other: &DomainChange) -> bool {
        self.old.is_like(&other.old) && self.new.is_like(&other.new)
    }

    pub(super) fn line(&self) -> String {
        let about = match (self.itself, self.below) {
            (true, true) => "for its domain and all below".to_owned(),
            (true, false) => "for its domain".to_owned(),
            _ => format!("for all domains below {}", Shown(&self.domain)),
        };
        let (direction, old, new) = (self.direction.name(), self.old.words(), self.new.words());
        let mut line = format!("{direction:<9} {} ({about}): {old} -> {new}", Shown(&self.address));
        let Tally { named, changed, examples } = &self.tally;
        if *named > 0 {
            let _ = write!(line, "; {changed} of {named} addresses named there change, too");
        }
        for (number, example) in examples.iter().enumerate() {
            let _ = write!(line, "{} {}", if number == 0 { ":" } else { "," }, Shown(example));
        }
        if *changed > examples.len() {
            line.push_str(", …");
        }
        line
    }

    pub(super) fn object(&self) -> Value {
        let examples: Vec<Value> = self.tally.examples.iter().map(|example| json::item(example)).collect();
        Object::new()
            .with("direction", self.direction.name())
            .with_octets("domain", &self.domain)
            .with("itself", self.itself)
            .with("below", self.below)
            .with_octets("address", &self.address)
            .with("old", self.old.object())
            .with("new", self.new.object())
            .with("named", self.tally.named)
            .with("changed", self.tally.changed)
            .with("examples", examples)
            .into()
    }
}
