//! What a milter does with field changes: one call of `smfi_chgheader` each, by name and number.
//! The message that gives is the message that the edits give.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop")]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use readdress::{Direction, Rewritten, Scratch};
use support::{KNOWN, config, known_message};

/// A mail server's view of a header section.
struct Server<'m> {
    fields: Vec<(&'m [u8], Vec<u8>)>,
    ending: &'m [u8],
}

impl<'m> Server<'m> {
    fn receives(message: &'m [u8], ending: &'m [u8]) -> Server<'m> {
        let mut fields: Vec<(&[u8], Vec<u8>)> = Vec::new();
        for line in message.split_inclusive(|&octet| octet == b'\n') {
            let text = line.strip_suffix(ending).unwrap();
            if text.starts_with(b" ") || text.starts_with(b"\t") {
                let (_, body) = fields.last_mut().unwrap();
                body.extend_from_slice(ending);
                body.extend_from_slice(text);
            } else if !text.is_empty() {
                let colon = text.iter().position(|&octet| octet == b':').unwrap();
                fields.push((&text[..colon], text[colon + 1..].to_vec()));
            }
        }
        Server { fields, ending }
    }

    /// `smfi_chgheader`: the field of this name, in any case, and of this number, from 1.
    fn chgheader(&mut self, name: &[u8], nth: u32, value: Vec<u8>) {
        let mut same = self.fields.iter_mut().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        same.nth(usize::try_from(nth).unwrap() - 1).unwrap().1 = value;
    }

    fn sends(&self) -> Vec<u8> {
        let mut message = Vec::new();
        for (name, body) in &self.fields {
            message.extend_from_slice(name);
            message.push(b':');
            message.extend_from_slice(body);
            message.extend_from_slice(self.ending);
        }
        message
    }
}

fn replayed<'m>(message: &'m [u8], ending: &'m [u8], done: &Rewritten<'_>, is_backwards: bool) -> Vec<u8> {
    let mut server = Server::receives(message, ending);
    let mut changes: Vec<_> = done.field_changes().collect();
    if is_backwards {
        changes.reverse();
    }
    for change in changes {
        server.chgheader(change.name, change.nth, change.value());
    }
    server.sends()
}

proptest! {
    #![proptest_config(config())]

    /// Several header sections behind each other, so that every name stands there again and again;
    /// as one message, and field by field.
    #[test]
    fn field_changes_one_by_one_are_the_edits(
        parts in vec(known_message(), 1..5),
        is_crlf in any::<bool>(),
        is_backwards in any::<bool>(),
    ) {
        let ending: &[u8] = if is_crlf { b"\r\n" } else { b"\n" };
        let lines = |text: &str| text.replace("\r\n", "\n").replace('\n', if is_crlf { "\r\n" } else { "\n" });
        let section = |text: &String| {
            let text = lines(text);
            let blank = if is_crlf { "\r\n\r\n" } else { "\n\n" };
            text.split_once(blank).map(|(section, _)| format!("{section}{}", &blank[..ending.len()]))
        };
        let input: String = parts.iter().filter_map(|part| section(&part.input)).collect();
        let message = input.as_bytes();
        let plain: String = parts.iter().filter_map(|part| section(&part.output)).collect();
        let opt_in: String = parts.iter().filter_map(|part| section(&part.opt_in.output)).collect();
        for (engine, output) in [(&KNOWN[0], plain), (&KNOWN[6], opt_in)] {
            let (mut whole, mut single) = (Scratch::new(), Scratch::new());
            let done = engine.rewrite_into(Direction::Outbound, message, &mut whole).unwrap();
            prop_assert_eq!(done.to_vec().escape_ascii().to_string(), output.as_bytes().escape_ascii().to_string());
            prop_assert!(replayed(message, ending, &done, is_backwards) == output.as_bytes());

            _ = engine.begin(Direction::Outbound, &mut single);
            for (name, body) in Server::receives(message, ending).fields {
                engine.resume(&mut single).unwrap().field(name, &body).unwrap();
            }
            _ = engine.resume(&mut single).unwrap().finish();
            let done = engine.outcome(b"", &single);
            prop_assert!(replayed(message, ending, &done, is_backwards) == output.as_bytes());
        }
    }
}
