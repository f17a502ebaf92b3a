//! When nothing more will happen for a request.

use std::collections::BTreeSet;

use super::{Desk, Standing};
use crate::{dispatch::events::DeskEvent, kernel::PackageId};

impl Desk {
    /// Requests for which, after these events, nothing more will happen.
    pub(super) fn finished(&self, events: &[DeskEvent]) -> Vec<DeskEvent> {
        let over = |package: &PackageId| match self.assignments.get(package).map(|a| &a.standing) {
            Some(Standing::Waiting { .. } | Standing::Offered(_) | Standing::Engaged(_)) => false,
            Some(Standing::Completed | Standing::GivenUp | Standing::Withdrawn) | None => true,
        };
        let supported = |package: &PackageId| self.assignments.get(package).is_some_and(|a| a.supported);
        let touched = events.iter().filter(|event| may_finish(event)).filter_map(|event| self.request_of(event));
        let touched: BTreeSet<_> = touched.collect();
        touched
            .into_iter()
            .filter_map(|request| self.requests.get_key_value(request))
            .filter(|(_, granted)| !granted.finished && granted.packages.iter().all(over))
            .map(|(request, granted)| DeskEvent::RequestFinished {
                request: request.clone(),
                supported: granted.packages.iter().any(supported),
            })
            .collect()
    }
}

/// Whether an event may have brought its request to its end.
fn may_finish(event: &DeskEvent) -> bool {
    match event {
        DeskEvent::GrantTaken { .. }
        | DeskEvent::WithdrawalTaken { .. }
        | DeskEvent::GivenUp { .. }
        | DeskEvent::Completed { .. }
        | DeskEvent::Released { .. } => true,
        DeskEvent::ProviderTaken { .. }
        | DeskEvent::RequirementTaken(_)
        | DeskEvent::CouncilActTaken(_)
        | DeskEvent::RepealTaken { .. }
        | DeskEvent::PolicyTaken(_)
        | DeskEvent::PriorityTaken { .. }
        | DeskEvent::Offered { .. }
        | DeskEvent::Seen { .. }
        | DeskEvent::Accepted { .. }
        | DeskEvent::Declined { .. }
        | DeskEvent::Expired { .. }
        | DeskEvent::Rescinded { .. }
        | DeskEvent::Lost { .. }
        | DeskEvent::Escalated { .. }
        | DeskEvent::Reopened { .. }
        | DeskEvent::StageReached { .. }
        | DeskEvent::DaysReported { .. }
        | DeskEvent::Extended { .. }
        | DeskEvent::RequestFinished { .. } => false,
    }
}
