//! `diff`: what changes for which address.

use serde_json::json;

use crate::bench::{Bench, ENTRIES, PLAN, keys};

/// A second plan: John is called otherwise, Mary is gone, Olaf is new, a domain goes elsewhere.
fn two_plans() -> Bench {
    let domain = |external: &str| {
        format!(
            "[[rewrite.entry]]\ninternal = \"old.contoso.com\"\nexternal = \"{external}\"\ndirection = \"outbound\"\n"
        )
    };
    let bench = Bench::with_plan_end(&domain("contoso.com"));
    let entries = ENTRIES.replace(",john@contoso.com", ",john.doe@contoso.com").replace(
        "Mary,mary.jones@tenant2.contoso.com,mary@contoso.com",
        "Olaf,olaf@tenant1.contoso.com,olaf@contoso.com",
    );
    bench.write("next.csv", entries);
    let plan = PLAN.replace("entries.csv", "next.csv").replace("\"coexistence\"", "\"envelope-only\"");
    bench.write("next.toml", format!("{plan}{}", domain("new.contoso.com")));
    bench
}

fn diff(bench: &Bench, extra: &[&str]) -> crate::bench::Ran {
    let (old, new) = (bench.path("plan.toml"), bench.path("next.toml"));
    bench.run(&[&["diff", &old, &new], extra].concat())
}

#[test]
fn every_address_that_comes_out_otherwise_is_shown() {
    let bench = two_plans();
    let ran = diff(&bench, &[]);
    let text = ran.clean();
    for line in [
        "outbound  john@tenant1.contoso.com: john@contoso.com (John, entries.csv:2) -> john.doe@contoso.com (John, next.csv:2)\n",
        "outbound  mary.jones@tenant2.contoso.com: mary@contoso.com (Mary, entries.csv:3) -> unchanged\n",
        "outbound  olaf@tenant1.contoso.com: unmapped -> olaf@contoso.com (Olaf, next.csv:3)\n",
        "outbound  anybody@old.contoso.com (for its domain): anybody@contoso.com (plan.toml:",
        "inbound   john@contoso.com: john@tenant1.contoso.com (John, entries.csv:2) -> unmapped\n",
        "inbound   olaf@contoso.com: unmapped -> olaf@tenant1.contoso.com (Olaf, next.csv:3)\n",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(text.starts_with("setting   outbound: From, "), "{text}");
    assert!(text.ends_with("1 settings, 4 addresses outbound and 4 inbound differ\n"), "{text}");
    assert!(!text.contains("postmaster"), "what stays the same is not shown: {text}");
}

#[test]
fn json_has_both_outcomes_and_counts() {
    let bench = two_plans();
    let object = diff(&bench, &["--format", "json"]).json();
    assert_eq!(keys(&object), ["settings", "addresses", "counts"]);
    assert_eq!(object["counts"], json!({"settings": 1, "outbound": 4, "inbound": 4}));
    let john = &object["addresses"].as_array().unwrap()[0];
    assert_eq!(keys(john), ["direction", "kind", "address", "old", "new"]);
    let of = |address: &str| {
        let changes = object["addresses"].as_array().unwrap();
        changes.iter().find(|change| change["address"] == address).unwrap().clone()
    };
    let john = of("john@tenant1.contoso.com");
    assert_eq!((&john["direction"], &john["kind"]), (&json!("outbound"), &json!("mailbox")));
    assert_eq!(john["old"]["result"], "john@contoso.com");
    assert_eq!(john["new"]["entry"]["line"], 2);
    assert_eq!(of("anybody@old.contoso.com")["kind"], "domain");
    assert_eq!(
        of("mary.jones@tenant2.contoso.com")["new"],
        json!({"result": null, "unmapped": false, "entry": null})
    );
}

#[test]
fn maps_and_plans_are_told_apart_by_their_content() {
    let bench = two_plans();
    let map = bench.map();
    let ran = bench.run(&["diff", &map, &bench.path("plan.toml")]);
    assert_eq!(ran.clean(), "0 settings, 0 addresses outbound and 0 inbound differ\n");
    bench.run(&["diff", &map, &bench.path("missing.map")]).refused(66);
    bench.write("broken.toml", "[plan]\nnmae = 1\n");
    bench.run(&["diff", &map, &bench.path("broken.toml")]).refused(65);
}
