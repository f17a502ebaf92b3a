//! A journal that could lose what it acknowledged: nothing is served on it, and whoever starts or examines Muster is told what
//! is wrong and what to do, in plain words.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use async_nats::jetstream::{
    self,
    stream::{Config, DiscardPolicy, PersistenceMode},
};
use muster_e2e::{
    nats::{NatsServer, Servers},
    process::binary,
};
use tempfile::TempDir;

/// What `muster WORD` says of a journal on this server, whose monitor is looked for at `monitor`.
fn muster(word: &[&str], server: &NatsServer, monitor: &str, accepted: &[&str]) -> Output {
    let dir = TempDir::new().unwrap();
    let key = dir.path().join("vault.key");
    fs::write(&key, [7; 32]).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new(binary());
    command.args(word).args(["--realm", "drill", "--journal", &server.url(), "--nats-monitor", monitor]);
    command.arg("--vault-key").arg(key).env("MUSTER_CONTEXT", dir.path().join("context.json"));
    command.args(accepted.iter().flat_map(|name| ["--accept-unsafe-journal", name]));
    command.output().unwrap()
}

/// Fails unless both who would serve on the journal and the doctor refuse it in these words.
#[track_caller]
fn refused(server: &NatsServer, monitor: &str, accepted: &[&str], says: &[&str]) {
    let serve = ["serve", "--role", "intake", "--accept-development-tokens"];
    let (serve, doctor) = (muster(&serve, server, monitor, accepted), muster(&["doctor"], server, monitor, accepted));
    assert_eq!((serve.status.code(), doctor.status.code()), (Some(1), Some(1)), "{serve:?} {doctor:?}");
    for told in [serve.stderr, doctor.stdout].map(|told| String::from_utf8(told).unwrap()) {
        says.iter().for_each(|says| assert!(told.contains(says), "{says}: {told}"));
    }
}

#[test]
fn one_server_alone_is_refused_unless_it_is_accepted() {
    let server = NatsServer::start();
    let says = [
        "replicas: one server keeps MUSTER_DRILL: the loss of a disk may lose records; run three servers",
        "or accept each by name: --accept-unsafe-journal=replicas\n",
    ];
    let monitor = server.monitor_url();
    refused(&server, &monitor, &[], &says);
    assert!(muster(&["doctor"], &server, &monitor, &["replicas"]).status.success(), "it makes the stream");
    refused(&server, &monitor, &[], &says);
}

#[test]
fn a_server_that_does_not_sync_or_cannot_be_looked_at_is_refused() {
    let server = NatsServer::start();
    let unread = ["monitor-unreachable: http://127.0.0.1:1 cannot be read: ", "=monitor-unreachable\n"];
    refused(&server, "http://127.0.0.1:1", &["replicas"], &unread);

    let dir = TempDir::new().unwrap();
    let config = dir.path().join("default.conf");
    fs::write(&config, "host: 127.0.0.1\nhttp: \"127.0.0.1:-1\"\njetstream {}\n").unwrap();
    let server = NatsServer::start_with(Path::new(&config));
    let unsynced = [
        " acknowledges before its disk has the record: a power cut loses it; set `sync_interval: always`",
        "or accept each by name: --accept-unsafe-journal=sync-interval\n",
    ];
    refused(&server, &server.monitor_url(), &["replicas"], &unsynced);
}

#[tokio::test]
async fn a_stream_that_was_made_otherwise_is_refused_whatever_is_accepted() {
    let server = NatsServer::start();
    let config = Config {
        name: "MUSTER_DRILL".to_owned(),
        subjects: vec!["muster.drill.>".to_owned()],
        max_age: Duration::from_secs(3600),
        discard: DiscardPolicy::Old,
        allow_direct: true,
        duplicate_window: Duration::from_secs(1),
        persist_mode: Some(PersistenceMode::Async),
        ..Config::default()
    };
    let client = async_nats::connect(server.urls()).await.unwrap();
    jetstream::new(client).create_stream(config).await.unwrap();
    let says = [
        "stream MUSTER_DRILL is not safe for a journal: ",
        "max_age is 3600s and must be 0ns; ",
        "discard is Old and must be New; ",
        "deny_delete is false and must be true; ",
        "deny_purge is false and must be true; ",
        "allow_direct is true and must be false; ",
        "duplicate_window is 1s and must be 120s; ",
        "persist_mode is Async and must be Default; ",
        "set it right with the nats tool",
    ];
    refused(&server, &server.monitor_url(), &["replicas", "sync-interval"], &says);
}
