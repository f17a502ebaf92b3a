//! The answer and its deadline (Art 16(1), 19(10)).

use super::{Assessment, Decision, Event, Rejection, State, entitled, in_words};
use crate::{
    eligibility::{
        events::{Gate, GateResult, Level, Outcome, Policy, Terms},
        priority::is_member_state_user,
        terms::{mismatches, requested, within_cap},
    },
    kernel::{Received, Role, Timestamp},
    registry::events::{AuthorityKind, CouncilAct},
};

/// A person answers. `council_act` is the one in force now for a third country.
pub(super) fn decide(
    state: &State,
    mut decision: Decision,
    council_act: Option<&CouncilAct>,
    received: &Received,
) -> Result<Vec<Event>, Rejection> {
    let (assessment, decided) = state.acting()?;
    entitled(received, assessment)?;
    if decision.outcome == Outcome::Granted {
        // To grant is to grant all, so the terms need not be repeated.
        decision.terms.get_or_insert_with(|| assessment.requested());
    }
    if let Some(decided) = decided {
        return said_again(decided, decided == &decision);
    }
    let unknown = assessment.unknown();
    if !unknown.is_empty() {
        return Err(Rejection::UnknownFacts(unknown));
    }
    let gates: Vec<GateResult> = assessment.failed().cloned().collect();
    let refused = decision.outcome == Outcome::Refused;
    if !refused && !gates.is_empty() {
        return Err(Rejection::GateFailed(gates));
    }
    // A grant speaks by its gates and cuts; a refusal says why.
    if refused || !decision.reason.is_empty() {
        in_words(&decision.reason)?;
    }
    fits(assessment, &decision)?;
    has_access(assessment, &decision, council_act, received.at)?;
    Ok(answered(assessment, decision, received.at))
}

/// The policy in force answers, and no person.
pub(super) fn decide_by_policy(state: &State, policy: &Policy, received: &Received) -> Result<Vec<Event>, Rejection> {
    let (assessment, decided) = state.acting()?;
    if received.by.role != Role::System {
        return Err(Rejection::NotEntitled { needed: Role::System });
    }
    if let Some(decided) = decided {
        return said_again(decided, decided.by_policy == Some(policy.version));
    }
    let outcome = assessment.policy_answer(policy).ok_or(Rejection::PolicyDoesNotDecide)?;
    let (terms, reason) = match outcome {
        Outcome::Granted => (Some(assessment.requested()), "every gate passes".to_owned()),
        Outcome::Refused => {
            let failed: Vec<String> = assessment.failed().map(|g| format!("{}: {}", g.article, g.because)).collect();
            (None, failed.join("; "))
        }
        // A cut is a judgement, so a person makes it.
        Outcome::PartlyGranted => return Err(Rejection::PolicyDoesNotDecide),
    };
    let decision = Decision { outcome, terms, cuts: vec![], reason, by_policy: Some(policy.version) };
    Ok(answered(assessment, decision, received.at))
}

impl Assessment {
    /// All that the request asks for, under the policy it was assessed by.
    pub fn requested(&self) -> Terms {
        requested(&self.submission.facts.needs, &self.submission.policy)
    }

    /// What the policy would answer by itself: Member State users only, nothing unknown, in full or on a failed fact gate.
    pub fn policy_answer(&self, policy: &Policy) -> Option<Outcome> {
        if !is_member_state_user(&self.submission.route) || !self.unknown().is_empty() {
            return None;
        }
        let mut failed = self.failed().peekable();
        if failed.peek().is_none() {
            return policy.grants.then_some(Outcome::Granted);
        }
        // A failed route or realm means that something else is wrong: a person looks at it.
        (policy.refuses && failed.all(|g| is_fact_gate(g.gate))).then_some(Outcome::Refused)
    }
}

/// Whether declared facts alone decide the gate.
const fn is_fact_gate(gate: Gate) -> bool {
    match gate {
        Gate::IncidentClass | Gate::OwnMeasures | Gate::EntityType => true,
        Gate::Route | Gate::Realm => false,
    }
}

/// An answer is final; the same answer again changes nothing.
fn said_again(decided: &Decision, same: bool) -> Result<Vec<Event>, Rejection> {
    if same { Ok(vec![]) } else { Err(Rejection::AlreadyDecided { outcome: decided.outcome }) }
}

/// Whether terms and cuts fit the outcome and the request.
fn fits(assessment: &Assessment, decision: &Decision) -> Result<(), Rejection> {
    let Decision { outcome, terms, cuts, .. } = decision;
    let wrong = mismatches(&assessment.requested(), *outcome, terms.as_ref(), cuts);
    if wrong.is_empty() { Ok(()) } else { Err(Rejection::TermsDoNotFit(wrong)) }
}

/// Whether what is granted to a third country is open to it now, whatever was open when it asked: an act may end or be
/// repealed any day, and another may follow with another cap (Art 19(4), 19(10)).
fn has_access(
    assessment: &Assessment,
    decision: &Decision,
    council_act: Option<&CouncilAct>,
    at: Timestamp,
) -> Result<(), Rejection> {
    let (AuthorityKind::ThirdCountry, Some(terms)) = (assessment.submission.route.kind, &decision.terms) else {
        return Ok(());
    };
    let country = assessment.submission.facts.country;
    let in_force = council_act.filter(|act| act.country == country && act.from <= at && at < act.until);
    let act = in_force.ok_or(Rejection::CouncilActEnded { country })?;
    match act.days_max {
        Some(days) if !within_cap(terms.duration, days) => {
            Err(Rejection::OverCouncilActCap { reference: act.reference.clone(), days })
        }
        Some(_) | None => Ok(()),
    }
}

/// The answer's events; an answer that is late says so first.
fn answered(assessment: &Assessment, decision: Decision, at: Timestamp) -> Vec<Event> {
    let Decision { outcome, terms, cuts, reason, by_policy } = decision;
    let (case, key) = (assessment.case(), assessment.key.clone());
    let late = assessment.submission.answer_due().is_some_and(|due| at >= due) && !assessment.missed;
    let missed = late.then_some(Event::DeadlineMissed);
    missed.into_iter().chain([Event::Decided { outcome, terms, cuts, reason, by_policy, case, key }]).collect()
}

/// The answer is near its deadline. Each level is told once; a third country has no deadline.
pub(super) fn escalate(state: &State, level: Level, at: Timestamp) -> Result<Vec<Event>, Rejection> {
    let (assessment, decided) = state.acting()?;
    let submission = &assessment.submission;
    let told = assessment.escalated.contains(&level);
    if decided.is_some() || told || submission.answer_due().is_none() {
        return Ok(vec![]);
    }
    not_before(submission.submitted_at.plus(level.after()), at)?;
    Ok(vec![Event::Escalated { level }])
}

/// The 48 hours are over.
pub(super) fn miss_deadline(state: &State, at: Timestamp) -> Result<Vec<Event>, Rejection> {
    let (assessment, decided) = state.acting()?;
    match assessment.submission.answer_due() {
        Some(due) if decided.is_none() && !assessment.missed => {
            not_before(due, at)?;
            Ok(vec![Event::DeadlineMissed])
        }
        Some(_) | None => Ok(vec![]),
    }
}

fn not_before(due: Timestamp, at: Timestamp) -> Result<(), Rejection> {
    if at < due { Err(Rejection::NotDue { due }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{
        eligibility::{
            assessment::{Assessment, Command, Decision, Rejection, State, Submission},
            events::{AssessmentEvent as Event, Cut, Finding, Gate, Level, Outcome, Policy},
            scenarios::{assessed, at, country, moldova, no_measures, received, rouen, umcg, union_entity},
            terms::requested,
        },
        intake::events::{Emergency, Facts, Spillover},
        kernel::{Aggregate, Refusal, Role},
        registry::events::{Annex, CouncilAct},
    };

    fn decision(outcome: Outcome, case: &Submission) -> Decision {
        let terms = (outcome == Outcome::Granted).then(|| requested(&case.facts.needs, &case.policy));
        let reason = "as the law has it".to_owned();
        Decision { outcome, terms, cuts: vec![], reason, by_policy: None }
    }

    /// The officer's or the Commission's answer, an hour after submission.
    fn answer(
        case: &Submission,
        Decision { outcome, terms, cuts, reason, .. }: Decision,
    ) -> Result<Vec<Event>, Rejection> {
        let received = received(case.answered_by(), "anna", case.submitted_at.plus(Duration::from_hours(1)));
        let council_act = case.council_act.clone();
        Assessment::decide(&assessed(case), Command::Decide { outcome, terms, cuts, reason, council_act }, &received)
    }

    fn by_policy(case: &Submission, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        let command = Command::DecideByPolicy { policy: Box::new(policy.clone()) };
        Assessment::decide(&assessed(case), command, &received(Role::System, "muster", case.submitted_at))
    }

    fn policy(grants: bool, refuses: bool) -> Policy {
        Policy { version: 7, grants, refuses, ..Policy::built_in() }
    }

    #[test]
    fn an_officer_cannot_answer_what_is_not_known() {
        let mut case = rouen();
        case.facts.impact.emergency = Emergency::Unknown;
        case.facts.impact.hospitals_affected = Some(1);
        case.facts.entity.annex = Annex::Unknown;
        for outcome in [Outcome::Granted, Outcome::Refused] {
            let refusal = Refusal::from(answer(&case, decision(outcome, &case)).unwrap_err());
            assert_eq!((refusal.reason, refusal.rule), ("UNKNOWN_FACTS", "Art 16(3)"));
            assert_eq!(
                refusal.says,
                "facts are missing; entity-type: not known yet: annex; criterion (a): not known yet: emergency; the worst \
                 plausible band stands; criterion (c): not known yet: emergency; the worst plausible band stands"
            );
            assert!(refusal.way_out.contains("record a finding"));
        }
    }

    #[test]
    fn a_failed_gate_can_only_be_refused_and_says_its_article() {
        let case = umcg();
        let refusal = Refusal::from(answer(&case, decision(Outcome::Granted, &case)).unwrap_err());
        assert_eq!(refusal.reason, "GATE_FAILED");
        assert!(refusal.says.starts_with("incident-class fails (Art 15(1)): nothing shows a significant incident"));
        assert!(answer(&case, decision(Outcome::Refused, &case)).is_ok());
    }

    #[test]
    fn a_refusal_says_why() {
        let case = rouen();
        for (reason, expected) in
            [(String::new(), Rejection::ReasonMissing), (" \n".to_owned(), Rejection::ReasonMissing)]
        {
            assert_eq!(answer(&case, Decision { reason, ..decision(Outcome::Refused, &case) }), Err(expected));
        }
        for (reason, says) in [
            ("é".repeat(2_001), "has 2001 characters, more than 2000"),
            ("see the annex, SECRET UE".to_owned(), "is marked SECRET UE: send a pointer, not the content"),
        ] {
            let refusal =
                Refusal::from(answer(&case, Decision { reason, ..decision(Outcome::Refused, &case) }).unwrap_err());
            let fields: Vec<_> = refusal.fields.iter().map(|v| (v.field.as_str(), v.says.as_str())).collect();
            assert_eq!((refusal.reason, fields), ("REASON_UNFIT", vec![("reason", says)]));
        }
        let longest = Decision { reason: "é".repeat(2_000), ..decision(Outcome::Refused, &case) };
        assert!(answer(&case, longest).is_ok());
        let silent = Decision { reason: String::new(), ..decision(Outcome::Granted, &case) };
        assert!(answer(&case, silent).is_ok(), "a full grant speaks by its gates");
    }

    #[test]
    fn granted_without_terms_is_all_that_was_requested() {
        let case = rouen();
        let spoken = decision(Outcome::Granted, &case);
        let unspoken = Decision { terms: None, ..spoken.clone() };
        assert_eq!(answer(&case, unspoken), answer(&case, spoken));
    }

    #[test]
    fn terms_that_do_not_fit_are_named_field_by_field() {
        let case = rouen();
        let mut granted = decision(Outcome::Granted, &case);
        granted.outcome = Outcome::PartlyGranted;
        if let Some(terms) = &mut granted.terms {
            terms.onsite_teams = 3;
            terms.person_days = 80;
        }
        let refusal = Refusal::from(answer(&case, granted).unwrap_err());
        assert_eq!(refusal.reason, "TERMS_DO_NOT_FIT");
        assert_eq!(refusal.fields.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), ["terms.onsite_teams", "cuts"]);
    }

    #[test]
    fn a_third_country_gets_support_only_while_its_act_is_in_force_and_within_its_cap() {
        let case = moldova();
        let act = case.council_act.clone().unwrap();
        let answered = |outcome, moment: &str, council_act: Option<CouncilAct>| {
            let Decision { outcome, terms, cuts, reason, .. } = decision(outcome, &case);
            let received = received(Role::Commission, "carla", at(moment));
            let command = Command::Decide { outcome, terms, cuts, reason, council_act };
            Assessment::decide(&assessed(&case), command, &received)
        };
        let granted = |moment, act| answered(Outcome::Granted, moment, act);
        let (last, after) = ("2026-07-17T23:59:59.999Z", "2026-07-18T00:00:00Z");
        assert!(granted(last, Some(act.clone())).is_ok());
        let next =
            CouncilAct { reference: "next".to_owned(), from: act.until, until: at("2027-07-18T00:00:00Z"), ..act };
        assert!(granted(after, Some(next.clone())).is_ok(), "a renewal goes on where the act ended");
        let elsewhere = CouncilAct { country: country("UA"), ..next.clone() };
        for (moment, act) in
            [(after, case.council_act.clone()), (last, Some(next)), (last, None), (after, Some(elsewhere))]
        {
            let ended = Refusal::from(granted(moment, act.clone()).unwrap_err());
            assert_eq!((ended.reason, ended.rule), ("COUNCIL_ACT_ENDED", "Art 19(4)"), "{moment} {act:?}");
        }
        assert!(answered(Outcome::Refused, last, None).is_ok(), "to refuse takes no act");

        let mut long = moldova();
        long.facts.needs.duration = Some(Duration::from_hours(76 * 24));
        let over = Refusal::from(answer(&long, decision(Outcome::Granted, &long)).unwrap_err());
        assert_eq!((over.reason, over.rule), ("OVER_COUNCIL_ACT_CAP", "Art 19(4)"));
        let mut part = decision(Outcome::Granted, &long);
        part.outcome = Outcome::PartlyGranted;
        part.cuts = vec![Cut { what: "duration".to_owned(), reason: "the act's cap".to_owned() }];
        if let Some(terms) = &mut part.terms {
            terms.duration = Duration::from_hours(75 * 24);
        }
        assert!(answer(&long, part).is_ok());
    }

    #[test]
    fn matching_gets_what_was_found_and_not_only_what_was_declared() {
        let mut case = rouen();
        case.facts.entity.annex = Annex::Unknown;
        let mut state = assessed(&case);
        let found = Command::Resolve { finding: Finding::Annex(Annex::One), reason: "the national list".to_owned() };
        let officer = received(Role::Officer, "anna", case.submitted_at);
        for command in [found, {
            let Decision { outcome, terms, cuts, reason, .. } = decision(Outcome::Granted, &case);
            Command::Decide { outcome, terms, cuts, reason, council_act: None }
        }] {
            for event in Assessment::decide(&state, command, &officer).unwrap() {
                if let Event::Decided { case: told, key, .. } = &event {
                    assert_eq!((told.entity.annex, key.bands), (Annex::One, [4, 2, 3, 1, 3]));
                }
                Assessment::evolve(&mut state, &event).unwrap();
            }
        }
        assert!(matches!(state, State::Decided(..)));
    }

    #[test]
    fn a_policy_answers_only_what_it_is_told_to() {
        let answered = |case: &Submission, policy: &Policy| match by_policy(case, policy).as_deref() {
            Ok([Event::Decided { outcome, by_policy, terms, .. }]) => {
                assert_eq!(*by_policy, Some(7));
                assert_eq!(terms.is_some(), *outcome == Outcome::Granted);
                Some(*outcome)
            }
            Err(Rejection::PolicyDoesNotDecide) => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(answered(&rouen(), &policy(true, false)), Some(Outcome::Granted));
        assert_eq!(answered(&rouen(), &policy(false, true)), None);
        assert_eq!(answered(&umcg(), &policy(false, true)), Some(Outcome::Refused));
        assert_eq!(answered(&no_measures(), &policy(false, true)), Some(Outcome::Refused));
        assert_eq!(answered(&umcg(), &policy(true, false)), None);
        assert_eq!(answered(&union_entity(), &policy(true, true)), None, "the policy is for Member State users");
        assert_eq!(answered(&moldova(), &policy(true, true)), None);
        let mut unknown = rouen();
        unknown.facts.spillover = Spillover::Unknown;
        assert_eq!(answered(&unknown, &policy(true, true)), None);
    }

    #[test]
    fn a_policy_refuses_for_declared_facts_and_leaves_the_rest_to_a_person() {
        for &gate in Gate::ALL {
            let mut case = rouen();
            match gate {
                Gate::IncidentClass => case.facts = Facts { country: case.facts.country, ..umcg().facts },
                Gate::OwnMeasures => case.facts.measures.clear(),
                Gate::EntityType => case.facts.entity.annex = Annex::None,
                Gate::Route => case.route.spoc = None,
                Gate::Realm => case.facts.exercise = true,
            }
            let by_facts = matches!(gate, Gate::IncidentClass | Gate::OwnMeasures | Gate::EntityType);
            assert_eq!(by_policy(&case, &policy(true, true)).is_ok(), by_facts, "{gate}");
        }
    }

    #[test]
    fn each_level_is_told_once_and_a_restart_tells_those_that_were_missed() {
        let case = rouen();
        let mut state = assessed(&case);
        let late = received(Role::System, "muster", case.submitted_at.plus(Duration::from_hours(50)));
        for command in
            [Command::MissDeadline].into_iter().chain(Level::ALL.iter().map(|&level| Command::Escalate { level }))
        {
            let events = Assessment::decide(&state, command.clone(), &late).unwrap();
            assert_eq!(events.len(), 1);
            Assessment::evolve(&mut state, &events[0]).unwrap();
            assert_eq!(Assessment::decide(&state, command, &late), Ok(vec![]));
        }
    }
}
