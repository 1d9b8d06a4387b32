//! Addresses that stand elsewhere than in addr-specs: display-names, URIs of list fields, Autocrypt.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop")]

mod support;

use readdress::{Direction, Engine, EntryDirection, FieldSet, Policy, Preset, Rewritten, Scratch, Session};
use support::engine_with;

use EntryDirection::{Both, Outbound};

const ENTRIES: &[(&str, &str, EntryDirection, &[&str])] = &[
    ("john@t1.example", "john.smith@x.example", Both, &[]),
    ("\"jane doe\"@t1.example", "jane@x.example", Both, &[]),
    ("mary@t1.example", "\"mary jones\"@x.example", Both, &[]),
    ("juergen@t1.example", "jürgen@x.example", Both, &[]),
    ("grete@xn--bcher-kva.example", "grete@x.example", Both, &[]),
    ("i.example", "e.example", Both, &[]),
    ("*.labs.example", "x.example", Outbound, &[]),
];

fn policy() -> Policy {
    let mut policy = Policy { scrub_display_names: true, ..Policy::from_preset(Preset::Coexistence) };
    let lists =
        ["List-Post", "List-Unsubscribe", "List-Help", "List-Subscribe", "List-Owner", "List-Archive"];
    let names = policy.outbound.names().chain(lists).map(str::to_owned).collect::<Vec<_>>();
    policy.inbound = FieldSet::new(["To", "List-Post"]).unwrap();
    policy.outbound = FieldSet::new(names).unwrap();
    policy
}

fn all_on() -> Engine {
    engine_with(policy(), ENTRIES)
}

/// The output and what was reported, the same for the whole message and field by field.
fn outcome(
    engine: &Engine,
    session: impl Into<Session>,
    message: &str,
) -> (String, Vec<String>, Vec<String>) {
    let session = session.into();
    let mut scratch = Scratch::new();
    let mut parts = engine.begin(session, &mut scratch);
    let section = message.split("\r\n\r\n").next().unwrap();
    for field in section.replace("\r\n ", "\u{1} ").replace("\r\n\t", "\u{1}\t").split("\r\n") {
        let (name, body) = field.split_once(':').unwrap();
        parts.field(name.as_bytes(), body.replace('\u{1}', "\r\n").as_bytes()).unwrap();
    }
    let done = parts.finish();
    let single = (reports(&done), changes(&done));
    let done = engine.rewrite_into(session, message.as_bytes(), &mut scratch).unwrap();
    assert_eq!(single, (reports(&done), changes(&done)));
    let (skips, unmapped) = reports(&done);
    (String::from_utf8(done.to_vec()).unwrap(), skips, unmapped)
}

fn reports(done: &Rewritten<'_>) -> (Vec<String>, Vec<String>) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (
        done.skipped().map(|skip| format!("{}: {}", text(skip.field), skip.reason)).collect(),
        done.unmapped().map(text).collect(),
    )
}

/// New bodies, whatever the line ending of folds.
fn changes(done: &Rewritten<'_>) -> Vec<String> {
    let body = |value: Vec<u8>| String::from_utf8(value).unwrap().replace("\r\n", "\n");
    done.field_changes().map(|change| body(change.value())).collect()
}

/// What becomes of one field, without a report.
fn field(engine: &Engine, field: &str) -> String {
    let (output, skips, unmapped) = outcome(engine, Direction::Outbound, &format!("{field}\r\n\r\n"));
    assert_eq!((skips, unmapped), (vec![], vec![]), "{field}");
    let output = output.strip_suffix("\r\n\r\n").unwrap().to_owned();
    let again = outcome(engine, Direction::Outbound, &format!("{output}\r\n\r\n")).0;
    assert_eq!(again, format!("{output}\r\n\r\n"), "a second time changes nothing");
    output
}

#[test]
fn a_display_name_that_is_a_mapped_address_follows_the_map() {
    let engine = all_on();
    for (before, after) in [
        ("\"john@t1.example\" <john@t1.example>", "\"john.smith@x.example\" <john.smith@x.example>"),
        ("\"'john@t1.example'\" <john@t1.example>", "\"'john.smith@x.example'\" <john.smith@x.example>"),
        ("\"<john@t1.example>\" <a@b>", "\"<john.smith@x.example>\" <a@b>"),
        ("\"'<john@t1.example>'\" <a@b>", "\"'<john.smith@x.example>'\" <a@b>"),
        ("(x) \"john@t1.example\" (y)\r\n <a@b>", "(x) \"john.smith@x.example\" (y)\r\n <a@b>"),
        ("\"JOHN+news@T1.example.\"<a@b>", "\"john.smith+news@x.example\"<a@b>"),
        ("\"\\\"jane doe\\\"@t1.example\" <a@b>", "\"jane@x.example\" <a@b>"),
        ("\"mary@t1.example\" <a@b>", "\"\\\"mary jones\\\"@x.example\" <a@b>"),
        ("\"j\\ohn@t1.example\" <a@b>", "\"john.smith@x.example\" <a@b>"),
        ("\"anna@i.example\" <a@b>", "\"anna@e.example\" <a@b>"),
        ("\"anna@deep.labs.example\" <a@b>", "\"anna@x.example\" <a@b>"),
        ("=?utf-8?Q?john=40t1.example?= <a@b>", "\"john.smith@x.example\" <a@b>"),
        ("=?UTF-8?B?am9obkB0MS5leGFtcGxl?= <a@b>", "\"john.smith@x.example\" <a@b>"),
        ("=?iso-8859-1?q?=27john=40t1=2Eexample=27?= <a@b>", "\"'john.smith@x.example'\" <a@b>"),
        ("=?utf-8?q?john=40?=\r\n =?us-ascii?q?t1.example?= (c) <a@b>", "\"john.smith@x.example\" (c) <a@b>"),
        ("=?utf-8?q?grete=40b=C3=BCcher.example?= <a@b>", "\"grete@x.example\" <a@b>"),
        ("Team: \"john@t1.example\" <a@b>;", "Team: \"john.smith@x.example\" <a@b>;"),
        ("x, \"john@t1.example\" <@r.example:a@b>", "x, \"john.smith@x.example\" <@r.example:a@b>"),
    ] {
        assert_eq!(field(&engine, &format!("To: {before}")), format!("To: {after}"));
    }
}

#[test]
fn any_other_display_name_stays() {
    let engine = all_on();
    for name in [
        "John",
        "\"John john@t1.example\"",
        "\"john@t1.example \"",
        "\" john@t1.example\"",
        "\"john@t1.example,\"",
        "\"john@t1.example\" John",
        "John \"john@t1.example\"",
        "\"john\"\"@t1.example\"",
        "\"mailto:john@t1.example\"",
        "\"''john@t1.example''\"",
        "\"<'john@t1.example'>\"",
        "\"'john@t1.example'@t1.example'\"",
        "\"(john@t1.example)\"",
        "\"john (x) @t1.example\"",
        "\"john@\r\n t1.example\"",
        "\"john@t1.example@b\"",
        "\"=?utf-8?q?john=40t1.example?=\"",
        "=?utf-8?q?john=40t1.example?= Smith",
        "=?utf-16?q?john=40t1.example?=",
        "(john@t1.example) John",
        "\"stranger@elsewhere.example\"",
    ] {
        let whole = format!("To: {name} <a@b>");
        assert_eq!(field(&engine, &whole), whole);
    }
    // A group's name is no display-name of a mailbox.
    let group = "To: \"john@t1.example\": a@b, c@d;";
    assert_eq!(field(&engine, group), group);
}

#[test]
fn display_names_stay_unless_the_plan_says_so() {
    let engine = engine_with(Policy { scrub_display_names: false, ..policy() }, ENTRIES);
    let message = "To: \"john@t1.example\" <john@t1.example>";
    assert_eq!(field(&engine, message), "To: \"john@t1.example\" <john.smith@x.example>");
    let subject = "Subject: \"john@t1.example\" <john@t1.example>";
    assert_eq!(field(&all_on(), subject), subject);
}

#[test]
fn a_display_name_goes_the_way_of_its_message() {
    let message = "To: \"john.smith@x.example\" <a@b>\r\nFrom: \"john.smith@x.example\" <a@b>\r\n\r\n";
    let (output, ..) = outcome(&all_on(), Direction::Inbound, message);
    assert_eq!(output, message.replacen("john.smith@x.example", "john@t1.example", 1));
}

#[test]
fn a_display_name_is_reported_like_its_mailbox() {
    let engine = all_on();
    let name = "From: =?utf-8?q?nobody=40t1.example?= <a@b>\r\n\r\n";
    let (output, skips, unmapped) = outcome(&engine, Direction::Outbound, name);
    assert_eq!((output.as_str(), skips, unmapped), (name, vec![], vec!["nobody@t1.example".to_owned()]));

    let name = "From: \"juergen@t1.example\" <a@b>\r\n\r\n";
    let (output, skips, _) = outcome(&engine, Direction::Outbound, name);
    assert_eq!((output.as_str(), skips), (name, vec!["From: needs-smtputf8".to_owned()]));
    let session = Session::from(Direction::Outbound).with_smtputf8(true);
    let (output, skips, _) = outcome(&engine, session, name);
    assert_eq!((output.as_str(), skips.len()), ("From: \"jürgen@x.example\" <a@b>\r\n\r\n", 0));

    // An encoded-word makes no message international.
    let name = "From: =?utf-8?q?j=C3=BCrgen=40i.example?= <a@b>\r\n\r\n";
    let (output, skips, _) = outcome(&engine, Direction::Outbound, name);
    assert_eq!((output.as_str(), skips), (name, vec!["From: needs-smtputf8".to_owned()]));
    assert_eq!(field(&engine, "From: \"jürgen@i.example\" <a@b>"), "From: \"jürgen@e.example\" <a@b>");
}

#[test]
fn a_display_name_is_an_edit_of_its_own() {
    let message = b"To: (c) \"'john@t1.example'\" <john@t1.example>\r\n\r\n";
    let engine = all_on();
    let mut scratch = Scratch::new();
    let done = engine.rewrite_into(Direction::Outbound, message, &mut scratch).unwrap();
    let edits: Vec<_> = done.edits().collect();
    assert_eq!(edits.len(), 2);
    assert_eq!(&message[edits[0].offset..edits[0].offset + edits[0].length], b"\"'john@t1.example'\"");
    for edit in &edits {
        assert_eq!((edit.from, edit.to), (&b"john@t1.example"[..], &b"john.smith@x.example"[..]));
        assert_eq!(edit.entry.as_ref().unwrap().name(), "entry 0");
    }
}

#[test]
fn a_malformed_mailbox_keeps_its_display_name() {
    let message = "To: \"john@t1.example\" <a@b@c>\r\n\r\n";
    let (output, skips, _) = outcome(&all_on(), Direction::Outbound, message);
    assert_eq!((output.as_str(), skips), (message, vec!["To: several-at".to_owned()]));
}

#[test]
fn a_line_that_a_display_name_makes_too_long_is_folded() {
    let list = vec!["\"anna@labs.example\" <john@t1.example>"; 26].join(",");
    let message = format!("To: {list}\r\n\r\n");
    assert!(message.len() < 998);
    let (output, skips, _) = outcome(&all_on(), Direction::Outbound, &message);
    assert_eq!(skips, [""; 0]);
    let unfolded = output.replace("\r\n ", "");
    assert_eq!(unfolded, message.replace("labs.e", "x.e").replace("john@t1", "john.smith@x"));
    assert!(output.lines().all(|line| line.len() <= 998));
    assert!(output.contains(",\r\n \"anna@x"));
}

#[test]
fn addresses_in_mailto_links_follow_the_map() {
    let engine = all_on();
    for (before, after) in [
        ("<mailto:john@t1.example>", "<mailto:john.smith@x.example>"),
        ("<MAILTO:JOHN%40t1.example>", "<MAILTO:john.smith@x.example>"),
        (
            "<mailto:john@t1.example?subject=help%20john@t1.example>",
            "<mailto:john.smith@x.example?subject=help%20john@t1.example>",
        ),
        ("<mailto:a@b?to=john@t1.example>", "<mailto:a@b?to=john@t1.example>"),
        ("<mailto:john@t1.example#f>", "<mailto:john.smith@x.example#f>"),
        ("<mailto:a@b,john@t1.example,c@d>", "<mailto:a@b,john.smith@x.example,c@d>"),
        (
            "<https://t1.example/john@t1.example> (x), <mailto:john@t1.example> (john@t1.example)",
            "<https://t1.example/john@t1.example> (x), <mailto:john.smith@x.example> (john@t1.example)",
        ),
        ("<mailto:john+a=b@t1.example>", "<mailto:john.smith+a%3Db@x.example>"),
        ("<mailto:%22jane%20doe%22@t1.example>", "<mailto:jane@x.example>"),
        ("<mailto:mary@t1.example>", "<mailto:%22mary%20jones%22@x.example>"),
        ("<mailto:j%C3%BCrgen@i.example>", "<mailto:j%C3%BCrgen@e.example>"),
        ("<mailto:grete@b%c3%bccher.example>", "<mailto:grete@x.example>"),
        (
            "\r\n <mailto:john@\r\n t1.example?subject=a\r\n b>,\r\n\t<mailto:a@b>",
            "\r\n <mailto:john.smith@x.example?subject=a\r\n b>,\r\n\t<mailto:a@b>",
        ),
        ("NO (posting not allowed)", "NO (posting not allowed)"),
    ] {
        assert_eq!(field(&engine, &format!("List-Post: {before}")), format!("List-Post: {after}"));
    }
    for name in ["list-help", "List-Subscribe", "List-Owner", "List-Archive", "List-Unsubscribe"] {
        let before = format!("{name}: <mailto:john@t1.example>");
        assert_eq!(field(&engine, &before), before.replace("john@t1", "john.smith@x"));
    }
}

#[test]
fn list_fields_stay_unless_the_plan_names_them() {
    let engine = engine_with(Policy::default(), ENTRIES);
    let post = "List-Post: <mailto:john@t1.example>";
    assert_eq!(field(&engine, post), post);
    let (output, ..) = outcome(
        &all_on(),
        Direction::Inbound,
        "List-Post: <mailto:john.smith@x.example>\r\nList-Help: <mailto:john.smith@x.example>\r\n\r\n",
    );
    assert_eq!(
        output,
        "List-Post: <mailto:john@t1.example>\r\nList-Help: <mailto:john.smith@x.example>\r\n\r\n"
    );
}

#[test]
fn what_is_no_link_in_brackets_is_left_alone_and_reported() {
    for (body, reason) in [
        ("john@t1.example", "unexpected-character"),
        ("mailto:john@t1.example", "unexpected-character"),
        ("<john@t1.example>", "unexpected-character"),
        ("<mailto:john@t1.example", "unterminated-angle-addr"),
        ("<mailto:john@t1.example> x", "text-after-address"),
        ("<mailto:john%0d%0a@t1.example>", "control-character"),
        ("<mailto:john%zz@t1.example>", "unexpected-character"),
        ("<mailto:john@t1.example%2Cmary@t1.example>", "unexpected-character"),
    ] {
        let message = format!("List-Owner: {body}\r\n\r\n");
        let (output, skips, unmapped) = outcome(&all_on(), Direction::Outbound, &message);
        assert_eq!((output, unmapped.len()), (message, 0), "{body}");
        assert_eq!(skips.len(), 1, "{body}");
        assert!(reason == "unexpected-character" || skips[0].ends_with(reason), "{body}: {skips:?}");
    }
    // Nothing is said about what has no mapped domain in it, encoded or not.
    assert_eq!(field(&all_on(), "List-Owner: <mailto:john@b@c>"), "List-Owner: <mailto:john@b@c>");
}

#[test]
fn a_signed_one_click_header_stays() {
    let engine = all_on();
    let unsubscribe = "List-Unsubscribe: <mailto:john@t1.example>, <https://x.example/u>\r\n";
    let post = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
    let signed = "DKIM-Signature: d=x; s=s; h=From:List-Unsubscribe\r\n : list-unsubscribe-post; b=x\r\n";
    let other = "DKIM-Signature: d=x; s=s; h=From:List-Unsubscribe; b=x\r\nDKIM-Signature: nonsense\r\n";
    let arc = "ARC-Message-Signature: i=1; h=List-Unsubscribe-Post\r\n";
    let from = "From: john@t1.example\r\nList-Help: <mailto:mary@@>, <mailto:john@t1.example>\r\n";
    let edited = |message: &str| message.replace("john@t1", "john.smith@x");
    for message in [
        format!("{signed}{from}{unsubscribe}{post}\r\n"),
        format!("{unsubscribe}{post}{from}{unsubscribe}{other}{signed}\r\n"),
    ] {
        let (output, skips, _) = outcome(&engine, Direction::Outbound, &message);
        assert_eq!(output, edited(&message).replace(&edited(unsubscribe), unsubscribe));
        let one_click = skips.iter().filter(|skip| *skip == "List-Unsubscribe: one-click-signed").count();
        assert_eq!(one_click, message.matches(unsubscribe).count(), "{skips:?}");
        assert_eq!(skips.iter().filter(|skip| skip.starts_with("List-Help")).count(), 1);
    }
    for message in [
        format!("{other}{arc}{from}{unsubscribe}{post}\r\n"),
        // Named and not there: nothing is unsubscribed in one click.
        format!("{signed}{from}{unsubscribe}\r\n"),
    ] {
        assert_eq!(outcome(&engine, Direction::Outbound, &message).0, edited(&message));
    }
}

#[test]
fn autocrypt_goes_with_from() {
    let key = "prefer-encrypt=mutual; keydata=\r\n am9obkB0MS5leGFtcGxl\r\n am9obkB0MS5leGFtcGxl==";
    let engine = engine_with(Policy::default(), ENTRIES);
    for (before, after) in [
        ("addr=john@t1.example", "addr=john.smith@x.example"),
        ("addr = JOHN@t1.example\r\n ", "addr = john.smith@x.example\r\n "),
        (
            "_x=john@t1.example;\r\n\taddr=\r\n john@t1.example",
            "_x=john@t1.example;\r\n\taddr=\r\n john.smith@x.example",
        ),
        ("addr=a@b", "addr=a@b"),
        ("name=john@t1.example; addr=a@b", "name=john@t1.example; addr=a@b"),
    ] {
        let whole = |addr: &str| format!("autocrypt: {addr}; {key}");
        assert_eq!(field(&engine, &whole(before)), whole(after));
    }
    // It is From's place in the policy that decides, not Autocrypt's own.
    let mut policy = Policy { outbound: FieldSet::new(["Autocrypt", "To"]).unwrap(), ..Policy::default() };
    policy.inbound = FieldSet::new(["From"]).unwrap();
    let engine = engine_with(policy, ENTRIES);
    let message = "Autocrypt: addr=john@t1.example\r\nTo: john@t1.example\r\n\r\n";
    let (output, ..) = outcome(&engine, Direction::Outbound, message);
    assert_eq!(output, message.replace("To: john@t1", "To: john.smith@x"));
    let (output, ..) = outcome(&engine, Direction::Inbound, "Autocrypt: addr=john.smith@x.example\r\n\r\n");
    assert_eq!(output, "Autocrypt: addr=john@t1.example\r\n\r\n");
}

#[test]
fn an_autocrypt_field_that_says_nobody_is_left_alone() {
    for (body, reason) in [
        ("addr=<john@t1.example>", Some("unexpected-character")),
        ("addr=john@t1.example, mary@t1.example", Some("text-after-address")),
        ("addr=john@t1.example; addr=mary@t1.example", Some("several-at")),
        ("Addr=john@t1.example", Some("no-domain")),
        ("addr=john (x) @t1.example", Some("unexpected-character")),
        ("addr=; keydata=abc", None),
        ("keydata=abc", None),
        ("", None),
    ] {
        let message = format!("Autocrypt: {body}\r\n\r\n");
        let (output, skips, _) = outcome(&all_on(), Direction::Outbound, &message);
        assert_eq!(output, message);
        let wanted: Vec<String> = reason.map(|reason| format!("Autocrypt: {reason}")).into_iter().collect();
        assert_eq!(skips, wanted, "{body}");
    }
}

#[test]
fn autocrypt_stays_where_from_had_to() {
    let from = "From: john@t1.example <john@t1.example>\r\n";
    let autocrypt = "Autocrypt: addr=john@t1.example; keydata=abc\r\n";
    for message in [format!("{from}{autocrypt}\r\n"), format!("{autocrypt}To: john@t1.example\r\n{from}\r\n")]
    {
        let (output, skips, _) = outcome(&all_on(), Direction::Outbound, &message);
        assert_eq!(output, message.replace("To: john@t1", "To: john.smith@x"));
        assert_eq!(skips.len(), 2, "{skips:?}");
        assert!(skips.iter().all(|skip| skip.ends_with(": text-after-address")), "{skips:?}");
    }
}

/// The name of its author is rewritten, and the address is not: it stands on a line that is full.
#[test]
fn autocrypt_stays_where_only_a_name_of_from_is_edited() {
    let full = format!(" <john@t1.example({})>", "c".repeat(975));
    let message = format!(
        "From: \"john@t1.example\"\r\n{full}\r\nAutocrypt: addr=john@t1.example; keydata=abc\r\n\r\n"
    );
    let (output, skips, _) = outcome(&all_on(), Direction::Outbound, &message);
    assert_eq!(output, message.replace("\"john@t1", "\"john.smith@x"));
    assert_eq!(skips, ["From: line-too-long", "Autocrypt: line-too-long"]);
}

#[test]
fn an_openpgp_field_is_never_rewritten() {
    assert!(FieldSet::new(["OpenPGP"]).is_err());
    let whole = "OpenPGP: id=1234; url=https://t1.example/john@t1.example";
    assert_eq!(field(&all_on(), whole), whole);
}

#[test]
fn links_and_attributes_are_folded_between_each_other() {
    let link = "<mailto:john@t1.example?subject=unsubscribe>";
    let list = vec![link; 21].join(",");
    let message = format!("List-Unsubscribe: {list}\r\n\r\n");
    let (output, skips, _) = outcome(&all_on(), Direction::Outbound, &message);
    assert_eq!(skips, [""; 0]);
    assert_eq!(output.replace("\r\n <", "<"), message.replace("john@t1", "john.smith@x"));
    assert!(output.lines().all(|line| line.len() <= 998) && output.contains(",\r\n <mailto"));

    let message = format!("Autocrypt: addr=john@t1.example; keydata={}\r\n\r\n", "A".repeat(955));
    let (output, skips, _) = outcome(&all_on(), Direction::Outbound, &message);
    assert_eq!(skips, [""; 0]);
    assert_eq!(output, message.replace("john@t1", "john.smith@x").replace("keydata", "\r\n keydata"));
}
