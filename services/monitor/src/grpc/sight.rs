//! What one caller may see of requests. Rights are those of this moment, also for whoever looks back.

use std::{collections::BTreeSet, sync::RwLockReadGuard};

use muster_domain::kernel::{Actor, RequestId, Role};
use muster_edge::{Caller, Edge, people::People};
use muster_journal::{engine::follower::Held, stored::Position};
use muster_runtime::access::{Access, Action, Reach, may, reach};

use crate::views::{
    Monitor,
    board::{Group, Place},
};

/// So many requests are asked about one by one.
const FEW: usize = 500;

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

    /// Every request that it may see, where it stands on the board. `looked` is the moment that the view shows.
    pub(super) fn requests<'m>(
        &'m self,
        monitor: &'m Monitor,
        looked: Position,
    ) -> Box<dyn Iterator<Item = (Place, &'m RequestId, &'m Group)> + 'm> {
        if let Some(groups) = self.groups(monitor, looked) {
            return Box::new(monitor.board().from(None).filter(move |(_, _, group)| groups.contains(group)));
        }
        let own: Box<dyn Iterator<Item = &RequestId>> = match monitor.whose().of(self.who) {
            Some(own) => Box::new(own.into_iter()),
            None => Box::new(monitor.requests()),
        };
        let marked = own.filter(|request| self.sees(request)).filter_map(|request| {
            let (place, group) = monitor.board().mark(request)?;
            Some((place, request, group))
        });
        Box::new(marked)
    }

    /// The groups of cards that it may see, if it may see all cards of a group or none; `None` if it must be asked of each.
    pub(super) fn groups<'m>(&self, monitor: &'m Monitor, looked: Position) -> Option<BTreeSet<&'m Group>> {
        let all = monitor.board().groups().map(|(group, _)| group);
        if self.sees_all() {
            return Some(all.collect());
        }
        // Groups tell whose cards were at the moment looked at, and rights are those of now.
        let is_now = looked == self.people.progress().position;
        let own = monitor.whose().of(self.who);
        let few = own.is_some_and(|own| own.len() <= FEW);
        if !is_now || few || self.who.role == Role::Hospital {
            return None;
        }
        let sees = |group: &&Group| {
            let party = self.people.of_requests_like(group.country, group.authority.as_ref(), group.tlp);
            may(self.who, self.action, &party) == Access::Allowed
        };
        Some(all.filter(sees).collect())
    }
}
