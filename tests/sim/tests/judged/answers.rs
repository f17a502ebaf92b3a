//! What breaks an invariant of requests and answers is found by its oracle, and by no other.

use std::time::Duration;

use muster_domain::{
    dispatch::events::{DeskEvent, Stage},
    eligibility::events::{AssessmentEvent, Gate, Level, Outcome},
    event::Event,
    intake::events::{Facts, RequestEvent},
    kernel::Role,
    registry::events::{MandateEvent, ProviderEvent},
};
use muster_golden::values::{self, package_id};
use muster_sim::oracles::d10;

use crate::story::{
    Story, actor, asked, at, at_work, by, facts, firm, is_clean, mandate, muster, offer, officer, only, opened,
    suspension,
};

#[test]
fn d7_finds_a_request_that_nobody_endorsed() {
    let mut story = Story::new();
    story.commit("intake.r1", actor(Role::Hospital, "chu-rouen"), [opened(facts())]);
    let (route, hospital) = (values::route(values::authority()), values::hospital().id);
    let submitted = RequestEvent::Submitted { route, hospital, facts: facts(), mandate: None };
    story.commit("intake.r1", actor(Role::Spoc, "fr-spoc"), [submitted]);
    only("D7", "Opened does not lead on by Submitted", &story);
}

#[test]
fn d7_finds_an_answer_given_twice() {
    let mut story = Story::new();
    story.submit("r1");
    story.assess("r1", 3, &[]);
    story.decide("r1", 3, Outcome::Refused);
    story.decide("r1", 3, Outcome::Refused);
    only("D7", "cannot be Decided here", &story);
}

#[test]
fn d7_finds_a_stage_out_of_order() {
    let mut story = at_work();
    story.desk(by("a"), [DeskEvent::StageReached { offer: offer(1), stage: Stage::Recovering }]);
    only("D7", "is mobilising and cannot be recovering next", &story);
}

#[test]
fn d7_finds_a_mandate_that_acts_after_its_end() {
    let mut story = Story::new();
    mandate(&mut story);
    story.commit("registry.mandate-fr-rouen-2019", actor(Role::Spoc, "fr-spoc"), [MandateEvent::Countersigned]);
    only("D7", "that is Revoked cannot be Countersigned", &story);
}

#[test]
fn d7_finds_a_search_that_is_given_up_while_somebody_is_asked() {
    let mut story = asked();
    let reopened = DeskEvent::Reopened { package: package_id("r1-p1"), note: "by phone".to_owned() };
    story.desk(officer("anna"), [reopened]);
    only("D7", "is opened again and was not waiting", &story);
}

#[test]
fn d10_finds_an_answer_that_is_late_and_does_not_say_so() {
    let mut story = Story::new();
    story.submit("r1");
    story.assess("r1", 3, &[]);
    for (level, hours) in [(Level::H24, 24), (Level::H36, 36), (Level::H44, 44)] {
        story.now = hours * 60;
        story.commit("eligibility.r1", muster(), [AssessmentEvent::Escalated { level }]);
    }
    is_clean(&story);
    story.now = 48 * 60;
    story.decide("r1", 3, Outcome::Refused);
    only("D10", "nothing says that it is late", &story);
}

#[test]
fn d10_finds_a_deadline_that_passed_unsaid() {
    let mut story = Story::new();
    story.submit("r1");
    story.assess("r1", 3, &[]);
    let log = story.seal();
    let grace = Duration::from_secs(60);
    assert_eq!(d10::check_until(&log, at(24 * 60 + 1), grace), []);
    let found = d10::check_until(&log, at(24 * 60 + 2), grace);
    assert!(found[0].says.contains("nothing says that it was escalated (24h)"), "{found:?}");
    assert_eq!(d10::check_until(&log, at(100 * 60), grace).len(), 4, "three levels, and the deadline");
}

#[test]
fn d10_finds_an_escalation_that_comes_early() {
    let mut story = Story::new();
    story.submit("r1");
    story.assess("r1", 3, &[]);
    story.now = 24 * 60 - 1;
    story.commit("eligibility.r1", muster(), [AssessmentEvent::Escalated { level: Level::H24 }]);
    only("D10", "was escalated (24h) at", &story);
}

#[test]
fn d12_finds_one_person_who_did_what_takes_two() {
    let mut story = Story::new();
    story.enrol(firm("a", 1), []);
    suspension(&mut story, "anna", "anna");
    story.taken([DeskEvent::ProviderTaken { provider: firm("a", 1), suspended: true }]);
    only("D12", "anna approved what they had proposed", &story);
}

#[test]
fn d12_finds_an_approval_of_what_was_not_proposed() {
    let mut story = Story::new();
    story.enrol(firm("a", 1), []);
    suspension(&mut story, "anna", "bert");
    let suspended = story.find(|event| matches!(event, Event::Provider(ProviderEvent::Suspended { .. })));
    suspended.received_at = at(7 * 24 * 60);
    suspended.recorded_at = at(7 * 24 * 60);
    story.taken([DeskEvent::ProviderTaken { provider: firm("a", 1), suspended: true }]);
    only("D12", "when the proposal had lapsed", &story);
}

#[test]
fn d14_finds_a_grant_over_a_failed_gate() {
    let mut story = Story::new();
    story.submit("r1");
    story.assess("r1", 3, &[Gate::OwnMeasures]);
    story.decide("r1", 3, Outcome::Refused);
    is_clean(&story);
    let mut story = Story::new();
    story.submit("r1");
    story.assess("r1", 3, &[Gate::OwnMeasures]);
    story.decide("r1", 3, Outcome::Granted);
    only("D14", "granted, and gate own-measures fails", &story);
}

#[test]
fn d14_finds_a_refusal_that_no_person_gave_and_no_gate_asked() {
    let mut story = Story::new();
    story.submit("r1");
    story.assess("r1", 3, &[]);
    story.decide("r1", 3, Outcome::Refused);
    story.last().actor = muster();
    if let Some(Event::Assessment(AssessmentEvent::Decided { by_policy, .. })) = story.last().events.first_mut() {
        *by_policy = Some(2);
    }
    only("D14", "no gate fails and no person judged", &story);
}

#[test]
fn d15_finds_an_exercise_in_live() {
    let mut story = Story::new();
    let exercise = Facts { exercise: true, ..facts() };
    story.commit("intake.r1", actor(Role::Hospital, "chu-rouen"), [opened(exercise)]);
    only("D15", "is an exercise, and this is live", &story);
    let mut story = Story::new();
    story.elsewhere("night-watch");
    story.commit("intake.r1", actor(Role::Hospital, "chu-rouen"), [opened(facts())]);
    only("D15", "is of another realm than live", &story);
}
