//! What the desk wrote.

use muster_api::event::v1;
use muster_domain::dispatch::events::*;

use super::keep::*;

events! { DeskEvent {
    "dispatch.desk.provider-taken" 1 => ProviderTaken { provider, suspended } in DeskProviderTaken;
    "dispatch.desk.requirement-taken" 1 => RequirementTaken { 0: requirement } in DeskRequirementTaken;
    "dispatch.desk.council-act-taken" 1 => CouncilActTaken { 0: act } in DeskCouncilActTaken;
    "dispatch.desk.repeal-taken" 1 => RepealTaken { country, reference } in DeskRepealTaken;
    "dispatch.desk.policy-taken" 1 => PolicyTaken { 0: policy } in DeskPolicyTaken;
    "dispatch.desk.grant-taken" 1 => GrantTaken { case, terms, key, packages } in DeskGrantTaken;
    "dispatch.desk.priority-taken" 1 => PriorityTaken { key } in DeskPriorityTaken;
    "dispatch.desk.withdrawal-taken" 1 => WithdrawalTaken { request } in DeskWithdrawalTaken;
    "dispatch.desk.offered" 1 => Offered {
        offer, package, provider, contract, expires_at: expires_at_unix_ms, extra, considered,
    } in DeskOffered;
    "dispatch.desk.seen" 1 => Seen { offer } in DeskSeen;
    "dispatch.desk.accepted" 1 => Accepted {
        offer, accepted_at: accepted_at_unix_ms, mobilise_by: mobilise_by_unix_ms, ends_at: ends_at_unix_ms,
    } in DeskAccepted;
    "dispatch.desk.declined" 1 => Declined { offer, reason, note } in DeskDeclined;
    "dispatch.desk.expired" 1 => Expired { offer } in DeskExpired;
    "dispatch.desk.rescinded" 1 => Rescinded { offer, reason, note } in DeskRescinded;
    "dispatch.desk.lost" 1 => Lost { offer } in DeskLost;
    "dispatch.desk.escalated" 1 => Escalated { package, considered } in DeskEscalated;
    "dispatch.desk.reopened" 1 => Reopened { package, note } in DeskReopened;
    "dispatch.desk.given-up" 1 => GivenUp { package, note } in DeskGivenUp;
    "dispatch.desk.stage-reached" 1 => StageReached { offer, stage } in DeskStageReached;
    "dispatch.desk.days-reported" 1 => DaysReported { offer, days_used } in DeskDaysReported;
    "dispatch.desk.extended" 1 => Extended { offer, ends_at: ends_at_unix_ms, person_days } in DeskExtended;
    "dispatch.desk.completed" 1 => Completed { offer, days_used } in DeskCompleted;
    "dispatch.desk.released" 1 => Released { offer, reason, note, days_used } in DeskReleased;
    "dispatch.desk.request-finished" 1 => RequestFinished { request, supported } in DeskRequestFinished;
}}

messages! {
    Package { id, services, remote_teams, onsite_teams, person_days, lead }
    Candidate { provider, standing }
    Fit { start_minutes, languages_missing, health_gap, load_percent, draw }
}

one_of! { Standing in standing {
    Dropped, Fits;
}}

kept_as_text!(codes: DeclineReason, ReleaseReason, RescindReason, Rule, Stage);
