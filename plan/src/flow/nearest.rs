//! The shortest ways in circles and to bad ends: what a walk looks for once it has found that there are some.

use std::collections::VecDeque;

use crate::flow::context::Context;
use crate::flow::hop::{Ending, Hop};
use crate::flow::walk::{Next, PLACES_MAX, Trail, Walk, Walked};

/// Everywhere that a message comes to, the nearest places first.
#[derive(Default)]
struct Graph {
    places: Vec<Place>,
}

struct Place {
    hop: Hop,
    /// The number of the place before; the first has none.
    before: Option<usize>,
    /// How many places come before.
    steps: usize,
    /// Numbers of the places behind, each with the hop there.
    behind: Vec<(usize, Hop)>,
}

impl Walk<'_, '_> {
    /// The shortest way that leads back to a place of its own, and the shortest to an end that is `wanted`, if
    /// there are any.
    pub(crate) fn nearest(
        &mut self,
        start: Hop,
        context: &Context,
        wanted: impl Fn(Ending) -> bool,
    ) -> Walked {
        let mut walked = Walked::default();
        let mut graph = Graph::default();
        graph.places.push(Place { hop: start, before: None, steps: 0, behind: Vec::new() });
        let mut number = 0;
        while let Some(hop) = graph.places.get(number).map(|place| place.hop.clone()) {
            let mut behind = Vec::new();
            for next in self.nexts(&hop, context) {
                match next {
                    Next::End(ending) if wanted(ending) && walked.ends.is_empty() => {
                        walked.ends.push((ending, graph.trail(number)));
                    }
                    Next::End(_) => {}
                    Next::Go(hop) => behind.extend(graph.number(&hop, number).map(|number| (number, hop))),
                }
            }
            if let Some(place) = graph.places.get_mut(number) {
                place.behind = behind;
            }
            number += 1;
        }
        walked.loops.extend(graph.shortest_loop());
        walked
    }
}

impl Graph {
    /// The number of a place; a new one, if it comes behind `before`.
    fn number(&mut self, hop: &Hop, before: usize) -> Option<usize> {
        let is_same = |place: &Place| place.hop.place == hop.place && place.hop.address == hop.address;
        if let Some(known) = self.places.iter().position(is_same) {
            return Some(known);
        }
        let steps = self.places.get(before)?.steps + 1;
        if self.places.len() >= PLACES_MAX {
            return None;
        }
        self.places.push(Place { hop: hop.clone(), before: Some(before), steps, behind: Vec::new() });
        Some(self.places.len() - 1)
    }

    /// How a message comes to a place.
    fn trail(&self, number: usize) -> Trail {
        let mut trail = Vec::new();
        let mut at = self.places.get(number);
        while let Some(place) = at {
            trail.push(place.hop.clone());
            at = place.before.and_then(|before| self.places.get(before));
        }
        trail.reverse();
        trail
    }

    /// To some place on the shortest way, and from there back to it on the shortest.
    fn shortest_loop(&self) -> Option<Trail> {
        let mut best: Option<Trail> = None;
        for (number, place) in self.places.iter().enumerate() {
            let most = best.as_ref().map_or(usize::MAX, |best| best.len() - 1);
            if let Some(round) = self.round(number, most.saturating_sub(place.steps + 1)) {
                let mut trail = self.trail(number);
                trail.extend(round);
                best = Some(trail);
            }
        }
        best
    }

    /// The hops from a place back to it, at most so many.
    fn round(&self, number: usize, most: usize) -> Option<Trail> {
        let mut ways: VecDeque<(usize, Option<usize>, usize)> = VecDeque::new();
        // Each place that was come to: the hop there, and the number in this list of the one before.
        let mut seen: Vec<(&Hop, Option<usize>)> = Vec::new();
        let mut is_seen = vec![false; self.places.len()];
        ways.push_back((number, None, 0));
        while let Some((at, way, steps)) = ways.pop_front() {
            if steps >= most {
                return None;
            }
            for (next, hop) in self.places.get(at).map_or(&[][..], |place| &place.behind) {
                match is_seen.get_mut(*next) {
                    Some(seen) if !*seen => *seen = true,
                    _ => continue,
                }
                seen.push((hop, way));
                let last = Some(seen.len() - 1);
                if *next == number {
                    let mut round = Vec::new();
                    let mut step = last.and_then(|last| seen.get(last));
                    while let Some((hop, before)) = step {
                        round.push((*hop).clone());
                        step = before.and_then(|before| seen.get(before));
                    }
                    round.reverse();
                    return Some(round);
                }
                ways.push_back((*next, last, steps + 1));
            }
        }
        None
    }
}
