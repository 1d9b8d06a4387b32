//! A plan as Postfix tables, for sites that run no milter. Postfix decides by tables of addresses; what needs
//! more than that is listed.
//!
//! Postfix looks results up again, so that chains among entries are errors here.

mod access;
mod canonical;
mod forms;
mod main_cf;
mod routes;
mod rules;
mod text;

use std::collections::BTreeSet;

use readdress::{Direction, Mode, OnSigned, Unmapped};

use self::rules::Rules;
use self::text::Table;
use super::asked::{Asked, Universe};
use super::{Export, place};
use crate::diagnostic::{Diagnostic, Location};
use crate::plan::Plan;
use crate::spelled::spelled;

impl Plan {
    pub(super) fn export_postfix(&self, older: Option<&Plan>) -> Export {
        let mut export = self.postfix();
        if let Some(older) = older {
            let changes = main_cf::changes(&older.postfix().files, &export.files);
            export.add("changes", changes);
        }
        export
    }

    fn postfix(&self) -> Export {
        let mut export = Export::default();
        let rules = Rules::of(self, &mut export);
        let Some(mut asked) = Asked::new(self, rules.of_recipients.clone()) else {
            export.errors.extend(self.map().err().unwrap_or_default());
            return export;
        };
        rules::limit_subaddresses(self, &rules, &mut asked, &mut export);
        let all = Universe::of(self);
        self.limit_policy(&all, &mut export);
        let (canonical, canonical_forms) = canonical::tables(self, &all, &asked, &mut export);
        let routes = routes::tables(self, &all, &mut asked, &mut export);
        for (number, rule) in &rules.of_senders {
            if routes.has_rule_outside || routes.has_outside {
                let at = place(&self.routing_places.rules, *number, self.as_a_whole());
                let message = "the sender's transport is asked where no other says anything: not for domains with a \
                               connector of their own, and after rules about recipients";
                export.limit(at, &rule.name, message, "leave the rule to the milter, if that matters");
            }
        }
        let clients = access::clients(self, &mut export);
        let tls = access::tls_policy(self, &mut export);
        let (checks, prepended) = access::fields(self, &rules, &mut export);
        let senders = access::senders(self, &rules);
        let table = |kind: &str, name: &str| format!("$readdress_{kind}/{name}");
        let settings = [
            (
                !senders.is_empty(),
                "sender_dependent_default_transport_maps",
                table("regexp", "sender-transport"),
            ),
            (!tls.is_empty, "smtp_tls_policy_maps", table("tables", "tls-policy")),
            (!checks.is_empty(), "header_checks", table("regexp", "header-checks")),
            (!prepended.is_empty(), "smtpd_data_restrictions", prepended.join(",\n    ")),
        ];
        let main = main_cf::Main {
            plan: self,
            has_canonical: !canonical.is_empty || !canonical_forms.is_empty(),
            routes: &routes,
            clients: &clients,
            settings: settings
                .into_iter()
                .filter(|(is_needed, ..)| *is_needed)
                .map(|(_, name, value)| (name, value))
                .collect(),
        };
        let main = main.text();
        export.add("main.cf.readdress", main);
        export.add("canonical", canonical.into_text());
        export.add("canonical-forms", expressions("canonical(5), forms of addresses", &canonical_forms));
        export.add("virtual", routes.virtual_aliases.into_text());
        export.add("virtual-forms", expressions("virtual(5), forms of addresses", &routes.virtual_forms));
        export.add("transport", routes.transport.into_text());
        export.add("recipients", routes.recipients.into_text());
        export.add("relay-domains", routes.relay_domains.into_text());
        export.add("clients", clients.admitted);
        export.add("trusted-clients", clients.trusted);
        export.add("tls-policy", tls.into_text());
        export.add("header-checks", expressions("header_checks(5)", &checks));
        export.add("sender-transport", expressions("sender_dependent_default_transport_maps", &senders));
        export
    }

    /// What of the policy Postfix has no word for.
    fn limit_policy(&self, all: &Universe, export: &mut Export) {
        let policy = self.builder.policy();
        let at = || self.as_a_whole();
        let milter = "leave rewriting to the milter";
        if policy.mode == Mode::Shadow {
            let message = "tables have no shadow mode: what they say is done";
            export.limit(at(), "mode = \"shadow\"", message, "export when the plan says `enforce`");
        }
        if policy.unmapped != Unmapped::Pass {
            let message = "tables can't refuse or defer mail from addresses that no entry maps";
            export.limit(at(), "unmapped", message, milter);
        }
        for direction in Direction::ALL {
            if policy.on_signed(direction) != OnSigned::Rewrite {
                let message =
                    format!("{} messages that are signed are rewritten like all others", direction.name());
                export.limit(at(), "on-signed", message, milter);
            }
        }
        if policy.scrub_display_names {
            let message = "display-names that are addresses stay as they are";
            export.limit(at(), "scrub-display-names", message, milter);
        }
        if self.builder.is_empty() && all.mailboxes.is_empty() {
            return;
        }
        let message = "addresses with a tag of BATV are looked up with it, and so are unknown";
        export.limit(
            at(),
            "prvs=tag=user@domain",
            message,
            "leave it to the milter, if somebody here uses BATV",
        );
        if !policy.subaddress_delimiters.is_empty() {
            let message = "postmaster, mailer-daemon, owner-… and …-request with a subaddress are refused, or taken \
                           and sent, as they are without it";
            export.limit(at(), "postmaster+x@domain", message, "nothing, if nobody writes to such addresses");
        }
        if all.domains.iter().any(|domain| domain.windows(4).any(|label| label == b"xn--")) {
            let message = "addresses are looked up as they are spelled: a domain in Unicode is another one";
            export.limit(at(), "user@b\u{fc}cher.example", message, "leave it to the milter, with SMTPUTF8");
        }
        self.limit_fields(export);
    }

    fn limit_fields(&self, export: &mut Export) {
        if self.builder.is_empty() {
            return;
        }
        let policy = self.builder.policy();
        let at = || self.as_a_whole();
        let milter = "leave rewriting to the milter";
        let named: BTreeSet<String> =
            policy.fields(Direction::Outbound).names().map(str::to_ascii_lowercase).collect();
        let mut rewritten = Vec::new();
        for class in main_cf::classes(self) {
            rewritten.extend(class.fields);
        }
        let is_named = |name: &&&str| named.contains(&name.to_ascii_lowercase());
        let more: Vec<&str> = rewritten.iter().filter(|name| !is_named(name)).copied().collect();
        let missing: Vec<&str> = named
            .iter()
            .map(String::as_str)
            .filter(|name| !rewritten.iter().any(|r| r.eq_ignore_ascii_case(name)))
            .collect();
        if !more.is_empty() {
            let message =
                format!("canonical(5) goes by classes of fields: {} are rewritten, too", more.join(", "));
            export.limit(at(), "[rewrite.outbound] fields", message, milter);
        }
        if !missing.is_empty() {
            let message = format!("canonical(5) leaves {} as they are", missing.join(", "));
            export.limit(at(), "[rewrite.outbound] fields", message, milter);
        }
        if policy.fields(Direction::Inbound).names().len() > 0 {
            let message = "tables don't know the direction: fields of inbound messages stay as they are";
            export.limit(at(), "[rewrite.inbound] fields", message, milter);
        }
        let message =
            "canonical(5) rewrites the reverse-path of inbound messages, too, if it is an internal address";
        export.limit(
            at(),
            "reverse-path",
            message,
            "give our systems a listener of their own, with a cleanup service",
        );
    }
}

fn expressions(what: &str, lines: &str) -> String {
    format!("# {}: regexp_table(5); {what}\n{lines}", super::EXPORT_MARK)
}

/// Keys that have been written: each stands once.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    /// Adds a line unless the key has one. `false` if it can't be written.
    fn add(&mut self, table: &mut Table, key: &str, value: &str) -> bool {
        let lower = key.to_ascii_lowercase();
        if self.0.contains(&lower) {
            return true;
        }
        let is_written = table.line(key, value);
        if is_written {
            self.0.insert(lower);
        }
        is_written
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

fn unwritable(address: &str, at: Location, export: &mut Export) {
    let message = "no table can hold this address: a line that begins so is a comment";
    export.limit(at, address, message, "leave the address to the milter");
}

/// A result that is looked up again.
fn chain_error(steps: Vec<String>, at: Location, export: &mut Export) {
    let is_cycle =
        steps.last().is_some_and(|last| steps.first().is_some_and(|first| first.eq_ignore_ascii_case(last)));
    let (code, message) = if is_cycle {
        ("cycle", "Postfix looks results up again, and these entries lead back to where they began")
    } else {
        ("chain", "Postfix looks results up again, and would go on where readdress goes one step")
    };
    let hint = "map straight to the final address";
    let excerpt = steps.get(1).cloned().unwrap_or_default();
    export.errors.push(Diagnostic::error(code, at, message).excerpt(excerpt).witness(steps).hint(hint));
}

/// A key as an address.
pub(super) fn written(key: &[u8]) -> String {
    let at = key.iter().rposition(|octet| *octet == b'@').unwrap_or_default();
    let (local_part, domain) = key.split_at(at);
    spelled(local_part, domain.get(1..).unwrap_or_default())
}
