//! `readdress compile`: a plan into a map file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use readdress::{Engine, Error, Map, MapErrorKind, publish};
use readdress_plan::Plan;

use crate::failure::Failure;
use crate::findings::Findings;
use crate::options::CompileOptions;
use crate::{Streams, escape, exit, input, json, progress};

pub(crate) fn run(options: &CompileOptions, streams: &mut Streams<'_>) -> Result<u8, Failure> {
    refuse_to_overwrite(&options.output)?;
    let compiled = progress::during(streams.progress, "compiling", |progress| {
        let plan =
            Plan::read(&options.plan).map_err(|diagnostics| (input::plan_code(&diagnostics), diagnostics))?;
        plan.compile_with(progress).map_err(|diagnostics| (exit::BAD_DATA, diagnostics))
    });
    let compiled = match compiled {
        Ok(compiled) => compiled,
        Err((code, diagnostics)) => {
            print(options, &Findings::of_diagnostics(diagnostics), None, streams)?;
            return Ok(code);
        }
    };
    let mut findings = Findings::of_report(&compiled.report);
    for proof in &options.require {
        findings.require(proof.name(), &options.plan);
    }
    if findings.has_errors() {
        print(options, &findings, None, streams)?;
        return Ok(exit::BAD_DATA);
    }
    // The bytes that are published are opened first: what can't be opened is not published.
    let engine =
        Engine::from_bytes(compiled.map.clone()).map_err(|error| Failure::map(&options.plan, &error))?;
    publish(&options.output, &compiled.map).map_err(|error| Failure::create(&options.output, &error))?;
    print(options, &findings, Some(engine.map()), streams)?;
    Ok(exit::OK)
}

/// Diagnostics, and what was written if anything was.
fn print(
    options: &CompileOptions,
    findings: &Findings,
    written: Option<&Map>,
    streams: &mut Streams<'_>,
) -> Result<(), Failure> {
    let printed = if options.format.is_json() {
        let object = findings
            .object()
            .with_path("file", &options.output)
            .with("written", written.is_some())
            .with("octets", written.map(Map::size))
            .with("generation", written.map(Map::generation));
        json::write(streams.out, &object.into())
    } else {
        streams.tell(&findings.text());
        match written {
            Some(map) => writeln!(streams.out, "{}", summary(&options.output, map)),
            None => Ok(()),
        }
    };
    printed.map_err(|error| Failure::output(&error))
}

/// One line for a log. Twelve digits tell generations apart.
fn summary(path: &Path, map: &Map) -> String {
    let generation = map.generation().get(..12).unwrap_or_default();
    let entries = map.entry_count();
    let noun = if entries == 1 { "entry" } else { "entries" };
    format!("{}: {entries} {noun}, {} octets, generation {generation}", escape::path(path), map.size())
}

/// A typing error must not cost a CSV file or a device its life: only map files are replaced.
fn refuse_to_overwrite(path: &Path) -> Result<(), Failure> {
    let refuse = |why: &str| {
        let shown = escape::path(path);
        Err(Failure::new(exit::CANNOT_CREATE, format_args!("cannot create {shown}: {why}")))
    };
    // What can't be looked at is left to the attempt to write it.
    let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
    if metadata.is_dir() {
        return refuse("it is a folder");
    }
    if !metadata.is_file() {
        return refuse("it exists and is not a regular file");
    }
    match beginning(path) {
        Ok(octets) if octets.is_empty() || is_map(&octets) => Ok(()),
        Ok(_) => refuse("it exists and is not a map file; remove it first if it is not needed"),
        Err(error) => refuse(&error.to_string()),
    }
}

fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(4096).read_to_end(&mut octets)?;
    Ok(octets)
}

/// Whether a file that begins so is a map file, of whatever version and in whatever state.
fn is_map(beginning: &[u8]) -> bool {
    !matches!(Map::new(beginning), Err(Error::Map(problem)) if problem.kind == MapErrorKind::NotAMap)
}
