//! Which of many domain patterns covers a domain most closely.

use std::collections::HashMap;

use crate::map::at_and_above;
use crate::routing::model::DomainPattern;

/// Numbers by pattern. The hash maps are made when a map is opened, from what a plan says.
#[derive(Debug, Default)]
pub struct PatternTable {
    exact: HashMap<Vec<u8>, u16>,
    below: HashMap<Vec<u8>, u16>,
    any: Option<u16>,
}

impl PatternTable {
    /// Of two numbers with one pattern, `is_better` says whether the first is taken.
    #[must_use]
    pub fn new<'p>(
        patterns: impl Iterator<Item = (&'p DomainPattern, u16)>,
        is_better: impl Fn(u16, u16) -> bool,
    ) -> PatternTable {
        let mut table = PatternTable::default();
        for (pattern, number) in patterns {
            let choose =
                |known: Option<u16>| known.filter(|&known| !is_better(number, known)).unwrap_or(number);
            match (pattern.below, pattern.domain.is_empty()) {
                (true, true) => table.any = Some(choose(table.any)),
                (below, _) => {
                    let map = if below { &mut table.below } else { &mut table.exact };
                    let known = map.get(&pattern.domain).copied();
                    map.insert(pattern.domain.clone(), choose(known));
                }
            }
        }
        table
    }

    /// The number of the pattern that covers a domain, given as key, most closely: itself, else the longest
    /// `*.` domain, else the one for all.
    #[must_use]
    pub fn get(&self, domain: &[u8]) -> Option<u16> {
        let below = || at_and_above(domain).find_map(|parent| self.below.get(parent)).copied();
        self.exact.get(domain).copied().or_else(below).or(self.any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_pattern_wins() {
        let pattern = |domain: &str, below| DomainPattern { domain: domain.as_bytes().to_vec(), below };
        let patterns = [
            pattern("a.x.example", false),
            pattern("x.example", true),
            pattern("b.x.example", true),
            DomainPattern::any(),
            pattern("x.example", true),
        ];
        let table = PatternTable::new(patterns.iter().zip(0..), |new, known| new < known);
        for (domain, expected) in [
            ("a.x.example", 0),
            ("x.example", 1),
            ("z.a.x.example", 1),
            ("z.b.x.example", 2),
            ("y.example", 3),
            ("ax.example", 3),
        ] {
            assert_eq!(table.get(domain.as_bytes()), Some(expected), "{domain}");
        }
    }
}
