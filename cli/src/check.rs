//! `readdress check`: everything that is wrong with a plan, and what is proved of it.

use readdress_plan::{ExportKind, Plan};

use crate::failure::Failure;
use crate::findings::Findings;
use crate::options::CheckOptions;
use crate::{Streams, exit, input, json, progress};

pub(crate) fn run(options: &CheckOptions, streams: &mut Streams<'_>) -> Result<u8, Failure> {
    let report = progress::during(streams.progress, "checking", |progress| {
        let plan = Plan::read(&options.plan)?;
        let report = plan.check_with(progress);
        // What contradicts itself can't be exported, and is told of already.
        let kind = options.host.filter(|_| report.errors.is_empty()).map(ExportKind::from);
        Ok((kind.map(|kind| plan.export(kind, None)), report))
    });
    let (code, findings) = match report {
        Ok((export, report)) => {
            let mut findings = Findings::of_report(&report);
            if let Some(export) = &export {
                findings.add_export(export);
            }
            (if findings.has_errors() { exit::FOUND_ERRORS } else { exit::OK }, findings)
        }
        Err(diagnostics) => (input::plan_code(&diagnostics), Findings::of_diagnostics(diagnostics)),
    };
    let printed = if options.format.is_json() {
        json::write(streams.out, &findings.object().into())
    } else {
        streams.tell(&findings.text());
        streams.out.write_all(findings.summary(&options.plan).as_bytes())
    };
    printed.map_err(|error| Failure::output(&error))?;
    Ok(code)
}
