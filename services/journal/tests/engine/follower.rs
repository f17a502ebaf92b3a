//! Following the realm: in order, whole frames, and never beyond a break.

use std::{sync::Arc, time::Duration};

use futures::poll;
use muster_domain::{
    event::Event,
    kernel::{ProviderId, Refusal, Timestamp},
    registry::events::ProviderEvent,
};
use muster_journal::{
    engine::{
        Broken,
        follower::{Behind, Fold, Follower, Progress, Reader, Seen, View},
    },
    faulty::Faulty,
    memory::Memory,
    port::{Journal, ReadError, Subject},
    stored::{self, Frame, Position},
};
use tokio::time::Instant;

use super::realm::{at, case, catalogue, commit, extended, new_id, subjects, write, write_raw};

const PATIENCE: Duration = Duration::from_secs(20);

/// Every commit seen: its place, whose it is, and log time there.
#[derive(Clone, Debug, Default)]
pub struct Diary(pub Vec<(Position, Subject, Timestamp)>);

impl Fold for Diary {
    fn fold(&mut self, seen: &Seen) {
        self.0.push((seen.position, seen.subject.clone(), seen.log_time));
    }
}

fn position(sequence: u64, index: u32) -> Position {
    Position { sequence, index }
}

fn provider(id: &str) -> Subject {
    subjects().provider(&ProviderId::parse(id).unwrap()).unwrap()
}

fn reinstated() -> Event {
    ProviderEvent::Reinstated { reason: "it answers again".to_owned() }.into()
}

/// Follows a journal for two views.
fn follow(journal: Arc<dyn Journal>) -> (View<Diary>, View<Diary>, tokio::task::JoinHandle<Broken>) {
    let mut follower = Follower::default();
    let views = (follower.view(Diary::default()), follower.view(Diary::default()));
    (views.0, views.1, tokio::spawn(follower.run(journal)))
}

#[tokio::test]
async fn every_view_sees_every_commit_in_order_with_log_time() {
    let journal = Arc::new(Memory::new());
    let p = provider("p");
    write(&*journal, &catalogue(), vec![commit(1, at(5), vec![extended(1)]), commit(2, at(9), vec![])]).await;
    write(&*journal, &p, vec![commit(3, at(7), vec![reinstated()])]).await;
    write(&*journal, &catalogue(), vec![]).await;
    write(&*journal, &catalogue(), vec![commit(4, at(11), vec![extended(2)])]).await;
    let (one, other, _run) = follow(journal);
    one.reaches(4, PATIENCE).await.unwrap();
    let seen = [
        (position(1, 0), catalogue(), at(5)),
        (position(1, 1), catalogue(), at(9)),
        (position(2, 0), p, at(9)),
        (position(4, 0), catalogue(), at(11)),
    ];
    let progress = Progress { position: position(4, 0), log_time: at(11), broken: None };
    for view in [one, other] {
        assert_eq!(view.now().0, seen);
        assert_eq!(view.now().progress(), &progress);
        assert_eq!(view.progress(), progress);
    }
}

/// A reader looks as often as it can while frames of three commits come in: what it sees is always whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_and_its_progress_change_together() {
    const FRAMES: u64 = 1_500;
    let journal = Arc::new(Memory::new());
    let (view, _, _run) = follow(journal.clone());
    let reader = tokio::task::spawn_blocking(move || {
        let mut looks = 0_u64;
        loop {
            let now = view.now();
            let Position { sequence, index } = now.progress().position;
            assert_eq!(now.0.len() as u64, sequence * 3, "whole frames");
            assert_eq!(
                now.0.last().map(|(position, ..)| *position),
                (sequence > 0).then_some(position(sequence, index))
            );
            looks += 1;
            if sequence == FRAMES {
                return looks;
            }
        }
    });
    let (mut previous, p) = ([0; 32], provider("p"));
    for sequence in 0..FRAMES {
        let commits = (0..3).map(|n| commit(sequence * 3 + n, at(0), vec![reinstated()])).collect();
        let bytes = stored::encode(&Frame { id: new_id(), previous, commits });
        previous = stored::hash(&bytes);
        journal.append(&p, sequence, new_id(), bytes).await.unwrap();
    }
    assert!(reader.await.unwrap() > 1);
}

#[tokio::test]
async fn reaching_waits_for_the_record() {
    let journal = Arc::new(Memory::new());
    let (view, _, _run) = follow(journal.clone());
    write(&*journal, &catalogue(), vec![commit(1, at(0), vec![extended(1)])]).await;
    let mut reaches = Box::pin(view.reaches(2, PATIENCE));
    view.reaches(1, PATIENCE).await.unwrap();
    assert!(poll!(&mut reaches).is_pending());
    write(&*journal, &catalogue(), vec![commit(2, at(0), vec![extended(2)])]).await;
    assert_eq!(reaches.await, Ok(()));
    assert_eq!(view.now().0.len(), 2);
    view.reaches(0, Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn reaching_ends_in_saying_how_far_it_came() {
    let journal = Arc::new(Memory::new());
    write(&*journal, &catalogue(), vec![commit(1, at(0), vec![extended(1)])]).await;
    let (view, _, _run) = follow(journal);
    let started = Instant::now();
    let patience = Duration::from_secs(2);
    let behind = view.reaches(3, patience).await.unwrap_err();
    assert_eq!(behind, Behind { has: 1, asked: 3, broken: None });
    assert_eq!(started.elapsed().as_millis(), patience.as_millis(), "patience is used, not more");
    assert_eq!(Refusal::from(behind).reason, "BEHIND");
}

/// How a log may break at its third record, and what is then told.
async fn breaks() -> Vec<(&'static str, Arc<Faulty>, Broken)> {
    let mut breaks = Vec::new();
    for what in ["gap", "bytes", "chain", "foreign", "nowhere"] {
        let journal = Arc::new(Faulty::new(Arc::new(Memory::new())));
        write(&*journal, &catalogue(), vec![commit(1, at(0), vec![extended(1)])]).await;
        write(&*journal, &provider("p"), vec![commit(2, at(0), vec![reinstated()])]).await;
        let good = commit(3, at(0), vec![extended(3)]);
        let corrupt = |what: &str| Broken::Corrupt { sequence: 3, what: what.to_owned() };
        let broken = match what {
            "gap" => {
                write(&*journal, &catalogue(), vec![good]).await;
                journal.withhold(3);
                Broken::Read(ReadError::Gap { expected: 3, found: 4 })
            }
            "bytes" => {
                let bytes = stored::encode(&Frame { id: new_id(), previous: [0; 32], commits: vec![good] });
                write_raw(&*journal, &provider("q"), bytes.slice(..bytes.len() - 1)).await;
                let what = stored::decode(&bytes[..bytes.len() - 1]).unwrap_err();
                Broken::Undecodable { sequence: 3, what }
            }
            "chain" => {
                let stray = Frame { id: new_id(), previous: [0; 32], commits: vec![good] };
                write_raw(&*journal, &catalogue(), stored::encode(&stray)).await;
                Broken::Chain { sequence: 3, subject: catalogue().to_string() }
            }
            "foreign" => {
                write(&*journal, &catalogue(), vec![good, commit(4, at(0), vec![extended(4), reinstated()])]).await;
                corrupt("registry.provider.reinstated.v1 does not belong on muster.test.registry.catalogue")
            }
            _ => {
                write(&*journal, &case("c-1"), vec![good]).await;
                corrupt("registry.catalogue.extended.v1 does not belong on muster.test.intake.c-1")
            }
        };
        write(&*journal, &provider("p"), vec![commit(9, at(0), vec![reinstated()])]).await;
        breaks.push((what, journal, broken));
    }
    breaks
}

#[tokio::test(start_paused = true)]
async fn a_broken_log_is_told_with_its_place_and_nothing_behind_it_is_folded() {
    let started = Instant::now();
    for (what, journal, broken) in breaks().await {
        let (one, other, run) = follow(journal);
        let (mut steps, waiting) = (one.steps(), one.clone());
        let waiting = tokio::spawn(async move { waiting.reaches(4, PATIENCE).await });
        let watched = steps.wait_for(|progress| progress.broken.is_some()).await.unwrap().clone();
        assert_eq!(watched.broken.as_ref(), Some(&broken), "{what}: told to whoever watches");
        assert_eq!(run.await.unwrap(), broken, "{what}: told to whoever runs it");
        for view in [&one, &other] {
            assert_eq!(view.now().progress().position, position(2, 0), "{what}");
            assert_eq!(view.now().0.len(), 2, "{what}: nothing behind the break, nor half of it");
            assert_eq!(view.progress(), watched, "{what}");
        }
        let behind = Behind { has: 2, asked: 4, broken: Some(broken) };
        assert_eq!(waiting.await.unwrap(), Err(behind.clone()), "{what}: told to whoever waits");
        assert_eq!(one.reaches(4, PATIENCE).await, Err(behind.clone()), "{what}: and to whoever comes later");
        assert_eq!(Refusal::from(behind).reason, "LOG_BROKEN", "{what}");
        assert_eq!(one.reaches(2, PATIENCE).await, Ok(()), "{what}: what was read is there");
    }
    assert!(started.elapsed().is_zero(), "nobody was kept waiting for what never comes");
}

#[tokio::test]
async fn a_reader_takes_each_record_once_and_none_out_of_order() {
    let journal = Memory::new();
    for number in 1..=3 {
        write(&journal, &catalogue(), vec![commit(number, at(0), vec![extended(number)])]).await;
    }
    let records = journal.load(&catalogue(), 0).await.unwrap();
    let mut reader = Reader::default();
    let mut seen = Vec::new();
    let mut take = |at: usize| reader.take(&records[at], |commits, _| seen.extend(commits.iter().map(|c| c.position)));
    let gap = |expected, found| Err(Broken::Read(ReadError::Gap { expected, found }));
    assert_eq!(take(1), gap(1, 2), "not from the middle");
    assert_eq!(take(0), Ok(()));
    assert_eq!(take(0), gap(2, 1), "not twice");
    assert_eq!(take(2), gap(2, 3), "none skipped");
    assert_eq!(take(1), Ok(()), "a refused record has changed nothing");
    assert_eq!(take(2), Ok(()));
    assert_eq!(seen, [position(1, 0), position(2, 0), position(3, 0)]);
}
