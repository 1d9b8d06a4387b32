//! Plans without mistakes: every way in which spreadsheets, shells and editors write a table gives
//! the same entries, the same plan gives the same octets, and each entry knows where it came from.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use std::time::{Duration, Instant};

use common::{PlanFolder, place};
use readdress::{Direction, EntryDirection, Mode, OnSigned, PathKind, Preset, Scratch, Unmapped};
use readdress_plan::{Plan, Severity};

const PLAIN: &str = "Name,InternalAddress,ExternalAddress,ExceptionList,OutboundOnly\n\
    John,john@tenant1.contoso.com,john@contoso.com,,\n\
    Mary,mary@tenant1.contoso.com,mary@contoso.com,,true\n\
    All,*.fabrikam.com,fabrikam.com,\"legal.fabrikam.com,a.fabrikam.com\",TRUE\n";

/// What `PLAIN` says, lines apart.
const ENTRIES: [&str; 3] = [
    "All *.fabrikam.com fabrikam.com",
    "John john@tenant1.contoso.com john@contoso.com",
    "Mary mary@tenant1.contoso.com mary@contoso.com",
];

fn assert_same_entries(dialect: &str, table: impl AsRef<[u8]>) {
    let folder = PlanFolder::of_table(table);
    let engine = folder.engine();
    let mut entries: Vec<String> = folder
        .entries()
        .iter()
        .map(|entry| entry.split_once(' ').expect("a place before the entry").1.to_owned())
        .collect();
    entries.sort_unstable();
    assert_eq!(entries, ENTRIES, "{dialect}");
    let outbound: Vec<bool> =
        engine.map().entries().map(|entry| entry.direction() == EntryDirection::Outbound).collect();
    assert_eq!(outbound, [false, true, true], "{dialect}");
    let all = engine.map().entries().last().expect("three entries");
    let mut except: Vec<&[u8]> = all.except().collect();
    except.sort_unstable();
    assert_eq!(except, [b"a.fabrikam.com".as_slice(), b"legal.fabrikam.com"], "{dialect}");
}

/// `PLAIN` with another delimiter; the list of exceptions stays separated by commas.
fn delimited(delimiter: &str) -> String {
    let (before, list) = ("\"legal.fabrikam.com,a.fabrikam.com\"", "\"legal.fabrikam.com|a.fabrikam.com\"");
    PLAIN.replace(before, list).replace(',', delimiter).replace('|', ",")
}

fn utf16(text: &str, octets: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(octets).collect()
}

#[test]
fn each_dialect_of_csv_gives_the_same_entries() {
    assert_same_entries("plain", PLAIN);
    assert_same_entries("semicolons", delimited(";"));
    assert_same_entries("tabs", delimited("\t"));
    assert_same_entries("byte order mark", format!("\u{feff}{PLAIN}"));
    assert_same_entries("UTF-16, little end first", utf16(PLAIN, u16::to_le_bytes));
    assert_same_entries("UTF-16, big end first", utf16(PLAIN, u16::to_be_bytes));
    assert_same_entries("CRLF", PLAIN.replace('\n', "\r\n"));
    assert_same_entries("CR alone", PLAIN.replace('\n', "\r"));
    assert_same_entries("no line ending at the end", PLAIN.trim_end());
    assert_same_entries("blank lines", format!("\n\r\n{}\n  \n,,,,\n", PLAIN.replace('\n', "\n\n")));
    assert_same_entries("blank line before semicolons", format!("\n{}", delimited(";")));
    let (header, rows) = PLAIN.split_once('\n').expect("a header row");
    assert_same_entries("spaces in the header row", format!("{}\n{rows}", header.replace(',', ", ")));
    assert_same_entries("case of the header row", format!("{}\n{rows}", header.to_uppercase()));
    assert_same_entries("spaces around addresses", PLAIN.replace(",john@contoso.com", ", john@contoso.com "));
    let quoted = PLAIN.replace("john@tenant1.contoso.com", "\"john@tenant1.contoso.com\"");
    assert_same_entries("quoted cells", quoted);
    assert_same_entries("words of PowerShell", PLAIN.replace("true", "$true").replace(",,\n", ",,$false\n"));
    assert_same_entries("words of people", PLAIN.replace("true", "Yes").replace(",,\n", ",,no\n"));
    assert_same_entries("digits", PLAIN.replace("true", "1").replace(",,\n", ",,0\n"));
}

#[test]
fn columns_stand_in_any_order() {
    let table = "OutboundOnly,ExternalAddress,ExceptionList,Name,InternalAddress\n\
        ,john@contoso.com,,John,john@tenant1.contoso.com\n\
        true,mary@contoso.com,,Mary,mary@tenant1.contoso.com\n\
        true,fabrikam.com,\" a.fabrikam.com , legal.fabrikam.com,\",All,*.fabrikam.com\n";
    assert_same_entries("order", table);
    let two = "ExternalAddress,InternalAddress\njohn@contoso.com,john@tenant1.contoso.com\n";
    let entries = PlanFolder::of_table(two).entries();
    assert_eq!(entries, ["entries.csv:2  john@tenant1.contoso.com john@contoso.com"]);
}

#[test]
fn a_column_that_means_nothing_here_is_a_warning() {
    let table = "Name,Department,InternalAddress,ExternalAddress\n\
        John,Sales,john@tenant1.contoso.com,john@contoso.com\n";
    let folder = PlanFolder::of_table(table);
    assert_eq!(folder.entries(), ["entries.csv:2 John john@tenant1.contoso.com john@contoso.com"]);
    let report = folder.read().check();
    let warning = report.warnings.iter().find(|warning| warning.code == "unknown-column").expect("a warning");
    assert_eq!(warning.severity, Severity::Warning);
    assert_eq!(place(warning), (1, 6));
    assert_eq!(warning.excerpt.as_deref(), Some("Department"));
    assert!(report.errors.is_empty());
}

#[test]
fn quotes_of_the_table_and_quotes_of_the_address_are_told_apart() {
    let table = "Name,InternalAddress,ExternalAddress\n\
        \"Doe, Jane\",\"\"\"jane doe\"\"@tenant1.contoso.com\",jane@contoso.com\n\
        \"John\nthe \"\"first\"\"\",john@tenant1.contoso.com,john@contoso.com\n\
        Mary,mary@tenant1.contoso.com,mary@contoso.com\n";
    assert_eq!(
        PlanFolder::of_table(table).entries(),
        [
            "entries.csv:2 Doe, Jane \"jane doe\"@tenant1.contoso.com jane@contoso.com",
            "entries.csv:3 John\nthe \"first\" john@tenant1.contoso.com john@contoso.com",
            "entries.csv:5 Mary mary@tenant1.contoso.com mary@contoso.com",
        ]
    );
}

#[test]
fn places_count_characters_in_whatever_the_table_is_written() {
    let rows = "Name,InternalAddress,ExternalAddress\r\n\"Jürgen\r\n日本\",j@@x.example,j@y.example\r\n";
    for table in
        [rows.as_bytes().to_vec(), utf16(rows, u16::to_le_bytes), rows.replace('\r', "").into_bytes()]
    {
        let folder = PlanFolder::of_table(table);
        let diagnostics = Plan::read(&folder.plan_file()).unwrap_err();
        let places: Vec<_> = diagnostics.iter().map(place).collect();
        assert_eq!(places, [(3, 7)], "{diagnostics}");
    }
}

#[test]
fn a_table_with_a_header_row_alone_gives_a_map_without_entries() {
    let folder = PlanFolder::of_table("InternalAddress,ExternalAddress\n");
    assert_eq!(folder.engine().map().entry_count(), 0);
    assert_eq!(PlanFolder::new("").engine().map().entry_count(), 0);
}

#[test]
fn an_entry_knows_its_file_and_line() {
    let plan = "[[rewrite.entries]]\nfile = \"tables/b.csv\"\n\n\
        [[rewrite.entry]]\nname = \"Ann\"\ninternal = \"ann@i.example\"\nexternal = \"ann@x.example\"\n\n\
        [[rewrite.entries]]\nfile = \"a.csv\"\n\n\
        [[rewrite.entry]]\ninternal = \"i.example\"\nexternal = \"x.example\"\n";
    let folder = PlanFolder::new(plan)
        .with("tables/b.csv", "InternalAddress,ExternalAddress\n\nbob@i.example,bob@x.example\n")
        .with(
            "a.csv",
            "InternalAddress,ExternalAddress\r\na@i.example,a@x.example\r\nb@i.example,b@x.example",
        );
    assert_eq!(
        folder.entries(),
        [
            "a.csv:2  a@i.example a@x.example",
            "a.csv:3  b@i.example b@x.example",
            "plan.toml:12  i.example x.example",
            "plan.toml:4 Ann ann@i.example ann@x.example",
            "tables/b.csv:3  bob@i.example bob@x.example",
        ]
    );
    let engine = folder.engine();
    assert_eq!(engine.map().sources().collect::<Vec<_>>(), ["plan.toml", "tables/b.csv", "a.csv"]);
}

#[test]
fn the_same_plan_gives_the_same_octets_wherever_it_stands() {
    let (one, other) = (PlanFolder::of_table(PLAIN), PlanFolder::of_table(PLAIN));
    assert_ne!(one.path(), other.path());
    assert_eq!(one.map(), one.map());
    assert_eq!(one.map(), other.map());
}

#[test]
fn the_order_of_entries_changes_nothing_but_their_lines() {
    let entries = [
        "i.example x.example",
        "*.i2.example > x.example",
        "b@i.example c@x.example",
        "a@i.example d@x.example",
    ];
    let reversed: Vec<&str> = entries.iter().rev().copied().collect();
    let (one, other) = (PlanFolder::of_entries("", &entries), PlanFolder::of_entries("", &reversed));
    let lineless = |folder: &PlanFolder| {
        let engine = folder.engine();
        let map = engine.map();
        map.entries().map(|entry| format!("{:?}", (entry.internal(), entry.external()))).collect::<Vec<_>>()
    };
    assert_eq!(lineless(&one), lineless(&other));
    let sections = |folder: &PlanFolder| {
        let (map, engine) = (folder.map(), folder.engine());
        let wanted = engine.map().sections().filter(|section| section.name != "provenance");
        wanted
            .map(|section| map[section.offset..section.offset + section.length].to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(sections(&one), sections(&other));
    let first = "[[rewrite.entries]]\nfile = \"a.csv\"\n";
    let second = "[[rewrite.entries]]\nfile = \"b.csv\"\n";
    for plan in [format!("{first}{second}"), format!("{second}{first}")] {
        let folder = PlanFolder::new(&plan)
            .with("a.csv", "InternalAddress,ExternalAddress\na@i.example,a@x.example\n")
            .with("b.csv", "InternalAddress,ExternalAddress\nb@i.example,b@x.example\n");
        assert_eq!(
            folder.entries(),
            ["a.csv:2  a@i.example a@x.example", "b.csv:2  b@i.example b@x.example"]
        );
    }
}

#[test]
fn what_the_plan_says_of_rewriting_is_in_the_map() {
    let plan = "[plan]\nname = \"Zürich ↔ Genève\"\n\
        [rewrite]\nmode = \"shadow\"\npreset = \"edge-2016\"\nsubaddress-delimiters = \"+-\"\nunmapped = \"tempfail\"\n\
        [rewrite.outbound]\nfields = [\"From\", \"X-Original-From\"]\n\
        [limits]\nheader-octets = 0x1_0000\nfields = 1_000\naddresses = 50\nreceived = 4294967295\n";
    let engine = PlanFolder::new(plan).engine();
    let map = engine.map();
    assert_eq!(map.name(), "Zürich ↔ Genève");
    let policy = map.policy();
    assert_eq!(
        (policy.mode, policy.preset, policy.unmapped),
        (Mode::Shadow, Preset::Edge2016, Unmapped::Tempfail)
    );
    assert_eq!(policy.subaddress_delimiters, "+-");
    assert_eq!(policy.outbound.names().collect::<Vec<_>>(), ["From", "X-Original-From"]);
    assert_eq!(policy.inbound.names().collect::<Vec<_>>(), ["To", "Cc"]);
    let limits = policy.limits;
    let limits = (limits.header_octets, limits.fields, limits.addresses, limits.received);
    assert_eq!(limits, (65536, 1000, 50, u32::MAX));
}

#[test]
fn on_signed_is_for_both_directions_unless_one_says_otherwise() {
    use OnSigned::{EnvelopeOnly, Rewrite, SkipFields};
    for (plan, outbound, inbound) in [
        ("", Rewrite, Rewrite),
        ("on-signed = \"skip-fields\"", SkipFields, SkipFields),
        ("on-signed = \"envelope-only\"\n[rewrite.outbound]\non-signed = \"rewrite\"", Rewrite, EnvelopeOnly),
        ("[rewrite.inbound]\non-signed = \"envelope-only\"", Rewrite, EnvelopeOnly),
        (
            "on-signed = \"rewrite\"\n[rewrite.outbound]\non-signed = \"skip-fields\"\nfields = [\"To\"]\n\
             [rewrite.inbound]\nfields = [\"From\"]",
            SkipFields,
            Rewrite,
        ),
    ] {
        let engine = PlanFolder::new(&format!("[rewrite]\n{plan}\n")).engine();
        let policy = engine.map().policy();
        assert_eq!(
            Direction::ALL.map(|direction| policy.on_signed(direction)),
            [outbound, inbound],
            "{plan}"
        );
        assert!(!policy.scrub_display_names);
    }
    let engine = PlanFolder::new("[rewrite]\nscrub-display-names = true\n").engine();
    assert!(engine.map().policy().scrub_display_names);
}

#[test]
fn a_name_that_no_map_can_hold_is_refused() {
    let table =
        format!("Name,InternalAddress,ExternalAddress\n{},a@i.example,a@x.example\n", "n".repeat(65_536));
    let folder = PlanFolder::of_table(table);
    let diagnostics = Plan::read(&folder.plan_file()).unwrap_err();
    let codes: Vec<_> = diagnostics.iter().map(|diagnostic| (diagnostic.code, place(diagnostic))).collect();
    assert_eq!(codes, [("too-large", (2, 65_538))]);
}

#[test]
fn compiled_entries_rewrite() {
    let engine = PlanFolder::of_table(PLAIN).engine();
    let mut scratch = Scratch::new();
    for (kind, from, to) in [
        (PathKind::Reverse, "john+x@tenant1.contoso.com", "john+x@contoso.com"),
        (PathKind::Forward, "JOHN@contoso.com", "john@tenant1.contoso.com"),
        (PathKind::Forward, "mary@contoso.com", "mary@contoso.com"),
        (PathKind::Reverse, "ann@emea.fabrikam.com", "ann@fabrikam.com"),
        (PathKind::Reverse, "ann@a.fabrikam.com", "ann@a.fabrikam.com"),
    ] {
        let path =
            engine.rewrite_path(Direction::Outbound, kind, from.as_bytes(), &mut scratch).expect("a path");
        assert_eq!(String::from_utf8_lossy(path.to()), to);
    }
}

#[test]
fn time_grows_with_the_table_and_not_faster() {
    let good = |row: usize| format!("N{row},user{row}@i.example,user{row}@x.example\n");
    assert_scales("good rows", good, true, 10_000);
    let chain = |row: usize| format!("N{row},user{row}@i.example,user{}@i.example\n", row + 1);
    assert_scales("a chain in every row", chain, true, 2_000);
    let mistake = |row: usize| format!("N{row},user{row}@@i.example,user{row}@x.example\n");
    assert_scales("a mistake in every row", mistake, false, 3_000);
    let same = |row: usize| format!("N{row},u@i.example,user{row}@x.example\n");
    assert_scales("the same address in every row", same, false, 3_000);
    let tagged = |row: usize| format!("N{row},u+{row}@i.example,u+{row}@x.example\n");
    assert_scales("an entry without effect in every row", tagged, true, 2_000);
    let below = |row: usize| format!("N{row},d{row}.i.example,d{row}.x.example\n");
    assert_scales("a domain in every row", below, true, 3_000);
}

#[test]
fn time_grows_with_the_recipients_and_not_faster() {
    let plan = |lines: &str| -> String {
        let wildcard =
            "[[rewrite.entry]]\ninternal = '*.i.example'\nexternal = 'x.example'\ndirection = 'outbound'\n";
        format!("{wildcard}{lines}[[recipients]]\nfile = 'r.csv'\n")
    };
    let answered = "[[rewrite.entry]]\ninternal = 'k.example'\nexternal = 'x.example'\n";
    let two = |row: usize| format!("user{}@d{}.i.example\n", row / 2, row % 2);
    let own = |row: usize| format!("user@d{row}.i.example\n");
    for (what, plan, row) in [
        ("two leave as one address", plan(""), &two as &dyn Fn(usize) -> String),
        ("somebody else answers", plan(answered), &two),
        ("all leave as one address", plan(""), &own),
    ] {
        let folder = |rows: usize| {
            let rows: String = (0..rows).map(row).collect();
            PlanFolder::new(&plan).with("r.csv", format!("Address\n{rows}"))
        };
        assert_scales_in(what, folder, true, 3_000);
    }
    let exceptions = |rows: usize| {
        let except: Vec<String> = (0..rows).map(|row| format!("d{row}.i.example")).collect();
        let lines = format!("except = {except:?}\n");
        let rows: String = (0..rows).map(own).collect();
        PlanFolder::new(&plan(&lines)).with("r.csv", format!("Address\n{rows}"))
    };
    assert_scales_in("an exception for everybody", exceptions, true, 300);
}

/// Ten times the rows may take forty times as long on a busy machine; a quadratic step would take
/// a hundred times. The best of three runs each.
fn assert_scales(what: &str, row: impl Fn(usize) -> String, is_good: bool, rows: usize) {
    let folder = |rows: usize| {
        let table: String = (0..rows).map(&row).collect();
        PlanFolder::of_table(format!("Name,InternalAddress,ExternalAddress\n{table}"))
    };
    assert_scales_in(what, folder, is_good, rows);
}

fn assert_scales_in(what: &str, folder: impl Fn(usize) -> PlanFolder, is_good: bool, rows: usize) {
    let time = |rows: usize| -> Duration {
        let folder = folder(rows);
        let run = || {
            let start = Instant::now();
            let compiled = Plan::read(&folder.plan_file()).and_then(|plan| plan.compile());
            let elapsed = start.elapsed();
            assert_eq!(compiled.is_ok(), is_good, "{what}");
            elapsed
        };
        run().min(run()).min(run())
    };
    let (small, large) = (time(rows), time(rows * 10));
    assert!(large < small * 40, "{what}: {small:?} for {rows} rows and {large:?} for ten times as many");
}
