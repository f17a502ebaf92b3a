//! What eligibility shows: every assessment, the most urgent first, and the policy.

use std::collections::{BTreeMap, BTreeSet};

use muster_domain::{
    eligibility::{
        assessment::{Assessment, State},
        events::{AssessmentEvent, Band, Policy, PriorityKey},
        policy,
    },
    event::Event,
    intake::events::Facts,
    kernel::{Aggregate, PrincipalId, RequestId, Role, Timestamp},
};
use muster_journal::engine::follower::{Fold, Seen};

/// An assessment, and what the log tells beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The assessment, with the facts as known by now.
    pub state: State,
    /// What was declared, once a finding has changed it.
    pub declared: Option<Facts>,
    /// When each finding was made and by whom, in order.
    pub found: Vec<(Timestamp, PrincipalId)>,
    /// When it was answered, and by which role.
    pub answered: Option<(Timestamp, Role)>,
}

/// Every assessment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assessments {
    entries: BTreeMap<RequestId, Entry>,
    order: BTreeSet<PriorityKey>,
}

impl Assessments {
    /// One request's.
    pub fn get(&self, request: &RequestId) -> Option<&Entry> {
        self.entries.get(request)
    }

    /// All, the most urgent first; who was answered keeps their place.
    pub fn most_urgent_first(&self) -> impl Iterator<Item = (&RequestId, &Entry)> {
        self.order.iter().filter_map(|key| self.entries.get_key_value(&key.request))
    }

    fn take(&mut self, request: RequestId, event: &AssessmentEvent, seen: &Seen) {
        let entry = self.entries.entry(request).or_default();
        let before = entry.state.assessment().map(|assessment| assessment.key.clone());
        entry.take(event, seen);
        let after = entry.state.assessment().map(|assessment| assessment.key.clone());
        if before != after {
            if let Some(before) = before {
                self.order.remove(&before);
            }
            self.order.extend(after);
        }
    }
}

impl Entry {
    /// Where it ranks, and by which bands.
    pub fn rank(&self) -> Option<(&PriorityKey, Vec<Band>)> {
        let assessment = self.state.assessment()?;
        Some((&assessment.key, assessment.standing_bands()))
    }

    fn take(&mut self, event: &AssessmentEvent, seen: &Seen) {
        let (at, by) = (seen.commit.received_at, &seen.commit.actor);
        match event {
            AssessmentEvent::Resolved { .. } => {
                self.found.push((at, by.principal.clone()));
                if self.declared.is_none() {
                    self.declared = self.state.assessment().map(|assessment| assessment.submission.facts.clone());
                }
            }
            AssessmentEvent::Decided { .. } => self.answered = Some((at, by.role)),
            AssessmentEvent::Assessed { .. }
            | AssessmentEvent::Escalated { .. }
            | AssessmentEvent::DeadlineMissed
            | AssessmentEvent::OverrideProposed { .. }
            | AssessmentEvent::Overridden { .. }
            | AssessmentEvent::Withdrawn => {}
        }
        // An impossible event changes nothing here: whoever decides on its subject is told that the log is broken.
        let _ = Assessment::evolve(&mut self.state, event);
    }
}

impl Fold for Assessments {
    fn fold(&mut self, seen: &Seen) {
        for event in &seen.commit.events {
            if let Event::Assessment(event) = event
                && let Ok(request) = RequestId::parse(seen.subject.id())
            {
                self.take(request, event, seen);
            }
        }
    }
}

/// The policy in force, and the one proposed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies(pub policy::State);

impl Fold for Policies {
    fn fold(&mut self, seen: &Seen) {
        for event in &seen.commit.events {
            if let Event::Policy(event) = event {
                // As above.
                let _ = Policy::evolve(&mut self.0, event);
            }
        }
    }
}
