//! Attacks by way of what a plan has to ask for: addresses smuggled through display-names,
//! encoded-words, percent-encoding and attributes; each with the edits that must come of it.
//!
//! Expectations come from RFC 2047, 2369, 3986, 6068 and Autocrypt level 1, and our own rule that what
//! is not certain is left alone; never from what came out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop")]

mod support;
#[path = "attacks/table.rs"]
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use readdress::EntryDirection::{Both, Outbound};
use readdress::address::{AddressList, Item};
use readdress::{Direction, Engine, Rewritten, Scratch};
use support::{engine_with, opt_in};
use table::{Row, Wanted};

/// The map that all rows are about. Some entries are bait: what a reader would look up that decodes
/// twice, or once too seldom.
fn map() -> Engine {
    engine_with(
        opt_in(),
        &[
            ("john@tenant1.contoso.com", "john.smith@contoso.com", Both, &[]),
            ("mary@tenant2.contoso.com", "mary.jones@contoso.com", Both, &[]),
            ("\"jane doe\"@tenant1.contoso.com", "jane.doe@contoso.com", Both, &[]),
            ("\"a@b\"@tenant1.contoso.com", "at.sign@contoso.com", Both, &[]),
            ("\"a,b\"@tenant1.contoso.com", "comma@contoso.com", Both, &[]),
            ("quoted@tenant1.contoso.com", "\"x\\\", <y@z> \"@contoso.com", Both, &[]),
            ("=?utf-8?q?john?=@tenant1.contoso.com", "encoded.word@contoso.com", Both, &[]),
            ("john%40attacker.example@tenant1.contoso.com", "percent@contoso.com", Both, &[]),
            ("%6aohn@tenant1.contoso.com", "literal.percent@contoso.com", Both, &[]),
            ("i.example", "x.example", Both, &[]),
            ("*.labs.contoso.com", "contoso.com", Outbound, &[]),
        ],
    )
}

fn rows() -> Vec<Row> {
    table::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks/opt-in"))
}

/// Holds the outcome against the row; the body begins at `base`, as the outcome counts.
fn check(row: &Row, input: &[u8], base: usize, done: &Rewritten<'_>) {
    let found = done.edits().map(|edit| Wanted {
        offset: edit.offset - base,
        old: input[edit.offset..edit.offset + edit.length].to_vec(),
        new: edit.text.to_vec(),
    });
    let show =
        |edit: &Wanted| format!("{} {} => {}", edit.offset, edit.old.escape_ascii(), edit.new.escape_ascii());
    let found: Vec<String> = found.map(|edit| show(&edit)).collect();
    assert_eq!(found, row.edits.iter().map(show).collect::<Vec<_>>(), "{}: edits", row.place);
    let reasons: Vec<&str> = done.skipped().map(|skip| skip.reason.name()).collect();
    assert_eq!(reasons, row.skips.clone().unwrap(), "{}: skips", row.place);
    for edit in done.edits() {
        let address = edit.to.rsplitn(2, |&octet| octet == b'@').next().unwrap();
        assert!(address == b"contoso.com" || address == b"x.example", "{}: what the map gives", row.place);
    }
}

/// Tries every row, so that one failure doesn't hide the others.
fn each(mut check: impl FnMut(&Row)) {
    let rows = rows();
    let failed: Vec<_> = rows
        .iter()
        .filter(|row| catch_unwind(AssertUnwindSafe(|| check(row))).is_err())
        .map(|row| &row.place)
        .collect();
    assert!(failed.is_empty(), "{} rows failed: {failed:?}", failed.len());
}

#[test]
fn the_table_is_large_and_holds_each_attack_once() {
    let rows = rows();
    assert!(rows.len() >= 90, "{} rows", rows.len());
    let mut seen = std::collections::BTreeSet::new();
    assert!(rows.iter().all(|row| seen.insert((&row.field, &row.body))));
    // What is looked up here was decoded: no column says so.
    assert!(rows.iter().all(|row| row.keys.is_none()));
}

#[test]
fn messages_and_fields_change_by_the_edits_of_the_table_alone() {
    let engine = map();
    let mut scratch = Scratch::new();
    each(|row| {
        let before = format!("X-First: \"john@tenant1.contoso.com\" <a@b>\r\n{}: ", row.field);
        let around = |body: &[u8]| [before.as_bytes(), body, b"\r\n\r\njohn@tenant1.contoso.com"].concat();
        let message = around(&row.body);
        let done = engine.rewrite_into(Direction::Outbound, &message, &mut scratch).unwrap();
        check(row, &message, before.len(), &done);
        assert_eq!(done.to_vec(), around(&row.edited()), "{}", row.place);

        let mut parts = engine.begin(Direction::Outbound, &mut scratch);
        parts.field(row.field.as_bytes(), &row.body).unwrap();
        let done = parts.finish();
        check(row, &row.body, 0, &done);
        let changes: Vec<Vec<u8>> = done.field_changes().map(|change| change.value()).collect();
        let wanted = if row.edits.is_empty() { Vec::new() } else { vec![row.edited()] };
        assert_eq!(changes, wanted, "{}", row.place);
    });
}

/// A new name never reads as another mailbox, a comment or a control character.
#[test]
fn no_edit_changes_who_a_field_names() {
    each(|row| {
        let after = row.edited();
        let mailboxes = |body: &[u8]| {
            let items = AddressList::new(body);
            items.filter(|item| matches!(item, Item::Mailbox(_))).count()
        };
        assert_eq!(mailboxes(&row.body), mailboxes(&after), "{}", row.place);
        let controls = |body: &[u8]| body.iter().filter(|octet| octet.is_ascii_control()).count();
        assert!(controls(&after) <= controls(&row.body), "{}", row.place);
        assert_eq!(row.body.is_ascii(), after.is_ascii(), "{}", row.place);
    });
}
