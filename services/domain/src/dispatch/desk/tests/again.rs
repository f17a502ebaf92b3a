//! Who is asked again for a package, for how much, and who never is.

use super::*;

/// A desk with three firms, one team each, and the first offer made: to whom.
fn three() -> (Desk, ProviderId) {
    let desk = desk(vec![
        Command::TakeProvider(provider("a", 1)),
        Command::TakeProvider(provider("b", 1)),
        Command::TakeProvider(provider("c", 1)),
        grant("r1", 3, 1, 0),
    ]);
    let first = desk.offers[&offer(1)].provider.clone();
    (desk, first)
}

fn asked(events: &[DeskEvent]) -> Vec<String> {
    offers(events).into_iter().map(|(_, _, provider)| provider).collect()
}

#[test]
fn whom_an_officer_passes_over_is_asked_again_only_once_everybody_is() {
    let (mut desk, first) = three();
    let rescind = Command::Rescind { offer: offer(1), note: "another firm is nearer".to_owned() };
    let next = asked(&ask(&mut desk, rescind, &received(1)).unwrap());
    assert!(next.len() == 1 && next[0] != first.as_str(), "{next:?}");
    let other = |n: u32, desk: &Desk| desk.offers[&offer(n)].provider.to_string();
    ask(&mut desk, decline(2, &next[0]), &received(2)).unwrap();
    let last = other(3, &desk);
    let events = ask(&mut desk, decline(3, &last), &received(3)).unwrap();
    assert!(matches!(events.last(), Some(DeskEvent::Escalated { .. })), "{events:?}");
    let reopen = Command::Reopen { package: PackageId::parse("r1-p1").unwrap(), note: "again".to_owned() };
    assert_eq!(asked(&ask(&mut desk, reopen, &received(4)).unwrap()), [first.to_string()]);
}

#[test]
fn a_conflict_of_interest_holds_for_the_whole_case_whoever_is_asked_again() {
    // None could do all of it, so there are packages.
    let firm = |id: &str| {
        let mut firm = provider(id, 3);
        firm.contracts[0].capacity.onsite_teams = 1;
        Command::TakeProvider(firm)
    };
    let mut desk = desk(vec![firm("a"), firm("b"), firm("c"), grant("r1", 3, 3, 2)]);
    let request = RequestId::parse("r1").unwrap();
    assert!(desk.requests[&request].packages.len() > 1);
    let (first, who) = desk.active().map(|(id, made)| (id.clone(), made.provider.clone())).next().unwrap();
    let (reason, note) = (DeclineReason::Conflict, String::new());
    let decline = Command::Decline { offer: first, by: who.clone(), reason, note };
    let events = ask(&mut desk, decline, &received(1)).unwrap();
    assert_eq!(desk.active().filter(|(_, made)| made.provider == who).count(), 0, "what it was offered is taken back");
    let Some(DeskEvent::Offered { considered, .. }) = events.last() else { panic!("{events:?}") };
    let verdict = considered.iter().find(|candidate| candidate.provider == who).unwrap();
    assert_eq!(verdict.standing, Verdict::Dropped(Rule::NoConflict));
    for package in desk.requests[&request].packages.clone() {
        let reopened = ask(&mut desk, Command::Reopen { package, note: "again".to_owned() }, &received(2));
        assert!(!reopened.is_ok_and(|events| asked(&events).contains(&who.to_string())));
    }
}

#[test]
fn days_that_an_officer_added_are_asked_of_who_comes_after() {
    let (mut desk, first) = three();
    ask(&mut desk, accept(1, first.as_str()), &received(0)).unwrap();
    let extend = Command::Extend { offer: offer(1), ends_at: at(730 * 60), person_days: 10 };
    ask(&mut desk, extend, &received(1)).unwrap();
    let fail = Command::Fail { offer: offer(1), by: first, note: "team lead ill".to_owned(), days_used: 25 };
    ask(&mut desk, fail, &received(2)).unwrap();
    assert_eq!(desk.offers[&offer(2)].takes.days, 5, "20 granted and 10 added, less 25 used");
}

#[test]
fn who_answers_late_is_told_when_the_offer_ended() {
    let (mut desk, first) = three();
    let ends = desk.next_wake(at(0)).unwrap();
    ask(&mut desk, Command::Wake, &Received { at: ends, ..received(0) }).unwrap();
    assert_eq!(ask(&mut desk, accept(1, first.as_str()), &received(1)), Err(Rejection::OfferExpired(offer(1), ends)));
}

#[test]
fn when_all_days_are_used_a_human_is_told_for_nothing_else_gives_more() {
    let mut firm = provider("a", 1);
    firm.contracts[0].capacity.person_days = 30;
    firm.contracts[0].capacity.pre_committed_days = 0;
    let mut desk = desk(vec![Command::TakeProvider(firm), grant("r1", 3, 1, 0)]);
    ask(&mut desk, accept(1, "a"), &received(0)).unwrap();
    let events = ask(&mut desk, grant("r2", 3, 1, 0), &received(1)).unwrap();
    assert_eq!(events.len(), 1, "it waits: days that are reserved may come back");
    let done = Command::Complete { offer: offer(1), by: by("a"), days_used: 20 };
    let events = ask(&mut desk, done, &received(2)).unwrap();
    let told = events.iter().find(|event| matches!(event, DeskEvent::Escalated { .. }));
    let Some(DeskEvent::Escalated { considered, .. }) = told else { panic!("{events:?}") };
    assert_eq!(considered[0].standing, Verdict::Dropped(Rule::FreeCapacity));
}

#[test]
fn days_reported_as_used_may_leave_a_waiting_package_without_hope() {
    let mut firm = provider("a", 1);
    firm.contracts[0].capacity.person_days = 30;
    firm.contracts[0].capacity.pre_committed_days = 0;
    let mut desk = desk(vec![Command::TakeProvider(firm), grant("r1", 3, 1, 0), grant("r2", 3, 1, 0)]);
    ask(&mut desk, accept(1, "a"), &received(0)).unwrap();
    let report = |days_used| Command::ReportDays { offer: offer(1), by: by("a"), days_used };
    let events = ask(&mut desk, report(5), &received(1)).unwrap();
    assert_eq!(events.len(), 1, "what is left may come back");
    let events = ask(&mut desk, report(15), &received(2)).unwrap();
    assert!(events.iter().any(|event| matches!(event, DeskEvent::Escalated { .. })), "{events:?}");
}
