//! Whom to ask about: everybody whom a plan names, and addresses that are nearly theirs.

use std::collections::BTreeSet;

use readdress::{Engine, EntryAddress};

/// The form that the export lists and the address has.
pub(crate) fn explanation(probe: &str, listed: &[String]) -> Option<String> {
    let key = key(probe);
    let (local, domain) = key.rsplit_once('@').unwrap();
    let is_listed = |form: &str| listed.iter().any(|one| one == form).then(|| form.to_owned());
    let has_tag = ["prvs=", "btv1==", "msprvs1="].iter().any(|tag| local.starts_with(tag));
    let is_special = local.starts_with("owner-")
        || local.contains("-request")
        || ["postmaster+", "mailer-daemon+"].iter().any(|name| local.starts_with(name));
    (has_tag.then(|| is_listed("prvs=tag=user@domain")).flatten())
        .or_else(|| is_special.then(|| is_listed("postmaster+x@domain")).flatten())
        .or_else(|| {
            let (name, rest) = local.split_once('+').unwrap_or((local, ""));
            let named = (!rest.is_empty()).then(|| is_listed(&format!("{name}+x@{domain}"))).flatten();
            named.or_else(|| listed.iter().find(|one| self::key(one) == format!("{name}@{domain}")).cloned())
        })
}

/// Everybody whom the plan names.
pub(crate) fn addresses(engine: &Engine) -> BTreeSet<String> {
    let map = engine.map();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    let mut all: BTreeSet<String> = map.entries().flat_map(|entry| entry.addresses()).map(text).collect();
    all.extend(
        (0..map.recipient_count()).map(|number| text(map.recipient_entry(number).unwrap().internal())),
    );
    let domains: BTreeSet<String> = all
        .iter()
        .map(|address| address.rsplit('@').next().unwrap().trim_start_matches("*.").to_owned())
        .collect();
    let accepted = map.routing().accepted_domains.iter().map(|accepted| text(accepted.domain.domain.clone()));
    let domains: BTreeSet<String> = domains.into_iter().chain(accepted).collect();
    all.retain(|address| address.contains('@'));
    all.extend(domains.iter().flat_map(|domain| {
        let forms = [
            "nobody",
            "postmaster",
            "Abuse",
            "abuse+x",
            "mailer-daemon",
            "postmaster+x",
            "owner-list+x",
            "list-request+x",
            "srs0=ab=cd=example.org=user",
            "SRS1-ab=x==cd",
            "user+srs=ab=cd=example.org=john",
            "IMCEAEX-_o=x+2f",
            "prvs=1234=john",
            "+x",
            "x+",
        ];
        forms.map(|name| format!("{name}@{domain}"))
    }));
    all
}

/// Addresses that are nearly those: another case, a subaddress, the domain above or below, an octet more or less.
pub(crate) fn near_misses(keys: &[String], count: usize) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut state = 20_251_121_u64;
    let mut random = move |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound as u64).unwrap()
    };
    while found.len() < count {
        let base = &keys[random(keys.len())];
        let Some((local, domain)) = base.rsplit_once('@') else { continue };
        let letter = char::from(b'a' + u8::try_from(random(26)).unwrap());
        let cut = |text: &str, at: usize| -> String {
            text.chars().enumerate().filter(|(nth, _)| *nth != at).map(|(_, c)| c).collect()
        };
        let put = |text: &str, at: usize| -> String {
            let at = text.char_indices().nth(at).map_or(text.len(), |(at, _)| at);
            format!("{}{letter}{}", &text[..at], &text[at..])
        };
        let word = format!("{letter}{}", random(1000));
        let is_quoted = local.starts_with('"');
        let near = match random(10) {
            0 => format!("{}@{domain}", local.to_uppercase()),
            1 => format!("{local}@{}", domain.to_uppercase()),
            2 | 3 if !is_quoted => format!("{local}+{word}@{domain}"),
            4 => format!("{local}@{word}.{domain}"),
            5 => format!("{local}@{}", domain.split_once('.').map_or(domain, |(_, parent)| parent)),
            6 => format!("{local}@{}", cut(domain, random(domain.len()))),
            7 => format!("{local}@{}", put(domain, random(domain.len()))),
            8 => format!("{}@{domain}", cut(local, random(local.len()))),
            _ => format!("{}@{domain}", put(local, random(local.len()))),
        };
        found.insert(near);
    }
    found.into_iter().collect()
}

pub(crate) fn key(address: &str) -> String {
    EntryAddress::parse(address.as_bytes())
        .map_or_else(|_| address.to_owned(), |parsed| String::from_utf8(parsed.key()).unwrap())
}
