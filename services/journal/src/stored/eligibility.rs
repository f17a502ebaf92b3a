//! What eligibility wrote.

use muster_api::event::v1;
use muster_domain::eligibility::events::*;

use super::keep::*;

events! { AssessmentEvent {
    "eligibility.assessment.assessed" 1 => Assessed {
        submitted_at: submitted_at_unix_ms, route, hospital, facts, council_act, policy, live, gates, bands, key,
    } in AssessmentAssessed;
    "eligibility.assessment.resolved" 1 => Resolved { finding, reason, gates, bands, key } in AssessmentResolved;
    "eligibility.assessment.escalated" 1 => Escalated { level } in AssessmentEscalated;
    "eligibility.assessment.deadline-missed" 1 => DeadlineMissed {} in AssessmentDeadlineMissed;
    "eligibility.assessment.override-proposed" 1 =>
        OverrideProposed { bands, reason, by, lapses_at: lapses_at_unix_ms } in AssessmentOverrideProposed;
    "eligibility.assessment.overridden" 1 =>
        Overridden { bands, reason, proposed_by, approved_by, suggested, key } in AssessmentOverridden;
    "eligibility.assessment.decided" 1 =>
        Decided { outcome, terms, cuts, reason, by_policy, case, key } in AssessmentDecided;
    "eligibility.assessment.withdrawn" 1 => Withdrawn {} in AssessmentWithdrawn;
}}

events! { PolicyEvent {
    "eligibility.policy.proposed" 1 => Proposed { policy, by, lapses_at: lapses_at_unix_ms } in PolicyProposed;
    "eligibility.policy.put-in-force" 1 => PutInForce { policy, proposed_by, approved_by } in PolicyPutInForce;
}}

messages! {
    GateResult { gate, verdict, article, because }
    Band { criterion, band, rule, basis, because }
    PriorityKey { bands, member_state_user, submitted_at: submitted_at_unix_ms, request }
    Terms { services, remote_teams, onsite_teams, person_days, duration: duration_ms }
    Cut { what, reason }
    Case { request, hospital, incident, country, languages, entity, suppliers, tlp, user }
    Policy {
        version, grants, refuses, more_measures_rank_higher, duration: duration_ms, offer_stands: offer_stands_ms,
        offer_width, mobilise_grace: mobilise_grace_ms,
    }
}

one_of! { Finding in finding {
    Emergency, HospitalsAffected, RecordsUnavailable, ServicesRestored, DataBreach, Annex, Category, Size, Spillover, NotRelevant;
}}

kept_as_text!(codes: Basis, Criterion, Gate, Level, Outcome, Verdict);
