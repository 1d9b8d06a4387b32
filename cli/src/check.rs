//! `readdress check`: everything that is wrong with a plan, and what is proved of it.

use readdress_plan::Plan;

use crate::failure::Failure;
use crate::findings::Findings;
use crate::options::CheckOptions;
use crate::{Streams, exit, input, json, progress};

pub(crate) fn run(options: &CheckOptions, streams: &mut Streams<'_>) -> Result<u8, Failure> {
    let report = progress::during(streams.progress, "checking", |progress| {
        Plan::read(&options.plan).map(|plan| plan.check_with(progress))
    });
    let (code, findings) = match report {
        Ok(report) => {
            let findings = Findings::of_report(&report);
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
