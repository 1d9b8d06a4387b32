//! The engine's shortcuts - scanning by blocks, the filter that tells of a body that it names no mapped domain,
//! mailboxes read 64 octets at a time - never change what comes out: the same as without them, whatever the message.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod support;

use std::fmt::Write as _;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use readdress::address::{AddressList, Item};
use readdress::{Direction, Engine, EntryDirection, Limits, Policy, Scratch};
use support::{KNOWN, config, engine_with, known_message, mail_soup};

/// All that an engine says of a message.
fn account(engine: &Engine, direction: Direction, message: &[u8]) -> String {
    let mut scratch = Scratch::new();
    let done = match engine.rewrite_into(direction, message, &mut scratch) {
        Ok(done) => done,
        Err(error) => return format!("{error:?}"),
    };
    let mut account = format!("{:?} {} {}\n", done.flags(), done.input_body_offset(), done.body_offset());
    for edit in done.edits() {
        writeln!(account, "{edit:?}").unwrap();
    }
    for skip in done.skipped() {
        writeln!(account, "{skip:?}").unwrap();
    }
    for address in done.unmapped() {
        writeln!(account, "{}", String::from_utf8_lossy(address)).unwrap();
    }
    for signature in done.signatures() {
        writeln!(account, "{signature:?}").unwrap();
    }
    writeln!(account, "{:?}", done.from_domains()).unwrap();
    account
}

fn agree(engine: &Engine, message: &[u8]) -> Result<(), TestCaseError> {
    let plain = engine.without_shortcuts();
    for direction in Direction::ALL {
        prop_assert_eq!(account(engine, direction, message), account(&plain, direction, message));
    }
    Ok(())
}

/// The domains of generated messages, and a few more to come near to.
static HIDDEN: LazyLock<Engine> = LazyLock::new(|| {
    let policy = Policy { scrub_display_names: true, ..Policy::default() };
    engine_with(
        policy,
        &[
            ("john@t0.example", "john@shared.test", EntryDirection::Both, &[]),
            ("*.lab.example", "lab.test", EntryDirection::Outbound, &["keep.lab.example"]),
            ("b\u{fc}cher.example", "books.test", EntryDirection::Both, &[]),
            ("john@q.w", "jo@shared.test", EntryDirection::Both, &[]),
            ("john@_lab.d_e", "joe@shared.test", EntryDirection::Both, &[]),
        ],
    )
});

/// The same with an entry that a filter would not be sound for.
static SINGLE_LABEL: LazyLock<Engine> = LazyLock::new(|| {
    engine_with(
        Policy::default(),
        &[
            ("john@localhost", "john@shared.test", EntryDirection::Both, &[]),
            ("john@[192.0.2.1]", "jo@shared.test", EntryDirection::Both, &[]),
        ],
    )
});

/// Few addresses are allowed: whatever a filter passes over counts all the same.
static NARROW: LazyLock<Engine> = LazyLock::new(|| {
    let limits = Limits { addresses: 12, ..Limits::default() };
    engine_with(
        Policy { limits, ..Policy::default() },
        &[("user0@t0.example", "u@x.example", EntryDirection::Both, &[])],
    )
});

/// A domain in a dress: what may stand around its dots, in its labels and behind it.
fn dressed_domain() -> impl Strategy<Value = String> {
    let domain = select(vec![
        "t0.example",
        "T0.EXAMPLE",
        "x.lab.example",
        "lab.example",
        "keep.lab.example",
        "b\u{fc}cher.example",
        "xn--bcher-kva.example",
        "shared.test",
        "q.w",
        "Q.W",
        "x.q.w",
        "_lab.d_e",
        "localhost",
        "[192.0.2.1]",
        "xt0.example",
        "t0.examples",
        "t1.example",
        "elsewhere.org",
        "\u{ff54}0.example",
        "example",
    ]);
    let dot = select(vec![
        ".",
        ".",
        ".",
        ".",
        " .",
        ". ",
        " . ",
        ".(c)",
        "(c).",
        "(a.b) . (c)",
        ".\r\n ",
        "\r\n\t.",
        "..",
        "\\.",
        "\u{3002}",
        ".\t",
        "\t.",
        "\".\"",
        ".\0",
        "%2e",
        "=2E",
    ]);
    let end = select(vec!["", "", "", ".", " ", "(c)", "\r\n ", "..", "\u{3002}", "-", "_"]);
    (domain, dot, end).prop_map(|(domain, dot, end)| domain.replace('.', dot) + end)
}

/// An address, or something that looks like one, with such a domain.
fn dressed_address() -> impl Strategy<Value = String> {
    let local_part = select(vec![
        "john",
        "JOHN",
        "\"john\"",
        "john+x",
        "jo.hn",
        "j\u{f6}",
        "",
        "a b",
        "\"jo\\hn\"",
        "SRS0=a=b=t0.example=c",
    ]);
    let at = select(vec!["@", "@", "@", "@", " @ ", "@(c)", "(c)@", "@\r\n ", "@@", "%40", "\"@\""]);
    (local_part, at, dressed_domain())
        .prop_map(|(local_part, at, domain)| format!("{local_part}{at}{domain}"))
}

/// A body that holds such addresses, well-formed or not.
fn dressed_body() -> impl Strategy<Value = String> {
    let item =
        (0..16_usize, dressed_address(), dressed_address()).prop_map(|(shape, address, other)| match shape {
            0..=2 => address,
            3..=5 => format!("John <{address}>"),
            6 => format!("\"{}\" <{other}>", address.replace('"', "")),
            7 => format!("({address}) {other}"),
            8 => format!("Team: {address}, {other};"),
            9 => format!("<@{other}:{address}>"),
            10 => format!("=?utf-8?q?{}?= <{other}>", address.replace('@', "=40").replace(' ', "_")),
            11 => format!("\"{address} <{other}>"),
            12 => "\"john@t0\\.example\" <a@elsewhere.org>".to_owned(),
            13 => "\"\\john@\\t\\0.exampl\\e\" <a@elsewhere.org>".to_owned(),
            14 => format!("John Q. Doe, MD <{address}>"),
            _ => format!("{address} {other}"),
        });
    vec(item, 0..4).prop_map(|items| items.join(", "))
}

/// A message of such bodies.
fn dressed_message() -> impl Strategy<Value = Vec<u8>> {
    let name = select(vec!["From", "to", "Cc", "Reply-To", "Subject", "Sender", "Resent-From"]);
    vec((name, dressed_body()), 1..4).prop_map(|fields| {
        let mut message = String::new();
        for (name, body) in fields {
            write!(message, "{name}: {body}\r\n").unwrap();
        }
        (message + "\r\njohn@t0.example\r\n").into_bytes()
    })
}

fn items_agree(body: &[u8]) -> Result<(), TestCaseError> {
    let items: Vec<Item> = AddressList::new(body).collect();
    let by_grammar: Vec<Item> = AddressList::new(body).without_shortcuts().collect();
    prop_assert_eq!(items, by_grammar, "{}", String::from_utf8_lossy(body));
    Ok(())
}

/// A mailbox near to what most look like: something in it, or its length, is not as usual, or nothing is.
fn unusual_mailbox() -> impl Strategy<Value = String> {
    let space = || {
        select(vec![
            "",
            " ",
            " ",
            "  ",
            "\r\n        ",
            "\t",
            "\r\n ",
            "\n\t",
            "\r ",
            "\r",
            "\n",
            "(c)",
            "\0",
        ])
    };
    let word = || {
        let odd = vec![
            "", ".", "..", ".a", "a.", "\u{fc}", "\"a\"", "a\"", "@", "<", ">", ",", ";", ":", "[", "\x7f",
        ];
        prop_oneof![3 => (0..40_usize).prop_map(|length| "abcdefgh.i".repeat(7)[..length].to_owned()),
            1 => select(odd).prop_map(str::to_owned)]
    };
    let name = prop_oneof![
        (word(), space(), word()).prop_map(|(first, between, last)| first + between + &last),
        (word(), space(), word()).prop_map(|(first, between, last)| format!("\"{first}, {between}{last}\"")),
        select(vec!["\"a\\\"b\"", "\"\"", "\"a", "\"a\" b", "a \"b\"", "=?utf-8?q?=C3=BC?="])
            .prop_map(str::to_owned),
        Just(String::new()),
    ];
    let addr_spec = (word(), select(vec!["@", "@", "@", "@", "", " @", "@ ", "@@"]), word())
        .prop_map(|(local_part, at, domain)| local_part + at + &domain);
    let end = select(vec![">", ">", ">", ">", "", ">>", " >", ">a", "> ", ">;"]);
    (space(), name, space(), any::<bool>(), addr_spec, end).prop_map(
        |(before, name, between, bare, addr_spec, end)| {
            if bare {
                before.to_owned() + &addr_spec
            } else {
                format!("{before}{name}{between}<{addr_spec}{end}")
            }
        },
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn mailboxes_are_those_of_the_grammar(
        items in vec(unusual_mailbox(), 1..5),
        group in select(vec!["", "", "Team: ", "Team:"]),
        body in dressed_body(),
        soup in mail_soup(),
    ) {
        items_agree(format!("{group}{}", items.join(",")).as_bytes())?;
        items_agree(body.as_bytes())?;
        items_agree(&soup)?;
    }

    #[test]
    fn a_mapped_domain_in_any_dress_is_seen(message in dressed_message()) {
        agree(&HIDDEN, &message)?;
        agree(&SINGLE_LABEL, &message)?;
    }

    #[test]
    fn messages_with_a_known_outcome_come_out_the_same(number in any::<prop::sample::Index>(), known in known_message()) {
        agree(number.get(&KNOWN), known.input.as_bytes())?;
        agree(&NARROW, known.input.as_bytes())?;
    }

    #[test]
    fn anything_comes_out_the_same(number in any::<prop::sample::Index>(), message in mail_soup()) {
        agree(number.get(&KNOWN), &message)?;
        agree(&HIDDEN, &message)?;
        agree(&NARROW, &message)?;
    }
}

#[test]
fn a_name_in_quotes_ends_where_the_grammar_says() {
    for before in 0..80 {
        for behind in 0..4 {
            for odd in ["", "\\", "\"", "\r", "\0", "\r\n", ",", "\\\""] {
                for fold in ["", " ", "\r\n      "] {
                    let (before, behind) = ("a".repeat(before), "b".repeat(behind));
                    let body = format!("{fold}\"{before}{odd}{behind}\" <c@d.example>, e@f.example");
                    items_agree(body.as_bytes()).unwrap();
                }
            }
        }
    }
}

#[test]
fn mailboxes_are_found_wherever_their_parts_end() {
    let text = |length: usize| "abcdefg.hi".repeat(10)[..length].to_owned();
    for name in 0..80 {
        for local_part in [1, 2, 7, 20, 40] {
            for domain in [1, 3, 20, 62, 63, 64, 70] {
                let addr_spec = format!("{}@{}", text(local_part), text(domain));
                let name = text(name);
                let body = format!(" {name} <{addr_spec}>,\"{name}\" <{addr_spec}>,\r\n\t{addr_spec}");
                items_agree(body.as_bytes()).unwrap();
            }
        }
    }
}
