//! The exported tables, asked of postmap(1), and put together as Postfix's manuals say.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use readdress::Engine;
use readdress_plan::Export;

pub(crate) const POSTMAP: &str = "/usr/sbin/postmap";

/// The exported tables, in a folder with a configuration of its own.
pub(crate) struct Tables {
    folder: PathBuf,
    delimiters: String,
    default_transport: String,
    /// Keys of the tables that are no expressions.
    all: BTreeSet<String>,
}

const HASHED: [&str; 4] = ["canonical", "virtual", "transport", "recipients"];

impl Tables {
    pub(crate) fn new(export: &Export, folder: &Path, engine: &Engine) -> Tables {
        let delimiters = engine.map().policy().subaddress_delimiters.clone();
        fs::write(folder.join("main.cf"), "compatibility_level = 3.6\n").unwrap();
        for file in &export.files {
            fs::write(folder.join(file.name), &file.text).unwrap();
        }
        let text = |name: &str| &export.files.iter().find(|file| file.name == name).unwrap().text;
        let default =
            text("main.cf.readdress").lines().find_map(|line| line.strip_prefix("default_transport = "));
        let mut all = BTreeSet::new();
        for name in HASHED {
            for line in text(name).lines().filter(|line| !line.starts_with('#')) {
                let key = line.split('\t').next().unwrap();
                let address = if key.contains('@') {
                    key.to_owned()
                } else {
                    format!("@{}", key.trim_start_matches('.'))
                };
                all.insert(if address.starts_with('@') { format!("somebody{address}") } else { address });
            }
        }
        Tables { folder: folder.to_owned(), delimiters, default_transport: default.unwrap().to_owned(), all }
    }

    pub(crate) fn keys(&self) -> BTreeSet<String> {
        self.all.clone()
    }

    fn ask(&self, table: &str, keys: &BTreeSet<String>) -> HashMap<String, String> {
        let kind = if table.ends_with("-forms") { "regexp" } else { "texthash" };
        ask_postmap(&self.folder, &format!("{kind}:{}", self.folder.join(table).display()), keys)
    }

    /// The address without its subaddress, and that: as `split_addr()` does it.
    fn split(&self, address: &str) -> Option<(String, String)> {
        let (local, domain) = address.rsplit_once('@')?;
        let bare = unquoted(local);
        let whole = ["postmaster", "mailer-daemon", "double-bounce"]
            .iter()
            .any(|name| bare.eq_ignore_ascii_case(name));
        let at = bare.find(|character| self.delimiters.contains(character)).filter(|at| *at > 0 && !whole)?;
        Some((format!("{}@{domain}", quoted(&bare[..at])), bare[at..].to_owned()))
    }

    /// One step of `mail_addr_map()`: whole address in both tables, then without subaddress, then the domain.
    fn step(&self, table: &str, addresses: &[String]) -> Vec<Option<String>> {
        let wholes: BTreeSet<String> = addresses.iter().cloned().collect();
        let mut keys = wholes.clone();
        for address in addresses {
            keys.extend(self.split(address).map(|(bare, _)| bare));
            keys.insert(format!("@{}", address.rsplit('@').next().unwrap()));
        }
        let (names, forms) = (self.ask(table, &keys), self.ask(&format!("{table}-forms"), &wholes));
        let one = |address: &String| {
            if let Some(hit) = names.get(address).or_else(|| forms.get(address)) {
                return Some(hit.clone());
            }
            if let Some((bare, rest)) = self.split(address)
                && let Some(hit) = names.get(&bare)
            {
                let (local, domain) = hit.rsplit_once('@').unwrap();
                return Some(format!("{}@{domain}", quoted(&(unquoted(local) + &rest))));
            }
            let (local, domain) = address.rsplit_once('@').unwrap();
            let hit = names.get(&format!("@{domain}"))?;
            Some(if hit.starts_with('@') { format!("{local}{hit}") } else { hit.clone() })
        };
        addresses.iter().map(one).collect()
    }

    /// Results are looked up again until they stay the same.
    fn map(&self, table: &str, addresses: &[String]) -> (Vec<String>, Vec<String>) {
        let mut now = addresses.to_vec();
        for _ in 0..10 {
            let next = self.step(table, &now);
            let mut has_changed = false;
            for (address, result) in now.iter_mut().zip(next) {
                if let Some(result) = result.filter(|result| !result.eq_ignore_ascii_case(address)) {
                    *address = result;
                    has_changed = true;
                }
            }
            if !has_changed {
                return (now, Vec::new());
            }
        }
        (now.clone(), now)
    }

    pub(crate) fn canonical(&self, addresses: &[String]) -> Vec<String> {
        self.map("canonical", addresses).0
    }

    pub(crate) fn virtual_aliases(&self, addresses: &[String]) -> (Vec<String>, Vec<String>) {
        self.map("virtual", addresses)
    }

    /// transport(5): address, without subaddress, domain, `.domain`s above it; else the default.
    pub(crate) fn transport(&self, addresses: &[String]) -> Vec<String> {
        let found = self.by_domain("transport", addresses);
        found.into_iter().map(|found| found.unwrap_or_else(|| self.default_transport.clone())).collect()
    }

    /// access(5), in the same order.
    pub(crate) fn refusals(&self, addresses: &[String]) -> Vec<Option<String>> {
        let found = self.by_domain("recipients", addresses);
        found.into_iter().map(|found| found.filter(|value| value != "DUNNO")).collect()
    }

    fn by_domain(&self, table: &str, addresses: &[String]) -> Vec<Option<String>> {
        let ladder = |address: &String| -> Vec<String> {
            let domain = address.rsplit('@').next().unwrap();
            let mut keys = vec![address.clone()];
            keys.extend(self.split(address).map(|(bare, _)| bare));
            keys.push(domain.to_owned());
            keys.extend(
                domain.char_indices().filter(|(_, c)| *c == '.').map(|(at, _)| domain[at..].to_owned()),
            );
            keys
        };
        let keys: BTreeSet<String> = addresses.iter().flat_map(ladder).collect();
        let hits = self.ask(table, &keys);
        addresses
            .iter()
            .map(|address| ladder(address).iter().find_map(|key| hits.get(key).cloned()))
            .collect()
    }
}

/// What postmap says of keys, with a folder that has a configuration.
pub(crate) fn ask_postmap(folder: &Path, table: &str, keys: &BTreeSet<String>) -> HashMap<String, String> {
    let mut postmap = Command::new(POSTMAP)
        .args(["-c".as_ref(), folder.as_os_str(), "-q".as_ref(), "-".as_ref()])
        .arg(table)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = keys.iter().fold(String::new(), |input, key| input + key + "\n");
    let mut stdin = postmap.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = postmap.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn unquoted(local: &str) -> String {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return local.to_owned();
    };
    let (mut text, mut characters) = (String::new(), inner.chars());
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

fn quoted(local: &str) -> String {
    let is_atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    if local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom)) {
        return local.to_owned();
    }
    format!("\"{}\"", local.replace('\\', "\\\\").replace('"', "\\\""))
}
