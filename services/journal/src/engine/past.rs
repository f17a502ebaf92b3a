//! Earlier moments of a view. Each is replayed from the log once and kept for a while: the later pages of a list, and whoever
//! else asks for that moment, share the one replay.

use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use futures::StreamExt;
use muster_domain::kernel::{Refusal, RefusalKind, Timestamp};
use tokio::sync::Semaphore;

use super::{
    Undone,
    follower::{Fold, Progress, Reader},
};
use crate::{
    local::lock,
    port::{Journal, ReadError},
    stored::Position,
};

/// Replays at once in a process: each keeps a core busy and holds a whole view.
pub(super) const REPLAYS_MAX: usize = 2;

/// Moments kept of a view: each is as large as the view itself.
const KEPT_MAX: usize = 4;

/// How long a moment is kept: time enough to leaf through a list.
const KEPT_FOR: Duration = Duration::from_secs(120);

/// Which commits an answer looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upto {
    Position(Position),
    Time(Timestamp),
}

impl Upto {
    /// Whether an answer looks at a commit there, and so at all before it.
    pub(super) fn holds(self, progress: &Progress) -> bool {
        match self {
            Self::Position(position) => progress.position <= position,
            // Before the first commit there is no time.
            Self::Time(time) => progress.position == Position::default() || progress.log_time <= time,
        }
    }
}

/// A view as it was.
#[derive(Clone, Debug, Default)]
pub(super) struct Moment<V> {
    pub(super) value: V,
    /// The last commit in it.
    pub(super) here: Progress,
    /// The first that is not: whatever lies between means this moment.
    next: Progress,
    /// Stands before the record of `next`.
    reader: Reader,
}

impl<V> Moment<V> {
    fn is_meant_by(&self, upto: Upto) -> bool {
        upto.holds(&self.here) && !upto.holds(&self.next)
    }
}

/// The earlier moments of one view that are kept.
#[derive(Debug)]
pub(super) struct Past<V> {
    /// The least lately used first.
    kept: Mutex<Vec<Arc<Moment<V>>>>,
    /// Held while one is replayed: whoever waits for it then finds that moment, or one to go on from.
    replaying: tokio::sync::Mutex<()>,
    /// As many as the process may begin more replays.
    permits: Arc<Semaphore>,
}

impl<V> Past<V> {
    /// Nothing is kept as yet; `permits` is the same for all views of a process.
    pub(super) fn new(permits: Arc<Semaphore>) -> Self {
        Self { kept: Mutex::default(), replaying: tokio::sync::Mutex::default(), permits }
    }

    /// The last moment kept that is not after `upto`.
    fn nearest(&self, upto: Upto) -> Option<Arc<Moment<V>>> {
        let mut kept = lock(&self.kept);
        let not_after = kept.iter().enumerate().filter(|(_, moment)| upto.holds(&moment.here));
        let (index, _) = not_after.max_by_key(|(_, moment)| moment.here.position)?;
        let moment = kept.remove(index);
        kept.push(moment.clone());
        Some(moment)
    }
}

impl<V: Fold + Clone + Default> Past<V> {
    /// The view as it was: a moment before what the caller has seen of the view. Others' replays are waited for as long as
    /// `patience`; whoever gives up leaves nothing behind.
    pub(super) async fn at(
        self: &Arc<Self>,
        journal: &dyn Journal,
        upto: Upto,
        patience: Duration,
    ) -> Result<Arc<Moment<V>>, Refusal> {
        if let Some(moment) = self.nearest(upto).filter(|moment| moment.is_meant_by(upto)) {
            return Ok(moment);
        }
        let turn = async { (self.replaying.lock().await, self.permits.acquire().await) };
        let _turn = tokio::time::timeout(patience, turn).await.map_err(|_| too_many())?;
        let moment = match self.nearest(upto) {
            Some(moment) if moment.is_meant_by(upto) => return Ok(moment),
            nearest => Arc::new(replay(journal, nearest, upto).await?),
        };
        self.keep(moment.clone());
        Ok(moment)
    }

    fn keep(self: &Arc<Self>, moment: Arc<Moment<V>>) {
        let (past, forgotten) = (Arc::downgrade(self), Arc::downgrade(&moment));
        let mut kept = lock(&self.kept);
        // An empty frame ended it, and it was found to last longer.
        let mut gone: Vec<_> = kept.extract_if(.., |other| other.here.position == moment.here.position).collect();
        kept.push(moment);
        let surplus = kept.len().saturating_sub(KEPT_MAX);
        gone.extend(kept.drain(..surplus));
        // Dropping large views takes a while, in which nobody should wait for the lock.
        drop(kept);
        tokio::spawn(async move {
            tokio::time::sleep(KEPT_FOR).await;
            let Some(past) = past.upgrade() else { return };
            let is_old = |moment: &mut Arc<_>| Weak::ptr_eq(&Arc::downgrade(moment), &forgotten);
            let _gone: Vec<_> = lock(&past.kept).extract_if(.., is_old).collect();
        });
    }
}

/// Folds the log on from a moment kept, or from its beginning. It ends because the caller has seen more of the log than
/// `upto` holds.
async fn replay<V: Fold + Clone + Default>(
    journal: &dyn Journal,
    nearest: Option<Arc<Moment<V>>>,
    upto: Upto,
) -> Result<Moment<V>, Undone> {
    let mut moment = match nearest {
        // A large view is not copied in no time, and other calls need this thread.
        Some(nearest) => tokio::task::spawn_blocking(move || Moment::clone(&nearest))
            .await
            .map_err(|error| Undone::Unavailable(error.to_string()))?,
        None => Moment::default(),
    };
    let Moment { value, here, next, reader } = &mut moment;
    let mut records = journal.subscribe(reader.progress().position.sequence);
    let mut is_whole = true;
    while is_whole {
        let ended = || ReadError::Unavailable("the subscription ended".to_owned());
        let record = records.next().await.unwrap_or_else(|| Err(ended()))?;
        is_whole = reader.take_if(&record, |seen, end| {
            for seen in seen {
                if seen.position <= here.position {
                    continue;
                }
                *next = Progress { position: seen.position, log_time: seen.log_time, broken: None };
                if !upto.holds(next) {
                    return false;
                }
                value.fold(seen);
                here.clone_from(next);
            }
            next.clone_from(end);
            upto.holds(end)
        })?;
    }
    Ok(moment)
}

fn too_many() -> Refusal {
    Refusal {
        reason: "TOO_MANY_REPLAYS",
        kind: RefusalKind::Unavailable,
        rule: "invariant O3: everything has a bound",
        says: "earlier moments are being replayed for others, which took longer than this call could wait".to_owned(),
        way_out: "try again in a moment, or with a longer deadline",
        fields: Vec::new(),
    }
}
