//! The answer and its deadline (Art 16(1), 19(10)).

use super::{Assessment, Decision, Event, Rejection, State, entitled, in_words};
use crate::{
    eligibility::{
        events::{GateResult, Level, Outcome, Policy},
        terms::{mismatches, requested, within_cap},
    },
    kernel::{Received, Role, Timestamp},
};

/// A person answers.
pub(super) fn decide(state: &State, decision: Decision, received: &Received) -> Result<Vec<Event>, Rejection> {
    let (assessment, decided) = state.acting()?;
    entitled(received, assessment)?;
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
    fits(assessment, &decision, received.at)?;
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
        Outcome::Granted => {
            let terms = requested(&assessment.submission.facts.needs, &assessment.submission.policy);
            (Some(terms), "every gate passes".to_owned())
        }
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

/// An answer is final; the same answer again changes nothing.
fn said_again(decided: &Decision, same: bool) -> Result<Vec<Event>, Rejection> {
    if same { Ok(vec![]) } else { Err(Rejection::AlreadyDecided { outcome: decided.outcome }) }
}

/// Whether terms and cuts fit the outcome, the request, and the Council act of a third country.
fn fits(assessment: &Assessment, decision: &Decision, at: Timestamp) -> Result<(), Rejection> {
    let submission = &assessment.submission;
    let requested = requested(&submission.facts.needs, &submission.policy);
    let Decision { outcome, terms, cuts, .. } = decision;
    let wrong = mismatches(&requested, *outcome, terms.as_ref(), cuts);
    if !wrong.is_empty() {
        return Err(Rejection::TermsDoNotFit(wrong));
    }
    let (Some(act), Some(terms)) = (&submission.council_act, terms) else { return Ok(()) };
    if at >= act.until {
        return Err(Rejection::CouncilActEnded { reference: act.reference.clone(), until: act.until });
    }
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
