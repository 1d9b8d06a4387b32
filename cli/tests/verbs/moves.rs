//! `diff`: whose mail goes elsewhere, by domain and wave.

use serde_json::json;

use crate::bench::{Bench, PLAN};

fn plan(state: &str) -> String {
    format!(
        "{PLAN}
[[accepted-domain]]
domain = \"contoso.com\"
type = \"internal-relay\"

[[recipients]]
file = \"recipients.csv\"

[[wave]]
name = \"batch-1\"
state = \"migrated\"

[[wave]]
name = \"batch-2\"
state = \"{state}\"

[[connector]]
name = \"To the old host\"
smart-hosts = [\"old.example.net\"]
address-spaces = [\"contoso.com\"]
"
    )
}

fn waves() -> Bench {
    let bench = Bench::new();
    let batch = |number: usize| (0..5).map(move |nth| format!("u{number}{nth}@contoso.com,batch-{number}\n"));
    let rows: String = batch(1).chain(batch(2)).collect();
    bench.write("recipients.csv", format!("Address,Wave\n{rows}stays@contoso.com,\n"));
    bench.write("plan.toml", plan("in-flight"));
    bench.write("next.toml", plan("migrated"));
    bench
}

#[test]
fn a_wave_moves_exactly_its_own_users() {
    let bench = waves();
    let ran = bench.run(&["diff", &bench.path("plan.toml"), &bench.path("next.toml")]);
    let text = ran.clean();
    let expected = "\
wave      batch-2: in-flight -> migrated
moves     contoso.com in batch-2: 5 of 5 recipients: u20@contoso.com, u21@contoso.com, u22@contoso.com, …
recipient u20@contoso.com in batch-2: relay by To the old host to old.example.net -> deliver
recipient u21@contoso.com in batch-2: relay by To the old host to old.example.net -> deliver
recipient u22@contoso.com in batch-2: relay by To the old host to old.example.net -> deliver
recipient u23@contoso.com in batch-2: relay by To the old host to old.example.net -> deliver
recipient u24@contoso.com in batch-2: relay by To the old host to old.example.net -> deliver
5 recipients and those unknown of 0 domains go elsewhere
0 settings, 0 domains, 0 addresses outbound and 0 inbound differ
";
    assert_eq!(text, expected);
}

#[test]
fn json_has_waves_summaries_and_each_recipient() {
    let bench = waves();
    let text = String::from_utf8(bench.read("next.toml")).unwrap();
    bench.write("next.toml", text.replace("internal-relay", "authoritative"));
    let object =
        bench.run(&["diff", &bench.path("plan.toml"), &bench.path("next.toml"), "--format", "json"]).json();
    assert_eq!(object["waves"], json!([{"name": "batch-2", "old": "in-flight", "new": "migrated"}]));
    let group = &object["moves"][0];
    assert_eq!(
        (&group["domain"], &group["wave"], &group["moved"]),
        (&json!("contoso.com"), &json!("batch-2"), &json!(5))
    );
    let recipients = object["recipients"].as_array().unwrap();
    assert_eq!(recipients.len(), 6);
    let unknown = recipients.iter().find(|one| one["unknown"] == true).unwrap();
    assert_eq!(unknown["recipient"], "anybody@contoso.com");
    assert_eq!(unknown["from"]["outside"]["old"]["connector"], "To the old host");
    assert_eq!(unknown["from"]["outside"]["new"]["reply"], "550 5.1.10 Recipient not found");
    assert_eq!(recipients[0]["from"]["inside"]["new"]["action"], "deliver");
}

#[test]
fn a_rule_about_senders_moves_only_what_comes_from_them() {
    let bench = waves();
    let rule = "\n[[rule]]\nname = \"Ours\"\nwhen = { sender-scope = \"in-organization\", recipient = \"stays@contoso.com\" }\ndo = { drop = true }\n";
    bench.write("next.toml", format!("{}{rule}", plan("in-flight")));
    let ran = bench.run(&["diff", &bench.path("plan.toml"), &bench.path("next.toml")]);
    let text = ran.clean();
    assert!(text.contains("\ninside    stays@contoso.com: deliver -> drop\n"), "{text}");
    assert!(!text.contains("outside   stays"), "{text}");
}
