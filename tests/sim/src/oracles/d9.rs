//! D9, priority is never overtaken: when a frame of the desk is in the log, no package waits while a team that would complete
//! its match stands in a lower package's pending offer, or in an offer that only widens a wave. And V1 beside it: none waits
//! while such a team is free.
//!
//! What came before a deadline is decided before it; so of what time alone has brought, a contract that has begun, only that
//! counts which the desk had to look at.
//!
//! A team completes the match directly, or, for one-team packages, after others that were offered in the same commit have
//! moved elsewhere. Offers made before do not move, they only yield.

mod room;

use std::collections::BTreeSet;

use muster_domain::{dispatch::events::DeskEvent, eligibility::events::PriorityKey, event::Event, kernel::PackageId};

use muster_journal::stored::Commit;

use super::Violation;
use crate::{
    log::Entry,
    timeline::{Moment, Timeline},
};

/// Its id.
pub const ID: &str = "D9";
/// What a waiting package beside free teams is.
pub const V1: &str = "V1";

/// One commit offers or escalates so many packages at most; with that many it may have left some for the next.
const ASKED_PER_COMMIT_MAX: usize = 64;
/// And no more than have room for their candidates in so many bytes.
const CANDIDATES_BYTES_MAX: usize = 640 * 1024;
/// What a candidate takes besides its provider's name.
const CANDIDATE_BYTES: usize = 40;

/// Packages that wait beside what they need.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let desk = Timeline::of(log);
    let loads = desk.loads();
    let mut found = Vec::new();
    let mut open = Open::of(&desk);
    let mut looked_at = None;
    for (step, (position, commit)) in desk.steps.iter().enumerate() {
        open.step(step);
        let looks = commit.events.iter().any(settles);
        let now = looked_at.filter(|_| !looks).unwrap_or(commit.recorded_at);
        looked_at = Some(now);
        let next = desk.steps.get(step.saturating_add(1)).map(|(next, _)| next.sequence);
        if next == Some(position.sequence) || asked(commit) >= asked_max(&desk, step) {
            continue;
        }
        let room = room::Room::at(&desk, &loads, &open.packages, step, now);
        found.extend(room.overtaken().map(|(id, says)| Violation::new(id, *position, says)));
    }
    found
}

/// Whether the desk looks at its deadlines with this. It need not where an offer is opened or taken up, or work reaches a stage or
/// may last longer.
fn settles(event: &Event) -> bool {
    !matches!(
        event,
        Event::Desk(
            DeskEvent::Seen { .. }
                | DeskEvent::Accepted { .. }
                | DeskEvent::StageReached { .. }
                | DeskEvent::Extended { .. }
        )
    )
}

/// How many packages a commit offers or escalates.
fn asked(commit: &Commit) -> usize {
    let asks = |event: &&Event| matches!(event, Event::Desk(DeskEvent::Offered { .. } | DeskEvent::Escalated { .. }));
    commit.events.iter().filter(asks).count()
}

/// How many it may.
fn asked_max(desk: &Timeline, step: usize) -> usize {
    let known = desk.terms.iter().filter(|(_, over)| over.at(Moment::end_of(step)).is_some());
    let bytes: usize = known.map(|(id, _)| id.as_str().len().saturating_add(CANDIDATE_BYTES)).sum();
    CANDIDATES_BYTES_MAX.checked_div(bytes).unwrap_or(ASKED_PER_COMMIT_MAX).clamp(1, ASKED_PER_COMMIT_MAX)
}

/// Packages whose work is still to be done, as commits go by.
struct Open<'a> {
    begin: Vec<(usize, &'a PackageId)>,
    end: Vec<(usize, &'a PackageId)>,
    packages: BTreeSet<&'a PackageId>,
}

impl<'a> Open<'a> {
    fn of(desk: &Timeline<'a>) -> Self {
        let mut begin: Vec<_> = desk.packages.iter().map(|(id, asked)| (asked.granted.step, *id)).collect();
        let over = |id: &'a PackageId| desk.over(id).map(|over| (over.step, id));
        let mut end: Vec<_> = desk.packages.keys().filter_map(|id| over(id)).collect();
        // From the last, as they are popped from there.
        begin.sort_unstable_by(|a, b| b.cmp(a));
        end.sort_unstable_by(|a, b| b.cmp(a));
        Self { begin, end, packages: BTreeSet::new() }
    }

    fn step(&mut self, step: usize) {
        while let Some((_, package)) = self.begin.pop_if(|(begin, _)| *begin <= step) {
            self.packages.insert(package);
        }
        while let Some((_, package)) = self.end.pop_if(|(end, _)| *end <= step) {
            self.packages.remove(package);
        }
    }
}

/// Whether one key comes before another: bands from high to low, (a) first; Member State users; the earlier; the id.
fn comes_before(one: &PriorityKey, other: &PriorityKey) -> bool {
    let order = |key: &'_ PriorityKey| {
        let bands = key.bands.map(|band| u8::MAX.saturating_sub(band));
        (bands, !key.member_state_user, key.submitted_at)
    };
    (order(one), &one.request) < (order(other), &other.request)
}
