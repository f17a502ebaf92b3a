//! What `append_surely` makes of every answer a journal can give.

use super::*;
use crate::{
    port::{Context, Record, Records},
    skew::ClockOff,
};
use async_trait::async_trait;
use muster_domain::kernel::RealmId;
use std::{collections::VecDeque, sync::Mutex};

const OURS: Uuid = Uuid::from_u128(1);
const THEIRS: Uuid = Uuid::from_u128(2);
const EXPECTED: u64 = 7;
const PATIENCE: Duration = Duration::from_secs(10);

/// A journal that answers from a script and fails on any call that the script does not foresee.
#[derive(Default)]
struct Scripted {
    appends: Mutex<VecDeque<Answer>>,
    loads: Mutex<VecDeque<Result<Vec<Uuid>, ReadError>>>,
}

enum Answer {
    Says(Result<u64, AppendError>),
    Never,
}

#[async_trait]
impl Journal for Scripted {
    async fn append(&self, at: &Subject, expected: u64, frame: Uuid, bytes: Bytes) -> Result<u64, AppendError> {
        assert_eq!(
            (at, expected, frame, &*bytes),
            (&subject(), EXPECTED, OURS, &b"frame"[..]),
            "every try is the same"
        );
        let answer = self.appends.lock().unwrap().pop_front().expect("an append that the script does not foresee");
        match answer {
            Answer::Says(answer) => answer,
            Answer::Never => std::future::pending().await,
        }
    }

    async fn load(&self, at: &Subject, after: u64) -> Result<Vec<Record>, ReadError> {
        assert_eq!((at, after), (&subject(), EXPECTED), "it looks where its frame would stand");
        let frames = self.loads.lock().unwrap().pop_front().expect("a load that the script does not foresee")?;
        let record =
            |(at, frame): (u64, Uuid)| Record { sequence: 20 + at, subject: subject(), frame, bytes: Bytes::new() };
        Ok((0u64..).zip(frames).map(record).collect())
    }

    async fn record(&self, _: u64) -> Result<Record, ReadError> {
        panic!("appending looks on its subject alone")
    }

    async fn head(&self, _: &Subject) -> Result<u64, ReadError> {
        panic!("appending needs no head")
    }

    async fn last(&self) -> Result<u64, ReadError> {
        panic!("appending needs no last")
    }

    fn subscribe(&self, _: u64) -> Records {
        panic!("appending follows nothing")
    }
}

fn subject() -> Subject {
    Subject::new(&RealmId::parse("test").unwrap(), Context::Dispatch, "desk").unwrap()
}

fn unknown<T>() -> Result<T, AppendError> {
    Err(AppendError::Unknown("ack lost".to_owned()))
}

fn unavailable<T>() -> Result<T, AppendError> {
    Err(AppendError::Unavailable("no connection".to_owned()))
}

fn clock_off<T>() -> Result<T, AppendError> {
    Err(AppendError::ClockOff(ClockOff { by: Duration::from_secs(3), ahead: true }))
}

fn busy<T>() -> Result<T, AppendError> {
    Err(AppendError::Busy)
}

fn conflict<T>() -> Result<T, AppendError> {
    Err(AppendError::Conflict)
}

type Loads = Vec<Result<Vec<Uuid>, ReadError>>;

async fn run(appends: Vec<Answer>, loads: Loads) -> Result<Appended, Lost> {
    let journal = Scripted { appends: Mutex::new(appends.into()), loads: Mutex::new(loads.into()) };
    let outcome = append_surely(&journal, &subject(), EXPECTED, OURS, Bytes::from_static(b"frame"), PATIENCE).await;
    assert!(journal.appends.lock().unwrap().is_empty(), "an answer of the script was never asked for");
    assert!(journal.loads.lock().unwrap().is_empty(), "a load of the script was never asked for");
    outcome
}

async fn table(name: &str, appends: Vec<Result<u64, AppendError>>, loads: Loads, outcome: Result<u64, Lost>) {
    let found = run(appends.into_iter().map(Answer::Says).collect(), loads).await;
    assert_eq!(found, outcome.map(|sequence| Appended { sequence }), "{name}");
}

#[tokio::test(start_paused = true)]
async fn every_answer_leads_to_what_it_means() {
    let too_large = AppendError::TooLarge { bytes: 9, bytes_max: 8 };
    let down = || Err(ReadError::Unavailable("no leader".to_owned()));
    let gap = ReadError::Gap { expected: 8, found: 9 };
    table("stored", vec![Ok(8)], vec![], Ok(8)).await;
    table("somebody else was first", vec![conflict()], vec![], Err(Lost::Conflict)).await;
    table("never", vec![Err(too_large)], vec![], Err(Lost::TooLarge { bytes: 9, bytes_max: 8 })).await;
    table("unknown, then stored or seen as a repeat", vec![unknown(), Ok(8)], vec![], Ok(8)).await;
    table("unknown many times", vec![unknown(), unknown(), unknown(), Ok(8)], vec![], Ok(8)).await;
    table("unreachable, then stored", vec![unavailable(), Ok(8)], vec![], Ok(8)).await;
    table("unreachable stores nothing", vec![unavailable(), conflict()], vec![], Err(Lost::Conflict)).await;
    table("another's was under way and did not land", vec![busy(), busy(), Ok(8)], vec![], Ok(8)).await;
    table("another's was under way and landed", vec![busy(), conflict()], vec![], Err(Lost::Conflict)).await;
    let found = vec![Ok(vec![OURS])];
    table("our own was under way and landed", vec![unknown(), busy(), conflict()], found, Ok(20)).await;
    let found = vec![Ok(vec![OURS])];
    table("the conflict was our own frame", vec![unknown(), conflict()], found, Ok(20)).await;
    let later = vec![Ok(vec![OURS, THEIRS])];
    table("ours, and others since", vec![unknown(), conflict()], later, Ok(20)).await;
    let theirs = vec![Ok(vec![THEIRS])];
    table("the conflict was another's", vec![unknown(), conflict()], theirs, Err(Lost::Conflict)).await;
    let found = vec![Ok(vec![OURS])];
    table("doubt outlives unreachable", vec![unknown(), unavailable(), conflict()], found, Ok(20)).await;
    let landing = vec![Ok(vec![]), Ok(vec![OURS])];
    table("still on its way, then ours", vec![unknown(), conflict(), conflict()], landing, Ok(20)).await;
    let lost = Err(Lost::Unavailable("Muster's clock is 3.0 s ahead of the journal's".to_owned()));
    table("by a wrong clock, never", vec![unavailable(), clock_off()], vec![], lost).await;
    table("a wrong clock ends no doubt", vec![unknown(), clock_off(), Ok(8)], vec![], Ok(8)).await;
    let unread = vec![down(), Ok(vec![THEIRS])];
    let lost = Err(Lost::Conflict);
    table("not readable at first", vec![unknown(), conflict(), conflict()], unread, lost).await;
    let broken = vec![Err(gap.clone())];
    table("broken log", vec![unknown(), conflict()], broken, Err(Lost::Unreadable(gap))).await;
}

#[tokio::test(start_paused = true)]
async fn patience_ends_in_what_is_known() {
    let never = run(vec![Answer::Never], vec![]).await;
    assert_eq!(never, Err(Lost::Unknown("no answer came in time".to_owned())), "the frame may have been stored");

    let waited = run(vec![Answer::Says(unavailable()), Answer::Never], vec![]).await;
    assert_eq!(waited, Err(Lost::Unknown("no answer came in time".to_owned())), "the second try may have been stored");

    let doubted = run(vec![Answer::Says(unknown()), Answer::Says(unavailable()), Answer::Never], vec![]).await;
    assert_eq!(doubted, Err(Lost::Unknown("ack lost".to_owned())), "doubt keeps its first reason");
}

/// A journal that gives one answer for ever.
struct Always(AppendError);

#[async_trait]
impl Journal for Always {
    async fn append(&self, _: &Subject, _: u64, _: Uuid, _: Bytes) -> Result<u64, AppendError> {
        Err(self.0.clone())
    }

    async fn load(&self, _: &Subject, _: u64) -> Result<Vec<Record>, ReadError> {
        Ok(vec![])
    }

    async fn record(&self, sequence: u64) -> Result<Record, ReadError> {
        Err(ReadError::Gap { expected: sequence, found: EXPECTED })
    }

    async fn head(&self, _: &Subject) -> Result<u64, ReadError> {
        Ok(EXPECTED)
    }

    async fn last(&self) -> Result<u64, ReadError> {
        Ok(EXPECTED)
    }

    fn subscribe(&self, _: u64) -> Records {
        Box::pin(futures::stream::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_in_doubt_when_no_try_was() {
    let journal = Always(AppendError::Unavailable("no connection".to_owned()));
    let started = Instant::now();
    let outcome = append_surely(&journal, &subject(), EXPECTED, OURS, Bytes::new(), PATIENCE).await;
    assert_eq!(outcome, Err(Lost::Unavailable("no connection".to_owned())));
    assert_eq!(started.elapsed().as_secs(), PATIENCE.as_secs(), "patience is used, not more");

    let outcome = append_surely(&Always(AppendError::Busy), &subject(), EXPECTED, OURS, Bytes::new(), PATIENCE).await;
    assert_eq!(outcome, Err(Lost::Unavailable("an append to the subject is under way".to_owned())));

    let journal = Always(AppendError::Unknown("ack lost".to_owned()));
    let outcome = append_surely(&journal, &subject(), EXPECTED, OURS, Bytes::new(), PATIENCE).await;
    assert_eq!(outcome, Err(Lost::Unknown("ack lost".to_owned())));
}
