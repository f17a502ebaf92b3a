//! The 48 hours.

use muster_api::{
    eligibility::v1::GetAssessmentRequest,
    r#type::v1::{ReadAt, read_at::AsOf},
};
use muster_domain::kernel::Role;
use muster_edge::{
    testing::{START, call},
    wire::fields::timestamp,
};

use crate::house::{HOUR, House, csirt, emergency_unknown, grant, moldova};

/// What is due at once is done in any order.
const ALL_AT_ONCE: [&str; 5] = ["assessed", "deadline-missed", "escalated", "escalated", "escalated"];

#[tokio::test]
async fn an_answer_that_does_not_come_is_escalated_and_then_missed() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    let mut story = vec!["assessed"];
    let statuses = [(0, "on-track"), (24, "at-risk"), (36, "at-risk"), (44, "at-risk"), (48, "breached")];
    for (hours, status) in statuses {
        house.rig.clock.set(START.plus(hours * HOUR));
        match hours {
            0 => {}
            48 => story.push("deadline-missed"),
            _ => story.push("escalated"),
        }
        house.comes("r1", &story).await;
        let assessment = house.look("r1").await;
        let clock = assessment.answer.unwrap();
        assert_eq!((clock.status.as_str(), clock.owner.as_str()), (status, "officer"), "{hours} h");
        assert_eq!(clock.due_at, Some(timestamp(START.plus(48 * HOUR))));
        assert_eq!(assessment.escalations.len(), story.iter().filter(|event| **event == "escalated").count());
        assert_eq!(assessment.deadline_missed, hours == 48);
    }
    house.decide(Role::Officer, "anna", grant("r1")).await.unwrap();
    let late = house.look("r1").await;
    assert_eq!(late.escalations, ["24h", "36h", "44h"]);
    assert_eq!(late.answer.unwrap().status, "breached", "what is met late stays breached");
}

#[tokio::test]
async fn nothing_is_told_a_moment_too_early() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    house.rig.clock.set(muster_domain::kernel::Timestamp::from_millis(START.plus(24 * HOUR).millis() - 1));
    // A request that comes now is assessed, so the loop has looked at the clock.
    house.assessed("r2", csirt("FR"), |_| {}).await;
    assert_eq!(house.story("r1").await, ["assessed"]);
    house.rig.clock.set(START.plus(24 * HOUR));
    house.comes("r1", &["assessed", "escalated"]).await;
}

#[tokio::test]
async fn an_answer_in_time_ends_the_clock() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    house.rig.clock.set(START.plus(25 * HOUR));
    house.comes("r1", &["assessed", "escalated"]).await;
    house.decide(Role::Officer, "anna", grant("r1")).await.unwrap();
    house.rig.clock.set(START.plus(100 * HOUR));
    house.assessed("r2", csirt("FR"), |_| {}).await;
    assert_eq!(house.story("r1").await, ["assessed", "escalated", "decided"]);
    assert_eq!(house.look("r1").await.answer.unwrap().status, "met");
}

#[tokio::test]
async fn a_third_country_is_never_escalated() {
    let house = House::open().await;
    house.assessed("r1", moldova(), |_| {}).await;
    house.assessed("r2", csirt("FR"), |_| {}).await;
    house.rig.clock.set(START.plus(48 * HOUR));
    house.comes_in_any_order("r2", &ALL_AT_ONCE).await;
    assert_eq!(house.story("r1").await, ["assessed"]);
}

#[tokio::test]
async fn a_finding_does_not_stop_the_clock() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), emergency_unknown).await;
    house.rig.clock.set(START.plus(23 * HOUR));
    let found = muster_api::eligibility::v1::finding::Fact::Emergency("closed".to_owned());
    house.resolve("anna", "r1", found).await.unwrap();
    house.rig.clock.set(START.plus(24 * HOUR));
    house.comes("r1", &["assessed", "resolved", "escalated"]).await;
}

#[tokio::test]
async fn a_look_back_shows_the_assessment_and_its_clock_as_they_were() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    let assessed_at = house.get(Role::Officer, "anna", "r1").await.unwrap().as_of.unwrap();
    house.rig.clock.set(START.plus(48 * HOUR));
    house.comes_in_any_order("r1", &ALL_AT_ONCE).await;
    let before = timestamp(START.plus(30 * HOUR));
    for (as_of, status) in [(AsOf::Position(assessed_at), "on-track"), (AsOf::Time(before), "at-risk")] {
        let read_at = Some(ReadAt { as_of: Some(as_of), at_least: None });
        let message = GetAssessmentRequest { request: "r1".to_owned(), read_at };
        let answer = house.client.clone().get_assessment(call(Role::Officer, "anna", message)).await.unwrap();
        let assessment = answer.into_inner().assessment.unwrap();
        assert_eq!((assessment.state.as_str(), assessment.deadline_missed), ("assessed", false));
        assert_eq!(assessment.answer.unwrap().status, status);
    }
}
