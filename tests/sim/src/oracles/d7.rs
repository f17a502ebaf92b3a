//! D7, legal path: a request, its assessment, a mandate, an engagement and a package go only where their pictures lead, and
//! nothing follows an end.

use std::collections::BTreeMap;

use muster_domain::{
    dispatch::events::{DeskEvent, Stage},
    eligibility::events::{AssessmentEvent, Level, Outcome},
    event::Event,
    intake::events::{CloseReason, RequestEvent},
    kernel::{AuthorityId, PackageId},
    registry::events::MandateEvent,
};
use muster_journal::{port::Subject, stored::Position};

use super::Violation;
use crate::{
    log::{Entry, commits},
    timeline::{Moment, Timeline},
};

/// Its id.
pub const ID: &str = "D7";

/// Steps that lead off the path.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut requests: BTreeMap<&Subject, Request> = BTreeMap::new();
    let mut assessments: BTreeMap<&Subject, Assessment> = BTreeMap::new();
    let mut mandates: BTreeMap<&Subject, Mandate> = BTreeMap::new();
    for at in commits(log) {
        let mut off_path = Vec::new();
        for event in &at.commit.events {
            if let Event::Request(event) = event {
                off_path.extend(requests.entry(at.subject).or_default().go(event));
            } else if let Event::Assessment(event) = event {
                off_path.extend(assessments.entry(at.subject).or_default().go(event));
            } else if let Event::Mandate(event) = event {
                off_path.extend(mandates.entry(at.subject).or_default().go(event));
            }
        }
        if let Some(Request::Ending(reason)) = requests.get(at.subject) {
            off_path.push(format!("it ends ({reason}) and is not closed in the same commit"));
            requests.insert(at.subject, Request::Closed);
        }
        found.extend(off_path.into_iter().map(|says| wrong(at.position, format!("{}: {says}", at.subject))));
    }
    let desk = Timeline::of(log);
    found.extend(stages(&desk));
    found.extend(packages(&desk));
    found
}

fn wrong(position: Position, says: String) -> Violation {
    Violation::new(ID, position, says)
}

/// Where a request is.
#[derive(Clone, Debug, Default, PartialEq)]
enum Request {
    /// Nowhere.
    #[default]
    Unborn,
    /// With the authority.
    Opened,
    /// With the hospital again.
    Returned,
    /// An authority's own.
    Endorsed(AuthorityId),
    /// With the contracting authority, then the providers.
    Submitted,
    /// No longer asked for; the desk is still to end it.
    Withdrawn,
    /// The report is due.
    SupportEnded,
    /// To be closed for this reason before anything else.
    Ending(CloseReason),
    /// Over.
    Closed,
}

impl Request {
    /// Takes a step; what is wrong with it.
    fn go(&mut self, event: &RequestEvent) -> Option<String> {
        let next = match (&*self, event) {
            (Self::Unborn, RequestEvent::Opened { .. }) => Some(Self::Opened),
            (Self::Opened | Self::Returned | Self::Endorsed(_), RequestEvent::Amended { .. }) => Some(Self::Opened),
            (here, RequestEvent::Linked { .. }) if !matches!(here, Self::Unborn | Self::Closed) => Some(here.clone()),
            (Self::Opened | Self::Returned, RequestEvent::Endorsed { authority, .. }) => {
                Some(Self::Endorsed(authority.clone()))
            }
            (Self::Opened, RequestEvent::Returned { .. }) => Some(Self::Returned),
            (Self::Endorsed(by), RequestEvent::Returned { authority, .. }) if by == authority => Some(Self::Returned),
            (Self::Endorsed(by), RequestEvent::HandledNationally { authority, .. }) if by == authority => {
                Some(Self::Ending(CloseReason::HandledNationally))
            }
            (Self::Opened | Self::Returned, RequestEvent::HandledNationally { .. }) => {
                Some(Self::Ending(CloseReason::HandledNationally))
            }
            (Self::Endorsed(by), RequestEvent::Submitted { route, .. }) if *by == route.authority => {
                Some(Self::Submitted)
            }
            (Self::Opened | Self::Returned | Self::Endorsed(_), RequestEvent::Withdrawn { .. }) => {
                Some(Self::Ending(CloseReason::Withdrawn))
            }
            (Self::Submitted, RequestEvent::Withdrawn { .. }) => Some(Self::Withdrawn),
            (Self::Submitted | Self::Withdrawn, RequestEvent::SupportEnded) => Some(Self::SupportEnded),
            (Self::SupportEnded, RequestEvent::SummaryReportFiled(_)) => Some(Self::Ending(CloseReason::Reported)),
            (here, RequestEvent::Closed { reason }) => here.may_close(*reason).then_some(Self::Closed),
            _ => None,
        };
        if let Some(next) = next {
            *self = next;
            return None;
        }
        Some(format!("{self:?} does not lead on by {}", name(format!("{event:?}"))))
    }

    fn may_close(&self, reason: CloseReason) -> bool {
        match self {
            Self::Submitted => [CloseReason::Refused, CloseReason::Unserved].contains(&reason),
            Self::Withdrawn => [CloseReason::Withdrawn, CloseReason::Refused, CloseReason::Unserved].contains(&reason),
            Self::Ending(expected) => *expected == reason,
            Self::Unborn | Self::Opened | Self::Returned | Self::Endorsed(_) | Self::SupportEnded | Self::Closed => {
                false
            }
        }
    }
}

/// The first word of an event as Rust shows it.
fn name(shown: String) -> String {
    shown.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

/// Where an assessment is.
#[derive(Clone, Debug, Default)]
struct Assessment {
    assessed: bool,
    decided: Option<Outcome>,
    withdrawn: bool,
    missed: bool,
    told: Vec<Level>,
}

impl Assessment {
    fn go(&mut self, event: &AssessmentEvent) -> Option<String> {
        let open = self.assessed && self.decided.is_none() && !self.withdrawn;
        let ranks = self.assessed && !self.withdrawn && self.decided != Some(Outcome::Refused);
        let may = match event {
            AssessmentEvent::Assessed { .. } => !self.assessed,
            AssessmentEvent::Resolved { .. } | AssessmentEvent::Decided { .. } => open,
            AssessmentEvent::Escalated { level } => open && !self.told.contains(level),
            AssessmentEvent::DeadlineMissed => open && !self.missed,
            AssessmentEvent::OverrideProposed { .. } | AssessmentEvent::Overridden { .. } => ranks,
            AssessmentEvent::Withdrawn => self.assessed && !self.withdrawn,
        };
        match event {
            AssessmentEvent::Assessed { .. } => self.assessed = true,
            AssessmentEvent::Decided { outcome, .. } => self.decided = self.decided.or(Some(*outcome)),
            AssessmentEvent::Escalated { level } => self.told.push(*level),
            AssessmentEvent::DeadlineMissed => self.missed = true,
            AssessmentEvent::Withdrawn => self.withdrawn = true,
            AssessmentEvent::Resolved { .. }
            | AssessmentEvent::OverrideProposed { .. }
            | AssessmentEvent::Overridden { .. } => {}
        }
        (!may).then(|| format!("an assessment cannot be {} here", name(format!("{event:?}"))))
    }
}

/// Where a mandate is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Mandate {
    /// Nowhere.
    #[default]
    Unborn,
    /// By one.
    Signed,
    /// By both.
    Countersigned,
    /// Over.
    Revoked,
}

impl Mandate {
    fn go(&mut self, event: &MandateEvent) -> Option<String> {
        let (may, next) = match event {
            MandateEvent::Signed(_) => (*self == Self::Unborn, Self::Signed),
            MandateEvent::Countersigned => (*self == Self::Signed, Self::Countersigned),
            MandateEvent::Revoked { .. } => ([Self::Signed, Self::Countersigned].contains(self), Self::Revoked),
        };
        let before = std::mem::replace(self, next);
        (!may).then(|| format!("a mandate that is {before:?} cannot be {next:?}"))
    }
}

/// Stages that an engagement cannot reach from where it is.
fn stages(desk: &Timeline) -> Vec<Violation> {
    let mut found = Vec::new();
    for offer in desk.offers.values() {
        let mut here = Stage::Mobilising;
        for (moment, stage) in &offer.stages {
            let may =
                [(Stage::Mobilising, Stage::OnTask), (Stage::OnTask, Stage::Recovering)].contains(&(here, *stage));
            if !may {
                let says = format!("engagement {} is {here} and cannot be {stage} next", offer.id);
                found.push(wrong(desk.position(*moment), says));
            }
            here = *stage;
        }
    }
    found
}

/// Packages that were escalated, opened again or given up while they were not waiting.
fn packages(desk: &Timeline) -> Vec<Violation> {
    let mut found = Vec::new();
    for (moment, _, event) in desk.events() {
        let Some((package, what)) = search(event) else { continue };
        let before = moment
            .event
            .checked_sub(1)
            .map_or_else(|| moment.step.checked_sub(1).map(Moment::end_of), |event| Some(Moment { event, ..moment }));
        if !before.is_some_and(|before| desk.is_waiting(package, before)) {
            found.push(wrong(desk.position(moment), format!("package {package} is {what} and was not waiting")));
        }
    }
    found
}

/// The package that an event says something of that is true of waiting ones only.
fn search(event: &DeskEvent) -> Option<(&PackageId, &'static str)> {
    if let DeskEvent::Escalated { package, .. } = event {
        Some((package, "escalated"))
    } else if let DeskEvent::Reopened { package, .. } = event {
        Some((package, "opened again"))
    } else if let DeskEvent::GivenUp { package, .. } = event {
        Some((package, "given up"))
    } else {
        None
    }
}
