//! One server leads all that a realm needs. Then nobody waits for an election when another is lost; and when this one is, its
//! streams elect their leaders at the same time.

use super::{JetStream, Leader};
use crate::local::lock;
use async_nats::jetstream::Context;
use serde_json::{Value, json};
use std::{sync::Mutex, time::Duration};
use tokio::time::Instant;

/// So often at most a stream is asked to let another server lead: realms on the same servers share one, and may pull it apart.
const PULL_EVERY: Duration = Duration::from_secs(5);

/// A leader is followed once it has led for so long: while servers are restarted one after the other, it may soon be another.
const STEADY: Duration = Duration::from_secs(3);

/// What stands beside a log, and follows it.
pub(crate) struct Gathering {
    context: Context,
    log: Leader,
    beside: Vec<(Leader, Mutex<Option<Instant>>)>,
}

impl Gathering {
    /// These streams follow the journal's.
    pub(crate) fn of(journal: &JetStream, beside: [String; 2]) -> Self {
        let beside = beside.into_iter().map(|stream| (journal.leader_of(stream), Mutex::default()));
        Self { context: journal.context().clone(), log: journal.leader.clone(), beside: beside.collect() }
    }

    /// Lets the server that leads the log lead what stands beside it, while all servers reach one another: one that leads because it
    /// alone still reaches all must go on. Nothing that is promised depends on it, so whatever fails is left to the next time.
    pub(crate) async fn gather(&self) {
        let Ok(log) = self.log.told(None).await else { return };
        let Some(leader) = log.cluster.led.leader() else { return };
        if log.led_for() < STEADY || !log.cluster.is_whole() {
            return;
        }
        for (stream, pulled) in &self.beside {
            if lock(pulled).is_some_and(|pulled| pulled.elapsed() < PULL_EVERY) {
                continue;
            }
            let Ok(other) = stream.told(None).await else { return };
            if !other.cluster.is_whole() || other.cluster.led.leader() == Some(leader) {
                continue;
            }
            *lock(pulled) = Some(Instant::now());
            let (name, wish) = (stream.stream_name(), json!({ "placement": { "preferred": leader } }));
            let asked = self.context.request::<_, _, Value>(format!("STREAM.LEADER.STEPDOWN.{name}"), &wish).await;
            if asked.is_ok_and(|answer| answer.get("error").is_none()) {
                tracing::info!(stream = name, leader, "led by the server that leads the log");
            }
        }
    }
}
