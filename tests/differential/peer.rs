//! The peers: programs that answer questions, one a line. `peers/python_email.py` says how.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::classes::{Answer, Ask};

pub struct Peer {
    name: &'static str,
    /// Whether it is asked about header sections; of two ways of one peer only the first is.
    pub reads_sections: bool,
    program: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    known: HashMap<(char, Vec<u8>), Answer>,
}

/// All peers there are. Those that must be built lie in the folder that `READDRESS_PEERS` names.
pub fn all() -> Vec<Peer> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("differential/peers");
    let built = std::env::var_os("READDRESS_PEERS").map(PathBuf::from);
    let mut peers = Vec::new();
    for (name, mode) in [("Python getaddresses", "legacy"), ("Python policy default", "modern")] {
        peers.push(start(name, Command::new("python3").arg(here.join("python_email.py")).arg(mode)));
    }
    for (name, program, mode) in [
        ("mail-parser", "mail-parser", None),
        ("GMime loose", "gmime", Some("loose")),
        ("GMime strict", "gmime", Some("strict")),
    ] {
        let path = built.as_ref().map(|folder| folder.join(program)).filter(|path| path.is_file());
        match path {
            Some(path) => peers.push(start(name, Command::new(path).args(mode))),
            None => println!("differential: SKIPPED: {name}: scripts/differential.sh builds it"),
        }
    }
    peers
}

fn start(name: &'static str, command: &mut Command) -> Peer {
    let mut program = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (input, output) = (program.stdin.take().unwrap(), program.stdout.take().unwrap());
    let reads_sections = !name.ends_with("default") && !name.ends_with("strict");
    Peer { name, reads_sections, program, input, output: BufReader::new(output), known: HashMap::new() }
}

impl Ask for Peer {
    fn name(&self) -> &str {
        self.name
    }

    /// `B`: the addr-specs of a body. `F`: the address fields of a message.
    fn ask(&mut self, kind: char, octets: &[u8]) -> Answer {
        let key = (kind, octets.to_vec());
        if let Some(answer) = self.known.get(&key) {
            return answer.clone();
        }
        let question = octets.iter().fold(String::new(), |text, octet| text + &format!("{octet:02x}"));
        writeln!(self.input, "{kind} {question}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "{} ended at {}", self.name, octets.escape_ascii());
        let line = line.trim();
        let answer = match line.strip_prefix('!') {
            Some(exception) => Err(exception.to_owned()),
            None => Ok(line.split_ascii_whitespace().map(unhex).collect()),
        };
        self.known.insert(key, answer.clone());
        answer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Hex with colons, which stand for themselves.
fn unhex(text: &str) -> Vec<u8> {
    let part = |part: &str| -> Vec<u8> {
        (0..part.len() / 2).map(|nth| u8::from_str_radix(&part[2 * nth..2 * nth + 2], 16).unwrap()).collect()
    };
    text.split(':').map(part).collect::<Vec<_>>().join(&b':')
}
