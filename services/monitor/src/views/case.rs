//! One request: what it declared, how it was judged, when what happened, and its story.

use std::collections::BTreeSet;

use muster_domain::{
    eligibility::{
        assessment::{self, Assessment},
        events::AssessmentEvent,
    },
    intake::{
        events::{RequestEvent, Route},
        request::Request,
    },
    kernel::{Aggregate, AuthorityId, Corrupt, RequestId, Role, Timestamp},
};
use muster_journal::{engine::follower::Seen, stored::Position};

/// When what happened to a request; what the law counts from is when a command came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// When it was opened.
    pub opened: Timestamp,
    /// When it was submitted: the 48 hours run from here.
    pub submitted: Option<Timestamp>,
    /// When it was answered, and by whom.
    pub answered: Option<(Timestamp, Role)>,
    /// When it was withdrawn.
    pub withdrawn: Option<Timestamp>,
    /// When support ended.
    pub support_ended: Option<Timestamp>,
    /// When the summary report was filed.
    pub reported: Option<Timestamp>,
    /// The last change, in log time.
    pub changed: Timestamp,
}

/// One thing that happened, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it stands.
    pub position: Position,
    /// When it was written.
    pub at: Timestamp,
    /// Who did it.
    pub by: Role,
    /// What happened.
    pub text: String,
    /// The event's type.
    pub event_type: &'static str,
}

/// A request and all that is known of it beside the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its place in the order of opening, from 1.
    pub number: u32,
    /// Its life at home.
    pub request: Request,
    /// The authority that made it its own; nobody's again once it is returned or declared anew.
    pub authority: Option<AuthorityId>,
    /// How it was submitted.
    pub route: Option<Route>,
    /// How it was judged and answered.
    pub assessment: assessment::State,
    /// When what happened.
    pub moments: Moments,
    /// What happened, in order.
    pub story: Vec<Line>,
    /// Later requests about the same incident.
    pub linked: BTreeSet<RequestId>,
}

impl Case {
    /// A request that was just opened; `None` if this is not how one begins.
    pub fn open(number: u32, event: &RequestEvent, seen: &Seen) -> Result<Self, Corrupt> {
        let mut state = None;
        Request::evolve(&mut state, event)?;
        let request = state.ok_or_else(|| Corrupt("a request begins when a hospital opens it".to_owned()))?;
        let moments = Moments { opened: seen.commit.received_at, ..Moments::default() };
        let (authority, route, story, linked) = Default::default();
        Ok(Self { number, request, authority, route, assessment: assessment::State::Absent, moments, story, linked })
    }

    /// Takes an event of its life at home.
    pub fn take(&mut self, event: &RequestEvent, seen: &Seen) -> Result<(), Corrupt> {
        let mut state = Some(self.request.clone());
        Request::evolve(&mut state, event)?;
        if let Some(request) = state {
            self.request = request;
        }
        let at = Some(seen.commit.received_at);
        match event {
            RequestEvent::Submitted { route, .. } => {
                self.route = Some(route.clone());
                self.moments.submitted = at;
            }
            RequestEvent::Endorsed { authority, .. } | RequestEvent::HandledNationally { authority, .. } => {
                self.authority = Some(authority.clone());
            }
            RequestEvent::Returned { .. } | RequestEvent::Amended { .. } => self.authority = None,
            RequestEvent::Withdrawn { .. } => self.moments.withdrawn = at,
            RequestEvent::SupportEnded => self.moments.support_ended = at,
            RequestEvent::SummaryReportFiled(_) => self.moments.reported = at,
            RequestEvent::Opened { .. } | RequestEvent::Linked { .. } | RequestEvent::Closed { .. } => {}
        }
        Ok(())
    }

    /// Takes an event of its assessment.
    pub fn judge(&mut self, event: &AssessmentEvent, seen: &Seen) -> Result<(), Corrupt> {
        Assessment::evolve(&mut self.assessment, event)?;
        if let AssessmentEvent::Decided { .. } = event {
            self.moments.answered = Some((seen.commit.received_at, seen.commit.actor.role));
        }
        Ok(())
    }

    /// Other requests about the same incident.
    pub fn linked(&self) -> impl Iterator<Item = &RequestId> {
        self.request.links.union(&self.linked)
    }

    /// Its short number for people.
    pub fn short(&self) -> String {
        format!("R-{}", self.number)
    }
}
