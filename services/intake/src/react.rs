//! What intake does by itself: links requests about the same incident, carries critical requests on by standing mandate, and
//! takes in how the contracting authority and the desk ended a request. What is to be done follows from the log alone, each
//! item from the state of things at the event that called for it.

use std::collections::{BTreeMap, BTreeSet};

use muster_domain::{
    dispatch::events::DeskEvent,
    eligibility::{
        bands::is_critical,
        events::{AssessmentEvent, Outcome},
    },
    event::Event,
    intake::{
        events::{CloseReason, Facts, RequestEvent},
        request::Command,
    },
    kernel::{HospitalId, MandateId, RequestId},
    registry::events::MandateEvent,
};
use muster_edge::{people::People, reacting};
use muster_journal::{
    engine::{
        agenda::{Agenda, Item},
        follower::{Fold, Seen},
    },
    subjects::id_of,
};
use uuid::Uuid;

use crate::{Service, views::Register};

/// A command to one request.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which request.
    pub request: RequestId,
    /// What to do.
    pub command: Command,
}

/// What is known of a request for what may follow.
#[derive(Clone, Debug)]
struct Known {
    hospital: HospitalId,
    /// A person sent it back: people deal with it from there, no mandate.
    returned: bool,
    /// The desk has work for it.
    granted: bool,
    /// The desk has taken its withdrawal.
    withdrawn: bool,
}

/// What intake still has to do.
#[derive(Clone, Debug, Default)]
pub struct Errands {
    items: BTreeMap<Uuid, Item<Order>>,
    register: Register,
    people: People,
    requests: BTreeMap<RequestId, Known>,
    /// Requests by hospital and the user's reference for the incident.
    incidents: BTreeMap<(HospitalId, String), BTreeSet<RequestId>>,
}

impl Agenda for Errands {
    type Order = Order;

    fn items(&self) -> &BTreeMap<Uuid, Item<Order>> {
        &self.items
    }
}

impl Errands {
    /// Whether a standing mandate is about to carry the request on.
    pub fn is_carrying(&self, request: &RequestId) -> bool {
        self.items.values().any(|item| item.order.request == *request && carries_on(&item.order.command))
    }

    fn add(&mut self, seen: &Seen, request: &RequestId, name: &str, command: Command) {
        let order = Order { request: request.clone(), command };
        let item = Item::of(seen, &format!("intake.{name}.{request}"), seen.log_time, order);
        self.items.insert(item.command, item);
    }

    fn drop_where(&mut self, request: &RequestId, which: impl Fn(&Command) -> bool) {
        self.items.retain(|_, item| item.order.request != *request || !which(&item.order.command));
    }

    /// Links a new request to those that tell of the same incident at the same hospital.
    fn link(&mut self, seen: &Seen, request: &RequestId, hospital: &HospitalId, facts: &Facts) {
        let known = self.incidents.entry((hospital.clone(), facts.incident.clone())).or_default();
        let earlier: Vec<_> = known.iter().cloned().collect();
        known.insert(request.clone());
        for to in earlier {
            self.add(seen, request, &format!("link-{to}"), Command::Link { to });
        }
    }

    /// A mandate that acts when a critical request is declared carries it on, unless a person has sent it back.
    fn carry_on(&mut self, seen: &Seen, request: &RequestId, facts: &Facts) {
        self.drop_where(request, carries_on);
        let Some(known) = self.requests.get(request).filter(|known| !known.returned) else { return };
        let Some(mandate) = self.register.mandate_for(&known.hospital, seen.commit.received_at) else { return };
        let Some(authority) = self.people.authority(&mandate.authority) else { return };
        if is_critical(facts) {
            let command = Command::Endorse { authority: authority.clone(), mandate: Some(mandate.clone()) };
            self.add(seen, request, "endorse", command);
        }
    }

    /// What a mandate endorsed it submits too.
    fn submit(&mut self, seen: &Seen, request: &RequestId, mandate: &MandateId) {
        let Some(mandate) = self.register.mandate(mandate).cloned() else { return };
        let Some(authority) = self.people.authority(&mandate.authority).cloned() else { return };
        let spoc = authority.spoc.clone();
        self.add(seen, request, "submit", Command::Submit { authority, spoc, mandate: Some(mandate) });
    }

    fn request(&mut self, seen: &Seen, request: &RequestId, event: &RequestEvent) {
        match event {
            RequestEvent::Opened { hospital, facts, .. } => {
                let known = Known { hospital: hospital.clone(), returned: false, granted: false, withdrawn: false };
                self.requests.insert(request.clone(), known);
                self.link(seen, request, hospital, facts);
                self.carry_on(seen, request, facts);
            }
            RequestEvent::Amended { facts } => self.carry_on(seen, request, facts),
            RequestEvent::Linked { to } => {
                self.drop_where(request, |command| matches!(command, Command::Link { to: known } if known == to));
            }
            RequestEvent::Endorsed { mandate, .. } => {
                self.drop_where(request, carries_on);
                if let Some(mandate) = mandate {
                    self.submit(seen, request, mandate);
                }
            }
            RequestEvent::Returned { .. } => {
                if let Some(known) = self.requests.get_mut(request) {
                    known.returned = true;
                }
                self.drop_where(request, carries_on);
            }
            RequestEvent::Submitted { .. } | RequestEvent::Withdrawn { .. } => self.drop_where(request, carries_on),
            RequestEvent::SupportEnded => self.drop_where(request, ends),
            // Nothing more follows: the desk may still say how it took the end, and that is no news here.
            RequestEvent::Closed { .. } => {
                self.drop_where(request, |_| true);
                self.requests.remove(request);
            }
            RequestEvent::HandledNationally { .. } | RequestEvent::SummaryReportFiled(_) => {}
        }
    }

    fn desk(&mut self, seen: &Seen, event: &DeskEvent) {
        match event {
            DeskEvent::GrantTaken { case, .. } => {
                if let Some(known) = self.requests.get_mut(&case.request) {
                    known.granted = true;
                }
            }
            DeskEvent::WithdrawalTaken { request } => {
                let Some(known) = self.requests.get_mut(request) else { return };
                known.withdrawn = true;
                // The desk says nothing more of a request that it never had.
                if !known.granted {
                    self.add(seen, request, "close", Command::Close { reason: CloseReason::Withdrawn });
                }
            }
            DeskEvent::RequestFinished { request, supported } => {
                let command = match self.requests.get(request) {
                    None => return,
                    Some(_) if *supported => Command::EndSupport,
                    Some(Known { withdrawn: true, .. }) => Command::Close { reason: CloseReason::Withdrawn },
                    Some(_) => Command::Close { reason: CloseReason::Unserved },
                };
                self.add(seen, request, "close", command);
            }
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
            | DeskEvent::GivenUp { .. }
            | DeskEvent::StageReached { .. }
            | DeskEvent::DaysReported { .. }
            | DeskEvent::Extended { .. }
            | DeskEvent::Completed { .. }
            | DeskEvent::Released { .. } => {}
        }
    }
}

/// Whether a mandate acts by the command: no person's command stands on the agenda.
fn carries_on(command: &Command) -> bool {
    matches!(command, Command::Endorse { .. } | Command::Submit { .. })
}

/// The mandate by which a command is given.
fn mandate_of(command: &Command) -> Option<&str> {
    let (Command::Endorse { mandate, .. } | Command::Submit { mandate, .. }) = command else { return None };
    Some(mandate.as_ref()?.id.as_str())
}

/// Whether the command takes in how a request ended.
fn ends(command: &Command) -> bool {
    matches!(command, Command::EndSupport | Command::Close { .. })
}

impl Fold for Errands {
    fn fold(&mut self, seen: &Seen) {
        self.register.fold(seen);
        self.people.fold(seen);
        for event in &seen.commit.events {
            match event {
                Event::Request(event) => {
                    if let Ok(request) = RequestId::parse(seen.subject.id()) {
                        self.request(seen, &request, event);
                    }
                }
                // A request may end while it is judged: then nothing is left to do.
                Event::Assessment(AssessmentEvent::Decided { outcome: Outcome::Refused, case, .. })
                    if self.requests.contains_key(&case.request) =>
                {
                    self.add(seen, &case.request, "close", Command::Close { reason: CloseReason::Refused });
                }
                Event::Desk(event) => self.desk(seen, event),
                // What it was about to do is no longer wanted.
                Event::Mandate(MandateEvent::Revoked { .. }) => {
                    self.items.retain(|_, item| mandate_of(&item.order.command) != Some(id_of(seen.subject)));
                }
                Event::Realm(_)
                | Event::Hospital(_)
                | Event::Authority(_)
                | Event::Provider(_)
                | Event::Mandate(_)
                | Event::Requirement(_)
                | Event::ThirdCountry(_)
                | Event::Catalogue(_)
                | Event::Assessment(_)
                | Event::Policy(_) => {}
            }
        }
    }
}

/// Does what is to be done until the process stops.
pub async fn react(service: Service) {
    let (edge, errands) = (service.edge.clone(), service.errands.clone());
    let perform = move |item: Item<Order>, meta| {
        let service = service.clone();
        async move { service.execute(&item.order.request, item.order.command, meta).await }
    };
    reacting::react(&edge, "intake", errands, perform).await;
}
