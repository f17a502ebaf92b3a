//! Submitted requests → assessments; deadlines → escalations; a policy in force → answers.

use std::collections::{BTreeMap, BTreeSet};

use muster_domain::{
    clocks::answer_due,
    codes::Country,
    eligibility::{
        assessment::{Command, Submission},
        events::{AssessmentEvent, Level, Policy, PolicyEvent},
    },
    event::Event,
    intake::events::RequestEvent,
    kernel::{RequestId, Timestamp},
    registry::events::{AuthorityKind, CouncilAct, RealmClock, RealmEvent, ThirdCountryEvent},
};
use muster_journal::engine::{
    agenda::{Agenda, Item},
    follower::{Fold, Seen},
};
use uuid::Uuid;

/// A command to one assessment.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Which request's.
    pub request: RequestId,
    /// What to do.
    pub command: Command,
}

/// What eligibility still has to do.
#[derive(Clone, Debug)]
pub struct Docket {
    items: BTreeMap<Uuid, Item<Order>>,
    /// Assessed; whether it waits for its answer.
    assessed: BTreeMap<RequestId, bool>,
    /// Withdrawn at intake before they were assessed.
    withdrawn: BTreeSet<RequestId>,
    acts: BTreeMap<Country, CouncilAct>,
    policy: Policy,
    live: bool,
}

impl Default for Docket {
    fn default() -> Self {
        let (items, assessed, withdrawn, acts) = Default::default();
        Self { items, assessed, withdrawn, acts, policy: Policy::built_in(), live: false }
    }
}

impl Agenda for Docket {
    type Order = Order;

    fn items(&self) -> &BTreeMap<Uuid, Item<Order>> {
        &self.items
    }
}

impl Docket {
    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    fn add(&mut self, seen: &Seen, request: &RequestId, name: &str, due: Timestamp, command: Command) {
        let (causation, correlation) = (seen.commit.command, seen.commit.correlation);
        let command_id = Uuid::new_v5(&causation, format!("eligibility.{name}.{request}").as_bytes());
        let order = Order { request: request.clone(), command };
        self.items.insert(command_id, Item { command: command_id, due, causation, correlation, order });
    }

    fn drop_where(&mut self, request: &RequestId, which: impl Fn(&Command) -> bool) {
        self.items.retain(|_, item| item.order.request != *request || !which(&item.order.command));
    }

    fn submitted(&mut self, seen: &Seen, request: &RequestId, event: &RequestEvent) {
        let RequestEvent::Submitted { route, hospital, facts, .. } = event else { return };
        let submitted_at = seen.commit.received_at;
        let council_act = route.country.and_then(|country| self.acts.get(&country)).cloned();
        let submission = Submission {
            request: request.clone(),
            submitted_at,
            route: route.clone(),
            hospital: hospital.clone(),
            facts: facts.clone(),
            council_act,
            policy: self.policy.clone(),
            live: self.live,
        };
        self.add(seen, request, "assess", submitted_at, Command::Assess(Box::new(submission)));
    }

    fn assessed(&mut self, seen: &Seen, request: &RequestId, user: AuthorityKind, submitted_at: Timestamp) {
        self.drop_where(request, |command| matches!(command, Command::Assess(_)));
        self.assessed.insert(request.clone(), true);
        if let Some(due) = answer_due(user, submitted_at) {
            for level in Level::ALL {
                let at = submitted_at.plus(level.after());
                self.add(seen, request, &format!("escalate-{level}"), at, Command::Escalate { level: *level });
            }
            self.add(seen, request, "miss", due, Command::MissDeadline);
        }
        if self.withdrawn.contains(request) {
            self.add(seen, request, "withdraw", seen.log_time, Command::Withdraw);
        }
        self.decide(seen, request);
    }

    /// A policy that may answer gets to; whether it does is the assessment's rule.
    fn decide(&mut self, seen: &Seen, request: &RequestId) {
        if self.policy.grants || self.policy.refuses {
            self.drop_where(request, |command| matches!(command, Command::DecideByPolicy { .. }));
            let policy = Box::new(self.policy.clone());
            self.add(seen, request, "decide", seen.log_time, Command::DecideByPolicy { policy });
        }
    }

    fn withdrawn(&mut self, seen: &Seen, request: RequestId) {
        if self.assessed.contains_key(&request) {
            self.add(seen, &request, "withdraw", seen.log_time, Command::Withdraw);
        } else {
            self.drop_where(&request, |_| true);
            self.withdrawn.insert(request);
        }
    }

    fn assessment(&mut self, seen: &Seen, request: &RequestId, event: &AssessmentEvent) {
        match event {
            AssessmentEvent::Assessed { submitted_at, route, .. } => {
                self.assessed(seen, request, route.kind, *submitted_at);
            }
            AssessmentEvent::Resolved { .. } => self.decide(seen, request),
            AssessmentEvent::Escalated { level } => {
                self.drop_where(request, |command| *command == Command::Escalate { level: *level });
            }
            AssessmentEvent::DeadlineMissed => self.drop_where(request, |command| *command == Command::MissDeadline),
            AssessmentEvent::Decided { .. } => {
                self.assessed.insert(request.clone(), false);
                self.drop_where(request, |command| *command != Command::Withdraw);
            }
            AssessmentEvent::Withdrawn => {
                self.assessed.remove(request);
                self.withdrawn.remove(request);
                self.drop_where(request, |_| true);
            }
            AssessmentEvent::OverrideProposed { .. } | AssessmentEvent::Overridden { .. } => {}
        }
    }
}

impl Fold for Docket {
    fn fold(&mut self, seen: &Seen) {
        for event in &seen.commit.events {
            let request = || RequestId::parse(seen.subject.id()).ok();
            match event {
                Event::Realm(RealmEvent::Opened(realm)) => self.live = realm.clock == RealmClock::System,
                Event::ThirdCountry(ThirdCountryEvent::Authorised(act)) => {
                    self.acts.insert(act.country, act.clone());
                }
                Event::ThirdCountry(ThirdCountryEvent::Repealed { reference }) => {
                    self.acts.retain(|_, act| act.reference != *reference);
                }
                Event::Policy(PolicyEvent::PutInForce { policy, .. }) => {
                    self.policy = policy.clone();
                    let open = self.assessed.iter().filter(|(_, open)| **open).map(|(request, _)| request.clone());
                    for request in open.collect::<Vec<_>>() {
                        self.decide(seen, &request);
                    }
                }
                Event::Request(event @ RequestEvent::Submitted { .. }) => {
                    if let Some(request) = request() {
                        self.submitted(seen, &request, event);
                    }
                }
                Event::Request(RequestEvent::Withdrawn { .. }) => {
                    if let Some(request) = request() {
                        self.withdrawn(seen, request);
                    }
                }
                Event::Assessment(event) => {
                    if let Some(request) = request() {
                        self.assessment(seen, &request, event);
                    }
                }
                Event::Hospital(_)
                | Event::Authority(_)
                | Event::Provider(_)
                | Event::Mandate(_)
                | Event::Requirement(_)
                | Event::Catalogue(_)
                | Event::Request(_)
                | Event::Policy(PolicyEvent::Proposed { .. })
                | Event::Desk(_) => {}
            }
        }
    }
}
