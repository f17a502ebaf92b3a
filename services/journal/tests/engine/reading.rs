//! Reading a view as it is, as it was, and once it has come far enough.

use std::{sync::Arc, time::Duration};

use futures::poll;
use muster_api::r#type::v1::{Position as WirePosition, ReadAt, read_at::AsOf};
use muster_domain::kernel::Refusal;
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
    let mut follower = Follower::default();
    let view = follower.view(Diary::default());
    let journal: Arc<dyn Journal> = journal.clone();
    tokio::spawn(async move { drop(follower.run(journal).await) });
    view
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
