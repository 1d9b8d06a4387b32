//! Plans that are right: the shapes that CSVs come in, what is recorded, what is doubted and what
//! is proved.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop")]

use readdress::{Direction, Engine};
use readdress_plan::{Diagnostic, Plan, Report};

const HEAD: &str = "Name,InternalAddress,ExternalAddress,ExceptionList,OutboundOnly\n";

fn read(csv: &[u8]) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, "[plan]\nname = \"p\"\n[[rewrite.entries]]\nfile = \"e.csv\"\n").unwrap();
    std::fs::write(folder.path().join("e.csv"), csv).unwrap();
    Plan::read(&path).unwrap()
}

fn entries(csv: &[u8]) -> Vec<(String, String, String, u32)> {
    let engine = Engine::from_bytes(read(csv).compile().unwrap().map).unwrap();
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    let entries = engine.map().entries();
    entries
        .map(|entry| (entry.name.to_owned(), text(entry.internal), text(entry.external), entry.line))
        .collect()
}

fn report(rows: &str) -> Report {
    read(format!("{HEAD}{rows}").as_bytes()).check()
}

/// The warnings of a code, with their witnesses.
fn witnesses<'r>(report: &'r Report, code: &str) -> Vec<&'r [String]> {
    let of_code = |diagnostic: &&Diagnostic| diagnostic.code == code;
    report.warnings.iter().filter(of_code).map(|diagnostic| diagnostic.witness.as_slice()).collect()
}

#[test]
fn csvs_of_every_dialect_give_the_same_entries() {
    let plain = "Name,InternalAddress,ExternalAddress\nJörg,a@b.example,c@d.example\n";
    let want = [("Jörg".to_owned(), "a@b.example".to_owned(), "c@d.example".to_owned(), 2)];
    let utf16 = |big: bool| -> Vec<u8> {
        let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        format!("\u{feff}{plain}").encode_utf16().flat_map(unit).collect()
    };
    for csv in [
        plain.as_bytes().to_vec(),
        plain.replace('\n', "\r\n").into_bytes(),
        plain.replace(',', ";").into_bytes(),
        plain.replace(',', "\t").into_bytes(),
        plain.replace(',', ", ").into_bytes(),
        plain
            .to_uppercase()
            .lines()
            .next()
            .unwrap()
            .bytes()
            .chain(plain.bytes().skip_while(|&o| o != b'\n'))
            .collect(),
        format!("\u{feff}{plain}").into_bytes(),
        plain.trim_end().as_bytes().to_vec(),
        "ExternalAddress,Name,InternalAddress\nc@d.example,\"Jörg\",\"a@b.example\"\n".as_bytes().to_vec(),
        "Name,Department,InternalAddress,ExternalAddress\nJörg,Sales,a@b.example,c@d.example\n"
            .as_bytes()
            .to_vec(),
        utf16(false),
        utf16(true),
    ] {
        assert_eq!(entries(&csv), want, "{}", csv.escape_ascii());
    }
}

#[test]
fn lines_are_those_of_the_file_whatever_cells_hold() {
    let csv = "Name,InternalAddress,ExternalAddress\n\n\"two\nlines\",a@b,c@d\n\n,,\nX,e@f,g@h\n";
    let lines: Vec<u32> = entries(csv.as_bytes()).iter().map(|entry| entry.3).collect();
    assert_eq!(lines, [3, 7]);
}

#[test]
fn unknown_columns_are_named_and_passed_over() {
    let report = read(b"Name,Dept,InternalAddress,ExternalAddress\nJ,S,a@b,c@d\n").check();
    assert_eq!(report.warnings.iter().filter(|warning| warning.code == "unknown-column").count(), 1);
}

#[test]
fn the_same_plan_gives_the_same_octets() {
    let csv = format!("{HEAD}J,a@b.example,c@d.example,,\nK,*.e.example,d.example,x.e.example,true\n");
    let first = read(csv.as_bytes()).compile().unwrap().map;
    assert_eq!(first, read(csv.as_bytes()).compile().unwrap().map);
}

#[test]
fn outbound_only_and_exceptions_are_read() {
    let plan = read(format!("{HEAD}K,*.e.example,d.example,\"x.e.example, y.e.example\",$TRUE\n").as_bytes());
    let engine = Engine::from_bytes(plan.compile().unwrap().map).unwrap();
    let result = |address: &str| engine.explain(Direction::Outbound, address.as_bytes()).result;
    assert_eq!(result("a@z.e.example").unwrap(), b"a@d.example");
    assert_eq!((result("a@x.e.example"), result("a@q.y.e.example")), (None, None));
}

#[test]
fn a_round_trip_is_proved_when_it_holds() {
    let report = report(
        "J,a@i.example,b@x.example,,\nP,postmaster@i.example,postmaster@x.example,,\nD,j.example,y.example,,\n",
    );
    assert!(report.errors.is_empty());
    assert_eq!(report.proved, ["round-trip"]);
    assert_eq!((report.counts.entries, report.counts.mailbox, report.counts.domain), (3, 2, 1));
}

#[test]
fn a_domain_entry_and_a_mailbox_entry_that_meet_are_doubted() {
    let doubtful = report("D,i.example,x.example,,\nJ,a@i.example,b@x.example,,\n");
    assert!(doubtful.proved.is_empty());
    assert_eq!(witnesses(&doubtful, "unproved-collision"), [["b@i.example", "b@x.example", "a@i.example"]]);
    // With an entry of its own, b@i.example comes back.
    let settled =
        report("D,i.example,x.example,,\nJ,a@i.example,b@x.example,,\nB,b@i.example,a@x.example,,\n");
    assert_eq!(settled.proved, ["round-trip"]);
}

#[test]
fn a_subaddress_that_cannot_come_back_is_doubted() {
    let report = report("J,john@i.example,j+k@x.example,,\n");
    assert!(report.proved.is_empty());
    assert_eq!(witnesses(&report, "subaddress-lost").len(), 1);
}

#[test]
fn chains_and_cycles_are_shown_step_by_step() {
    let chain = report("A,a@i.example,b@i.example,,\nB,b@i.example,c@x.example,,\n");
    assert_eq!(witnesses(&chain, "chain"), [["a@i.example", "b@i.example", "c@x.example"]]);
    let cycle = report("A,a@i.example,b@i.example,,\nB,b@i.example,a@i.example,,\n");
    assert_eq!(witnesses(&cycle, "cycle").len(), 2);
    assert_eq!(cycle.proved, ["round-trip"]);
}

#[test]
fn entries_without_effect_are_named() {
    let report =
        report("D,i.example,x.example,,\nJ,a@i.example,a@x.example,,\nK,b@j.example,B@J.example,,\n");
    assert_eq!(witnesses(&report, "shadowed-entry").len(), 2);
}

#[test]
fn an_inbound_domain_without_postmaster_is_named() {
    assert_eq!(
        witnesses(&report("D,i.example,x.example,,\n"), "reserved-address-unrouted"),
        [["postmaster@x.example"]]
    );
    assert!(witnesses(&report("D,i.example,x.example,,true\n"), "reserved-address-unrouted").is_empty());
}
