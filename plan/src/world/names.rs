//! Names of groups, waves, listeners, connectors, systems and rules: whatever their case, each stands for
//! one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::diagnostic::{Diagnostic, Location};
use crate::nearest::nearest;

/// The most names of one kind: a map counts in sixteen bits, the last of which stands for none.
pub(crate) const NUMBERS_MAX: usize = 65_535;

/// The names of one kind of thing, each with its number.
#[derive(Debug)]
pub(crate) struct Names {
    /// What they are names of.
    kind: &'static str,
    /// By the name in lower case: its number, and the octet of the plan file at which it stands.
    numbers: HashMap<String, (u16, usize)>,
    list: Vec<String>,
}

impl Names {
    pub(crate) fn new(kind: &'static str) -> Names {
        Names { kind, numbers: HashMap::new(), list: Vec::new() }
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Gives a name the next number. If another thing has it, the octet at which that one's name stands.
    pub(crate) fn add(&mut self, name: &str, at: usize) -> Result<(), usize> {
        // Beyond what is counted, the plan is refused for that.
        let number = u16::try_from(self.list.len()).unwrap_or(u16::MAX);
        match self.numbers.entry(name.to_lowercase()) {
            Entry::Occupied(first) => Err(first.get().1),
            Entry::Vacant(place) => {
                place.insert((number, at));
                self.list.push(name.to_owned());
                Ok(())
            }
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<u16> {
        self.numbers.get(&name.to_lowercase()).map(|(number, _)| *number)
    }

    pub(crate) fn list(&self) -> &[String] {
        &self.list
    }

    /// What is wrong with a name that nothing has.
    pub(crate) fn unknown(&self, name: &str, at: Location) -> Diagnostic {
        let kind = self.kind;
        let known = || self.list.iter().map(String::as_str);
        let hint = match nearest(name, known()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if self.list.is_empty() => format!("add a [[{kind}]] table with this name"),
            None => format!("known here: {}", known().take(10).collect::<Vec<_>>().join(", ")),
        };
        Diagnostic::error("unknown-name", at, format!("there is no {kind} of this name"))
            .excerpt(name)
            .hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_whatever_its_case() {
        let mut names = Names::new("group");
        assert_eq!(names.add("Migrated Users", 7), Ok(()));
        assert_eq!(names.add("Others", 9), Ok(()));
        assert_eq!(names.add("migrated USERS", 11), Err(7));
        assert_eq!((names.get("MIGRATED users"), names.get("Others")), (Some(0), Some(1)));
        assert_eq!((names.get("Migrated"), names.list().len()), (None, 2));
    }
}
