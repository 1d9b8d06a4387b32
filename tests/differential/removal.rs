//! Taking constructs out of a field body, for the classes of `bodies`.

use std::ops::Range;

use crate::grammar::{Piece, What, pieces};
use crate::tokens::{Kind, Token, tokens};

/// The tokens that `choose` takes of each piece.
pub fn all_of(body: &[u8], choose: impl Fn(&Piece) -> Vec<Token>) -> Vec<Range<usize>> {
    pieces(body).iter().flat_map(|piece| choose(piece).into_iter().map(|token| token.at)).collect()
}

/// The body with these ranges replaced.
pub fn replaced(body: &[u8], ranges: &[Range<usize>], by: &[u8]) -> Vec<u8> {
    let (mut out, mut position) = (Vec::new(), 0);
    for range in ranges {
        out.extend_from_slice(&body[position..range.start]);
        out.extend_from_slice(by);
        position = range.end;
    }
    out.extend_from_slice(&body[position..]);
    out
}

/// The body with every chosen token replaced; comments and white space can be chosen.
pub fn tokens_replaced(body: &[u8], by: &[u8], chosen: impl Fn(&Piece, &Token) -> bool) -> Vec<u8> {
    let all = tokens(body);
    let mut ranges = Vec::new();
    for piece in pieces(body) {
        let first = all.partition_point(|token| token.at.start < piece.at.start);
        let inside = all[first..].iter().take_while(|token| token.at.end <= piece.at.end);
        ranges.extend(inside.filter(|token| chosen(&piece, token)).map(|token| token.at.clone()));
    }
    ranges.sort_by_key(|range| range.start);
    ranges.dedup();
    replaced(body, &ranges, by)
}

pub fn inside_addr_specs(body: &[u8], kind: Kind) -> Vec<u8> {
    tokens_replaced(body, b"", |piece, token| {
        let at = piece.addr_spec_at();
        token.kind == kind && at.start < token.at.start && token.at.end < at.end
    })
}

pub fn spaces_in_angles(body: &[u8]) -> Vec<u8> {
    tokens_replaced(body, b"", |piece, token| {
        let bracket = |kind| piece.tokens.iter().find(|token| token.kind == kind).map(|token| token.at.start);
        let at = piece.addr_spec_at();
        token.kind == Kind::Space
            && !piece.is_malformed()
            && (bracket(Kind::Open).is_some_and(|open| open < token.at.start && token.at.end <= at.start)
                || bracket(Kind::Close)
                    .is_some_and(|close| token.at.start < close && token.at.start >= at.end))
    })
}

/// Line endings before white space are taken away wherever they stand but in malformed pieces.
pub fn unfolded(body: &[u8]) -> Vec<u8> {
    let malformed: Vec<Range<usize>> =
        pieces(body).into_iter().filter(Piece::is_malformed).map(|piece| piece.at).collect();
    let mut out = Vec::new();
    for (position, &octet) in body.iter().enumerate() {
        let rest = &body[position..];
        let fold = |ending: &[u8]| {
            rest.strip_prefix(ending).is_some_and(|rest| matches!(rest.first(), Some(b' ' | b'\t')))
        };
        let kept = malformed.iter().any(|range| range.contains(&position));
        if kept || !(fold(b"\r\n") || fold(b"\n")) {
            out.push(octet);
        }
    }
    out
}

pub fn without_routes(body: &[u8]) -> Vec<u8> {
    let route = |piece: &Piece| {
        let open = piece.tokens.iter().position(|token| token.kind == Kind::Open)?;
        let first = piece.tokens.get(open + 1).filter(|_| !piece.is_malformed())?;
        (first.at.start < piece.addr_spec_at().start).then(|| first.at.start..piece.addr_spec_at().start)
    };
    let ranges: Vec<Range<usize>> = pieces(body).iter().filter_map(route).collect();
    replaced(body, &ranges, b"")
}

/// Chosen words of display-names become `x`.
pub fn phrase_words(body: &[u8], chosen: impl Fn(&[u8], &Token) -> bool) -> Vec<u8> {
    let words = |piece: &Piece| {
        piece.phrase().iter().filter(|token| token.is_word() && chosen(body, token)).cloned().collect()
    };
    replaced(body, &all_of(body, words), b"x")
}

/// Display-names with colons go; semicolons become commas.
///
/// Not beside malformed pieces: a colon there may become one that begins a group.
pub fn without_groups(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if pieces(body).iter().any(Piece::is_malformed) {
        return body.to_vec();
    }
    for piece in pieces(body) {
        match piece.what {
            What::GroupStart => continue,
            What::GroupEnd => out.push(b','),
            _ => out.extend_from_slice(&body[piece.at.clone()]),
        }
        out.extend(piece.comma.then_some(b','));
    }
    if pieces(body).iter().any(|piece| matches!(piece.what, What::GroupStart)) {
        // What the colons and semicolons leave behind.
        return dropped(&out, |_, piece| matches!(piece.what, What::Empty));
    }
    body.to_vec()
}

/// The body without these pieces and the commas behind them.
pub fn dropped(body: &[u8], chosen: impl Fn(&[u8], &Piece) -> bool) -> Vec<u8> {
    let all = pieces(body);
    // One empty piece is an empty list, and beside a colon or semicolon it is no element.
    let element = |nth: usize| {
        !matches!(all[nth].what, What::Empty)
            || all[nth].comma
            || nth.checked_sub(1).is_some_and(|before| all[before].comma)
    };
    let gone: Vec<bool> = (0..all.len()).map(|nth| element(nth) && chosen(body, &all[nth])).collect();
    if !gone.contains(&true) {
        return body.to_vec();
    }
    let mut out = Vec::new();
    for (piece, gone) in all.iter().zip(gone) {
        if !gone {
            out.extend_from_slice(&body[piece.at.clone()]);
            out.extend(piece.comma.then_some(b','));
        } else if piece.comma && out.last() == Some(&b';') {
            out.push(b',');
        } else if !piece.comma && out.last() == Some(&b',') {
            out.pop();
        }
    }
    out
}

/// Whether 8-bit octets are UTF-8, if there are any.
pub fn eight_bit(octets: &[u8]) -> Option<bool> {
    (!octets.is_ascii()).then(|| std::str::from_utf8(octets).is_ok())
}

pub fn is_encoded_word(atom: &[u8]) -> bool {
    atom.starts_with(b"=?") && holds_encoded_word(atom)
}

/// `=?charset?encoding?text?=` anywhere (RFC 2047 2).
pub fn holds_encoded_word(octets: &[u8]) -> bool {
    let text = String::from_utf8_lossy(octets);
    text.match_indices("=?").any(|(at, _)| {
        let mut parts = text[at + 2..].splitn(3, '?');
        let charset = parts.next().unwrap_or_default();
        let encoding = parts.next().unwrap_or_default();
        !charset.is_empty()
            && matches!(encoding, "b" | "B" | "q" | "Q")
            && parts.next().is_some_and(|text| text.contains("?="))
    })
}
