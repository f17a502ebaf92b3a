//! When each item of a view changed last, so that a stream can go on from any place without keeping what it told.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use muster_journal::stored::Position;

/// The last change of every item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<K: Ord> {
    last: BTreeMap<K, Position>,
    order: BTreeMap<Position, BTreeSet<K>>,
}

impl<K: Ord> Default for Changes<K> {
    fn default() -> Self {
        Self { last: BTreeMap::new(), order: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Changes<K> {
    /// The item changed here.
    pub fn touch(&mut self, item: &K, at: Position) {
        if let Some(before) = self.last.insert(item.clone(), at)
            && let Some(items) = self.order.get_mut(&before)
        {
            items.remove(item);
            if items.is_empty() {
                self.order.remove(&before);
            }
        }
        self.order.entry(at).or_default().insert(item.clone());
    }

    /// Items that changed after a place, each once, those that changed first first; all if there is none.
    pub fn since(&self, after: Option<Position>) -> impl Iterator<Item = &K> {
        self.places_since(after).map(|(_, item)| item)
    }

    /// The same, each with the place where it changed last.
    pub fn places_since(&self, after: Option<Position>) -> impl Iterator<Item = (Position, &K)> {
        let newer = self.order.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded));
        newer.flat_map(|(at, items)| items.iter().map(move |item| (*at, item)))
    }

    /// The first of them, about `most`: all that changed at one place come together, so that one can go on from the last.
    pub fn first_since(&self, after: Option<Position>, most: usize) -> Vec<(Position, &K)> {
        let mut first: Vec<(Position, &K)> = Vec::new();
        for (at, item) in self.places_since(after) {
            if first.len() >= most && first.last().is_some_and(|(last, _)| *last != at) {
                break;
            }
            first.push((at, item));
        }
        first
    }

    /// When the item changed last.
    pub fn last(&self, item: &K) -> Option<Position> {
        self.last.get(item).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_twice_is_told_once() {
        let at = |sequence| Position { sequence, index: 0 };
        let mut changes = Changes::default();
        for (item, sequence) in [("a", 1), ("b", 2), ("a", 3)] {
            changes.touch(&item, at(sequence));
        }
        let since = |after| changes.since(after).copied().collect::<Vec<_>>();
        assert_eq!(since(None), ["b", "a"]);
        assert_eq!(since(Some(at(1))), ["b", "a"]);
        assert_eq!(since(Some(at(2))), ["a"]);
        assert_eq!(since(Some(at(3))), [""; 0]);
    }

    #[test]
    fn parts_together_are_the_whole_and_never_split_a_place() {
        let at = |sequence| Position { sequence, index: 0 };
        let mut changes = Changes::default();
        for (item, sequence) in [("a", 1), ("b", 2), ("c", 2), ("d", 2), ("e", 3)] {
            changes.touch(&item, at(sequence));
        }
        let first = |after, most| {
            changes.first_since(after, most).iter().map(|(place, item)| (place.sequence, **item)).collect::<Vec<_>>()
        };
        assert_eq!(first(None, 2), [(1, "a"), (2, "b"), (2, "c"), (2, "d")]);
        assert_eq!(first(Some(at(2)), 2), [(3, "e")]);
        assert_eq!(first(Some(at(3)), 2), []);
    }
}
