//! The command as a process, and clients that ask it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Long enough for a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder for plans, maps and sockets.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.join(name).into_os_string().into_string().expect("a path in UTF-8")
    }

    /// Writes a file, and puts it into its place as a whole.
    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let next = self.join("next");
        std::fs::write(&next, content).expect("a file");
        std::fs::rename(next, self.join(name)).expect("a file in its place");
        self.path(name)
    }

    /// Compiles a plan to a map file of this name, and gives its generation as lines have it.
    pub(crate) fn compile(&self, plan: &str, map: &str) -> String {
        let plan = self.put("plan.toml", plan);
        let map = self.path(map);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let args = ["readdress", "compile", &plan, "-o", &map].map(OsString::from);
        let code = readdress_cli::run(args, &mut std::io::empty(), &mut out, &mut err);
        assert_eq!(code, 0, "{}", String::from_utf8_lossy(&err));
        generation(&std::fs::read(map).expect("a map"))
    }
}

pub(crate) fn generation(map: &[u8]) -> String {
    let engine = readdress::Engine::from_bytes(map.to_vec()).expect("a map");
    engine.map().generation()[..12].to_owned()
}

/// A running service.
pub(crate) struct Service {
    child: Child,
    said: Arc<(Mutex<Vec<String>>, Condvar)>,
    is_read: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    /// The port that the system chose.
    pub(crate) port: u16,
}

impl Service {
    /// Starts it with a port on loopback and `args`, and waits until it listens.
    pub(crate) fn start(args: &[&str]) -> Service {
        let mut child = Command::new(env!("CARGO_BIN_EXE_readdress"))
            .args(["serve", "--socketmap", "inet:127.0.0.1:0"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let said = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let stderr = child.stderr.take().expect("its error stream");
        let is_read = Arc::new(AtomicBool::new(true));
        let reader = std::thread::spawn({
            let (said, is_read) = (Arc::clone(&said), Arc::clone(&is_read));
            move || {
                for line in BufReader::new(stderr).lines() {
                    said.0.lock().expect("the lines").push(line.expect("text"));
                    said.1.notify_all();
                    while !is_read.load(Ordering::Relaxed) {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
            }
        });
        let mut service = Service { child, said, is_read, reader: Some(reader), port: 0 };
        let line = service.wait_for("readdress: listening on inet:127.0.0.1:");
        service.port = line.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        service.wait_for("is in use");
        service
    }

    /// Waits for a line with this in it.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_for_more(text, 1)
    }

    /// Waits until so many lines have this in them, and gives the last.
    pub(crate) fn wait_for_more(&self, text: &str, count: usize) -> String {
        let until = Instant::now() + PATIENCE;
        let mut lines = self.said.0.lock().expect("the lines");
        loop {
            if let Some(line) = lines.iter().filter(|line| line.contains(text)).nth(count - 1) {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{count} times {text:?} in {lines:#?}");
            lines = self.said.1.wait_timeout(lines, left).expect("the lines").0;
        }
    }

    /// The lines so far that have this in them.
    pub(crate) fn lines(&self, text: &str) -> Vec<String> {
        let lines = self.said.0.lock().expect("the lines");
        lines.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    pub(crate) fn client(&self) -> Client {
        Client::over(TcpStream::connect(("127.0.0.1", self.port)).expect("a connection"))
    }

    /// What a map says to a key, over a connection of its own.
    pub(crate) fn ask(&self, map: &str, key: &str) -> String {
        self.client().ask(map, key)
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Lets its lines wait, until it has ended.
    pub(crate) fn read_no_more(&self) {
        self.is_read.store(false, Ordering::Relaxed);
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a process").is_some()
    }

    /// Waits until it ends.
    pub(crate) fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a process") {
                self.is_read.store(true, Ordering::Relaxed);
                self.reader.take().expect("once").join().expect("its lines");
                return (status, self.lines(""));
            }
            assert!(Instant::now() < until, "it goes on: {:#?}", self.lines(""));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("a process").count()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Octets both ways.
pub(crate) trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// A client as Postfix is one.
pub(crate) struct Client(BufReader<Box<dyn Wire>>);

impl Client {
    pub(crate) fn over(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Client(BufReader::new(Box::new(stream)))
    }

    pub(crate) fn at(path: &str) -> Client {
        let stream = UnixStream::connect(path).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Client(BufReader::new(Box::new(stream)))
    }

    pub(crate) fn ask(&mut self, map: &str, key: &str) -> String {
        self.send(&request(map, key));
        self.reply().expect("a reply")
    }

    /// Sends octets, as long as somebody takes them.
    pub(crate) fn send(&mut self, octets: &[u8]) {
        let _ = self.0.get_mut().write_all(octets);
    }

    /// The next reply, as text; `None` at the end of the connection.
    pub(crate) fn reply(&mut self) -> Option<String> {
        let mut length = Vec::new();
        match self.0.read_until(b':', &mut length) {
            Ok(0) => return None,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            read => read.expect("a length"),
        };
        let length: usize =
            str::from_utf8(&length[..length.len() - 1]).expect("digits").parse().expect("a length");
        let mut content = vec![0; length + 1];
        self.0.read_exact(&mut content).expect("a reply");
        assert_eq!(content.pop(), Some(b','));
        Some(String::from_utf8(content).expect("text"))
    }

    /// Whether the service has ended the connection, without another word.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

pub(crate) fn request(map: &str, key: &str) -> Vec<u8> {
    format!("{}:{map} {key},", map.len() + 1 + key.len()).into_bytes()
}
