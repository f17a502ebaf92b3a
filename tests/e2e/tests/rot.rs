//! A server whose disk has rotted lacks records and says "not found", and nothing else: nothing is decided on its word, and
//! whoever operates Muster is told.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use muster_domain::kernel::SubjectRef;
use muster_e2e::{
    ledger::{bytes, connect, is_record, subject, write, write_surely},
    nats::NatsServer,
    rot::{self, Outcome, rot},
};
use muster_journal::{
    append::Lost,
    jetstream::JetStream,
    port::{Journal, ReadError},
    vault::{Cabinet, OnJetStream},
};
use muster_runtime::clock::{Clock, SystemClock};
use muster_sim::run::rng::Rng;
use std::time::Duration;

/// So many of such a size need more than one block.
const RECORDS: u64 = 5_000;
const RECORD_BYTES: usize = 2_000;
/// So many people are kept in the vault.
const KEPT: u64 = 500;
/// The bit is of an earlier block: a lone server that loses the end of its log has nothing left to show it.
const SEED: u64 = 3;
/// Of one the server lacks records when it leads, of the other it counts them and does not give them.
const SEEDS: [u64; 2] = [9, 4];

async fn written(server: &NatsServer) -> JetStream {
    let journal = connect(server).await;
    assert_eq!(write(&journal, 0, RECORD_BYTES, |n| n < RECORDS).await.len() as u64, RECORDS);
    assert!(gives(&journal, 7).await);
    journal
}

/// Whether the record is read as it was written.
async fn gives(journal: &JetStream, n: u64) -> bool {
    journal.load(&subject(n), 0).await.unwrap().iter().any(|record| is_record(record, n, RECORD_BYTES))
}

fn names(found: &[muster_journal::jetstream::Unsafe]) -> Vec<&'static str> {
    found.iter().map(|found| found.name).collect()
}

#[tokio::test]
async fn nothing_is_decided_on_the_word_of_a_server_that_lacks_records() {
    let mut server = NatsServer::start();
    drop(written(&server).await);
    server.kill();
    rot(server.store(), 1, &mut Rng::new(SEED, "rot"));
    server.restart();
    let journal = connect(&server).await;
    assert_eq!(names(&journal.safety().await), ["missing-records", "replicas"]);
    for n in (0..RECORDS).step_by(50) {
        let read = journal.load(&subject(n), 0).await.map(|records| records.len());
        let Err(ReadError::Unavailable(says)) = read else { panic!("of {n} this was read: {read:?}") };
        assert!(says.contains("leads and holds"), "{says}");
    }
    assert!(matches!(journal.last().await, Err(ReadError::Unavailable(_))));
    journal.look_at_leader(|| SystemClock.now()).await.unwrap();
    let written = write_surely(&journal, RECORDS, RECORD_BYTES, Duration::from_secs(1)).await;
    let Err(Lost::Unavailable(says)) = written else { panic!("this came of a write: {written:?}") };
    assert!(says.contains("stop this server"), "{says}");
}

/// The server counts what it cannot read, for it was stopped in good order and looks into no block when it starts.
#[tokio::test]
async fn nothing_is_decided_on_the_word_of_a_server_that_does_not_give_what_it_counts() {
    let mut server = NatsServer::start();
    drop(written(&server).await);
    server.stop();
    let rotten = rot(server.store(), 3, &mut Rng::new(SEED, "rot"));
    server.restart();
    let journal = connect(&server).await;
    assert_eq!(names(&journal.safety().await), ["replicas"], "it counts every record");
    for n in rotten {
        let (read, head) = (journal.load(&subject(n), 0).await, journal.head(&subject(n)).await);
        let Err(ReadError::Unavailable(says)) = read else { panic!("of {n} this was read: {read:?}") };
        assert!(says.contains("does not give every record") && says.contains("stop this server"), "{says}");
        assert_eq!(head, Err(ReadError::Unavailable(says)));
    }
    assert!(gives(&journal, 7).await, "what is whole is read");
    assert_eq!(journal.head(&subject(RECORDS)).await, Ok(0), "what never was is not there");
}

/// What identifies people stands beside the log, in a stream from which some is erased: only a subject's count tells.
#[tokio::test]
async fn nobody_is_taken_for_forgotten_whom_a_server_counts_and_does_not_give() {
    let mut server = NatsServer::start();
    let whose = |n: u64| SubjectRef::parse(&format!("s-{n}")).unwrap();
    let cabinet = OnJetStream::open(&connect(&server).await).await.unwrap();
    for n in 0..KEPT {
        cabinet.put(&whose(n), bytes(n, RECORD_BYTES).to_vec()).await.unwrap();
    }
    server.stop();
    let rotten = rot(server.store(), 3, &mut Rng::new(SEED, "rot"));
    server.restart();
    let cabinet = OnJetStream::open(&connect(&server).await).await.unwrap();
    for n in rotten.iter().copied() {
        let (read, removed) = (cabinet.get(&whose(n)).await, cabinet.remove(&whose(n)).await);
        assert!(read.as_ref().is_err_and(|says| says.contains("does not give all")), "of {n} this was read: {read:?}");
        assert!(removed.is_err(), "it cannot be erased either: {removed:?}");
    }
    let whole = (0..KEPT).find(|n| !rotten.contains(n)).unwrap();
    assert_eq!(cabinet.get(&whose(whole)).await, Ok(Some(bytes(whole, RECORD_BYTES).to_vec())));
    assert_eq!(cabinet.get(&whose(KEPT)).await, Ok(None), "nobody that never was");
    assert_eq!(cabinet.subjects().await.unwrap().len() as u64, KEPT, "who is to be forgotten is not missed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_three_whose_disk_rots_misleads_nobody_and_can_be_healed() {
    let mut held = 0;
    for seed in SEEDS {
        let figures = rot::round(seed).await;
        println!("{seed}: {figures:?}");
        held += usize::from(matches!(figures.outcome, Outcome::Named(_) | Outcome::Unread(_)));
    }
    assert!(held > 0, "rot did no harm, and nothing was shown");
}
