//! What ends a verb early: an exit code and what to tell the user.

use std::fmt::Display;
use std::io;
use std::path::Path;

use readdress::{Error, MapErrorKind};

use crate::{Streams, escape, exit};

/// A verb that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    stream: Stream,
    text: String,
}

#[derive(Debug)]
enum Stream {
    Out,
    Err,
}

impl Failure {
    /// A failure told in one sentence.
    pub(crate) fn new(code: u8, message: impl Display) -> Failure {
        Failure { code, stream: Stream::Err, text: format!("readdress: {message}\n") }
    }

    /// A failure whose text is complete already: diagnostics of a plan, or nothing.
    pub(crate) fn told(code: u8, text: String) -> Failure {
        Failure { code, stream: Stream::Err, text }
    }

    /// What the option parser has to say, which is no failure for `--help` and `--version`.
    pub(crate) fn usage(error: &clap::Error) -> Failure {
        let text = error.render().to_string();
        if error.use_stderr() {
            Failure { code: exit::USAGE, stream: Stream::Err, text }
        } else {
            Failure { code: exit::OK, stream: Stream::Out, text }
        }
    }

    /// Standard output can't be written. A reader that went away has seen enough and is told
    /// nothing.
    pub(crate) fn output(error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::told(exit::IO, String::new());
        }
        Failure::new(exit::IO, format_args!("cannot write to standard output: {error}"))
    }

    /// A file can't be read.
    pub(crate) fn read(path: &Path, error: &io::Error) -> Failure {
        let code = if is_absent(error.kind()) { exit::NO_INPUT } else { exit::IO };
        Failure::new(code, format_args!("cannot read {}: {error}", escape::path(path)))
    }

    /// A map file can't be opened.
    pub(crate) fn map(path: &Path, error: &Error) -> Failure {
        let shown = escape::path(path);
        match error {
            Error::Io(error) => Failure::read(path, error),
            Error::Map(problem) if problem.kind == MapErrorKind::NotAMap && is_plan_name(path) => {
                Failure::new(
                    exit::BAD_DATA,
                    format_args!("{shown}: {problem}; a plan is given as --plan {shown}"),
                )
            }
            other => Failure::new(code(other), format_args!("{shown}: {other}")),
        }
    }

    /// The engine refused `subject`, a message or a path, which stays as it is.
    pub(crate) fn engine(subject: &str, error: &Error) -> Failure {
        Failure::new(code(error), format_args!("{subject}: {error}"))
    }

    /// The map file can't be written.
    pub(crate) fn create(path: &Path, error: &Error) -> Failure {
        let code = match error {
            Error::Io(error) if is_absent(error.kind()) => exit::CANNOT_CREATE,
            other => code(other),
        };
        Failure::new(code, format_args!("cannot create {}: {error}", escape::path(path)))
    }

    /// What there is to tell, for those who go on in spite of it.
    pub(crate) fn into_text(self) -> String {
        self.text.trim_end().to_owned()
    }

    /// Tells the user, and gives the exit code.
    pub(crate) fn tell(self, streams: &mut Streams<'_>) -> u8 {
        match self.stream {
            Stream::Err => {
                streams.tell(&self.text);
                self.code
            }
            Stream::Out => {
                let written = streams.out.write_all(self.text.as_bytes()).and_then(|()| streams.out.flush());
                match written {
                    Ok(()) => self.code,
                    Err(error) => Failure::output(&error).tell(streams),
                }
            }
        }
    }
}

fn code(error: &Error) -> u8 {
    match error {
        Error::Limit { .. } => exit::TRY_LATER,
        Error::Map(_) => exit::BAD_DATA,
        _ => exit::IO,
    }
}

/// Errors that say that a path leads to nothing usable, in contrast to a disk that fails.
fn is_absent(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::NotFound
            | Kind::PermissionDenied
            | Kind::IsADirectory
            | Kind::NotADirectory
            | Kind::AlreadyExists
            | Kind::DirectoryNotEmpty
            | Kind::ReadOnlyFilesystem
            | Kind::ResourceBusy
            | Kind::InvalidFilename
            | Kind::InvalidInput
            | Kind::Unsupported
    )
}

fn is_plan_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_disk_is_no_missing_file() {
        let path = Path::new("contoso.map");
        assert_eq!(Failure::read(path, &io::Error::other("input/output error")).code, exit::IO);
        assert_eq!(Failure::read(path, &io::ErrorKind::NotFound.into()).code, exit::NO_INPUT);
        assert_eq!(Failure::create(path, &Error::Io(io::ErrorKind::StorageFull.into())).code, exit::IO);
        assert_eq!(
            Failure::create(path, &Error::Io(io::ErrorKind::NotFound.into())).code,
            exit::CANNOT_CREATE
        );
    }
}
