//! Display-names that are an address (RFC 5322 3.4): programs that know nobody's name write the address
//! there once more, and it would tell what the rewritten address no longer does.
//!
//! A display-name counts if it is one quoted-string, or encoded-words (RFC 2047) with nothing but white
//! space between them, and says an address and nothing else. `'…'` or `<…>` may stand around the
//! address, as mail programs write them: a domain has no `'` in it, so the last one is a quote, and
//! the first its partner. Any other display-name is left alone, octet for octet, and so is each word
//! of it; nothing is reported of a name that is no address.

use crate::address::Mailbox;
use crate::body::{BARE_ADDRESS_MAX, FieldBody};
use crate::encoded_word;
use crate::error::Error;
use crate::lex::{Cursor, is_atext, quote, unquote};
use crate::reason::Reason;
use crate::scratch::Scratch;
use crate::span::{Span, widen};

impl FieldBody<'_> {
    /// Rewrites the display-name of a mailbox if it is an address that the map knows.
    pub(crate) fn rewrite_display_name(&self, mailbox: &Mailbox, scratch: &mut Scratch) -> Result<(), Error> {
        let Some(angle) = mailbox.angle else { return Ok(()) };
        let phrase = Span { start: mailbox.start, end: angle }.of(self.octets);
        let mut said = std::mem::take(&mut scratch.decoded);
        let outcome = match read(phrase, &mut said) {
            Some(length) => self.rewrite_said(mailbox, length, &said, scratch),
            None => Ok(()),
        };
        scratch.decoded = said;
        outcome
    }

    /// Rewrites a display-name that says this; its tokens take `length` octets.
    fn rewrite_said(
        &self,
        mailbox: &Mailbox,
        length: usize,
        said: &[u8],
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let (before, address, behind) = without_quotes(said);
        if scratch.read_bare_address(address).is_err() {
            return Ok(());
        }
        scratch.room_for_display_name(mailbox.addr_spec.span().len())?;
        let start = widen(mailbox.start);
        if let Err(reason) = self.rename(Span::new(start, start + length), before, behind, scratch) {
            self.skip(mailbox.start, reason, scratch);
        }
        Ok(())
    }

    /// Looks `scratch.address`, which stands between `before` and `behind`, up.
    fn rename(&self, place: Span, before: &[u8], behind: &[u8], scratch: &mut Scratch) -> Result<(), Reason> {
        let Some(target) = self.look_up(scratch)? else { return Ok(()) };
        let Scratch { texts, local_part: name, .. } = scratch;
        // What encoded-words say may be outside ASCII where the field is not.
        let was_ascii = place.of(self.octets).is_ascii();
        if was_ascii && !self.session.smtputf8 && !target.to.of(texts).is_ascii() {
            texts.truncate(widen(target.to.start));
            return Err(Reason::NeedsSmtputf8);
        }
        name.clear();
        for part in [before, target.to.of(texts), behind] {
            name.extend_from_slice(part);
        }
        let start = texts.len();
        quote(name, texts);
        let text = Span::new(start, texts.len());
        self.edit(place, text, target, scratch);
        Ok(())
    }
}

/// Puts what a display-name says into `said`, and returns the octets of its tokens, which are at the
/// beginning of `phrase`. `None` if it can't be an address.
fn read(phrase: &[u8], said: &mut Vec<u8>) -> Option<usize> {
    said.clear();
    let mut cursor = Cursor::new(phrase);
    let end = match cursor.peek()? {
        b'"' => {
            cursor.quoted_string().ok()?;
            let quoted = cursor.slice(0, cursor.position());
            memchr::memchr(b'@', quoted)?;
            if quoted.len() > 2 * BARE_ADDRESS_MAX {
                return None;
            }
            unquote(quoted, said);
            cursor.position()
        }
        b'=' => encoded_words(&mut cursor, said)?,
        _ => return None,
    };
    cursor.skip_cfws().ok()?;
    cursor.peek().is_none().then_some(end)
}

/// Reads encoded-words with nothing but white space between them, and returns where the last one ends.
fn encoded_words(cursor: &mut Cursor<'_>, said: &mut Vec<u8>) -> Option<usize> {
    loop {
        let start = cursor.position();
        // Many programs leave dots in them as they are, against RFC 2047 5 (3).
        while cursor.peek().is_some_and(|octet| is_atext(octet) || octet == b'.') {
            cursor.advance();
        }
        let end = cursor.position();
        // The longest spelling of an octet has three.
        if end - start > 4 * BARE_ADDRESS_MAX {
            return None;
        }
        encoded_word::decode(cursor.slice(start, end), said)?;
        if said.len() > BARE_ADDRESS_MAX {
            return None;
        }
        cursor.skip_fws();
        if cursor.peek() != Some(b'=') || cursor.position() == end {
            // Readers that look for encoded-words in quoted-strings, too, must find none there that
            // was in none before.
            return memchr::memmem::find(said, b"=?").is_none().then_some(end);
        }
    }
}

/// What a name says without the quotes or brackets around it, and those.
fn without_quotes(said: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let is_between = |text: &[u8], first, last| {
        text.len() > 2 && text.first() == Some(&first) && text.last() == Some(&last)
    };
    let mut depth = 0;
    let mut inner = said;
    for (first, last) in [(b'\'', b'\''), (b'<', b'>')] {
        if is_between(inner, first, last) {
            depth += 1;
            inner = said.get(depth..said.len() - depth).unwrap_or_default();
        }
    }
    let (before, rest) = said.split_at_checked(depth).unwrap_or_default();
    let (inner, behind) = rest.split_at_checked(inner.len()).unwrap_or_default();
    (before, inner, behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(phrase: &str) -> Option<(String, usize)> {
        let mut said = Vec::new();
        let length = read(phrase.as_bytes(), &mut said)?;
        Some((String::from_utf8(said).unwrap(), length))
    }

    #[test]
    fn one_quoted_string_or_encoded_words_are_read() {
        for (phrase, text, length) in [
            ("\"j@d\" ", "j@d", 5),
            ("\"'j@d'\"\r\n (c) ", "'j@d'", 7),
            ("\"\\j\\@\r\n d\"", "j@ d", 10),
            ("=?utf-8?q?j=40d.e?= (c) ", "j@d.e", 19),
            ("=?utf-8?q?j?=\r\n =?us-ascii?b?QGQ=?=", "j@d", 35),
        ] {
            assert_eq!(said(phrase), Some((text.to_owned(), length)), "{phrase}");
        }
    }

    #[test]
    fn other_display_names_say_nothing() {
        for phrase in [
            "",
            "John ",
            "\"John\" ",
            "\"j@d\" x",
            "\"j@d\".",
            "x \"j@d\"",
            "\"j@\" \"d\"",
            "=?utf-8?q?j=40d?= x",
            "=?utf-8?q?j=40?= (c) =?utf-8?q?d?=",
            "=?utf-8?q?j=40?==?utf-8?q?d?=",
            "=?utf-8?q?j=40?=.d",
            "=?utf-8?q?j=40?= \"d\"",
            "=?utf-8?q?=3D=3Futf-8=3Fq=3Fj=3F=3D=40d?=",
            "=?utf-8?q?=3D?= =?utf-8?q?=3Fj=40d?=",
        ] {
            assert_eq!(said(phrase), None, "{phrase}");
        }
    }

    #[test]
    fn quotes_and_brackets_stand_around_an_address_once() {
        let split = |text: &'static str| {
            let (before, inner, behind) = without_quotes(text.as_bytes());
            [before, inner, behind].map(|part| std::str::from_utf8(part).unwrap())
        };
        assert_eq!(split("j@d"), ["", "j@d", ""]);
        assert_eq!(split("'j@d'"), ["'", "j@d", "'"]);
        assert_eq!(split("<j@d>"), ["<", "j@d", ">"]);
        assert_eq!(split("'<j@d>'"), ["'<", "j@d", ">'"]);
        assert_eq!(split("''j@d''"), ["'", "'j@d'", "'"]);
        assert_eq!(split("'j@d"), ["", "'j@d", ""]);
        assert_eq!(split("''"), ["", "''", ""]);
    }
}
