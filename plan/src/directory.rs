//! Who exists: the recipients that a plan lists, what it says of each, and the domains of which it lists
//! them all.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use readdress::EntryAddress;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::entry::Placed;
use crate::source::Source;
use crate::spelled::spelled;

/// The recipients of a plan, or of another system. Empty if none are listed.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// The local-parts of each domain, as keys.
    listed: Recipients,
    /// Addresses that are known and have no mailbox here: members of groups.
    unlisted: Recipients,
    /// For a mailbox with other addresses, those.
    proxies: BTreeMap<Mailbox, Vec<Mailbox>>,
    /// Domains with no other mailbox than those listed, as keys.
    complete: HashSet<Vec<u8>>,
}

/// By domain, then by local-part.
type Recipients = BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Recipient>>;

/// Where something is listed.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ListedAt {
    /// Which of the plan's sources.
    pub(crate) source: u32,
    /// Octet at which it begins.
    pub(crate) at: u32,
}

/// An address as key.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Mailbox {
    pub(crate) local_part: Vec<u8>,
    pub(crate) domain: Vec<u8>,
}

/// What is said of a recipient. There may be millions: what most don't have is kept apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recipient {
    /// Where it is listed first.
    pub(crate) at: ListedAt,
    /// As it is written there, if that is not how its key is written. Listing it fills this in.
    pub(crate) text: Option<Box<str>>,
    pub(crate) routing: Option<Box<RoutingAddress>>,
    /// Numbers of groups, ascending.
    pub(crate) groups: Vec<u16>,
    /// The number of a wave, and where that stands.
    pub(crate) wave: Option<(u16, ListedAt)>,
    /// The mailbox of which this is another address, and where that is said.
    pub(crate) proxy_of: Option<Box<(Mailbox, ListedAt)>>,
}

/// Where a recipient's mail goes instead.
#[derive(Clone, Debug)]
pub(crate) struct RoutingAddress {
    /// As it is written: a mailbox.
    pub(crate) text: Box<str>,
    pub(crate) at: ListedAt,
}

/// What a plan says about a mailbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Existence {
    Listed,
    /// Its domain is listed completely, and it is not there.
    Absent,
    Unknown,
}

/// Two things that can't both be said of one recipient: where the first stands, and where the other.
#[derive(Debug)]
pub(crate) struct Contradiction {
    pub(crate) of: Mailbox,
    pub(crate) what: &'static str,
    pub(crate) first: ListedAt,
    pub(crate) second: ListedAt,
}

impl Directory {
    /// Whether a mailbox exists; both parts as keys.
    pub(crate) fn exists(&self, local_part: &[u8], domain: &[u8]) -> Existence {
        if self.place(local_part, domain).is_some() {
            Existence::Listed
        } else if self.is_complete(domain) {
            Existence::Absent
        } else {
            Existence::Unknown
        }
    }

    /// Where a mailbox is listed first; both parts as keys.
    pub(crate) fn place(&self, local_part: &[u8], domain: &[u8]) -> Option<ListedAt> {
        Some(self.listed.get(domain)?.get(local_part)?.at)
    }

    /// Whether every mailbox of a domain is listed.
    pub(crate) fn is_complete(&self, domain: &[u8]) -> bool {
        self.complete.contains(domain)
    }

    /// The domains of which somebody is listed, with the local-parts of each.
    pub(crate) fn domains(
        &self,
    ) -> impl Iterator<Item = (&[u8], impl Iterator<Item = (&[u8], ListedAt)> + use<'_>)> {
        self.listed.iter().map(|(domain, names)| {
            (domain.as_slice(), names.iter().map(|(local_part, known)| (local_part.as_slice(), known.at)))
        })
    }

    /// Whether somebody of a domain is listed.
    pub(crate) fn lists_domain(&self, domain: &[u8]) -> bool {
        self.listed.contains_key(domain)
    }

    /// The local-parts of a domain that are listed and begin so.
    pub(crate) fn beginning<'d>(&'d self, start: &[u8], domain: &[u8]) -> impl Iterator<Item = &'d [u8]> {
        let start = start.to_vec();
        let names = self.listed.get(domain).map(|names| names.range(start.clone()..));
        names
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_slice())
            .take_while(move |name| name.starts_with(&start))
    }

    /// Everybody, listed or not: local-part and domain as keys, what is said, and whether there is a
    /// mailbox.
    pub(crate) fn recipients(&self) -> impl Iterator<Item = (&[u8], &[u8], &Recipient, bool)> {
        let each = |recipients, is_listed| {
            let recipients: &Recipients = recipients;
            recipients.iter().flat_map(move |(domain, names)| {
                names.iter().map(move |(name, known)| (name.as_slice(), domain.as_slice(), known, is_listed))
            })
        };
        each(&self.listed, true).chain(each(&self.unlisted, false))
    }

    /// The other addresses of a mailbox.
    pub(crate) fn proxies(&self, mailbox: &Mailbox) -> &[Mailbox] {
        self.proxies.get(mailbox).map_or(&[], Vec::as_slice)
    }

    /// Somebody who is known, listed or not; both parts as keys.
    pub(crate) fn get(&self, local_part: &[u8], domain: &[u8]) -> Option<&Recipient> {
        [&self.listed, &self.unlisted].into_iter().find_map(|known| known.get(domain)?.get(local_part))
    }

    /// Lists a mailbox, or adds to what is said of it. What does not fit is left as it was, and told.
    pub(crate) fn list(&mut self, address: &Mailbox, text: &str, said: Recipient) -> Vec<Contradiction> {
        add(&mut self.listed, address, text, said)
    }

    /// Says that an address is in a group, be it listed or not.
    pub(crate) fn join(&mut self, address: &Mailbox, text: &str, group: u16, at: ListedAt) {
        let is_listed = self.place(&address.local_part, &address.domain).is_some();
        let recipients = if is_listed { &mut self.listed } else { &mut self.unlisted };
        let said = Recipient { at, groups: vec![group], ..Recipient::default() };
        // Nothing of this contradicts anything.
        add(recipients, address, text, said);
    }

    /// Says that an address is another one of a mailbox. Both have been listed.
    pub(crate) fn add_proxy(
        &mut self,
        proxy: &Mailbox,
        mailbox: &Mailbox,
        at: ListedAt,
    ) -> Option<Contradiction> {
        let known = self.listed.get_mut(&proxy.domain)?.get_mut(&proxy.local_part)?;
        match &known.proxy_of {
            _ if proxy == mailbox => None,
            Some(of) if of.0 == *mailbox => None,
            Some(of) => Some(Contradiction { of: proxy.clone(), what: "mailbox", first: of.1, second: at }),
            None => {
                known.proxy_of = Some(Box::new((mailbox.clone(), at)));
                self.proxies.entry(mailbox.clone()).or_default().push(proxy.clone());
                None
            }
        }
    }

    /// Gives the other addresses of each mailbox what is said of the mailbox: its groups and where its mail
    /// goes. The wave is the mailbox's alone: what another system forwards to a proxy is meant for here.
    pub(crate) fn settle_proxies(&mut self) -> Vec<Contradiction> {
        let mut contradictions = Vec::new();
        for (mailbox, proxies) in &self.proxies {
            let names = self.listed.get(&mailbox.domain);
            let Some(known) = names.and_then(|names| names.get(&mailbox.local_part)).cloned() else {
                continue;
            };
            for proxy in proxies {
                let routing = known.routing.clone().filter(|routing| routing.key().as_ref() != Some(proxy));
                let said = Recipient { routing, groups: known.groups.clone(), ..Recipient::default() };
                contradictions.extend(add(&mut self.listed, proxy, "", said));
            }
        }
        contradictions
    }

    /// Says that every mailbox of a domain is listed.
    pub(crate) fn complete(&mut self, domain: &Placed, source: &Source, diagnostics: &mut Diagnostics) {
        match EntryAddress::parse(domain.text.as_bytes()) {
            Ok(EntryAddress::Domain(domain)) => {
                self.complete.insert(domain);
            }
            _ => diagnostics.push(
                Diagnostic::error("bad-address", source.locate(domain.at), "this is no domain")
                    .excerpt(&domain.text)
                    .hint("name the domain whose mailboxes are all listed: tenant1.contoso.com"),
            ),
        }
    }
}

/// Adds somebody, or to what is said of them.
fn add(
    recipients: &mut Recipients,
    address: &Mailbox,
    text: &str,
    mut said: Recipient,
) -> Vec<Contradiction> {
    if !recipients.contains_key(&address.domain) {
        recipients.insert(address.domain.clone(), BTreeMap::new());
    }
    let Some(names) = recipients.get_mut(&address.domain) else { return Vec::new() };
    match names.entry(address.local_part.clone()) {
        Entry::Vacant(place) => {
            if text != address.text() {
                said.text = Some(text.into());
            }
            place.insert(said);
            Vec::new()
        }
        Entry::Occupied(mut known) => known.get_mut().merge(said, address),
    }
}

impl Recipient {
    /// The address as it is written in the plan.
    pub(crate) fn text(&self, local_part: &[u8], domain: &[u8]) -> String {
        self.text.as_deref().map_or_else(|| spelled(local_part, domain), str::to_owned)
    }

    fn merge(&mut self, other: Recipient, address: &Mailbox) -> Vec<Contradiction> {
        for group in other.groups {
            if let Err(place) = self.groups.binary_search(&group) {
                self.groups.insert(place, group);
            }
        }
        let mut found = Vec::new();
        let mut contradict = |what, first, second| {
            found.push(Contradiction { of: address.clone(), what, first, second });
        };
        match (&self.routing, other.routing) {
            (None, routing) => self.routing = routing,
            (Some(ours), Some(theirs)) if ours.text != theirs.text && ours.key() != theirs.key() => {
                contradict("routing address", ours.at, theirs.at);
            }
            _ => {}
        }
        match (self.wave, other.wave) {
            (None, wave) => self.wave = wave,
            (Some((ours, first)), Some((theirs, second))) if ours != theirs => {
                contradict("wave", first, second);
            }
            _ => {}
        }
        found
    }
}

impl RoutingAddress {
    /// Made anew each time: kept for each recipient it would take more than all else.
    pub(crate) fn key(&self) -> Option<Mailbox> {
        Mailbox::parse(&self.text).ok()
    }
}

impl Mailbox {
    pub(crate) fn parse(text: &str) -> Result<Mailbox, String> {
        match EntryAddress::parse(text.as_bytes()) {
            Ok(EntryAddress::Mailbox { local_part, domain }) => Ok(Mailbox { local_part, domain }),
            Ok(_) => Err("a mailbox is wanted here, and this is a domain".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// `local-part@domain`, unquoted.
    pub(crate) fn key(&self) -> Vec<u8> {
        [&self.local_part, b"@".as_slice(), &self.domain].concat()
    }

    /// As it is written.
    pub(crate) fn text(&self) -> String {
        spelled(&self.local_part, &self.domain)
    }
}
