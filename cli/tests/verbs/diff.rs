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
        "outbound  anybody@tenant2.contoso.com (for its domain): unmapped -> unchanged; \
         1 of 1 addresses named there change, too: mary.jones@tenant2.contoso.com\n",
        "inbound   john@contoso.com: john@tenant1.contoso.com (John, entries.csv:2) -> unmapped\n",
        "inbound   olaf@contoso.com: unmapped -> olaf@tenant1.contoso.com (Olaf, next.csv:3)\n",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(text.starts_with("setting   outbound: From, "), "{text}");
    assert!(text.ends_with("1 settings, 2 domains, 3 addresses outbound and 4 inbound differ\n"), "{text}");
    assert!(!text.contains("postmaster"), "what stays the same is not shown: {text}");
}

#[test]
fn json_has_both_outcomes_and_counts() {
    let bench = two_plans();
    let object = diff(&bench, &["--format", "json"]).json();
    assert_eq!(keys(&object), ["settings", "addresses", "counts", "domains", "waves", "moves", "recipients"]);
    assert_eq!(object["counts"], json!({"settings": 1, "outbound": 3, "inbound": 4, "domains": 2}));
    let john = &object["addresses"].as_array().unwrap()[0];
    assert_eq!(keys(john), ["direction", "kind", "address", "old", "new"]);
    let of = |address: &str| {
        let changes = object["addresses"].as_array().unwrap();
        changes.iter().find(|change| change["address"] == address).unwrap().clone()
    };
    let john = of("john@tenant1.contoso.com");
    assert_eq!(john["direction"], "outbound");
    assert_eq!(john["old"]["result"], "john@contoso.com");
    assert_eq!(john["new"]["entry"]["line"], 2);
    assert_eq!(
        of("mary.jones@tenant2.contoso.com")["new"],
        json!({"result": null, "unmapped": false, "entry": null})
    );
    let domains = object["domains"].as_array().unwrap();
    let old = domains.iter().find(|domain| domain["domain"] == "old.contoso.com").unwrap();
    assert_eq!(
        keys(old),
        ["direction", "domain", "itself", "below", "address", "old", "new", "named", "changed", "examples"]
    );
    assert_eq!((&old["itself"], &old["below"]), (&json!(true), &json!(false)));
    assert_eq!(old["address"], "anybody@old.contoso.com");
    assert_eq!(old["new"]["result"], "anybody@new.contoso.com");
    assert_eq!((&old["named"], &old["examples"]), (&json!(0), &json!([])));
}

/// A plan of entries, each `internal external` and, if it is outbound-only, `>` between them; behind
/// a `-` the domains it leaves alone.
fn plan_of(entries: &[&str]) -> String {
    let entry = |entry: &&str| {
        let (pair, except) = entry.split_once(" - ").unwrap_or((entry, ""));
        let (pair, direction) = match pair.split_once(" > ") {
            Some(pair) => (pair, "outbound"),
            None => (pair.split_once(' ').unwrap(), "both"),
        };
        let except: Vec<&str> = except.split_whitespace().collect();
        format!(
            "[[rewrite.entry]]\ninternal = '{}'\nexternal = '{}'\ndirection = '{direction}'\nexcept = {except:?}\n",
            pair.0, pair.1
        )
    };
    entries.iter().map(entry).collect()
}

/// The lines between two plans, without the last one.
fn lines(old: &[&str], new: &[&str]) -> Vec<String> {
    let bench = Bench::new();
    bench.write("plan.toml", plan_of(old));
    bench.write("next.toml", plan_of(new));
    let mut lines: Vec<String> = diff(&bench, &[]).clean().lines().map(str::to_owned).collect();
    lines.pop();
    lines
}

#[test]
fn a_domain_is_shown_once_with_how_many_of_its_addresses_follow() {
    let mailboxes = ["a@i.example b@x.example", "c@i.example c@y.example"];
    let many = ["d1@i.example > d@x.example", "d2@i.example > d@x.example", "d3@i.example > d@x.example"];
    let old = [&["i.example x.example"], &mailboxes[..]].concat();
    let new = [&["i.example y2.example"], &mailboxes[..], &many[..]].concat();
    let found = lines(&old, &new);
    let domain = &found[0];
    assert!(
        domain.starts_with("outbound  anybody@i.example (for its domain): anybody@x.example ("),
        "{domain}"
    );
    assert!(domain.contains(" -> anybody@y2.example ("), "{domain}");
    assert!(
        domain.ends_with(
            "; 3 of 5 addresses named there change, too: d1@i.example, d2@i.example, d3@i.example"
        ),
        "{domain}"
    );
    let inbound: Vec<_> = found.iter().filter(|line| line.starts_with("inbound ")).collect();
    assert!(
        inbound[0].starts_with("inbound   anybody@x.example (for its domain): anybody@i.example"),
        "{inbound:?}"
    );
    assert!(inbound[0].contains(" -> unmapped; 0 of 1 addresses"), "{inbound:?}");
    assert!(
        inbound[1]
            .starts_with("inbound   anybody@y2.example (for its domain): unchanged -> anybody@i.example")
    );
    assert_eq!(inbound.len(), 2);
    let more = [&new[..], &["d4@i.example > d@x.example"]].concat();
    assert!(lines(&old, &more)[0].ends_with("too: d1@i.example, d2@i.example, d3@i.example, …"));
    assert!(lines(&new, &new).is_empty());
}

#[test]
fn a_domain_for_all_below_is_asked_about_with_one_below() {
    let old = ["*.i.example > x.example"];
    let about = |new: &[&str]| -> Vec<String> {
        let words = |line: String| line.split(": ").next().unwrap().to_owned();
        lines(&old, new).into_iter().map(words).collect()
    };
    assert_eq!(
        about(&["*.i.example > y.example"]),
        ["outbound  anybody@i.example (for its domain and all below)"]
    );
    // The domain itself goes on as it did, or alone goes elsewhere.
    assert_eq!(
        about(&["*.i.example > y.example", "i.example > x.example"]),
        ["outbound  anybody@anywhere.i.example (for all domains below i.example)"]
    );
    assert_eq!(about(&[old[0], "i.example > y.example"]), ["outbound  anybody@i.example (for its domain)"]);
    // What is left alone is left alone with all below it.
    assert_eq!(
        about(&["*.i.example > x.example - b.i.example"]),
        ["outbound  anybody@b.i.example (for its domain and all below)"]
    );
    // Who stands for others has no entry.
    let taken = [
        "*.i.example > y.example",
        "anybody@i.example > somebody@x.example",
        "anywhere.i.example > x.example",
    ];
    assert_eq!(
        about(&taken),
        ["outbound  anybody2@i.example (for its domain and all below)", "outbound  anybody@i.example",]
    );
}

#[test]
fn maps_and_plans_are_told_apart_by_their_content() {
    let bench = two_plans();
    let map = bench.map();
    let ran = bench.run(&["diff", &map, &bench.path("plan.toml")]);
    assert_eq!(ran.clean(), "0 settings, 0 domains, 0 addresses outbound and 0 inbound differ\n");
    bench.run(&["diff", &map, &bench.path("missing.map")]).refused(66);
    bench.write("broken.toml", "[plan]\nnmae = 1\n");
    bench.run(&["diff", &map, &bench.path("broken.toml")]).refused(65);
}
