//! JSON values that hold octets. Key order is part of the interface, so objects are built by hand.
//!
//! JSON has no octet strings. A value that is UTF-8 stands under its key as it is; any other
//! stands, in base64, under the key with `_base64` appended. In a list, where there is no key, it
//! becomes an object with the one key `value_base64`.

use std::io::{self, Write};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use readdress::Entry;
use serde_json::{Map, Value};

/// An object under construction.
#[derive(Debug, Default)]
pub(crate) struct Object(Map<String, Value>);

impl Object {
    pub(crate) fn new() -> Object {
        Object::default()
    }

    /// Appends a key.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Object {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Appends octets.
    pub(crate) fn with_octets(self, key: &str, octets: &[u8]) -> Object {
        match str::from_utf8(octets) {
            Ok(text) => self.with(key, text),
            Err(_) => self.with(&format!("{key}_base64"), BASE64_STANDARD.encode(octets)),
        }
    }

    /// Appends octets or `null`.
    pub(crate) fn with_optional(self, key: &str, octets: Option<&[u8]>) -> Object {
        match octets {
            Some(octets) => self.with_octets(key, octets),
            None => self.with(key, Value::Null),
        }
    }

    /// Appends a path.
    pub(crate) fn with_path(self, key: &str, path: &Path) -> Object {
        self.with_octets(key, path.as_os_str().as_encoded_bytes())
    }

    /// Appends what `value` says about an entry: `name`, `file`, `line`.
    pub(crate) fn with_origin(self, key: &str, entry: Option<&Entry<'_>>) -> Object {
        self.with(key, entry.map_or(Value::Null, |entry| origin(entry).into()))
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        Value::Object(object.0)
    }
}

/// An item of a list of octet strings.
pub(crate) fn item(octets: &[u8]) -> Value {
    match str::from_utf8(octets) {
        Ok(text) => text.into(),
        Err(_) => Object::new().with_octets("value", octets).into(),
    }
}

/// Which entry, and where it was written down.
pub(crate) fn origin(entry: &Entry<'_>) -> Object {
    let line = entry.file().map(|_| entry.line());
    Object::new().with("name", entry.name()).with("file", entry.file()).with("line", line)
}

/// Writes one value on a line of its own.
pub(crate) fn write(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_that_are_not_utf8_move_to_a_base64_key() {
        let object = Object::new()
            .with_octets("from", "jürgen@x.example".as_bytes())
            .with_octets("to", b"j\xfcrgen@x.example")
            .with_optional("result", None);
        assert_eq!(
            Value::from(object).to_string(),
            r#"{"from":"jürgen@x.example","to_base64":"avxyZ2VuQHguZXhhbXBsZQ==","result":null}"#
        );
        assert_eq!(item(b"\xff").to_string(), r#"{"value_base64":"/w=="}"#);
        assert_eq!(item(b"a").to_string(), r#""a""#);
    }
}
