//! The desk's writer through random facts and commands, lost answers, rivals and crashes between any two steps. What must hold
//! then is told from the log alone.

use std::collections::{BTreeMap, BTreeSet};

use muster_dispatch::writer::{Input, Output, Stop, Ticket};
use muster_domain::{
    dispatch::{
        desk::{Command, Desk, DeskAggregate, OfferState, Standing},
        events::{DeclineReason, DeskEvent, Stage},
        taking,
    },
    kernel::{Aggregate, PrincipalId, RequestId, Timestamp},
    registry::events::ProviderEvent,
};
use muster_journal::{
    append::Lost,
    engine::{Done, Meta, Undone},
    port::ReadError,
    stored::{self, Commit, Position},
    subjects::id_of,
};
use proptest::{prelude::*, test_runner::RngSeed};
use uuid::Uuid;

use crate::{
    hand::{Hand, Log, at, meta, new_id},
    scene::provider,
};

/// What befalls what a writer wants.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// It is done and told.
    Told,
    /// It is done, and nobody is told.
    AckLost,
    /// It is on its way, and nobody knows.
    Late,
    /// It is not done.
    Unreachable,
}

/// What other contexts write.
#[derive(Clone, Copy, Debug)]
enum Fact {
    Enrolled(u8, u32),
    Suspended(u8, bool),
    /// Two facts in one record.
    AmendedAndSuspended(u8, u32),
    Granted(u8),
    Withdrawn(u8),
    /// No concern of the desk.
    Murmured,
}

#[derive(Clone, Debug)]
enum Op {
    Fact(Fact),
    /// A new command to one of the writers.
    Ask(u8, u8),
    /// An old one once more.
    Again(u8, u8),
    /// A writer reads so many records.
    Read(u8, u8),
    Land(u8, Outcome),
    LateLands,
    Look(u8),
    /// The clock moves, also back.
    Wait(i64),
    /// A further writer takes over; the one before does not know.
    TakeOver,
    /// A writer is gone.
    Crash(u8),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        12 => Just(Outcome::Told),
        1 => Just(Outcome::AckLost),
        1 => Just(Outcome::Late),
        1 => Just(Outcome::Unreachable),
    ]
}

fn fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        3 => (0..4_u8, 0..3_u32).prop_map(|(p, teams)| Fact::Enrolled(p, teams)),
        1 => (0..4_u8, any::<bool>()).prop_map(|(p, on)| Fact::Suspended(p, on)),
        1 => (0..4_u8, 0..3_u32).prop_map(|(p, teams)| Fact::AmendedAndSuspended(p, teams)),
        4 => (0..5_u8).prop_map(Fact::Granted),
        1 => any::<u8>().prop_map(Fact::Withdrawn),
        1 => Just(Fact::Murmured),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => fact().prop_map(Op::Fact),
        10 => any::<(u8, u8)>().prop_map(|(which, what)| Op::Ask(which, what)),
        3 => any::<(u8, u8)>().prop_map(|(which, what)| Op::Again(which, what)),
        8 => (any::<u8>(), 1..6_u8).prop_map(|(which, count)| Op::Read(which, count)),
        12 => (any::<u8>(), outcome()).prop_map(|(which, outcome)| Op::Land(which, outcome)),
        1 => Just(Op::LateLands),
        4 => any::<u8>().prop_map(Op::Look),
        3 => (-3..90_i64).prop_map(Op::Wait),
        1 => Just(Op::TakeOver),
        1 => any::<u8>().prop_map(Op::Crash),
    ]
}

/// The world: the log, the writers that believe they hold the desk, and what was asked and told.
struct World {
    log: Log,
    minutes: i64,
    hands: Vec<Hand>,
    late: Vec<Output>,
    grants: u32,
    asked: Vec<(Command, Meta)>,
    /// Which command each caller asked, and whether it was in the log by then.
    tickets: BTreeMap<Ticket, (usize, bool)>,
    /// Where each command stands in the log, as far as it was looked at.
    places: BTreeMap<Uuid, Position>,
    looked: u64,
    acknowledged: Vec<(Uuid, Position)>,
    /// Who was told something, and whether it was what came of it.
    told: BTreeMap<Ticket, bool>,
}

impl World {
    fn new() -> Self {
        let log = Log::new();
        for number in 0..4 {
            log.enrol(provider(&format!("p{number}"), 2));
        }
        Self {
            log,
            minutes: 0,
            hands: vec![],
            late: vec![],
            grants: 0,
            asked: vec![],
            tickets: BTreeMap::new(),
            places: BTreeMap::new(),
            looked: 0,
            acknowledged: vec![],
            told: BTreeMap::new(),
        }
    }

    fn now(&self) -> Timestamp {
        at(self.minutes)
    }

    /// Does something with one of the writers, and looks at what was answered.
    fn with(&mut self, which: u8, work: impl FnOnce(&mut Hand, &Log)) {
        if self.hands.is_empty() {
            self.hands.push(Hand::take_over(&self.log));
        }
        let which = usize::from(which) % self.hands.len();
        work(&mut self.hands[which], &self.log);
        let answers = std::mem::take(&mut self.hands[which].answers);
        match &self.hands[which].stopped {
            Some(Stop::Broken(broken)) => panic!("{broken}"),
            Some(Stop::Overtaken | Stop::Unavailable(_)) => drop(self.hands.remove(which)),
            None => {}
        }
        for (ticket, answer) in answers {
            self.is_true(ticket, answer);
        }
    }

    fn look_up(&mut self) {
        for (position, commit) in self.log.commits_after(self.looked) {
            assert_eq!(self.places.insert(commit.command, position), None, "no command is done twice");
            self.looked = position.sequence;
        }
    }

    /// What is told is so in the log by then.
    fn is_true(&mut self, ticket: Ticket, answer: Result<Done, Undone>) {
        self.look_up();
        let (index, was_done) = self.tickets[&ticket];
        let command = self.asked[index].1.command;
        self.told.insert(ticket, answer != Err(Undone::Unsure));
        let place = self.places.get(&command).copied();
        match answer {
            Ok(Done { position, news }) => {
                assert!(self.places.values().any(|place| *place == position), "the log has come so far");
                assert!(place.is_some_and(|place| place == position) || place.is_none() && !news, "told where it is");
                self.acknowledged.extend(place.map(|place| (command, place)));
            }
            Err(Undone::Refused(_)) => assert!(!was_done, "what is done is not refused"),
            Err(Undone::Unsure) => {}
            Err(other) => panic!("{other}"),
        }
    }

    fn ask(&mut self, which: u8, index: usize) {
        self.look_up();
        let ticket = self.tickets.len() as Ticket;
        self.tickets.insert(ticket, (index, self.places.contains_key(&self.asked[index].1.command)));
        let ((command, meta), now) = (self.asked[index].clone(), self.now());
        self.with(which, |hand, _| hand.ask(ticket, command, meta, now));
    }

    fn land(&mut self, which: u8, outcome: Outcome) {
        let (now, mut late) = (self.now(), None);
        self.with(which, |hand, log| {
            let unknown = || Lost::Unknown("no answer came".to_owned());
            match (hand.wants.front(), outcome) {
                (None, _) | (_, Outcome::Told) => drop(hand.land(log, now)),
                (Some(Output::Append { expected, frame, bytes }), Outcome::AckLost) => {
                    let _ = log.append(&log.desk(), *expected, *frame, bytes.clone());
                    hand.tell(Input::Appended(Err(unknown())), now);
                }
                (Some(Output::Append { .. }), Outcome::Late) => {
                    late = hand.wants.pop_front();
                    hand.tell(Input::Appended(Err(unknown())), now);
                }
                (Some(Output::Append { .. }), Outcome::Unreachable) => {
                    hand.tell(Input::Appended(Err(Lost::Unavailable("no route".to_owned()))), now);
                }
                (Some(_), _) => hand.tell(Input::Checked(Err(ReadError::Unavailable("no route".to_owned()))), now),
            }
        });
        self.late.extend(late);
    }

    fn late_lands(&mut self) {
        for output in std::mem::take(&mut self.late) {
            let Output::Append { expected, frame, bytes } = output else { continue };
            let _ = self.log.append(&self.log.desk(), expected, frame, bytes);
        }
    }

    fn write(&mut self, fact: Fact) -> u64 {
        match fact {
            Fact::Enrolled(of, teams) => self.log.enrol(provider(&format!("p{of}"), teams)),
            Fact::Suspended(of, true) => self.log.registry(&format!("p{of}"), suspended()),
            Fact::Suspended(of, false) => self.log.registry(&format!("p{of}"), reinstated()),
            Fact::AmendedAndSuspended(of, teams) => {
                let terms = provider(&format!("p{of}"), teams);
                let subject = self.log.subjects.provider(&terms.id).unwrap();
                let both = [ProviderEvent::Amended(terms), suspended()];
                self.log.write(&subject, both.map(|event| (new_id(), vec![event.into()])).into())
            }
            Fact::Granted(severity) => {
                self.grants += 1;
                self.log.grant(&format!("r-{}", self.grants), severity)
            }
            // One id for many withdrawals, as a caller may make it up who does not know better.
            Fact::Withdrawn(of) => {
                self.log.withdraw(&format!("r-{}", u32::from(of) % (self.grants + 2)), Uuid::from_u128(7))
            }
            Fact::Murmured => self.log.murmur("r-0"),
        }
    }

    fn run(&mut self, op: &Op) {
        let now = self.now();
        match op {
            Op::Fact(fact) => {
                self.write(*fact);
            }
            Op::Ask(which, what) => {
                let desk = self.hands.get(usize::from(*which) % self.hands.len().max(1)).map(|hand| hand.writer.desk());
                let Some(command) = desk.and_then(|desk| command(desk, *what)) else { return };
                self.asked.push((command, meta(self.asked.len() as u64, 0, now)));
                self.ask(*which, self.asked.len() - 1);
            }
            Op::Again(which, what) if !self.asked.is_empty() => {
                self.ask(*which, usize::from(*what) % self.asked.len());
            }
            Op::Again(..) => {}
            Op::Read(which, count) => self.with(*which, |hand, log| {
                for record in log.records(hand.writer.taken()).into_iter().take(usize::from(*count)) {
                    hand.tell(Input::Record(record), now);
                }
            }),
            Op::Land(which, outcome) => self.land(*which, *outcome),
            Op::LateLands => self.late_lands(),
            Op::Look(which) => self.with(*which, |hand, _| hand.tell(Input::Look, now)),
            Op::Wait(minutes) => self.minutes += minutes,
            Op::TakeOver => self.hands.push(Hand::take_over(&self.log)),
            Op::Crash(which) if !self.hands.is_empty() => {
                self.hands.remove(usize::from(*which) % self.hands.len());
            }
            Op::Crash(_) => {}
        }
    }

    /// No more faults: a writer takes over, everybody asks once more what they ever asked, and all comes to rest.
    fn heal(&mut self) -> Desk {
        self.late_lands();
        self.minutes += 1;
        let now = self.now();
        self.hands.push(Hand::take_over(&self.log));
        let last = u8::try_from(self.hands.len() - 1).unwrap();
        self.with(last, |hand, log| hand.settle(log, now));
        while self.hands.len() > 1 {
            // Whoever still believes to hold the desk reads of the other.
            self.with(0, |hand, log| hand.catch_up(log, now));
        }
        let first = self.tickets.len() as Ticket;
        (0..self.asked.len()).for_each(|index| self.ask(0, index));
        self.with(0, |hand, log| {
            hand.settle(log, now);
            hand.tell(Input::Look, now);
            hand.settle(log, now);
        });
        let hand = &self.hands[0];
        assert!(hand.writer.next_look().is_none_or(|next| next > now), "nothing is due");
        assert_eq!(hand.writer.desk(), &self.log.fold(), "the desk is the fold of its own events");
        let surely = self.told.range(first..).filter(|(_, surely)| **surely).count();
        assert_eq!(surely, self.asked.len(), "everybody is told what came of it");
        hand.writer.desk().clone()
    }
}

fn suspended() -> ProviderEvent {
    let somebody = || PrincipalId::parse("somebody").unwrap();
    let reason = "no answer for two days".to_owned();
    ProviderEvent::Suspended { reason, proposed_by: somebody(), approved_by: somebody() }
}

fn reinstated() -> ProviderEvent {
    ProviderEvent::Reinstated { reason: "it answers again".to_owned() }
}

/// Something that may be asked of this desk; some of it is refused, and some is so already.
fn command(desk: &Desk, what: u8) -> Option<Command> {
    let offers: Vec<_> = desk.offers.iter().collect();
    let note = "because".to_owned();
    if what % 10 == 9 {
        let waiting = desk.assignments.iter().find(|(_, a)| matches!(a.standing, Standing::Waiting { .. }));
        let package = waiting.map(|(package, _)| package.clone())?;
        return Some(if what > 200 { Command::GiveUp { package, note } } else { Command::Reopen { package, note } });
    }
    let (offer, by) = offers.get(usize::from(what / 10) % offers.len().max(1))?;
    let (offer, by) = ((*offer).clone(), by.provider.clone());
    Some(match what % 10 {
        0..=2 => Command::Accept { offer, by },
        3 => Command::Decline { offer, by, reason: DeclineReason::Skills, note },
        4 => Command::See { offer, by },
        5 => Command::ReachStage { offer, by, stage: Stage::OnTask },
        6 => Command::Complete { offer, by, days_used: 5 },
        7 => Command::Fail { offer, by, note, days_used: 3 },
        _ => Command::Release { offer, note },
    })
}

/// Each commit follows the one before it in every respect, and no offer takes what the contract does not have.
fn the_desks_log_is_whole(commits: &[(Position, Commit)]) {
    let mut desk = Desk::default();
    let mut before: Option<&(Position, Commit)> = None;
    for here @ (position, commit) in commits {
        let decided_at = before.map(|(before, _)| match before.sequence == position.sequence {
            true => Position { sequence: 0, ..*before },
            false => *before,
        });
        assert_eq!(commit.decided_at, decided_at);
        if let Some((_, before)) = before {
            assert!(before.taken <= commit.taken, "what is taken stays taken");
            assert!(before.recorded_at <= commit.recorded_at, "time does not go back");
        }
        assert!(commit.taken < Some(position.sequence));
        for event in &commit.events {
            let event: DeskEvent = event.clone().try_into().unwrap();
            DeskAggregate::evolve(&mut desk, &event).expect("it folds");
            if let DeskEvent::Offered { provider, contract, package, .. } = &event {
                let usage = desk.usage[&(provider.clone(), contract.clone())];
                assert!(usage.teams <= desk.providers[provider].provider.contracts[0].capacity.teams, "D3");
                assert!(!desk.withdrawn.contains(&desk.assignments[package].request), "D5");
            }
        }
        before = Some(here);
    }
    let mut engaged = BTreeSet::new();
    for offer in desk.offers.values().filter(|offer| matches!(offer.state, OfferState::Engaged(_))) {
        assert!(engaged.insert(&offer.package), "D2");
    }
}

/// Every fact of the realm is in the desk, and none was said to be taken before it was.
fn every_fact_is_taken(log: &Log, desk: &Desk, commits: &[(Position, Commit)]) {
    let (mut providers, mut grants) = (BTreeMap::new(), Vec::new());
    let mut withdrawn: BTreeMap<RequestId, u64> = BTreeMap::new();
    for record in log.records(0).into_iter().filter(|record| record.subject != log.desk()) {
        for event in stored::decode(&record.bytes).unwrap().commits.iter().flat_map(|commit| &commit.events) {
            match taking::command(event, id_of(&record.subject)) {
                Some(Command::TakeProvider(terms)) => {
                    let suspended = providers.get(&terms.id).is_some_and(|(_, suspended)| *suspended);
                    providers.insert(terms.id.clone(), (terms, suspended));
                }
                Some(Command::TakeSuspension { provider, suspended }) => {
                    providers.entry(provider).and_modify(|known| known.1 = suspended);
                }
                Some(Command::TakeGrant { case, .. }) if !withdrawn.contains_key(&case.request) => {
                    grants.push((case.request, record.sequence));
                }
                Some(Command::TakeWithdrawal(request)) => drop(withdrawn.entry(request).or_insert(record.sequence)),
                Some(_) | None => {}
            }
        }
    }
    let taken = desk.providers.iter().map(|(id, known)| (id.clone(), (known.provider.clone(), known.suspended)));
    assert_eq!(taken.collect::<BTreeMap<_, _>>(), providers, "the Reserve is as the registry says");
    let mut order = Vec::new();
    for (at, (_, commit)) in commits.iter().enumerate() {
        for event in &commit.events {
            let event: DeskEvent = event.clone().try_into().unwrap();
            let sequence = if let DeskEvent::GrantTaken { case, .. } = event {
                let (_, sequence) = grants.iter().find(|(request, _)| *request == case.request).unwrap();
                order.push(case.request);
                *sequence
            } else if let DeskEvent::WithdrawalTaken { request } = event {
                withdrawn[&request]
            } else {
                continue;
            };
            assert!(commits[..at].iter().all(|(_, before)| before.taken < Some(sequence)), "none was skipped");
        }
    }
    assert_eq!(order, grants.into_iter().map(|(request, _)| request).collect::<Vec<_>>(), "in order");
    let finished = |request: &RequestId| desk.requests.get(request).is_some_and(|granted| granted.finished);
    assert!(withdrawn.keys().all(|request| desk.withdrawn.contains(request) || finished(request)));
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::with_cases(400) })]

    #[test]
    fn whatever_befalls_the_writers_the_desk_is_right(ops in prop::collection::vec(op(), 1..200)) {
        let mut world = World::new();
        ops.iter().for_each(|op| world.run(op));
        let desk = world.heal();
        let commits = world.log.commits();
        the_desks_log_is_whole(&commits);
        every_fact_is_taken(&world.log, &desk, &commits);
        let places: BTreeMap<_, _> = commits.iter().map(|(position, commit)| (commit.command, *position)).collect();
        prop_assert_eq!(places.len(), commits.len(), "no command is done twice");
        for (command, position) in &world.acknowledged {
            prop_assert_eq!(places.get(command), Some(position), "what was acknowledged is there");
        }
    }
}
