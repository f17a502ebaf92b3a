//! D5, a withdrawal is final: from the commit that takes it nobody is asked, accepts or is extended for that request, and that
//! very commit ends its offers and releases its work. Withdrawals become final in the order in which they were recorded.

use std::collections::BTreeMap;

use muster_domain::{dispatch::events::DeskEvent, event::Event, intake::events::RequestEvent, kernel::RequestId};
use muster_journal::port::Context;

use super::Violation;
use crate::{
    log::{Entry, commits},
    timeline::{Moment, Timeline},
};

/// Its id.
pub const ID: &str = "D5";

/// What went on after a withdrawal.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let desk = Timeline::of(log);
    let mut found = Vec::new();
    for (request, taken) in &desk.withdrawn {
        let ours = desk.packages.iter().filter(|(_, asked)| asked.request == *request).map(|(id, _)| *id);
        for offer in ours.flat_map(|package| desk.offers_of(package)) {
            let mut tell = |moment: Moment, what: &str| {
                let says = format!("{request} was withdrawn, and {} {what}", offer.id);
                found.push(Violation::new(ID, desk.position(moment), says));
            };
            if offer.made > *taken {
                tell(offer.made, "is offered");
            }
            offer.accepted().filter(|accepted| accepted > taken).into_iter().for_each(|at| tell(at, "is accepted"));
            let extended = offer.extended.iter().filter(|(moment, _)| moment > taken);
            extended.for_each(|(moment, _)| tell(*moment, "is extended"));
            let end = Moment::end_of(taken.step);
            if offer.made <= *taken && (offer.is_pending(end) || offer.is_engaged(end)) {
                tell(*taken, "does not end in that commit");
            }
        }
    }
    found.extend(out_of_order(log, &desk));
    found
}

/// Withdrawals that nobody recorded before, or that were taken after one recorded later.
fn out_of_order(log: &[Entry], desk: &Timeline) -> Vec<Violation> {
    let mut recorded: BTreeMap<RequestId, u64> = BTreeMap::new();
    for at in commits(log).filter(|at| at.subject.context() == Context::Intake) {
        let withdrawn = at.commit.events.iter().any(|e| matches!(e, Event::Request(RequestEvent::Withdrawn { .. })));
        if let Some(request) = RequestId::parse(at.subject.id()).ok().filter(|_| withdrawn) {
            recorded.entry(request).or_insert(at.position.sequence);
        }
    }
    let mut found = Vec::new();
    let mut last = 0;
    for (moment, _, event) in desk.events() {
        let DeskEvent::WithdrawalTaken { request } = event else { continue };
        let position = desk.position(moment);
        let says = match recorded.get(request).copied().filter(|sequence| *sequence < position.sequence) {
            None => format!("the withdrawal of {request} is taken, and nobody recorded it"),
            Some(sequence) if sequence < last => {
                format!("the withdrawal of {request} ({sequence}) is taken after one recorded later ({last})")
            }
            Some(sequence) => {
                last = sequence;
                continue;
            }
        };
        found.push(Violation::new(ID, position, says));
    }
    found
}
