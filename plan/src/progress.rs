//! How far long work has come, for whoever waits for it.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many addresses there are to follow, and how many have been. Read from another thread while the work
/// goes on.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicUsize,
    all: AtomicUsize,
}

impl Progress {
    /// Nothing done yet.
    #[must_use]
    pub fn new() -> Progress {
        Progress::default()
    }

    /// How many addresses have been followed, and how many there are; 0 while that is not known.
    #[must_use]
    pub fn get(&self) -> (usize, usize) {
        (self.done.load(Ordering::Relaxed), self.all.load(Ordering::Relaxed))
    }

    pub(crate) fn begin(&self, all: usize) {
        self.done.store(0, Ordering::Relaxed);
        self.all.store(all, Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, more: usize) {
        self.done.fetch_add(more, Ordering::Relaxed);
    }
}
