//! `readdress route`: where each recipient's copy of a message goes, and the steps that led there.

use std::fmt::Write;
use std::net::IpAddr;

use readdress::Direction;
use readdress::routing::{Action, Client, Decision, Envelope, Route, Routes};
use serde_json::Value;

use crate::escape::Shown;
use crate::failure::Failure;
use crate::input::Message;
use crate::json::{self, Object};
use crate::options::RouteOptions;
use crate::{Streams, exit, input};

pub(crate) fn run(options: &RouteOptions, streams: &mut Streams<'_>) -> Result<u8, Failure> {
    let engine = input::engine(&options.source)?;
    let message = match &options.message {
        Some(path) => Some(Message::from_operand(path, streams.input)?),
        None => None,
    };
    let client_ip = options.client_ip.as_ref().map(|text| client_address(text)).transpose()?;
    let envelope = Envelope {
        client: Client {
            address: client_ip,
            tls: options.tls || options.tls_name.is_some(),
            tls_name: options.tls_name.as_deref(),
            authenticated: options.authenticated,
        },
        direction: options.direction.map(Direction::from),
        smtputf8: options.smtputf8,
        reverse_path: options.mail_from.as_ref().map(|path| path.as_encoded_bytes()),
        header: message.as_ref().map(|message| message.octets.as_slice()),
        is_open: false,
    };
    let recipients = options.rcpt_to.iter().map(|path| path.as_encoded_bytes());
    let mut decision = Decision::explained();
    let routes = engine.route(&envelope, recipients, &mut decision);
    let routes = routes.map_err(|error| Failure::engine("the message", &error))?;
    for (index, route) in routes.iter().enumerate() {
        let printed = if options.format.is_json() {
            json::write(streams.out, &object(&routes, &route))
        } else {
            let gap = if index == 0 { "" } else { "\n" };
            write!(streams.out, "{gap}{}", text(&routes, &route))
        };
        printed.map_err(|error| Failure::output(&error))?;
    }
    Ok(exit::OK)
}

fn client_address(text: &str) -> Result<IpAddr, Failure> {
    text.parse().map_err(|_| {
        let message =
            format!("--client-ip: {} is no address: write 192.0.2.1 or 2001:db8::1", Shown(text.as_bytes()));
        Failure::new(exit::USAGE, message)
    })
}

fn object(routes: &Routes<'_>, route: &Route<'_>) -> Value {
    let (code, enhanced, text) = match route.reply() {
        Some((code, enhanced, text)) => (Value::from(code), Value::from(enhanced), Value::from(text)),
        None => (Value::Null, Value::Null, Value::Null),
    };
    let set = route.set_headers().map(|(name, value)| header(name, Some(value)));
    let removed = route.removed_headers().map(|name| header(name, None));
    let steps = route.steps().map(|step| {
        Value::from(Object::new().with("what", step.what).with("name", step.name).with("why", step.why))
    });
    let is_relayed = route.action() == Action::Relay;
    Object::new()
        .with_octets("recipient", route.recipient())
        .with("action", route.action().name())
        .with_octets("forward_path", route.forward_path())
        .with("next_hop", route.next_hops().first().map(String::as_str))
        .with("next_hops", route.next_hops())
        .with("connector", route.connector().map(|connector| connector.name.as_str()))
        .with("tls", is_relayed.then(|| route.tls().name()))
        .with("tls_name", route.connector().and_then(|connector| connector.tls_name.as_deref()))
        .with("code", code)
        .with("enhanced", enhanced)
        .with("text", text)
        .with("headers", set.chain(removed).collect::<Vec<_>>())
        .with("rewrite", route.is_rewritten())
        .with_origin("entry", route.entry().as_ref())
        .with("listener", routes.listener().map(|listener| listener.name.as_str()))
        .with("direction", routes.direction().name())
        .with("final", routes.is_final())
        .with("steps", steps.collect::<Vec<_>>())
        .into()
}

/// A field that the copy gets; with no value, one that it loses.
fn header(name: &str, value: Option<&str>) -> Value {
    Object::new().with("name", name).with("value", value).into()
}

fn text(routes: &Routes<'_>, route: &Route<'_>) -> String {
    let mut text = format!("{}\n", Shown(route.recipient()));
    let _ = match (route.action(), route.reply()) {
        (_, Some((code, enhanced, reply))) => {
            writeln!(text, "  {:9} {code} {enhanced} {}", route.action().name(), Shown(reply.as_bytes()))
        }
        (Action::Relay, None) => {
            let way = match (route.connector(), route.next_hops()) {
                (Some(connector), []) => {
                    format!("by {}, to its mail exchangers", Shown(connector.name.as_bytes()))
                }
                (Some(connector), hops) => {
                    let hops = hops.join(", ");
                    format!("by {}, to {}", Shown(connector.name.as_bytes()), Shown(hops.as_bytes()))
                }
                (None, _) => "to its mail exchangers".to_owned(),
            };
            writeln!(text, "  relay     {} {way}, TLS {}", Shown(route.forward_path()), route.tls().name())
        }
        (action, None) => writeln!(text, "  {:9} {}", action.name(), Shown(route.forward_path())),
    };
    for (name, value) in route.set_headers() {
        let _ = writeln!(text, "  sets      {}: {}", Shown(name.as_bytes()), Shown(value.as_bytes()));
    }
    for name in route.removed_headers() {
        let _ = writeln!(text, "  removes   {}", Shown(name.as_bytes()));
    }
    if !route.is_rewritten() {
        text.push_str("  addresses stay as they are\n");
    }
    for step in route.steps() {
        let _ = writeln!(text, "  because   {}", Shown(step.to_string().as_bytes()));
    }
    if !routes.is_final() {
        text.push_str("  not final: a rule asks for the header section, so give the message, too\n");
    }
    text
}
