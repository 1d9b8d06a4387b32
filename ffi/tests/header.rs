//! The header is what the exports say: the committed one is the one that cbindgen makes.
//! `make bless-header` writes it anew.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn made() -> String {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config =
        cbindgen::Config::from_file(crate_folder.join("cbindgen.toml")).expect("cbindgen.toml is valid");
    let bindings = cbindgen::Builder::new().with_crate(crate_folder).with_config(config).generate();
    let mut text = Vec::new();
    bindings.expect("the exports can be put into C").write(&mut text);
    String::from_utf8(text).unwrap()
}

/// The functions that a header declares.
fn functions(header: &str) -> BTreeSet<&str> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let code = header.lines().filter(|line| !line.starts_with([' ', '/', '#']));
    code.filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.rsplit(|character| !is_name(character)).next())
        .filter(|name| name.starts_with("readdress_"))
        .collect()
}

#[test]
fn the_committed_header_is_the_one_that_the_exports_make() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include/readdress.h");
    let made = made();
    if std::env::var_os("READDRESS_BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(made == committed, "include/readdress.h is not what ffi/src says; see `make bless-header`");
}

#[test]
fn the_list_of_symbols_is_that_of_the_header() {
    let list = include_str!("../symbols.txt").lines().collect::<BTreeSet<_>>();
    assert_eq!(functions(&made()), list);
}

/// A reader who looks one function up finds all that there is to know.
#[test]
fn every_function_says_what_it_returns_and_which_threads_may_call_it() {
    let header = made();
    let mut comment = String::new();
    let mut is_documented = BTreeSet::new();
    for line in header.lines() {
        if line.starts_with("/**") {
            comment.clear();
        }
        if line.starts_with([' ', '/']) {
            comment.push_str(line);
            continue;
        }
        for name in functions(line) {
            let says = |word: &str| comment.to_ascii_lowercase().contains(word);
            assert!(says("thread"), "{name}: which threads may call it?");
            assert!(
                !line.contains("readdress_status readdress_")
                    || says("returns:")
                    || says("as for readdress_"),
                "{name}: which statuses does it return?"
            );
            is_documented.insert(name);
            comment.clear();
        }
    }
    assert_eq!(is_documented, functions(&header));
}

/// The test of the panic guard counts its entry points against this.
#[test]
fn the_panic_test_goes_through_every_function_that_runs_anything() {
    let list = include_str!("../symbols.txt").lines();
    let constant =
        ["readdress_version", "readdress_abi_version", "readdress_status_name", "readdress_flag_name"];
    let test = include_str!("c/panic.c");
    let count = list.filter(|name| !constant.contains(name)).inspect(|name| {
        assert!(test.contains(&format!("{name}(")), "{name} is not in panic.c");
    });
    assert!(test.contains(&format!("ENTRY_POINTS = {} }}", count.count())));
}
