//! Which octets of a field body are addr-specs, by RFC 5322 3.4 and 4.4, as patterns over tokens: a
//! second reading, to which the engine and its peers are held. It is as plain as it can be and
//! quadratic where that is plainer.

use std::ops::Range;

use crate::tokens::{Kind, Token, significant};

/// What stands between two commas, a colon and a comma, or the like.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Its octets, separators apart, comments and white space included.
    pub at: Range<usize>,
    pub what: What,
    /// Its tokens that are neither comments nor white space.
    pub tokens: Vec<Token>,
    /// Whether a comma follows.
    pub comma: bool,
}

#[derive(Clone, Debug)]
pub enum What {
    /// A mailbox: the tokens of its addr-spec.
    Mailbox(Range<usize>),
    /// Nothing at all.
    Empty,
    /// Words without an address.
    Words,
    /// `<>`, with a display-name or without.
    Null,
    /// A display-name with its colon.
    GroupStart,
    /// A semicolon.
    GroupEnd,
    Malformed,
    /// Anything between a group's semicolon and the next comma.
    BehindGroup,
}

impl Piece {
    /// Whether it is no address by the grammar, and not for want of one.
    pub fn is_malformed(&self) -> bool {
        matches!(self.what, What::Malformed | What::BehindGroup)
    }

    /// The tokens of the addr-spec.
    pub fn addr_spec(&self) -> &[Token] {
        match &self.what {
            What::Mailbox(range) => &self.tokens[range.clone()],
            _ => &[],
        }
    }

    /// From the first octet of the addr-spec to the last.
    pub fn addr_spec_at(&self) -> Range<usize> {
        match self.addr_spec() {
            [] => 0..0,
            [first, .., last] => first.at.start..last.at.end,
            [only] => only.at.clone(),
        }
    }

    /// The tokens of the display-name of a mailbox or a group.
    pub fn phrase(&self) -> &[Token] {
        let end = match self.what {
            What::Mailbox(_) => self.tokens.iter().position(|token| token.kind == Kind::Open),
            What::GroupStart => Some(self.tokens.len() - 1),
            _ => None,
        };
        &self.tokens[..end.unwrap_or(0)]
    }
}

/// The addr-specs of a body in normal form.
pub fn addr_specs(body: &[u8]) -> Vec<Vec<u8>> {
    let mailboxes = pieces(body).into_iter().filter(|piece| matches!(piece.what, What::Mailbox(_)));
    mailboxes.map(|piece| normal(body, piece.addr_spec())).collect()
}

/// Whether a group begins and has no semicolon behind it.
pub fn ends_in_group(body: &[u8]) -> bool {
    let all = pieces(body);
    let last = |is: fn(&What) -> bool| all.iter().rposition(|piece| is(&piece.what));
    last(|what| matches!(what, What::GroupStart)) > last(|what| matches!(what, What::GroupEnd))
}

/// The body in pieces.
pub fn pieces(body: &[u8]) -> Vec<Piece> {
    let all = significant(body);
    let mut pieces = Vec::new();
    let (mut next, mut from, mut in_group) = (0, 0, false);
    loop {
        let rest = &all[next..];
        if let Some(colon) = behind_phrase(rest, Kind::Colon).filter(|&colon| !in_group && colon > 0) {
            let end = rest[colon].at.end;
            let tokens = rest[..=colon].to_vec();
            pieces.push(Piece { at: from..end, what: What::GroupStart, tokens, comma: false });
            (next, from, in_group) = (next + colon + 1, end, true);
            continue;
        }
        let (length, what) = next_piece(body, rest, in_group);
        let stop = rest.get(length);
        let at = from..stop.map_or(body.len(), |token| token.at.start);
        let comma = stop.is_some_and(|token| token.kind == Kind::Comma);
        pieces.push(Piece { at, what, tokens: rest[..length].to_vec(), comma });
        let Some(stop) = stop else { return pieces };
        (next, from) = (next + length + 1, stop.at.end);
        if stop.kind == Kind::Semicolon {
            in_group = false;
            let tail = &all[next..];
            let length = until_comma(tail);
            let stop = tail.get(length);
            let tokens = tail[..length].to_vec();
            let end = stop.map_or(body.len(), |token| token.at.start);
            let semicolon = all[next - 1].clone();
            let what = What::GroupEnd;
            let comma = stop.is_some() && length == 0;
            pieces.push(Piece { at: semicolon.at.clone(), what, tokens: vec![semicolon], comma });
            if length > 0 {
                // Text behind a group is no address, whatever it looks like.
                pieces.push(Piece { at: from..end, what: What::BehindGroup, tokens, comma: stop.is_some() });
            }
            let Some(stop) = stop else { return pieces };
            (next, from) = (next + length + 1, stop.at.end);
        }
    }
}

/// How many tokens the next piece has, and what it is.
fn next_piece(body: &[u8], rest: &[Token], in_group: bool) -> (usize, What) {
    let ends = |token: &Token| token.kind == Kind::Comma || (in_group && token.kind == Kind::Semicolon);
    // The commas of a route are none between pieces, as far as it is one.
    let angle = behind_phrase(rest, Kind::Open);
    let from = angle.map_or(0, |open| open + 1 + route_so_far(&rest[open + 1..]));
    let length = rest[from..].iter().position(ends).map_or(rest.len(), |further| from + further);
    (length, whole(body, &rest[..length]))
}

/// How many tokens can be those of a route or of its beginning.
fn route_so_far(inside: &[Token]) -> usize {
    let mut read = 0;
    loop {
        match inside.get(read).map(|token| token.kind) {
            Some(Kind::Comma) => read += 1,
            Some(Kind::At) => {
                let domain =
                    |length: &usize| is_domain(inside.get(read + 1..read + 1 + length).unwrap_or_default());
                let Some(length) = (1..inside.len() - read).rev().find(domain) else { return read + 1 };
                read += 1 + length;
                if !inside.get(read).is_some_and(|token| matches!(token.kind, Kind::Comma | Kind::Colon)) {
                    return read;
                }
            }
            _ => return read,
        }
    }
}

fn until_comma(tokens: &[Token]) -> usize {
    tokens.iter().position(|token| token.kind == Kind::Comma).unwrap_or(tokens.len())
}

fn whole(body: &[u8], piece: &[Token]) -> What {
    if piece.is_empty() {
        return What::Empty;
    }
    if let Some(addr_spec) = mailbox(body, piece) {
        return What::Mailbox(addr_spec);
    }
    let words = piece.iter().take_while(|token| token.is_word() || token.kind == Kind::Dot).count();
    let null = matches!(piece, [.., open, close] if open.kind == Kind::Open && close.kind == Kind::Close)
        && (piece.len() == 2 || is_phrase(&piece[..piece.len() - 2]));
    match (words == piece.len(), null) {
        (true, _) => What::Words,
        (_, true) => What::Null,
        _ => What::Malformed,
    }
}

/// mailbox = addr-spec / [phrase] "<" [obs-route] addr-spec ">": the tokens of the addr-spec.
fn mailbox(body: &[u8], piece: &[Token]) -> Option<Range<usize>> {
    let found = match piece.iter().position(|token| token.kind == Kind::Open) {
        None => 0..piece.len(),
        Some(open) => {
            let close = piece.len() - 1;
            if piece[close].kind != Kind::Close || !(open == 0 || is_phrase(&piece[..open])) {
                return None;
            }
            open + 1 + route(&piece[open + 1..close])?..close
        }
    };
    let tokens = &piece[found.clone()];
    let octets = &body[tokens.first()?.at.start..tokens.last()?.at.end];
    (is_addr_spec(tokens) && std::str::from_utf8(octets).is_ok()).then_some(found)
}

/// The length of obs-route, 0 without one; `None` if what begins like one is none.
fn route(inside: &[Token]) -> Option<usize> {
    if !matches!(inside.first()?.kind, Kind::At | Kind::Comma) {
        return Some(0);
    }
    let colon = inside.iter().position(|token| token.kind == Kind::Colon)?;
    let mut domains =
        inside[..colon].split(|token| token.kind == Kind::Comma).filter(|part| !part.is_empty());
    let sound = |part: &[Token]| part[0].kind == Kind::At && is_domain(&part[1..]);
    (inside[..colon].iter().any(|token| token.kind == Kind::At) && domains.all(sound)).then_some(colon + 1)
}

fn is_addr_spec(tokens: &[Token]) -> bool {
    let Some(at) = tokens.iter().position(|token| token.kind == Kind::At) else { return false };
    is_joined_by_dots(&tokens[..at], Token::is_word) && is_domain(&tokens[at + 1..])
}

/// domain = dot-atom / domain-literal / obs-domain, and one dot behind it.
fn is_domain(tokens: &[Token]) -> bool {
    let undotted = match tokens {
        [literal] if literal.kind == Kind::Literal => return true,
        [rest @ .., dot] if dot.kind == Kind::Dot => rest,
        _ => tokens,
    };
    is_joined_by_dots(undotted, |token| token.kind == Kind::Atom)
}

fn is_joined_by_dots(tokens: &[Token], is_part: impl Fn(&Token) -> bool) -> bool {
    tokens.len() % 2 == 1
        && tokens.iter().enumerate().all(|(nth, token)| match nth % 2 {
            0 => is_part(token),
            _ => token.kind == Kind::Dot,
        })
}

/// The place of a token of this kind behind a phrase or nothing.
fn behind_phrase(tokens: &[Token], kind: Kind) -> Option<usize> {
    let words = tokens.iter().take_while(|token| token.is_word() || token.kind == Kind::Dot).count();
    let found = tokens.get(words)?.kind == kind && (words == 0 || is_phrase(&tokens[..words]));
    found.then_some(words)
}

/// phrase = obs-phrase = word *(word / "." / CFWS)
fn is_phrase(tokens: &[Token]) -> bool {
    tokens.first().is_some_and(Token::is_word)
        && tokens.iter().all(|token| token.is_word() || token.kind == Kind::Dot)
}

/// An addr-spec without comments and white space, its quoted-strings without quotes: `"a"@b` and
/// `a@b` are one mailbox (RFC 5322 3.2.4, RFC 5321 4.1.2).
fn normal(body: &[u8], addr_spec: &[Token]) -> Vec<u8> {
    let mut text = Vec::new();
    for token in addr_spec {
        let octets = &body[token.at.clone()];
        match token.kind {
            Kind::Quoted => unquote(&octets[1..octets.len() - 1], &mut text),
            Kind::Literal => text.extend(octets.iter().filter(|octet| !b" \t\r\n".contains(octet))),
            _ => text.extend_from_slice(octets),
        }
    }
    text
}

fn unquote(inside: &[u8], text: &mut Vec<u8>) {
    let mut octets = inside.iter();
    while let Some(&octet) = octets.next() {
        match octet {
            b'\\' => text.extend(octets.next()),
            b'\r' | b'\n' => {}
            _ => text.push(octet),
        }
    }
}

/// What somebody gives as an address, in normal form if it is one.
pub fn normal_text(text: &[u8]) -> Vec<u8> {
    let tokens = significant(text);
    if is_addr_spec(&tokens) { normal(text, &tokens) } else { text.to_vec() }
}
