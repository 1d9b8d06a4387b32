//! Why a piece between commas is no address: a predicate for each paragraph that it may break.

use crate::grammar::{Piece, What};
use crate::tokens::{Kind, Token, is_spoilt};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    QuotedControl,
    Control,
    UnterminatedQuotedString,
    UnterminatedComment,
    ClosingParenthesis,
    QuotedPairInLiteral,
    Utf8InLiteral,
    Backslash,
    Bracket,
    UnmatchedAngleBracket,
    SeveralAngleAddrs,
    TextBehindAngleAddr,
    AtBeforeAngle,
    Semicolon,
    Colon,
    SeveralAt,
    BrokenRoute,
    NoLocalPart,
    NoDomain,
    Dots,
    TwoAddresses,
    WordsWithoutDots,
    NotUtf8,
}

type Fits = fn(&[u8], &[Token]) -> bool;

/// The first that fits names the piece.
const FLAWS: [(Flaw, Fits); 23] = [
    (Flaw::QuotedControl, quoted_control),
    (Flaw::Control, control),
    (Flaw::UnterminatedQuotedString, unterminated_quoted_string),
    (Flaw::UnterminatedComment, unterminated_comment),
    (Flaw::ClosingParenthesis, closing_parenthesis),
    (Flaw::QuotedPairInLiteral, quoted_pair_in_literal),
    (Flaw::Utf8InLiteral, utf8_in_literal),
    (Flaw::Backslash, backslash),
    (Flaw::Bracket, bracket),
    (Flaw::UnmatchedAngleBracket, unmatched_angle_bracket),
    (Flaw::SeveralAngleAddrs, several_angle_addrs),
    (Flaw::TextBehindAngleAddr, text_behind_angle_addr),
    (Flaw::AtBeforeAngle, at_before_angle),
    (Flaw::Semicolon, semicolon),
    (Flaw::Colon, colon),
    (Flaw::SeveralAt, several_at),
    (Flaw::BrokenRoute, broken_route),
    (Flaw::NoLocalPart, no_local_part),
    (Flaw::NoDomain, no_domain),
    (Flaw::Dots, dots),
    (Flaw::TwoAddresses, two_addresses),
    (Flaw::WordsWithoutDots, words_without_dots),
    (Flaw::NotUtf8, not_utf8),
];

/// Whether the piece is malformed and `flaw` is the first that fits.
pub fn is_named(body: &[u8], piece: &Piece, flaw: Flaw) -> bool {
    matches!(piece.what, What::Malformed)
        && FLAWS.iter().find(|(_, fits)| fits(body, &piece.tokens)).is_some_and(|(first, _)| *first == flaw)
}

fn any(tokens: &[Token], kind: Kind) -> bool {
    tokens.iter().any(|token| token.kind == kind)
}

fn count(tokens: &[Token], kind: Kind) -> usize {
    tokens.iter().filter(|token| token.kind == kind).count()
}

fn stray(body: &[u8], tokens: &[Token], octets: &[u8]) -> bool {
    tokens.iter().any(|token| token.kind == Kind::Stray && octets.contains(&body[token.at.start]))
}

fn pair(tokens: &[Token], fits: impl Fn(&Token, &Token) -> bool) -> bool {
    tokens.windows(2).any(|pair| fits(&pair[0], &pair[1]))
}

/// Between angle brackets, or everything where there are none.
fn inside(tokens: &[Token]) -> &[Token] {
    let from = tokens.iter().position(|token| token.kind == Kind::Open).map_or(0, |open| open + 1);
    let end = tokens.iter().rposition(|token| token.kind == Kind::Close).unwrap_or(tokens.len());
    tokens.get(from..end).unwrap_or_default()
}

/// A NUL, CR or LF behind a backslash, where nothing else is wrong with the token.
fn quoted_control(body: &[u8], tokens: &[Token]) -> bool {
    tokens
        .iter()
        .any(|token| token.kind == Kind::Spoilt && !is_spoilt(&unquoted_controls(&body[token.at.clone()])))
}

fn unquoted_controls(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut octets = text.iter();
    while let Some(&octet) = octets.next() {
        out.push(octet);
        if octet == b'\\' {
            out.extend(octets.next().map(|&quoted| if b"\0\r\n".contains(&quoted) { b'x' } else { quoted }));
        }
    }
    out
}

fn control(body: &[u8], tokens: &[Token]) -> bool {
    any(tokens, Kind::Spoilt)
        || tokens.iter().any(|token| token.kind == Kind::Stray && body[token.at.start].is_ascii_control())
}

fn unterminated_quoted_string(body: &[u8], tokens: &[Token]) -> bool {
    stray(body, tokens, b"\"")
}

fn unterminated_comment(body: &[u8], tokens: &[Token]) -> bool {
    stray(body, tokens, b"(")
}

fn closing_parenthesis(body: &[u8], tokens: &[Token]) -> bool {
    stray(body, tokens, b")")
}

/// `[a\]b]` in a domain's place.
fn quoted_pair_in_literal(body: &[u8], tokens: &[Token]) -> bool {
    literals(body, tokens).any(|literal| literal.contains(&b'\\'))
}

fn utf8_in_literal(body: &[u8], tokens: &[Token]) -> bool {
    literals(body, tokens).any(|literal| !literal.is_ascii() && std::str::from_utf8(literal).is_ok())
}

/// What stands between brackets behind an "@", by RFC 5322 4.4: `*([FWS] (dtext / quoted-pair)) [FWS]`.
fn literals<'b>(body: &'b [u8], tokens: &[Token]) -> impl Iterator<Item = &'b [u8]> {
    let opens = tokens.windows(2).filter(|pair| pair[0].kind == Kind::At && body[pair[1].at.start] == b'[');
    let starts: Vec<usize> = opens.map(|pair| pair[1].at.start + 1).collect();
    starts.into_iter().filter_map(|start| {
        let mut end = start;
        while *body.get(end)? != b']' {
            if body[end] == b'[' {
                return None;
            }
            end += if body[end] == b'\\' { 2 } else { 1 };
        }
        Some(&body[start..end])
    })
}

fn backslash(body: &[u8], tokens: &[Token]) -> bool {
    stray(body, tokens, b"\\")
}

fn bracket(body: &[u8], tokens: &[Token]) -> bool {
    stray(body, tokens, b"[]")
        || pair(tokens, |one, other| {
            (one.kind == Kind::Literal) & (other.is_word() || other.kind == Kind::Dot)
        })
}

fn unmatched_angle_bracket(_: &[u8], tokens: &[Token]) -> bool {
    count(tokens, Kind::Open) != count(tokens, Kind::Close)
}

fn several_angle_addrs(_: &[u8], tokens: &[Token]) -> bool {
    count(tokens, Kind::Open) > 1
}

fn text_behind_angle_addr(_: &[u8], tokens: &[Token]) -> bool {
    any(tokens, Kind::Close) && tokens.last().is_some_and(|token| token.kind != Kind::Close)
}

fn at_before_angle(_: &[u8], tokens: &[Token]) -> bool {
    let open = tokens.iter().position(|token| token.kind == Kind::Open);
    open.is_some_and(|open| any(&tokens[..open], Kind::At))
}

fn semicolon(_: &[u8], tokens: &[Token]) -> bool {
    any(tokens, Kind::Semicolon)
}

fn colon(_: &[u8], tokens: &[Token]) -> bool {
    any(tokens, Kind::Colon)
}

/// `a@b@c`, not `a@b c@d`.
fn several_at(_: &[u8], tokens: &[Token]) -> bool {
    let ats: Vec<usize> = (0..tokens.len()).filter(|&nth| tokens[nth].kind == Kind::At).collect();
    ats.windows(2).any(|two| !pair(&tokens[two[0]..two[1]], |one, other| one.is_word() && other.is_word()))
}

/// Only what may be a route has commas in it.
fn broken_route(_: &[u8], tokens: &[Token]) -> bool {
    any(tokens, Kind::Comma)
}

fn no_local_part(_: &[u8], tokens: &[Token]) -> bool {
    inside(tokens).first().is_some_and(|token| token.kind == Kind::At)
}

fn no_domain(_: &[u8], tokens: &[Token]) -> bool {
    let inside = inside(tokens);
    !any(inside, Kind::At) || inside.last().is_some_and(|token| token.kind == Kind::At)
}

fn dots(_: &[u8], tokens: &[Token]) -> bool {
    let inside = inside(tokens);
    let dot = |token: &Token| token.kind == Kind::Dot;
    let edge = |token: Option<&Token>| token.is_some_and(dot);
    edge(inside.first())
        || edge(tokens.first())
        || pair(inside, |one, other| {
            dot(one) && (dot(other) || other.kind == Kind::At) || one.kind == Kind::At && dot(other)
        })
}

/// A word behind the first domain.
fn two_addresses(_: &[u8], tokens: &[Token]) -> bool {
    let inside = inside(tokens);
    let at = inside.iter().position(|token| token.kind == Kind::At).unwrap_or(inside.len());
    let domain = &inside[at..];
    pair(domain, |one, other| one.is_word() && other.is_word()) || any(domain, Kind::Quoted)
}

/// `john doe@x`
fn words_without_dots(_: &[u8], tokens: &[Token]) -> bool {
    let local_part = inside(tokens).split(|token| token.kind == Kind::At).next().unwrap_or_default();
    pair(local_part, |one, other| one.is_word() && other.is_word())
}

fn not_utf8(body: &[u8], tokens: &[Token]) -> bool {
    let inside = inside(tokens);
    let (Some(first), Some(last)) = (inside.first(), inside.last()) else { return false };
    std::str::from_utf8(&body[first.at.start..last.at.end]).is_err()
}
