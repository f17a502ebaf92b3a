//! A journal that forgets: for tests and the simulator.

use crate::{
    local::{Index, Log, Shelf, lock, refuse_too_large},
    port::{AppendError, Journal, ReadError, Record, Records, Subject},
};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// One realm's log in memory. No call waits for anything, so a single-threaded run is the same every time.
pub struct Memory {
    log: Arc<Log<Pages>>,
}

struct Pages(Mutex<Vec<Record>>);

impl Shelf for Pages {
    fn record(&self, sequence: u64) -> Result<Record, ReadError> {
        let at = usize::try_from(sequence.saturating_sub(1)).unwrap_or(usize::MAX);
        lock(&self.0)
            .get(at)
            .cloned()
            .ok_or_else(|| ReadError::Corrupt { sequence, what: "it is not in memory".to_owned() })
    }
}

impl Memory {
    /// An empty log.
    pub fn new() -> Self {
        Self { log: Log::new(Pages(Mutex::default()), Index::default()) }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Journal for Memory {
    async fn append(&self, subject: &Subject, expected: u64, frame: Uuid, bytes: Bytes) -> Result<u64, AppendError> {
        refuse_too_large(&bytes)?;
        // Held to the end: between looking at the head and moving it nobody else may append.
        let mut pages = lock(&self.log.shelf.0);
        if self.log.head(subject) != expected {
            return Err(AppendError::Conflict);
        }
        let sequence = self.log.last().saturating_add(1);
        pages.push(Record { sequence, subject: subject.clone(), frame, bytes });
        self.log.acknowledge([subject]);
        Ok(sequence)
    }

    async fn load(&self, subject: &Subject, after: u64) -> Result<Vec<Record>, ReadError> {
        self.log.load(subject, after)
    }

    async fn record(&self, sequence: u64) -> Result<Record, ReadError> {
        self.log.record(sequence)
    }

    async fn head(&self, subject: &Subject) -> Result<u64, ReadError> {
        Ok(self.log.head(subject))
    }

    async fn last(&self) -> Result<u64, ReadError> {
        Ok(self.log.last())
    }

    fn subscribe(&self, after: u64) -> Records {
        self.log.subscribe(after)
    }
}
