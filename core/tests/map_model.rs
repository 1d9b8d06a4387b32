//! The map against a plain model: sorted tables of whole addresses, asked in the order that the ladder
//! of keys has. Entries and addresses are made so that they meet: few letters, long shared beginnings,
//! every spelling, all kinds of entries.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop")]

mod support;

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use readdress::{
    Direction, Engine, EntryAddress, EntryDirection, EntryKind, KeyKind, Map, MapBuilder, NewEntry, Policy,
    Scratch, Session,
};

/// An entry as it is added.
#[derive(Clone, Debug)]
struct Given {
    internal: String,
    external: String,
    is_outbound: bool,
    except: Vec<String>,
}

impl Given {
    fn direction(&self) -> EntryDirection {
        if self.is_outbound { EntryDirection::Outbound } else { EntryDirection::Both }
    }
}

/// The entries of a map by their keys, on each side.
#[derive(Default)]
struct Model {
    entries: Vec<Given>,
    internal: BTreeMap<Vec<u8>, usize>,
    external: BTreeMap<Vec<u8>, usize>,
}

impl Model {
    /// Those entries that contradict none before them, and the map of them.
    fn new(given: Vec<Given>) -> (Model, Engine) {
        let mut model = Model::default();
        let mut builder = MapBuilder::new();
        let policy = Policy::default();
        // The same fields both ways.
        builder.set_policy(Policy { inbound: policy.outbound.clone(), ..policy });
        let file = builder.add_source("entries.csv");
        for entry in given {
            let [internal, external] = [&entry.internal, &entry.external]
                .map(|text| EntryAddress::parse(text.as_bytes()).unwrap().key());
            let is_taken = !entry.is_outbound && model.external.contains_key(&external);
            if is_taken || model.internal.contains_key(&internal) {
                continue;
            }
            let number = model.entries.len();
            let except: Vec<&[u8]> = entry.except.iter().map(String::as_bytes).collect();
            builder
                .add(&NewEntry {
                    name: &format!("entry {number}"),
                    internal: entry.internal.as_bytes(),
                    external: entry.external.as_bytes(),
                    direction: entry.direction(),
                    except: &except,
                    source: Some((file, u32::try_from(number).unwrap())),
                })
                .unwrap();
            model.internal.insert(internal, number);
            if !entry.is_outbound {
                model.external.insert(external, number);
            }
            model.entries.push(entry);
        }
        (model, Engine::from_bytes(builder.finish().unwrap()).unwrap())
    }

    /// Every entry that an address is under, in the order of the ladder, and the kind of the key.
    fn hits(&self, direction: Direction, local_key: &str, domain: &str) -> Vec<(KeyKind, usize)> {
        let side = if direction == Direction::Outbound { &self.internal } else { &self.external };
        let tag = tag(local_key);
        let name = &local_key[tag..];
        let is_srs = name.starts_with("srs0=") || name.contains("+srs=");
        let is_reserved = matches!(name, "postmaster" | "abuse" | "mailer-daemon");
        let base = name.find('+').filter(|at| *at > 0 && !is_srs).map(|at| &name[..at]);
        let base = base.filter(|base| *base != "postmaster" && !name.starts_with("owner-"));
        let mailbox = |name: &str| side.get(format!("{name}@{domain}").as_bytes()).copied();
        let mut hits = Vec::new();
        hits.extend(mailbox(local_key).map(|number| (KeyKind::Mailbox, number)));
        hits.extend(mailbox(name).filter(|_| tag > 0).map(|number| (KeyKind::Mailbox, number)));
        hits.extend(base.and_then(mailbox).map(|number| (KeyKind::Subaddress, number)));
        if is_reserved {
            return hits;
        }
        let of_domain = side.get(domain.as_bytes()).copied();
        let of_domain = of_domain.filter(|number| !is_srs || !self.entries[*number].is_outbound);
        hits.extend(of_domain.map(|number| (KeyKind::Domain, number)));
        if is_srs {
            return hits;
        }
        let parents =
            std::iter::successors(Some(domain), |domain| domain.split_once('.').map(|(_, above)| above));
        let wildcard = parents.clone().find_map(|parent| side.get(format!("*.{parent}").as_bytes()).copied());
        let is_excepted = |number: &usize| {
            parents.clone().any(|parent| self.entries[*number].except.iter().any(|e| e == parent))
        };
        hits.extend(
            wildcard.filter(|number| !is_excepted(number)).map(|number| (KeyKind::Subdomain, number)),
        );
        hits
    }
}

/// Octets of a BATV tag.
fn tag(local_key: &str) -> usize {
    let length = |prefix: &str| {
        let separator = if prefix == "btv1==" { "==" } else { "=" };
        let rest = local_key.strip_prefix(prefix)?;
        let at = rest.find(separator).filter(|at| *at > 0)?;
        let name = &rest[at + separator.len()..];
        (!name.is_empty()).then_some(local_key.len() - name.len())
    };
    ["prvs=", "btv1==", "msprvs1="].into_iter().find_map(length).unwrap_or(0)
}

const DOMAINS: [&str; 6] =
    ["i.example", "j.example", "a.b.i.example", "b.i.example", "x.example", "other.example"];

/// A local-part as it is spelled: short ones that meet, long ones that share much.
fn local_part() -> impl Strategy<Value = String> {
    let word = vec(select(vec!["a", "b", "c", "A", "B", "an", "1", "ann", "é"]), 1..7)
        .prop_map(|parts| parts.concat());
    let dotted = (word.clone(), word.clone()).prop_map(|(first, last)| format!("{first}.{last}"));
    let long = (0_usize..200, word.clone()).prop_map(|(length, end)| "a".repeat(length) + &end);
    let quoted = word.clone().prop_map(|word| format!("\"{word} x\""));
    let needless = word.clone().prop_map(|word| format!("\"{word}\""));
    let escaped = word.clone().prop_map(|word| format!("\"\\\"{word}\\\\\""));
    let special = select(vec![
        "postmaster",
        "abuse",
        "a+b",
        "ann+x",
        "prvs=1=a",
        "prvs=12=ann",
        "btv1==z==b",
        "srs0=h=t=d=u",
        "x+srs=h=t=d=u",
        "owner-a+b",
        "+a",
    ])
    .prop_map(str::to_owned);
    prop_oneof![6 => word, 4 => dotted, 2 => long, 1 => quoted, 1 => needless, 1 => escaped, 2 => special]
}

fn domain() -> impl Strategy<Value = String> {
    (select(DOMAINS.to_vec()), 0..4).prop_map(|(domain, spelling)| match spelling {
        0 => domain.to_uppercase(),
        1 => domain.replace("example", "Example"),
        _ => domain.to_owned(),
    })
}

/// More of them than a domain's usual ones.
fn external_domain() -> impl Strategy<Value = String> {
    (0_usize..50, domain()).prop_map(|(number, domain)| match number {
        0..40 => format!("x{number}.example"),
        _ => domain,
    })
}

fn entry() -> impl Strategy<Value = Given> {
    let mailbox = (local_part(), domain(), local_part(), external_domain(), any::<[bool; 2]>()).prop_map(
        |(local_part, domain, other, external_domain, [is_same, is_outbound])| {
            let other = if is_same { local_part.clone() } else { other };
            Given {
                internal: format!("{local_part}@{domain}"),
                external: format!("{other}@{external_domain}"),
                is_outbound,
                except: vec![],
            }
        },
    );
    let of_domain =
        (domain(), external_domain(), any::<bool>()).prop_map(|(internal, external, is_outbound)| Given {
            internal,
            external,
            is_outbound,
            except: vec![],
        });
    let wildcard = (
        select(vec!["example", "i.example", "b.i.example", "j.example"]),
        external_domain(),
        any::<[bool; 3]>(),
    )
        .prop_map(|(parent, external, excepted)| {
            let except = [parent.to_owned(), format!("b.{parent}"), format!("a.b.{parent}")];
            let except =
                except.into_iter().zip(excepted).filter(|(_, is_in)| *is_in).map(|(domain, _)| domain);
            Given { internal: format!("*.{parent}"), external, is_outbound: true, except: except.collect() }
        });
    prop_oneof![40 => mailbox, 2 => of_domain, 1 => wildcard]
}

/// An address asked about that may or may not be an entry's: its local-part and domain.
fn asked() -> impl Strategy<Value = (String, String)> {
    let before = select(vec!["", "", "", "prvs=99=", "btv1==q==", "SRS0=", "owner-"]);
    let after = select(vec!["", "", "", "+tag", "+Tag.x", "1", "+srs=x"]);
    let long = "a".repeat(512);
    let plain = (before, local_part(), after).prop_map(move |(before, local_part, after)| {
        match local_part.strip_suffix('"') {
            Some(open) => format!("\"{before}{}{after}\"", &open[1..]),
            None => format!("{before}{local_part}{after}"),
        }
    });
    let local_part =
        prop_oneof![30 => plain, 1 => (500_usize..=512).prop_map(move |length| long[..length].to_owned())];
    (local_part, prop_oneof![4 => domain(), 1 => (0..45).prop_map(|number| format!("X{number}.example"))])
}

/// The key of a spelled local-part.
fn key(local_part: &str) -> String {
    let inner = local_part.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(local_part);
    let mut key = String::new();
    let mut octets = inner.chars();
    while let Some(octet) = octets.next() {
        key.extend(if octet == '\\' && local_part.starts_with('"') { octets.next() } else { Some(octet) });
    }
    key.to_ascii_lowercase()
}

fn agree(model: &Model, engine: &Engine, local_part: &str, domain: &str) -> Result<(), TestCaseError> {
    let address = format!("{local_part}@{domain}");
    let local_key = key(local_part);
    for direction in Direction::ALL {
        let session = Session::from(direction).with_smtputf8(true);
        let explained = engine.explain(session, address.as_bytes());
        let hits = model.hits(direction, &local_key, &domain.to_ascii_lowercase());
        let found: Vec<u32> =
            explained.entry.iter().chain(&explained.shadowed).map(readdress::Entry::line).collect();
        let expected: Vec<u32> = hits.iter().map(|(_, number)| u32::try_from(*number).unwrap()).collect();
        prop_assert_eq!(found, expected, "{} {:?}", address, direction);
        let Some((kind, number)) = hits.first() else {
            prop_assert_eq!(explained.result, None, "{}", address);
            continue;
        };
        let entry = &model.entries[*number];
        let (own, other) = match direction {
            Direction::Outbound => (&entry.internal, &entry.external),
            Direction::Inbound => (&entry.external, &entry.internal),
        };
        let key_of = |address: &str| EntryAddress::parse(address.as_bytes()).unwrap().key();
        let result = explained.result.map(|result| String::from_utf8(result).unwrap());
        match kind {
            KeyKind::Mailbox | KeyKind::Subaddress if key_of(own) == key_of(other) => {
                prop_assert_eq!(result, None);
            }
            KeyKind::Mailbox if !local_key.contains('=') => prop_assert_eq!(result.as_ref(), Some(other)),
            KeyKind::Mailbox | KeyKind::Subaddress => {
                // What was set aside stands around the new name.
                let result = result.unwrap();
                let (own_name, _) = own.rsplit_once('@').unwrap();
                let (new_name, new_domain) = other.rsplit_once('@').unwrap();
                let start = if key(own_name) == local_key { 0 } else { tag(&local_key) };
                let after = &local_key[start + key(own_name).len()..];
                let expected = format!("{}{}{after}", &local_key[..start], key(new_name));
                let (name, domain) = result.rsplit_once('@').unwrap();
                prop_assert_eq!((key(name), domain), (expected, new_domain));
            }
            KeyKind::Domain | KeyKind::Subdomain => {
                let is_same = other.eq_ignore_ascii_case(domain);
                prop_assert_eq!(result, (!is_same).then(|| format!("{local_part}@{other}")));
            }
        }
    }
    Ok(())
}

/// The addresses of one list become what each becomes alone, whatever stands between them.
fn agree_together(engine: &Engine, asked: &[(String, String)]) -> Result<(), TestCaseError> {
    let addresses: Vec<String> =
        asked.iter().map(|(local_part, domain)| format!("{local_part}@{domain}")).collect();
    let message = format!("To: {}\r\n\r\n", addresses.join(",\r\n a@b@c,\r\n "));
    for direction in Direction::ALL {
        let session = Session::from(direction).with_smtputf8(true);
        let mut scratch = Scratch::new();
        let done = engine.rewrite_into(session, message.as_bytes(), &mut scratch).unwrap();
        let alone: Vec<_> =
            addresses.iter().map(|address| (address, engine.explain(session, address.as_bytes()))).collect();
        let changed: Vec<_> = alone
            .iter()
            .filter_map(|(address, it)| Some((address.as_bytes(), it.result.as_deref()?)))
            .collect();
        let unmapped: Vec<_> =
            alone.iter().filter(|(_, it)| it.unmapped).map(|(address, _)| address.as_bytes()).collect();
        prop_assert_eq!(done.edits().map(|edit| (edit.from, edit.to)).collect::<Vec<_>>(), changed);
        prop_assert_eq!(done.unmapped().collect::<Vec<_>>(), unmapped);
    }
    Ok(())
}

/// Every entry can be read back, in the order of kind, domain and local-part.
fn read_back(model: &Model, map: &Map) -> Result<(), TestCaseError> {
    prop_assert_eq!(map.entries().count(), model.entries.len());
    let mut last = None;
    for entry in map.entries() {
        let line = usize::try_from(entry.line()).unwrap();
        let given = &model.entries[line];
        let [internal, external] = entry.addresses();
        prop_assert_eq!(
            (internal, external),
            (given.internal.clone().into_bytes(), given.external.clone().into_bytes())
        );
        prop_assert_eq!(entry.direction(), given.direction());
        prop_assert_eq!(entry.name(), format!("entry {line}"));
        let except: Vec<_> =
            entry.except().map(|domain| String::from_utf8(domain.to_vec()).unwrap()).collect();
        let mut expected = given.except.clone();
        expected.sort();
        prop_assert_eq!(except, expected);
        let parsed = EntryAddress::parse(given.internal.as_bytes()).unwrap();
        let order = match parsed {
            EntryAddress::Mailbox { local_part, domain } => (EntryKind::Mailbox, domain, local_part),
            EntryAddress::Domain(domain) => (EntryKind::Domain, domain, vec![]),
            EntryAddress::Subdomains(domain) => (EntryKind::Subdomains, domain, vec![]),
        };
        prop_assert_eq!(entry.kind(), order.0);
        prop_assert!(last.as_ref().is_none_or(|last| *last < order));
        last = Some(order);
    }
    Ok(())
}

fn of_entries(count: impl Into<prop::collection::SizeRange>, cases: u32) {
    let cases = (support::config().cases / 20_000).max(1) * cases;
    let config = Config { cases, max_shrink_iters: 200, ..support::config() };
    proptest!(config, |(given in vec(entry(), count.into()), asked in vec(asked(), 40))| {
        let (model, engine) = Model::new(given);
        read_back(&model, engine.map())?;
        for (local_part, domain) in &asked {
            agree(&model, &engine, local_part, domain)?;
        }
        agree_together(&engine, &asked)?;
        for entry in model.entries.iter().filter(|entry| entry.internal.contains('@')) {
            for side in [&entry.internal, &entry.external] {
                let (local_part, domain) = side.rsplit_once('@').unwrap();
                agree(&model, &engine, local_part, domain)?;
            }
        }
    });
}

#[test]
fn small_maps_answer_as_the_model() {
    of_entries(1..40, 1000);
}

#[test]
fn large_maps_answer_as_the_model() {
    of_entries(1000..5000, 12);
}
