//! Addresses as they are written, from their keys.

/// An address of an unquoted local-part, with quotes where they must be.
pub(crate) fn spelled(local_part: &[u8], domain: &[u8]) -> String {
    let is_atext =
        |octet: &u8| octet.is_ascii_alphanumeric() || *octet >= 128 || b"!#$%&'*+-/=?^_`{|}~".contains(octet);
    let is_dot_atom =
        local_part.split(|octet| *octet == b'.').all(|atom| !atom.is_empty() && atom.iter().all(is_atext));
    let local_part = String::from_utf8_lossy(local_part);
    let domain = String::from_utf8_lossy(domain);
    if is_dot_atom {
        return format!("{local_part}@{domain}");
    }
    let escaped = local_part.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"@{domain}")
}
