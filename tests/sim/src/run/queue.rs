//! Time: a queue of what is still to happen. The clock is the moment of what was taken last.

use std::collections::BTreeMap;

/// Events to come, in milliseconds. Two of the same moment happen in the order in which they were put in.
#[derive(Debug)]
pub struct Queue<E> {
    now: i64,
    made: u64,
    coming: BTreeMap<(i64, u64), E>,
    /// What only keeps things as they are: renewals.
    background: BTreeMap<(i64, u64), E>,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { now: 0, made: 0, coming: BTreeMap::new(), background: BTreeMap::new() }
    }
}

impl<E> Queue<E> {
    /// The moment.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Something happens so much later.
    pub fn after(&mut self, millis: i64, event: E) {
        self.made = self.made.saturating_add(1);
        self.coming.insert((self.now.saturating_add(millis.max(0)), self.made), event);
    }

    /// Something happens so much later that is no news if nothing else happens.
    pub fn background(&mut self, millis: i64, event: E) {
        self.made = self.made.saturating_add(1);
        self.background.insert((self.now.saturating_add(millis.max(0)), self.made), event);
    }

    /// What happens next.
    pub fn pop(&mut self) -> Option<E> {
        let news = self.coming.first_key_value().map(|(at, _)| *at);
        let quiet = self.background.first_key_value().map(|(at, _)| *at);
        let first = match (news, quiet) {
            (Some(news), Some(quiet)) if quiet < news => self.background.pop_first(),
            (None, Some(_)) => self.background.pop_first(),
            (Some(_), _) => self.coming.pop_first(),
            (None, None) => None,
        };
        let ((at, _), event) = first?;
        self.now = self.now.max(at);
        Some(event)
    }

    /// How long only the background would go on before anything is news.
    pub fn quiet_for(&self) -> i64 {
        let news = self.coming.first_key_value().map_or(self.now, |((at, _), _)| *at);
        let quiet = self.background.first_key_value().map_or(news, |((at, _), _)| *at);
        news.saturating_sub(quiet)
    }

    /// Moves the background so much later: what it would have done meanwhile changes nothing.
    pub fn postpone_background(&mut self, millis: i64) {
        let moved = std::mem::take(&mut self.background);
        self.background =
            moved.into_iter().map(|((at, made), event)| ((at.saturating_add(millis), made), event)).collect();
    }
}
