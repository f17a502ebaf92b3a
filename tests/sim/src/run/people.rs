//! People: they hear what happens and act on it when they get to it, each in their own way; some do what nobody expects.

mod doing;
mod meddling;
mod offices;

use std::collections::BTreeMap;

use muster_domain::{
    dispatch::events::DeskEvent,
    eligibility::events::{AssessmentEvent, Outcome, Policy, PolicyEvent},
    event::Event,
    intake::events::RequestEvent,
    kernel::{Actor, MandateId, OfferId, PackageId, ProviderId, RequestId, Timestamp},
    registry::events::{MandateEvent, ProviderEvent},
};
use muster_journal::{
    port::{Record, Subject},
    stored,
    subjects::{Subjects, id_of},
};
use uuid::Uuid;

use super::{asked::Command, plan::Plan, process::Call, rng::Rng, sea::Sea};

/// One minute.
const MINUTE: i64 = 60_000;
/// One hour.
const HOUR: i64 = 60 * MINUTE;

/// What a provider does about an offer.
#[derive(Clone, Copy, Debug)]
pub enum Say {
    /// It opens it.
    See,
    /// It takes the work.
    Accept,
    /// It does not.
    Decline,
}

/// What is done about an engagement.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// It is on task.
    OnTask,
    /// Basic functions come back.
    Recovering,
    /// Days are reported.
    Days,
    /// More days are reported than there are.
    TooManyDays,
    /// It is done.
    Complete,
    /// It cannot go on.
    Fail,
}

/// What an officer does about an offer, an engagement or a package.
#[derive(Clone, Debug)]
pub enum Direct {
    /// Takes it back.
    Rescind(OfferId),
    /// Ends it.
    Release(OfferId),
    /// Lets it last longer.
    Extend(OfferId),
    /// Asks everybody again.
    Reopen(PackageId),
    /// Ends the search.
    GiveUp(PackageId),
}

/// What somebody does.
#[derive(Clone, Debug)]
pub enum Act {
    /// One of the realm's first records is made.
    Found(u8),
    /// A hospital asks.
    Open(u8),
    /// Many ask at once.
    Flood(u32),
    /// A hospital declares anew.
    Amend(RequestId),
    /// An authority looks at a request.
    Deal(RequestId),
    /// It goes to the contracting authority.
    Submit(RequestId),
    /// Nobody asks any more.
    Withdraw(RequestId),
    /// The report is filed.
    Report(RequestId),
    /// Whoever answers looks at a request.
    Judge(RequestId),
    /// Another rank is proposed.
    Override(RequestId),
    /// And approved.
    Approve(RequestId, [u8; 5]),
    /// A provider answers.
    Answer(OfferId, ProviderId, Say),
    /// Work goes on.
    Work(OfferId, ProviderId, Work),
    /// An officer steps in.
    Direct(Direct),
    /// A firm's terms change.
    Enrol(u8),
    /// A firm is to be suspended.
    Suspend(u8),
    /// It is.
    Suspended(ProviderId),
    /// It may work again.
    Reinstate(ProviderId),
    /// A mandate is signed.
    Sign(u8),
    /// And signed again.
    Countersign(MandateId),
    /// And taken back.
    Revoke(MandateId),
    /// A country asks something of whoever works there.
    Require,
    /// A policy is proposed.
    Policy,
    /// And put in force.
    Force(Box<Policy>),
    /// Anything, by anybody.
    Meddle,
    /// Something that crosses what has just been done to a request.
    Cross(RequestId),
}

/// Everybody.
pub struct People {
    rng: Rng,
    subjects: Subjects,
    requests: BTreeMap<RequestId, u8>,
    offers: Vec<(OfferId, ProviderId)>,
    packages: Vec<PackageId>,
    /// When there is much to do.
    clusters: Vec<i64>,
    days: BTreeMap<OfferId, u32>,
    ids: Vec<(Subject, Uuid)>,
    policy: u32,
    made: u32,
    /// What is to happen, in order.
    plan: Plan,
    /// One provider in so many answers late, or not at all.
    slow: u64,
    /// Nobody acts by themselves any more.
    pub resting: bool,
}

/// What is to happen so much later.
pub type Later = Vec<(i64, Act)>;

impl People {
    /// Nobody has heard of anything.
    pub fn new(plan: &Plan, subjects: Subjects) -> Self {
        let mut rng = Rng::new(plan.seed, "people");
        let slow = rng.below(6).saturating_add(2);
        let (requests, offers, packages, clusters, days, ids) = Default::default();
        let (policy, made, resting, plan) = (1, 0, false, plan.clone());
        Self { rng, subjects, requests, offers, packages, clusters, days, ids, policy, made, plan, slow, resting }
    }

    /// What people set out to do from the beginning.
    pub fn begin(&mut self) -> Later {
        let mut later: Later = (0..doing::FOUNDED).map(|n| (500 + i64::from(n) * 20, Act::Found(n))).collect();
        let until = self.plan.hours.saturating_mul(HOUR);
        let clusters: Vec<i64> = (0..self.rng.between(1, 4)).map(|_| self.rng.between(2 * MINUTE, until)).collect();
        self.clusters.clone_from(&clusters);
        let moments = |rng: &mut Rng, times: u32| -> Vec<i64> {
            let moment = |_| {
                let cluster = rng.pick(&clusters).copied().unwrap_or(MINUTE);
                cluster.saturating_add(rng.between(0, 40 * MINUTE)).clamp(MINUTE, until)
            };
            (0..times).map(moment).collect()
        };
        let mut rng = self.rng.clone();
        let burst = self.plan.burst;
        let alone = self.plan.requests.saturating_sub(burst);
        for moment in moments(&mut rng, alone) {
            let hospital = rng.byte() % super::cast::HOSPITALS;
            later.push((moment, Act::Open(hospital)));
        }
        if burst > 0 {
            later.extend(moments(&mut rng, 1).into_iter().map(|moment| (moment, Act::Flood(burst))));
        }
        for moment in moments(&mut rng, self.plan.meddling) {
            let act = self.unasked(&mut rng);
            later.push((moment, act));
        }
        self.rng = rng;
        later
    }

    /// Moments at which something may go wrong by itself.
    pub fn storms(&self) -> Vec<i64> {
        let until = self.plan.hours.saturating_mul(HOUR);
        let mut rng = Rng::new(self.plan.seed, "storms");
        let times = rng.between(10, 150);
        let moment = |_| match rng.pick(&self.clusters).copied() {
            Some(cluster) if !rng.seldom(3) => cluster.saturating_add(rng.between(0, HOUR)).min(until),
            Some(_) | None => rng.between(MINUTE, until),
        };
        (0..times).map(moment).collect()
    }

    fn unasked(&self, rng: &mut Rng) -> Act {
        let firm = rng.byte() % super::cast::FIRMS;
        let hospital = rng.byte() % super::cast::HOSPITALS;
        let acts = [(10, 0), (2, 1), (1, 2), (1, 3), (1, 4), (1, 5)];
        match rng.weigh(&acts, 0) {
            1 => Act::Enrol(firm),
            2 => Act::Suspend(firm),
            3 => Act::Sign(hospital),
            4 => Act::Require,
            5 => Act::Policy,
            _ => Act::Meddle,
        }
    }

    /// A record is in the log; what people will do about it.
    pub fn hear(&mut self, record: &Record) -> Later {
        let mut later = Vec::new();
        let commits = stored::decode(&record.bytes).map(|frame| frame.commits).unwrap_or_default();
        for event in commits.iter().flat_map(|commit| &commit.events) {
            match event {
                Event::Request(event) => self.request(&record.subject, event, &mut later),
                Event::Assessment(event) => self.assessment(&record.subject, event, &mut later),
                Event::Desk(event) => self.desk(event, &mut later),
                Event::Provider(event) => self.provider(&record.subject, event, &mut later),
                Event::Mandate(event) => self.mandate(&record.subject, event, &mut later),
                Event::Policy(PolicyEvent::Proposed { policy, .. }) => {
                    let after = self.rng.magnitude(MINUTE, 26 * HOUR);
                    later.push((after, Act::Force(Box::new(policy.clone()))));
                }
                Event::Policy(PolicyEvent::PutInForce { policy, .. }) => self.policy = policy.version,
                Event::Realm(_)
                | Event::Hospital(_)
                | Event::Authority(_)
                | Event::Requirement(_)
                | Event::ThirdCountry(_)
                | Event::Catalogue(_) => {}
            }
        }
        if self.resting { Vec::new() } else { later }
    }

    fn request(&mut self, subject: &Subject, event: &RequestEvent, later: &mut Later) {
        let Ok(request) = RequestId::parse(subject.id()) else { return };
        let rng = &mut self.rng;
        match event {
            RequestEvent::Opened { .. } | RequestEvent::Amended { .. } => {
                later.push((rng.magnitude(MINUTE, 3 * HOUR), Act::Deal(request.clone())));
                if rng.seldom(30) {
                    later.push((rng.magnitude(MINUTE, 3 * HOUR), Act::Withdraw(request)));
                }
            }
            RequestEvent::Endorsed { .. } => later.push((rng.magnitude(MINUTE / 2, 2 * HOUR), Act::Submit(request))),
            RequestEvent::Returned { .. } => {
                let answers = rng.magnitude(MINUTE, 5 * HOUR);
                later.push((rng.between(1, answers), Act::Cross(request.clone())));
                later.push((answers, Act::Amend(request)));
            }
            RequestEvent::SupportEnded => {
                let answers = rng.magnitude(MINUTE, 20 * HOUR);
                later.push((rng.between(1, answers), Act::Cross(request.clone())));
                later.push((answers, Act::Report(request)));
            }
            RequestEvent::Withdrawn { .. } => later.push((rng.between(0, 8), Act::Cross(request))),
            RequestEvent::Linked { .. }
            | RequestEvent::HandledNationally { .. }
            | RequestEvent::Submitted { .. }
            | RequestEvent::SummaryReportFiled(_)
            | RequestEvent::Closed { .. } => {}
        }
    }

    fn assessment(&mut self, subject: &Subject, event: &AssessmentEvent, later: &mut Later) {
        let Ok(request) = RequestId::parse(subject.id()) else { return };
        let rng = &mut self.rng;
        match event {
            AssessmentEvent::Assessed { .. } => {
                let after =
                    if rng.seldom(8) { rng.between(20 * HOUR, 60 * HOUR) } else { rng.magnitude(MINUTE, 6 * HOUR) };
                later.push((after, Act::Judge(request)));
            }
            AssessmentEvent::OverrideProposed { bands, .. } => {
                later.push((rng.magnitude(MINUTE, 26 * HOUR), Act::Approve(request, *bands)));
            }
            AssessmentEvent::Decided { outcome, .. } => {
                if *outcome != Outcome::Refused && rng.seldom(8) {
                    later.push((rng.magnitude(1, 20 * MINUTE), Act::Withdraw(request.clone())));
                }
                if rng.seldom(8) {
                    later.push((rng.magnitude(1, 20 * MINUTE), Act::Override(request)));
                }
            }
            AssessmentEvent::Resolved { .. }
            | AssessmentEvent::Escalated { .. }
            | AssessmentEvent::DeadlineMissed
            | AssessmentEvent::Overridden { .. }
            | AssessmentEvent::Withdrawn => {}
        }
    }

    fn desk(&mut self, event: &DeskEvent, later: &mut Later) {
        if let DeskEvent::Offered { offer, provider, package, .. } = event {
            self.offers.push((offer.clone(), provider.clone()));
            if !self.packages.contains(package) {
                self.packages.push(package.clone());
            }
            self.offered(offer, provider, later);
        } else if let DeskEvent::Accepted { offer, .. } = event {
            self.accepted(offer, later);
        } else if let DeskEvent::Escalated { package, .. } = event {
            let after = self.rng.magnitude(MINUTE, 20 * HOUR);
            let direct = match self.rng.below(6) {
                0 => Direct::GiveUp(package.clone()),
                1 | 2 => Direct::Reopen(package.clone()),
                _ => return,
            };
            later.push((after, Act::Direct(direct)));
        }
    }

    fn offered(&mut self, offer: &OfferId, provider: &ProviderId, later: &mut Later) {
        let rng = &mut self.rng;
        let say = |say| Act::Answer(offer.clone(), provider.clone(), say);
        let soon = rng.magnitude(1_000, 15 * MINUTE);
        if rng.seldom(3) {
            later.push((soon / 2, say(Say::See)));
        }
        if rng.seldom(self.slow) {
            // Not at all, or too late.
            if rng.seldom(2) {
                later.push((rng.between(15 * MINUTE, 100 * MINUTE), say(Say::Accept)));
            }
            return;
        }
        if rng.seldom(5) {
            later.push((soon, say(Say::Decline)));
            return;
        }
        later.push((soon, say(Say::Accept)));
        if rng.seldom(6) {
            later.push((soon.saturating_add(rng.magnitude(0, MINUTE)), say(Say::Accept)));
        }
        if rng.seldom(16) {
            later.push((soon.saturating_add(rng.magnitude(0, MINUTE)), Act::Direct(Direct::Rescind(offer.clone()))));
        }
    }

    fn accepted(&mut self, offer: &OfferId, later: &mut Later) {
        let Some((_, provider)) = self.offers.iter().find(|(id, _)| id == offer).cloned() else { return };
        let rng = &mut self.rng;
        let work = |work| Act::Work(offer.clone(), provider.clone(), work);
        if rng.seldom(8) {
            // It never begins.
            return;
        }
        let mut at = rng.magnitude(MINUTE, 3 * HOUR);
        later.push((at, work(Work::OnTask)));
        for next in [Work::Days, Work::Recovering, Work::TooManyDays, Work::Days] {
            at = at.saturating_add(rng.magnitude(MINUTE, 10 * HOUR));
            if !rng.seldom(3) {
                later.push((at, work(next)));
            }
        }
        if rng.seldom(6) {
            later.push((rng.magnitude(MINUTE, 10 * HOUR), Act::Direct(Direct::Extend(offer.clone()))));
        }
        at = at.saturating_add(rng.magnitude(MINUTE, 10 * HOUR));
        match rng.below(8) {
            0 => later.push((at / 2, work(Work::Fail))),
            1 => later.push((at / 2, Act::Direct(Direct::Release(offer.clone())))),
            _ => later.push((at, work(Work::Complete))),
        }
    }

    fn provider(&mut self, subject: &Subject, event: &ProviderEvent, later: &mut Later) {
        let Ok(provider) = ProviderId::parse(id_of(subject)) else { return };
        match event {
            ProviderEvent::SuspensionProposed { .. } => {
                later.push((self.rng.magnitude(MINUTE, 80 * HOUR), Act::Suspended(provider)));
            }
            ProviderEvent::Suspended { .. } => {
                later.push((self.rng.magnitude(MINUTE, 20 * HOUR), Act::Reinstate(provider)));
            }
            ProviderEvent::Enrolled(_) | ProviderEvent::Amended(_) | ProviderEvent::Reinstated { .. } => {}
        }
    }

    fn mandate(&mut self, subject: &Subject, event: &MandateEvent, later: &mut Later) {
        let Ok(mandate) = MandateId::parse(id_of(subject)) else { return };
        match event {
            MandateEvent::Signed(_) => later.push((self.rng.magnitude(1_000, HOUR), Act::Countersign(mandate))),
            MandateEvent::Countersigned if self.rng.seldom(3) => {
                later.push((self.rng.magnitude(HOUR, 40 * HOUR), Act::Revoke(mandate)));
            }
            MandateEvent::Countersigned | MandateEvent::Revoked { .. } => {}
        }
    }

    /// Somebody acts: the calls that they make, and what follows by itself.
    pub fn act(&mut self, act: Act, now: Timestamp, sea: &Sea) -> (Vec<Call>, Later) {
        if self.resting {
            return (Vec::new(), Vec::new());
        }
        let (asked, later) = self.does(act, now, sea);
        let calls = asked.into_iter().map(|(subject, command, by)| self.call(subject, command, by)).collect();
        (calls, later)
    }

    fn call_anew(&mut self, subject: Subject, command: Command, by: Actor) -> Call {
        let id = Uuid::from_u64_pair(self.rng.draw(), self.rng.draw());
        let mut fingerprint = [0; 32];
        for (byte, drawn) in fingerprint.iter_mut().zip(self.rng.draw().to_be_bytes()) {
            *byte = drawn;
        }
        Call { subject, command, id, fingerprint, by }
    }

    /// Now and then somebody uses an id for another command to the same aggregate.
    fn call(&mut self, subject: Subject, command: Command, by: Actor) -> Call {
        let used = self.ids.iter().rev().find(|(other, _)| *other == subject).map(|(_, id)| *id);
        let mut call = self.call_anew(subject, command, by);
        if let Some(used) = used.filter(|_| self.rng.seldom(60)) {
            call.id = used;
        }
        self.ids.push((call.subject.clone(), call.id));
        call
    }
}

/// What is asked of whom, by whom.
type Asked = Vec<(Subject, Command, Actor)>;
