//! The one append path. An append that got no answer may be in the log or may yet land, so the same frame with the same
//! expectation is sent until the journal says what became of it.

use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use crate::port::{AppendError, Journal, ReadError, Subject};

/// A frame that is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its record's sequence.
    pub sequence: u64,
}

/// A frame that is not in the log, but for `Unknown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Somebody else wrote the subject first: decide again.
    Conflict,
    /// Patience ended before the journal said what became of it.
    Unknown(String),
    /// The journal cannot be reached.
    Unavailable(String),
    /// The frame is larger than the journal takes.
    TooLarge {
        /// The frame's size.
        bytes: usize,
        /// The journal's limit.
        bytes_max: usize,
    },
    /// The log cannot be trusted.
    Broken(ReadError),
}

/// Appends and makes sure. Gives up with `Unknown` once `patience` is over without a clear answer.
pub async fn append_surely(
    journal: &dyn Journal,
    subject: &Subject,
    expected: u64,
    frame: Uuid,
    bytes: Bytes,
    patience: Duration,
) -> Result<Appended, Lost> {
    let made_sure = make_sure(journal, subject, expected, frame, bytes);
    match tokio::time::timeout(patience, made_sure).await {
        Ok(answer) => answer,
        Err(_) => Err(Lost::Unknown("no answer in time".to_owned())),
    }
}

async fn make_sure(
    journal: &dyn Journal,
    subject: &Subject,
    expected: u64,
    frame: Uuid,
    bytes: Bytes,
) -> Result<Appended, Lost> {
    let mut doubt = false;
    let mut rest = Duration::from_millis(20);
    loop {
        match journal.append(subject, expected, frame, bytes.clone()).await {
            Ok(sequence) => return Ok(Appended { sequence }),
            Err(AppendError::TooLarge { bytes, bytes_max }) => return Err(Lost::TooLarge { bytes, bytes_max }),
            Err(AppendError::Unavailable(why)) if !doubt => return Err(Lost::Unavailable(why)),
            Err(AppendError::Conflict) if !doubt => return Err(Lost::Conflict),
            // After an append without an answer, the conflict may be with ourselves.
            Err(AppendError::Conflict) => match journal.load(subject, expected).await {
                Ok(records) => {
                    let own = records.iter().find(|record| record.frame == frame);
                    return own.map(|record| Appended { sequence: record.sequence }).ok_or(Lost::Conflict);
                }
                Err(ReadError::Unavailable(_)) => {}
                Err(broken @ (ReadError::Gap { .. } | ReadError::Corrupt { .. })) => return Err(Lost::Broken(broken)),
            },
            Err(AppendError::Unknown(_) | AppendError::Unavailable(_)) => doubt = true,
        }
        tokio::time::sleep(rest).await;
        rest = rest.saturating_mul(2).min(Duration::from_secs(1));
    }
}
