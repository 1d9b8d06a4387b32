//! The command line: verbs, options and their help texts.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::serve::Address;

/// Rewrites mail addresses between the internal and external form, as a plan says.
///
/// A plan (TOML, with CSV files beside it) pairs internal with external addresses. It is compiled
/// into one map file, which gateways open and this command uses on single messages.
#[derive(Debug, Parser)]
#[command(name = "readdress", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
Examples:
  readdress check plan.toml
  readdress compile plan.toml -o contoso.map
  readdress rewrite --map contoso.map --direction outbound message.eml > rewritten.eml
  readdress explain --map contoso.map --direction inbound john@contoso.com
  readdress route --map contoso.map --client-ip 192.0.2.7 --mail-from a@x.example --rcpt-to john@contoso.com
  readdress diff contoso.map plan.toml
  readdress export postfix plan.toml -o readdress
  readdress serve --map contoso.map --socketmap inet:127.0.0.1:2527

Exit codes (sysexits.h):
  0   fine
  1   check found errors
  64  the command line is wrong
  65  a plan, map or message is wrong, or the plan refuses the message
  66  an input file does not exist or cannot be read
  73  the output file or socket cannot be created
  74  reading or writing failed
  75  try again later: a limit was hit, nothing was printed";

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Compile(CompileOptions),
    Check(CheckOptions),
    Rewrite(RewriteOptions),
    Explain(ExplainOptions),
    Route(RouteOptions),
    Diff(DiffOptions),
    Export(ExportOptions),
    Inspect(InspectOptions),
    Serve(ServeOptions),
}

/// Checks a plan and writes it as one map file.
///
/// The map file is written beside its final name, verified and renamed: a gateway sees the old
/// file or the new one, never a part. Nothing is written when the plan has errors. The same plan
/// always gives the same octets.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  readdress compile plan.toml -o contoso.map

Exit codes: 0 written; 65 the plan has errors; 66 no such plan; 73 the map file cannot be
created; 74 writing failed.")]
pub(crate) struct CompileOptions {
    /// The plan, a TOML file
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,

    /// The map file to write; an older one is replaced
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// What must be proved of the plan; a proof that is missing is an error
    #[arg(long, value_name = "PROOF,...", value_delimiter = ',')]
    pub(crate) require: Vec<Proof>,

    #[command(flatten)]
    pub(crate) format: ReportFormat,
}

/// Checks a plan and writes nothing.
///
/// Prints every error and warning with file, line and column, the cell or key in question and a
/// hint, and says what could be proved of the plan as a whole.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  readdress check plan.toml

Exit codes: 0 no errors (there may be warnings); 1 errors found; 65 the plan cannot be read;
66 no such plan.")]
pub(crate) struct CheckOptions {
    /// The plan, a TOML file
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,

    /// Whose tables or cmdlets have to carry the plan out: what they can't is a warning
    #[arg(long = "for", value_enum, value_name = "KIND")]
    pub(crate) host: Option<ExportKind>,

    #[command(flatten)]
    pub(crate) format: ReportFormat,
}

/// Rewrites the addresses of one message, of its envelope, or of both.
///
/// Octets outside the rewritten addresses come out as they went in. What could not be parsed, and
/// addresses that no entry maps although entries name their domain, are reported on standard error.
/// Nothing is printed when a limit is hit or the plan's `unmapped` policy refuses the message.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  readdress rewrite --map contoso.map --direction outbound message.eml > rewritten.eml
  readdress rewrite --plan plan.toml --direction outbound --format edits message.eml
  readdress rewrite --map contoso.map --direction inbound --rcpt-to john@contoso.com

Formats:
  message  the rewritten message; envelope results on standard error
  edits    a line for each edit: offset length field[nth] old -> new (entry, file:line)
  json     one object with everything that is known about the message

Exit codes: 0 fine; 64 usage; 65 bad map or plan, or the plan's `unmapped` policy is `reject`;
66 no such file; 74 reading or writing failed; 75 a limit was hit, or the policy is `tempfail`.")]
pub(crate) struct RewriteOptions {
    #[command(flatten)]
    pub(crate) source: Source,

    /// outbound: from one of our systems; inbound: from anywhere else
    #[arg(long, value_enum, value_name = "DIRECTION")]
    pub(crate) direction: Direction,

    /// The session is one for SMTPUTF8: addresses may get local-parts outside ASCII.
    #[arg(long)]
    pub(crate) smtputf8: bool,

    /// The reverse-path (MAIL FROM), `<>` for the null one
    #[arg(long, value_name = "PATH")]
    pub(crate) mail_from: Option<OsString>,

    /// A forward-path (RCPT TO); may be given more than once
    #[arg(long, value_name = "PATH")]
    pub(crate) rcpt_to: Vec<OsString>,

    /// What to print
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = MessageFormat::Message)]
    pub(crate) format: MessageFormat,

    /// The message; `-`, or nothing and no path either, is standard input
    #[arg(value_name = "MESSAGE")]
    pub(crate) message: Option<PathBuf>,
}

/// Shows what happens to an address, and why.
///
/// Lists every key that is looked up, the entry that wins with the file and line it was written in,
/// and the entries it shadows.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  readdress explain --map contoso.map --direction outbound john+news@tenant1.contoso.com

Exit codes: 0 fine, whether or not an entry was found; 64 usage; 65 bad map or plan; 66 no such
file.")]
pub(crate) struct ExplainOptions {
    #[command(flatten)]
    pub(crate) source: Source,

    /// outbound: looked up among internal addresses; inbound: among external ones
    #[arg(long, value_enum, value_name = "DIRECTION")]
    pub(crate) direction: Direction,

    /// The session is one for SMTPUTF8: addresses may get local-parts outside ASCII.
    #[arg(long)]
    pub(crate) smtputf8: bool,

    /// Addresses, as on the wire: "jane doe"@contoso.com keeps its quotes
    #[arg(value_name = "ADDRESS", required = true)]
    pub(crate) addresses: Vec<OsString>,

    #[command(flatten)]
    pub(crate) format: ReportFormat,
}

/// Decides where each recipient's copy of a message goes, and says why.
///
/// Who brings the message decides which of the plan's listeners it comes in by, and so whether it is one of
/// our systems. Where a rule asks for the header section, give the message, too.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  readdress route --map contoso.map --rcpt-to john@contoso.com
  readdress route --plan plan.toml --client-ip 192.0.2.7 --tls-name mail.contoso.com \\
      --mail-from mary@contoso.com --rcpt-to john@contoso.com --rcpt-to joe@example.net message.eml

Exit codes: 0 decided, whatever the decision; 64 usage; 65 bad map or plan; 66 no such file; 75 a
limit was hit.")]
pub(crate) struct RouteOptions {
    #[command(flatten)]
    pub(crate) source: Source,

    /// A forward-path (RCPT TO); may be given more than once
    #[arg(long, value_name = "PATH", required = true)]
    pub(crate) rcpt_to: Vec<OsString>,

    /// The reverse-path (MAIL FROM), `<>` for the null one
    #[arg(long, value_name = "PATH")]
    pub(crate) mail_from: Option<OsString>,

    /// The client's address; without it, listeners that name addresses are not for it
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) client_ip: Option<String>,

    /// The session is encrypted
    #[arg(long)]
    pub(crate) tls: bool,

    /// The name in the client's verified certificate; the session is encrypted then
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_name: Option<String>,

    /// The client has authenticated itself
    #[arg(long)]
    pub(crate) authenticated: bool,

    /// Which way the message goes, whatever the plan's listeners say
    #[arg(long, value_enum, value_name = "DIRECTION")]
    pub(crate) direction: Option<Direction>,

    /// The session is one for SMTPUTF8: addresses may get local-parts outside ASCII.
    #[arg(long)]
    pub(crate) smtputf8: bool,

    #[command(flatten)]
    pub(crate) format: ReportFormat,

    /// The message or its header section; `-` is standard input
    #[arg(value_name = "MESSAGE")]
    pub(crate) message: Option<PathBuf>,
}

/// Shows what changes for which address between two plans or maps, in either direction.
///
/// All addresses that either of them names are asked about, and for each domain somebody whom nobody
/// names; for a `*.` domain, somebody of a domain below it, too. Settings that differ are shown first,
/// then domains, each with how many of its named addresses change, then addresses.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  readdress diff contoso.map plan.toml
  readdress diff 1-before.toml 2-during.toml --format json

Exit codes: 0 fine, whether or not anything differs; 64 usage; 65 bad map or plan; 66 no such file.")]
pub(crate) struct DiffOptions {
    /// The plan or map file in use
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,

    /// The one to come
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,

    #[command(flatten)]
    pub(crate) format: ReportFormat,
}

/// Writes a plan in the words of another system: Postfix tables, Exchange cmdlets, or DNS records.
///
/// What the other system has no word for is told on standard error, each with the code `not-enforceable`.
/// Files are written all or none, and only over files that are exports themselves. With an older plan,
/// the cmdlets and records are those that lead from it to this one, in a safe order, and there is a list of
/// the lines of tables that change.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  readdress export postfix plan.toml -o /etc/postfix/readdress
  readdress export exchange 3-after.toml --from 2-during.toml > retire.ps1
  readdress export dns plan.toml

Exit codes: 0 fine, whether or not something can't be said; 64 usage; 65 bad plan, or one that would go
wrong there; 66 no such file; 73 a file cannot be created; 74 writing failed.")]
pub(crate) struct ExportOptions {
    /// Whose words
    #[arg(value_enum, value_name = "KIND")]
    pub(crate) kind: ExportKind,

    /// The plan, a TOML file
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,

    /// The plan in use so far
    #[arg(long, value_name = "OLDER-PLAN")]
    pub(crate) from: Option<PathBuf>,

    /// A folder for the files; without it, they go to standard output, each under its name
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) format: ReportFormat,
}

/// Shows what a map file holds: header, sections, sizes, counts, generation, policy and sources.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  readdress inspect contoso.map
  readdress inspect --plan plan.toml

Exit codes: 0 fine; 64 usage; 65 damaged map file or bad plan; 66 no such file.")]
pub(crate) struct InspectOptions {
    /// The map file
    #[arg(value_name = "FILE", required_unless_present = "plan", conflicts_with = "plan")]
    pub(crate) map: Option<PathBuf>,

    /// A plan, compiled for the purpose
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) format: ReportFormat,
}

/// Answers Postfix's look-ups while mail flows, as `socketmap_table(5)` has them.
///
/// A map file that is replaced is taken into use within the interval; a damaged one, or one with fewer than half
/// the entries, is not, and is told once on standard error. SIGHUP looks at once, and takes that one, too; with
/// --plan, it compiles the plan anew. SIGTERM and SIGINT end the service, a second one at once. Whatever fails is
/// TEMP, and so is a map that there is not; what can't be told now is the transport retry:. Either way Postfix keeps
/// the mail.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  readdress serve --map contoso.map --socketmap inet:127.0.0.1:2527

Maps, each as socketmap:inet:127.0.0.1:2527:NAME. Beside the milter, which rewrites:
  transport   the final recipient -> smtp:[host]:port, smtp:, discard:, what --deliver-to says
  restore     smtp_generic_maps of the --route-transport service: routing address -> recipient
  tls-policy  next hop -> none, may, encrypt, secure match=...
  accepted    domain -> authoritative, internal-relay, external-relay
Without it, what addresses alone decide:
  canonical   internal address -> external one
  generic     the same, and routing addresses as by restore
  virtual     recipient -> where its mail goes
  recipient   access(5): the reply to a recipient who is refused

In shadow mode, only accepted, restore and routing addresses are answered; --verbose shows what
the others would say. Nobody is asked for a password: give the service addresses of this host
alone, or a socket in a folder that only Postfix can enter.

Exit codes: 0 told to end; 64 usage; 65 bad map or plan; 66 no such file; 73 a socket cannot be
opened; 74 the system gives no threads.")]
pub(crate) struct ServeOptions {
    #[command(flatten)]
    pub(crate) source: Source,

    /// Where to listen: `inet:HOST:PORT` or `unix:/PATH`; may be given more than once
    #[arg(long, value_name = "ADDRESS", required = true, value_parser = Address::parse)]
    pub(crate) socketmap: Vec<Address>,

    /// The transport of mailboxes here, such as lmtp:unix:/run/lmtp; without it, Postfix's own
    #[arg(long, value_name = "TRANSPORT", value_parser = transport)]
    pub(crate) deliver_to: Option<String>,

    /// The service in master.cf for routes that more than the recipient decides
    #[arg(long, value_name = "NAME", default_value = "readdress", value_parser = service)]
    pub(crate) route_transport: String,

    /// The transport of mailboxes here for such routes, an lmtp(8) with `lmtp_generic_maps`; without it, that mail
    /// waits
    #[arg(long, value_name = "TRANSPORT", value_parser = transport)]
    pub(crate) route_deliver_to: Option<String>,

    /// How often to look at the map file
    #[arg(long, value_name = "SECONDS", default_value = "0.25", value_parser = interval)]
    pub(crate) interval: Duration,

    /// How many connections may be open; beyond it, the one that was silent for longest is closed
    #[arg(long, value_name = "NUMBER", default_value = "500", value_parser = connections)]
    pub(crate) connections: usize,

    /// Who may use sockets in the file system, in octal digits
    #[arg(long, value_name = "MODE", default_value = "666", value_parser = mode)]
    pub(crate) socket_mode: u32,

    /// A line on standard error for each look-up: time, map, key, answer, generation
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// `name:next-hop`, where either may be missing behind the other.
fn transport(text: &str) -> Result<String, String> {
    let (name, _) = text.split_once(':').unwrap_or((text, ""));
    service(name)?;
    if !text.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err("a transport has no spaces and nothing outside ASCII in it".to_owned());
    }
    Ok(if text.contains(':') { text.to_owned() } else { format!("{text}:") })
}

fn service(text: &str) -> Result<String, String> {
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    if text.is_empty() || !text.bytes().all(is_name) {
        return Err("a service's name is letters, digits, -, _ and .".to_owned());
    }
    Ok(text.to_owned())
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.01..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "0.01 to 86400 seconds".to_owned())
}

fn connections(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| (1..=10_000).contains(number)).ok_or_else(|| "1 to 10000".to_owned())
}

fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok();
    mode.filter(|mode| *mode <= 0o777).ok_or_else(|| "three octal digits, such as 660".to_owned())
}

/// Where the entries come from.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Source {
    /// The map file
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,

    /// A plan, compiled for the purpose
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ReportFormat {
    /// text for people, json for programs
    #[arg(long = "format", value_enum, value_name = "FORMAT", default_value_t = TextOrJson::Text)]
    choice: TextOrJson,
}

impl ReportFormat {
    pub(crate) fn is_json(&self) -> bool {
        self.choice == TextOrJson::Json
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum TextOrJson {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum MessageFormat {
    Message,
    Edits,
    Json,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Direction {
    Outbound,
    Inbound,
}

impl From<Direction> for readdress::Direction {
    fn from(direction: Direction) -> readdress::Direction {
        match direction {
            Direction::Outbound => readdress::Direction::Outbound,
            Direction::Inbound => readdress::Direction::Inbound,
        }
    }
}

/// For whom a plan is exported.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ExportKind {
    Postfix,
    Exchange,
    Dns,
}

impl ExportKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            ExportKind::Postfix => "postfix",
            ExportKind::Exchange => "exchange",
            ExportKind::Dns => "dns",
        }
    }
}

impl From<ExportKind> for readdress_plan::ExportKind {
    fn from(kind: ExportKind) -> readdress_plan::ExportKind {
        match kind {
            ExportKind::Postfix => readdress_plan::ExportKind::Postfix,
            ExportKind::Exchange => readdress_plan::ExportKind::Exchange,
            ExportKind::Dns => readdress_plan::ExportKind::Dns,
        }
    }
}

/// What can be proved of a plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Proof {
    RoundTrip,
    LoopFree,
    NoBlackHole,
    NoOpenRelay,
}

impl Proof {
    /// The name in `proved`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Proof::RoundTrip => "round-trip",
            Proof::LoopFree => "loop-free",
            Proof::NoBlackHole => "no-black-hole",
            Proof::NoOpenRelay => "no-open-relay",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_option_table_is_consistent() {
        Options::command().debug_assert();
    }
}
