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
fn a_forward_to_a_mailbox_that_has_not_taken_over_is_found() {
    let mut tables = tables();
    tables.insert("there.csv", "Address\nstays@x.example\nflying@x.example\n".to_owned());
    tables.insert("both.csv", "Name, EmailAddress\nflying@x.example, flying@x.tenant.example\n".to_owned());
    let plan = PLAN.replace("[[group]]", "[[recipients]]\nfile = \"both.csv\"\n[[group]]");
    assert_eq!(found(&check(&plan, &tables)), [""; 0]);
    let forward = |more: &str| {
        format!(
            "Mailbox,ForwardTo\nmoved@x.example,moved@x.tenant.example\n{more}flying@x.example,flying@x.tenant.example\n"
        )
    };
    tables.insert("forwards.csv", forward(""));
    assert_eq!(
        found(&check(&plan, &tables)),
        [
            "forward-without-membership forwards.csv:3 this: flying@x.example > old host: flying@x.example > this: flying@x.tenant.example"
        ]
    );
    // A copy stays where mail still goes.
    tables.insert("forwards.csv", forward("flying@x.example,flying@x.example\n"));
    assert_eq!(found(&check(&plan, &tables)), [""; 0]);
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

/// The plan with one more rule, before all others.
fn ruled(rule: &str) -> String {
    PLAN.replacen("[[rule]]", &format!("[[rule]]\nname = \"More\"\n{rule}\n[[rule]]"), 1)
}

#[test]
fn mail_for_the_outside_that_two_systems_hand_to_each_other_is_a_loop() {
    let plan = PLAN.replace("rule-scoped = true", "address-spaces = [\"*\"]");
    let nobody = "nobody-has-this-mailbox@outside.invalid";
    let all = found(&check(&plan, &tables()));
    assert!(
        all.contains(&format!(
            "mail-loop plan.toml:1 old host: {nobody} > this: {nobody} > old host: {nobody}"
        )),
        "{all:?}"
    );
}

#[test]
fn somebody_whom_only_a_rule_names_is_followed() {
    let plan =
        ruled("when = { recipient = \"desk@x.tenant.example\" }\ndo = { route-via = \"To the old host\" }");
    let desk = "desk@x.tenant.example";
    assert_eq!(
        found(&check(&plan, &tables())),
        [format!("mail-loop plan.toml:5 old host: {desk} > this: {desk} > old host: {desk}")]
    );
}

#[test]
fn a_domain_below_an_accepted_one_is_followed_where_a_connector_names_it() {
    let plan = PLAN.replace("domain = \"x.example\"\ntype", "domain = \"*.x.example\"\ntype");
    let plan = plan.replace("[[rule]]", "[[connector]]\nname = \"Branch\"\nsmart-hosts = [\"old.example.net\"]\naddress-spaces = [\"branch.x.example\"]\n[[rule]]");
    let nobody = "nobody-has-this-mailbox@branch.x.example";
    let all = found(&check(&plan, &tables()));
    assert!(
        all.contains(&format!(
            "mail-loop plan.toml:2 old host: {nobody} > this: {nobody} > old host: {nobody}"
        )),
        "{all:?}"
    );
}

#[test]
fn every_sender_that_rules_tell_apart_is_one_to_follow_mail_of() {
    for condition in [
        // Inside, and not of the first domain that is.
        "sender-scope = \"in-organization\", sender-domain = \"x.tenant.example\"",
        // In the group, and not its first member.
        "sender-member-of = \"Moved\", sender-domain = \"z.example\"",
        // Of the domain itself, and of none below.
        "sender-scope = \"in-organization\", sender-domain = \"*.x.tenant.example\"",
    ] {
        let plan = ruled(&format!("when = {{ {condition} }}\ndo = {{ route-via = \"To the old host\" }}"));
        let mut tables = tables();
        let moved = "Identity, Members\nMoved, moved@x.example\nMoved, moved@z.example\n";
        tables.insert("moved.csv", moved.to_owned());
        let report = check(&plan, &tables);
        assert!(!report.proved.contains(&"loop-free"), "{condition}");
    }
}

#[test]
fn rules_that_ask_for_two_other_recipients_are_followed_with_both() {
    let rules = |second: &str| {
        ruled(&format!(
            "when = {{ any-recipient-domain = \"a.example\" }}\ndo = {{ route-via = \"To the old host\" }}\n\
             [[rule]]\nname = \"Second\"\nunless = {{ any-recipient-domain = \"{second}\" }}\ndo = {{ drop = true }}"
        ))
    };
    let is_proved = |second: &str| check(&rules(second), &tables()).proved.contains(&"loop-free");
    assert!(!is_proved("b.example"));
    assert!(!is_proved("a.example"));
    let dropped = rules("b.example").replace(
        "\"To the old host\" }\n[[rule]]",
        "\"To the old host\" }\n[[rule]]\nname = \"None\"\ndo = { drop = true }\n[[rule]]",
    );
    assert!(check(&dropped, &tables()).proved.contains(&"loop-free"));
}

#[test]
fn every_address_of_a_system_that_rules_tell_apart_is_a_way_in() {
    for (networks, client) in [
        ("[\"192.0.2.1\", \"192.0.2.9\"]", "192.0.2.9"),
        ("[\"192.0.2.0/28\"]", "192.0.2.9"),
        ("[\"2001:db8::/64\"]", "2001:db8::9"),
    ] {
        let plan = ruled(&format!(
            "when = {{ client-ip = \"{client}\" }}\ndo = {{ route-via = \"To the old host\" }}"
        ));
        let report = check(&plan.replace("[\"192.0.2.1\"]", networks), &tables());
        assert!(!report.proved.contains(&"loop-free"), "{networks}");
    }
}

#[test]
fn a_client_in_the_network_of_a_listener_is_a_way_in_beside_the_system_there() {
    let plan = ruled("when = { client-ip = \"192.0.2.9\" }\ndo = { route-via = \"To the old host\" }");
    let plan = plan.replacen("client-ip = [\"192.0.2.1\"]", "client-ip = [\"192.0.2.0/28\"]", 1);
    let all = found(&check(&plan, &tables()));
    let moved = "moved@x.tenant.example";
    assert_eq!(all, [""; 0], "the old host sends from another address: {moved}");
    let plan = plan.replace("type = \"internal-relay\"", "type = \"authoritative\"");
    let plan = plan.replace(
        "route-via = \"To the old host\" }\n[[rule]]",
        "redirect-to = \"nobody@x.example\" }\n[[rule]]",
    );
    let all = found(&check(&plan, &tables()));
    assert!(
        all.iter().any(|one| one.contains("Old host > this: ") && one.ends_with("unknown there")),
        "{all:?}"
    );
}

#[test]
fn of_two_ways_in_circles_the_shorter_one_is_shown() {
    let plan = PLAN.replace(
        "{ domain = \"x.example\", type = \"authoritative\" }",
        "{ domain = \"x.example\", type = \"internal-relay\" }",
    );
    let mut tables = tables();
    let (a, b, c, z) = ("a@x.example", "b@x.example", "c@x.example", "z@x.example");
    for order in [[a, b, c], [c, b, a]] {
        let [first, second, third] = order;
        let forwards = format!(
            "Mailbox,ForwardTo\n{a},{a}\nstart@x.example,{first}\nstart@x.example,{z}\n{first},{second}\n{second},{third}\n{third},{z}\n"
        );
        tables.insert("forwards.csv", forwards.replace(&format!("{a},{a}\n"), ""));
        let all = found(&check(&plan, &tables));
        let wanted = format!("old host: start@x.example > old host: {z} > this: {z} > old host: {z}");
        assert!(all.iter().any(|one| one.ends_with(&wanted)), "{all:?}");
    }
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
fn a_guard_that_senders_without_an_address_get_round_is_an_open_relay() {
    let open = PLAN.replace("name = \"Internet\"", "name = \"Internet\"\nanonymous-relay = true");
    let drop = |name: &str, condition: &str| {
        format!(
            "[[rule]]\nname = \"{name}\"\nwhen = {{ {condition} }}\nunless = {{ recipient-domain = [\"x.example\", \"x.tenant.example\"] }}\ndo = {{ drop = true }}\n"
        )
    };
    let guards = drop("somebody", "sender-domain = \"*\"") + &drop("nobody", "sender = \"<>\"");
    let report = check(&open.replace("[[system]]", &(guards + "[[system]]")), &tables());
    assert_eq!(report.errors.iter().map(|error| error.code).collect::<Vec<_>>(), ["open-relay"]);
    assert_eq!(report.errors[0].witness[1], "from @");
    assert!(!report.proved.contains(&"no-open-relay"));
}

#[test]
fn a_guard_that_lets_some_of_the_outside_through_is_an_open_relay() {
    let open = PLAN.replace("name = \"Internet\"", "name = \"Internet\"\nanonymous-relay = true");
    let guard = |ours: &str| {
        let guard = format!(
            "[[rule]]\nname = \"Guard\"\nunless = {{ {ours} }}\ndo = {{ reject = true }}\n[[system]]"
        );
        let report = check(&open.replace("[[system]]", &guard), &tables());
        (
            report.errors.iter().map(|error| error.code).collect::<Vec<_>>(),
            report.proved.contains(&"no-open-relay"),
        )
    };
    assert_eq!(
        guard("recipient-domain = [\"x.example\", \"*.x.tenant.example\"]"),
        (vec!["open-relay"], false)
    );
    assert_eq!(guard("recipient-domain = [\"x.example\", \"partner.example\"]"), (vec!["open-relay"], false));
    assert_eq!(guard("recipient = \"friend@partner.example\""), (vec!["open-relay"], false));
    assert_eq!(guard("recipient-domain = [\"x.example\", \"x.tenant.example\"]"), (vec![], true));
}

#[test]
fn a_plan_without_accepted_domains_says_nothing_about_relays() {
    let report = check("[[recipients]]\nfile = \"here.csv\"\n", &tables());
    assert_eq!(found(&report), [""; 0]);
    assert!(!report.proved.contains(&"no-open-relay"));
}

#[test]
fn whom_an_entry_moves_into_an_accepted_domain_is_not_outside() {
    let entry = "[[rewrite.entry]]\ninternal = \"x.tenant.example\"\nexternal = \"brand.example\"\n";
    let plan = format!(
        "{entry}{PLAN}[[connector]]\nname = \"Brand\"\nmx = true\naddress-spaces = [\"brand.example\"]\n"
    );
    assert!(check(&plan, &tables()).proved.contains(&"no-open-relay"));
    // Nor is whom one makes a mailbox that is listed, though a rule names the outer address.
    let entry = "[[rewrite.entry]]\ninternal = \"kept@old.example\"\nexternal = \"kept@brand.example\"\n";
    let rule = ruled("when = { recipient = \"kept@brand.example\" }\ndo = { stop = true }");
    let mut tables = tables();
    tables.insert(
        "here.csv",
        "Address\nmoved@x.example\nmoved@x.tenant.example\nkept@old.example\n".to_owned(),
    );
    assert!(check(&format!("{entry}{rule}"), &tables).proved.contains(&"no-open-relay"));
}

#[test]
fn a_connector_that_asks_dns_about_our_own_domain_is_no_black_hole() {
    let plan = PLAN.replace("[[recipients]]", "[[accepted-domain]]\ndomain = \"y.example\"\ntype = \"external-relay\"\n[[connector]]\nname = \"By DNS\"\nmx = true\naddress-spaces = [\"y.example\"]\n[[recipients]]");
    let report = check(&plan, &tables());
    assert_eq!(found(&report), ["unmodelled-next-hop plan.toml:10"]);
}

#[test]
fn neither_may_another_system_send_ours_to_somebody_nobody_describes() {
    let plan = PLAN.replace(
        "connector = [ { name = \"smart host\", to-system = \"this\"",
        "connector = [ { name = \"smart host\", smart-hosts = [\"far.example.net\"]",
    );
    let report = check(&plan, &tables());
    assert_eq!(found(&report), ["unmodelled-next-hop plan.toml:28"]);
    assert_eq!(report.proved, ["round-trip", "no-open-relay"]);
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
