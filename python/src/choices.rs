//! Words with a fixed set of values: `direction`, `kind`, `preset` and their like.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use readdress::{Direction, EntryDirection, Mode, OnSigned, PathKind, Preset, Unmapped};

/// A value that Python names with a word.
#[derive(Clone, Copy)]
pub(crate) struct Choice<T>(pub(crate) T);

/// What the words of an argument are, and what each means.
pub(crate) trait Words: Copy + Sized + 'static {
    /// The argument's name, for the error message.
    const ARGUMENT: &'static str;
    /// Every word with its meaning.
    fn words() -> &'static [(&'static str, Self)];
    /// What a word means that is the one Python keeps of its kind, as literals in programs are.
    fn interned(given: Borrowed<'_, '_, PyAny>) -> Option<Self>;
}

impl<'a, 'py, T: Words> FromPyObject<'a, 'py> for Choice<T> {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Choice<T>> {
        if let Some(value) = T::interned(given) {
            return Ok(Choice(value));
        }
        let given = given.cast::<PyString>()?;
        let given = given.to_str()?;
        match T::words().iter().find(|(word, _)| *word == given) {
            Some((_, value)) => Ok(Choice(*value)),
            None => Err(unknown::<T>(given)),
        }
    }
}

fn unknown<T: Words>(given: &str) -> PyErr {
    let words: Vec<String> = T::words().iter().map(|(word, _)| format!("'{word}'")).collect();
    let words = match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    };
    PyValueError::new_err(format!("{} must be {words}, not '{}'", T::ARGUMENT, given.escape_debug()))
}

macro_rules! words {
    ($type:ty, $argument:literal, $($word:literal => $value:expr),+) => {
        impl Words for $type {
            const ARGUMENT: &'static str = $argument;
            fn words() -> &'static [(&'static str, $type)] {
                &[$(($word, $value)),+]
            }

            fn interned(given: Borrowed<'_, '_, PyAny>) -> Option<$type> {
                $(if given.is(intern!(given.py(), $word)) {
                    return Some($value);
                })+
                None
            }
        }
    };
}

words!(Direction, "direction", "outbound" => Direction::Outbound, "inbound" => Direction::Inbound);
words!(PathKind, "kind", "reverse" => PathKind::Reverse, "forward" => PathKind::Forward);
words!(EntryDirection, "direction", "both" => EntryDirection::Both, "outbound" => EntryDirection::Outbound);
words!(Mode, "mode", "enforce" => Mode::Enforce, "shadow" => Mode::Shadow);
words!(
    Unmapped, "unmapped",
    "pass" => Unmapped::Pass, "tempfail" => Unmapped::Tempfail, "reject" => Unmapped::Reject
);
words!(
    OnSigned, "on_signed",
    "rewrite" => OnSigned::Rewrite, "skip-fields" => OnSigned::SkipFields,
    "envelope-only" => OnSigned::EnvelopeOnly
);
words!(
    Preset, "preset",
    "coexistence" => Preset::Coexistence, "edge-2016" => Preset::Edge2016, "edge-2013" => Preset::Edge2013,
    "postfix" => Preset::Postfix, "envelope-only" => Preset::EnvelopeOnly
);
