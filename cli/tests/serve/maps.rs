//! What each map says to whom.

use readdress::routing::{Decision, Envelope};
use readdress::{Direction, Engine};

use crate::service::{Client, Folder, Service};

/// Every way out, every kind of rule, addresses of every kind.
const PLAN: &str = "\
[plan]
name = \"serve\"

[rewrite]
preset = \"coexistence\"
subaddress-delimiters = \"+\"

[[rewrite.entry]]
internal = \"john@tenant1.contoso.com\"
external = \"john@contoso.com\"

[[rewrite.entry]]
internal = '\"room 12\"@tenant1.contoso.com'
external = '\"room, 12\"@contoso.com'

[[rewrite.entry]]
internal = \"j\u{fc}rgen@tenant1.contoso.com\"
external = \"j\u{fc}rgen@contoso.com\"

[[accepted-domain]]
domain = \"contoso.com\"
type = \"authoritative\"

[[accepted-domain]]
domain = \"*.tenant1.contoso.com\"
type = \"internal-relay\"

[[accepted-domain]]
domain = \"b\u{fc}cher.example\"
type = \"external-relay\"

[[recipients]]
file = \"recipients.csv\"

[[connector]]
name = \"Tenant 1\"
smart-hosts = [\"Mail.tenant1.example:2525\", \"[IPv6:2001:db8::1]:25\"]
address-spaces = [\"*.tenant1.contoso.com\"]
tls = \"required\"
tls-name = \"*.tenant1.example\"

[[connector]]
name = \"Tenant 1 again\"
smart-hosts = [\"mail.tenant1.example:2525\"]
rule-scoped = true
tls = \"none\"

[[connector]]
name = \"One\"
smart-hosts = [\"shared.example.net\"]
rule-scoped = true
tls = \"required\"
tls-name = \"one.example.net\"

[[connector]]
name = \"Two\"
smart-hosts = [\"shared.example.net\"]
rule-scoped = true
tls = \"required\"
tls-name = \"two.example.net\"

[[connector]]
name = \"Internet\"
mx = true
address-spaces = [\"*\"]

[[connector]]
name = \"Secrets\"
mx = true
rule-scoped = true
tls = \"required\"

[[connector]]
name = \"Partner\"
mx = true
address-spaces = [\"partner.example\"]
tls = \"required\"

[[connector]]
name = \"Appliance\"
smart-hosts = [\"192.0.2.9\"]
rule-scoped = true

[[rule]]
name = \"Leavers\"
when = { recipient = \"leaver@contoso.com\" }
do = { redirect-to = \"desk@contoso.com\" }

[[rule]]
name = \"Closed\"
when = { recipient = \"gone@contoso.com\" }
do = { reject = \"Not here any more\" }

[[rule]]
name = \"Black hole\"
when = { recipient = \"hole@contoso.com\" }
do = { drop = true }

[[rule]]
name = \"Lawyers\"
when = { recipient-domain = \"lawyers.example\" }
do = { route-via = \"Secrets\" }

[[rule]]
name = \"Appliance\"
when = { sender-domain = \"tenant1.contoso.com\", recipient-scope = \"not-in-organization\" }
do = { route-via = \"Appliance\" }

[[rule]]
name = \"Boss\"
when = { sender = \"boss@tenant1.contoso.com\" }
do = { route-via = \"Secrets\" }
";

const RECIPIENTS: &str = "\
Address,RoutingAddress
desk@contoso.com,
\"\"\"front desk\"\"@contoso.com\",
moved@contoso.com,moved@contoso.tenant1.contoso.com
";

fn service(plan: &str, args: &[&str]) -> (Folder, Service, String) {
    let folder = Folder::new();
    folder.put("recipients.csv", RECIPIENTS);
    folder.compile(plan, "map");
    let (map, socket) = (folder.path("map"), folder.path("socket"));
    let address = format!("unix:{socket}");
    let service = Service::start(&[&["--map", &map, "--socketmap", &address], args].concat());
    (folder, service, socket)
}

/// Asks over both sockets.
fn assert_said(service: &Service, socket: &str, expected: &[(&str, &str, &str)]) {
    let mut clients = [service.client(), Client::at(socket)];
    for (map, key, said) in expected {
        for client in &mut clients {
            assert_eq!(client.ask(map, key).trim_end(), *said, "{map} {key}");
        }
    }
}

/// The path that the milter gives the host for a message of one of ours.
fn host_path(folder: &Folder, from: &str, to: &str) -> String {
    let engine = Engine::open(&folder.join("map")).expect("a map");
    let envelope = Envelope {
        direction: Some(Direction::Outbound),
        reverse_path: Some(from.as_bytes()),
        ..Envelope::default()
    };
    let mut decision = Decision::new().for_host();
    let routes = engine.route(&envelope, [to.as_bytes()], &mut decision).expect("a decision");
    String::from_utf8(routes.get(0).expect("a route").host_path().to_vec()).expect("text")
}

#[test]
fn transport_leads_where_the_recipient_alone_does_and_where_routing_addresses_say() {
    let (folder, service, socket) =
        service(PLAN, &["--deliver-to", "lmtp:unix:/run/lmtp", "--route-transport", "routed"]);
    let tenant = "OK smtp:[Mail.tenant1.example]:2525,[ipv6:2001:db8::1]";
    let by_appliance = |to: &str| {
        let path = host_path(&folder, "ann@tenant1.contoso.com", to);
        assert!(path.ends_with(".route.invalid"), "{path}");
        path
    };
    let by_secrets = |to: &str| host_path(&folder, "boss@tenant1.contoso.com", to);
    assert_eq!(by_secrets("a@lawyers.example"), "a@lawyers.example", "the recipient alone leads there");
    assert_said(
        &service,
        &socket,
        &[
            ("transport", "john@tenant1.contoso.com", tenant),
            ("transport", "JOHN+x@A.Tenant1.Contoso.COM", tenant),
            ("transport", "anybody@far.example", "OK smtp:"),
            ("transport", "anybody@partner.example", "OK smtp:"),
            // Its connector asks for more than others to the same domain: the next hop is told by its port.
            ("transport", "anybody@lawyers.example", "OK smtp:lawyers.example:25"),
            ("transport", "desk@contoso.com", "OK lmtp:unix:/run/lmtp"),
            ("transport", "\"desk\"@contoso.com", "OK lmtp:unix:/run/lmtp"),
            ("transport", "hole@contoso.com", "OK discard:"),
            // smtpd(8) asks before the milter does: what it is to hear is the milter's refusal, or its other address.
            ("transport", "moved@contoso.com", "OK retry:4.3.0 mail for it goes to another address now"),
            ("transport", "gone@contoso.com", "OK retry:4.3.0 nobody is known by this address now"),
            ("transport", "nobody@contoso.com", "OK retry:4.3.0 nobody is known by this address now"),
            ("transport", "a@", "OK retry:4.3.0 it is no address"),
            ("transport", "a@b c", "OK retry:4.3.0 it is no address"),
            // Before it believes any NOTFOUND, Postfix asks for this: TEMP would hold up all mail.
            ("transport", "*", "NOTFOUND"),
            ("transport", "", "NOTFOUND"),
            // Where it finds nothing, it asks again without quotes.
            ("transport", "\"a b\"@tenant1.contoso.com", tenant),
            ("transport", "a b@tenant1.contoso.com", tenant),
            ("transport", "a\\\"@tenant1.contoso.com", tenant),
            ("transport", &by_appliance("a@far.example"), "OK routed:[192.0.2.9]"),
            ("transport", &by_appliance("\"a b\"@far.example"), "OK routed:[192.0.2.9]"),
            ("transport", "a=far.example@mx.route.invalid", "OK routed:far.example"),
            ("transport", "\"a=[192.0.2.1]\"@mx.route.invalid", "OK routed:[192.0.2.1]"),
            ("transport", "\"a=[IPv6:2001:db8::2]\"@mx.route.invalid", "OK routed:[ipv6:2001:db8::2]"),
            ("transport", &by_secrets("a@Far.example"), "OK routed:far.example:25"),
            ("transport", &by_secrets("a@partner.example"), "OK routed:partner.example"),
            (
                "transport",
                "desk=contoso.com@here.route.invalid",
                "OK retry:4.3.0 more than the recipient keeps this mail here: --route-deliver-to is missing",
            ),
            (
                "transport",
                "a=b.example@gone-01234567.route.invalid",
                "OK retry:4.3.0 the plan has no such connector any more",
            ),
        ],
    );
}

#[test]
fn mailboxes_here_are_postfix_s_own_unless_it_is_told() {
    let (_folder, service, socket) = service(PLAN, &["--route-deliver-to", "routed-lmtp"]);
    assert_said(
        &service,
        &socket,
        &[
            ("transport", "desk@contoso.com", "NOTFOUND"),
            ("transport", "\"front desk\"@contoso.com", "NOTFOUND"),
            ("transport", "front desk@contoso.com", "NOTFOUND"),
            ("transport", "desk=contoso.com@here.route.invalid", "OK routed-lmtp:"),
            ("transport", "a=far.example@mx.route.invalid", "OK readdress:far.example"),
        ],
    );
}

#[test]
fn routing_addresses_are_restored_whether_or_not_the_plan_still_has_the_way() {
    let (folder, service, socket) = service(PLAN, &[]);
    let path = |to: &str| host_path(&folder, "ann@tenant1.contoso.com", to);
    for map in ["restore", "generic"] {
        assert_said(
            &service,
            &socket,
            &[
                (map, &path("a@far.example"), "OK a@far.example"),
                (map, &path("\"a b\"@Far.example"), "OK \"a b\"@Far.example"),
                (map, "a=b.example@gone-01234567.route.invalid", "OK a@b.example"),
                (map, "a@mx.route.invalid", "NOTFOUND"),
                (map, "a@far.example", "NOTFOUND"),
                (map, "no address", "NOTFOUND"),
            ],
        );
    }
    assert_said(&service, &socket, &[("restore", "john@tenant1.contoso.com", "NOTFOUND")]);
}

#[test]
fn a_next_hop_is_encrypted_as_the_strictest_connector_asks() {
    let (_folder, service, socket) = service(PLAN, &[]);
    assert_said(
        &service,
        &socket,
        &[
            ("tls-policy", "[Mail.tenant1.example]:2525", "OK secure match=.tenant1.example"),
            ("tls-policy", "[mail.TENANT1.example]:2525", "OK secure match=.tenant1.example"),
            ("tls-policy", "[ipv6:2001:db8::1]", "OK secure match=.tenant1.example"),
            ("tls-policy", "[mail.tenant1.example]", "NOTFOUND"),
            ("tls-policy", "[192.0.2.9]", "OK may"),
            (
                "tls-policy",
                "[shared.example.net]",
                "TEMP connectors to [shared.example.net] ask for certificates of different names",
            ),
            ("tls-policy", "partner.example", "OK encrypt"),
            ("tls-policy", "Partner.Example", "OK encrypt"),
            // The site may ask for more than the plan.
            ("tls-policy", "far.example", "NOTFOUND"),
            ("tls-policy", "lawyers.example", "NOTFOUND"),
            ("tls-policy", "lawyers.example:25", "OK encrypt"),
            // Smart hosts are no exchangers of the domain.
            ("tls-policy", "a.tenant1.contoso.com", "NOTFOUND"),
            ("tls-policy", ".partner.example", "NOTFOUND"),
            ("tls-policy", "a@partner.example", "NOTFOUND"),
            ("tls-policy", "", "NOTFOUND"),
        ],
    );
}

#[test]
fn accepted_domains_are_domains_and_nothing_else() {
    let (_folder, service, socket) = service(PLAN, &[]);
    assert_said(
        &service,
        &socket,
        &[
            ("accepted", "contoso.com", "OK authoritative"),
            ("accepted", "CONTOSO.com", "OK authoritative"),
            ("accepted", "www.contoso.com", "NOTFOUND"),
            ("accepted", "tenant1.contoso.com", "OK internal-relay"),
            ("accepted", "a.b.tenant1.contoso.com", "OK internal-relay"),
            ("accepted", "b\u{fc}cher.example", "OK external-relay"),
            ("accepted", "xn--bcher-kva.example", "OK external-relay"),
            ("accepted", ".contoso.com", "NOTFOUND"),
            ("accepted", "*.tenant1.contoso.com", "NOTFOUND"),
            ("accepted", "john@contoso.com", "NOTFOUND"),
            ("accepted", "@contoso.com", "NOTFOUND"),
            ("accepted", "[192.0.2.1]", "NOTFOUND"),
            ("accepted", "com", "NOTFOUND"),
            ("accepted", "", "NOTFOUND"),
        ],
    );
}

#[test]
fn canonical_and_generic_show_the_outside_what_it_may_see() {
    let (_folder, service, socket) = service(PLAN, &[]);
    let long = format!("{}@far.example", "x".repeat(300));
    for map in ["canonical", "generic"] {
        assert_said(
            &service,
            &socket,
            &[
                (map, "john@tenant1.contoso.com", "OK john@contoso.com"),
                (map, "John+News@Tenant1.contoso.com", "OK john+News@contoso.com"),
                (map, "\"john\"@tenant1.contoso.com", "OK john@contoso.com"),
                (map, "\"room 12\"@tenant1.contoso.com", "OK \"room, 12\"@contoso.com"),
                (map, "j\u{fc}rgen@tenant1.contoso.com", "OK j\u{fc}rgen@contoso.com"),
                // As Postfix asks a second time: without quotes it is no address, and nobody's.
                (map, "room 12@tenant1.contoso.com", "NOTFOUND"),
                (map, "john(x)@tenant1.contoso.com", "NOTFOUND"),
                (map, "John <john@tenant1.contoso.com>", "NOTFOUND"),
                (map, "<john@tenant1.contoso.com>", "NOTFOUND"),
                (map, "john@contoso.com", "NOTFOUND"),
                (map, "john", "NOTFOUND"),
                (map, "@tenant1.contoso.com", "NOTFOUND"),
                (map, "tenant1.contoso.com", "NOTFOUND"),
                (map, "", "NOTFOUND"),
                (map, &long, "NOTFOUND"),
            ],
        );
    }
    let long = format!("{}@tenant1.contoso.com", "x".repeat(300));
    assert_said(&service, &socket, &[("canonical", &long, "TEMP an address of more than 254 octets")]);
}

#[test]
fn mail_that_the_plan_holds_back_is_held_back() {
    for policy in ["tempfail", "reject"] {
        let plan = PLAN.replace(
            "preset = \"coexistence\"",
            &format!("preset = \"coexistence\"\nunmapped = \"{policy}\""),
        );
        let (_folder, service, socket) = service(&plan, &[]);
        let held = "TEMP no entry maps this address, and the plan lets no such mail out";
        assert_said(
            &service,
            &socket,
            &[
                ("canonical", "nobody@tenant1.contoso.com", held),
                ("canonical", "john@tenant1.contoso.com", "OK john@contoso.com"),
                ("canonical", "a@far.example", "NOTFOUND"),
            ],
        );
    }
}

#[test]
fn virtual_says_where_mail_goes_and_recipient_who_gets_none() {
    let (_folder, service, socket) = service(PLAN, &[]);
    let unknown = "OK 550 5.1.10 Recipient not found";
    assert_said(
        &service,
        &socket,
        &[
            ("virtual", "john@contoso.com", "OK john@tenant1.contoso.com"),
            ("virtual", "John+a@contoso.com", "OK john+a@tenant1.contoso.com"),
            ("virtual", "\"room, 12\"@contoso.com", "OK \"room 12\"@tenant1.contoso.com"),
            ("virtual", "room, 12@contoso.com", "NOTFOUND"),
            ("virtual", "j\u{fc}rgen@contoso.com", "OK j\u{fc}rgen@tenant1.contoso.com"),
            ("virtual", "leaver@contoso.com", "OK desk@contoso.com"),
            ("virtual", "moved@contoso.com", "OK moved@contoso.tenant1.contoso.com"),
            ("virtual", "desk@contoso.com", "NOTFOUND"),
            ("virtual", "nobody@contoso.com", "NOTFOUND"),
            ("virtual", "hole@contoso.com", "NOTFOUND"),
            ("virtual", "a@far.example", "NOTFOUND"),
            ("virtual", "@contoso.com", "NOTFOUND"),
            ("virtual", "john", "NOTFOUND"),
            ("virtual", "postmaster", "NOTFOUND"),
            ("recipient", "nobody@contoso.com", unknown),
            ("recipient", "gone@contoso.com", "OK 550 5.7.1 Not here any more"),
            ("recipient", "john@contoso.com", "NOTFOUND"),
            ("recipient", "desk@contoso.com", "NOTFOUND"),
            // DISCARD would drop the mail of all other recipients of the message.
            ("recipient", "hole@contoso.com", "NOTFOUND"),
            ("recipient", "a@far.example", "NOTFOUND"),
            // As Postfix asks: a part of an address is nobody who could be refused.
            ("recipient", "contoso.com", "NOTFOUND"),
            ("recipient", "nobody@", "NOTFOUND"),
            ("recipient", "no body@contoso.com", "NOTFOUND"),
            ("recipient", "postmaster", "NOTFOUND"),
            ("recipient", "", "NOTFOUND"),
        ],
    );
}

#[test]
fn who_is_deferred_is_asked_about_later() {
    let plan = format!(
        "{PLAN}\n[[rule]]\nname = \"On the move\"\nwhen = {{ recipient = \"desk@contoso.com\" }}\n\
         do = {{ reject = {{ code = 451, enhanced = \"4.7.1\", text = \"Tomorrow\" }} }}\n"
    );
    let (_folder, service, socket) = service(&plan, &[]);
    assert_said(
        &service,
        &socket,
        &[
            ("virtual", "desk@contoso.com", "TEMP 451 4.7.1 Tomorrow"),
            ("recipient", "desk@contoso.com", "OK 451 4.7.1 Tomorrow"),
            ("transport", "desk@contoso.com", "OK retry:4.3.0 nobody is known by this address now"),
        ],
    );
}

#[test]
fn a_rule_about_the_sender_moves_nobody_for_all_senders() {
    let plan = format!(
        "{PLAN}\n[[rule]]\nname = \"Not for Ann\"\nwhen = {{ recipient = \"desk@contoso.com\" }}\n\
         unless = {{ sender = \"ann@contoso.com\" }}\ndo = {{ redirect-to = \"a@far.example\" }}\n"
    );
    let (_folder, service, socket) = service(&plan, &[]);
    assert_said(&service, &socket, &[("virtual", "desk@contoso.com", "NOTFOUND")]);
}

#[test]
fn in_shadow_mode_postfix_does_what_it_did_before() {
    let plan = PLAN.replace("preset = \"coexistence\"", "preset = \"coexistence\"\nmode = \"shadow\"");
    let (folder, service, socket) = service(&plan, &["--verbose", "--deliver-to", "lmtp"]);
    service.wait_for("in shadow mode");
    let path = host_path(&folder, "ann@tenant1.contoso.com", "a@far.example");
    assert_said(
        &service,
        &socket,
        &[
            ("transport", "john@tenant1.contoso.com", "NOTFOUND"),
            ("transport", "nobody@contoso.com", "NOTFOUND"),
            ("tls-policy", "partner.example", "NOTFOUND"),
            ("canonical", "john@tenant1.contoso.com", "NOTFOUND"),
            ("generic", "john@tenant1.contoso.com", "NOTFOUND"),
            ("virtual", "john@contoso.com", "NOTFOUND"),
            ("recipient", "nobody@contoso.com", "NOTFOUND"),
            // What still waits from before has nobody else who knows its way.
            ("transport", &path, "OK readdress:[192.0.2.9]"),
            ("restore", &path, "OK a@far.example"),
            ("generic", &path, "OK a@far.example"),
            ("accepted", "contoso.com", "OK authoritative"),
        ],
    );
    service.wait_for("map=\"virtual\" key=\"john@contoso.com\" answer=\"NOTFOUND\" shadow=\"OK john@tenant1.contoso.com\" gen");
    service.wait_for(
        "map=\"transport\" key=\"nobody@contoso.com\" answer=\"NOTFOUND\" shadow=\"OK retry:4.3.0 nobody",
    );
}

#[test]
fn a_map_that_there_is_not_holds_mail_back() {
    let (_folder, service, socket) = service(PLAN, &[]);
    let said = "TEMP there is no map of this name";
    assert_said(
        &service,
        &socket,
        &[("transports", "a@far.example", said), ("", "a@far.example", said), ("Virtual", "", said)],
    );
    service.wait_for("a client asks for a map that there is not: transports");
    assert_eq!(service.lines("transports").len(), 1, "not for each look-up");
}
