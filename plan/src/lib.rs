//! Everything that happens before mail flows: a plan is read, checked and compiled into the map
//! file that gateways open. Nothing here runs while mail flows.
//!
//! ```text
//! plan.toml ─► reader ─┐
//!                      ├─► builder ─► check ─► compile ─► map file
//! entries.csv ─► table ┘   (core)
//! ```
//!
//! Every mistake is reported at once, each with file, line and column, a code that scripts can rely
//! on, and a hint; a plan with a mistake gives no map.

mod accepted;
mod check;
mod compile;
mod diagnostic;
mod directory;
mod domain;
mod entry;
mod export;
mod flow;
mod nearest;
mod plan;
pub mod postfix;
mod progress;
mod reader;
mod source;
mod spelled;
mod table;
mod world;

pub use crate::check::{Counts, Report};
pub use crate::compile::Compiled;
pub use crate::diagnostic::{Diagnostic, Diagnostics, Location, Severity};
pub use crate::export::{EXPORT_MARK, Export, ExportKind, ExportedFile};
pub use crate::plan::Plan;
pub use crate::progress::Progress;
