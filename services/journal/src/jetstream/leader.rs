//! What a stream's leader says, and whether it is believed.

use super::{again, unavailable};
use crate::port::ReadError;
use async_nats::{datetime::parse_rfc3339, jetstream::Context};
use serde::Deserialize;
use serde_json::json;
use std::{collections::BTreeMap, fmt, future, time::Duration};
use tokio::time::sleep;

/// Servers that hear nothing of their leader begin to elect another after four seconds (`raft.go`); less what an answer may take
/// on its way. One that lost a single follower may be followed by another earlier: then a read may be stale for a moment, and
/// what is decided on it does not land, for every append says what it expects.
const HEARD: Duration = Duration::from_secs(3);

/// Where a stream's leader is asked.
#[derive(Clone)]
pub(crate) struct Leader {
    context: Context,
    stream_name: String,
    /// How many servers keep the stream.
    servers: usize,
}

impl Leader {
    pub(super) fn new(context: Context, stream_name: String, servers: usize) -> Self {
        Self { context, stream_name, servers }
    }

    pub(super) fn stream_name(&self) -> &str {
        &self.stream_name
    }

    /// Reads while one and the same leads; also how many records it counted before and after, of one subject or of all.
    pub(crate) async fn read<T, F>(
        &self,
        subject: Option<&str>,
        read: impl Fn() -> F,
    ) -> Result<(T, (u64, u64)), String>
    where
        F: Future<Output = Result<T, String>>,
    {
        loop {
            let before = self.told(subject).await.map_err(|error| error.to_string())?;
            let led = Some(before.cluster.led.clone());
            let value = again::read(read(), self.another_leads(&led)).await.transpose()?;
            let Some(value) = value else { continue };
            let after = self.told(subject).await.map_err(|error| error.to_string())?;
            if before.cluster.led == after.cluster.led {
                let counted = |holds: Holds| if subject.is_some() { holds.counted() } else { holds.messages };
                return Ok((value, (counted(before.state), counted(after.state))));
            }
        }
    }

    /// What it says, with the count of one subject's records, if it is asked for.
    pub(super) async fn told(&self, subject: Option<&str>) -> Result<Told, ReadError> {
        self.believed(self.answer(subject).await?)
    }

    /// What a server says that takes itself for the leader.
    pub(super) async fn answer(&self, subject: Option<&str>) -> Result<Told, ReadError> {
        let asked = json!({ "subjects_filter": subject });
        let question = || self.context.request(format!("STREAM.INFO.{}", self.stream_name), &asked);
        again::ask(question).await.map_err(unavailable)
    }

    /// Waits until another leads than the one that is known: what was asked of that one is not answered any more. Without one it
    /// waits for ever.
    pub(super) async fn another_leads(&self, known: &Option<Led>) {
        let Some(known) = known else { return future::pending().await };
        loop {
            sleep(again::EVERY).await;
            if self.told(None).await.is_ok_and(|told| told.cluster.led != *known) {
                return;
            }
        }
    }

    /// A server that is cut off answers all the same, a leader for ten seconds as if it led.
    pub(super) fn is_believed(&self, told: &Told) -> bool {
        told.cluster.is_led(self.servers)
    }

    /// Nothing of one that is not believed.
    pub(super) fn believed(&self, told: Told) -> Result<Told, ReadError> {
        let disbelieved = || "the server that answers reaches too few of the others to lead".to_owned();
        if self.is_believed(&told) { Ok(told) } else { Err(ReadError::Unavailable(disbelieved())) }
    }
}

/// What the stream's leader says of itself: its time, and what it holds.
#[derive(Deserialize)]
pub(super) struct Told {
    pub(super) ts: String,
    pub(super) state: Holds,
    #[serde(default)]
    pub(super) cluster: Group,
}

/// The servers that keep the stream; none, where one server is alone.
#[derive(Default, Deserialize)]
pub(super) struct Group {
    #[serde(flatten)]
    pub(super) led: Led,
    #[serde(default)]
    replicas: Vec<Follower>,
}

#[derive(Deserialize)]
struct Follower {
    /// How long ago the leader heard from it, in nanoseconds; 0 if never, or only just now.
    active: u64,
    /// Whether it has what the leader has.
    #[serde(default)]
    current: bool,
}

impl Follower {
    fn was_heard(&self) -> bool {
        if self.active == 0 { self.current } else { u128::from(self.active) < HEARD.as_nanos() }
    }
}

impl Group {
    /// Whether a leader of so many servers answers, who has heard from so many of late that with itself they are most.
    fn is_led(&self, servers: usize) -> bool {
        let others = self.replicas.len().max(servers.saturating_sub(1));
        let heard = self.replicas.iter().filter(|other| other.was_heard()).count();
        others == 0 || (self.led.leader.is_some() && heard >= others.div_ceil(2))
    }

    /// Whether a leader answers who has just heard from every other, and each has what it has.
    pub(super) fn is_whole(&self) -> bool {
        self.led.leader.is_some() && self.replicas.iter().all(|other| other.current && other.was_heard())
    }
}

#[derive(Deserialize)]
pub(super) struct Holds {
    pub(super) messages: u64,
    pub(super) last_seq: u64,
    /// How many records each subject has, of those that were asked for.
    subjects: Option<BTreeMap<String, u64>>,
}

impl Holds {
    /// How many records the subject has that was asked for.
    pub(super) fn counted(&self) -> u64 {
        self.subjects.iter().flatten().map(|(_, count)| count).sum()
    }
}

/// Who leads the stream, and since when.
#[derive(Clone, Default, Deserialize, PartialEq, Eq)]
pub(super) struct Led {
    leader: Option<String>,
    leader_since: Option<String>,
}

impl Told {
    /// For how long it has led; zero if that is not known.
    pub(super) fn led_for(&self) -> Duration {
        let since = self.cluster.led.leader_since.as_deref().unwrap_or_default();
        let (Ok(since), Ok(now)) = (parse_rfc3339(since), parse_rfc3339(&self.ts)) else { return Duration::ZERO };
        Duration::try_from(now - since).unwrap_or_default()
    }
}

impl Led {
    /// The server that leads.
    pub(super) fn leader(&self) -> Option<&str> {
        self.leader.as_deref()
    }
}

impl fmt::Display for Led {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.leader.as_deref().unwrap_or("the server"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_one_leads_is_told_by_its_own_clock() {
        let led_for = |since: &str| {
            let told = format!(
                r#"{{"ts":"2026-11-02T08:00:05.5Z","state":{{"messages":0,"last_seq":0}},"cluster":{{{since}}}}}"#
            );
            serde_json::from_str::<Told>(&told).unwrap().led_for()
        };
        assert_eq!(led_for(r#""leader":"n1","leader_since":"2026-11-02T08:00:01Z""#), Duration::from_millis(4_500));
        assert_eq!(led_for(r#""leader":"n1","leader_since":"2026-11-02T08:00:09Z""#), Duration::ZERO);
        assert_eq!(led_for(r#""leader":"n1""#), Duration::ZERO);
    }

    fn is_led(servers: usize, cluster: &str) -> bool {
        serde_json::from_str::<Group>(cluster).unwrap().is_led(servers)
    }

    #[test]
    fn a_leader_is_believed_while_it_has_just_heard_from_so_many_that_with_itself_they_are_most() {
        let three = |one: u64, other: u64| {
            format!(r#"{{"leader":"n1","replicas":[{{"name":"n2","active":{one}}},{{"name":"n3","active":{other}}}]}}"#)
        };
        assert!(is_led(3, &three(1_000_000, 900_000_000)));
        assert!(is_led(3, &three(9_000_000_000, 2_900_000_000)), "one of two others is enough");
        assert!(!is_led(3, &three(3_000_000_000, 9_000_000_000)), "both may follow another by now");
        assert!(!is_led(3, &three(0, 9_000_000_000)), "it never heard from the one");
        let just_now = r#"{"leader":"n1","replicas":[{"active":0,"current":true},{"active":9000000000}]}"#;
        assert!(is_led(3, just_now), "it hears from the one at this moment");
        assert!(
            !is_led(3, r#"{"replicas":[{"name":"n2","active":1000},{"name":"n3","active":1000}]}"#),
            "nobody leads"
        );
        assert!(!is_led(3, "{}"), "nobody is known");
        assert!(is_led(1, "{}"), "one server is alone");
    }
}
