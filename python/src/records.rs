//! Records of results, made when they are asked for. Their classes are written in Python
//! (`readdress._records`): frozen dataclasses, with equality, pickling and types for free.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString, PyTuple, PyType};
use readdress::routing::{Action, Route, Routes};
use readdress::{
    Aligned, Alignment, Domains, Edit, Entry, EntryDirection, Explanation, FieldChange, RewrittenPath,
    Signature, Skip,
};

use crate::octets::Text;

/// A class of `readdress._records`, looked up once.
macro_rules! class {
    ($py:expr, $name:literal) => {{
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        CLASS.import($py, "readdress._records", $name)?
    }};
}

/// A tuple of records.
pub(crate) fn tuple<'py, T>(
    py: Python<'py>,
    given: impl Iterator<Item = T>,
    make: impl Fn(Python<'py>, &T) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let records: Vec<_> = given.map(|item| make(py, &item)).collect::<PyResult<_>>()?;
    PyTuple::new(py, records)
}

pub(crate) fn edit<'py>(py: Python<'py>, edit: &Edit<'_>) -> PyResult<Bound<'py, PyAny>> {
    let entry_of_edit = edit.entry.as_ref().map(|found| entry(py, found)).transpose()?;
    class!(py, "Edit").call1((
        edit.offset,
        edit.length,
        PyBytes::new(py, edit.text),
        PyBytes::new(py, edit.field),
        edit.nth,
        PyBytes::new(py, edit.from),
        PyBytes::new(py, edit.to),
        entry_of_edit,
    ))
}

pub(crate) fn field_change<'py>(py: Python<'py>, change: &FieldChange<'_>) -> PyResult<Bound<'py, PyAny>> {
    let value = (!change.is_removal()).then(|| PyBytes::new(py, &change.value()));
    class!(py, "FieldChange").call1((PyBytes::new(py, change.name), change.nth, value))
}

pub(crate) fn skip<'py>(py: Python<'py>, skip: &Skip<'_>) -> PyResult<Bound<'py, PyAny>> {
    let field = PyBytes::new(py, skip.field);
    class!(py, "Skip").call1((field, skip.nth, skip.offset, skip.reason.name()))
}

pub(crate) fn signature<'py>(py: Python<'py>, signature: &Signature<'_>) -> PyResult<Bound<'py, PyAny>> {
    let because: Vec<_> = signature.because.iter().map(|name| PyBytes::new(py, name)).collect();
    class!(py, "Signature").call1((
        signature.kind.name(),
        PyBytes::new(py, signature.domain),
        PyBytes::new(py, signature.selector),
        signature.is_intact,
        PyTuple::new(py, because)?,
        aligned(py, signature.aligned)?,
    ))
}

/// `None` where nothing can be said on either side.
fn aligned(py: Python<'_>, aligned: Aligned) -> PyResult<Option<Bound<'_, PyAny>>> {
    let (before, after) = (aligned.before.map(Alignment::name), aligned.after.map(Alignment::name));
    let is_known = before.or(after).is_some();
    is_known.then(|| class!(py, "Aligned").call1((before, after))).transpose()
}

/// The same.
pub(crate) fn from_domain<'py>(py: Python<'py>, domains: &Domains) -> PyResult<Option<Bound<'py, PyAny>>> {
    let (before, after) = (domains.before.as_deref(), domains.after.as_deref());
    let is_known = before.or(after).is_some();
    is_known.then(|| class!(py, "FromDomain").call1((before, after))).transpose()
}

pub(crate) fn entry<'py>(py: Python<'py>, entry: &Entry<'_>) -> PyResult<Bound<'py, PyAny>> {
    let direction = match entry.direction() {
        EntryDirection::Both => "both",
        EntryDirection::Outbound => "outbound",
    };
    let except: Vec<_> = entry.except().map(|domain| text(py, domain)).collect();
    let [internal, external] = entry.addresses();
    class!(py, "Entry").getattr("_from_map")?.call1((
        text(py, &internal),
        text(py, &external),
        direction,
        entry.name(),
        PyTuple::new(py, except)?,
        entry.file(),
        entry.line(),
    ))
}

pub(crate) fn path<'py>(given: &Text<'py>, done: &RewrittenPath<'_>) -> PyResult<Bound<'py, PyAny>> {
    let given_path = given.given();
    let py = given_path.py();
    let to = if done.entry().is_some() { given.like(done.to())? } else { given_path.clone() };
    let path = if done.changed() { to.clone() } else { given_path };
    let entry_of_path = done.entry().map(|found| entry(py, &found)).transpose()?;
    class!(py, "RewrittenPath").call1((
        path,
        done.changed(),
        to,
        entry_of_path,
        done.unmapped(),
        done.skipped().map(readdress::SkipReason::name),
        done.verdict().name(),
    ))
}

pub(crate) fn explanation<'py>(
    address: &Text<'py>,
    explanation: &Explanation<'_>,
) -> PyResult<Bound<'py, PyAny>> {
    let given = address.given();
    let py = given.py();
    let like = |octets: &Option<Vec<u8>>| octets.as_ref().map(|octets| address.like(octets)).transpose();
    let tried = tuple(py, explanation.tried.iter(), |py, tried| {
        class!(py, "Tried").call1((address.like(&tried.key)?, tried.kind.name(), tried.hit))
    })?;
    let winner = explanation.entry.as_ref().map(|found| entry(py, found)).transpose()?;
    class!(py, "Explanation").call1((
        given,
        like(&explanation.key)?,
        like(&explanation.result)?,
        tried,
        winner,
        tuple(py, explanation.shadowed.iter(), |py, found| entry(py, found))?,
        explanation.unmapped,
        explanation.reason.map(readdress::SkipReason::name),
    ))
}

/// What was decided about a recipient, which was `given`.
pub(crate) fn decision<'py>(
    given: &Text<'py>,
    routes: &Routes<'_>,
    route: &Route<'_>,
) -> PyResult<Bound<'py, PyAny>> {
    let given_path = given.given();
    let py = given_path.py();
    let connector = route.connector();
    let (code, enhanced, text) = match route.reply() {
        Some((code, enhanced, text)) => (Some(code), Some(enhanced), Some(text)),
        None => (None, None, None),
    };
    let is_relayed = route.action() == Action::Relay;
    let steps =
        tuple(py, route.steps(), |py, step| class!(py, "Step").call1((step.what, &*step.name, &*step.why)))?;
    let arguments = [
        given.like(route.recipient())?,
        route.action().name().into_pyobject(py)?.into_any(),
        given.like(route.forward_path())?,
        PyTuple::new(py, route.next_hops())?.into_any(),
        connector.map(|connector| connector.name.as_str()).into_pyobject(py)?,
        is_relayed.then(|| route.tls().name()).into_pyobject(py)?,
        connector.and_then(|connector| connector.tls_name.as_deref()).into_pyobject(py)?,
        code.into_pyobject(py)?,
        enhanced.into_pyobject(py)?,
        text.into_pyobject(py)?,
        PyTuple::new(py, route.set_headers().collect::<Vec<_>>())?.into_any(),
        PyTuple::new(py, route.removed_headers().collect::<Vec<_>>())?.into_any(),
        route.is_rewritten().into_pyobject(py)?.to_owned().into_any(),
        route.entry().map(|found| entry(py, &found)).transpose()?.into_pyobject(py)?,
        routes.listener().map(|listener| listener.name.as_str()).into_pyobject(py)?,
        routes.direction().name().into_pyobject(py)?.into_any(),
        routes.is_final().into_pyobject(py)?.to_owned().into_any(),
        steps.into_any(),
    ];
    class!(py, "Decision").call1(PyTuple::new(py, arguments)?)
}

/// One thing that is wrong with a plan. `at`: file, line and column.
pub(crate) fn diagnostic<'py>(
    py: Python<'py>,
    at: (&str, u32, u32),
    code: &str,
    severity: &str,
    message: &str,
    hint: Option<&str>,
    text: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let (file, line, column) = at;
    class!(py, "Diagnostic").call1((file, line, column, code, severity, message, hint, text))
}

/// Whether an object is an `Entry`.
pub(crate) fn is_entry(given: &Bound<'_, PyAny>) -> PyResult<bool> {
    given.is_instance(class!(given.py(), "Entry"))
}

/// An address of a map, which is ASCII unless somebody forged the file.
fn text<'py>(py: Python<'py>, octets: &[u8]) -> Bound<'py, PyString> {
    PyString::new(py, &String::from_utf8_lossy(octets))
}
