//! A bench to run the command on: a folder of its own, with a plan and a message in it.

use std::ffi::OsString;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

/// Everything after `[plan]` that a small, clean plan has.
pub(crate) const PLAN: &str = "\
[plan]
name = \"contoso\"

[rewrite]
preset = \"coexistence\"

[[rewrite.entries]]
file = \"entries.csv\"
";

pub(crate) const ENTRIES: &str = "\
Name,InternalAddress,ExternalAddress
John,john@tenant1.contoso.com,john@contoso.com
Mary,mary.jones@tenant2.contoso.com,mary@contoso.com
Postmaster,postmaster@tenant1.contoso.com,postmaster@contoso.com
";

pub(crate) const MESSAGE: &str = "\
From: John <john@tenant1.contoso.com>\r
To: Mary <mary.jones@tenant2.contoso.com>,\r
 olivia@example.org\r
Subject: figures\r
\r
Write to john@tenant1.contoso.com.\r
";

pub(crate) const REWRITTEN: &str = "\
From: John <john@contoso.com>\r
To: Mary <mary@contoso.com>,\r
 olivia@example.org\r
Subject: figures\r
\r
Write to john@tenant1.contoso.com.\r
";

/// What one run gave.
pub(crate) struct Ran {
    pub(crate) code: u8,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn out(&self) -> &str {
        str::from_utf8(&self.out).expect("standard output is text")
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out().lines().count(), 1, "one object on one line: {}", self.out());
        serde_json::from_str(self.out()).expect("standard output is JSON")
    }

    /// Asserts the exit code, and that nothing was printed.
    pub(crate) fn refused(&self, code: u8) -> &str {
        assert_eq!(self.code, code, "{}", self.err);
        assert_eq!(self.out(), "");
        assert_ne!(self.err, "");
        &self.err
    }

    /// Asserts success without a remark.
    pub(crate) fn clean(&self) -> &str {
        assert_eq!((self.code, self.err.as_str()), (0, ""));
        self.out()
    }
}

/// The keys of an object, in order.
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    /// The plan, its entries and the message from above.
    pub(crate) fn new() -> Bench {
        let bench = Bench { folder: tempfile::tempdir().expect("a folder") };
        bench.write("plan.toml", PLAN);
        bench.write("entries.csv", ENTRIES);
        bench.write("message.eml", MESSAGE);
        bench
    }

    /// The same with `text` put in place of one line of the plan.
    pub(crate) fn with_plan_line(line: &str, text: &str) -> Bench {
        let bench = Bench::new();
        assert!(PLAN.contains(line), "{line}");
        bench.write("plan.toml", PLAN.replacen(line, text, 1));
        bench
    }

    /// The same with `lines` at the end of the plan.
    pub(crate) fn with_plan_end(lines: &str) -> Bench {
        let bench = Bench::new();
        bench.write("plan.toml", format!("{PLAN}{lines}"));
        bench
    }

    /// Compiles the plan and gives the path of the map file.
    pub(crate) fn map(&self) -> String {
        let map = self.path("contoso.map");
        let ran = self.run(&["compile", &self.path("plan.toml"), "-o", &map]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        map
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.join(name).into_os_string().into_string().expect("a path in UTF-8")
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.join(name), content).expect("a file");
        self.path(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.join(name)).expect("a file")
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder())
            .expect("a folder")
            .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    #[expect(clippy::unused_self, reason = "a run happens on a bench, whose folder its arguments name")]
    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        run(args.iter().map(OsString::from), &mut Cursor::new(input))
    }

    /// `rewrite --plan` with this plan, outbound.
    pub(crate) fn rewrite(&self, args: &[&str]) -> Ran {
        self.rewrite_with(args, b"")
    }

    pub(crate) fn rewrite_with(&self, args: &[&str], input: &[u8]) -> Ran {
        let plan = self.path("plan.toml");
        let before = ["rewrite", "--plan", &plan, "--direction", "outbound"];
        self.run_with(&[&before, args].concat(), input)
    }
}

pub(crate) fn run(args: impl Iterator<Item = OsString>, input: &mut dyn Read) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once(OsString::from("readdress")).chain(args);
    let code = readdress_cli::run(args, input, &mut out, &mut err);
    Ran { code, out, err: String::from_utf8(err).expect("standard error is text") }
}

/// An input that nobody may read.
pub(crate) struct Untouchable;

impl Read for Untouchable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("standard input was read");
    }
}

/// A stream that takes `room` octets and then fails.
pub(crate) struct Failing {
    pub(crate) room: usize,
    pub(crate) kind: io::ErrorKind,
}

impl Write for Failing {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(self.kind.into());
        }
        let taken = octets.len().min(self.room);
        self.room -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Failing {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(self.kind.into());
        }
        let given = octets.len().min(self.room);
        self.room -= given;
        octets[..given].fill(b'a');
        Ok(given)
    }
}
