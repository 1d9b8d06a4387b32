//! What was found so far, with a bound on how much of one kind is shown.

use std::collections::BTreeMap;

use super::{Counts, Report};
use crate::Severity;
use crate::diagnostic::{Diagnostic, Location};

/// The most diagnostics of one code in a report; the last one says how many more there are.
const SHOWN_OF_A_CODE: usize = 1000;

/// What was found so far.
#[derive(Default)]
pub(super) struct Findings {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    /// How often each code was found.
    seen: BTreeMap<&'static str, (usize, Option<Location>)>,
    round_trip_is_doubtful: bool,
    /// What else holds without exception.
    proved: Vec<&'static str>,
}

impl Findings {
    pub(super) fn doubt_round_trip(&mut self) {
        self.round_trip_is_doubtful = true;
    }

    /// Says of something that it holds, if it does.
    pub(super) fn prove(&mut self, what: &'static str, holds: bool) {
        if holds {
            self.proved.push(what);
        }
    }

    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        let (count, last) = self.seen.entry(diagnostic.code).or_default();
        *count += 1;
        if *count > SHOWN_OF_A_CODE {
            *last = diagnostic.at.into_iter().next();
        } else {
            match diagnostic.severity {
                Severity::Error => self.errors.push(diagnostic),
                Severity::Warning => self.warnings.push(diagnostic),
            }
        }
    }

    /// Whether something of this code was found at a place.
    pub(super) fn has(&self, code: &str, at: &Location) -> bool {
        let mut found = self.errors.iter().chain(&self.warnings);
        found.any(|found| found.code == code && found.at.first() == Some(at))
    }

    pub(super) fn into_report(mut self) -> Report {
        for (code, (count, last)) in self.seen {
            if let Some(at) = last {
                let message = format!("{} more like this, the last one here", count - SHOWN_OF_A_CODE);
                self.warnings.push(Diagnostic::warning(code, at, message).hint("mend those shown first"));
            }
        }
        // Every two-way mailbox key is unique on both sides and found before all others, and every
        // two-way domain key likewise; so what goes out through an entry comes back through it,
        // unless a mailbox entry takes the place of a domain entry on the way back or a subaddress
        // is split elsewhere. Those are the cases looked for above.
        let mut proved = if self.round_trip_is_doubtful { Vec::new() } else { vec!["round-trip"] };
        proved.extend(self.proved);
        Report { errors: self.errors, warnings: self.warnings, proved, counts: Counts::default() }
    }
}
