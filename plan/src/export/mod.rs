//! A plan in the words of others: Postfix tables, Exchange cmdlets, DNS records. Pure functions from plans to
//! texts; what the others have no word for is listed, never approximated in silence.

mod asked;
mod dns;
mod exchange;
mod postfix;

use crate::diagnostic::{Diagnostic, Location};
use crate::plan::Plan;

/// For whom a plan is exported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExportKind {
    /// Tables in Postfix's own formats, and what `main.cf` says of them.
    Postfix,
    /// Cmdlets of Exchange Online, Exchange Server and its Edge role.
    Exchange,
    /// MX and SPF records.
    Dns,
}

/// A text of an export.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExportedFile {
    /// The name that the other texts know it by: letters, digits, `.` and `-`.
    pub name: &'static str,
    /// The whole text.
    pub text: String,
}

/// A plan in somebody else's words.
#[derive(Debug, Default)]
pub struct Export {
    /// In the order in which a person reads them.
    pub files: Vec<ExportedFile>,
    /// What would go wrong there: the texts are of no use.
    pub errors: Vec<Diagnostic>,
    /// What can't be said there, each as a warning with the code `not-enforceable`.
    pub limits: Vec<Diagnostic>,
}

/// What every text begins with, behind the sign for a comment: who may replace it knows it by that.
pub const EXPORT_MARK: &str = "readdress export";

impl Plan {
    /// The plan for another system. With an older plan, also what there is to change on the way from that one.
    #[must_use]
    pub fn export(&self, kind: ExportKind, older: Option<&Plan>) -> Export {
        let mut export = match kind {
            ExportKind::Postfix => self.export_postfix(older),
            ExportKind::Exchange => self.export_exchange(older),
            ExportKind::Dns => self.export_dns(older),
        };
        for list in [&mut export.errors, &mut export.limits] {
            list.sort_by(|a, b| (a.at.first(), &a.excerpt).cmp(&(b.at.first(), &b.excerpt)));
        }
        export
    }

    /// The plan file as a whole.
    fn as_a_whole(&self) -> Location {
        Location { line: 0, column: 0, ..self.locate_in(0, 0) }
    }
}

impl Export {
    fn add(&mut self, name: &'static str, text: String) {
        self.files.push(ExportedFile { name, text });
    }

    /// Lists something that can't be said. `what`: the thing itself.
    fn limit(&mut self, at: Location, what: &str, message: impl Into<String>, hint: &str) {
        self.limits.push(Diagnostic::warning("not-enforceable", at, message).excerpt(what).hint(hint));
    }
}

/// The place of one of the things that a plan lists.
fn place(places: &[Location], number: usize, otherwise: Location) -> Location {
    places.get(number).cloned().unwrap_or(otherwise)
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// A name in a comment: whatever could end the line is taken out.
fn remark(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}
