//! What a host is told that chooses the way out by the recipient alone: paths, transports, and the way back.

use readdress::Engine;
use readdress::routing::{
    Action, Actions, Condition, Decision, DomainType, Envelope, OnError, Reply, Rule, Scope, Transport,
    WaveState, Way,
};

use crate::world::{World, pattern, trusted, untrusted};

fn rule(when: Vec<Condition>, actions: Actions, stop: bool) -> Rule {
    Rule { name: "rule".to_owned(), when, actions, stop, on_error: OnError::Ignore, ..Rule::default() }
}

fn via(number: u16) -> Actions {
    Actions { route_via: Some(number), ..Actions::default() }
}

/// Tenant 2 leaves by an appliance, whatever the recipient is; who is about to move goes to the old host.
fn world() -> World {
    let mut world = World::default()
        .accept("x.example", DomainType::InternalRelay)
        .accept("t1.example", DomainType::InternalRelay)
        .connector("appliance", 1, &[])
        .connector("old", 1, &["x.example"])
        .connector("tenant", 1, &["t1.example"])
        .connector("cloud", 1, &["cloud.example"])
        .wave("first", WaveState::Migrated)
        .wave("second", WaveState::Pending)
        .recipient("here@x.example", None, &[], Some(0))
        .recipient("later@x.example", None, &[], Some(1))
        .recipient("moved@x.example", Some("moved@cloud.example"), &[], None)
        .entry("john@t1.example", "john.doe@x.example");
    let outside = Condition::RecipientScope(Scope::NotInOrganization);
    world.routing.rules =
        vec![rule(vec![Condition::SenderDomain(vec![pattern("t2.example")]), outside], via(0), false)];
    world
}

/// The host's path for each recipient, and the transport of that path.
fn led(engine: &Engine, envelope: &Envelope<'_>, recipients: &[&str]) -> Vec<(String, String)> {
    let mut decision = Decision::new().for_host();
    let paths = recipients.iter().map(|recipient| recipient.as_bytes());
    let routes = engine.route(envelope, paths, &mut decision).unwrap();
    routes
        .iter()
        .map(|route| {
            assert_ne!(route.action(), Action::Reject, "{route:?}");
            let path = String::from_utf8(route.host_path().to_vec()).unwrap();
            let transport = transport(engine, &path);
            let way = route.connector().map_or("-", |connector| &connector.name);
            assert!(transport.starts_with(way), "{transport} is not {way}");
            (path, transport)
        })
        .collect()
}

/// `connector`, `mx`, `here`, `drop` or `defer`, and what is restored.
fn transport(engine: &Engine, address: &str) -> String {
    let mut decision = Decision::new();
    let Transport { way, restored } = engine.transport(address.as_bytes(), &mut decision).unwrap();
    let way = match way {
        Way::Deliver => "-here",
        Way::Relay(Some(connector)) => &connector.name,
        Way::Relay(None) => "-mx",
        Way::Drop => "drop",
        Way::Defer(_) => "defer",
        Way::NoAddress => "-none",
    };
    match restored {
        Some(address) => format!("{way} {}", String::from_utf8_lossy(address)),
        None => way.to_owned(),
    }
}

#[test]
fn where_the_recipient_alone_leads_the_same_way_it_stays_as_it_is() {
    let engine = world().engine();
    let recipients = ["here@x.example", "later@x.example", "nobody@x.example", "a@far.example"];
    let expected = [
        ("here@x.example", "-here"),
        ("later@x.example", "old"),
        ("nobody@x.example", "old"),
        ("a@far.example", "-mx"),
    ];
    let expected = expected.map(|(path, way)| (path.to_owned(), way.to_owned()));
    assert_eq!(led(&engine, &trusted("<john@t1.example>"), &recipients), expected);
    // The forward-path of an entry, and a routing address, are not looked up again.
    let moved = led(&engine, &trusted("<>"), &["john.doe@x.example", "moved+tag@x.example"]);
    let expected = [("john@t1.example", "tenant"), ("moved+tag@cloud.example", "cloud")];
    assert_eq!(moved, expected.map(|(path, way)| (path.to_owned(), way.to_owned())));
}

#[test]
fn a_way_that_more_decides_is_named_by_a_routing_address_and_led_back() {
    let engine = world().engine();
    for recipient in [
        "a@far.example",
        "A+b=c@Far.Example",
        "\"a b\"@far.example",
        "\"a@\\\"b\"@[192.0.2.1]",
        "\"\"@far.example",
    ] {
        let led = led(&engine, &trusted("<mary@t2.example>"), &[recipient]);
        let (path, transport) = led.first().unwrap();
        assert!(path.ends_with(".route.invalid"), "{path}");
        assert_eq!(*transport, format!("appliance {recipient}"));
        let mut decision = Decision::new();
        assert_eq!(engine.restore(path.as_bytes(), &mut decision).unwrap(), Some(recipient.as_bytes()));
        let upper = path.rsplit_once('@').map(|(name, domain)| format!("{name}@{}", domain.to_uppercase()));
        let upper = upper.unwrap();
        assert_eq!(engine.restore(upper.as_bytes(), &mut decision).unwrap(), Some(recipient.as_bytes()));
    }
}

#[test]
fn ways_without_a_connector_have_names_too() {
    let mut world = world();
    let outside = Condition::RecipientScope(Scope::NotInOrganization);
    let to = |address: &str| Condition::Recipient(vec![address.as_bytes().to_vec()]);
    let from_t3 = || Condition::SenderDomain(vec![pattern("t3.example")]);
    world.routing.rules = vec![
        rule(vec![from_t3()], Actions::default(), true),
        rule(vec![outside], via(0), false),
        rule(vec![to("here@x.example")], via(1), false),
    ];
    let engine = world.engine();
    let recipients = ["a@far.example", "here@x.example"];
    let led_t3 = led(&engine, &trusted("<a@t3.example>"), &recipients);
    let expected = [
        ("a=far.example@mx.route.invalid", "-mx a@far.example"),
        ("here=x.example@here.route.invalid", "-here here@x.example"),
    ];
    assert_eq!(led_t3, expected.map(|(path, way)| (path.to_owned(), way.to_owned())));
    let expected = [("a@far.example", "appliance"), ("here@x.example", "old")];
    let led_t1 = led(&engine, &trusted("<a@t1.example>"), &recipients);
    assert_eq!(led_t1, expected.map(|(path, way)| (path.to_owned(), way.to_owned())));
}

#[test]
fn a_way_that_is_gone_or_leads_elsewhere_now_is_waited_for() {
    let engine = world().engine();
    for address in [
        "moved@x.example",    // a routing address since the host has it
        "a@mx.route.invalid", // no address in it
        "a=@mx.route.invalid",
        "\"a=b c\"@mx.route.invalid",
        "a=far.example@route.invalid",
    ] {
        assert_eq!(transport(&engine, address), "defer", "{address:?}");
        assert_eq!(engine.restore(address.as_bytes(), &mut Decision::new()).unwrap(), None, "{address:?}");
    }
    assert_eq!(engine.restore(b"a@far.example", &mut Decision::new()).unwrap(), None);
    for address in ["no address", "postmaster", ""] {
        assert_eq!(transport(&engine, address), "-none", "{address:?}");
        assert_eq!(engine.restore(address.as_bytes(), &mut Decision::new()).unwrap(), None, "{address:?}");
    }
    // A connector that is gone: who has taken its way already arrives under the right address.
    let gone = "a=far.example@gone-0badcafe.route.invalid";
    assert_eq!(transport(&engine, gone), "defer");
    let mut decision = Decision::new();
    assert_eq!(engine.restore(gone.as_bytes(), &mut decision).unwrap(), Some(b"a@far.example".as_slice()));
}

#[test]
fn a_host_that_knows_one_recipient_goes_by_rules_that_ask_about_nothing_else() {
    let mut world = world();
    let from_t3 = || Condition::SenderDomain(vec![pattern("t3.example")]);
    let to = |address: &str| vec![Condition::Recipient(vec![address.as_bytes().to_vec()])];
    let redirect = |address: &str| Actions { redirect_to: Some(address.to_owned()), ..Actions::default() };
    world.routing.rules = vec![
        Rule { unless: vec![from_t3()], ..rule(to("here@x.example"), redirect("a@far.example"), false) },
        rule(to("later@x.example"), redirect("b@far.example"), false),
    ];
    let engine = world.engine();
    let path = |decision: &mut Decision, recipient: &str| {
        let nobody = Envelope { reverse_path: None, ..trusted("") };
        let routes = engine.route(&nobody, [recipient.as_bytes()], decision).unwrap();
        String::from_utf8(routes.get(0).unwrap().forward_path().to_vec()).unwrap()
    };
    assert_eq!(path(&mut Decision::new(), "here@x.example"), "a@far.example");
    let mut tables = Decision::new().for_tables();
    assert_eq!(path(&mut tables, "here@x.example"), "here@x.example");
    assert_eq!(path(&mut tables, "later@x.example"), "b@far.example");
    assert_eq!(path(&mut tables, "john.doe@x.example"), "john@t1.example");
}

#[test]
fn nobody_sends_to_routing_addresses() {
    let engine = world().engine();
    let mut decision = Decision::new().for_host();
    for envelope in [trusted("<john@t1.example>"), untrusted("<a@far.example>")] {
        for address in ["a=x.example@mx.route.invalid", "<a=b.example@OLD.Route.Invalid.>", "a@route.invalid"]
        {
            let routes = engine.route(&envelope, [address.as_bytes()], &mut decision).unwrap();
            assert_eq!(routes.get(0).unwrap().reply().map(|reply| (reply.0, reply.1)), Some((550, "5.1.2")));
        }
    }
}

/// What one recipient of a message from somebody is answered.
fn answer(
    engine: &Engine,
    envelope: &Envelope<'_>,
    to: &str,
    mut decision: Decision,
) -> Option<(u16, String)> {
    let routes = engine.route(envelope, [to.as_bytes()], &mut decision).unwrap();
    let route = routes.get(0).unwrap();
    assert!(route.is_settled());
    route.reply().map(|reply| (reply.0, reply.1.to_owned()))
}

#[test]
fn nobody_sends_from_what_the_host_takes_for_something_else() {
    let engine = world().engine();
    for (sender, code, enhanced) in [
        ("<a=b.example@mx.route.invalid>", 550, "5.7.1"),
        ("<@relay.example:A=b.example@MX.Route.Invalid.>", 550, "5.7.1"),
        ("<a=b.example@route.invalid>", 550, "5.7.1"),
        // No address, but the host quotes it and looks it up.
        ("<a..b=b.example@mx.route.invalid>", 550, "5.7.1"),
        ("<.a=b.example@Route.Invalid.>", 550, "5.7.1"),
        ("<a=b.example@mx.\"route\".invalid>", 501, "5.1.7"),
        ("<a(b)@b.example>", 501, "5.1.7"),
        ("< a@b.example>", 501, "5.1.7"),
        ("<a@x@b.example>", 501, "5.1.7"),
        ("<a\\b@b.example>", 501, "5.1.7"),
        ("<@x:@y:a@b.example>", 501, "5.1.7"),
        ("<\"@x:a\"@b.example>", 501, "5.1.7"),
    ] {
        for envelope in [trusted(sender), untrusted(sender)] {
            let host = answer(&engine, &envelope, "here@x.example", Decision::new().for_host());
            assert_eq!(host, Some((code, enhanced.to_owned())), "{sender}");
            // Whoever goes by what is decided takes nothing for anything else.
            assert_eq!(answer(&engine, &envelope, "here@x.example", Decision::new()), None, "{sender}");
        }
    }
    for sender in [
        "<>",
        "<root>",
        "<postmaster>",
        "a@b.example",
        "<a..b.@b_c.example>",
        "<\"\"@b.example>",
        "<\"a@x\"@b.example>",
        "<a@xroute.invalid>",
        "<\"mx.route.invalid\"@b.example>",
        "<a@[192.0.2.1]>",
    ] {
        let host = answer(&engine, &trusted(sender), "here@x.example", Decision::new().for_host());
        assert_eq!(host, None, "{sender}");
    }
}

#[test]
fn nobody_sends_to_what_the_host_takes_for_somebody_else() {
    let engine = world().engine();
    for to in ["\"@x:john.doe\"@x.example", "<@y.example:\"@x,@y:here\"@x.example>", "\"\\@:here\"@x.example"]
    {
        let envelope = trusted("<john@t1.example>");
        let host = answer(&engine, &envelope, to, Decision::new().for_host());
        assert_eq!(host, Some((501, "5.1.3".to_owned())), "{to}");
        assert_eq!(answer(&engine, &envelope, to, Decision::new()), None, "{to}");
    }
}

#[test]
fn routing_addresses_in_fields_are_not_taken_to_a_host_that_would_restore_them() {
    let engine = world().engine();
    let refused = |header: &str, decision: Decision| {
        let envelope = Envelope { header: Some(header.as_bytes()), ..untrusted("<a@far.example>") };
        answer(&engine, &envelope, "here@x.example", decision)
    };
    for field in [
        "From: a=b.example@mx.route.invalid\r\n",
        "Subject: x\r\nREPLY-TO : The boss <a=b.example@mx.Route.Invalid>\r\n",
        "To: nobody:;\r\nResent-Bcc: x@y.example,\r\n a=b.example@mx.rou\\te (mx) .\r\n \"invalid\"\r\n",
    ] {
        let host = refused(field, Decision::new().for_host());
        assert_eq!(host, Some((550, "5.7.1".to_owned())), "{field}");
        // Whoever is told the way itself restores nothing.
        assert_eq!(refused(field, Decision::new()), None, "{field}");
    }
    for field in [
        "Subject: a=b.example@mx.route.invalid\r\n",
        "X-From: a=b.example@mx.route.invalid\r\n",
        "From: nobody@nowhere.invalid\r\nTo: route@far.example\r\n",
        "From: a@far.example\r\n\r\nFrom: a=b.example@mx.route.invalid\r\n",
    ] {
        assert_eq!(refused(field, Decision::new().for_host()), None, "{field}");
    }
}

fn world_refuses(engine: &Engine) -> bool {
    engine.map().routing().rules.iter().any(|rule| rule.actions.reject.is_some())
}

#[test]
fn a_source_route_is_not_handed_on_and_a_redirect_to_oneself_leads_nowhere_else() {
    let mut world = world();
    world.routing.rules.push(rule(
        vec![Condition::Recipient(vec![b"here@x.example".to_vec()])],
        Actions { redirect_to: Some("Here@x.example".to_owned()), ..Actions::default() },
        false,
    ));
    let engine = world.engine();
    let to =
        ["<@relay.example,@mx.example:later@x.example>", "<@relay.example:a@far.example>", "here@x.example"];
    let led = led(&engine, &trusted("<john@t1.example>"), &to[..1]);
    assert_eq!(led, [("later@x.example".to_owned(), "old".to_owned())]);
    let mut decision = Decision::new().for_host();
    let routes = engine.route(&trusted("<mary@t2.example>"), to.map(str::as_bytes), &mut decision).unwrap();
    let paths: Vec<_> =
        routes.iter().map(|route| String::from_utf8_lossy(route.host_path()).into_owned()).collect();
    assert_eq!(paths[0], "later@x.example");
    assert!(paths[1].starts_with("a=far.example@appliance-"));
    assert_eq!(paths[2], "Here@x.example");
}

#[test]
fn a_refusal_is_settled_unless_what_is_to_come_can_change_it() {
    let routed = || Actions { route_via: Some(0), ..Actions::default() };
    let marked = || Actions { set_header: vec![("X-A".to_owned(), "b".to_owned())], ..Actions::default() };
    let reply = || Reply { code: 550, enhanced: "5.7.1".to_owned(), text: "No".to_owned() };
    let refused = || Actions { reject: Some(reply()), ..Actions::default() };
    let dropped = || Actions { drop: true, ..Actions::default() };
    let field = || Condition::Header(vec![("X-Class".to_owned(), "secret".to_owned())]);
    let any = || Condition::AnyRecipientDomain(vec![pattern("far.example")]);
    for (condition, actions, stop, settled) in [
        (field(), routed(), false, false),
        (field(), marked(), false, true),
        (field(), marked(), true, false),
        (field(), refused(), false, true),
        (field(), dropped(), false, false),
        (any(), routed(), false, false),
        (any(), marked(), false, true),
    ] {
        let mut world = World::default()
            .accept("x.example", DomainType::Authoritative)
            .connector("appliance", 1, &[])
            .mailbox("here@x.example");
        world.routing.rules = vec![rule(vec![condition.clone()], actions, stop)];
        let engine = world.engine();
        let mut decision = Decision::new();
        let open = Envelope { is_open: true, ..trusted("<a@x.example>") };
        let routes = engine.route(&open, [b"nobody@x.example".as_slice()], &mut decision).unwrap();
        let route = routes.get(0).unwrap();
        assert_eq!((route.action(), route.is_settled()), (Action::Reject, settled), "{condition:?} {stop}");
        assert!(!routes.is_final());
        // Somebody who is known could still be refused.
        if settled {
            let routes = engine.route(&open, [b"here@x.example".as_slice()], &mut decision).unwrap();
            let may_be_refused = world_refuses(&engine);
            assert_eq!(routes.get(0).unwrap().is_settled(), !may_be_refused, "{condition:?}");
        }
        let whole = Envelope { is_open: false, header: Some(b"From: a@x.example\r\n\r\n"), ..open };
        let routes = engine.route(&whole, [b"nobody@x.example".as_slice()], &mut decision).unwrap();
        assert!(routes.is_final() && routes.get(0).unwrap().is_settled());
        // What holds already needs no further recipient.
        let recipients = [b"nobody@x.example".as_slice(), b"a@far.example"];
        let routes = engine.route(&Envelope { is_open: true, ..whole }, recipients, &mut decision).unwrap();
        assert!(routes.is_final());
    }
}
