//! The command line itself: usage, help, and files that are not there.

use crate::bench::Bench;

#[test]
fn wrong_command_lines_are_usage_errors() {
    let bench = Bench::new();
    let (plan, map) = (bench.path("plan.toml"), bench.map());
    for args in [
        &[][..],
        &["rewrit"],
        &["check"],
        &["check", "--format", "yaml", &plan],
        &["compile", &plan],
        &["compile", &plan, "-o", &map, "--require", "everything"],
        &["rewrite", "--map", &map],
        &["rewrite", "--direction", "outbound"],
        &["rewrite", "--map", &map, "--plan", &plan, "--direction", "outbound"],
        &["rewrite", "--map", &map, "--direction", "sideways"],
        &["rewrite", "--map", &map, "--direction", "outbound", "--mail-from", "a@b", "--mail-from", "c@d"],
        &["rewrite", "--map", &map, "--direction", "outbound", "one.eml", "two.eml"],
        &["explain", "--map", &map, "--direction", "outbound"],
        &["inspect"],
        &["inspect", &map, "--plan", &plan],
    ] {
        bench.run(args).refused(64);
    }
}

#[test]
fn help_tells_what_a_verb_does_with_example_and_exit_codes() {
    let bench = Bench::new();
    assert!(bench.run(&["--help"]).clean().contains("\n  75  try again later"));
    for verb in ["compile", "check", "rewrite", "explain", "inspect", "serve"] {
        for flag in ["-h", "--help"] {
            let ran = bench.run(&[verb, flag]);
            let help = ran.clean();
            assert!(help.contains(&format!("\n  readdress {verb} ")), "{verb}: {help}");
            assert!(help.contains("Exit codes: 0 "), "{verb}: {help}");
        }
    }
}

#[test]
fn the_version_is_the_package_version() {
    let expected = format!("readdress {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(Bench::new().run(&["--version"]).clean(), expected);
}

#[test]
fn no_arguments_at_all_do_no_harm() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = readdress_cli::run(std::iter::empty(), &mut std::io::empty(), &mut out, &mut err);
    assert_eq!(code, 64);
}

#[test]
fn files_that_are_not_there_are_no_input() {
    let bench = Bench::new();
    let (plan, map, absent) = (bench.path("plan.toml"), bench.map(), bench.path("absent"));
    for args in [
        &["check", &absent][..],
        &["compile", &absent, "-o", &map],
        &["rewrite", "--map", &absent, "--direction", "outbound", "-"],
        &["rewrite", "--plan", &absent, "--direction", "outbound", "-"],
        &["rewrite", "--plan", &plan, "--direction", "outbound", &absent],
        &["explain", "--map", &absent, "--direction", "outbound", "a@b.example"],
        &["inspect", &absent],
        &["inspect", "--plan", &absent],
    ] {
        let ran = bench.run(args);
        assert_eq!(ran.code, 66, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(&absent), "{args:?}: {}", ran.err);
    }
}

#[test]
fn folders_are_no_input_either() {
    let bench = Bench::new();
    let (map, folder) = (bench.map(), bench.folder().to_str().unwrap().to_owned());
    for args in [
        &["check", &folder][..],
        &["rewrite", "--map", &map, "--direction", "outbound", &folder],
        &["rewrite", "--map", &folder, "--direction", "outbound", "-"],
        &["inspect", &folder],
    ] {
        let ran = bench.run(args);
        assert_eq!(ran.code, 66, "{args:?}: {}", ran.err);
    }
}

#[test]
fn an_entries_file_that_is_not_there_is_bad_data() {
    let bench = Bench::new();
    std::fs::remove_file(bench.join("entries.csv")).unwrap();
    let ran = bench.run(&["check", &bench.path("plan.toml")]);
    assert_eq!(ran.code, 65, "{}", ran.err);
    assert!(ran.err.contains("entries.csv"), "{}", ran.err);
}
