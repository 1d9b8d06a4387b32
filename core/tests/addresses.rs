//! The address grammar, case by case: which octets are an addr-spec, and why the others are not.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

use readdress::address::{AddressList, Item};

/// The addr-specs of a body as they stand, and the names of what did not parse.
fn parse(body: &str) -> Vec<String> {
    AddressList::new(body.as_bytes())
        .map(|item| match item {
            Item::Mailbox(mailbox) => {
                String::from_utf8_lossy(mailbox.addr_spec.span().of(body.as_bytes())).into_owned()
            }
            Item::Malformed { reason, .. } => format!("! {reason}"),
        })
        .collect()
}

#[track_caller]
fn check(cases: &[(&str, &[&str])]) {
    for (body, want) in cases {
        assert_eq!(parse(body), *want, "{body:?}");
    }
}

#[test]
fn mailboxes_of_rfc_5322_3_4() {
    check(&[
        ("john@a.example", &["john@a.example"]),
        (" <john@a.example>", &["john@a.example"]),
        ("John Doe <john@a.example>", &["john@a.example"]),
        ("\"Doe, John\" <john@a.example>, mary@b.example", &["john@a.example", "mary@b.example"]),
        ("\"a@x\" <b@y>", &["b@y"]),
        ("\"john doe\"@a.example", &["\"john doe\"@a.example"]),
        ("\"a@b\"@c", &["\"a@b\"@c"]),
        ("john@[192.0.2.1]", &["john@[192.0.2.1]"]),
        ("a!b%c@d", &["a!b%c@d"]),
        ("=?utf-8?q?x=40y?=@d", &["=?utf-8?q?x=40y?=@d"]),
        ("Jörg <jörg@dömain.example>", &["jörg@dömain.example"]),
        ("", &[]),
        (" \r\n ", &[]),
    ]);
}

#[test]
fn groups_are_their_members() {
    check(&[
        ("Team: a@d, B <b@d>;", &["a@d", "b@d"]),
        ("Team:;", &[]),
        ("undisclosed-recipients: ;, c@d", &["c@d"]),
        ("A: a@d;, B: b@d; (end), c@d", &["a@d", "b@d", "c@d"]),
        ("\"A: B\": a@d;", &["a@d"]),
        // RFC 5322 3.4 wants the semicolon; nothing else can be meant without it.
        ("Team: a@d, b@d", &["a@d", "b@d"]),
        ("A: B: a@d;, c@d", &["! nested-group", "c@d"]),
        ("A: a@d; b@d, c@d", &["a@d", "! text-after-address", "c@d"]),
    ]);
}

#[test]
fn comments_and_folds_stand_anywhere() {
    check(&[
        ("(c) john (c) @ (c) a . example (c)", &["john (c) @ (c) a . example"]),
        ("John (a@b) <(c)john@a(d)> (e)", &["john@a"]),
        ("(a (b@c) \\) d) x@y", &["x@y"]),
        ("a@b (, c@d), e@f", &["a@b", "e@f"]),
        ("john\r\n @\r\n\ta", &["john\r\n @\r\n\ta"]),
        ("x@a(y)b", &["! text-after-address"]),
    ]);
}

#[test]
fn obsolete_forms_of_rfc_5322_4_4() {
    check(&[
        ("Jane O. Doe, MD <j@a>", &["j@a"]),
        ("J. R. R. T. <t@a>", &["t@a"]),
        ("<@r1,@r2:john@d>", &["john@d"]),
        ("<,@r1, ,@r2 (c) : john@d>", &["john@d"]),
        (",, a@b,,c@d,", &["a@b", "c@d"]),
        ("\"a\".b.\"c\"@d", &["\"a\".b.\"c\"@d"]),
        ("john@a.example.", &["john@a.example."]),
        ("<john@a.>", &["john@a."]),
    ]);
}

#[test]
fn no_address_where_there_is_none() {
    check(&[("postmaster", &[]), ("<>", &[]), ("Nobody <>", &[]), ("a b c, d", &[]), ("Team: nobody;", &[])]);
}

#[test]
fn what_is_malformed_is_named_and_left_behind_at_the_next_comma() {
    check(&[
        ("a@b@c, d@e", &["! several-at", "d@e"]),
        ("<a@b@c>, d@e", &["! several-at", "d@e"]),
        ("a@@b, d@e", &["! several-at", "d@e"]),
        ("\"a, <b@c>, d@e", &["! unterminated-quoted-string", "b@c", "d@e"]),
        ("a (b, c@d", &["! unterminated-comment", "c@d"]),
        ("a@[1.2, c@d", &["! unterminated-domain-literal", "c@d"]),
        ("<a@b, c@d", &["! unterminated-angle-addr", "c@d"]),
        ("a@b <c@d>, e@f", &["! text-after-address", "e@f"]),
        ("a@b c@d, e@f", &["! text-after-address", "e@f"]),
        ("<a@b> c, e@f", &["! text-after-address", "e@f"]),
        ("a@b; c@d, e@f", &["! text-after-address", "e@f"]),
        ("a b@c, e@f", &["! malformed-local-part", "e@f"]),
        (
            ".a@b, a.@b, a..b@c, @d, e@f",
            &[
                "! malformed-local-part",
                "! malformed-local-part",
                "! malformed-local-part",
                "! malformed-local-part",
                "e@f",
            ],
        ),
        ("a@, <a@>, <a>, e@f", &["! no-domain", "! no-domain", "! no-domain", "e@f"]),
        ("a@b..c, e@f", &["! text-after-address", "e@f"]),
        ("a\\b@c, e@f", &["! unexpected-character", "e@f"]),
        ("a\0b@c, e@f", &["! control-character", "e@f"]),
        ("\"a\0, x@y\" <b@c>, e@f", &["! control-character", "e@f"]),
        ("a\rb@c, e@f", &["! control-character", "e@f"]),
        ("<@r1:@r2:a@b>, e@f", &["! malformed-local-part", "e@f"]),
    ]);
}

#[test]
fn octets_that_are_not_utf_8_spoil_an_address_but_no_name() {
    let parse =
        |body: &[u8]| AddressList::new(body).map(|item| matches!(item, Item::Mailbox(_))).collect::<Vec<_>>();
    assert_eq!(parse(b"J\xf6rg <j@a>"), [true]);
    assert_eq!(parse(b"\"J\xf6rg\" <j@a> (J\xf6rg)"), [true]);
    assert_eq!(parse(b"j\xf6rg@a, b@c"), [false, true]);
    assert_eq!(parse(b"j@\xf6, b@c"), [false, true]);
}

#[test]
fn a_mailbox_knows_where_it_begins() {
    let body = b" (x) John <@r:j@a>";
    let Some(Item::Mailbox(mailbox)) = AddressList::new(body).next() else { unreachable!("it is a mailbox") };
    assert_eq!((mailbox.start, mailbox.angle), (5, Some(10)));
}
