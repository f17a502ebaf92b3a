//! Following the realm: each process reads the log once, in order, and folds it into the views it serves.

use std::{
    collections::BTreeMap,
    ops::Deref,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use futures::StreamExt;
use muster_domain::kernel::Timestamp;
use tokio::sync::{Semaphore, watch};

use super::{
    Broken,
    past::{Past, REPLAYS_MAX},
};
use crate::{
    port::{Journal, ReadError, Record, Subject},
    stored::{self, Commit, Frame, Position},
    subjects,
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
    /// The last record taken, and the last commit in it.
    pub position: Position,
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
    /// Why it will never come so far, if the log is broken before.
    pub broken: Option<Broken>,
}

/// Checks records in order and hands on their commits: density, decoding, each subject's chain of frames, and that no event
/// stands on another aggregate's subject.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    progress: Progress,
    chain: BTreeMap<Subject, [u8; 32]>,
}

impl Reader {
    /// Takes the next record: `look` sees its commits, in order.
    pub fn take(&mut self, record: &Record, look: impl FnOnce(&[Seen], &Progress)) -> Result<(), Broken> {
        let look = |seen: &[Seen], progress: &Progress| {
            look(seen, progress);
            true
        };
        self.take_if(record, look).map(drop)
    }

    /// The same, if `look` says so; if not, the reader stays before the record. Gives what `look` said.
    pub fn take_if(&mut self, record: &Record, look: impl FnOnce(&[Seen], &Progress) -> bool) -> Result<bool, Broken> {
        let (sequence, expected) = (record.sequence, self.progress.position.sequence.saturating_add(1));
        if sequence != expected {
            return Err(ReadError::Gap { expected, found: sequence }.into());
        }
        let frame = frame(record)?;
        if frame.previous != self.chain.get(&record.subject).copied().unwrap_or_default() {
            return Err(Broken::Chain { sequence, subject: record.subject.to_string() });
        }
        let mut progress = Progress { position: Position { sequence, index: 0 }, ..self.progress.clone() };
        let mut seen = Vec::with_capacity(frame.commits.len());
        for (index, commit) in (0..).zip(&frame.commits) {
            progress.log_time = progress.log_time.max(commit.recorded_at);
            progress.position.index = index;
            let (position, log_time) = (progress.position, progress.log_time);
            seen.push(Seen { position, subject: &record.subject, commit, log_time });
        }
        let taken = look(&seen, &progress);
        if taken {
            self.chain.insert(record.subject.clone(), stored::hash(&record.bytes));
            self.progress = progress;
        }
        Ok(taken)
    }

    /// How far it has come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }
}

/// The frame that a record holds, if it can be read and each of its events belongs on the record's subject.
pub fn frame(record: &Record) -> Result<Frame, Broken> {
    let Record { sequence, subject, .. } = record;
    let frame = stored::decode(&record.bytes).map_err(|what| Broken::Undecodable { sequence: *sequence, what })?;
    let kind = subjects::event_kind(subject);
    let mut events = frame.commits.iter().flat_map(|commit| &commit.events).map(stored::event_type);
    match events.find(|event| event.name.rsplit_once('.').map(|(of, _)| of) != kind) {
        None => Ok(frame),
        Some(foreign) => {
            let what = format!("{foreign} does not belong on {subject}");
            Err(Broken::Corrupt { sequence: *sequence, what })
        }
    }
}

/// A view and how far it has come; both change together, a whole record at a time.
#[derive(Debug, Default)]
pub struct Held<V> {
    value: V,
    progress: Progress,
}

impl<V> Held<V> {
    /// How far the view had come when it was looked at.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }
}

impl<V> Deref for Held<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.value
    }
}

/// What the follower folds into, whatever its kind.
trait Target: Send + Sync {
    fn take(&self, seen: &[Seen], progress: &Progress);
}

impl<V: Fold> Target for RwLock<Held<V>> {
    fn take(&self, seen: &[Seen], progress: &Progress) {
        let mut held = self.write().unwrap_or_else(PoisonError::into_inner);
        seen.iter().for_each(|seen| held.value.fold(seen));
        held.progress.clone_from(progress);
    }
}

/// A view of the realm.
#[derive(Debug)]
pub struct View<V> {
    held: Arc<RwLock<Held<V>>>,
    past: Arc<Past<V>>,
    steps: watch::Receiver<Progress>,
}

impl<V> Clone for View<V> {
    fn clone(&self) -> Self {
        Self { held: self.held.clone(), past: self.past.clone(), steps: self.steps.clone() }
    }
}

impl<V> View<V> {
    /// The view as it is now. The follower waits while it is looked at: do not keep it.
    pub fn now(&self) -> RwLockReadGuard<'_, Held<V>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The view as it was before.
    pub(super) fn past(&self) -> &Arc<Past<V>> {
        &self.past
    }

    /// Waits until all views of the process have taken the record with this sequence, or it is known that they never will.
    pub async fn reaches(&self, sequence: u64, patience: Duration) -> Result<(), Behind> {
        let mut steps = self.steps.clone();
        // Whether it came so far, time ran out or nobody reads any more: how far it is now is all that counts.
        let _ = tokio::time::timeout(patience, steps.wait_for(|p| p.position.sequence >= sequence)).await;
        let Progress { position: Position { sequence: has, .. }, broken, .. } = self.progress();
        if has >= sequence { Ok(()) } else { Err(Behind { has, asked: sequence, broken }) }
    }

    /// How far all views of the process have come.
    pub fn progress(&self) -> Progress {
        self.steps.borrow().clone()
    }

    /// Tells of each step forward.
    pub fn steps(&self) -> watch::Receiver<Progress> {
        self.steps.clone()
    }
}

/// Reads the realm for all views of a process.
pub struct Follower {
    targets: Vec<Arc<dyn Target>>,
    replays: Arc<Semaphore>,
    steps: watch::Sender<Progress>,
}

impl Default for Follower {
    fn default() -> Self {
        let replays = Arc::new(Semaphore::new(REPLAYS_MAX));
        Self { targets: Vec::new(), replays, steps: watch::Sender::new(Progress::default()) }
    }
}

impl Follower {
    /// Adds a view; it will be folded from the first record on.
    pub fn view<V: Fold>(&mut self, value: V) -> View<V> {
        let held = Arc::new(RwLock::new(Held { value, progress: Progress::default() }));
        self.targets.push(held.clone());
        View { held, past: Arc::new(Past::new(self.replays.clone())), steps: self.steps.subscribe() }
    }

    /// Follows the journal until the log breaks; then every view stays where it is and says why.
    pub async fn run(self, journal: Arc<dyn Journal>) -> Broken {
        let mut reader = Reader::default();
        let mut records = journal.subscribe(0);
        let broken = loop {
            let taken = match records.next().await {
                Some(Ok(record)) => reader.take(&record, |seen, progress| {
                    self.targets.iter().for_each(|target| target.take(seen, progress));
                }),
                Some(Err(error)) => Err(error.into()),
                None => Err(ReadError::Unavailable("the subscription ended".to_owned()).into()),
            };
            match taken {
                Ok(()) => drop(self.steps.send_replace(reader.progress().clone())),
                Err(broken) => break broken,
            }
        };
        tracing::error!(%broken, "the log cannot be followed any further: nothing is shown or decided beyond this place");
        self.steps.send_modify(|progress| progress.broken = Some(broken.clone()));
        broken
    }
}
