//! Terms bind at once: before the desk settles, it takes back the pending offers that terms no longer allow. Running work goes
//! on.

use std::{collections::BTreeMap, ops::Range};

use super::{Desk, Offer, OfferState};
use crate::{
    dispatch::{
        admissibility::admissible,
        events::{DeskEvent, RescindReason},
        matching::Slots,
    },
    eligibility::events::PriorityKey,
    kernel::{ContractId, OfferId, ProviderId, Timestamp},
    registry::events::Capacity,
};

/// A pending offer and where its request ranks.
type Pending<'a> = (&'a PriorityKey, &'a OfferId, &'a Offer);

impl Desk {
    /// Takes back the pending offers that a rule or their contract no longer allows, and those that a contract cut below its
    /// load can no longer hold, lowest rank first. Between two moments at which terms change, none lapses.
    pub(super) fn lapse(&mut self, now: Timestamp) -> Vec<DeskEvent> {
        if self.terms_are_as_before(now) {
            return Vec::new();
        }
        self.worked.options.clear();
        self.worked.hold = Some(self.terms_hold(now));
        let (allowed, mut lapsed): (Vec<_>, Vec<_>) =
            self.ranked().into_iter().partition(|(_, _, offer)| self.is_allowed(offer, now));
        let beyond = self.beyond(allowed, &lapsed);
        lapsed.extend(beyond);
        let taken_back = |(_, offer, _): Pending| DeskEvent::Rescinded {
            offer: offer.clone(),
            reason: RescindReason::NotAdmissible,
            note: String::new(),
        };
        lapsed.into_iter().map(taken_back).collect()
    }

    /// Whether no terms have changed since all that they no longer allow was taken back.
    pub(super) fn terms_are_as_before(&self, now: Timestamp) -> bool {
        self.worked.hold.as_ref().is_some_and(|hold| hold.contains(&now))
    }

    /// The next moment after `now` at which terms change.
    pub(super) fn terms_change_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.terms_change().filter(|moment| *moment > now).min()
    }

    /// From when until when terms are as they are at this moment.
    fn terms_hold(&self, at: Timestamp) -> Range<Timestamp> {
        let since = self.terms_change().filter(|moment| *moment <= at).max();
        let until = self.terms_change_after(at);
        since.unwrap_or(Timestamp::from_millis(i64::MIN))..until.unwrap_or(Timestamp::from_millis(i64::MAX))
    }

    /// The moments at which a contract begins or ends, a certificate expires, or the Reserve opens or closes to a third country.
    fn terms_change(&self) -> impl Iterator<Item = Timestamp> {
        let of_the_reserve = self.providers.values().flat_map(|enlisted| {
            let contracts = enlisted.provider.contracts.iter().flat_map(|contract| [contract.from, contract.until]);
            contracts.chain(enlisted.provider.certificates.iter().filter_map(|certificate| certificate.expires))
        });
        of_the_reserve.chain(self.access_changes())
    }

    /// Every pending offer, the highest rank first.
    fn ranked(&self) -> Vec<Pending<'_>> {
        let pending = self.active().filter(|(_, offer)| matches!(offer.state, OfferState::Pending { .. }));
        let mut ranked: Vec<_> = pending
            .filter_map(|(id, offer)| {
                let request = &self.assignments.get(&offer.package)?.request;
                Some((&self.requests.get(request)?.key, id, offer))
            })
            .collect();
        ranked.sort_by_key(|(key, id, _)| (*key, *id));
        ranked
    }

    /// Whether its provider may be asked for its package now, under its contract.
    fn is_allowed(&self, offer: &Offer, now: Timestamp) -> bool {
        let Some(enlisted) = self.providers.get(&offer.provider) else { return false };
        let Some(question) = self.question(&offer.package, now) else { return false };
        let contract = admissible(&enlisted.provider, enlisted.suspended, &question);
        contract.is_ok_and(|contract| contract.id == offer.contract)
    }

    /// Of these offers, those that a contract has no room for once the lapsed ones are gone.
    fn beyond<'a>(&'a self, mut pending: Vec<Pending<'a>>, lapsed: &[Pending<'a>]) -> Vec<Pending<'a>> {
        let mut over = self.overload();
        let mut beyond = Vec::new();
        for (_, _, offer) in lapsed {
            relieve(&mut over, offer);
        }
        while let Some(lowest) = pending.pop() {
            if relieve(&mut over, lowest.2) {
                beyond.push(lowest);
            }
        }
        beyond
    }

    /// What contracts are loaded with beyond their capacity.
    fn overload(&self) -> BTreeMap<(&ProviderId, &ContractId), Slots> {
        let over = self.usage.iter().filter_map(|((provider, contract), usage)| {
            let terms = &self.providers.get(provider)?.provider;
            let Capacity { teams, onsite_teams, person_days, .. } =
                terms.contracts.iter().find(|c| c.id == *contract)?.capacity;
            let limits = Slots { teams, onsite: onsite_teams, days: person_days };
            let over = usage.taken().without(&limits);
            (over != Slots::default()).then_some(((provider, contract), over))
        });
        over.collect()
    }
}

/// Takes an offer off its contract's overload. Whether that helped.
fn relieve<'a>(over: &mut BTreeMap<(&'a ProviderId, &'a ContractId), Slots>, offer: &'a Offer) -> bool {
    let Some(over) = over.get_mut(&(&offer.provider, &offer.contract)) else { return false };
    let less = over.without(&offer.takes);
    let helped = less != *over;
    *over = less;
    helped
}
