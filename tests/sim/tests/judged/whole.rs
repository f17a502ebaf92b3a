//! A whole story with nothing wrong in it passes every oracle.

use std::collections::BTreeSet;

use muster_domain::{
    dispatch::events::{DeclineReason, DeskEvent, RescindReason, Stage},
    eligibility::events::{AssessmentEvent, Policy, PolicyEvent},
    intake::events::{CloseReason, RequestEvent, SummaryReport},
    kernel::Role,
    registry::events::{NationalRequirement, ProviderEvent, RequirementEvent},
};
use muster_golden::values::{self, package_id, principal, request_id};
use muster_sim::{
    log::log_time,
    oracles::{self, ORACLES},
};

use crate::story::{
    Story, accepted, actor, at, at_work, by, finished, firm, is_clean, key, mandate, muster, offer, offered, officer,
    suspension,
};

#[test]
fn a_whole_story_passes() {
    let mut story = Story::new();
    mandate(&mut story);
    for (id, teams) in [("a", 1), ("b", 2)] {
        story.enrol(firm(id, teams), []);
    }
    two_persons(&mut story);
    // P1 is asked twice at once; the second firm wins.
    let first = offered(story.now, 1, "r1", "a", 30, false);
    let second = offered(story.now, 2, "r1", "b", 30, true);
    story.grant("r1", 4, [first, second]);
    story.now += 5;
    story.desk(by("b"), [DeskEvent::Seen { offer: offer(2) }]);
    story.desk(by("b"), [accepted(story.now, 2), DeskEvent::Lost { offer: offer(1) }]);
    story.now += 60;
    story.desk(by("b"), [DeskEvent::StageReached { offer: offer(2), stage: Stage::OnTask }]);
    story.desk(by("b"), [DeskEvent::DaysReported { offer: offer(2), days_used: 6 }]);
    let ends_at = at(50_000);
    story.desk(officer("anna"), [DeskEvent::Extended { offer: offer(2), ends_at, person_days: 10 }]);
    story.desk(by("b"), [DeskEvent::StageReached { offer: offer(2), stage: Stage::Recovering }]);
    let completed = DeskEvent::Completed { offer: offer(2), days_used: 25 };
    story.desk(by("b"), [completed, finished("r1", true)]);
    story.commit("intake.r1", muster(), [RequestEvent::SupportEnded]);
    let report = SummaryReport { aim_reached: true, hours_to_emergency_care: None, document_sha256: "0".repeat(64) };
    let closed = RequestEvent::Closed { reason: CloseReason::Reported };
    let filed = [RequestEvent::SummaryReportFiled(report), closed];
    story.commit("intake.r1", actor(Role::Authority, "fr-csirt"), filed);
    searched_in_vain(&mut story);
    is_clean(&story);
}

/// What takes two persons: a policy, a suspension and its end.
fn two_persons(story: &mut Story) {
    let policy = Policy { grants: false, ..values::policy() };
    let lapses_at = at(story.now + 7 * 24 * 60);
    let proposed = PolicyEvent::Proposed { policy: policy.clone(), by: principal("anna"), lapses_at };
    story.commit("eligibility.policy", officer("anna"), [proposed]);
    story.now += 1;
    let (proposed_by, approved_by) = (principal("anna"), principal("bert"));
    let put = PolicyEvent::PutInForce { policy: policy.clone(), proposed_by, approved_by };
    story.commit("eligibility.policy", officer("bert"), [put]);
    story.policy = 2;
    story.taken([DeskEvent::PolicyTaken(policy)]);
    suspension(story, "anna", "bert");
    story.taken([DeskEvent::ProviderTaken { provider: firm("a", 1), suspended: true }]);
    let reinstated = ProviderEvent::Reinstated { reason: "settled".to_owned() };
    story.commit("registry.provider-a", officer("anna"), [reinstated]);
    story.taken([DeskEvent::ProviderTaken { provider: firm("a", 1), suspended: false }]);
    story.commit("registry.requirement-fr", muster(), [RequirementEvent::Set(requirement())]);
    story.taken([DeskEvent::RequirementTaken(requirement())]);
}

fn requirement() -> NationalRequirement {
    NationalRequirement { certificates_any_of: BTreeSet::new(), ..values::requirement() }
}

/// A request that nobody takes on in time, is escalated, ranked anew, and withdrawn in the end.
fn searched_in_vain(story: &mut Story) {
    story.grant("r2", 2, [offered(story.now, 3, "r2", "a", 120, false)]);
    story.now += 5;
    let reason = DeclineReason::NoCapacity;
    let declined = DeskEvent::Declined { offer: offer(3), reason, note: String::new() };
    story.desk(by("a"), [declined, offered(story.now, 4, "r2", "b", 120, false)]);
    story.now += 120;
    let escalated = DeskEvent::Escalated { package: package_id("r2-p1"), considered: vec![] };
    story.desk(muster(), [DeskEvent::Expired { offer: offer(4) }, escalated]);
    let lapses_at = at(story.now + 24 * 60);
    let (bands, reason) = ([3, 2, 3, 1, 3], "the only burns unit".to_owned());
    let proposed =
        AssessmentEvent::OverrideProposed { bands, reason: reason.clone(), by: principal("anna"), lapses_at };
    story.commit("eligibility.r2", officer("anna"), [proposed]);
    let overridden = AssessmentEvent::Overridden {
        bands,
        reason,
        proposed_by: principal("anna"),
        approved_by: principal("carla"),
        suggested: key("r2", 2),
        key: key("r2", 3),
    };
    story.commit("eligibility.r2", actor(Role::Commission, "carla"), [overridden]);
    story.taken([DeskEvent::PriorityTaken { key: key("r2", 3) }]);
    let reopened = DeskEvent::Reopened { package: package_id("r2-p1"), note: "by phone".to_owned() };
    story.desk(officer("anna"), [reopened, offered(story.now, 5, "r2", "a", 60, false)]);
    let withdrawn = RequestEvent::Withdrawn { reason: "the records are back".to_owned() };
    story.commit("intake.r2", actor(Role::Authority, "fr-csirt"), [withdrawn]);
    let rescinded = DeskEvent::Rescinded { offer: offer(5), reason: RescindReason::Withdrawn, note: String::new() };
    story.taken([DeskEvent::WithdrawalTaken { request: request_id("r2") }, rescinded, finished("r2", false)]);
    story.commit("eligibility.r2", muster(), [AssessmentEvent::Withdrawn]);
    story.commit("intake.r2", muster(), [RequestEvent::Closed { reason: CloseReason::Withdrawn }]);
}

#[test]
fn what_is_found_is_readable() {
    let mut story = at_work();
    story.grant("r2", 3, [offered(20, 2, "r2", "a", 60, false)]);
    let log = story.seal();
    let found = oracles::all(&log);
    assert_eq!(found[0].to_string(), "D3 at 16.0: contract c1 of a carries 2 teams of 1");
    assert_eq!(log_time(&log), at(20));
}

#[test]
fn every_oracle_has_its_own_id() {
    let ids: BTreeSet<_> = ORACLES.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids.len(), ORACLES.len());
}
