//! Who runs over a corpus, and under which names.

use std::error::Error;
use std::ffi::CString;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use mail_parser::{MessageBuffers, MessageParser};
use memmap2::Mmap;
use readdress::header::{Notes, Scanner};
use readdress::{Direction, Engine, Map, MapData, Scratch};
use readdress_benches::corpus::{Directory, Hits};
use readdress_benches::people::{ELSEWHERE, INTERNAL_DOMAINS};
use readdress_benches::scan::{
    address_field_names, address_fields, address_fields_and_lists, copy, line_feeds,
};
use readdress_benches::shape::section_length;
use readdress_benches::stopwatch::{Contestant, MANY_ROUNDS, ROUNDS, Times, race};
use readdress_benches::work::{contiguous, count, edit_list, edit_list_with_sources, slices, verdict};

use crate::c_library::CLibrary;
use crate::gmime::GMime;
use crate::others::{Domains, mailparse};
use crate::rival::Rival;

/// Messages, and the engine for each kind of hits.
pub struct Corpus {
    pub name: &'static str,
    pub messages: Vec<Vec<u8>>,
    engines: [(Hits, Engine); 3],
}

impl Corpus {
    /// Generated mail, for which there is one engine for each kind of hits.
    pub fn generated(name: &'static str, messages: Vec<Vec<u8>>, engines: &[(Hits, Engine); 3]) -> Corpus {
        Corpus { name, messages, engines: engines.clone() }
    }

    /// Mail of a folder.
    pub fn real(messages: Vec<Vec<u8>>, directory: &Directory) -> Corpus {
        let engine = |hits| (hits, readdress_benches::real::engine_for(&messages, hits, directory));
        let engines = Hits::ALL.map(engine);
        Corpus { name: "real", messages, engines }
    }

    /// The engine for a kind of hits.
    pub fn engine(&self, wanted: Hits) -> &Engine {
        let known = self.engines.iter().find(|(hits, _)| *hits == wanted);
        known.map(|(_, engine)| engine).expect("there is one for each kind")
    }

    /// Scanning, parsing and rewriting, ours and theirs.
    pub fn race(&self, gmime: Option<&GMime>) -> Times {
        let Corpus { messages, engines, .. } = self;
        let sections: Vec<&[u8]> =
            messages.iter().map(|message| &message[..section_length(message)]).collect();
        let sections = &sections;
        let (names, mut buffer) = (address_field_names(), Vec::new());
        let names = &names;
        let searchers = [("absent", Domains::new(&ELSEWHERE)), ("present", Domains::new(&INTERNAL_DOMAINS))];
        let rivals: Vec<Rival> = engines.iter().map(|(_, engine)| Rival::new(engine, messages)).collect();
        let parsers = gmime.map(|gmime| {
            [Hits::NoDomain, Hits::Mailboxes].map(|hits| (hits, gmime.rewriter(self.engine(hits))))
        });
        let mut contestants = vec![
            Contestant::new("memcpy", move || sections.iter().for_each(|section| copy(section, &mut buffer))),
            Contestant::new("memchr line feeds", || {
                sections.iter().for_each(|section| _ = black_box(line_feeds(section)));
            }),
            Contestant::new("scan", || {
                let (best, mut notes) = (Scanner::best(), Notes::default());
                sections
                    .iter()
                    .for_each(|section| _ = black_box(address_fields(section, names, best, &mut notes)));
            }),
            Contestant::new("scan by lines", || {
                let (lines, mut notes) = (Scanner::Lines, Notes::default());
                sections
                    .iter()
                    .for_each(|section| _ = black_box(address_fields(section, names, lines, &mut notes)));
            }),
            Contestant::new("scan, lists", || {
                let mut notes = Notes::default();
                sections
                    .iter()
                    .for_each(|section| _ = black_box(address_fields_and_lists(section, names, &mut notes)));
            }),
        ];
        contestants.extend(searchers.iter().map(|(name, searcher)| {
            Contestant::new(format!("aho-corasick @domain, {name}"), || {
                sections.iter().for_each(|section| _ = black_box(searcher.find(section)));
            })
        }));
        contestants.push(Contestant::new("mailparse", || {
            messages.iter().for_each(|message| mailparse(message, names));
        }));
        for (hits, rewriter) in parsers.iter().flatten() {
            let parse = move || messages.iter().for_each(|message| rewriter.parse(message));
            if *hits == Hits::NoDomain {
                contestants.push(Contestant::new("GMime", parse));
            }
            contestants.push(Contestant::new(
                format!("{} GMime + hash table + write", hits.name()),
                move || {
                    messages.iter().for_each(|message| _ = black_box(rewriter.rewrite(message)));
                },
            ));
        }
        for ((hits, engine), rival) in engines.iter().zip(&rivals) {
            contestants.extend(ours(*hits, engine, messages));
            contestants.extend(theirs(*hits, rival, messages));
        }
        race(ROUNDS, messages.len(), contestants)
    }

    /// The C library and the engine it is made of, in many rounds: the difference is small. All have one
    /// map file in memory, since where in a cache a map's pages come to lie makes a larger one. The control
    /// is the same engine once more: how much it differs from the first is how little a difference can mean.
    pub fn race_c(&self, library: &CLibrary, folder: &Path) -> Result<Times, Box<dyn Error>> {
        let messages = &self.messages;
        let mut all = Vec::new();
        for (hits, engine) in &self.engines {
            let path = folder.join(hits.name());
            std::fs::write(&path, engine.map().octets())?;
            let c = library.rewriter(&CString::new(path.as_os_str().as_bytes())?);
            all.push((hits.name(), mapped(&path)?, mapped(&path)?, c));
        }
        let mut contestants = Vec::new();
        for (hits, engine, control, c) in &all {
            for message in messages {
                assert_eq!(c.output(message), output(engine, message), "C and Rust give the same");
            }
            for (name, engine) in [("Rust", engine), ("control", control)] {
                let mut scratch = Scratch::new();
                contestants.push(Contestant::new(format!("{name} {hits} rewrite"), move || {
                    for message in messages {
                        black_box(engine.rewrite_into(Direction::Outbound, message, &mut scratch).is_ok());
                    }
                }));
            }
            let mut scratch = Scratch::new();
            contestants.push(Contestant::new(format!("C {hits} rewrite"), move || {
                messages.iter().for_each(|message| c.rewrite(message));
            }));
            contestants.push(Contestant::new(format!("Rust {hits} slices"), move || {
                messages.iter().for_each(|message| slices(engine, message, &mut scratch));
            }));
            contestants.push(Contestant::new(format!("C {hits} slices"), move || {
                messages.iter().for_each(|message| c.slices(message));
            }));
        }
        Ok(race(MANY_ROUNDS, messages.len(), contestants))
    }

    /// How many messages the rival writes as we do with the entries that hit; fewer than all only
    /// where the two read an address differently.
    pub fn agreement(&self) -> usize {
        let [.., (_, engine)] = &self.engines;
        let rival = Rival::new(engine, &self.messages);
        let mut theirs = Vec::new();
        let agrees = |message: &&Vec<u8>| {
            rival.rewrite(message, &mut theirs);
            theirs == output(engine, message)
        };
        self.messages.iter().filter(agrees).count()
    }

    /// In how many messages GMime replaces as many addresses as we. It folds and encodes anew whatever
    /// it writes, so that octets can't be compared.
    pub fn gmime_agreement(&self, gmime: &GMime) -> usize {
        let engine = self.engine(Hits::Mailboxes);
        let (rewriter, mut scratch) = (gmime.rewriter(engine), Scratch::new());
        let mut agrees = |message: &&Vec<u8>| {
            let replaced = rewriter.rewrite(message);
            assert!(rewriter.size() > 0, "a message is written");
            replaced == count(engine, message, &mut scratch)
        };
        self.messages.iter().filter(&mut agrees).count()
    }
}

/// An engine whose map is a file in memory.
fn mapped(path: &Path) -> Result<Engine, Box<dyn Error>> {
    // SAFETY: nobody else writes to the file.
    let map = unsafe { Mmap::map(&File::open(path)?) }?;
    Ok(Engine::new(Map::new(MapData::new(map))?))
}

fn ours<'a>(hits: Hits, engine: &'a Engine, messages: &'a [Vec<u8>]) -> [Contestant<'a>; 5] {
    let name = |what: &str| format!("{} {what}", hits.name());
    let [mut first, mut second, mut third, mut fourth, mut fifth] = [(); 5].map(|()| Scratch::new());
    let mut buffer = Vec::new();
    [
        Contestant::new(name("verdict"), move || {
            messages.iter().for_each(|message| verdict(engine, message, &mut first));
        }),
        Contestant::new(name("slices"), move || {
            messages.iter().for_each(|message| slices(engine, message, &mut second));
        }),
        Contestant::new(name("edit list"), move || {
            messages.iter().for_each(|message| edit_list(engine, message, &mut third));
        }),
        Contestant::new(name("edit list with sources"), move || {
            messages.iter().for_each(|message| edit_list_with_sources(engine, message, &mut fourth));
        }),
        Contestant::new(name("contiguous"), move || {
            messages.iter().for_each(|message| contiguous(engine, message, &mut fifth, &mut buffer));
        }),
    ]
}

fn theirs<'a>(hits: Hits, rival: &'a Rival, messages: &'a [Vec<u8>]) -> Vec<Contestant<'a>> {
    let name = |what: &str| format!("{} mail-parser {what}", hits.name());
    let mut buffer = Vec::new();
    let mut contestants = vec![
        Contestant::new(name("+ HashMap"), || {
            messages.iter().for_each(|message| _ = rival.look_up(message));
        }),
        Contestant::new(name("+ HashMap + splice"), move || {
            messages.iter().for_each(|message| rival.rewrite(message, &mut buffer));
        }),
    ];
    // Parsing is the same with every map.
    if hits == Hits::NoDomain {
        let parse = move || messages.iter().for_each(|message| rival.parse(message));
        contestants.insert(0, Contestant::new("mail-parser", parse));
        let mut buffers = MessageBuffers::default();
        let parse_whole =
            move || messages.iter().for_each(|message| rival.parse_whole(message, &mut buffers));
        contestants.insert(1, Contestant::new("mail-parser, whole message, memory kept", parse_whole));
        let parser = MessageParser::default();
        contestants.insert(
            2,
            Contestant::new("mail-parser, whole message, all fields", move || {
                messages.iter().for_each(|message| _ = black_box(parser.parse(message)));
            }),
        );
    }
    contestants
}

fn output(engine: &Engine, message: &[u8]) -> Vec<u8> {
    let mut scratch = Scratch::new();
    let done = engine.rewrite_into(Direction::Outbound, message, &mut scratch).expect("within the limits");
    done.to_vec()
}
