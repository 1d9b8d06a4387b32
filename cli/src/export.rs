//! `readdress export`: a plan in the words of Postfix, Exchange or DNS.

use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use readdress_plan::{EXPORT_MARK, Export, ExportedFile};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::failure::Failure;
use crate::findings::Finding;
use crate::json::{self, Object};
use crate::options::ExportOptions;
use crate::{Streams, escape, exit, input, progress};

pub(crate) fn run(options: &ExportOptions, streams: &mut Streams<'_>) -> Result<u8, Failure> {
    let export = progress::during(streams.progress, "exporting", |_| {
        let plan = input::plan(&options.plan)?;
        let older = options.from.as_deref().map(input::plan).transpose()?;
        for plan in [Some(&plan), older.as_ref()].into_iter().flatten() {
            let compiled = plan.compile();
            compiled.map_err(|diagnostics| Failure::told(exit::BAD_DATA, diagnostics.to_string()))?;
        }
        Ok(plan.export(options.kind.into(), older.as_ref()))
    })?;
    let mut told = String::new();
    for found in export.errors.iter().chain(&export.limits) {
        let _ = writeln!(told, "{found}");
    }
    let is_wrong = !export.errors.is_empty();
    if !is_wrong && let Some(folder) = &options.output {
        write_all(folder, &export.files)?;
    }
    let printed = if options.format.is_json() {
        json::write(streams.out, &object(options, &export))
    } else {
        streams.tell(&told);
        let files = if is_wrong { &[][..] } else { &export.files };
        streams.out.write_all(text(options.output.as_deref(), files).as_bytes())
    };
    printed.map_err(|error| Failure::output(&error))?;
    Ok(if is_wrong { exit::BAD_DATA } else { exit::OK })
}

fn text(folder: Option<&Path>, files: &[ExportedFile]) -> String {
    let each = files.iter().map(|file| match folder {
        Some(folder) => format!("{}\n", escape::path(&folder.join(file.name))),
        None => format!("==> {} <==\n{}\n", file.name, file.text.trim_start_matches('\u{feff}')),
    });
    each.collect()
}

fn object(options: &ExportOptions, export: &Export) -> Value {
    let files = export
        .files
        .iter()
        .map(|file| Value::from(Object::new().with("name", file.name).with("text", file.text.as_str())));
    let files: Vec<Value> = if export.errors.is_empty() { files.collect() } else { Vec::new() };
    let list = |found: &[_]| found.iter().map(Finding::of).map(Finding::into_object).collect::<Vec<_>>();
    Object::new()
        .with("kind", options.kind.name())
        .with("files", files)
        .with("errors", list(&export.errors))
        .with("not_enforceable", list(&export.limits))
        .with("written", export.errors.is_empty() && options.output.is_some())
        .into()
}

/// Writes all files, or none: each is ready beside its place before the first takes it.
fn write_all(folder: &Path, files: &[ExportedFile]) -> Result<(), Failure> {
    let failed = |path: &Path, error: io::Error| Failure::create(path, &readdress::Error::Io(error));
    if !folder.exists() {
        fs::create_dir(folder).map_err(|error| failed(folder, error))?;
    }
    let mut ready: Vec<(NamedTempFile, PathBuf)> = Vec::new();
    for file in files {
        let path = folder.join(file.name);
        refuse_to_overwrite(&path)?;
        let made = temporary(folder, &file.text).map_err(|error| failed(&path, error))?;
        ready.push((made, path));
    }
    for (made, path) in ready {
        made.persist(&path).map_err(|error| failed(&path, error.error))?;
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(folder, error))
}

fn temporary(folder: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".readdress-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(0o640))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// A folder named wrongly must not cost somebody a table of their own: only exports are replaced.
fn refuse_to_overwrite(path: &Path) -> Result<(), Failure> {
    let refuse = |why: &str| {
        let shown = escape::path(path);
        Err(Failure::new(exit::CANNOT_CREATE, format_args!("cannot create {shown}: {why}")))
    };
    match fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(metadata) if !metadata.is_file() => return refuse("it exists and is not a regular file"),
        Ok(_) => {}
    }
    let mut octets = Vec::new();
    match File::open(path).and_then(|file| file.take(64).read_to_end(&mut octets)) {
        Ok(_) => {
            let beginning = String::from_utf8_lossy(&octets);
            let beginning = beginning.trim_start_matches(['\u{feff}', '#', ';', ' ']);
            if octets.is_empty() || beginning.starts_with(EXPORT_MARK) {
                return Ok(());
            }
            refuse("it exists and is no export; remove it first if it is not needed")
        }
        Err(error) => refuse(&error.to_string()),
    }
}
