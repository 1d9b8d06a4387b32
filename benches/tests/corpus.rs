//! Holds the generator to the shape of the mail it imitates, and to its octets: figures of different
//! days are comparable only over the same messages.
#![allow(clippy::cast_precision_loss, reason = "means need no more digits than a float has")]

use std::collections::HashSet;
use std::sync::LazyLock;

use readdress_benches::corpus::{Directory, HOT, office, small};
use readdress_benches::shape::Shape;

fn directory() -> &'static Directory {
    static DIRECTORY: LazyLock<Directory> = LazyLock::new(Directory::new);
    &DIRECTORY
}

fn assert_near(what: &str, found: f64, meant: f64, tolerance: f64) {
    assert!((found - meant).abs() <= tolerance * meant, "{what}: {found:.3}, meant to be {meant}");
}

#[test]
fn corpora_have_the_shape_of_real_mail() {
    let directory = directory();
    let mapped: HashSet<&[u8]> = directory.mapped.iter().map(|person| person.internal.as_bytes()).collect();
    assert_eq!(mapped.len(), directory.mapped.len());
    assert!(directory.unheard_of.iter().all(|person| !mapped.contains(person.internal.as_bytes())));
    let key = mapped.iter().map(|key| key.len()).sum::<usize>() as f64 / mapped.len() as f64;
    println!("{} keys of {key:.2} octets", mapped.len());
    assert_near("octets of a key", key, 30.35, 0.02);

    let shape = Shape::of(&office(directory, 2_000), &mapped);
    println!("office: {shape}");
    assert_near("octets of a field section", shape.section, 9_772.0, 0.01);
    assert_near("octets of a message", shape.message, 11_800.0, 0.01);
    assert_near("octets of a line", shape.line, 65.7, 0.01);
    assert_near("'@' of a field section", shape.ats, 12.9, 0.02);
    assert_near("addresses", shape.addresses, 8.1, 0.02);
    assert_near("mapped addresses", shape.mapped, 3.77, 0.02);
    assert_near("octets without addresses", shape.other_octets, 0.95, 0.01);
    assert_near("continuations", shape.continuations, 2.0 / 3.0, 0.03);

    let shape = Shape::of(&small(directory, HOT), &mapped);
    println!("small: {shape}");
    assert_near("octets of a small field section", shape.section, 473.0, 0.02);
    assert_near("addresses of a small message", shape.addresses, 3.0, 0.0);
}

#[test]
fn the_same_seed_gives_the_same_octets() {
    let directory = directory();
    let mut hasher = blake3::Hasher::new();
    for message in office(directory, HOT).iter().chain(&small(directory, HOT)) {
        hasher.update(message);
    }
    for person in directory.mapped.iter().chain(&directory.unheard_of) {
        hasher.update(person.internal.as_bytes());
        hasher.update(person.external.as_bytes());
    }
    // Whoever changes the generator makes all figures before incomparable, and says so here.
    assert_eq!(
        hasher.finalize().to_hex().as_str(),
        "7aba02f8f4ddfdd66da445c25c7d2c517ea45cdf3ea2af34b6e504e7b2bc856b"
    );
}
