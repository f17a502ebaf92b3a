//! The journal's contract, kept on a real nats-server; and what only a real one can show.

use async_nats::jetstream::{self, stream::Config};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, future::join_all};
use muster_e2e::{
    cluster::{Cluster, SIZE},
    ledger,
    nats::{NatsServer, Servers},
};
use muster_journal::{
    append::{Appended, Lost, append_surely},
    conform,
    conformance::{Mount, realm, subject},
    jetstream::{ConnectError, JetStream, Options},
    port::{AppendError, Context, Journal, ReadError, Record, Records, Subject},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::time::timeout;
use uuid::Uuid;

/// Longer than a server needs to come back, shorter than a test run may hang.
const PATIENCE: Duration = Duration::from_secs(30);

fn options(server: &NatsServer) -> Options {
    Options { replicas: 1, monitors: vec![server.monitor_url()], ..Options::default() }
}

async fn connect(server: &NatsServer) -> JetStream {
    JetStream::connect(vec![server.url()], &realm(), options(server)).await.unwrap()
}

/// A plain client, to do to a stream what Muster never does.
async fn intruder(server: &NatsServer) -> jetstream::Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

async fn write(journal: &dyn Journal, numbers: std::ops::Range<u128>) {
    for number in numbers {
        let id = subject(&format!("s{number}"));
        append_surely(journal, &id, 0, Uuid::from_u128(number), Bytes::new(), PATIENCE).await.unwrap();
    }
}

async fn next(records: &mut Records) -> Result<Record, ReadError> {
    timeout(PATIENCE, records.next()).await.expect("the record comes").expect("following does not end")
}

/// A journal whose server is killed and started again whenever it is opened anew.
struct OnServer {
    server: NatsServer,
    opened: bool,
}

impl OnServer {
    fn new() -> Self {
        Self { server: NatsServer::start(), opened: false }
    }
}

#[async_trait]
impl Mount for OnServer {
    async fn open(&mut self) -> Arc<dyn Journal> {
        if std::mem::replace(&mut self.opened, true) {
            self.server.restart();
        }
        Arc::new(connect(&self.server).await)
    }
}

conform!(EveryJournal: OnServer::new());
conform!(DurableJournal: OnServer::new());

/// Writers that keep appending to two shared subjects while the server is killed under them: every frame that was said to be
/// stored is stored, once, and no other is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_neither_lose_nor_repeat_a_frame() {
    let mut server = NatsServer::start();
    let journal = Arc::new(connect(&server).await);
    let writers: Vec<_> = (0..6u128)
        .map(|writer| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move {
                let subject = subject(["a", "b"][writer as usize % 2]);
                let mut stored = BTreeSet::new();
                let mut tries = 0;
                while stored.len() < 120 {
                    tries += 1;
                    let Ok(expected) = journal.head(&subject).await else { continue };
                    let frame = Uuid::from_u128(writer << 64 | tries);
                    let bytes = Bytes::from(expected.to_string());
                    match append_surely(&*journal, &subject, expected, frame, bytes, PATIENCE).await {
                        Ok(Appended { sequence }) => assert!(stored.insert((sequence, frame))),
                        Err(lost) => assert_eq!(lost, muster_journal::append::Lost::Conflict),
                    }
                }
                stored
            })
        })
        .collect();
    let mut records = journal.subscribe(0);
    for until in [60, 240, 480] {
        // Each crash falls into the midst of the work, wherever that is by then.
        while next(&mut records).await.unwrap().sequence < until {}
        server.restart();
    }
    let mut stored = BTreeSet::new();
    for writer in join_all(writers).await {
        stored.extend(writer.unwrap());
    }
    let mut heads = [("a", 0), ("b", 0)];
    let mut logged = BTreeSet::new();
    let mut records = journal.subscribe(0);
    for _ in 0..journal.last().await.unwrap() {
        let record = next(&mut records).await.unwrap();
        let head = heads.iter_mut().find(|(id, _)| *id == record.subject.id()).unwrap();
        assert_eq!(record.bytes, head.1.to_string(), "each record follows the one that its writer expected");
        head.1 = record.sequence;
        logged.insert((record.sequence, record.frame));
    }
    assert_eq!(logged, stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn following_goes_on_after_a_crash() {
    let mut server = NatsServer::start();
    let journal = connect(&server).await;
    let mut records = journal.subscribe(0);
    for round in 0..3 {
        write(&journal, round * 10..round * 10 + 10).await;
        for number in round * 10..round * 10 + 5 {
            assert_eq!(next(&mut records).await.unwrap().frame, Uuid::from_u128(number));
        }
        // Five more are on their way, or not: they must come, once and in order, either way.
        server.restart();
        for number in round * 10 + 5..round * 10 + 10 {
            assert_eq!(next(&mut records).await.unwrap().frame, Uuid::from_u128(number));
        }
    }
}

/// A consumer takes the leader of all servers, who may be gone when that of the stream is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn following_goes_on_while_no_consumer_can_be_made() {
    let config = tempfile::NamedTempFile::new().unwrap();
    let denies = |what: &str| {
        let text = format!(
            "host: 127.0.0.1\nhttp: \"127.0.0.1:-1\"\njetstream {{ sync_interval: always }}\nno_auth_user: muster\n\
             accounts {{ MUSTER {{ jetstream: enabled, users: [ {{ user: muster, password: muster, \
             permissions: {{ publish: {{ deny: [\"{what}\"] }} }} }} ] }} }}\n"
        );
        std::fs::write(config.path(), text).unwrap();
    };
    denies("$JS.API.CONSUMER.>");
    let mut server = NatsServer::start_with(config.path());
    let journal = connect(&server).await;
    let mut records = journal.subscribe(0);
    for round in 0..2 {
        write(&journal, round * 10..round * 10 + 10).await;
        for number in round * 10..round * 10 + 10 {
            assert_eq!(next(&mut records).await.unwrap().frame, Uuid::from_u128(number));
        }
    }
    // A consumer that was asked for at first begins with the first record; nobody sees that twice.
    denies("unused");
    server.restart();
    write(&journal, 20..30).await;
    for number in 20..30 {
        assert_eq!(next(&mut records).await.unwrap().frame, Uuid::from_u128(number));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_nothing_is_claimed() {
    let mut server = NatsServer::start();
    let journal = connect(&server).await;
    write(&journal, 0..1).await;
    server.kill();
    let lost = journal.append(&subject("a"), 0, Uuid::from_u128(1), Bytes::new()).await;
    assert!(matches!(lost, Err(AppendError::Unavailable(_) | AppendError::Unknown(_))), "{lost:?}");
    assert!(matches!(journal.head(&subject("s0")).await, Err(ReadError::Unavailable(_))));
    assert!(matches!(journal.load(&subject("s0"), 0).await, Err(ReadError::Unavailable(_))));
    assert!(matches!(journal.last().await, Err(ReadError::Unavailable(_))));

    let impatient = Options { connect_patience: Duration::from_millis(200), ..options(&server) };
    let refused = JetStream::connect(vec![server.url()], &realm(), impatient).await.err();
    assert!(matches!(refused, Some(ConnectError::Unavailable(_))), "{refused:?}");

    server.restart();
    let mut records = journal.subscribe(0);
    assert_eq!(next(&mut records).await.unwrap().frame, Uuid::from_u128(0));
    write(&journal, 1..2).await;
    assert_eq!(next(&mut records).await.unwrap().frame, Uuid::from_u128(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_while_an_append_is_under_way_waits_until_it_has_landed() {
    let mut cluster = Cluster::start();
    JetStream::connect(cluster.urls(), &ledger::realm(), Options::default()).await.unwrap();
    let leader = cluster.leader().await;
    cluster.whole().await;
    let of_leader = cluster.urls().into_iter().skip(leader).take(1).collect();
    let journal = JetStream::connect(of_leader, &ledger::realm(), Options::default()).await.unwrap();
    let desk = Subject::new(&ledger::realm(), Context::Dispatch, "desk").unwrap();
    let [ours, theirs] = [1, 2].map(Uuid::from_u128);

    for n in (0..SIZE).filter(|n| *n != leader) {
        cluster.node(n).freeze();
    }
    let unheard = journal.append(&desk, 0, theirs, Bytes::new()).await;
    assert!(matches!(unheard, Err(AppendError::Unknown(_))), "most servers must have it first: {unheard:?}");
    assert_eq!(journal.append(&desk, 0, ours, Bytes::new()).await, Err(AppendError::Busy));
    let landing = append_surely(&journal, &desk, 0, ours, Bytes::new(), PATIENCE);
    let thawing = async {
        for n in (0..SIZE).filter(|n| *n != leader) {
            cluster.node(n).thaw();
        }
    };
    let (landed, ()) = tokio::join!(landing, thawing);
    assert_eq!(landed, Err(Lost::Conflict), "the one that was under way was first");
    let frames: Vec<_> = journal.load(&desk, 0).await.unwrap().into_iter().map(|record| record.frame).collect();
    assert_eq!(frames, [theirs]);
}

#[tokio::test]
async fn an_unsafe_stream_is_refused_in_words() {
    let server = NatsServer::start();
    let config = Config {
        name: "MUSTER_CONFORMANCE".into(),
        subjects: vec!["muster.conformance.>".into()],
        ..Config::default()
    };
    intruder(&server).await.create_stream(config).await.unwrap();
    let refused = JetStream::connect(vec![server.url()], &realm(), options(&server)).await.err().unwrap();
    let ConnectError::Differs { differences, .. } = &refused else { panic!("{refused}") };
    for says in [
        "deny_delete is false and must be true",
        "discard is Old and must be New",
        "max_msg_size is -1 and must be 1048576",
    ] {
        assert!(differences.iter().any(|difference| difference == says), "{refused}");
    }
    let three = Options { replicas: 3, connect_patience: Duration::from_millis(500), ..options(&server) };
    let other = muster_domain::kernel::RealmId::parse("other").unwrap();
    let refused = JetStream::connect(vec![server.url()], &other, three).await.err().unwrap();
    assert!(refused.to_string().contains("replicas"), "one server cannot keep three replicas: {refused}");
}

#[tokio::test]
async fn unsafe_settings_are_named() {
    let names = |found: Vec<muster_journal::jetstream::Unsafe>| -> Vec<_> {
        found.into_iter().map(|found| found.name).collect()
    };

    let server = NatsServer::start();
    assert_eq!(names(connect(&server).await.safety().await), ["replicas"], "one server that syncs always");

    let blind = Options { monitors: vec!["http://127.0.0.1:1".to_owned()], ..options(&server) };
    let journal = JetStream::connect(vec![server.url()], &realm(), blind).await.unwrap();
    assert_eq!(names(journal.safety().await), ["monitor-unreachable", "replicas", "monitor-unreachable"]);

    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), "host: 127.0.0.1\nhttp: \"127.0.0.1:-1\"\njetstream {}\n").unwrap();
    let server = NatsServer::start_with(config.path());
    assert_eq!(names(connect(&server).await.safety().await), ["sync-interval", "replicas"], "the server's defaults");
}

#[tokio::test]
async fn a_missing_record_stops_the_reader_and_is_counted() {
    let server = NatsServer::start();
    let intruder = intruder(&server).await;
    drop(connect(&server).await);
    let mut config = intruder.get_stream("MUSTER_CONFORMANCE").await.unwrap().cached_info().config.clone();
    intruder.delete_stream("MUSTER_CONFORMANCE").await.unwrap();
    config.deny_delete = false;
    let stream = intruder.create_stream(config.clone()).await.unwrap();
    for number in 1..=5u128 {
        let id = Uuid::from_u128(number).to_string();
        let message = jetstream::message::PublishMessage::build().message_id(id);
        intruder.send_publish("muster.conformance.intake.a", message).await.unwrap().await.unwrap();
    }
    stream.delete_message(3).await.unwrap();
    config.deny_delete = true;
    intruder.update_stream(config).await.unwrap();

    let journal = connect(&server).await;
    let mut records = journal.subscribe(0);
    assert_eq!(next(&mut records).await.unwrap().sequence, 1);
    assert_eq!(next(&mut records).await.unwrap().sequence, 2);
    assert_eq!(next(&mut records).await, Err(ReadError::Gap { expected: 3, found: 4 }));
    assert!(records.next().await.is_none(), "nothing after a gap may be used");
    assert!(journal.safety().await.iter().any(|found| found.name == "missing-records"));
}

#[tokio::test]
async fn a_message_that_muster_did_not_write_is_damage() {
    let server = NatsServer::start();
    let journal = connect(&server).await;
    intruder(&server).await.publish("muster.conformance.intake.a", Bytes::new()).await.unwrap().await.unwrap();
    assert!(matches!(journal.load(&subject("a"), 0).await, Err(ReadError::Corrupt { sequence: 1, .. })));
    assert!(matches!(next(&mut journal.subscribe(0)).await, Err(ReadError::Corrupt { sequence: 1, .. })));
}
