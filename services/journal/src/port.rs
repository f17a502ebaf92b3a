//! The journal's contract. One realm is one append-only log:
//!
//! ```text
//! sequence   1        2         3         4            … head of the realm
//! subject    intake.a registry.b intake.a dispatch.desk
//!            └─ head of intake.a is 3: the next append to it must expect 3
//! ```
//!
//! * A **record** is one frame under one subject. Sequences count the realm's records from 1 without gaps; a gap is a fault.
//! * **Append** is a compare-and-set on the subject: `expected` is the sequence of the subject's last record, 0 for none. It
//!   says nothing of other subjects. An acknowledged record is on disk, if the adapter has a disk at all.
//! * **Reads** never go backwards and never skip: a reader that cannot give the next record says `Gap`, `Corrupt` or
//!   `Unavailable`. `load`, `record` and `head` see every record acknowledged before they were called. Whoever asks for a
//!   record that is not there, or for what follows it, has read another log, and is told `Gap`.
//! * Bytes are kept and given back exactly; only `stored` looks inside. A frame has at most [`FRAME_BYTES_MAX`].
//!
//! `conformance` is this page as code; every adapter passes it.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use muster_domain::kernel::{RealmId, is_token};
use tokio::sync::watch;
use uuid::Uuid;

use crate::skew::ClockOff;

/// The largest frame that any journal takes, in bytes: JetStream's 1 MiB less room for headers.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024 - 4096;

/// Which context writes a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// Hospitals, authorities, providers, mandates, the realm itself.
    Registry,
    /// Requests.
    Intake,
    /// Assessments and policies.
    Eligibility,
    /// The desk.
    Dispatch,
}

impl Context {
    /// The context's token in subjects.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Intake => "intake",
            Self::Eligibility => "eligibility",
            Self::Dispatch => "dispatch",
        }
    }
}

/// Where one aggregate's records stand: `muster.<realm>.<context>.<id>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    text: String,
    context: Context,
    id_at: usize,
}

/// Text that is not a subject of any realm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a subject of the form muster.<realm>.<context>.<id>")]
pub struct InvalidSubject(pub String);

impl Subject {
    /// The subject of one aggregate; `id` must be a token.
    pub fn new(realm: &RealmId, context: Context, id: &str) -> Result<Self, InvalidSubject> {
        let head = format!("muster.{realm}.{}.", context.as_str());
        let text = format!("{head}{id}");
        if is_token(id) { Ok(Self { text, context, id_at: head.len() }) } else { Err(InvalidSubject(text)) }
    }

    /// Reads a subject.
    pub fn parse(text: &str) -> Result<Self, InvalidSubject> {
        let bad = || InvalidSubject(text.to_owned());
        let mut tokens = text.split('.');
        let (Some("muster"), Some(realm), Some(context), Some(id), None) =
            (tokens.next(), tokens.next(), tokens.next(), tokens.next(), tokens.next())
        else {
            return Err(bad());
        };
        let context = [Context::Registry, Context::Intake, Context::Eligibility, Context::Dispatch]
            .into_iter()
            .find(|known| known.as_str() == context)
            .ok_or_else(bad)?;
        Self::new(&RealmId::parse(realm).map_err(|_| bad())?, context, id).map_err(|_| bad())
    }

    /// The whole subject.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Who writes it.
    pub fn context(&self) -> Context {
        self.context
    }

    /// The aggregate's id within its context.
    pub fn id(&self) -> &str {
        self.text.get(self.id_at..).unwrap_or_default()
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// One frame as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the realm, from 1.
    pub sequence: u64,
    /// Whose it is.
    pub subject: Subject,
    /// The frame's id.
    pub frame: Uuid,
    /// The stored frame.
    pub bytes: Bytes,
}

/// Why an append did not (surely) happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The subject's head is not the expected one. Nothing was written by this call.
    #[error("the subject has moved on")]
    Conflict,
    /// Somebody's append to the subject is under way, perhaps an earlier try of this one; whether it lands is not known yet.
    /// Nothing was written by this call.
    #[error("an append to the subject is under way")]
    Busy,
    /// No answer came: the record may be in the log, or may yet land. Only the same frame with the same expectation may be
    /// tried again.
    #[error("no answer came from the journal: {0}")]
    Unknown(String),
    /// The journal cannot be reached. Nothing was written.
    #[error("the journal cannot be reached: {0}")]
    Unavailable(String),
    /// The frame bears times that are not the journal's. Nothing was written.
    #[error("{0}")]
    ClockOff(ClockOff),
    /// The frame is larger than the journal takes. Nothing was written.
    #[error("a frame of {bytes} bytes is larger than the {bytes_max} that the journal takes")]
    TooLarge {
        /// The frame's size.
        bytes: usize,
        /// The journal's limit.
        bytes_max: usize,
    },
}

/// Why a read did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The journal cannot be reached.
    #[error("the journal cannot be reached: {0}")]
    Unavailable(String),
    /// A record is missing: nothing after it may be used.
    #[error("the log has a gap: {expected} should follow, {found} does")]
    Gap {
        /// The sequence that should have come.
        expected: u64,
        /// The sequence that came.
        found: u64,
    },
    /// A record is damaged: nothing after it may be used.
    #[error("the log is damaged at {sequence}: {what}")]
    Corrupt {
        /// Where.
        sequence: u64,
        /// How.
        what: String,
    },
}

/// Records from one place on, in order, then each new one as it comes. The stream ends only with an error.
pub type Records = BoxStream<'static, Result<Record, ReadError>>;

/// The log of one realm.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Appends `bytes` as the next record of `subject`, if its last record has sequence `expected`. Gives the new record's
    /// sequence. The same `frame` with the same expectation may be sent again after `Unknown` and is stored once; a repeat
    /// is answered with the first one's sequence or with `Conflict`, and with `Busy` until the first has landed.
    async fn append(&self, subject: &Subject, expected: u64, frame: Uuid, bytes: Bytes) -> Result<u64, AppendError>;

    /// The subject's records after sequence `after`, in order.
    async fn load(&self, subject: &Subject, after: u64) -> Result<Vec<Record>, ReadError>;

    /// The record of this sequence, whosever it is.
    async fn record(&self, sequence: u64) -> Result<Record, ReadError>;

    /// The sequence of the subject's last record, 0 if it has none.
    async fn head(&self, subject: &Subject) -> Result<u64, ReadError>;

    /// The sequence of the realm's last record, 0 if it has none.
    async fn last(&self) -> Result<u64, ReadError>;

    /// All the realm's records after sequence `after`.
    fn subscribe(&self, after: u64) -> Records;

    /// How far this process's clock is off, if it is: then nothing is written. Whoever waits is told when that begins and ends.
    /// A journal without a clock of its own knows of nothing.
    fn clock_off(&self) -> watch::Receiver<Option<ClockOff>> {
        watch::channel(None).1
    }
}
