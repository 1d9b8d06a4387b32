//! The Python package: the engine of `readdress`, its plans and its command as the extension module
//! `readdress._readdress`. The package around it (`python/readdress`) has the exceptions and the
//! records that results are told in, and re-exports everything; nobody imports this module.
//!
//! ```text
//! bytes ─► message ─► engine ─► outcome (this thread's scratch) ─► rewritten ─► records, slices
//! ```
//!
//! A message is borrowed where it is `bytes` and copied once where it is any other buffer, since only
//! `bytes` never change. Python's lock is let go for what takes long and kept for what doesn't. No
//! thread, lock or callback outlives a call, so a process may fork between any two.

mod choices;
mod engine;
mod entries;
mod errors;
mod many;
mod octets;
mod outcome;
mod records;
mod rewritten;
mod route;

use std::ffi::OsString;

use pyo3::prelude::*;

use crate::octets::Text;

/// The Rust half of `readdress`; import that.
#[pymodule(gil_used = false)]
mod _readdress {
    #[pymodule_export]
    use crate::compare_domains;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::engine::reopen;
    #[pymodule_export]
    use crate::entries::EntryIterator;
    #[pymodule_export]
    use crate::rewritten::Rewritten;
    #[pymodule_export]
    use crate::run_command;
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name that Python packages use")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}

/// How one domain stands to another, in either order, as DMARC compares those of signatures and of the
/// reverse-path with that of From (RFC 7489 3.1): "strict", "relaxed", "undecided" or "none".
///
/// ASCII case and one dot behind do not count, and both forms of an international domain are the same.
/// None if one of them is no domain name, as an address literal.
///
/// >>> readdress.compare_domains("bounces.contoso.com", "contoso.com")
/// 'relaxed'
#[pyfunction]
#[pyo3(signature = (one, other, /))]
fn compare_domains(one: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> PyResult<Option<&'static str>> {
    let (one, other) = (Text::of(one, "a domain")?, Text::of(other, "a domain")?);
    let found = readdress::Alignment::of(one.octets()?, other.octets()?);
    Ok(found.map(readdress::Alignment::name))
}

/// Runs the `readdress` command with the process's own standard streams and gives its exit code.
///
/// `args` begins with the program's own name. Python's lock is let go meanwhile, and Python's
/// buffers must be flushed before.
#[pyfunction]
#[pyo3(name = "_run_command", signature = (args, /))]
#[cfg_attr(feature = "compile", expect(clippy::unnecessary_wraps, reason = "without plans it fails"))]
fn run_command(py: Python<'_>, args: Vec<OsString>) -> PyResult<u8> {
    #[cfg(feature = "compile")]
    return Ok(py.detach(|| readdress_cli::run_standard(args)));
    #[cfg(not(feature = "compile"))]
    {
        let _ = (py, args);
        Err(errors::built_without_compile())
    }
}
