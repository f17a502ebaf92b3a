//! D10, answered in time or loudly late: whoever submits on a 48 hour route is answered before the 48 hours are over, or the
//! log says that the deadline was missed; at 24, 36 and 44 hours without an answer it says so too, never early.

use std::{collections::BTreeMap, time::Duration};

use muster_domain::{
    eligibility::events::{AssessmentEvent, Level},
    event::Event,
    intake::events::RequestEvent,
    kernel::Timestamp,
    registry::events::AuthorityKind,
};
use muster_journal::stored::{Commit, Position};

use super::Violation;
use crate::log::{Entry, commits, log_time, pace};

/// Its id.
pub const ID: &str = "D10";

/// The 48 hours of Art 16(1).
const ANSWER: Duration = Duration::from_secs(48 * 60 * 60);
/// How late Muster may say that a deadline has come.
const GRACE: Duration = Duration::from_secs(60);

/// Deadlines that passed unsaid, up to the log's own end.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    check_until(log, log_time(log), GRACE.saturating_mul(pace(log)))
}

/// Deadlines that passed unsaid until `now`; what came within `grace` before that may still be on its way.
pub fn check_until(log: &[Entry], now: Timestamp, grace: Duration) -> Vec<Violation> {
    let mut requests: BTreeMap<&str, Clock> = BTreeMap::new();
    for at in commits(log) {
        let clock = requests.entry(at.subject.id()).or_default();
        for event in &at.commit.events {
            if let Event::Request(event) = event {
                clock.request(event, at.position, at.commit);
            } else if let Event::Assessment(event) = event {
                clock.assessment(event, at.position, at.commit);
            }
        }
    }
    requests.into_iter().flat_map(|(request, clock)| clock.judge(request, now, grace)).collect()
}

/// What bears on the answer to one request.
#[derive(Debug, Default)]
struct Clock {
    submitted: Option<(Position, Timestamp, bool)>,
    /// From when on nobody waits for the answer.
    stopped: Option<Timestamp>,
    answered: Option<(Position, Timestamp)>,
    told: BTreeMap<Level, (Position, Timestamp)>,
    missed: Option<(Position, Timestamp)>,
}

impl Clock {
    fn request(&mut self, event: &RequestEvent, position: Position, commit: &Commit) {
        match event {
            RequestEvent::Submitted { route, .. } => {
                let runs = route.kind != AuthorityKind::ThirdCountry;
                self.submitted.get_or_insert((position, commit.received_at, runs));
            }
            RequestEvent::Withdrawn { .. } => {
                self.stopped.get_or_insert(commit.received_at);
            }
            RequestEvent::Opened { .. }
            | RequestEvent::Amended { .. }
            | RequestEvent::Linked { .. }
            | RequestEvent::Endorsed { .. }
            | RequestEvent::Returned { .. }
            | RequestEvent::HandledNationally { .. }
            | RequestEvent::SupportEnded
            | RequestEvent::SummaryReportFiled(_)
            | RequestEvent::Closed { .. } => {}
        }
    }

    fn assessment(&mut self, event: &AssessmentEvent, position: Position, commit: &Commit) {
        let said = (position, commit.received_at);
        match event {
            AssessmentEvent::Escalated { level } => {
                self.told.entry(*level).or_insert(said);
            }
            AssessmentEvent::DeadlineMissed => {
                self.missed.get_or_insert(said);
            }
            AssessmentEvent::Decided { .. } => {
                self.answered.get_or_insert(said);
            }
            AssessmentEvent::Assessed { .. }
            | AssessmentEvent::Resolved { .. }
            | AssessmentEvent::OverrideProposed { .. }
            | AssessmentEvent::Overridden { .. }
            | AssessmentEvent::Withdrawn => {}
        }
    }

    fn judge(&self, request: &str, now: Timestamp, grace: Duration) -> Vec<Violation> {
        let Some((position, start, runs)) = self.submitted else { return Vec::new() };
        let mut found = Vec::new();
        let mut tell = |at: Position, says: String| found.push(Violation::new(ID, at, format!("{request} {says}")));
        let said = self.told.iter().map(|(level, (at, _))| (*at, format!("was escalated ({level})")));
        let said = said.chain(self.missed.iter().map(|(at, _)| (*at, "missed its deadline".to_owned())));
        if !runs {
            said.for_each(|(at, says)| tell(at, format!("{says}, and no 48 hours run for a third country")));
            return found;
        }
        let stops = [self.stopped, self.answered.map(|(_, answered)| answered), Some(now)];
        let waited_until = stops.into_iter().flatten().min().unwrap_or(now);
        let mut deadline = |after: Duration, name: &str, said: Option<(Position, Timestamp)>| {
            let due = start.plus(after);
            match said {
                Some((at, early)) if early < due => tell(at, format!("{name} at {early}, before {due}")),
                None if waited_until > due.plus(grace) => {
                    tell(position, format!("had no answer at {due}, and nothing says that it {name}"));
                }
                Some(_) | None => {}
            }
        };
        for (level, hours) in [(Level::H24, 24), (Level::H36, 36), (Level::H44, 44)] {
            let after = Duration::from_secs(hours * 60 * 60);
            deadline(after, &format!("was escalated ({level})"), self.told.get(&level).copied());
        }
        deadline(ANSWER, "missed its deadline", self.missed);
        if let Some((at, answered)) = self.answered
            && answered >= start.plus(ANSWER)
            && self.missed.is_none_or(|(missed, _)| missed > at)
        {
            tell(at, format!("is answered at {answered}, and nothing says that it is late"));
        }
        found
    }
}
