//! What the journals inside this process have in common: where each subject's records stand, who may append, and how
//! readers follow.

use crate::port::{AppendError, FRAME_BYTES_MAX, ReadError, Record, Records, Subject};
use bytes::Bytes;
use futures::stream;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};
use tokio::sync::watch;

/// Where the records are kept.
pub(crate) trait Shelf: Send + Sync + 'static {
    /// The record that was shelved under `sequence`.
    fn record(&self, sequence: u64) -> Result<Record, ReadError>;
}

/// Where each subject's records stand in the realm.
#[derive(Debug, Default)]
pub(crate) struct Index {
    subjects: BTreeMap<Subject, Vec<u64>>,
    last: u64,
}

impl Index {
    /// Notes that `subject` owns the realm's next record; gives its sequence.
    pub(crate) fn note(&mut self, subject: &Subject) -> u64 {
        self.last += 1;
        match self.subjects.get_mut(subject) {
            Some(sequences) => sequences.push(self.last),
            None => drop(self.subjects.insert(subject.clone(), vec![self.last])),
        }
        self.last
    }

    /// The sequence of the realm's last record, 0 for none.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    fn head(&self, subject: &Subject) -> u64 {
        self.subjects.get(subject).and_then(|sequences| sequences.last()).copied().unwrap_or(0)
    }

    fn after(&self, subject: &Subject, after: u64) -> Vec<u64> {
        let sequences = self.subjects.get(subject).map(Vec::as_slice).unwrap_or_default();
        sequences.get(sequences.partition_point(|sequence| *sequence <= after)..).unwrap_or_default().to_vec()
    }
}

/// The acknowledged records of one realm. Readers see nothing else.
pub(crate) struct Log<S> {
    pub(crate) shelf: S,
    index: Mutex<Index>,
    last: watch::Sender<u64>,
}

impl<S: Shelf> Log<S> {
    pub(crate) fn new(shelf: S, index: Index) -> Arc<Self> {
        let last = watch::Sender::new(index.last);
        Arc::new(Self { shelf, index: Mutex::new(index), last })
    }

    pub(crate) fn head(&self, subject: &Subject) -> u64 {
        lock(&self.index).head(subject)
    }

    pub(crate) fn last(&self) -> u64 {
        *self.last.borrow()
    }

    pub(crate) fn load(&self, subject: &Subject, after: u64) -> Result<Vec<Record>, ReadError> {
        let sequences = lock(&self.index).after(subject, after);
        sequences.into_iter().map(|sequence| self.shelf.record(sequence)).collect()
    }

    pub(crate) fn record(&self, sequence: u64) -> Result<Record, ReadError> {
        let last = self.last();
        if (1..=last).contains(&sequence) {
            self.shelf.record(sequence)
        } else {
            Err(ReadError::Gap { expected: sequence, found: last })
        }
    }

    /// Shows readers the records that were shelved next, in order, by the subjects that own them.
    pub(crate) fn acknowledge<'a>(&self, subjects: impl IntoIterator<Item = &'a Subject>) {
        let mut index = lock(&self.index);
        for subject in subjects {
            index.note(subject);
        }
        self.last.send_replace(index.last);
    }

    /// The records hold no claim on the log: when the journal is closed, they end.
    pub(crate) fn subscribe(self: &Arc<Self>, after: u64) -> Records {
        let reader = Reader { log: Arc::downgrade(self), last: self.last.subscribe(), next: after.saturating_add(1) };
        let ahead = (after > self.last()).then(|| ReadError::Gap { expected: reader.next, found: self.last() });
        Box::pin(stream::try_unfold((reader, ahead), |(mut reader, ahead)| async move {
            match ahead {
                Some(ahead) => Err(ahead),
                None => Ok(Some((reader.read().await?, (reader, None)))),
            }
        }))
    }
}

struct Reader<S> {
    log: Weak<Log<S>>,
    last: watch::Receiver<u64>,
    next: u64,
}

impl<S: Shelf> Reader<S> {
    async fn read(&mut self) -> Result<Record, ReadError> {
        let closed = || ReadError::Unavailable("it has been closed".to_owned());
        let next = self.next;
        self.last.wait_for(|last| *last >= next).await.map_err(|_| closed())?;
        // A long replay never waits, so it must itself leave room for other tasks.
        tokio::task::coop::consume_budget().await;
        let record = self.log.upgrade().ok_or_else(closed)?.shelf.record(next)?;
        self.next = next.saturating_add(1);
        Ok(record)
    }
}

/// Every adapter takes frames up to the same size, so that what runs on one runs on all.
pub(crate) fn refuse_too_large(bytes: &Bytes) -> Result<(), AppendError> {
    match bytes.len() {
        bytes if bytes > FRAME_BYTES_MAX => Err(AppendError::TooLarge { bytes, bytes_max: FRAME_BYTES_MAX }),
        _ => Ok(()),
    }
}

/// Nothing that is held under a lock here can be left half done, so a poisoned one is as good as new.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
