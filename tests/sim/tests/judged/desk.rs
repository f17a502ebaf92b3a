//! What breaks an invariant of dispatch is found by its oracle, and by no other.

use std::collections::BTreeSet;

use muster_domain::{
    codes::Country,
    dispatch::events::{DeclineReason, DeskEvent, ReleaseReason, RescindReason, Stage},
    event::Event,
    intake::events::RequestEvent,
    kernel::Role,
    registry::events::{AuthorityKind, CouncilAct, ProviderEvent, ThirdCountryEvent},
};
use muster_golden::values::{self, package_id, request_id};
use muster_journal::stored::Position;

use crate::story::{
    Story, accepted, actor, asked, at, at_work, by, finished, firm, is_clean, muster, offer, offered, officer, only,
};

#[test]
fn d1_finds_a_command_that_was_done_twice() {
    let mut story = at_work();
    let first = story.find(|event| matches!(event, Event::Realm(_))).command;
    story.last().command = first;
    only("D1", "was done before, at 1.0", &story);
}

#[test]
fn d2_finds_an_offer_beside_an_engagement() {
    let mut story = Story::new();
    story.enrol(firm("a", 1), []);
    story.enrol(firm("b", 1), []);
    story.grant("r1", 4, [offered(0, 1, "r1", "a", 30, false), offered(0, 2, "r1", "b", 30, true)]);
    story.desk(by("b"), [accepted(0, 2)]);
    only("D2", "o-2 is at work and o-1 is still asked", &story);
}

#[test]
fn d2_finds_days_that_were_not_granted() {
    let mut story = asked();
    let granted = story.find(|event| matches!(event, Event::Desk(DeskEvent::GrantTaken { .. })));
    let Some(Event::Desk(DeskEvent::GrantTaken { packages, .. })) = granted.events.first_mut() else { unreachable!() };
    packages[0].person_days = 21;
    only("D2", "have 21 person-days, 20 were granted", &story);
}

#[test]
fn d3_finds_a_team_that_is_promised_twice() {
    let mut story = at_work();
    story.grant("r2", 3, [offered(20, 2, "r2", "a", 60, false)]);
    only("D3", "carries 2 teams of 1", &story);
}

#[test]
fn d3_finds_an_offer_that_outlives_a_cut() {
    let mut story = asked();
    let amended = ProviderEvent::Amended(firm("a", 0));
    story.commit("registry.provider-a", actor(Role::Operator, "operator-1"), [amended]);
    story.taken([DeskEvent::ProviderTaken { provider: firm("a", 0), suspended: false }]);
    only("D3", "carries 1 teams of 0", &story);
}

#[test]
fn d4_finds_a_decision_on_an_older_state() {
    let mut story = at_work();
    story.last().decided_at = Some(Position { sequence: 3, index: 0 });
    only("D4", "decided on 3.0, and it follows 9.0", &story);
}

#[test]
fn d5_finds_an_offer_after_the_withdrawal() {
    let mut story = asked();
    withdraw(&mut story, true);
    story.desk(muster(), [offered(10, 2, "r1", "a", 60, false)]);
    only("D5", "r1 was withdrawn, and o-2 is offered", &story);
}

#[test]
fn d5_finds_an_offer_that_outlives_the_withdrawal() {
    let mut story = asked();
    withdraw(&mut story, false);
    only("D5", "o-1 does not end in that commit", &story);
}

fn withdraw(story: &mut Story, ends: bool) {
    let withdrawn = RequestEvent::Withdrawn { reason: "the records are back".to_owned() };
    story.commit("intake.r1", actor(Role::Authority, "fr-csirt"), [withdrawn]);
    let reason = RescindReason::Withdrawn;
    let rescinded = ends.then(|| DeskEvent::Rescinded { offer: offer(1), reason, note: String::new() });
    let taken = [DeskEvent::WithdrawalTaken { request: request_id("r1") }].into_iter().chain(rescinded);
    story.taken(taken.chain([finished("r1", false)]));
}

#[test]
fn d6_finds_an_answer_of_somebody_else() {
    let mut story = asked();
    story.desk(by("b"), [accepted(10, 1)]);
    only("D6", "is for a to answer, not for provider b", &story);
}

#[test]
fn d6_finds_an_answer_that_comes_too_late() {
    let mut story = asked();
    story.now = 60;
    story.desk(by("a"), [accepted(60, 1)]);
    only("D6", "and is accepted by what was received at", &story);
}

#[test]
fn d6_finds_an_offer_that_ends_twice() {
    let mut story = asked();
    story.desk(by("a"), [accepted(10, 1)]);
    story.now = 60;
    story.desk(muster(), [DeskEvent::Expired { offer: offer(1) }]);
    only("D6", "is accepted already, and expired now", &story);
}

#[test]
fn d8_finds_a_provider_that_a_rule_forbids() {
    let mut abroad = firm("a", 1);
    abroad.contracts[0].member_states = BTreeSet::from([Country::parse("BE").unwrap()]);
    let mut story = Story::new();
    story.enrol(abroad, []);
    story.grant("r1", 3, [offered(0, 1, "r1", "a", 60, false)]);
    only("D8", "its contract leaves FR out", &story);
}

#[test]
fn d8_finds_a_provider_that_said_no_before() {
    let mut story = asked();
    let declined = DeskEvent::Declined { offer: offer(1), reason: DeclineReason::Skills, note: String::new() };
    story.desk(by("a"), [declined, offered(10, 2, "r1", "a", 60, false)]);
    only("D8", "it declined, let expire or gave back this package before", &story);
}

/// A third country's request beside an act that is in force for so many minutes, and one that asks for days.
fn asked_from_abroad(minutes: i64) -> Story {
    let mut story = Story::new();
    story.user = AuthorityKind::ThirdCountry;
    story.enrol(firm("a", 1), []);
    let country = Country::parse("FR").unwrap();
    let act = CouncilAct { country, from: at(0), until: at(minutes), ..values::council_act() };
    let adopted = ThirdCountryEvent::Authorised(act.clone());
    story.commit("registry.third-country-fr", actor(Role::Commission, "carla"), [adopted]);
    story.taken([DeskEvent::CouncilActTaken(act)]);
    story.grant("r1", 3, [offered(0, 1, "r1", "a", 60, false)]);
    story.now = 10;
    story
}

#[test]
fn d8_finds_an_offer_for_a_third_country_without_an_act_in_force() {
    let mut story = asked_from_abroad(60);
    is_clean(&story);
    story.now = 60;
    let expired = DeskEvent::Expired { offer: offer(1) };
    story.enrol(firm("b", 1), []);
    story.desk(muster(), [expired, offered(60, 2, "r1", "b", 60, false)]);
    only("D8", "no act opens it to FR", &story);
}

#[test]
fn d8_finds_work_that_goes_on_when_access_has_ended() {
    let mut story = asked_from_abroad(60);
    story.desk(by("a"), [accepted(10, 1)]);
    story.now = 60;
    story.desk(by("a"), [DeskEvent::StageReached { offer: offer(1), stage: Stage::OnTask }]);
    is_clean(&story);
    story.now = 61;
    story.desk(by("a"), [DeskEvent::DaysReported { offer: offer(1), days_used: 1 }]);
    only("D8", "o-1 works on, and no act opens it to FR", &story);
}

#[test]
fn taken_finds_a_repeal_that_nobody_recorded() {
    let mut story = asked_from_abroad(600);
    let (country, reference) = (Country::parse("FR").unwrap(), values::council_act().reference);
    let rescinded = DeskEvent::Rescinded { offer: offer(1), reason: RescindReason::NotAdmissible, note: String::new() };
    story.desk(muster(), [DeskEvent::RepealTaken { country, reference }, rescinded]);
    only("taken", "it takes a fact that nobody recorded", &story);
}

#[test]
fn d9_finds_a_higher_package_that_waits_for_what_a_lower_one_is_offered() {
    let mut story = asked();
    let escalated = DeskEvent::Escalated { package: package_id("r2-p1"), considered: vec![] };
    story.grant("r2", 4, [escalated]);
    only("D9", "r2-p1 waits beside a, where offer o-1 would yield", &story);
}

#[test]
fn d9_finds_a_wait_that_ends_when_others_move() {
    let escalated = |request: &str| {
        let package = package_id(&format!("{request}-p1"));
        DeskEvent::Escalated { package, considered: vec![] }
    };
    let mut story = Story::new();
    story.enrol(firm("b", 1), []);
    story.grant("r2", 3, [offered(0, 1, "r2", "b", 60, false)]);
    let declined = DeskEvent::Declined { offer: offer(1), reason: DeclineReason::Skills, note: String::new() };
    story.desk(by("b"), [declined, escalated("r2")]);
    story.grant("r0", 2, [offered(0, 2, "r0", "b", 120, false)]);
    story.enrol(firm("a", 1), [offered(0, 3, "r2", "a", 60, false)]);
    is_clean(&story);
    // The highest could have gone to b, where the lowest would have yielded.
    let reason = RescindReason::HigherPriority;
    let rescinded = DeskEvent::Rescinded { offer: offer(3), reason, note: String::new() };
    story.grant("r1", 4, [rescinded, offered(0, 4, "r1", "a", 30, false)]);
    only("D9", "r2-p1 waits beside b, where offer o-2 would yield, after r1-p1 goes to b", &story);
}

#[test]
fn v1_finds_a_package_that_waits_beside_a_free_team() {
    let mut story = Story::new();
    story.enrol(firm("a", 1), []);
    story.grant("r1", 3, []);
    only("V1", "r1-p1 waits beside a, which is free", &story);
}

#[test]
fn v1_lets_the_desk_answer_first_and_then_look_at_what_time_has_brought() {
    let mut begins_later = firm("b", 1);
    begins_later.contracts[0].from = at(30);
    let mut story = Story::new();
    story.enrol(firm("a", 1), []);
    story.enrol(begins_later, []);
    story.grant("r1", 3, [offered(0, 1, "r1", "a", 60, false)]);
    story.grant("r2", 3, [DeskEvent::Escalated { package: package_id("r2-p1"), considered: vec![] }]);
    story.now = 30;
    story.desk(by("a"), [DeskEvent::Seen { offer: offer(1) }]);
    is_clean(&story);
    story.enrol(firm("c", 0), []);
    only("V1", "r2-p1 waits beside b, which is free", &story);
}

#[test]
fn d11_finds_an_offer_that_stands_longer_than_the_policy_says() {
    let mut story = Story::new();
    story.enrol(firm("a", 1), []);
    story.grant("r1", 3, [offered(0, 1, "r1", "a", 61, false)]);
    only("D11", "by policy and priority it is 2019-11-16T07:00:00Z", &story);
}

#[test]
fn d11_finds_a_wave_wider_than_the_policy_says() {
    let mut story = Story::new();
    story.enrol(firm("a", 1), []);
    story.enrol(firm("b", 1), []);
    story.grant("r1", 3, [offered(0, 1, "r1", "a", 60, false), offered(0, 2, "r1", "b", 60, true)]);
    only("D11", "the policy asks 1 at once", &story);
}

#[test]
fn d11_finds_work_that_ends_later_than_what_is_left_of_the_grant() {
    let mut story = at_work();
    story.enrol(firm("b", 1), []);
    story.desk(by("a"), [DeskEvent::StageReached { offer: offer(1), stage: Stage::OnTask }]);
    let (reason, note) = (ReleaseReason::Failed, "ill".to_owned());
    let failed = DeskEvent::Released { offer: offer(1), reason, note, days_used: 5 };
    story.desk(by("a"), [failed, offered(20, 2, "r1", "b", 60, false)]);
    story.desk(by("b"), [accepted(20, 2)]);
    only("D11", "by the grant and what is left of it", &story);
}

#[test]
fn d13_finds_work_that_ends_twice() {
    let mut story = at_work();
    story.desk(by("a"), [DeskEvent::Completed { offer: offer(1), days_used: 5 }, finished("r1", true)]);
    let (reason, note) = (ReleaseReason::Officer, "twice".to_owned());
    story.desk(officer("anna"), [DeskEvent::Released { offer: offer(1), reason, note, days_used: 5 }]);
    only("D13", "engagement o-1 has ended already", &story);
}

#[test]
fn d13_finds_days_beyond_what_was_reserved() {
    let mut story = at_work();
    story.desk(by("a"), [DeskEvent::DaysReported { offer: offer(1), days_used: 21 }]);
    only("D13", "used 21 days after 0, of 20", &story);
}

#[test]
fn d13_finds_a_request_that_is_not_finished() {
    let mut story = at_work();
    story.desk(by("a"), [DeskEvent::Completed { offer: offer(1), days_used: 5 }]);
    only("D13", "nothing more is to come for r1, and it is not finished", &story);
}
