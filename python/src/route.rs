//! Where each recipient's copy of a message goes: what Python says of a message, and the decision as
//! records.

use std::net::IpAddr;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use readdress::routing::{Client, Decision, Envelope};
use readdress::{Direction, Engine};

use crate::errors;
use crate::octets::{Text, octets};
use crate::outcome::takes_long;
use crate::records;

/// What is said of a message and of who brings it.
#[expect(clippy::struct_excessive_bools, reason = "each is told by its name")]
pub(crate) struct Question<'a, 'py> {
    pub(crate) mail_from: Option<&'a Bound<'py, PyAny>>,
    pub(crate) client_ip: Option<&'a Bound<'py, PyAny>>,
    pub(crate) tls: bool,
    pub(crate) tls_name: Option<&'a str>,
    pub(crate) authenticated: bool,
    pub(crate) direction: Option<Direction>,
    pub(crate) message: Option<&'a Bound<'py, PyAny>>,
    pub(crate) smtputf8: bool,
    pub(crate) explain: bool,
}

/// A record for one recipient, or a tuple of them for several.
pub(crate) fn decide<'py>(
    engine: &Engine,
    given: &Bound<'py, PyAny>,
    question: &Question<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = given.py();
    let is_one = given.is_instance_of::<PyString>() || given.is_instance_of::<PyBytes>();
    let recipients: Vec<Text<'py>> = if is_one {
        vec![Text::of(given, "a recipient")?]
    } else {
        let Ok(several) = given.try_iter() else {
            let name = given.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "recipients must be str, bytes or several, not {name}"
            )));
        };
        several.map(|recipient| Text::of(&recipient?, "a recipient")).collect::<PyResult<_>>()?
    };
    let paths: Vec<&[u8]> = recipients.iter().map(Text::octets).collect::<PyResult<_>>()?;
    let mail_from = question.mail_from.map(|path| Text::of(path, "mail_from")).transpose()?;
    let message = question.message.map(|message| octets(message, "a message")).transpose()?;
    // An empty name is what some servers have where there is no certificate.
    let tls_name = question.tls_name.filter(|name| !name.is_empty());
    let envelope = Envelope {
        client: Client {
            address: question.client_ip.map(address).transpose()?,
            tls: question.tls || tls_name.is_some(),
            tls_name,
            authenticated: question.authenticated,
        },
        direction: question.direction,
        smtputf8: question.smtputf8,
        reverse_path: mail_from.as_ref().map(Text::octets).transpose()?,
        header: message.as_ref().map(PyBytesMethods::as_bytes),
        is_open: false,
    };
    let mut decision = if question.explain { Decision::explained() } else { Decision::new() };
    let routes = if envelope.header.is_some_and(takes_long) {
        py.detach(|| engine.route(&envelope, paths, &mut decision))
    } else {
        engine.route(&envelope, paths, &mut decision)
    };
    let routes = routes.map_err(|error| errors::of_message(&error, None))?;
    let decided = recipients.iter().zip(routes.iter());
    let decided = records::tuple(py, decided, |_, (given, route)| records::decision(given, &routes, route))?;
    if is_one { decided.get_item(0) } else { Ok(decided.into_any()) }
}

/// An address as text, or as an object of the module `ipaddress`.
fn address(given: &Bound<'_, PyAny>) -> PyResult<IpAddr> {
    if let Ok(text) = given.cast::<PyString>() {
        let address = text.to_str()?.parse();
        return address.map_err(|_| {
            PyValueError::new_err("client_ip must be an address such as '192.0.2.1' or '2001:db8::1'")
        });
    }
    if given.hasattr("packed")? {
        return given.extract();
    }
    let name = given.get_type().name()?;
    Err(PyTypeError::new_err(format!("client_ip must be str or an address of ipaddress, not {name}")))
}
