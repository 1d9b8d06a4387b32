//! The memory that a map file lives in.

use std::fs::File;
use std::io::Read;
use std::panic::{RefUnwindSafe, UnwindSafe};

use crate::error::Error;
use crate::room::Room;

/// The memory a map lives in: anything that gives the same octets each time and may be shared.
pub struct MapData(Box<dyn AsRef<[u8]> + Send + Sync + UnwindSafe + RefUnwindSafe>);

impl MapData {
    /// Takes such memory over.
    pub fn new(data: impl AsRef<[u8]> + Send + Sync + UnwindSafe + RefUnwindSafe + 'static) -> MapData {
        MapData(Box::new(data))
    }

    /// Reads a file to its end.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] where it does not fit.
    pub fn read(mut file: File) -> Result<MapData, Error> {
        let mut octets = Vec::new();
        let expected = usize::try_from(file.metadata()?.len()).map_err(|_| Error::Memory)?;
        octets.room(expected)?;
        file.read_to_end(&mut octets)?;
        Ok(MapData::new(octets))
    }
}

impl AsRef<[u8]> for MapData {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}
