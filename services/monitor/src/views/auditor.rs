//! Whether Muster does in time what it owes by itself: a second look at its deadlines and errands, from the log alone. It shares
//! no state with the loops that do them, so that one that stands still is seen.

use std::{collections::BTreeMap, fmt, time::Duration};

use muster_domain::{
    clocks::answer_due,
    dispatch::{
        desk,
        events::{DeskEvent, Stage},
        taking,
    },
    eligibility::events::{AssessmentEvent, Level, Outcome, Policy},
    event::Event,
    intake::events::RequestEvent,
    kernel::{OfferId, RequestId, Timestamp},
};
use muster_edge::work::Work;
use muster_journal::{engine::follower::Seen, skew::SKEW_MAX, stored::Position, subjects::id_of};

/// What Muster owes is late when it is overdue by more than a second of system time, by whichever clocks: whoever does it and
/// whoever looks may each be off by so much.
pub const GRACE: Duration = Duration::from_secs(1).saturating_add(SKEW_MAX.saturating_mul(2));

/// Something that Muster does by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owed {
    /// A submitted request is assessed.
    Assess(RequestId),
    /// An answer that is near its deadline is escalated.
    Escalate(RequestId, Level),
    /// An answer that is over its deadline is told.
    Miss(RequestId),
    /// A request that was refused, or whose work is over, ends.
    End(RequestId),
    /// The desk takes a fact that stands here.
    Take(Position),
    /// An offer whose time is over ends.
    Expire(OfferId),
    /// Work that has not begun in time is released.
    Release(OfferId),
}

impl Owed {
    /// What is owed, in a word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Assess(_) => "assess",
            Self::Escalate(..) => "escalate",
            Self::Miss(_) => "miss",
            Self::End(_) => "end",
            Self::Take(_) => "take",
            Self::Expire(_) => "expire",
            Self::Release(_) => "release",
        }
    }

    /// What is not done, in words that name nobody.
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Assess(_) => "a submitted request is not assessed",
            Self::Escalate(..) => "an answer that is near its deadline is not escalated",
            Self::Miss(_) => "an answer is over its deadline, and that is not told",
            Self::End(_) => "a request is over, and has not ended",
            Self::Take(_) => "a fact is not taken by the desk",
            Self::Expire(_) => "an offer's time is over, and it has not ended",
            Self::Release(_) => "work has not begun in time, and is not released",
        }
    }
}

impl fmt::Display for Owed {
    /// And of what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what();
        match self {
            Self::Assess(request) | Self::Miss(request) | Self::End(request) => write!(f, "{what}: {request}"),
            Self::Escalate(request, level) => write!(f, "{what}: {request}, {level}"),
            Self::Take(Position { sequence, index }) => write!(f, "{what}: {sequence}.{index}"),
            Self::Expire(offer) | Self::Release(offer) => write!(f, "{what}: {offer}"),
        }
    }
}

/// What is owed, and from when on.
#[derive(Clone, Debug, PartialEq)]
pub struct Auditor {
    owed: BTreeMap<Owed, Timestamp>,
    /// What the desk may have to take, as it would.
    facts: BTreeMap<Position, (Timestamp, desk::Command)>,
    /// How long after its time work that has not begun is released.
    mobilise_grace: Duration,
}

impl Default for Auditor {
    fn default() -> Self {
        let mobilise_grace = Policy::built_in().mobilise_grace;
        Self { owed: BTreeMap::new(), facts: BTreeMap::new(), mobilise_grace }
    }
}

impl Auditor {
    /// What is overdue at `now`, and since when. `work` is the desk as it stands.
    pub fn overdue<'a>(&'a self, work: &'a Work, now: Timestamp) -> impl Iterator<Item = (Owed, Timestamp)> + 'a {
        let owed = self.owed.iter().map(|(owed, due)| match owed {
            Owed::Release(_) => (owed.clone(), due.plus(self.mobilise_grace)),
            Owed::Assess(_) | Owed::Escalate(..) | Owed::Miss(_) | Owed::End(_) | Owed::Take(_) | Owed::Expire(_) => {
                (owed.clone(), *due)
            }
        });
        // Some facts change nothing for the desk: it takes them without a word.
        let facts = self.facts.iter().filter(move |(_, (_, command))| work.desk().would_take(command, now));
        owed.chain(facts.map(|(at, (since, _))| (Owed::Take(*at), *since))).filter(move |(_, due)| *due <= now)
    }

    /// Takes the next commit.
    pub(super) fn fold(&mut self, seen: &Seen) {
        let (id, commit) = (id_of(seen.subject), seen.commit);
        if let Some(taken) = commit.taken {
            self.facts.retain(|at, _| at.sequence > taken);
        }
        for event in &commit.events {
            if let Some(command) = taking::command(event, id) {
                self.facts.insert(seen.position, (commit.recorded_at, command));
            }
            match event {
                Event::Request(event) => self.request(id, event, seen),
                Event::Assessment(event) => self.assessment(id, event, commit.recorded_at),
                Event::Desk(event) => self.desk(event, commit.recorded_at),
                Event::Realm(_)
                | Event::Hospital(_)
                | Event::Authority(_)
                | Event::Provider(_)
                | Event::Mandate(_)
                | Event::Requirement(_)
                | Event::ThirdCountry(_)
                | Event::Catalogue(_)
                | Event::Policy(_) => {}
            }
        }
    }

    fn request(&mut self, id: &str, event: &RequestEvent, seen: &Seen) {
        let Ok(request) = RequestId::parse(id) else { return };
        match event {
            RequestEvent::Submitted { route, .. } => {
                let submitted = seen.commit.received_at;
                if let Some(due) = answer_due(route.kind, submitted) {
                    let levels =
                        Level::ALL.iter().map(|level| (Owed::Escalate(request.clone(), *level), level.after()));
                    self.owed.extend(levels.map(|(owed, after)| (owed, submitted.plus(after))));
                    self.owed.insert(Owed::Miss(request.clone()), due);
                }
                self.owed.insert(Owed::Assess(request), seen.commit.recorded_at);
            }
            RequestEvent::Withdrawn { .. } => self.answered(&request),
            RequestEvent::SupportEnded | RequestEvent::Closed { .. } => drop(self.owed.remove(&Owed::End(request))),
            RequestEvent::Opened { .. }
            | RequestEvent::Amended { .. }
            | RequestEvent::Linked { .. }
            | RequestEvent::Endorsed { .. }
            | RequestEvent::Returned { .. }
            | RequestEvent::HandledNationally { .. }
            | RequestEvent::SummaryReportFiled(_) => {}
        }
    }

    fn assessment(&mut self, id: &str, event: &AssessmentEvent, at: Timestamp) {
        let Ok(request) = RequestId::parse(id) else { return };
        match event {
            AssessmentEvent::Assessed { .. } => drop(self.owed.remove(&Owed::Assess(request))),
            AssessmentEvent::Escalated { level } => drop(self.owed.remove(&Owed::Escalate(request, *level))),
            AssessmentEvent::DeadlineMissed => drop(self.owed.remove(&Owed::Miss(request))),
            AssessmentEvent::Decided { outcome, .. } => {
                self.answered(&request);
                if *outcome == Outcome::Refused {
                    self.owed.insert(Owed::End(request), at);
                }
            }
            AssessmentEvent::Withdrawn => self.answered(&request),
            AssessmentEvent::Resolved { .. }
            | AssessmentEvent::OverrideProposed { .. }
            | AssessmentEvent::Overridden { .. } => {}
        }
    }

    /// Nobody waits for an answer any more.
    fn answered(&mut self, request: &RequestId) {
        self.owed.remove(&Owed::Assess(request.clone()));
        self.owed.remove(&Owed::Miss(request.clone()));
        for level in Level::ALL {
            self.owed.remove(&Owed::Escalate(request.clone(), *level));
        }
    }

    fn desk(&mut self, event: &DeskEvent, at: Timestamp) {
        match event {
            DeskEvent::Offered { offer, expires_at, .. } => {
                self.owed.insert(Owed::Expire(offer.clone()), *expires_at);
            }
            DeskEvent::Accepted { offer, mobilise_by, .. } => {
                self.owed.remove(&Owed::Expire(offer.clone()));
                self.owed.insert(Owed::Release(offer.clone()), *mobilise_by);
            }
            DeskEvent::Declined { offer, .. }
            | DeskEvent::Expired { offer }
            | DeskEvent::Rescinded { offer, .. }
            | DeskEvent::Lost { offer } => drop(self.owed.remove(&Owed::Expire(offer.clone()))),
            DeskEvent::StageReached { offer, stage } if *stage != Stage::Mobilising => {
                self.owed.remove(&Owed::Release(offer.clone()));
            }
            DeskEvent::Completed { offer, .. } | DeskEvent::Released { offer, .. } => {
                self.owed.remove(&Owed::Release(offer.clone()));
            }
            DeskEvent::RequestFinished { request, .. } => {
                self.owed.insert(Owed::End(request.clone()), at);
            }
            DeskEvent::PolicyTaken(policy) => self.mobilise_grace = policy.mobilise_grace,
            DeskEvent::ProviderTaken { .. }
            | DeskEvent::RequirementTaken(_)
            | DeskEvent::CouncilActTaken(_)
            | DeskEvent::RepealTaken { .. }
            | DeskEvent::GrantTaken { .. }
            | DeskEvent::PriorityTaken { .. }
            | DeskEvent::WithdrawalTaken { .. }
            | DeskEvent::Seen { .. }
            | DeskEvent::Escalated { .. }
            | DeskEvent::Reopened { .. }
            | DeskEvent::GivenUp { .. }
            | DeskEvent::StageReached { .. }
            | DeskEvent::DaysReported { .. }
            | DeskEvent::Extended { .. } => {}
        }
    }
}
