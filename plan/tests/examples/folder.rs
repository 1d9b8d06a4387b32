//! A copy of an example's folder that a test may spoil, and what is asked of the plans in it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use readdress::Engine;
use readdress::routing::{Action, Client, Decision, Envelope, Route};
use readdress_plan::{Plan, Report};
use tempfile::TempDir;

/// The copy, gone when it goes out of scope.
pub(crate) struct Example {
    folder: TempDir,
}

impl Example {
    pub(crate) fn new(name: &str) -> Example {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
        let folder = tempfile::tempdir().expect("a folder");
        for file in fs::read_dir(&source).expect("an example") {
            let file = file.expect("a file");
            fs::copy(file.path(), folder.path().join(file.file_name())).expect("a copy");
        }
        Example { folder }
    }

    /// Replaces a text that stands in a file exactly once.
    pub(crate) fn with(self, file: &str, old: &str, new: &str) -> Example {
        let path = self.folder.path().join(file);
        let text = fs::read_to_string(&path).expect("a file of the example");
        assert_eq!(text.matches(old).count(), 1, "{old} in {file}");
        fs::write(path, text.replace(old, new)).expect("a file");
        self
    }

    /// Adds lines at the end of a file.
    pub(crate) fn adding(self, file: &str, lines: &str) -> Example {
        let path = self.folder.path().join(file);
        let text = fs::read_to_string(&path).expect("a file of the example");
        fs::write(path, text + lines + "\n").expect("a file");
        self
    }

    pub(crate) fn plan(&self, file: &str) -> Plan {
        Plan::read(&self.folder.path().join(file)).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
    }

    /// What stands against a plan that can't be read.
    pub(crate) fn refused(&self, file: &str) -> Vec<String> {
        let diagnostics = Plan::read(&self.folder.path().join(file)).expect_err("a plan that can't be read");
        diagnostics.iter().map(|found| line(found.code, &found.at[0], &found.witness)).collect()
    }

    pub(crate) fn engine(&self, file: &str) -> Engine {
        let compiled = self.plan(file).compile().unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        Engine::from_bytes(compiled.map).expect("a compiled map opens")
    }

    /// Errors, then warnings: code, file and line, witness.
    pub(crate) fn found(&self, file: &str) -> Vec<String> {
        found(&self.plan(file).check())
    }
}

fn found(report: &Report) -> Vec<String> {
    let all = report.errors.iter().chain(&report.warnings);
    all.map(|found| line(found.code, &found.at[0], &found.witness)).collect()
}

fn line(code: &str, at: &readdress_plan::Location, witness: &[String]) -> String {
    let file = at.file.rsplit('/').next().unwrap();
    format!("{code} {file}:{} {}", at.line, witness.join(" > ")).trim_end().to_owned()
}

/// Somebody who comes in from an address.
pub(crate) fn from(address: &str) -> Client<'static> {
    Client { address: Some(address.parse().unwrap()), tls: true, ..Client::default() }
}

/// One of our people, who has logged in from anywhere.
pub(crate) fn one_of_us() -> Client<'static> {
    Client { authenticated: true, ..from("203.0.113.99") }
}

/// Holds decisions to a table of sender, recipients and what becomes of each one's copy.
pub(crate) fn assert_routes(engine: &Engine, client: Client<'_>, table: &[(&str, &str, &str)]) {
    for (sender, recipients, expected) in table {
        assert_eq!(decided(engine, client, sender, recipients), *expected, "{sender} to {recipients}");
    }
}

/// What becomes of a message: for each recipient, separated by `; `, one of `deliver PATH`,
/// `relay PATH by CONNECTOR`, `drop`, `550 5.1.10`; then the fields that it gets.
pub(crate) fn decided(engine: &Engine, client: Client<'_>, sender: &str, recipients: &str) -> String {
    let envelope = Envelope { client, reverse_path: Some(sender.as_bytes()), ..Envelope::default() };
    let mut decision = Decision::new();
    let recipients = recipients.split(", ").map(str::as_bytes);
    let routes = engine.route(&envelope, recipients, &mut decision).expect("within limits");
    routes.iter().map(|route| described(&route)).collect::<Vec<_>>().join("; ")
}

pub(crate) fn described(route: &Route<'_>) -> String {
    let path = String::from_utf8_lossy(route.forward_path());
    let mut said = match (route.action(), route.reply()) {
        (Action::Deliver, _) => format!("deliver {path}"),
        (Action::Relay, _) => {
            let by = route.connector().map_or("DNS", |connector| &connector.name);
            format!("relay {path} by {by}")
        }
        (Action::Drop, _) => return "drop".to_owned(),
        (Action::Reject, reply) => {
            let (code, enhanced, _) = reply.expect("a refusal has an answer");
            return format!("{code} {enhanced}");
        }
    };
    for (name, value) in route.set_headers() {
        write!(said, " +{name}: {value}").expect("a string takes all");
    }
    said
}
