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

#[cfg(test)]
mod tests {
    use crate::{
        eligibility::{
            assessment::{Assessment, Command, Rejection, State, Submission},
            events::{Basis, Criterion, Finding, Verdict},
            scenarios::{assessed, received, umcg},
        },
        intake::events::{Emergency, Spillover},
        kernel::{Aggregate, Role},
        registry::events::{Annex, Category, Size},
    };

    /// UMCG's case with every fact missing that can be.
    fn all_unknown() -> Submission {
        let mut case = umcg();
        let impact = &mut case.facts.impact;
        impact.emergency = Emergency::Unknown;
        impact.hospitals_affected = None;
        impact.records_unavailable = None;
        impact.services_restored = None;
        impact.data_breach = None;
        case.facts.entity.annex = Annex::Unknown;
        case.facts.entity.category = Category::Unknown;
        case.facts.entity.size = Size::Unknown;
        case.facts.spillover = Spillover::Unknown;
        case
    }

    #[track_caller]
    fn find(state: &mut State, case: &Submission, finding: Finding) -> usize {
        let command = Command::Resolve { finding, reason: "told by the hospital".to_owned() };
        let events = Assessment::decide(state, command, &received(Role::Officer, "anna", case.submitted_at)).unwrap();
        events.iter().for_each(|event| Assessment::evolve(state, event).unwrap());
        events.len()
    }

    #[test]
    fn findings_settle_every_missing_fact_and_judge_as_if_it_had_been_declared() {
        let case = all_unknown();
        let mut state = assessed(&case);
        assert!(!state.assessment().unwrap().unknown().is_empty());
        for (fact, finding) in [
            ("emergency", Finding::Emergency(Emergency::Open)),
            ("hospitals_affected", Finding::HospitalsAffected(1)),
            ("records_unavailable", Finding::RecordsUnavailable(false)),
            ("services_restored", Finding::ServicesRestored(true)),
            ("data_breach", Finding::DataBreach(false)),
            ("annex", Finding::Annex(Annex::One)),
            ("category", Finding::Category(Category::Essential)),
            ("size", Finding::Size(Size::Large)),
            ("spillover", Finding::Spillover(Spillover::Low)),
        ] {
            assert_eq!(find(&mut state, &case, finding.clone()), 1);
            assert_eq!(find(&mut state, &case, finding), 0, "found before");
            let assessment = state.assessment().unwrap();
            assert!(!assessment.missing().contains(fact), "{fact}");
            assert_eq!(assessment.missing().is_empty(), assessment.unknown().is_empty(), "{fact}");
        }
        let found = state.assessment().unwrap();
        let declared = assessed(&umcg());
        let declared = declared.assessment().unwrap();
        assert_eq!((&found.gates, &found.bands, &found.key), (&declared.gates, &declared.bands, &declared.key));
        assert_eq!(found.unknown(), [] as [String; 0]);
        assert_eq!(found.findings.len(), 9);
    }

    #[test]
    fn a_criterion_that_is_not_relevant_needs_no_fact_but_the_gates_do() {
        let case = all_unknown();
        let mut state = assessed(&case);
        for &criterion in Criterion::ALL {
            assert_eq!(find(&mut state, &case, Finding::NotRelevant(criterion)), 1);
            assert_eq!(find(&mut state, &case, Finding::NotRelevant(criterion)), 0);
        }
        let found = state.assessment().unwrap();
        assert!(found.bands.iter().all(|band| band.basis == Basis::NotRelevant));
        assert_eq!(found.key.bands, [2; 5]);
        assert!(found.gates.iter().any(|gate| gate.verdict == Verdict::Unknown));
    }

    #[test]
    fn a_finding_states_a_fact_and_how_it_is_known() {
        let case = all_unknown();
        let state = assessed(&case);
        let officer = received(Role::Officer, "anna", case.submitted_at);
        let resolve = |finding, reason: &str| {
            Assessment::decide(&state, Command::Resolve { finding, reason: reason.to_owned() }, &officer)
        };
        for (finding, fact) in [
            (Finding::Emergency(Emergency::Unknown), "emergency"),
            (Finding::Annex(Annex::Unknown), "annex"),
            (Finding::Category(Category::Unknown), "category"),
            (Finding::Size(Size::Unknown), "size"),
            (Finding::Spillover(Spillover::Unknown), "spillover"),
        ] {
            assert_eq!(resolve(finding, "nobody knows"), Err(Rejection::FindingSaysNothing { fact }));
        }
        assert_eq!(resolve(Finding::DataBreach(true), " "), Err(Rejection::ReasonMissing));
    }
}
