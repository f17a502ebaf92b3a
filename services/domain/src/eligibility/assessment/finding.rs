//! Facts that are established after submission (Art 16(3)): what was declared stays in the log, what was found ranks.

use super::{Assessment, Event, Judgement, Rejection, State, entitled, in_words};
use crate::{
    eligibility::events::{Criterion, Finding},
    intake::events::{Emergency, Facts, Spillover},
    kernel::Received,
    registry::events::{Annex, Category, Size},
};

/// An officer establishes a fact, and the request is judged again by it.
pub(super) fn resolve(
    state: &State,
    finding: Finding,
    reason: String,
    received: &Received,
) -> Result<Vec<Event>, Rejection> {
    let (assessment, decision) = state.acting()?;
    entitled(received, assessment)?;
    in_words(&reason)?;
    if let Some(fact) = says_nothing(&finding) {
        return Err(Rejection::FindingSaysNothing { fact });
    }
    if let Some(decision) = decision {
        return Err(Rejection::AlreadyDecided { outcome: decision.outcome });
    }
    let mut not_relevant = assessment.not_relevant();
    let mut submission = assessment.submission.clone();
    put_down(&mut submission.facts, &finding);
    let mut changes = submission.facts != assessment.submission.facts;
    if let Finding::NotRelevant(criterion) = finding {
        changes = !not_relevant.contains(&criterion);
        not_relevant.push(criterion);
    }
    if !changes {
        return Ok(vec![]);
    }
    let Judgement { gates, bands, mut key } = submission.judge(&not_relevant);
    if let Some(overridden) = &assessment.overridden {
        key.bands = overridden.bands;
    }
    Ok(vec![Event::Resolved { finding, reason, gates, bands: bands.to_vec(), key }])
}

/// The fact that a finding leaves open, if it does.
fn says_nothing(finding: &Finding) -> Option<&'static str> {
    match finding {
        Finding::Emergency(value) => (*value == Emergency::Unknown).then_some("emergency"),
        Finding::Annex(value) => (*value == Annex::Unknown).then_some("annex"),
        Finding::Category(value) => (*value == Category::Unknown).then_some("category"),
        Finding::Size(value) => (*value == Size::Unknown).then_some("size"),
        Finding::Spillover(value) => (*value == Spillover::Unknown).then_some("spillover"),
        Finding::HospitalsAffected(_)
        | Finding::RecordsUnavailable(_)
        | Finding::ServicesRestored(_)
        | Finding::DataBreach(_)
        | Finding::NotRelevant(_) => None,
    }
}

/// Takes a finding into the facts.
pub(super) fn put_down(facts: &mut Facts, finding: &Finding) {
    match finding {
        Finding::Emergency(value) => facts.impact.emergency = *value,
        Finding::HospitalsAffected(value) => facts.impact.hospitals_affected = Some(*value),
        Finding::RecordsUnavailable(value) => facts.impact.records_unavailable = Some(*value),
        Finding::ServicesRestored(value) => facts.impact.services_restored = Some(*value),
        Finding::DataBreach(value) => facts.impact.data_breach = Some(*value),
        Finding::Annex(value) => facts.entity.annex = *value,
        Finding::Category(value) => facts.entity.category = *value,
        Finding::Size(value) => facts.entity.size = *value,
        Finding::Spillover(value) => facts.spillover = *value,
        // It is about a criterion and changes no fact.
        Finding::NotRelevant(_) => {}
    }
}

impl Assessment {
    /// The criteria that officers found not relevant.
    pub(super) fn not_relevant(&self) -> Vec<Criterion> {
        let criterion = |(finding, _): &(Finding, String)| match finding {
            Finding::NotRelevant(criterion) => Some(*criterion),
            Finding::Emergency(_)
            | Finding::HospitalsAffected(_)
            | Finding::RecordsUnavailable(_)
            | Finding::ServicesRestored(_)
            | Finding::DataBreach(_)
            | Finding::Annex(_)
            | Finding::Category(_)
            | Finding::Size(_)
            | Finding::Spillover(_) => None,
        };
        self.findings.iter().filter_map(criterion).collect()
    }
}
