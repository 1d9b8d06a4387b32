//! `readdress serve` in this process, and a client that asks it much at once.

use std::ffi::OsString;
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc::{self, Sender};

/// A running service. It ends with the process: signals, which end it otherwise, are for all of a process.
pub(crate) struct Service {
    port: u16,
}

impl Service {
    pub(crate) fn start(map: &Path) -> Service {
        let (lines, said) = mpsc::channel();
        let mut args: Vec<OsString> =
            ["readdress", "serve", "--socketmap", "inet:127.0.0.1:0", "--deliver-to", "virtual", "--map"]
                .map(OsString::from)
                .to_vec();
        args.push(map.as_os_str().to_owned());
        std::thread::spawn(move || {
            readdress_cli::run(args, &mut io::empty(), &mut io::sink(), &mut Lines(lines))
        });
        let said = String::from_utf8(said.recv().unwrap()).unwrap();
        let first = said.lines().next().unwrap();
        let port = first.strip_prefix("readdress: listening on inet:127.0.0.1:");
        Service { port: port.unwrap_or_else(|| panic!("{said}")).parse().unwrap() }
    }

    /// A table as `main.cf` names it.
    pub(crate) fn table(&self, map: &str) -> String {
        format!("socketmap:inet:127.0.0.1:{}:{map}", self.port)
    }

    /// What a map says to each key: the value, nothing, or why there is no answer.
    pub(crate) fn ask(&self, map: &str, keys: &[String]) -> Vec<Result<Option<String>, String>> {
        let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", self.port)).unwrap());
        let mut answers = Vec::with_capacity(keys.len());
        for keys in keys.chunks(256) {
            let mut requests = Vec::new();
            for key in keys {
                write!(requests, "{}:{map} {key},", map.len() + 1 + key.len()).unwrap();
            }
            stream.get_mut().write_all(&requests).unwrap();
            answers.extend(keys.iter().map(|_| {
                let reply = reply(&mut stream);
                match reply.split_once(' ').unwrap() {
                    ("OK", value) => Ok(Some(value.to_owned())),
                    ("NOTFOUND", "") => Ok(None),
                    _ => Err(reply),
                }
            }));
        }
        answers
    }
}

fn reply(stream: &mut impl Read) -> String {
    let mut length = String::new();
    let mut octet = [0];
    loop {
        stream.read_exact(&mut octet).unwrap();
        match octet {
            [b':'] => break,
            [digit] => length.push(char::from(digit)),
        }
    }
    let mut content = vec![0; length.parse::<usize>().unwrap() + 1];
    stream.read_exact(&mut content).unwrap();
    assert_eq!(content.pop(), Some(b','));
    String::from_utf8(content).unwrap()
}

/// An error stream that somebody reads.
struct Lines(Sender<Vec<u8>>);

impl Write for Lines {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(octets.to_vec());
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
