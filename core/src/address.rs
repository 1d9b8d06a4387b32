//! Address lists (RFC 5322 3.4 with the obsolete forms of section 4.4, RFC 6532): a field body in,
//! mailboxes out, each addr-spec with its exact place.
//!
//! The parser never guesses. What stands between two commas is exactly a mailbox, the beginning or
//! end of a group, or something without an address; anything else is reported as malformed and left
//! alone, and reading goes on behind the next comma. Four things go beyond the grammar, because no
//! reader takes them otherwise: octets of 128 and above in display-names, quoted-strings and
//! comments; one dot behind a domain; a group without its semicolon at the end of the body; and an
//! angle-addr with nothing in it, which is no address.
//!
//! Time is linear in the body and there is no recursion: comments are counted, a group is one bit.

use crate::lex::{Cursor, is_atext};
use crate::reason::Reason;
use crate::span::{Span, narrow, widen};
use crate::usual::Usual;

/// What an address list is made of, as far as addresses go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Item {
    /// A mailbox with its addr-spec.
    Mailbox(Mailbox),
    /// A stretch up to the next comma that is no address by RFC 5322.
    Malformed {
        /// The octet at which it stops being one.
        at: u32,
        /// What is wrong there.
        reason: Reason,
    },
}

/// A mailbox: an addr-spec, bare or in an angle-addr (RFC 5322 3.4). Offsets count from the start
/// of the body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mailbox {
    /// Its first octet that is neither comment nor white space: of the display-name, the `<`, or
    /// the addr-spec.
    pub start: u32,
    /// Its `<`, if it has one.
    pub angle: Option<u32>,
    /// The address.
    pub addr_spec: AddrSpec,
}

/// An addr-spec (RFC 5322 3.4.1), from its first token to its last. Comments and white space may
/// stand between the tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddrSpec {
    /// The local-part, from its first word to its last.
    pub local_part: Span,
    /// The domain or domain-literal, a dot behind it included.
    pub domain: Span,
}

impl AddrSpec {
    /// All of it.
    #[must_use]
    pub fn span(&self) -> Span {
        Span { start: self.local_part.start, end: self.domain.end }
    }
}

/// Iterates over the mailboxes of a field body; members of groups among them.
#[derive(Clone, Debug)]
pub struct AddressList<'b> {
    cursor: Cursor<'b>,
    in_group: bool,
    has_passed_over: bool,
    usual: Option<Usual<'b>>,
    is_usual: bool,
}

impl<'b> AddressList<'b> {
    /// The address list in `body`, a field's octets behind its colon. Bodies of 4 GiB and more
    /// are read as if they were empty; the engine refuses them before.
    #[must_use]
    pub fn new(body: &'b [u8]) -> AddressList<'b> {
        AddressList::ahead_of(body, body)
    }

    /// The address list in the `body` that `ahead` begins with. What is behind it makes no difference, but of time.
    pub(crate) fn ahead_of(ahead: &'b [u8], body: &'b [u8]) -> AddressList<'b> {
        let readable = if u32::try_from(body.len()).is_ok() { body } else { &[] };
        AddressList {
            cursor: Cursor::new(readable),
            in_group: false,
            has_passed_over: false,
            usual: Usual::new(readable, ahead),
            is_usual: false,
        }
    }

    /// The same list, every mailbox of it read octet by octet. What comes out is the same, later: this is what
    /// the tests hold the shortcut to.
    #[must_use]
    pub fn without_shortcuts(self) -> AddressList<'b> {
        AddressList { usual: None, ..self }
    }

    /// Whether the addr-spec of the last mailbox is known to be two dot-atoms in ASCII.
    pub(crate) fn is_usual(&self) -> bool {
        self.is_usual
    }

    /// Whether words or `<>` stood in the place of an address. No mailbox, and nothing to report; but
    /// readers disagree about whom such a list names.
    pub(crate) fn has_passed_over(&self) -> bool {
        self.has_passed_over
    }

    /// Puts what [`next`](Iterator::next) gives where it is wanted: what is moved right after it was written is
    /// waited for.
    pub(crate) fn read_next(&mut self, item: &mut Option<Item>) {
        while self.cursor.peek().is_some() {
            if let Some(mailbox) = self.usual_mailbox() {
                self.is_usual = true;
                *item = Some(Item::Mailbox(mailbox));
                return;
            }
            self.is_usual = false;
            match self.address() {
                Ok(Some(mailbox)) => {
                    *item = Some(Item::Mailbox(mailbox));
                    return;
                }
                Ok(None) => {}
                Err(reason) => {
                    let at = narrow(self.cursor.position());
                    let AddressList { cursor, in_group, .. } = self;
                    cursor.skip_behind_comma(|octet| *in_group &= octet != b';');
                    *item = Some(Item::Malformed { at, reason });
                    return;
                }
            }
        }
        *item = None;
    }

    /// A mailbox as nearly all are spelled, up to and with the comma behind it. `None`, and nothing is read, if
    /// it is another.
    #[inline]
    fn usual_mailbox(&mut self) -> Option<Mailbox> {
        let usual = self.usual.filter(|_| self.cursor.may_be_quoted())?;
        let (mailbox, end) = usual.mailbox(self.cursor.position(), self.in_group)?;
        self.cursor.go_to(end);
        Some(mailbox)
    }

    /// address = mailbox / group, up to and with the comma behind it. `None`: no address there.
    fn address(&mut self) -> Result<Option<Mailbox>, Reason> {
        self.cursor.skip_cfws()?;
        let start = self.cursor.position();
        let words = self.words()?;
        match self.cursor.peek() {
            None => {
                self.has_passed_over |= !words.is_empty();
                Ok(None)
            }
            Some(b',') => {
                self.has_passed_over |= !words.is_empty();
                self.cursor.advance();
                Ok(None)
            }
            Some(b'<') if words.is_phrase() || words.is_empty() => self.name_addr(start),
            Some(b'@') if words.is_local_part() => {
                let addr_spec = self.domain_of(Span::new(start, words.end))?;
                self.end_of_mailbox()?;
                Ok(Some(Mailbox { start: narrow(start), angle: None, addr_spec }))
            }
            Some(b'@') => Err(Reason::MalformedLocalPart),
            Some(b':') if words.is_phrase() => self.group_start(),
            Some(b';') if self.in_group => {
                self.has_passed_over |= !words.is_empty();
                self.in_group = false;
                self.cursor.advance();
                self.end_of_mailbox()?;
                Ok(None)
            }
            Some(octet) => Err(unexpected(octet)),
        }
    }

    /// Words and dots: what may turn out to be a display-name or a local-part.
    fn words(&mut self) -> Result<Words, Reason> {
        let mut words = Words::default();
        loop {
            match self.cursor.peek() {
                Some(b'"') => {
                    self.cursor.quoted_string()?;
                    words.word(self.cursor.position());
                }
                Some(b'.') => {
                    self.cursor.advance();
                    words.dot();
                }
                Some(octet) if is_atext(octet) => {
                    self.cursor.atom();
                    words.word(self.cursor.position());
                }
                _ => return Ok(words),
            }
            self.cursor.skip_cfws()?;
        }
    }

    /// angle-addr = "<" [obs-route] addr-spec ">" or "<>". The cursor stands on its `<`.
    fn name_addr(&mut self, start: usize) -> Result<Option<Mailbox>, Reason> {
        let angle = self.cursor.position();
        self.cursor.advance();
        self.cursor.skip_cfws()?;
        if self.cursor.eat(b'>') {
            self.has_passed_over = true;
            self.end_of_mailbox()?;
            return Ok(None);
        }
        self.route()?;
        let local_start = self.cursor.position();
        let words = self.words()?;
        match self.cursor.peek() {
            Some(b'@') if words.is_local_part() => {}
            Some(b'@') => return Err(Reason::MalformedLocalPart),
            Some(b'>') => return Err(Reason::NoDomain),
            Some(octet) => return Err(unexpected(octet)),
            None => return Err(Reason::UnterminatedAngleAddr),
        }
        let addr_spec = self.domain_of(Span::new(local_start, words.end))?;
        self.cursor.skip_cfws()?;
        if !self.cursor.eat(b'>') {
            return Err(match self.cursor.peek() {
                Some(b'@') => Reason::SeveralAt,
                Some(octet) if is_control(octet) => Reason::ControlCharacter,
                _ => Reason::UnterminatedAngleAddr,
            });
        }
        self.end_of_mailbox()?;
        Ok(Some(Mailbox { start: narrow(start), angle: Some(narrow(angle)), addr_spec }))
    }

    /// obs-route = *(CFWS / ",") "@" domain *("," [CFWS] ["@" domain]) ":" (RFC 5322 4.4).
    fn route(&mut self) -> Result<(), Reason> {
        if !matches!(self.cursor.peek(), Some(b'@' | b',')) {
            return Ok(());
        }
        let mut domains = 0_usize;
        loop {
            self.cursor.skip_cfws()?;
            match self.cursor.peek() {
                Some(b',') => self.cursor.advance(),
                Some(b'@') => {
                    self.cursor.advance();
                    self.domain()?;
                    domains += 1;
                    self.cursor.skip_cfws()?;
                    if !matches!(self.cursor.peek(), Some(b',' | b':')) {
                        return Err(Reason::UnterminatedAngleAddr);
                    }
                }
                Some(b':') if domains > 0 => {
                    self.cursor.advance();
                    return self.cursor.skip_cfws();
                }
                _ => return Err(Reason::UnterminatedAngleAddr),
            }
        }
    }

    /// "@" domain, behind the given local-part.
    fn domain_of(&mut self, local_part: Span) -> Result<AddrSpec, Reason> {
        self.cursor.advance();
        let domain = self.domain()?;
        let addr_spec = AddrSpec { local_part, domain };
        let text = self.cursor.slice(widen(local_part.start), widen(domain.end));
        if !text.is_ascii() && std::str::from_utf8(text).is_err() {
            return Err(Reason::NotUtf8);
        }
        Ok(addr_spec)
    }

    /// domain = dot-atom / domain-literal / obs-domain, a dot behind it tolerated. The cursor
    /// stops behind it and the comments and white space that follow.
    fn domain(&mut self) -> Result<Span, Reason> {
        self.cursor.skip_cfws()?;
        let start = self.cursor.position();
        if self.cursor.peek() == Some(b'[') {
            self.cursor.domain_literal()?;
            let end = self.cursor.position();
            self.cursor.skip_cfws()?;
            return Ok(Span::new(start, end));
        }
        if !self.cursor.atom() {
            return Err(match self.cursor.peek() {
                Some(b'@') => Reason::SeveralAt,
                Some(octet) if is_control(octet) => Reason::ControlCharacter,
                _ => Reason::NoDomain,
            });
        }
        loop {
            let end = self.cursor.position();
            self.cursor.skip_cfws()?;
            if self.cursor.peek() != Some(b'.') {
                return Ok(Span::new(start, end));
            }
            self.cursor.advance();
            let dot_end = self.cursor.position();
            self.cursor.skip_cfws()?;
            if !self.cursor.atom() {
                return Ok(Span::new(start, dot_end));
            }
        }
    }

    /// What may follow a mailbox or a group: nothing, a comma, or the end of the group.
    fn end_of_mailbox(&mut self) -> Result<(), Reason> {
        self.cursor.skip_cfws()?;
        match self.cursor.peek() {
            Some(b',') => {
                self.cursor.advance();
                Ok(())
            }
            None => Ok(()),
            Some(b';') if self.in_group => Ok(()),
            Some(b'@') => Err(Reason::SeveralAt),
            Some(octet) if is_control(octet) => Err(Reason::ControlCharacter),
            Some(_) => Err(Reason::TextAfterAddress),
        }
    }

    /// group = display-name ":" [group-list] ";" (RFC 5322 3.4). The cursor stands on the colon.
    fn group_start(&mut self) -> Result<Option<Mailbox>, Reason> {
        if self.in_group {
            return Err(Reason::NestedGroup);
        }
        self.cursor.advance();
        self.in_group = true;
        Ok(None)
    }
}

impl Iterator for AddressList<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        let mut item = None;
        self.read_next(&mut item);
        item
    }
}

/// A run of words and dots.
#[derive(Debug, Default)]
struct Words {
    /// End of the last word.
    end: usize,
    shape: Shape,
}

/// What a run of words and dots can still become.
#[derive(Clone, Copy, Debug, Default)]
enum Shape {
    #[default]
    Empty,
    /// word *("." word): a local-part or a display-name.
    LocalPart,
    /// The same with a dot behind it: a local-part only if a word follows.
    AfterDot,
    /// A display-name and nothing else: obs-phrase = word *(word / "." / CFWS).
    Phrase,
    /// It begins with a dot.
    Neither,
}

impl Words {
    fn word(&mut self, end: usize) {
        self.end = end;
        self.shape = match self.shape {
            Shape::Empty | Shape::AfterDot => Shape::LocalPart,
            Shape::LocalPart | Shape::Phrase => Shape::Phrase,
            Shape::Neither => Shape::Neither,
        };
    }

    fn dot(&mut self) {
        self.shape = match self.shape {
            Shape::LocalPart => Shape::AfterDot,
            Shape::AfterDot | Shape::Phrase => Shape::Phrase,
            Shape::Empty | Shape::Neither => Shape::Neither,
        };
    }

    fn is_empty(&self) -> bool {
        matches!(self.shape, Shape::Empty)
    }

    fn is_phrase(&self) -> bool {
        matches!(self.shape, Shape::LocalPart | Shape::AfterDot | Shape::Phrase)
    }

    fn is_local_part(&self) -> bool {
        matches!(self.shape, Shape::LocalPart)
    }
}

const fn is_control(octet: u8) -> bool {
    octet < b' ' || octet == 127
}

/// Why `octet` can't stand where it does.
pub(crate) const fn unexpected(octet: u8) -> Reason {
    if is_control(octet) { Reason::ControlCharacter } else { Reason::UnexpectedCharacter }
}
