//! `readdress explain`: the look-ups behind one address, in the order in which they are tried.

use std::fmt::Write;

use readdress::{Direction, Entry, Explanation, Session};
use serde_json::Value;

use crate::describe::{direction, pair, place};
use crate::escape::Shown;
use crate::failure::Failure;
use crate::json::{self, Object};
use crate::options::ExplainOptions;
use crate::{Streams, exit, input};

pub(crate) fn run(options: &ExplainOptions, streams: &mut Streams<'_>) -> Result<u8, Failure> {
    let engine = input::engine(&options.source)?;
    let direction = Direction::from(options.direction);
    let session = Session::from(direction).with_smtputf8(options.smtputf8);
    for (index, address) in options.addresses.iter().enumerate() {
        let address = address.as_encoded_bytes();
        let explanation = engine.explain(session, address);
        let printed = if options.format.is_json() {
            json::write(streams.out, &object(address, direction, &explanation))
        } else {
            let gap = if index == 0 { "" } else { "\n" };
            write!(streams.out, "{gap}{}", text(address, direction, &explanation))
        };
        printed.map_err(|error| Failure::output(&error))?;
    }
    Ok(exit::OK)
}

fn object(address: &[u8], direction: Direction, explanation: &Explanation<'_>) -> Value {
    let tried: Vec<Value> = explanation
        .tried
        .iter()
        .map(|tried| {
            Object::new()
                .with_octets("key", &tried.key)
                .with("kind", tried.kind.name())
                .with("hit", tried.hit)
                .into()
        })
        .collect();
    Object::new()
        .with_octets("address", address)
        .with("direction", direction.name())
        .with_optional("key", explanation.key.as_deref())
        .with_optional("result", explanation.result.as_deref())
        .with("tried", tried)
        .with("entry", explanation.entry.as_ref().map_or(Value::Null, entry))
        .with("shadowed", explanation.shadowed.iter().map(entry).collect::<Vec<_>>())
        .with("unmapped", explanation.unmapped)
        .with("reason", explanation.reason.map(readdress::SkipReason::name))
        .into()
}

fn entry(entry: &Entry<'_>) -> Value {
    json::origin(entry)
        .with_octets("internal", &entry.internal())
        .with_octets("external", &entry.external())
        .with("direction", direction(entry))
        .with("except", entry.except().map(json::item).collect::<Vec<_>>())
        .into()
}

fn text(address: &[u8], direction: Direction, explanation: &Explanation<'_>) -> String {
    let mut text = format!("{} ({})\n", Shown(address), direction.name());
    match &explanation.key {
        Some(key) => drop(writeln!(text, "  key       {}", Shown(key))),
        None => text.push_str("  key       none: not an address that is looked up\n"),
    }
    let width = explanation.tried.iter().map(|tried| tried.kind.name().len()).max().unwrap_or(0);
    for tried in &explanation.tried {
        let answer = if tried.hit { "hit" } else { "no entry" };
        let _ = writeln!(text, "  tried     {:width$}  {}: {answer}", tried.kind.name(), Shown(&tried.key));
    }
    match &explanation.entry {
        Some(entry) => drop(writeln!(text, "  entry     {} ({})", pair(entry), place(entry))),
        None => text.push_str("  entry     none\n"),
    }
    for entry in &explanation.shadowed {
        let _ = writeln!(text, "  shadowed  {} ({})", pair(entry), place(entry));
    }
    match &explanation.result {
        Some(result) => drop(writeln!(text, "  result    {}", Shown(result))),
        None => text.push_str("  result    unchanged\n"),
    }
    if let Some(reason) = explanation.reason {
        let _ = writeln!(text, "  reason    {}", reason.name());
    }
    text
}
