//! What the desk finds without looking through all that it ever had.

use std::collections::BTreeSet;

use super::{Desk, Standing};
#[cfg(test)]
use super::{Engagement, Granted, OfferState, Stage};
#[cfg(test)]
use crate::registry::events::AuthorityKind;
use crate::{
    dispatch::events::DeskEvent,
    eligibility::events::PriorityKey,
    kernel::{OfferId, PackageId, RequestId, Timestamp},
};

/// It follows from the rest of the state, event by event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Index {
    /// Packages with neither a pending offer nor an engagement, whose search goes on, by rank.
    pub waiting: BTreeSet<(PriorityKey, PackageId)>,
    /// Packages with fewer pending offers than the policy would make at once.
    pub narrow: BTreeSet<PackageId>,
    /// When each pending offer ends.
    pub expiring: BTreeSet<(Timestamp, OfferId)>,
    /// Requests of third countries that are not finished.
    pub third_country: BTreeSet<RequestId>,
    /// When each engagement that is on its way must be on task.
    pub mobilising: BTreeSet<(Timestamp, OfferId)>,
}

impl Desk {
    /// The request that an event is about; `None` if it is about the Reserve as a whole. The desk must have taken the event
    /// already.
    pub fn request_of<'a>(&'a self, event: &'a DeskEvent) -> Option<&'a RequestId> {
        let by_package = |package: &PackageId| self.assignments.get(package).map(|assignment| &assignment.request);
        let by_offer = |offer: &OfferId| by_package(&self.offers.get(offer)?.package);
        match event {
            DeskEvent::ProviderTaken { .. }
            | DeskEvent::RequirementTaken(_)
            | DeskEvent::CouncilActTaken(_)
            | DeskEvent::RepealTaken { .. }
            | DeskEvent::PolicyTaken(_) => None,
            DeskEvent::GrantTaken { case, .. } => Some(&case.request),
            DeskEvent::PriorityTaken { key } => Some(&key.request),
            DeskEvent::WithdrawalTaken { request } | DeskEvent::RequestFinished { request, .. } => Some(request),
            DeskEvent::Offered { package, .. }
            | DeskEvent::Escalated { package, .. }
            | DeskEvent::Reopened { package, .. }
            | DeskEvent::GivenUp { package, .. } => by_package(package),
            DeskEvent::Seen { offer }
            | DeskEvent::Accepted { offer, .. }
            | DeskEvent::Declined { offer, .. }
            | DeskEvent::Expired { offer }
            | DeskEvent::Rescinded { offer, .. }
            | DeskEvent::Lost { offer }
            | DeskEvent::StageReached { offer, .. }
            | DeskEvent::DaysReported { offer, .. }
            | DeskEvent::Extended { offer, .. }
            | DeskEvent::Completed { offer, .. }
            | DeskEvent::Released { offer, .. } => by_offer(offer),
        }
    }

    /// Looks anew at how a package stands.
    pub(super) fn note_standing(&mut self, package: &PackageId) {
        self.forget_standing(package);
        let Some(assignment) = self.assignments.get(package) else { return };
        let Some(granted) = self.requests.get(&assignment.request) else { return };
        match &assignment.standing {
            Standing::Waiting { .. } => {
                self.index.waiting.insert((granted.key.clone(), package.clone()));
            }
            Standing::Offered(offers) => {
                let width = self.policy.offer_width_for(granted.key.priority());
                if offers.len() < usize::try_from(width).unwrap_or(1) {
                    self.index.narrow.insert(package.clone());
                }
            }
            Standing::Engaged(_) | Standing::Completed | Standing::GivenUp | Standing::Withdrawn => {
                self.worked.options.remove(package);
            }
        }
    }

    /// Forgets how a package stands, before it changes its rank.
    pub(super) fn forget_standing(&mut self, package: &PackageId) {
        let request = self.assignments.get(package).map(|assignment| &assignment.request);
        if let Some(granted) = request.and_then(|request| self.requests.get(request)) {
            self.index.waiting.remove(&(granted.key.clone(), package.clone()));
        }
        self.index.narrow.remove(package);
    }
}

#[cfg(test)]
impl Index {
    /// What looking through everything finds.
    pub fn of(desk: &Desk) -> Self {
        let mut index = Self::default();
        for (id, assignment) in &desk.assignments {
            let key = &desk.requests[&assignment.request].key;
            let width = desk.policy.offer_width_for(key.priority());
            if let Standing::Waiting { .. } = assignment.standing {
                index.waiting.insert((key.clone(), id.clone()));
            }
            if let Standing::Offered(offers) = &assignment.standing
                && offers.len() < usize::try_from(width).unwrap()
            {
                index.narrow.insert(id.clone());
            }
        }
        let abroad = |granted: &Granted| granted.case.user == AuthorityKind::ThirdCountry && !granted.finished;
        let abroad = desk.requests.iter().filter(|(_, granted)| abroad(granted)).map(|(request, _)| request.clone());
        index.third_country.extend(abroad);
        for (id, offer) in &desk.offers {
            if let OfferState::Pending { expires_at, .. } = offer.state {
                index.expiring.insert((expires_at, id.clone()));
            }
            if let OfferState::Engaged(Engagement { stage: Stage::Mobilising, mobilise_by, .. }) = offer.state {
                index.mobilising.insert((mobilise_by, id.clone()));
            }
        }
        index
    }
}
