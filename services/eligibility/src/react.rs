//! Submitted requests → assessments; deadlines → escalations; a policy in force → answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use muster_domain::{
    clocks::answer_due,
    codes::Country,
    eligibility::{
        assessment::{Assessment, Command, State, Submission},
        events::{AssessmentEvent, Level, Policy, PolicyEvent},
    },
    event::Event,
    intake::events::RequestEvent,
    kernel::{Aggregate, RequestId, Timestamp},
    registry::{
        events::{CouncilAct, RealmEvent, ThirdCountryEvent},
        third_country::ThirdCountry,
    },
};
use muster_edge::reacting;
use muster_journal::{
    engine::{
        Done, Meta, Undone,
        agenda::{Agenda, Item},
        follower::{Fold, Seen},
    },
    subjects::id_of,
};
use uuid::Uuid;

use crate::Service;

/// The principal that acts in Muster's name.
const NAME: &str = "eligibility";

/// How long this process may take to read what others wrote, before a refusal is taken for good.
const PATIENCE: Duration = Duration::from_secs(10);

/// Does what eligibility does by itself, until the process stops. Several processes may do so at once: what one has done is
/// done for all, because a command's id follows from the event that calls for it.
pub async fn react(service: Service) {
    let (edge, docket) = (service.edge.clone(), service.docket.clone());
    reacting::react(&edge, NAME, docket, move |item, meta| perform(service.clone(), item, meta)).await;
}

async fn perform(service: Service, item: Item<Order>, meta: Meta) -> Result<Done, Undone> {
    let (item, Order { request, what, command }) = (item.command, item.order);
    let subject = service.edge.subjects.assessment(&request);
    let subject = subject.map_err(|error| Undone::Unavailable(error.to_string()))?;
    let undone = match service.judge(&subject, command, meta).await {
        Ok(done) => return Ok(done),
        // The agenda tries these again.
        Err(undone @ (Undone::Unsure | Undone::Unavailable(_))) => return Err(undone),
        Err(undone) => undone,
    };
    if let Some(settled) = service.settled(item).await {
        return Ok(settled);
    }
    // It stays on the docket, and the next start tries it again.
    tracing::error!(%request, what, %undone, "what eligibility must do by itself was refused: a person must look at it");
    Err(undone)
}

impl Service {
    /// Whether what was refused is done otherwise: somebody else answered first, or the request was withdrawn.
    async fn settled(&self, item: Uuid) -> Option<Done> {
        let head = self.edge.journal.last().await.ok()?;
        self.docket.reaches(head, PATIENCE).await.ok()?;
        let docket = self.docket.now();
        let position = docket.progress().position;
        (!docket.items.contains_key(&item)).then_some(Done { position, news: false })
    }
}

/// A command to one assessment.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Which request's.
    pub request: RequestId,
    /// What to do, in a word.
    pub what: String,
    /// What to do.
    pub command: Command,
}

/// What eligibility still has to do. It knows of a request from its submission until nothing can follow any more.
#[derive(Clone, Debug)]
pub struct Docket {
    items: BTreeMap<Uuid, Item<Order>>,
    cases: BTreeMap<RequestId, Case>,
    third_countries: BTreeMap<Country, ThirdCountry>,
    policy: Policy,
    live: bool,
}

/// One request.
#[derive(Clone, Debug, Default)]
struct Case {
    stage: Stage,
    /// Whether the user no longer asks: then nothing is done for it but to say so.
    withdrawn: bool,
    /// Its items on the docket.
    items: BTreeSet<Uuid>,
}

/// How far a request has come.
#[derive(Clone, Debug, Default)]
enum Stage {
    /// It waits to be assessed.
    #[default]
    Submitted,
    /// It waits for its answer.
    Open(State),
    /// It is answered.
    Answered,
}

impl Default for Docket {
    fn default() -> Self {
        let (items, cases, third_countries) = Default::default();
        Self { items, cases, third_countries, policy: Policy::built_in(), live: false }
    }
}

impl Agenda for Docket {
    type Order = Order;

    fn items(&self) -> &BTreeMap<Uuid, Item<Order>> {
        &self.items
    }
}

impl Docket {
    /// The Council act that opens the Reserve to a third country at this moment, if one does.
    pub fn council_act(&self, country: Country, at: Timestamp) -> Option<&CouncilAct> {
        self.third_countries.get(&country)?.act_in_force(at)
    }

    fn add(&mut self, seen: &Seen, request: &RequestId, what: &str, due: Timestamp, command: Command) {
        let Some(case) = self.cases.get_mut(request) else { return };
        let order = Order { request: request.clone(), what: what.to_owned(), command };
        let item = Item::of(seen, &format!("eligibility.{what}.{request}"), due, order);
        case.items.insert(item.command);
        self.items.insert(item.command, item);
    }

    fn drop_where(&mut self, request: &RequestId, which: impl Fn(&Command) -> bool) {
        let (items, Some(case)) = (&mut self.items, self.cases.get_mut(request)) else { return };
        case.items.retain(|id| {
            let stays = items.get(id).is_some_and(|item| !which(&item.order.command));
            if !stays {
                items.remove(id);
            }
            stays
        });
    }

    fn forget(&mut self, request: &RequestId) {
        self.drop_where(request, |_| true);
        self.cases.remove(request);
    }

    fn request(&mut self, seen: &Seen, request: &RequestId, event: &RequestEvent) {
        match event {
            RequestEvent::Submitted { route, hospital, facts, .. } => {
                let submitted_at = seen.commit.received_at;
                let council_act = route.country.and_then(|country| self.council_act(country, submitted_at)).cloned();
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
                self.cases.insert(request.clone(), Case::default());
                self.add(seen, request, "assess", submitted_at, Command::Assess(Box::new(submission)));
            }
            RequestEvent::Withdrawn { .. } => self.withdrawn(seen, request),
            RequestEvent::Closed { .. } => {
                // Whoever closes a withdrawn request does not wait for the assessment to say so.
                if self.cases.get(request).is_some_and(|case| !case.withdrawn) {
                    self.forget(request);
                }
            }
            RequestEvent::Opened { .. }
            | RequestEvent::Amended { .. }
            | RequestEvent::Linked { .. }
            | RequestEvent::Endorsed { .. }
            | RequestEvent::Returned { .. }
            | RequestEvent::HandledNationally { .. }
            | RequestEvent::SupportEnded
            | RequestEvent::SummaryReportFiled(_) => {}
        }
    }

    /// Only what was submitted has anything to take back here.
    fn withdrawn(&mut self, seen: &Seen, request: &RequestId) {
        let Some(case) = self.cases.get_mut(request) else { return };
        case.withdrawn = true;
        let assessed = !matches!(case.stage, Stage::Submitted);
        self.drop_where(request, |_| true);
        if assessed {
            self.add(seen, request, "withdraw", seen.log_time, Command::Withdraw);
        }
    }

    fn assessment(&mut self, seen: &Seen, request: &RequestId, event: &AssessmentEvent) {
        match event {
            AssessmentEvent::Assessed { .. } => self.assessed(seen, request, event),
            AssessmentEvent::Resolved { .. } => {
                self.evolve(request, event);
                self.decide(seen, request);
            }
            AssessmentEvent::OverrideProposed { .. } | AssessmentEvent::Overridden { .. } => {
                self.evolve(request, event);
            }
            AssessmentEvent::Escalated { level } => {
                self.evolve(request, event);
                self.drop_where(request, |command| *command == Command::Escalate { level: *level });
            }
            AssessmentEvent::DeadlineMissed => {
                self.evolve(request, event);
                self.drop_where(request, |command| *command == Command::MissDeadline);
            }
            AssessmentEvent::Decided { .. } => {
                self.drop_where(request, |command| *command != Command::Withdraw);
                if let Some(case) = self.cases.get_mut(request) {
                    case.stage = Stage::Answered;
                }
            }
            AssessmentEvent::Withdrawn => self.forget(request),
        }
    }

    fn assessed(&mut self, seen: &Seen, request: &RequestId, event: &AssessmentEvent) {
        self.drop_where(request, |command| matches!(command, Command::Assess(_)));
        let Some(case) = self.cases.get_mut(request) else { return };
        case.stage = Stage::Open(State::default());
        let withdrawn = case.withdrawn;
        self.evolve(request, event);
        if withdrawn {
            self.add(seen, request, "withdraw", seen.log_time, Command::Withdraw);
            return;
        }
        if let AssessmentEvent::Assessed { submitted_at, route, .. } = event
            && let Some(due) = answer_due(route.kind, *submitted_at)
        {
            for &level in Level::ALL {
                let at = submitted_at.plus(level.after());
                self.add(seen, request, &format!("escalate-{level}"), at, Command::Escalate { level });
            }
            self.add(seen, request, "miss", due, Command::MissDeadline);
        }
        self.decide(seen, request);
    }

    /// An impossible event changes nothing here: whoever decides on its subject is told that the log is broken.
    fn evolve(&mut self, request: &RequestId, event: &AssessmentEvent) {
        if let Some(Case { stage: Stage::Open(state), .. }) = self.cases.get_mut(request) {
            let _ = Assessment::evolve(state, event);
        }
    }

    /// Whether the policy in force answers is the assessment's rule; an answer under an earlier policy or on fewer facts is
    /// no longer called for.
    fn decide(&mut self, seen: &Seen, request: &RequestId) {
        self.drop_where(request, |command| matches!(command, Command::DecideByPolicy { .. }));
        let Some(Case { stage: Stage::Open(state), withdrawn: false, .. }) = self.cases.get(request) else { return };
        if state.assessment().is_some_and(|assessment| assessment.policy_answer(&self.policy).is_some()) {
            let policy = Box::new(self.policy.clone());
            self.add(seen, request, "decide", seen.log_time, Command::DecideByPolicy { policy });
        }
    }

    fn put_in_force(&mut self, seen: &Seen, policy: &Policy) {
        self.policy = policy.clone();
        let open = self.cases.iter().filter(|(_, case)| matches!(case.stage, Stage::Open(_)));
        for request in open.map(|(request, _)| request.clone()).collect::<Vec<_>>() {
            self.decide(seen, &request);
        }
    }

    fn third_country(&mut self, seen: &Seen, event: &ThirdCountryEvent) {
        if let Ok(country) = Country::parse(&id_of(seen.subject).to_ascii_uppercase()) {
            // As with assessments: a broken log is told by whoever decides.
            let _ = ThirdCountry::evolve(self.third_countries.entry(country).or_default(), event);
        }
    }
}

impl Fold for Docket {
    fn fold(&mut self, seen: &Seen) {
        let request = || RequestId::parse(seen.subject.id()).ok();
        for event in &seen.commit.events {
            match event {
                Event::Realm(RealmEvent::Opened(realm)) => self.live = realm.is_live(),
                Event::ThirdCountry(event) => self.third_country(seen, event),
                Event::Policy(PolicyEvent::PutInForce { policy, .. }) => self.put_in_force(seen, policy),
                Event::Request(event) => {
                    if let Some(request) = request() {
                        self.request(seen, &request, event);
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
                | Event::Policy(PolicyEvent::Proposed { .. })
                | Event::Desk(_) => {}
            }
        }
    }
}
