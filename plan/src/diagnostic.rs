//! What is wrong with a plan, where, and what to do about it.

use std::fmt::{self, Write};

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Nothing compiles.
    Error,
    /// It compiles, and may not do what was meant.
    Warning,
}

/// A place in a plan.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Location {
    /// The file, as the person who named the plan finds it.
    pub file: String,
    /// Line, from 1; 0 if the file as a whole is meant.
    pub line: u32,
    /// Column in characters, from 1; 0 if the file as a whole is meant.
    pub column: u32,
}

/// One thing that is wrong or doubtful.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A name that stays: scripts may rely on it.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// Where it is; the first place is the one to mend.
    pub at: Vec<Location>,
    /// The cell, key or value in question.
    pub excerpt: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Addresses that show it, step by step.
    pub witness: Vec<String>,
}

impl Diagnostic {
    pub(crate) fn new(
        severity: Severity,
        code: &'static str,
        at: Location,
        message: impl Into<String>,
    ) -> Diagnostic {
        let message = message.into();
        Diagnostic { severity, code, message, at: vec![at], excerpt: None, hint: None, witness: Vec::new() }
    }

    pub(crate) fn error(code: &'static str, at: Location, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Error, code, at, message)
    }

    pub(crate) fn warning(code: &'static str, at: Location, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Warning, code, at, message)
    }

    pub(crate) fn excerpt(mut self, excerpt: impl Into<String>) -> Diagnostic {
        self.excerpt = Some(excerpt.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn also_at(mut self, at: Location) -> Diagnostic {
        self.at.push(at);
        self
    }

    pub(crate) fn witness(mut self, witness: impl IntoIterator<Item = String>) -> Diagnostic {
        self.witness.extend(witness);
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut places = self.at.iter();
        if let Some(place) = places.next() {
            write!(f, "{place}: ")?;
        }
        write!(f, "{severity}[{}]: {}", self.code, Printable(&self.message))?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n    | {}", Printable(excerpt))?;
        }
        for place in places {
            write!(f, "\n    see {place}")?;
        }
        if !self.witness.is_empty() {
            write!(f, "\n    witness: {}", Printable(&self.witness.join(" -> ")))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n    hint: {}", Printable(hint))?;
        }
        Ok(())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable(&self.file))?;
        if self.line > 0 { write!(f, ":{}:{}", self.line, self.column) } else { Ok(()) }
    }
}

/// Text from outside, fit for a terminal: control characters escaped, and cut where nobody reads
/// on.
struct Printable<'t>(&'t str);

/// The most characters of one text that are shown.
const SHOWN: usize = 400;

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, character) in self.0.chars().enumerate() {
            if nth == SHOWN {
                return f.write_str("…");
            }
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Everything that is wrong with a plan.
#[derive(Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    is_missing_input: bool,
}

impl Diagnostics {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// What a fallible step gave, its mistake set down here.
    pub(crate) fn keep<T>(&mut self, given: Result<T, Box<Diagnostic>>) -> Option<T> {
        given.map_err(|diagnostic| self.push(*diagnostic)).ok()
    }

    pub(crate) fn of_missing_input(diagnostic: Diagnostic) -> Diagnostics {
        Diagnostics { list: vec![diagnostic], is_missing_input: true }
    }

    /// Whether the plan itself could not be read at all.
    #[must_use]
    pub fn is_missing_input(&self) -> bool {
        self.is_missing_input
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// In the order in which a person works through them: file by file from the top, each once. A file that
    /// serves two purposes is read for both.
    pub(crate) fn sort(&mut self) {
        self.list.sort_by(|a, b| (a.at.first(), a.code).cmp(&(b.at.first(), b.code)));
        self.list.dedup();
    }
}

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(list: Vec<Diagnostic>) -> Diagnostics {
        Diagnostics { list, is_missing_input: false }
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.iter().try_for_each(|diagnostic| writeln!(f, "{diagnostic}"))
    }
}

impl std::error::Error for Diagnostics {}
