//! A server's disk rots: nothing is decided on what it lacks, whoever operates Muster is told, and it can be healed.
//!
//! A server that starts and finds a damaged block may leave the whole block out, and says "not found" of what stood there, if
//! it leads too. One that has no need to look through its blocks still counts a damaged record, and says the same of it. Below
//! some twenty thousand records servers may repair themselves, as long as their Raft log has every record.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use futures::{StreamExt, future::Either, stream};
use muster_journal::{
    append::Lost,
    jetstream::JetStream,
    port::{Journal, ReadError},
};
use muster_runtime::clock::{Clock, SystemClock};
use muster_sim::run::rng::Rng;
use tokio::time::Instant;

use crate::{
    cluster::{Cluster, SIZE},
    ledger::{FILL, check, connect, is_record, number_of, subject, write, write_surely},
};

/// Servers that have more take what is older out of their Raft log, and no longer repair a stream by it.
const COMPACTED: u64 = 20_000;

/// So many are written, or tried.
const RECORDS: u64 = 24_000;

/// A record's size, in bytes: small, so that the servers are quick to write so many.
const RECORD_BYTES: usize = 200;

/// So many bytes of what records are filled with stand nowhere else.
const RECORD_FILL: usize = 8;

/// Every so manieth record is read while a server lacks some: its holes are whole blocks, of thousands.
const EVERY: usize = 50;

/// So many reads are on their way at once.
const READERS: usize = 8;

/// Longer than a server needs to find out what it lacks, shorter than anybody would wait for writes.
const PATIENCE: Duration = Duration::from_secs(30);

/// So soon after it came to lead, a server is read or refused for its disk.
const REFUSES_WITHIN: Duration = Duration::from_secs(10);

/// What one round showed.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// How many bits turned over.
    pub bits: usize,
    /// How the server was when they did.
    pub while_it: While,
    /// What came of it.
    pub outcome: Outcome,
}

/// How a server is when its disk rots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum While {
    /// It was killed, and starts again later.
    Lies,
    /// It was stopped as an operator would, and starts again later.
    Rests,
    /// It goes on.
    Runs,
}

/// What comes of rot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was missing when the server led: it was repaired, or never read from its disk.
    Whole,
    /// It lacked records. So long after it started, or after its disk rotted if it ran, an inspection named it.
    Named(Duration),
    /// It counted every record and did not give some; so many reads were refused.
    Unread(usize),
    /// It did not start.
    NotStarted,
}

/// Fails if any read finds a hole, if the server is not named, or if healing it as the words say leaves anything missing.
pub async fn round(seed: u64) -> Figures {
    let mut lots = Rng::new(seed, "rot");
    let bits = *lots.pick(&[1, 5, 20]).expect("there are some");
    let while_it = *lots.pick(&[While::Lies, While::Rests, While::Runs]).expect("there are some");
    let mut cluster = Cluster::start();
    let journal = connect(&cluster).await;
    let acknowledged = write(&journal, 0, RECORD_BYTES, |n| n < RECORDS).await;
    assert!(acknowledged.len() as u64 > COMPACTED, "seed {seed}: only {} were written", acknowledged.len());
    cluster.whole().await;
    let rotten = (cluster.leader().await + 1 + lots.index(SIZE - 1)) % SIZE;

    match while_it {
        While::Lies => cluster.node(rotten).kill(),
        While::Rests => cluster.node(rotten).stop(),
        While::Runs => {}
    }
    let mut suspects = rot(cluster.node(rotten).store(), bits, &mut lots);
    suspects.extend((0..RECORDS).step_by(EVERY));
    suspects.retain(|n| acknowledged.contains_key(n));
    let rotted = Instant::now();
    let outcome = if while_it == While::Runs || cluster.node(rotten).try_restart().is_ok() {
        lead(&cluster, &journal, rotten, &suspects, rotted).await
    } else {
        Outcome::NotStarted
    };
    heal(&mut cluster, &journal, rotten).await;
    let found = check(&journal, &acknowledged, RECORD_BYTES).await;
    assert_eq!((found.lost, found.broken), (Vec::new(), None), "seed {seed}, {bits} bits: after healing");
    Figures { bits, while_it, outcome }
}

/// The server comes to lead while everybody reads.
async fn lead(cluster: &Cluster, journal: &JetStream, rotten: usize, suspects: &[u64], rotted: Instant) -> Outcome {
    let named = OnceLock::new();
    let leading = std::pin::pin!(cluster.lead(rotten));
    let reading = std::pin::pin!(async {
        loop {
            read(journal, suspects).await;
            if is_named(journal, rotten).await {
                named.get_or_init(|| rotted.elapsed());
            }
        }
    });
    match futures::future::select(leading, reading).await {
        Either::Left(((), _)) => {}
        Either::Right((never, _)) => never,
    }
    let leads = Instant::now();
    let words = format!("n{} leads and ", rotten + 1);
    let of_disk = |says: &String| says.contains(&words) && says.contains("stop this server");
    let refused = loop {
        // A server that has just come to lead may refuse reads for a moment, whatever its disk is like.
        let refused = read(journal, suspects).await;
        if refused.iter().all(of_disk) {
            break refused.len();
        }
        assert!(leads.elapsed() < REFUSES_WITHIN, "reads are refused without a word of the disk: {refused:?}");
    };
    if is_named(journal, rotten).await {
        assert_eq!(refused, suspects.len(), "it lacks records, and a read was answered");
        refuses_writes(journal).await;
        return Outcome::Named(*named.get_or_init(|| rotted.elapsed()));
    }
    if refused == 0 { Outcome::Whole } else { Outcome::Unread(refused) }
}

/// Whether an inspection of all servers, which every process of Muster makes every ten seconds, names this one.
async fn is_named(journal: &JetStream, rotten: usize) -> bool {
    let name = format!("n{} holds ", rotten + 1);
    journal.safety().await.iter().any(|found| found.name == "missing-records" && found.says.starts_with(&name))
}

/// A server that lacks records and leads is written to by nobody.
async fn refuses_writes(journal: &JetStream) {
    look(journal).await;
    let written = write_surely(journal, RECORDS, RECORD_BYTES, Duration::from_secs(1)).await;
    assert!(matches!(written, Err(Lost::Unavailable(_))), "{written:?}");
}

/// As every process of Muster does all the while.
async fn look(journal: &JetStream) {
    journal.look_at_leader(|| SystemClock.now()).await.expect("the leader answers");
}

/// As the words say: stopped, emptied once another leads, and started. Then writes go on.
async fn heal(cluster: &mut Cluster, journal: &JetStream, rotten: usize) {
    cluster.node(rotten).stop();
    cluster.leader_but(rotten).await;
    cluster.node(rotten).lose_store();
    cluster.node(rotten).restart();
    cluster.whole().await;
    assert_eq!(connect(cluster).await.safety().await, [], "after healing every replica is whole");
    look(journal).await;
    let written = write_surely(journal, RECORDS, RECORD_BYTES, PATIENCE).await;
    assert!(written.is_ok(), "nothing is written after healing: {written:?}");
}

/// Reads as whoever decides does. A record is there, or the read is refused; gives what refusals say.
async fn read(journal: &JetStream, suspects: &[u64]) -> Vec<String> {
    let reading = stream::iter(suspects.to_vec()).map(async |n| match journal.load(&subject(n), 0).await {
        Ok(records) => {
            let is_whole = records.len() == 1 && records.iter().all(|record| is_record(record, n, RECORD_BYTES));
            assert!(is_whole, "of record {n} this was read: {records:?}");
            None
        }
        Err(ReadError::Unavailable(says)) => Some(says),
        Err(other) => panic!("record {n}: {other}"),
    });
    reading.buffer_unordered(READERS).filter_map(async |refused| refused).collect().await
}

/// Turns over so many bits of records in place; gives whose. Where lengths stand, servers find it at once.
pub fn rot(store: &Path, bits: usize, lots: &mut Rng) -> Vec<u64> {
    let files = blocks(store);
    let turn = |_| {
        let file = lots.pick(&files).expect("the server keeps records");
        let bytes = fs::read(file).expect("it can be read");
        let within = (0..)
            .map(|_| lots.index(bytes.len()))
            .find(|at| bytes.get(*at..at + RECORD_FILL) == Some(&[FILL; RECORD_FILL]));
        let (at, turned) = (within.expect("records fill it"), FILL ^ (1 << lots.index(8)));
        let file = fs::File::options().write(true).open(file).expect("it can be opened");
        file.write_all_at(&[turned], at as u64).expect("it can be written");
        number_of(bytes.get(at..).unwrap_or_default())
    };
    (0..bits).map(turn).collect()
}

/// The files in which a server keeps records, in order; its Raft log keeps them too, for a while.
fn blocks(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(dir).expect("it can be read").map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    let (dirs, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let is_block = |file: &PathBuf| file.extension().is_some_and(|kind| kind == "blk");
    let has_records = |file: &PathBuf| {
        let bytes = fs::read(file).expect("it can be read");
        bytes.windows(RECORD_FILL).any(|some| some.iter().all(|byte| *byte == FILL))
    };
    let here = files.into_iter().filter(|file| is_block(file) && has_records(file));
    here.chain(dirs.iter().flat_map(|dir| blocks(dir))).collect()
}
