//! The only way to append: asks until it knows.
//!
//! | the journal says | it means | what follows |
//! |---|---|---|
//! | a sequence | stored | done |
//! | unknown | perhaps stored, perhaps yet to land | wait, then the same frame with the same expectation again |
//! | unavailable | nothing was stored by this try | wait, then again |
//! | conflict, nothing unknown before | somebody else was first | the caller decides anew |
//! | conflict after an unknown | perhaps it was our own frame | look for it among the subject's records after the expected one |
//! | too large | never | the caller's fault |

use crate::{
    port::{AppendError, Journal, ReadError, Subject},
    retry::Delays,
};
use bytes::Bytes;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// A frame that is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its sequence in the realm.
    pub sequence: u64,
}

/// A frame that is not surely in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Somebody else was first; the frame is not in the log and never will be. Catch up and decide anew.
    #[error("the subject has moved on")]
    Conflict,
    /// Patience ended before the outcome was known: the frame may be in the log or may yet land. Answer nobody from it; only
    /// the same frame with the same expectation may be tried again.
    #[error("it is not known whether the journal has the frame: {0}")]
    Unknown(String),
    /// Patience ended before the journal could be reached; the frame is not in the log.
    #[error("the journal cannot be reached: {0}")]
    Unavailable(String),
    /// The frame is larger than any journal takes; it is not in the log.
    #[error("a frame of {bytes} bytes is larger than the {bytes_max} that the journal takes")]
    TooLarge {
        /// The frame's size.
        bytes: usize,
        /// The journal's limit.
        bytes_max: usize,
    },
    /// The log is broken where the frame was looked for: stop deciding.
    #[error(transparent)]
    Unreadable(ReadError),
}

/// Appends `frame` to `subject` after its record `expected`, trying for as long as `patience` until the outcome is known.
pub async fn append_surely(
    journal: &dyn Journal,
    subject: &Subject,
    expected: u64,
    frame: Uuid,
    bytes: Bytes,
    patience: Duration,
) -> Result<Appended, Lost> {
    let mut attempt = Attempt { journal, subject, expected, frame, bytes, doubt: None, unreachable: String::new() };
    let outcome = timeout_at(Instant::now() + patience, attempt.until_known()).await;
    outcome.unwrap_or_else(|_| Err(attempt.give_up()))
}

struct Attempt<'a> {
    journal: &'a dyn Journal,
    subject: &'a Subject,
    expected: u64,
    frame: Uuid,
    bytes: Bytes,
    /// Why the frame may be in the log although nobody said so.
    doubt: Option<String>,
    /// Why the last try surely stored nothing.
    unreachable: String,
}

impl Attempt<'_> {
    async fn until_known(&mut self) -> Result<Appended, Lost> {
        let mut delays = Delays::new();
        loop {
            match self.once().await {
                Ok(sequence) => return Ok(Appended { sequence }),
                Err(AppendError::TooLarge { bytes, bytes_max }) => return Err(Lost::TooLarge { bytes, bytes_max }),
                Err(AppendError::Conflict) => match self.doubt {
                    None => return Err(Lost::Conflict),
                    Some(_) => match self.find().await {
                        Some(known) => return known,
                        None => delays.wait().await,
                    },
                },
                Err(AppendError::Unknown(why)) => {
                    self.doubt = Some(why);
                    delays.wait().await;
                }
                Err(AppendError::Unavailable(why)) => {
                    self.unreachable = why;
                    delays.wait().await;
                }
            }
        }
    }

    /// One try. Should patience end while it is under way, its outcome is in doubt; if it answers, only its answer counts.
    async fn once(&mut self) -> Result<u64, AppendError> {
        let before = self.doubt.clone();
        self.doubt.get_or_insert_with(|| "no answer came in time".to_owned());
        let answer = self.journal.append(self.subject, self.expected, self.frame, self.bytes.clone()).await;
        self.doubt = before;
        answer
    }

    /// After a conflict in doubt: our frame is among the subject's next records, or another's is, which rules ours out. If
    /// there is neither, a frame is still on its way, perhaps ours, and nothing is known yet.
    async fn find(&mut self) -> Option<Result<Appended, Lost>> {
        match self.journal.load(self.subject, self.expected).await {
            Ok(records) => match records.iter().find(|record| record.frame == self.frame) {
                Some(ours) => Some(Ok(Appended { sequence: ours.sequence })),
                None if records.is_empty() => None,
                None => Some(Err(Lost::Conflict)),
            },
            Err(ReadError::Unavailable(why)) => {
                self.doubt = Some(why);
                None
            }
            Err(broken @ (ReadError::Gap { .. } | ReadError::Corrupt { .. })) => Some(Err(Lost::Unreadable(broken))),
        }
    }

    fn give_up(self) -> Lost {
        match self.doubt {
            Some(why) => Lost::Unknown(why),
            None => Lost::Unavailable(self.unreachable),
        }
    }
}

#[cfg(test)]
#[path = "append_table.rs"]
mod tests;
