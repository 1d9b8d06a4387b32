//! The classes of field bodies. Which octets of a body are addr-specs?

use crate::classes::{Class, Effect, Follows};
use crate::flaws::{self, Flaw};
use crate::grammar::{self, Piece, What};
use crate::removal::{
    all_of, dropped, eight_bit, holds_encoded_word, inside_addr_specs, is_encoded_word, phrase_words,
    replaced, spaces_in_angles, tokens_replaced, unfolded, without_groups, without_routes,
};
use crate::tokens::Kind;

macro_rules! flaw {
    ($flaw:ident, $name:literal, $rfc:literal) => {
        Class {
            name: $name,
            rfc: $rfc,
            follows: Follows::Us,
            effect: Effect::Same,
            without: |body| dropped(body, |body, piece| flaws::is_named(body, piece, Flaw::$flaw)),
        }
    };
}

const fn class(
    name: &'static str,
    rfc: &'static str,
    effect: Effect,
    without: fn(&[u8]) -> Vec<u8>,
) -> Class {
    Class { name, rfc, follows: Follows::Us, effect, without }
}

/// In the order in which the constructs are taken away: pieces that are no addresses, what means
/// nothing, addresses with something special about them.
pub static CLASSES: &[Class] = &[
    class(
        "text behind a group",
        "RFC 5322 3.4: only CFWS stands between a group's semicolon and the comma",
        Effect::Same,
        |body| dropped(body, |_, piece| matches!(piece.what, What::BehindGroup)),
    ),
    Class {
        follows: Follows::NotUs,
        ..flaw!(
            QuotedControl,
            "quoted-pair of NUL, CR or LF",
            "RFC 5322 4.1: obs-qp allows it; we leave it alone"
        )
    },
    flaw!(
        Control,
        "control character",
        "RFC 5322 3.2.3, 4.1: no token holds one outside quotes, NUL and bare CR none at all"
    ),
    flaw!(
        UnterminatedQuotedString,
        "quoted-string without its end",
        "RFC 5322 3.2.4: quoted-string = DQUOTE … DQUOTE"
    ),
    flaw!(UnterminatedComment, "comment without its end", "RFC 5322 3.2.2: comment = \"(\" … \")\""),
    flaw!(
        ClosingParenthesis,
        "parenthesis closed but not opened",
        "RFC 5322 3.2.3: a parenthesis is a special"
    ),
    flaw!(
        Backslash,
        "backslash outside quotes",
        "RFC 5322 3.2.1: a quoted-pair stands in quotes and comments only"
    ),
    Class {
        follows: Follows::NotUs,
        ..flaw!(
            Utf8InLiteral,
            "UTF-8 in a domain-literal",
            "RFC 6532 3.2: dtext holds UTF-8; we leave it alone"
        )
    },
    Class {
        follows: Follows::NotUs,
        ..flaw!(
            QuotedPairInLiteral,
            "quoted-pair in a domain-literal",
            "RFC 5322 4.4: obs-dtext allows it; we leave it alone"
        )
    },
    flaw!(
        Bracket,
        "bracket that is no domain-literal",
        "RFC 5322 3.4.1: brackets stand around a whole domain"
    ),
    flaw!(
        UnmatchedAngleBracket,
        "angle bracket without its other",
        "RFC 5322 3.4: angle-addr = \"<\" addr-spec \">\""
    ),
    flaw!(
        SeveralAngleAddrs,
        "several angle-addrs in one mailbox",
        "RFC 5322 3.4: name-addr = [display-name] angle-addr"
    ),
    flaw!(
        TextBehindAngleAddr,
        "text behind an angle-addr",
        "RFC 5322 3.4: only CFWS stands between a mailbox and the comma"
    ),
    flaw!(
        AtBeforeAngle,
        "\"@\" outside quotes before an angle-addr",
        "RFC 5322 3.2.3, 3.4: a display-name has no specials"
    ),
    flaw!(Semicolon, "semicolon outside a group", "RFC 5322 3.4: a semicolon ends a group; commas separate"),
    flaw!(Colon, "colon that begins no group", "RFC 5322 3.4: a colon begins a group, which is in no other"),
    flaw!(SeveralAt, "several \"@\" in one addr-spec", "RFC 5322 3.4.1: addr-spec = local-part \"@\" domain"),
    flaw!(
        BrokenRoute,
        "comma in an angle-addr that is in no route",
        "RFC 5322 4.4: obs-route = *(CFWS / \",\") \"@\" domain … \":\""
    ),
    flaw!(NoLocalPart, "no local-part", "RFC 5322 3.4.1: addr-spec = local-part \"@\" domain"),
    flaw!(NoDomain, "no domain", "RFC 5322 3.4.1: addr-spec = local-part \"@\" domain"),
    flaw!(
        Dots,
        "dot at an end or behind another",
        "RFC 5322 3.2.3: dot-atom-text = 1*atext *(\".\" 1*atext)"
    ),
    flaw!(
        TwoAddresses,
        "text behind an addr-spec",
        "RFC 5322 3.4: only CFWS stands between a mailbox and the comma"
    ),
    flaw!(
        WordsWithoutDots,
        "words in a local-part without dots",
        "RFC 5322 4.4: obs-local-part = word *(\".\" word)"
    ),
    flaw!(NotUtf8, "8-bit octets in an addr-spec that are no UTF-8", "RFC 6532 3.1: UTF8-non-ascii is UTF-8"),
    class(
        "comment between the tokens of an addr-spec",
        "RFC 5322 4.4: obs-local-part and obs-domain have CFWS around their dots; a comment is none of their octets",
        Effect::Same,
        |body| inside_addr_specs(body, Kind::Comment),
    ),
    class(
        "comment beside an addr-spec or display-name",
        "RFC 5322 3.2.2: a comment has no meaning; what looks like an address or a quote in it is text",
        Effect::Same,
        |body| {
            tokens_replaced(body, b" ", |piece, token| token.kind == Kind::Comment && !piece.is_malformed())
        },
    ),
    class(
        "white space between the tokens of an addr-spec",
        "RFC 5322 4.4: obs-local-part and obs-domain have CFWS around their dots",
        Effect::Same,
        |body| inside_addr_specs(body, Kind::Space),
    ),
    class(
        "white space between angle brackets and addr-spec",
        "RFC 5322 3.2.3: dot-atom = [CFWS] dot-atom-text [CFWS]",
        Effect::Same,
        spaces_in_angles,
    ),
    class(
        "fold",
        "RFC 5322 2.2.3: a fold is removed before further syntax is looked at, in quoted-strings, too",
        Effect::Same,
        unfolded,
    ),
    Class {
        follows: Follows::NotUs,
        ..class(
            "line ending that is no fold",
            "RFC 5322 2.2: a body has none, and in no message we find one; given such a body, we step over it",
            Effect::Same,
            |body| {
                tokens_replaced(body, b" ", |piece, token| {
                    let ending = body[token.at.clone()].ends_with(b"\n");
                    let fold = matches!(body.get(token.at.end), Some(b' ' | b'\t'));
                    token.kind == Kind::Space && ending && !fold && !piece.is_malformed()
                })
            },
        )
    },
    class(
        "obsolete route",
        "RFC 5322 4.4: obs-angle-addr; the domains of a route are no addr-specs",
        Effect::Same,
        without_routes,
    ),
    class(
        "quoted-string in a display-name",
        "RFC 5322 3.2.4: specials and quoted-pairs in a quoted-string are text",
        Effect::Same,
        |body| phrase_words(body, |_, token| token.kind == Kind::Quoted),
    ),
    class(
        "encoded-word in a display-name",
        "RFC 2047 5 (3): an encoded-word in a phrase is a word; RFC 2047 6.2: it is decoded after parsing",
        Effect::Same,
        |body| phrase_words(body, |body, token| is_encoded_word(&body[token.at.clone()])),
    ),
    class("UTF-8 in a display-name", "RFC 6532 3.2: atext and qtext hold UTF-8", Effect::Same, |body| {
        phrase_words(body, |body, token| eight_bit(&body[token.at.clone()]) == Some(true))
    }),
    Class {
        follows: Follows::NotUs,
        ..class(
            "8-bit octets in a display-name that are no UTF-8",
            "RFC 6532 3.1 has none; we step over them",
            Effect::Same,
            |body| phrase_words(body, |body, token| eight_bit(&body[token.at.clone()]) == Some(false)),
        )
    },
    class(
        "dot in a display-name",
        "RFC 5322 4.1: obs-phrase has dots, and none of its words is an address",
        Effect::Same,
        |body| {
            let dots = |piece: &Piece| {
                piece.phrase().iter().filter(|token| token.kind == Kind::Dot).cloned().collect()
            };
            replaced(body, &all_of(body, dots), b" ")
        },
    ),
    class(
        "empty element",
        "RFC 5322 4.4: obs-addr-list and obs-group-list have empty elements",
        Effect::Same,
        |body| dropped(body, |_, piece| matches!(piece.what, What::Empty)),
    ),
    class(
        "words without an address",
        "RFC 5322 3.4.1: an addr-spec has an \"@\" and a domain",
        Effect::Same,
        |body| dropped(body, |_, piece| matches!(piece.what, What::Words)),
    ),
    class(
        "nothing between angle brackets",
        "RFC 5322 3.4: angle-addr has an addr-spec in it; where it has none, there is none",
        Effect::Same,
        |body| dropped(body, |_, piece| matches!(piece.what, What::Null)),
    ),
    Class {
        follows: Follows::NotUs,
        ..class(
            "group without its semicolon at the end",
            "RFC 5322 3.4: a group ends with a semicolon; we take the end of the body for one",
            Effect::Same,
            |body| if grammar::ends_in_group(body) { [body, b";"].concat() } else { body.to_vec() },
        )
    },
    class(
        "group",
        "RFC 5322 3.4: the mailboxes of a group are those between its colon and its semicolon",
        Effect::Same,
        without_groups,
    ),
    Class {
        follows: Follows::NotUs,
        ..class(
            "dot behind a domain",
            "RFC 5322 3.4.1 has none; RFC 1034 3.1 writes absolute names so, and we take it",
            Effect::Undotted,
            |body| {
                let last = |piece: &Piece| piece.addr_spec().last().cloned();
                let dot =
                    |piece: &Piece| last(piece).into_iter().filter(|token| token.kind == Kind::Dot).collect();
                replaced(body, &all_of(body, dot), b"")
            },
        )
    },
    class(
        "quoted-string as local-part",
        "RFC 5322 3.4.1: local-part = dot-atom / quoted-string / obs-local-part",
        Effect::Fewer,
        |body| dropped(body, |_, piece| piece.addr_spec().iter().any(|token| token.kind == Kind::Quoted)),
    ),
    class(
        "domain-literal",
        "RFC 5322 3.4.1: dtext holds every printable octet but brackets and backslash",
        Effect::Fewer,
        |body| dropped(body, |_, piece| piece.addr_spec().iter().any(|token| token.kind == Kind::Literal)),
    ),
    class(
        "A-label in a domain",
        "RFC 5890 2.3.2.1: its octets are those of the A-label; that it means a U-label is for whoever compares",
        Effect::Fewer,
        |body| {
            dropped(body, |body, piece| {
                let octets = body[piece.addr_spec_at()].to_ascii_lowercase();
                let domain = octets.split(|&octet| octet == b'@').next_back().unwrap_or_default();
                domain.split(|&octet| octet == b'.').any(|label| label.starts_with(b"xn--"))
            })
        },
    ),
    class(
        "encoded-word in an addr-spec",
        "RFC 2047 5 (3): it must not stand in an addr-spec; RFC 5322 3.2.3: its octets are atext as they stand",
        Effect::Fewer,
        |body| dropped(body, |body, piece| holds_encoded_word(&body[piece.addr_spec_at()])),
    ),
    class("UTF-8 in an addr-spec", "RFC 6532 3.2: atext and dtext hold UTF-8", Effect::Fewer, |body| {
        dropped(body, |body, piece| !body[piece.addr_spec_at()].is_ascii())
    }),
];
