//! Errors of the crates as exceptions of the package.
//!
//! The classes are written in Python (`readdress._errors`): there they can be pickled, take
//! attributes and derive from two classes, none of which the stable ABI gives before 3.12.

use std::io;
use std::path::Path;

use pyo3::exceptions::{PyMemoryError, PyOSError};
use pyo3::prelude::*;
use readdress::Error;

pyo3::import_exception!(readdress._errors, AddressError);
pyo3::import_exception!(readdress._errors, LimitError);
pyo3::import_exception!(readdress._errors, MapError);
pyo3::import_exception!(readdress._errors, PlanError);

/// An error about a message or path. `index`: which one of many.
pub(crate) fn of_message(error: &Error, index: Option<usize>) -> PyErr {
    match error {
        Error::Limit { limit, allowed, offset } => {
            let which = index.map_or_else(String::new, |index| format!("message {index}: "));
            LimitError::new_err((format!("{which}{error}"), limit.name(), *allowed, *offset, index))
        }
        other => of_map(other),
    }
}

/// An error about a map in memory.
pub(crate) fn of_map(error: &Error) -> PyErr {
    match error {
        Error::Memory => PyMemoryError::new_err(()),
        Error::Io(error) => PyOSError::new_err(error.to_string()),
        other => MapError::new_err(other.to_string()),
    }
}

/// An error about a file.
pub(crate) fn of_file(py: Python<'_>, path: &Path, error: &Error) -> PyErr {
    match error {
        Error::Memory => PyMemoryError::new_err(()),
        Error::Io(error) => of_io(py, path, error),
        other => MapError::new_err(format!("{}: {other}", path.display())),
    }
}

/// An `OSError` with number, text and file name; Python makes it a `FileNotFoundError` and so on.
pub(crate) fn of_io(py: Python<'_>, path: &Path, error: &io::Error) -> PyErr {
    let described = || -> PyResult<PyErr> {
        let number = match error.raw_os_error() {
            Some(number) => number,
            None => py.import("errno")?.getattr(errno_name(error.kind()))?.extract()?,
        };
        let text: String = py.import("os")?.getattr("strerror")?.call1((number,))?.extract()?;
        Ok(PyOSError::new_err((number, text, path.as_os_str().to_owned())))
    };
    described().unwrap_or_else(|error| error)
}

/// The number for an error that a library has wrapped.
fn errno_name(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "ENOENT",
        io::ErrorKind::PermissionDenied => "EACCES",
        io::ErrorKind::AlreadyExists => "EEXIST",
        io::ErrorKind::NotADirectory => "ENOTDIR",
        io::ErrorKind::IsADirectory => "EISDIR",
        io::ErrorKind::ReadOnlyFilesystem => "EROFS",
        io::ErrorKind::StorageFull => "ENOSPC",
        io::ErrorKind::QuotaExceeded => "EDQUOT",
        io::ErrorKind::InvalidInput => "EINVAL",
        _ => "EIO",
    }
}

/// What needs the cargo feature `compile` and does not have it.
#[cfg(not(feature = "compile"))]
pub(crate) fn built_without_compile() -> PyErr {
    pyo3::exceptions::PyNotImplementedError::new_err(
        "this build of readdress opens map files only; it has neither plans nor the command",
    )
}
