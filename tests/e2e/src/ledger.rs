//! Plain appends to a journal, and whether it bears out what it acknowledged.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream};
use muster_domain::kernel::RealmId;
use muster_journal::{
    append::{Lost, append_surely},
    jetstream::{JetStream, Options},
    port::{Context, Journal, ReadError, Record, Subject},
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::nats::Servers;

/// What records are filled with.
pub const FILL: u8 = 0xaa;

/// So many appends are on their way at once.
const IN_FLIGHT: usize = 64;

/// A reader waits so long for the next record before it says that none comes.
const NEXT_PATIENCE: Duration = Duration::from_secs(10);

/// Servers that have just started elect a leader first, which takes long on a loaded machine.
const CONNECT_PATIENCE: Duration = Duration::from_secs(60);

/// Records that were acknowledged, by number, each with the sequence that it was given.
pub type Acknowledged = BTreeMap<u64, u64>;

/// What a journal bears out.
#[derive(Debug, Default)]
pub struct Found {
    /// Acknowledged records that nobody can read.
    pub lost: Vec<u64>,
    /// Why reading ended before the head, if it did.
    pub broken: Option<ReadError>,
}

/// The realm of every drill.
pub fn realm() -> RealmId {
    RealmId::parse("drill").expect("a realm")
}

/// A connection to the servers, of the realm `drill`.
pub async fn connect(servers: &impl Servers) -> JetStream {
    connect_at(servers, servers.urls()).await
}

/// The same by some of their addresses.
pub async fn connect_at(servers: &impl Servers, urls: Vec<String>) -> JetStream {
    let (replicas, monitors) = (servers.replicas(), servers.monitor_urls());
    let options = Options { replicas, monitors, connect_patience: CONNECT_PATIENCE, ..Options::default() };
    JetStream::connect(urls, &realm(), options).await.expect("a server answers")
}

/// Where the record with this number stands, alone.
pub fn subject(n: u64) -> Subject {
    Subject::new(&realm(), Context::Intake, &format!("r-{n}")).expect("a subject")
}

fn frame(n: u64) -> Uuid {
    Uuid::from_u128(u128::from(n) + 1)
}

/// The journal looks into no frame: what fills it, and its number.
pub fn bytes(n: u64, size: usize) -> Bytes {
    let mut bytes = vec![FILL; size - size_of_val(&n)];
    bytes.extend(n.to_be_bytes());
    bytes.into()
}

/// Which record this is, seen from within what fills it.
pub fn number_of(bytes: &[u8]) -> u64 {
    let number = bytes.iter().position(|byte| *byte == 0).and_then(|from| bytes.get(from..)?.first_chunk());
    u64::from_be_bytes(*number.expect("its number stands at its end"))
}

/// Appends the records `first`, `first + 1`, … of `size` bytes each while it goes on; each is tried once.
pub async fn write(journal: &JetStream, first: u64, size: usize, goes_on: impl Fn(u64) -> bool) -> Acknowledged {
    stream::iter((first..).take_while(|n| goes_on(*n)))
        .map(async |n| Some((n, journal.append(&subject(n), 0, frame(n), bytes(n, size)).await.ok()?)))
        .buffer_unordered(IN_FLIGHT)
        .filter_map(async |acknowledged| acknowledged)
        .collect()
        .await
}

/// Appends one record, asking until it is known.
pub async fn write_surely(journal: &JetStream, n: u64, size: usize, patience: Duration) -> Result<u64, Lost> {
    let appended = append_surely(journal, &subject(n), 0, frame(n), bytes(n, size), patience).await?;
    Ok(appended.sequence)
}

/// Whether this is the record with this number, as it was written.
pub fn is_record(record: &Record, n: u64, size: usize) -> bool {
    (&record.subject, record.frame, &record.bytes) == (&subject(n), frame(n), &bytes(n, size))
}

/// Reads everything. Whatever is read must be what was written, where it was acknowledged, and there once.
pub async fn check(journal: &JetStream, acknowledged: &Acknowledged, size: usize) -> Found {
    let (records, broken) = read(journal).await;
    let mut places = BTreeMap::new();
    for record in &records {
        let n = record.subject.id().strip_prefix("r-").and_then(|n| n.parse().ok()).expect("only ours are there");
        let before = places.insert(n, record.sequence);
        assert_eq!(before, None, "record {n} stands here and at {}", record.sequence);
        assert!(is_record(record, n, size), "record {n} is not what was written: {record:?}");
        let told = acknowledged.get(&n).copied().unwrap_or(record.sequence);
        assert_eq!(record.sequence, told, "record {n} stands elsewhere than its writer was told");
    }
    let lost = acknowledged.keys().filter(|n| !places.contains_key(n)).copied().collect();
    Found { lost, broken }
}

/// Every record up to the head, or to where reading breaks off.
async fn read(journal: &JetStream) -> (Vec<Record>, Option<ReadError>) {
    let mut records = Vec::new();
    let last = match journal.last().await {
        Ok(last) => last,
        Err(error) => return (records, Some(error)),
    };
    let mut following = journal.subscribe(0);
    while (records.len() as u64) < last {
        match timeout(NEXT_PATIENCE, following.next()).await {
            Ok(Some(Ok(record))) => records.push(record),
            Ok(Some(Err(error))) => return (records, Some(error)),
            Ok(None) | Err(_) => return (records, Some(ReadError::Unavailable("no next record came".to_owned()))),
        }
    }
    (records, None)
}
