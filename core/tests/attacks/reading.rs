//! What a body says once quotes, comments and white space are gone, worked out without the engine:
//! every key must stand in it, so that nothing was decoded, glued or made up.
//!
//! Words that only a dot or an `@` may join stay apart: where a comment, white space or a quote
//! stood between two of them is a gap, which no key has.

/// An octet of the reading, or a gap between words.
const GAP: u16 = 256;

#[derive(Clone, Copy, Eq, PartialEq)]
enum Piece {
    Octet(u8),
    /// A `.` or `@` outside quotes.
    Joint(u8),
    Gap,
}

/// The reading of a body.
pub(crate) struct Reading(Vec<u16>);

impl Reading {
    pub(crate) fn of(body: &[u8]) -> Reading {
        let pieces = pieces(body);
        let is_joint = |at: Option<&Piece>| matches!(at, Some(Piece::Joint(_)));
        let mut reading = Vec::new();
        let mut at = 0;
        while at < pieces.len() {
            match pieces[at] {
                Piece::Octet(octet) | Piece::Joint(octet) => {
                    reading.push(u16::from(octet.to_ascii_lowercase()));
                    at += 1;
                }
                Piece::Gap => {
                    let length = pieces[at..].iter().take_while(|piece| **piece == Piece::Gap).count();
                    let before = at.checked_sub(1).and_then(|before| pieces.get(before));
                    if !is_joint(before) && !is_joint(pieces.get(at + length)) {
                        reading.push(GAP);
                    }
                    at += length;
                }
            }
        }
        Reading(reading)
    }

    /// Whether `octets` stand in it without a gap.
    pub(crate) fn holds(&self, octets: &[u8]) -> bool {
        let wanted: Vec<u16> = octets.iter().map(|&octet| u16::from(octet)).collect();
        self.0.windows(wanted.len().max(1)).any(|window| window == wanted)
    }
}

fn pieces(body: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < body.len() {
        match body[at] {
            b'"' => {
                pieces.push(Piece::Gap);
                at += 1;
                if let Some(end) = end_of_quotes(body, at) {
                    while at < end {
                        at += usize::from(body[at] == b'\\');
                        if !matches!(body[at], b'\r' | b'\n') {
                            pieces.push(Piece::Octet(body[at]));
                        }
                        at += 1;
                    }
                    pieces.push(Piece::Gap);
                    at = end + 1;
                }
            }
            b'(' => {
                pieces.push(Piece::Gap);
                at = end_of_comment(body, at).unwrap_or(at + 1);
            }
            // White space in an address literal means nothing (RFC 5322 3.4.1).
            b'[' if body[at..].contains(&b']') => {
                while body[at] != b']' {
                    if !is_space(body[at]) {
                        pieces.push(Piece::Octet(body[at]));
                    }
                    at += 1;
                }
            }
            octet if is_space(octet) => {
                pieces.push(Piece::Gap);
                at += 1;
            }
            octet @ (b'.' | b'@') => {
                pieces.push(Piece::Joint(octet));
                at += 1;
            }
            octet => {
                pieces.push(Piece::Octet(octet));
                at += 1;
            }
        }
    }
    pieces
}

/// Where the quote stands that closes one whose inside begins at `at`.
fn end_of_quotes(body: &[u8], mut at: usize) -> Option<usize> {
    while at < body.len() {
        match body[at] {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// Behind the parenthesis that closes the one at `at`.
fn end_of_comment(body: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0;
    while at < body.len() {
        match body[at] {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether an addr-spec has neither white space nor comments outside its quotes: only such can
/// stand in a path.
pub(crate) fn is_tight(addr_spec: &[u8]) -> bool {
    let mut is_quoted = false;
    let mut at = 0;
    while at < addr_spec.len() {
        match addr_spec[at] {
            b'\\' => at += 1,
            b'"' => is_quoted = !is_quoted,
            b'\r' | b'\n' => return false,
            octet if !is_quoted && (is_space(octet) || octet == b'(') => return false,
            _ => {}
        }
        at += 1;
    }
    true
}
