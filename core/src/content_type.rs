//! The media type of a message (RFC 2045 5.1), as far as it is asked for: type and parameters, without
//! comments. What stands in a form that this does not read is no media type to it.

use crate::header::is_wsp;

/// A Content-Type field's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContentType<'b> {
    media_type: &'b [u8],
    /// Behind the first semicolon.
    parameters: &'b [u8],
}

impl<'b> ContentType<'b> {
    /// Reads a body.
    pub(crate) fn read(body: &'b [u8]) -> Option<ContentType<'b>> {
        let end = body.iter().position(|&octet| octet == b';').unwrap_or(body.len());
        let media_type = trimmed(body.get(..end)?);
        let parameters = body.get(end + 1..).unwrap_or_default();
        Some(ContentType { media_type, parameters })
    }

    /// Whether it is this type, in any case.
    pub(crate) fn is(&self, media_type: &[u8]) -> bool {
        self.media_type.eq_ignore_ascii_case(media_type)
    }

    /// The first parameter of this name, without its quotes. A value with a backslash in it is none
    /// that is asked for.
    pub(crate) fn parameter(&self, name: &[u8]) -> Option<&'b [u8]> {
        let mut rest = self.parameters;
        while !rest.is_empty() {
            let end = end_of_parameter(rest);
            let (item, behind) = rest.split_at_checked(end)?;
            let equals = item.iter().position(|&octet| octet == b'=');
            if let Some((found, value)) = equals.and_then(|at| item.split_at_checked(at))
                && trimmed(found).eq_ignore_ascii_case(name)
            {
                let value = trimmed(value.get(1..)?);
                let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
                return Some(unquoted.unwrap_or(value));
            }
            rest = behind.get(1..).unwrap_or_default();
        }
        None
    }
}

/// The semicolon behind a parameter, or the end: none inside quotes counts.
fn end_of_parameter(text: &[u8]) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, &octet) in text.iter().enumerate() {
        match octet {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b';' if !is_quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// Without the white space and line endings around it.
fn trimmed(text: &[u8]) -> &[u8] {
    let is_space = |octet: &u8| is_wsp(*octet) || matches!(octet, b'\r' | b'\n');
    let start = text.iter().position(|octet| !is_space(octet)).unwrap_or(text.len());
    let end = text.iter().rposition(|octet| !is_space(octet)).map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_parameters_are_read_through_folds_and_quotes() {
        let body = b" Multipart/Signed;\r\n\tboundary=\"a;protocol=x\\\"\" ; PROTOCOL = \"application/pgp-signature\"; micalg=x";
        let content_type = ContentType::read(body).unwrap();
        assert!(content_type.is(b"multipart/signed") && !content_type.is(b"multipart/mixed"));
        assert_eq!(content_type.parameter(b"protocol"), Some(&b"application/pgp-signature"[..]));
        assert_eq!(content_type.parameter(b"Micalg"), Some(&b"x"[..]));
        assert_eq!(content_type.parameter(b"charset"), None);
        assert!(ContentType::read(b"").unwrap().parameter(b"x").is_none());
    }
}
