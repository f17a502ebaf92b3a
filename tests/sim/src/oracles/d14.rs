//! D14, a gate is not a score: nothing is granted while a gate fails or lacks a fact. Muster itself refuses only where a gate
//! fails; a refusal without one is a person's, and says why.

use std::collections::BTreeMap;

use muster_domain::{
    eligibility::events::{AssessmentEvent, Gate, GateResult, Outcome, Verdict},
    event::Event,
    kernel::{Actor, Role},
};
use muster_journal::port::Subject;

use super::Violation;
use crate::log::{Entry, commits};

/// Its id.
pub const ID: &str = "D14";

/// Answers that go against the gates.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let mut gates: BTreeMap<&Subject, &[GateResult]> = BTreeMap::new();
    let mut found = Vec::new();
    for at in commits(log) {
        for event in &at.commit.events {
            if let Event::Assessment(AssessmentEvent::Assessed { gates: now, .. }) = event {
                gates.insert(at.subject, now);
            } else if let Event::Assessment(AssessmentEvent::Resolved { gates: now, .. }) = event {
                gates.insert(at.subject, now);
            } else if let Event::Assessment(AssessmentEvent::Decided { outcome, reason, by_policy, .. }) = event {
                let gates = gates.get(at.subject).copied().unwrap_or_default();
                let says = answered(gates, *outcome, reason, *by_policy, &at.commit.actor);
                found.extend(says.map(|says| Violation::new(ID, at.position, format!("{}: {says}", at.subject))));
            }
        }
    }
    found
}

fn answered(
    gates: &[GateResult],
    outcome: Outcome,
    reason: &str,
    by_policy: Option<u32>,
    by: &Actor,
) -> Option<String> {
    let said = |verdict: Verdict| gates.iter().filter(move |gate| gate.verdict == verdict).map(|gate| gate.gate);
    let missing: Vec<_> = Gate::ALL.iter().filter(|gate| !gates.iter().any(|said| said.gate == **gate)).collect();
    let person = [Role::Officer, Role::Commission].contains(&by.role);
    if let Some(gate) = missing.first() {
        return Some(format!("answered, and gate {gate} says nothing"));
    }
    if by_policy.is_some() == person || !(person || by.role == Role::System) {
        return Some(format!("answered by a {}, under policy {by_policy:?}", by.role));
    }
    if let Some(gate) = said(Verdict::Unknown).next() {
        return Some(format!("answered, and gate {gate} lacks a fact"));
    }
    let failed = said(Verdict::Fail).next();
    match (outcome, failed) {
        (Outcome::Granted | Outcome::PartlyGranted, Some(gate)) => Some(format!("granted, and gate {gate} fails")),
        (Outcome::PartlyGranted, None) if !person => Some("cut, and no person judged".to_owned()),
        (Outcome::Refused, None) if !person => Some("refused, and no gate fails and no person judged".to_owned()),
        (Outcome::Refused, _) if reason.trim().is_empty() => Some("refused, and nobody says why".to_owned()),
        (Outcome::Granted | Outcome::PartlyGranted | Outcome::Refused, _) => None,
    }
}
