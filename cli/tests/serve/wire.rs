//! The protocol, and connections.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::service::{Client, Folder, Service, request};

const PLAN: &str = "\
[plan]
name = \"wire\"

[rewrite]
preset = \"coexistence\"

[[rewrite.entry]]
internal = \"john@tenant1.contoso.com\"
external = \"john@contoso.com\"
";

const FOUND: &str = "OK john@contoso.com";

fn service(args: &[&str]) -> (Folder, Service) {
    let folder = Folder::new();
    folder.compile(PLAN, "map");
    let service = Service::start(&[&["--map", &folder.path("map")], args].concat());
    (folder, service)
}

fn john() -> Vec<u8> {
    request("canonical", "john@tenant1.contoso.com")
}

#[test]
fn requests_are_answered_in_their_order_however_they_arrive() {
    let (_folder, service) = service(&[]);
    let mut client = service.client();
    // A thousand at once, then one octet after the other.
    let other = request("canonical", "a@far.example");
    client.send(&[john(), other.clone()].concat().repeat(500));
    for _ in 0..500 {
        assert_eq!(client.reply().as_deref(), Some(FOUND));
        assert_eq!(client.reply().as_deref(), Some("NOTFOUND "));
    }
    for octet in [other, john()].concat() {
        client.send(&[octet]);
    }
    assert_eq!(client.reply().as_deref(), Some("NOTFOUND "));
    assert_eq!(client.reply().as_deref(), Some(FOUND));
    // The rest of one with the beginning of the next.
    let (first, second) = (john(), john());
    client.send(&[&first, &second[..7]].concat());
    assert_eq!(client.reply().as_deref(), Some(FOUND));
    client.send(&second[7..]);
    assert_eq!(client.reply().as_deref(), Some(FOUND));
}

#[test]
fn what_is_no_request_ends_the_connection_and_no_other() {
    let (_folder, service) = service(&[]);
    let mut other = service.client();
    assert_eq!(other.ask("canonical", "john@tenant1.contoso.com"), FOUND);
    for garbage in [
        "GET / HTTP/1.1\r\n\r\n",
        "4294967296:x",
        "99999999999999999999999999999999:x",
        "16385:",
        "007:a b@c.d,",
        "9:canonical,",
        "3:a b;",
        ":,",
        "-1:,",
        "\0\0\0\0",
    ] {
        let mut client = service.client();
        client.send(&john());
        client.send(garbage.as_bytes());
        assert_eq!(client.reply().as_deref(), Some(FOUND), "{garbage:?}: what came before is answered");
        assert!(client.is_closed(), "{garbage:?}");
    }
    assert_eq!(other.ask("canonical", "john@tenant1.contoso.com"), FOUND);
    service.wait_for("a client is sent away: a request of more than 16384 octets");
    assert_eq!(service.lines("more than 16384").len(), 1, "told once");
    // The longest request is one.
    let key = "x".repeat(16_384 - "canonical ".len());
    assert_eq!(other.ask("canonical", &key), "NOTFOUND ");
}

#[test]
fn fifty_clients_ask_at_once() {
    let (_folder, service) = service(&[]);
    std::thread::scope(|scope| {
        for _ in 0..50 {
            let mut client = service.client();
            scope.spawn(move || {
                for _ in 0..200 {
                    assert_eq!(client.ask("canonical", "john@tenant1.contoso.com"), FOUND);
                    assert_eq!(client.ask("virtual", "john@contoso.com"), "OK john@tenant1.contoso.com");
                }
            });
        }
    });
}

#[test]
fn beyond_the_limit_the_connection_goes_that_was_silent_for_longest() {
    let (_folder, service) = service(&["--connections", "3"]);
    let mut clients: Vec<Client> = (0..3).map(|_| service.client()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("canonical", "john@tenant1.contoso.com"), FOUND);
        std::thread::sleep(Duration::from_millis(20));
    }
    // The first has asked again since.
    assert_eq!(clients[0].ask("canonical", "john@tenant1.contoso.com"), FOUND);
    assert_eq!(service.ask("canonical", "john@tenant1.contoso.com"), FOUND);
    assert!(clients[1].is_closed());
    for still in [0, 2] {
        assert_eq!(clients[still].ask("canonical", "john@tenant1.contoso.com"), FOUND, "{still}");
    }
    // However many come, there are no more threads than that.
    for _ in 0..100 {
        clients.push(service.client());
    }
    assert_eq!(service.ask("canonical", "john@tenant1.contoso.com"), FOUND);
    assert!(service.threads() < 20, "{}", service.threads());
}

#[test]
fn clients_that_break_off_leave_nothing_behind() {
    let (_folder, service) = service(&[]);
    let threads = 4;
    for nth in 0..100 {
        let mut stream = TcpStream::connect(("127.0.0.1", service.port)).expect("a connection");
        let part = john();
        let _ = stream.write_all(&part[..nth % part.len()]);
        if nth % 2 == 0 {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }
    assert_eq!(service.ask("canonical", "john@tenant1.contoso.com"), FOUND);
    for _ in 0..500 {
        if service.threads() == threads {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} threads are left", service.threads());
}

#[test]
fn a_line_for_each_look_up_says_when_what_and_by_which_map() {
    let folder = Folder::new();
    let generation = folder.compile(PLAN, "map");
    let service = Service::start(&["--map", &folder.path("map"), "--verbose"]);
    service.ask("canonical", "john@tenant1.contoso.com");
    service.ask("canonical", "a\"\r\n\u{fc}@far.example");
    let line = service.wait_for("map=\"canonical\" key=\"john");
    let (time, rest) = line.split_once(' ').expect("a time");
    let form: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00T00:00:00.000Z");
    let expected = format!(
        "map=\"canonical\" key=\"john@tenant1.contoso.com\" answer=\"{FOUND}\" generation={generation}"
    );
    assert_eq!(rest, expected);
    service.wait_for("key=\"a\\\"\\r\\n\\xc3\\xbc@far.example\" answer=\"NOTFOUND\"");
}

#[test]
fn told_to_end_it_ends_with_its_sockets_and_connections() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new();
        folder.compile(PLAN, "map");
        let socket = folder.path("socket");
        let address = format!("unix:{socket}");
        let service = Service::start(&["--map", &folder.path("map"), "--socketmap", &address]);
        let mode = std::fs::metadata(&socket).expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o666);
        let (mut one, mut other) = (service.client(), Client::at(&socket));
        assert_eq!(one.ask("canonical", "john@tenant1.contoso.com"), FOUND);
        other.send(b"40:cano");
        service.signal(signal);
        let (status, lines) = service.ended();
        assert_eq!(status.code(), Some(0), "{lines:#?}");
        assert_eq!(lines.last().map(String::as_str), Some("readdress: stopped"));
        assert!(one.is_closed() && other.is_closed());
        assert!(!folder.join("socket").exists());
    }
}

#[test]
fn nobody_who_reads_its_lines_holds_up_no_look_up_and_no_second_signal() {
    let folder = Folder::new();
    folder.compile(PLAN, "map");
    let mut service = Service::start(&["--map", &folder.path("map"), "--verbose"]);
    service.read_no_more();
    let mut client = service.client();
    // More than a pipe and all lines that may wait.
    for _ in 0..100 {
        client.send(&john().repeat(1000));
        for _ in 0..1000 {
            assert_eq!(client.reply().as_deref(), Some(FOUND));
        }
    }
    service.signal("TERM");
    std::thread::sleep(Duration::from_millis(200));
    assert!(!service.has_ended(), "it would lose lines without being told twice");
    service.signal("TERM");
    assert_eq!(service.ended().0.code(), None, "ended by the signal");
}

#[test]
fn killed_it_leaves_a_socket_that_the_next_one_takes_over() {
    let folder = Folder::new();
    folder.compile(PLAN, "map");
    let (map, socket) = (folder.path("map"), folder.path("socket"));
    let address = format!("unix:{socket}");
    let args = ["--map", map.as_str(), "--socketmap", &address, "--socket-mode", "600"];
    drop(Service::start(&args));
    assert!(folder.join("socket").exists());
    let _second = Service::start(&args);
    assert_eq!(Client::at(&socket).ask("canonical", "john@tenant1.contoso.com"), FOUND);
    assert_eq!(std::fs::metadata(&socket).expect("a socket").permissions().mode() & 0o777, 0o600);
    let refused = |args: &[&str]| {
        let run =
            std::process::Command::new(env!("CARGO_BIN_EXE_readdress")).arg("serve").args(args).output();
        let run = run.expect("the command runs");
        (run.status.code(), String::from_utf8(run.stderr).expect("text"))
    };
    // A third one does not push it away.
    let (code, said) = refused(&args);
    assert_eq!(code, Some(73), "{said}");
    assert!(said.contains("another process answers there"), "{said}");
    assert_eq!(Client::at(&socket).ask("canonical", "john@tenant1.contoso.com"), FOUND);
    for (args, expected) in [
        (&["--map", &map][..], 64),
        (&["--map", &map, "--socketmap", "127.0.0.1:25"], 64),
        (&["--map", &map, "--socketmap", "inet:127.0.0.1:0", "--interval", "0"], 64),
        (&["--map", &map, "--socketmap", "inet:127.0.0.1:0", "--deliver-to", "lmtp:a b"], 64),
        (&["--map", &map, "--socketmap", "inet:127.0.0.1:0", "--route-transport", "smtp:"], 64),
        (&["--map", &folder.path("absent"), "--socketmap", "inet:127.0.0.1:0"], 66),
        (&["--map", &folder.path("plan.toml"), "--socketmap", "inet:127.0.0.1:0"], 65),
        (&["--map", &map, "--socketmap", "inet:192.0.2.1:1"], 73),
    ] {
        let (code, said) = refused(args);
        assert_eq!(code, Some(expected), "{args:?}: {said}");
    }
}
