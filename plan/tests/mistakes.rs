//! Every mistake a person can make in a plan or CSV: its code, its place, and a hint; and no map.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

use std::path::Path;

use readdress_plan::{Diagnostic, Plan};

const HEAD: &str = "Name,InternalAddress,ExternalAddress,ExceptionList,OutboundOnly\n";
const ENTRIES: &str = "[[rewrite.entries]]\nfile = \"e.csv\"\n";

/// A file of a plan and its octets.
type File<'f> = (&'f str, &'f [u8]);

/// What reading, or compiling, says; without the folder.
fn diagnose(files: &[File<'_>]) -> Vec<Diagnostic> {
    let folder = tempfile::tempdir().unwrap();
    for (name, octets) in files {
        std::fs::write(folder.path().join(name), octets).unwrap();
    }
    let plan = Plan::read(&folder.path().join("plan.toml"));
    let found = match plan.and_then(|plan| plan.compile()) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => diagnostics.into_iter().collect(),
    };
    let count = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(count, files.len(), "nothing is written");
    let shown = |path: &str| {
        let name = Path::new(path).file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let strip = |mut diagnostic: Diagnostic| {
        for place in &mut diagnostic.at {
            place.file = shown(&place.file);
        }
        diagnostic
    };
    found.into_iter().map(strip).collect()
}

/// Holds the diagnostics of files to `file:line:column: code` lines.
#[track_caller]
fn expect(files: &[File<'_>], want: &[&str]) {
    let found = diagnose(files);
    let lines: Vec<String> = found
        .iter()
        .map(|diagnostic| {
            let at = diagnostic.at.first().unwrap();
            format!("{}:{}:{}: {}", at.file, at.line, at.column, diagnostic.code)
        })
        .collect();
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(lines, want, "{shown:#?}");
    for diagnostic in &found {
        assert!(diagnostic.message.len() > 8, "{diagnostic}");
        assert!(diagnostic.hint.as_ref().is_some_and(|hint| hint.len() > 4), "a hint for {diagnostic}");
    }
}

#[track_caller]
fn plan(text: &str, want: &[&str]) {
    expect(&[("plan.toml", text.as_bytes())], want);
}

#[track_caller]
fn csv(rows: impl AsRef<[u8]>, want: &[&str]) {
    expect(&[("plan.toml", ENTRIES.as_bytes()), ("e.csv", rows.as_ref())], want);
}

#[track_caller]
fn row(row: &str, want: &[&str]) {
    csv(format!("{HEAD}{row}\n"), want);
}

#[test]
fn the_plan_file_itself() {
    plan("[plan\nname = 1", &["plan.toml:1:6: syntax"]);
    plan("[plan]\nname = \"a\"\nname = \"b\"\n", &["plan.toml:3:1: syntax"]);
    expect(&[("plan.toml", b"[plan]\nname = \"\xff\"\n")], &["plan.toml:2:9: syntax"]);
    plan("[plan]\nnam = \"x\"\n", &["plan.toml:2:1: unknown-key"]);
    plan("[rewrit]\n", &["plan.toml:1:2: unknown-key"]);
    plan("[plan]\nname = 7\n", &["plan.toml:2:8: wrong-type"]);
    plan("plan = 7\n", &["plan.toml:1:8: wrong-type"]);
    plan("[[rule]]\nname = \"x\"\n", &["plan.toml:1:3: unsupported"]);
    plan("[rewrite]\nparts = [\"calendar\"]\n", &["plan.toml:2:1: unsupported"]);
}

#[test]
fn what_rewrite_says() {
    plan("[rewrite]\nmode = \"enforced\"\n", &["plan.toml:2:9: unknown-value"]);
    plan("[rewrite]\npreset = \"edge-2015\"\n", &["plan.toml:2:11: unknown-value"]);
    plan("[rewrite]\nunmapped = true\n", &["plan.toml:2:12: wrong-type"]);
    plan("[rewrite]\nsubaddress-delimiters = \"@\"\n", &["plan.toml:2:26: bad-value"]);
    plan("[rewrite.outbound]\nfields = [\"From\", \"Received\"]\n", &["plan.toml:2:20: never-rewritten"]);
    plan("[rewrite.outbound]\nfields = [\"From\", \"FROM\"]\n", &["plan.toml:2:20: duplicate-field"]);
    plan("[rewrite.inbound]\nfields = [\"To:\"]\n", &["plan.toml:2:12: bad-value"]);
    plan("[rewrite.inbound]\nfields = \"To\"\n", &["plan.toml:2:10: wrong-type"]);
    plan("[rewrite]\nentry = 1\n", &["plan.toml:2:9: wrong-type"]);
}

#[test]
fn limits_are_whole_numbers_from_one() {
    plan("[limits]\nfields = 0\n", &["plan.toml:2:10: bad-value"]);
    plan("[limits]\nfields = 4294967296\n", &["plan.toml:2:10: bad-value"]);
    plan("[limits]\nfields = \"many\"\n", &["plan.toml:2:10: wrong-type"]);
    plan("[limits]\nfield = 3\n", &["plan.toml:2:1: unknown-key"]);
}

#[test]
fn entries_in_the_plan() {
    plan("[[rewrite.entry]]\ninternal = \"a@b\"\n", &["plan.toml:1:1: missing-key"]);
    plan("[[rewrite.entries]]\n", &["plan.toml:1:1: missing-key"]);
    plan("[[rewrite.entry]]\ninternal = \"a@b\"\nexternal = \"c d@e\"\n", &["plan.toml:3:16: bad-address"]);
    plan(
        "[[rewrite.entry]]\ninternal = \"a@b\"\nexternal = \"c@e\"\ndirection = \"inbound\"\n",
        &["plan.toml:4:14: unknown-value"],
    );
    plan(
        "[[rewrite.entry]]\ninternal = \"*.b\"\nexternal = \"c\"\ndirection = \"outbound\"\nexcept = [\"x.b\", \"x.c\"]\n",
        &["plan.toml:5:19: except-outside"],
    );
    plan(ENTRIES, &["plan.toml:2:9: missing-file"]);
    let twice = format!("{ENTRIES}{ENTRIES}");
    expect(
        &[("plan.toml", twice.as_bytes()), ("e.csv", HEAD.as_bytes())],
        &["plan.toml:4:9: duplicate-file"],
    );
}

#[test]
fn csv_header_rows() {
    csv("", &["e.csv:1:1: missing-column"]);
    csv("Name,InternalAddress\n", &["e.csv:1:1: missing-column"]);
    csv("InternalAddress,ExternalAddress,internaladdress\n", &["e.csv:1:33: duplicate-column"]);
    csv("Name,InternalAdress,ExternalAddress\n", &["e.csv:1:1: missing-column", "e.csv:1:6: unknown-column"]);
    csv("#TYPE System.Object\nName,InternalAddress,ExternalAddress\n", &["e.csv:1:1: lossy-csv"]);
}

#[test]
fn csv_rows() {
    row("J,a@b,c@d", &["e.csv:2:1: ragged-row"]);
    row("J,a@b,c@d,,,x", &["e.csv:2:1: ragged-row"]);
    row("J,,c@d,,", &["e.csv:2:3: empty-cell"]);
    row("J,a@b,c@d,,perhaps", &["e.csv:2:12: unknown-value"]);
    row("J,\"jane doe\"@b,c@d,,", &["e.csv:2:13: bad-quoting"]);
    row("J, \"a@b\",c@d,,", &["e.csv:2:4: bad-quoting"]);
    row("J,a@b,\"c@d,,", &["e.csv:2:7: bad-quoting"]);
    row("\n\nJürgen,a@b,c d@e,,", &["e.csv:4:14: bad-address"]);
}

#[test]
fn characters_that_were_lost() {
    row("J,j?rg@b,c@d,,", &["e.csv:2:4: lossy-csv"]);
    csv([HEAD.as_bytes(), b"J\xfcrgen,a@b,c@d,,\n"].concat(), &["e.csv:2:2: lossy-csv"]);
    let utf16: Vec<u8> = HEAD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    csv(&utf16, &["e.csv:1:2: lossy-csv"]);
}

#[test]
fn addresses() {
    row("J,a@b@c,c@d,,", &["e.csv:2:6: bad-address"]);
    row("J,jörg@b,c@d,,", &["e.csv:2:4: bad-address"]);
    row("J,a@b,c@-d,,", &["e.csv:2:9: bad-address"]);
    row("J,a@[1.2.3],c@d,,", &["e.csv:2:5: bad-address"]);
    row("J,\"a@b\nc\",c@d,,", &["e.csv:2:7: bad-address"]);
    row(&format!("J,{}@b,c@d,,", "a".repeat(260)), &["e.csv:2:257: bad-address"]);
    row("J,a b,c,,", &["e.csv:2:3: bad-address"]);
}

#[test]
fn kinds_that_do_not_fit() {
    row("J,a@b,c,,", &["e.csv:2:7: kind-mismatch"]);
    row("J,b,a@c,,", &["e.csv:2:5: kind-mismatch"]);
    row("J,*.b,c,,", &["e.csv:2:3: wildcard-not-outbound-only"]);
    row("J,b,*.c,,true", &["e.csv:2:5: wildcard-external"]);
    row("J,b,c,x.b,", &["e.csv:2:7: except-without-wildcard"]);
    row("J,*.b,c,\"x.b, y.c\",true", &["e.csv:2:15: except-outside"]);
}

#[test]
fn entries_that_contradict_each_other() {
    row("J,a@b,c@d,,\nK,\"\"\"A\"\"@B.\",e@f,,", &["e.csv:3:4: duplicate-internal"]);
    row("J,a@b,c@d,,\nK,e@f,C@D,,", &["e.csv:3:7: not-invertible"]);
    row("J,a,c,,\nK,b,c,,", &["e.csv:3:5: not-invertible"]);
    row("J,a@b,c@d,,\nK,e@f,c+x@d,,", &["e.csv:3:7: not-invertible"]);
    let both = format!("{ENTRIES}[[rewrite.entry]]\ninternal = \"a@b\"\nexternal = \"x@y\"\n");
    let rows = format!("{HEAD}J,a@b,c@d,,\n");
    expect(&[("plan.toml", both.as_bytes()), ("e.csv", rows.as_bytes())], &["e.csv:2:3: duplicate-internal"]);
}

#[test]
fn everything_is_reported_at_once_file_by_file() {
    let text = format!("[plan]\nnam = \"x\"\n[limits]\nfields = 0\n{ENTRIES}");
    let rows = format!("{HEAD}J,a@@b,c@d,,\nK,c@d,,,\n");
    expect(
        &[("plan.toml", text.as_bytes()), ("e.csv", rows.as_bytes())],
        &[
            "e.csv:2:5: bad-address",
            "e.csv:3:7: empty-cell",
            "plan.toml:2:1: unknown-key",
            "plan.toml:4:10: bad-value",
        ],
    );
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    let found = diagnose(&[("plan.toml", b"[rewrite]\npresett = \"x\"\n")]);
    assert!(
        found.iter().any(|diagnostic| diagnostic.hint.as_deref() == Some("did you mean `preset`?")),
        "{found:?}"
    );
}

#[test]
fn what_is_shown_is_fit_for_a_terminal() {
    let found = diagnose(&[("plan.toml", b"[plan]\n\"\\u001b[31m\" = 1\n")]);
    assert!(found.iter().all(|diagnostic| !diagnostic.to_string().contains('\u{1b}')), "{found:?}");
}
