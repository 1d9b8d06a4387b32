//! One connection: requests in, replies out, in their order.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::serve::netstring::{self, Broken};
use crate::serve::server::Service;
use crate::serve::socket::Stream;
use crate::serve::tables::Buffers;

/// How long a connection may say nothing. Postfix closes it after 10 seconds by itself (`ipc_idle`).
const IDLE: Duration = Duration::from_secs(600);
/// How long a request may take to arrive, and a reply to be taken (`socketmap_table(5)` waits as long).
const TRANSFER: Duration = Duration::from_secs(100);
/// Replies that are held back, as long as the next request is there already.
const OUTPUT_OCTETS: usize = 64 * 1024;

/// A client's connection, as other threads see it.
pub(crate) struct Connection {
    stream: Stream,
    begun: Instant,
    /// Milliseconds from its beginning to its last reply.
    replied: AtomicU64,
    is_answering: AtomicBool,
}

impl Connection {
    pub(crate) fn new(stream: Stream) -> io::Result<Connection> {
        stream.set_up(TRANSFER)?;
        let (replied, is_answering) = (AtomicU64::new(0), AtomicBool::new(false));
        Ok(Connection { stream, begun: Instant::now(), replied, is_answering })
    }

    /// When it got its last reply, or came; `None` while one is made.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let is_answering = self.is_answering.load(Ordering::Relaxed);
        (!is_answering).then(|| self.begun + Duration::from_millis(self.replied.load(Ordering::Relaxed)))
    }

    /// Ends it: its thread finds it closed.
    pub(crate) fn close(&self) {
        self.stream.close();
    }

    /// Answers requests until the client goes away, says nothing for long, or sends what is no request.
    pub(crate) fn serve(&self, service: &Service) {
        let mut chunk = [0; 4096];
        let (mut input, mut output) = (Vec::new(), Vec::new());
        let mut buffers = Buffers::default();
        let mut waits_since = Instant::now();
        loop {
            self.is_answering.store(true, Ordering::Relaxed);
            let answered = self.answer(service, &mut input, &mut output, &mut buffers);
            let is_sent = (&self.stream).write_all(&output);
            output.clear();
            let replied = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            match answered {
                Ok(0) => {}
                Ok(_) => {
                    self.replied.store(replied, Ordering::Relaxed);
                    waits_since = Instant::now();
                }
                Err(Ending::Broken(broken)) => {
                    return service.log().tell_now_and_then(&format!("a client is sent away: {broken}"));
                }
                Err(Ending::Unsent) => return,
            }
            self.is_answering.store(false, Ordering::Relaxed);
            if is_sent.is_err() {
                return;
            }
            if input.is_empty() {
                waits_since = Instant::now();
            }
            let patience = if input.is_empty() { IDLE } else { TRANSFER };
            match self.read(&mut chunk, patience.saturating_sub(waits_since.elapsed())) {
                Ok(octets) if !octets.is_empty() => {
                    if input.is_empty() {
                        waits_since = Instant::now();
                    }
                    input.extend_from_slice(octets);
                }
                _ => return,
            }
        }
    }

    /// Answers the requests that are there, takes them out of `input`, and says how many they were.
    fn answer(
        &self,
        service: &Service,
        input: &mut Vec<u8>,
        output: &mut Vec<u8>,
        buffers: &mut Buffers,
    ) -> Result<usize, Ending> {
        let (mut rest, mut count) = (input.as_slice(), 0);
        while let Some((content, behind)) = netstring::first(rest)? {
            let (map, key) = netstring::question(content)?;
            service.answer(map, key, buffers).append(output);
            if output.len() > OUTPUT_OCTETS {
                (&self.stream).write_all(output).map_err(|_| Ending::Unsent)?;
                output.clear();
            }
            (rest, count) = (behind, count + 1);
        }
        let answered = input.len() - rest.len();
        input.drain(..answered);
        Ok(count)
    }

    fn read<'c>(&self, chunk: &'c mut [u8], patience: Duration) -> io::Result<&'c [u8]> {
        // Zero would be for ever.
        self.stream.set_read_timeout(patience.max(Duration::from_millis(1)))?;
        loop {
            match (&self.stream).read(chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => return Ok(chunk.get(..count).unwrap_or_default()),
            }
        }
    }
}

/// Why a connection ends.
enum Ending {
    Broken(Broken),
    /// The client takes no replies.
    Unsent,
}

impl From<Broken> for Ending {
    fn from(broken: Broken) -> Ending {
        Ending::Broken(broken)
    }
}
