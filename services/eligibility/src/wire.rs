//! `muster.eligibility.v1` ⇄ domain.

use muster_api::{
    eligibility::v1::{self, finding::Fact},
    r#type::v1::Position,
};
use muster_domain::{
    clocks,
    codes::{Country, UnknownCode},
    eligibility::{
        assessment::{self, Proposal, State},
        events::{Criterion, Finding, Policy},
        policy,
        priority::{Difference, SettledBy},
    },
    intake::events::{Emergency, Spillover},
    kernel::{PrincipalId, Timestamp},
    registry::events::{Annex, Category, Size},
};
use muster_edge::wire::{
    band, clock, decision, facts,
    fields::{Fields, duration, timestamp},
    gate, priority_key, route, texts,
};
use tonic::Status;

use crate::views::Entry;

/// How assessments stand.
const STATES: [&str; 3] = ["assessed", "decided", "withdrawn"];

/// Which assessments are asked for.
pub struct Filter {
    /// In one of these states; empty for all.
    states: Vec<&'static str>,
    country: Option<Country>,
}

impl Filter {
    /// Reads what a list call asks for.
    pub fn read(message: &v1::ListAssessmentsRequest) -> Result<Self, Status> {
        let mut fields = Fields::default();
        let state = |text: &str| {
            let known = STATES.into_iter().find(|known| *known == text);
            known.ok_or_else(|| format!("'{text}' is not in states: {}", STATES.join(" ")))
        };
        let states = fields.each("states", &message.states, state);
        let country = fields.optional("country", &message.country, Country::parse);
        fields.done(Some(Self { states, country }))
    }

    /// Whether an assessment is asked for.
    pub fn takes(&self, entry: &Entry) -> bool {
        let state = self.states.is_empty() || self.states.contains(&state(&entry.state));
        let facts = entry.state.assessment().map(|assessment| &assessment.submission.facts);
        state && self.country.is_none_or(|country| facts.is_some_and(|facts| facts.country == country))
    }
}

fn state(state: &State) -> &'static str {
    let [assessed, decided, withdrawn] = STATES;
    match state {
        State::Absent => "",
        State::Open(_) => assessed,
        State::Decided(..) => decided,
        State::Withdrawn(..) => withdrawn,
    }
}

/// How a request was judged, at the moment `now`; `None` if it was not.
pub fn assessment(entry: &Entry, now: Timestamp) -> Option<v1::Assessment> {
    let assessment = entry.state.assessment()?;
    let submission = &assessment.submission;
    let answered = entry.state.decision().zip(entry.answered);
    Some(v1::Assessment {
        request: submission.request.to_string(),
        state: state(&entry.state).to_owned(),
        hospital: submission.hospital.to_string(),
        route: Some(route(&submission.route)),
        facts: Some(facts(entry.declared.as_ref().unwrap_or(&submission.facts))),
        council_act: submission.council_act.as_ref().map(|act| act.reference.clone()).unwrap_or_default(),
        policy: submission.policy.version,
        gates: assessment.gates.iter().map(gate).collect(),
        bands: assessment.standing_bands().iter().map(band).collect(),
        key: Some(priority_key(&assessment.key)),
        priority: assessment.key.priority().to_string(),
        resolutions: assessment.findings.iter().zip(&entry.found).map(resolution).collect(),
        unknown: texts(assessment.missing()),
        proposal: assessment.proposal.as_ref().filter(|p| now < p.lapses_at).map(|p| proposed(p, assessment)),
        overridden: assessment.overridden.as_ref().map(|by| overridden(by, assessment)),
        decision: answered.map(|(answer, (at, by))| decision(answer, at, by)),
        answer: answer_clock(entry, assessment, now).as_ref().map(clock),
        escalations: texts(&assessment.escalated),
        deadline_missed: assessment.missed,
    })
}

/// Nobody waits for the answer to a request that was withdrawn without one.
fn answer_clock(entry: &Entry, assessment: &assessment::Assessment, now: Timestamp) -> Option<clocks::Clock> {
    let answered_at = entry.answered.map(|(at, _)| at);
    let waits = !matches!(entry.state, State::Withdrawn(..));
    let submission = &assessment.submission;
    let clock = || clocks::answer(submission.route.kind, submission.submitted_at, answered_at, now);
    (waits || answered_at.is_some()).then(clock).flatten()
}

fn resolution(((finding_made, reason), (at, by)): (&(Finding, String), &(Timestamp, PrincipalId))) -> v1::Resolution {
    v1::Resolution {
        finding: Some(finding(finding_made)),
        reason: reason.clone(),
        at: Some(timestamp(*at)),
        by: by.to_string(),
    }
}

fn proposed(proposal: &Proposal, assessment: &assessment::Assessment) -> v1::Override {
    let Proposal { bands, reason, by, lapses_at } = proposal;
    v1::Override {
        bands: bands.map(u32::from).to_vec(),
        reason: reason.clone(),
        proposed_by: by.to_string(),
        approved_by: String::new(),
        lapses_at: Some(timestamp(*lapses_at)),
        suggested: Some(priority_key(&assessment.suggested())),
    }
}

fn overridden(by: &assessment::Override, assessment: &assessment::Assessment) -> v1::Override {
    let assessment::Override { bands, reason, proposed_by, approved_by } = by;
    v1::Override {
        bands: bands.map(u32::from).to_vec(),
        reason: reason.clone(),
        proposed_by: proposed_by.to_string(),
        approved_by: approved_by.to_string(),
        lapses_at: None,
        suggested: Some(priority_key(&assessment.suggested())),
    }
}

/// A finding, on the wire.
fn finding(finding: &Finding) -> v1::Finding {
    let fact = match finding {
        Finding::Emergency(value) => Fact::Emergency(value.to_string()),
        Finding::HospitalsAffected(count) => Fact::HospitalsAffected(*count),
        Finding::RecordsUnavailable(yes) => Fact::RecordsUnavailable(*yes),
        Finding::ServicesRestored(yes) => Fact::ServicesRestored(*yes),
        Finding::DataBreach(yes) => Fact::DataBreach(*yes),
        Finding::Annex(value) => Fact::Annex(value.to_string()),
        Finding::Category(value) => Fact::Category(value.to_string()),
        Finding::Size(value) => Fact::Size(value.to_string()),
        Finding::Spillover(value) => Fact::Spillover(value.to_string()),
        Finding::NotRelevant(criterion) => Fact::NotRelevant(criterion.to_string()),
    };
    v1::Finding { fact: Some(fact) }
}

/// Reads the field `finding`.
pub fn read_finding(fields: &mut Fields, finding: Option<v1::Finding>) -> Option<Finding> {
    let fact = fields.needed("finding", finding.and_then(|finding| finding.fact))?;
    fn coded<T>(fields: &mut Fields, name: &str, text: &str, parse: fn(&str) -> Result<T, UnknownCode>) -> Option<T> {
        fields.parsed(format_args!("finding.{name}"), text, parse)
    }
    Some(match fact {
        Fact::Emergency(text) => Finding::Emergency(coded(fields, "emergency", &text, Emergency::parse)?),
        Fact::HospitalsAffected(count) => Finding::HospitalsAffected(count),
        Fact::RecordsUnavailable(yes) => Finding::RecordsUnavailable(yes),
        Fact::ServicesRestored(yes) => Finding::ServicesRestored(yes),
        Fact::DataBreach(yes) => Finding::DataBreach(yes),
        Fact::Annex(text) => Finding::Annex(coded(fields, "annex", &text, Annex::parse)?),
        Fact::Category(text) => Finding::Category(coded(fields, "category", &text, Category::parse)?),
        Fact::Size(text) => Finding::Size(coded(fields, "size", &text, Size::parse)?),
        Fact::Spillover(text) => Finding::Spillover(coded(fields, "spillover", &text, Spillover::parse)?),
        Fact::NotRelevant(text) => Finding::NotRelevant(coded(fields, "not_relevant", &text, Criterion::parse)?),
    })
}

/// A policy, on the wire.
pub fn policy(policy: &Policy) -> v1::Policy {
    v1::Policy {
        version: policy.version,
        grants: policy.grants,
        refuses: policy.refuses,
        more_measures_rank_higher: policy.more_measures_rank_higher,
        duration: Some(duration(policy.duration)),
        offer_stands: policy.offer_stands.map(duration).to_vec(),
        offer_width: policy.offer_width.to_vec(),
        mobilise_grace: Some(duration(policy.mobilise_grace)),
    }
}

/// Reads the field `policy`.
pub fn read_policy(fields: &mut Fields, policy: Option<v1::Policy>) -> Option<Policy> {
    let policy = fields.needed("policy", policy)?;
    let mut span = |name: &str, span: Option<prost_types::Duration>| {
        let field = format!("policy.{name}");
        fields.needed(&field, span).and_then(|span| fields.duration(&field, span))
    };
    let (support, grace) = (span("duration", policy.duration), span("mobilise_grace", policy.mobilise_grace));
    let each = policy.offer_stands.into_iter().enumerate();
    let stands = each.map(|(i, stands)| span(&format!("offer_stands[{i}]"), Some(stands)).unwrap_or_default());
    let stands: Vec<_> = stands.collect();
    let stands = four(fields, "policy.offer_stands", stands);
    let width = four(fields, "policy.offer_width", policy.offer_width);
    Some(Policy {
        version: policy.version,
        grants: policy.grants,
        refuses: policy.refuses,
        more_measures_rank_higher: policy.more_measures_rank_higher,
        duration: support?,
        offer_stands: stands?,
        offer_width: width?,
        mobilise_grace: grace?,
    })
}

/// One value for each of P1 to P4.
fn four<T>(fields: &mut Fields, field: &str, values: Vec<T>) -> Option<[T; 4]> {
    if values.len() != 4 {
        fields.wrong(field, format_args!("has {} values, not four: one for each of P1 to P4", values.len()));
    }
    values.try_into().ok()
}

/// The policy in force and the one proposed, at the moment `now`.
pub fn policies(state: &policy::State, now: Timestamp) -> (v1::Policy, Option<v1::PolicyProposal>) {
    let proposal = match state {
        policy::State::Proposed { policy: proposed, by, lapses_at, .. } if now < *lapses_at => {
            let (proposed_by, lapses_at) = (by.to_string(), Some(timestamp(*lapses_at)));
            Some(v1::PolicyProposal { policy: Some(policy(proposed)), proposed_by, lapses_at })
        }
        policy::State::Proposed { .. } | policy::State::InForce(_) => None,
    };
    (policy(state.in_force()), proposal)
}

/// Why one request comes before another.
pub fn comparison(as_of: Position, difference: Difference) -> v1::CompareRequestsResponse {
    let Difference { first, second: _, by, because, swap } = difference;
    let differs_in = match by {
        SettledBy::Criterion(criterion) => criterion.as_str(),
        SettledBy::MemberStateUser => "member-state-user",
        SettledBy::Submission => "submitted-at",
        SettledBy::Id => "id",
    };
    v1::CompareRequestsResponse {
        as_of: Some(as_of),
        ahead: first.to_string(),
        differs_in: differs_in.to_owned(),
        because,
        would_swap: vec![swap],
    }
}
