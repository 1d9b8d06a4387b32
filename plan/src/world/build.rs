//! Recipients and routing on their way into the map.

use std::collections::BTreeMap;

use readdress::MapBuilder;
use readdress::routing::{NewRecipient, Routing};

use crate::accepted::AcceptedDomains;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::directory::Directory;
use crate::source::Source;
use crate::world::recipients::{contradiction, locate};

/// Puts into the builder where mail goes. What can't be goes to `diagnostics`.
pub(crate) fn add_routing(
    builder: &mut MapBuilder,
    routing: &Routing,
    directory: &mut Directory,
    accepted: &AcceptedDomains,
    sources: &[Source],
    diagnostics: &mut Diagnostics,
) {
    find_routed_in_place(directory, accepted, sources, diagnostics);
    for found in directory.settle_proxies() {
        diagnostics.push(contradiction(&found, sources));
    }
    if diagnostics.has_errors() {
        return;
    }
    builder.set_routing(routing.clone());
    let mut files = BTreeMap::new();
    for (_, _, known, _) in directory.recipients() {
        files.entry(known.at.source).or_insert(None);
    }
    for (number, file) in &mut files {
        let source = usize::try_from(*number).ok().and_then(|number| sources.get(number));
        *file = source.map(|source| (builder.add_source(&source.relative), source));
    }
    for (local_part, domain, known, is_listed) in directory.recipients() {
        let file = files.get(&known.at.source).copied().flatten();
        let at = usize::try_from(known.at.at).unwrap_or_default();
        let added = builder.add_recipient(
            &NewRecipient {
                address: known.text(local_part, domain).as_bytes(),
                is_listed,
                routing_address: known.routing.as_ref().map(|routing| routing.text.as_bytes()),
                groups: &known.groups,
                wave: known.wave.map(|(wave, _)| wave),
            },
            file.map(|(file, source)| (file, source.line(at))),
        );
        if let Err(error) = added {
            // The addresses have been read: there are too many of them.
            let at = locate(known.at, sources);
            diagnostics.push(Diagnostic::error("too-large", at, error.to_string()).hint("split the plan"));
            return;
        }
    }
}

/// Recipients whose mail goes to the domain that it came for: it would come here again, and again go there.
fn find_routed_in_place(
    directory: &Directory,
    accepted: &AcceptedDomains,
    sources: &[Source],
    diagnostics: &mut Diagnostics,
) {
    for (local_part, domain, known, _) in directory.recipients() {
        let Some(routing) = &known.routing else { continue };
        let Some(key) = routing.key().filter(|key| key.domain == domain) else { continue };
        let is_same = key.local_part == local_part;
        let is_shared = accepted.get(domain).is_some();
        if !is_same && !is_shared {
            continue;
        }
        let message = if is_same {
            "the routing address is the recipient's own address: its mail would run in circles"
        } else {
            "the routing address is in the recipient's own domain: its mail would come back here"
        };
        let witness = [known.text(local_part, domain), routing.text.to_string()];
        diagnostics.push(
            Diagnostic::error("routing-address-in-shared-domain", locate(routing.at, sources), message)
                .excerpt(&*routing.text)
                .witness(witness)
                .hint("write the address by which the other system alone knows the mailbox: alias@tenant.example"),
        );
    }
}
