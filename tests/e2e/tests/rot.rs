//! A server whose disk has rotted lacks records and says "not found", and nothing else: nothing is decided on its word, and
//! whoever operates Muster is told.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use muster_domain::kernel::{RealmId, Timestamp};
use muster_e2e::nats::NatsServer;
use muster_journal::{
    jetstream::{JetStream, Options},
    port::{AppendError, Context, Journal, ReadError, Subject},
};
use muster_sim::run::rng::Rng;
use uuid::Uuid;

const RECORDS: u64 = 5_000;
const IN_FLIGHT: usize = 64;
const SEED: u64 = 20_261_127;
/// What records are filled with.
const FILL: u8 = 0xaa;

fn subject(n: u64) -> Subject {
    Subject::new(&RealmId::parse("drill").unwrap(), Context::Intake, &format!("r-{n}")).unwrap()
}

async fn append(journal: &JetStream, n: u64) -> Result<u64, AppendError> {
    // The journal looks into no frame.
    let bytes = Bytes::from_static(&[FILL; 2000]);
    journal.append(&subject(n), 0, Uuid::from_u128(u128::from(n) + 1), bytes).await
}

async fn connect(server: &NatsServer) -> JetStream {
    let options = Options { replicas: 1, monitors: vec![server.monitor_url()], ..Options::default() };
    JetStream::connect(vec![server.url()], &RealmId::parse("drill").unwrap(), options).await.unwrap()
}

/// The files in which a server keeps records.
fn blocks(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let (dirs, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let here = files.into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "blk"));
    here.chain(dirs.iter().flat_map(|dir| blocks(dir))).collect()
}

/// Turns over one bit of a record.
fn rot(store: &Path) {
    let (mut lots, mut files) = (Rng::new(SEED, "rot"), blocks(store));
    files.sort();
    let file = files.first().unwrap();
    let mut bytes = fs::read(file).unwrap();
    // Where its length stands, the server would not start at all.
    let within = (0..).map(|_| lots.index(bytes.len())).find(|at| bytes.get(*at..at + 8) == Some(&[FILL; 8]));
    *bytes.get_mut(within.unwrap()).unwrap() ^= 1;
    fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn nothing_is_decided_on_the_word_of_a_server_that_lacks_records() {
    let mut server = NatsServer::start();
    let journal = connect(&server).await;
    let appending = stream::iter((0..RECORDS).map(|n| append(&journal, n))).buffer_unordered(IN_FLIGHT);
    appending.try_for_each(async |_| Ok(())).await.unwrap();
    assert_eq!(journal.load(&subject(7), 0).await.unwrap().len(), 1);

    server.kill();
    rot(server.store());
    server.restart();
    let journal = connect(&server).await;
    let found: Vec<_> = journal.safety().await.iter().map(|found| found.name).collect();
    assert_eq!(found, ["missing-records", "replicas"]);
    for n in (0..RECORDS).step_by(50) {
        let read = journal.load(&subject(n), 0).await.map(|records| records.len());
        let Err(ReadError::Unavailable(says)) = read else { panic!("of {n} this was read: {read:?}") };
        assert!(says.contains("leads and holds"), "{says}");
    }
    assert!(matches!(journal.last().await, Err(ReadError::Unavailable(_))));
    journal.look_at_leader(|| Timestamp::from_millis(0)).await.unwrap();
    let AppendError::Unavailable(says) = append(&journal, RECORDS).await.unwrap_err() else { panic!("written") };
    assert!(says.contains("take this server out"), "{says}");
}
