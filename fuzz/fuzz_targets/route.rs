//! Where mail goes: a reverse-path, forward-paths and a header section, one a line, from our systems and
//! from strangers. What is decided early stands, what a host is told leads the same way, no stranger gets
//! out, and nothing that steers our systems gets in.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use readdress::header::HeaderSection;
use readdress::routing::{
    AcceptedDomain, Action, Actions, Client, Condition, Connector, Decision, DomainPattern, DomainType,
    Envelope, Listener, NewRecipient, NextHop, OnError, Reply, Route, Routing, Rule, Scope, SenderLocation,
    Way,
};
use readdress::{Direction, Engine, EntryDirection, Flags, Limits, MapBuilder, NewEntry, Scratch};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut builder = MapBuilder::new();
    for (internal, external) in [("a@i.c", "a@x.c"), ("d.c", "x.d")] {
        let (internal, external) = (internal.as_bytes(), external.as_bytes());
        let (name, direction) = ("", EntryDirection::Both);
        builder.add(&NewEntry { name, internal, external, direction, except: &[], source: None }).unwrap();
    }
    for (address, routing_address, groups) in
        [("m@x.c", None, &[0][..]), ("n@x.c", None, &[]), ("r@x.c", Some(b"r@far.c".as_slice()), &[])]
    {
        let (is_listed, wave) = (true, None);
        let address = address.as_bytes();
        builder
            .add_recipient(&NewRecipient { address, is_listed, routing_address, groups, wave }, None)
            .unwrap();
    }
    builder.set_routing(routing());
    Engine::from_bytes(builder.finish().unwrap()).unwrap()
});

fn pattern(domain: &str) -> DomainPattern {
    DomainPattern { domain: domain.as_bytes().to_vec(), below: false }
}

fn routing() -> Routing {
    let accepted = |(domain, kind)| AcceptedDomain { domain: pattern(domain), kind, line: 1 };
    let connector = |(name, space): (&str, &str)| Connector {
        name: name.to_owned(),
        next_hop: NextHop::SmartHosts(vec!["a.example".to_owned()]),
        address_spaces: if space.is_empty() { Vec::new() } else { vec![pattern(space)] },
        rule_scoped: space.is_empty(),
        cost: 1,
        tls: Default::default(),
        tls_name: None,
        validation_address: None,
        line: 1,
    };
    let via = |number| Actions { route_via: Some(number), ..Actions::default() };
    let reply = Reply { code: 550, enhanced: "5.7.1".to_owned(), text: "No".to_owned() };
    let header = |name: &str, text: &str| Condition::Header(vec![(name.to_owned(), text.to_owned())]);
    let rule = |when, actions, stop| Rule { when, actions, stop, ..Rule::default() };
    let by_author = Rule {
        sender_location: SenderLocation::Header,
        on_error: OnError::Defer,
        ..rule(vec![Condition::SenderDomain(vec![pattern("d.c")])], via(1), false)
    };
    Routing {
        accepted_domains: [
            ("i.c", DomainType::InternalRelay),
            ("x.c", DomainType::Authoritative),
            ("x.d", DomainType::InternalRelay),
            ("d.c", DomainType::ExternalRelay),
        ]
        .map(accepted)
        .to_vec(),
        listeners: vec![
            Listener {
                name: "ours".to_owned(),
                client_ip: vec!["192.0.2.0/24".parse().unwrap()],
                trusted: true,
                ..Listener::default()
            },
            Listener::default(),
        ],
        connectors: [("i", "i.c"), ("rules", ""), ("d", "d.c")].map(connector).to_vec(),
        groups: vec!["group".to_owned()],
        waves: Vec::new(),
        rules: vec![
            rule(vec![Condition::AnyRecipientDomain(vec![pattern("far.c")])], via(1), false),
            rule(vec![header("X-A", "drop")], Actions { drop: true, ..Actions::default() }, false),
            rule(vec![header("X-A", "no")], Actions { reject: Some(reply), ..Actions::default() }, false),
            rule(vec![Condition::RecipientMemberOf(vec![0]), header("X-A", "go")], via(0), true),
            by_author,
            rule(
                vec![
                    Condition::Recipient(vec![b"n@x.c".to_vec()]),
                    Condition::SenderScope(Scope::InOrganization),
                ],
                Actions { redirect_to: Some("m@x.c".to_owned()), ..Actions::default() },
                false,
            ),
        ],
        has_directory: true,
    }
}

/// Where a copy goes.
fn outcome<'a>(route: &Route<'a>) -> (Action, Option<&'a str>, Option<(u16, &'a str, &'a str)>, &'a [u8]) {
    (route.action(), route.connector().map(|c| c.name.as_str()), route.reply(), route.forward_path())
}

/// A host that goes by the recipient alone sends it the way that was decided, to the address that was.
fn is_led(route: &Route<'_>) {
    let mut decision = Decision::new();
    let leaves = matches!(route.action(), Action::Deliver | Action::Relay);
    if !leaves || route.host_path().eq_ignore_ascii_case(b"postmaster") {
        return;
    }
    let transport = ENGINE.transport(route.host_path(), &mut decision).unwrap();
    let expected = match route.action() {
        Action::Deliver => Way::Deliver,
        _ => Way::Relay(route.connector()),
    };
    // A source route, and postmaster without a domain, are no addresses to be looked up again.
    if route.forward_path().starts_with(b"@") {
        return;
    }
    assert_eq!(transport.way, expected, "{route:?}");
    match transport.restored {
        Some(restored) => assert_eq!(
            restored.iter().filter(|o| !b"\" \\.".contains(o)).collect::<Vec<_>>(),
            route.forward_path().iter().filter(|o| !b"\" \\.".contains(o)).collect::<Vec<_>>()
        ),
        None => assert_eq!(route.host_path(), route.forward_path()),
    }
}

fn firewalled(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with(b"x-ms-exchange-organization-") || name.starts_with(b"x-ms-exchange-crosspremises-")
}

/// Strangers bring in no field that steers our systems; what a milter is told to remove is all of them.
fn keeps_fields_out(header: &[u8]) {
    let (mut scratch, mut single) = (Scratch::new(), Scratch::new());
    let done = ENGINE.rewrite_into(Direction::Inbound, header, &mut scratch).unwrap();
    let output = done.to_vec();
    let mut section = HeaderSection::new(&output, Limits::default()).unwrap();
    while let Some(field) = section.next_field().unwrap() {
        // A line that is no field, and is flagged, ended the section: it may look like the first one of an mbox
        // file now, since all before it are gone.
        assert!(!firewalled(field.name.of(&output)) || done.flags().contains(Flags::NOT_A_FIELD));
    }
    let mut parts = ENGINE.begin(Direction::Inbound, &mut single);
    let mut section = HeaderSection::new(header, Limits::default()).unwrap();
    let mut names = Vec::new();
    while let Some(field) = section.next_field().unwrap() {
        let name = field.name.of(header);
        parts.field(name, field.body.of(header)).unwrap();
        names.push(name.to_ascii_lowercase());
    }
    // Removed one by one, as a milter has it done.
    for change in parts.finish().field_changes().filter(|change| change.is_removal()) {
        let wanted = change.name.to_ascii_lowercase();
        let mut of_name = (0..names.len()).filter(|&at| names[at] == wanted);
        let at = of_name.nth(change.nth as usize - 1).expect("there is such a field");
        names.remove(at);
    }
    assert!(!names.iter().any(|name| firewalled(name)));
}

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|octet| *octet == b'\n');
    let (Some(reverse_path), Some(count)) = (lines.next(), lines.next()) else { return };
    let recipients: Vec<&[u8]> = lines.by_ref().take(1 + count.len() % 4).collect();
    let header = lines.collect::<Vec<_>>().join(b"\n".as_slice());
    keeps_fields_out(&header);
    let (mut decision, mut early) = (Decision::new().for_host(), Decision::new().for_host());
    for (address, trusted) in [([192, 0, 2, 1], true), ([203, 0, 113, 1], false)] {
        let client = Client { address: Some(address.into()), ..Client::default() };
        let whole = Envelope {
            client,
            reverse_path: Some(reverse_path),
            header: Some(&header),
            ..Envelope::default()
        };
        let routes = ENGINE.route(&whole, recipients.iter().copied(), &mut decision).unwrap();
        assert!(routes.is_final() && routes.len() == recipients.len());
        let open = Envelope { header: None, is_open: true, ..whole };
        for (route, recipient) in routes.iter().zip(&recipients) {
            is_led(&route);
            let ours = [&b"@i.c"[..], b"@x.c", b"@x.d", b"@d.c"];
            let lower = recipient.to_ascii_lowercase();
            let plain: Vec<u8> = lower.into_iter().filter(|octet| !b" \t".contains(octet)).collect();
            let is_ours = ours.iter().any(|domain| plain.windows(4).any(|part| part == *domain));
            let leaves = matches!(route.action(), Action::Deliver | Action::Relay);
            let is_postmaster = route.forward_path().eq_ignore_ascii_case(b"postmaster");
            assert!(trusted || !leaves || is_ours || is_postmaster || plain.contains(&b'('), "{route:?}");
            // What was settled at RCPT TO is what was decided.
            let first = ENGINE.route(&open, [*recipient], &mut early).unwrap();
            let first = first.get(0).unwrap();
            // Of the whole message: too many hops, or routing addresses in its fields.
            let by_header = route.reply().is_some_and(|reply| matches!(reply.1, "5.4.6" | "5.7.1"));
            if first.is_settled() && !by_header {
                assert_eq!(outcome(&first), outcome(&route));
            }
        }
    }
});
