//! The connection to the servers, and which of them is tried next.

use super::{ConnectError, Options};
use crate::{local::lock, retry::Delays};
use async_nats::{
    ConnectOptions, ReconnectToServer, Server, ServerAddr,
    client::Client,
    connection::State,
    jetstream::{Context, context::ContextBuilder},
};
use nkeys::KeyPair;
use std::{
    hash::{BuildHasher, RandomState},
    io,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// A server that has reached no leader for so long may be cut off from the others. If instead they elect one, which takes four
/// to nine seconds (`raft.go`), it costs little to wait for that at another server: what is under way has no answer to come.
const LED_WITHIN: Duration = Duration::from_secs(4);

/// Whom the server reaches to which the connection leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaches {
    /// The leader.
    Leader,
    /// One that takes itself for the leader, and hears from too few of the others to be it.
    TooFew,
    /// Nobody who answers as the leader.
    Nobody,
}

/// Which server a connection leads to, and until when a leader must be heard there.
struct Stay {
    server_id: String,
    until: Instant,
}

impl Stay {
    fn at(server_id: String, now: Instant) -> Self {
        Self { server_id, until: now + LED_WITHIN }
    }

    /// Whether it is over: when no leader was reached for too long; at once, where what answered takes itself for the leader and is
    /// none. Another server gets its own time.
    fn ends(&mut self, server_id: String, reaches: Reaches, now: Instant) -> bool {
        if reaches == Reaches::Leader || self.server_id != server_id {
            *self = Self::at(server_id, now);
            return false;
        }
        reaches == Reaches::TooFew || now >= self.until
    }
}

/// A connection to any of the servers.
pub(super) struct Connection {
    client: Client,
    /// Whether there is another server to go to.
    has_choice: bool,
    stay: Mutex<Stay>,
    /// The servers of other machines to which it is not encrypted.
    in_the_clear: Vec<String>,
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

impl Connection {
    /// Connects before `deadline`.
    pub(super) async fn open(servers: &[String], options: &Options, deadline: Instant) -> Result<Self, ConnectError> {
        let invalid = |error: io::Error| ConnectError::Invalid(error.to_string());
        let servers: Vec<ServerAddr> =
            servers.iter().map(|server| server.parse()).collect::<Result<_, _>>().map_err(invalid)?;
        // Who says which authority signed for the servers is held to it.
        let clear = servers.iter().filter(|server| !server.tls_required() && options.certificate_authority.is_none());
        let others = clear.map(ServerAddr::host).filter(|host| !is_this_machine(host));
        let in_the_clear: Vec<_> = others.map(str::to_owned).collect();
        let (mut delays, last) = (Delays::new(), Arc::default());
        // Drawn, so that not all processes begin with the same server.
        let first = usize::try_from(RandomState::new().hash_one(0) >> 1).unwrap_or_default();
        loop {
            let mut connecting = connect_options(options, first, Arc::clone(&last));
            if let Some(credentials) = &options.credentials {
                connecting = proven(connecting, credentials).await.map_err(invalid)?;
            }
            match timeout_at(deadline, connecting.connect(&servers[..])).await {
                Ok(Ok(client)) => {
                    let stay = Mutex::new(Stay::at(client.server_info().server_id, Instant::now()));
                    return Ok(Self { client, has_choice: servers.len() > 1, stay, in_the_clear });
                }
                Ok(Err(error)) => {
                    delays.wait_until(deadline).await.map_err(|_| ConnectError::Unavailable(error.to_string()))?
                }
                Err(_) => return Err(ConnectError::Unavailable("no server answered in time".to_owned())),
            }
        }
    }

    /// The servers of other machines with whom whoever is on the way could read along, and speak.
    pub(super) fn in_the_clear(&self) -> &[String] {
        &self.in_the_clear
    }

    /// Where JetStream is asked, each time for so long.
    pub(super) fn context(&self, answer_timeout: Duration) -> Context {
        ContextBuilder::new().timeout(answer_timeout).build(self.client.clone())
    }

    /// How many bytes the servers take in a message.
    pub(super) fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    /// Whether there is one just now.
    pub(super) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// A server that reaches no leader is left for another in time, if there is one.
    pub(super) async fn stay_if(&self, reaches: Reaches) {
        let server = self.client.server_info();
        // A connection that is lost looks for another server by itself, and gets its time there.
        let reaches = if self.is_up() { reaches } else { Reaches::Leader };
        if !lock(&self.stay).ends(server.server_id, reaches, Instant::now()) || !self.has_choice {
            return;
        }
        tracing::warn!(server.server_name, "this server reaches no leader of the journal: another is tried");
        if let Err(error) = self.client.force_reconnect().await {
            tracing::error!(%error, "the connection to the journal has ended");
        }
    }
}

/// Proves who connects: by a user's key alone (an nkey's seed), or by a credentials file, in which a token stands beside it.
async fn proven(connecting: ConnectOptions, file: &Path) -> io::Result<ConnectOptions> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
    let text = tokio::fs::read_to_string(file).await.map_err(named)?;
    let seed = text.trim();
    if seed.starts_with("SU") && !seed.contains(char::is_whitespace) {
        let wrong = |error| named(io::Error::new(io::ErrorKind::InvalidData, format!("it is no nkey's seed: {error}")));
        KeyPair::from_seed(seed).map_err(wrong)?;
        return Ok(connecting.nkey(seed.to_owned()));
    }
    connecting.credentials(&text).map_err(named)
}

fn connect_options(options: &Options, first: usize, last: Arc<Mutex<Option<ServerAddr>>>) -> ConnectOptions {
    let connecting = ConnectOptions::new()
        .name("muster")
        .custom_inbox_prefix(&options.inbox)
        // A dead server must be noticed in seconds; the default takes minutes.
        .ping_interval(Duration::from_secs(1))
        // One that is frozen takes connections and says nothing, and others may have a leader meanwhile.
        .connection_timeout(Duration::from_secs(1))
        .request_timeout(Some(options.answer_timeout))
        // Those are reached by names that their certificates bear; others would be the same ones under other names.
        .ignore_discovered_servers()
        .reconnect_delay_callback(|tries| Duration::from_millis(20 << tries.min(5)))
        .reconnect_to_server_callback(move |servers, _| {
            let next = next(&servers, first, &mut lock(&last));
            async { next.map(|addr| ReconnectToServer { addr, delay: None }) }
        });
    match &options.certificate_authority {
        // Whoever says who signs the servers' certificates wants them looked at, whatever a server says.
        Some(authority) => connecting.add_root_certificates(authority.clone()).require_tls(true),
        None => connecting,
    }
}

/// The server that is tried next: any but the last, if there are others, and those that failed after all that did not; of these
/// the first after the last. The very first is the `first`-th, counted round and round.
fn next(servers: &[Server], first: usize, last: &mut Option<ServerAddr>) -> Option<ServerAddr> {
    let is_last = |server: &Server| Some(&server.addr) == last.as_ref();
    let after = servers.iter().position(is_last).map_or(first, |at| at.saturating_add(1));
    let ring = servers.iter().cycle().skip(after % servers.len().max(1)).take(servers.len());
    *last = ring.min_by_key(|server| (is_last(server), server.failed_attempts)).map(|server| server.addr.clone());
    last.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(n: u32, failed_attempts: usize) -> Server {
        let addr = format!("nats://10.0.0.{n}:4222").parse().unwrap();
        Server { addr, failed_attempts, did_connect: true, is_discovered: false, last_error: None }
    }

    #[test]
    fn a_server_is_left_when_no_leader_is_reached_for_four_seconds_or_the_leader_is_none() {
        let began = Instant::now();
        let after = |millis| began + Duration::from_millis(millis);
        let mut stay = Stay::at("n1".to_owned(), began);
        let mut ends = |server: &str, reaches, millis| stay.ends(server.to_owned(), reaches, after(millis));
        assert!(!ends("n1", Reaches::Nobody, 3_999));
        assert!(!ends("n1", Reaches::Leader, 3_999), "it is reached just in time");
        assert!(!ends("n1", Reaches::Nobody, 7_998));
        assert!(ends("n1", Reaches::Nobody, 7_999));
        assert!(!ends("n2", Reaches::TooFew, 8_000), "another server gets its own time");
        assert!(ends("n2", Reaches::TooFew, 8_001), "who answers as the leader is none");
        assert!(!ends("n3", Reaches::Nobody, 8_002));
        assert!(ends("n3", Reaches::Nobody, 12_002));
    }

    #[test]
    fn servers_are_tried_in_turn_and_those_that_failed_last() {
        let tried =
            |servers: &[Server], last: &mut _| (0..4).filter_map(|_| next(servers, 7, last)).collect::<Vec<_>>();
        let [one, two, three] = [1, 2, 3].map(|n| server(n, 0).addr);
        let all = [server(1, 0), server(2, 0), server(3, 0)];
        assert_eq!(tried(&all, &mut Some(one.clone())), [&two, &three, &one, &two].map(Clone::clone));
        let failed = [server(1, 0), server(2, 9), server(3, 0)];
        assert_eq!(tried(&failed, &mut Some(one.clone())), [&three, &one, &three, &one].map(Clone::clone));
        let alone = [server(1, 7)];
        assert_eq!(tried(&alone, &mut None), [&one, &one, &one, &one].map(Clone::clone), "there is no other");
        assert_eq!(next(&all, 7, &mut None), Some(two));
        assert_eq!(next(&[], 7, &mut None), None);
    }
}
