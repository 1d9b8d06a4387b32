//! `route`: where each recipient's copy goes, and why.

use serde_json::Value;

use crate::bench::{Bench, Ran, keys};

/// A tenant behind the gateway, strangers in front of it, and a rule that marks what comes from inside.
const ROUTING: &str = "\
[limits]
received = 2
[[accepted-domain]]
domain = \"contoso.com\"
type = \"authoritative\"
[[accepted-domain]]
domain = \"*.contoso.com\"
type = \"external-relay\"
[[listener]]
name = \"Tenant 1\"
client-ip = [\"192.0.2.0/24\"]
tls = \"required\"
tls-name = \"mail.tenant1.example\"
trusted = true
[[listener]]
name = \"Internet\"
[[connector]]
name = \"To the tenants\"
smart-hosts = [\"a.tenants.example\", \"b.tenants.example:2525\"]
address-spaces = [\"*.contoso.com\"]
tls = \"required\"
[[rule]]
name = \"Ours\"
when = { sender-scope = \"in-organization\" }
do = { set-header = { X-Ours = \"yes\" }, remove-header = [\"X-Theirs\"] }
[[rule]]
name = \"Secret\"
when = { header = { X-Class = \"secret\" } }
do = { reject = { code = 550, enhanced = \"5.7.7\", text = \"Too secret\" } }
";

fn route(bench: &Bench, args: &[&str]) -> Ran {
    bench.run(
        &[&["route", "--plan", &bench.path("plan.toml"), "--rcpt-to", "mary@contoso.com"], args].concat(),
    )
}

fn inside() -> [&'static str; 6] {
    ["--client-ip", "192.0.2.1", "--tls-name", "mail.tenant1.example", "--mail-from", "<>"]
}

#[test]
fn the_text_says_what_and_why() {
    let ran = route(
        &Bench::with_plan_end(ROUTING),
        &[&inside()[..], &["--rcpt-to", "nobody@contoso.com"]].concat(),
    );
    assert_eq!(
        ran.clean(),
        "\
mary@contoso.com
  relay     mary.jones@tenant2.contoso.com by To the tenants, to a.tenants.example, b.tenants.example:2525, TLS required
  sets      X-Ours: yes
  removes   X-Theirs
  because   listener Tenant 1: a session of one of our systems
  because   entry Mary: gives the internal address
  because   rule Ours: acts
  because   rule Secret: passed over for now: it asks for what is not there yet
  because   accepted-domain *.contoso.com: external-relay: all mailboxes are elsewhere
  because   connector To the tenants: serves the domain most closely, at the lowest cost
  not final: a rule asks for the header section, so give the message, too

nobody@contoso.com
  reject    550 5.1.10 Recipient not found
  sets      X-Ours: yes
  removes   X-Theirs
  because   listener Tenant 1: a session of one of our systems
  because   rule Ours: acts
  because   rule Secret: passed over for now: it asks for what is not there yet
  because   accepted-domain contoso.com: authoritative: all mailboxes are here
  because   recipient nobody@contoso.com: the directory does not have this mailbox
  not final: a rule asks for the header section, so give the message, too
"
    );
}

#[test]
fn json_has_one_object_for_each_recipient() {
    let bench = Bench::with_plan_end(ROUTING);
    let ran = route(&bench, &[&inside()[..], &["--format", "json", "--rcpt-to", "x@far.example"]].concat());
    let objects: Vec<Value> = ran.clean().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [mary, far] = &objects[..] else { panic!("two recipients") };
    let fixed = ["recipient", "action", "forward_path", "next_hop"];
    assert_eq!(keys(mary)[..4], fixed);
    for key in ["connector", "tls", "code", "enhanced", "text", "headers", "steps"] {
        assert!(keys(mary).contains(&key), "{key}");
    }
    assert_eq!(mary["forward_path"], "mary.jones@tenant2.contoso.com");
    assert_eq!((&mary["action"], &mary["next_hop"]), (&"relay".into(), &"a.tenants.example".into()));
    assert_eq!(mary["headers"][0], serde_json::json!({"name": "X-Ours", "value": "yes"}));
    assert_eq!(mary["headers"][1], serde_json::json!({"name": "X-Theirs", "value": null}));
    assert_eq!(keys(&mary["steps"][0]), ["what", "name", "why"]);
    assert_eq!(
        (&far["action"], &far["next_hop"], &far["connector"]),
        (&"relay".into(), &Value::Null, &Value::Null)
    );
}

#[test]
fn the_message_makes_it_final() {
    let bench = Bench::with_plan_end(ROUTING);
    for (header, code) in
        [("X-Class: Top Secret", "550"), ("X-Class: none", "null"), ("Subject: secret", "null")]
    {
        let message = bench.write("m.eml", format!("{header}\r\n\r\nbody\r\n"));
        let ran = route(&bench, &["--format", "json", &message]);
        let object = ran.json();
        assert_eq!(
            (object["final"].to_string(), object["code"].to_string()),
            ("true".into(), code.into()),
            "{header}"
        );
    }
    let looping = bench.write("loop.eml", &("Received: x\r\n".repeat(3) + "\r\n"));
    let object = route(&bench, &["--format", "json", &looping]).json();
    assert_eq!((&object["code"], &object["enhanced"]), (&554.into(), &"5.4.6".into()));
}

#[test]
fn strangers_are_refused_what_is_not_ours() {
    let bench = Bench::with_plan_end(ROUTING);
    let ran = bench.run(&[
        "route",
        "--plan",
        &bench.path("plan.toml"),
        "--client-ip",
        "2001:db8::1",
        "--mail-from",
        "mary@contoso.com",
        "--rcpt-to",
        "x@far.example",
        "--format",
        "json",
    ]);
    let object = ran.json();
    assert_eq!((&object["code"], &object["enhanced"]), (&554.into(), &"5.7.1".into()));
    assert_eq!(object["listener"], "Internet");
}

#[test]
fn a_client_that_is_no_address_is_a_usage_error() {
    let bench = Bench::with_plan_end(ROUTING);
    let told = route(&bench, &["--client-ip", "mail.example"]);
    assert!(told.refused(64).contains("--client-ip"), "{}", told.err);
    bench.run(&["route", "--plan", &bench.path("plan.toml")]).refused(64);
}
