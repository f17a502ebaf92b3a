//! What the servers' monitor addresses and the stream say of how safe an acknowledged record is.

use async_nats::jetstream::stream::{Info, Stream};
use serde::Deserialize;
use std::{collections::BTreeSet, io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Fewer servers than this, and the loss of one disk may lose records.
const REPLICAS_MIN: usize = 3;

/// Before this version, servers that sync every record are slow, and some lose a replicated stream.
const VERSION_MIN: (u64, u64) = (2, 15);

/// What to do about a server that lacks records.
pub(super) const REBUILD: &str = "stop this server and leave the others as they are: while it leads, whoever copies lacks the \
                                  same; once another leads, empty its store and start it, and it copies every record";

/// What to do where they are fewer.
const REPLICATE: &str = "run three servers and give the stream three replicas";

/// A monitor that needs longer is as good as not there.
const MONITOR_TIMEOUT: Duration = Duration::from_secs(2);

/// No monitor's page is larger.
const PAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A setting under which an acknowledged record might be lost, or read or written by others, or that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsafe {
    /// Its name, by which it can be accepted: `sync-interval`, `replicas`, `version`, `missing-records`,
    /// `monitor-unreachable` or `plaintext`.
    pub name: &'static str,
    /// What is unsafe, and where.
    pub says: String,
    /// What makes it safe.
    pub way_out: &'static str,
}

/// What an inspection of all servers found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// What is not safe.
    pub found: Vec<Unsafe>,
    /// What each server holds that could be read.
    pub replicas: Vec<Replica>,
}

/// What one server holds of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The server's name.
    pub server: String,
    /// How many records it holds.
    pub records: u64,
    /// The sequence of its last one: the same number, unless it lacks some.
    pub last: u64,
}

#[derive(Deserialize)]
struct Varz {
    server_name: String,
    version: String,
    #[serde(default)]
    jetstream: JetStreamVarz,
}

#[derive(Default, Deserialize)]
struct JetStreamVarz {
    #[serde(default)]
    config: JetStreamConfig,
}

#[derive(Default, Deserialize)]
struct JetStreamConfig {
    #[serde(default)]
    sync_always: bool,
}

#[derive(Deserialize)]
struct Jsz {
    #[serde(default)]
    account_details: Vec<Account>,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    stream_detail: Vec<StreamDetail>,
}

#[derive(Deserialize)]
struct StreamDetail {
    name: String,
    state: StreamState,
}

#[derive(Deserialize)]
struct StreamState {
    messages: u64,
    last_seq: u64,
}

/// Reads the stream's settings from its leader and each server's own from its monitor.
pub(super) async fn inspect(stream: &Stream<()>, monitors: &[String]) -> Inspection {
    let (mut found, mut replicas) = (Vec::new(), Vec::new());
    let mut read = BTreeSet::new();
    let info = stream.get_info().await;
    let name = info.as_ref().map(|info| info.config.name.clone()).unwrap_or_default();
    for monitor in monitors {
        match (page::<Varz>(monitor, "/varz").await, page::<Jsz>(monitor, "/jsz?streams=true").await) {
            (Ok(varz), Ok(jsz)) => {
                found.extend(settings(&varz));
                replicas.extend(replica(&varz.server_name, &name, jsz));
                read.insert(varz.server_name);
            }
            (Err(error), _) | (_, Err(error)) => found.push(unread(format!("{monitor} cannot be read: {error}"))),
        }
    }
    found.extend(replicas.iter().filter_map(|replica| density(replica, &name)));
    match info {
        Ok(info) => found.extend(keepers(&info, &read)),
        Err(error) => found.push(unread(format!("the stream's settings cannot be read: {error}"))),
    }
    Inspection { found, replicas }
}

/// The servers at these hosts are reached without encryption.
pub(super) fn in_the_clear(hosts: &[String]) -> Option<Unsafe> {
    (!hosts.is_empty()).then(|| Unsafe {
        name: "plaintext",
        says: format!(
            "what goes to {} is not encrypted: others on the way could read it, and change it",
            hosts.join(", ")
        ),
        way_out: "give the servers certificates (deploy/nats/secured.conf) and write tls:// for nats://",
    })
}

fn unread(says: String) -> Unsafe {
    Unsafe {
        name: "monitor-unreachable",
        says,
        way_out: "turn on `http` in every server's configuration and give all their monitor addresses",
    }
}

fn settings(varz: &Varz) -> Vec<Unsafe> {
    let mut found = Vec::new();
    if !varz.jetstream.config.sync_always {
        found.push(Unsafe {
            name: "sync-interval",
            says: format!("{} acknowledges before its disk has the record: a power cut loses it", varz.server_name),
            way_out: "set `sync_interval: always` in the `jetstream` part of the server's configuration",
        });
    }
    let mut numbers = varz.version.split(['.', '-']).map_while(|number| number.parse().ok());
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < VERSION_MIN {
        found.push(Unsafe {
            name: "version",
            says: format!("{} runs nats-server {}", varz.server_name, varz.version),
            way_out: "run nats-server 2.15 or later",
        });
    }
    found
}

/// What a server says that it holds of the stream.
fn replica(server: &str, stream: &str, jsz: Jsz) -> Option<Replica> {
    let mut streams = jsz.account_details.into_iter().flat_map(|account| account.stream_detail);
    let StreamState { messages: records, last_seq: last } = streams.find(|detail| detail.name == stream)?.state;
    Some(Replica { server: server.to_owned(), records, last })
}

/// A damaged replica says "not found" and nothing else: only counting shows it.
fn density(Replica { server, records, last }: &Replica, stream: &str) -> Option<Unsafe> {
    (records != last).then(|| Unsafe {
        name: "missing-records",
        says: format!("{server} holds {records} of the {last} records of {stream}"),
        way_out: REBUILD,
    })
}

/// So many servers keep the stream, and it should be more.
pub(super) fn too_few(replicas: usize, stream: &str) -> Unsafe {
    let servers = if replicas == 1 { "one server keeps".to_owned() } else { format!("{replicas} servers keep") };
    let says = format!("{servers} {stream}: the loss of a disk may lose records");
    Unsafe { name: "replicas", says, way_out: REPLICATE }
}

/// Every server that keeps the stream must have been read, the leader too.
fn keepers(info: &Info, read: &BTreeSet<String>) -> Vec<Unsafe> {
    let mut found = Vec::new();
    if info.config.num_replicas < REPLICAS_MIN {
        found.push(too_few(info.config.num_replicas, &info.config.name));
    }
    let keepers: Vec<&String> = info
        .cluster
        .iter()
        .flat_map(|cluster| cluster.leader.iter().chain(cluster.replicas.iter().map(|replica| &replica.name)))
        .collect();
    let missing: Vec<&str> = keepers.iter().filter(|name| !read.contains(**name)).map(|name| name.as_str()).collect();
    if !missing.is_empty() {
        found.push(unread(format!("no monitor address was given for {}", missing.join(", "))));
    } else if keepers.is_empty() && read.is_empty() {
        found.push(unread("no monitor address was given".to_owned()));
    }
    found
}

/// One page of a monitor. HTTP/1.0, so that the answer ends with the connection and nothing has to be decoded.
async fn page<T: for<'a> Deserialize<'a>>(monitor: &str, path: &str) -> io::Result<T> {
    let host = monitor.strip_prefix("http://").unwrap_or(monitor).trim_end_matches('/');
    let answer = timeout(MONITOR_TIMEOUT, async {
        let mut connection = TcpStream::connect(host).await?;
        connection.write_all(format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        connection.take(PAGE_BYTES_MAX).read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    });
    let answer = answer.await.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "it does not answer"))??;
    let not_http = || io::Error::new(io::ErrorKind::InvalidData, "it does not speak HTTP");
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").ok_or_else(not_http)? + 4;
    let status = answer.split(|byte| *byte == b' ').nth(1).ok_or_else(not_http)?;
    if status != b"200" {
        return Err(io::Error::other(format!("it answers {}", String::from_utf8_lossy(status))));
    }
    Ok(serde_json::from_slice(answer.get(body..).unwrap_or_default())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varz(version: &str, config: &str) -> Varz {
        let text = format!(r#"{{"server_name":"n1","version":"{version}","jetstream":{{"config":{config}}}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn names(found: &[Unsafe]) -> Vec<&'static str> {
        found.iter().map(|found| found.name).collect()
    }

    #[test]
    fn a_server_is_safe_when_it_syncs_always_and_is_new_enough() {
        let always = r#"{"sync_always":true}"#;
        assert_eq!(names(&settings(&varz("2.15.1", always))), [""; 0]);
        assert_eq!(names(&settings(&varz("2.16.0-beta.1", always))), [""; 0]);
        assert_eq!(names(&settings(&varz("3.0.0", always))), [""; 0]);
        assert_eq!(names(&settings(&varz("2.14.9", always))), ["version"]);
        assert_eq!(names(&settings(&varz("", always))), ["version"]);
        assert_eq!(names(&settings(&varz("2.15.1", "{}"))), ["sync-interval"]);
        assert_eq!(names(&settings(&varz("2.9.10", r#"{"sync_interval":1000000000}"#))), ["sync-interval", "version"]);
    }

    #[test]
    fn a_replica_that_lacks_records_is_found_by_counting() {
        let jsz = |messages| -> Jsz {
            let state = format!(r#"{{"messages":{messages},"first_seq":1,"last_seq":24000,"num_deleted":11304}}"#);
            let text = format!(r#"{{"account_details":[{{"stream_detail":[{{"name":"S","state":{state}}}]}}]}}"#);
            serde_json::from_str(&text).unwrap()
        };
        let found = |messages| density(&replica("n1", "S", jsz(messages)).unwrap(), "S");
        assert_eq!(found(24_000), None);
        assert_eq!(found(12_696).unwrap().name, "missing-records");
        assert_eq!(replica("n1", "T", jsz(12_696)), None, "another stream");
    }
}
