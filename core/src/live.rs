//! A map file that is replaced while mail flows.
//!
//! The host asks for reloads; nothing here watches, waits or starts anything. A reload opens the
//! file once and goes by what it reads from it: a file that is replaced meanwhile is the next
//! reload's. Whoever holds an [`Engine`] keeps it for as long as the message takes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::engine::Engine;
use crate::error::Error;
use crate::map::{Map, MapData, SEAL_OCTETS};

/// How the octets of an opened map file get into memory: read, or mapped by a host that can vouch
/// that the file never changes. The file stands at its beginning.
pub type Loader = fn(File) -> Result<MapData, Error>;

/// The engine of a map file, and its successors. Shared between threads; nobody ever waits for
/// anybody, so a process may fork at any moment.
pub struct Live {
    path: PathBuf,
    load: Loader,
    /// The number of reloads begun. Of two that overlap, the one begun later stands.
    reloads: AtomicU64,
    current: ArcSwap<Version>,
}

struct Version {
    engine: Engine,
    reload: u64,
}

/// What a reload accepts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Reload {
    /// Every valid map but one with fewer than half the entries of the one in use.
    #[default]
    Careful,
    /// Every valid map.
    Force,
}

impl Live {
    /// Opens a map file and reads it into memory.
    pub fn open(path: impl Into<PathBuf>) -> Result<Live, Error> {
        Live::open_with(path, MapData::read)
    }

    /// Opens a map file with a loader, which serves all reloads, too.
    pub fn open_with(path: impl Into<PathBuf>, load: Loader) -> Result<Live, Error> {
        let path = path.into();
        let engine = Engine::new(Map::new(load(File::open(&path)?)?)?);
        let current = ArcSwap::from_pointee(Version { engine, reload: 0 });
        Ok(Live { path, load, reloads: AtomicU64::new(0), current })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The engine in use now. Never waits.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.current.load().engine.clone()
    }

    /// Takes the file's map into use if it is another one, and says whether it did. A file with
    /// the seal of the map in use costs three system calls.
    ///
    /// # Errors
    ///
    /// Whatever opening a map can give, and [`Error::Shrunk`]. The map in use stays in use.
    pub fn reload(&self, accept: Reload) -> Result<bool, Error> {
        let reload = self.reloads.fetch_add(1, Ordering::AcqRel) + 1;
        let mut file = File::open(&self.path)?;
        let in_use = self.current.load().engine.clone();
        if has_seal_of(&mut file, in_use.map())? {
            return Ok(false);
        }
        let map = Map::new((self.load)(file)?)?;
        if map.generation() == in_use.map().generation() {
            return Ok(false);
        }
        let (from, to) = (in_use.map().entry_count(), map.entry_count());
        if accept == Reload::Careful && to < from.div_ceil(2) {
            return Err(Error::Shrunk { from, to });
        }
        let next = Arc::new(Version { engine: Engine::new(map), reload });
        let before =
            self.current.rcu(|current| Arc::clone(if current.reload < reload { &next } else { current }));
        Ok(before.reload < reload)
    }
}

/// Whether a file is as long as a map's and ends in its seal: it is the same file then, or a
/// damaged one, and in neither case one to reload. Leaves the file at its beginning.
fn has_seal_of(file: &mut File, map: &Map) -> Result<bool, Error> {
    if file.metadata()?.len() != map.size() as u64 {
        return Ok(false);
    }
    let mut seal = [0; SEAL_OCTETS];
    file.seek(SeekFrom::Start((map.size() - SEAL_OCTETS) as u64))?;
    let is_read = file.read_exact(&mut seal).is_ok();
    file.rewind()?;
    Ok(is_read && seal == *map.seal())
}
