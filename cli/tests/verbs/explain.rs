//! `explain`: the look-ups behind an address.

use serde_json::json;

use crate::bench::{Bench, Ran, keys};

/// A domain entry below the mailbox entries, for something to shadow.
const DOMAIN_ENTRY: &str = "\
[[rewrite.entry]]
name = \"Rest of tenant 1\"
internal = \"tenant1.contoso.com\"
external = \"rest.contoso.com\"
direction = \"outbound\"
";

fn explain(bench: &Bench, args: &[&str]) -> Ran {
    let map = bench.map();
    bench.run(&[&["explain", "--map", &map, "--direction", "outbound"], args].concat())
}

#[test]
fn the_text_names_keys_winner_and_shadowed_entries() {
    let bench = Bench::with_plan_end(DOMAIN_ENTRY);
    let ran = explain(&bench, &["JOHN+news@tenant1.contoso.com"]);
    let text = ran.clean();
    assert!(text.starts_with("JOHN+news@tenant1.contoso.com (outbound)\n"), "{text}");
    for part in [
        "key       john+news@tenant1.contoso.com\n",
        "mailbox     john+news@tenant1.contoso.com: no entry\n",
        "subaddress  john@tenant1.contoso.com: hit\n",
        "entry     john@tenant1.contoso.com <-> john@contoso.com (John, entries.csv:2)\n",
        "shadowed  tenant1.contoso.com -> rest.contoso.com (Rest of tenant 1, plan.toml:9)\n",
        "result    john+news@contoso.com\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn an_address_without_an_entry_stays() {
    let ran = explain(&Bench::new(), &["olivia@example.org", "not an address"]);
    let (first, second) = ran.clean().split_once("\n\n").unwrap();
    assert!(first.contains("entry     none\n"), "{first}");
    assert!(first.contains("result    unchanged"), "{first}");
    assert!(second.starts_with("not an address (outbound)\n"), "{second}");
    assert!(second.contains("not an address that is looked up"), "{second}");
}

#[test]
fn json_has_one_object_for_each_address() {
    let bench = Bench::with_plan_end(DOMAIN_ENTRY);
    let ran = explain(&bench, &["--format", "json", "john@tenant1.contoso.com", "olivia@example.org"]);
    let objects: Vec<serde_json::Value> =
        ran.clean().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 2);
    let [john, olivia] = &objects[..] else { unreachable!() };
    assert_eq!(
        keys(john),
        ["address", "direction", "key", "result", "tried", "entry", "shadowed", "unmapped", "reason"]
    );
    assert_eq!(john["address"], "john@tenant1.contoso.com");
    assert_eq!(john["direction"], "outbound");
    assert_eq!(john["key"], "john@tenant1.contoso.com");
    assert_eq!(john["result"], "john@contoso.com");
    assert_eq!(keys(&john["tried"][0]), ["key", "kind", "hit"]);
    assert_eq!(john["tried"][0], json!({"key": "john@tenant1.contoso.com", "kind": "mailbox", "hit": true}));
    assert_eq!(keys(&john["entry"])[..3], ["name", "file", "line"]);
    assert_eq!(
        john["entry"],
        json!({"name": "John", "file": "entries.csv", "line": 2, "internal": "john@tenant1.contoso.com",
               "external": "john@contoso.com", "direction": "both", "except": []})
    );
    assert_eq!(john["shadowed"][0]["internal"], "tenant1.contoso.com");
    assert_eq!(john["shadowed"][0]["direction"], "outbound");
    assert_eq!(
        (&olivia["result"], &olivia["entry"], &olivia["shadowed"]),
        (&json!(null), &json!(null), &json!([]))
    );
}

#[test]
fn inbound_looks_among_external_addresses() {
    let bench = Bench::new();
    let plan = bench.path("plan.toml");
    let ran = bench.run(&["explain", "--plan", &plan, "--direction", "inbound", "mary@contoso.com"]);
    assert!(ran.clean().contains("result    mary.jones@tenant2.contoso.com\n"), "{}", ran.out());
}

#[test]
fn excepted_domains_are_shown() {
    let bench = Bench::with_plan_end(
        "[[rewrite.entry]]\nname = \"Labs\"\ninternal = \"*.lab.example\"\nexternal = \"contoso.com\"\n\
         direction = \"outbound\"\nexcept = [\"secret.lab.example\"]\n",
    );
    let ran = explain(&bench, &["a@x.lab.example"]);
    assert!(
        ran.clean().contains("*.lab.example -> contoso.com except secret.lab.example (Labs, plan.toml:9)"),
        "{}",
        ran.out()
    );
    let ran = explain(&bench, &["--format", "json", "a@x.lab.example"]);
    assert_eq!(ran.json()["entry"]["except"], json!(["secret.lab.example"]));
}
