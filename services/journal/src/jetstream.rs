//! A journal on NATS JetStream: one stream per realm, one message per record.
//!
//! The server compares the expected last sequence of the message's subject, so any number of processes may append. Whatever is
//! decided on is read from the stream's leader, and counts only if that leader holds every record, and gives as many of the
//! subject as it counts: one whose disk is damaged says "not found" and nothing else, of whole blocks that it dropped when it
//! started and of single records that it still counts (nats-server #7549, #8632). Followers read from any server and check that
//! no sequence is missing.

pub(crate) mod again;
pub(crate) mod bucket;
mod connection;
mod follow;
mod gathering;
mod leader;
mod safety;
mod stream;

use crate::{
    local::{lock, refuse_too_large},
    port::{AppendError, FRAME_BYTES_MAX, Journal, ReadError, Record, Records, Subject},
    skew::ClockOff,
};
use async_nats::{
    HeaderMap,
    datetime::parse_rfc3339,
    header,
    jetstream::{
        Context,
        context::{PublishError, PublishErrorKind},
        message::{PublishMessage, StreamMessage},
        stream::{RawMessageError, RawMessageErrorKind, Stream},
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use connection::{Connection, Reaches};
pub(crate) use gathering::Gathering;
pub(crate) use leader::Leader;
use leader::{Group, Holds, Led, Told};
use muster_domain::kernel::{RealmId, Timestamp};
pub use safety::{Inspection, Replica, Unsafe};
use std::{collections::BTreeSet, path::PathBuf, sync::Mutex, time::Duration};
use tokio::{sync::watch, time::Instant};
use tracing::{Instrument, Span, field::Empty};
use uuid::Uuid;

/// How a realm's stream is reached and kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many servers keep each record of a stream that is made now.
    pub replicas: usize,
    /// How long one request waits for its answer.
    pub answer_timeout: Duration,
    /// How long connecting keeps trying before it gives up.
    pub connect_patience: Duration,
    /// The servers' monitor addresses, `http://host:port`, from which their safety is read: all of the cluster's.
    pub monitors: Vec<String>,
    /// A NATS credentials file, if the servers ask for one.
    pub credentials: Option<PathBuf>,
    /// What the subjects begin with on which the servers answer: they may let each user listen to its own alone.
    pub inbox: String,
    /// The certificate authority of the servers, in PEM, if it is not one that the system knows.
    pub certificate_authority: Option<PathBuf>,
}

impl Default for Options {
    /// What a realm that people depend on needs.
    fn default() -> Self {
        Self {
            replicas: 3,
            answer_timeout: Duration::from_millis(800),
            connect_patience: Duration::from_secs(15),
            monitors: Vec::new(),
            credentials: None,
            inbox: "_INBOX".to_owned(),
            certificate_authority: None,
        }
    }
}

/// Why a realm's stream cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// An address or a file given for the connection is wrong.
    #[error("the connection to the journal is not well described: {0}")]
    Invalid(String),
    /// Patience ended.
    #[error("the journal cannot be reached: {0}")]
    Unavailable(String),
    /// The stream is not there, and one server alone cannot keep it as often as was asked.
    #[error("{}; {}", .0.says, .0.way_out)]
    Alone(Unsafe),
    /// The stream is there, but it was made or changed in a way that may lose records.
    #[error("stream {stream} is not safe for a journal: {}; set it right with the nats tool", differences.join("; "))]
    Differs {
        /// The stream.
        stream: String,
        /// What each setting is and must be.
        differences: Vec<String>,
    },
}

/// One realm's log on JetStream.
pub struct JetStream {
    realm: RealmId,
    options: Options,
    connection: Connection,
    context: Context,
    stream: Stream<()>,
    leader: Leader,
    clock_off: watch::Sender<Option<ClockOff>>,
    /// Who led when the leader was last found to hold every record.
    whole: Mutex<Option<Led>>,
    /// What is wrong with the leader, if it lacks records.
    damaged: watch::Sender<Option<String>>,
    /// Whose records the leader was found to count and not to give.
    hidden: Mutex<BTreeSet<Subject>>,
}

impl JetStream {
    /// Connects to any of `servers` (`nats://host:port`) and makes the realm's stream if it is not there. A stream that is
    /// there must be as safe as one made now.
    pub async fn connect(servers: Vec<String>, realm: &RealmId, options: Options) -> Result<Self, ConnectError> {
        let deadline = Instant::now() + options.connect_patience;
        let connection = Connection::open(&servers, &options, deadline).await?;
        if connection.max_payload() < stream::MESSAGE_BYTES_MAX as usize {
            let bytes = connection.max_payload();
            return Err(ConnectError::Invalid(format!(
                "the servers take {bytes} bytes a message: set max_payload to 1MB"
            )));
        }
        let context = connection.context(options.answer_timeout);
        let stream_name = stream::name(realm);
        stream::ensure(&context, stream::config(realm, options.replicas), deadline).await?;
        let unavailable =
            |error: async_nats::jetstream::context::GetStreamError| ConnectError::Invalid(error.to_string());
        let stream = context.get_stream_no_info(&stream_name).await.map_err(unavailable)?;
        let leader = Leader::new(context.clone(), stream_name, options.replicas);
        let (clock_off, whole, damaged, hidden) = Default::default();
        let realm = realm.clone();
        Ok(Self { realm, options, connection, context, stream, leader, clock_off, whole, damaged, hidden })
    }

    /// Every setting of the servers and the stream under which an acknowledged record might be lost, or that cannot be read;
    /// none for a safe journal. Whether to go on is the caller's to decide.
    pub async fn safety(&self) -> Vec<Unsafe> {
        self.inspect().await.found
    }

    /// The same, and what each server holds.
    pub async fn inspect(&self) -> Inspection {
        let mut inspection = safety::inspect(&self.stream, &self.options.monitors).await;
        inspection.found.extend(safety::in_the_clear(self.connection.in_the_clear()));
        inspection
    }

    /// Looks whether the stream's leader holds every record, and compares its clock with this process's, read by `now`. What
    /// is found holds until the next time. Whoever reaches no leader for too long, and looks often, is connected to another
    /// server.
    pub async fn look_at_leader(&self, now: impl Fn() -> Timestamp) -> Result<(), ReadError> {
        let before = now();
        let answer = self.leader.answer(None).await;
        let after = now();
        let reaches = match &answer {
            Ok(told) if self.leader.is_believed(told) => Reaches::Leader,
            Ok(_) => Reaches::TooFew,
            Err(_) => Reaches::Nobody,
        };
        self.connection.stay_if(reaches).await;
        let told = self.leader.believed(answer?)?;
        self.note(&told);
        let ts = told.ts;
        let theirs =
            parse_rfc3339(&ts).map_err(|error| ReadError::Unavailable(format!("its time is '{ts}': {error}")))?;
        let theirs = i64::try_from(theirs.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
        let off = ClockOff::known(before, Timestamp::from_millis(theirs), after);
        let turns = |known: &mut Option<ClockOff>| std::mem::replace(known, off).is_some() != off.is_some();
        if self.clock_off.send_if_modified(turns) {
            match off {
                Some(off) => tracing::error!("{off}, and nothing is written; {}", ClockOff::WAY_OUT),
                None => tracing::info!("Muster's clock shows the journal's time again"),
            }
        }
        Ok(())
    }

    /// What is wrong with the leader, if it lacks records: then nothing is decided or written.
    pub fn damaged(&self) -> watch::Receiver<Option<String>> {
        self.damaged.subscribe()
    }

    /// Takes down who leads and what it holds; what is wrong with it, if it lacks records.
    fn note(
        &self,
        Told { state: Holds { messages, last_seq, .. }, cluster: Group { led, .. }, .. }: &Told,
    ) -> Option<String> {
        let damaged = (messages != last_seq)
            .then(|| format!("{led} leads and holds {messages} of its {last_seq} records; {}", safety::REBUILD));
        *lock(&self.whole) = damaged.is_none().then(|| led.clone());
        let turns =
            |known: &mut Option<String>| std::mem::replace(known, damaged.clone()).is_some() != damaged.is_some();
        if self.damaged.send_if_modified(turns) {
            match &damaged {
                Some(says) => tracing::error!("nothing is decided or written until another server leads: {says}"),
                None => tracing::info!("a server that holds every record leads"),
            }
        }
        damaged
    }

    /// Reads a subject from a leader that holds every record: the same led before and after, and was whole both times; and it
    /// gave `all` that it counts.
    async fn read_whole<T, F>(
        &self,
        subject: &Subject,
        read: impl Fn() -> F,
        all: impl Fn(&T, u64) -> bool,
    ) -> Result<T, ReadError>
    where
        F: Future<Output = Result<T, ReadError>>,
    {
        let mut counted_before = None;
        loop {
            let before = lock(&self.whole).clone();
            let value = again::read(read(), self.leader.another_leads(&before)).await.transpose()?;
            let told = self.leader.told(Some(subject.as_str())).await?;
            if let Some(says) = self.note(&told) {
                return Err(ReadError::Unavailable(says));
            }
            let Some(value) = value else { continue };
            let counted = told.state.counted();
            // What was appended since the read is counted and not read: only what was counted before must be there.
            let enough = all(&value, counted_before.unwrap_or(counted));
            if !enough && counted_before.is_some() {
                return Err(ReadError::Unavailable(self.hides(&told.cluster.led, subject)));
            }
            if enough && before.is_some_and(|before| before == told.cluster.led) {
                return Ok(value);
            }
            counted_before = Some(counted);
        }
    }

    /// What is said of a leader that does not give what it counts; whoever operates Muster is told once.
    fn hides(&self, leader: &Led, subject: &Subject) -> String {
        let says =
            format!("{leader} leads and does not give every record of {subject}; if it stays so, {}", safety::REBUILD);
        if lock(&self.hidden).insert(subject.clone()) {
            tracing::error!("{says}");
        }
        says
    }

    /// The subject's last record as the leader knows it: its sequence, or 0.
    async fn headed(&self, subject: &Subject) -> Result<u64, ReadError> {
        let asked = self.stream.raw_message_builder().last_by_subject(subject.as_str());
        Ok(found(asked.send().await)?.map_or(0, |message| message.sequence))
    }

    /// The subject's records after sequence `after` up to its head, and its head.
    async fn loaded(&self, subject: &Subject, after: u64) -> Result<(Vec<Record>, u64), ReadError> {
        let head = self.headed(subject).await?;
        let mut records = Vec::new();
        let mut next = after.saturating_add(1);
        while next <= head {
            let asked = self.stream.raw_message_builder().sequence(next).next_by_subject(subject.as_str());
            let Some(message) = found(asked.send().await)? else { break };
            next = message.sequence.saturating_add(1);
            records.push(record(message.sequence, &message.subject, Some(&message.headers), message.payload)?);
        }
        Ok((records, head))
    }

    /// Whose log it is.
    pub(crate) fn realm(&self) -> &RealmId {
        &self.realm
    }

    /// The connection, for what stands beside the log on the same servers.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Where the leader of a stream that stands beside the log is asked.
    pub(crate) fn leader_of(&self, stream_name: String) -> Leader {
        Leader::new(self.context.clone(), stream_name, self.options.replicas)
    }

    /// How many servers keep what stands beside the log.
    pub(crate) fn replicas(&self) -> usize {
        self.options.replicas
    }

    fn message(&self, subject: &Subject, expected: u64, frame: Uuid, bytes: Bytes) -> PublishMessage {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-id", &*frame.to_string()),
            ("ce-source", self.realm.as_str()),
            ("ce-type", "muster.frame.v1"),
            ("ce-subject", subject.as_str()),
            ("ce-datacontenttype", "application/protobuf"),
        ] {
            headers.insert(name, value);
        }
        PublishMessage::build()
            .headers(headers)
            .message_id(frame.to_string())
            .expected_last_subject_sequence(expected)
            .expected_stream(self.leader.stream_name())
            .payload(bytes)
    }
}

#[async_trait]
impl Journal for JetStream {
    async fn append(&self, subject: &Subject, expected: u64, frame: Uuid, bytes: Bytes) -> Result<u64, AppendError> {
        refuse_too_large(&bytes)?;
        if !subject.as_str().starts_with(&format!("muster.{}.", self.realm)) {
            return Err(AppendError::Unavailable(format!("{subject} is not of its realm, {}", self.realm)));
        }
        if let Some(says) = &*self.damaged.borrow() {
            return Err(AppendError::Unavailable(says.clone()));
        }
        if let Some(off) = *self.clock_off.borrow() {
            return Err(AppendError::ClockOff(off));
        }
        let bytes_length = bytes.len();
        let span = sending(subject, frame, bytes_length);
        let message = self.message(subject, expected, frame, bytes);
        let one_try = async || {
            // Without a connection the message would be queued, and might land long after the caller has gone.
            if !self.connection.is_up() {
                return Err(AppendError::Unavailable("there is no connection".to_owned()));
            }
            let sent = self.context.send_publish(subject.as_str().to_owned(), message.clone()).await;
            let answered = match sent {
                Ok(answer) => answer.await,
                Err(error) => Err(error),
            };
            answered.map(|acknowledged| acknowledged.sequence).map_err(|error| outcome(&error, bytes_length))
        };
        let led = lock(&self.whole).clone();
        let appended = again::append(one_try, self.leader.another_leads(&led)).instrument(span.clone()).await;
        if !matches!(appended, Ok(_) | Err(AppendError::Conflict | AppendError::Busy)) {
            span.record("otel.status_code", "ERROR");
        }
        appended
    }

    async fn load(&self, subject: &Subject, after: u64) -> Result<Vec<Record>, ReadError> {
        let all = |(records, head): &(Vec<Record>, u64), counted: u64| match (after, records.last()) {
            (0, _) => records.len() as u64 >= counted,
            // How many stand before is not known here: one that is missing in between breaks the chain of frames.
            (_, Some(last)) => last.sequence == *head,
            (_, None) => *head <= after && (*head > 0 || counted == 0),
        };
        let (records, _) = self.read_whole(subject, || self.loaded(subject, after), all).await?;
        Ok(records)
    }

    async fn record(&self, sequence: u64) -> Result<Record, ReadError> {
        // JetStream takes a question for 0 as one without a sequence.
        let message = match sequence {
            0 => None,
            _ => found(self.stream.raw_message_builder().sequence(sequence).send().await)?,
        };
        match message {
            Some(message) => record(sequence, &message.subject, Some(&message.headers), message.payload),
            None => Err(ReadError::Gap { expected: sequence, found: self.last().await? }),
        }
    }

    async fn head(&self, subject: &Subject) -> Result<u64, ReadError> {
        self.read_whole(subject, || self.headed(subject), |head, counted| *head > 0 || counted == 0).await
    }

    async fn last(&self) -> Result<u64, ReadError> {
        let told = self.leader.told(None).await?;
        self.note(&told).map_or(Ok(told.state.last_seq), |says| Err(ReadError::Unavailable(says)))
    }

    fn subscribe(&self, after: u64) -> Records {
        follow::records(self.stream.clone(), self.leader.clone(), after)
    }

    fn clock_off(&self) -> watch::Receiver<Option<ClockOff>> {
        self.clock_off.subscribe()
    }
}

/// The span of a frame on its way to the log (OpenTelemetry's conventions for messaging).
fn sending(subject: &Subject, frame: Uuid, bytes: usize) -> Span {
    let to = subject.as_str().strip_suffix(subject.id()).unwrap_or_default().trim_end_matches('.');
    tracing::info_span!(
        "append",
        otel.name = format!("send {to}"),
        otel.kind = "producer",
        otel.status_code = Empty,
        messaging.system = "nats",
        messaging.operation.type = "send",
        messaging.destination.name = to,
        messaging.message.id = %frame,
        messaging.message.body.size = bytes,
    )
}

/// What a failed publish means: only an answer of the stream itself is certain, whatever else happened is unknown.
fn outcome(error: &PublishError, bytes: usize) -> AppendError {
    let said = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>())
        .map(async_nats::jetstream::Error::error_code);
    match said.map(|code| code.0) {
        // 10071: the head is another.
        Some(10071) => AppendError::Conflict,
        // 10164, from replicated streams: most servers do not have the append before this one yet. Without a leader that
        // reaches them they will not for seconds.
        Some(10164) => AppendError::Busy,
        // 10054: larger than the stream takes.
        Some(10054) => AppendError::TooLarge { bytes, bytes_max: FRAME_BYTES_MAX },
        // 10060: the subject belongs to another stream.
        Some(10060) => AppendError::Unavailable(error.to_string()),
        Some(_) => AppendError::Unknown(described(error)),
        None => match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => AppendError::TooLarge { bytes, bytes_max: FRAME_BYTES_MAX },
            PublishErrorKind::StreamNotFound => AppendError::Unknown("the stream has no leader".to_owned()),
            PublishErrorKind::TimedOut
            | PublishErrorKind::BrokenPipe
            | PublishErrorKind::WrongLastMessageId
            | PublishErrorKind::WrongLastSequence
            | PublishErrorKind::MaxAckPending
            | PublishErrorKind::Other => AppendError::Unknown(described(error)),
        },
    }
}

fn found(answer: Result<StreamMessage, RawMessageError>) -> Result<Option<StreamMessage>, ReadError> {
    match answer {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}

/// A message of the stream as a record; whatever Muster did not write is damage.
fn record(sequence: u64, subject: &str, headers: Option<&HeaderMap>, bytes: Bytes) -> Result<Record, ReadError> {
    let corrupt = |what: String| ReadError::Corrupt { sequence, what };
    let subject = Subject::parse(subject).map_err(|error| corrupt(error.to_string()))?;
    let id = headers.and_then(|headers| headers.get(header::NATS_MESSAGE_ID)).map(|id| id.as_str()).unwrap_or_default();
    let frame = Uuid::parse_str(id).map_err(|_| corrupt(format!("its message id '{id}' is not a frame's id")))?;
    Ok(Record { sequence, subject, frame, bytes })
}

fn unavailable(error: impl std::error::Error) -> ReadError {
    ReadError::Unavailable(described(&error))
}

/// The error with what caused it, which alone may say what happened.
pub(crate) fn described(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) if !error.to_string().contains(&source.to_string()) => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}
