//! Reading a view as it is, as it was, and once it has come far enough.

use std::{sync::Arc, time::Duration};

use futures::poll;
use muster_api::r#type::v1::{Position as WirePosition, ReadAt, read_at::AsOf};
use muster_domain::kernel::{Refusal, RefusalKind};
use muster_journal::{
    engine::{
        follower::{Follower, Progress, View},
        reading,
    },
    faulty::Faulty,
    memory::Memory,
    port::Journal,
    stored::Position,
};
use tokio::task::JoinHandle;

use super::{
    follower::Diary,
    realm::{START, at, case, catalogue, commit, extended, write, write_raw},
};

const PATIENCE: Duration = Duration::from_secs(2);

/// Place and millisecond of each commit of [`log`].
const LOG: [(u64, u32, i64); 6] = [(1, 0, 10), (1, 1, 10), (1, 2, 30), (2, 0, 20), (4, 0, 40), (4, 1, 50)];

/// Frames of three, one, no and two commits; the second is recorded earlier than the one before it.
async fn log(journal: &dyn Journal) {
    let commits = |numbers: std::ops::Range<usize>| {
        let commits = numbers.map(|n| commit(n as u64, at(LOG[n].2), vec![extended(n as u64)]));
        commits.collect::<Vec<_>>()
    };
    write(journal, &catalogue(), commits(0..3)).await;
    let mut second = commits(3..4);
    second[0].events.clear();
    write(journal, &case("c-1"), second).await;
    write(journal, &case("c-1"), vec![]).await;
    write(journal, &catalogue(), commits(4..6)).await;
}

fn follow(journal: &Arc<Faulty>) -> View<Diary> {
    let [view] = views(journal.clone());
    view
}

/// The views of one process.
fn views<const COUNT: usize>(journal: Arc<dyn Journal>) -> [View<Diary>; COUNT] {
    let mut follower = Follower::default();
    let views = std::array::from_fn(|_| follower.view(Diary::default()));
    tokio::spawn(async move { drop(follower.run(journal).await) });
    views
}

fn journal() -> Arc<Faulty> {
    Arc::new(Faulty::new(Arc::new(Memory::new())))
}

fn as_of(sequence: u64, index: u32) -> ReadAt {
    ReadAt { as_of: Some(AsOf::Position(WirePosition { sequence, index })), at_least: None }
}

fn as_of_time(millis: i64) -> ReadAt {
    let (millis, nanos) = (START + millis, 999_999);
    let time = prost_types::Timestamp { seconds: millis / 1_000, nanos: (millis % 1_000) as i32 * 1_000_000 + nanos };
    ReadAt { as_of: Some(AsOf::Time(time)), at_least: None }
}

fn at_least(sequence: u64) -> ReadAt {
    ReadAt { as_of: None, at_least: Some(WirePosition { sequence, index: 0 }) }
}

/// How many commits the answer looked at, and how far it says it had come.
async fn read(view: &View<Diary>, journal: &Faulty, at: ReadAt) -> Result<(usize, Progress), Refusal> {
    let look = |diary: &Diary, progress: &Progress| {
        assert_eq!(diary.0.last().map(|(position, ..)| *position), Some(progress.position).filter(|p| p.sequence > 0));
        (diary.0.len(), progress.clone())
    };
    reading::read(view, journal, Some(at), PATIENCE, look).await
}

async fn reason(view: &View<Diary>, journal: &Faulty, at: ReadAt) -> &'static str {
    read(view, journal, at).await.expect_err("it is refused").reason
}

/// The progress after so many commits.
fn progress(commits: usize) -> Progress {
    let seen = &LOG[..commits];
    let position = seen.last().map(|(sequence, index, _)| Position { sequence: *sequence, index: *index });
    let log_time = seen.iter().map(|(.., millis)| at(*millis)).max();
    Progress { position: position.unwrap_or_default(), log_time: log_time.unwrap_or_default(), broken: None }
}

#[tokio::test]
async fn a_position_shows_what_was_so_there_and_no_half_of_a_frame_too_much() {
    let journal = journal();
    log(&*journal).await;
    let view = follow(&journal);
    view.reaches(4, PATIENCE).await.unwrap();
    assert_eq!(read(&view, &journal, as_of(0, 0)).await, Ok((0, progress(0))), "before the first");
    for (before, (sequence, index, _)) in (1..).zip(LOG) {
        assert_eq!(read(&view, &journal, as_of(sequence, index)).await, Ok((before, progress(before))));
    }
    assert_eq!(read(&view, &journal, as_of(3, 0)).await, Ok((4, progress(4))), "a frame without commits shows nothing");
    assert_eq!(read(&view, &journal, as_of(1, 9)).await, Ok((3, progress(3))), "nor do commits that a frame has not");
}

#[tokio::test]
async fn a_time_shows_the_last_position_whose_log_time_is_not_after_it() {
    let journal = journal();
    log(&*journal).await;
    let view = follow(&journal);
    view.reaches(4, PATIENCE).await.unwrap();
    for (millis, commits) in
        [(0, 0), (9, 0), (10, 2), (20, 2), (29, 2), (30, 4), (39, 4), (40, 5), (49, 5), (50, 6), (99, 6)]
    {
        assert_eq!(read(&view, &journal, as_of_time(millis)).await, Ok((commits, progress(commits))), "{millis} ms");
    }
}

/// The replica has not read what it is asked about: it reads on before it answers, or says that it is behind.
#[tokio::test(start_paused = true)]
async fn a_time_is_answered_only_by_who_has_read_up_to_it() {
    let journal = journal();
    let view = follow(&journal);
    write(&*journal, &catalogue(), vec![commit(1, at(5), vec![extended(7)])]).await;
    assert_eq!(view.progress(), Progress::default(), "it has read nothing");
    let (commits, _) = read(&view, &journal, as_of_time(100)).await.unwrap();
    assert_eq!(commits, 1, "what was in the log when the call came counts");

    let stuck = Follower::default().view(Diary::default());
    assert_eq!(reason(&stuck, &journal, as_of_time(100)).await, "BEHIND");
    journal.readable(false);
    assert_eq!(reason(&view, &journal, as_of_time(100)).await, "JOURNAL_UNAVAILABLE", "nobody knows where it ends");
    write_at(&journal, 200).await;
    view.reaches(2, PATIENCE).await.unwrap();
    assert_eq!(read(&view, &journal, as_of_time(100)).await.unwrap().0, 1, "a replica that has read beyond knows");
}

async fn write_at(journal: &Faulty, millis: i64) {
    journal.readable(true);
    write(journal, &catalogue(), vec![commit(2, at(millis), vec![extended(8)])]).await;
    journal.readable(false);
}

#[tokio::test]
async fn at_least_waits_for_what_the_caller_wrote() {
    let journal = journal();
    log(&*journal).await;
    let view = follow(&journal);
    assert_eq!(read(&view, &journal, at_least(4)).await, Ok((6, progress(6))));
    assert_eq!(
        read(&view, &journal, ReadAt::default()).await,
        Ok((6, progress(6))),
        "whoever asks for nothing gets now"
    );
    let mut waits = Box::pin(read(&view, &journal, at_least(5)));
    assert!(poll!(&mut waits).is_pending());
    assert_eq!(reason(&view, &journal, as_of(5, 0)).await, "POSITION_UNKNOWN", "nobody was ever told of it");
    write(&*journal, &catalogue(), vec![commit(9, at(60), vec![extended(9)])]).await;
    for answer in [waits.await.unwrap(), read(&view, &journal, as_of(5, 0)).await.unwrap()] {
        assert_eq!((answer.0, answer.1.position), (7, Position { sequence: 5, index: 0 }));
    }
    let both = ReadAt { at_least: at_least(5).at_least, ..as_of(1, 0) };
    assert_eq!(read(&view, &journal, both).await, Ok((1, progress(1))), "both hold");
}

#[tokio::test(start_paused = true)]
async fn what_the_replica_has_not_read_in_time_is_behind() {
    let journal = journal();
    log(&*journal).await;
    let view = follow(&journal);
    let refused = read(&view, &journal, at_least(5)).await.unwrap_err();
    assert_eq!(refused.reason, "BEHIND");
    assert!(refused.says.contains("read up to 4"), "{}", refused.says);
    let stuck = Follower::default().view(Diary::default());
    assert_eq!(reason(&stuck, &journal, as_of(4, 0)).await, "BEHIND");
    let refused = read(&view, &journal, as_of(u64::MAX, u32::MAX)).await.unwrap_err();
    assert_eq!(refused.reason, "POSITION_UNKNOWN");
    assert!(refused.says.contains("ends at 4"), "{}", refused.says);
}

#[tokio::test]
async fn a_broken_log_is_read_up_to_the_break_alone() {
    let journal = journal();
    log(&*journal).await;
    write_raw(&*journal, &catalogue(), "no frame".into()).await;
    let view = follow(&journal);
    assert_eq!(reason(&view, &journal, at_least(5)).await, "LOG_BROKEN");
    assert_eq!(reason(&view, &journal, as_of(5, 0)).await, "LOG_BROKEN");
    assert_eq!(reason(&view, &journal, as_of_time(100)).await, "LOG_BROKEN", "what stands behind it may be older");
    assert_eq!(read(&view, &journal, as_of(4, 0)).await, Ok((5, progress(5))));
    assert_eq!(read(&view, &journal, as_of_time(30)).await, Ok((4, progress(4))));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_commits_that_need_not_come() {
    let journal = journal();
    log(&*journal).await;
    write(&*journal, &case("c-1"), vec![]).await;
    let view = follow(&journal);
    view.reaches(5, PATIENCE).await.unwrap();
    let reading = read(&view, &journal, as_of(4, 1));
    assert_eq!(tokio::time::timeout(PATIENCE, reading).await, Ok(Ok((6, progress(6)))), "the log ends in a fence");
}

#[tokio::test]
async fn a_time_that_cannot_be_is_refused() {
    let journal = journal();
    let view = follow(&journal);
    let time = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
    let at = ReadAt { as_of: Some(AsOf::Time(time)), at_least: None };
    assert_eq!(reason(&view, &journal, at).await, "TIME_INVALID");
}

/// A process that has read [`log`], and the journal that its reads of earlier moments go to.
async fn read_up<const COUNT: usize>() -> (Arc<Faulty>, [View<Diary>; COUNT]) {
    let memory = Arc::new(Memory::new());
    log(&*memory).await;
    let views = views(memory.clone());
    for view in &views {
        view.reaches(4, PATIENCE).await.unwrap();
    }
    (Arc::new(Faulty::new(memory)), views)
}

/// A read in a task of its own, as of a call.
fn call(view: &View<Diary>, journal: &Arc<Faulty>, at: ReadAt) -> JoinHandle<Result<(usize, Progress), Refusal>> {
    let (view, journal) = (view.clone(), journal.clone());
    tokio::spawn(async move { read(&view, &journal, at).await })
}

/// Lets every task go as far as it can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_moment_is_replayed_once_whether_a_position_or_a_time_names_it() {
    let (journal, [view]) = read_up().await;
    for at in [as_of(1, 1), as_of(1, 1), as_of_time(10), as_of_time(29), as_of(1, 1)] {
        assert_eq!(read(&view, &journal, at).await, Ok((2, progress(2))));
    }
    assert_eq!(journal.subscriptions(), [0], "the log was read once");
}

#[tokio::test]
async fn a_moment_is_the_same_whatever_was_read_before_it() {
    let positions = [(0, 0), (1, 0), (1, 1), (1, 2), (1, 9), (2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (4, 1), (4, 9)];
    let positions = positions.map(|(sequence, index)| {
        let held = LOG.iter().filter(|(s, i, _)| (*s, *i) <= (sequence, index)).count();
        (as_of(sequence, index), held)
    });
    let times = [(-START - 1_000, 0), (0, 0), (10, 2), (20, 2), (30, 4), (40, 5), (50, 6)];
    let moments: Vec<_> = positions.into_iter().chain(times.map(|(millis, held)| (as_of_time(millis), held))).collect();
    for first in 0..moments.len() {
        for step in [1, 5, 7, moments.len() - 1] {
            let (journal, [view]) = read_up().await;
            let mut order = Vec::new();
            for at in (first..).step_by(step).take(moments.len()) {
                let (at, held) = moments[at % moments.len()];
                order.push(at);
                assert_eq!(read(&view, &journal, at).await, Ok((held, progress(held))), "the last of {order:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_replay_goes_on_from_the_nearest_moment_before() {
    let (journal, [view]) = read_up().await;
    for (at, commits) in [(as_of(2, 0), 4), (as_of(4, 0), 5), (as_of(1, 2), 3), (as_of(4, 0), 5), (as_of(1, 1), 2)] {
        assert_eq!(read(&view, &journal, at).await, Ok((commits, progress(commits))));
    }
    assert_eq!(journal.subscriptions(), [0, 2, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_moment_is_kept_for_a_while_and_not_with_too_many_others() {
    let (journal, [view]) = read_up().await;
    // The one that was read last is asked for again, so that the next goes in its place.
    for (sequence, index) in [(1, 0), (1, 1), (1, 2), (2, 0), (1, 0), (4, 0)] {
        read(&view, &journal, as_of(sequence, index)).await.unwrap();
    }
    let read_again = async |at: ReadAt| {
        let before = journal.subscriptions().len();
        read(&view, &journal, at).await.unwrap();
        journal.subscriptions().len() > before
    };
    assert!(!read_again(as_of(1, 0)).await);
    assert!(!read_again(as_of(4, 0)).await);
    assert!(read_again(as_of(1, 1)).await, "four others were asked for since");
    assert!(!read_again(as_of(1, 1)).await);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(read_again(as_of(1, 1)).await, "nobody asked for it for long");
}

#[tokio::test]
async fn callers_at_once_share_one_replay() {
    let (journal, [view]) = read_up().await;
    journal.stall(true);
    let calls = [as_of(1, 1), as_of(1, 1), as_of_time(29)].map(|at| call(&view, &journal, at));
    settle().await;
    journal.stall(false);
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok((2, progress(2))));
    }
    assert_eq!(journal.subscriptions(), [0], "the log was read once");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_two_replays_run_at_once_and_who_cannot_wait_is_told() {
    let (journal, [one, two, three]) = read_up().await;
    journal.stall(true);
    let running = [&one, &two].map(|view| call(view, &journal, as_of(2, 0)));
    settle().await;
    let waiting = call(&three, &journal, as_of(2, 0));
    settle().await;
    assert_eq!(journal.subscriptions(), [0, 0], "two, and nobody else");
    let refused = waiting.await.unwrap().unwrap_err();
    assert_eq!((refused.reason, refused.kind), ("TOO_MANY_REPLAYS", RefusalKind::Unavailable));
    assert_eq!(
        reason(&one, &journal, as_of(2, 0)).await,
        "TOO_MANY_REPLAYS",
        "nor does anybody wait longer for another's"
    );
    journal.stall(false);
    for running in running {
        assert_eq!(running.await.unwrap(), Ok((4, progress(4))));
    }
    assert_eq!(read(&three, &journal, as_of(2, 0)).await, Ok((4, progress(4))), "there is room again");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_leaves_room_for_the_others() {
    let (journal, [one, two, three]) = read_up().await;
    journal.stall(true);
    let abandoned = [&one, &two].map(|view| call(view, &journal, as_of(2, 0)));
    settle().await;
    let waiting = [&one, &three].map(|view| call(view, &journal, as_of(2, 0)));
    settle().await;
    abandoned.iter().for_each(JoinHandle::abort);
    journal.stall(false);
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), Ok((4, progress(4))));
    }
    for abandoned in abandoned {
        assert!(abandoned.await.unwrap_err().is_cancelled());
    }
}

#[tokio::test]
async fn a_replay_that_fails_is_told_and_tried_anew() {
    let (journal, [view]) = read_up().await;
    let damaged = Faulty::new(journal.clone());
    damaged.withhold(2);
    for _ in 0..2 {
        assert_eq!(reason(&view, &damaged, as_of(2, 0)).await, "LOG_BROKEN");
    }
    assert_eq!(read(&view, &journal, as_of(2, 0)).await, Ok((4, progress(4))));
    assert_eq!(journal.subscriptions(), [0, 0, 0]);
}
