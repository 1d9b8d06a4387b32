//! Who gets the answers to what goes out one way: nobody, or somebody else.
//!
//! Outbound-only mailbox entries are looked at one by one. What outbound-only domain entries make of
//! the recipients that the plan lists is sorted by the address that comes out: those who share one
//! stand beside each other.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use readdress::routing::DomainType;
use readdress::{Added, AddedSide, EntryDirection, EntryId, EntryKind};

use super::asked::{Asked, Taker, spelled};
use super::domains::{DomainEntries, DomainEntry};
use super::findings::Findings;
use super::text;
use crate::diagnostic::Diagnostic;
use crate::directory::{Existence, ListedAt};
use crate::plan::Plan;

/// The hint where nobody answers.
const ANSWER: &str = "add a two-way entry for the external address, or list it among the recipients";

impl Plan {
    /// What an outbound-only mailbox entry gives, if nobody answers it, or somebody else.
    pub(super) fn find_unanswered(
        &self,
        id: EntryId,
        entry: &Added<'_>,
        asked: &Asked<'_>,
        findings: &mut Findings,
    ) {
        if entry.direction != EntryDirection::Outbound || entry.kind != EntryKind::Mailbox {
            return;
        }
        let at = self.locate(id, |place| place.external);
        let (sender, shown) = (text(entry.internal.text), text(entry.external.text));
        match asked.taker(entry.external.text) {
            Taker::Entry { key, .. } if key == key_of(entry.internal.local_part, entry.internal.domain) => {}
            Taker::Entry { address, .. } => findings.add(
                Diagnostic::warning(
                    "reply-reaches-another",
                    at,
                    "replies to what this mailbox sends reach another one",
                )
                .excerpt(&shown)
                .witness([sender, shown, address])
                .hint("leave it if that one answers for both"),
            ),
            Taker::Itself => {}
            // Whoever sends as himself is there.
            Taker::Nobody if is_same_key(&entry.internal, &entry.external) => {}
            Taker::Nobody => match self.existence(entry.external.local_part, entry.external.domain, asked) {
                Existence::Listed => {}
                _ if self.is_elsewhere(entry.external.domain) => {}
                Existence::Unknown | Existence::Absent => findings.add(
                    Diagnostic::warning(
                        "outbound-only-without-mailbox",
                        at,
                        "nothing says who gets the replies to what this mailbox sends",
                    )
                    .excerpt(&shown)
                    .witness([sender, shown])
                    .hint(ANSWER),
                ),
            },
        }
    }

    /// What outbound-only domain entries give, if nobody answers it, or somebody else.
    pub(super) fn find_unanswered_domains<'p>(
        &'p self,
        domains: &DomainEntries<'p>,
        asked: &mut Asked<'_>,
        findings: &mut Findings,
    ) {
        let externals = External::all(self, domains);
        if externals.is_empty() {
            return;
        }
        let mut senders = self.senders(domains, &externals, asked);
        senders.sort_unstable_by_key(|sender| (sender.external, sender.place));
        let mut witnesses: BTreeMap<&[u8], &Sender<'_>> = BTreeMap::new();
        for group in senders.chunk_by(|one, other| one.external == other.external) {
            // Who has an entry of his own has been looked at.
            let Some(sender) = group.iter().find(|sender| !sender.is_by_mailbox) else { continue };
            let (domain, local_part) = sender.external;
            let Some(external) = externals.get(domain) else { continue };
            let result = spelled(local_part, domain);
            match asked.taker(result.as_bytes()) {
                Taker::Entry { key, address, internal } => {
                    let taker = domains.by_text(&internal);
                    let is_other = |sender: &&Sender<'_>| {
                        !sender.is_by_mailbox && key_of(sender.local_part, sender.domain) != key
                    };
                    for sender in group.iter().filter(is_other) {
                        let witness = [sender.text(), result.clone(), address.clone()];
                        self.tell_of_another(sender, witness, taker, findings);
                    }
                }
                Taker::Itself => {}
                Taker::Nobody => {
                    let existence = self.existence(local_part, domain, asked);
                    if let [first, second, ..] = group {
                        self.tell_of_one_for_many(group.len(), first, second, &result, existence, findings);
                    } else if external.is_unanswered {
                        let witness = witnesses.entry(domain).or_insert(sender);
                        if sender.place < witness.place {
                            *witness = sender;
                        }
                    } else if !external.is_answering(existence) {
                        self.tell_of_nobody(sender, result, findings);
                    }
                }
            }
        }
        for (domain, external) in externals.iter().filter(|(_, external)| external.is_unanswered) {
            self.tell_of_unanswered(domain, external, witnesses.get(domain).copied(), findings);
        }
    }

    /// Everybody listed whom an outbound-only entry takes to one of these domains.
    fn senders<'p>(
        &'p self,
        domains: &DomainEntries<'p>,
        externals: &BTreeMap<&'p [u8], External<'_>>,
        asked: &mut Asked<'_>,
    ) -> Vec<Sender<'p>> {
        let mut senders = Vec::new();
        for (domain, names) in self.directory.domains() {
            let Some(entry) = domains.moving(domain).filter(|entry| is_one_way(entry)) else { continue };
            for (local_part, place) in names {
                // A mailbox entry or none at all may be the one that decides about it.
                if !asked.is_moved_one_way(spelled(local_part, domain).as_bytes()) {
                    continue;
                }
                let external = (entry.external, local_part);
                let entry = entry.id;
                senders.push(Sender { external, local_part, domain, place, entry, is_by_mailbox: false });
            }
        }
        for (id, entry) in self.entries() {
            let is_one_way = entry.kind == EntryKind::Mailbox && entry.direction == EntryDirection::Outbound;
            if !is_one_way || !externals.contains_key(entry.external.domain) {
                continue;
            }
            let (local_part, domain) = (entry.internal.local_part, entry.internal.domain);
            if let Some(place) = self.directory.place(local_part, domain) {
                let external = (entry.external.domain, entry.external.local_part);
                senders.push(Sender { external, local_part, domain, place, entry: id, is_by_mailbox: true });
            }
        }
        senders
    }

    /// Somebody whose answers an entry gives to another one.
    fn tell_of_another(
        &self,
        sender: &Sender<'_>,
        witness: [String; 3],
        taker: Option<EntryId>,
        findings: &mut Findings,
    ) {
        let message = "replies to what this recipient sends reach another one";
        let mut found = self.about(sender, "reply-reaches-another", message);
        if let Some(taker) = taker {
            found = found.also_at(self.locate(taker, |place| place.external));
        }
        let hint = "give it an entry of its own with another external address, or leave it if that one answers for both";
        let at = self.locate(sender.entry, |place| place.external);
        findings.add(found.also_at(at).witness(witness).hint(hint));
    }

    /// Somebody whose answers nobody gets, though others of that domain get theirs.
    fn tell_of_nobody(&self, sender: &Sender<'_>, result: String, findings: &mut Findings) {
        let message = "nothing says who gets the replies to what this recipient sends";
        findings.add(
            self.about(sender, "outbound-only-without-mailbox", message)
                .also_at(self.locate(sender.entry, |place| place.external))
                .witness([sender.text(), result])
                .hint(ANSWER),
        );
    }

    /// Two or more who leave as one address that no entry takes in.
    fn tell_of_one_for_many(
        &self,
        count: usize,
        first: &Sender<'_>,
        second: &Sender<'_>,
        result: &str,
        existence: Existence,
        findings: &mut Findings,
    ) {
        let others = match count - 2 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let (code, who) = match existence {
            Existence::Listed => ("reply-reaches-another", "one mailbox gets the replies to all of them"),
            _ => ("outbound-only-without-mailbox", "nothing says who gets the replies"),
        };
        let message = format!("this recipient and {}{others} send as one address: {who}", second.text());
        findings.add(
            self.about(first, code, &message)
                .also_at(self.locate_in(second.place.source, second.place.at))
                .also_at(self.locate(first.entry, |place| place.external))
                .witness([first.text(), result.to_owned()])
                .hint("give each an entry of its own with another external address, or leave it if one answers for all"),
        );
    }

    /// An external domain that nothing takes in.
    fn tell_of_unanswered(
        &self,
        domain: &[u8],
        external: &External<'_>,
        witness: Option<&Sender<'_>>,
        findings: &mut Findings,
    ) {
        let (entry, name, internal) = if let Some(sender) = witness {
            (sender.entry, sender.local_part, sender.domain)
        } else {
            // Where everybody is known, a stand-in proves nothing.
            let unknown = external.entries.iter().find(|entry| !self.is_nobody_else(entry));
            let Some(entry) = unknown else { return };
            (entry.id, b"someone".as_slice(), entry.internal)
        };
        let others = match external.entries.len() - 1 {
            0 => String::new(),
            1 => ", and one more entry gives it".to_owned(),
            others => format!(", and {others} more entries give it"),
        };
        let message = format!("nothing says who gets the replies to what this domain sends{others}");
        let mut found = Diagnostic::warning(
            "outbound-only-without-mailbox",
            self.locate(entry, |place| place.external),
            message,
        )
        .excerpt(text(domain));
        if let Some(sender) = witness {
            found = found.also_at(self.locate_in(sender.place.source, sender.place.at));
        }
        findings.add(found.witness([spelled(name, internal), spelled(name, domain)]).hint(
            "add two-way entries for its mailboxes, list them among the recipients, or accept it as external-relay",
        ));
    }

    /// Whether an entry is about listed recipients alone.
    fn is_nobody_else(&self, entry: &DomainEntry<'_>) -> bool {
        !entry.is_subdomains && self.directory.is_complete(entry.internal)
    }

    /// What the plan says about a mailbox under its name, or that without what is set aside of it.
    fn existence(&self, local_part: &[u8], domain: &[u8], asked: &Asked<'_>) -> Existence {
        let existence = self.directory.exists(local_part, domain);
        if existence == Existence::Listed || !self.directory.lists_domain(domain) {
            return existence;
        }
        let is_listed = |name: &[u8]| self.directory.exists(name, domain) == Existence::Listed;
        let is_under_another = asked.names(local_part, domain).iter().any(|name| is_listed(name));
        if is_under_another { Existence::Listed } else { existence }
    }

    /// Whether all mailboxes of a domain are elsewhere, and mail for them goes there unseen.
    fn is_elsewhere(&self, domain: &[u8]) -> bool {
        self.accepted.get(domain) == Some(DomainType::ExternalRelay)
    }

    fn about(&self, sender: &Sender<'_>, code: &'static str, message: &str) -> Diagnostic {
        let at = self.locate_in(sender.place.source, sender.place.at);
        Diagnostic::warning(code, at, message).excerpt(sender.text())
    }
}

fn is_one_way(entry: &DomainEntry<'_>) -> bool {
    entry.direction == EntryDirection::Outbound
}

fn is_same_key(one: &AddedSide<'_>, other: &AddedSide<'_>) -> bool {
    (one.local_part, one.domain) == (other.local_part, other.domain)
}

fn key_of(local_part: &[u8], domain: &[u8]) -> Vec<u8> {
    [local_part, b"@", domain].concat()
}

/// Somebody listed whom an outbound-only entry takes out.
struct Sender<'p> {
    /// Domain and local-part of what comes out, as keys.
    external: (&'p [u8], &'p [u8]),
    local_part: &'p [u8],
    domain: &'p [u8],
    /// Where the recipient is listed.
    place: ListedAt,
    entry: EntryId,
    /// Whether the entry is for this mailbox alone.
    is_by_mailbox: bool,
}

impl Sender<'_> {
    fn text(&self) -> String {
        spelled(self.local_part, self.domain)
    }
}

/// A domain that outbound-only domain entries give.
struct External<'d> {
    /// In the order in which they stand.
    entries: Vec<&'d DomainEntry<'d>>,
    /// Whether it is an internal domain, too: it may have mailboxes that no entry has to take in.
    is_home: bool,
    /// Whether all its mailboxes are elsewhere, and mail for them goes there unseen.
    is_elsewhere: bool,
    /// Whether nothing says of anybody that he answers.
    is_unanswered: bool,
}

impl<'d> External<'d> {
    /// Whether a mailbox of the domain of which no entry says anything may answer.
    fn is_answering(&self, existence: Existence) -> bool {
        match existence {
            Existence::Listed => true,
            Existence::Unknown => self.is_elsewhere || self.is_home,
            Existence::Absent => self.is_elsewhere,
        }
    }

    fn all<'p>(plan: &'p Plan, domains: &'d DomainEntries<'p>) -> BTreeMap<&'p [u8], External<'d>> {
        let mut externals: BTreeMap<&[u8], External<'_>> = BTreeMap::new();
        let entries = domains.exact.values().chain(domains.subdomains.values());
        let is_same = |entry: &DomainEntry<'_>| !entry.is_subdomains && entry.internal == entry.external;
        for entry in entries.filter(|entry| is_one_way(entry) && !is_same(entry)) {
            let external = match externals.entry(entry.external) {
                Entry::Occupied(external) => external.into_mut(),
                Entry::Vacant(place) => {
                    let domain = entry.external;
                    let is_home = domains.is_internal(domain);
                    let is_elsewhere = plan.is_elsewhere(domain);
                    let is_unanswered = !is_home && !is_elsewhere && !plan.directory.lists_domain(domain);
                    place.insert(External { entries: Vec::new(), is_home, is_elsewhere, is_unanswered })
                }
            };
            external.entries.push(entry);
        }
        if externals.is_empty() {
            return externals;
        }
        for (_, entry) in plan.entries().filter(|(_, entry)| entry.direction == EntryDirection::Both) {
            if let Some(external) = externals.get_mut(entry.external.domain) {
                external.is_unanswered = false;
            }
        }
        for external in externals.values_mut() {
            external.entries.sort_unstable_by_key(|entry| entry.id);
        }
        externals
    }
}
