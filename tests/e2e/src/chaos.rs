//! Random commands to a realm whose processes crash all the while, and what their clients were told.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use futures::future::join_all;

use muster_api::{
    dispatch::v1::{
        AcceptOfferRequest, CompleteEngagementRequest, DeclineOfferRequest, FailEngagementRequest, ListOffersRequest,
        MarkSeenRequest, ReleaseEngagementRequest, ReportDaysRequest, ReportStageRequest, RescindOfferRequest,
    },
    eligibility::v1::DecideRequest,
    intake::v1::{
        AmendRequestRequest, EndorseRequestRequest, OpenRequestRequest, ReturnRequestRequest, SubmitRequestRequest,
        WithdrawRequestRequest,
    },
    monitor::v1::{GetLedgerRequest, GetLedgerResponse, LedgerLine},
    registry::v1::{
        ApproveSuspensionRequest, EnrolProviderRequest, ProposeSuspensionRequest, Provider, ReinstateProviderRequest,
    },
    r#type::v1::{Facts, Offer, Position, ReadAt},
};
use muster_domain::{
    dispatch::events::DeskEvent,
    eligibility::events::AssessmentEvent,
    event::Event,
    intake::events::RequestEvent,
    kernel::{Actor, OfferId, RealmId, Role, Timestamp},
    registry::events::ProviderEvent,
};
use muster_edge::testing::{actor, call};
use muster_journal::engine::Meta;
use muster_sim::{
    history::{Operation, Outcome},
    run::rng::Rng,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    cast::{COUNTRIES, Cast, PATIENCE, contact, facts, id, may_help, provider},
    fleet::Endpoints,
};

/// Longer than commands may go unanswered, so that a miss is measured.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// There are two or three replicas of each role, and each is asked as often.
const REPLICAS: usize = 6;

/// Where the replicas of each role answer just now.
pub type Addresses = Arc<RwLock<Endpoints>>;

/// What somebody asks.
#[derive(Clone, Debug)]
pub enum Act {
    /// A hospital opens a request.
    Open(&'static str, Box<Facts>),
    /// It declares anew.
    Amend(&'static str, String, Box<Facts>),
    /// An authority endorses.
    Endorse(&'static str, String),
    /// An authority returns.
    Return(&'static str, String),
    /// A contact point submits.
    Submit(&'static str, String),
    /// An authority withdraws.
    Withdraw(&'static str, String),
    /// An officer grants or refuses.
    Decide(String, bool),
    /// The addressee answers an offer or works on it.
    Provider(Box<Offer>, usize),
    /// An officer takes an offer or its work back.
    Officer(Box<Offer>, bool),
    /// A provider's terms change.
    Enrol(Box<Provider>),
    /// A provider is suspended by two, or reinstated.
    Suspend(usize, usize),
}

/// What the story has come to know.
#[derive(Default)]
struct World {
    requests: Vec<(&'static str, String)>,
    offers: Vec<Offer>,
}

/// The ledger as somebody was shown it, who asked for no earlier than this place.
#[derive(Clone, Debug)]
pub struct Read {
    /// Asked for.
    pub at_least: Position,
    /// What was looked at.
    pub as_of: Position,
    /// What was shown.
    pub lines: Vec<LedgerLine>,
}

/// What a crowd did and was shown.
#[derive(Debug, Default)]
pub struct Seen {
    /// Each client's commands, in order, and what came of them.
    pub lanes: Vec<Vec<(Act, Operation)>>,
    /// What it was shown.
    pub reads: Vec<Read>,
}

/// A crowd at work, until it is told to stop.
pub struct AtWork {
    /// Where it asks.
    pub addresses: Addresses,
    given: watch::Receiver<usize>,
    over: watch::Sender<bool>,
    rests: watch::Sender<bool>,
    crowd: Crowd,
    acting: JoinHandle<Vec<Vec<(Act, Operation)>>>,
}

impl AtWork {
    /// Waits until so many more commands were answered; how long that took.
    pub async fn goes_on(&mut self, commands: usize) -> Duration {
        let (began, target) = (Instant::now(), *self.given.borrow() + commands);
        let reached = timeout(ANSWERED_WITHIN, self.given.wait_for(|given| *given >= target)).await;
        reached.expect("commands are answered again").expect("somebody gives them");
        began.elapsed()
    }

    /// Lets everybody rest meanwhile: servers that share one disk with a crowd that never rests may never catch up.
    pub async fn rests_until<T>(&self, done: impl Future<Output = T>) -> T {
        self.rests.send_replace(true);
        let done = done.await;
        self.rests.send_replace(false);
        done
    }

    /// Lets everybody finish; what they saw.
    pub async fn end(self) -> Seen {
        self.end_with(0, 0, 0).await
    }

    /// Lets everybody finish, and then so many clients give as many last commands each; what all saw, the last of them last.
    pub async fn end_with(self, seed: u64, clients: u64, commands: usize) -> Seen {
        self.over.send_replace(true);
        let mut lanes = self.acting.await.expect("the crowd does not panic");
        let Seen { lanes: last, reads } = self.crowd.act(seed, clients, commands).await;
        lanes.extend(last);
        Seen { lanes, reads }
    }
}

/// Clients that give random commands, and look now and then at what came of one, at another replica.
#[derive(Clone)]
pub struct Crowd {
    reads: Arc<Mutex<Vec<Read>>>,
    addresses: Addresses,
    world: Arc<Mutex<World>>,
    began: Instant,
    now: prost_types::Timestamp,
    given: watch::Sender<usize>,
    resting: watch::Receiver<bool>,
}

impl Crowd {
    /// A crowd whose story begins at `now` of the realm; `given` counts its commands.
    pub fn new(addresses: Addresses, now: prost_types::Timestamp, given: watch::Sender<usize>) -> Self {
        let (_, resting) = watch::channel(false);
        Self { addresses, reads: Arc::default(), world: Arc::default(), began: Instant::now(), now, given, resting }
    }

    /// Gives so many commands by each of so many clients; what they saw.
    pub async fn act(self, seed: u64, clients: u64, commands: usize) -> Seen {
        let client = |n| self.clone().act_while(seed + n, |given| given < commands);
        let lanes = join_all((0..clients).map(client)).await;
        Seen { lanes, reads: self.reads() }
    }

    /// A crowd of so many clients that begins at `now` of the realm.
    pub fn at_work(addresses: Addresses, now: prost_types::Timestamp, seed: u64, clients: u64) -> AtWork {
        let ((given, watched), (over, is_over)) = (watch::channel(0), watch::channel(false));
        let rests = watch::Sender::new(false);
        let crowd = Self { resting: rests.subscribe(), ..Self::new(addresses.clone(), now, given) };
        let client = |n| {
            let (crowd, is_over) = (crowd.clone(), is_over.clone());
            crowd.act_while(seed + n, move |_| !*is_over.borrow())
        };
        let acting = tokio::spawn(join_all((0..clients).map(client).collect::<Vec<_>>()));
        AtWork { addresses, given: watched, over, rests, crowd, acting }
    }

    async fn act_while(mut self, seed: u64, goes_on: impl Fn(usize) -> bool) -> Vec<(Act, Operation)> {
        let mut lots = Rng::new(seed, "crowd");
        let mut history = Vec::new();
        while goes_on(history.len()) {
            // Nobody who could let them rest any more means that nobody does.
            let _ = self.resting.wait_for(|rests| !rests).await;
            if lots.index(8) == 0 {
                self.look_around(&mut lots).await;
            }
            if let Some(act) = self.choose(&mut lots) {
                let operation = self.give(&act, &mut lots).await;
                history.push((act, operation));
                self.given.send_modify(|given| *given += 1);
            }
        }
        history
    }

    /// What was shown so far.
    pub fn reads(&self) -> Vec<Read> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the ledger after what was just done. Who is told nothing has seen nothing.
    async fn look_after(&self, at_least: Position, turn: usize) {
        let read_at = Some(ReadAt { at_least: Some(at_least), as_of: None });
        let message = GetLedgerRequest { read_at, provider: String::new() };
        let told = self.cast(turn).monitor.get_ledger(call(Role::Officer, "duty", message)).await;
        if let Ok(GetLedgerResponse { as_of: Some(as_of), lines }) = told.map(tonic::Response::into_inner) {
            self.reads.lock().unwrap_or_else(PoisonError::into_inner).push(Read { at_least, as_of, lines });
        }
    }

    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client of every service, each at one of its replicas.
    fn cast(&self, turn: usize) -> Cast {
        let addresses = self.addresses.read().unwrap_or_else(PoisonError::into_inner);
        Cast::new(|role| {
            let of_role = addresses.get(role).map(Vec::as_slice).unwrap_or_default();
            of_role.get(turn % of_role.len().max(1)).expect("every role is called somewhere").clone()
        })
    }

    /// Learns which offers there are.
    async fn look_around(&self, lots: &mut Rng) {
        let message = ListOffersRequest {
            statuses: ["pending", "seen", "accepted"].map(str::to_owned).to_vec(),
            page_size: 200,
            ..ListOffersRequest::default()
        };
        let mut client = self.cast(lots.index(REPLICAS)).dispatch;
        if let Ok(listed) = client.list_offers(call(Role::Officer, "duty", message)).await {
            self.world().offers = listed.into_inner().offers;
        }
    }

    fn choose(&self, lots: &mut Rng) -> Option<Act> {
        let world = self.world();
        let request = |lots: &mut Rng| {
            // The youngest are asked about most: they have most before them.
            let recent = world.requests.len().min(24);
            let from = world.requests.len() - recent;
            world.requests.get(from..).and_then(|young| lots.pick(young)).cloned()
        };
        let any = |lots: &mut Rng| COUNTRIES.get(lots.index(COUNTRIES.len())).map(|(.., c)| *c);
        Some(match lots.index(100) {
            0..18 => {
                let c = any(lots)?;
                Act::Open(c, Box::new(facts(c, &self.now)))
            }
            18..32 => {
                let (c, id) = request(lots)?;
                Act::Endorse(c, id)
            }
            32..46 => {
                let (c, id) = request(lots)?;
                Act::Submit(c, id)
            }
            46..60 => Act::Decide(request(lots)?.1, lots.index(8) != 0),
            60..62 => {
                let (c, id) = request(lots)?;
                Act::Return(c, id)
            }
            62..64 => {
                let (c, id) = request(lots)?;
                let mut facts = facts(c, &self.now);
                if let Some(needs) = &mut facts.needs {
                    needs.person_days = 10 + lots.index(50) as u32;
                }
                Act::Amend(c, id, Box::new(facts))
            }
            64..67 => {
                let (c, id) = request(lots)?;
                Act::Withdraw(c, id)
            }
            67..92 => Act::Provider(Box::new(lots.pick(&world.offers)?.clone()), lots.index(12)),
            92..95 => Act::Officer(Box::new(lots.pick(&world.offers)?.clone()), lots.index(2) == 0),
            95..98 => Act::Enrol(Box::new(provider(1 + lots.index(6), 1 + lots.index(4) as u32, &self.now))),
            _ => Act::Suspend(1 + lots.index(6), lots.index(3)),
        })
    }

    /// Gives one command: the same again, to whichever replica answers, until somebody does.
    async fn give(&self, act: &Act, lots: &mut Rng) -> Operation {
        let (request_id, by) = (id(), act.by());
        let command = command_id(&by, &request_id);
        let invoked = self.micros();
        let mut turn = lots.index(REPLICAS);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = act.send(&mut self.cast(turn), &by, &request_id).await;
            let returned = self.micros();
            let outcome = match answer {
                Ok((position, opened)) => {
                    if let (Act::Open(c, _), Some(request)) = (act, opened) {
                        self.world().requests.push((c, request));
                    }
                    if lots.index(3) == 0 {
                        self.look_after(position, turn + 1).await;
                    }
                    Outcome::Done(position.into())
                }
                Err(no) if may_help(&no) && Instant::now() < deadline => {
                    turn += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
                Err(no) if may_help(&no) => Outcome::Unknown,
                Err(_) => Outcome::Refused,
            };
            return Operation { command, invoked, returned, outcome };
        }
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// The id that Muster gives this caller's command.
fn command_id(by: &Actor, request_id: &str) -> Uuid {
    let realm = RealmId::parse("drill").expect("a realm");
    let meta = Meta::of_call(&realm, by.clone(), Timestamp::default(), request_id, &(), Uuid::nil());
    meta.expect("a request id is a UUID").command
}

type Told = Result<(Position, Option<String>), Status>;

impl Act {
    /// Who asks.
    fn by(&self) -> Actor {
        match self {
            Self::Open(c, _) | Self::Amend(c, ..) => actor(Role::Hospital, &format!("h-{c}")),
            Self::Endorse(c, _) | Self::Return(c, _) | Self::Withdraw(c, _) => {
                actor(Role::Authority, &format!("csirt-{c}"))
            }
            Self::Submit(c, _) => actor(Role::Spoc, &format!("spoc-{c}")),
            Self::Decide(..) | Self::Officer(..) => actor(Role::Officer, "duty"),
            Self::Suspend(_, step) => actor(Role::Officer, if *step == 1 { "second" } else { "duty" }),
            Self::Provider(offer, _) => actor(Role::Provider, &offer.provider),
            Self::Enrol(..) => actor(Role::Operator, "ops"),
        }
    }

    /// Whether this event, of the aggregate with this id, is what is asked for: whoever is told that it is so already without
    /// a commit of their own was told of such a one. What is new each time is never so already, and what may be asked of an
    /// ended thing to no effect leaves nothing to look for.
    pub fn is_done_by(&self, id: &str, event: &Event) -> bool {
        match self {
            Self::Open(..) => false,
            Self::Amend(_, request, asked) => {
                let Event::Request(RequestEvent::Opened { facts, .. } | RequestEvent::Amended { facts }) = event else {
                    return false;
                };
                let days = asked.needs.as_ref().map(|needs| needs.person_days);
                id == request && days == Some(facts.needs.person_days)
            }
            Self::Endorse(_, request) => {
                id == request && matches!(event, Event::Request(RequestEvent::Endorsed { .. }))
            }
            Self::Return(_, request) => id == request && matches!(event, Event::Request(RequestEvent::Returned { .. })),
            Self::Submit(_, request) => {
                id == request && matches!(event, Event::Request(RequestEvent::Submitted { .. }))
            }
            Self::Withdraw(_, request) => {
                id == request && matches!(event, Event::Request(RequestEvent::Withdrawn { .. }))
            }
            Self::Decide(request, _) => {
                id == request && matches!(event, Event::Assessment(AssessmentEvent::Decided { .. }))
            }
            Self::Provider(offer, step) => is_answered(&offer.offer, *step, event),
            Self::Officer(asked, true) => {
                matches!(event, Event::Desk(DeskEvent::Rescinded { offer, .. }) if offer.as_str() == asked.offer)
            }
            Self::Officer(asked, false) => {
                matches!(event, Event::Desk(DeskEvent::Released { offer, .. }) if offer.as_str() == asked.offer)
            }
            Self::Enrol(asked) => {
                let Event::Provider(ProviderEvent::Enrolled(terms) | ProviderEvent::Amended(terms)) = event else {
                    return false;
                };
                let teams = asked.contracts.iter().map(|contract| contract.teams);
                id == asked.provider && teams.eq(terms.contracts.iter().map(|contract| contract.capacity.teams))
            }
            Self::Suspend(n, step) => {
                let is_so = match (step, event) {
                    (0, Event::Provider(event)) => matches!(event, ProviderEvent::SuspensionProposed { .. }),
                    (1, Event::Provider(event)) => matches!(event, ProviderEvent::Suspended { .. }),
                    (_, event) => matches!(event, Event::Provider(ProviderEvent::Reinstated { .. })),
                };
                id == format!("s{n}") && is_so
            }
        }
    }

    async fn send(&self, cast: &mut Cast, by: &Actor, request_id: &str) -> Told {
        let request_id = request_id.to_owned();
        match self {
            Self::Open(..)
            | Self::Amend(..)
            | Self::Endorse(..)
            | Self::Return(..)
            | Self::Submit(..)
            | Self::Withdraw(..) => self.at_home(cast, by, request_id).await,
            Self::Decide(request, grant) => {
                let outcome = if *grant { "granted" } else { "refused" }.to_owned();
                let (request, reason) = (request.clone(), "as the drill has it".to_owned());
                let message = DecideRequest { request_id, request, outcome, reason, ..DecideRequest::default() };
                told(cast.eligibility.decide(from(by, message)).await, |a| a.position)
            }
            Self::Provider(offer, step) => provider_acts(cast, by, request_id, offer, *step).await,
            Self::Officer(offer, rescind) => {
                let (offer, note) = (offer.offer.clone(), "as the drill has it".to_owned());
                if *rescind {
                    let message = RescindOfferRequest { request_id, offer, note };
                    told(cast.dispatch.rescind_offer(from(by, message)).await, |a| a.position)
                } else {
                    let message = ReleaseEngagementRequest { request_id, offer, note };
                    told(cast.dispatch.release_engagement(from(by, message)).await, |a| a.position)
                }
            }
            Self::Enrol(provider) => {
                let message = EnrolProviderRequest { request_id, provider: Some((**provider).clone()) };
                told(cast.registry.enrol_provider(from(by, message)).await, |a| a.position)
            }
            Self::Suspend(n, step) => suspend(cast, by, request_id, format!("s{n}"), *step).await,
        }
    }

    async fn at_home(&self, cast: &mut Cast, by: &Actor, request_id: String) -> Told {
        match self {
            Self::Open(c, facts) => {
                let (facts, contact) = (Some((**facts).clone()), Some(contact(c)));
                let message = OpenRequestRequest { request_id, hospital: String::new(), facts, contact };
                let answer = cast.intake.open_request(from(by, message)).await?.into_inner();
                Ok((answer.position.unwrap_or_default(), Some(answer.request)))
            }
            Self::Amend(_, request, facts) => {
                let (request, facts) = (request.clone(), Some((**facts).clone()));
                let message = AmendRequestRequest { request_id, request, facts, contact: None };
                told(cast.intake.amend_request(from(by, message)).await, |a| a.position)
            }
            Self::Endorse(_, request) => {
                let message = EndorseRequestRequest { request_id, request: request.clone() };
                told(cast.intake.endorse_request(from(by, message)).await, |a| a.position)
            }
            Self::Return(_, request) => {
                let reason = "facts-missing".to_owned();
                let message =
                    ReturnRequestRequest { request_id, request: request.clone(), reason, note: String::new() };
                told(cast.intake.return_request(from(by, message)).await, |a| a.position)
            }
            Self::Submit(_, request) => {
                let message = SubmitRequestRequest { request_id, request: request.clone() };
                told(cast.intake.submit_request(from(by, message)).await, |a| a.position)
            }
            Self::Withdraw(_, request) => {
                let reason = "as the drill has it".to_owned();
                let message = WithdrawRequestRequest { request_id, request: request.clone(), reason };
                told(cast.intake.withdraw_request(from(by, message)).await, |a| a.position)
            }
            Self::Decide(..) | Self::Provider(..) | Self::Officer(..) | Self::Enrol(..) | Self::Suspend(..) => {
                Err(Status::unimplemented("not intake's"))
            }
        }
    }
}

/// Whether an event of the desk is what a provider asked for at this step.
fn is_answered(asked: &str, step: usize, event: &Event) -> bool {
    let Event::Desk(event) = event else { return false };
    let of = |offer: &OfferId| offer.as_str() == asked;
    match step {
        // An offer that was answered or has ended may be opened again, and that is no news.
        0 => matches!(
            event,
            DeskEvent::Seen { offer }
            | DeskEvent::Accepted { offer, .. }
            | DeskEvent::Declined { offer, .. }
            | DeskEvent::Expired { offer }
            | DeskEvent::Rescinded { offer, .. }
            | DeskEvent::Lost { offer } if of(offer)
        ),
        1..=4 => matches!(event, DeskEvent::Accepted { offer, .. } if of(offer)),
        5 => matches!(event, DeskEvent::Declined { offer, .. } if of(offer)),
        6 | 7 => matches!(event, DeskEvent::StageReached { offer, .. } if of(offer)),
        8 => matches!(event, DeskEvent::DaysReported { offer, .. } if of(offer)),
        9 => matches!(event, DeskEvent::Released { offer, .. } if of(offer)),
        _ => matches!(event, DeskEvent::Completed { offer, .. } if of(offer)),
    }
}

async fn provider_acts(cast: &mut Cast, by: &Actor, request_id: String, offer: &Offer, step: usize) -> Told {
    let (offer, client) = (offer.offer.clone(), &mut cast.dispatch);
    match step {
        0 => told(client.mark_seen(from(by, MarkSeenRequest { request_id, offer })).await, |a| a.position),
        1..=4 => told(client.accept_offer(from(by, AcceptOfferRequest { request_id, offer })).await, |a| a.position),
        5 => {
            let message = DeclineOfferRequest { request_id, offer, reason: "skills".to_owned(), note: String::new() };
            told(client.decline_offer(from(by, message)).await, |a| a.position)
        }
        6 | 7 => {
            let message = ReportStageRequest { request_id, offer, stage: "on-task".to_owned() };
            told(client.report_stage(from(by, message)).await, |a| a.position)
        }
        8 => told(client.report_days(from(by, ReportDaysRequest { request_id, offer, days_used: 3 })).await, |a| {
            a.position
        }),
        9 => {
            let message = FailEngagementRequest { request_id, offer, note: "out of people".to_owned(), days_used: 4 };
            told(client.fail_engagement(from(by, message)).await, |a| a.position)
        }
        _ => {
            let message = CompleteEngagementRequest { request_id, offer, days_used: 5 };
            told(client.complete_engagement(from(by, message)).await, |a| a.position)
        }
    }
}

async fn suspend(cast: &mut Cast, by: &Actor, request_id: String, provider: String, step: usize) -> Told {
    let (reason, client) = ("as the drill has it".to_owned(), &mut cast.registry);
    match step {
        0 => {
            let message = ProposeSuspensionRequest { request_id, provider, reason };
            told(client.propose_suspension(from(by, message)).await, |a| a.position)
        }
        1 => {
            let message = ApproveSuspensionRequest { request_id, provider };
            told(client.approve_suspension(from(by, message)).await, |a| a.position)
        }
        _ => {
            let message = ReinstateProviderRequest { request_id, provider, reason };
            told(client.reinstate_provider(from(by, message)).await, |a| a.position)
        }
    }
}

fn from<M>(by: &Actor, message: M) -> tonic::Request<M> {
    call(by.role, by.principal.as_str(), message)
}

fn told<A>(answer: Result<tonic::Response<A>, Status>, position: impl FnOnce(A) -> Option<Position>) -> Told {
    Ok((position(answer?.into_inner()).unwrap_or_default(), None))
}
