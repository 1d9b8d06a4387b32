//! Everything that is compared with something else in one process: floors, our engine, mail-parser,
//! and our C library. `peers [LIBREADDRESS.SO]`; READDRESS_CORPUS names a folder of more mail.
//!
//! Two tables go to standard output: what each contestant takes, and the targets. The second is the
//! last, so that other programs can add their lines to it.

mod c_library;
mod contest;
mod report;
mod rival;

use std::error::Error;
use std::path::Path;

use readdress_benches::corpus::{Directory, HOT, Hits, STREAM, office, small};
use readdress_benches::real;

use crate::c_library::CLibrary;
use crate::contest::Corpus;

fn main() -> Result<(), Box<dyn Error>> {
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
    for corpus in &corpora {
        let (agreed, all) = (corpus.agreement(), corpus.messages.len());
        eprintln!("peers: {}: mail-parser gives the same octets for {agreed} of {all} messages", corpus.name);
        assert!(corpus.name == "real" || agreed == all, "generated mail is well-formed");
    }
    let times: Vec<_> = corpora.iter().map(|corpus| (corpus.name, corpus.race())).collect();
    report::details(&times);

    let c_times = match std::env::args_os().nth(1) {
        Some(path) => {
            let library = CLibrary::open(&path)?;
            // A message without fields is the call and nothing else. Messages that no cache holds
            // take times that vary by more than a call.
            let empty = Corpus::generated("empty", vec![b"\r\n".to_vec(); HOT], &engines);
            let corpora = corpora.iter().filter(|corpus| ["hot", "small"].contains(&corpus.name));
            let corpora = corpora.chain([&empty]);
            corpora.map(|corpus| (corpus.name, corpus.race_c(&library))).collect()
        }
        None => Vec::new(),
    };
    report::targets(&times, &c_times);
    Ok(())
}
