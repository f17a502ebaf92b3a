//! How long support may last, and to whom the Reserve is open: for a third country so long as a Council act is in force, and no
//! more days for one request than the act allows (Art 19(4), 19(10)).

use std::time::Duration;

use super::{Assignment, Desk, Granted, Offer, OfferState};
use crate::{
    codes::Country,
    dispatch::{
        admissibility::closed_to,
        events::{DeskEvent, ReleaseReason},
    },
    kernel::Timestamp,
    registry::events::{AuthorityKind, CouncilAct},
};

const DAY: Duration = Duration::from_hours(24);

impl Desk {
    /// Whether the Reserve is open to a request's user at this moment.
    pub(super) fn is_open(&self, granted: &Granted, at: Timestamp) -> bool {
        granted.case.user != AuthorityKind::ThirdCountry
            || self.act_for(granted, at).is_some_and(|act| capped(granted, act, at).is_none_or(|end| at < end))
    }

    /// The Council act in force for a third country's request.
    fn act_for(&self, granted: &Granted, at: Timestamp) -> Option<&CouncilAct> {
        let third_country = granted.case.user == AuthorityKind::ThirdCountry;
        self.act_in_force(granted.case.country, at).filter(|_| third_country)
    }

    pub(super) fn acts_on(&self, country: Country) -> impl Iterator<Item = &CouncilAct> {
        self.acts.get(&country).into_iter().flatten()
    }

    fn act_in_force(&self, country: Country, at: Timestamp) -> Option<&CouncilAct> {
        self.acts_on(country).find(|act| act.from <= at && at < act.until)
    }

    /// Until when the Reserve stays open: one act may take over from another.
    fn open_until(&self, act: &CouncilAct) -> Timestamp {
        let next = std::iter::successors(Some(act), |act| self.act_in_force(act.country, act.until));
        next.map(|act| act.until).last().unwrap_or(act.until)
    }

    /// The moments at which the Reserve may open or close to a third country.
    pub(super) fn access_changes(&self) -> impl Iterator<Item = Timestamp> {
        let open = self.index.third_country.iter().filter_map(|request| self.requests.get(request));
        let by_days = open.flat_map(|granted| {
            self.acts_on(granted.case.country).filter_map(|act| capped(granted, act, granted.began_at?))
        });
        self.acts.values().flatten().flat_map(|act| [act.from, act.until]).chain(by_days)
    }

    /// Ends the work for third countries to which the Reserve is closed now. It is sought anew only if the Reserve opens again.
    pub(super) fn close(&mut self, now: Timestamp) -> Vec<DeskEvent> {
        if self.index.third_country.is_empty() || self.terms_are_as_before(now) {
            return Vec::new();
        }
        let closed = self.active().filter_map(|(id, offer)| {
            let OfferState::Engaged(engagement) = &offer.state else { return None };
            let granted = self.requests.get(&self.assignments.get(&offer.package)?.request)?;
            let ended = DeskEvent::Released {
                offer: id.clone(),
                reason: ReleaseReason::AccessEnded,
                note: closed_to(&granted.case),
                days_used: engagement.days_used,
            };
            (!self.is_open(granted, now)).then_some(ended)
        });
        closed.collect()
    }

    /// When support ends that a provider takes on now: after the time granted, or, for whoever goes on with what another began,
    /// when that was to end, if that leaves a day at least.
    pub(super) fn support_ends(&self, assignment: &Assignment, granted: &Granted, at: Timestamp) -> Timestamp {
        let duration = granted.terms.duration;
        let left = assignment.ends_at.map(|end| end.max(at.plus(duration.min(DAY))));
        let ends_at = left.unwrap_or(at.plus(duration));
        let cap = self.act_for(granted, at).and_then(|act| capped(granted, act, at));
        cap.map_or(ends_at, |cap| ends_at.min(cap))
    }

    /// The latest moment up to which an engagement may be extended, and what ends then.
    pub(super) fn support_bound(&self, offer: &Offer, now: Timestamp) -> Option<(Timestamp, String)> {
        let granted = self.requests.get(&self.assignments.get(&offer.package)?.request)?;
        let contracts = self.providers.get(&offer.provider).map(|enlisted| &enlisted.provider.contracts)?;
        let contract = contracts.iter().find(|contract| contract.id == offer.contract);
        let contract = contract.map(|contract| (contract.until, format!("contract {}", contract.id)));
        let act = self
            .act_for(granted, now)
            .map(|act| (self.open_until(act), format!("the access of {} by Council act", act.country)));
        let days = self.act_for(granted, now).and_then(|act| {
            let says = format!("the time that Council act {} allows for one request", act.reference);
            Some((capped(granted, act, now)?, says))
        });
        [contract, act, days].into_iter().flatten().min()
    }
}

/// When the days are over that an act allows for one request, if it sets a cap; they count from when a provider first took work,
/// or would.
fn capped(granted: &Granted, act: &CouncilAct, at: Timestamp) -> Option<Timestamp> {
    Some(granted.began_at.unwrap_or(at).plus(DAY.saturating_mul(act.days_max?)))
}
