//! Rules: their conditions, exceptions, options and actions.

use readdress::Engine;
use readdress::routing::{
    Actions, Condition, Decision, DomainType, Envelope, OnError, Reply, Rule, Scope, SenderLocation,
};

use crate::world::{World, client, pattern, route, route_one, trusted, untrusted};

/// Two accepted domains, a group with a member, and a connector for rules.
fn world(rules: Vec<Rule>) -> Engine {
    let mut world = World::default()
        .accept("x.example", DomainType::InternalRelay)
        .accept("y.example", DomainType::ExternalRelay)
        .connector("old", 1, &["x.example"])
        .connector("special", 1, &[])
        .group("moved")
        .recipient("member@x.example", None, &[0], None)
        .mailbox("other@x.example")
        .stranger("partner@far.example", &[0])
        .listener("ours", "192.0.2.0/24", true)
        .listener("all", "", false);
    world.routing.rules = rules;
    world.engine()
}

/// A rule that routes by `special`.
fn special(when: Vec<Condition>, unless: Vec<Condition>) -> Rule {
    let actions = Actions { route_via: Some(1), ..Actions::default() };
    Rule { name: "special".to_owned(), when, unless, actions, ..Rule::default() }
}

fn acting(actions: Actions) -> Rule {
    Rule { name: "acting".to_owned(), actions, ..Rule::default() }
}

/// Whether a rule with one condition acts on a message.
fn acts(condition: &Condition, envelope: &Envelope<'_>, recipients: &[&str]) -> Vec<bool> {
    let engine = world(vec![special(vec![condition.clone()], Vec::new())]);
    let lines = route(&engine, envelope, recipients);
    let except = world(vec![special(Vec::new(), vec![condition.clone()])]);
    let opposite = route(&except, envelope, recipients);
    for (line, opposite) in lines.iter().zip(&opposite) {
        assert_ne!(line.ends_with("special"), opposite.ends_with("special"), "{condition:?} {line}");
    }
    lines.iter().map(|line| line.ends_with("special")).collect()
}

#[test]
fn conditions_about_the_sender() {
    let keys = |keys: &[&str]| keys.iter().map(|key| key.as_bytes().to_vec()).collect();
    let to = &["other@x.example"];
    for (condition, envelope, expected) in [
        (Condition::Sender(keys(&["a@x.example"])), trusted("<A@X.example>"), true),
        (Condition::Sender(keys(&["a@x.example"])), trusted("<b@x.example>"), false),
        (Condition::Sender(keys(&[""])), trusted("<>"), true),
        (Condition::Sender(keys(&["a@x.example"])), trusted("<>"), false),
        (Condition::SenderDomain(vec![pattern("*.x.example")]), trusted("<a@b.x.example>"), true),
        (Condition::SenderDomain(vec![pattern("x.example")]), trusted("<a@b.x.example>"), false),
        (Condition::SenderDomain(vec![pattern("*")]), trusted("<>"), false),
        (Condition::SenderMemberOf(vec![0]), trusted("<member+tag@x.example>"), true),
        (Condition::SenderMemberOf(vec![0]), trusted("<partner@far.example>"), true),
        (Condition::SenderMemberOf(vec![0]), trusted("<other@x.example>"), false),
        // Inside needs both: a session of ours and an address of ours, or nobody's.
        (Condition::SenderScope(Scope::InOrganization), trusted("<a@x.example>"), true),
        (Condition::SenderScope(Scope::InOrganization), trusted("<>"), true),
        (Condition::SenderScope(Scope::InOrganization), untrusted("<a@x.example>"), false),
        (Condition::SenderScope(Scope::InOrganization), untrusted("<>"), false),
        (Condition::SenderScope(Scope::InOrganization), trusted("<a@y.example>"), false),
        (Condition::SenderScope(Scope::InOrganization), trusted("<a@far.example>"), false),
        (Condition::SenderScope(Scope::NotInOrganization), trusted("<a@far.example>"), true),
    ] {
        assert_eq!(acts(&condition, &envelope, to), [expected], "{condition:?} {envelope:?}");
    }
}

/// A guard against strangers acts on whoever says nothing readable, too.
#[test]
fn no_sender_gets_round_being_outside() {
    let outside = Condition::SenderScope(Scope::NotInOrganization);
    let drop = |sender_location| Rule {
        when: vec![outside.clone()],
        sender_location,
        ..acting(Actions { drop: true, ..Actions::default() })
    };
    let headers: [Option<&[u8]>; 4] =
        [None, Some(b"From: a@x.example\r\n\r\n"), Some(b"From: a@b@c\r\n\r\n"), Some(b"\r\n")];
    for location in [SenderLocation::Envelope, SenderLocation::Header] {
        let engine = world(vec![drop(location)]);
        for header in headers {
            for path in
                [None, Some("<a@x.example@far.example>"), Some("a b"), Some("<>"), Some("<a@x.example>")]
            {
                let reverse_path = path.map(str::as_bytes);
                let envelope = Envelope { reverse_path, header, ..Envelope::default() };
                assert_eq!(route_one(&engine, &envelope, "other@x.example"), "drop", "{path:?} {header:?}");
            }
        }
    }
    // On a session of ours, who can't be told is not inside either.
    let engine = world(vec![drop(SenderLocation::Envelope)]);
    assert_eq!(route_one(&engine, &trusted("a b"), "other@x.example"), "drop");
    assert_eq!(route_one(&engine, &trusted("<a@x.example>"), "other@x.example"), "deliver other@x.example");
}

#[test]
fn a_sender_with_dots_in_wrong_places_is_who_it_says() {
    let domain = || Condition::SenderDomain(vec![pattern("far.example")]);
    let address = || Condition::Sender(vec![b"a..b@far.example".to_vec()]);
    let (inside, outside) =
        (Condition::SenderScope(Scope::InOrganization), Condition::SenderScope(Scope::NotInOrganization));
    for path in ["<A..b@Far.example.>", "a..B@far.example"] {
        for (condition, expected) in
            [(domain(), true), (address(), true), (inside.clone(), false), (outside.clone(), true)]
        {
            assert_eq!(
                acts(&condition, &trusted(path), &["other@x.example"]),
                [expected],
                "{path} {condition:?}"
            );
        }
    }
    assert_eq!(acts(&inside, &trusted("<.a@x.example>"), &["other@x.example"]), [true]);
    assert_eq!(acts(&domain(), &trusted("<a.@far.example>"), &["other@x.example"]), [true]);
    // What could be read in another way is nobody's.
    for path in ["<a..b@x.example@far.example>", "<a..b(c)@far.example>", "<\"a\"..b@far.example>", "<a..b>"]
    {
        assert_eq!(acts(&domain(), &trusted(path), &["other@x.example"]), [false], "{path}");
    }
}

#[test]
fn conditions_about_recipients_split_the_message() {
    let to = &["member@x.example", "other@x.example", "nobody@x.example", "u@y.example", "u@far.example"];
    for (condition, expected) in [
        (Condition::Recipient(vec![b"other@x.example".to_vec()]), [false, true, false, false, false]),
        (Condition::RecipientDomain(vec![pattern("*.example")]), [true; 5]),
        (Condition::RecipientDomain(vec![pattern("y.example")]), [false, false, false, true, false]),
        (Condition::RecipientMemberOf(vec![0]), [true, false, false, false, false]),
        (Condition::RecipientScope(Scope::InOrganization), [true, true, true, false, false]),
        (Condition::RecipientScope(Scope::NotInOrganization), [false, false, false, true, true]),
        (Condition::AnyRecipientDomain(vec![pattern("y.example")]), [true; 5]),
        (Condition::AnyRecipientDomain(vec![pattern("z.example")]), [false; 5]),
    ] {
        assert_eq!(acts(&condition, &trusted("<a@x.example>"), to), expected, "{condition:?}");
    }
}

#[test]
fn conditions_about_the_session() {
    let ours = Envelope { client: client("192.0.2.9"), ..untrusted("<a@x.example>") };
    let other = Envelope { client: client("198.51.100.1"), ..ours };
    let to = &["other@x.example"];
    let networks = vec!["192.0.2.8/29".parse().unwrap()];
    for (condition, envelope, expected) in [
        (Condition::ClientIp(networks.clone()), ours, true),
        (Condition::ClientIp(networks), other, false),
        (Condition::Listener(vec![0]), ours, true),
        (Condition::Listener(vec![0]), other, false),
        (Condition::Listener(vec![1, 0]), other, true),
    ] {
        assert_eq!(acts(&condition, &envelope, to), [expected], "{condition:?}");
    }
}

#[test]
fn a_rule_about_fields_waits_for_the_header_section() {
    let condition = Condition::Header(vec![("X-Class".to_owned(), "top secret".to_owned())]);
    let rule = special(vec![condition], Vec::new());
    let engine = world(vec![rule]);
    let mut decision = Decision::new();
    let first = trusted("<a@x.example>");
    let routes = engine.route(&first, [b"other@x.example".as_slice()], &mut decision).unwrap();
    assert!(!routes.is_final());
    for (header, expected) in [
        ("X-Class: Top\r\n Secret, really\r\n\r\n", "relay other@x.example by special"),
        ("x-class: none\r\nX-CLASS: TOP SECRET\r\n\r\n", "relay other@x.example by special"),
        ("X-Class: secret\r\n\r\ntop secret", "deliver other@x.example"),
        ("Subject: top secret\r\n\r\n", "deliver other@x.example"),
    ] {
        let envelope = Envelope { header: Some(header.as_bytes()), ..first };
        let routes = engine.route(&envelope, [b"other@x.example".as_slice()], &mut decision).unwrap();
        assert!(routes.is_final());
        assert_eq!(route_one(&engine, &envelope, "other@x.example"), expected, "{header}");
    }
    // Who is not concerned need not wait.
    let other = Condition::Recipient(vec![b"member@x.example".to_vec()]);
    let field = Condition::Header(vec![("X-Class".to_owned(), "secret".to_owned())]);
    let engine = world(vec![special(vec![other, field], Vec::new())]);
    let routes = engine.route(&first, [b"other@x.example".as_slice()], &mut decision).unwrap();
    assert!(routes.is_final());
}

#[test]
fn the_sender_may_be_the_one_in_the_header_section() {
    let condition = Condition::Sender(vec![b"boss@x.example".to_vec()]);
    let rule = |on_error| Rule {
        sender_location: SenderLocation::Header,
        on_error,
        ..special(vec![condition.clone()], Vec::new())
    };
    for (from, ignoring, deferring) in [
        ("Boss <boss@x.example>", "relay other@x.example by special", "relay other@x.example by special"),
        (
            "a@x.example, boss@x.example",
            "relay other@x.example by special",
            "relay other@x.example by special",
        ),
        ("a@x.example", "deliver other@x.example", "deliver other@x.example"),
        ("boss@x.example@y", "deliver other@x.example", "reject 451 4.3.0"),
        ("", "deliver other@x.example", "reject 451 4.3.0"),
    ] {
        let header = format!("From: {from}\r\n\r\n");
        let envelope = Envelope { header: Some(header.as_bytes()), ..trusted("<a@x.example>") };
        for (on_error, expected) in [(OnError::Ignore, ignoring), (OnError::Defer, deferring)] {
            let engine = world(vec![rule(on_error)]);
            assert_eq!(route_one(&engine, &envelope, "other@x.example"), expected, "{from} {on_error:?}");
        }
    }
}

#[test]
fn actions() {
    let reply = Reply { code: 550, enhanced: "5.7.0".to_owned(), text: "Not today".to_owned() };
    for (actions, expected) in [
        (Actions { drop: true, ..Actions::default() }, "drop"),
        (Actions { reject: Some(reply), ..Actions::default() }, "reject 550 5.7.0"),
        (
            Actions { redirect_to: Some("member@x.example".to_owned()), ..Actions::default() },
            "deliver member@x.example",
        ),
        (
            Actions { redirect_to: Some("u@far.example".to_owned()), ..Actions::default() },
            "relay u@far.example by MX",
        ),
        (
            Actions { redirect_to: Some("nobody@x.example".to_owned()), ..Actions::default() },
            "relay nobody@x.example by old",
        ),
    ] {
        let engine = world(vec![acting(actions)]);
        assert_eq!(route_one(&engine, &untrusted("<a@far.example>"), "other@x.example"), expected);
    }
}

#[test]
fn rules_act_in_order_until_one_stops() {
    let route_via = |connector| Actions { route_via: Some(connector), ..Actions::default() };
    let drop = acting(Actions { drop: true, ..Actions::default() });
    let stop = Rule { stop: true, ..acting(route_via(1)) };
    let to = "other@x.example";
    let from = untrusted("<a@far.example>");
    // The last rule that says where counts.
    let engine = world(vec![acting(route_via(0)), acting(route_via(1))]);
    assert_eq!(route_one(&engine, &from, to), "relay other@x.example by special");
    assert_eq!(route_one(&world(vec![acting(route_via(1)), drop.clone()]), &from, to), "drop");
    assert_eq!(route_one(&world(vec![stop, drop]), &from, to), "relay other@x.example by special");
}

#[test]
fn fields_are_set_by_the_last_rule_that_names_them() {
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let first = Actions {
        set_header: vec![set("X-A", "1"), set("X-B", "1")],
        remove_header: vec!["X-C".to_owned(), "X-D".to_owned()],
        ..Actions::default()
    };
    let second = Actions {
        set_header: vec![set("x-a", "2"), set("X-C", "2")],
        remove_header: vec!["X-B".to_owned()],
        rewrite_off: true,
        ..Actions::default()
    };
    let engine = world(vec![acting(first), acting(second)]);
    let mut decision = Decision::new();
    let envelope = trusted("<a@x.example>");
    let routes = engine.route(&envelope, [b"other@x.example".as_slice()], &mut decision).unwrap();
    let route = routes.get(0).unwrap();
    assert_eq!(route.set_headers().collect::<Vec<_>>(), [("x-a", "2"), ("X-C", "2")]);
    assert_eq!(route.removed_headers().collect::<Vec<_>>(), ["X-D", "X-B"]);
    assert!(!route.is_rewritten());
    assert_eq!(route.rules().count(), 2);
}

#[test]
fn no_rule_opens_a_relay_by_itself() {
    let engine = world(vec![special(Vec::new(), Vec::new())]);
    assert_eq!(route_one(&engine, &untrusted("<a@x.example>"), "u@far.example"), "reject 554 5.7.1");
}

#[test]
fn steps_say_why_rules_are_passed_over() {
    let engine = world(vec![
        special(vec![Condition::SenderScope(Scope::InOrganization)], Vec::new()),
        special(
            vec![Condition::RecipientScope(Scope::InOrganization)],
            vec![Condition::RecipientMemberOf(vec![0])],
        ),
    ]);
    let mut decision = Decision::explained();
    let envelope = Envelope { client: client("198.51.100.1"), ..untrusted("<a@far.example>") };
    let routes = engine.route(&envelope, [b"member@x.example".as_slice()], &mut decision).unwrap();
    let steps: Vec<String> = routes.get(0).unwrap().steps().map(|step| step.to_string()).collect();
    assert_eq!(
        steps,
        [
            "listener all: a session that is not trusted",
            "rule special: passed over: `sender-scope` does not hold",
            "rule special: passed over: its exception `recipient-member-of` holds",
            "accepted-domain x.example: internal-relay: some mailboxes are elsewhere",
            "recipient member@x.example: the directory has this mailbox",
        ]
    );
}
