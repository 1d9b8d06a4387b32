//! `inspect`: what a map file is made of.

use serde_json::json;

use crate::bench::{Bench, keys};

#[test]
fn the_text_shows_identity_sizes_policy_and_sources() {
    let bench = Bench::new();
    let map = bench.map();
    let ran = bench.run(&["inspect", &map]);
    let text = ran.clean();
    let size = bench.read("contoso.map").len();
    for part in [
        format!("file        {map}\n"),
        "name        contoso\n".to_owned(),
        format!("size        {size} octets, {}.{:02} an entry\n", size / 3, size * 100 / 3 % 100),
        "entries     3: 3 mailbox, 0 domain, 0 subdomain; 0 of them outbound-only\n".to_owned(),
        "routing     0 recipients, 0 accepted domains, 0 listeners, 0 connectors, 0 rules, 0 waves, 0 groups\n"
            .to_owned(),
        "source      entries.csv\n".to_owned(),
        "preset      coexistence\n".to_owned(),
        "outbound    From, Sender, Reply-To".to_owned(),
        "inbound     no field\n".to_owned(),
        "limits      header-octets 16777216, fields 100000, addresses 100000, received 100\n".to_owned(),
    ] {
        assert!(text.contains(&part), "{part} in {text}");
    }
    let generation = text.lines().find_map(|line| line.strip_prefix("generation  ")).unwrap();
    assert_eq!(generation.len(), 64);
}

#[test]
fn json_accounts_for_every_section() {
    let bench = Bench::new();
    let map = bench.map();
    let object = bench.run(&["inspect", &map, "--format", "json"]).json();
    let size = bench.read("contoso.map").len();
    assert_eq!(object["file"], map.as_str());
    assert_eq!(object["octets"], size);
    assert_eq!(
        object["counts"],
        json!({
            "entries": 3, "mailbox": 3, "domain": 0, "subdomain": 0, "outbound_only": 0, "recipients": 0,
            "accepted_domains": 0, "listeners": 0, "connectors": 0, "rules": 0, "waves": 0, "groups": 0
        })
    );
    assert_eq!(object["policy"]["unmapped"], "pass");
    assert_eq!(object["policy"]["limits"]["fields"], 100_000);
    assert!(object["sources"].as_array().unwrap().contains(&json!("entries.csv")));
    let sections = object["sections"].as_array().unwrap();
    assert!(!sections.is_empty());
    let mut end = 0;
    for section in sections {
        assert_eq!(keys(section), ["name", "offset", "octets", "octets_per_entry"]);
        let offset = section["offset"].as_u64().unwrap();
        assert!(offset >= end, "sections follow each other: {section}");
        end = offset + section["octets"].as_u64().unwrap();
    }
    assert!(end <= size as u64);
}

#[test]
fn what_says_where_mail_goes_is_counted() {
    let bench = Bench::new();
    let plan = "[[accepted-domain]]\ndomain = 'contoso.com'\ntype = 'internal-relay'\n\
        [[recipients]]\nfile = 'r.csv'\n[[group]]\nname = 'g'\n[[wave]]\nname = 'w'\nstate = 'pending'\n\
        [[wave]]\nname = 'v'\nstate = 'pending'\n[[listener]]\nname = 'In'\n\
        [[connector]]\nname = 'Out'\nmx = true\nrule-scoped = true\n\
        [[rule]]\nname = 'Via'\ndo = { route-via = 'Out' }\n[[rule]]\nname = 'Away'\ndo = { drop = true }\n";
    bench.write("r.csv", "Address\na@contoso.com\nb@contoso.com\nc@contoso.com\n");
    let plan = bench.write("routing.toml", plan);
    let ran = bench.run(&["inspect", "--plan", &plan]);
    let text = ran.clean();
    let counted = "routing     3 recipients, 1 accepted domains, 1 listeners, 1 connectors, 2 rules, 2 waves, 1 groups\n";
    assert!(text.contains(counted), "{text}");
    let counts = bench.run(&["inspect", "--plan", &plan, "--format", "json"]).json()["counts"].clone();
    assert_eq!(
        (&counts["recipients"], &counts["waves"], &counts["rules"]),
        (&json!(3), &json!(2), &json!(2))
    );
}

#[test]
fn a_plan_is_compiled_for_the_purpose() {
    let bench = Bench::new();
    let of_map = bench.run(&["inspect", &bench.map(), "--format", "json"]).json();
    let of_plan = bench.run(&["inspect", "--plan", &bench.path("plan.toml"), "--format", "json"]).json();
    assert_eq!(of_map["generation"], of_plan["generation"]);
    assert_eq!(of_map["sections"], of_plan["sections"]);
}

#[test]
fn a_damaged_map_is_never_looked_into() {
    let bench = Bench::new();
    let good = {
        bench.map();
        bench.read("contoso.map")
    };
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for damaged in [&flipped[..], &good[..good.len() - 1], &good[..20], b"not a map", b""] {
        let map = bench.write("damaged.map", damaged);
        for args in [
            &["inspect", &map][..],
            &["inspect", "--format", "json", &map],
            &["rewrite", "--map", &map, "--direction", "outbound", "-"],
            &["explain", "--map", &map, "--direction", "outbound", "a@b.example"],
        ] {
            assert!(bench.run(args).refused(65).contains("damaged.map: "));
        }
    }
}

#[test]
fn a_plan_in_place_of_a_map_is_told_how_to_be_given() {
    let bench = Bench::new();
    let plan = bench.path("plan.toml");
    assert!(bench.run(&["inspect", &plan]).refused(65).contains("--plan"));
}
