//! `readdress serve`: answers Postfix's look-ups while mail flows (`socketmap_table(5)`).
//!
//! ```text
//! main thread      writes what the others say, and ends the service
//! signals          TERM, INT: the end; HUP: a look at the map
//! map              looks at the map file, and takes another one into use
//! clients          takes connections
//! connection       one for each: request, look-up, reply
//! ```

mod connection;
mod log;
mod netstring;
mod policies;
mod server;
mod socket;
mod tables;
mod watch;

use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::{SigId, flag, low_level};

use crate::failure::Failure;
use crate::options::ServeOptions;
use crate::serve::log::{Event, LINES_MAX, Log};
use crate::serve::server::{Service, waker};
pub(crate) use crate::serve::socket::Address;
use crate::serve::socket::Listener;
use crate::serve::tables::{Names, Tables};
use crate::serve::watch::{Look, Origin, in_use};
use crate::{Streams, exit};

/// How long connections may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(options: &ServeOptions, streams: &mut Streams<'_>) -> Result<u8, Failure> {
    let origin = Origin::open(&options.source)?;
    let names = Names {
        deliver_to: options.deliver_to.clone(),
        route_deliver_to: options.route_deliver_to.clone(),
        route_transport: options.route_transport.clone(),
    };
    let no_thread = |error| Failure::new(exit::IO, format_args!("cannot begin a thread: {error}"));
    // From here on, signals are heard, and sockets don't stay.
    let ears = Ears::new().map_err(no_thread)?;
    let (mut listeners, mut told) = (Vec::new(), String::new());
    for address in &options.socketmap {
        let failed =
            |error| Failure::new(exit::CANNOT_CREATE, format_args!("cannot listen on {address}: {error}"));
        let listener = Listener::open(address, options.socket_mode).map_err(failed)?;
        let _ = writeln!(told, "readdress: listening on {}", listener.address().map_err(failed)?);
        listeners.push(listener);
    }
    let (events, lines) = mpsc::sync_channel(LINES_MAX);
    let tables = Tables::new(origin.engine(), names.clone());
    let _ = writeln!(told, "readdress: {}", in_use(tables.engine()));
    let log = Log::new(events.clone(), options.verbose);
    let service = Arc::new(Service::new(tables, log, options.connections));
    let threads = Threads::begin(origin, names, listeners, &service, options.interval, ears, events);
    let threads = threads.map_err(no_thread)?;
    streams.tell(&told);
    write(&lines, streams);
    threads.end();
    service.stop(PATIENCE);
    // What was said at the end.
    while let Ok(event) = lines.try_recv() {
        if let Event::Line(line) = event {
            streams.tell(&line);
        }
    }
    if let Some(lost) = service.log().take_lost() {
        streams.tell(&format!("readdress: {lost}\n"));
    }
    streams.tell("readdress: stopped\n");
    Ok(exit::OK)
}

/// Writes lines until the end.
fn write(lines: &Receiver<Event>, streams: &mut Streams<'_>) {
    while let Ok(Event::Line(line)) = lines.recv() {
        streams.tell(&line);
    }
}

/// The threads that are there from beginning to end.
struct Threads {
    signals: signal_hook::iterator::Handle,
    _second: SecondSignals,
    waker: std::os::unix::net::UnixStream,
    running: Vec<JoinHandle<()>>,
}

impl Threads {
    fn begin(
        origin: Origin,
        names: Names,
        listeners: Vec<Listener>,
        service: &Arc<Service>,
        interval: Duration,
        ears: Ears,
        events: SyncSender<Event>,
    ) -> io::Result<Threads> {
        let (looking, looks) = mpsc::channel();
        let (waker, stop) = waker()?;
        let Ears { mut signals, second, is_told } = ears;
        let mut threads = Threads { signals: signals.handle(), _second: second, waker, running: Vec::new() };
        let watching = Arc::clone(service);
        let listening = Arc::clone(service);
        let begun = threads
            .run("signals", move || obey(&mut signals, &looking, &events, &is_told))
            .and_then(|()| {
                threads.run("map", move || watch::watch(origin, &names, &watching, interval, &looks))
            })
            .and_then(|()| threads.run("clients", move || listening.listen(&listeners, &stop)));
        match begun {
            Ok(()) => Ok(threads),
            Err(error) => {
                threads.end();
                Err(error)
            }
        }
    }

    fn run(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.running.push(thread::Builder::new().name(name.to_owned()).spawn(work)?);
        Ok(())
    }

    /// Ends them. The sockets are gone then.
    fn end(self) {
        self.signals.close();
        drop(self.waker);
        for thread in self.running {
            let _ = thread.join();
        }
    }
}

/// Does what signals say, until the end. The sender goes with it, by which others know.
fn obey(signals: &mut Signals, looks: &Sender<Look>, events: &SyncSender<Event>, is_told: &AtomicBool) {
    for signal in signals.forever() {
        if signal != SIGHUP {
            is_told.store(true, Ordering::Relaxed);
            let _ = events.send(Event::Stop);
            return;
        }
        if looks.send(Look).is_err() {
            return;
        }
    }
}

/// Who hears signals.
struct Ears {
    signals: Signals,
    second: SecondSignals,
    /// Whether one has told the service to end.
    is_told: Arc<AtomicBool>,
}

impl Ears {
    fn new() -> io::Result<Ears> {
        let is_told = Arc::new(AtomicBool::new(false));
        // In this order: of one signal, the second kind must not hear what the first has just made of it.
        let second = SecondSignals::after(&is_told)?;
        let signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
        Ok(Ears { signals, second, is_told })
    }
}

/// Signals that end the process as if nobody listened to them, once it has been told to end: it may be waiting for
/// somebody who reads its error stream.
struct SecondSignals(Vec<SigId>);

impl SecondSignals {
    fn after(is_told: &Arc<AtomicBool>) -> io::Result<SecondSignals> {
        let mut signals = SecondSignals(Vec::new());
        for signal in [SIGTERM, SIGINT] {
            signals.0.push(flag::register_conditional_default(signal, Arc::clone(is_told))?);
        }
        Ok(signals)
    }
}

impl Drop for SecondSignals {
    fn drop(&mut self) {
        for signal in self.0.drain(..) {
            low_level::unregister(signal);
        }
    }
}
