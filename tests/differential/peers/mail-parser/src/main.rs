//! mail-parser as a peer of the differential test: answers questions, one a line, as
//! `python_email.py` does.

use std::io::{BufRead, Write};

use mail_parser::{HeaderForm, MessageParser};

const FIELDS: [&str; 18] = [
    "From",
    "Sender",
    "Reply-To",
    "Resent-From",
    "Resent-Sender",
    "Resent-Reply-To",
    "Errors-To",
    "Mail-Followup-To",
    "Mail-Reply-To",
    "Return-Receipt-To",
    "Disposition-Notification-To",
    "To",
    "Cc",
    "Bcc",
    "Resent-To",
    "Resent-Cc",
    "Resent-Bcc",
    "Apparently-To",
];

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let octets = unhex(line.get(2..).unwrap_or_default());
        let answer = if line.starts_with('F') { fields(&octets) } else { body(&octets) };
        writeln!(output, "{}", answer.join(" "))?;
        output.flush()?;
    }
    Ok(())
}

/// The addresses in a field body.
fn body(octets: &[u8]) -> Vec<String> {
    let message = [b"To:", octets, b"\r\n\r\n"].concat();
    let Some(parsed) = MessageParser::new().parse_headers(&message) else { return Vec::new() };
    let Some(header) = parsed.headers().iter().next() else { return Vec::new() };
    let value = header.parse_as(HeaderForm::Addresses);
    let Some(list) = value.value().as_address() else { return Vec::new() };
    let texts: Vec<&str> = list.mailboxes().filter_map(|mailbox| mailbox.address()).collect();
    texts.into_iter().filter(|text| text.contains('@')).map(|text| hex(text.as_bytes())).collect()
}

/// The address fields of a message.
fn fields(message: &[u8]) -> Vec<String> {
    let Some(parsed) = MessageParser::new().parse_headers(message) else { return Vec::new() };
    let known = |name: &str| FIELDS.iter().any(|known| known.eq_ignore_ascii_case(name));
    let headers = parsed.headers().iter().filter(|header| known(header.raw_name()));
    headers.map(|header| hex(header.raw_name().as_bytes()) + ":" + &hex(header.raw_value())).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map_while(pair).collect()
}
