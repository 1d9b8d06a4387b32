//! Building map files.

use std::ffi::c_char;

use readdress::{BuildError, Conflict, ConflictKind, EntryDirection, MapBuilder, NewEntry, publish};

use crate::error::{Failure, readdress_error};
use crate::guard;
use crate::ptr::{self, Out};
use crate::status::{READDRESS_E_CONFLICT, READDRESS_E_ENTRY, READDRESS_E_LIMIT, readdress_status};

/// The entry holds for outbound mail only: many internal addresses may have one external one then,
/// and replies don't find their way back by it.
pub const READDRESS_ENTRY_OUTBOUND_ONLY: u32 = 1;

/// Entries on their way into a map file. One thread at a time may use it.
pub struct readdress_builder {
    builder: MapBuilder,
    #[cfg_attr(not(feature = "compile"), expect(dead_code, reason = "for libraries built with plans"))]
    has_plan: bool,
    /// What the last plan gave rise to, NUL-terminated.
    report: String,
}

/// A builder without entries, with the policy of a plan that says nothing: preset "coexistence",
/// subaddresses behind "+", unmapped addresses pass.
///
/// Returns: the builder; the caller frees it with readdress_builder_free().
///
/// Thread-safe.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn readdress_builder_new() -> Option<Box<readdress_builder>> {
    guard::value(
        || None,
        || {
            let report = "\0".to_owned();
            Some(Box::new(readdress_builder { builder: MapBuilder::new(), has_plan: false, report }))
        },
    )
}

/// Frees it. NULL is allowed.
///
/// One thread at a time for a builder.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_builder_free(builder: Option<Box<readdress_builder>>) {
    guard::value(|| (), || drop(builder));
}

/// Adds an entry: an internal address and the external one that the world sees in its place.
/// "user@domain" on both sides, or "domain" on both, or internal "*.domain" (the domain and all
/// below it; outbound-only) and external "domain". Quoted as on the wire. Copied.
///
/// Parameters: flags: 0 or READDRESS_ENTRY_OUTBOUND_ONLY.
///
/// Returns: READDRESS_OK; READDRESS_E_ENTRY if one is no address or the two don't fit together;
/// READDRESS_E_ARGUMENT. The builder is as it was then. Entries that contradict each other are
/// found by readdress_builder_save().
///
/// One thread at a time for a builder.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_builder_add_entry(
    builder: Option<&mut readdress_builder>,
    internal: *const u8,
    internal_len: usize,
    external: *const u8,
    external_len: usize,
    flags: u32,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: a place to write to, by the header's general part.
    let err = unsafe { Out::new(err) };
    guard::status(err, || {
        let builder = builder.ok_or_else(|| Failure::null("builder"))?;
        let direction = match flags {
            0 => EntryDirection::Both,
            READDRESS_ENTRY_OUTBOUND_ONLY => EntryDirection::Outbound,
            _ => return Err(Failure::argument("flags has a flag that this version does not know")),
        };
        // SAFETY: as many octets as said at both, by the header's general part.
        let (internal, external) =
            unsafe { (ptr::octets(internal, internal_len)?, ptr::octets(external, external_len)?) };
        let entry = NewEntry { name: "", internal, external, direction, except: &[], source: None };
        let added = builder.builder.add(&entry);
        added.map(|_| ()).map_err(|error| Failure::new(READDRESS_E_ENTRY, error.to_string()))
    })
}

/// Reads, checks and adds a plan with all that it names, as "readdress compile" does. It must come
/// before entries, since it sets the policy, too.
///
/// Parameters: plan_path: the TOML file.
///
/// Returns: READDRESS_OK; READDRESS_E_PLAN if anything is wrong with it (err has the first mistake,
/// readdress_builder_report() all of them); READDRESS_E_ORDER if the builder has a plan or entries;
/// READDRESS_E_UNSUPPORTED if the library was built without plans; READDRESS_E_ARGUMENT. The builder
/// is as it was then.
///
/// One thread at a time for a builder.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_builder_add_plan(
    builder: Option<&mut readdress_builder>,
    plan_path: *const c_char,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: a place to write to, by the header's general part.
    let err = unsafe { Out::new(err) };
    guard::status(err, || {
        let builder = builder.ok_or_else(|| Failure::null("builder"))?;
        // SAFETY: a NUL-terminated path, by the header's general part.
        let path = unsafe { ptr::path(plan_path, "plan_path") }?;
        plans::add(builder, path)
    })
}

/// All that the last plan gave rise to, errors and warnings, as lines of text:
/// "file:line:column: error[code]: message", with more lines below each that are indented.
///
/// Returns: a NUL-terminated text that lives until the builder is used again; empty if there is
/// nothing to say. NULL for NULL.
///
/// One thread at a time for a builder.
#[unsafe(no_mangle)]
pub extern "C" fn readdress_builder_report(builder: Option<&readdress_builder>) -> *const c_char {
    guard::value(std::ptr::null, || {
        builder.map_or(std::ptr::null(), |builder| builder.report.as_ptr().cast())
    })
}

/// Writes the map file: to a temporary file in the same folder, flushed to disk, verified and
/// renamed, so that a reader sees the old file or the new one, whole, whatever happens. Mode 0640.
///
/// Returns: READDRESS_OK; READDRESS_E_CONFLICT if two entries contradict each other,
/// READDRESS_E_LIMIT if there are too many, READDRESS_E_IO, READDRESS_E_ARGUMENT. Nothing is left
/// behind then, and the old file stands. The builder can go on either way.
///
/// One thread at a time for a builder.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_builder_save(
    builder: Option<&mut readdress_builder>,
    map_path: *const c_char,
    err: *mut readdress_error,
) -> readdress_status {
    // SAFETY: a place to write to, by the header's general part.
    let err = unsafe { Out::new(err) };
    guard::status(err, || {
        let builder = builder.ok_or_else(|| Failure::null("builder"))?;
        // SAFETY: a NUL-terminated path, by the header's general part.
        let path = unsafe { ptr::path(map_path, "map_path") }?;
        let map = builder.builder.finish().map_err(|error| match error {
            BuildError::Conflicts(conflicts) => conflict(&conflicts),
            other => Failure::new(READDRESS_E_LIMIT, other.to_string()),
        })?;
        Ok(publish(path, &map)?)
    })
}

/// The first of the contradictions, by the numbers of its entries: addresses don't go into logs.
fn conflict(conflicts: &[Conflict]) -> Failure {
    let first = conflicts.first().map_or_else(String::new, |conflict| {
        let what = match conflict.kind {
            ConflictKind::DuplicateInternal => "the same internal address",
            ConflictKind::NotInvertible => "the same external address, and both are two-way",
        };
        format!(
            ": the first two have {what}; they are numbers {} and {}, counted from 0 in the order of adding",
            conflict.first.0, conflict.second.0
        )
    });
    let count = conflicts.len();
    Failure::new(READDRESS_E_CONFLICT, format!("{count} pairs of entries contradict each other{first}"))
}

#[cfg(feature = "compile")]
mod plans {
    use std::path::Path;

    use readdress_plan::{Diagnostics, Plan};

    use super::readdress_builder;
    use crate::error::Failure;
    use crate::status::READDRESS_E_PLAN;

    pub(super) fn add(builder: &mut readdress_builder, path: &Path) -> Result<(), Failure> {
        if builder.has_plan || !builder.builder.is_empty() {
            return Err(Failure::order("a plan comes before entries and other plans"));
        }
        let read = Plan::read(path).and_then(|plan| plan.compile().map(|compiled| (plan, compiled.report)));
        match read {
            Ok((plan, report)) => {
                builder.report = text(&report.warnings.into_iter().collect::<Vec<_>>().into());
                builder.builder = plan.into_builder();
                builder.has_plan = true;
                Ok(())
            }
            Err(diagnostics) => {
                builder.report = text(&diagnostics);
                let first = builder.report.lines().next().unwrap_or_default().to_owned();
                Err(Failure::new(READDRESS_E_PLAN, first.trim_end_matches('\0')))
            }
        }
    }

    /// NUL-terminated, and without one before its end.
    fn text(diagnostics: &Diagnostics) -> String {
        diagnostics.to_string().replace('\0', "\u{fffd}") + "\0"
    }
}

#[cfg(not(feature = "compile"))]
mod plans {
    use std::path::Path;

    use super::readdress_builder;
    use crate::error::Failure;

    pub(super) fn add(_: &mut readdress_builder, _: &Path) -> Result<(), Failure> {
        Err(Failure::unsupported("plans"))
    }
}
