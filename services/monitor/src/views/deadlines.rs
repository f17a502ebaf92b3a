//! The clocks of a request and of a provider. What the log gives (when each starts, is due and is met) does not change with
//! time; how each stands at a moment is the domain's to say.

use std::time::Duration;

use muster_domain::{
    clocks::{self, Clock, Notices},
    dispatch::{
        desk::OfferState,
        events::{ReleaseReason, Stage},
    },
    intake::facts::report_due,
    kernel::{OfferId, ProviderId, RequestId, Timestamp},
};
use muster_edge::work::{Engaged, Trail, Work};

use super::case::Case;

/// A clock, and whether it runs still: whether somebody can yet do what it asks, late or in time.
struct Deadline {
    clock: Clock,
    runs: bool,
}

impl Deadline {
    const fn running(clock: Clock) -> Self {
        Self { clock, runs: true }
    }

    const fn over(clock: Clock) -> Self {
        Self { clock, runs: false }
    }
}

/// Every clock of a request at `now`, those that end first first.
pub fn of_case(request: &RequestId, case: &Case, work: &Work, now: Timestamp) -> Vec<Clock> {
    let facts = &case.request.facts;
    // Nobody tells Muster of these notices: they are the entity's own duty, and are shown without knowing.
    let notices = clocks::nis2(facts.detected_at, facts.detected_precision, Notices::default(), now);
    let mut all: Vec<_> = seen_met(request, case, work, now).map(|deadline| deadline.clock).chain(notices).collect();
    all.sort_by_key(|clock| (clock.due, clock.name));
    all
}

/// The clock of a request that ends first of those that run still and that Muster sees met. Which one it is follows from the
/// log alone.
pub fn next(request: &RequestId, case: &Case, work: &Work, now: Timestamp) -> Option<Clock> {
    let running = seen_met(request, case, work, now).filter(|deadline| deadline.runs);
    running.map(|deadline| deadline.clock).min_by_key(|clock| (clock.due, clock.name))
}

/// The clocks that run for a provider at `now`, those that end first first.
pub fn of_provider(provider: &ProviderId, work: &Work, now: Timestamp) -> Vec<Clock> {
    let all = work.offers_to(provider).flat_map(|offer| of_offer(offer, work, now));
    let mut running: Vec<_> = all.filter(|deadline| deadline.runs).map(|deadline| deadline.clock).collect();
    running.sort_by_key(|clock| (clock.due, clock.name));
    running
}

fn seen_met<'a>(
    request: &'a RequestId,
    case: &'a Case,
    work: &'a Work,
    now: Timestamp,
) -> impl Iterator<Item = Deadline> + 'a {
    let offers = work.offers_for(request).flat_map(move |offer| of_offer(offer, work, now));
    answer(case, now).into_iter().chain(offers).chain(report(case, now))
}

/// The answer. A request that nobody asks any more in time needs none.
fn answer(case: &Case, now: Timestamp) -> Option<Deadline> {
    let (route, submitted) = (case.route.as_ref()?, case.moments.submitted?);
    let answered = case.moments.answered.map(|(at, _)| at);
    let clock = clocks::answer(route.kind, submitted, answered, now)?;
    match (answered, case.moments.withdrawn) {
        (None, None) => Some(Deadline::running(clock)),
        (None, Some(withdrawn)) if withdrawn < clock.due => None,
        (None, Some(_)) | (Some(_), _) => Some(Deadline::over(clock)),
    }
}

/// The summary report.
fn report(case: &Case, now: Timestamp) -> Option<Deadline> {
    let ended = case.moments.support_ended?;
    let due = report_due(ended).plus(Duration::from_millis(1));
    let clock = clocks::summary_report(ended, due, case.moments.reported, now);
    Some(Deadline { runs: case.moments.reported.is_none(), clock })
}

/// A provider's clocks for one offer: to answer it, and once it accepted, to be on task. What was taken back needed neither.
fn of_offer(offer: &OfferId, work: &Work, now: Timestamp) -> impl Iterator<Item = Deadline> {
    let made = work.desk().offers.get(offer).zip(work.trail(offer));
    let both = made.map(|(made, trail)| {
        let engaged = trail.engaged.as_ref();
        [to_answer(&made.state, trail, now), engaged.and_then(|engaged| to_start(&made.state, engaged, now))]
    });
    both.into_iter().flatten().flatten()
}

fn to_answer(state: &OfferState, trail: &Trail, now: Timestamp) -> Option<Deadline> {
    let clock = |answered| clocks::offer(trail.offered_at, trail.expires_at, answered, now);
    match state {
        OfferState::Pending { .. } => Some(Deadline::running(clock(None))),
        OfferState::Engaged(_)
        | OfferState::Completed { .. }
        | OfferState::Released { .. }
        | OfferState::Declined(_) => Some(Deadline::over(clock(trail.ended_at))),
        OfferState::Expired(_) => Some(Deadline::over(clock(None))),
        OfferState::Rescinded(_) | OfferState::Lost => None,
    }
}

fn to_start(state: &OfferState, engaged: &Engaged, now: Timestamp) -> Option<Deadline> {
    let clock = clocks::mobilise(engaged.accepted_at, engaged.mobilise_by, engaged.on_task_at, now);
    if engaged.on_task_at.is_some() {
        return Some(Deadline::over(clock));
    }
    match state {
        OfferState::Engaged(engagement) if engagement.stage == Stage::Mobilising => Some(Deadline::running(clock)),
        OfferState::Released { reason: ReleaseReason::NotMobilised, .. } => Some(Deadline::over(clock)),
        OfferState::Engaged(_)
        | OfferState::Pending { .. }
        | OfferState::Declined(_)
        | OfferState::Expired(_)
        | OfferState::Rescinded(_)
        | OfferState::Lost
        | OfferState::Completed { .. }
        | OfferState::Released { .. } => None,
    }
}
