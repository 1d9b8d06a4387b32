//! The classes of header sections. Which lines are address fields, and which octets are theirs?

use crate::classes::{Class, Effect, Follows};

const fn class(
    name: &'static str,
    rfc: &'static str,
    effect: Effect,
    without: fn(&[u8]) -> Vec<u8>,
) -> Class {
    Class { name, rfc, follows: Follows::Us, effect, without }
}

/// In the order in which the constructs are taken away.
pub static CLASSES: &[Class] = &[
    class(
        "mbox line before the message",
        "RFC 4155 A: it separates messages in a file; RFC 5322 2.2: it is no field",
        Effect::Same,
        |message| {
            let rest: Vec<u8> = lines(message).skip(1).collect::<Vec<_>>().concat();
            // A second one is no separator any more, but a line that is no field.
            if is_mbox_line(message) && !is_mbox_line(&rest) { rest } else { message.to_vec() }
        },
    ),
    class(
        "header section ended by a line that is no field",
        "RFC 5322 2.1, 2.2: a field is a name, a colon and a body; what is none is not in the header section",
        Effect::Same,
        |message| match section(message) {
            (length, End::NoField) => [&message[..length], b"\r\n"].concat(),
            _ => message.to_vec(),
        },
    ),
    class(
        "header section without an empty line behind it",
        "RFC 5322 2.1, 3.5: the body with its empty line is optional",
        Effect::Same,
        |message| match section(message) {
            (_, End::OfInput) if !message.ends_with(b"\n") => [message, b"\r\n\r\n"].concat(),
            (_, End::OfInput) => [message, b"\r\n"].concat(),
            _ => message.to_vec(),
        },
    ),
    class(
        "white space before the colon",
        "RFC 5322 4.5: obs-from = \"From\" *WSP \":\", and so all others",
        Effect::Same,
        |message| {
            each_line(message, |line| {
                let (name, spaces) = beginning(line);
                if name == 0 || line.get(name + spaces) != Some(&b':') {
                    return line.to_vec();
                }
                [&line[..name], &line[name + spaces..]].concat()
            })
        },
    ),
    class(
        "bare carriage return",
        "RFC 5322 2.2, 2.3: it ends no line; lines end with CRLF, and with the LF of systems that keep mail so",
        Effect::Reworded,
        |message| {
            each_line(message, |line| {
                let text = line.strip_suffix(b"\r\n").unwrap_or(line);
                [
                    text.iter().map(|&octet| if octet == b'\r' { b'_' } else { octet }).collect(),
                    line[text.len()..].to_vec(),
                ]
                .concat()
            })
        },
    ),
    class(
        "NUL",
        "RFC 5322 4.1: NUL ends nothing; an octet like any other for finding the field's end",
        Effect::Reworded,
        |message| {
            each_line(message, |line| {
                line.iter().map(|&octet| if octet == 0 { b'_' } else { octet }).collect()
            })
        },
    ),
    class(
        "continuation of white space only",
        "RFC 5322 4.2: obs-FWS = 1*([CRLF] WSP); only a line without any octet is empty (2.1)",
        Effect::Reworded,
        |message| {
            let mut first = true;
            each_line(message, |line| {
                let blank = !first && matches!(line[0], b' ' | b'\t') && line.trim_ascii().is_empty();
                first = false;
                if blank { Vec::new() } else { line.to_vec() }
            })
        },
    ),
];

/// What is compared of a field: its name in lower case and its body, line endings and the white
/// space around it apart.
pub fn normal(field: &[u8]) -> Vec<u8> {
    let colon = field.iter().position(|&octet| octet == b':').unwrap_or(field.len());
    let (name, body) = field.split_at(colon);
    let mut text = name.to_ascii_lowercase();
    text.push(b':');
    let mut position = 0;
    let body = body.get(1..).unwrap_or_default().trim_ascii();
    while let Some(&octet) = body.get(position) {
        if !body[position..].starts_with(b"\r\n") {
            text.push(octet);
        }
        position += 1;
    }
    text
}

enum End {
    Empty,
    NoField,
    OfInput,
}

/// The length of the header section, and what ends it.
fn section(message: &[u8]) -> (usize, End) {
    let mut length = 0;
    for (nth, line) in lines(message).enumerate() {
        if matches!(line, b"\n" | b"\r\n") {
            return (length, End::Empty);
        }
        let mbox = nth == 0 && is_mbox_line(line);
        let folded = matches!(line[0], b' ' | b'\t') && length > 0;
        let (name, spaces) = beginning(line);
        let field = name > 0 && line.get(name + spaces) == Some(&b':');
        if !(mbox || folded || field) {
            return (length, End::NoField);
        }
        length += line.len();
    }
    (length, End::OfInput)
}

fn obsolete_from(line: &[u8]) -> bool {
    let (name, spaces) = beginning(line);
    line[..name].eq_ignore_ascii_case(b"From") && spaces > 0 && line.get(name + spaces) == Some(&b':')
}

fn is_mbox_line(line: &[u8]) -> bool {
    let quotes = line.iter().take_while(|&&octet| octet == b'>').count();
    line[quotes..].starts_with(b"From ") && !obsolete_from(line)
}

/// The length of a field name at the beginning of a line, and of the white space behind it.
fn beginning(line: &[u8]) -> (usize, usize) {
    let name = line.iter().take_while(|&&octet| matches!(octet, 33..=57 | 59..=126)).count();
    let spaces = line[name..].iter().take_while(|&&octet| matches!(octet, b' ' | b'\t')).count();
    (name, spaces)
}

fn lines(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets.split_inclusive(|&octet| octet == b'\n')
}

/// The message with each line of its header section changed.
fn each_line(message: &[u8], change: impl FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (length, _) = section(message);
    let mut changed: Vec<u8> = lines(&message[..length]).flat_map(change).collect();
    changed.extend_from_slice(&message[length..]);
    changed
}
