//! When each item of a view changed last, so that a stream can go on from any place without keeping what it told.

use std::collections::{BTreeMap, BTreeSet};

use muster_journal::stored::Position;

/// The last change of every item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<K: Ord> {
    last: BTreeMap<K, Position>,
    order: BTreeSet<(Position, K)>,
}

impl<K: Ord> Default for Changes<K> {
    fn default() -> Self {
        Self { last: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Changes<K> {
    /// The item changed here.
    pub fn touch(&mut self, item: &K, at: Position) {
        if let Some(before) = self.last.insert(item.clone(), at) {
            self.order.remove(&(before, item.clone()));
        }
        self.order.insert((at, item.clone()));
    }

    /// Items that changed after a place, each once, those that changed first first; all if there is none.
    pub fn since(&self, after: Option<Position>) -> impl Iterator<Item = &K> {
        let newer = self.order.iter().rev().take_while(move |(at, _)| after.is_none_or(|after| *at > after));
        newer.map(|(_, item)| item).collect::<Vec<_>>().into_iter().rev()
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
}
