//! What `check` is to say about answers and about entries without effect, by asking everybody: each
//! listed address is followed out and back, and each entry is taken away to see what changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::world::{Address, World, is_within};

/// A code and the addresses that show it.
pub(crate) type Judgement = (&'static str, Vec<Address>);

const ANOTHER: &str = "reply-reaches-another";
const NOBODY: &str = "outbound-only-without-mailbox";

/// A part of a plan that may be without effect: an entry by its number, or one of its exceptions.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Part {
    Entry(usize),
    Exception(usize, String),
}

impl World {
    /// External domains that are not accepted.
    pub(crate) fn unaccepted(&self) -> BTreeSet<String> {
        let mailboxes = self.mailboxes.iter().map(|(_, (_, domain), _)| domain);
        let domains = self.domains.iter().map(|(_, external, _)| external);
        let all = mailboxes.chain(domains).chain(self.wildcards.iter().map(|(_, external, _)| external));
        let is_unaccepted =
            |domain: &&String| !self.accepted.is_empty() && self.accepted_as(domain).is_none();
        all.filter(is_unaccepted).cloned().collect()
    }

    fn accepted_as(&self, domain: &str) -> Option<&str> {
        let is_over = |accepted: &&String| match accepted.strip_prefix("*.") {
            Some(parent) => is_within(domain, parent),
            None => *accepted == domain,
        };
        let name = self.accepted.keys().filter(is_over);
        // What stands there without an asterisk goes first, and then the longest.
        let name = name.max_by_key(|name| (!name.starts_with('*'), name.len()))?;
        Some(&self.accepted[name])
    }

    /// Who of those that send one way gets no answer, or whose answer somebody else gets.
    pub(crate) fn unanswered(&self) -> Vec<Judgement> {
        let (internal, external) = self.sides();
        let mut found = Vec::new();
        for (sender, result, one_way) in &self.mailboxes {
            if !one_way {
                continue;
            }
            match self.inbound(&external, result) {
                Some(taker) if taker == *sender || taker == *result => {}
                Some(taker) => found.push((ANOTHER, vec![sender.clone(), result.clone(), taker])),
                None if sender == result || self.is_listed(result) || self.is_elsewhere(&result.1) => {}
                None => found.push((NOBODY, vec![sender.clone(), result.clone()])),
            }
        }
        // Everybody listed, by what comes out; whether his own entry says so.
        let mut groups: BTreeMap<Address, Vec<(&Address, bool)>> = BTreeMap::new();
        for sender in &self.listed {
            let Some(out) = self.outbound(&internal, sender) else { continue };
            let has_entry =
                self.mailboxes.iter().any(|(internal, _, one_way)| internal == sender && *one_way);
            if has_entry || (!out.is_by_mailbox && !out.is_two_way && out.address != *sender) {
                groups.entry(out.address).or_default().push((sender, has_entry));
            }
        }
        let mut alone: BTreeMap<String, Vec<&Address>> = BTreeMap::new();
        for (result, senders) in &groups {
            let moved: Vec<&Address> =
                senders.iter().filter(|(_, has_entry)| !has_entry).map(|(sender, _)| *sender).collect();
            let Some(first) = moved.iter().min() else { continue };
            match self.inbound(&external, result) {
                Some(taker) if taker == *result => {}
                Some(taker) => {
                    let others = moved.iter().filter(|sender| ***sender != taker);
                    found.extend(
                        others
                            .map(|sender| (ANOTHER, vec![(*sender).clone(), result.clone(), taker.clone()])),
                    );
                }
                None if senders.len() > 1 => {
                    let code = if self.is_listed(result) { ANOTHER } else { NOBODY };
                    found.push((code, vec![senders[0].0.clone(), result.clone()]));
                }
                None if self.is_unanswered(&result.1) => {
                    alone.entry(result.1.clone()).or_default().push(first);
                }
                None if self.is_listed(result) || self.is_elsewhere(&result.1) => {}
                None if self.is_home(&result.1) && !self.complete.contains(&result.1) => {}
                None => found.push((NOBODY, vec![(*first).clone(), result.clone()])),
            }
        }
        for (domain, entries) in self.one_way_domains() {
            if !self.is_unanswered(&domain) {
                continue;
            }
            let listed = alone.get(&domain).and_then(|senders| senders.iter().min());
            let is_unknown = |entry: &&(String, bool)| entry.1 || !self.complete.contains(&entry.0);
            let stand_in = || {
                entries.iter().find(is_unknown).map(|(internal, _)| ("someone".to_owned(), internal.clone()))
            };
            let Some(sender) = listed.map(|sender| (*sender).clone()).or_else(stand_in) else { continue };
            let result = (sender.0.clone(), domain);
            found.push((NOBODY, vec![sender, result]));
        }
        found.sort();
        found
    }

    /// Each external domain of outbound-only domain entries, with their internal ones in order.
    fn one_way_domains(&self) -> BTreeMap<String, Vec<(String, bool)>> {
        let mut domains: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
        let exact =
            self.domains.iter().filter(|(internal, external, one_way)| *one_way && internal != external);
        for (internal, external, _) in exact {
            domains.entry(external.clone()).or_default().push((internal.clone(), false));
        }
        for (internal, external, _) in &self.wildcards {
            domains.entry(external.clone()).or_default().push((internal.clone(), true));
        }
        domains
    }

    fn is_listed(&self, (name, domain): &Address) -> bool {
        self.names(name).iter().any(|name| self.listed.contains(&((*name).to_owned(), domain.clone())))
    }

    fn is_elsewhere(&self, domain: &str) -> bool {
        self.accepted_as(domain) == Some("external-relay")
    }

    fn is_home(&self, domain: &str) -> bool {
        self.mailboxes.iter().any(|((_, internal), ..)| internal == domain)
            || self.domains.iter().any(|(internal, ..)| internal == domain)
            || self.wildcards.iter().any(|(internal, ..)| is_within(domain, internal))
    }

    /// Whether a domain has nobody of whom anything says that he takes mail.
    fn is_unanswered(&self, domain: &str) -> bool {
        let takes_in =
            self.mailboxes.iter().any(|(_, (_, external), one_way)| !one_way && external == domain)
                || self.domains.iter().any(|(_, external, one_way)| !one_way && external == domain);
        let has_listed = self.listed.iter().any(|(_, listed)| listed == domain);
        !takes_in && !has_listed && !self.is_home(domain) && !self.is_elsewhere(domain)
    }

    /// Every entry and exception, by the number of the entry as it is written.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let (mailboxes, domains) = (self.mailboxes.len(), self.domains.len());
        let mut parts: Vec<Part> = (0..mailboxes + domains + self.wildcards.len()).map(Part::Entry).collect();
        for (number, (.., except)) in self.wildcards.iter().enumerate() {
            let number = mailboxes + domains + number;
            parts.extend(except.iter().map(|domain| Part::Exception(number, domain.clone())));
        }
        parts
    }

    /// The world without some parts.
    pub(crate) fn without(&self, parts: &BTreeSet<Part>) -> World {
        let mut world = self.clone();
        for part in parts {
            if let Part::Exception(number, domain) = part {
                let except = &mut world.wildcards[number - self.mailboxes.len() - self.domains.len()].2;
                except.retain(|left| left != domain);
            }
        }
        let mut numbers = 0..;
        let mut is_left = || numbers.next().is_some_and(|number| !parts.contains(&Part::Entry(number)));
        world.mailboxes.retain(|_| is_left());
        world.domains.retain(|_| is_left());
        world.wildcards.retain(|_| is_left());
        world
    }

    /// An address that comes out otherwise in another world, of those at some domains.
    pub(crate) fn difference(&self, other: &World, domains: &BTreeSet<String>) -> Option<Address> {
        let ((here_out, here_in), (there_out, there_in)) = (self.sides(), other.sides());
        let names = self.forms();
        let mut all = domains.iter().flat_map(|domain| names.iter().map(move |name| (name, domain)));
        all.find_map(|(name, domain)| {
            let address = (name.clone(), domain.clone());
            let go_out =
                |out: Option<crate::world::Out>| out.map_or_else(|| address.clone(), |out| out.address);
            let come_in = |to: Option<Address>| to.unwrap_or_else(|| address.clone());
            let is_same = go_out(self.outbound(&here_out, &address))
                == go_out(other.outbound(&there_out, &address))
                && come_in(self.inbound(&here_in, &address)) == come_in(other.inbound(&there_in, &address));
            (!is_same).then_some(address)
        })
    }

    /// Every name in every form, and somebody whom nobody knows.
    fn forms(&self) -> Vec<String> {
        let mut names: BTreeSet<&str> = ["stranger", "abuse"].into();
        for ((internal, _), (external, _), _) in &self.mailboxes {
            names.extend([internal.as_str(), external]);
        }
        let tails = std::iter::once(String::new())
            .chain(self.delimiters.chars().map(|delimiter| format!("{delimiter}zzz")));
        let forms = tails.flat_map(|tail| {
            names
                .iter()
                .flat_map(move |name| [format!("{name}{tail}"), format!("prvs=0={name}{tail}")])
                .collect::<Vec<_>>()
        });
        forms.collect()
    }

    /// The domains that a plan names, external ones apart.
    pub(crate) fn named_domains(&self) -> BTreeSet<String> {
        let mut domains: BTreeSet<String> =
            self.mailboxes.iter().map(|((_, domain), ..)| domain.clone()).collect();
        domains.extend(self.domains.iter().map(|(internal, ..)| internal.clone()));
        domains.extend(self.wildcards.iter().map(|(internal, ..)| internal.clone()));
        domains.extend(self.wildcards.iter().flat_map(|(.., except)| except.iter().cloned()));
        domains.extend(self.listed.iter().map(|(_, domain)| domain.clone()));
        domains
    }

    /// Those, the external ones, and a domain below each.
    pub(crate) fn all_domains(&self) -> BTreeSet<String> {
        let mut domains = self.named_domains();
        domains.extend(domains.clone().into_iter().map(|domain| format!("zzz.{domain}")));
        domains.extend(self.mailboxes.iter().map(|(_, (_, domain), _)| domain.clone()));
        domains.extend(self.domains.iter().map(|(_, external, _)| external.clone()));
        domains
    }

    /// Whether a part is an entry for postmaster that keeps it what it is: it says where that goes.
    pub(crate) fn keeps_postmaster(&self, part: &Part) -> bool {
        let Part::Entry(number) = part else { return false };
        self.mailboxes
            .get(*number)
            .is_some_and(|(internal, external, _)| internal == external && internal.0 == "postmaster")
    }
}
