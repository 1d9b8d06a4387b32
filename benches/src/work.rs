//! One message, and what a host takes of the outcome. Benches, and the programs that are compared
//! with other languages and libraries, all time these.

use std::hint::black_box;

use readdress::{Direction, Engine, Scratch};

/// The flags, and whether there is anything to do.
pub fn verdict(engine: &Engine, message: &[u8], scratch: &mut Scratch) {
    let done = engine.rewrite_into(Direction::Outbound, message, scratch).expect("within the limits");
    black_box((done.changed(), done.verdict(), done.flags()));
}

/// Pieces for a vectored write.
pub fn slices(engine: &Engine, message: &[u8], scratch: &mut Scratch) {
    let done = engine.rewrite_into(Direction::Outbound, message, scratch).expect("within the limits");
    black_box(done.flags());
    for slice in done.slices() {
        black_box(slice);
    }
}

/// Every edit with its field, place, old and new address: what a host needs to make it.
pub fn edit_list(engine: &Engine, message: &[u8], scratch: &mut Scratch) {
    let done = engine.rewrite_into(Direction::Outbound, message, scratch).expect("within the limits");
    black_box(done.flags());
    for edit in done.edits() {
        black_box(&edit);
    }
}

/// The same, with the entry's name and where in which file it came from: what a log wants.
pub fn edit_list_with_sources(engine: &Engine, message: &[u8], scratch: &mut Scratch) {
    let done = engine.rewrite_into(Direction::Outbound, message, scratch).expect("within the limits");
    black_box(done.flags());
    for edit in done.edits() {
        black_box(edit.entry.map(|entry| (entry.name(), entry.file(), entry.line())));
        black_box(&edit);
    }
}

/// The whole message in one buffer, which is reused.
pub fn contiguous(engine: &Engine, message: &[u8], scratch: &mut Scratch, output: &mut Vec<u8>) {
    let done = engine.rewrite_into(Direction::Outbound, message, scratch).expect("within the limits");
    black_box(done.flags());
    output.clear();
    done.write_to(output).expect("memory takes everything");
    black_box(output.as_slice());
}

/// How many addresses of a message are rewritten.
#[must_use]
pub fn count(engine: &Engine, message: &[u8], scratch: &mut Scratch) -> usize {
    let done = engine.rewrite_into(Direction::Outbound, message, scratch).expect("within the limits");
    done.edits().filter(|edit| edit.entry.is_some()).count()
}
