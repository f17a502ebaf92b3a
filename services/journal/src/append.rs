//! The only way to append: asks until it knows.
//!
//! | the journal says | it means | what follows |
//! |---|---|---|
//! | a sequence | stored | done |
//! | unknown | perhaps stored, perhaps yet to land | wait, then the same frame with the same expectation again |
//! | unavailable | nothing was stored by this try | wait, then again |
//! | busy | nothing was stored by this try; another's may be, or an earlier one of ours | wait, then again |
//! | clock off, nothing unknown before | nothing was stored, and its times are wrong | the caller is told |
//! | clock off after an unknown | perhaps an earlier try was stored | wait, then again |
//! | conflict, nothing unknown before | somebody else was first | the caller decides anew |
//! | conflict after an unknown | perhaps it was our own frame | look for it among the subject's records after the expected one |
//! | too large | never | the caller's fault |

use crate::{
    crash::{self, Boundary},
    port::{AppendError, Journal, ReadError, Record, Subject},
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
    /// Patience ended before the journal could be reached, or it must not be written; the frame is not in the log.
    #[error("the journal cannot be written: {0}")]
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
    let mut attempt = Attempt::new(frame);
    let until_known = async {
        let (mut delays, mut ask) = (Delays::new(), Ask::Append);
        loop {
            let told = match ask {
                Ask::Append => {
                    crash::at(Boundary::AppendBegun);
                    let answer = journal.append(subject, expected, frame, bytes.clone()).await;
                    if answer.is_ok() {
                        crash::at(Boundary::AppendDone);
                    }
                    Told::Appended(answer)
                }
                Ask::Load => Told::Loaded(journal.load(subject, expected).await),
                Ask::Wait => {
                    delays.wait().await;
                    Told::Waited
                }
            };
            ask = match attempt.step(told) {
                Next::Ask(ask) => ask,
                Next::Known(outcome) => return outcome,
            };
        }
    };
    let outcome = timeout_at(Instant::now() + patience, until_known).await;
    outcome.unwrap_or_else(|_| Err(attempt.give_up()))
}

/// What an attempt needs done. It begins with `Append`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Append the frame with its expectation; always the same.
    Append,
    /// Read the subject's records after the expected one.
    Load,
    /// Wait a while.
    Wait,
}

/// What came of it.
#[derive(Debug)]
pub enum Told {
    /// Of an append.
    Appended(Result<u64, AppendError>),
    /// Of a load.
    Loaded(Result<Vec<Record>, ReadError>),
    /// A while has passed.
    Waited,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Do this and tell what came of it.
    Ask(Ask),
    /// The outcome is known.
    Known(Result<Appended, Lost>),
}

/// One frame on its way into the log.
#[derive(Debug)]
pub struct Attempt {
    frame: Uuid,
    /// Whether a try is under way: its outcome is in doubt until it answers, and then only its answer counts.
    under_way: bool,
    /// Why the frame may be in the log although nobody said so.
    doubt: Option<String>,
    /// Why the last try surely stored nothing.
    unreachable: String,
}

impl Attempt {
    /// A frame whose first try is under way.
    pub fn new(frame: Uuid) -> Self {
        Self { frame, under_way: true, doubt: None, unreachable: String::new() }
    }

    /// The next step.
    pub fn step(&mut self, told: Told) -> Next {
        let next = match told {
            Told::Appended(answer) => self.answered(answer),
            Told::Loaded(records) => self.looked(records),
            Told::Waited => Next::Ask(Ask::Append),
        };
        self.under_way = next == Next::Ask(Ask::Append);
        next
    }

    fn answered(&mut self, answer: Result<u64, AppendError>) -> Next {
        match answer {
            Ok(sequence) => Next::Known(Ok(Appended { sequence })),
            Err(AppendError::TooLarge { bytes, bytes_max }) => Next::Known(Err(Lost::TooLarge { bytes, bytes_max })),
            Err(AppendError::Conflict) if self.doubt.is_none() => Next::Known(Err(Lost::Conflict)),
            Err(AppendError::Conflict) => Next::Ask(Ask::Load),
            Err(AppendError::ClockOff(off)) if self.doubt.is_none() => {
                Next::Known(Err(Lost::Unavailable(off.to_string())))
            }
            Err(AppendError::ClockOff(_)) => Next::Ask(Ask::Wait),
            Err(AppendError::Unknown(why)) => {
                self.doubt = Some(why);
                Next::Ask(Ask::Wait)
            }
            Err(busy @ AppendError::Busy) => self.unstored(busy.to_string()),
            Err(AppendError::Unavailable(why)) => self.unstored(why),
        }
    }

    /// This try stored nothing, and another may.
    fn unstored(&mut self, why: String) -> Next {
        self.unreachable = why;
        Next::Ask(Ask::Wait)
    }

    /// After a conflict in doubt: our frame is among the subject's next records, or another's is, which rules ours out. If
    /// there is neither, a frame is still on its way, perhaps ours, and nothing is known yet.
    fn looked(&mut self, records: Result<Vec<Record>, ReadError>) -> Next {
        match records {
            Ok(records) => match records.iter().find(|record| record.frame == self.frame) {
                Some(ours) => Next::Known(Ok(Appended { sequence: ours.sequence })),
                None if records.is_empty() => Next::Ask(Ask::Wait),
                None => Next::Known(Err(Lost::Conflict)),
            },
            Err(ReadError::Unavailable(why)) => {
                self.doubt = Some(why);
                Next::Ask(Ask::Wait)
            }
            Err(broken @ (ReadError::Gap { .. } | ReadError::Corrupt { .. })) => {
                Next::Known(Err(Lost::Unreadable(broken)))
            }
        }
    }

    /// What is known when patience ends.
    pub fn give_up(self) -> Lost {
        match self.doubt {
            Some(why) => Lost::Unknown(why),
            None if self.under_way => Lost::Unknown("no answer came in time".to_owned()),
            None => Lost::Unavailable(self.unreachable),
        }
    }
}

#[cfg(test)]
#[path = "append_table.rs"]
mod tests;
