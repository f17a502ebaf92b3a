//! A journal whose faults a test calls for, over one that has none.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, future};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    local::lock,
    port::{AppendError, Journal, ReadError, Record, Records, Subject},
};

/// What befalls one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it goes through.
    None,
    /// It is stored, and its answer is lost.
    AckLost,
    /// It is on its way until the next append comes, then it goes through before that one; nobody is told.
    Late,
    /// The journal cannot be reached.
    Unavailable,
    /// It is refused as if another had been first.
    Conflict,
    /// It is refused as while another is under way.
    Busy,
}

/// A journal with faults. Appends take the faults that were called for in order; once there are none left, all is well.
pub struct Faulty {
    journal: Arc<dyn Journal>,
    plan: Mutex<Plan>,
    stalled: watch::Sender<bool>,
}

#[derive(Default)]
struct Plan {
    faults: VecDeque<Fault>,
    pauses: VecDeque<u8>,
    late: Vec<Append>,
    withheld: BTreeSet<u64>,
    unreadable: bool,
    appends: u64,
    loads: u64,
    loaded: usize,
    subscriptions: Vec<u64>,
}

struct Append {
    subject: Subject,
    expected: u64,
    frame: Uuid,
    bytes: Bytes,
}

impl Faulty {
    /// A journal on another one, without faults as yet.
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal, plan: Mutex::default(), stalled: watch::Sender::default() }
    }

    /// Calls for faults of the next appends, in order.
    pub fn befall(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.plan).faults.extend(faults);
    }

    /// Lets other tasks go first, so many times before each of the next appends and loads.
    pub fn pause(&self, pauses: impl IntoIterator<Item = u8>) {
        lock(&self.plan).pauses.extend(pauses);
    }

    /// Whether anything can be read from now on.
    pub fn readable(&self, readable: bool) {
        lock(&self.plan).unreadable = !readable;
    }

    /// Whether those who follow must wait for the next record, from now on.
    pub fn stall(&self, stalled: bool) {
        self.stalled.send_replace(stalled);
    }

    /// Lets the record of this sequence be missing for those who follow.
    pub fn withhold(&self, sequence: u64) {
        lock(&self.plan).withheld.insert(sequence);
    }

    /// How often it was asked to append.
    pub fn appends(&self) -> u64 {
        lock(&self.plan).appends
    }

    /// How often it was asked to load.
    pub fn loads(&self) -> u64 {
        lock(&self.plan).loads
    }

    /// How many records it gave to those who loaded them.
    pub fn loaded(&self) -> usize {
        lock(&self.plan).loaded
    }

    /// After which record each who followed began.
    pub fn subscriptions(&self) -> Vec<u64> {
        lock(&self.plan).subscriptions.clone()
    }

    async fn give_way(&self) {
        let times = lock(&self.plan).pauses.pop_front().unwrap_or_default();
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
    }

    fn read(&self) -> Result<(), ReadError> {
        match lock(&self.plan).unreadable {
            true => Err(ReadError::Unavailable("a test cut it off".to_owned())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Journal for Faulty {
    async fn append(&self, subject: &Subject, expected: u64, frame: Uuid, bytes: Bytes) -> Result<u64, AppendError> {
        self.give_way().await;
        let (late, fault) = {
            let mut plan = lock(&self.plan);
            plan.appends = plan.appends.saturating_add(1);
            (std::mem::take(&mut plan.late), plan.faults.pop_front().unwrap_or(Fault::None))
        };
        for Append { subject, expected, frame, bytes } in late {
            // Whoever sent it has long been told that its outcome is unknown.
            let _ = self.journal.append(&subject, expected, frame, bytes).await;
        }
        let unknown = || AppendError::Unknown("a test lost the answer".to_owned());
        match fault {
            Fault::None => self.journal.append(subject, expected, frame, bytes).await,
            Fault::AckLost => self.journal.append(subject, expected, frame, bytes).await.and(Err(unknown())),
            Fault::Late => {
                lock(&self.plan).late.push(Append { subject: subject.clone(), expected, frame, bytes });
                Err(unknown())
            }
            Fault::Unavailable => Err(AppendError::Unavailable("a test cut it off".to_owned())),
            Fault::Conflict => Err(AppendError::Conflict),
            Fault::Busy => Err(AppendError::Busy),
        }
    }

    async fn load(&self, subject: &Subject, after: u64) -> Result<Vec<Record>, ReadError> {
        self.give_way().await;
        {
            let mut plan = lock(&self.plan);
            plan.loads = plan.loads.saturating_add(1);
        }
        self.read()?;
        let records = self.journal.load(subject, after).await?;
        let mut plan = lock(&self.plan);
        plan.loaded = plan.loaded.saturating_add(records.len());
        Ok(records)
    }

    async fn record(&self, sequence: u64) -> Result<Record, ReadError> {
        self.read()?;
        self.journal.record(sequence).await
    }

    async fn head(&self, subject: &Subject) -> Result<u64, ReadError> {
        self.read()?;
        self.journal.head(subject).await
    }

    async fn last(&self) -> Result<u64, ReadError> {
        self.read()?;
        self.journal.last().await
    }

    fn subscribe(&self, after: u64) -> Records {
        lock(&self.plan).subscriptions.push(after);
        let withheld = lock(&self.plan).withheld.clone();
        let stalled = self.stalled.subscribe();
        let released = move |record| {
            let mut stalled = stalled.clone();
            async move {
                // Whoever could release it may be gone: then nothing is stalled any more.
                let _ = stalled.wait_for(|stalled| !stalled).await;
                record
            }
        };
        let kept = move |record: &Result<Record, ReadError>| {
            future::ready(!record.as_ref().is_ok_and(|record| withheld.contains(&record.sequence)))
        };
        Box::pin(self.journal.subscribe(after).filter(kept).then(released))
    }
}
