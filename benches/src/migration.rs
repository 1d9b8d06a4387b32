//! A migration in the middle of its waves, as a plan and its tables: the gateway's system and three others,
//! some fifty rules, and as many recipients as are asked for.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::corpus::SEED;
use crate::people::{Crowd, INTERNAL_DOMAINS, Person};
use crate::rng::Rng;

/// Batches that the recipients move in.
pub const WAVES: usize = 20;
/// Waves whose mailboxes are here; the one behind them is on its way.
const MIGRATED: usize = 9;
/// Rules for partners' domains, besides the two of the migration.
const PARTNERS: usize = 48;
/// One recipient in so many is at the archive's system, and one at the subsidiary's.
const ELSEWHERE: usize = 20;

/// The shared domain, that of the new system alone, and those of the two other systems.
pub const SHARED: &str = "contoso.example";
const ROUTING: &str = "contoso.tenant.example";
const ARCHIVE: &str = "archive.example";
const SUBSIDIARY: &str = "subsidiary.example";

/// Where the mailbox of a recipient is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Home {
    Wave(usize),
    Archive,
    Subsidiary,
}

impl Home {
    fn of(nth: usize) -> Home {
        match nth % ELSEWHERE {
            0 => Home::Archive,
            1 => Home::Subsidiary,
            _ => Home::Wave(nth / ELSEWHERE % WAVES),
        }
    }
}

/// Writes plan and tables for `count` recipients into a folder; the plan's path.
///
/// # Errors
///
/// Those of writing.
pub fn write(folder: &Path, count: usize) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let plan = folder.join("plan.toml");
    fs::write(&plan, plan_text())?;
    let mut tables = Tables::create(folder)?;
    let mut crowd = Crowd::new(Rng::new(SEED + 5), &INTERNAL_DOMAINS);
    for (nth, person) in crowd.by_ref().take(count).enumerate() {
        tables.add(&name(&person, nth), Home::of(nth))?;
    }
    tables.finish()?;
    Ok(plan)
}

/// A recipient's address, by its number among `count`, in no order.
pub fn recipients(count: usize) -> impl Iterator<Item = String> {
    let crowd = Crowd::new(Rng::new(SEED + 5), &INTERNAL_DOMAINS);
    crowd.take(count).enumerate().map(|(nth, person)| {
        let name = name(&person, nth);
        match Home::of(nth) {
            Home::Wave(_) => format!("{name}@{SHARED}"),
            Home::Archive => format!("{name}@{ARCHIVE}"),
            Home::Subsidiary => format!("{name}@{SUBSIDIARY}"),
        }
    })
}

/// A local-part that nobody else has in any domain.
fn name(person: &Person, nth: usize) -> String {
    let local_part = person.internal.split('@').next().unwrap_or_default();
    format!("{local_part}.{nth}")
}

struct Tables {
    recipients: BufWriter<File>,
    proxies: BufWriter<File>,
    old: BufWriter<File>,
    forwards: BufWriter<File>,
    archive: BufWriter<File>,
    subsidiary: BufWriter<File>,
}

impl Tables {
    fn create(folder: &Path) -> io::Result<Tables> {
        let table = |name: &str, header: &str| {
            let mut file = BufWriter::new(File::create(folder.join(name))?);
            writeln!(file, "{header}")?;
            io::Result::Ok(file)
        };
        Ok(Tables {
            recipients: table("recipients.csv", "Address,Wave")?,
            proxies: table("proxies.csv", "Name,EmailAddress")?,
            old: table("old-host.csv", "Address")?,
            forwards: table("forwards.csv", "Mailbox,ForwardTo")?,
            archive: table("archive.csv", "Address")?,
            subsidiary: table("subsidiary.csv", "Address")?,
        })
    }

    fn add(&mut self, name: &str, home: Home) -> io::Result<()> {
        let wave = match home {
            Home::Archive => return writeln!(self.archive, "{name}@{ARCHIVE}"),
            Home::Subsidiary => return writeln!(self.subsidiary, "{name}@{SUBSIDIARY}"),
            Home::Wave(wave) => wave,
        };
        writeln!(self.recipients, "{name}@{SHARED},wave-{wave}")?;
        if wave < MIGRATED {
            writeln!(self.proxies, "{name}@{SHARED},{name}@{ROUTING}")?;
            writeln!(self.forwards, "{name}@{SHARED},{name}@{ROUTING}")
        } else {
            writeln!(self.old, "{name}@{SHARED}")
        }
    }

    fn finish(self) -> io::Result<()> {
        let Tables { recipients, proxies, old, forwards, archive, subsidiary } = self;
        for mut table in [recipients, proxies, old, forwards, archive, subsidiary] {
            table.flush()?;
        }
        Ok(())
    }
}

fn plan_text() -> String {
    let mut text = format!(
        r#"[plan]
name = "migration"

[[accepted-domain]]
domain = "{SHARED}"
type = "internal-relay"
[[accepted-domain]]
domain = "{ROUTING}"
type = "authoritative"
[[accepted-domain]]
domain = "{ARCHIVE}"
type = "external-relay"
[[accepted-domain]]
domain = "{SUBSIDIARY}"
type = "external-relay"

[[recipients]]
file = "recipients.csv"
[[recipients]]
file = "proxies.csv"

[[listener]]
name = "From our systems"
client-ip = ["192.0.2.0/24"]
trusted = true
[[listener]]
name = "From the internet"

[[connector]]
name = "To the old host"
smart-hosts = ["old.example.net"]
address-spaces = ["{SHARED}"]
[[connector]]
name = "To the archive"
smart-hosts = ["archive.example.net"]
address-spaces = ["{ARCHIVE}"]
[[connector]]
name = "To the subsidiary"
smart-hosts = ["subsidiary.example.net"]
address-spaces = ["{SUBSIDIARY}"]
[[connector]]
name = "Internet"
mx = true
address-spaces = ["*"]

[[rule]]
name = "Nothing executable"
when = {{ sender-scope = "not-in-organization", recipient-domain = "{ARCHIVE}" }}
do = {{ reject = "The archive takes nothing from outside" }}
[[rule]]
name = "Our own mail is no spam"
when = {{ sender-scope = "in-organization" }}
do = {{ set-header = {{ X-MS-Exchange-Organization-SCL = "-1" }} }}

[[system]]
name = "old host"
next-hop = "old.example.net"
client-ip = ["192.0.2.10"]
accepted-domain = [ {{ domain = "{SHARED}", type = "authoritative" }} ]
recipients = [ {{ file = "old-host.csv" }} ]
forwards = [ {{ file = "forwards.csv" }} ]
connector = [ {{ name = "smart host", to-system = "this", address-spaces = ["*"] }} ]
[[system]]
name = "archive"
next-hop = "archive.example.net"
client-ip = ["192.0.2.11"]
accepted-domain = [ {{ domain = "{ARCHIVE}", type = "authoritative" }} ]
recipients = [ {{ file = "archive.csv" }} ]
connector = [ {{ name = "smart host", to-system = "this", address-spaces = ["*"] }} ]
[[system]]
name = "subsidiary"
next-hop = "subsidiary.example.net"
client-ip = ["192.0.2.12"]
accepted-domain = [ {{ domain = "{SUBSIDIARY}", type = "authoritative" }} ]
recipients = [ {{ file = "subsidiary.csv" }} ]
connector = [ {{ name = "smart host", to-system = "this", address-spaces = ["*"] }} ]
"#
    );
    for wave in 0..WAVES {
        let state = match wave {
            _ if wave < MIGRATED => "migrated",
            _ if wave == MIGRATED => "in-flight",
            _ => "pending",
        };
        let _ = write!(text, "\n[[wave]]\nname = \"wave-{wave}\"\nstate = \"{state}\"\n");
    }
    for partner in 0..PARTNERS {
        let _ = write!(
            text,
            "\n[[rule]]\nname = \"Partner {partner}\"\nwhen = {{ recipient-domain = \"partner-{partner}.example\" }}\ndo = {{ set-header = {{ X-Partner = \"{partner}\" }} }}\n"
        );
    }
    text
}
