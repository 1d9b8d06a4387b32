//! An IMAP source, moved to a tenant in batches.

use std::fs;
use std::path::Path;

use readdress::Engine;

use crate::folder::{Example, assert_routes, decided, from, one_of_us};

const EXAMPLE: &str = "imap-batches";
const DURING: &str = "2-during.toml";
const SOURCE: &str = "192.0.2.143";
const OUTSIDER: &str = "olivia@example.org";

#[test]
fn each_batch_is_where_it_should_be() {
    let example = Example::new(EXAMPLE);
    assert_routes(
        &example.engine(DURING),
        one_of_us(),
        &[
            // From a migrated user to another, to one in flight, to one who waits, to nobody.
            ("user1@fabrikam.com", "user3@fabrikam.com", "deliver user3@fabrikam.com"),
            ("user1@fabrikam.com", "user2@fabrikam.com", "relay user2@fabrikam.com by To the source"),
            ("user1@fabrikam.com", "user7@fabrikam.com", "relay user7@fabrikam.com by To the source"),
            ("user1@fabrikam.com", "nobody@fabrikam.com", "relay nobody@fabrikam.com by To the source"),
            (
                "user1@fabrikam.com",
                "a@cloud.fabrikam.com, b@c.d.cloud.fabrikam.com",
                "relay a@cloud.fabrikam.com by Catch-all to the source; relay b@c.d.cloud.fabrikam.com by Catch-all to the source",
            ),
            ("user1@fabrikam.com", OUTSIDER, "relay olivia@example.org by DNS"),
        ],
    );
    assert_routes(
        &example.engine(DURING),
        from(SOURCE),
        &[
            // As its forwards spell them.
            (OUTSIDER, "user1@fabrikam.tenant.example", "deliver user1@fabrikam.tenant.example"),
            (OUTSIDER, "user2@fabrikam.tenant.example", "550 5.1.10"),
        ],
    );
}

/// Recipients whose mail is delivered here by the second engine and not by the first.
fn moved(old: &Engine, new: &Engine) -> Vec<String> {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/imap-batches/recipients.csv");
    let table = fs::read_to_string(table).unwrap();
    let is_here = |engine, who| decided(engine, one_of_us(), OUTSIDER, who) == format!("deliver {who}");
    let people = table.lines().skip(1).map(|row| row.split_once(',').unwrap().0);
    people.filter(|who| !is_here(old, who) && is_here(new, who)).map(str::to_owned).collect()
}

fn users(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{name}@fabrikam.com")).collect()
}

#[test]
fn each_batch_moves_its_own_users() {
    let example = Example::new(EXAMPLE);
    let [before, during, after] = ["1-before.toml", DURING, "3-after.toml"].map(|plan| example.engine(plan));
    assert_eq!(moved(&before, &during), users(&["user1", "user3", "user5", "sales"]));
    assert_eq!(
        moved(&during, &after),
        users(&["user2", "user4", "user6", "support", "user7", "user8", "user9"])
    );
    // The second batch on its own: its state, and its three tables.
    let next = example
        .with(DURING, "\"batch-2\"\nstate = \"in-flight\"", "\"batch-2\"\nstate = \"migrated\"")
        .with(
            DURING,
            "\"Migrated batch-2\"              # nobody of it yet",
            "\"Migrated batch-2\"\nfile = \"batch-2-group.csv\"",
        )
        .with(
            DURING,
            "[[wave]]\nname = \"batch-1\"",
            "[[recipients]]\nfile = \"batch-2-proxies.csv\"\n[[wave]]\nname = \"batch-1\"",
        )
        .with(
            DURING,
            "{ file = \"batch-1-forwards.csv\" }",
            "{ file = \"batch-1-forwards.csv\" }, { file = \"batch-2-forwards.csv\" }",
        );
    assert_eq!(next.found(DURING), [""; 0]);
    assert_eq!(moved(&during, &next.engine(DURING)), users(&["user2", "user4", "user6", "support"]));
}

#[test]
fn after_the_cut_over_everybody_is_here() {
    let example = Example::new(EXAMPLE);
    assert_routes(
        &example.engine("3-after.toml"),
        from(SOURCE),
        &[
            (OUTSIDER, "user9@fabrikam.com", "deliver user9@fabrikam.com"),
            (OUTSIDER, "nobody@fabrikam.com", "550 5.1.10"),
            (OUTSIDER, "user1@fabrikam.tenant.example", "550 5.1.10"),
        ],
    );
}

#[test]
fn what_a_retired_batch_leaves_behind() {
    let wave = |state| format!("name = \"batch-1\"\nstate = \"{state}\"");
    let example = Example::new(EXAMPLE).with(DURING, &wave("migrated"), &wave("retired"));
    // Five forwards, since Sales has two, four rows of the group, four other addresses.
    let rows = [("forwards", 2..=6), ("group", 2..=5), ("proxies", 2..=5)];
    let leftovers = rows.into_iter().flat_map(|(table, lines)| {
        lines.map(move |line| format!("wave-leftover batch-1-{table}.csv:{line}"))
    });
    assert_eq!(example.found(DURING), leftovers.collect::<Vec<_>>());
}

#[test]
fn a_forward_without_membership() {
    let row = "Migrated batch-1, user3@fabrikam.com\n";
    assert_eq!(
        Example::new(EXAMPLE).with("batch-1-group.csv", row, "").found(DURING),
        [
            "forward-without-membership batch-1-forwards.csv:3 this: user3@fabrikam.com > source: user3@fabrikam.com > this: user3@fabrikam.tenant.example"
        ]
    );
}

#[test]
fn a_member_whom_nobody_knows() {
    let row = "Migrated batch-1, user33@fabrikam.com";
    assert_eq!(
        Example::new(EXAMPLE).adding("batch-1-group.csv", row).found(DURING),
        ["membership-without-mailbox batch-1-group.csv:6 internet > this: user33@fabrikam.com > no route"]
    );
}

#[test]
fn a_validation_address_that_has_moved() {
    let example = Example::new(EXAMPLE).with(DURING, "\"user9@", "\"user1@");
    assert_eq!(example.found(DURING), ["misplaced-validation-address 2-during.toml:63"]);
}
