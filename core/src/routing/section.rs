//! What rules read of a header section: how often Received stands there, who From names, and whether fields
//! contain certain texts. And whether routing addresses stand in it, which a host would restore with the recipient's.

use crate::addr_spec::Address;
use crate::address::{AddressList, Item};
use crate::error::Error;
use crate::header::{NamedFields, Notes, Scanner};
use crate::name_set::NameSet;
use crate::policy::Limits;
use crate::room::Room;
use crate::routing::host::may_have_routing_domain;
use crate::routing::model::{Condition, Routing};
use crate::span::Span;

/// What a plan's rules ask of header sections.
#[derive(Debug)]
pub(super) struct HeaderQuestions {
    names: NameSet,
    received: Option<usize>,
    from: Option<usize>,
    /// The texts asked for: number of the field's name, text in lower case.
    texts: Vec<(usize, Vec<u8>)>,
    /// The same names, and those of fields in which hosts look for addresses.
    names_for_host: NameSet,
    /// Of each of them, whether hosts do.
    has_addresses: Vec<bool>,
}

/// The fields in which Postfix looks for addresses that `smtp_generic_maps` has (`header_opts.c`).
const WITH_ADDRESSES: [&[u8]; 18] = [
    b"Apparently-To",
    b"Bcc",
    b"Cc",
    b"Disposition-Notification-To",
    b"Errors-To",
    b"From",
    b"Mail-Followup-To",
    b"Reply-To",
    b"Resent-Bcc",
    b"Resent-Cc",
    b"Resent-From",
    b"Resent-Reply-To",
    b"Resent-Sender",
    b"Resent-To",
    b"Return-Path",
    b"Return-Receipt-To",
    b"Sender",
    b"To",
];

/// What a header section answers. Its buffers are reused from message to message.
#[derive(Debug, Default)]
pub(super) struct HeaderAnswers {
    /// Whether there was a header section to ask.
    pub(super) is_there: bool,
    /// How many Received fields there are.
    pub(super) received: u32,
    /// Whether a routing address may stand in a field in which hosts look for addresses.
    pub(super) may_have_routing_address: bool,
    /// Keys of the mailboxes of all From fields, in `keys`; of each, where its domain begins.
    pub(super) authors: Vec<(Span, u32)>,
    pub(super) keys: Vec<u8>,
    /// Whether some of From could not be read, or there is nobody in it.
    pub(super) is_author_unclear: bool,
    /// For each text asked for, whether it is there.
    found: Vec<bool>,
    unfolded: Vec<u8>,
    notes: Notes,
}

impl HeaderQuestions {
    pub(super) fn new(routing: &Routing) -> HeaderQuestions {
        let mut names = NameSet::new();
        let received = names.add(b"Received");
        let from = names.add(b"From");
        let mut texts = Vec::new();
        for condition in routing.rules.iter().flat_map(|rule| rule.when.iter().chain(&rule.unless)) {
            let Condition::Header(fields) = condition else { continue };
            for (name, text) in fields {
                if let Some(number) = names.add(name.as_bytes()) {
                    texts.push((number, text.to_ascii_lowercase().into_bytes()));
                }
            }
        }
        texts.sort_unstable();
        texts.dedup();
        let (mut names_for_host, mut has_addresses) = (names.clone(), Vec::new());
        for number in WITH_ADDRESSES.iter().filter_map(|name| names_for_host.add(name)) {
            has_addresses.resize(has_addresses.len().max(number + 1), false);
            if let Some(has) = has_addresses.get_mut(number) {
                *has = true;
            }
        }
        HeaderQuestions { names, received, from, texts, names_for_host, has_addresses }
    }

    /// Goes through a header section once. `is_for_host`: it matters to the host whether there are routing addresses.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], as when it is rewritten.
    pub(super) fn ask(
        &self,
        message: &[u8],
        is_for_host: bool,
        limits: Limits,
        address: &mut Address,
        answers: &mut HeaderAnswers,
    ) -> Result<(), Error> {
        answers.clear(self.texts.len());
        answers.is_there = true;
        let names = if is_for_host { &self.names_for_host } else { &self.names };
        let notes = std::mem::take(&mut answers.notes);
        let mut fields = NamedFields::new(message, limits, Scanner::best(), names, notes)?;
        while let Some((number, field)) = fields.next_field()? {
            let body = field.body.of(message);
            if Some(number) == self.received {
                answers.received = answers.received.saturating_add(1);
            }
            if Some(number) == self.from {
                answers.read_authors(body, address)?;
            }
            if is_for_host && self.has_addresses.get(number) == Some(&true) {
                answers.may_have_routing_address |= may_have_routing_domain(body);
            }
            let first = self.texts.partition_point(|(name, _)| *name < number);
            let asked =
                self.texts.iter().enumerate().skip(first).take_while(|(_, (name, _))| *name == number);
            let mut is_unfolded = false;
            for (text, (_, wanted)) in asked {
                if !is_unfolded {
                    answers.unfold(body)?;
                    is_unfolded = true;
                }
                let contains = memchr::memmem::find(&answers.unfolded, wanted).is_some();
                if let Some(found) = answers.found.get_mut(text) {
                    *found |= contains;
                }
            }
        }
        answers.notes = fields.into_notes();
        answers.is_author_unclear |= answers.authors.is_empty();
        Ok(())
    }

    /// Whether a field of this name contains a text.
    pub(super) fn contains(&self, answers: &HeaderAnswers, name: &str, text: &str) -> bool {
        let Some(number) = self.names.find(name.as_bytes()) else { return false };
        let is_it = |(name, wanted): &(usize, Vec<u8>)| {
            *name == number && wanted.eq_ignore_ascii_case(text.as_bytes())
        };
        let at = self.texts.iter().position(is_it);
        at.and_then(|at| answers.found.get(at)).copied().unwrap_or(false)
    }
}

impl HeaderAnswers {
    fn clear(&mut self, texts: usize) {
        self.received = 0;
        self.may_have_routing_address = false;
        self.authors.clear();
        self.keys.clear();
        self.is_author_unclear = false;
        self.found.clear();
        self.found.resize(texts, false);
    }

    fn read_authors(&mut self, body: &[u8], address: &mut Address) -> Result<(), Error> {
        for item in AddressList::new(body) {
            match item {
                Item::Mailbox(mailbox) if address.read(body, &mailbox.addr_spec).is_ok() => {
                    self.authors.room(1)?;
                    self.keys.room(address.local_key.len() + 1 + address.domain_key.len())?;
                    let author = append_key(address, &mut self.keys);
                    self.authors.push(author);
                }
                Item::Mailbox(_) | Item::Malformed { .. } => self.is_author_unclear = true,
            }
        }
        Ok(())
    }

    /// The body without line endings, in lower case.
    fn unfold(&mut self, body: &[u8]) -> Result<(), Error> {
        self.unfolded.clear();
        self.unfolded.room(body.len())?;
        self.unfolded.extend(body.iter().filter(|octet| !matches!(octet, b'\r' | b'\n')));
        self.unfolded.make_ascii_lowercase();
        Ok(())
    }
}

/// Appends an address as key, `local-part@domain`: its place, and where in it the domain begins.
pub(super) fn append_key(address: &Address, keys: &mut Vec<u8>) -> (Span, u32) {
    let start = keys.len();
    keys.extend_from_slice(&address.local_key);
    keys.push(b'@');
    let domain = crate::span::narrow(keys.len() - start);
    keys.extend_from_slice(&address.domain_key);
    (Span::new(start, keys.len()), domain)
}
