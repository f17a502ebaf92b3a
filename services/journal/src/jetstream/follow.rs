//! Following a stream through whatever happens to servers and connections.

use super::{leader::Leader, record, unavailable};
use crate::{
    port::{ReadError, Record, Records},
    retry::Delays,
};
use async_nats::jetstream::{
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream::Stream,
};
use futures::{StreamExt, stream};
use std::time::Duration;
use tokio::time::Instant;

/// A server that says nothing for twice so long is taken for gone.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// One request for records lasts so long.
const EXPIRES: Duration = Duration::from_secs(3);

/// At most so many records are on their way at once.
const BATCH: usize = 1000;

/// A consumer that nobody reads is forgotten by the servers after this.
const FORGOTTEN: Duration = Duration::from_secs(30);

/// A new leader may for a moment not know the newest records, so a log that seems to end too early is believed only if it still
/// does after this.
const AHEAD_FOR: Duration = Duration::from_secs(2);

/// The stream's records after sequence `after`. Whatever passes by itself is waited for; what is wrong with the log ends it.
pub(super) fn records(stream: Stream<()>, leader: Leader, after: u64) -> Records {
    let next = after.saturating_add(1);
    let follower = Follower { stream, leader, next, source: None, delays: Delays::new() };
    Box::pin(stream::try_unfold(follower, |mut follower| async move {
        let record = follower.record().await?;
        Ok(Some((record, follower)))
    }))
}

struct Follower {
    stream: Stream<()>,
    leader: Leader,
    /// The sequence that must come next.
    next: u64,
    source: Option<Source>,
    delays: Delays,
}

/// One consumer of the servers.
struct Source {
    messages: pull::Stream,
    /// It has delivered nothing yet. Its first message is where the log goes on; a later one may follow others that were lost
    /// on the way here.
    fresh: bool,
}

impl Follower {
    async fn record(&mut self) -> Result<Record, ReadError> {
        loop {
            let Some(mut source) = self.source.take() else {
                self.source = Some(self.open().await?);
                continue;
            };
            let message = match source.messages.next().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    tracing::warn!(%error, next = self.next, "following was interrupted");
                    continue;
                }
                None => continue,
            };
            let sequence = message.info().map(|info| info.stream_sequence).unwrap_or_default();
            if sequence == self.next {
                self.next = sequence.saturating_add(1);
                self.source = Some(Source { fresh: false, ..source });
                self.delays.reset();
                let message = message.message;
                return record(sequence, &message.subject, message.headers.as_ref(), message.payload);
            }
            if source.fresh {
                return Err(ReadError::Gap { expected: self.next, found: sequence });
            }
        }
    }

    /// A consumer that begins with the next record, as soon as the servers give one.
    async fn open(&mut self) -> Result<Source, ReadError> {
        let mut ahead_since = None;
        loop {
            match self.try_open().await {
                Ok(messages) => return Ok(Source { messages, fresh: true }),
                Err(ReadError::Unavailable(why)) => {
                    ahead_since = None;
                    tracing::debug!(why, next = self.next, "following waits for the servers")
                }
                Err(gap) => {
                    if ahead_since.get_or_insert_with(Instant::now).elapsed() > AHEAD_FOR {
                        return Err(gap);
                    }
                }
            }
            self.delays.wait().await;
        }
    }

    async fn try_open(&self) -> Result<pull::Stream, ReadError> {
        // One that is not believed may have been cut off before it had everything.
        let last = self.leader.told(None).await?.state.last_seq;
        if last.saturating_add(1) < self.next {
            return Err(ReadError::Gap { expected: self.next, found: last });
        }
        let consumer = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.next },
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: FORGOTTEN,
            ..pull::Config::default()
        };
        let consumer = self.stream.create_consumer(consumer).await.map_err(unavailable)?;
        consumer
            .stream()
            .heartbeat(HEARTBEAT)
            .expires(EXPIRES)
            .max_messages_per_batch(BATCH)
            .messages()
            .await
            .map_err(unavailable)
    }
}
