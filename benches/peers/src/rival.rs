//! What somebody would write who has mail-parser and a hash map: parse the header section, look
//! every mailbox up, splice. The parser reads the fields that we rewrite as addresses and ignores
//! all others, which is the least it can be asked to do.

use std::hint::black_box;

use hashbrown::HashMap;
use mail_parser::{HeaderForm, HeaderName, HeaderValue, MessageBuffers, MessageParser};
use readdress::{Direction, Engine};
use readdress_benches::shape::fields;

/// Octets of the longest address that is looked up.
const KEY: usize = 320;

/// The parser and the map.
pub struct Rival {
    parser: MessageParser,
    /// Internal address in lower case to external address. hashbrown's own hasher is the fastest at
    /// hand; std's map with its SipHash takes longer.
    map: HashMap<Box<[u8]>, Box<[u8]>>,
}

impl Rival {
    /// A parser for the fields that the engine rewrites and a map of its entries. `messages` tell
    /// which other fields there are to ignore.
    pub fn new(engine: &Engine, messages: &[Vec<u8>]) -> Rival {
        let entries = engine.map().entries();
        let map =
            entries.map(|entry| (entry.internal().to_ascii_lowercase().into(), entry.external().into()));
        Rival { parser: parser(engine, messages), map: map.collect() }
    }

    /// Parses, and does nothing with what comes out.
    pub fn parse(&self, message: &[u8]) {
        black_box(self.parser.parse_headers(message));
    }

    /// Parses the whole message, which is the only way to have the parser use its memory again.
    pub fn parse_whole(&self, message: &[u8], buffers: &mut MessageBuffers) {
        if let Some(parsed) = black_box(self.parser.parse_with(message, buffers)) {
            *buffers = parsed.into_buffers();
        }
    }

    /// Parses and looks all mailboxes up: how many have an entry.
    pub fn look_up(&self, message: &[u8]) -> usize {
        let mut hits = 0;
        self.each_hit(message, |_, _, _| hits += 1);
        black_box(hits)
    }

    /// Parses, looks all mailboxes up, and writes the message with the new addresses to a buffer
    /// that is reused.
    pub fn rewrite(&self, message: &[u8], output: &mut Vec<u8>) {
        output.clear();
        let mut done = 0;
        self.each_hit(message, |start, end, external| {
            // Addresses come in the order in which they stand.
            if let Some(before) = message.get(done..start) {
                output.extend_from_slice(before);
                output.extend_from_slice(external);
                done = end;
            }
        });
        output.extend_from_slice(&message[done..]);
        black_box(output.as_slice());
    }

    fn each_hit(&self, message: &[u8], mut hit: impl FnMut(usize, usize, &[u8])) {
        let Some(parsed) = self.parser.parse_headers(message) else { return };
        let mut key = [0; KEY];
        for header in parsed.headers().iter() {
            let HeaderValue::Address(list) = header.value() else { continue };
            for address in list.mailboxes().filter_map(|mailbox| mailbox.address()) {
                let Some(key) = key.get_mut(..address.len()) else { continue };
                key.copy_from_slice(address.as_bytes());
                key.make_ascii_lowercase();
                let Some(external) = self.map.get(&*key) else { continue };
                // An address that the parser had to put together stands nowhere in the message.
                if let Some(start) = place(message, address.as_bytes()) {
                    hit(start, start + address.len(), external);
                }
            }
        }
    }
}

fn parser(engine: &Engine, messages: &[Vec<u8>]) -> MessageParser {
    let mut parser = MessageParser::new().unknown_headers(HeaderForm::Ignore);
    for (name, _) in messages.iter().flat_map(|message| fields(message)) {
        let name = HeaderName::from(String::from_utf8_lossy(name));
        // Names that it does not know are ignored already; each that is told makes it slower.
        if !name.is_other() {
            parser = parser.header(name.into_owned(), HeaderForm::Ignore);
        }
    }
    let rewritten = engine.map().policy().fields(Direction::Outbound).names();
    rewritten.fold(parser, |parser, name| parser.header(name.to_owned(), HeaderForm::Addresses))
}

/// Where `part`, if it is a part of `whole` and no copy, begins in it.
fn place(whole: &[u8], part: &[u8]) -> Option<usize> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (start + part.len() <= whole.len()).then_some(start)
}
