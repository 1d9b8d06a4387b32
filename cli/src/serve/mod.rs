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
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

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
    let signals = Signals::new([SIGHUP, SIGTERM, SIGINT]).map_err(no_thread)?;
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
    let threads = Threads::begin(origin, names, listeners, &service, options.interval, signals, events);
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
        mut signals: Signals,
        events: SyncSender<Event>,
    ) -> io::Result<Threads> {
        let (looking, looks) = mpsc::channel();
        let (waker, stop) = waker()?;
        let mut threads = Threads { signals: signals.handle(), waker, running: Vec::new() };
        let watching = Arc::clone(service);
        let listening = Arc::clone(service);
        let begun = threads
            .run("signals", move || obey(&mut signals, &looking, &events))
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

/// Does what signals say, until nobody listens to them any more. The sender goes with it, by which others know.
fn obey(signals: &mut Signals, looks: &Sender<Look>, events: &SyncSender<Event>) {
    for signal in signals.forever() {
        let is_heard =
            if signal == SIGHUP { looks.send(Look).is_ok() } else { events.send(Event::Stop).is_ok() };
        if !is_heard {
            return;
        }
    }
}
