//! Messages that are S/MIME or PGP/MIME as a whole, by each policy a plan may have for them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop")]

mod support;

use proptest::prelude::*;
use readdress::{
    Direction, Engine, EntryDirection, FieldSet, Flags, Mode, OnSigned, PathKind, Policy, Rewritten, Scratch,
    SkipReason,
};
use support::{KNOWN, config, engine_with, known_message};

const SMIME: &str = "Content-Type: application/pkcs7-mime; smime-type=signed-data\n";
const PGP: &str = "Content-Type: multipart/signed;\n protocol=\"application/pgp-signature\"\n";
const PLAIN: &str = "Content-Type: text/plain\n";

/// One policy for outbound messages, and the same fields rewritten in both directions.
fn policy(outbound: OnSigned, inbound: OnSigned) -> Policy {
    let mut policy = Policy::default();
    policy.inbound = FieldSet::new(policy.outbound.names().map(str::to_owned)).unwrap();
    policy.on_signed_outbound = outbound;
    policy.on_signed_inbound = inbound;
    policy
}

fn map(policy: Policy) -> Engine {
    let long = format!("{}@x.example", "long.".repeat(30) + "name");
    let entries: [(&str, &str, EntryDirection, &[&str]); 3] = [
        ("john@i.example", "jane@x.example", EntryDirection::Both, &[]),
        ("mary@i.example", "mark@x.example", EntryDirection::Both, &[]),
        ("long@i.example", &long, EntryDirection::Both, &[]),
    ];
    engine_with(policy, &entries)
}

/// The edits as `field[nth] from -> to`, then the skips as `field[nth] offset reason`, signatures last.
fn account(done: &Rewritten<'_>) -> Vec<String> {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    let edits = done.edits().map(|edit| {
        let (field, from, to) = (text(edit.field), text(edit.from), text(edit.to));
        if edit.entry.is_some() {
            format!("{field}[{}] {from} -> {to}", edit.nth)
        } else {
            format!("{field}[{}] fold", edit.nth)
        }
    });
    let skips = done
        .skipped()
        .map(|skip| format!("{}[{}] {} {}", text(skip.field), skip.nth, skip.offset, skip.reason));
    let signatures = done.signatures().map(|signature| {
        let state = if signature.is_intact { "intact" } else { "broken" };
        format!("{} {state}", signature.kind.name())
    });
    edits.chain(skips).chain(signatures).collect()
}

/// The account of a message whose lines end in line feeds, which is the same field by field: there,
/// skips count from the beginning of the body.
fn both_faces(engine: &Engine, direction: Direction, message: &str) -> Vec<String> {
    let (mut whole, mut single) = (Scratch::new(), Scratch::new());
    let done = engine.rewrite_into(direction, message.as_bytes(), &mut whole).unwrap();
    let mut parts = engine.begin(direction, &mut single);
    let section = message.split("\n\n").next().unwrap().replace("\n ", "\u{1}");
    let mut bodies = Vec::new();
    let mut at = 0;
    for field in section.lines() {
        let (name, body) = field.split_once(':').unwrap();
        let body = body.replace('\u{1}', "\n ");
        bodies.push(at + name.len() + 1);
        at += name.len() + 1 + body.len() + 1;
        parts.field(name.as_bytes(), body.as_bytes()).unwrap();
    }
    let parts = parts.finish();
    let changes = |done: &Rewritten<'_>| {
        done.field_changes()
            .map(|change| (change.name.to_vec(), change.nth, change.value()))
            .collect::<Vec<_>>()
    };
    assert_eq!(changes(&done), changes(&parts));
    let of_body = |offset: usize| offset - bodies.iter().rev().find(|start| **start <= offset).unwrap();
    let skips =
        |(field, nth, offset, reason): (&[u8], u32, usize, SkipReason)| (field.to_vec(), nth, offset, reason);
    let from_message =
        done.skipped().map(|skip| skips((skip.field, skip.nth, of_body(skip.offset), skip.reason)));
    let from_fields = parts.skipped().map(|skip| skips((skip.field, skip.nth, skip.offset, skip.reason)));
    assert!(from_message.eq(from_fields));
    let edits = |done: &Rewritten<'_>| {
        done.edits().map(|edit| (edit.field.to_vec(), edit.nth, edit.text.to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(edits(&done), edits(&parts));
    assert!(done.unmapped().eq(parts.unmapped()));
    assert!(done.signatures().map(|one| one.is_intact).eq(parts.signatures().map(|one| one.is_intact)));
    let places: Vec<usize> = done.skipped().map(|skip| skip.offset).collect();
    assert!(places.is_sorted(), "{places:?}");
    account(&done)
}

/// The same with the addresses of the other side, which are as long.
fn turned(text: &str) -> String {
    [("john@i.", "jane@x."), ("mary@i.", "mark@x.")]
        .iter()
        .fold(text.to_owned(), |text, (i, x)| text.replace(i, "\u{1}").replace(x, i).replace('\u{1}', x))
}

#[track_caller]
fn assert_account(on_signed: OnSigned, message: &str, expected: &[&str]) {
    let outbound = map(policy(on_signed, OnSigned::Rewrite));
    assert_eq!(both_faces(&outbound, Direction::Outbound, message), expected);
    let inbound = map(policy(OnSigned::Rewrite, on_signed));
    let expected: Vec<String> = expected.iter().map(|line| turned(line)).collect();
    assert_eq!(both_faces(&inbound, Direction::Inbound, &turned(message)), expected);
}

const FIELDS: &str = "From: John <john@i.example>, mary@i.example\nTo: mary@i.example\nSender: john@i.example\nReply-To: john@i.example\n";

#[test]
fn without_a_policy_it_is_rewritten_and_broken() {
    let expected = [
        "From[1] john@i.example -> jane@x.example",
        "From[1] mary@i.example -> mark@x.example",
        "To[1] mary@i.example -> mark@x.example",
        "Sender[1] john@i.example -> jane@x.example",
        "Reply-To[1] john@i.example -> jane@x.example",
        "smime broken",
    ];
    assert_account(OnSigned::Rewrite, &format!("{SMIME}{FIELDS}\n"), &expected);
}

#[test]
fn skip_fields_leaves_alone_what_readers_compare() {
    let message = format!("{FIELDS}{SMIME}\nbody john@i.example\n");
    let expected = [
        "To[1] mary@i.example -> mark@x.example",
        "Reply-To[1] john@i.example -> jane@x.example",
        "From[1] 12 signed-message",
        "From[1] 29 signed-message",
        "Sender[1] 71 signed-message",
        "smime intact",
    ];
    assert_account(OnSigned::SkipFields, &message, &expected);
    assert_eq!(&message[29..43], "mary@i.example");
    let engine = map(policy(OnSigned::SkipFields, OnSigned::Rewrite));
    let mut scratch = Scratch::new();
    let done = engine.rewrite_into(Direction::Outbound, message.as_bytes(), &mut scratch).unwrap();
    let output = message
        .replace("To: mary@i.example", "To: mark@x.example")
        .replace("Reply-To: john@i.example", "Reply-To: jane@x.example");
    assert_eq!(String::from_utf8(done.to_vec()).unwrap(), output);
    assert_eq!((done.size(), done.changed()), (output.len(), true));
    assert_eq!(done.body_offset(), output.find("\n\n").unwrap() + 2);
}

#[test]
fn envelope_only_leaves_all_fields_alone() {
    let message = format!("{FIELDS}{PGP}\n");
    let expected = [
        "From[1] 12 signed-message",
        "From[1] 29 signed-message",
        "To[1] 48 signed-message",
        "Sender[1] 71 signed-message",
        "Reply-To[1] 96 signed-message",
        "pgp intact",
    ];
    assert_account(OnSigned::EnvelopeOnly, &message, &expected);
    let engine = map(policy(OnSigned::EnvelopeOnly, OnSigned::Rewrite));
    let mut scratch = Scratch::new();
    let done = engine.rewrite_into(Direction::Outbound, message.as_bytes(), &mut scratch).unwrap();
    let slices: Vec<&[u8]> = done.slices().collect();
    assert!(!done.changed() && slices.len() == 1 && std::ptr::eq(slices[0], message.as_bytes()));
    assert_eq!(done.field_changes().count(), 0);
    let path = engine
        .rewrite_path(Direction::Outbound, PathKind::Reverse, b"<john@i.example>", &mut scratch)
        .unwrap();
    assert_eq!((path.to(), path.changed()), (&b"<jane@x.example>"[..], true));
}

#[test]
fn the_account_is_the_same_wherever_content_type_stands() {
    for on_signed in OnSigned::ALL {
        let engine = map(policy(on_signed, on_signed));
        let shown = |message: &str| {
            let mut scratch = Scratch::new();
            let done = engine.rewrite_into(Direction::Outbound, message.as_bytes(), &mut scratch).unwrap();
            let skips: Vec<String> =
                done.skipped().map(|skip| format!("{:?} {}", skip.field, skip.nth)).collect();
            (done.edits().map(|edit| edit.text.to_vec()).collect::<Vec<_>>(), skips)
        };
        let (from, rest) = FIELDS.split_at(FIELDS.find("To:").unwrap());
        let before = shown(&format!("{SMIME}{from}{rest}\n"));
        assert_eq!(before, shown(&format!("{from}{SMIME}{rest}\n")));
        assert_eq!(before, shown(&format!("{from}{rest}{SMIME}\n")));
    }
}

#[test]
fn each_direction_has_its_own_policy() {
    let engine = map(policy(OnSigned::EnvelopeOnly, OnSigned::SkipFields));
    let inbound = "From: jane@x.example\nTo: mark@x.example\n";
    assert_eq!(
        both_faces(&engine, Direction::Inbound, &format!("{inbound}{PGP}\n")),
        ["To[1] mark@x.example -> mary@i.example", "From[1] 6 signed-message", "pgp intact"]
    );
    assert_eq!(
        both_faces(&engine, Direction::Outbound, &format!("To: mary@i.example\n{PGP}\n")),
        ["To[1] 4 signed-message", "pgp intact"]
    );
}

#[test]
fn other_messages_are_rewritten_whatever_the_policy() {
    let dkim = "DKIM-Signature: d=i.example; s=s; h=to\n";
    for on_signed in OnSigned::ALL {
        for content_type in [PLAIN, "", "Content-Type: multipart/signed\n"] {
            assert_account(
                on_signed,
                &format!("From: john@i.example\n{content_type}{dkim}\n"),
                &["From[1] john@i.example -> jane@x.example", "dkim intact"],
            );
        }
    }
}

#[test]
fn one_content_type_of_several_is_enough() {
    for types in [[PLAIN, SMIME], [SMIME, PLAIN], [PGP, PLAIN]] {
        let [first, second] = types;
        let engine = map(policy(OnSigned::SkipFields, OnSigned::Rewrite));
        let account =
            both_faces(&engine, Direction::Outbound, &format!("{first}From: john@i.example\n{second}\n"));
        assert_eq!(account.len(), 2, "{account:?}");
        assert!(account[0].ends_with(" signed-message") && account[1].ends_with(" intact"));
    }
}

#[test]
fn every_field_of_a_name_is_left_alone_in_any_case() {
    assert_account(
        OnSigned::SkipFields,
        &format!(
            "FROM: john@i.example\nTo: john@i.example\nfrom: mary@i.example\nsender: john@i.example\n{SMIME}\n"
        ),
        &[
            "To[1] john@i.example -> jane@x.example",
            "FROM[1] 6 signed-message",
            "from[2] 46 signed-message",
            "sender[1] 69 signed-message",
            "smime intact",
        ],
    );
}

#[test]
fn other_reports_stay_as_they_are_in_their_places() {
    let message = format!(
        "From: a@b@i.example, john@i.example, \"x, mary@i.example\nTo: @i.example, john@i.example\nSender: nobody@i.example\n{SMIME}\n"
    );
    let kept = ["From[1] 9 several-at", "From[1] 21 signed-message", "From[1] 38 unterminated-quoted-string"];
    let engine = |on_signed| map(policy(on_signed, OnSigned::Rewrite));
    let skip_fields = both_faces(&engine(OnSigned::SkipFields), Direction::Outbound, &message);
    assert_eq!(skip_fields[0], "To[1] john@i.example -> jane@x.example");
    assert_eq!(skip_fields[1..4], kept);
    assert_eq!(skip_fields[4], "From[1] 41 signed-message");
    assert_eq!(skip_fields[5..], ["To[1] 60 malformed-local-part", "smime intact"]);
    let envelope_only = both_faces(&engine(OnSigned::EnvelopeOnly), Direction::Outbound, &message);
    assert_eq!(envelope_only[..3], kept);
    assert_eq!(envelope_only[4..6], ["To[1] 60 malformed-local-part", "To[1] 72 signed-message"]);
    let mut scratch = Scratch::new();
    let engine = engine(OnSigned::SkipFields);
    let done = engine.rewrite_into(Direction::Outbound, message.as_bytes(), &mut scratch).unwrap();
    assert_eq!(done.unmapped().collect::<Vec<_>>(), [b"nobody@i.example"]);
}

#[test]
fn folds_go_with_the_edits_they_were_made_for() {
    // Each address grows to 168 octets, so that seven of them on a line take a fold.
    let list = ["long@i.example"; 7].join(", ");
    let fields = format!("From: {list}\nTo: {list}\nSender: {list}\n");
    let count = |account: &[String], end: &str| account.iter().filter(|line| line.ends_with(end)).count();
    let rewritten =
        both_faces(&map(policy(OnSigned::Rewrite, OnSigned::Rewrite)), Direction::Outbound, &fields);
    assert_eq!(count(&rewritten, " fold"), 3);
    let message = format!("{fields}{SMIME}\n");
    let skip_fields =
        both_faces(&map(policy(OnSigned::SkipFields, OnSigned::Rewrite)), Direction::Outbound, &message);
    assert_eq!((count(&skip_fields, "To[1] fold"), count(&skip_fields, "signed-message")), (1, 14));
    let envelope_only =
        both_faces(&map(policy(OnSigned::EnvelopeOnly, OnSigned::Rewrite)), Direction::Outbound, &message);
    assert_eq!((count(&envelope_only, " fold"), count(&envelope_only, "signed-message")), (0, 21));
}

#[test]
fn what_no_fold_helps_is_reported_among_the_others() {
    // The first line is full and no fold helps; the skips are sorted by place all the same.
    let message =
        format!("From: <({}) long@i.example>,\n a@b@i.example, john@i.example\n{SMIME}\n", "c".repeat(960));
    let account =
        both_faces(&map(policy(OnSigned::SkipFields, OnSigned::Rewrite)), Direction::Outbound, &message);
    assert_eq!(
        account,
        [
            "From[1] 970 line-too-long",
            "From[1] 991 several-at",
            "From[1] 1003 signed-message",
            "smime intact"
        ]
    );
}

#[test]
fn shadow_mode_reports_what_would_be_left_alone() {
    let shadow = Policy { mode: Mode::Shadow, ..policy(OnSigned::SkipFields, OnSigned::Rewrite) };
    let engine = map(shadow);
    let message = format!("From: john@i.example\nTo: john@i.example\n{SMIME}\n");
    let account = both_faces(&engine, Direction::Outbound, &message);
    assert_eq!(
        account,
        ["To[1] john@i.example -> jane@x.example", "From[1] 6 signed-message", "smime intact"]
    );
    let mut scratch = Scratch::new();
    assert!(!engine.rewrite_into(Direction::Outbound, message.as_bytes(), &mut scratch).unwrap().changed());
}

#[test]
fn a_message_before_leaves_nothing_behind() {
    let engine = map(policy(OnSigned::EnvelopeOnly, OnSigned::Rewrite));
    let mut scratch = Scratch::new();
    let signed = format!("From: john@i.example\n{SMIME}\n");
    let done = engine.rewrite_into(Direction::Outbound, signed.as_bytes(), &mut scratch).unwrap();
    assert!(!done.changed());
    let plain = b"From: john@i.example\n\n";
    let done = engine.rewrite_into(Direction::Outbound, plain, &mut scratch).unwrap();
    assert_eq!(done.to_vec(), b"From: jane@x.example\n\n");
    assert!(done.flags().contains(Flags::BARE_LF) && done.skipped().len() == 0);
}

proptest! {
    #![proptest_config(config())]

    /// Whatever the message and wherever its Content-Type: each address that would be edited is edited
    /// or reported, and the output is that of the same message with nothing to protect, but for the
    /// protected fields.
    #[test]
    fn no_address_is_lost_between_edits_and_skips(known in known_message(), is_first in any::<bool>()) {
        let ending = if known.input.contains('\r') { "\r\n" } else { "\n" };
        let body = format!("{ending}user0@t0.example{ending}");
        let section = known.input.strip_suffix(&body).unwrap();
        let field = format!("content-type: application/PKCS7-mime{ending}");
        let message = if is_first {
            format!("{field}{section}{body}")
        } else {
            format!("{section}{field}{body}")
        };
        for (engine, all) in [(&KNOWN[7], false), (&KNOWN[8], true)] {
            let mut scratch = Scratch::new();
            let done = engine.rewrite_into(Direction::Outbound, message.as_bytes(), &mut scratch).unwrap();
            prop_assert_eq!(done.edits().len() + done.skipped().len(), known.edits);
            prop_assert_eq!(done.unmapped().len(), known.unmapped);
            prop_assert!(done.skipped().all(|skip| skip.reason == SkipReason::SignedMessage));
            prop_assert!(done.skipped().map(|skip| skip.offset).is_sorted());
            let is_compared = |name: &[u8]| [&b"from"[..], b"sender"].contains(&&*name.to_ascii_lowercase());
            prop_assert!(done.edits().all(|edit| !all && !is_compared(edit.field)));
            // Autocrypt goes with From, whatever From does.
            let is_key = |name: &[u8]| name.eq_ignore_ascii_case(b"autocrypt");
            prop_assert!(done.skipped().all(|skip| all || is_compared(skip.field) || is_key(skip.field)));
            prop_assert!(done.signatures().all(|signature| signature.is_intact));
            let mut single = Scratch::new();
            let plain = KNOWN[0].rewrite_into(Direction::Outbound, message.as_bytes(), &mut single).unwrap();
            let others = |done: &Rewritten<'_>| -> Vec<_> {
                let others = done.edits().filter(|edit| !all && !is_compared(edit.field) && !is_key(edit.field));
                others.map(|edit| edit.offset).collect()
            };
            prop_assert_eq!(others(&done), others(&plain));
        }
    }
}
