//! The JSON object of `rewrite`. Keys and their order are an interface: new ones go to the end.

use readdress::{Aligned, Alignment};
use serde_json::Value;

use super::Outcome;
use crate::json::{self, Object};

pub(super) fn object(outcome: &Outcome<'_>) -> Value {
    let rewritten = outcome.rewritten;
    let map = outcome.engine.map();
    let from = rewritten.from_domains();
    Object::new()
        .with("generation", map.generation())
        .with("direction", outcome.direction.name())
        .with("changed", rewritten.changed())
        .with("size", rewritten.size())
        .with("body_offset", rewritten.body_offset())
        .with("input_body_offset", rewritten.input_body_offset())
        .with("edits", edits(outcome))
        .with("fields", fields(outcome))
        .with("envelope", outcome.envelope.object(&from))
        .with("skipped", skipped(outcome))
        .with("unmapped", outcome.unmapped().into_iter().map(json::item).collect::<Vec<_>>())
        .with("flags", rewritten.flags().names().map(Value::from).collect::<Vec<_>>())
        .with("signatures", signatures(outcome))
        .with("verdict", outcome.verdict().name())
        .with("mode", map.policy().mode.name())
        .with("from_domain", before_after(from.before, from.after))
        .into()
}

/// How a domain stands to that of From, before and after; `null` where neither can be said.
pub(super) fn aligned(aligned: Aligned) -> Value {
    before_after(aligned.before.map(Alignment::name), aligned.after.map(Alignment::name))
}

fn before_after<T: Into<Value>>(before: Option<T>, after: Option<T>) -> Value {
    if before.is_none() && after.is_none() {
        return Value::Null;
    }
    Object::new().with("before", before).with("after", after).into()
}

fn edits(outcome: &Outcome<'_>) -> Vec<Value> {
    let edit = |edit: readdress::Edit<'_>| {
        Object::new()
            .with("offset", edit.offset)
            .with("length", edit.length)
            .with_octets("text", edit.text)
            .with_octets("field", edit.field)
            .with("nth", edit.nth)
            .with_octets("from", edit.from)
            .with_octets("to", edit.to)
            .with_origin("entry", edit.entry.as_ref())
            .into()
    };
    outcome.rewritten.edits().map(edit).collect()
}

fn fields(outcome: &Outcome<'_>) -> Vec<Value> {
    let field = |change: readdress::FieldChange<'_>| {
        let value = change.value();
        Object::new()
            .with_octets("name", change.name)
            .with("nth", change.nth)
            .with_optional("value", (!change.is_removal()).then_some(value.as_slice()))
            .into()
    };
    outcome.rewritten.field_changes().map(field).collect()
}

fn signatures(outcome: &Outcome<'_>) -> Vec<Value> {
    let signature = |signature: readdress::Signature<'_>| {
        Object::new()
            .with("kind", signature.kind.name())
            .with_octets("domain", signature.domain)
            .with_octets("selector", signature.selector)
            .with("intact", signature.is_intact)
            .with("because", signature.because.into_iter().map(json::item).collect::<Vec<_>>())
            .with("aligned", aligned(signature.aligned))
            .into()
    };
    outcome.rewritten.signatures().map(signature).collect()
}

fn skipped(outcome: &Outcome<'_>) -> Vec<Value> {
    let skip = |skip: readdress::Skip<'_>| {
        Object::new()
            .with_octets("field", skip.field)
            .with("nth", skip.nth)
            .with("offset", skip.offset)
            .with("reason", skip.reason.name())
            .into()
    };
    outcome.rewritten.skipped().map(skip).collect()
}
