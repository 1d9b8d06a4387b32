//! The people who write to each other: names, and the internal and external address of each. They
//! are the entries of the map, and the addresses in messages.
//!
//! Keys look as they do in directories: `first.last`, with a number where that is taken, or a
//! personnel number; over 20 domains, a few of which have most of the people. Seven in ten keep
//! their local-part outside, two in ten get another one, one in ten has a personnel number inside.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::rng::Rng;

/// Where the mailboxes are, the largest first.
pub const INTERNAL_DOMAINS: [&str; 20] = [
    "contoso.com",
    "corp.fabrikam.com",
    "tenant1.contoso.com",
    "mail.fabrikam.com",
    "emea.contoso.com",
    "apac.contoso.com",
    "fabrikam.com",
    "labs.contoso.com",
    "retail.fabrikam.com",
    "in.adatum.example",
    "north.contoso.com",
    "south.contoso.com",
    "plant4.fabrikam.com",
    "legal.example.com",
    "sales.example.com",
    "old.example.net",
    "hq.adatum.example",
    "field.example.org",
    "works.example.net",
    "x.example.org",
];

/// The same number of domains that no message names.
pub const ELSEWHERE: [&str; 20] = [
    "tenant1.tailspin.example",
    "corp.proseware.example",
    "tailspin.example",
    "mail.proseware.example",
    "emea.tailspin.example",
    "apac.tailspin.example",
    "proseware.example",
    "labs.tailspin.example",
    "retail.proseware.example",
    "in.wingtip.example",
    "north.tailspin.example",
    "south.tailspin.example",
    "plant4.proseware.example",
    "legal.wingtip.example",
    "sales.wingtip.example",
    "old.lucerne.example",
    "hq.wingtip.example",
    "field.lucerne.example",
    "works.lucerne.example",
    "x.lucerne.example",
];

/// What the outside sees.
const EXTERNAL_DOMAINS: [&str; 4] =
    ["shared.contoso.com", "mail.contoso.com", "group.fabrikam.com", "example.com"];

/// Where the people live whom no map knows.
const STRANGERS: [&str; 12] = [
    "northwind.example",
    "litware.example",
    "mx.woodgrove.example",
    "treyresearch.example",
    "alpine.example",
    "humongous.example",
    "city.example.edu",
    "relecloud.example",
    "fourthcoffee.example",
    "margies.example",
    "vanarsdel.example",
    "fineart.example",
];

const FIRST: [&str; 24] = [
    "an", "be", "chi", "da", "el", "fa", "gre", "ha", "i", "jo", "ka", "li", "ma", "ni", "ol", "pa", "ro",
    "sa", "ti", "ul", "vi", "wil", "ya", "zo",
];
const MIDDLE: [&str; 20] = [
    "ra", "le", "min", "do", "sa", "ri", "ta", "no", "ber", "li", "ka", "ve", "mo", "der", "si", "la", "go",
    "ne", "pu", "to",
];
const LAST: [&str; 16] =
    ["a", "en", "son", "er", "i", "ski", "o", "mann", "ez", "is", "ova", "el", "ini", "ard", "u", "ng"];

/// Somebody with an address.
#[derive(Clone, Debug)]
pub struct Person {
    /// Given name.
    pub first: String,
    /// Family name.
    pub last: String,
    /// The address inside; for a stranger, the only one.
    pub internal: String,
    /// The address outside; for a stranger, the only one.
    pub external: String,
}

/// `count` people with all addresses different, in `domains`.
#[must_use]
pub fn people(rng: &mut Rng, count: usize, domains: &'static [&'static str; 20]) -> Vec<Person> {
    let mut crowd = Crowd::new(rng.clone(), domains);
    let people = crowd.by_ref().take(count).collect();
    *rng = crowd.rng;
    people
}

/// People one after the other, without end, with all addresses different. What it remembers of each is
/// 24 octets, so that there is room for ten million.
#[derive(Debug)]
pub struct Crowd {
    rng: Rng,
    domains: &'static [&'static str; 20],
    inside: Taken,
    outside: Taken,
}

impl Crowd {
    /// The people of a seed.
    #[must_use]
    pub fn new(rng: Rng, domains: &'static [&'static str; 20]) -> Crowd {
        Crowd { rng, domains, inside: Taken::default(), outside: Taken::default() }
    }
}

impl Iterator for Crowd {
    type Item = Person;

    fn next(&mut self) -> Option<Person> {
        let Crowd { rng, domains, inside, outside } = self;
        let (first, last) = (capitalised(&name(rng)), capitalised(&name(rng)));
        let plain = format!("{first}.{last}").to_ascii_lowercase();
        let domain = rng.pick_zipf(*domains);
        let external_domain = rng.pick_zipf(&EXTERNAL_DOMAINS);
        // Unique across the domains inside, so unique in the few outside, too; and a short
        // one there has no dot before its number's.
        let local = inside.unused(&plain);
        let (internal, external) = match rng.below(10) {
            0..7 => (local.clone(), local),
            7 | 8 => {
                let initial = &plain[..1];
                let short = format!("{initial}{}", last.to_ascii_lowercase());
                (local, outside.unused(&short))
            }
            _ => (inside.unused(&format!("u{}", rng.digits(7))), local),
        };
        Some(Person {
            first,
            last,
            internal: format!("{internal}@{domain}"),
            external: format!("{external}@{external_domain}"),
        })
    }
}

/// Somebody whom no map knows.
#[must_use]
pub fn stranger(rng: &mut Rng) -> Person {
    let (first, last) = (capitalised(&name(rng)), capitalised(&name(rng)));
    let local = match rng.below(4) {
        0 => format!("{}{last}", &first[..1]),
        1 => first.clone(),
        _ => format!("{first}.{last}"),
    };
    let address = format!("{}@{}", local.to_ascii_lowercase(), rng.pick_zipf(&STRANGERS));
    Person { first, last, internal: address.clone(), external: address }
}

/// People as the rows of a plan's CSV.
#[must_use]
pub fn csv(people: &[Person]) -> String {
    let mut rows = "Name,InternalAddress,ExternalAddress\r\n".to_owned();
    for person in people {
        let Person { first, last, internal, external } = person;
        let _ = write!(rows, "{first} {last},{internal},{external}\r\n");
    }
    rows
}

fn name(rng: &mut Rng) -> String {
    let mut name = (*rng.pick_zipf(&FIRST)).to_owned();
    name.push_str(rng.pick::<&str>(&MIDDLE));
    if rng.percent(30) {
        name.push_str(rng.pick::<&str>(&MIDDLE));
    }
    name.push_str(rng.pick::<&str>(&LAST));
    name
}

fn capitalised(name: &str) -> String {
    name[..1].to_ascii_uppercase() + &name[1..]
}

/// How often each local-part was wanted, by its hash: should two have the same, one of them gets a
/// number that it did not need.
#[derive(Debug, Default)]
struct Taken {
    times: HashMap<u64, u32>,
}

impl Taken {
    /// `wanted`, or with a number behind it if that is taken. Nothing that is wanted ends in a dot
    /// and a number, so no answer is given twice.
    fn unused(&mut self, wanted: &str) -> String {
        let mut hasher = DefaultHasher::new();
        wanted.hash(&mut hasher);
        let times = self.times.entry(hasher.finish()).or_insert(0);
        *times += 1;
        if *times == 1 { wanted.to_owned() } else { format!("{wanted}.{}", *times) }
    }
}
