//! `export`: files, all or none; and `check --for`.

use serde_json::json;

use crate::bench::{Bench, keys};

const ROUTING: &str = "
[[accepted-domain]]
domain = \"contoso.com\"
type = \"internal-relay\"

[[recipients]]
file = \"recipients.csv\"

[[group]]
name = \"Migrated 'Users'\"
file = \"migrated.csv\"

[[connector]]
name = \"To the old host\"
smart-hosts = [\"old.example.net:2525\"]
rule-scoped = true

[[rule]]
name = \"Coexistence\"
when = { recipient-scope = \"in-organization\" }
unless = { recipient-member-of = \"Migrated 'Users'\" }
do = { route-via = \"To the old host\", set-header = { X-MS-Exchange-Organization-SCL = \"-1\" } }

[[rule]]
name = \"Spam\"
when = { header = { X-Spam = \"yes\" } }
do = { drop = true }

[dns]
gateway = [\"198.51.100.7\"]
spf-includes = [\"spf.example.net\"]
";

fn bench() -> Bench {
    let bench = Bench::with_plan_end(ROUTING);
    bench.write("recipients.csv", "Address\nolaf@contoso.com\nquinn@contoso.com\n");
    bench.write("migrated.csv", "Identity, Members\nMigrated 'Users', olaf@contoso.com\n");
    bench
}

/// The text of one of the files on standard output.
fn file<'o>(out: &'o str, name: &str) -> &'o str {
    let (_, rest) =
        out.split_once(&format!("==> {name} <==\n")).unwrap_or_else(|| panic!("{name} in\n{out}"));
    rest.split("\n==> ").next().unwrap()
}

#[test]
fn postfix_gets_a_line_for_each_decision() {
    let bench = bench();
    let ran = bench.run(&["export", "postfix", &bench.path("plan.toml")]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let out = ran.out();
    assert!(file(out, "canonical").contains("\njohn@tenant1.contoso.com\tjohn@contoso.com\n"), "{out}");
    assert!(file(out, "virtual").contains("\njohn@contoso.com\tjohn@tenant1.contoso.com\n"), "{out}");
    let transport = file(out, "transport");
    assert!(transport.contains("\ncontoso.com\tsmtp:[old.example.net]:2525\n"), "{transport}");
    assert!(transport.contains("\nolaf@contoso.com\tvirtual:\n"), "{transport}");
    assert!(!transport.contains("quinn@"), "{transport}");
    assert!(file(out, "relay-domains").contains("\ncontoso.com\tOK\n"), "{out}");
    let main = file(out, "main.cf.readdress");
    for name in ["canonical", "virtual", "transport", "relay-domains", "recipients"] {
        assert!(main.contains(&format!("$readdress_tables/{name}")), "{name} in {main}");
    }
    for what in ["    | Spam\n", "    | Coexistence\n", "    | prvs=tag=user@domain\n"] {
        assert!(ran.err.contains(what), "{what} in {}", ran.err);
    }
    assert!(ran.err.contains("warning[not-enforceable]"), "{}", ran.err);
    assert!(!ran.err.contains("error["), "{}", ran.err);
}

#[test]
fn exchange_gets_names_as_data_and_takes_back_in_a_safe_order() {
    let bench = bench();
    let plan = bench.path("plan.toml");
    let ran = bench.run(&["export", "exchange", &plan]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = ran.out();
    for line in [
        "New-DistributionGroup -Name 'Migrated ''Users''' -Type Distribution\n",
        "Add-DistributionGroupMember -Identity 'Migrated ''Users''' -Member 'olaf@contoso.com'\n",
        "New-TransportRule -Name 'Coexistence' -SentToScope InOrganization -ExceptIfSentToMemberOf 'Migrated ''Users''' \
         -RouteMessageOutboundConnector 'To the old host' -SetSCL -1 -SenderAddressLocation Envelope \
         -RuleErrorAction Ignore -StopRuleProcessing $false -Priority 0 -Mode Enforce\n",
        "Set-AcceptedDomain -Identity 'contoso.com' -DomainType InternalRelay",
        "New-AddressRewriteEntry -Name 'John' -InternalAddress 'john@tenant1.contoso.com' \
         -ExternalAddress 'john@contoso.com'\n",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(ran.err.contains("port 25"), "{}", ran.err);

    let after = "\n[[accepted-domain]]\ndomain = \"contoso.com\"\ntype = \"authoritative\"\n\n[[recipients]]\nfile = \"recipients.csv\"\n";
    bench.write("after.toml", format!("{}{after}", crate::bench::PLAN));
    let ran = bench.run(&["export", "exchange", &bench.path("after.toml"), "--from", &plan]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = ran.out();
    let at = |line: &str| text.find(line).unwrap_or_else(|| panic!("{line} in\n{text}"));
    let order = [
        at("Remove-TransportRule -Identity 'Coexistence'"),
        at("Remove-DistributionGroupMember"),
        at("Remove-DistributionGroup -Identity"),
        at("Remove-OutboundConnector -Identity 'To the old host'"),
        at("Set-AcceptedDomain -Identity 'contoso.com' -DomainType Authoritative"),
    ];
    assert!(order.is_sorted(), "{order:?}\n{text}");
    assert!(!text.contains("New-"), "nothing is new: {text}");
}

#[test]
fn dns_gets_mx_and_spf_and_what_changes() {
    let bench = bench();
    let plan = bench.path("plan.toml");
    let ran = bench.run(&["export", "dns", &plan]);
    let zone = ran.clean();
    for line in [
        "contoso.com.\tIN\tMX\t10 readdress-gateway.contoso.com.\n",
        "readdress-gateway.contoso.com.\tIN\tA\t198.51.100.7\n",
        "contoso.com.\tIN\tTXT\t\"v=spf1 mx ip4:198.51.100.7 include:spf.example.net ~all\"\n",
    ] {
        assert!(zone.contains(line), "{line} in\n{zone}");
    }
    let text = String::from_utf8(bench.read("plan.toml")).unwrap();
    bench.write("after.toml", text.replace("spf-includes = [\"spf.example.net\"]", ""));
    let ran = bench.run(&["export", "dns", &bench.path("after.toml"), "--from", &plan]);
    let changes = file(ran.clean(), "zone-changes");
    assert!(
        changes.contains("; was: contoso.com.\tIN\tTXT\t\"v=spf1 mx ip4:198.51.100.7 include:"),
        "{changes}"
    );
    assert!(!changes.contains("\n; add\n") && !changes.contains("\n; remove\n"), "{changes}");

    let many: Vec<String> = (0..10).map(|number| format!("\"s{number}.example.net\"")).collect();
    bench.write("many.toml", text.replace("\"spf.example.net\"", &many.join(", ")));
    let ran = bench.run(&["export", "dns", &bench.path("many.toml")]);
    assert!(ran.refused(65).contains("error[spf-lookups]"), "{}", ran.err);
    let bare = Bench::new();
    let ran = bare.run(&["export", "dns", &bare.path("plan.toml")]);
    assert!(ran.refused(65).contains("error[missing-key]"), "{}", ran.err);
}

#[test]
fn a_folder_gets_all_files_or_none() {
    let bench = bench();
    let plan = bench.path("plan.toml");
    let folder = bench.path("out");
    let args = ["export", "postfix", &plan, "-o", &folder];
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(bench.run(&args).code, 0);
    let written = names();
    assert!(written.contains(&"transport".to_owned()) && written.len() == 13, "{written:?}");
    // Exports are replaced, tables of others are not.
    assert_eq!(bench.run(&args).code, 0);
    bench.write("out/transport", "contoso.com smtp:[mine]\n");
    bench.write("out/canonical", "# readdress export: of yesterday\n");
    bench.run(&args).refused(73);
    assert_eq!(bench.read("out/transport"), b"contoso.com smtp:[mine]\n");
    assert_eq!(bench.read("out/canonical"), b"# readdress export: of yesterday\n");
    assert_eq!(names(), written);
}

#[test]
fn what_postfix_would_look_up_again_is_an_error() {
    let entry = |internal: &str, external: &str| {
        format!(
            "[[rewrite.entry]]\ninternal = \"{internal}\"\nexternal = \"{external}\"\ndirection = \"outbound\"\n"
        )
    };
    for (entries, code) in [
        ([entry("a@i.example", "b@i.example"), entry("b@i.example", "c@x.example")], "chain"),
        ([entry("a@i.example", "b@i.example"), entry("b@i.example", "a@i.example")], "cycle"),
        ([entry("i.example", "j.example"), entry("bob@j.example", "bob@x.example")], "chain"),
    ] {
        let bench = Bench::with_plan_end(&entries.concat());
        let (plan, folder) = (bench.path("plan.toml"), bench.path("out"));
        let ran = bench.run(&["export", "postfix", &plan, "-o", &folder]);
        assert!(ran.refused(65).contains(&format!("error[{code}]")), "{}", ran.err);
        assert!(!bench.join("out").exists());
        assert_eq!(bench.run(&["check", &plan, "--for", "postfix"]).code, 1);
        assert_eq!(bench.run(&["check", &plan]).code, 0);
    }
}

#[test]
fn check_for_postfix_warns_of_what_tables_cannot_do() {
    let bench = bench();
    let ran = bench.run(&["check", &bench.path("plan.toml"), "--for", "postfix", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let object = ran.json();
    let warnings = object["warnings"].as_array().unwrap();
    let spam = warnings.iter().find(|warning| warning["excerpt"] == "Spam").unwrap();
    assert_eq!(spam["code"], "not-enforceable");
    assert!(spam["at"][0]["line"].as_u64() > Some(1), "{spam}");
    let without = bench.run(&["check", &bench.path("plan.toml"), "--format", "json"]).json();
    assert!(!without["warnings"].to_string().contains("not-enforceable"));
}

#[test]
fn json_has_files_and_limits() {
    let bench = bench();
    let object = bench.run(&["export", "dns", &bench.path("plan.toml"), "--format", "json"]).json();
    assert_eq!(keys(&object), ["kind", "files", "errors", "not_enforceable", "written"]);
    assert_eq!((&object["kind"], &object["written"]), (&json!("dns"), &json!(false)));
    assert_eq!(object["files"][0]["name"], "zone");
}
