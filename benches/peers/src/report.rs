//! What came out, as two tables: all times with their ratio to the memchr pass, and the targets.

use readdress_benches::corpus::Hits;
use readdress_benches::stopwatch::Times;

/// The floor that scanners are held against.
const FLOOR: &str = "memchr line feeds";

type Corpora = [(&'static str, Times)];

/// Every contestant in every corpus: ratio to the floor, and nanoseconds a message.
pub fn details(corpora: &Corpora) {
    print!("| times the memchr pass (ns a message) |");
    corpora.iter().for_each(|(name, _)| print!(" {name} |"));
    println!("\n|---|{}", "---|".repeat(corpora.len()));
    let names = corpora.first().into_iter().flat_map(|(_, times)| times.names());
    for name in names {
        print!("| {name} |");
        for (_, times) in corpora {
            print!(" {:.2} ({:.0}) |", times.ratio(name, FLOOR), times.of(name));
        }
        println!();
    }
    println!();
}

/// The targets beside what came out.
pub fn targets(corpora: &Corpora, c_corpora: &Corpora) {
    println!("| # | what | corpus | target | found | met |\n|---|---|---|---|---|---|");
    for (corpus, times) in corpora {
        let is_real = *corpus == "real";
        let at_least = |number: &str, what: &str, target: f64, slow: &str, fast: &str| {
            let found = times.ratio(slow, fast);
            let target = (format!(">= {target} x"), found >= target);
            line(number, what, corpus, target, &format!("{found:.2} x"));
        };
        at_least("P1", "scan against memchr", if is_real { 1.15 } else { 1.5 }, FLOOR, "scan");
        let (target, found) = (if is_real { 1.3 } else { 1.1 }, times.ratio("no-domain verdict", FLOOR));
        let target = (format!("<= {target} x"), found <= target);
        line("P2", "verdict, nothing to do, of memchr's time", corpus, target, &format!("{found:.2} x"));
        let rival = "no-domain mail-parser + HashMap";
        at_least("P2", "verdict, nothing to do, against mail-parser", 2.9, rival, "no-domain verdict");
        let rival = "mailboxes mail-parser + HashMap + splice";
        at_least("P3", "rewrite, contiguous, against mail-parser", 2.0, rival, "mailboxes contiguous");
        at_least("P4", "rewrite, edit list, against mail-parser", 2.2, rival, "mailboxes edit list");
    }
    for (corpus, times) in c_corpora {
        // Without a field there is nothing that a map could make a difference to.
        let kinds = if *corpus == "empty" { &Hits::ALL[..1] } else { &Hits::ALL };
        for hits in kinds {
            let over_rust = |who: &str, what: &str| {
                let name = |who: &str| format!("{who} {} {what}", hits.name());
                times.difference(&name(who), &name("Rust"))
            };
            let (rewrite, slices) = (over_rust("C", "rewrite"), over_rust("C", "slices"));
            let control = over_rust("control", "rewrite");
            let what = format!("C over Rust, {}", hits.name());
            let found = format!("{rewrite:+.0} ns; with slices {slices:+.0} ns; control {control:+.0} ns");
            line("P9", &what, corpus, ("<= 30 ns".to_owned(), rewrite <= 30.0), &found);
        }
    }
}

/// `target`: the target, and whether it is met.
fn line(number: &str, what: &str, corpus: &str, target: (String, bool), found: &str) {
    let (target, is_met) = target;
    // The targets are about large header sections. Small messages show what a message costs.
    let met = match corpus {
        "small" if number != "P9" => "-",
        _ if is_met => "yes",
        _ => "NO",
    };
    println!("| {number} | {what} | {corpus} | {target} | {found} | {met} |");
}
