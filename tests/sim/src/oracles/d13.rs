//! D13, released once: an engagement ends once, and nothing is said of it before it began or after it ended. Days only grow,
//! up to what was reserved. A request is finished once, in the very commit in which nothing more is to come for it.

use std::collections::BTreeMap;

use muster_domain::{
    dispatch::events::DeskEvent,
    kernel::{OfferId, RequestId},
};

use super::Violation;
use crate::{
    log::Entry,
    timeline::{Moment, Timeline},
};

/// Its id.
pub const ID: &str = "D13";

/// Work that ended twice, or never began.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let desk = Timeline::of(log);
    let mut running: BTreeMap<&OfferId, Work> = BTreeMap::new();
    let mut found = Vec::new();
    for (moment, _, event) in desk.events() {
        if let DeskEvent::Accepted { offer, .. } = event
            && let Some(made) = desk.offers.get(offer)
        {
            let reserved = desk.takes(made.package, made.made).days;
            running.entry(offer).or_insert(Work { reserved, used: 0, ended: false });
        }
        let Some((offer, said)) = said(event) else { continue };
        let says = match running.get_mut(offer) {
            None => Some("never began".to_owned()),
            Some(work) => work.take(said),
        };
        let says = says.map(|says| format!("engagement {offer} {says}"));
        found.extend(says.map(|says| Violation::new(ID, desk.position(moment), says)));
    }
    found.extend(finished(&desk));
    found
}

/// Work that began.
struct Work {
    reserved: i64,
    used: i64,
    ended: bool,
}

/// What an event says of work.
enum Said {
    /// Something.
    Word,
    /// More days.
    More(u32),
    /// Days used in all.
    Used(u32),
    /// The end, with days used in all.
    End(u32),
}

fn said(event: &DeskEvent) -> Option<(&OfferId, Said)> {
    match event {
        DeskEvent::StageReached { offer, .. } => Some((offer, Said::Word)),
        DeskEvent::Extended { offer, person_days, .. } => Some((offer, Said::More(*person_days))),
        DeskEvent::DaysReported { offer, days_used } => Some((offer, Said::Used(*days_used))),
        DeskEvent::Completed { offer, days_used } | DeskEvent::Released { offer, days_used, .. } => {
            Some((offer, Said::End(*days_used)))
        }
        DeskEvent::ProviderTaken { .. }
        | DeskEvent::RequirementTaken(_)
        | DeskEvent::CouncilActTaken(_)
        | DeskEvent::RepealTaken { .. }
        | DeskEvent::PolicyTaken(_)
        | DeskEvent::GrantTaken { .. }
        | DeskEvent::PriorityTaken { .. }
        | DeskEvent::WithdrawalTaken { .. }
        | DeskEvent::Offered { .. }
        | DeskEvent::Seen { .. }
        | DeskEvent::Accepted { .. }
        | DeskEvent::Declined { .. }
        | DeskEvent::Expired { .. }
        | DeskEvent::Rescinded { .. }
        | DeskEvent::Lost { .. }
        | DeskEvent::Escalated { .. }
        | DeskEvent::Reopened { .. }
        | DeskEvent::GivenUp { .. }
        | DeskEvent::RequestFinished { .. } => None,
    }
}

impl Work {
    /// Takes what is said; what is wrong with it.
    fn take(&mut self, said: Said) -> Option<String> {
        if self.ended {
            return Some("has ended already".to_owned());
        }
        let used = match said {
            Said::Word => return None,
            Said::More(days) => {
                self.reserved = self.reserved.saturating_add(days.into());
                return None;
            }
            Said::Used(days) => days,
            Said::End(days) => {
                self.ended = true;
                days
            }
        };
        let before = std::mem::replace(&mut self.used, used.into());
        let within = before <= self.used && self.used <= self.reserved;
        (!within).then(|| format!("used {used} days after {before}, of {}", self.reserved))
    }
}

/// Requests that were finished too early, too late, twice, or untruly.
fn finished(desk: &Timeline) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut told: BTreeMap<&RequestId, Moment> = BTreeMap::new();
    for (moment, _, event) in desk.events() {
        if let DeskEvent::RequestFinished { request, .. } = event
            && told.insert(request, moment).is_some()
        {
            found.push(Violation::new(ID, desk.position(moment), format!("{request} was finished before")));
        }
    }
    for (request, grant) in &desk.grants {
        let overs: Option<Vec<_>> = grant.packages.iter().map(|package| desk.over(package)).collect();
        let over = overs.map(|overs| overs.into_iter().max().unwrap_or(grant.granted));
        let helped = |now: Moment| {
            let mut offers = grant.packages.iter().flat_map(|package| desk.offers_of(package));
            offers.any(|offer| offer.accepted().is_some_and(|accepted| accepted <= now))
        };
        let (moment, says) = match (over, grant.finished) {
            (Some(over), Some((at, _))) if at.step != over.step => {
                (at, format!("{request} is finished, and nothing more was to come from {:?} on", desk.position(over)))
            }
            (None, Some((at, _))) => (at, format!("{request} is finished, and work for it is left")),
            (Some(over), None) => (over, format!("nothing more is to come for {request}, and it is not finished")),
            (_, Some((at, supported))) if supported != helped(at) => {
                (at, format!("{request} is finished with supported: {supported}, and that is not so"))
            }
            (Some(_), Some(_)) | (None, None) => continue,
        };
        found.push(Violation::new(ID, desk.position(moment), says));
    }
    found
}
