//! Who runs over a corpus, and under which names.

use std::hint::black_box;

use mail_parser::MessageBuffers;
use readdress::{Direction, Engine, Scratch};
use readdress_benches::corpus::{Directory, Hits};
use readdress_benches::scan::{Names, address_fields, address_fields_and_lists, copy, line_feeds};
use readdress_benches::shape::section_length;
use readdress_benches::stopwatch::{Contestant, MANY_ROUNDS, ROUNDS, Times, race};
use readdress_benches::work::{contiguous, edit_list, slices, verdict};

use crate::c_library::CLibrary;
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

    /// Scanning, parsing and rewriting, ours and theirs.
    pub fn race(&self) -> Times {
        let Corpus { messages, engines, .. } = self;
        let sections: Vec<&[u8]> =
            messages.iter().map(|message| &message[..section_length(message)]).collect();
        let sections = &sections;
        let (names, mut buffer) = (Names::new(), Vec::new());
        let names = &names;
        let rivals: Vec<Rival> = engines.iter().map(|(_, engine)| Rival::new(engine, messages)).collect();
        let mut contestants = vec![
            Contestant::new("memcpy", move || sections.iter().for_each(|section| copy(section, &mut buffer))),
            Contestant::new("memchr line feeds", || {
                sections.iter().for_each(|section| _ = black_box(line_feeds(section)));
            }),
            Contestant::new("scan", || {
                sections.iter().for_each(|section| _ = black_box(address_fields(section, names)));
            }),
            Contestant::new("scan, lists", || {
                sections.iter().for_each(|section| _ = black_box(address_fields_and_lists(section, names)));
            }),
        ];
        for ((hits, engine), rival) in engines.iter().zip(&rivals) {
            contestants.extend(ours(*hits, engine, messages));
            contestants.extend(theirs(*hits, rival, messages));
        }
        race(ROUNDS, messages.len(), contestants)
    }

    /// The C library and the engine it is made of, in many rounds: the difference is small. The
    /// control is the same engine with the map in other memory, as the C library has it: how much
    /// it differs from the first is how little a difference can mean.
    pub fn race_c(&self, library: &CLibrary) -> Times {
        let messages = &self.messages;
        let rewriters = self.engines.each_ref().map(|(_, engine)| library.rewriter(engine));
        let controls = self
            .engines
            .each_ref()
            .map(|(_, engine)| Engine::from_bytes(engine.map().octets().to_vec()).expect("the map is sound"));
        let mut contestants = Vec::new();
        for (((hits, engine), c), control) in self.engines.iter().zip(&rewriters).zip(&controls) {
            let hits = hits.name();
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
        race(MANY_ROUNDS, messages.len(), contestants)
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
}

fn ours<'a>(hits: Hits, engine: &'a Engine, messages: &'a [Vec<u8>]) -> [Contestant<'a>; 4] {
    let name = |what: &str| format!("{} {what}", hits.name());
    let [mut first, mut second, mut third, mut fourth] = [(); 4].map(|()| Scratch::new());
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
        Contestant::new(name("contiguous"), move || {
            messages.iter().for_each(|message| contiguous(engine, message, &mut fourth, &mut buffer));
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
    }
    contestants
}

fn output(engine: &Engine, message: &[u8]) -> Vec<u8> {
    let mut scratch = Scratch::new();
    let done = engine.rewrite_into(Direction::Outbound, message, &mut scratch).expect("within the limits");
    done.to_vec()
}
