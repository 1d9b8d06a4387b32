//! Putting a map file into its place: whole or not at all.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::{Error, MapError, MapErrorKind};
use crate::map::Map;

/// Writes `map` to `path` so that every reader sees the old file or the new one, at any moment and
/// after any crash.
///
/// The octets go to a temporary file in the same folder (mode 0640), which is flushed to disk,
/// read back, verified, renamed, and the folder flushed. On any error nothing is left behind and
/// the old file stands.
pub fn publish(path: &Path, map: &[u8]) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut temporary = tempfile::Builder::new()
        .prefix(".readdress-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(0o640))
        .tempfile_in(folder)?;
    temporary.write_all(map)?;
    temporary.as_file().sync_all()?;
    let written = std::fs::read(temporary.path())?;
    if written != map {
        let kind = MapErrorKind::Length { expected: map.len() as u64, got: written.len() as u64 };
        return Err(MapError::new(kind, 0).into());
    }
    Map::new(written)?;
    temporary.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()?;
    Ok(())
}
