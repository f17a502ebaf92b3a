//! What Muster owes by itself and does not do is seen; what it does in time is not.

use std::time::Duration;

use muster_domain::{
    dispatch::events::Stage,
    eligibility::{assessment::Command, events::Outcome},
    intake::events::CloseReason,
    kernel::Role,
};

use crate::story::{Story, actor, facts};

const R: &str = "r-7f3a";

/// What may be late by so much is three seconds of system time, and this realm runs 60 times as fast.
const GRACE: Duration = Duration::from_secs(180);

/// What is late just when it may be, and just after.
fn late(story: &Story, after: Duration) -> [Vec<String>; 2] {
    let (monitor, _) = story.read();
    // Commits are recorded two milliseconds after they were received.
    let due = story.now.plus(after + GRACE).plus(Duration::from_millis(2));
    [due, due.plus(Duration::from_millis(1))]
        .map(|now| monitor.late(now).into_iter().map(|(owed, _)| owed.to_string()).collect())
}

#[track_caller]
fn is_late_after(story: &Story, after: Duration, what: &str) {
    let [in_time, over] = late(story, after);
    assert!(!in_time.iter().any(|told| told == what), "too early: {in_time:?}");
    assert!(over.iter().any(|told| told == what), "{over:?}");
}

#[track_caller]
fn nothing_is_late(story: &Story) {
    assert_eq!(late(story, Duration::ZERO), [const { Vec::<String>::new() }; 2]);
}

#[test]
fn a_request_that_nobody_assesses_is_seen() {
    let mut story = Story::begin();
    story.submitted(R, facts());
    is_late_after(&story, Duration::ZERO, "a submitted request is not assessed: r-7f3a");
    nothing_is_late(story.assess(R));
}

#[test]
fn a_deadline_of_the_law_that_passes_in_silence_is_seen() {
    let mut story = Story::begin();
    story.submitted(R, facts());
    let submitted = story.now;
    story.assess(R);
    let (monitor, _) = story.read();
    let told = |hours| {
        let now = submitted.plus(Duration::from_hours(hours) + GRACE + Duration::from_millis(1));
        monitor.late(now).into_iter().map(|(owed, _)| owed.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(told(23), [""; 0]);
    assert_eq!(told(24), ["an answer that is near its deadline is not escalated: r-7f3a, 24h"]);
    assert_eq!(told(44).len(), 3);
    assert_eq!(told(48).last().unwrap(), "an answer is over its deadline, and that is not told: r-7f3a");
    story.answer(R, Outcome::Refused).close(R, CloseReason::Refused);
    nothing_is_late(&story);
}

#[test]
fn a_fact_that_the_desk_does_not_take_is_seen() {
    let mut story = Story::with(&["p1"]);
    story.submitted(R, facts()).assess(R).answer(R, Outcome::Granted);
    let head = story.head().sequence;
    is_late_after(&story, Duration::ZERO, &format!("a fact is not taken by the desk: {head}.0"));
    nothing_is_late(story.take_grant(R));
}

#[test]
fn a_fact_that_changes_nothing_for_the_desk_is_not_waited_for() {
    let mut story = Story::with(&["p1"]);
    story.submitted(R, facts()).assess(R);
    // Nothing is granted yet, so another rank is nothing to the desk.
    let (bands, reason) = ([4, 4, 4, 1, 2], "two wards are closed".to_owned());
    story.judge(R, Command::ProposeOverride { bands, reason }, &actor(Role::Officer, "anna"));
    story.judge(R, Command::ApproveOverride { bands }, &actor(Role::Commission, "carla"));
    nothing_is_late(&story);
}

#[test]
fn an_offer_that_does_not_end_and_work_that_is_not_released_are_seen() {
    let mut story = Story::with(&["p1", "p2"]);
    story.granted(R, facts());
    let [first, ..] = &story.pending("r-7f3a-p1")[..] else { unreachable!("somebody is asked") };
    let what = format!("an offer's time is over, and it has not ended: {first}");
    is_late_after(&story, Duration::from_secs(30 * 60) - Duration::from_millis(2), &what);
    story.accept(1);
    let engaged = format!("work has not begun in time, and is not released: {first}");
    // The team is to begin within six hours, and the policy gives one more.
    is_late_after(&story, Duration::from_hours(6 + 1) - Duration::from_millis(2), &engaged);
    story.wait(60 * 8).wake();
    let [_, over] = late(&story, Duration::ZERO);
    assert!(!over.contains(&engaged), "{over:?}");
}

#[test]
fn work_that_is_over_and_whose_request_goes_on_is_seen() {
    let mut story = Story::with(&["p1"]);
    story.granted(R, facts()).accept(1).stage(1, Stage::OnTask).wait(60).complete(1, 9);
    is_late_after(&story, Duration::ZERO, "a request is over, and has not ended: r-7f3a");
    nothing_is_late(story.end_support(R));
}

#[test]
fn a_story_that_went_well_owes_nothing() {
    nothing_is_late(&Story::whole(R));
}
