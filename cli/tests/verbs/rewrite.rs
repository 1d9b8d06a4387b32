//! `rewrite`: messages, envelopes and the three formats.

use std::ffi::OsString;

use serde_json::json;

use crate::bench::{Bench, MESSAGE, REWRITTEN, Untouchable, keys, run};

#[test]
fn a_message_leaves_with_external_addresses_and_nothing_else_changed() {
    let bench = Bench::new();
    assert_eq!(bench.rewrite(&[&bench.path("message.eml")]).clean(), REWRITTEN);
}

#[test]
fn map_and_plan_give_the_same_message() {
    let bench = Bench::new();
    let (map, message) = (bench.map(), bench.path("message.eml"));
    let ran = bench.run(&["rewrite", "--map", &map, "--direction", "outbound", &message]);
    assert_eq!(ran.clean(), REWRITTEN);
}

#[test]
fn the_message_may_come_from_standard_input() {
    let bench = Bench::new();
    for args in [&["-"][..], &[]] {
        assert_eq!(bench.rewrite_with(args, MESSAGE.as_bytes()).clean(), REWRITTEN);
    }
}

#[test]
fn octets_that_are_no_text_come_out_as_they_went_in() {
    let bench = Bench::new();
    let mut message = MESSAGE.as_bytes().to_vec();
    message.extend((0..=255).rev());
    message.extend(b"\0\r\n\n\r");
    let ran = bench.rewrite_with(&["-"], &message);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.out.strip_prefix(REWRITTEN.as_bytes()), message.strip_prefix(MESSAGE.as_bytes()));
}

#[test]
fn an_empty_message_stays_empty() {
    assert_eq!(Bench::new().rewrite_with(&["-"], b"").clean(), "");
}

#[test]
fn inbound_leaves_fields_alone_and_turns_forward_paths() {
    let bench = Bench::new();
    let plan = bench.path("plan.toml");
    let ran = bench.run_with(
        &["rewrite", "--plan", &plan, "--direction", "inbound", "--rcpt-to", "mary@contoso.com", "-"],
        REWRITTEN.as_bytes(),
    );
    assert_eq!((ran.code, ran.out()), (0, REWRITTEN));
    assert_eq!(ran.err, "rcpt-to: <mary@contoso.com> -> <mary.jones@tenant2.contoso.com>\n");
}

#[test]
fn paths_alone_do_not_wait_for_a_message() {
    let bench = Bench::new();
    let plan = bench.path("plan.toml");
    let args = [
        "rewrite",
        "--plan",
        &plan,
        "--direction",
        "outbound",
        "--mail-from",
        "<john@tenant1.contoso.com>",
        "--rcpt-to",
        "mary@contoso.com",
        "--rcpt-to=<olivia@example.org>",
    ];
    let ran = run(args.iter().map(OsString::from), &mut Untouchable);
    assert_eq!((ran.code, ran.out()), (0, ""));
    assert_eq!(
        ran.err,
        "mail-from: <john@tenant1.contoso.com> -> <john@contoso.com>\n\
         rcpt-to: <mary@contoso.com> -> <mary.jones@tenant2.contoso.com>\n\
         rcpt-to: <olivia@example.org> -> <olivia@example.org>\n"
    );
}

#[test]
fn the_null_reverse_path_stays_null() {
    let bench = Bench::new();
    assert_eq!(bench.rewrite(&["--mail-from", "<>"]).err, "mail-from: <> -> <>\n");
    let ran = bench.rewrite(&["--mail-from=", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.json()["envelope"]["mail_from"]["to"], "");
}

#[test]
fn edits_are_a_line_each_and_say_where_they_come_from() {
    let bench = Bench::new();
    let ran = bench.rewrite(&["--format", "edits", &bench.path("message.eml")]);
    assert_eq!(
        ran.clean(),
        "12 24 From[1] john@tenant1.contoso.com -> john@contoso.com (John, entries.csv:2)\n\
         49 30 To[1] mary.jones@tenant2.contoso.com -> mary@contoso.com (Mary, entries.csv:3)\n"
    );
    for line in ran.out().lines() {
        let mut cut = line.split(' ');
        let mut number = || cut.next().unwrap().parse::<usize>().unwrap();
        let (offset, length) = (number(), number());
        assert_eq!(&MESSAGE[offset..offset + length], cut.nth(1).unwrap());
    }
}

#[test]
fn the_json_object_is_the_documented_one() {
    let bench = Bench::new();
    let args = [
        "--format",
        "json",
        "--mail-from",
        "john@tenant1.contoso.com",
        "--rcpt-to",
        "olivia@example.org",
        "-",
    ];
    let ran = bench.rewrite_with(&args, MESSAGE.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let object = ran.json();
    assert_eq!(
        keys(&object),
        [
            "generation",
            "direction",
            "changed",
            "size",
            "body_offset",
            "input_body_offset",
            "edits",
            "fields",
            "envelope",
            "skipped",
            "unmapped",
            "flags",
            "signatures",
            "verdict",
            "mode",
            "from_domain"
        ]
    );
    let generation = object["generation"].as_str().unwrap();
    assert_eq!(generation.len(), 64);
    assert!(generation.bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert_eq!(object["direction"], "outbound");
    assert_eq!(object["changed"], true);
    assert_eq!(object["size"], REWRITTEN.len());
    assert_eq!(object["body_offset"], REWRITTEN.find("Write").unwrap());
    assert_eq!(object["input_body_offset"], MESSAGE.find("Write").unwrap());
    let edit = &object["edits"][0];
    assert_eq!(keys(edit), ["offset", "length", "text", "field", "nth", "from", "to", "entry"]);
    assert_eq!(
        *edit,
        json!({
            "offset": 12, "length": 24, "text": "john@contoso.com", "field": "From", "nth": 1,
            "from": "john@tenant1.contoso.com", "to": "john@contoso.com",
            "entry": {"name": "John", "file": "entries.csv", "line": 2},
        })
    );
    assert_eq!(
        object["fields"],
        json!([
            {"name": "From", "nth": 1, "value": " John <john@contoso.com>"},
            {"name": "To", "nth": 1, "value": " Mary <mary@contoso.com>,\r\n olivia@example.org"},
        ])
    );
    assert_eq!(keys(&object["envelope"]), ["mail_from", "rcpt_to"]);
    let mail_from = &object["envelope"]["mail_from"];
    assert_eq!(keys(mail_from)[..2], ["from", "to"]);
    assert_eq!(mail_from["from"], "john@tenant1.contoso.com");
    assert_eq!(mail_from["to"], "john@contoso.com");
    assert_eq!(mail_from["entry"]["name"], "John");
    assert_eq!(object["envelope"]["rcpt_to"][0]["to"], "olivia@example.org");
    assert_eq!(object["envelope"]["rcpt_to"][0]["entry"], json!(null));
    assert_eq!(keys(mail_from).last(), Some(&"aligned"));
    assert_eq!(mail_from["aligned"], json!({"before": "strict", "after": "strict"}));
    assert!(!keys(&object["envelope"]["rcpt_to"][0]).contains(&"aligned"));
    for key in ["skipped", "unmapped", "flags", "signatures"] {
        assert_eq!(object[key], json!([]), "{key}");
    }
    assert_eq!((&object["verdict"], &object["mode"]), (&json!("pass"), &json!("enforce")));
    assert_eq!(object["from_domain"], json!({"before": "tenant1.contoso.com", "after": "contoso.com"}));
}

#[test]
fn alignment_is_told_before_and_after() {
    let bench = Bench::new();
    let message = "DKIM-Signature: v=1; d=Contoso.com; s=s1; h=to\nDKIM-Signature: s=s2\n\
        ARC-Message-Signature: i=1; d=contoso.com; s=a; h=to\nFrom: john@tenant1.contoso.com\n\n";
    let object = |args: &[&str], message: &str| {
        bench.rewrite_with(&[&["--format", "json"], args, &["-"]].concat(), message.as_bytes()).json()
    };
    let told = object(&["--mail-from", "<b@bounces.contoso.com>"], message);
    let signatures = told["signatures"].as_array().unwrap();
    assert_eq!(keys(&signatures[0]), ["kind", "domain", "selector", "intact", "because", "aligned"]);
    assert_eq!(signatures[0]["aligned"], json!({"before": "relaxed", "after": "strict"}));
    assert_eq!(signatures[0]["domain"], "Contoso.com");
    assert_eq!((&signatures[1]["aligned"], &signatures[2]["aligned"]), (&json!(null), &json!(null)));
    assert_eq!(told["envelope"]["mail_from"]["aligned"], json!({"before": "undecided", "after": "relaxed"}));
    let null_path = object(&["--mail-from", "<>"], message);
    assert_eq!(null_path["envelope"]["mail_from"]["aligned"], json!(null));
    let several = object(
        &["--mail-from", "john@tenant1.contoso.com"],
        "From: john@tenant1.contoso.com, mary@contoso.com\n\n",
    );
    assert_eq!(several["from_domain"], json!({"before": null, "after": "contoso.com"}));
    assert_eq!(several["envelope"]["mail_from"]["aligned"], json!({"before": null, "after": "strict"}));
    assert_eq!(object(&[], "Subject: x\n\n")["from_domain"], json!(null));
}

#[test]
fn an_envelope_that_was_not_given_is_null_and_empty() {
    let ran = Bench::new().rewrite_with(&["--format", "json"], MESSAGE.as_bytes());
    assert_eq!(ran.json()["envelope"], json!({"mail_from": null, "rcpt_to": []}));
}

#[test]
fn values_that_are_not_utf8_stand_in_base64() {
    let message = b"From: J\xfcrgen <john@tenant1.contoso.com>\r\n\r\n";
    let object = Bench::new().rewrite_with(&["--format", "json", "-"], message).json();
    let field = &object["fields"][0];
    assert_eq!(keys(field), ["name", "nth", "value_base64"]);
    // " J\xfcrgen <john@contoso.com>"
    assert_eq!(field["value_base64"], "IEr8cmdlbiA8am9obkBjb250b3NvLmNvbT4=");
}

#[test]
fn what_cannot_be_parsed_is_reported_and_left_alone() {
    let message = "From: john@tenant1.contoso.com\nTo: \"mary <mary.jones@tenant2.contoso.com>\n\n";
    let bench = Bench::new();
    let ran = bench.rewrite_with(&["-"], message.as_bytes());
    assert_eq!(ran.code, 0);
    assert_eq!(ran.out(), message.replacen("john@tenant1.contoso.com", "john@contoso.com", 1));
    let (place, rest) = ran.err.split_once(": ").unwrap();
    let offset: usize = place.strip_prefix("<stdin>:").unwrap().parse().unwrap();
    assert!(offset >= message.find("To:").unwrap());
    assert_eq!(rest, "skipped[unterminated-quoted-string]: To[1]\n");

    let skipped =
        bench.rewrite_with(&["--format", "json", "-"], message.as_bytes()).json()["skipped"].clone();
    assert_eq!(
        skipped,
        json!([{"field": "To", "nth": 1, "offset": offset, "reason": "unterminated-quoted-string"}])
    );
}

#[test]
fn what_stays_in_a_signed_message_is_told() {
    let bench = Bench::new();
    let plan = std::fs::read_to_string(bench.join("plan.toml")).unwrap();
    let plan = plan.replacen("[rewrite]\n", "[rewrite]\non-signed = \"skip-fields\"\n", 1);
    assert!(plan.contains("on-signed"));
    std::fs::write(bench.join("plan.toml"), plan).unwrap();
    let message = "From: john@tenant1.contoso.com\nTo: mary.jones@tenant2.contoso.com\n\
        Content-Type: application/pkcs7-mime\n\n";
    let ran = bench.rewrite_with(&["-"], message.as_bytes());
    assert_eq!(ran.out(), message.replacen("mary.jones@tenant2.contoso.com", "mary@contoso.com", 1));
    assert_eq!(ran.err, "<stdin>:6: skipped[signed-message]: From[1]\n");
    let object = bench.rewrite_with(&["--format", "json", "-"], message.as_bytes()).json();
    assert_eq!(
        object["skipped"],
        json!([{"field": "From", "nth": 1, "offset": 6, "reason": "signed-message"}])
    );
    assert_eq!(object["signatures"][0]["intact"], true);
}

#[test]
fn remarks_about_a_hostile_message_hold_no_control_characters() {
    let bench = Bench::new();
    let message = b"From: \"\x1b[2J\xff\"@tenant1.contoso.com, \"a\r\n b\x07\"@tenant2.contoso.com\r\n\r\n";
    let ran = bench.rewrite_with(&["-"], message);
    assert_eq!(ran.code, 0);
    assert!(ran.err.bytes().all(|octet| octet == b'\n' || !octet.is_ascii_control()), "{:?}", ran.err);
}

#[cfg(unix)]
#[test]
fn file_names_need_not_be_utf8() {
    use std::os::unix::ffi::OsStringExt;
    let bench = Bench::new();
    let path = bench.join("").into_os_string().into_encoded_bytes();
    let path = OsString::from_vec([path, b"m\xe4rz.eml".to_vec()].concat());
    let plan = bench.path("plan.toml");
    let args = ["rewrite", "--plan", &plan, "--direction", "outbound"].map(OsString::from);
    let args = || args.iter().cloned().chain([path.clone()]);
    let missing = run(args(), &mut Untouchable);
    assert!(missing.refused(66).contains(r"m\xe4rz.eml"));
    std::fs::write(&path, MESSAGE).unwrap();
    assert_eq!(run(args(), &mut Untouchable).clean(), REWRITTEN);
}

#[cfg(unix)]
#[test]
fn paths_need_not_be_utf8() {
    use std::os::unix::ffi::OsStringExt;
    let bench = Bench::new();
    let plan = bench.path("plan.toml");
    let args = ["rewrite", "--plan", &plan, "--direction", "outbound", "--format", "json", "--rcpt-to"];
    let path = OsString::from_vec(b"m\xe4rz@example.org".to_vec());
    let ran = run(args.iter().map(OsString::from).chain([path]), &mut Untouchable);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let rcpt_to = &ran.json()["envelope"]["rcpt_to"][0];
    assert_eq!(rcpt_to["from_base64"], "beRyekBleGFtcGxlLm9yZw==");
    assert_eq!(rcpt_to["to_base64"], "beRyekBleGFtcGxlLm9yZw==");
}
