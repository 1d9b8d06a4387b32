//! From internal to external: the reverse-path and fields, by canonical(5).

use std::collections::{BTreeMap, BTreeSet};

use readdress::EntryKind;

use super::text::{Table, escaped, replacement};
use super::{Names, chain_error, forms};
use crate::diagnostic::Location;
use crate::domain::is_at_or_below;
use crate::export::asked::{Asked, RESERVED, Universe, key};
use crate::export::{Export, text};
use crate::plan::Plan;
use crate::spelled::spelled;

/// The internal side of the entries.
#[derive(Default)]
struct Internal {
    /// By key: as it is written, and where.
    mailboxes: BTreeMap<Vec<u8>, (String, Location)>,
    /// Keys by domain.
    of_domain: BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
    /// Domains of entries for domains, and where.
    domains: BTreeMap<Vec<u8>, Location>,
    /// Domains of `*.` entries, and of what these leave alone.
    below: BTreeMap<Vec<u8>, Location>,
    excepted: BTreeSet<Vec<u8>>,
}

/// The table of names and the one of expressions.
pub(super) fn tables(plan: &Plan, all: &Universe, asked: &Asked, export: &mut Export) -> (Table, String) {
    let internal = Internal::of(plan);
    let mut table = Table::new("canonical(5), internal addresses to external ones");
    let mut names = Names::default();
    // Domains whose unknown names go elsewhere.
    let mut moved: Vec<(String, bool)> = Vec::new();
    let is_below = |domain: &[u8]| internal.below.keys().any(|below| is_at_or_below(domain, below));
    let known: BTreeSet<&Vec<u8>> = all
        .domains
        .iter()
        .chain(internal.of_domain.keys())
        .filter(|domain| internal.domains.contains_key(*domain) || is_below(domain))
        .collect();
    for &domain in &known {
        let (anybody, name) = all.anybody(domain);
        let Some(result) = asked.outbound(&anybody) else { continue };
        let Some(rest) = result.strip_prefix(&name) else { continue };
        let shown = text(domain);
        names.add(&mut table, &format!("@{shown}"), rest);
        let at = || {
            let own = internal.domains.get(domain);
            let below = || internal.below.iter().find(|(below, _)| is_at_or_below(domain, below));
            own.or_else(|| below().map(|(_, at)| at)).cloned().unwrap_or_else(|| plan.as_a_whole())
        };
        let target = rest.get(1..).unwrap_or_default().to_ascii_lowercase();
        find_chain(&internal, asked, (&shown, &name), target.as_bytes(), &at, export);
        for reserved in RESERVED {
            let address = format!("{reserved}@{shown}");
            if !internal.mailboxes.contains_key(address.as_bytes()) && asked.outbound(&address).is_none() {
                names.add(&mut table, &address, &address);
            }
        }
        moved.push((shown.clone(), internal.mailboxes.contains_key(format!("abuse@{shown}").as_bytes())));
    }
    for (key_of, (address, at)) in &internal.mailboxes {
        let result = asked.outbound(address).unwrap_or_else(|| address.clone());
        if !names.add(&mut table, address, &result) {
            super::unwritable(address, at.clone(), export);
        }
        if key(&result) != *key_of
            && let Some(again) = asked.outbound(&result)
        {
            chain_error(vec![address.clone(), result, again], at.clone(), export);
        }
    }
    let mut ask = |address: &str| asked.outbound(address);
    // Below a `*.` everything of a domain that nothing names goes one way, whatever its form.
    let named: Vec<String> =
        known.iter().filter(|domain| is_below(domain)).map(|d| escaped(&text(d))).collect();
    let delimiters = &plan.builder.policy().subaddress_delimiters;
    let mut expressions = String::new();
    if !internal.mailboxes.is_empty() || !moved.is_empty() {
        let wide: Vec<String> = internal.below.keys().map(|below| escaped(&text(below))).collect();
        if wide.is_empty() {
            expressions.push_str(&forms::lines(delimiters, &moved, ".*", &mut ask));
        } else {
            let not_below = format!("if !/@(.+\\.)?({})$/\n", wide.join("|"));
            expressions.push_str(&forms::lines(
                delimiters,
                &moved,
                &format!("({})", named.join("|")),
                &mut ask,
            ));
            expressions.push_str(&not_below);
            expressions.push_str(&forms::lines(delimiters, &[], ".*", &mut ask));
            expressions.push_str("endif\n");
            expressions.push_str(&format!("if !/@({})$/\n", named.join("|")));
            expressions.push_str(&below(&internal, all, asked));
            expressions.push_str("endif\n");
        }
    }
    (table, expressions)
}

/// Lines for domains that nothing names, below those of `*.` entries: the longest first.
fn below(internal: &Internal, all: &Universe, asked: &Asked) -> String {
    let patterns = internal.below.keys().map(|domain| (domain, false));
    let mut patterns: Vec<_> =
        patterns.chain(internal.excepted.iter().map(|domain| (domain, true))).collect();
    patterns.sort_by_key(|(domain, excepted)| (std::cmp::Reverse(domain.len()), *excepted));
    let fixed = format!("({}|srs[01][=+-].*|.*\\+srs=.*|imcea.*-.*)", RESERVED.join("|"));
    let mut lines = format!("/^({fixed}@.*)$/\t$1\n");
    for (domain, _) in patterns {
        let shown = escaped(&text(domain));
        let probe = format!("anybody1@{}", text(&all.anywhere(domain)));
        let line = match asked.outbound(&probe).as_deref().and_then(|result| result.strip_prefix("anybody1"))
        {
            Some(rest) => format!("/^(.+)@(.+\\.)?{shown}$/\t$1{}\n", replacement(rest)),
            None => format!("/^(.+@(.+\\.)?{shown})$/\t$1\n"),
        };
        lines.push_str(&line);
    }
    lines
}

/// Postfix looks up results again.
fn find_chain(
    internal: &Internal,
    asked: &Asked,
    (domain, name): (&str, &str),
    target: &[u8],
    at: &dyn Fn() -> Location,
    export: &mut Export,
) {
    if target == domain.as_bytes() {
        return;
    }
    let names = internal.of_domain.get(target).into_iter().flatten();
    let names = names.filter_map(|key| Some(key.get(..key.len().checked_sub(target.len() + 1)?)?.to_vec()));
    for name in std::iter::once(name.as_bytes().to_vec()).chain(names) {
        let first = spelled(&name, domain.as_bytes());
        let Some(second) = asked.outbound(&first) else { continue };
        if let Some(third) = asked.outbound(&second)
            && key(&third) != key(&second)
        {
            chain_error(vec![first, second, third], at(), export);
            return;
        }
    }
}

impl Internal {
    fn of(plan: &Plan) -> Internal {
        let mut internal = Internal::default();
        for (id, entry) in plan.entries() {
            let domain = entry.internal.domain.to_vec();
            let at = plan.locate(id, |place| place.internal);
            match entry.kind {
                EntryKind::Mailbox => {
                    let address = spelled(entry.internal.local_part, entry.internal.domain);
                    let key = [entry.internal.local_part, b"@", entry.internal.domain].concat();
                    internal.of_domain.entry(domain).or_default().push(key.clone());
                    internal.mailboxes.insert(key, (address, at));
                }
                EntryKind::Domain => _ = internal.domains.insert(domain, at),
                EntryKind::Subdomains => {
                    internal.excepted.extend(plan.except(id).iter().map(|except| except.domain.clone()));
                    internal.below.insert(domain, at);
                }
            }
        }
        internal
    }
}
