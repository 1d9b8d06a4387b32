//! The files of a plan: the plan file itself, and the tables that it names.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Location};
use crate::entry::Placed;
use crate::source::{Source, SourceError};

/// The files of a plan, each read once.
pub(crate) struct Files {
    folder: PathBuf,
    /// The plan file, then its tables.
    sources: Vec<Source>,
}

impl Files {
    /// `path`: where the plan file is.
    pub(crate) fn new(path: &Path, plan: Source) -> Files {
        Files { folder: path.parent().unwrap_or(Path::new("")).to_owned(), sources: vec![plan] }
    }

    /// All that were read: the plan file, then its tables.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The same for good: the texts of tables are let go.
    pub(crate) fn into_sources(mut self) -> Vec<Source> {
        for number in 1..self.sources.len() {
            self.forget_text(number);
        }
        self.sources
    }

    /// Lets the text of a table go that nothing is read from any more.
    pub(crate) fn forget_text(&mut self, number: usize) {
        if let Some(source) = self.sources.get_mut(number) {
            source.forget_text();
        }
    }

    /// The place of an octet of the plan file.
    pub(crate) fn locate(&self, at: usize) -> Location {
        let nowhere = || Location { file: String::new(), line: 0, column: 0 };
        self.sources.first().map_or_else(nowhere, |plan| plan.locate(at))
    }

    /// The number of the table that a plan names here. `seen`: the tables that were named for the same
    /// purpose; one that is named twice for one is a mistake.
    pub(crate) fn open(&mut self, file: &Placed, seen: &mut Vec<usize>) -> Result<usize, Box<Diagnostic>> {
        let number = self.open_again(file)?;
        if seen.contains(&number) {
            return Err(self.error(file, "duplicate-file", "the file is named twice", "name each file once"));
        }
        seen.push(number);
        Ok(number)
    }

    /// The number of the table that a plan names here, whatever it was named for before.
    pub(crate) fn open_again(&mut self, file: &Placed) -> Result<usize, Box<Diagnostic>> {
        // Relative paths count from the plan's folder.
        let path = self.folder.join(&file.text);
        let real = std::fs::canonicalize(&path).ok();
        let known = self.sources.iter().position(|source| Some(&source.real) == real.as_ref());
        match known {
            Some(0) => Err(self.error(
                file,
                "duplicate-file",
                "this is the plan itself",
                "name a CSV file; entries that stand in the plan are [[rewrite.entry]] tables",
            )),
            Some(number) => Ok(number),
            None => {
                let source = Source::read(&path, recorded_name(&self.folder, &file.text));
                self.sources.push(source.map_err(|why| match why {
                    SourceError::Undecodable(diagnostic) => diagnostic,
                    SourceError::Io(why) => self.error(
                        file,
                        "missing-file",
                        &format!("the file can't be read: {why}"),
                        "name a CSV file that is there; relative paths count from the plan's folder",
                    ),
                })?);
                Ok(self.sources.len() - 1)
            }
        }
    }

    fn error(&self, file: &Placed, code: &'static str, message: &str, hint: &str) -> Box<Diagnostic> {
        Box::new(Diagnostic::error(code, self.locate(file.at), message).excerpt(&file.text).hint(hint))
    }
}

/// What a map records of a file's path: nothing of the machine it was compiled on, so that the same
/// plan gives the same octets everywhere.
fn recorded_name(folder: &Path, file: &str) -> String {
    let path = Path::new(file);
    if !path.is_absolute() {
        return file.to_owned();
    }
    let inside = path.strip_prefix(folder).ok().or_else(|| path.file_name().map(Path::new));
    inside.unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_records_no_absolute_path() {
        for (file, recorded) in [
            ("entries.csv", "entries.csv"),
            ("../shared/e.csv", "../shared/e.csv"),
            ("/etc/plan/csv/e.csv", "csv/e.csv"),
            ("/srv/e.csv", "e.csv"),
        ] {
            assert_eq!(recorded_name(Path::new("/etc/plan"), file), recorded);
        }
    }
}
