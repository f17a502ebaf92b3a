//! Doing what the log calls for: once at a time, when it is due, until it is done.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture};
use muster_domain::{
    event::Event,
    kernel::Timestamp,
    registry::{
        catalogue::Catalogue,
        events::{CatalogueEvent, ServiceEntry},
    },
};
use muster_journal::{
    engine::{
        Done, Meta, Undone,
        agenda::{self, Agenda, Input, Item, Runner},
        executor::Executor,
        follower::{Fold, Follower, Seen, View},
    },
    memory::Memory,
    port::Journal,
    stored::Position,
};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
};
use uuid::Uuid;

use super::realm::{actor, at, catalogue, commit, commits, extend, meta, new_id, service, write, write_raw};

/// Another than the one of a realm whose clock runs as fast as the machine's.
const REST: u64 = 700;
const NONE: [u64; 0] = [];

/// Every service numbered below 1,000 calls for its fellow, 1,000 further on, so many milliseconds after the start as its
/// number says.
#[derive(Debug, Default)]
struct Fellows(BTreeMap<Uuid, Item<u64>>);

fn number(entry: &ServiceEntry) -> u64 {
    entry.id.as_str().trim_start_matches("x.s-").parse().unwrap()
}

impl Fold for Fellows {
    fn fold(&mut self, seen: &Seen) {
        for event in &seen.commit.events {
            let Event::Catalogue(CatalogueEvent::Extended(entries)) = event else { continue };
            for number in entries.iter().map(number) {
                if number < 1_000 {
                    let item = item(seen.commit.command, number);
                    self.0.insert(item.command, item);
                } else {
                    self.0.retain(|_, item| item.order + 1_000 != number);
                }
            }
        }
    }
}

impl Agenda for Fellows {
    type Order = u64;

    fn items(&self) -> &BTreeMap<Uuid, Item<u64>> {
        &self.0
    }
}

fn item(cause: Uuid, number: u64) -> Item<u64> {
    let command = Uuid::new_v5(&cause, format!("fellow of {number}").as_bytes());
    Item {
        command,
        due: at(number.try_into().unwrap()),
        causation: cause,
        correlation: cause,
        trace: None,
        order: number,
    }
}

fn calls(number: u64) -> Vec<Event> {
    vec![CatalogueEvent::Extended(vec![service(number, "calls")]).into()]
}

fn items(numbers: impl IntoIterator<Item = u64>) -> BTreeMap<Uuid, Item<u64>> {
    numbers.into_iter().map(|number| item(Uuid::from_u128(7), number)).map(|item| (item.command, item)).collect()
}

fn look(runner: &mut Runner, items: &BTreeMap<Uuid, Item<u64>>, now: u64) -> Vec<u64> {
    runner.step(Input::Look { items, now: at(now.try_into().unwrap()) }).into_iter().map(|item| item.order).collect()
}

fn answered(runner: &mut Runner, number: u64, again: bool, now: u64) {
    let command = item(Uuid::from_u128(7), number).command;
    assert!(runner.step::<u64>(Input::Answered { command, again, now: at(now.try_into().unwrap()) }).is_empty());
}

#[test]
fn an_item_starts_when_it_is_due_and_once_at_a_time() {
    let (mut runner, items) = (Runner::new(Duration::from_millis(REST)), items([10, 20]));
    assert_eq!(runner.next(&items), Some(at(10)));
    assert_eq!(look(&mut runner, &items, 9), NONE);
    assert_eq!(look(&mut runner, &items, 10), [10]);
    assert_eq!(look(&mut runner, &items, 11), NONE, "it is under way");
    assert_eq!(runner.next(&items), Some(at(20)));
    assert_eq!(look(&mut runner, &items, 20), [20]);
    assert_eq!(runner.next(&items), None);
}

#[test]
fn what_may_still_succeed_is_tried_again_after_a_rest_and_nothing_else_is() {
    let (mut runner, both) = (Runner::new(Duration::from_millis(REST)), items([10, 20]));
    assert_eq!(look(&mut runner, &both, 30), [10, 20]);
    answered(&mut runner, 10, true, 30);
    answered(&mut runner, 20, false, 30);
    assert_eq!(runner.next(&both), Some(at(730)));
    assert_eq!(look(&mut runner, &both, 29 + REST), NONE);
    assert_eq!(look(&mut runner, &both, 30 + REST), [10], "only the fold takes off what is answered for good");
    assert_eq!(runner.next(&both), None);
    answered(&mut runner, 10, false, 31 + REST);
    assert_eq!(look(&mut runner, &items([]), 32 + REST), NONE);
    assert_eq!(look(&mut runner, &both, 33 + REST), [10, 20], "put on again, it is as new");
}

#[test]
fn what_has_been_due_longest_goes_first_and_only_so_many_at_once() {
    let (mut runner, items) = (Runner::new(Duration::from_millis(REST)), items(1..=40));
    assert_eq!(look(&mut runner, &items, 100), (1..=16).collect::<Vec<_>>());
    assert_eq!(runner.next(&items), None, "an answer must come first");
    answered(&mut runner, 3, false, 100);
    answered(&mut runner, 4, true, 100);
    assert_eq!(runner.next(&items), Some(at(17)), "there is room for what is overdue");
    assert_eq!(look(&mut runner, &items, 100), [17, 18]);
}

/// A realm's clock for a loop: it moves when told to.
#[derive(Clone)]
struct Clock(Arc<watch::Sender<Timestamp>>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(watch::Sender::new(at(0))))
    }

    fn set(&self, millis: i64) {
        self.0.send_replace(at(millis));
    }

    fn advance(&self, millis: u64) {
        self.0.send_modify(|now| *now = now.plus(Duration::from_millis(millis)));
    }
}

/// A process that follows the journal and does what `perform` does with each item.
struct Process {
    view: View<Fellows>,
    run: JoinHandle<()>,
    _follow: JoinHandle<()>,
}

impl Process {
    async fn start<P>(
        journal: Arc<dyn Journal>,
        clock: &Clock,
        perform: impl Fn(Item<u64>) -> P + Send + Sync + 'static,
    ) -> Self
    where
        P: Future<Output = Result<Done, Undone>> + Send + 'static,
    {
        let head = journal.last().await.unwrap();
        Self::start_at(head, journal, clock, perform)
    }

    fn start_at<P>(
        head: u64,
        journal: Arc<dyn Journal>,
        clock: &Clock,
        perform: impl Fn(Item<u64>) -> P + Send + Sync + 'static,
    ) -> Self
    where
        P: Future<Output = Result<Done, Undone>> + Send + 'static,
    {
        let mut follower = Follower::default();
        let view = follower.view(Fellows::default());
        let (now, sleeping) = (clock.clone(), clock.clone());
        let run = agenda::run(
            view.clone(),
            head,
            Duration::from_millis(REST),
            Arc::new(move || *now.0.borrow()),
            move |due| {
                let mut time = sleeping.0.subscribe();
                async move { drop(time.wait_for(|now| *now >= due).await) }
            },
            Arc::new(perform),
        );
        let follow = tokio::spawn(async move { drop(follower.run(journal).await) });
        Self { view, run: tokio::spawn(run), _follow: follow }
    }

    /// A process that executes on the journal, as services do.
    async fn executing(journal: Arc<dyn Journal>, clock: &Clock) -> Self {
        let now = clock.clone();
        let executor = Arc::new(Executor::<Catalogue>::new(journal.clone(), Arc::new(move || *now.0.borrow()), new_id));
        Self::start(journal, clock, move |item| {
            let executor = executor.clone();
            async move {
                let meta = Meta::of_item(&item, actor("catalogue"), at(0));
                executor.execute(&catalogue(), extend(item.order + 1_000, "fellow"), meta).await
            }
        })
        .await
    }
}

/// The numbers of the services in the log, in order.
async fn services(journal: &dyn Journal) -> Vec<u64> {
    let commits = commits(&journal.load(&catalogue(), 0).await.unwrap());
    let events = commits.into_iter().flat_map(|(_, commit)| commit.events);
    let entries = events.flat_map(|event| {
        let CatalogueEvent::Extended(entries) = event.try_into().unwrap();
        entries
    });
    entries.map(|entry| number(&entry)).collect()
}

/// A `perform` that tells what it is given and answers from a script; without one it never answers.
type Script = Arc<Mutex<BTreeMap<u64, Vec<Result<Done, Undone>>>>>;

type Given = mpsc::UnboundedReceiver<u64>;
type Performing = BoxFuture<'static, Result<Done, Undone>>;

fn scripted(script: &Script) -> (impl Fn(Item<u64>) -> Performing + use<>, Given) {
    let (told, given) = mpsc::unbounded_channel();
    let script = script.clone();
    let perform = move |item: Item<u64>| {
        told.send(item.order).unwrap();
        let answer = script.lock().unwrap().get_mut(&item.order).and_then(Vec::pop);
        match answer {
            Some(answer) => futures::future::ready(answer).boxed(),
            None => futures::future::pending().boxed(),
        }
    };
    (perform, given)
}

#[tokio::test]
async fn due_times_are_waited_for_by_the_realms_clock() {
    let (journal, clock) = (Arc::new(Memory::new()), Clock::new());
    for number in [30, 10, 20] {
        write(&*journal, &catalogue(), vec![commit(number, at(0), calls(number))]).await;
    }
    let _process = Process::executing(journal.clone(), &clock).await;
    let mut records = journal.subscribe(3);
    for due in [10, 20, 30] {
        clock.set(due - 1);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(records.next().now_or_never().is_none(), "nothing is done early");
        clock.set(due);
        records.next().await.unwrap().unwrap();
    }
    assert_eq!(services(&*journal).await, [30, 10, 20, 1_010, 1_020, 1_030]);
}

#[tokio::test]
async fn an_item_is_tried_until_it_is_answered_for_good() {
    let (journal, clock) = (Arc::new(Memory::new()), Clock::new());
    for number in [1, 2] {
        write(&*journal, &catalogue(), vec![commit(number, at(0), calls(number))]).await;
    }
    let refused = || Err(Undone::Reused(Uuid::nil()));
    let answers = [
        (
            1,
            vec![
                Ok(Done { position: Position::default(), news: false }),
                Err(Undone::Unsure),
                Err(Undone::Unavailable(String::new())),
            ],
        ),
        (2, vec![refused()]),
    ];
    let script: Script = Arc::new(Mutex::new(answers.into()));
    let (perform, mut given) = scripted(&script);
    clock.set(10);
    let _process = Process::start(journal.clone(), &clock, perform).await;
    assert_eq!((given.recv().await, given.recv().await), (Some(1), Some(2)));
    for _ in 0..2 {
        // The loop rests from when it hears the answer, so the clock moves until it tries again.
        let mut tried = given.try_recv();
        for _ in 0..1_000 {
            if tried.is_ok() {
                break;
            }
            clock.advance(REST / 4);
            tokio::task::yield_now().await;
            tried = given.try_recv();
        }
        assert_eq!(tried, Ok(1), "the other was refused");
    }
    clock.advance(100 * REST);
    write(&*journal, &catalogue(), vec![commit(3, at(0), calls(3))]).await;
    assert_eq!(given.recv().await, Some(3), "both are answered for good");
    assert!(given.try_recv().is_err());
}

#[tokio::test]
async fn nothing_is_started_before_the_log_is_read_to_where_it_ended() {
    let (journal, clock) = (Arc::new(Memory::new()), Clock::new());
    write(&*journal, &catalogue(), vec![commit(1, at(0), calls(1))]).await;
    clock.set(1_000);
    let (perform, mut given) = scripted(&Script::default());
    let _process = Process::start_at(2, journal.clone(), &clock, perform);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(given.try_recv().is_err(), "what follows may answer it");
    write(&*journal, &catalogue(), vec![commit(2, at(0), calls(1_001))]).await;
    write(&*journal, &catalogue(), vec![commit(3, at(0), calls(3))]).await;
    assert_eq!(given.recv().await, Some(3));
}

#[tokio::test]
async fn nothing_is_started_that_the_log_has_answered_already() {
    let (journal, clock) = (Arc::new(Memory::new()), Clock::new());
    for number in 1..=200 {
        write(&*journal, &catalogue(), vec![commit(number, at(0), calls(number))]).await;
        if number != 77 {
            let fellow = calls(number + 1_000);
            write(&*journal, &catalogue(), vec![commit(number + 1_000, at(0), fellow)]).await;
        }
    }
    let (perform, mut given) = scripted(&Script::default());
    clock.set(1_000_000);
    let process = Process::start(journal.clone(), &clock, perform).await;
    assert_eq!(given.recv().await, Some(77));
    assert_eq!(process.view.now().items().len(), 1);
    assert!(given.try_recv().is_err());
}

/// Many processes do what the same log calls for, are stopped wherever they are, and others go on: each item is done once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_an_item_and_however_often_it_is_done_once() {
    const ITEMS: u64 = 60;
    let (journal, clock) = (Arc::new(Memory::new()), Clock::new());
    for number in 1..=ITEMS {
        write(&*journal, &catalogue(), vec![commit(number, at(0), calls(number))]).await;
    }
    clock.set(1_000_000);
    let mut records = journal.subscribe(ITEMS);
    for _ in 0..5 {
        let processes =
            [Process::executing(journal.clone(), &clock).await, Process::executing(journal.clone(), &clock).await];
        records.next().await.unwrap().unwrap();
        processes.iter().for_each(|process| process.run.abort());
    }
    let last = Process::executing(journal.clone(), &clock).await;
    last.view.reaches(2 * ITEMS, Duration::from_secs(20)).await.unwrap();
    assert_eq!(last.view.now().items().len(), 0);
    let mut done = services(&*journal).await.split_off(usize::try_from(ITEMS).unwrap());
    done.sort_unstable();
    assert_eq!(done, (1_001..=1_000 + ITEMS).collect::<Vec<_>>());
    let item = item(meta(5, 0).command, 5);
    let repeat = Executor::<Catalogue>::new(journal.clone(), Arc::new(|| at(0)), new_id);
    let meta = Meta::of_item(&item, actor("catalogue"), at(0));
    assert!(!repeat.execute(&catalogue(), extend(1_005, "fellow"), meta).await.unwrap().news);
}

#[tokio::test]
async fn a_running_item_is_not_started_again_when_the_log_moves() {
    let (journal, clock) = (Arc::new(Memory::new()), Clock::new());
    write(&*journal, &catalogue(), vec![commit(1, at(0), calls(1))]).await;
    clock.set(1_000);
    let gate = Arc::new(Semaphore::new(0));
    let (told, mut given) = mpsc::unbounded_channel();
    let (closed, executor) =
        (gate.clone(), Arc::new(Executor::<Catalogue>::new(journal.clone(), Arc::new(|| at(0)), new_id)));
    let _process = Process::start(journal.clone(), &clock, move |item: Item<u64>| {
        told.send(item.order).unwrap();
        let (closed, executor) = (closed.clone(), executor.clone());
        async move {
            closed.acquire().await.unwrap().forget();
            let meta = Meta::of_item(&item, actor("catalogue"), at(0));
            executor.execute(&catalogue(), extend(item.order + 1_000, "fellow"), meta).await
        }
    })
    .await;
    assert_eq!(given.recv().await, Some(1));
    for number in 2..5 {
        write(&*journal, &catalogue(), vec![commit(number, at(0), calls(number))]).await;
        assert_eq!(given.recv().await, Some(number), "the first is under way still");
    }
    gate.add_permits(10);
    let mut records = journal.subscribe(4);
    for _ in 0..4 {
        records.next().await.unwrap().unwrap();
    }
    assert_eq!(services(&*journal).await.len(), 8);
    assert!(given.try_recv().is_err());
}

#[tokio::test]
async fn a_broken_log_ends_the_loop() {
    let (journal, clock) = (Arc::new(Memory::new()), Clock::new());
    write(&*journal, &catalogue(), vec![commit(1, at(0), calls(1))]).await;
    let process = Process::executing(journal.clone(), &clock).await;
    process.view.reaches(1, Duration::from_secs(20)).await.unwrap();
    write_raw(&*journal, &catalogue(), "no frame".into()).await;
    process.run.await.unwrap();
    let process = Process::executing(journal.clone(), &clock).await;
    process.run.await.expect("a loop that never reaches the head ends too");
    assert_eq!(journal.last().await, Ok(2));
}
