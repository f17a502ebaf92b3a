//! What the desk finds without looking through all that it ever had.

use std::collections::BTreeSet;

use super::{Desk, Standing};
#[cfg(test)]
use super::{Engagement, OfferState, Stage};
use crate::kernel::{OfferId, PackageId, Timestamp};

/// It follows from the rest of the state, event by event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Index {
    /// Packages with neither a pending offer nor an engagement, whose search goes on.
    pub waiting: BTreeSet<PackageId>,
    /// Packages with fewer pending offers than the policy would make at once.
    pub narrow: BTreeSet<PackageId>,
    /// When each pending offer ends.
    pub expiring: BTreeSet<(Timestamp, OfferId)>,
    /// When each engagement that is on its way must be on task.
    pub mobilising: BTreeSet<(Timestamp, OfferId)>,
}

impl Desk {
    /// Looks anew at how a package stands.
    pub(super) fn note_standing(&mut self, package: &PackageId) {
        let Some(assignment) = self.assignments.get(package) else { return };
        let (waits, narrow) = match &assignment.standing {
            Standing::Waiting { .. } => (true, false),
            Standing::Offered(offers) => {
                let granted = self.requests.get(&assignment.request);
                let width = granted.map_or(1, |granted| self.policy.offer_width_for(granted.key.priority()));
                (false, offers.len() < usize::try_from(width).unwrap_or(1))
            }
            Standing::Engaged(_) | Standing::Completed | Standing::GivenUp | Standing::Withdrawn => {
                self.worked.options.remove(package);
                (false, false)
            }
        };
        keep(&mut self.index.waiting, package, waits);
        keep(&mut self.index.narrow, package, narrow);
    }
}

fn keep(set: &mut BTreeSet<PackageId>, package: &PackageId, belongs: bool) {
    if !belongs {
        set.remove(package);
    } else if !set.contains(package) {
        set.insert(package.clone());
    }
}

#[cfg(test)]
impl Index {
    /// What looking through everything finds.
    pub fn of(desk: &Desk) -> Self {
        let mut index = Self::default();
        for (id, assignment) in &desk.assignments {
            let width = desk.policy.offer_width_for(desk.requests[&assignment.request].key.priority());
            if let Standing::Waiting { .. } = assignment.standing {
                index.waiting.insert(id.clone());
            }
            if let Standing::Offered(offers) = &assignment.standing
                && offers.len() < usize::try_from(width).unwrap()
            {
                index.narrow.insert(id.clone());
            }
        }
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
