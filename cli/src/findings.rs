//! What is found in a plan, as text and as JSON. Shared by `check` and `compile`.

use std::fmt::Write;
use std::path::Path;

use readdress_plan::{Diagnostic, Diagnostics, Export, Report, Severity};
use serde_json::Value;

use crate::escape;
use crate::json::Object;

/// Errors, warnings and proofs of one plan.
#[derive(Default)]
pub(crate) struct Findings {
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
    proved: Vec<&'static str>,
    counts: Vec<(&'static str, u64)>,
}

/// One error or warning in both its forms.
pub(crate) struct Finding {
    text: String,
    object: Value,
}

impl Findings {
    /// All that `check` knows.
    pub(crate) fn of_report(report: &Report) -> Findings {
        let counts = &report.counts;
        Findings {
            errors: report.errors.iter().map(Finding::of).collect(),
            warnings: report.warnings.iter().map(Finding::of).collect(),
            proved: report.proved.clone(),
            counts: vec![("entries", counts.entries as u64)],
        }
    }

    /// Adds what an export of the plan would say.
    pub(crate) fn add_export(&mut self, export: &Export) {
        self.errors.extend(export.errors.iter().map(Finding::of));
        self.warnings.extend(export.limits.iter().map(Finding::of));
    }

    /// A plan of which no more is known than what is wrong with it.
    pub(crate) fn of_diagnostics(diagnostics: Diagnostics) -> Findings {
        let mut findings = Findings::default();
        for found in diagnostics {
            match found.severity {
                Severity::Error => findings.errors.push(Finding::of(&found)),
                Severity::Warning => findings.warnings.push(Finding::of(&found)),
            }
        }
        findings
    }

    /// Makes a proof that `plan` lacks an error.
    pub(crate) fn require(&mut self, proof: &str, plan: &Path) {
        if !self.proved.contains(&proof) {
            self.errors.push(Finding::missing_proof(proof, plan));
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Every error and every warning, as the error stream gets them.
    pub(crate) fn text(&self) -> String {
        self.errors.iter().chain(&self.warnings).map(|finding| finding.text.as_str()).collect()
    }

    /// The outcome in a few lines, for a person.
    pub(crate) fn summary(&self, plan: &Path) -> String {
        let errors = number(self.errors.len(), "error");
        let warnings = number(self.warnings.len(), "warning");
        let mut text = format!("{}: {errors}, {warnings}\n", escape::path(plan));
        if !self.counts.is_empty() {
            let counts: Vec<String> =
                self.counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            let _ = writeln!(text, "counts: {}", counts.join(", "));
            let proved = if self.proved.is_empty() { "nothing".to_owned() } else { self.proved.join(", ") };
            let _ = writeln!(text, "proved: {proved}");
        }
        text
    }

    /// The object of `check --format json`. Keys and their order are an interface: new ones go to
    /// the end.
    pub(crate) fn object(&self) -> Object {
        let list =
            |findings: &[Finding]| findings.iter().map(|finding| finding.object.clone()).collect::<Vec<_>>();
        let counts =
            self.counts.iter().fold(Object::new(), |counts, (name, count)| counts.with(name, *count));
        Object::new()
            .with("errors", list(&self.errors))
            .with("warnings", list(&self.warnings))
            .with("proved", self.proved.clone())
            .with("counts", counts)
    }
}

impl Finding {
    pub(crate) fn into_object(self) -> Value {
        self.object
    }

    pub(crate) fn of(found: &Diagnostic) -> Finding {
        let at: Vec<Value> = found
            .at
            .iter()
            .map(|place| {
                Object::new()
                    .with("file", place.file.as_str())
                    .with("line", place.line)
                    .with("column", place.column)
                    .into()
            })
            .collect();
        let object = Object::new()
            .with("code", found.code)
            .with("message", found.message.as_str())
            .with("at", at)
            .with("witness", found.witness.clone())
            .with("excerpt", found.excerpt.clone())
            .with("hint", found.hint.clone());
        Finding { text: format!("{found}\n"), object: object.into() }
    }

    fn missing_proof(proof: &str, plan: &Path) -> Finding {
        let message = format!("{proof} is required and not proved");
        let text = format!("{}: error[missing-proof]: {message}\n", escape::path(plan));
        let object = Object::new()
            .with("code", "missing-proof")
            .with("message", message)
            .with("at", vec![Value::from(Object::new().with_path("file", plan).with("line", Value::Null))])
            .with("witness", Vec::<Value>::new());
        Finding { text, object: object.into() }
    }
}

/// `1 error`, `2 errors`.
pub(crate) fn number(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
