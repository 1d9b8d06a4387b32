//! Address-splitting attacks (encoded-words, routes, quotes, comments, look-alikes and the like)
//! and what must become of each: the edits are exactly those of the table, nothing outside them
//! changes, and no key is looked up that the input doesn't hold.
//!
//! Expectations come from RFC 5322 with its section 4, RFC 6532, RFC 5321 for paths, and our own
//! rule that what is malformed is left alone; never from what came out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop")]

#[path = "attacks/reading.rs"]
mod reading;
mod support;
#[path = "attacks/table.rs"]
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use readdress::EntryDirection::{Both, Outbound};
use readdress::address::{AddressList, Item};
use readdress::{Direction, Engine, KeyKind, PATH_MAX, PathKind, Policy, Rewritten, Scratch};
use reading::{Reading, is_tight};
use support::engine_with;
use table::{Row, Wanted};

/// The map that all rows are about. Some entries are bait: what a decoding or guessing reader
/// would look up, and literal forms that must be found as they are spelled.
fn map() -> Engine {
    engine_with(
        Policy::default(),
        &[
            ("john@tenant1.contoso.com", "john.smith@contoso.com", Both, &[]),
            ("mary@tenant2.contoso.com", "mary.jones@contoso.com", Both, &[]),
            ("\"jane doe\"@tenant1.contoso.com", "jane.doe@contoso.com", Both, &[]),
            ("\"a@b\"@tenant1.contoso.com", "at.sign@contoso.com", Both, &[]),
            ("\"q\\\"uote\"@tenant1.contoso.com", "quote@contoso.com", Both, &[]),
            ("=?utf-8?q?john?=@tenant1.contoso.com", "encoded.word@contoso.com", Both, &[]),
            ("john%attacker.example@tenant1.contoso.com", "percent@contoso.com", Both, &[]),
            ("attacker.example!john@tenant1.contoso.com", "bang@contoso.com", Both, &[]),
            ("john@[192.0.2.1]", "literal@contoso.com", Both, &[]),
            ("john@[IPv6:2001:db8::1]", "literal6@contoso.com", Both, &[]),
            ("grete@xn--bcher-kva.example", "grete@contoso.com", Both, &[]),
            ("kim@kelvin.example", "kim@contoso.com", Both, &[]),
            ("i.example", "x.example", Both, &[]),
            ("*.labs.contoso.com", "contoso.com", Outbound, &["hr.labs.contoso.com"]),
        ],
    )
}

fn rows() -> Vec<Row> {
    table::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks"))
}

fn is_path(row: &Row) -> bool {
    row.field == "MAIL" || row.field == "RCPT"
}

/// Whether a line in the body would begin another field of a whole message.
fn breaks_out(body: &[u8]) -> bool {
    let next = |at: usize| body.get(at + 1);
    (0..body.len()).any(|at| body[at] == b'\n' && !matches!(next(at), Some(b' ' | b'\t')))
}

/// Holds the outcome against the row; the body begins at `base`, as the outcome counts.
fn check(row: &Row, input: &[u8], base: usize, done: &Rewritten<'_>) {
    let place = &row.place;
    let found: Vec<Wanted> = done
        .edits()
        .map(|edit| Wanted {
            offset: edit.offset.checked_sub(base).unwrap_or_else(|| panic!("{place}: {edit:?}")),
            old: input[edit.offset..edit.offset + edit.length].to_vec(),
            new: edit.text.to_vec(),
        })
        .collect();
    assert_eq!(show(&found), show(&row.edits), "{place}: edits");
    for edit in done.edits() {
        assert!(edit.field == row.field.as_bytes() && edit.nth == 1, "{place}: {edit:?}");
        assert!(edit.text.starts_with(edit.to) && !edit.to.is_empty(), "{place}: {edit:?}");
    }
    if let Some(skips) = &row.skips {
        let found: Vec<&str> = done.skipped().map(|skip| skip.reason.name()).collect();
        assert_eq!(found, *skips, "{place}: skips");
    }
}

/// Tries every row, so that one failure doesn't hide the others.
fn each<'r>(rows: impl IntoIterator<Item = &'r Row>, mut check: impl FnMut(&Row)) {
    let rows = rows.into_iter();
    let failed =
        rows.filter(|row| catch_unwind(AssertUnwindSafe(|| check(row))).is_err()).map(|row| &row.place);
    let failed: Vec<_> = failed.collect();
    assert!(failed.is_empty(), "{} rows failed: {failed:?}", failed.len());
}

fn show(edits: &[Wanted]) -> Vec<String> {
    let text = |octets: &[u8]| octets.escape_ascii().to_string();
    edits.iter().map(|edit| format!("{} {} => {}", edit.offset, text(&edit.old), text(&edit.new))).collect()
}

#[test]
fn the_tables_are_large_and_hold_each_attack_once() {
    let rows = rows();
    assert!(rows.len() >= 500, "{} rows", rows.len());
    let mut seen = std::collections::BTreeMap::new();
    for row in &rows {
        if let Some(other) = seen.insert((&row.field, &row.body), &row.place) {
            panic!("{} and {} are the same", other, row.place);
        }
    }
}

#[test]
fn whole_messages_change_by_the_edits_of_the_table_alone() {
    let engine = map();
    let mut scratch = Scratch::new();
    each(rows().iter().filter(|row| !is_path(row) && !breaks_out(&row.body)), |row| {
        for ending in ["\r\n", "\n"] {
            let before = format!("X-First: john@tenant1.contoso.com{ending}{}: ", row.field);
            let after = format!(
                "{ending}Subject: <john@tenant1.contoso.com>{ending}{ending}john@tenant1.contoso.com"
            );
            let around = |body: &[u8]| [before.as_bytes(), body, after.as_bytes()].concat();
            let message = around(&row.body);
            let done = engine.rewrite_into(Direction::Outbound, &message, &mut scratch).unwrap();
            check(row, &message, before.len(), &done);
            assert_eq!(done.to_vec(), around(&row.edited()), "{}", row.place);
        }
    });
}

#[test]
fn single_fields_change_by_the_edits_of_the_table_alone() {
    let engine = map();
    let mut scratch = Scratch::new();
    each(rows().iter().filter(|row| !is_path(row)), |row| {
        let mut parts = engine.begin(Direction::Outbound, &mut scratch);
        parts.field(row.field.as_bytes(), &row.body).unwrap();
        let done = parts.finish();
        check(row, &row.body, 0, &done);
        let changes: Vec<Vec<u8>> = done.field_changes().map(|change| change.value()).collect();
        let wanted = if row.edits.is_empty() { Vec::new() } else { vec![row.edited()] };
        assert_eq!(changes, wanted, "{}", row.place);
        let controls = |body: &[u8]| body.iter().filter(|octet| octet.is_ascii_control()).count();
        let gained = changes.iter().any(|change| controls(change) > controls(&row.body));
        assert!(!gained, "{}: a control character more", row.place);
    });
}

/// Whatever is looked up stands in the input.
#[test]
fn every_key_is_a_substring_of_the_input() {
    let engine = map();
    each(rows().iter().filter(|row| !is_path(row)), |row| {
        let reading = Reading::of(&row.body);
        let mut first_keys = Vec::new();
        for item in AddressList::new(&row.body) {
            let Item::Mailbox(mailbox) = item else { continue };
            let text = mailbox.addr_spec.span().of(&row.body);
            let explanation = engine.explain(Direction::Outbound, text);
            first_keys.extend(explanation.key);
            for tried in &explanation.tried {
                let is_there = match tried.kind {
                    KeyKind::Mailbox => holds_mailbox(&reading, &tried.key, text, tried.hit),
                    // The detail stands between the two.
                    KeyKind::Subaddress => {
                        let at = tried.key.iter().rposition(|&octet| octet == b'@').unwrap();
                        reading.holds(&tried.key[..at])
                            && holds_domain(&reading, &tried.key[at + 1..], tried.hit)
                    }
                    KeyKind::Domain => holds_domain(&reading, &tried.key, tried.hit),
                    KeyKind::Subdomain => holds_domain(&reading, &tried.key[2..], tried.hit),
                };
                let key = tried.key.escape_ascii();
                assert!(is_there, "{}: the key {key} is not in the input", row.place);
            }
        }
        if let Some(keys) = &row.keys {
            let show =
                |keys: &[Vec<u8>]| keys.iter().map(|key| key.escape_ascii().to_string()).collect::<Vec<_>>();
            assert_eq!(show(&first_keys), show(keys), "{}: keys", row.place);
        }
    });
}

fn holds_mailbox(reading: &Reading, key: &[u8], text: &[u8], hit: bool) -> bool {
    if reading.holds(key) {
        return true;
    }
    let at = key.iter().rposition(|&octet| octet == b'@').unwrap();
    !text.is_ascii() && reading.holds(&key[..at]) && holds_domain(reading, &key[at + 1..], hit)
}

/// An international domain is looked up by its A-labels; no such domain of the tables is in the map.
fn holds_domain(reading: &Reading, domain: &[u8], hit: bool) -> bool {
    let is_alabel = |label: &[u8]| label.starts_with(b"xn--");
    reading.holds(domain)
        || (!hit
            && domain.split(|&octet| octet == b'.').all(|label| is_alabel(label) || reading.holds(label)))
}

/// The reverse-path of an outbound message, wherever the body of a field could be one; what is no
/// path stays as it is.
#[test]
fn paths_follow_the_same_edits_or_stay() {
    let engine = map();
    let mut scratch = Scratch::new();
    each(rows().iter().filter(|row| !is_path(row) && row.body.len() + 2 <= PATH_MAX), |row| {
        let path = row.body.as_slice();
        let wanted = match row.edits.as_slice() {
            [edit] if is_tight(&edit.old) && path == edit.old => edit.new.clone(),
            [edit] if is_tight(&edit.old) && is_bracketed(path, &edit.old) => {
                [b"<", edit.new.as_slice(), b">"].concat()
            }
            _ => path.to_vec(),
        };
        let done = engine.rewrite_path(Direction::Outbound, PathKind::Reverse, path, &mut scratch).unwrap();
        let show = |path: &[u8]| path.escape_ascii().to_string();
        assert_eq!(show(done.to()), show(&wanted), "{}", row.place);
        assert_eq!(done.changed(), wanted != path, "{}", row.place);
    });
}

/// `<` and `>` around the address, with a source route or without.
fn is_bracketed(path: &[u8], old: &[u8]) -> bool {
    let inner = path.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">"));
    inner.and_then(|inner| inner.strip_suffix(old)).is_some_and(|route| {
        let hops = route.strip_suffix(b":").unwrap_or_default();
        route.is_empty()
            || hops.split(|&octet| octet == b',').all(|hop| hop.starts_with(b"@") && is_tight(hop))
    })
}

#[test]
fn paths_of_the_table() {
    let engine = map();
    let mut scratch = Scratch::new();
    each(rows().iter().filter(|row| is_path(row)), |row| {
        let kind = if row.field == "MAIL" { PathKind::Reverse } else { PathKind::Forward };
        let done = engine.rewrite_path(Direction::Outbound, kind, &row.body, &mut scratch).unwrap();
        let show = |path: &[u8]| path.escape_ascii().to_string();
        assert_eq!(show(done.to()), show(&row.edited()), "{}", row.place);
        assert_eq!(done.changed(), !row.edits.is_empty(), "{}", row.place);
        if let Some(skips) = &row.skips {
            let found: Vec<&str> = done.skipped().iter().map(|reason| reason.name()).collect();
            assert_eq!(found, *skips, "{}: skips", row.place);
        }
    });
}
