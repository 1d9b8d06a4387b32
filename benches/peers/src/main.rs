//! Everything that is compared with something else in one process. What came out goes to standard output
//! as JSON; `benches/report` knows the targets.
//!
//!     peers messages [LIBREADDRESS.SO [GMIME.SO]]   floors, our engine, its C library, other parsers,
//!                                                   threads; READDRESS_CORPUS names a folder of mail
//!     peers maps FOLDER CDB.SO|- ENTRIES...         look-ups; files go below FOLDER
//!     peers build KIND ENTRIES FOLDER [CDB.SO]      one map, which `maps` calls for each
//!
//! The libraries are c/gmime.c and c/cdb.c; what is not given is not measured.

mod c_library;
mod contest;
mod gmime;
mod json;
mod look_up;
mod others;
mod rival;
mod threads;

use std::error::Error;
use std::ffi::OsStr;
use std::path::Path;

use readdress_benches::corpus::{Directory, HOT, Hits, STREAM, office, small};
use readdress_benches::real;
use readdress_benches::shape::section_length;
use serde_json::{Value, json};

use crate::c_library::CLibrary;
use crate::contest::Corpus;
use crate::gmime::GMime;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match *arguments.as_slice() {
        ["messages", ref libraries @ ..] => messages(libraries)?,
        ["maps", folder, cdb, ref counts @ ..] => {
            let cdb = (cdb != "-").then_some(OsStr::new(cdb));
            let measure = |count: &&str| -> Result<Value, Box<dyn Error>> {
                look_up::measure(count.parse()?, &Path::new(folder).join(count), cdb)
            };
            counts.iter().map(measure).collect::<Result<_, _>>()?
        }
        ["build", kind, count, folder, ref cdb @ ..] => {
            look_up::build(kind, count.parse()?, Path::new(folder), cdb.first().map(OsStr::new))?
        }
        _ => return Err("usage: peers messages|maps|build ...".into()),
    };
    println!("{outcome}");
    Ok(())
}

fn messages(libraries: &[&str]) -> Result<Value, Box<dyn Error>> {
    let gmime = libraries.get(1).map(|path| GMime::open(OsStr::new(path))).transpose()?;
    let gmime = gmime.as_ref();
    let directory = Directory::new();
    let engines = Hits::ALL.map(|hits| (hits, hits.engine(&directory)));
    let mut corpora = vec![
        Corpus::generated("stream", office(&directory, STREAM), &engines),
        Corpus::generated("hot", office(&directory, HOT), &engines),
        Corpus::generated("small", small(&directory, HOT), &engines),
    ];
    if let Some(folder) = std::env::var_os(real::FOLDER) {
        let messages = real::messages(Path::new(&folder))?;
        corpora.push(Corpus::real(messages, &directory));
    }
    let mut told = Vec::new();
    for corpus in &corpora {
        let (agreed, all) = (corpus.agreement(), corpus.messages.len());
        let gmime_agreed = gmime.map(|gmime| corpus.gmime_agreement(gmime));
        let is_generated = corpus.name != "real";
        assert!(!is_generated || agreed == all, "mail-parser gives the same octets of generated mail");
        assert!(!is_generated || gmime_agreed.is_none_or(|agreed| agreed == all), "GMime replaces as many");
        eprintln!("peers: {}", corpus.name);
        let octets = corpus.messages.iter().map(|message| section_length(message)).sum::<usize>();
        told.push(json!({
            "name": corpus.name,
            "messages": all,
            "mean header section": octets as f64 / all as f64,
            "same octets as mail-parser": agreed,
            "as many addresses as GMime": gmime_agreed,
            "times": json::rounds(&corpus.race(gmime)),
        }));
    }

    let mut c = Vec::new();
    if let Some(path) = libraries.first() {
        eprintln!("peers: C");
        let library = CLibrary::new(OsStr::new(path))?;
        // A message without fields is the call and nothing else. Messages that no cache holds
        // take times that vary by more than a call.
        let empty = Corpus::generated("empty", vec![b"\r\n".to_vec(); HOT], &engines);
        let folder = tempfile::tempdir()?;
        let corpora = corpora.iter().filter(|corpus| ["hot", "small"].contains(&corpus.name));
        for corpus in corpora.chain([&empty]) {
            c.push(json!({ "name": corpus.name, "times": json::rounds(&corpus.race_c(&library, folder.path())?) }));
        }
    }
    eprintln!("peers: threads");
    let [stream, ..] = &corpora[..] else { unreachable!("there is one") };
    let threads =
        threads::race(&stream.messages, stream.engine(Hits::NoDomain), stream.engine(Hits::Mailboxes));
    Ok(json!({ "corpora": told, "C": c, "threads": threads }))
}
