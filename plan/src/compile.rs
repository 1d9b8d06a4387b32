//! From a plan to the octets of a map file.

use std::collections::BTreeSet;
use std::sync::Arc;

use readdress::{BuildError, Conflict, ConflictKind};

use crate::check::Report;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::Plan;
use crate::progress::Progress;

/// A compiled plan.
#[derive(Debug)]
pub struct Compiled {
    /// The map file, sealed. The same plan gives the same octets.
    pub map: Vec<u8>,
    /// What was found on the way: warnings and proofs.
    pub report: Report,
}

impl Plan {
    /// Compiles the plan in memory. [`readdress::publish`] puts the result into its place.
    ///
    /// # Errors
    ///
    /// Everything that [`check`](Plan::check) calls an error.
    pub fn compile(&self) -> Result<Compiled, Diagnostics> {
        self.compile_with(&Progress::new())
    }

    /// The same, telling another thread how far it has come.
    ///
    /// # Errors
    ///
    /// Those of [`compile`](Plan::compile).
    pub fn compile_with(&self, progress: &Progress) -> Result<Compiled, Diagnostics> {
        let map = Arc::new(self.map().map_err(Diagnostics::from)?);
        let report = self.assess(&map, progress);
        if !report.errors.is_empty() {
            return Err(report.errors.into());
        }
        // Nobody else has it any more.
        let map = Arc::try_unwrap(map).unwrap_or_else(|shared| shared.to_vec());
        Ok(Compiled { map, report })
    }

    /// The map, or the entries that contradict each other.
    pub(crate) fn map(&self) -> Result<Vec<u8>, Vec<Diagnostic>> {
        self.builder.finish().map_err(|error| match error {
            BuildError::Conflicts(conflicts) => {
                // An entry that stands there twice is one mistake, though both its sides collide.
                let doubles: BTreeSet<(u32, u32)> = conflicts
                    .iter()
                    .filter(|conflict| conflict.kind == ConflictKind::DuplicateInternal)
                    .map(|conflict| (conflict.first.0, conflict.second.0))
                    .collect();
                let is_new = |conflict: &&Conflict| {
                    conflict.kind == ConflictKind::DuplicateInternal
                        || !doubles.contains(&(conflict.first.0, conflict.second.0))
                };
                let mut found = Diagnostics::from(
                    conflicts
                        .iter()
                        .filter(is_new)
                        .map(|conflict| self.conflict(conflict))
                        .collect::<Vec<_>>(),
                );
                found.sort();
                found.into_iter().collect()
            }
            other => {
                let at = self.locate(readdress::EntryId(0), |place| place.internal);
                vec![Diagnostic::error("too-large", at, other.to_string()).hint("split the plan")]
            }
        })
    }

    fn conflict(&self, conflict: &Conflict) -> Diagnostic {
        let (code, message, hint) = match conflict.kind {
            ConflictKind::DuplicateInternal => (
                "duplicate-internal",
                "this internal address has an entry already",
                "remove one of the two entries; case and quotes make no difference",
            ),
            ConflictKind::NotInvertible => (
                "not-invertible",
                "another two-way entry has this external address: a reply would not know which internal one is meant",
                "make one of the two entries outbound-only, or give it an external address of its own",
            ),
        };
        let place = |id| {
            self.locate(id, |place| match conflict.kind {
                ConflictKind::DuplicateInternal => place.internal,
                ConflictKind::NotInvertible => place.external,
            })
        };
        let text = |id| {
            self.builder.get(id).map_or_else(String::new, |entry| {
                let side = match conflict.kind {
                    ConflictKind::DuplicateInternal => entry.internal,
                    ConflictKind::NotInvertible => entry.external,
                };
                String::from_utf8_lossy(side.text).into_owned()
            })
        };
        let internals = [conflict.first, conflict.second].map(|id| {
            self.builder
                .get(id)
                .map_or_else(String::new, |entry| String::from_utf8_lossy(entry.internal.text).into_owned())
        });
        let diagnostic = Diagnostic::error(code, place(conflict.second), message)
            .excerpt(text(conflict.second))
            .also_at(place(conflict.first))
            .hint(hint);
        match conflict.kind {
            ConflictKind::DuplicateInternal => diagnostic,
            ConflictKind::NotInvertible => diagnostic.witness(internals),
        }
    }
}
