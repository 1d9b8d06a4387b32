//! The tokens of RFC 5322 3.2 with their obsolete forms (section 4) and RFC 6532's UTF-8: a
//! cursor over a field body that steps over one token at a time.
//!
//! It works on octets and never looks back. Octets of 128 and above belong to words: what they
//! mean is decided only where they would become part of an address.

use crate::field::is_name_octet;
use crate::header::is_wsp;
use crate::reason::Reason;

/// A position in a field body.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'b> {
    bytes: &'b [u8],
    position: usize,
    /// A quoted-string was found to have no end. Any later quote would have none either (it would
    /// have been that end) or be an artefact of where reading went on, so none is tried again:
    /// this keeps reading linear.
    quotes_are_dead: bool,
    /// The same for comments.
    comments_are_dead: bool,
}

impl<'b> Cursor<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Cursor<'b> {
        Cursor { bytes, position: 0, quotes_are_dead: false, comments_are_dead: false }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Whether a quote can begin a quoted-string.
    #[inline]
    pub(crate) fn may_be_quoted(&self) -> bool {
        !self.quotes_are_dead
    }

    /// Goes on to a place behind the cursor.
    #[inline]
    pub(crate) fn go_to(&mut self, position: usize) {
        self.position = position;
    }

    /// The octet at the cursor.
    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    /// Steps over one octet.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.position += 1;
    }

    /// Steps over `octet` if it is the next one.
    #[inline]
    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        if found {
            self.advance();
        }
        found
    }

    /// The octets from `start` up to `end`.
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'b [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Comments and folding white space (RFC 5322 3.2.2), as much as there is.
    #[inline]
    pub(crate) fn skip_cfws(&mut self) -> Result<(), Reason> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n') => self.advance(),
                Some(b'\r' | b'(') => return self.skip_folds_and_comments(),
                _ => return Ok(()),
            }
        }
    }

    /// The same where more than spaces may stand.
    fn skip_folds_and_comments(&mut self) -> Result<(), Reason> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n') => self.advance(),
                Some(b'\r') if self.at_line_ending() => self.position += 2,
                Some(b'(') => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    /// Folding white space, as much as there is.
    pub(crate) fn skip_fws(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n') => self.advance(),
                Some(b'\r') if self.at_line_ending() => self.position += 2,
                _ => return,
            }
        }
    }

    /// One or more octets of `atext` (RFC 5322 3.2.3, RFC 6532 3.2); none if there is none.
    #[inline]
    pub(crate) fn atom(&mut self) -> bool {
        let length = self.run_of(ATEXT);
        self.position += length;
        length > 0
    }

    /// How many octets of a class follow.
    #[inline]
    fn run_of(&self, class: u8) -> usize {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        rest.iter().position(|&octet| class_of(octet) & class == 0).unwrap_or(rest.len())
    }

    /// A quoted-string (RFC 5322 3.2.4). The cursor stands on its opening quote.
    ///
    /// On failure the cursor stands behind the closing quote, or behind the opening one if there
    /// is no other.
    pub(crate) fn quoted_string(&mut self) -> Result<(), Reason> {
        let open = self.position;
        self.advance();
        if self.quotes_are_dead {
            return Err(Reason::UnterminatedQuotedString);
        }
        let mut inside = Ok(());
        loop {
            self.position += self.run_of(QUOTED);
            match self.peek() {
                Some(b'"') => {
                    self.advance();
                    return inside;
                }
                Some(octet) => inside = inside.and(self.quoted_octet(octet)),
                None => {
                    self.quotes_are_dead = true;
                    self.position = open + 1;
                    return Err(Reason::UnterminatedQuotedString);
                }
            }
        }
    }

    /// A domain-literal (RFC 5322 3.4.1). The cursor stands on its opening bracket.
    pub(crate) fn domain_literal(&mut self) -> Result<(), Reason> {
        let open = self.position;
        self.advance();
        let mut inside = Ok(());
        loop {
            match self.peek() {
                Some(b']') => {
                    self.advance();
                    return inside;
                }
                Some(b'[' | b'\\' | 0x80..) | None => {
                    self.position = open + 1;
                    return Err(Reason::UnterminatedDomainLiteral);
                }
                Some(octet) => inside = inside.and(self.quoted_octet(octet)),
            }
        }
    }

    /// Goes behind the next comma that stands outside quoted-strings and comments, and tells of every other
    /// octet outside them that it passes: what reading goes on behind when something could not be read.
    pub(crate) fn skip_behind_comma(&mut self, mut passed: impl FnMut(u8)) {
        while let Some(octet) = self.peek() {
            match octet {
                b',' => return self.advance(),
                // A failure has moved the cursor on, so each turn of the loop does.
                b'"' => _ = self.quoted_string(),
                b'(' => _ = self.skip_cfws(),
                _ => {
                    passed(octet);
                    self.advance();
                }
            }
        }
    }

    /// Whether CRLF stands at the cursor.
    fn at_line_ending(&self) -> bool {
        self.bytes.get(self.position + 1) == Some(&b'\n')
    }

    /// A comment, with the comments inside it. The cursor stands on its opening parenthesis.
    fn comment(&mut self) -> Result<(), Reason> {
        let open = self.position;
        self.advance();
        if self.comments_are_dead {
            return Err(Reason::UnterminatedComment);
        }
        let mut depth = 1_u32;
        let mut inside = Ok(());
        loop {
            match self.peek() {
                Some(b'(') => {
                    depth += 1;
                    self.advance();
                }
                Some(b')') => {
                    depth -= 1;
                    self.advance();
                    if depth == 0 {
                        return inside;
                    }
                }
                Some(octet) => inside = inside.and(self.quoted_octet(octet)),
                None => {
                    self.comments_are_dead = true;
                    self.position = open + 1;
                    return Err(Reason::UnterminatedComment);
                }
            }
        }
    }

    /// One octet, quoted-pair or line ending inside a quoted-string, comment or domain-literal.
    /// RFC 5322 4.1 knows a quoted NUL, CR and LF; C strings and line-based hosts disagree about
    /// what follows them, so nothing that holds one is touched.
    #[inline]
    fn quoted_octet(&mut self, octet: u8) -> Result<(), Reason> {
        self.advance();
        match octet {
            b'\\' => match self.peek() {
                Some(0 | b'\r' | b'\n') => return Err(Reason::ControlCharacter),
                Some(_) => self.advance(),
                None => {}
            },
            b'\r' if self.peek() == Some(b'\n') => self.advance(),
            0 | b'\r' => return Err(Reason::ControlCharacter),
            _ => {}
        }
        Ok(())
    }
}

/// What an octet may be a part of, a bit each.
/// The same as [`is_name_octet`], from a table.
#[inline]
pub(crate) fn is_ftext(octet: u8) -> bool {
    class_of(octet) & FTEXT != 0
}

#[inline]
fn class_of(octet: u8) -> u8 {
    CLASSES.get(usize::from(octet)).copied().unwrap_or(0)
}

/// See [`is_atext`].
const ATEXT: u8 = 1;
/// What stands for itself in a quoted-string.
const QUOTED: u8 = 2;
/// See [`is_name_octet`].
const FTEXT: u8 = 4;

static CLASSES: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "the compiler runs it")]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut octet = 0;
    while octet < classes.len() {
        let atext = if is_atext_by_list(octet as u8) { ATEXT } else { 0 };
        let quoted = if matches!(octet as u8, 0 | b'\r' | b'"' | b'\\') { 0 } else { QUOTED };
        let ftext = if is_name_octet(octet as u8) { FTEXT } else { 0 };
        classes[octet] = atext | quoted | ftext;
        octet += 1;
    }
    classes
}

/// `atext` of RFC 5322 3.2.3, and every octet of 128 and above.
#[inline]
pub(crate) fn is_atext(octet: u8) -> bool {
    class_of(octet) & ATEXT != 0
}

/// The octets of `text` are those of dot-atoms (RFC 5322 3.2.3) in ASCII, in whatever order: nothing in it
/// needs to be taken away to know what it means.
#[inline]
pub(crate) fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|&octet| octet == b'.' || octet < 128 && is_atext(octet))
}

/// Whether any octet of `text` is of a class: looked for in all of them, by eights, whatever is found.
#[inline]
pub(crate) fn has_any(text: &[u8], is: impl Fn(u8) -> bool) -> bool {
    let any = |octets: &[u8]| octets.iter().fold(false, |found, &octet| found | is(octet));
    match text.last_chunk::<8>() {
        Some(last) => text.as_chunks::<8>().0.iter().fold(any(last), |found, octets| found | any(octets)),
        None => any(text),
    }
}

/// Eight times the same octet, as a number: for looking at eight octets of a text at once.
pub(crate) const fn each(octet: u8) -> u64 {
    u64::from_le_bytes([octet; 8])
}

const fn is_atext_by_list(octet: u8) -> bool {
    matches!(octet,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 0x80..
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?'
        | b'^' | b'_' | b'`' | b'{' | b'|' | b'}' | b'~')
}

/// Whether `bytes` are a dot-atom (RFC 5322 3.2.3): what needs no quotes as a local-part.
pub(crate) fn is_dot_atom(bytes: &[u8]) -> bool {
    bytes
        .split(|&octet| octet == b'.')
        .all(|atom| !atom.is_empty() && atom.iter().all(|&octet| is_atext(octet)))
}

/// Whether `text` is one quoted-string and nothing else.
pub(crate) fn is_one_quoted_string(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.peek() == Some(b'"') && cursor.quoted_string().is_ok() && cursor.peek().is_none()
}

/// Appends the meaning of a quoted-string: without its quotes, backslashes and line endings.
pub(crate) fn unquote(quoted: &[u8], out: &mut Vec<u8>) {
    let inner = quoted.strip_prefix(b"\"").unwrap_or(quoted);
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    let mut octets = inner.iter().copied();
    while let Some(octet) = octets.next() {
        match octet {
            b'\\' => out.extend(octets.next()),
            b'\r' | b'\n' => {}
            _ => out.push(octet),
        }
    }
}

/// Appends a local-part in external form: as it is if it is a dot-atom, else quoted.
pub(crate) fn quote_if_needed(local_part: &[u8], out: &mut Vec<u8>) {
    if is_dot_atom(local_part) {
        out.extend_from_slice(local_part);
    } else {
        quote(local_part, out);
    }
}

/// Appends `text` as a quoted-string. There must be no control characters in it.
pub(crate) fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &octet in text {
        if matches!(octet, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(octet);
    }
    out.push(b'"');
}

/// Appends the comments of a stretch of well-formed tokens, as they stand.
pub(crate) fn copy_comments(bytes: &[u8], out: &mut Vec<u8>) {
    let mut cursor = Cursor::new(bytes);
    while let Some(octet) = cursor.peek() {
        let start = cursor.position();
        let step = match octet {
            b'(' => cursor.comment().map(|()| out.extend_from_slice(cursor.slice(start, cursor.position()))),
            b'"' => cursor.quoted_string(),
            b'[' => cursor.domain_literal(),
            _ => {
                cursor.advance();
                Ok(())
            }
        };
        if step.is_err() {
            return;
        }
    }
}

/// Appends a stretch of well-formed tokens without its comments and white space.
pub(crate) fn copy_tokens(bytes: &[u8], out: &mut Vec<u8>) {
    let mut cursor = Cursor::new(bytes);
    while cursor.skip_cfws().is_ok() {
        let start = cursor.position();
        match cursor.peek() {
            Some(b'"') if cursor.quoted_string().is_err() => return,
            Some(b'"') => {
                let quoted = cursor.slice(start, cursor.position());
                out.extend(quoted.iter().filter(|octet| !matches!(octet, b'\r' | b'\n')));
            }
            Some(b'[') if cursor.domain_literal().is_err() => return,
            Some(b'[') => {
                let literal = cursor.slice(start, cursor.position());
                out.extend(
                    literal.iter().filter(|&&octet| !is_wsp(octet) && !matches!(octet, b'\r' | b'\n')),
                );
            }
            Some(octet) => {
                out.push(octet);
                cursor.advance();
            }
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_nest_and_quote() {
        let mut cursor = Cursor::new(b" (a (b\\) \"(\") c\r\n )) x");
        assert_eq!(cursor.skip_cfws(), Ok(()));
        // The quote inside a comment is no quote: the parenthesis in it counts.
        assert_eq!(cursor.peek(), Some(b'x'));
    }

    #[test]
    fn an_octet_is_found_wherever_it_stands() {
        for length in 0..40 {
            let mut text = vec![b'a'; length];
            assert!(!has_any(&text, |octet| octet == b'+'));
            for at in 0..length {
                text[at] = b'+';
                assert!(has_any(&text, |octet| octet == b'+'), "{at} of {length}");
                text[at] = b'a';
            }
        }
    }

    #[test]
    fn unquoting_and_quoting_are_inverse() {
        for local_part in ["john", "jane doe", "a\"b\\c", ".", "a..b", "", "x@y"] {
            let mut quoted = Vec::new();
            quote_if_needed(local_part.as_bytes(), &mut quoted);
            let mut back = Vec::new();
            if quoted.starts_with(b"\"") {
                unquote(&quoted, &mut back);
            } else {
                back.clone_from(&quoted);
            }
            assert_eq!(back, local_part.as_bytes());
            assert_eq!(quoted.starts_with(b"\""), local_part != "john", "{local_part}");
        }
    }

    #[test]
    fn comments_and_tokens_are_told_apart() {
        let text = b"\"a (no)\\\" b\" (one(two)) . c(\"three)\r\n @ [192.0. 2.1]";
        let (mut comments, mut tokens) = (Vec::new(), Vec::new());
        copy_comments(text, &mut comments);
        copy_tokens(text, &mut tokens);
        assert_eq!(comments, b"(one(two))(\"three)");
        assert_eq!(tokens, b"\"a (no)\\\" b\".c@[192.0.2.1]");
    }
}
