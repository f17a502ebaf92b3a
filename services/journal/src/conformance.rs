//! The contract of [`port`](crate::port) as code: every sentence of it is a function here, and every adapter passes all.
//!
//! ```text
//! muster_journal::conform!(EveryJournal: MyMount::new());
//! muster_journal::conform!(DurableJournal: MyMount::new());
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use crate::port::{AppendError, Context, FRAME_BYTES_MAX, Journal, ReadError, Record, Records, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, future::join_all};
use muster_domain::kernel::RealmId;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// How a journal under test comes to be.
#[async_trait]
pub trait Mount: Send {
    /// Opens the journal of [`realm`], empty at first. Called again, after all that it gave has been dropped, it closes the
    /// journal as roughly as may happen in life and opens it anew.
    async fn open(&mut self) -> Arc<dyn Journal>;
}

/// The realm of every journal under test.
pub fn realm() -> RealmId {
    RealmId::parse("conformance").expect("a token")
}

/// A subject of the realm under test.
pub fn subject(id: &str) -> Subject {
    Subject::new(&realm(), Context::Intake, id).expect("a token")
}

/// Longer than any journal may need for one step here, shorter than a test run may hang.
const STEP: Duration = Duration::from_secs(20);

fn frame(number: usize) -> Uuid {
    Uuid::from_u128(number as u128)
}

fn text(number: usize) -> Bytes {
    Bytes::from(format!("frame {number}"))
}

/// Appends `numbers`, each a frame, to `subject` one after the other; gives the records that they must have become.
async fn write(journal: &dyn Journal, subject: &Subject, numbers: std::ops::Range<usize>) -> Vec<Record> {
    let mut expected = journal.head(subject).await.unwrap();
    let mut written = Vec::new();
    for number in numbers {
        expected = journal.append(subject, expected, frame(number), text(number)).await.unwrap();
        written.push(Record {
            sequence: expected,
            subject: subject.clone(),
            frame: frame(number),
            bytes: text(number),
        });
    }
    written
}

async fn next(records: &mut Records) -> Result<Record, ReadError> {
    tokio::time::timeout(STEP, records.next()).await.expect("the record comes").expect("following does not end")
}

async fn read(records: &mut Records, count: usize) -> Vec<Record> {
    let mut read = Vec::new();
    for _ in 0..count {
        read.push(next(records).await.unwrap());
    }
    read
}

/// A log without records has no heads, nothing to load, and ends at 0.
pub async fn begins_empty(mut mount: impl Mount) {
    let journal = mount.open().await;
    assert_eq!(journal.last().await, Ok(0));
    assert_eq!(journal.head(&subject("a")).await, Ok(0));
    assert_eq!(journal.load(&subject("a"), 0).await, Ok(vec![]));
}

/// Sequences count the realm's records from 1 without gaps.
pub async fn counts_from_one_without_gaps(mut mount: impl Mount) {
    let journal = mount.open().await;
    let mut written = Vec::new();
    for number in 0..30 {
        let subject = subject(["a", "b", "c"][number % 3]);
        written.extend(write(&*journal, &subject, number..number + 1).await);
    }
    assert!(written.iter().map(|record| record.sequence).eq(1..=30));
    assert_eq!(journal.last().await, Ok(30));
    assert_eq!(read(&mut journal.subscribe(0), 30).await, written);
}

/// An append whose expectation is not the subject's head writes nothing; other subjects have no say.
pub async fn compares_with_the_head_of_its_subject_alone(mut mount: impl Mount) {
    let journal = mount.open().await;
    let (a, b) = (subject("a"), subject("b"));
    assert_eq!(journal.append(&a, 1, frame(0), text(0)).await, Err(AppendError::Conflict), "ahead of an empty subject");
    assert_eq!(journal.append(&a, 0, frame(1), text(1)).await, Ok(1));
    assert_eq!(journal.append(&b, 1, frame(2), text(2)).await, Err(AppendError::Conflict), "another subject's head");
    assert_eq!(journal.append(&b, 0, frame(3), text(3)).await, Ok(2));
    assert_eq!(journal.append(&a, 0, frame(4), text(4)).await, Err(AppendError::Conflict), "behind");
    assert_eq!(journal.append(&a, 2, frame(5), text(5)).await, Err(AppendError::Conflict), "ahead");
    assert_eq!(journal.append(&a, 1, frame(6), text(6)).await, Ok(3));
    assert_eq!((journal.last().await, journal.head(&a).await, journal.head(&b).await), (Ok(3), Ok(3), Ok(2)));
}

/// Of all that expect the same head exactly one wins, and each record follows the one that its writer expected.
pub async fn lets_one_writer_win_each_head(mut mount: impl Mount) {
    const WRITERS: usize = 16;
    const WINS: usize = 12;
    let journal = mount.open().await;
    let writers = (0..WRITERS).map(|writer| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            let (mut won, mut tries) = (Vec::new(), 0);
            while won.len() < WINS {
                let expected = journal.head(&subject("desk")).await.unwrap();
                let bytes = Bytes::from(expected.to_string());
                tries += 1;
                match journal.append(&subject("desk"), expected, frame(writer * 1_000_000 + tries), bytes).await {
                    Ok(sequence) => won.push((expected, sequence)),
                    Err(AppendError::Conflict | AppendError::Busy) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            won
        })
    });
    let mut won: Vec<_> = join_all(writers).await.into_iter().flat_map(Result::unwrap).collect();
    won.sort_unstable();
    assert!(won.iter().copied().eq((0..).zip(1..=(WRITERS * WINS) as u64)), "one winner for each head: {won:?}");
    for record in journal.load(&subject("desk"), 0).await.unwrap() {
        assert_eq!(record.bytes, (record.sequence - 1).to_string(), "the chain is unbroken");
    }
}

/// Writers on different subjects do not disturb one another.
pub async fn keeps_writers_on_different_subjects_apart(mut mount: impl Mount) {
    let journal = mount.open().await;
    let writers = (0..16).map(|writer: usize| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            let subject = subject(&format!("w{writer}"));
            (subject.clone(), write(&*journal, &subject, writer * 100..writer * 100 + 20).await)
        })
    });
    let mut all = Vec::new();
    for (subject, written) in join_all(writers).await.into_iter().map(Result::unwrap) {
        assert_eq!(journal.load(&subject, 0).await, Ok(written.clone()));
        all.extend(written);
    }
    all.sort_unstable_by_key(|record| record.sequence);
    assert_eq!(read(&mut journal.subscribe(0), all.len()).await, all);
}

/// The same frame sent again is stored once, and answered with its sequence or with a conflict.
pub async fn stores_a_repeated_frame_once(mut mount: impl Mount) {
    let journal = mount.open().await;
    let first = write(&*journal, &subject("a"), 0..1).await;
    for _ in 0..3 {
        let again = journal.append(&subject("a"), 0, frame(0), text(0)).await;
        assert!(matches!(again, Ok(1) | Err(AppendError::Conflict)), "{again:?}");
    }
    assert_eq!(journal.load(&subject("a"), 0).await, Ok(first));
    assert_eq!(journal.last().await, Ok(1));
}

/// Bytes come back as they were given, whatever they are and up to the largest size.
pub async fn gives_bytes_back_exactly(mut mount: impl Mount) {
    let journal = mount.open().await;
    let sizes = [0, 1, 255, 256, 4_000, 4_096, 65_537, 300_000, FRAME_BYTES_MAX];
    let mut expected = 0;
    let mut written = Vec::new();
    for (number, size) in sizes.into_iter().enumerate() {
        let bytes: Bytes = (0..size).map(|at| (at % 251) as u8 ^ number as u8).collect();
        expected = journal.append(&subject("a"), expected, frame(number), bytes.clone()).await.unwrap();
        written.push(Record { sequence: expected, subject: subject("a"), frame: frame(number), bytes });
    }
    assert!(journal.load(&subject("a"), 0).await.unwrap() == written, "load gives all bytes back");
    assert!(read(&mut journal.subscribe(0), written.len()).await == written, "subscribe gives all bytes back");
}

/// A frame over the largest size is refused with both sizes, and nothing is written.
pub async fn refuses_a_frame_that_is_too_large(mut mount: impl Mount) {
    let journal = mount.open().await;
    let bytes = Bytes::from(vec![7; FRAME_BYTES_MAX + 1]);
    let refused = journal.append(&subject("a"), 0, frame(0), bytes.clone()).await;
    assert_eq!(refused, Err(AppendError::TooLarge { bytes: bytes.len(), bytes_max: FRAME_BYTES_MAX }));
    assert_eq!(journal.last().await, Ok(0));
}

/// `load` gives the subject's own records after the given sequence, in order, and no others.
pub async fn loads_what_follows_on_the_subject(mut mount: impl Mount) {
    let journal = mount.open().await;
    let mut of_a = Vec::new();
    for number in 0..6 {
        of_a.extend(write(&*journal, &subject("a"), 10 * number..10 * number + 1).await);
        write(&*journal, &subject("b"), 10 * number + 1..10 * number + 3).await;
    }
    for after in 0..=journal.last().await.unwrap() + 1 {
        let follow: Vec<_> = of_a.iter().filter(|record| record.sequence > after).cloned().collect();
        assert_eq!(journal.load(&subject("a"), after).await, Ok(follow), "after {after}");
    }
}

/// `record` gives each record by its sequence, and none that is not there.
pub async fn gives_any_record_by_its_sequence(mut mount: impl Mount) {
    let journal = mount.open().await;
    let mut written = write(&*journal, &subject("a"), 0..3).await;
    written.extend(write(&*journal, &subject("b"), 3..5).await);
    for record in written.into_iter().rev() {
        assert_eq!(journal.record(record.sequence).await, Ok(record));
    }
    for none in [0, 6] {
        assert_eq!(journal.record(none).await, Err(ReadError::Gap { expected: none, found: 5 }));
    }
}

/// `head`, `last` and `load` see every record that was acknowledged before they were called.
pub async fn reads_what_was_acknowledged(mut mount: impl Mount) {
    let journal = mount.open().await;
    let writers = (0..8).map(|writer: usize| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            let subject = subject(&format!("w{writer}"));
            for number in 0..25 {
                let written = write(&*journal, &subject, writer * 100 + number..writer * 100 + number + 1).await;
                let sequence = written[0].sequence;
                assert_eq!(journal.head(&subject).await, Ok(sequence));
                assert!(journal.last().await.unwrap() >= sequence);
                assert_eq!(journal.load(&subject, sequence - 1).await, Ok(written));
            }
        })
    });
    join_all(writers).await.into_iter().for_each(Result::unwrap);
}

/// Following begins right after the given sequence, wherever that is.
pub async fn follows_from_any_place(mut mount: impl Mount) {
    let journal = mount.open().await;
    let written = write(&*journal, &subject("a"), 0..40).await;
    for after in [0, 1, 20, 39] {
        let rest = &written[after..];
        assert_eq!(read(&mut journal.subscribe(after as u64), rest.len()).await, rest, "after {after}");
    }
    let mut from_head = journal.subscribe(40);
    let more = write(&*journal, &subject("b"), 40..43).await;
    assert_eq!(read(&mut from_head, 3).await, more, "from the head");
}

/// Followers see what is appended later, in the one order, each record once.
pub async fn follows_what_comes_later(mut mount: impl Mount) {
    let journal = mount.open().await;
    let followers: Vec<_> = (0..4).map(|_| journal.subscribe(0)).collect();
    let following = followers.into_iter().map(|mut records| async move { read(&mut records, 200).await });
    let writing = (0..10).map(|writer: usize| {
        let journal = Arc::clone(&journal);
        async move { write(&*journal, &subject(&format!("w{writer}")), writer * 100..writer * 100 + 20).await }
    });
    let (seen, written) = futures::join!(join_all(following), join_all(writing));
    let mut written: Vec<_> = written.into_iter().flatten().collect();
    written.sort_unstable_by_key(|record| record.sequence);
    for seen in seen {
        assert_eq!(seen, written);
    }
}

/// A follower that does not keep up misses nothing.
pub async fn waits_for_a_slow_follower(mut mount: impl Mount) {
    let journal = mount.open().await;
    let mut records = journal.subscribe(0);
    let first = write(&*journal, &subject("w"), 0..1).await;
    assert_eq!(read(&mut records, 1).await, first);
    let writing = (0..50).map(|writer: usize| {
        let journal = Arc::clone(&journal);
        async move { write(&*journal, &subject(&format!("w{writer}")), writer * 100 + 1..writer * 100 + 51).await }
    });
    join_all(writing).await;
    let rest = read(&mut records, 2_500).await;
    assert!(rest.iter().map(|record| record.sequence).eq(2..=2_501));
}

/// Whoever has read further than the log goes has read another log.
pub async fn tells_a_reader_who_is_ahead(mut mount: impl Mount) {
    let journal = mount.open().await;
    write(&*journal, &subject("a"), 0..3).await;
    assert_eq!(next(&mut journal.subscribe(5)).await, Err(ReadError::Gap { expected: 6, found: 3 }));
}

/// What was acknowledged is there after the journal was closed roughly and opened again, and appending goes on from there.
pub async fn keeps_everything(mut mount: impl Mount) {
    let mut written = Vec::new();
    for round in 0..3 {
        let journal = mount.open().await;
        assert_eq!(journal.last().await, Ok(written.len() as u64));
        assert_eq!(read(&mut journal.subscribe(0), written.len()).await, written);
        for id in 0..20 {
            let subject = subject(&format!("s{id}"));
            let of_subject: Vec<_> = written.iter().filter(|record| record.subject == subject).cloned().collect();
            assert_eq!(journal.head(&subject).await, Ok(of_subject.last().map_or(0, |record| record.sequence)));
            assert_eq!(journal.load(&subject, 0).await, Ok(of_subject));
            let stale = journal.append(&subject, 12_345, frame(7_777_777), text(0)).await;
            assert_eq!(stale, Err(AppendError::Conflict));
            let first = round * 10_000 + id * 100;
            written.extend(write(&*journal, &subject, first..first + 10).await);
        }
    }
}

/// Mounts the contract for one adapter, each sentence a test: `EveryJournal` for all, `DurableJournal` besides for those
/// that outlive their process.
#[macro_export]
macro_rules! conform {
    (EveryJournal: $mount:expr) => {
        $crate::conform! { $mount =>
            begins_empty, counts_from_one_without_gaps, compares_with_the_head_of_its_subject_alone,
            lets_one_writer_win_each_head, keeps_writers_on_different_subjects_apart, stores_a_repeated_frame_once,
            gives_bytes_back_exactly, refuses_a_frame_that_is_too_large, loads_what_follows_on_the_subject,
            gives_any_record_by_its_sequence, reads_what_was_acknowledged, follows_from_any_place, follows_what_comes_later, waits_for_a_slow_follower,
            tells_a_reader_who_is_ahead
        }
    };
    (DurableJournal: $mount:expr) => {
        $crate::conform! { $mount => keeps_everything }
    };
    ($mount:expr => $($sentence:ident),*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $sentence() {
            $crate::conformance::$sentence($mount).await;
        })*
    };
}
