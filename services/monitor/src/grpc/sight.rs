//! What one caller may see of requests. Rights are those of this moment, also for whoever looks back.

use std::sync::RwLockReadGuard;

use muster_domain::kernel::{Actor, RequestId};
use muster_edge::{Caller, Edge, people::People};
use muster_journal::engine::follower::Held;
use muster_runtime::access::{Access, Action, Reach, may, reach};

use crate::views::Monitor;

/// A caller, what it does, and who is who now. The follower waits while it is held: do not keep it.
pub(super) struct Sight<'a> {
    who: &'a Actor,
    action: Action,
    people: RwLockReadGuard<'a, Held<People>>,
}

impl<'a> Sight<'a> {
    pub(super) fn of(edge: &'a Edge, caller: &'a Caller, action: Action) -> Self {
        Self { who: &caller.actor, action, people: edge.people.now() }
    }

    /// Whether the caller may see a request.
    pub(super) fn sees(&self, request: &RequestId) -> bool {
        may(self.who, self.action, &self.people.of_request(request)) == Access::Allowed
    }

    /// Whether it sees all there is, whosever it is.
    pub(super) fn sees_all(&self) -> bool {
        reach(self.who.role, self.action) == Reach::All
    }

    /// Every request that it may see.
    pub(super) fn requests<'m>(&'m self, monitor: &'m Monitor) -> Box<dyn Iterator<Item = &'m RequestId> + 'm> {
        let sees = |request: &&RequestId| self.sees(request);
        match monitor.whose().of(self.who) {
            Some(own) => Box::new(own.into_iter().filter(sees)),
            None => Box::new(monitor.requests().filter(sees)),
        }
    }
}
