//! Octets that Python hands over: messages, maps, and paths and addresses as text or octets.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyString};

/// A message or map as `bytes`: the object itself if it is one, else a copy.
///
/// Only `bytes` never change. A read-only `memoryview` may show a `bytearray` that somebody else
/// writes to, and a class derived from `bytes` may show other octets to other readers.
pub(crate) fn octets<'py>(given: &Bound<'py, PyAny>, what: &str) -> PyResult<Bound<'py, PyBytes>> {
    if let Ok(bytes) = given.cast_exact::<PyBytes>() {
        return Ok(bytes.clone());
    }
    let py = given.py();
    if given.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(format!(
            "{what} must be bytes, not str: open the file in binary mode ('rb'), or call as_bytes() on \
             an email.message.Message"
        )));
    }
    match PyMemoryView::from(given) {
        Ok(view) => Ok(view.call_method0("tobytes")?.cast_into()?),
        Err(error) if error.is_instance_of::<PyTypeError>(py) => {
            let name = given.get_type().name()?;
            Err(PyTypeError::new_err(format!("{what} must be bytes or another buffer, not {name}")))
        }
        Err(error) => Err(error),
    }
}

/// A path or address: text or octets, and the result is given in the same type.
pub(crate) enum Text<'py> {
    Str(Bound<'py, PyString>),
    Bytes(Bound<'py, PyBytes>),
}

impl<'py> Text<'py> {
    /// Takes `str`, or whatever [`octets`] takes.
    pub(crate) fn of(given: &Bound<'py, PyAny>, what: &str) -> PyResult<Text<'py>> {
        if let Ok(text) = given.cast::<PyString>() {
            return Ok(Text::Str(text.clone()));
        }
        if let Ok(bytes) = given.cast_exact::<PyBytes>() {
            return Ok(Text::Bytes(bytes.clone()));
        }
        let name = given.get_type().name()?;
        Err(PyTypeError::new_err(format!("{what} must be str or bytes, not {name}")))
    }

    /// The octets; a `str` in UTF-8.
    pub(crate) fn octets(&self) -> PyResult<&[u8]> {
        match self {
            Text::Str(text) => Ok(text.to_str()?.as_bytes()),
            Text::Bytes(bytes) => Ok(bytes.as_bytes()),
        }
    }

    /// The object that was given.
    pub(crate) fn given(&self) -> Bound<'py, PyAny> {
        match self {
            Text::Str(text) => text.clone().into_any(),
            Text::Bytes(bytes) => bytes.clone().into_any(),
        }
    }

    /// Octets in the type that was given.
    pub(crate) fn like(&self, octets: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Text::Str(text) => Ok(PyString::from_bytes(text.py(), octets)?.into_any()),
            Text::Bytes(bytes) => Ok(PyBytes::new(bytes.py(), octets).into_any()),
        }
    }
}
