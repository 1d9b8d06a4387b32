//! What `check` says of mail flow: a small migration that is sound, and each way to break it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use std::collections::BTreeMap;

use common::PlanFolder;
use readdress_plan::Report;

/// A migration by group: members are delivered here, everybody else at the old host, which forwards members.
const PLAN: &str = r#"[[accepted-domain]]
domain = "x.example"
type = "internal-relay"
[[accepted-domain]]
domain = "x.tenant.example"
type = "authoritative"
[[recipients]]
file = "here.csv"
[[group]]
name = "Moved"
file = "moved.csv"
[[listener]]
name = "Old host"
client-ip = ["192.0.2.1"]
trusted = true
[[listener]]
name = "Internet"
[[connector]]
name = "To the old host"
smart-hosts = ["old.example.net"]
rule-scoped = true
validation-address = "stays@x.example"
[[rule]]
name = "Coexistence"
when = { recipient-scope = "in-organization", recipient-domain = "x.example" }
unless = { recipient-member-of = "Moved" }
do = { route-via = "To the old host" }
[[system]]
name = "old host"
next-hop = "old.example.net:25"
client-ip = ["192.0.2.1"]
accepted-domain = [ { domain = "x.example", type = "authoritative" } ]
recipients = [ { file = "there.csv" } ]
forwards = [ { file = "forwards.csv" } ]
connector = [ { name = "smart host", to-system = "this", address-spaces = ["*"] } ]
"#;

/// The tables of the plan as they should be.
fn tables() -> BTreeMap<&'static str, String> {
    [
        ("here.csv", "Address\nmoved@x.example\nmoved@x.tenant.example\n"),
        ("moved.csv", "Identity, Members\nMoved, moved@x.example\n"),
        ("there.csv", "Address\nstays@x.example\n"),
        ("forwards.csv", "Mailbox, ForwardTo\nmoved@x.example, moved@x.tenant.example\n"),
    ]
    .into_iter()
    .map(|(name, text)| (name, text.to_owned()))
    .collect()
}

fn check(plan: &str, tables: &BTreeMap<&str, String>) -> Report {
    let folder = PlanFolder::new(plan);
    tables.iter().fold(folder, |folder, (name, text)| folder.with(name, text)).read().check()
}

/// Codes of errors and warnings, each with the line that it is about and the way that shows it.
fn found(report: &Report) -> Vec<String> {
    let all = report.errors.iter().chain(&report.warnings);
    let lines = all.map(|found| {
        let file = found.at[0].file.rsplit('/').next().unwrap();
        let witness = found.witness.join(" > ");
        format!("{} {file}:{} {witness}", found.code, found.at[0].line).trim_end().to_owned()
    });
    lines.collect()
}

#[test]
fn a_sound_migration_is_proved() {
    let report = check(PLAN, &tables());
    assert_eq!(found(&report), [""; 0]);
    assert_eq!(report.proved, ["round-trip", "loop-free", "no-black-hole", "no-open-relay"]);
}

#[test]
fn a_forward_without_membership_is_a_loop() {
    let mut tables = tables();
    tables.insert("moved.csv", "Identity, Members\n".to_owned());
    tables.insert(
        "forwards.csv",
        "Mailbox, ForwardTo\nmoved@x.example, moved@x.example\nstays@x.example, stays@x.example\n".to_owned(),
    );
    // To the same address: a copy that stays, if there is a mailbox.
    assert_eq!(found(&check(PLAN, &tables)), [""; 0]);
    tables.insert("forwards.csv", "Mailbox, ForwardTo\nmoved@x.example, Moved@X.tenant.example\n".to_owned());
    let plan = PLAN.replace("recipient-domain = \"x.example\"", "recipient-domain = \"*\"");
    let plan = plan.replace(
        "accepted-domain = [ {",
        "accepted-domain = [ { domain = \"x.tenant.example\", type = \"internal-relay\" }, {",
    );
    let report = check(&plan, &tables);
    assert_eq!(
        found(&report)[..1],
        [
            "forward-without-membership forwards.csv:2 old host: moved@x.example > old host: moved@x.tenant.example > this: moved@x.tenant.example > old host: moved@x.tenant.example"
        ]
    );
    assert!(!report.proved.contains(&"loop-free"));
}

#[test]
fn a_member_without_mailbox_is_a_black_hole() {
    let mut tables = tables();
    tables.insert("moved.csv", "Identity,Members\nMoved,moved@x.example\nMoved,stays@x.example\n".to_owned());
    let report = check(PLAN, &tables);
    assert_eq!(
        found(&report),
        [
            "membership-without-mailbox there.csv:2 internet > this: stays@x.example > no route",
            "moved-without-forward moved.csv:3",
        ]
    );
    assert!(!report.proved.contains(&"no-black-hole"));
}

#[test]
fn whom_nobody_hands_on_is_a_black_hole() {
    let mut tables = tables();
    tables.insert("forwards.csv", "Mailbox,ForwardTo\n".to_owned());
    let report = check(PLAN, &tables);
    assert_eq!(found(&report), ["black-hole here.csv:2 old host: moved@x.example > unknown there"]);
}

#[test]
fn both_sides_handing_on_whom_they_do_not_know_is_a_loop() {
    let plan = PLAN.replace(
        "{ domain = \"x.example\", type = \"authoritative\" }",
        "{ domain = \"x.example\", type = \"internal-relay\" }",
    );
    let report = check(&plan, &tables());
    let nobody = "nobody-has-this-mailbox@x.example";
    assert_eq!(
        found(&report),
        [format!("mail-loop plan.toml:2 old host: {nobody} > this: {nobody} > old host: {nobody}")]
    );
}

#[test]
fn a_validation_address_on_this_side_is_found() {
    let plan = PLAN.replace("stays@x.example\"\n[[rule]]", "moved@x.example\"\n[[rule]]");
    let report = check(&plan, &tables());
    assert_eq!(found(&report), ["misplaced-validation-address plan.toml:18"]);
}

#[test]
fn strangers_can_send_to_strangers_only_where_somebody_lets_them() {
    let open = PLAN.replace("name = \"Internet\"", "name = \"Internet\"\nanonymous-relay = true");
    let codes = |plan: &str| -> Vec<&'static str> {
        check(plan, &tables()).errors.iter().map(|error| error.code).collect()
    };
    assert_eq!(codes(&open), ["open-relay"]);
    let guard = |condition: &str| {
        let ours = format!(
            "[[rule]]\nname = \"Ours\"\nwhen = {{ {condition} = [\"x.example\", \"x.tenant.example\"] }}\ndo = {{ stop = true }}\n"
        );
        let drop = "[[rule]]\nname = \"Nobody's\"\nwhen = { sender-scope = \"not-in-organization\" }\ndo = { drop = true }\n";
        open.replace("[[system]]", &(ours + drop + "[[system]]"))
    };
    assert_eq!(codes(&guard("recipient-domain")), [""; 0]);
    assert_eq!(codes(&guard("any-recipient-domain")), ["relay-hole"]);
    let trusted = PLAN.replace("name = \"Internet\"", "name = \"Internet\"\ntrusted = true");
    assert_eq!(codes(&trusted), ["open-relay"]);
}

#[test]
fn a_next_hop_that_nobody_describes_leaves_proofs_open() {
    let plan = PLAN.replace("next-hop = \"old.example.net:25\"", "next-hop = \"new.example.net:25\"");
    let report = check(&plan, &tables());
    assert_eq!(found(&report), ["unmodelled-next-hop plan.toml:18"]);
    assert_eq!(report.proved, ["round-trip", "no-open-relay"]);
}

#[test]
fn what_a_retired_wave_leaves_behind_is_listed() {
    let mut tables = tables();
    tables.insert("here.csv", "Address,Wave\nmoved@x.example,batch\n".to_owned());
    tables.insert("proxies.csv", "Name, EmailAddress\nmoved@x.example, moved@x.tenant.example\n".to_owned());
    let waves = |state| {
        let wave = format!(
            "[[wave]]\nname = \"batch\"\nstate = \"{state}\"\n[[recipients]]\nfile = \"proxies.csv\"\n"
        );
        PLAN.replace("[[group]]", &(wave + "[[group]]"))
    };
    assert_eq!(found(&check(&waves("migrated"), &tables)), [""; 0]);
    assert_eq!(
        found(&check(&waves("retired"), &tables)),
        ["wave-leftover forwards.csv:2", "wave-leftover moved.csv:2", "wave-leftover proxies.csv:2"]
    );
}

#[test]
fn a_rule_behind_one_that_takes_all_is_unreachable() {
    let drop =
        "[[rule]]\nname = \"All\"\ndo = { stop = true }\n[[rule]]\nname = \"Never\"\ndo = { drop = true }\n";
    let plan = PLAN.replace("[[system]]", &(drop.to_owned() + "[[system]]"));
    let report = check(&plan, &tables());
    assert_eq!(found(&report), ["unreachable-rule plan.toml:31"]);
}
