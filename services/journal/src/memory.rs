//! A journal in memory: for tests and for simulation. It forgets everything when dropped.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::watch;
use uuid::Uuid;

use crate::port::{AppendError, Journal, ReadError, Record, Records, Subject};

/// The largest frame it takes.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// A journal in memory.
#[derive(Debug)]
pub struct Memory {
    log: std::sync::Arc<Mutex<Log>>,
    grown: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Log {
    records: Vec<Record>,
    subjects: BTreeMap<Subject, Vec<usize>>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { log: std::sync::Arc::default(), grown: watch::Sender::new(0) }
    }
}

impl Log {
    fn head(&self, subject: &Subject) -> u64 {
        let last =
            self.subjects.get(subject).and_then(|indices| indices.last()).and_then(|index| self.records.get(*index));
        last.map_or(0, |record| record.sequence)
    }

    fn last(&self) -> u64 {
        self.records.last().map_or(0, |record| record.sequence)
    }
}

#[async_trait]
impl Journal for Memory {
    async fn append(&self, subject: &Subject, expected: u64, frame: Uuid, bytes: Bytes) -> Result<u64, AppendError> {
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes: bytes.len(), bytes_max: FRAME_BYTES_MAX });
        }
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.head(subject) != expected {
            return Err(AppendError::Conflict);
        }
        let (sequence, index) = (log.last().saturating_add(1), log.records.len());
        log.records.push(Record { sequence, subject: subject.clone(), frame, bytes });
        log.subjects.entry(subject.clone()).or_default().push(index);
        self.grown.send_replace(sequence);
        Ok(sequence)
    }

    async fn load(&self, subject: &Subject, after: u64) -> Result<Vec<Record>, ReadError> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let indices = log.subjects.get(subject).map(Vec::as_slice).unwrap_or_default();
        let records = indices.iter().filter_map(|index| log.records.get(*index));
        Ok(records.filter(|record| record.sequence > after).cloned().collect())
    }

    async fn head(&self, subject: &Subject) -> Result<u64, ReadError> {
        Ok(self.log.lock().unwrap_or_else(PoisonError::into_inner).head(subject))
    }

    async fn last(&self) -> Result<u64, ReadError> {
        Ok(self.log.lock().unwrap_or_else(PoisonError::into_inner).last())
    }

    fn subscribe(&self, after: u64) -> Records {
        let (log, grown) = (self.log.clone(), self.grown.subscribe());
        let next = move |(mut grown, after): (watch::Receiver<u64>, u64)| {
            let log = log.clone();
            async move {
                grown.wait_for(|last| *last > after).await.ok()?;
                let log = log.lock().unwrap_or_else(PoisonError::into_inner);
                let from = usize::try_from(after).unwrap_or(usize::MAX);
                let batch: Vec<_> = log.records.iter().skip(from).cloned().map(Ok).collect();
                let last = log.last();
                Some((stream::iter(batch), (grown, last)))
            }
        };
        stream::unfold((grown, after), next).flatten().boxed()
    }
}
