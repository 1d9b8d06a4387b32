//! Listening, and the connections that are open: a thread for each, and no more of them than agreed.

use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::serve::connection::Connection;
use crate::serve::log::Log;
use crate::serve::netstring::Answer;
use crate::serve::socket::{Listener, Stream};
use crate::serve::tables::{Buffers, Map, Said, Tables};

/// How long to wait where the system has no connection or thread to give.
const PAUSE: Duration = Duration::from_millis(50);

/// What all threads share.
pub(crate) struct Service {
    tables: RwLock<Arc<Tables>>,
    log: Log,
    limit: usize,
    connections: Mutex<Connections>,
    /// Told when a connection ends.
    ended: Condvar,
}

#[derive(Default)]
struct Connections {
    /// By number, in the order in which they came.
    open: HashMap<u64, Arc<Connection>>,
    /// Threads, those among them whose connection was closed from here.
    threads: usize,
    count: u64,
}

impl Service {
    /// `limit`: how many connections may be open.
    pub(crate) fn new(tables: Tables, log: Log, limit: usize) -> Service {
        let (connections, ended) = (Mutex::default(), Condvar::new());
        Service { tables: RwLock::new(Arc::new(tables)), log, limit, connections, ended }
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The tables in use now.
    pub(crate) fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes others into use. Look-ups that have begun end with the old ones.
    pub(crate) fn replace(&self, mut tables: Tables) {
        tables.go_on_from(&self.tables());
        let tables = Arc::new(tables);
        let old =
            std::mem::replace(&mut *self.tables.write().unwrap_or_else(PoisonError::into_inner), tables);
        // Outside the lock: a map is large.
        drop(old);
    }

    /// The answer of a map to a key.
    pub(crate) fn answer(&self, name: &[u8], key: &[u8], buffers: &mut Buffers) -> Answer {
        let tables = self.tables();
        let said = if let Some(map) = Map::named(name) {
            tables.look_up(map, key, buffers)
        } else {
            // NOTFOUND, and a slip in main.cf would send mail astray.
            let shown = name.get(..64).unwrap_or(name).escape_ascii();
            self.log.tell_now_and_then(&format!("a client asks for a map that there is not: {shown}"));
            Said { answer: Answer::temporary("there is no map of this name"), withheld: None }
        };
        self.log.look_up(name, key, &said, tables.engine().map().generation());
        said.answer
    }

    /// Takes connections until the other end of `stop` is closed.
    pub(crate) fn listen(self: &Arc<Service>, listeners: &[Listener], stop: &UnixStream) {
        loop {
            let mut ready: Vec<PollFd<'_>> =
                listeners.iter().map(|listener| PollFd::new(listener, PollFlags::IN)).collect();
            ready.push(PollFd::new(stop, PollFlags::IN));
            match poll(&mut ready, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => {
                    self.log.tell_now_and_then(&format!("cannot wait for clients: {error}"));
                    thread::sleep(PAUSE);
                    continue;
                }
            }
            if ready.pop().is_none_or(|stop| !stop.revents().is_empty()) {
                return;
            }
            for (listener, ready) in listeners.iter().zip(ready) {
                if ready.revents().is_empty() || !self.has_room() {
                    continue;
                }
                match listener.accept() {
                    Ok(Some(stream)) => self.begin(stream),
                    Ok(None) => {}
                    Err(error) => {
                        self.log.tell_now_and_then(&format!("cannot take a connection: {error}"));
                        thread::sleep(PAUSE);
                    }
                }
            }
        }
    }

    /// Makes room for one more connection: beyond the limit, the one goes that was silent for longest. Postfix asks
    /// again on a new one then. `false` if all are being answered, or going.
    fn has_room(&self) -> bool {
        let mut connections = self.connections();
        if connections.open.len() >= self.limit {
            let idle =
                connections.open.iter().filter_map(|(number, open)| Some((open.idle_since()?, *number)));
            if let Some((_, number)) = idle.min()
                && let Some(oldest) = connections.open.remove(&number)
            {
                oldest.close();
            }
        }
        if connections.threads < self.limit {
            return true;
        }
        let (connections, _) =
            self.ended.wait_timeout(connections, PAUSE).unwrap_or_else(PoisonError::into_inner);
        connections.threads < self.limit
    }

    /// Gives a client a thread.
    fn begin(self: &Arc<Service>, stream: Stream) {
        let Ok(connection) = Connection::new(stream) else { return };
        let connection = Arc::new(connection);
        let number = {
            let mut connections = self.connections();
            connections.count += 1;
            connections.threads += 1;
            let number = connections.count;
            connections.open.insert(number, Arc::clone(&connection));
            number
        };
        let service = Arc::clone(self);
        let run = move || {
            let ending = Ending { service: &service, number };
            connection.serve(&service);
            drop(ending);
        };
        let thread = thread::Builder::new().name("connection".to_owned()).spawn(run);
        if let Err(error) = thread {
            self.end(number);
            self.log.tell_now_and_then(&format!("cannot begin a thread for a client: {error}"));
            thread::sleep(PAUSE);
        }
    }

    fn end(&self, number: u64) {
        let mut connections = self.connections();
        connections.open.remove(&number);
        connections.threads = connections.threads.saturating_sub(1);
        drop(connections);
        self.ended.notify_all();
    }

    /// Closes all connections, and waits for their threads, but not for ever.
    pub(crate) fn stop(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut connections = self.connections();
        connections.open.drain().for_each(|(_, open)| open.close());
        while connections.threads > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.ended.wait_timeout(connections, left);
            (connections, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a connection off the list, however its thread ends.
struct Ending<'s> {
    service: &'s Service,
    number: u64,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.service.end(self.number);
    }
}

/// A pair of sockets: when the first is dropped, who polls the second wakes up.
pub(crate) fn waker() -> io::Result<(UnixStream, UnixStream)> {
    UnixStream::pair()
}
