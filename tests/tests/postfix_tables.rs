//! `export postfix` and the engine agree: every key of the tables, and ten thousand near misses of each plan, asked
//! of postmap(1) and put together as Postfix's manuals say, or the export lists the difference itself.
//!
//! Without postmap it is skipped loudly. `scripts/postfix.sh`, which installs it, sets `READDRESS_POSTFIX=1`: then
//! that is a failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use readdress::routing::{Action, Decision, Envelope, NextHop};
use readdress::{Direction, Engine, EntryAddress, Session};
use readdress_plan::{Export, ExportKind, Plan};
use readdress_tests::root;

const NEAR_MISSES: usize = 10_000;
const POSTMAP: &str = "/usr/sbin/postmap";

#[test]
fn tables_say_what_the_engine_says() {
    if !Path::new(POSTMAP).exists() {
        eprintln!("postfix tables: SKIPPED: {POSTMAP} is missing (Debian: postfix)");
        assert!(std::env::var("READDRESS_POSTFIX").as_deref() != Ok("1"), "{POSTMAP} is missing");
        return;
    }
    let mut plans: Vec<PathBuf> = fs::read_dir(root().join("examples"))
        .unwrap()
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).into_iter().flatten())
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    plans.sort();
    plans.push(root().join("tests/postfix/tables/plan.toml"));
    for path in plans {
        compare(&path);
    }
}

fn compare(path: &Path) {
    let plan = Plan::read(path).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let engine = Engine::from_bytes(plan.compile().unwrap().map).unwrap();
    let export = plan.export(ExportKind::Postfix, None);
    assert!(export.errors.is_empty(), "{}: {:?}", path.display(), export.errors);
    let folder = tempfile::tempdir().unwrap();
    let tables = Tables::new(&export, folder.path(), &engine);
    let mut keys = tables.keys();
    keys.extend(addresses(&engine));
    let keys: Vec<String> = keys.into_iter().collect();
    let mut probes: BTreeSet<String> = keys.iter().cloned().collect();
    probes.extend(near_misses(&keys, NEAR_MISSES));
    let probes: Vec<String> = probes
        .into_iter()
        .filter(|probe| EntryAddress::parse(probe.as_bytes()).is_ok() && probe.contains('@'))
        .collect();
    let listed: Vec<String> = export.limits.iter().filter_map(|limit| limit.excerpt.clone()).collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let canonical = tables.canonical(&probes);
    let (finals, looped) = tables.virtual_aliases(&probes);
    assert!(looped.is_empty(), "{}: virtual aliases without end: {looped:?}", path.display());
    let transports = tables.transport(&finals);
    let refusals = tables.refusals(&probes);
    let mut decision = Decision::new();
    let mut differences = Vec::new();
    for (nth, probe) in probes.iter().enumerate() {
        let session = Session::from(Direction::Outbound).with_smtputf8(true);
        let ours = engine.explain(session, probe.as_bytes()).result;
        let ours = ours.map_or_else(|| probe.clone(), |result| String::from_utf8(result).unwrap());
        let mut found = Vec::new();
        if key(&ours) != key(&canonical[nth]) {
            found.push(format!("canonical: {ours}, in the table {}", canonical[nth]));
        }
        let envelope =
            Envelope { direction: Some(Direction::Outbound), smtputf8: true, ..Envelope::default() };
        let routes = engine.route(&envelope, [probe.as_bytes()], &mut decision).unwrap();
        let route = routes.get(0).unwrap();
        let refused = (route.action() == Action::Reject).then(|| route.reply().unwrap());
        let refused = refused.map(|(code, enhanced, text)| format!("{code} {enhanced} {text}"));
        if refused != refusals[nth] {
            found.push(format!("refused: {refused:?}, in the table {:?}", refusals[nth]));
        }
        if refused.is_none() {
            let ours = String::from_utf8(route.forward_path().to_vec()).unwrap();
            if key(&ours) != key(&finals[nth]) {
                found.push(format!("virtual: {ours}, in the table {}", finals[nth]));
            }
            let ours = match (route.action(), route.connector().map(|connector| &connector.next_hop)) {
                (Action::Deliver, _) => "virtual:".to_owned(),
                (Action::Drop, _) => "discard:".to_owned(),
                (_, None | Some(NextHop::Mx)) => "smtp:".to_owned(),
                (_, Some(NextHop::SmartHosts(hosts))) => {
                    format!("smtp:{}", hosts.iter().map(|h| hop(h)).collect::<Vec<_>>().join(","))
                }
            };
            if ours != transports[nth] {
                found.push(format!("transport: {ours}, in the table {}", transports[nth]));
            }
        }
        if found.is_empty() {
            continue;
        }
        let by_rule = route.rules().find(|rule| listed.contains(&rule.name)).map(|rule| rule.name.clone());
        match explanation(probe, &listed).or(by_rule) {
            Some(why) => *counts.entry(why).or_default() += 1,
            None => differences.push(format!("{probe}: {}", found.join("; "))),
        }
    }
    println!(
        "{}: {} addresses asked about, {} keys; listed differences: {counts:?}",
        path.display(),
        probes.len(),
        keys.len()
    );
    assert!(probes.len() >= NEAR_MISSES, "{}: {}", path.display(), probes.len());
    assert!(
        differences.is_empty(),
        "{}: {} differences:\n{}",
        path.display(),
        differences.len(),
        differences.into_iter().take(20).collect::<Vec<_>>().join("\n")
    );
}

/// The form that the export lists and the address has.
fn explanation(probe: &str, listed: &[String]) -> Option<String> {
    let key = key(probe);
    let (local, domain) = key.rsplit_once('@').unwrap();
    let is_listed = |form: &str| listed.iter().any(|one| one == form).then(|| form.to_owned());
    let has_tag = ["prvs=", "btv1==", "msprvs1="].iter().any(|tag| local.starts_with(tag));
    let is_special = local.starts_with("owner-")
        || local.contains("-request")
        || ["postmaster+", "mailer-daemon+"].iter().any(|name| local.starts_with(name));
    (has_tag.then(|| is_listed("prvs=tag=user@domain")).flatten())
        .or_else(|| is_special.then(|| is_listed("postmaster+x@domain")).flatten())
        .or_else(|| {
            let (name, rest) = local.split_once('+').unwrap_or((local, ""));
            let named = (!rest.is_empty()).then(|| is_listed(&format!("{name}+x@{domain}"))).flatten();
            named.or_else(|| listed.iter().find(|one| self::key(one) == format!("{name}@{domain}")).cloned())
        })
}

/// A smart host as the table spells it: the plans of this test have no ports but others than 25, no literals.
fn hop(host: &str) -> String {
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "25"));
    let name = name.trim_matches(['[', ']']);
    if port == "25" { format!("[{name}]") } else { format!("[{name}]:{port}") }
}

fn key(address: &str) -> String {
    EntryAddress::parse(address.as_bytes())
        .map_or_else(|_| address.to_owned(), |parsed| String::from_utf8(parsed.key()).unwrap())
}

/// Everybody whom the plan names.
fn addresses(engine: &Engine) -> BTreeSet<String> {
    let map = engine.map();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    let mut all: BTreeSet<String> = map.entries().flat_map(|entry| entry.addresses()).map(text).collect();
    all.extend(
        (0..map.recipient_count()).map(|number| text(map.recipient_entry(number).unwrap().internal())),
    );
    let domains: BTreeSet<String> = all
        .iter()
        .map(|address| address.rsplit('@').next().unwrap().trim_start_matches("*.").to_owned())
        .collect();
    let accepted = map.routing().accepted_domains.iter().map(|accepted| text(accepted.domain.domain.clone()));
    let domains: BTreeSet<String> = domains.into_iter().chain(accepted).collect();
    all.retain(|address| address.contains('@'));
    all.extend(domains.iter().flat_map(|domain| {
        let forms = [
            "nobody",
            "postmaster",
            "Abuse",
            "abuse+x",
            "mailer-daemon",
            "postmaster+x",
            "owner-list+x",
            "list-request+x",
            "srs0=ab=cd=example.org=user",
            "SRS1-ab=x==cd",
            "user+srs=ab=cd=example.org=john",
            "IMCEAEX-_o=x+2f",
            "prvs=1234=john",
            "+x",
            "x+",
        ];
        forms.map(|name| format!("{name}@{domain}"))
    }));
    all
}

/// Addresses that are nearly those: another case, a subaddress, the domain above or below, an octet more or less.
fn near_misses(keys: &[String], count: usize) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut state = 20_251_121_u64;
    let mut random = move |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound as u64).unwrap()
    };
    while found.len() < count {
        let base = &keys[random(keys.len())];
        let Some((local, domain)) = base.rsplit_once('@') else { continue };
        let letter = char::from(b'a' + u8::try_from(random(26)).unwrap());
        let cut = |text: &str, at: usize| -> String {
            text.chars().enumerate().filter(|(nth, _)| *nth != at).map(|(_, c)| c).collect()
        };
        let put = |text: &str, at: usize| -> String {
            let at = text.char_indices().nth(at).map_or(text.len(), |(at, _)| at);
            format!("{}{letter}{}", &text[..at], &text[at..])
        };
        let word = format!("{letter}{}", random(1000));
        let is_quoted = local.starts_with('"');
        let near = match random(10) {
            0 => format!("{}@{domain}", local.to_uppercase()),
            1 => format!("{local}@{}", domain.to_uppercase()),
            2 | 3 if !is_quoted => format!("{local}+{word}@{domain}"),
            4 => format!("{local}@{word}.{domain}"),
            5 => format!("{local}@{}", domain.split_once('.').map_or(domain, |(_, parent)| parent)),
            6 => format!("{local}@{}", cut(domain, random(domain.len()))),
            7 => format!("{local}@{}", put(domain, random(domain.len()))),
            8 => format!("{}@{domain}", cut(local, random(local.len()))),
            _ => format!("{}@{domain}", put(local, random(local.len()))),
        };
        found.insert(near);
    }
    found.into_iter().collect()
}

/// The exported tables, in a folder with a configuration of its own.
struct Tables {
    folder: PathBuf,
    delimiters: String,
    default_transport: String,
    /// Keys of the tables that are no expressions.
    all: BTreeSet<String>,
}

const HASHED: [&str; 4] = ["canonical", "virtual", "transport", "recipients"];

impl Tables {
    fn new(export: &Export, folder: &Path, engine: &Engine) -> Tables {
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

    fn keys(&self) -> BTreeSet<String> {
        self.all.clone()
    }

    /// What postmap says of keys.
    fn ask(&self, table: &str, keys: &BTreeSet<String>) -> HashMap<String, String> {
        let kind = if table.ends_with("-forms") { "regexp" } else { "texthash" };
        let mut postmap = Command::new(POSTMAP)
            .args(["-c".as_ref(), self.folder.as_os_str(), "-q".as_ref(), "-".as_ref()])
            .arg(format!("{kind}:{}", self.folder.join(table).display()))
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

    fn canonical(&self, addresses: &[String]) -> Vec<String> {
        self.map("canonical", addresses).0
    }

    fn virtual_aliases(&self, addresses: &[String]) -> (Vec<String>, Vec<String>) {
        self.map("virtual", addresses)
    }

    /// transport(5): address, without subaddress, domain, `.domain`s above it; else the default.
    fn transport(&self, addresses: &[String]) -> Vec<String> {
        let found = self.by_domain("transport", addresses);
        found.into_iter().map(|found| found.unwrap_or_else(|| self.default_transport.clone())).collect()
    }

    /// access(5), in the same order.
    fn refusals(&self, addresses: &[String]) -> Vec<Option<String>> {
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
