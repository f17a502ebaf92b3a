//! Following the realm: each process reads the log once, in order, and folds it into the views it serves.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use futures::StreamExt;
use muster_domain::kernel::Timestamp;
use tokio::sync::watch;

use super::Broken;
use crate::{
    port::{Journal, ReadError, Record, Subject},
    stored::{self, Commit, Position},
};

/// A commit as a reader of the log sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Where it stands.
    pub position: Position,
    /// Whose it is.
    pub subject: &'a Subject,
    /// What it says.
    pub commit: &'a Commit,
    /// Log time here: the greatest `recorded_at` so far.
    pub log_time: Timestamp,
}

/// Something folded from the log. It takes every commit in order and skips what is no concern of it.
pub trait Fold: Send + Sync + 'static {
    /// Takes one commit.
    fn fold(&mut self, seen: &Seen);
}

/// How far a reader has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The last record taken.
    pub sequence: u64,
    /// Log time there.
    pub log_time: Timestamp,
    /// Why it goes no further, if it does not.
    pub broken: Option<Broken>,
}

/// A reader that has not come as far as asked in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this replica has read up to {has}, not yet {asked}")]
pub struct Behind {
    /// How far it is.
    pub has: u64,
    /// How far it should be.
    pub asked: u64,
}

/// Checks records in order and hands on their commits: density, decoding and each subject's chain of frames.
#[derive(Debug, Default)]
pub struct Reader {
    sequence: u64,
    log_time: Timestamp,
    chain: BTreeMap<Subject, [u8; 32]>,
}

impl Reader {
    /// Takes the next record: `each` sees its commits, in order.
    pub fn take(&mut self, record: &Record, mut each: impl FnMut(&Seen)) -> Result<(), Broken> {
        let (sequence, expected) = (record.sequence, self.sequence.saturating_add(1));
        if sequence != expected {
            return Err(ReadError::Gap { expected, found: sequence }.into());
        }
        let frame = stored::decode(&record.bytes).map_err(|what| Broken::Undecodable { sequence, what })?;
        if frame.previous != self.chain.get(&record.subject).copied().unwrap_or_default() {
            return Err(Broken::Chain { sequence, subject: record.subject.to_string() });
        }
        self.chain.insert(record.subject.clone(), stored::hash(&record.bytes));
        self.sequence = sequence;
        for (index, commit) in (0..).zip(&frame.commits) {
            self.log_time = self.log_time.max(commit.recorded_at);
            let position = Position { sequence, index };
            each(&Seen { position, subject: &record.subject, commit, log_time: self.log_time });
        }
        Ok(())
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        Progress { sequence: self.sequence, log_time: self.log_time, broken: None }
    }
}

/// A view and how far it has come.
#[derive(Debug)]
pub struct View<V> {
    value: Arc<RwLock<V>>,
    progress: watch::Receiver<Progress>,
}

impl<V> Clone for View<V> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), progress: self.progress.clone() }
    }
}

impl<V> View<V> {
    /// The view as it is now.
    pub fn now(&self) -> RwLockReadGuard<'_, V> {
        self.value.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the view has taken the record with this sequence.
    pub async fn reaches(&self, sequence: u64, patience: Duration) -> Result<(), Behind> {
        let mut progress = self.progress.clone();
        let reached = tokio::time::timeout(patience, progress.wait_for(|p| p.sequence >= sequence)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Behind { has: self.progress().sequence, asked: sequence }),
        }
    }

    /// How far the view has come.
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Tells of each step forward.
    pub fn steps(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
}

/// Reads the realm for all views of a process.
pub struct Follower {
    folds: Vec<Arc<RwLock<dyn Fold>>>,
    progress: watch::Sender<Progress>,
}

impl Default for Follower {
    fn default() -> Self {
        Self { folds: Vec::new(), progress: watch::Sender::new(Progress::default()) }
    }
}

impl Follower {
    /// Adds a view; it will be folded from the first record on.
    pub fn view<V: Fold>(&mut self, view: V) -> View<V> {
        let value = Arc::new(RwLock::new(view));
        self.folds.push(value.clone());
        View { value, progress: self.progress.subscribe() }
    }

    /// Follows the journal until the log breaks; then every view stays where it is and says why.
    pub async fn run(self, journal: Arc<dyn Journal>) -> Broken {
        let mut reader = Reader::default();
        let mut records = journal.subscribe(0);
        let broken = loop {
            match records.next().await {
                Some(Ok(record)) => {
                    if let Err(broken) = self.take(&mut reader, &record) {
                        break broken;
                    }
                    self.progress.send_replace(reader.progress());
                }
                Some(Err(error)) => break error.into(),
                None => break ReadError::Unavailable("the subscription ended".to_owned()).into(),
            }
        };
        tracing::error!(%broken, "the log cannot be followed any further: nothing is shown or decided beyond this place");
        self.progress.send_modify(|progress| progress.broken = Some(broken.clone()));
        broken
    }

    fn take(&self, reader: &mut Reader, record: &Record) -> Result<(), Broken> {
        reader.take(record, |seen| {
            for fold in &self.folds {
                fold.write().unwrap_or_else(PoisonError::into_inner).fold(seen);
            }
        })
    }
}
