//! What a corpus looks like, in the figures that decide how fast it can be read.

use std::collections::HashSet;
use std::fmt;

use readdress::Limits;
use readdress::address::{AddressList, Item};
use readdress::field::KNOWN_FIELDS;
use readdress::header::HeaderSection;

/// Means over a corpus.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Messages.
    pub messages: usize,
    /// Octets of the field section, the empty line included.
    pub section: f64,
    /// The shortest and the longest.
    pub section_range: (usize, usize),
    /// Octets of a whole message.
    pub message: f64,
    /// Fields.
    pub fields: f64,
    /// Octets of a line of the field section, its ending included.
    pub line: f64,
    /// Lines that continue a field, of all lines.
    pub continuations: f64,
    /// Commercial ats in the field section.
    pub ats: f64,
    /// Addresses in address fields.
    pub addresses: f64,
    /// Those in the map.
    pub mapped: f64,
    /// Octets of fields without addresses, of all octets of the field section.
    pub other_octets: f64,
}

/// Whether a field is one that the preset `coexistence` rewrites.
#[must_use]
pub fn is_address_field(name: &[u8]) -> bool {
    KNOWN_FIELDS.iter().any(|known| known.name.as_bytes().eq_ignore_ascii_case(name))
}

/// Where the body begins.
#[must_use]
pub fn section_length(message: &[u8]) -> usize {
    let mut section = HeaderSection::new(message, Limits::default()).expect("shorter than 4 GiB");
    while section.next_field().expect("within the limits").is_some() {}
    section.body_offset()
}

/// Names and bodies of all fields.
#[must_use]
pub fn fields(message: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut section = HeaderSection::new(message, Limits::default()).expect("shorter than 4 GiB");
    let mut fields = Vec::new();
    while let Some(field) = section.next_field().expect("within the limits") {
        fields.push((field.name.of(message), field.body.of(message)));
    }
    fields
}

/// Bodies of address fields.
#[must_use]
pub fn address_bodies(message: &[u8]) -> Vec<&[u8]> {
    let address_fields = fields(message).into_iter().filter(|(name, _)| is_address_field(name));
    address_fields.map(|(_, body)| body).collect()
}

impl Shape {
    /// Measures messages against the addresses of a map.
    #[must_use]
    pub fn of(messages: &[Vec<u8>], mapped: &HashSet<&[u8]>) -> Shape {
        let mut sums = Sums { least: usize::MAX, ..Sums::default() };
        for message in messages {
            sums.add(message, mapped);
        }
        let count = messages.len() as f64;
        let mean = |sum: usize| sum as f64 / count;
        let lines = sums.lines as f64;
        Shape {
            messages: messages.len(),
            section: mean(sums.section),
            section_range: (sums.least, sums.most),
            message: mean(sums.message),
            fields: mean(sums.fields),
            line: sums.section as f64 / lines,
            continuations: sums.continuations as f64 / lines,
            ats: mean(sums.ats),
            addresses: mean(sums.addresses),
            mapped: mean(sums.mapped),
            other_octets: 1.0 - sums.address_octets as f64 / sums.section as f64,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.section_range;
        write!(
            f,
            "{} messages of {:.0} octets; field section {:.0} octets ({least} to {most}), {:.1} fields, \
             lines of {:.1} octets, {:.1} % continuations; {:.2} '@', {:.2} addresses, {:.2} of them mapped; \
             {:.1} % of the octets in fields without addresses",
            self.messages,
            self.message,
            self.section,
            self.fields,
            self.line,
            100.0 * self.continuations,
            self.ats,
            self.addresses,
            self.mapped,
            100.0 * self.other_octets
        )
    }
}

#[derive(Default)]
struct Sums {
    section: usize,
    least: usize,
    most: usize,
    message: usize,
    fields: usize,
    lines: usize,
    continuations: usize,
    ats: usize,
    addresses: usize,
    mapped: usize,
    address_octets: usize,
}

impl Sums {
    fn add(&mut self, message: &[u8], mapped: &HashSet<&[u8]>) {
        let mut scanner = HeaderSection::new(message, Limits::default()).expect("shorter than 4 GiB");
        while let Some(field) = scanner.next_field().expect("within the limits") {
            self.fields += 1;
            if !is_address_field(field.name.of(message)) {
                continue;
            }
            let body = field.body.of(message);
            self.address_octets += field.name.len() + 1 + body.len() + 2;
            for item in AddressList::new(body) {
                let Item::Mailbox(mailbox) = item else { panic!("generated mail is well-formed") };
                self.addresses += 1;
                let address = mailbox.addr_spec.span().of(body).to_ascii_lowercase();
                self.mapped += usize::from(mapped.contains(address.as_slice()));
            }
        }
        let section = &message[..scanner.body_offset()];
        self.section += section.len();
        self.least = self.least.min(section.len());
        self.most = self.most.max(section.len());
        self.message += message.len();
        for line in section.split_inclusive(|&octet| octet == b'\n') {
            self.lines += 1;
            self.continuations += usize::from(line.starts_with(b" ") || line.starts_with(b"\t"));
        }
        self.ats += section.iter().filter(|&&octet| octet == b'@').count();
    }
}
