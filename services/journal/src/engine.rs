//! The loops that run on the log. Each is a plain state machine: `step` takes what happened and says what to do next; a thin
//! driver does it. The simulator drives the same machines without a runtime.

pub mod agenda;
pub mod call;
pub mod entity;
pub mod executor;
pub mod follower;
mod past;
pub mod reading;

use std::sync::Arc;

use muster_domain::kernel::{Received, Refusal, Timestamp};
use uuid::Uuid;

use crate::{
    port::ReadError,
    stored::{Position, Undecodable},
    trace::Trace,
};

/// Where the loops ask for the realm's time.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What goes with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The command's id; a repeat has the same.
    pub command: Uuid,
    /// SHA-256 of the command as sent.
    pub fingerprint: [u8; 32],
    /// When and from whom it came.
    pub received: Received,
    /// The command id of the commit that caused it, if an event did.
    pub causation: Option<Uuid>,
    /// The command id of the first commit of the chain; its own if it is the first.
    pub correlation: Uuid,
    /// Where it is done in a distributed trace, if in one.
    pub trace: Option<Trace>,
}

/// A command that is done: now, or before if it was a repeat or asked for what is so already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The commit that did it; for what was so already, the last commit of the subject.
    pub position: Position,
    /// Whether this very call wrote it.
    pub news: bool,
}

/// Why a command is not done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Undone {
    /// A rule forbids it.
    #[error("{}", .0.says)]
    Refused(Refusal),
    /// The same command id was used for another command.
    #[error("request_id: {0} was used before for another command")]
    Reused(Uuid),
    /// The journal did not answer in time. It may have been done: the same command may be sent again, and is done once.
    #[error("the journal did not answer in time; send the same request again: it is done once")]
    Unsure,
    /// Nothing was written, for this reason; the same command may be sent again.
    #[error("{0}")]
    Unavailable(String),
    /// The command is larger than the journal takes.
    #[error("the command is larger than the {bytes_max} bytes that the journal takes")]
    TooLarge {
        /// The journal's limit.
        bytes_max: usize,
    },
    /// The log cannot be trusted from some place on; whoever runs Muster must act.
    #[error("{0}")]
    Broken(#[from] Broken),
}

impl From<ReadError> for Undone {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(_) => Self::Unavailable(error.to_string()),
            ReadError::Gap { .. } | ReadError::Corrupt { .. } => Self::Broken(Broken::Read(error)),
        }
    }
}

impl Broken {
    /// Whether most likely nothing is wrong with the log: this build is older than what wrote it.
    pub const fn is_newer(&self) -> bool {
        match self {
            Self::Undecodable { what, .. } => what.newer,
            Self::Read(_) | Self::Chain { .. } | Self::Corrupt { .. } => false,
        }
    }
}

/// A log that must not be built on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The journal says so.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// A record's bytes are no frame.
    #[error("record {sequence}: {what}")]
    Undecodable {
        /// Which record.
        sequence: u64,
        /// What is wrong.
        what: Undecodable,
    },
    /// A frame does not follow the one before it.
    #[error("record {sequence} does not follow the frame before it on {subject}")]
    Chain {
        /// Which record.
        sequence: u64,
        /// On which subject.
        subject: String,
    },
    /// Events that no decision could have caused.
    #[error("record {sequence}: {what}")]
    Corrupt {
        /// Which record.
        sequence: u64,
        /// What is impossible.
        what: String,
    },
}
