//! A journal inside the process, on one disk.
//!
//! * Appends that wait at the same time are written as one group and share one sync; only then are they answered.
//! * When sled finds its log damaged it takes the damage for the end and wipes what follows. A journal is therefore opened on
//!   a copy first; the journal itself is opened only when the copy holds everything that was acknowledged.
//!
//! A directory holds `journal` (whose it is, and the last acknowledged sequence) beside sled's files.

mod directory;
mod rows;

use crate::{
    crash::{self, Boundary},
    local::{Log, refuse_too_large},
    port::{AppendError, Journal, ReadError, Record, Records, Subject},
};
use async_trait::async_trait;
use bytes::Bytes;
use directory::Claim;
use muster_domain::kernel::RealmId;
use rows::{Group, Rows};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// At most so many appends share one sync; further ones wait for the next.
const GROUP_APPENDS_MAX: usize = 1024;

/// At most so many bytes of frames share one sync.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why a directory could not be opened as a journal. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else has it open.
    #[error("{} is held by another process: stop that process, or give the command to it", dir.display())]
    Held {
        /// The directory.
        dir: PathBuf,
    },
    /// It holds something else.
    #[error("{} is not a journal of realm '{realm}': {what}; choose another directory", dir.display())]
    Foreign {
        /// The directory.
        dir: PathBuf,
        /// The realm whose journal was asked for.
        realm: RealmId,
        /// What was found.
        what: String,
    },
    /// It holds a journal that has lost records.
    #[error(
        "the journal in {} is damaged: {what}; the last good position is {last_good}. It was left as it is: keep a copy, then \
         restore the directory from a backup",
        dir.display()
    )]
    Corrupt {
        /// The directory.
        dir: PathBuf,
        /// The sequence up to which every record can be read.
        last_good: u64,
        /// What is wrong.
        what: String,
    },
    /// The disk does not let us.
    #[error("{} cannot be used: {source}", dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
}

/// One realm's log in one directory, for one process.
pub struct Embedded {
    subjects: String,
    log: Arc<Log<Rows>>,
    /// Taken away when the journal closes; without it the writer ends.
    waiting: Option<mpsc::Sender<Waiting>>,
    writer: Option<JoinHandle<()>>,
}

/// An append that waits for the writer.
struct Waiting {
    subject: Subject,
    expected: u64,
    frame: Uuid,
    bytes: Bytes,
    answer: oneshot::Sender<Result<u64, AppendError>>,
}

impl Embedded {
    /// Whether `dir` has been made a journal.
    pub fn is_in(dir: &Path) -> bool {
        Claim::is_in(dir)
    }

    /// Opens the journal of `realm` in `dir`; both are made if the directory is missing or empty. It blocks while the log is
    /// copied and checked, in proportion to its size.
    pub fn open(dir: &Path, realm: &RealmId) -> Result<Self, OpenError> {
        let claim = Claim::take(dir, realm)?;
        let index = claim.inspect()?;
        let log = Log::new(claim.open()?, index);
        let (waiting, queue) = mpsc::channel(GROUP_APPENDS_MAX);
        let writer = Writer { log: Arc::clone(&log), claim };
        let writer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|source| OpenError::Io { dir: dir.to_owned(), source })?;
        Ok(Self { subjects: format!("muster.{realm}."), log, waiting: Some(waiting), writer: Some(writer) })
    }
}

/// The one thread that writes.
struct Writer {
    log: Arc<Log<Rows>>,
    claim: Claim,
}

impl Writer {
    /// Writes whatever waits, as one group per sync, until the journal closes or the disk fails. After a failed sync nobody
    /// knows what the disk holds, so nothing is ever written again: the next opening finds out.
    fn run(self, mut queue: mpsc::Receiver<Waiting>) {
        while let Some(first) = queue.blocking_recv() {
            let group = gather(first, &mut queue);
            if let Err(error) = self.write(group) {
                tracing::error!(%error, "the journal's disk has failed; nothing more is written");
                queue.close();
                while let Some(refused) = queue.blocking_recv() {
                    answer(refused, Err(failed()));
                }
            }
        }
    }

    /// Each append of the group sees those before it. All answers wait for the sync, refusals too: they may rest on it.
    fn write(&self, group: Vec<Waiting>) -> io::Result<()> {
        let mut heads = BTreeMap::new();
        let mut rows = Group::after(self.log.last());
        let mut outcomes = Vec::with_capacity(group.len());
        for Waiting { subject, expected, frame, bytes, .. } in &group {
            let head = heads.get(subject).copied().unwrap_or_else(|| self.log.head(subject));
            outcomes.push(if head == *expected {
                let sequence = rows.push(subject, *frame, bytes);
                heads.insert(subject, sequence);
                Ok(sequence)
            } else {
                Err(AppendError::Conflict)
            });
        }
        if !heads.is_empty() {
            let last = self.log.shelf.write(rows)?;
            crash::at(Boundary::WriteSynced);
            self.claim.acknowledge(last)?;
            crash::at(Boundary::WriteNoted);
        }
        let written = group.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
        self.log.acknowledge(written.map(|(append, _)| &append.subject));
        group.into_iter().zip(outcomes).for_each(|(append, outcome)| answer(append, outcome));
        Ok(())
    }
}

fn gather(first: Waiting, queue: &mut mpsc::Receiver<Waiting>) -> Vec<Waiting> {
    let mut bytes = first.bytes.len();
    let mut group = vec![first];
    while group.len() < GROUP_APPENDS_MAX
        && bytes < GROUP_BYTES_MAX
        && let Ok(next) = queue.try_recv()
    {
        bytes += next.bytes.len();
        group.push(next);
    }
    group
}

/// Whoever has stopped waiting for the answer has said that it does not matter to them.
fn answer(append: Waiting, outcome: Result<u64, AppendError>) {
    drop(append.answer.send(outcome));
}

fn failed() -> AppendError {
    AppendError::Unavailable("its disk has failed: see the log, then restart".to_owned())
}

impl Drop for Embedded {
    /// Waits until the writer has let go of the directory, so that it can be opened again at once.
    fn drop(&mut self) {
        self.waiting = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the journal's writer had failed");
        }
    }
}

#[async_trait]
impl Journal for Embedded {
    async fn append(&self, subject: &Subject, expected: u64, frame: Uuid, bytes: Bytes) -> Result<u64, AppendError> {
        refuse_too_large(&bytes)?;
        if !subject.as_str().starts_with(&self.subjects) {
            return Err(AppendError::Unavailable(format!("{subject} is not of its realm, {}*", self.subjects)));
        }
        let (answer, answered) = oneshot::channel();
        let append = Waiting { subject: subject.clone(), expected, frame, bytes, answer };
        self.waiting.as_ref().ok_or_else(failed)?.send(append).await.map_err(|_| failed())?;
        answered.await.unwrap_or_else(|_| Err(AppendError::Unknown("its disk failed while writing".to_owned())))
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
