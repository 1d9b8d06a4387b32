//! The memory that a map file lives in.

use std::panic::{RefUnwindSafe, UnwindSafe};

/// The memory a map lives in: anything that gives the same octets each time and may be shared.
pub struct MapData(Box<dyn AsRef<[u8]> + Send + Sync + UnwindSafe + RefUnwindSafe>);

impl MapData {
    /// Takes such memory over.
    pub fn new(data: impl AsRef<[u8]> + Send + Sync + UnwindSafe + RefUnwindSafe + 'static) -> MapData {
        MapData(Box::new(data))
    }
}

impl AsRef<[u8]> for MapData {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}
