//! Where Postfix finds the service: addresses in its own spelling, listening sockets, connections.

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::escape;

/// An address as `main.cf` has it: `inet:host:port`, `inet:[2001:db8::1]:port`, `unix:/path`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Address {
    Inet { host: String, port: u16 },
    Unix(PathBuf),
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Address, String> {
        let wanted = "write inet:127.0.0.1:2527, inet:[::1]:2527 or unix:/run/readdress/socketmap";
        let (kind, rest) = text.split_once(':').ok_or_else(|| format!("no kind of socket: {wanted}"))?;
        match kind {
            "unix" if rest.starts_with('/') => Ok(Address::Unix(PathBuf::from(rest))),
            "unix" => Err(format!("the path of a socket is absolute: {wanted}")),
            "inet" => {
                let (host, port) = rest.rsplit_once(':').ok_or_else(|| format!("no port: {wanted}"))?;
                let port = port.parse().map_err(|_| format!("no port: {wanted}"))?;
                let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
                let host = literal.unwrap_or(host);
                // Without a host, every client of the network could ask; who wants that says 0.0.0.0.
                if host.is_empty() || (literal.is_none() && host.contains(':')) {
                    return Err(format!("no host: {wanted}"));
                }
                Ok(Address::Inet { host: host.to_owned(), port })
            }
            _ => Err(format!("a socket is inet or unix: {wanted}")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Inet { host, port } if host.contains(':') => write!(f, "inet:[{host}]:{port}"),
            Address::Inet { host, port } => write!(f, "inet:{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", escape::path(path)),
        }
    }
}

/// A socket that listens. One in the file system goes with it.
#[derive(Debug)]
pub(crate) enum Listener {
    Inet(TcpListener),
    Unix { listener: UnixListener, path: PathBuf, identity: Option<(u64, u64)> },
}

impl Listener {
    /// Begins to listen. A socket in the file system gets `mode`, and replaces one on which nobody answers.
    pub(crate) fn open(address: &Address, mode: u32) -> io::Result<Listener> {
        let listener = match address {
            Address::Inet { host, port } => {
                let listener = TcpListener::bind((host.as_str(), *port))?;
                listener.set_nonblocking(true)?;
                Listener::Inet(listener)
            }
            Address::Unix(path) => {
                remove_stale(path)?;
                let listener = UnixListener::bind(path)?;
                let identity = identity(path);
                // From here on, an error removes the socket again.
                let opened = Listener::Unix { listener, path: path.clone(), identity };
                fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
                if let Listener::Unix { listener, .. } = &opened {
                    listener.set_nonblocking(true)?;
                }
                opened
            }
        };
        Ok(listener)
    }

    /// The address it has: with the port that the system chose, where 0 was asked for.
    pub(crate) fn address(&self) -> io::Result<Address> {
        match self {
            Listener::Inet(listener) => {
                let address = listener.local_addr()?;
                Ok(Address::Inet { host: address.ip().to_string(), port: address.port() })
            }
            Listener::Unix { path, .. } => Ok(Address::Unix(path.clone())),
        }
    }

    /// A client that waits, if one does.
    pub(crate) fn accept(&self) -> io::Result<Option<Stream>> {
        let accepted = match self {
            Listener::Inet(listener) => listener.accept().map(|(stream, _)| Stream::Inet(stream)),
            Listener::Unix { listener, .. } => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
        };
        match accepted {
            Ok(stream) => Ok(Some(stream)),
            Err(error) if is_passing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Errors of clients that went away again, and of nobody there.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::WouldBlock | Kind::Interrupted | Kind::ConnectionAborted | Kind::ConnectionReset
    )
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Inet(listener) => listener.as_fd(),
            Listener::Unix { listener, .. } => listener.as_fd(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Not a successor's.
        if let Listener::Unix { path, identity: known, .. } = self
            && known.is_some()
            && identity(path) == *known
        {
            let _ = fs::remove_file(path);
        }
    }
}

/// What a path leads to, as no other file.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Removes a socket that a process has left behind. Whatever else stands there is not ours.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "something else than a socket stands there",
        ));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers there")),
        Err(error) => Err(error),
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Inet(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Makes reads and writes wait, and gives the longest that a write may take.
    pub(crate) fn set_up(&self, write: Duration) -> io::Result<()> {
        match self {
            Stream::Inet(stream) => {
                stream.set_nonblocking(false)?;
                // Replies are whole: nothing to wait for before they are sent.
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(write))
            }
            Stream::Unix(stream) => {
                stream.set_nonblocking(false)?;
                stream.set_write_timeout(Some(write))
            }
        }
    }

    /// The longest that a read may take; not zero.
    pub(crate) fn set_read_timeout(&self, read: Duration) -> io::Result<()> {
        match self {
            Stream::Inet(stream) => stream.set_read_timeout(Some(read)),
            Stream::Unix(stream) => stream.set_read_timeout(Some(read)),
        }
    }

    /// Ends the connection, whoever waits for it.
    pub(crate) fn close(&self) {
        let _ = match self {
            Stream::Inet(stream) => stream.shutdown(Shutdown::Both),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Inet(stream) => (&*stream).read(buffer),
            Stream::Unix(stream) => (&*stream).read(buffer),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Inet(stream) => (&*stream).write(octets),
            Stream::Unix(stream) => (&*stream).write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_spelled_as_in_main_cf() {
        for (text, expected) in [
            ("inet:127.0.0.1:2527", "inet:127.0.0.1:2527"),
            ("inet:[::1]:2527", "inet:[::1]:2527"),
            ("inet:localhost:0", "inet:localhost:0"),
            ("unix:/run/readdress/socketmap", "unix:/run/readdress/socketmap"),
        ] {
            assert_eq!(Address::parse(text).map(|address| address.to_string()).as_deref(), Ok(expected));
        }
        for text in [
            "",
            "127.0.0.1:2527",
            "inet:2527",
            "inet::2527",
            "inet:::1:2527",
            "inet:host:smtp",
            "unix:socket",
            "local:/x",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socketmap");
        let address = Address::Unix(path.clone());
        let first = Listener::open(&address, 0o660).expect("a new one");
        assert_eq!(fs::metadata(&path).expect("a socket").permissions().mode() & 0o777, 0o660);
        let error = Listener::open(&address, 0o660).expect_err("one in use");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists(), "the socket goes with its listener");
        drop(UnixListener::bind(&path).expect("a socket that stays"));
        let second = Listener::open(&address, 0o666).expect("one left behind");
        fs::remove_file(&path).expect("a socket");
        let third = Listener::open(&address, 0o666).expect("a successor");
        drop(second);
        assert!(path.exists(), "a successor's socket stays");
        drop(third);
        fs::write(&path, "text").expect("a file");
        assert!(Listener::open(&address, 0o666).is_err(), "no socket");
        assert_eq!(fs::read(&path).expect("a file"), b"text");
    }
}
