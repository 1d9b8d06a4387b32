//! Domains and those above them, as keys: lower-case A-labels without the dot behind them.

/// `domain` and its parents, the longest first.
pub(crate) fn at_and_above(domain: &[u8]) -> impl Iterator<Item = &[u8]> {
    let dots = domain.iter().enumerate().filter(|(_, octet)| **octet == b'.');
    let parents = dots.filter_map(move |(dot, _)| domain.get(dot + 1..));
    std::iter::once(domain).chain(parents)
}

/// Whether `domain` is `parent` or below it.
pub(crate) fn is_at_or_below(domain: &[u8], parent: &[u8]) -> bool {
    domain.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_below_whole_labels_alone() {
        let above: Vec<&[u8]> = at_and_above(b"a.b.example").collect();
        assert_eq!(above, [b"a.b.example".as_slice(), b"b.example", b"example"]);
        assert!(is_at_or_below(b"a.b.example", b"b.example"));
        assert!(is_at_or_below(b"b.example", b"b.example"));
        assert!(!is_at_or_below(b"ab.example", b"b.example"));
        assert!(!is_at_or_below(b"example", b"b.example"));
    }
}
