//! The result of rewriting one message.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView, PySlice, PyTuple};

use crate::engine::Engine;
use crate::errors;
use crate::outcome::{Outcome, takes_long};
use crate::records;

/// Octets from which the output is put together while other threads run.
const LARGE: usize = 1024 * 1024;

/// What came of one message. Made by `Engine.rewrite` and `Engine.rewrite_many`.
///
/// It keeps the message, and makes every list when it is asked for: keep what you need, not the
/// result. It can't be pickled; `bytes(done)` can. Its `repr` has numbers only, no addresses.
///
/// >>> done = engine.rewrite(b"From: John <john@tenant1.contoso.com>\r\n\r\nHi\r\n", direction="outbound")
/// >>> bytes(done)
/// b'From: John <john@contoso.com>\r\n\r\nHi\r\n'
/// >>> done
/// <readdress.Rewritten: 37 octets, 1 edit>
#[pyclass(frozen, module = "readdress")]
pub(crate) struct Rewritten {
    engine: Py<Engine>,
    message: Py<PyBytes>,
    outcome: Outcome,
}

impl Rewritten {
    pub(crate) fn new(engine: Py<Engine>, message: Py<PyBytes>, outcome: Outcome) -> Rewritten {
        Rewritten { engine, message, outcome }
    }

    /// What there is to report, if anything.
    fn report<'a>(&'a self, py: Python<'_>) -> Option<readdress::Rewritten<'a>> {
        self.outcome.report(&self.engine.get().core, self.message.as_bytes(py))
    }

    /// The report, if it changes the message.
    fn change<'a>(&'a self, py: Python<'_>) -> Option<readdress::Rewritten<'a>> {
        self.report(py).filter(readdress::Rewritten::changed)
    }
}

#[pymethods]
impl Rewritten {
    /// Whether the output differs from the input. Never in shadow mode.
    #[getter]
    fn changed(&self, py: Python<'_>) -> bool {
        self.change(py).is_some()
    }

    /// Octets of the output; `len(done)` is the same.
    #[getter]
    fn size(&self, py: Python<'_>) -> usize {
        self.change(py).map_or_else(|| self.message.as_bytes(py).len(), |done| done.size())
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.size(py)
    }

    /// The output. An unchanged message is the object that was given, if that was `bytes`.
    ///
    /// >>> message = b"Subject: nothing to do\n\n"
    /// >>> bytes(engine.rewrite(message, direction="outbound")) is message
    /// True
    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let Some(done) = self.change(py) else { return Ok(self.message.bind(py).clone()) };
        let size = done.size();
        PyBytes::new_with(py, size, |mut output| {
            // Slices and size come from the same edits, so the output is filled to its last octet.
            let mut fill = || {
                for slice in done.slices() {
                    if let Some((place, rest)) = std::mem::take(&mut output).split_at_mut_checked(slice.len())
                    {
                        place.copy_from_slice(slice);
                        output = rest;
                    }
                }
            };
            if size < LARGE {
                fill();
            } else {
                py.detach(fill);
            }
            Ok(())
        })
    }

    /// The output, piece by piece: `memoryview`s of the message with the new addresses as `bytes`
    /// between them. Nothing of the message is copied; an unchanged one is one piece.
    ///
    /// They are what `socket.sendmsg`, `os.writev` and `file.writelines` take. The first two may
    /// write less than all, and take `os.sysconf("SC_IOV_MAX")` pieces at most.
    ///
    /// >>> import io
    /// >>> file = io.BytesIO()
    /// >>> done = engine.rewrite(b"From: john@tenant1.contoso.com\n\n", direction="outbound")
    /// >>> file.writelines(done.slices())
    /// >>> file.getvalue()
    /// b'From: john@contoso.com\n\n'
    fn slices<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let message = self.message.bind(py);
        let view = PyMemoryView::from(message.as_any())?;
        let slices = PyList::empty(py);
        let Some(done) = self.change(py) else {
            if !message.as_bytes().is_empty() {
                slices.append(view)?;
            }
            return Ok(slices);
        };
        let stretch = |start: usize, end: usize| -> PyResult<()> {
            if start < end {
                slices.append(view.get_item(PySlice::new(py, index(start)?, index(end)?, 1))?)?;
            }
            Ok(())
        };
        let mut position = 0;
        for edit in done.edits() {
            stretch(position, edit.offset)?;
            if !edit.text.is_empty() {
                slices.append(PyBytes::new(py, edit.text))?;
            }
            position = edit.offset + edit.length;
        }
        stretch(position, message.as_bytes().len())?;
        Ok(slices)
    }

    /// Where the body begins in the output: the octets before it are the header section, the empty
    /// line included.
    #[getter]
    fn body_offset(&self, py: Python<'_>) -> usize {
        self.change(py).map_or(self.outcome.input_body_offset, |done| done.body_offset())
    }

    /// Where the body begins in the input.
    #[getter]
    fn input_body_offset(&self) -> usize {
        self.outcome.input_body_offset
    }

    /// The map's generation: which map this result is from.
    #[getter]
    fn generation(&self) -> &str {
        self.engine.get().core.map().generation()
    }

    /// What the plan says to do with the message: "pass", or "tempfail" or "reject" where it has
    /// unmapped addresses and the plan wants that.
    #[getter]
    fn verdict(&self, py: Python<'_>) -> &'static str {
        self.report(py).map_or("pass", |done| done.verdict().name())
    }

    /// Every change, in the order of places: a tuple of `Edit`. In shadow mode, those that would be
    /// made.
    #[getter]
    fn edits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let edits = self.report(py).map(|done| done.edits());
        records::tuple(py, edits.into_iter().flatten(), records::edit)
    }

    /// Every field with a new body, as milters apply them: a tuple of `FieldChange`. None in shadow
    /// mode.
    #[getter]
    fn field_changes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let changes = self.report(py).map(|done| done.field_changes());
        records::tuple(py, changes.into_iter().flatten(), records::field_change)
    }

    /// What was left alone although a mapped domain stands in the field: a tuple of `Skip`.
    #[getter]
    fn skipped<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let skipped = self.report(py).map(|done| done.skipped());
        records::tuple(py, skipped.into_iter().flatten(), records::skip)
    }

    /// Addresses in mapped domains that no entry maps: a tuple of `bytes`. One that stands twice is
    /// listed twice.
    #[getter]
    fn unmapped<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let unmapped = self.report(py).map(|done| done.unmapped());
        records::tuple(py, unmapped.into_iter().flatten(), |py, address| {
            Ok(PyBytes::new(py, address).into_any())
        })
    }

    /// What is remarkable about the header section: a tuple of names such as "bare-lf" and
    /// "duplicate-from".
    #[getter]
    fn flags<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.outcome.flags.names().collect::<Vec<_>>())
    }

    /// Every DKIM and ARC signature over the header section and whether the edits leave it whole: a
    /// tuple of `Signature`. Nothing is verified. In shadow mode, what the edits would do.
    #[getter]
    fn signatures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let signatures = self.report(py).map(|done| done.signatures());
        records::tuple(py, signatures.into_iter().flatten(), records::signature)
    }

    /// The domain of all mailboxes in From, before and after: a `FromDomain`, as DMARC compares it with
    /// those of DKIM signatures and of the reverse-path (`compare_domains`). None if there is none:
    /// without From, with several such fields, or if something in it does not parse.
    ///
    /// >>> done = engine.rewrite(b"From: john@tenant1.contoso.com\n\n", direction="outbound")
    /// >>> done.from_domain.before, done.from_domain.after
    /// ('tenant1.contoso.com', 'contoso.com')
    #[getter(from_domain)]
    fn author_domain<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (engine, message) = (&self.engine.get().core, self.message.as_bytes(py));
        let domains = if takes_long(message) {
            py.detach(|| self.outcome.author_domains(engine, message))
        } else {
            self.outcome.author_domains(engine, message)
        };
        records::from_domain(py, &domains.map_err(|error| errors::of_message(&error, None))?)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let mut text = format!("<readdress.Rewritten: {}", number(self.size(py), "octet", "octets"));
        let counts = self.report(py).map(|done| {
            [
                (done.edits().len(), "edit", "edits"),
                (done.skipped().len(), "skip", "skips"),
                (done.unmapped().len(), "unmapped address", "unmapped addresses"),
            ]
        });
        for (count, one, many) in counts.into_iter().flatten().filter(|(count, ..)| *count > 0) {
            text.push_str(", ");
            text.push_str(&number(count, one, many));
        }
        text.push('>');
        text
    }
}

/// `1 edit`, `2 edits`.
pub(crate) fn number(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A place in a message as Python counts; messages are shorter than 4 GiB.
fn index(at: usize) -> PyResult<isize> {
    Ok(isize::try_from(at)?)
}
