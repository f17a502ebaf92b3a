//! Support for third countries, and how long any support may last.

use super::*;
use crate::{dispatch::events::ReleaseReason, registry::events::CouncilAct};

const DAY: i64 = 24 * 60;

fn md() -> Country {
    Country::parse("MD").unwrap()
}

/// An act in force from minute 0 for so many days.
fn act(reference: &str, days: i64, days_max: Option<u32>) -> Command {
    let (country, reference) = (md(), reference.to_owned());
    Command::TakeCouncilAct(CouncilAct { country, reference, from: at(0), until: at(days * DAY), days_max })
}

fn repeal(reference: &str) -> Command {
    Command::TakeRepeal { country: md(), reference: reference.to_owned() }
}

fn firm(id: &str) -> Command {
    let mut provider = provider(id, 1);
    provider.contracts[0].member_states.insert(md());
    Command::TakeProvider(provider)
}

/// A hospital in Moldova asks for one remote team.
fn from(user: AuthorityKind, request: &str) -> Command {
    let Command::TakeGrant { mut case, terms, key } = grant(request, 3, 1, 0) else { unreachable!() };
    (case.country, case.user) = (md(), user);
    Command::TakeGrant { case, terms, key }
}

fn moldova(request: &str) -> Command {
    from(AuthorityKind::ThirdCountry, request)
}

/// Whoever was made an offer takes it.
fn takes(desk: &mut Desk, n: u32, minute: i64) -> Vec<DeskEvent> {
    let by = desk.offers[&offer(n)].provider.clone();
    ask(desk, Command::Accept { offer: offer(n), by }, &received(minute)).unwrap()
}

fn goes_on_task(desk: &mut Desk, n: u32, minute: i64) {
    let by = desk.offers[&offer(n)].provider.clone();
    ask(desk, Command::ReachStage { offer: offer(n), by, stage: Stage::OnTask }, &received(minute)).unwrap();
}

fn fails(desk: &mut Desk, n: u32, minute: i64) {
    let by = desk.offers[&offer(n)].provider.clone();
    let failed = Command::Fail { offer: offer(n), by, note: "ill".to_owned(), days_used: 1 };
    ask(desk, failed, &received(minute)).unwrap();
}

fn released(n: u32, days_used: u32) -> DeskEvent {
    let note = "no Council act opens the Reserve to MD for this any more".to_owned();
    DeskEvent::Released { offer: offer(n), reason: ReleaseReason::AccessEnded, note, days_used }
}

fn dropped_for_want_of_an_act(event: &DeskEvent) -> bool {
    let dropped = |candidate: &Candidate| candidate.standing == Verdict::Dropped(Rule::CouncilAct);
    matches!(event, DeskEvent::Escalated { considered, .. } if considered.iter().all(dropped))
}

#[test]
fn without_an_act_in_force_a_third_country_waits_aloud_and_is_served_once_there_is_one() {
    let mut desk = desk(vec![firm("a")]);
    let events = ask(&mut desk, moldova("r1"), &received(0)).unwrap();
    assert!(dropped_for_want_of_an_act(&events[1]), "{events:?}");
    let events = ask(&mut desk, act("2025/1458", 100, None), &received(1)).unwrap();
    assert_eq!(offers(&events), [offered(1, "r1-p1", "a")]);
}

#[test]
fn a_union_entity_needs_no_act_wherever_it_is() {
    let mut desk = desk(vec![firm("a")]);
    let events = ask(&mut desk, from(AuthorityKind::CertEu, "r1"), &received(0)).unwrap();
    assert_eq!(offers(&events), [offered(1, "r1-p1", "a")]);
}

#[test]
fn a_repeal_takes_offers_back_and_ends_work_at_once() {
    let mut desk = desk(vec![firm("a"), firm("b"), act("2025/1458", 100, None), moldova("r1"), moldova("r2")]);
    takes(&mut desk, 1, 1);
    let events = ask(&mut desk, repeal("2025/1458"), &received(2)).unwrap();
    assert_eq!(events[1], released(1, 0));
    assert_eq!(events[2], rescinded(2, RescindReason::NotAdmissible));
    assert_eq!(events.iter().filter(|event| dropped_for_want_of_an_act(event)).count(), 2);
    assert!(ask(&mut desk, repeal("2025/1458"), &received(3)).unwrap().is_empty());
}

#[test]
fn work_goes_on_from_one_act_to_the_next_and_ends_with_the_last() {
    let mut desk = desk(vec![firm("a"), act("first", 10, None), moldova("r1")]);
    takes(&mut desk, 1, 1);
    goes_on_task(&mut desk, 1, 60);
    assert_eq!(desk.next_wake(at(60)), Some(at(10 * DAY)));
    let next = CouncilAct {
        country: md(),
        reference: "next".to_owned(),
        from: at(10 * DAY),
        until: at(12 * DAY),
        days_max: None,
    };
    ask(&mut desk, Command::TakeCouncilAct(next), &received(70)).unwrap();
    assert!(ask(&mut desk, Command::Wake, &received(10 * DAY)).unwrap().is_empty());
    let events = ask(&mut desk, Command::Wake, &received(12 * DAY)).unwrap();
    assert_eq!(events[0], released(1, 0));
    assert!(dropped_for_want_of_an_act(&events[1]));
}

#[test]
fn whoever_worked_when_access_ended_is_asked_again_when_it_comes_back() {
    let mut desk = desk(vec![firm("a"), act("first", 10, None), moldova("r1")]);
    takes(&mut desk, 1, 1);
    ask(&mut desk, repeal("first"), &received(2)).unwrap();
    let events = ask(&mut desk, act("second", 10, None), &received(3)).unwrap();
    assert_eq!(offers(&events), [offered(2, "r1-p1", "a")]);
}

#[test]
fn an_offer_cannot_be_accepted_once_access_has_ended() {
    let mut desk = desk(vec![firm("a"), act("first", 10, None)]);
    ask(&mut desk, moldova("r1"), &received(10 * DAY - 1)).unwrap();
    let late = ask(&mut desk, accept(1, "a"), &received(10 * DAY));
    assert_eq!(late, Err(Rejection::OfferRescinded(offer(1))));
}

#[test]
fn support_for_one_request_lasts_no_longer_than_its_act_allows() {
    let mut desk = desk(vec![firm("a"), firm("b"), act("2025/1458", 365, Some(75)), moldova("r1")]);
    takes(&mut desk, 1, 0);
    goes_on_task(&mut desk, 1, 1);
    let extend = |days| Command::Extend { offer: offer(1), ends_at: at(days * DAY), person_days: 0 };
    let days = || "the time that Council act 2025/1458 allows for one request".to_owned();
    let refused = ask(&mut desk, extend(76), &received(2));
    assert_eq!(refused, Err(Rejection::TooLong(at(75 * DAY), days())));
    ask(&mut desk, extend(75), &received(2)).unwrap();
    fails(&mut desk, 1, 70 * DAY);
    let events = takes(&mut desk, 2, 70 * DAY + 1);
    assert!(matches!(&events[0], DeskEvent::Accepted { ends_at, .. } if *ends_at == at(75 * DAY)), "{events:?}");
    goes_on_task(&mut desk, 2, 70 * DAY + 2);
    assert_eq!(desk.next_wake(at(70 * DAY + 2)), Some(at(75 * DAY)));
    assert_eq!(ask(&mut desk, Command::Wake, &received(75 * DAY)).unwrap()[0], released(2, 0));
}

#[test]
fn whoever_goes_on_with_the_work_does_what_is_left_a_day_at_least() {
    let left_after = |fails_at: i64| {
        let mut desk = desk(vec![Command::TakeProvider(provider("a", 1)), Command::TakeProvider(provider("b", 1))]);
        ask(&mut desk, grant("r1", 3, 1, 0), &received(0)).unwrap();
        takes(&mut desk, 1, 0);
        goes_on_task(&mut desk, 1, 60);
        fails(&mut desk, 1, fails_at);
        let events = takes(&mut desk, 2, fails_at);
        let [DeskEvent::Accepted { ends_at, .. }] = events[..] else { panic!("{events:?}") };
        ends_at
    };
    assert_eq!(left_after(10 * DAY), at(30 * DAY));
    assert_eq!(left_after(30 * DAY - 60), at(31 * DAY - 60));
}

#[test]
fn an_extension_ends_with_the_contract() {
    let mut firm = provider("a", 1);
    firm.contracts[0].until = at(40 * DAY);
    let mut desk = desk(vec![Command::TakeProvider(firm), grant("r1", 3, 1, 0)]);
    takes(&mut desk, 1, 0);
    let extend = |days| Command::Extend { offer: offer(1), ends_at: at(days * DAY), person_days: 0 };
    let refused = ask(&mut desk, extend(41), &received(1));
    assert_eq!(refused, Err(Rejection::TooLong(at(40 * DAY), "contract c1".to_owned())));
    ask(&mut desk, extend(40), &received(1)).unwrap();
}
