//! Tokens of an address list by RFC 5322 3.2 and section 4: a second reading of these paragraphs,
//! which shares nothing with the engine's.

use std::ops::Range;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Atom,
    Quoted,
    Literal,
    Dot,
    At,
    Open,
    Close,
    Colon,
    Comma,
    Semicolon,
    Comment,
    Space,
    /// A quoted-string, comment or domain-literal with a NUL or a bare carriage return in it.
    Spoilt,
    /// An octet that begins or continues no token where it stands.
    Stray,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub at: Range<usize>,
}

impl Token {
    pub fn is_word(&self) -> bool {
        matches!(self.kind, Kind::Atom | Kind::Quoted)
    }
}

/// All tokens, white space and comments included. They cover the body.
pub fn tokens(body: &[u8]) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let mut position = 0;
    let (mut quotes_end, mut comments_end) = (true, true);
    while position < body.len() {
        let rest = &body[position..];
        // A domain-literal stands behind an "@" only; elsewhere a bracket is a stray octet.
        let behind_at = found
            .iter()
            .rev()
            .find(|token| !matches!(token.kind, Kind::Space | Kind::Comment))
            .is_some_and(|token| token.kind == Kind::At);
        let (kind, length) = match rest[0] {
            b' ' | b'\t' | b'\n' => (Kind::Space, 1),
            b'\r' if rest.starts_with(b"\r\n") => (Kind::Space, 2),
            b'.' => (Kind::Dot, 1),
            b'@' => (Kind::At, 1),
            b'<' => (Kind::Open, 1),
            b'>' => (Kind::Close, 1),
            b':' => (Kind::Colon, 1),
            b',' => (Kind::Comma, 1),
            b';' => (Kind::Semicolon, 1),
            b'"' if quotes_end => {
                let end = enclosed(rest, b'"', false);
                quotes_end = end.is_some();
                spoilt_or(Kind::Quoted, rest, end)
            }
            b'(' if comments_end => {
                let end = enclosed(rest, b')', true);
                comments_end = end.is_some();
                spoilt_or(Kind::Comment, rest, end)
            }
            b'[' if behind_at => spoilt_or(Kind::Literal, rest, literal(rest)),
            octet if is_atext(octet) => {
                (Kind::Atom, rest.iter().take_while(|&&octet| is_atext(octet)).count())
            }
            _ => (Kind::Stray, 1),
        };
        found.push(Token { kind, at: position..position + length });
        position += length;
    }
    found
}

/// The tokens without white space and comments.
pub fn significant(body: &[u8]) -> Vec<Token> {
    let mut all = tokens(body);
    all.retain(|token| !matches!(token.kind, Kind::Space | Kind::Comment));
    all
}

fn spoilt_or(kind: Kind, rest: &[u8], length: Option<usize>) -> (Kind, usize) {
    let Some(length) = length else { return (Kind::Stray, 1) };
    (if is_spoilt(&rest[..length]) { Kind::Spoilt } else { kind }, length)
}

/// Whether a token holds a NUL or a bare carriage return, or a quoted one or line feed.
pub fn is_spoilt(inside: &[u8]) -> bool {
    inside.iter().enumerate().any(|(position, &octet)| match octet {
        0 => true,
        b'\r' => inside.get(position + 1) != Some(&b'\n') || escaped(inside, position),
        b'\n' => escaped(inside, position),
        _ => false,
    })
}

/// Whether an odd number of backslashes stands before this octet.
fn escaped(text: &[u8], position: usize) -> bool {
    text[..position].iter().rev().take_while(|&&octet| octet == b'\\').count() % 2 == 1
}

/// The length of what begins here and ends with `close`.
fn enclosed(rest: &[u8], close: u8, nests: bool) -> Option<usize> {
    let mut depth = 1;
    let mut position = 1;
    while let Some(&octet) = rest.get(position) {
        match octet {
            b'\\' => position += 1,
            octet if octet == close => {
                depth -= 1;
                if depth == 0 {
                    return Some(position + 1);
                }
            }
            b'(' if nests => depth += 1,
            _ => {}
        }
        position += 1;
    }
    None
}

/// RFC 5322 3.4.1. Neither the quoted-pairs of 4.4 nor the UTF-8 of RFC 6532 3.2: both are classes of
/// their own, for we leave them alone.
fn literal(rest: &[u8]) -> Option<usize> {
    let end = rest.iter().position(|&octet| octet == b']')?;
    let sound = !rest[1..end].iter().any(|&octet| matches!(octet, b'[' | b'\\' | 0x80..));
    sound.then_some(end + 1)
}

fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet >= 0x80 || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}
