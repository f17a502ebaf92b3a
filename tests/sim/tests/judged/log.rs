//! What breaks an invariant of the log is found by its oracle, and by no other.

use muster_domain::{
    dispatch::events::DeskEvent,
    kernel::Role,
    registry::events::{HospitalEvent, ProviderEvent},
};
use muster_golden::values;
use muster_journal::stored::Position;
use muster_sim::{
    log::commits,
    oracles::{Violation, l1},
};

use crate::story::{Story, accepted, actor, asked, at, at_work, by, facts, firm, is_clean, muster, only, opened};

#[test]
fn l1_finds_an_acknowledged_command_that_is_gone() {
    let log = at_work().seal();
    let mut acknowledged: Vec<_> = commits(&log).map(|at| (at.position, at.command())).collect();
    assert_eq!(l1::check(&log, &acknowledged), []);
    let gone = Position { sequence: 99, index: 0 };
    acknowledged.push((gone, acknowledged[0].1));
    let says = format!("command {} was acknowledged here, and nothing stands here", acknowledged[0].1);
    assert_eq!(l1::check(&log, &acknowledged), [Violation::new("L1", gone, says)]);
}

#[test]
fn l3_finds_a_gap() {
    let mut story = asked();
    story.skip();
    story.desk(by("a"), [accepted(10, 1)]);
    only("L3", "record 10 should stand here", &story);
}

#[test]
fn l4_finds_an_event_on_a_subject_that_is_not_its_own() {
    let mut story = Story::new();
    let record = HospitalEvent::Registered(values::hospital());
    story.commit("registry.hospital-other", actor(Role::Operator, "operator-1"), [record]);
    only("L4", "an event of another aggregate", &story);
}

#[test]
fn l5_finds_a_frame_that_does_not_follow() {
    let mut story = at_work();
    story.unchain();
    only("L5", "it does not follow the frame before it", &story);
}

#[test]
fn l7_finds_a_record_that_cannot_be_read() {
    let mut story = at_work();
    story.rot();
    only("L7", "muster.live.dispatch.desk", &story);
}

#[test]
fn a_fact_that_the_desk_skips_is_found() {
    let mut story = asked();
    let amended = ProviderEvent::Amended(firm("a", 2));
    story.commit("registry.provider-a", actor(Role::Operator, "operator-1"), [amended]);
    is_clean(&story);
    story.desk(by("a"), [accepted(10, 1)]);
    only("taken", "terms of a, of 10, is skipped", &story);
}

#[test]
fn a_fact_that_waits_too_long_is_found() {
    let mut story = asked();
    let amended = ProviderEvent::Amended(firm("a", 2));
    story.commit("registry.provider-a", actor(Role::Operator, "operator-1"), [amended]);
    story.now += 2;
    story.commit("intake.r9", actor(Role::Hospital, "chu-rouen"), [opened(facts())]);
    only("taken", "terms of a: not taken by", &story);
}

#[test]
fn a_fact_that_nobody_recorded_is_found() {
    let mut story = asked();
    story.desk(muster(), [DeskEvent::ProviderTaken { provider: firm("a", 2), suspended: false }]);
    only("taken", "a fact that nobody recorded", &story);
}

#[test]
fn time_that_runs_backwards_is_found() {
    let mut story = at_work();
    story.last().recorded_at = at(-1);
    story.last().received_at = at(-1);
    let moved = accepted(-1, 1);
    story.last().events = vec![moved.into()];
    only("time", "recorded at", &story);
}
