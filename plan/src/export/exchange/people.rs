//! Groups and their members by wave, address rewriting, other addresses of mailboxes, and forwarding.

use std::collections::BTreeSet;

use readdress::EntryDirection;

use super::{Kind, Object, list, quoted};
use crate::export::postfix::written;
use crate::export::{Export, text};
use crate::plan::Plan;

fn object(kind: Kind, id: String, make: String, change: Option<String>, remove: String) -> Object {
    Object { kind, id, make, change, remove, batch: String::new(), is_return: false }
}

pub(super) fn groups(plan: &Plan, objects: &mut Vec<Object>) {
    for group in &plan.groups {
        let name = quoted(&group.name);
        objects.push(object(
            Kind::Group,
            group.name.clone(),
            format!("New-DistributionGroup -Name {name} -Type Distribution"),
            None,
            format!("Remove-DistributionGroup -Identity {name} -Confirm:$false"),
        ));
        let mut members: Vec<Object> = Vec::new();
        for key in group.members.keys() {
            let member = written(key);
            let at = key.iter().rposition(|octet| *octet == b'@').unwrap_or_default();
            let (local_part, domain) = key.split_at(at);
            let known = plan.directory.get(local_part, domain.get(1..).unwrap_or_default());
            let wave = known.and_then(|known| known.wave).map(|(wave, _)| wave);
            let wave = wave.and_then(|wave| plan.routing.waves.get(usize::from(wave)));
            let words = format!("-Identity {name} -Member {}", quoted(&member));
            members.push(Object {
                batch: wave.map(|wave| format!("{} ({})", wave.name, wave.state.name())).unwrap_or_default(),
                ..object(
                    Kind::Member,
                    format!("{}\n{member}", group.name),
                    format!("Add-DistributionGroupMember {words}"),
                    None,
                    format!("Remove-DistributionGroupMember {words} -Confirm:$false"),
                )
            });
        }
        members.sort_by(|a, b| (&a.batch, &a.id).cmp(&(&b.batch, &b.id)));
        objects.append(&mut members);
    }
}

pub(super) fn entries(plan: &Plan, export: &mut Export, objects: &mut Vec<Object>) {
    let mut names = BTreeSet::new();
    for (id, entry) in plan.entries() {
        let (internal, external) = (text(entry.internal.text), text(entry.external.text));
        let own = if entry.name.is_empty() { internal.clone() } else { entry.name.to_owned() };
        // Names are unique there, whatever their case.
        let mut name = own.clone();
        for number in 2.. {
            if names.insert(name.to_lowercase()) {
                break;
            }
            name = format!("{own} ({number})");
        }
        if internal.contains('"') || external.contains('"') {
            let message = "address rewriting on Edge servers knows no quoted local-parts";
            let hint = "give the mailbox another address";
            export.limit(plan.locate(id, |place| place.internal), &internal, message, hint);
            continue;
        }
        let quoted_name = quoted(&name);
        let mut words =
            format!("-InternalAddress {} -ExternalAddress {}", quoted(&internal), quoted(&external));
        if entry.direction == EntryDirection::Outbound {
            words.push_str(" -OutboundOnly $true");
        }
        let except = plan.except(id);
        if !except.is_empty() {
            words.push_str(&format!(
                " -ExceptionList {}",
                list(except.iter().map(|except| text(&except.domain)))
            ));
        }
        objects.push(object(
            Kind::AddressRewriteEntry,
            name,
            format!("New-AddressRewriteEntry -Name {quoted_name} {words}"),
            None,
            format!("Remove-AddressRewriteEntry -Identity {quoted_name} -Confirm:$false"),
        ));
    }
}

/// Other addresses of mailboxes, and where the mailboxes are that are not here.
pub(super) fn addresses(plan: &Plan, objects: &mut Vec<Object>) {
    for (local_part, domain, known, _) in plan.directory.recipients() {
        let address = known.text(local_part, domain);
        if let Some(of) = &known.proxy_of {
            let (mailbox, proxy) = (quoted(&of.0.text()), quoted(&address));
            let set =
                |verb: &str| format!("Set-Mailbox -Identity {mailbox} -EmailAddresses @{{{verb}={proxy}}}");
            objects.push(object(Kind::Proxy, address.clone(), set("Add"), None, set("Remove")));
            continue;
        }
        if let Some(routing) = &known.routing {
            let identity = quoted(&address);
            let set = |address: &str| {
                format!("Set-RemoteMailbox -Identity {identity} -RemoteRoutingAddress {address}")
            };
            let make = set(&quoted(&routing.text));
            let remove = format!("Disable-RemoteMailbox -Identity {identity} -Confirm:$false");
            objects.push(object(Kind::RoutingAddress, address, make.clone(), Some(make), remove));
        }
    }
}

pub(super) fn forwards(plan: &Plan, export: &mut Export, objects: &mut Vec<Object>) {
    for system in &plan.systems {
        for (key, targets) in system.forwards.iter() {
            let mailbox = written(key);
            let identity = quoted(&mailbox);
            for (nth, target) in targets.iter().enumerate() {
                if nth > 0 {
                    let message = "a mailbox forwards to one address: this one is left out";
                    let at = plan.locate_in(target.at.source, target.at.at);
                    let hint = "make a group with both targets in it, and forward to that";
                    export.limit(at, &format!("{mailbox} -> {}", target.to.text()), message, hint);
                    continue;
                }
                let to = quoted(&target.to.text());
                let make = format!(
                    "Set-Mailbox -Identity {identity} -ForwardingSmtpAddress {to} -DeliverToMailboxAndForward $false"
                );
                let remove = format!("Set-Mailbox -Identity {identity} -ForwardingSmtpAddress $null");
                let id = format!("{}\n{mailbox}", system.name);
                objects.push(object(Kind::Forward, id, make.clone(), Some(make), remove));
            }
        }
    }
}
