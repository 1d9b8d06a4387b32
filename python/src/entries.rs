//! Entries in code: from Python into a map, and out of a map again.

use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyTuple;
use readdress::{
    BuildError, Conflict, ConflictKind, EntryDirection, EntryError, MapBuilder, NewEntry, Policy, Side,
};

use crate::choices::Choice;
use crate::engine::Engine;
use crate::errors::{AddressError, PlanError};
use crate::records;

/// What diagnostics about entries in code have as file. The line is the entry's number, from 1.
const FILE: &str = "<entries>";

/// The map of entries, in memory.
pub(crate) fn compile(entries: &Bound<'_, PyAny>, name: &str, policy: Policy) -> PyResult<Vec<u8>> {
    let py = entries.py();
    let mut builder = MapBuilder::new();
    builder.set_name(name);
    builder.set_policy(policy);
    for (number, given) in entries.try_iter()?.enumerate() {
        add(&mut builder, number, &given?)?;
    }
    match py.detach(|| builder.finish()) {
        Ok(map) => Ok(map),
        Err(BuildError::Conflicts(conflicts)) => Err(contradiction(py, &conflicts)?),
        Err(other) => Err(refusal(py, vec![(0, "too-large", other.to_string())])?),
    }
}

fn add(builder: &mut MapBuilder, number: usize, given: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = given.py();
    if !records::is_entry(given)? {
        let name = given.get_type().name()?;
        return Err(PyTypeError::new_err(format!("entry {number} must be a readdress.Entry, not {name}")));
    }
    let text = |attribute: &str| -> PyResult<PyBackedStr> { given.getattr(attribute)?.extract() };
    let (internal, external, name) = (text("internal")?, text("external")?, text("name")?);
    let Choice(direction): Choice<EntryDirection> = given.getattr("direction")?.extract()?;
    let except: Vec<PyBackedStr> = given.getattr("except_")?.extract()?;
    let except: Vec<&[u8]> = except.iter().map(|domain| domain.as_bytes()).collect();
    let added = builder.add(&NewEntry {
        name: &name,
        internal: internal.as_bytes(),
        external: external.as_bytes(),
        direction,
        except: &except,
        source: None,
    });
    match added {
        Ok(_) => Ok(()),
        Err(EntryError::Address { side, error }) => {
            let side = match side {
                Side::Internal => "internal address".to_owned(),
                Side::External => "external address".to_owned(),
                Side::Except(number) => format!("exception {number}"),
            };
            let message = format!("entry {number}, {side}: {error} (octet {})", error.offset);
            Err(AddressError::new_err((message, error.offset, number)))
        }
        Err(error) => Err(refusal(py, vec![(number, code(&error), error.to_string())])?),
    }
}

/// The code that the same mistake has in a plan.
fn code(error: &EntryError) -> &'static str {
    match error {
        EntryError::Address { .. } => "bad-address",
        EntryError::KindMismatch => "kind-mismatch",
        EntryError::WildcardNotOutboundOnly => "wildcard-not-outbound-only",
        EntryError::WildcardExternal => "wildcard-external",
        EntryError::ExceptWithoutWildcard => "except-without-wildcard",
        EntryError::ExceptOutside(_) => "except-outside",
        _ => "too-large",
    }
}

fn contradiction(py: Python<'_>, conflicts: &[Conflict]) -> PyResult<PyErr> {
    let found = conflicts.iter().map(|conflict| {
        let (first, second) = (conflict.first.0, conflict.second.0);
        let (code, what) = match conflict.kind {
            ConflictKind::DuplicateInternal => ("duplicate-internal", "has the internal address of"),
            ConflictKind::NotInvertible => ("not-invertible", "has the external address, both ways, of"),
        };
        (second as usize, code, format!("entry {second} {what} entry {first}"))
    });
    refusal(py, found.collect())
}

/// An error with a diagnostic for each mistake: the entry's number, its code and a sentence.
fn refusal(py: Python<'_>, found: Vec<(usize, &str, String)>) -> PyResult<PyErr> {
    let diagnostics = records::tuple(py, found.into_iter(), |py, (number, code, message)| {
        let line = u32::try_from(number + 1).unwrap_or(u32::MAX);
        let text = format!("{FILE}:{line}: error[{code}]: {message}");
        records::diagnostic(py, (FILE, line, 0), code, "error", message, None, &text)
    })?;
    Ok(PlanError::new_err((diagnostics.unbind(),)))
}

/// An error with the diagnostics of a plan.
#[cfg(feature = "compile")]
pub(crate) fn plan_error(py: Python<'_>, diagnostics: &readdress_plan::Diagnostics) -> PyResult<PyErr> {
    use readdress_plan::Severity;

    let found: Bound<'_, PyTuple> = records::tuple(py, diagnostics.iter(), |py, found| {
        let at = found.at.first().map_or(("", 0, 0), |at| (at.file.as_str(), at.line, at.column));
        let severity = match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let text = found.to_string();
        records::diagnostic(py, at, found.code, severity, &found.message, found.hint.as_deref(), &text)
    })?;
    Ok(PlanError::new_err((found.unbind(),)))
}

/// The entries of a map, one by one. Made by `Engine.entries`.
#[pyclass(frozen, module = "readdress._readdress")]
pub(crate) struct EntryIterator {
    engine: Py<Engine>,
    next: AtomicU32,
}

impl EntryIterator {
    pub(crate) fn new(engine: Py<Engine>) -> EntryIterator {
        EntryIterator { engine, next: AtomicU32::new(0) }
    }
}

#[pymethods]
impl EntryIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let map = self.engine.get().core.map();
        // Entries behind the last one are asked for again and again by nobody; still, no overflow.
        let number = self.next.load(Ordering::Relaxed);
        if number >= map.entry_count() {
            return Ok(None);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        map.entry(number).map(|entry| records::entry(py, &entry)).transpose()
    }
}
