//! What a plan means, written down a second time: look-ups in plain maps, as the tables of the manual
//! say, with nothing of the engine's.

use std::collections::{BTreeMap, BTreeSet};

/// An address by its parts, unquoted, as keys.
pub(crate) type Address = (String, String);

/// What is left of the plan language for this.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) delimiters: String,
    /// Internal and external mailbox, and whether the entry is outbound-only.
    pub(crate) mailboxes: Vec<(Address, Address, bool)>,
    pub(crate) domains: Vec<(String, String, bool)>,
    /// `*.domain`, its external domain, its exceptions.
    pub(crate) wildcards: Vec<(String, String, Vec<String>)>,
    pub(crate) listed: BTreeSet<Address>,
    pub(crate) complete: BTreeSet<String>,
    /// Accepted domains, or `*.domain`, and their types.
    pub(crate) accepted: BTreeMap<String, String>,
}

/// How an address goes out.
#[derive(Eq, PartialEq)]
pub(crate) struct Out {
    pub(crate) address: Address,
    pub(crate) is_two_way: bool,
    /// Whether an entry for this mailbox says so, and none for its domain.
    pub(crate) is_by_mailbox: bool,
}

impl World {
    /// The first address that goes out through a two-way entry and does not come back to itself.
    pub(crate) fn counterexample(&self) -> Option<(Address, Address, Address)> {
        let (internal, external) = self.sides();
        for address in self.candidates() {
            if !self.may_exist(&address) {
                continue;
            }
            let Some(out) = self.outbound(&internal, &address) else { continue };
            if !out.is_two_way {
                continue;
            }
            let back = self.inbound(&external, &out.address).unwrap_or_else(|| out.address.clone());
            if back != address {
                return Some((address, out.address, back));
            }
        }
        None
    }

    /// The mailbox entries by their internal side, and the two-way ones by the external one.
    pub(crate) fn sides(&self) -> (Side<'_>, Side<'_>) {
        let internal = Side::of(self, |(internal, external, one_way)| Some((internal, external, *one_way)));
        let external =
            Side::of(self, |(internal, external, one_way)| (!one_way).then_some((external, internal, false)));
        (internal, external)
    }

    /// Everybody who is named, at every domain, plain, with a subaddress and with a tag; and somebody
    /// whom nobody knows.
    fn candidates(&self) -> Vec<Address> {
        let mut names: BTreeSet<String> = ["stranger".to_owned(), "abuse".to_owned()].into();
        let mut domains = BTreeSet::new();
        for (internal, external, _) in &self.mailboxes {
            for (name, domain) in [internal, external] {
                names.insert(name.clone());
                domains.insert(domain.clone());
            }
        }
        names.extend(self.listed.iter().map(|(name, _)| name.clone()));
        domains.extend(self.domains.iter().map(|(internal, ..)| internal.clone()));
        domains.extend(self.listed.iter().map(|(_, domain)| domain.clone()));
        let mut tails: BTreeSet<String> = [String::new()].into();
        for delimiter in self.delimiters.chars() {
            tails.insert(format!("{delimiter}zzz"));
            for name in &names {
                tails.extend(name.find(delimiter).and_then(|at| name.get(at..)).map(str::to_owned));
            }
        }
        let heads = ["", "prvs=12ab=", "btv1==12ab=="];
        let mut all = Vec::new();
        for domain in &domains {
            for name in &names {
                for tail in &tails {
                    all.extend(heads.map(|head| (format!("{head}{name}{tail}"), domain.clone())));
                }
            }
        }
        all
    }

    fn may_exist(&self, (name, domain): &Address) -> bool {
        let (_, name) = untagged(name);
        let base = self.base(name).unwrap_or(name);
        let known = |name: &str| {
            let address = (name.to_owned(), domain.clone());
            self.listed.contains(&address) || self.mailboxes.iter().any(|(internal, ..)| *internal == address)
        };
        !self.complete.contains(domain) || known(base) || known(name)
    }

    /// The names under which a mailbox may exist: all of it, without a tag, without a subaddress.
    pub(crate) fn names<'n>(&self, name: &'n str) -> [&'n str; 3] {
        let (_, bare) = untagged(name);
        [name, bare, self.base(bare).unwrap_or(bare)]
    }

    /// The part before a subaddress, if there is one.
    fn base<'n>(&self, name: &'n str) -> Option<&'n str> {
        let at = name.find(|character| self.delimiters.contains(character)).filter(|at| *at > 0)?;
        let base = &name[..at];
        let never = name.starts_with("owner-")
            || name.ends_with("-request")
            || base.ends_with("-request")
            || ["postmaster", "mailer-daemon"].contains(&base)
            || is_srs(name)
            || is_capsule(name);
        (!never).then_some(base)
    }

    pub(crate) fn outbound(&self, side: &Side<'_>, address: &Address) -> Option<Out> {
        if let Some((to, one_way)) = self.by_mailbox(side, address) {
            return Some(Out { address: to, is_two_way: !one_way, is_by_mailbox: true });
        }
        let (name, domain) = address;
        if !is_movable(untagged(name).1) {
            return None;
        }
        let entry = self.domains.iter().find(|(internal, ..)| internal == domain);
        if let Some((_, external, one_way)) = entry
            && !(*one_way && is_srs(untagged(name).1))
        {
            let address = (name.clone(), external.clone());
            return Some(Out { address, is_two_way: !one_way, is_by_mailbox: false });
        }
        if is_srs(untagged(name).1) {
            return None;
        }
        let over = self.wildcards.iter().filter(|(internal, ..)| is_within(domain, internal));
        let (_, external, except) = over.max_by_key(|(internal, ..)| internal.len())?;
        let is_left = except.iter().any(|left| is_within(domain, left));
        let address = (name.clone(), external.clone());
        (!is_left).then_some(Out { address, is_two_way: false, is_by_mailbox: false })
    }

    pub(crate) fn inbound(&self, side: &Side<'_>, address: &Address) -> Option<Address> {
        if let Some((to, _)) = self.by_mailbox(side, address) {
            return Some(to);
        }
        let (name, domain) = address;
        let entry = self.domains.iter().find(|(_, external, one_way)| !one_way && external == domain);
        let (internal, ..) = entry.filter(|_| is_movable(untagged(name).1))?;
        Some((name.clone(), internal.clone()))
    }

    /// Whole; behind a tag; without the subaddress.
    fn by_mailbox(&self, side: &Side<'_>, (name, domain): &Address) -> Option<(Address, bool)> {
        let found = |name: &str| side.mailboxes.get(&(name, domain.as_str())).copied();
        if let Some((to, one_way)) = found(name) {
            return Some((to.clone(), one_way));
        }
        let (tag, bare) = untagged(name);
        if let Some((to, one_way)) = found(bare) {
            return Some(((format!("{tag}{}", to.0), to.1.clone()), one_way));
        }
        let base = self.base(bare)?;
        let (to, one_way) = found(base)?;
        Some(((format!("{tag}{}{}", to.0, &bare[base.len()..]), to.1.clone()), one_way))
    }
}

/// The mailbox entries by one side.
pub(crate) struct Side<'w> {
    mailboxes: BTreeMap<(&'w str, &'w str), (&'w Address, bool)>,
}

impl<'w> Side<'w> {
    fn of(
        world: &'w World,
        pick: impl Fn(&'w (Address, Address, bool)) -> Option<(&'w Address, &'w Address, bool)>,
    ) -> Side<'w> {
        let mailboxes = world.mailboxes.iter().filter_map(pick);
        let mailboxes =
            mailboxes.map(|((name, domain), to, one_way)| ((name.as_str(), domain.as_str()), (to, one_way)));
        Side { mailboxes: mailboxes.collect() }
    }
}

/// Whether a domain is another one or below it.
pub(crate) fn is_within(domain: &str, other: &str) -> bool {
    domain == other || domain.ends_with(&format!(".{other}"))
}

/// A BATV tag and the name behind it.
fn untagged(name: &str) -> (&str, &str) {
    for (head, separator) in [("prvs=", "="), ("btv1==", "=="), ("msprvs1=", "=")] {
        if let Some((tag, bare)) = name.strip_prefix(head).and_then(|rest| rest.split_once(separator))
            && !tag.is_empty()
            && !bare.is_empty()
        {
            return name.split_at(name.len() - bare.len());
        }
    }
    ("", name)
}

fn is_srs(name: &str) -> bool {
    let classic = ["srs0", "srs1"]
        .iter()
        .any(|head| name.strip_prefix(head).is_some_and(|rest| rest.starts_with(['=', '+', '-'])));
    classic || name.contains("+srs=")
}

fn is_capsule(name: &str) -> bool {
    name.starts_with("imcea") && name.contains('-')
}

/// Whether a domain entry may move it, if that leads back.
fn is_movable(name: &str) -> bool {
    is_srs(name) || !(is_capsule(name) || ["postmaster", "abuse", "mailer-daemon"].contains(&name))
}
