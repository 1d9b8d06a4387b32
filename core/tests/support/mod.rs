//! What the engine's tests share: small maps, and messages whose right outcome is known from how
//! they were put together.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test support; each test uses a part"
)]

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use readdress::{Engine, EntryDirection, FieldSet, MapBuilder, Mode, NewEntry, OnSigned, Policy, Preset};

/// An engine for `(internal, external, direction, exceptions)`.
pub(crate) fn engine_with(policy: Policy, entries: &[(&str, &str, EntryDirection, &[&str])]) -> Engine {
    let mut builder = MapBuilder::new();
    builder.set_policy(policy);
    let file = builder.add_source("entries.csv");
    for (number, (internal, external, direction, except)) in entries.iter().enumerate() {
        let except: Vec<&[u8]> = except.iter().map(|domain| domain.as_bytes()).collect();
        builder
            .add(&NewEntry {
                name: &format!("entry {number}"),
                internal: internal.as_bytes(),
                external: external.as_bytes(),
                direction: *direction,
                except: &except,
                source: Some((file, u32::try_from(number).unwrap() + 2)),
            })
            .unwrap();
    }
    Engine::from_bytes(builder.finish().unwrap()).unwrap()
}

/// An engine for two-way entries, with the default policy.
pub(crate) fn engine(entries: &[(&str, &str)]) -> Engine {
    let entries: Vec<_> = entries.iter().map(|(i, x)| (*i, *x, EntryDirection::Both, &[][..])).collect();
    engine_with(Policy::default(), &entries)
}

/// How often properties are tried: 20,000 times, or as `READDRESS_CASES` says.
pub(crate) fn config() -> Config {
    let cases = std::env::var("READDRESS_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(20_000);
    Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() }
}

/// An engine of [`known_engine`] for each preset, then one in shadow mode, one with [`opt_in`], and one for
/// each policy that leaves something alone in signed messages.
pub(crate) static KNOWN: LazyLock<Vec<Engine>> = LazyLock::new(|| {
    let shadow = Policy { mode: Mode::Shadow, ..Policy::default() };
    let signed = [OnSigned::SkipFields, OnSigned::EnvelopeOnly].map(|on_signed| Policy {
        on_signed_outbound: on_signed,
        on_signed_inbound: on_signed,
        ..Policy::default()
    });
    let presets = Preset::ALL.map(Policy::from_preset).into_iter();
    presets.chain([shadow, opt_in()]).chain(signed).map(known_engine).collect()
});

/// The default with all that a plan has to ask for.
pub(crate) fn opt_in() -> Policy {
    let lists =
        ["List-Post", "List-Unsubscribe", "List-Help", "List-Subscribe", "List-Owner", "List-Archive"];
    let mut policy = Policy { scrub_display_names: true, ..Policy::default() };
    let names: Vec<String> = policy.outbound.names().chain(lists).map(str::to_owned).collect();
    policy.outbound = FieldSet::new(names.clone()).unwrap();
    policy.inbound = FieldSet::new(names).unwrap();
    policy
}

/// The map that generated messages are about.
fn known_engine(policy: Policy) -> Engine {
    use EntryDirection::{Both, Outbound};
    let mut entries: Vec<(String, String, EntryDirection, Vec<&str>)> = (0..USERS)
        .map(|user| (format!("user{user}@t{}.example", user % 2), external_of(user), Both, vec![]))
        .collect();
    entries.push(("dom.example".into(), "domx.example".into(), Both, vec![]));
    entries.push(("*.lab.example".into(), "labx.example".into(), Outbound, vec!["keep.lab.example"]));
    let entries: Vec<_> =
        entries.iter().map(|(i, x, d, e)| (i.as_str(), x.as_str(), *d, e.as_slice())).collect();
    engine_with(policy, &entries)
}

const USERS: usize = 6;

/// External addresses of all shapes: shorter, longer, quoted, much longer.
fn external_of(user: usize) -> String {
    match user {
        0 => "u@x.example".to_owned(),
        1 => "\"first last\"@x.example".to_owned(),
        2 => format!("{}@x.example", "long.".repeat(12) + "name"),
        _ => format!("name{user}@x.example"),
    }
}

/// A stretch of a message.
#[derive(Clone, Debug)]
pub(crate) enum Chunk {
    /// Never changed.
    Text(String),
    /// An addr-spec as it stands, and what it becomes outbound.
    Address { text: String, becomes: Option<String>, is_unmapped: bool },
    /// An address in another form, and what it becomes outbound where the plan asks for that.
    OptIn { text: String, becomes: Option<String>, is_unmapped: bool },
}

/// A message, its outbound outcome, and the addresses reported as unmapped.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) edits: usize,
    pub(crate) unmapped: usize,
    /// What [`opt_in`] makes of it.
    pub(crate) opt_in: Outcome,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) output: String,
    pub(crate) edits: usize,
    pub(crate) unmapped: usize,
}

/// Messages made of well-formed parts, with their outcome.
pub(crate) fn known_message() -> impl Strategy<Value = Known> {
    (vec(known_field(), 0..6), select(vec!["\r\n", "\n"])).prop_map(|(fields, ending)| {
        let (mut input, mut plain, mut opt_in) = (String::new(), Outcome::default(), Outcome::default());
        for chunk in
            fields.into_iter().flatten().chain([Chunk::Text("\u{1}\u{1}user0@t0.example\u{1}".into())])
        {
            let (text, becomes, is_unmapped, is_opt_in) = match chunk {
                Chunk::Text(text) => (text, None, false, false),
                Chunk::Address { text, becomes, is_unmapped } => (text, becomes, is_unmapped, false),
                Chunk::OptIn { text, becomes, is_unmapped } => (text, becomes, is_unmapped, true),
            };
            let lines = |text: &str| text.replace('\u{1}', ending);
            input += &lines(&text);
            for (outcome, is_asked_for) in [(&mut plain, !is_opt_in), (&mut opt_in, true)] {
                let becomes = becomes.as_ref().filter(|_| is_asked_for);
                outcome.output += &lines(becomes.unwrap_or(&text));
                outcome.edits += usize::from(becomes.is_some());
                outcome.unmapped += usize::from(is_unmapped && is_asked_for);
            }
        }
        let Outcome { output, edits, unmapped } = plain;
        let mut known = Known { input, output, edits, unmapped, opt_in };
        // The body begins behind an empty line; the first of the two endings above ends a field.
        if known.input.starts_with(ending) {
            known.input.drain(..ending.len());
            known.output.drain(..ending.len());
            known.opt_in.output.drain(..ending.len());
        }
        known
    })
}

/// A field, without the line ending behind it; `\u{1}` stands for line endings.
fn known_field() -> impl Strategy<Value = Vec<Chunk>> {
    let name = select(vec!["From", "TO", "cc", "Reply-To", "Resent-From", "bcc", "Sender", "Errors-To"]);
    let other = select(vec![
        "Subject: user0@t0.example",
        "Received: from x\u{1}\tfor <user0@t0.example>",
        "X-To: user0@t0.example",
        "Message-ID: <1@t0.example>",
    ]);
    let rewritten = (name, vec(known_address(), 0..5)).prop_map(|(name, addresses)| {
        let mut chunks = vec![Chunk::Text(format!("\u{1}{name}: "))];
        for (number, address) in addresses.into_iter().enumerate() {
            if number > 0 {
                chunks.push(Chunk::Text(",".to_owned()));
            }
            chunks.extend(address);
        }
        chunks
    });
    prop_oneof![
        6 => rewritten,
        1 => list_field(),
        1 => autocrypt(),
        1 => other.prop_map(|text| vec![Chunk::Text(format!("\u{1}{text}"))]),
    ]
}

/// address = mailbox / group
fn known_address() -> impl Strategy<Value = Vec<Chunk>> {
    let group = (display_name(), vec(mailbox(), 0..3)).prop_map(|(name, members)| {
        let mut chunks = vec![Chunk::Text(format!("{name}:"))];
        for (number, member) in members.into_iter().enumerate() {
            if number > 0 {
                chunks.push(Chunk::Text(",".to_owned()));
            }
            chunks.extend(member);
        }
        chunks.push(Chunk::Text(";".to_owned()));
        chunks
    });
    prop_oneof![8 => mailbox(), 1 => group, 1 => Just(vec![Chunk::Text(" ".to_owned())])]
}

fn mailbox() -> impl Strategy<Value = Vec<Chunk>> {
    let bare = (cfws(), addr_spec(), cfws())
        .prop_map(|(before, address, after)| vec![Chunk::Text(before), address, Chunk::Text(after)]);
    let route = select(vec!["", "", "", "@a.example:", "@a.example,@b.example:"]);
    let name = prop_oneof![
        3 => display_name().prop_map(|name| match name.as_str() {
            "\"user0@t0.example\" " => vec![
                Chunk::OptIn {
                    text: "\"user0@t0.example\"".to_owned(),
                    becomes: Some("\"u@x.example\"".to_owned()),
                    is_unmapped: false,
                },
                Chunk::Text(" ".to_owned()),
            ],
            _ => vec![Chunk::Text(name)],
        }),
        1 => address_as_name(),
    ];
    let named = (name, route, cfws(), addr_spec(), cfws(), cfws()).prop_map(
        |(mut chunks, route, before, address, inside, after)| {
            chunks.push(Chunk::Text(format!("<{route}{before}")));
            chunks.push(address);
            chunks.push(Chunk::Text(format!("{inside}>{after}")));
            chunks
        },
    );
    prop_oneof![bare, named]
}

fn display_name() -> impl Strategy<Value = String> {
    select(vec![
        "John ",
        "\"Doe, John\" ",
        "Jane O. Doe ",
        "\"user0@t0.example\" ",
        "\"a \\\" b\" c ",
        "=?utf-8?q?J=C3=B6rg?= ",
        "Jörg ",
        "x (user0@t0.example)\u{1} y ",
        "a.b.c ",
    ])
    .prop_map(str::to_owned)
}

/// An address without quotes, comments and white space, what it becomes, and whether it is unmapped.
fn plain_address() -> impl Strategy<Value = (&'static str, Option<&'static str>, bool)> {
    select(vec![
        ("user0@t0.example", Some("u@x.example"), false),
        ("USER1@T1.example.", Some("\"first last\"@x.example"), false),
        ("user3+a=b@t1.example", Some("name3+a=b@x.example"), false),
        ("anna@dom.example", Some("anna@domx.example"), false),
        ("o'neil@lab.example", Some("o'neil@labx.example"), false),
        ("nobody@t0.example", None, true),
        ("postmaster@dom.example", None, true),
        ("anna@keep.lab.example", None, false),
        ("user0@elsewhere.example", None, false),
    ])
}

/// A display-name that is an address, in all the forms that are read.
fn address_as_name() -> impl Strategy<Value = Vec<Chunk>> {
    let around = select(vec![("", ""), ("'", "'"), ("<", ">"), ("'<", ">'")]);
    (plain_address(), around, 0..5_usize, cfws()).prop_map(
        |((address, becomes, is_unmapped), (before, behind), form, after)| {
            let said = format!("{before}{address}{behind}");
            let q = |text: &str| {
                let hex: Vec<String> = text.bytes().map(|octet| format!("={octet:02X}")).collect();
                format!("=?UTF-8?q?{}?=", hex.concat())
            };
            let (first, rest) = said.split_at(said.len() / 2);
            let text = match form {
                0 | 1 => format!("\"{said}\""),
                2 => q(&said),
                3 => format!("=?us-ascii?B?{}?=", base64(&said)),
                _ => format!("{}\u{1} {}", q(first), q(rest)),
            };
            let becomes = becomes
                .map(|new| format!("\"{before}{}{behind}\"", new.replace('\\', "\\\\").replace('"', "\\\"")));
            vec![Chunk::OptIn { text, becomes, is_unmapped }, Chunk::Text(after)]
        },
    )
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| bits << 8 | usize::from(*group.get(at).unwrap_or(&0)));
        for digit in 0..4 {
            let digit = DIGITS[bits >> (18 - 6 * digit) & 63];
            out.push(if out.len() % 4 <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// A field of RFC 2369.
fn list_field() -> impl Strategy<Value = Vec<Chunk>> {
    let name = select(vec!["List-Post", "list-unsubscribe", "List-Help", "LIST-OWNER"]);
    let address =
        (plain_address(), any::<bool>()).prop_map(|((address, becomes, is_unmapped), is_encoded)| {
            let percent = |text: &str, all: bool| -> String {
                let at = text.rfind('@').unwrap();
                let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b".+'".contains(&octet);
                let encode = |(place, octet): (usize, u8)| match octet {
                    _ if !all && (place == at || is_plain(octet)) => char::from(octet).to_string(),
                    _ => format!("%{octet:02X}"),
                };
                text.bytes().enumerate().map(encode).collect()
            };
            Chunk::OptIn {
                text: percent(address, is_encoded),
                becomes: becomes.map(|new| percent(new, false)),
                is_unmapped,
            }
        });
    let headers = select(vec![
        "",
        "?subject=user0@t0.example",
        "?to=user0%40t0.example&x=\u{1} y",
        "#user0@t0.example",
    ]);
    let scheme = select(vec!["mailto:", "MAILTO:", "mail\u{1}\tto:"]);
    let link = (cfws(), scheme, vec(address, 0..3), headers, cfws()).prop_map(
        |(before, scheme, addresses, headers, after)| {
            let mut chunks = vec![Chunk::Text(format!("{before}<{scheme}"))];
            for (number, address) in addresses.into_iter().enumerate() {
                if number > 0 {
                    chunks.push(Chunk::Text(", ".to_owned()));
                }
                chunks.push(address);
            }
            chunks.push(Chunk::Text(format!("{headers}>{after}")));
            chunks
        },
    );
    let other = select(vec!["<https://t0.example/user0@t0.example>", " ", "<x-mailto:user0@t0.example> (c)"])
        .prop_map(|text| vec![Chunk::Text(text.to_owned())]);
    (name, vec(prop_oneof![3 => link, 1 => other], 0..4)).prop_map(|(name, links)| {
        let mut chunks = vec![Chunk::Text(format!("\u{1}{name}: "))];
        for (number, link) in links.into_iter().enumerate() {
            if number > 0 {
                chunks.push(Chunk::Text(",".to_owned()));
            }
            chunks.extend(link);
        }
        chunks
    })
}

fn autocrypt() -> impl Strategy<Value = Vec<Chunk>> {
    let before = select(vec!["", " ", " prefer-encrypt=mutual;\u{1}\t", "_addr=user0@t0.example;"]);
    let behind = select(vec!["", " ", ";", " ; keydata=\u{1} dXNlcjBAdDAuZXhhbXBsZQ==\u{1} AAAA"]);
    (before, plain_address(), behind).prop_map(|(before, (address, becomes, is_unmapped), behind)| {
        vec![
            Chunk::Text(format!("\u{1}Autocrypt:{before}addr=")),
            Chunk::Address { text: address.to_owned(), becomes: becomes.map(str::to_owned), is_unmapped },
            Chunk::Text(behind.to_owned()),
        ]
    })
}

/// Comments and folding white space.
fn cfws() -> impl Strategy<Value = String> {
    let one =
        select(vec![" ", "\t", "\u{1} ", "(c)", "(a (b) \\) c)", " (user0@t0.example, x) ", "(\u{1} \")"]);
    prop_oneof![3 => Just(String::new()), 1 => vec(one, 1..3).prop_map(|parts| parts.concat())]
}

/// An addr-spec in any spelling, known to be mapped or not.
fn addr_spec() -> impl Strategy<Value = Chunk> {
    let user = (0..USERS, select(vec!["", "", "+tag", "+A.b+c", "+x."]), any::<bool>(), any::<bool>())
        .prop_map(|(user, tag, is_quoted, is_upper)| {
            let local_part = format!("user{user}");
            let local_part = if is_upper { local_part.to_uppercase() } else { local_part };
            let needs_quotes = is_quoted || tag.ends_with('.');
            let text =
                if needs_quotes { format!("\"{local_part}{tag}\"") } else { format!("{local_part}{tag}") };
            let external = external_of(user);
            let (local_part, domain) = external.rsplit_once('@').unwrap();
            let new = match (tag.is_empty(), local_part.strip_suffix('"')) {
                (true, _) => external.clone(),
                (false, Some(open)) => format!("{open}{tag}\"@{domain}"),
                (false, None) if tag.ends_with('.') => format!("\"{local_part}{tag}\"@{domain}"),
                (false, None) => format!("{local_part}{tag}@{domain}"),
            };
            (text, format!("t{}.example", user % 2), Some(new), false)
        });
    let local_part =
        select(vec!["anna", "\"anna b\"", "anna+x", "a.b-c_d", "1!#$%&'*/=?^`{|}~", "\"\\\"\"", "jörg"]);
    let by_domain = (
        local_part,
        select(vec![
            ("dom.example", "domx.example"),
            ("A.Lab.example", "labx.example"),
            ("lab.example", "labx.example"),
        ]),
    )
        .prop_map(|(local_part, (domain, new))| {
            (local_part.to_owned(), domain.to_owned(), Some(format!("{local_part}@{new}")), false)
        });
    let left_alone = select(vec![
        ("nobody", "t0.example", true),
        ("user1", "t0.example", true),
        ("postmaster", "dom.example", true),
        ("SRS0=x=y=z.example=joe", "a.lab.example", true),
        ("prvs=1234=postmaster", "dom.example", true),
        ("IMCEAEX-_O+3Dx", "dom.example", true),
        ("anna", "keep.lab.example", false),
        ("anna", "x.keep.lab.example", false),
        ("user0", "elsewhere.example", false),
        ("anna", "[192.0.2.1]", false),
        ("anna", "dömain.example", false),
        ("user0", "t0.example.org", false),
    ])
    .prop_map(|(local_part, domain, is_unmapped)| {
        (local_part.to_owned(), domain.to_owned(), None, is_unmapped)
    });
    let parts = prop_oneof![4 => user, 2 => by_domain, 2 => left_alone];
    (parts, [cfws(), cfws(), cfws()], any::<bool>(), any::<bool>()).prop_map(
        |((local_part, domain, becomes, is_unmapped), [before, after, within], is_upper, has_dot)| {
            let domain = if is_upper && domain.is_ascii() { domain.to_uppercase() } else { domain };
            let (first, rest) = match domain.split_once('.') {
                Some((first, rest)) if !domain.starts_with('[') => {
                    (first.to_owned(), format!(".{within}{rest}"))
                }
                _ => (domain.clone(), String::new()),
            };
            let dot = if has_dot && !domain.starts_with('[') { "." } else { "" };
            let text = format!("{local_part}{before}@{after}{first}{rest}{dot}");
            let comments: String = [&before, &after, if rest.is_empty() { &rest } else { &within }]
                .into_iter()
                .map(comments_of)
                .collect();
            Chunk::Address { becomes: becomes.map(|new| new + &comments), text, is_unmapped }
        },
    )
}

/// The comments of a stretch of white space and comments.
fn comments_of(cfws: impl AsRef<str>) -> String {
    let (mut depth, mut escaped, mut out) = (0, false, String::new());
    for character in cfws.as_ref().chars() {
        let was_escaped = escaped;
        escaped = !was_escaped && character == '\\';
        depth += usize::from(character == '(' && !was_escaped);
        if depth > 0 {
            out.push(character);
        }
        depth -= usize::from(character == ')' && !was_escaped);
    }
    out
}

/// Octets that header sections get their meaning from, and a few others, in any order.
pub(crate) fn mail_soup() -> impl Strategy<Value = Vec<u8>> {
    let word = select(vec![
        "From:",
        "To: ",
        "cc :",
        "Subject: ",
        "X:",
        "Content-Type: application/pkcs7-mime",
        "DKIM-Signature: d=t0.example; h=from:to",
        "\r\n",
        "\n",
        "\r",
        "\r\n ",
        "\n\t",
        " ",
        "\r\n\r\n",
        ",",
        ";",
        ":",
        "<",
        ">",
        "@",
        ".",
        "\"",
        "\\",
        "(",
        ")",
        "[",
        "]",
        "user0@t0.example",
        "user2@t0.example",
        "a@dom.example",
        "USER1",
        "t1.example",
        "dom.example",
        "+x",
        "John",
        "=?utf-8?q?x?=",
        "\"user0@t0.example\" ",
        "=?utf-8?q?user0=40t0.example?= ",
        "=?utf-8?b?",
        "?=",
        "'",
        "List-Unsubscribe: ",
        "List-Unsubscribe-Post: x\r\n",
        "DKIM-Signature: h=List-Unsubscribe-Post\n",
        "<mailto:",
        "%40",
        "%",
        "?",
        "Autocrypt: ",
        "addr=",
        "From: user0@t0.example\n",
        "ö",
        "\u{0}",
        "\u{7f}",
        "<>",
        "()",
        "\"\"",
        "<user3@t1.example>",
        "@a,@b:",
        "Team: ",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ]);
    let piece =
        prop_oneof![30 => word.prop_map(|word| word.as_bytes().to_vec()), 1 => vec(any::<u8>(), 1..3)];
    (
        select(vec!["", "From: ", "To: \"", "Cc: x:", "List-Post: <mailto:", "Autocrypt: addr="]),
        vec(piece, 0..60),
    )
        .prop_map(|(start, pieces)| [start.as_bytes(), &pieces.concat()].concat())
}
