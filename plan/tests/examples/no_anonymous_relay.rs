//! Scenario "shared domain": a session that is not trusted gets nothing to anybody outside, whoever else is in
//! the message; and whoever is ours gets the message, whoever else is in it. Everything is asked, nothing sampled.

use readdress::Engine;
use readdress::routing::{Client, Decision, Envelope};

use crate::folder::{Example, described, from};
use crate::shared_domain::{tenant_1, tenant_2, with_anonymous_relay};

/// Each kind of recipient, and what becomes of mail from anybody who may send to it.
const INSIDE: [(&str, &str); 4] = [
    ("dora.novak@tenant1.contoso.com", "relay dora.novak@tenant1.contoso.com by To tenant 1"),
    ("chiara@tenant2.contoso.com", "relay chiara@tenant2.contoso.com by To tenant 2"),
    ("mary@contoso.com", "relay mary.jones@tenant2.contoso.com by To tenant 2"),
    ("nobody@contoso.com", "550 5.1.10"),
];
const OUTSIDE: &str = "someone@example.net";
const RECIPIENTS_MAX: usize = 4;

const SENDERS: [&str; 5] = [
    "",
    "john@tenant1.contoso.com",
    "mary.jones@tenant2.contoso.com",
    "john@contoso.com",
    "olivia@example.org",
];

/// Every client: three addresses, encrypted or not, with either tenant's certificate, another, or none. A
/// certificate without encryption is there, too, since a careless host might say so.
fn clients() -> Vec<Client<'static>> {
    let addresses = [tenant_1().address, tenant_2().address, from("203.0.113.5").address, None];
    let names = [None, tenant_1().tls_name, tenant_2().tls_name, Some("mail.example.org")];
    let mut clients = Vec::new();
    for address in addresses {
        for tls_name in names {
            for tls in [false, true] {
                for authenticated in [false, true] {
                    clients.push(Client { address, tls, tls_name, authenticated });
                }
            }
        }
    }
    clients
}

/// Every list of one to four recipients.
fn mixes() -> Vec<Vec<&'static str>> {
    let kinds: Vec<&str> = INSIDE.iter().map(|(address, _)| *address).chain([OUTSIDE]).collect();
    let mut mixes = vec![Vec::new()];
    let mut first = 0;
    for _ in 0..RECIPIENTS_MAX {
        let shorter = mixes[first..].to_vec();
        first = mixes.len();
        for mix in shorter {
            mixes.extend(kinds.iter().map(|kind| [mix.as_slice(), &[*kind]].concat()));
        }
    }
    mixes.split_off(1)
}

fn is_tenant(client: &Client<'_>) -> bool {
    client.tls
        && [tenant_1(), tenant_2()]
            .iter()
            .any(|tenant| tenant.address == client.address && tenant.tls_name == client.tls_name)
}

/// What is to become of mail to the outside.
fn to_outside(client: &Client<'_>, sender: &str, anonymous_relay: bool) -> &'static str {
    match (is_tenant(client), anonymous_relay) {
        (true, _) if sender.ends_with("@tenant2.contoso.com") => "relay someone@example.net by Appliance",
        (true, _) if sender.is_empty() || sender.ends_with("contoso.com") => {
            "relay someone@example.net by Internet"
        }
        (true, _) | (false, true) => "drop",
        (false, false) => "554 5.7.1",
    }
}

/// Asks about every combination; how many, and how many copies left for the outside from whom.
fn ask_all(engine: &Engine, anonymous_relay: bool) -> (usize, usize) {
    let mixes = mixes();
    let mut decision = Decision::new();
    let (mut asked, mut left) = (0, 0);
    for client in clients() {
        for sender in SENDERS {
            let envelope = Envelope { client, reverse_path: Some(sender.as_bytes()), ..Envelope::default() };
            let outside = to_outside(&client, sender, anonymous_relay);
            for mix in &mixes {
                let recipients = mix.iter().map(|recipient| recipient.as_bytes());
                let routes = engine.route(&envelope, recipients, &mut decision).unwrap();
                assert!(routes.is_final());
                for (route, recipient) in routes.iter().zip(mix) {
                    let inside = INSIDE.iter().find(|(address, _)| address == recipient);
                    let expected = inside.map_or(outside, |(_, expected)| *expected);
                    assert_eq!(
                        described(&route),
                        expected,
                        "{recipient} in {mix:?} from {sender}, {client:?}"
                    );
                    left += usize::from(inside.is_none() && expected.starts_with("relay"));
                }
                assert_eq!(routes.len(), mix.len());
                asked += 1;
            }
        }
    }
    (asked, left)
}

#[test]
fn anonymous_relay_is_impossible() {
    // 64 clients, 5 senders, 5 + 25 + 125 + 625 lists of recipients: 249,600 messages a plan.
    assert_eq!((clients().len(), SENDERS.len(), mixes().len()), (64, 5, 780));
    let as_it_is = Example::new("shared-domain").engine("plan.toml");
    // Only the tenants' four clients (logged in or not) send to the outside, each as four of the senders; in all
    // lists together somebody outside stands 5^0 + 2*5 + 3*25 + 4*125 = 586 times.
    assert_eq!(ask_all(&as_it_is, false), (249_600, 4 * 4 * 586));
    // The listener lets strangers send anywhere: only the rules guard.
    let by_rules_alone = with_anonymous_relay().engine("plan.toml");
    assert_eq!(ask_all(&by_rules_alone, true), (249_600, 4 * 4 * 586));
}
