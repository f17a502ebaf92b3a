//! Following a stream through whatever happens to servers and connections.

use super::{found, leader::Leader, record, unavailable};
use crate::{
    port::{ReadError, Record, Records},
    retry::Delays,
};
use async_nats::jetstream::{
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream::Stream,
};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
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
    let source = Source::opening(&stream, &leader, next);
    let follower = Follower { stream, leader, next, source, delays: Delays::new() };
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
    source: Source,
    delays: Delays,
}

enum Source {
    Opening(BoxFuture<'static, Result<Consumer, ReadError>>),
    Open(Box<Consumer>),
}

impl Source {
    fn opening(stream: &Stream<()>, leader: &Leader, next: u64) -> Self {
        Self::Opening(Consumer::open(stream.clone(), leader.clone(), next).boxed())
    }
}

impl Follower {
    async fn record(&mut self) -> Result<Record, ReadError> {
        let record = loop {
            match &mut self.source {
                Source::Opening(opening) => tokio::select! {
                    consumer = opening => self.source = Source::Open(Box::new(consumer?)),
                    record = read(&self.stream, self.next, &mut self.delays) => break record?,
                },
                Source::Open(consumer) => match consumer.record().await? {
                    Some(record) if record.sequence == self.next => break record,
                    // It was read while the consumer was being made.
                    Some(_) => (),
                    None => self.source = Source::opening(&self.stream, &self.leader, self.next),
                },
            }
        };
        self.next = record.sequence.saturating_add(1);
        self.delays.reset();
        Ok(record)
    }
}

/// Reads a record, as soon as it is there, without a consumer: to make one takes the leader of all servers, while the stream's
/// may be there seconds earlier. Whether the log has a gap is the consumer's to say.
async fn read(stream: &Stream<()>, sequence: u64, delays: &mut Delays) -> Result<Record, ReadError> {
    loop {
        if let Ok(Some(message)) = found(stream.raw_message_builder().sequence(sequence).send().await) {
            return record(sequence, &message.subject, Some(&message.headers), message.payload);
        }
        delays.wait().await;
    }
}

/// What the servers deliver record by record.
struct Consumer {
    messages: pull::Stream,
    /// The sequence that it must deliver next.
    next: u64,
    /// It has delivered nothing yet.
    fresh: bool,
}

impl Consumer {
    /// One that begins with sequence `next`, as soon as the servers give it.
    async fn open(stream: Stream<()>, leader: Leader, next: u64) -> Result<Self, ReadError> {
        let (mut ahead_since, mut delays) = (None, Delays::new());
        loop {
            match Self::try_open(&stream, &leader, next).await {
                Ok(messages) => return Ok(Self { messages, next, fresh: true }),
                Err(ReadError::Unavailable(why)) => {
                    ahead_since = None;
                    tracing::debug!(why, next, "following waits for the servers")
                }
                Err(gap) => {
                    if ahead_since.get_or_insert_with(Instant::now).elapsed() > AHEAD_FOR {
                        return Err(gap);
                    }
                }
            }
            delays.wait().await;
        }
    }

    async fn try_open(stream: &Stream<()>, leader: &Leader, next: u64) -> Result<pull::Stream, ReadError> {
        // One that is not believed may have been cut off before it had everything.
        let last = leader.told(None).await?.state.last_seq;
        if last.saturating_add(1) < next {
            return Err(ReadError::Gap { expected: next, found: last });
        }
        let consumer = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: next },
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: FORGOTTEN,
            ..pull::Config::default()
        };
        let consumer = stream.create_consumer(consumer).await.map_err(unavailable)?;
        consumer
            .stream()
            .heartbeat(HEARTBEAT)
            .expires(EXPIRES)
            .max_messages_per_batch(BATCH)
            .messages()
            .await
            .map_err(unavailable)
    }

    /// The record that comes next; none if it comes no more.
    async fn record(&mut self) -> Result<Option<Record>, ReadError> {
        let message = match self.messages.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                tracing::warn!(%error, next = self.next, "following was interrupted");
                return Ok(None);
            }
            None => return Ok(None),
        };
        let sequence = message.info().map(|info| info.stream_sequence).unwrap_or_default();
        if sequence != self.next {
            // The first is where the log goes on; a later one may follow others that were lost on the way here.
            let gap = ReadError::Gap { expected: self.next, found: sequence };
            return if self.fresh { Err(gap) } else { Ok(None) };
        }
        (self.next, self.fresh) = (sequence.saturating_add(1), false);
        let message = message.message;
        record(sequence, &message.subject, message.headers.as_ref(), message.payload).map(Some)
    }
}
