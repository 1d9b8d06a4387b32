//! Where mail goes: everything that a plan says of it is in the compiled map, from whatever table it comes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use common::PlanFolder;
use readdress::Engine;
use readdress::routing::{
    AcceptedDomain, Actions, Condition, Connector, DomainPattern, DomainType, Listener, NextHop, OnError,
    Reply, Routing, Rule, Scope, SenderLocation, Tls, Wave, WaveState,
};

const EVERYTHING: &str = include_str!("routing/everything.toml");

fn everything() -> PlanFolder {
    PlanFolder::new(EVERYTHING)
        .with(
            "recipients.csv",
            "Address, RoutingAddress, Groups, Wave\n\
             John.Doe@contoso.com, , Migrated Users, batch-2\n\
             \"ann@contoso.com\",Ann@tenant.example,\"pilots; MIGRATED users\",BATCH-1\n\
             \"\"\"jane doe\"\"@contoso.com\",,,\n",
        )
        .with(
            "proxies.csv",
            "Name, EmailAddress\n\
             john.doe@contoso.com, john@contoso.example\n\
             Sales Desk, sales@contoso.example\n",
        )
        .with(
            "migrated.csv",
            "Identity, Members\nMigrated Users, mary@contoso.com\nMigrated Users, elsewhere@fabrikam.com\n",
        )
        .with("old.csv", "Address\nmary@contoso.com\nsomeone@contoso.com\n")
        .with(
            "forwards.csv",
            "Mailbox, ForwardTo\nmary@contoso.com, mary@contoso.example\nmary@contoso.com, m@fabrikam.com\n",
        )
}

fn pattern(domain: &str) -> DomainPattern {
    match domain.strip_prefix("*.") {
        Some(domain) => DomainPattern { domain: domain.into(), below: true },
        None => DomainPattern { domain: domain.into(), below: false },
    }
}

/// Address, where its mail goes if elsewhere, names of its groups and of its wave; `-` before those without
/// a mailbox. In the order of their keys.
fn recipients(engine: &Engine) -> Vec<String> {
    let map = engine.map();
    let routing = map.routing();
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (0..map.recipient_count())
        .map(|number| {
            let entry = map.recipient_entry(number).unwrap();
            let (wave, groups, is_listed) = map.recipient_standing(number).unwrap();
            let (address, route) = (text(&entry.internal()), text(&entry.external()));
            let mut line = if is_listed { address.clone() } else { format!("-{address}") };
            if route != address {
                line += &format!(" > {route}");
            }
            for group in groups {
                line += &format!(" [{}]", routing.groups[usize::from(*group)]);
            }
            if let Some(wave) = wave {
                line += &format!(" ({})", routing.waves[usize::from(wave)].name);
            }
            line
        })
        .collect()
}

#[test]
fn a_plan_of_everything_is_in_the_map() {
    let engine = everything().engine();
    let routing = engine.map().routing();
    let any = DomainPattern::any;
    let line = |text: &str| {
        let at = EVERYTHING.find(text).unwrap_or_else(|| panic!("{text}"));
        let at = EVERYTHING[..at].rfind("\n[[").unwrap() + 1;
        u32::try_from(EVERYTHING[..at].lines().count() + 1).unwrap()
    };
    let accepted = |domain: &str, kind| AcceptedDomain {
        domain: pattern(domain),
        kind,
        line: line(&format!("domain = \"{domain}\"\ntype")),
    };
    let wave =
        |name: &str, state| Wave { name: name.into(), state, line: line(&format!("name = \"{name}\"")) };
    let expected = Routing {
        accepted_domains: vec![
            accepted("contoso.com", DomainType::InternalRelay),
            accepted("*.contoso.example", DomainType::Authoritative),
            accepted("partner.example", DomainType::ExternalRelay),
        ],
        listeners: vec![
            Listener {
                name: "From tenant 1".into(),
                client_ip: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::1/128".parse().unwrap()],
                tls: Tls::Required,
                tls_name: Some("*.tenant.example".into()),
                trusted: true,
                line: line("From tenant 1"),
                ..Listener::default()
            },
            Listener {
                name: "Anybody".into(),
                authenticated: true,
                anonymous_relay: true,
                line: line("\"Anybody\"\nauthenticated"),
                ..Listener::default()
            },
        ],
        connectors: vec![
            Connector {
                name: "To the foreign host".into(),
                next_hop: NextHop::SmartHosts(vec!["Mail.example.net".into(), "[192.0.2.9]:2525".into()]),
                address_spaces: vec![],
                rule_scoped: true,
                cost: 5,
                tls: Tls::None,
                tls_name: None,
                validation_address: Some("someone@contoso.com".into()),
                line: line("To the foreign host\"\nsmart"),
            },
            Connector {
                name: "Internet".into(),
                next_hop: NextHop::Mx,
                address_spaces: vec![any(), pattern("partner.example"), pattern("*.example.org")],
                rule_scoped: false,
                cost: 1,
                tls: Tls::Opportunistic,
                tls_name: None,
                validation_address: None,
                line: line("name = \"Internet\""),
            },
        ],
        groups: vec!["Migrated Users".into(), "Pilots".into()],
        waves: vec![
            wave("batch-1", WaveState::Retired),
            wave("batch-2", WaveState::Migrated),
            wave("batch-3", WaveState::InFlight),
            wave("batch-4", WaveState::Pending),
        ],
        rules: rules(line),
        has_directory: true,
    };
    assert_eq!(*routing, expected);
    assert_eq!(
        recipients(&engine),
        [
            "ann@contoso.com > Ann@tenant.example [Migrated Users] [Pilots] (batch-1)",
            "\"jane doe\"@contoso.com",
            "John.Doe@contoso.com [Migrated Users] (batch-2)",
            "-mary@contoso.com [Migrated Users]",
            "john@contoso.example [Migrated Users]",
            "sales@contoso.example",
            "-elsewhere@fabrikam.com [Migrated Users]",
        ]
    );
    let places: Vec<_> = (0..7)
        .map(|number| {
            let entry = engine.map().recipient_entry(number).unwrap();
            format!("{}:{}", entry.file().unwrap(), entry.line())
        })
        .collect();
    assert_eq!(places[0], "recipients.csv:3");
    assert_eq!(places[5], "proxies.csv:3");
    assert_eq!(places[6], "migrated.csv:3");
}

/// The rules of the plan of everything: by priority, then in file order.
fn rules(line: impl Fn(&str) -> u32) -> Vec<Rule> {
    let named =
        |name: &str| Rule { name: name.into(), line: line(&format!("name = \"{name}\"")), ..Rule::default() };
    let reply =
        |code, enhanced: &str, text: &str| Some(Reply { code, enhanced: enhanced.into(), text: text.into() });
    let refusing = |reject| Actions { reject, ..Actions::default() };
    vec![
        Rule { actions: refusing(reply(550, "5.7.1", "Refused by policy")), ..named("Second by priority") },
        Rule { actions: refusing(reply(550, "5.7.1", "Not here")), ..named("Third by priority") },
        Rule {
            when: vec![
                Condition::RecipientScope(Scope::InOrganization),
                Condition::Sender(vec![b"".into(), b"john doe@contoso.com".into()]),
                Condition::SenderDomain(vec![pattern("contoso.com"), pattern("*.fabrikam.com")]),
                Condition::SenderScope(Scope::NotInOrganization),
                Condition::SenderMemberOf(vec![0, 1]),
                Condition::Recipient(vec![b"ann@contoso.com".into()]),
                Condition::RecipientDomain(vec![DomainPattern::any()]),
                Condition::AnyRecipientDomain(vec![pattern("xn--bcher-kva.example")]),
                Condition::ClientIp(vec![
                    "192.0.2.1/32".parse().unwrap(),
                    "198.51.100.0/24".parse().unwrap(),
                ]),
                Condition::Listener(vec![1]),
                Condition::Header(vec![("X-Spam".into(), "yes".into()), ("X-Spam".into(), "maybe".into())]),
                Condition::Header(vec![("Subject".into(), String::new())]),
            ],
            unless: vec![Condition::RecipientMemberOf(vec![0])],
            actions: Actions {
                route_via: Some(0),
                redirect_to: Some("Archive@contoso.com".into()),
                set_header: vec![
                    ("X-MS-Exchange-Organization-SCL".into(), "-1".into()),
                    ("A-Mark".into(), "one line".into()),
                ],
                remove_header: vec!["X-Old".into()],
                rewrite_off: true,
                ..Actions::default()
            },
            sender_location: SenderLocation::Header,
            on_error: OnError::Defer,
            stop: true,
            ..named("Coexistence")
        },
        Rule { actions: refusing(reply(451, "4.7.1", "Refused by policy")), ..named("Later") },
        Rule { actions: refusing(reply(554, "5.6.0", "No")), ..named("In full") },
        Rule { actions: Actions { drop: true, ..Actions::default() }, ..named("Away") },
        Rule { stop: true, ..named("That's all") },
    ]
}

#[test]
fn a_plan_of_entries_alone_says_nothing_of_where_mail_goes() {
    let folder = PlanFolder::of_entries("", &["a@i.example a@x.example"]);
    let engine = folder.engine();
    assert!(engine.map().routing().is_empty());
    assert_eq!(engine.map().recipient_count(), 0);
    for section in engine.map().sections().filter(|section| section.name.contains("routing")) {
        assert_eq!(section.length, 0);
    }
}

/// The recipients of a plan that lists these tables, after a head.
fn listed(head: &str, tables: &[(&str, &str)]) -> Vec<String> {
    let mut folder = PlanFolder::new(head);
    for (file, table) in tables {
        folder = folder.with(file, table);
    }
    recipients(&folder.engine())
}

#[test]
fn each_shape_of_a_list_of_recipients_is_read_as_it_is_kept() {
    let head = "[[recipients]]\nfile = 'r.csv'\n[[group]]\nname = 'One'\n[[group]]\nname = 'Two'\n\
        [[wave]]\nname = 'first'\nstate = 'migrated'\n";
    let read = |table: &str| listed(head, &[("r.csv", table)]);
    assert_eq!(read("Address\nB@x.example\na@x.example\n"), ["a@x.example", "B@x.example"]);
    let full = ["a@x.example > A@y.example [One] [Two] (first)"];
    for table in [
        "Address,RoutingAddress,Groups,Wave\na@x.example,A@y.example,one;TWO,First\n",
        "ADDRESS, routingaddress, GROUPS, wave\r\na@x.example, A@y.example, One ; Two ;, first\r\n",
        "Address;RoutingAddress;Groups;Wave\na@x.example;A@y.example;Two,One,Two;first\n",
        "Wave\tGroups\tAddress\tRoutingAddress\nfirst\t\"Two; One\"\ta@x.example\tA@y.example\n",
    ] {
        assert_eq!(read(table), full, "{table}");
    }
    assert_eq!(
        read("Address,Wave\na@x.example,\nb@x.example,first\n"),
        ["a@x.example", "b@x.example (first)"]
    );
    // The mailbox is known with its proxy; a display-name says nothing of a mailbox.
    for header in ["Name, EmailAddress", "name,EMAILADDRESS", "EmailAddress, Name"] {
        let rows = [("a@x.example", "a@y.example"), ("Doe", "doe@y.example")];
        let row = |(name, address)| if header.starts_with('E') { [address, name] } else { [name, address] };
        let rows = rows.map(|cells| row(cells).join(", ")).join("\n");
        let expected = ["a@x.example", "a@y.example", "doe@y.example"];
        assert_eq!(read(&format!("{header}\n{rows}\n")), expected, "{header}");
    }
}

#[test]
fn one_recipient_in_several_tables_is_one() {
    let head = "[[recipients]]\nfile = 'a.csv'\n[[recipients]]\nfile = 'b.csv'\n\
        [[group]]\nname = 'One'\nfile = 'g.csv'\n[[group]]\nname = 'Two'\n\
        [[wave]]\nname = 'first'\nstate = 'migrated'\n";
    let a = "Address,Groups\nAnn@x.example,\nann@X.example,Two\n\"\"\"ann\"\"@x.example\",\n";
    let b =
        "Address,RoutingAddress,Wave\nANN@x.example.,a@y.example,first\nann@x.example,A@Y.example,First\n";
    let g = "Identity,Members\nOne,ann@x.example\nOne,ann@x.example\n";
    let found = listed(head, &[("a.csv", a), ("b.csv", b), ("g.csv", g)]);
    assert_eq!(found, ["Ann@x.example > a@y.example [One] [Two] (first)"]);
}

#[test]
fn a_proxy_is_its_mailbox_but_for_the_wave() {
    let head = "[[recipients]]\nfile = 'a.csv'\n[[recipients]]\nfile = 'p.csv'\n\
        [[group]]\nname = 'One'\nfile = 'g.csv'\n[[wave]]\nname = 'first'\nstate = 'in-flight'\n";
    let a = "Address,RoutingAddress,Wave\nann@x.example,ann@z.example,first\n";
    let p = "Name, EmailAddress\nann@x.example, ann@y.example\nann@x.example, ann@z.example\n";
    let g = "Identity, Members\nOne, ann@x.example\n";
    assert_eq!(
        listed(head, &[("a.csv", a), ("p.csv", p), ("g.csv", g)]),
        [
            "ann@x.example > ann@z.example [One] (first)",
            "ann@y.example > ann@z.example [One]",
            "ann@z.example [One]",
        ]
    );
}

#[test]
fn one_table_may_hold_several_groups() {
    let head = "[[group]]\nname = 'One'\nfile = 'g.csv'\n[[group]]\nname = 'Two'\nfile = './g.csv'\n\
        [[group]]\nname = 'None'\n";
    let table = "Identity,Members\n\
        one,a@x.example\n\
        Two,\"a@x.example; b@x.example , \"\"c;d\"\"@x.example\"\n\
        ONE,c@x.example\n\
        Three,d@x.example\n";
    let folder = PlanFolder::new(head).with("g.csv", table);
    let engine = folder.engine();
    assert_eq!(
        recipients(&engine),
        ["-a@x.example [One] [Two]", "-b@x.example [Two]", "-c@x.example [One]", "-\"c;d\"@x.example [Two]"]
    );
    assert!(!engine.map().routing().has_directory, "members of groups are no list of recipients");
    let warnings = folder.read().check().warnings;
    let [found] = warnings.as_slice() else { panic!("{warnings:#?}") };
    assert_eq!((found.code, common::place(found)), ("unknown-name", (5, 1)));
}

#[test]
fn rows_with_mistakes_are_named_and_nothing_is_compiled() {
    let head = "[[recipients]]\nfile = 'r.csv'\n";
    let folder =
        PlanFolder::new(head).with("r.csv", "Address, RoutingAddress\na@x.example, \"b@y.example\"\n");
    let found = readdress_plan::Plan::read(&folder.plan_file()).unwrap_err();
    let codes: Vec<_> = found.iter().map(|found| (found.code, common::place(found))).collect();
    assert_eq!(codes, [("bad-quoting", (2, 14))]);
}

#[test]
fn a_map_counts_to_65535() {
    let waves = |count: u32| {
        let wave = |number| format!("[[wave]]\nname='{number}'\nstate='pending'\n");
        (0..count).map(wave).collect::<Vec<_>>().concat()
    };
    let most = PlanFolder::new(&format!("{}[[recipients]]\nfile='r.csv'\n", waves(65_535)));
    let most = most.with("r.csv", "Address,Wave\na@x.example,65534\n");
    assert_eq!(recipients(&most.engine()), ["a@x.example (65534)"]);
    let found = readdress_plan::Plan::read(&PlanFolder::new(&waves(65_536)).plan_file()).unwrap_err();
    let codes: Vec<_> = found.iter().map(|found| (found.code, common::place(found).0)).collect();
    assert_eq!(codes, [("too-large", 65_535 * 3 + 1)]);
}

#[test]
fn the_same_plan_gives_the_same_map() {
    assert_eq!(everything().map(), everything().map());
}
