//! What is drawn while work takes longer than a second: a spinner, and a bar once the work says how much there is.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use readdress_plan::Progress;

/// How long work may take before anything is drawn.
const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// Runs `work`, with a spinner or bar on the terminal from its second second on if `wanted`. The line is
/// cleared before the function returns, so that what follows starts on a clean one.
pub(crate) fn during<T>(wanted: bool, what: &str, work: impl FnOnce(&Progress) -> T) -> T {
    let progress = Arc::new(Progress::new());
    let _spinner = wanted.then(|| Spinner::start(what, Arc::clone(&progress)));
    work(&progress)
}

struct Spinner {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Spinner {
    fn start(what: &str, progress: Arc<Progress>) -> Spinner {
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
            let show = |template| {
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
            };
            show("{spinner} {msg} {elapsed}");
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let (done, all) = progress.get();
                if all > 0 && bar.length().is_none() {
                    show("{spinner} {msg} {bar:30} {pos}/{len} addresses {elapsed}");
                }
                if all > 0 {
                    bar.set_length(all as u64);
                    bar.set_position(done as u64);
                }
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
        assert_eq!(during(true, "checking", |_| 7), 7);
        assert_eq!(during(false, "checking", |_| 8), 8);
        assert!(started.elapsed() < PATIENCE);
    }
}
