//! Map files from anywhere: octets as they come, and a real map with octets changed and its seal
//! made anew, as a forger would. Refused or not, nothing panics, and no output gains a line.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use readdress::routing::{
    AcceptedDomain, Actions, Client, Condition, Connector, Decision, DomainPattern, DomainType, Envelope,
    Listener, NewRecipient, NextHop, Routing, Rule, Scope, Tls, Wave, WaveState,
};
use readdress::{Direction, Engine, EntryDirection, MapBuilder, NewEntry, Scratch};

static MAP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut builder = MapBuilder::new();
    let file = builder.add_source("entries.csv");
    let entries: [(&str, &str, EntryDirection, &[&[u8]]); 4] = [
        ("john@i.example", "j@x.example", EntryDirection::Both, &[]),
        ("\"jane doe\"@i.example", "jane@x.example", EntryDirection::Both, &[]),
        ("d.example", "y.example", EntryDirection::Both, &[]),
        ("*.l.example", "x.example", EntryDirection::Outbound, &[b"keep.l.example"]),
    ];
    for (internal, external, direction, except) in entries {
        let (internal, external) = (internal.as_bytes(), external.as_bytes());
        let source = Some((file, 1));
        builder.add(&NewEntry { name: "n", internal, external, direction, except, source }).unwrap();
    }
    // Several blocks on both sides, and more domains than a value names shortly.
    for number in 0..150 {
        let [internal, external] =
            [format!("m{number}@i.example"), format!("n{number}@x{}.example", (number % 40).max(8))];
        let entry = NewEntry {
            name: "",
            internal: internal.as_bytes(),
            external: external.as_bytes(),
            direction: EntryDirection::Both,
            except: &[],
            source: None,
        };
        builder.add(&entry).unwrap();
    }
    for number in 0..40 {
        let address = format!("r{number}@i.example");
        let routing_address = (number % 3 == 0).then(|| format!("r{number}@far.example"));
        let recipient = NewRecipient {
            address: address.as_bytes(),
            is_listed: number % 5 > 0,
            routing_address: routing_address.as_ref().map(String::as_bytes),
            groups: if number % 2 == 0 { &[0] } else { &[] },
            wave: (number % 4 == 0).then_some(0),
        };
        builder.add_recipient(&recipient, Some((file, 2))).unwrap();
    }
    builder.set_routing(routing());
    builder.finish().unwrap()
});

fn routing() -> Routing {
    let pattern = |domain: &str, below| DomainPattern { domain: domain.as_bytes().to_vec(), below };
    let accepted = |domain: &str, kind| AcceptedDomain { domain: pattern(domain, false), kind, line: 1 };
    let connector = |name: &str, spaces: &[&str]| Connector {
        name: name.to_owned(),
        next_hop: NextHop::SmartHosts(vec!["old.example".to_owned()]),
        address_spaces: spaces.iter().map(|space| pattern(space, true)).collect(),
        rule_scoped: spaces.is_empty(),
        cost: 1,
        tls: Tls::Required,
        tls_name: Some("*.example".to_owned()),
        validation_address: None,
        line: 1,
    };
    let rule = Rule {
        name: "rule".to_owned(),
        when: vec![
            Condition::SenderScope(Scope::InOrganization),
            Condition::AnyRecipientDomain(vec![pattern("i.example", true)]),
        ],
        unless: vec![
            Condition::RecipientMemberOf(vec![0]),
            Condition::Header(vec![("X-A".to_owned(), "b".to_owned())]),
        ],
        actions: Actions {
            route_via: Some(1),
            set_header: vec![("X-B".to_owned(), "c".to_owned())],
            ..Actions::default()
        },
        ..Rule::default()
    };
    Routing {
        accepted_domains: vec![
            accepted("i.example", DomainType::InternalRelay),
            accepted("d.example", DomainType::Authoritative),
        ],
        listeners: vec![Listener {
            name: "ours".to_owned(),
            client_ip: vec!["192.0.2.0/24".parse().unwrap()],
            trusted: true,
            ..Listener::default()
        }],
        connectors: vec![connector("all", &["example"]), connector("rule", &[])],
        groups: vec!["group".to_owned()],
        waves: vec![Wave { name: "wave".to_owned(), state: WaveState::InFlight, line: 1 }],
        rules: vec![rule],
        has_directory: true,
    }
}

/// The octets of the recipients' own map in the file: it has a seal of its own.
static RECIPIENTS: LazyLock<std::ops::Range<usize>> = LazyLock::new(|| {
    let engine = Engine::from_bytes(MAP.clone()).unwrap();
    let found = engine.map().sections().find(|section| section.name == "recipients");
    found.map_or(0..0, |section| section.offset..section.offset + section.length)
});

fn seal(file: &mut [u8]) {
    let end = file.len() - 32;
    let seal = *blake3::hash(&file[..end]).as_bytes();
    file[end..].copy_from_slice(&seal);
}

const MESSAGE: &[u8] = b"From: john@i.example, x@s.l.example, y@keep.l.example\n\
    To: \"jane doe\"+x@i.example, nobody@i.example, a@d.example, m77@i.example, n77@x37.example, n41@x8.example\n\nbody";

fn use_it(bytes: Vec<u8>) {
    let Ok(engine) = Engine::from_bytes(bytes) else { return };
    let mut scratch = Scratch::new();
    for direction in Direction::ALL {
        if let Ok(done) = engine.rewrite_into(direction, MESSAGE, &mut scratch) {
            let lines = |bytes: &[u8]| bytes.iter().filter(|&&octet| octet == b'\n').count();
            let folds = done.edits().filter(|edit| edit.length == 0).count();
            assert_eq!(lines(&done.to_vec()), lines(MESSAGE) + folds);
            assert!(done.edits().all(|edit| edit.field.len() > 1));
        }
        _ = engine.explain(direction, b"john+tag@i.example");
        _ = engine.explain(direction, b"m77@i.example");
        _ = engine.explain(direction, b"n41@x8.example");
        _ = engine.explain(direction, b"a@b.keep.l.example");
    }
    for entry in engine.map().entries() {
        _ = (entry.addresses(), entry.name(), entry.file(), entry.direction(), entry.except().count());
    }
    let mut decision = Decision::explained();
    for client in [[192, 0, 2, 1], [203, 0, 113, 1]] {
        let client = Client { address: Some(client.into()), ..Client::default() };
        let envelope = Envelope {
            client,
            reverse_path: Some(b"<r1@i.example>"),
            header: Some(b"X-A: b\nFrom: r2@i.example\n\n"),
            ..Envelope::default()
        };
        let to = (0..42).map(|number| format!("r{number}+tag@i.example")).collect::<Vec<_>>();
        let to = to.iter().map(|to| to.as_bytes()).chain([
            b"a@d.example".as_slice(),
            b"x@far.example",
            b"postmaster",
        ]);
        if let Ok(routes) = engine.route(&envelope, to, &mut decision) {
            for route in routes.iter() {
                _ = (route.action(), route.reply(), route.connector(), route.entry(), route.forward_path());
                _ = (route.set_headers().count(), route.steps().map(|step| step.to_string()).count());
            }
        }
    }
    for number in 0..engine.map().recipient_count() {
        _ = engine.map().recipient_standing(number);
        _ = engine.map().recipient_entry(number).map(|entry| entry.addresses());
    }
    engine.map().sections().count();
    engine.map().sources().count();
}

fuzz_target!(|data: &[u8]| {
    use_it(data.to_vec());
    let mut forged = MAP.clone();
    let end = forged.len() - 32;
    for change in data.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % end;
        forged[at] = change[2];
    }
    seal(&mut forged[RECIPIENTS.clone()]);
    seal(&mut forged);
    use_it(forged);
});
