//! A spinner for work that takes longer than a second.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long work may take before anything is drawn.
const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// Runs `work`, with a spinner on the terminal from its second second on if `wanted`. The line is
/// cleared before the function returns, so that what follows starts on a clean one.
pub(crate) fn during<T>(wanted: bool, what: &str, work: impl FnOnce() -> T) -> T {
    let _spinner = wanted.then(|| Spinner::start(what));
    work()
}

struct Spinner {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Spinner {
    fn start(what: &str) -> Spinner {
        let what = what.to_owned();
        let (stop, stopped) = mpsc::channel();
        let started = std::time::Instant::now();
        // Without a thread there is no spinner, and nothing else is lost.
        let thread = thread::Builder::new().name("spinner".to_owned()).spawn(move || {
            if stopped.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
                .with_message(what)
                .with_elapsed(started.elapsed());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                bar.tick();
            }
            bar.finish_and_clear();
        });
        Spinner { stop: Some(stop), thread: thread.ok() }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn quick_work_is_not_held_up() {
        let started = Instant::now();
        assert_eq!(during(true, "checking", || 7), 7);
        assert_eq!(during(false, "checking", || 8), 8);
        assert!(started.elapsed() < PATIENCE);
    }
}
