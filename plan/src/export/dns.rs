//! MX and SPF records of the domains that a plan accepts, as a part of each one's zone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;

use readdress::EntryDirection;

use super::{EXPORT_MARK, Export, text};
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::world::Dns;

/// The most look-ups that checking an SPF record may take (RFC 7208 4.6.4).
const LOOKUPS_MAX: usize = 10;
/// The most octets of one string of a TXT record (RFC 1035 3.3), and of an SPF record that fits any answer
/// (RFC 7208 3.4).
const STRING_MAX: usize = 255;
const SPF_MAX: usize = 450;
/// The label of the gateway's addresses below each domain.
const GATEWAY: &str = "readdress-gateway";

/// Records by owner and type: what stands behind these.
type Records = BTreeMap<(String, &'static str), BTreeSet<String>>;

impl Plan {
    pub(super) fn export_dns(&self, older: Option<&Plan>) -> Export {
        let mut export = Export::default();
        let (records, remarks) = self.records(&mut export);
        let mut zone = format!("; {EXPORT_MARK}: records of the domains that come in at the gateway\n");
        for remark in &remarks {
            let _ = writeln!(zone, "; {remark}");
        }
        write(&mut zone, &records, "");
        export.add("zone", zone);
        if let Some(older) = older {
            let (before, _) = older.records(&mut Export::default());
            export.add("zone-changes", changes(&before, &records));
        }
        export
    }

    fn records(&self, export: &mut Export) -> (Records, Vec<String>) {
        let (mut records, mut remarks) = (Records::new(), Vec::new());
        let Some(dns) = self.dns.as_ref().filter(|dns| !dns.gateway.is_empty()) else {
            let message = "the plan doesn't say what addresses the gateway has";
            let hint = "add [dns] with gateway = [\"198.51.100.7\"]";
            let at = self.dns.as_ref().map_or_else(|| self.as_a_whole(), |dns| dns.at.clone());
            export.errors.push(Diagnostic::error("missing-key", at, message).hint(hint));
            return (records, remarks);
        };
        if self.accepted.is_empty() {
            let message = "the plan accepts no domains: there is nothing to publish";
            let hint = "add [[accepted-domain]] tables";
            export.errors.push(Diagnostic::error("missing-key", self.as_a_whole(), message).hint(hint));
        }
        let spf = Plan::spf(dns, export);
        let (internal, external) = self.sides();
        for accepted in self.accepted.list() {
            let domain = text(&accepted.domain.domain);
            let is_behind =
                internal.contains(&accepted.domain.domain) && !external.contains(&accepted.domain.domain);
            let below = accepted.domain.below.then(|| format!("*.{domain}."));
            for owner in std::iter::once(format!("{domain}.")).chain(below) {
                if is_behind {
                    remarks.push(format!("{owner} has the MX of the system behind the gateway: it stays"));
                } else {
                    let gateway = format!("{GATEWAY}.{domain}.");
                    let mx = records.entry((owner.clone(), "MX")).or_default();
                    mx.insert(format!("10 {gateway}"));
                    for address in &dns.gateway {
                        let kind = if address.is_ipv4() { "A" } else { "AAAA" };
                        records.entry((gateway.clone(), kind)).or_default().insert(address.to_string());
                    }
                }
                records.entry((owner, "TXT")).or_default().insert(strings(&spf));
            }
        }
        (records, remarks)
    }

    fn spf(dns: &Dns, export: &mut Export) -> String {
        let mut spf = "v=spf1 mx".to_owned();
        for address in &dns.gateway {
            let _ = match address {
                IpAddr::V4(address) => write!(spf, " ip4:{address}"),
                IpAddr::V6(address) => write!(spf, " ip6:{address}"),
            };
        }
        for domain in &dns.spf_includes {
            let _ = write!(spf, " include:{domain}");
        }
        spf.push_str(" ~all");
        // The MX is one; what the included records take comes on top.
        let lookups = 1 + dns.spf_includes.len();
        if lookups > LOOKUPS_MAX {
            let message = format!(
                "the SPF record takes {lookups} look-ups, and with more than {LOOKUPS_MAX} it \
                                   counts as an error (RFC 7208 4.6.4)"
            );
            let hint = "leave out includes, or name their addresses";
            export
                .errors
                .push(Diagnostic::error("spf-lookups", dns.at.clone(), message).excerpt(&spf).hint(hint));
        }
        if spf.len() > SPF_MAX {
            let message = format!(
                "the SPF record has {} octets: with more than {SPF_MAX} answers may not fit into a \
                                   packet (RFC 7208 3.4)",
                spf.len()
            );
            export.limit(dns.at.clone(), "spf-includes", message, "leave out addresses or includes");
        }
        spf
    }

    /// The domains on the internal side of entries, and those on the external side.
    fn sides(&self) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
        let (mut internal, mut external) = (BTreeSet::new(), BTreeSet::new());
        for (_, entry) in self.entries() {
            if !internal.contains(entry.internal.domain) {
                internal.insert(entry.internal.domain.to_vec());
            }
            if entry.direction == EntryDirection::Both && !external.contains(entry.external.domain) {
                external.insert(entry.external.domain.to_vec());
            }
        }
        (internal, external)
    }
}

/// A text as strings of a TXT record; it is put together again without anything between them.
fn strings(text: &str) -> String {
    let pieces =
        text.as_bytes().chunks(STRING_MAX).map(|piece| format!("\"{}\"", String::from_utf8_lossy(piece)));
    pieces.collect::<Vec<_>>().join(" ")
}

fn write(zone: &mut String, records: &Records, before: &str) {
    for ((owner, kind), values) in records {
        for value in values {
            let _ = writeln!(zone, "{before}{owner}\tIN\t{kind}\t{value}");
        }
    }
}

fn changes(old: &Records, new: &Records) -> String {
    let mut text = format!("; {EXPORT_MARK}: records that change on the way from the older plan\n");
    let only = |one: &Records, other: &Records| -> Records {
        let missing = one.iter().filter(|(key, _)| !other.contains_key(*key));
        missing.map(|(key, values)| (key.clone(), values.clone())).collect()
    };
    let (added, gone) = (only(new, old), only(old, new));
    if !added.is_empty() {
        text.push_str("\n; add\n");
        write(&mut text, &added, "");
    }
    let changed = new.iter().filter(|(key, values)| old.get(*key).is_some_and(|before| before != *values));
    for (nth, (key, values)) in changed.enumerate() {
        if nth == 0 {
            text.push_str("\n; change\n");
        }
        if let Some(before) = old.get(key) {
            write(&mut text, &Records::from([(key.clone(), before.clone())]), "; was: ");
        }
        write(&mut text, &Records::from([(key.clone(), values.clone())]), "");
    }
    if !gone.is_empty() {
        text.push_str("\n; remove\n");
        write(&mut text, &gone, "; ");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_have_at_most_255_octets_and_nothing_is_lost() {
        let long = "x".repeat(600);
        let split = strings(&long);
        let pieces: Vec<&str> = split.split(' ').map(|piece| piece.trim_matches('"')).collect();
        assert_eq!(pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>(), [255, 255, 90]);
        assert_eq!(pieces.concat(), long);
    }
}
