//! Nothing is allocated once a scratch has grown (I8): over a thousand messages, hit or no hit, in both
//! directions, for whole messages, messages field by field, and paths of the envelope, and whatever a
//! host takes of the outcome.
#![allow(unsafe_code, reason = "counting allocations takes an allocator")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::LazyLock;

use readdress::routing::{Action, Client, Decision, Envelope};
use readdress::{
    Direction, Engine, EntryDirection, MapBuilder, NewEntry, PathKind, Policy, Rewritten, Scratch,
};
use readdress_benches::corpus::{Directory, HOT, Hits, office, small};
use readdress_benches::migration;
use readdress_benches::people::Person;
use readdress_benches::shape::fields;
use readdress_plan::Plan;

const MESSAGES: usize = 1_000;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct World {
    directory: Directory,
    /// For each kind of hits, an engine that rewrites the same fields in both directions.
    engines: [(Hits, Engine); 3],
    /// Messages from inside, and as they come back.
    outbound: Vec<Vec<u8>>,
    inbound: Vec<Vec<u8>>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let directory = Directory::new();
    let engines = Hits::ALL.map(|hits| (hits, engine(&hits.people(&directory))));
    let mut outbound = office(&directory, MESSAGES);
    outbound.extend(small(&directory, HOT));
    let [.., (_, mailboxes)] = &engines;
    let mut scratch = Scratch::new();
    let mut sent = |message: &Vec<u8>| {
        mailboxes.rewrite_into(Direction::Outbound, message, &mut scratch).unwrap().to_vec()
    };
    let inbound = outbound.iter().map(&mut sent).collect();
    World { directory, engines, outbound, inbound }
});

fn engine(people: &[Person]) -> Engine {
    let mut builder = MapBuilder::new();
    let policy = Policy::default();
    builder.set_policy(Policy { inbound: policy.outbound.clone(), ..policy });
    for person in people {
        let entry = NewEntry {
            name: &person.last,
            internal: person.internal.as_bytes(),
            external: person.external.as_bytes(),
            direction: EntryDirection::Both,
            except: &[],
            source: None,
        };
        builder.add(&entry).unwrap();
    }
    Engine::from_bytes(builder.finish().unwrap()).unwrap()
}

impl World {
    fn messages(&self, direction: Direction) -> &[Vec<u8>] {
        match direction {
            Direction::Outbound => &self.outbound,
            Direction::Inbound => &self.inbound,
        }
    }

    /// Runs something for every kind of hits and both directions with one scratch, twice, and holds the
    /// second time to no allocation. It gives how much was found.
    fn hold(&self, what: &str, mut run: impl FnMut(&Engine, Direction, &mut Scratch) -> usize) {
        let mut scratch = Scratch::new();
        for turn in 0..2 {
            for (hits, engine) in &self.engines {
                for direction in Direction::ALL {
                    let before = ALLOCATIONS.get();
                    let found = run(engine, direction, &mut scratch);
                    let allocated = ALLOCATIONS.get() - before;
                    let case = format!("{what}, {}, {}", hits.name(), direction.name());
                    // All maps have the same few external domains, so that some inbound mail hits.
                    if *hits == Hits::Mailboxes || direction == Direction::Outbound {
                        assert_eq!(found > 0, *hits == Hits::Mailboxes, "{case}: {found}");
                    }
                    assert!(turn == 0 || allocated == 0, "{case}: {allocated} allocations");
                }
            }
        }
    }
}

/// Takes everything that a host may ask for, but for the signatures: their report is made when asked for,
/// in memory of its own.
fn take(done: &Rewritten<'_>, output: &mut Vec<u8>) -> usize {
    black_box((done.flags(), done.verdict(), done.size(), done.body_offset()));
    output.clear();
    done.write_to(output).unwrap();
    black_box(done.slices().count() + done.io_slices().count());
    black_box(done.skipped().count() + done.unmapped().count());
    done.edits().filter(|edit| edit.entry.is_some()).count()
}

#[test]
fn whole_messages() {
    let world = &*WORLD;
    let mut output = Vec::new();
    world.hold("whole messages", |engine, direction, scratch| {
        let edits = world.messages(direction).iter().map(|message| {
            let done = engine.rewrite_into(direction, message, scratch).unwrap();
            take(&done, &mut output)
        });
        edits.sum()
    });
}

#[test]
fn messages_field_by_field() {
    let world = &*WORLD;
    let split = |direction| -> Vec<Vec<(&[u8], &[u8])>> {
        world.messages(direction).iter().map(|message| fields(message)).collect()
    };
    let (outbound, inbound) = (split(Direction::Outbound), split(Direction::Inbound));
    let mut body = Vec::new();
    world.hold("field by field", |engine, direction, scratch| {
        let messages = if direction == Direction::Outbound { &outbound } else { &inbound };
        let mut changes = 0;
        for message in messages {
            let mut arriving = engine.begin(direction, scratch);
            for (name, body) in message {
                arriving.field(name, body).unwrap();
            }
            for change in arriving.finish().field_changes() {
                body.clear();
                change.append_to(&mut body);
                changes += 1;
            }
        }
        changes
    });
}

/// Decisions about everybody of a migration: rules, waves, routing addresses, connectors, refusals.
#[test]
fn routes() {
    const RECIPIENTS: usize = 2_000;
    let folder = std::env::temp_dir().join(format!("readdress-warm-{}", std::process::id()));
    let plan = migration::write(&folder, RECIPIENTS).unwrap();
    let compiled = Plan::read(&plan).map(|plan| plan.compile()).unwrap().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let engine = Engine::from_bytes(compiled.map).unwrap();
    let recipients: Vec<String> = migration::recipients(RECIPIENTS).collect();
    let inside = Client { address: Some([192, 0, 2, 10].into()), ..Client::default() };
    let outside = Client { address: Some([203, 0, 113, 5].into()), ..Client::default() };
    let header = b"Received: from a by b\r\nFrom: a@far.example\r\n\r\n";
    let mut decision = Decision::new();
    for turn in 0..2 {
        for client in [inside, outside] {
            let before = ALLOCATIONS.get();
            let mut actions = [0; 4];
            for some in recipients.chunks(10) {
                let envelope = Envelope {
                    client,
                    reverse_path: Some(b"<somebody@contoso.example>"),
                    header: Some(header),
                    ..Envelope::default()
                };
                let others = [b"nobody@contoso.example".as_slice(), b"x@far.example", b"no address"];
                let all = some.iter().map(String::as_bytes).chain(others);
                for route in engine.route(&envelope, all, &mut decision).unwrap().iter() {
                    black_box((route.forward_path().len(), route.next_hops().len(), route.reply().is_some()));
                    black_box(route.set_headers().count() + route.removed_headers().count());
                    actions[Action::ALL.iter().position(|action| *action == route.action()).unwrap()] += 1;
                }
            }
            let [delivered, relayed, refused, _] = actions;
            assert!(delivered > 0 && relayed > 0 && refused > 0, "{actions:?}");
            let allocated = ALLOCATIONS.get() - before;
            assert!(turn == 0 || allocated == 0, "{allocated} allocations");
        }
    }
}

#[test]
fn paths() {
    let world = &*WORLD;
    let some = || world.directory.mapped.iter().step_by(world.directory.mapped.len() / MESSAGES);
    let path = |address: &String| format!("<{address}>").into_bytes();
    let internal: Vec<Vec<u8>> = some().map(|person| path(&person.internal)).collect();
    let external: Vec<Vec<u8>> = some().map(|person| path(&person.external)).collect();
    world.hold("paths", |engine, direction, scratch| {
        let (paths, kind) = match direction {
            Direction::Outbound => (&internal, PathKind::Reverse),
            Direction::Inbound => (&external, PathKind::Forward),
        };
        let changed = paths.iter().filter(|path| {
            let done = engine.rewrite_path(direction, kind, path, scratch).unwrap();
            black_box((done.from().len(), done.to().len(), done.entry().is_some(), done.verdict()));
            done.changed()
        });
        changed.count()
    });
}
