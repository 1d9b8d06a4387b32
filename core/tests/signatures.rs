//! What is said about signatures: whether an edit touches a field that one covers.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod support;

use readdress::{Direction, Engine, Rewritten, Scratch};
use support::engine;

fn john() -> Engine {
    engine(&[("john@i.example", "j@x.example")])
}

/// Each signature as `kind domain/selector`, with the fields that break it.
fn reports(done: &Rewritten<'_>) -> Vec<String> {
    done.signatures()
        .map(|signature| {
            let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
            let because: Vec<String> = signature.because.iter().map(|name| text(name)).collect();
            let state = if signature.is_intact { "intact" } else { "broken" };
            let (kind, domain) = (signature.kind.name(), text(signature.domain));
            format!("{kind} {domain}/{} {state} [{}]", text(signature.selector), because.join(" "))
        })
        .collect()
}

#[track_caller]
fn assert_reports(message: &str, expected: &[&str]) {
    let engine = john();
    let mut scratch = Scratch::new();
    let done = engine.rewrite_into(Direction::Outbound, message.as_bytes(), &mut scratch).unwrap();
    assert_eq!(reports(&done), expected);
    let section = message.split("\n\n").next().unwrap();
    _ = engine.begin(Direction::Outbound, &mut scratch);
    for field in section.replace("\n ", "\u{1}").lines() {
        let (name, body) = field.split_once(':').unwrap();
        let body = body.replace('\u{1}', "\n ");
        engine.resume(&mut scratch).unwrap().field(name.as_bytes(), body.as_bytes()).unwrap();
    }
    _ = engine.resume(&mut scratch).unwrap().finish();
    assert_eq!(reports(&engine.outcome(b"", &scratch)), expected);
}

#[test]
fn a_signature_over_an_edited_field_is_broken_by_it() {
    assert_reports(
        "DKIM-Signature: v=1; d=i.example; s=s1;\n h=from : to\n :subject; b=x\nFrom: john@i.example\nTo: a@b\nTo: john@i.example\n\n",
        &["dkim i.example/s1 broken [From To]"],
    );
}

#[test]
fn a_signature_over_other_fields_is_intact() {
    assert_reports(
        "dkim-signature: d=i.example; s=s1; h=Subject:To; b=x\nFrom: john@i.example\nTo: a@b\n\n",
        &["dkim i.example/s1 intact []"],
    );
    assert_reports(
        "DKIM-Signature: d=i.example; s=s1; h=From; b=x\nFrom: a@b\n\n",
        &["dkim i.example/s1 intact []"],
    );
}

#[test]
fn each_naming_covers_one_field_from_the_last() {
    let two = "From: john@i.example\nTo: john@i.example\nTo: a@b\n\n";
    assert_reports(&format!("DKIM-Signature: d=d; s=s; h=To\n{two}"), &["dkim d/s intact []"]);
    assert_reports(&format!("DKIM-Signature: d=d; s=s; h=To:to\n{two}"), &["dkim d/s broken [To]"]);
    // Named once more than there are: nothing may be added, and nothing is.
    assert_reports(&format!("DKIM-Signature: d=d; s=s; h=To:To:To\n{two}"), &["dkim d/s broken [To]"]);
}

#[test]
fn several_signatures_each_have_their_report() {
    assert_reports(
        "ARC-Message-Signature: i=1; d=r.example; s=a; h=from\nDKIM-Signature: d=i.example; s=b; h=date\nDKIM-Signature: nonsense\nFrom: john@i.example\n\n",
        &["arc r.example/a broken [From]", "dkim i.example/b intact []", "dkim / broken []"],
    );
}

#[test]
fn signatures_over_the_body_are_told_and_break_with_the_sender() {
    for (content_type, kind) in [
        ("multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=b", "smime"),
        ("multipart/signed;\n protocol=application/x-pkcs7-signature", "smime"),
        ("application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", "smime"),
        ("Multipart/Signed; boundary=\"x;y\"; protocol=\"application/pgp-signature\"", "pgp"),
        ("multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b", "pgp"),
    ] {
        assert_reports(
            &format!("From: john@i.example\nTo: john@i.example\nContent-Type: {content_type}\n\n"),
            &[&format!("{kind} / broken [From]")],
        );
        assert_reports(
            &format!("Content-Type: {content_type}\nFrom: a@b\nTo: john@i.example\n\n"),
            &[&format!("{kind} / intact []")],
        );
    }
    for content_type in [
        "multipart/mixed; boundary=\"protocol=application/pgp-signature\"",
        "text/plain",
        "",
        "multipart/signed",
    ] {
        assert_reports(&format!("From: john@i.example\nContent-Type: {content_type}\n\n"), &[]);
    }
}
