//! The engine: a map in use.

#![expect(clippy::needless_pass_by_value, reason = "PyO3 hands paths over by value")]

use std::path::{Path, PathBuf};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use readdress::{
    Direction, Error, Mode, OnSigned, PathKind, Policy, Preset, Scratch, Session, Unmapped, publish,
};

use crate::choices::Choice;
use crate::entries::{self, EntryIterator};
use crate::errors::{self, MapError};
use crate::many;
use crate::octets::{Text, octets};
use crate::outcome::{Outcome, takes_long};
use crate::records;
use crate::rewritten::{Rewritten, number};
use crate::route::{self, Question};

/// A map in use: rewrites messages and paths. Made by `open`, `compile`, `from_bytes` and
/// `from_entries`, never by calling the class.
///
/// Nothing about it ever changes, so threads may share one, and `copy.copy` gives the same one. It
/// can be pickled: one that was opened from a file as the file's path and generation, any other
/// with its whole map. To use a new map, open it and replace the engine.
#[pyclass(frozen, module = "readdress")]
pub(crate) struct Engine {
    pub(crate) core: readdress::Engine,
    /// The file it was opened from, as an absolute path.
    path: Option<PathBuf>,
}

impl Engine {
    fn in_memory(core: readdress::Engine) -> Engine {
        Engine { core, path: None }
    }
}

#[pymethods]
impl Engine {
    /// Opens a map file: reads it into memory and verifies every octet of it.
    ///
    /// Raises `MapError` if it is damaged or no map, and `OSError` if it can't be read.
    #[staticmethod]
    #[pyo3(signature = (path, /))]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Engine> {
        let core = py
            .detach(|| readdress::Engine::open(&path))
            .map_err(|error| errors::of_file(py, &path, &error))?;
        let path = std::path::absolute(&path).unwrap_or(path);
        Ok(Engine { core, path: Some(path) })
    }

    /// Compiles a plan in memory, as `readdress compile` does into a file.
    ///
    /// Raises `PlanError` with everything that is wrong with it, and `OSError` if it can't be read.
    /// Warnings are for `readdress check` to tell.
    #[staticmethod]
    #[pyo3(signature = (plan, /))]
    fn compile(py: Python<'_>, plan: PathBuf) -> PyResult<Engine> {
        #[cfg(feature = "compile")]
        {
            let compiled = py.detach(|| readdress_plan::Plan::read(&plan)?.compile());
            let compiled = match compiled {
                Ok(compiled) => compiled,
                Err(diagnostics) => return Err(plan_error(py, &plan, &diagnostics)?),
            };
            let core = py.detach(|| readdress::Engine::from_bytes(compiled.map));
            core.map(Engine::in_memory).map_err(|error| errors::of_map(&error))
        }
        #[cfg(not(feature = "compile"))]
        {
            drop((py, plan));
            Err(errors::built_without_compile())
        }
    }

    /// Verifies a map file's octets and takes a copy of them into use.
    ///
    /// Raises `MapError` if they are damaged or no map.
    #[staticmethod]
    #[pyo3(signature = (map, /))]
    fn from_bytes(map: &Bound<'_, PyAny>) -> PyResult<Engine> {
        let map = octets(map, "a map")?;
        let file = map.as_bytes();
        let core = map.py().detach(|| {
            let mut copy = Vec::new();
            copy.try_reserve_exact(file.len()).map_err(|_| Error::Memory)?;
            copy.extend_from_slice(file);
            readdress::Engine::from_bytes(copy)
        });
        core.map(Engine::in_memory).map_err(|error| errors::of_map(&error))
    }

    /// Makes a map of `Entry` objects. The other arguments are a plan's settings of the same names,
    /// with the same defaults, for both directions.
    ///
    /// Raises `AddressError` for an entry with something that is no address, and `PlanError` for
    /// entries that can't be or that contradict each other. The checks of a plan go further.
    ///
    /// >>> from readdress import Engine, Entry
    /// >>> engine = Engine.from_entries([Entry("john@tenant1.contoso.com", "john@contoso.com")])
    /// >>> engine
    /// <readdress.Engine: 1 entry, generation ...>
    #[staticmethod]
    #[pyo3(
        signature = (entries, /, *, name="", preset=None, mode=None, subaddress_delimiters="+", unmapped=None, on_signed=None),
        text_signature = "(entries, /, *, name='', preset='coexistence', mode='enforce', subaddress_delimiters='+', unmapped='pass', on_signed='rewrite')"
    )]
    fn from_entries(
        entries: &Bound<'_, PyAny>,
        name: &str,
        preset: Option<Choice<Preset>>,
        mode: Option<Choice<Mode>>,
        subaddress_delimiters: &str,
        unmapped: Option<Choice<Unmapped>>,
        on_signed: Option<Choice<OnSigned>>,
    ) -> PyResult<Engine> {
        let mut policy = Policy::from_preset(preset.map_or_else(Preset::default, |preset| preset.0));
        policy.mode = mode.map_or_else(Mode::default, |mode| mode.0);
        policy.unmapped = unmapped.map_or_else(Unmapped::default, |unmapped| unmapped.0);
        let on_signed = on_signed.map_or_else(OnSigned::default, |on_signed| on_signed.0);
        (policy.on_signed_outbound, policy.on_signed_inbound) = (on_signed, on_signed);
        policy.subaddress_delimiters = delimiters(subaddress_delimiters)?;
        let map = entries::compile(entries, name, policy)?;
        let core = entries.py().detach(|| readdress::Engine::from_bytes(map));
        core.map(Engine::in_memory).map_err(|error| errors::of_map(&error))
    }

    /// Writes the map file to `path` so that every reader sees the old file or the new one, whatever
    /// happens meanwhile.
    ///
    /// Raises `OSError`; then nothing is left behind and the old file stands.
    #[pyo3(signature = (path, /))]
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| publish(&path, self.core.map().octets()))
            .map_err(|error| errors::of_file(py, &path, &error))
    }

    /// The map's identity: 64 hexadecimal digits. Two maps with the same are the same.
    #[getter]
    fn generation(&self) -> &str {
        self.core.map().generation()
    }

    /// The plan's name.
    #[getter]
    fn name(&self) -> &str {
        self.core.map().name()
    }

    /// How many entries the map has.
    #[getter]
    fn entry_count(&self) -> u32 {
        self.core.map().entry_count()
    }

    /// An iterator over the map's entries: mailboxes first, then domains, then `*.` domains, each
    /// ordered by internal address.
    ///
    /// >>> for entry in engine.entries():
    /// ...     print(entry.external)
    /// john@contoso.com
    /// mary@contoso.com
    fn entries(slf: &Bound<'_, Self>) -> EntryIterator {
        EntryIterator::new(slf.clone().unbind())
    }

    /// Rewrites the addresses of a message, or of the header section of one.
    ///
    /// `message` is `bytes`, which is not copied, or any other buffer, which is copied once.
    /// `direction` is "outbound" for a message from one of our systems and "inbound" for one from
    /// anywhere else. `smtputf8` is for messages of SMTPUTF8 sessions: without it no address becomes one
    /// outside ASCII unless it was. The time is linear in the header section; the body is not read. Other threads
    /// run meanwhile if the header section is long.
    ///
    /// Raises `LimitError` if the message passes one of the plan's limits. What can't be parsed is
    /// left alone and is never an error.
    ///
    /// >>> engine.rewrite(b"To: mary.jones@tenant2.contoso.com\n\n", direction="outbound").changed
    /// True
    #[pyo3(signature = (message, /, *, direction, smtputf8=false))]
    fn rewrite(
        slf: &Bound<'_, Self>,
        message: &Bound<'_, PyAny>,
        direction: Choice<Direction>,
        smtputf8: bool,
    ) -> PyResult<Rewritten> {
        let message = octets(message, "a message")?;
        let core = &slf.get().core;
        let octets = message.as_bytes();
        let session = session(direction, smtputf8);
        let outcome = if takes_long(octets) {
            slf.py().detach(|| Outcome::of(core, session, octets))
        } else {
            Outcome::of(core, session, octets)
        };
        let outcome = outcome.map_err(|error| errors::of_message(&error, None))?;
        Ok(Rewritten::new(slf.clone().unbind(), message.unbind(), outcome))
    }

    /// Rewrites many messages on all cores, and gives a list of their results in the same order.
    ///
    /// `threads` bounds the number of threads; `None` is one for each core that the process may use.
    /// They end before the call returns, so a process may fork afterwards. Python's other threads
    /// run meanwhile.
    ///
    /// Raises `LimitError` for the first message that passes a limit, with its place in `index`;
    /// there are no results then.
    ///
    /// >>> messages = [b"From: john@tenant1.contoso.com\n\n", b"To: olivia@example.org\n\n"]
    /// >>> [done.changed for done in engine.rewrite_many(messages, direction="outbound")]
    /// [True, False]
    #[pyo3(signature = (messages, /, *, direction, smtputf8=false, threads=None))]
    fn rewrite_many<'py>(
        slf: &Bound<'py, Self>,
        messages: &Bound<'py, PyAny>,
        direction: Choice<Direction>,
        smtputf8: bool,
        threads: Option<isize>,
    ) -> PyResult<Bound<'py, PyList>> {
        let py = slf.py();
        let threads = match threads.map(usize::try_from) {
            None => many::cores(),
            Some(Ok(threads @ 1..)) => threads,
            Some(_) => return Err(PyValueError::new_err("threads must be 1 or more, or None")),
        };
        let session = session(direction, smtputf8);
        let core = &slf.get().core;
        let results = PyList::empty(py);
        let mut messages = messages.try_iter()?.enumerate();
        loop {
            let batch: Vec<_> = messages
                .by_ref()
                .take(many::BATCH)
                .map(|(number, message)| octets(&message?, &format!("message {number}")))
                .collect::<PyResult<_>>()?;
            if batch.is_empty() {
                return Ok(results);
            }
            let slices: Vec<&[u8]> = batch.iter().map(PyBytesMethods::as_bytes).collect();
            let outcomes = py.detach(|| many::rewrite(core, session, &slices, threads));
            for (message, outcome) in batch.into_iter().zip(outcomes) {
                let outcome = outcome.map_err(|error| errors::of_message(&error, Some(results.len())))?;
                results.append(Rewritten::new(slf.clone().unbind(), message.unbind(), outcome))?;
            }
            py.check_signals()?;
        }
    }

    /// Rewrites one path of the envelope: `<john@example.net>`, the same without angle brackets, or
    /// `<>`. ESMTP parameters are no part of it.
    ///
    /// `kind` is "reverse" for MAIL FROM and "forward" for RCPT TO. A reverse-path goes from internal
    /// to external in outbound messages, a forward-path from external to internal in both
    /// directions. The result has the path as `str` if it was given as `str`, else as `bytes`.
    ///
    /// Raises `LimitError` for a path of more than 256 octets.
    ///
    /// >>> engine.rewrite_path("<john@tenant1.contoso.com>", direction="outbound", kind="reverse").path
    /// '<john@contoso.com>'
    #[pyo3(signature = (path, /, *, direction, kind, smtputf8=false))]
    fn rewrite_path<'py>(
        &self,
        path: &Bound<'py, PyAny>,
        direction: Choice<Direction>,
        kind: Choice<PathKind>,
        smtputf8: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let path = Text::of(path, "a path")?;
        let mut scratch = Scratch::new();
        let done = self
            .core
            .rewrite_path(session(direction, smtputf8), kind.0, path.octets()?, &mut scratch)
            .map_err(|error| errors::of_message(&error, None))?;
        records::path(&path, &done)
    }

    /// Explains what happens to one address in the fields of a message of this direction: every key
    /// that is looked up, the entry that wins, and those it shadows.
    ///
    /// >>> explained = engine.explain("john+news@tenant1.contoso.com", direction="outbound")
    /// >>> explained.result
    /// 'john+news@contoso.com'
    /// >>> [(tried.kind, tried.hit) for tried in explained.tried]
    /// [('mailbox', False), ('subaddress', True)]
    #[pyo3(signature = (address, /, *, direction, smtputf8=false))]
    fn explain<'py>(
        &self,
        address: &Bound<'py, PyAny>,
        direction: Choice<Direction>,
        smtputf8: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let address = Text::of(address, "an address")?;
        records::explanation(&address, &self.core.explain(session(direction, smtputf8), address.octets()?))
    }

    /// Decides where the copies of a message go: by the plan's listeners, entries, rules, recipients,
    /// accepted domains and connectors.
    ///
    /// `recipients` is a forward-path, for which there is a `Decision`, or several of a message, for
    /// which there is a tuple of them: rules may ask about the others. `mail_from` is the reverse-path,
    /// "<>" or nothing the null one; None: not known, so no condition about the sender holds. Paths stand
    /// with or without angle brackets.
    ///
    /// Who brings the message decides which listener it comes in by, and so which way it goes:
    /// `client_ip` is the client's address (`str` or of `ipaddress`), `tls` whether the session is
    /// encrypted, `tls_name` the name in the client's verified certificate (the session is encrypted
    /// then), `authenticated` whether the client has authenticated itself. `direction` says it in spite
    /// of any listener.
    ///
    /// `message` is the message or its header section. Where a rule asks for it and it is not there yet,
    /// decisions are not `final`. `explain=False` spares the steps that led there, which take most of
    /// the time.
    ///
    /// Raises `LimitError` if there are more recipients than the plan allows addresses, or the header
    /// section passes a limit.
    ///
    /// >>> decision = engine.route("john@contoso.com", mail_from="olivia@example.org")
    /// >>> decision.action, decision.forward_path
    /// ('relay', 'john@tenant1.contoso.com')
    /// >>> for step in decision.steps:
    /// ...     print(step)
    /// session: the plan has no listeners, so nobody is trusted
    /// entry John Doe: gives the internal address
    /// recipient john@tenant1.contoso.com: no accepted domain: outside
    /// dns: no connector serves the domain, so its mail exchangers do
    #[pyo3(signature = (
        recipients, /, *, mail_from=None, client_ip=None, tls=false, tls_name=None, authenticated=false,
        direction=None, message=None, smtputf8=false, explain=true
    ))]
    #[expect(
        clippy::too_many_arguments,
        clippy::fn_params_excessive_bools,
        reason = "they have names in Python"
    )]
    fn route<'py>(
        &self,
        recipients: &Bound<'py, PyAny>,
        mail_from: Option<&Bound<'py, PyAny>>,
        client_ip: Option<&Bound<'py, PyAny>>,
        tls: bool,
        tls_name: Option<&str>,
        authenticated: bool,
        direction: Option<Choice<Direction>>,
        message: Option<&Bound<'py, PyAny>>,
        smtputf8: bool,
        explain: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let direction = direction.map(|direction| direction.0);
        let question = Question {
            mail_from,
            client_ip,
            tls,
            tls_name,
            authenticated,
            direction,
            message,
            smtputf8,
            explain,
        };
        route::decide(&self.core, recipients, &question)
    }

    fn __repr__(&self) -> String {
        let map = self.core.map();
        let name = if map.name().is_empty() { String::new() } else { format!(" {:?}", map.name()) };
        let entries = number(map.entry_count() as usize, "entry", "entries");
        let generation = map.generation().get(..12).unwrap_or_default();
        format!("<readdress.Engine{name}: {entries}, generation {generation}>")
    }

    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (memo, /))]
    fn __deepcopy__<'py>(slf: Bound<'py, Self>, memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        let _ = memo;
        slf
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let module = py.import("readdress._readdress")?;
        let arguments = match &self.path {
            Some(path) => (path.as_os_str(), self.generation()).into_pyobject(py)?,
            None => (PyBytes::new(py, self.core.map().octets()),).into_pyobject(py)?,
        };
        Ok((module.getattr("_reopen")?, arguments))
    }
}

/// An engine out of a pickle: from the file's path and the generation it must have, or from the map
/// itself.
#[pyfunction]
#[pyo3(name = "_reopen", signature = (source, generation=None, /))]
pub(crate) fn reopen(source: &Bound<'_, PyAny>, generation: Option<&str>) -> PyResult<Engine> {
    let Some(generation) = generation else { return Engine::from_bytes(source) };
    let path: PathBuf = source.extract()?;
    let engine = Engine::open(source.py(), path.clone())?;
    if engine.generation() == generation {
        return Ok(engine);
    }
    let message = "this is not the map that was pickled: the file has been replaced since";
    Err(MapError::new_err(format!("{}: {message}", path.display())))
}

/// What the caller knows about where a message comes from.
fn session(direction: Choice<Direction>, smtputf8: bool) -> Session {
    Session::from(direction.0).with_smtputf8(smtputf8)
}

/// What a plan takes as delimiters of subaddresses.
fn delimiters(given: &str) -> PyResult<String> {
    let is_delimiter =
        |character: char| character.is_ascii_graphic() && !"@.\"\\()<>[]:;,".contains(character);
    if given.len() <= 16 && given.chars().all(is_delimiter) {
        return Ok(given.to_owned());
    }
    Err(PyValueError::new_err(
        "subaddress_delimiters must be up to 16 characters that may stand in an address without quotes",
    ))
}

/// The exception for a plan: an `OSError` if the plan itself can't be read.
#[cfg(feature = "compile")]
fn plan_error(py: Python<'_>, plan: &Path, diagnostics: &readdress_plan::Diagnostics) -> PyResult<PyErr> {
    if diagnostics.is_missing_input() {
        // The diagnostic has the system's answer as text alone; asking again gives its number.
        if let Err(error) = std::fs::read(plan) {
            return Ok(errors::of_io(py, plan, &error));
        }
    }
    entries::plan_error(py, diagnostics)
}
