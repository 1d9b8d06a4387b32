//! `check`: findings in both forms, and their exit codes.

use serde_json::json;

use crate::bench::{Bench, ENTRIES, keys};

fn broken() -> Bench {
    let bench = Bench::new();
    bench.write("entries.csv", format!("{ENTRIES}Johnny,johnny@tenant1.contoso.com,john@contoso.com\n"));
    bench
}

#[test]
fn a_clean_plan_is_proved() {
    let bench = Bench::new();
    let plan = bench.path("plan.toml");
    let ran = bench.run(&["check", &plan]);
    let text = ran.clean();
    assert!(text.starts_with(&format!("{plan}: 0 errors, 0 warnings\n")), "{text}");
    assert!(text.contains("entries 3"), "{text}");
    assert!(text.ends_with("proved: round-trip\n"), "{text}");
    assert_eq!(bench.files(), ["entries.csv", "message.eml", "plan.toml"]);
}

#[test]
fn errors_name_their_places_and_give_one() {
    let bench = broken();
    let ran = bench.run(&["check", &bench.path("plan.toml")]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("entries.csv:5"), "{}", ran.err);
    assert!(ran.err.contains("error[not-invertible]"), "{}", ran.err);
    assert!(ran.out().contains(": 1 error, "), "{}", ran.out());
    assert!(ran.out().contains("proved: nothing\n"), "{}", ran.out());
}

#[test]
fn json_is_the_documented_object() {
    let bench = Bench::new();
    let object = bench.run(&["check", "--format", "json", &bench.path("plan.toml")]).json();
    assert_eq!(keys(&object)[..4], ["errors", "warnings", "proved", "counts"]);
    assert_eq!(object["errors"], json!([]));
    assert_eq!(object["proved"], json!(["round-trip"]));
    assert_eq!(object["counts"]["entries"], 3);

    let bench = broken();
    let ran = bench.run(&["check", "--format", "json", &bench.path("plan.toml")]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let object = ran.json();
    let error = &object["errors"][0];
    assert_eq!(keys(error)[..4], ["code", "message", "at", "witness"]);
    assert_eq!(error["code"], "not-invertible");
    let at = error["at"].as_array().unwrap();
    assert!(at.iter().all(|place| keys(place)[..2] == ["file", "line"]), "{at:?}");
    assert!(at.iter().any(|place| place["line"] == 5), "{at:?}");
    assert!(at.iter().any(|place| place["line"] == 2), "{at:?}");
    assert!(error["witness"].is_array());
    assert_eq!(object["proved"], json!([]));
}

#[test]
fn a_plan_that_cannot_be_read_is_bad_data_for_every_verb() {
    for (line, text, code) in [
        ("preset = \"coexistence\"", "preset = ", "error["),
        ("preset = \"coexistence\"", "presett = \"postfix\"", "error[unknown-key]"),
    ] {
        let bench = Bench::with_plan_line(line, text);
        let (plan, map) = (bench.path("plan.toml"), bench.path("contoso.map"));
        for args in [
            &["compile", &plan, "-o", &map][..],
            &["rewrite", "--plan", &plan, "--direction", "outbound", "-"],
            &["explain", "--plan", &plan, "--direction", "outbound", "a@b.example"],
            &["inspect", "--plan", &plan],
        ] {
            let ran = bench.run(args);
            assert!(ran.refused(65).contains(code), "{}", ran.err);
            assert!(ran.err.contains("plan.toml:5:"), "{}", ran.err);
        }
        let ran = bench.run(&["check", &plan]);
        assert_eq!(ran.code, 65);
        assert!(ran.err.contains("plan.toml:5:"), "{}", ran.err);
        let ran = bench.run(&["check", &plan, "--format", "json"]);
        assert_eq!(ran.code, 65);
        assert_eq!(ran.json()["errors"][0]["at"][0]["line"], 5);
    }
}

#[test]
fn a_plan_that_is_not_there_is_no_input() {
    let bench = Bench::new();
    let plan = bench.path("absent.toml");
    let ran = bench.run(&["check", &plan]);
    assert_eq!(ran.code, 66, "{}", ran.err);
    assert!(ran.err.contains("absent.toml"), "{}", ran.err);
}
