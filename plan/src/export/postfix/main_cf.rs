//! What main.cf says of the tables, and what has changed since an older plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use readdress::Direction;

use super::access::Clients;
use super::routes::Routes;
use crate::export::{EXPORT_MARK, ExportedFile};
use crate::plan::Plan;

/// A part of main.cf: the tables, and everything without which they mean something else.
pub(super) struct Main<'m> {
    pub(super) plan: &'m Plan,
    pub(super) has_canonical: bool,
    pub(super) routes: &'m Routes,
    pub(super) clients: &'m Clients,
    /// What else there is: name and value.
    pub(super) settings: Vec<(&'static str, String)>,
}

/// A class of header fields in canonical(5).
#[derive(Clone, Copy)]
pub(super) struct Class {
    parameter: &'static str,
    name: &'static str,
    pub(super) fields: &'static [&'static str],
}

const CLASSES: [Class; 2] = [
    Class {
        parameter: "sender_canonical",
        name: "header_sender",
        fields: &[
            "From",
            "Sender",
            "Reply-To",
            "Resent-From",
            "Resent-Sender",
            "Errors-To",
            "Mail-Followup-To",
            "Return-Receipt-To",
            "Disposition-Notification-To",
        ],
    },
    Class {
        parameter: "recipient_canonical",
        name: "header_recipient",
        fields: &[
            "To",
            "Cc",
            "Bcc",
            "Resent-To",
            "Resent-Cc",
            "Resent-Bcc",
            "Resent-Reply-To",
            "Apparently-To",
        ],
    },
];

/// The classes of which the plan names some field.
pub(super) fn classes(plan: &Plan) -> impl Iterator<Item = Class> {
    let fields = plan.builder.policy().fields(Direction::Outbound);
    CLASSES.into_iter().filter(|class| {
        fields.names().any(|name| class.fields.iter().any(|field| field.eq_ignore_ascii_case(name)))
    })
}

/// Domains stand for themselves alone, and those below them for `.domain`; no domain is the host's own.
const BASE: &str = "\
readdress_tables = ${default_database_type}:${config_directory}/readdress
readdress_regexp = regexp:${config_directory}/readdress
readdress_cidr = cidr:${config_directory}/readdress

parent_domain_matches_subdomains =
mydestination =
virtual_alias_domains =
virtual_mailbox_domains =
";

impl Main<'_> {
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "# {EXPORT_MARK}: what main.cf has to say of the tables beside this file.\n\
             #\n\
             # Put the tables into the folder `readdress` beside main.cf, and these lines into main.cf in place of\n\
             # those of the same names. Then, after every change:\n\
             #   cd readdress && postmap canonical virtual transport recipients relay-domains tls-policy\n\
             #   postfix reload\n\
             # Mailboxes of this host are found by virtual_mailbox_maps, which are the site's own.\n\n{BASE}"
        );
        let policy = self.plan.builder.policy();
        let mut set = |name: &str, value: &str| _ = writeln!(text, "{name} = {value}");
        set("recipient_delimiter", &policy.subaddress_delimiters.replace('$', "$$"));
        set("hopcount_limit", &policy.limits.received.to_string());
        // The delimiters mean the same everywhere, and what is set aside goes along.
        set("propagate_unmatched_extensions", "canonical, virtual");
        if self.has_canonical {
            let tables = "$readdress_tables/canonical, $readdress_regexp/canonical-forms";
            set("sender_canonical_maps", tables);
            let has = |wanted: &str| classes(self.plan).any(|class| class.parameter == wanted);
            let of_senders =
                if has("sender_canonical") { "envelope_sender, header_sender" } else { "envelope_sender" };
            set("sender_canonical_classes", of_senders);
            for class in classes(self.plan).filter(|class| class.name == "header_recipient") {
                set(&format!("{}_maps", class.parameter), tables);
                set(&format!("{}_classes", class.parameter), class.name);
            }
        }
        let trusted = "check_address_map $readdress_cidr/trusted-clients";
        set("local_header_rewrite_clients", if self.clients.has_trusted { trusted } else { "" });
        set("remote_header_rewrite_domain", "");
        set("virtual_alias_maps", "$readdress_tables/virtual, $readdress_regexp/virtual-forms");
        set("transport_maps", "$readdress_tables/transport");
        set("default_transport", &self.routes.default_transport);
        set("relay_domains", "$readdress_tables/relay-domains");
        let recipients = if self.routes.lists_recipients { "$readdress_tables/recipients" } else { "" };
        set("relay_recipient_maps", recipients);
        for (name, value) in &self.settings {
            set(name, value);
        }
        let mut relay = "reject_unauth_destination".to_owned();
        if !self.plan.routing.listeners.is_empty() {
            set("smtpd_client_restrictions", "check_client_access $readdress_cidr/clients");
            relay = format!("check_client_access $readdress_cidr/clients, {relay}");
        }
        set("smtpd_relay_restrictions", &relay);
        set("smtpd_recipient_restrictions", "check_recipient_access $readdress_tables/recipients");
        text
    }
}

/// The lines of each table that are new, and those that are gone.
pub(super) fn changes(old: &[ExportedFile], new: &[ExportedFile]) -> String {
    let mut text = format!("# {EXPORT_MARK}: lines that are new (+) and gone (-) since the older plan\n");
    let old: BTreeMap<&str, &str> = old.iter().map(|file| (file.name, file.text.as_str())).collect();
    for file in new {
        let before: BTreeSet<&str> = old.get(file.name).map_or("", |text| text).lines().collect();
        let after: BTreeSet<&str> = file.text.lines().collect();
        if before != after {
            let _ = writeln!(text, "\n{}", file.name);
            before.difference(&after).for_each(|line| _ = writeln!(text, "-{line}"));
            after.difference(&before).for_each(|line| _ = writeln!(text, "+{line}"));
        }
    }
    text
}
