//! `rewrite` under a plan's limits, mode and policy on unmapped addresses.

use serde_json::json;

use crate::bench::{Bench, MESSAGE, REWRITTEN};

const LEAK: &str = "From: john@tenant1.contoso.com\r\nCc: temp@tenant1.contoso.com\r\n\r\n";
const PRESET: &str = "preset = \"coexistence\"";

#[test]
fn nothing_is_printed_when_a_limit_is_hit() {
    let bench = Bench::with_plan_end("[limits]\nfields = 2\n");
    for format in ["message", "edits", "json"] {
        let ran = bench.rewrite(&["--format", format, &bench.path("message.eml")]);
        assert!(ran.refused(75).contains("fields (2)"), "{}", ran.err);
    }
}

#[test]
fn a_path_that_is_too_long_is_a_limit() {
    let bench = Bench::new();
    let path = format!("{}@contoso.com", "a".repeat(300));
    let ran = bench.rewrite_with(&["--rcpt-to", &path, "-"], MESSAGE.as_bytes());
    assert!(ran.refused(75).contains("path-octets"), "{}", ran.err);
}

#[test]
fn shadow_mode_reports_and_changes_nothing() {
    let bench = Bench::with_plan_line(PRESET, "mode = \"shadow\"");
    let message = bench.path("message.eml");
    assert_eq!(bench.rewrite(&[&message]).clean(), MESSAGE);

    let enforced = Bench::new().rewrite(&["--format", "edits", &message]);
    assert_eq!(bench.rewrite(&["--format", "edits", &message]).clean(), enforced.clean());

    let object = bench.rewrite(&["--format", "json", &message]).json();
    assert_eq!(object["mode"], "shadow");
    assert_eq!(object["changed"], false);
    assert_eq!(object["size"], MESSAGE.len());
    assert_eq!(object["edits"].as_array().unwrap().len(), 2);
}

#[test]
fn unmapped_addresses_pass_with_a_remark() {
    let bench = Bench::new();
    let ran = bench.rewrite_with(&["-"], LEAK.as_bytes());
    assert_eq!((ran.code, ran.out()), (0, LEAK.replacen("tenant1.", "", 1).as_str()));
    assert_eq!(ran.err, "<stdin>: unmapped[pass]: temp@tenant1.contoso.com\n");

    let ran = bench.rewrite_with(&["--format", "json", "-"], LEAK.as_bytes());
    assert_eq!(ran.err, "");
    assert_eq!(ran.json()["unmapped"], json!(["temp@tenant1.contoso.com"]));
    assert_eq!(ran.json()["verdict"], "pass");
}

#[test]
fn unmapped_addresses_can_stop_a_message() {
    for (policy, code) in [("tempfail", 75), ("reject", 65)] {
        let bench = Bench::with_plan_line(PRESET, &format!("unmapped = \"{policy}\""));
        for format in ["message", "edits", "json"] {
            let ran = bench.rewrite_with(&["--format", format, "-"], LEAK.as_bytes());
            let remark = format!("<stdin>: unmapped[{policy}]: temp@tenant1.contoso.com\n");
            assert_eq!(ran.refused(code), remark);
        }
        assert_eq!(bench.rewrite_with(&["-"], MESSAGE.as_bytes()).clean(), REWRITTEN);
    }
}

#[test]
fn an_unmapped_reverse_path_stops_the_message_too() {
    let bench = Bench::with_plan_line(PRESET, "unmapped = \"reject\"");
    let ran = bench.rewrite_with(&["--mail-from", "temp@tenant1.contoso.com", "-"], MESSAGE.as_bytes());
    assert!(ran.refused(65).contains("unmapped[reject]: temp@tenant1.contoso.com\n"), "{}", ran.err);
}

#[test]
fn shadow_mode_stops_no_message() {
    let bench = Bench::with_plan_line(PRESET, "mode = \"shadow\"\nunmapped = \"reject\"");
    let ran = bench.rewrite_with(&["-"], LEAK.as_bytes());
    assert_eq!((ran.code, ran.out()), (0, LEAK));
    assert!(ran.err.contains("temp@tenant1.contoso.com"), "{}", ran.err);
}
