//! DMARC alignment in reports: the domains of From, of DKIM signatures and of paths, before and after.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod support;

use readdress::{
    Aligned, Direction, Domains, Engine, EntryDirection, Mode, OnSigned, PathKind, Policy, Rewritten, Scratch,
};
use support::{engine, engine_with};

fn map() -> Engine {
    engine(&[
        ("john@i.contoso.example", "j@contoso.example"),
        ("\"a@b\"@i.contoso.example", "ab@contoso.example"),
        ("mary@i.contoso.example", "m@fabrikam.example"),
        ("lit@[192.0.2.1]", "lit@contoso.example"),
        ("grete@xn--bcher-kva.example", "grete@contoso.example"),
    ])
}

/// `before -> after`, `-` for none.
fn shown(domains: &Domains) -> String {
    let side = |domain: &Option<String>| domain.clone().unwrap_or_else(|| "-".to_owned());
    format!("{} -> {}", side(&domains.before), side(&domains.after))
}

fn aligned(aligned: Aligned) -> String {
    let side = |one: Option<readdress::Alignment>| one.map_or("-", readdress::Alignment::name);
    format!("{} -> {}", side(aligned.before), side(aligned.after))
}

/// The same asked of the whole message and of its fields one by one.
fn both_faces<T: PartialEq + std::fmt::Debug>(
    engine: &Engine,
    direction: Direction,
    section: &str,
    ask: impl Fn(&Rewritten<'_>) -> T,
) -> T {
    let mut scratch = Scratch::new();
    let message = format!("{section}\nFrom: x@body.example\n");
    let whole = ask(&engine.rewrite_into(direction, message.as_bytes(), &mut scratch).unwrap());
    let mut parts = engine.begin(direction, &mut scratch);
    for field in section.replace("\n ", "\u{1}").lines() {
        let (name, body) = field.split_once(':').unwrap();
        parts.field(name.trim_end().as_bytes(), body.replace('\u{1}', "\n ").as_bytes()).unwrap();
    }
    assert_eq!(whole, ask(&parts.finish()), "{section}");
    whole
}

#[track_caller]
fn assert_from(section: &str, expected: &str) {
    let found =
        both_faces(&map(), Direction::Outbound, section, |done: &Rewritten<'_>| shown(&done.from_domains()));
    assert_eq!(found, expected, "{section}");
}

#[test]
fn the_author_domain_is_known_before_and_after() {
    for (section, expected) in [
        ("From: John <john@I.contoso.example>\n", "i.contoso.example -> contoso.example"),
        ("Subject: x\nfrom :\n a@Elsewhere.Example.\nTo: b@c\n", "elsewhere.example -> elsewhere.example"),
        ("From: nobody@i.contoso.example\n", "i.contoso.example -> i.contoso.example"),
        ("From: grete@b\u{fc}cher.example\n", "xn--bcher-kva.example -> contoso.example"),
        ("From: a@b\u{fc}cher.example\n", "xn--bcher-kva.example -> xn--bcher-kva.example"),
        ("From: john@i.contoso.example, x@i.contoso.EXAMPLE\n", "i.contoso.example -> -"),
        ("From: john@i.contoso.example, mary@i.contoso.example\n", "i.contoso.example -> -"),
        ("From: john@i.contoso.example, x@contoso.example\n", "- -> contoso.example"),
        ("From: a@one.example, b@two.example\n", "- -> -"),
        ("From: , a@one.example,,\n", "one.example -> one.example"),
    ] {
        assert_from(section, expected);
    }
}

#[test]
fn a_message_without_one_author_domain_has_none() {
    for section in [
        "Subject: x\n",
        "From:\n",
        "From: \n",
        "From: john\n",
        "From: <>\n",
        "From: Team:;\n",
        "From: john@i.contoso.example\nFrom: john@i.contoso.example\n",
        "From: john@i.contoso.example\nX: y\nFROM:\n",
        "From: a@[192.0.2.1]\n",
        "From: a@one.example, b@[192.0.2.1]\n",
        "From: a@con\u{ad}toso.example\n",
        "From: a@a!b.example\n",
        "From: john@i.contoso.example, @\n",
        "From: a@one.example@two.example\n",
        "From: \"john@i.contoso.example\n",
        "Resent-From: john@i.contoso.example\n",
    ] {
        assert_from(section, "- -> -");
    }
}

/// Edits of display-names stand before those of addresses, and are none of them.
#[test]
fn a_display_name_that_is_edited_too_changes_no_domain() {
    let policy = Policy { scrub_display_names: true, ..Policy::default() };
    let both = EntryDirection::Both;
    let entry = ("john@i.contoso.example", "j@contoso.example", both, &[][..]);
    let engine = engine_with(policy, &[entry]);
    for (body, expected) in [
        ("\"john@i.contoso.example\" <john@i.contoso.example>", "i.contoso.example -> contoso.example"),
        ("\"john@i.contoso.example\" <x@one.example>", "one.example -> one.example"),
        (
            "\"john@i.contoso.example\" <x@contoso.example>, =?utf-8?q?john=40i.contoso.example?= \
             <john@i.contoso.example>",
            "- -> contoso.example",
        ),
    ] {
        let found = both_faces(&engine, Direction::Outbound, &format!("From: {body}\n"), |done| {
            assert!(done.edits().len() > 0);
            shown(&done.from_domains())
        });
        assert_eq!(found, expected, "{body}");
    }
}

/// What has made readers see another author than filters did.
#[test]
fn attacks_on_the_author_domain() {
    for (body, expected) in [
        // A quoted local-part or a display-name holds no domain.
        ("\"a@b\"@i.contoso.example", "i.contoso.example -> contoso.example"),
        ("\"x@evil.example\"@one.example", "one.example -> one.example"),
        ("\"ceo@contoso.example\" <x@evil.example>", "evil.example -> evil.example"),
        ("=?utf-8?q?ceo=40contoso.example?= <x@evil.example>", "evil.example -> evil.example"),
        // Nor does a comment.
        ("john@(one.example)i . (@two.example) contoso.example", "i.contoso.example -> contoso.example"),
        ("(ceo@contoso.example) x@evil.example", "evil.example -> evil.example"),
        // The last of a route counts.
        ("<@one.example,@two.example:john@i.contoso.example>", "i.contoso.example -> contoso.example"),
        // Members of a group are mailboxes like others.
        ("Team: john@i.contoso.example;", "i.contoso.example -> contoso.example"),
        ("Team: x@one.example;, y@two.example", "- -> -"),
        // What readers disagree about has no author.
        ("ceo@contoso.example <x@evil.example>", "- -> -"),
        ("\"ceo@contoso.example\", x@evil.example", "- -> -"),
        ("x@evil.example, ceo", "- -> -"),
        ("<>, x@evil.example", "- -> -"),
        ("ceo <>, x@evil.example", "- -> -"),
        ("Team: x@evil.example, ceo;", "- -> -"),
        ("Team: ceo, x@evil.example;", "- -> -"),
        ("Team: ceo; , x@evil.example", "- -> -"),
        ("Team:;, x@one.example", "one.example -> one.example"),
        ("x@evil.example\0@contoso.example", "- -> -"),
        ("x@evil.example ceo@contoso.example", "- -> -"),
        ("x@contoso.example.., y@contoso.example", "- -> -"),
    ] {
        assert_from(&format!("From: {body}\n"), expected);
    }
}

#[test]
fn the_author_domain_is_known_where_from_is_not_rewritten() {
    let ask = |done: &Rewritten<'_>| shown(&done.from_domains());
    let inbound =
        both_faces(&map(), Direction::Inbound, "From: j@contoso.example\nTo: j@contoso.example\n", ask);
    assert_eq!(inbound, "contoso.example -> contoso.example");
    let signed = Policy { on_signed_outbound: OnSigned::SkipFields, ..Policy::default() };
    let entry = ("john@i.contoso.example", "j@contoso.example", EntryDirection::Both, &[][..]);
    let section = "From: john@i.contoso.example\nContent-Type: application/pkcs7-mime\n";
    let kept = both_faces(&engine_with(signed, &[entry]), Direction::Outbound, section, ask);
    assert_eq!(kept, "i.contoso.example -> i.contoso.example");
    let shadow = Policy { mode: Mode::Shadow, ..Policy::default() };
    let would = both_faces(&engine_with(shadow, &[entry]), Direction::Outbound, section, ask);
    assert_eq!(would, "i.contoso.example -> contoso.example");
}

#[test]
fn folds_are_no_addresses() {
    let name = "n".repeat(960);
    assert_from(
        &format!("From: \"{name}\" <x@i.contoso.example>\n"),
        "i.contoso.example -> i.contoso.example",
    );
    let long = format!("{}@contoso.example", "long.".repeat(20) + "name");
    let engine = engine(&[("john@i.contoso.example", &long)]);
    let section = format!("From: {}\n", ["john@i.contoso.example"; 20].join(","));
    let folds = both_faces(&engine, Direction::Outbound, &section, |done: &Rewritten<'_>| {
        let folds = done.edits().filter(|edit| edit.entry.is_none()).count();
        (folds, shown(&done.from_domains()))
    });
    assert_eq!(folds, (2, "i.contoso.example -> contoso.example".to_owned()));
}

#[test]
fn each_dkim_signature_is_compared_with_from() {
    for (tags, expected) in [
        ("d=i.contoso.example; s=s; h=from", "strict -> relaxed"),
        ("d=Contoso.EXAMPLE; s=s; h=from", "relaxed -> strict"),
        ("d=contoso.example.; s=s; h=from", "relaxed -> strict"),
        ("h=from; d = x.contoso.example ;s=s", "undecided -> relaxed"),
        ("d=fabrikam.example; s=s; h=from", "none -> none"),
        ("d=example; s=s; h=from", "none -> none"),
        ("s=s; h=from", "- -> -"),
        ("d=; s=s; h=from", "- -> -"),
        ("D=contoso.example; s=s; h=from", "- -> -"),
        ("d=contoso .example; s=s; h=from", "- -> -"),
        ("d=[192.0.2.1]; s=s; h=from", "- -> -"),
        ("nonsense", "- -> -"),
    ] {
        let section = format!("DKIM-Signature: {tags}\nFrom: john@i.contoso.example\n");
        let found = both_faces(&map(), Direction::Outbound, &section, |done: &Rewritten<'_>| {
            done.signatures().map(|signature| aligned(signature.aligned)).collect::<Vec<_>>()
        });
        assert_eq!(found, [expected], "{tags}");
    }
}

#[test]
fn other_signatures_are_not_compared_and_each_has_its_own() {
    let section = "ARC-Message-Signature: i=1; d=contoso.example; s=a; h=from\n\
        DKIM-Signature: d=contoso.example; s=s; h=to\nFrom: john@i.contoso.example\n\
        DKIM-Signature: d=i.contoso.example; s=s; h=from\nContent-Type: application/pkcs7-mime\n";
    let found = both_faces(&map(), Direction::Outbound, section, |done: &Rewritten<'_>| {
        let line = |signature: readdress::Signature<'_>| {
            (signature.kind.name(), signature.is_intact, aligned(signature.aligned))
        };
        done.signatures().map(line).collect::<Vec<_>>()
    });
    let expected = [
        ("arc", false, "- -> -"),
        ("dkim", true, "relaxed -> strict"),
        ("dkim", false, "strict -> relaxed"),
        ("smime", false, "- -> -"),
    ];
    assert_eq!(found, expected.map(|(kind, intact, aligned)| (kind, intact, aligned.to_owned())));
    let nobody =
        "DKIM-Signature: d=contoso.example; s=s; h=to\nFrom: x@contoso.example\nFrom: y@contoso.example\n";
    let found = both_faces(&map(), Direction::Outbound, nobody, |done: &Rewritten<'_>| {
        done.signatures().map(|signature| aligned(signature.aligned)).collect::<Vec<_>>()
    });
    assert_eq!(found, ["- -> -"]);
}

#[test]
fn reverse_paths_are_compared_with_from() {
    let engine = map();
    let mut scratch = Scratch::new();
    let message = b"From: john@i.contoso.example\n\n";
    let from = engine.rewrite_into(Direction::Outbound, message, &mut scratch).unwrap().from_domains();
    for (path, domains, expected) in [
        ("<john@i.contoso.example>", "i.contoso.example -> contoso.example", "strict -> strict"),
        ("john@I.contoso.example", "i.contoso.example -> contoso.example", "strict -> strict"),
        ("<@a.example:john@i.contoso.example>", "i.contoso.example -> contoso.example", "strict -> strict"),
        (
            "<b@bounces.contoso.example>",
            "bounces.contoso.example -> bounces.contoso.example",
            "undecided -> relaxed",
        ),
        ("<b@fabrikam.example.>", "fabrikam.example -> fabrikam.example", "none -> none"),
        ("<grete@b\u{fc}cher.example>", "xn--bcher-kva.example -> contoso.example", "none -> strict"),
        ("<lit@[192.0.2.1]>", "- -> contoso.example", "- -> strict"),
        ("<\"x@contoso.example\"@[192.0.2.9]>", "- -> -", "- -> -"),
        ("<>", "- -> -", "- -> -"),
        ("", "- -> -", "- -> -"),
        ("<postmaster>", "- -> -", "- -> -"),
        ("<a b@contoso.example>", "- -> -", "- -> -"),
    ] {
        let done = engine
            .rewrite_path(Direction::Outbound, PathKind::Reverse, path.as_bytes(), &mut scratch)
            .unwrap();
        assert_eq!(shown(&done.domains()), domains, "{path}");
        assert_eq!(aligned(done.domains().aligned(&from)), expected, "{path}");
    }
    let path = engine
        .rewrite_path(Direction::Inbound, PathKind::Reverse, b"<j@contoso.example>", &mut scratch)
        .unwrap();
    assert_eq!(shown(&path.domains()), "contoso.example -> contoso.example");
}

#[test]
fn a_message_before_leaves_no_author_behind() {
    let engine = map();
    let mut scratch = Scratch::new();
    let message = b"From: john@i.contoso.example\n\n";
    assert!(
        engine
            .rewrite_into(Direction::Outbound, message, &mut scratch)
            .unwrap()
            .from_domains()
            .after
            .is_some()
    );
    let message = b"Subject: x\n\n";
    let done = engine.rewrite_into(Direction::Outbound, message, &mut scratch).unwrap();
    assert_eq!(done.from_domains(), Domains::default());
    assert_eq!(engine.begin(Direction::Outbound, &mut scratch).finish().from_domains(), Domains::default());
}
