//! Room for what is pushed next: every buffer that grows with its input asks for it first, so that
//! a lack of memory is an error and not the end of the process.

use crate::error::Error;

pub(crate) trait Room {
    /// Makes room for `more` elements behind the last one.
    fn room(&mut self, more: usize) -> Result<(), Error>;
}

impl<T> Room for Vec<T> {
    fn room(&mut self, more: usize) -> Result<(), Error> {
        self.try_reserve(more).map_err(|_| Error::Memory)
    }
}
