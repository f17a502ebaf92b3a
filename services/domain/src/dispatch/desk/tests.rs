//! The desk's rules, one sentence a test; then random histories against the invariants.

mod access;
mod again;
mod keeping;

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    codes::{Language, ServiceId, Tlp},
    dispatch::events::{Candidate, RescindReason, Rule, Standing as Verdict},
    intake::events::Entity,
    kernel::{Actor, HospitalId, PrincipalId, Refusal, Role},
    registry::events::{Annex, AuthorityKind, Capacity, Category, Certificate, Contract, Mobilisation, Size},
};

const HOUR: u64 = 3600;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(1_750_000_000_000 + minutes * 60_000)
}

fn received(minutes: i64) -> Received {
    let by = Actor { role: Role::System, principal: PrincipalId::parse("desk").unwrap() };
    Received { at: at(minutes), by }
}

/// Asks the desk, which decides as soon as it is asked.
fn ask(desk: &mut Desk, command: Command, received: &Received) -> Result<Vec<DeskEvent>, Rejection> {
    desk.handle(command, received, received.at)
}

fn services(ids: &[&str]) -> BTreeSet<ServiceId> {
    ids.iter().map(|id| ServiceId::parse(id).unwrap()).collect()
}

fn fr() -> Country {
    Country::parse("FR").unwrap()
}

pub(crate) fn provider(id: &str, teams: u32) -> Provider {
    let hours = |h| Duration::from_secs(h * HOUR);
    let contract = Contract {
        id: ContractId::parse("c1").unwrap(),
        from: at(-1000),
        until: at(1_000_000),
        services: services(&["isim.forensics", "isim.mitigation-recovery"]),
        member_states: BTreeSet::from([fr()]),
        capacity: Capacity { teams, onsite_teams: teams, person_days: 1000, pre_committed_days: 100 },
        mobilisation: Mobilisation { remote: hours(2), onsite_home: hours(6), onsite_abroad: hours(16) },
    };
    Provider {
        id: ProviderId::parse(id).unwrap(),
        name: format!("{id} (invented)"),
        established_in: fr(),
        controlled_from: fr(),
        contracts: vec![contract],
        languages: BTreeSet::from([Language::parse("fr").unwrap()]),
        certificates: vec![],
        clearances: BTreeSet::new(),
        health_references: 5,
        conflicts: vec![],
    }
}

pub(crate) fn grant(request: &str, severity: u8, remote_teams: u32, onsite_teams: u32) -> Command {
    let request = RequestId::parse(request).unwrap();
    let case = Case {
        request: request.clone(),
        hospital: HospitalId::parse("h-1").unwrap(),
        incident: "FR-2026-1".to_owned(),
        country: fr(),
        languages: BTreeSet::from([Language::parse("fr").unwrap()]),
        entity: Entity {
            name: "A hospital".to_owned(),
            kind: "university-hospital".to_owned(),
            annex: Annex::One,
            category: Category::Essential,
            size: Size::Large,
        },
        suppliers: BTreeSet::new(),
        tlp: Tlp::Amber,
        user: AuthorityKind::Csirt,
    };
    let terms = Terms {
        services: services(&["isim.forensics"]),
        remote_teams,
        onsite_teams,
        person_days: 20,
        duration: Duration::from_secs(720 * HOUR),
    };
    let key = PriorityKey { bands: [severity, 2, 1, 1, 2], member_state_user: true, submitted_at: at(0), request };
    Command::TakeGrant { case, terms, key }
}

/// A desk that has decided these commands, all at minute 0.
fn desk(commands: Vec<Command>) -> Desk {
    let mut desk = Desk::default();
    for command in commands {
        ask(&mut desk, command, &received(0)).unwrap();
    }
    desk
}

fn offer(n: u32) -> OfferId {
    OfferId::parse(&format!("o-{n}")).unwrap()
}

fn by(id: &str) -> ProviderId {
    ProviderId::parse(id).unwrap()
}

fn accept(n: u32, id: &str) -> Command {
    Command::Accept { offer: offer(n), by: by(id) }
}

fn decline(n: u32, id: &str) -> Command {
    Command::Decline { offer: offer(n), by: by(id), reason: DeclineReason::Skills, note: String::new() }
}

/// Offer, package, provider of each offer made.
fn offers(events: &[DeskEvent]) -> Vec<(String, String, String)> {
    let made = events.iter().filter_map(|event| {
        let DeskEvent::Offered { offer, package, provider, .. } = event else { return None };
        Some((offer.to_string(), package.to_string(), provider.to_string()))
    });
    made.collect()
}

fn offered(n: u32, package: &str, provider: &str) -> (String, String, String) {
    (format!("o-{n}"), package.to_owned(), provider.to_owned())
}

fn rescinded(n: u32, reason: RescindReason) -> DeskEvent {
    DeskEvent::Rescinded { offer: offer(n), reason, note: String::new() }
}

#[test]
fn a_grant_is_offered_in_the_same_commit() {
    let mut desk = desk(vec![Command::TakeProvider(provider("a", 1))]);
    let events = ask(&mut desk, grant("r1", 3, 1, 0), &received(0)).unwrap();
    assert!(matches!(events[0], DeskEvent::GrantTaken { .. }));
    assert_eq!(offers(&events), [offered(1, "r1-p1", "a")]);
}

#[test]
fn a_decline_moves_on_and_the_last_one_escalates_loudly() {
    let mut desk = desk(vec![
        Command::TakeProvider(provider("a", 1)),
        Command::TakeProvider(provider("b", 1)),
        grant("r1", 3, 1, 0),
    ]);
    let first = desk.offers[&offer(1)].provider.to_string();
    let second = if first == "a" { "b" } else { "a" };
    let events = ask(&mut desk, decline(1, &first), &received(5)).unwrap();
    assert_eq!(offers(&events), [offered(2, "r1-p1", second)]);
    let events = ask(&mut desk, decline(2, second), &received(6)).unwrap();
    let Some(DeskEvent::Escalated { considered, .. }) = events.last() else { panic!("{events:?}") };
    assert!(considered.iter().all(|c| c.standing == Verdict::Dropped(Rule::NotTried)));
    assert_eq!(ask(&mut desk, Command::Wake, &received(7)).unwrap(), [], "told once");
    let reopen = Command::Reopen { package: PackageId::parse("r1-p1").unwrap(), note: "asked by phone".to_owned() };
    assert_eq!(offers(&ask(&mut desk, reopen, &received(8)).unwrap()).len(), 1);
}

#[test]
fn an_expired_offer_moves_on_by_itself() {
    let mut desk = desk(vec![
        Command::TakeProvider(provider("a", 1)),
        Command::TakeProvider(provider("b", 1)),
        grant("r1", 2, 1, 0),
    ]);
    let due = desk.next_wake(at(0)).unwrap();
    assert_eq!(ask(&mut desk, Command::Wake, &Received { at: at(1), ..received(1) }).unwrap(), []);
    let events = ask(&mut desk, Command::Wake, &Received { at: due, ..received(0) }).unwrap();
    assert_eq!(events[0], DeskEvent::Expired { offer: offer(1) });
    assert_eq!(offers(&events).len(), 1);
}

#[test]
fn a_late_accept_is_refused_even_before_the_wake_up() {
    let mut desk = desk(vec![Command::TakeProvider(provider("a", 1)), grant("r1", 3, 1, 0)]);
    let ends = desk.next_wake(at(0)).unwrap();
    let late = Received { at: ends, ..received(0) };
    assert_eq!(ask(&mut desk, accept(1, "a"), &late), Err(Rejection::OfferExpired(offer(1), ends)));
    let in_time = Received { at: Timestamp::from_millis(ends.millis() - 1), ..received(0) };
    assert!(matches!(ask(&mut desk, accept(1, "a"), &in_time).unwrap()[0], DeskEvent::Accepted { .. }));
}

#[test]
fn the_first_accept_wins_and_the_others_are_told() {
    let mut desk = desk(vec![
        Command::TakeProvider(provider("a", 1)),
        Command::TakeProvider(provider("b", 1)),
        grant("r1", 4, 1, 0),
    ]);
    assert_eq!(desk.offers.len(), 2, "a P1 package is offered twice at once");
    let winner = desk.offers[&offer(2)].provider.to_string();
    let loser = desk.offers[&offer(1)].provider.to_string();
    let events = ask(&mut desk, accept(2, &winner), &received(1)).unwrap();
    assert_eq!(events[1], DeskEvent::Lost { offer: offer(1) });
    assert_eq!(ask(&mut desk, accept(1, &loser), &received(2)), Err(Rejection::OfferLost(offer(1))));
    assert_eq!(ask(&mut desk, accept(2, &winner), &received(3)), Ok(vec![]), "said twice");
    assert_eq!(ask(&mut desk, accept(2, &loser), &received(3)), Err(Rejection::NotYours(offer(2))));
}

#[test]
fn a_higher_package_takes_a_pending_team_but_never_an_accepted_one() {
    let mut desk = desk(vec![Command::TakeProvider(provider("a", 1)), grant("low", 2, 1, 0)]);
    let events = ask(&mut desk, grant("high", 4, 1, 0), &received(1)).unwrap();
    assert!(events.contains(&rescinded(1, RescindReason::HigherPriority)));
    assert_eq!(offers(&events), [offered(2, "high-p1", "a")]);
    assert_eq!(ask(&mut desk, accept(1, "a"), &received(2)), Err(Rejection::OfferRescinded(offer(1))));
    ask(&mut desk, accept(2, "a"), &received(2)).unwrap();
    let events = ask(&mut desk, grant("higher", 4, 2, 0), &received(3)).unwrap();
    assert_eq!(offers(&events), []);
    assert!(!events.iter().any(|event| matches!(event, DeskEvent::Rescinded { .. })));
}

#[test]
fn a_wave_extra_yields_before_any_other_offer() {
    let mut desk = desk(vec![
        Command::TakeProvider(provider("a", 1)),
        Command::TakeProvider(provider("b", 1)),
        grant("p1", 4, 1, 0),
    ]);
    let extra = desk.offers[&offer(2)].provider.to_string();
    let events = ask(&mut desk, grant("p4", 1, 1, 0), &received(1)).unwrap();
    assert!(events.contains(&rescinded(2, RescindReason::WaveExtra)));
    assert_eq!(offers(&events), [offered(3, "p4-p1", &extra)]);
}

#[test]
fn a_withdrawal_ends_offers_and_work_and_finishes_the_request() {
    let mut desk = desk(vec![Command::TakeProvider(provider("a", 2)), grant("r1", 3, 1, 0), grant("r2", 3, 1, 0)]);
    ask(&mut desk, accept(1, "a"), &received(1)).unwrap();
    for (request, supported) in [("r1", true), ("r2", false)] {
        let request = RequestId::parse(request).unwrap();
        let events = ask(&mut desk, Command::TakeWithdrawal(request.clone()), &received(2)).unwrap();
        assert_eq!(events.last(), Some(&DeskEvent::RequestFinished { request: request.clone(), supported }));
        assert_eq!(ask(&mut desk, Command::TakeWithdrawal(request), &received(3)).unwrap(), []);
    }
    assert!(desk.usage.values().all(|usage| usage.teams == 0 && usage.days_held == 0 && usage.days_reserved == 0));
    let late = ask(&mut desk, grant("r3", 3, 1, 0), &received(4));
    assert_eq!(offers(&late.unwrap()).len(), 1);
}

#[test]
fn a_grant_that_comes_after_its_withdrawal_is_not_taken() {
    let mut desk = desk(vec![Command::TakeWithdrawal(RequestId::parse("r1").unwrap())]);
    assert_eq!(ask(&mut desk, grant("r1", 4, 1, 0), &received(1)), Ok(vec![]));
}

#[test]
fn a_provider_that_fails_is_replaced_and_used_days_stay_used() {
    let mut desk = desk(vec![
        Command::TakeProvider(provider("a", 1)),
        Command::TakeProvider(provider("b", 1)),
        grant("r1", 3, 1, 0),
    ]);
    let first = desk.offers[&offer(1)].provider.clone();
    ask(&mut desk, accept(1, first.as_str()), &received(1)).unwrap();
    let stage = Command::ReachStage { offer: offer(1), by: first.clone(), stage: Stage::OnTask };
    ask(&mut desk, stage, &received(60)).unwrap();
    let days = Command::ReportDays { offer: offer(1), by: first.clone(), days_used: 6 };
    ask(&mut desk, days, &received(90)).unwrap();
    let fail = Command::Fail { offer: offer(1), by: first.clone(), note: "team lead ill".to_owned(), days_used: 7 };
    let events = ask(&mut desk, fail, &received(120)).unwrap();
    assert_eq!(offers(&events).len(), 1);
    assert_ne!(desk.offers[&offer(2)].provider, first);
    assert_eq!(desk.offers[&offer(2)].takes.days, 13, "what is left to do");
    let usage = desk.usage[&(first, ContractId::parse("c1").unwrap())];
    assert_eq!((usage.teams, usage.days_reserved, usage.days_used), (0, 0, 7));
}

#[test]
fn a_provider_that_does_not_start_loses_the_work() {
    let mut desk = desk(vec![Command::TakeProvider(provider("a", 1)), grant("r1", 3, 0, 1)]);
    ask(&mut desk, accept(1, "a"), &received(0)).unwrap();
    let due = desk.next_wake(at(0)).unwrap();
    assert_eq!(due, at(6 * 60 + 60), "on site at home in 6 hours, and the policy's hour of grace");
    let events = ask(&mut desk, Command::Wake, &Received { at: due, ..received(0) }).unwrap();
    assert!(matches!(events[0], DeskEvent::Released { reason: ReleaseReason::NotMobilised, .. }));
}

#[test]
fn completed_work_returns_days_and_finishes_the_request() {
    let mut desk = desk(vec![Command::TakeProvider(provider("a", 1)), grant("r1", 3, 1, 0)]);
    ask(&mut desk, accept(1, "a"), &received(0)).unwrap();
    let complete = |days_used| Command::Complete { offer: offer(1), by: by("a"), days_used };
    let out = Rejection::DaysOutOfRange(offer(1), 0, 20);
    assert_eq!(ask(&mut desk, complete(21), &received(1)), Err(out));
    let events = ask(&mut desk, complete(11), &received(1)).unwrap();
    let request = RequestId::parse("r1").unwrap();
    assert_eq!(events.last(), Some(&DeskEvent::RequestFinished { request, supported: true }));
    let (_, free) = desk.free(&desk.providers[&by("a")].provider, at(2)).unwrap();
    assert_eq!((free.teams, free.days), (1, 989));
}

#[test]
fn an_extension_needs_free_days_and_a_later_end() {
    let mut desk = desk(vec![Command::TakeProvider(provider("a", 1)), grant("r1", 3, 1, 0)]);
    ask(&mut desk, accept(1, "a"), &received(0)).unwrap();
    let extend = |ends_at, person_days| Command::Extend { offer: offer(1), ends_at, person_days };
    let ends = at(720 * 60);
    assert_eq!(ask(&mut desk, extend(ends, 5), &received(1)), Err(Rejection::NotLonger(ends)));
    let refused = Rejection::NoFreeDays(981, 980);
    assert_eq!(ask(&mut desk, extend(at(730 * 60), 981), &received(1)), Err(refused));
    assert_eq!(ask(&mut desk, extend(at(730 * 60), 980), &received(1)).unwrap().len(), 1);
}

#[test]
fn a_suspended_provider_gets_no_new_offer_and_keeps_its_work() {
    let mut desk = desk(vec![Command::TakeProvider(provider("a", 2)), grant("r1", 3, 1, 0), grant("r2", 3, 1, 0)]);
    ask(&mut desk, accept(1, "a"), &received(0)).unwrap();
    let suspend = Command::TakeSuspension { provider: by("a"), suspended: true };
    let events = ask(&mut desk, suspend, &received(1)).unwrap();
    assert!(events.contains(&rescinded(2, RescindReason::NotAdmissible)));
    assert!(matches!(events.last(), Some(DeskEvent::Escalated { .. })));
    assert!(matches!(desk.offers[&offer(1)].state, OfferState::Engaged(_)));
    let amended = Command::TakeProvider(Provider { health_references: 9, ..provider("a", 2) });
    assert_eq!(offers(&ask(&mut desk, amended, &received(2)).unwrap()), [], "suspension outlives an amendment");
}

#[test]
fn stages_go_one_way() {
    let mut desk = desk(vec![Command::TakeProvider(provider("a", 1)), grant("r1", 3, 1, 0)]);
    let stage = |stage| Command::ReachStage { offer: offer(1), by: by("a"), stage };
    assert_eq!(ask(&mut desk, stage(Stage::OnTask), &received(0)), Err(Rejection::NotEngaged(offer(1))));
    ask(&mut desk, accept(1, "a"), &received(0)).unwrap();
    assert_eq!(ask(&mut desk, stage(Stage::Recovering), &received(1)), Err(Rejection::StageOrder(offer(1))));
    assert_eq!(ask(&mut desk, stage(Stage::OnTask), &received(1)).unwrap().len(), 1);
    assert_eq!(ask(&mut desk, stage(Stage::OnTask), &received(1)), Ok(vec![]));
    assert_eq!(ask(&mut desk, stage(Stage::Mobilising), &received(1)), Err(Rejection::StageOrder(offer(1))));
    assert_eq!(ask(&mut desk, stage(Stage::Completed), &received(1)), Err(Rejection::StageOrder(offer(1))));
}

#[test]
fn a_note_is_there_where_it_must_be_and_is_never_too_long() {
    let mut desk = desk(vec![Command::TakeProvider(provider("a", 1)), grant("r1", 3, 1, 0)]);
    let decline = |reason, note: &str| Command::Decline { offer: offer(1), by: by("a"), reason, note: note.to_owned() };
    let rescind = |note: &str| Command::Rescind { offer: offer(1), note: note.to_owned() };
    let long = "x".repeat(crate::check::NOTE_CHARS_MAX + 1);
    let answers = [
        decline(DeclineReason::Other, " "),
        rescind(" "),
        decline(DeclineReason::Time, &long),
        decline(DeclineReason::Other, &long),
        rescind(&long),
    ];
    let reasons = answers.map(|command| Refusal::from(ask(&mut desk, command, &received(1)).unwrap_err()).reason);
    assert_eq!(reasons, ["NOTE_BLANK", "NOTE_BLANK", "NOTE_INVALID", "NOTE_INVALID", "NOTE_INVALID"]);
    assert!(ask(&mut desk, decline(DeclineReason::Time, ""), &received(1)).is_ok(), "a reason of the list is enough");
}

#[test]
fn offers_and_engagements_stand_in_one_word_each() {
    let mut desk = desk(vec![Command::TakeProvider(provider("a", 2)), grant("r1", 3, 1, 0), grant("r2", 3, 1, 0)]);
    let mut words = |command| {
        ask(&mut desk, command, &received(1)).unwrap();
        let told = &desk.offers[&offer(1)];
        (told.status().as_str(), told.stage().map(|stage| stage.as_str()))
    };
    let on_task = Command::ReachStage { offer: offer(1), by: by("a"), stage: Stage::OnTask };
    let release = Command::Release { offer: offer(1), note: "asked by phone".to_owned() };
    assert_eq!(words(Command::Wake), ("pending", None));
    assert_eq!(words(Command::See { offer: offer(1), by: by("a") }), ("seen", None));
    assert_eq!(words(accept(1, "a")), ("accepted", Some("mobilising")));
    assert_eq!(words(on_task), ("accepted", Some("on-task")));
    assert_eq!(words(release), ("accepted", Some("released")));
    ask(&mut desk, decline(2, "a"), &received(2)).unwrap();
    assert_eq!((desk.offers[&offer(2)].status(), desk.offers[&offer(2)].stage()), (OfferStatus::Declined, None));
}

#[test]
fn a_commit_asks_for_so_many_packages_at_most_and_wake_ups_go_on_with_the_rest() {
    let mut reserve: Vec<_> = (0..200).map(|n| Command::TakeProvider(provider(&format!("{n:064}"), 0))).collect();
    reserve.push(Command::TakeProvider(provider("a", 150)));
    let mut desk = desk(reserve);
    let most = 31; // Of 201 candidates with ids so long, by the bytes.
    for n in 0..150 {
        ask(&mut desk, grant(&format!("r{n}"), 3, 1, 0), &received(0)).unwrap();
    }
    let asked = |events: &[DeskEvent]| {
        let candidates = events.iter().filter_map(|event| {
            let (DeskEvent::Offered { considered, .. } | DeskEvent::Escalated { considered, .. }) = event else {
                return None;
            };
            Some(considered.len())
        });
        candidates.inspect(|candidates| assert_eq!(*candidates, 201)).count()
    };
    let mut all_at_once = |command: Command| {
        let (mut counts, mut next) = (Vec::new(), command);
        loop {
            let events = ask(&mut desk, next, &received(1)).unwrap();
            counts.push(asked(&events));
            if !desk.is_cut_short(&events) {
                return counts;
            }
            next = Command::Wake;
        }
    };
    let suspend = |suspended| Command::TakeSuspension { provider: by("a"), suspended };
    assert_eq!(all_at_once(suspend(true)), [most, most, most, most, 150 - 4 * most], "escalated, and told once");
    assert_eq!(all_at_once(suspend(false)), [most, 50 - most], "as many as its days are enough for");
}

#[test]
fn a_certificate_binds_the_lead_while_it_is_valid() {
    let requirement = NationalRequirement {
        member_state: fr(),
        certificates_any_of: BTreeSet::from(["qualified (FR)".to_owned()]),
        essential_only: true,
        eu_control: false,
        clearance: false,
    };
    let certified = Provider {
        certificates: vec![Certificate { name: "qualified (FR)".to_owned(), expires: Some(at(10)) }],
        ..provider("z", 1)
    };
    let mut desk = desk(vec![
        Command::TakeRequirement(requirement),
        Command::TakeProvider(provider("a", 1)),
        Command::TakeProvider(certified),
        grant("r1", 3, 1, 0),
    ]);
    assert_eq!(desk.offers[&offer(1)].provider, by("z"));
    assert_eq!(desk.next_wake(at(0)), Some(at(10)));
    let events = ask(&mut desk, Command::Wake, &received(10)).unwrap();
    assert!(events.contains(&rescinded(1, RescindReason::NotAdmissible)));
}

/// What a random history is made of.
#[derive(Clone, Debug)]
enum Step {
    Provider(u8, u32),
    Suspend(u8, bool),
    Grant(u8, u32, u32),
    Withdraw(u8),
    Answer(u8, bool),
    Work(u8, u8),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..4_u8, 0..4_u32).prop_map(|(p, teams)| Step::Provider(p, teams)),
        1 => (0..4_u8, any::<bool>()).prop_map(|(p, on)| Step::Suspend(p, on)),
        6 => (0..5_u8, 0..3_u32, 0..2_u32).prop_map(|(band, r, o)| Step::Grant(band, r.max(u32::from(o == 0)), o)),
        1 => any::<u8>().prop_map(Step::Withdraw),
        6 => (any::<u8>(), any::<bool>()).prop_map(|(n, yes)| Step::Answer(n, yes)),
        3 => (any::<u8>(), 0..4_u8).prop_map(|(n, what)| Step::Work(n, what)),
        3 => (1..200_i64).prop_map(Step::Wait),
    ]
}

/// The command a step stands for, in the desk's present state.
fn command(desk: &Desk, step: &Step, grants: usize) -> Option<Command> {
    let pick = |n: &u8| {
        let active: Vec<_> = desk.active().collect();
        active.get(usize::from(*n) % active.len().max(1)).map(|(id, o)| ((*id).clone(), o.provider.clone()))
    };
    Some(match step {
        Step::Provider(p, teams) => Command::TakeProvider(provider(&format!("p{p}"), *teams)),
        Step::Suspend(p, suspended) => {
            Command::TakeSuspension { provider: by(&format!("p{p}")), suspended: *suspended }
        }
        Step::Grant(band, remote, onsite) => grant(&format!("r{grants}"), *band, *remote, *onsite),
        Step::Withdraw(n) => {
            Command::TakeWithdrawal(RequestId::parse(&format!("r{}", usize::from(*n) % grants.max(1))).unwrap())
        }
        Step::Answer(n, yes) => {
            let (offer, by) = pick(n)?;
            let reason = DeclineReason::NoCapacity;
            if *yes {
                Command::Accept { offer, by }
            } else {
                Command::Decline { offer, by, reason, note: String::new() }
            }
        }
        Step::Work(n, what) => {
            let (offer, by) = pick(n)?;
            let note = "because".to_owned();
            match what {
                0 => Command::ReachStage { offer, by, stage: Stage::OnTask },
                1 => Command::Complete { offer, by, days_used: 5 },
                2 => Command::Fail { offer, by, note, days_used: 3 },
                _ => Command::Release { offer, note },
            }
        }
        Step::Wait(_) => Command::Wake,
    })
}

/// D3, from the offers alone: nothing is taken that the contract does not have, unless the contract was cut below its load.
fn ledger_is_the_sum_of_offers(desk: &Desk) {
    let mut sums: BTreeMap<(ProviderId, ContractId), Usage> = BTreeMap::new();
    for offer in desk.offers.values() {
        let usage = sums.entry((offer.provider.clone(), offer.contract.clone())).or_default();
        match &offer.state {
            OfferState::Pending { .. } => {
                (usage.teams, usage.onsite_teams) =
                    (usage.teams + offer.takes.teams, usage.onsite_teams + offer.takes.onsite);
                usage.days_held += offer.takes.days;
            }
            OfferState::Engaged(engagement) => {
                (usage.teams, usage.onsite_teams) =
                    (usage.teams + offer.takes.teams, usage.onsite_teams + offer.takes.onsite);
                usage.days_reserved += engagement.days_reserved;
                usage.days_used += engagement.days_used;
            }
            OfferState::Completed { days_used } | OfferState::Released { days_used, .. } => {
                usage.days_used += days_used
            }
            OfferState::Declined(_) | OfferState::Expired(_) | OfferState::Rescinded(_) | OfferState::Lost => {}
        }
    }
    assert_eq!(sums, desk.usage);
}

/// D9 as the design words it, for one-provider displacements: no waiting package could be carried by a provider if lower
/// packages' pending offers there ended.
fn no_lower_offer_holds_what_a_waiting_package_needs(desk: &Desk, now: Timestamp) {
    for assignment in desk.assignments.values().filter(|a| matches!(a.standing, Standing::Waiting { .. })) {
        let granted = &desk.requests[&assignment.request];
        for enlisted in desk.providers.values() {
            let provider = &enlisted.provider;
            let question = crate::dispatch::admissibility::Question {
                case: &granted.case,
                package: &assignment.package,
                requirement: None,
                open: true,
                at: now,
            };
            let ok = crate::dispatch::admissibility::admissible(provider, enlisted.suspended, &question).is_ok();
            if !ok || assignment.tried.contains(&provider.id) {
                continue;
            }
            let (_, mut free) = desk.free(provider, now).unwrap();
            for (_, offer) in desk.active().filter(|(_, o)| o.provider == provider.id) {
                let lower = desk.requests[&desk.assignments[&offer.package].request].key > granted.key;
                if matches!(offer.state, OfferState::Pending { .. }) && lower {
                    free = free.and(&offer.takes);
                }
            }
            let takes = Slots {
                teams: assignment.package.teams(),
                onsite: assignment.package.onsite_teams,
                days: assignment.package.person_days,
            };
            // A contract cut below its load has less than nothing free; `free` shows that as zero.
            let usage = desk.usage.values().map(|u| u.teams).sum::<u32>();
            let capacity: u32 = desk.providers.values().map(|e| e.provider.contracts[0].capacity.teams).sum();
            assert!(!free.holds(&takes) || usage > capacity, "{} waits beside {provider:?}", assignment.package.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_histories_keep_the_invariants(steps in proptest::collection::vec(step(), 1..60)) {
        let mut desk = Desk::default();
        let mut replayed = Desk::default();
        let (mut now, mut grants) = (0, 0);
        for step in &steps {
            if let Step::Wait(minutes) = step {
                now += minutes;
            }
            let Some(command) = command(&desk, step, grants) else { continue };
            grants += usize::from(matches!(step, Step::Grant(..)));
            let before = desk.clone();
            match ask(&mut desk, command.clone(), &received(now)) {
                Err(_) => prop_assert_eq!(&desk, &before, "a refusal changes nothing"),
                Ok(events) => {
                    prop_assert_eq!(&DeskAggregate::decide(&before, (command, at(now)), &received(now)).unwrap(), &events);
                    for event in &events {
                        DeskAggregate::evolve(&mut replayed, event).unwrap();
                        if let DeskEvent::Offered { provider, contract, .. } = event {
                            let usage = replayed.usage[&(provider.clone(), contract.clone())];
                            let capacity = replayed.providers[provider].provider.contracts[0].capacity;
                            prop_assert!(usage.teams <= capacity.teams && usage.onsite_teams <= capacity.onsite_teams);
                            prop_assert!(usage.days_held + usage.days_reserved + usage.days_used <= capacity.person_days);
                        }
                    }
                    prop_assert_eq!(&replayed, &desk);
                }
            }
            ledger_is_the_sum_of_offers(&desk);
            prop_assert_eq!(&desk.index, &Index::of(&desk));
            no_lower_offer_holds_what_a_waiting_package_needs(&desk, at(now));
        }
    }
}
