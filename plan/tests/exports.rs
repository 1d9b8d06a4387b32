//! Exports: what is refused, listed and quoted, whatever the plan says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop")]

mod common;

use common::PlanFolder;
use readdress_plan::{Export, ExportKind};

fn export(plan: &str, kind: ExportKind) -> Export {
    let folder = PlanFolder::new(plan)
        .with(
            "recipients.csv",
            "Address,RoutingAddress\nann@contoso.com,\nbob@contoso.com,bob@tenant.example\n",
        )
        .with(
            "forwards.csv",
            "Mailbox,ForwardTo\nann@contoso.com,a@x.example\nann@contoso.com,b@x.example\n",
        );
    folder.read().export(kind, None)
}

fn file<'e>(export: &'e Export, name: &str) -> &'e str {
    &export.files.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("{name}")).text
}

fn is_listed(export: &Export, what: &str, part: &str) -> bool {
    let mut limits = export.limits.iter();
    limits.any(|limit| limit.excerpt.as_deref() == Some(what) && limit.message.contains(part))
}

const DOMAIN: &str = "
[[accepted-domain]]
domain = \"contoso.com\"
type = \"authoritative\"

[[recipients]]
file = \"recipients.csv\"
";

#[test]
fn postfix_refuses_who_is_unknown_and_never_looks_for_their_mx() {
    let export = export(DOMAIN, ExportKind::Postfix);
    let recipients = file(&export, "recipients");
    assert!(recipients.contains("\ncontoso.com\t550 5.1.10 Recipient not found\n"), "{recipients}");
    assert!(recipients.contains("\nann@contoso.com\tDUNNO\n"), "{recipients}");
    let transport = file(&export, "transport");
    assert!(transport.contains("\ncontoso.com\terror:5.1.10 Recipient not found\n"), "{transport}");
    assert!(transport.contains("\nann@contoso.com\tvirtual:\n"), "{transport}");
    assert!(file(&export, "virtual").contains("\nbob@contoso.com\tbob@tenant.example\n"));
}

#[test]
fn a_listener_that_asks_for_tls_grants_nothing_by_address() {
    let listener = |more: &str| {
        format!(
            "{DOMAIN}\n[[listener]]\nname = \"Tenant\"\nclient-ip = [\"192.0.2.0/24\"]\ntrusted = true\n{more}"
        )
    };
    let plain = export(&listener(""), ExportKind::Postfix);
    let clients = file(&plain, "clients");
    assert!(clients.contains("\n192.0.2.0/24\tOK\n"), "{clients}");
    assert!(clients.contains("\n0.0.0.0/0\t554 5.7.1 Client not permitted\n"), "{clients}");
    let asks =
        export(&listener("tls = \"required\"\ntls-name = \"mail.example.net\"\n"), ExportKind::Postfix);
    assert!(file(&asks, "clients").contains("\n192.0.2.0/24\tDUNNO\n"));
    assert!(!file(&asks, "trusted-clients").contains("192.0.2.0"));
    assert!(is_listed(&asks, "Tenant", "TLS"), "{:?}", asks.limits);
}

#[test]
fn rules_by_sender_and_unconditional_fields_have_tables() {
    let rules = "
[[connector]]
name = \"Appliance\"
smart-hosts = [\"appliance.example.net\"]
rule-scoped = true

[[rule]]
name = \"Theirs\"
when = { sender-domain = [\"fabrikam.com\", \"*.fabrikam.example\"], recipient-scope = \"not-in-organization\" }
do = { route-via = \"Appliance\" }

[[rule]]
name = \"Mark\"
do = { set-header = { X-Mark = \"one ($1)\" }, remove-header = [\"X-Old\"] }

[[rule]]
name = \"Mix\"
when = { any-recipient-domain = \"contoso.com\" }
do = { route-via = \"Appliance\" }
";
    let export = export(&format!("{DOMAIN}{rules}"), ExportKind::Postfix);
    let senders = file(&export, "sender-transport");
    assert!(senders.contains("/@fabrikam\\.com$/\tsmtp:[appliance.example.net]\n"), "{senders}");
    assert!(senders.contains("/@(.+\\.)?fabrikam\\.example$/\tsmtp:"), "{senders}");
    let main = file(&export, "main.cf.readdress");
    assert!(main.contains("static:{PREPEND X-Mark: one ($$1)}"), "{main}");
    assert!(file(&export, "header-checks").contains("/^X-Old:/\tIGNORE\n"));
    assert!(is_listed(&export, "Mix", "any-recipient-domain"), "{:?}", export.limits);
    assert!(!is_listed(&export, "Mark", ""), "{:?}", export.limits);
}

#[test]
fn names_are_never_code_for_powershell() {
    let plan = format!(
        "{DOMAIN}
[[group]]
name = \"O\u{2019}Neil'; Remove-Mailbox *\"

[[rule]]
name = \"Many\"
when = {{ header = {{ X-A = \"1.0\", X-B = \"2\" }} }}
do = {{ drop = true }}

[[system]]
name = \"old host\"
forwards = [{{ file = \"forwards.csv\" }}]
"
    );
    let export = export(&plan, ExportKind::Exchange);
    let text = file(&export, "exchange.ps1");
    // Windows PowerShell reads what has no mark in another character set, with quotes in other places.
    assert!(text.starts_with("\u{feff}# readdress export"), "{text}");
    assert!(text.contains("-Name 'O\u{2019}\u{2019}Neil''; Remove-Mailbox *'"), "{text}");
    assert!(!text.contains("New-TransportRule"), "{text}");
    assert!(is_listed(&export, "Many", "header"), "{:?}", export.limits);
    assert!(text.contains("-ForwardingSmtpAddress 'a@x.example'"), "{text}");
    assert!(is_listed(&export, "ann@contoso.com -> b@x.example", "one address"), "{:?}", export.limits);
    assert!(text.contains(
        "Set-RemoteMailbox -Identity 'bob@contoso.com' -RemoteRoutingAddress 'bob@tenant.example'"
    ));
}
