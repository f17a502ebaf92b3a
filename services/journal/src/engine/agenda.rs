//! Events → commands, and deadlines → commands. What is still to be done is itself a fold of the log: an event puts an item on
//! the agenda, the event that answers it takes it off. A restart folds the log and goes on; a repeat is a no-op, because the
//! command's id derives from the item's.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
    time::Duration,
};

use muster_domain::kernel::Timestamp;
use uuid::Uuid;

use super::{
    Done, Now, Undone,
    follower::{Fold, Seen, View},
};
use crate::{stored::Commit, trace::Trace};

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<O> {
    /// The command's id: derived from the event that put it here.
    pub command: Uuid,
    /// Not before this moment of the realm.
    pub due: Timestamp,
    /// The command id of the commit that put it here.
    pub causation: Uuid,
    /// The command id of the first commit of its chain.
    pub correlation: Uuid,
    /// Where the commit that put it here was made in a distributed trace, if in one.
    pub trace: Option<Trace>,
    /// What to do.
    pub order: O,
}

impl<O> Item<O> {
    /// What the commit that is `seen` calls for, by a name that no other item of that commit has.
    pub fn of(seen: &Seen, name: &str, due: Timestamp, order: O) -> Self {
        let &Commit { command: causation, correlation, trace, .. } = seen.commit;
        Self { command: Uuid::new_v5(&causation, name.as_bytes()), due, causation, correlation, trace, order }
    }
}

/// A fold that knows what is still to be done.
pub trait Agenda: Fold {
    /// What an item asks for.
    type Order: Clone + Send + Sync + 'static;

    /// What is still to be done, by command id.
    fn items(&self) -> &BTreeMap<Uuid, Item<Self::Order>>;
}

/// What happened to the agenda's runner.
#[derive(Debug)]
pub enum Input<'a, O> {
    /// The fold has moved on, or time has: these are the items, and this is the time.
    Look {
        /// What is still to be done.
        items: &'a BTreeMap<Uuid, Item<O>>,
        /// The realm's time.
        now: Timestamp,
    },
    /// A command was answered.
    Answered {
        /// Which.
        command: Uuid,
        /// Whether trying again may help.
        again: bool,
        /// The realm's time.
        now: Timestamp,
    },
}

/// Decides which items to start. It runs each once at a time and tries again what may still succeed.
#[derive(Debug)]
pub struct Runner {
    /// How long an item that could not be done rests, in the realm's time.
    rest: Duration,
    running: BTreeSet<Uuid>,
    /// Answered for good: only the fold may take it off the agenda.
    answered: BTreeSet<Uuid>,
    /// Not before this moment.
    held: BTreeMap<Uuid, Timestamp>,
}

/// How long an item that could not be done rests: of the machine's time, for it is the journal that must come to itself, however
/// fast the realm's clock runs.
pub const REST: Duration = Duration::from_secs(1);
/// Items under way at once.
const RUNNING_MAX: usize = 16;

impl Runner {
    /// A runner that has done nothing yet; an item that could not be done rests so long, in the realm's time.
    pub fn new(rest: Duration) -> Self {
        let (running, answered, held) = Default::default();
        Self { rest, running, answered, held }
    }

    /// Takes what happened; gives the items to start now.
    pub fn step<O: Clone>(&mut self, input: Input<'_, O>) -> Vec<Item<O>> {
        match input {
            Input::Look { items, now } => {
                self.answered.retain(|id| items.contains_key(id));
                self.held.retain(|id, until| items.contains_key(id) && *until > now);
                let room = RUNNING_MAX.saturating_sub(self.running.len());
                let idle = |id: &Uuid| {
                    !self.running.contains(id) && !self.answered.contains(id) && !self.held.contains_key(id)
                };
                let mut due: Vec<_> = items.values().filter(|item| item.due <= now && idle(&item.command)).collect();
                // Ids are in no order that means anything: what has been due longest goes first.
                due.sort_by_key(|item| item.due);
                due.truncate(room);
                self.running.extend(due.iter().map(|item| item.command));
                due.into_iter().cloned().collect()
            }
            Input::Answered { command, again, now } => {
                self.running.remove(&command);
                if again {
                    self.held.insert(command, now.plus(self.rest));
                } else {
                    self.answered.insert(command);
                }
                Vec::new()
            }
        }
    }

    /// The next moment worth a look; none while an answer must come first.
    pub fn next<O>(&self, items: &BTreeMap<Uuid, Item<O>>) -> Option<Timestamp> {
        if self.running.len() >= RUNNING_MAX {
            return None;
        }
        let idle = items
            .values()
            .filter(|item| !self.running.contains(&item.command) && !self.answered.contains(&item.command));
        idle.map(|item| self.held.get(&item.command).copied().unwrap_or(item.due).max(item.due)).min()
    }
}

/// Runs an agenda: waits for the view to be read up to the head, then keeps doing what is due. `sleep_until` waits for a moment
/// of the realm; `perform` executes one item, and one that could not be done rests for `rest` of the realm's time.
pub async fn run<A, P, S>(
    agenda: View<A>,
    head: u64,
    rest: Duration,
    now: Now,
    sleep_until: impl Fn(Timestamp) -> S + Send,
    perform: Arc<dyn Fn(Item<A::Order>) -> P + Send + Sync>,
) where
    A: Agenda,
    P: Future<Output = Result<Done, Undone>> + Send + 'static,
    S: Future<Output = ()> + Send,
{
    let mut steps = agenda.steps();
    if steps.wait_for(|progress| progress.position.sequence >= head).await.is_err() {
        return;
    }
    let mut runner = Runner::new(rest);
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
    loop {
        let (start, next) = {
            let view = agenda.now();
            let start = runner.step(Input::Look { items: view.items(), now: now() });
            (start, runner.next(view.items()))
        };
        for item in start {
            let (answers, perform, command) = (answers.clone(), perform.clone(), item.command);
            tokio::spawn(async move {
                let answer = perform(item).await;
                // The receiver is gone only when the process stops.
                let _ = answers.send((command, answer));
            });
        }
        let wake = async {
            match next {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            moved = steps.changed() => if moved.is_err() { return },
            () = wake => {}
            Some((command, answer)) = answered.recv() => {
                let again = matches!(answer, Err(Undone::Unsure | Undone::Unavailable(_)));
                if let Err(undone) = &answer {
                    tracing::warn!(%command, %undone, again, "an item of the agenda was not done");
                }
                runner.step::<A::Order>(Input::Answered { command, again, now: now() });
            }
        }
    }
}
