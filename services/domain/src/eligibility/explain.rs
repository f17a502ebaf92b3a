//! An assessment in words for people: every gate with its article, every band with its rule, the rank, the answer.

use super::{
    assessment::{Assessment, Decision, Override, State},
    bands::name,
    events::{Band, Finding, Gate, GateResult, PriorityKey, Terms},
    priority::priority_name,
    terms::span,
};
use crate::clocks::answer_due;

/// Why a request stands where it stands, one fact a line; empty if nothing was submitted.
pub fn why(state: &State) -> Vec<String> {
    let Some(assessment) = state.assessment() else { return vec![] };
    let findings = assessment.findings.iter().map(|(finding, reason)| found(finding, reason));
    let gates = assessment.gates.iter().map(gate);
    let standing = assessment.standing_bands();
    let bands = standing.iter().map(band);
    let mut lines: Vec<String> = findings.chain(gates).chain(bands).collect();
    lines.push(priority(&assessment.key));
    lines.extend(assessment.overridden.as_ref().map(two_persons));
    lines.extend(assessment.proposal.as_ref().map(|p| {
        format!("another rank is proposed by {} until {}: bands {}; {}", p.by, p.lapses_at, listed(&p.bands), p.reason)
    }));
    lines.extend(assessment.escalated.iter().map(|level| format!("escalated unanswered after {level} (Art 16(1))")));
    if assessment.missed {
        lines.push("late: the 48 hours ended without an answer (Art 16(1))".to_owned());
    }
    match state {
        State::Absent => {}
        State::Open(assessment) => lines.extend(waits(assessment)),
        State::Decided(_, decision) => lines.extend(answer(assessment, decision)),
        State::Withdrawn(_, decision) => {
            lines.extend(decision.iter().flat_map(|decision| answer(assessment, decision)));
            lines.push("withdrawn: the user no longer asks".to_owned());
        }
    }
    lines
}

/// A gate and its article.
pub fn gate(result: &GateResult) -> String {
    format!("{}: {} ({}): {}", gate_name(result.gate), result.verdict, result.article, result.because)
}

const fn gate_name(gate: Gate) -> &'static str {
    match gate {
        Gate::IncidentClass => "incident class",
        Gate::OwnMeasures => "own measures",
        Gate::EntityType => "entity type",
        Gate::Route => "user and channel",
        Gate::Realm => "realm",
    }
}

/// A band and its rule.
pub fn band(band: &Band) -> String {
    let Band { criterion, band, rule, because, basis: _ } = band;
    format!("({criterion}) {}: band {band} (Art 16(3)({criterion}), rule {rule}): {because}", name(*criterion))
}

/// A rank.
pub fn priority(key: &PriorityKey) -> String {
    let user = if key.member_state_user { "a Member State user" } else { "no Member State user" };
    format!(
        "priority {}: bands {} compared from (a) to (e) (Art 16(3)), then {user} (Art 16(4)), then submitted {}",
        priority_name(&key.bands),
        listed(&key.bands),
        key.submitted_at
    )
}

fn listed(bands: &[u8; 5]) -> String {
    bands.map(|band| band.to_string()).join("-")
}

fn two_persons(by: &Override) -> String {
    format!(
        "another rank: bands {}, proposed by {}, approved by {} (house rule D12): {}",
        listed(&by.bands),
        by.proposed_by,
        by.approved_by,
        by.reason
    )
}

fn found(finding: &Finding, reason: &str) -> String {
    let fact = match finding {
        Finding::Emergency(state) => format!("emergency {state}"),
        Finding::HospitalsAffected(count) => format!("hospitals affected {count}"),
        Finding::RecordsUnavailable(yes) => format!("records unavailable {yes}"),
        Finding::ServicesRestored(yes) => format!("services restored {yes}"),
        Finding::DataBreach(yes) => format!("data breach {yes}"),
        Finding::Annex(annex) => format!("annex {annex}"),
        Finding::Category(category) => format!("category {category}"),
        Finding::Size(size) => format!("size {size}"),
        Finding::Spillover(risk) => format!("spillover {risk}"),
        Finding::NotRelevant(criterion) => format!("criterion ({criterion}) is not relevant"),
    };
    format!("found: {fact}: {reason}")
}

/// What an open request waits for.
fn waits(assessment: &Assessment) -> Vec<String> {
    let submission = &assessment.submission;
    let due = match answer_due(submission.route.kind, submission.submitted_at) {
        Some(due) => format!("not answered yet: due before {due} (Art 16(1), 48 hours)"),
        None => "not answered yet: due without undue delay (Art 19(10))".to_owned(),
    };
    let missing = assessment.unknown();
    if missing.is_empty() {
        return vec![due];
    }
    vec![due, format!("waits for findings (Art 16(3)): {}", missing.join("; "))]
}

/// The answer, what it grants, and every cut with its reason.
fn answer(assessment: &Assessment, decision: &Decision) -> Vec<String> {
    let article = if answer_due(assessment.submission.route.kind, assessment.key.submitted_at).is_some() {
        "Art 16(1)"
    } else {
        "Art 19(10)"
    };
    let by = decision.by_policy.map_or_else(String::new, |version| format!(", by policy version {version}"));
    let granted = decision.terms.as_ref().map_or_else(String::new, |terms| format!(": {}", offered(terms)));
    let reason = if decision.reason.is_empty() { String::new() } else { format!("; {}", decision.reason) };
    let first = format!("{} ({article}){by}{granted}{reason}", decision.outcome);
    let cuts = decision.cuts.iter().map(|cut| format!("cut {}: {}", cut.what, cut.reason));
    std::iter::once(first).chain(cuts).collect()
}

fn offered(terms: &Terms) -> String {
    let services: Vec<&str> = terms.services.iter().map(|service| service.as_str()).collect();
    format!(
        "{}; remote teams {}, on-site teams {}, person-days {}, {}",
        services.join(", "),
        terms.remote_teams,
        terms.onsite_teams,
        terms.person_days,
        span(terms.duration)
    )
}
