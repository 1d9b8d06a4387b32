//! Mail that somebody has: the `.eml` files of a folder, and maps that hit as often in it as the
//! generated ones do in theirs.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use readdress::address::{AddressList, Item};
use readdress::header::HeaderSection;
use readdress::{Engine, Flags, Limits};

use crate::corpus::{Directory, ENTRIES, Hits, engine};
use crate::people::Person;
use crate::shape::address_bodies;

/// The variable that names the folder.
pub const FOLDER: &str = "READDRESS_CORPUS";

/// Octets of a body that are kept. Attachments would make every copy a copy of them.
const BODY: usize = 2048;

/// All messages below a folder whose header section is one, in the order of their paths: with line
/// endings as on the wire, and bodies cut short.
pub fn messages(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut messages = Vec::new();
    for file in files {
        let mut message = with_crlf(&fs::read(file)?);
        if let Some(body) = body_offset(&message) {
            message.truncate(body + BODY);
            messages.push(message);
        }
    }
    Ok(messages)
}

/// The engine that gives these messages this kind of hits, with as many entries as others have.
#[must_use]
pub fn engine_for(messages: &[Vec<u8>], hits: Hits, directory: &Directory) -> Engine {
    let addresses = addresses(messages);
    let domain = |address: &String| address.rsplit('@').next().map(str::to_owned);
    let internal: Vec<String> = match hits {
        Hits::NoDomain => return hits.engine(directory),
        Hits::NoMailbox => {
            let domains: BTreeSet<String> = addresses.iter().filter_map(domain).collect();
            domains.iter().enumerate().map(|(nth, domain)| format!("nobody-at-all-{nth}@{domain}")).collect()
        }
        Hits::Mailboxes => addresses.into_iter().step_by(2).collect(),
    };
    let known: BTreeSet<&String> = internal.iter().collect();
    let others = directory.mapped.iter().filter(|person| !known.contains(&person.internal));
    let mut people: Vec<Person> = others.take(ENTRIES.saturating_sub(internal.len())).cloned().collect();
    people.extend(internal.iter().enumerate().map(|(nth, internal)| Person {
        first: String::new(),
        last: "real".to_owned(),
        internal: internal.clone(),
        external: format!("somebody.{nth}@outside.contoso.com"),
    }));
    engine(&people)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "eml") {
            files.push(path);
        }
    }
    Ok(())
}

fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(octets.len() + octets.len() / 32);
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        match line {
            [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => {
                message.extend_from_slice(text);
                message.extend_from_slice(b"\r\n");
            }
            text => message.extend_from_slice(text),
        }
    }
    message
}

/// Where the body begins; `None` where readers may differ on what the header section is.
fn body_offset(message: &[u8]) -> Option<usize> {
    let odd = [Flags::MBOX_FROM_LINE, Flags::NOT_A_FIELD, Flags::NO_EMPTY_LINE, Flags::SPACE_BEFORE_COLON];
    let mut section = HeaderSection::new(message, Limits::default()).ok()?;
    let mut fields = 0;
    while section.next_field().ok()?.is_some() {
        fields += 1;
    }
    let is_plain = fields > 0 && !odd.iter().any(|&flag| section.flags().contains(flag));
    is_plain.then_some(section.body_offset())
}

/// The addresses of the messages that can be entries, each once, in the order of the alphabet.
fn addresses(messages: &[Vec<u8>]) -> BTreeSet<String> {
    let mut addresses = BTreeSet::new();
    for body in messages.iter().flat_map(|message| address_bodies(message)) {
        for item in AddressList::new(body) {
            let Item::Mailbox(mailbox) = item else { continue };
            let address = mailbox.addr_spec.span().of(body).to_ascii_lowercase();
            addresses.extend(String::from_utf8(address).ok().filter(|address| is_plain(address)));
        }
    }
    addresses
}

fn is_plain(address: &str) -> bool {
    let is_word = |word: &str, others: &str| {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
        !word.is_empty() && word.len() < 64 && word.chars().all(is_fine)
    };
    address.split_once('@').is_some_and(|(local, domain)| {
        local.len() <= 64
            && local.split('.').all(|atom| is_word(atom, "-_="))
            && domain.contains('.')
            && domain
                .split('.')
                .all(|label| is_word(label, "-") && !label.starts_with('-') && !label.ends_with('-'))
    })
}
