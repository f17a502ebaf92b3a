//! Two replicas hammer one subject while the journal fails them at random.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;
use muster_domain::registry::{
    catalogue::{self, Catalogue},
    events::CatalogueEvent,
};
use muster_journal::{
    engine::{Done, Meta, Undone, entity::Entity, executor::Executor},
    faulty::{Fault, Faulty},
    memory::Memory,
    port::{Journal, Record},
    stored::{Commit, Position},
};
use proptest::{prelude::*, test_runner::RngSeed};

use super::realm::{Clock, catalogue, commits, meta, new_id, service};

/// One call: which replica receives it, which command it is, and what the replica's clock shows then.
#[derive(Clone, Debug)]
struct Call {
    replica: usize,
    command: u64,
    clock: i64,
}

fn call() -> impl Strategy<Value = Call> {
    (0..2_usize, 0..12_u64, 0..100_i64).prop_map(|(replica, command, clock)| Call { replica, command, clock })
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => Just(Fault::None),
        2 => Just(Fault::AckLost),
        2 => Just(Fault::Late),
        1 => Just(Fault::Unavailable),
        2 => Just(Fault::Conflict),
        2 => Just(Fault::Busy),
    ]
}

/// Few services and fewer names, so that commands repeat, agree and contradict one another.
fn command(number: u64) -> (catalogue::Command, Meta) {
    let name = ["one name", "another"][usize::try_from(number % 2).unwrap()];
    (catalogue::Command::Extend(vec![service(number % 5, name)]), meta(number, 0))
}

async fn hammer(journal: Arc<Faulty>, calls: Vec<Call>) -> Vec<(u64, Result<Done, Undone>)> {
    let clocks = [Clock::default(), Clock::default()];
    let replica = |at: usize| Arc::new(Executor::<Catalogue>::new(journal.clone(), clocks[at].now(), new_id));
    let replicas = [replica(0), replica(1)];
    let running = calls.into_iter().map(|call| {
        let (executor, clock) = (replicas[call.replica].clone(), clocks[call.replica].clone());
        tokio::spawn(async move {
            clock.set(call.clock);
            let (command, meta) = command(call.command);
            (call.command, executor.execute(&catalogue(), command, meta).await)
        })
    });
    join_all(running).await.into_iter().map(Result::unwrap).collect()
}

/// The subject's records follow one another, and so do its commits and their times.
fn the_log_is_whole(records: &[Record]) -> BTreeMap<u64, Position> {
    records.iter().try_fold(Entity::<Catalogue>::default(), Entity::take).expect("the chain is unbroken");
    let mut places = BTreeMap::new();
    let mut before: Option<(Position, Commit)> = None;
    for (position, commit) in commits(records) {
        assert_eq!(commit.decided_at, before.as_ref().map(|(position, _)| *position), "decided on what it follows");
        assert!(before.is_none_or(|(_, before)| before.recorded_at <= commit.recorded_at), "time does not go back");
        let number = u64::try_from(commit.command.as_u128() >> 64).unwrap();
        assert_eq!(places.insert(number, position), None, "no command is done twice");
        before = Some((position, commit));
    }
    places
}

fn every_answer_is_true(records: &[Record], answers: &[(u64, Result<Done, Undone>)]) {
    let places = the_log_is_whole(records);
    let mut has = Vec::new();
    for (position, commit) in commits(records) {
        for event in commit.events {
            let CatalogueEvent::Extended(entries) = event.try_into().unwrap();
            has.extend(entries.into_iter().map(|entry| (entry, position)));
        }
    }
    for (number, answer) in answers {
        let catalogue::Command::Extend(asked) = command(*number).0;
        match answer {
            Ok(done) => {
                let (_, since) =
                    has.iter().find(|(entry, _)| *entry == asked[0]).expect("what is acknowledged is in the log");
                assert!(done.position >= *since, "and its position shows it");
                assert_eq!(places.get(number).unwrap_or(&done.position), &done.position, "told where it was done");
                assert!(places.contains_key(number) || !done.news);
            }
            Err(Undone::Refused(_)) => assert!(!places.contains_key(number), "what is refused is not done"),
            Err(Undone::Unsure | Undone::Unavailable(_)) => {}
            Err(other @ (Undone::Reused(_) | Undone::TooLarge { .. } | Undone::Broken(_))) => panic!("{other}"),
        }
    }
    for number in places.keys() {
        let news = answers.iter().filter(|(of, answer)| of == number && answer.as_ref().is_ok_and(|done| done.news));
        assert!(news.count() <= 1, "it is news to one caller at most");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::with_cases(500) })]

    #[test]
    fn replicas_that_hammer_one_subject_keep_the_log_whole_and_the_answers_true(
        calls in prop::collection::vec(call(), 1..24),
        faults in prop::collection::vec(fault(), 0..60),
        pauses in prop::collection::vec(0..4_u8, 0..120),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let journal = Arc::new(Faulty::new(Arc::new(Memory::new())));
            journal.befall(faults);
            journal.pause(pauses);
            let answers = hammer(journal.clone(), calls).await;
            every_answer_is_true(&journal.load(&catalogue(), 0).await.unwrap(), &answers);
        });
    }
}
