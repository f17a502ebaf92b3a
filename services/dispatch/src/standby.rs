//! Standing by: every process folds the desk's log all the time, so that whichever gets the lease goes on at once from what it
//! has read already.

use muster_domain::{dispatch::desk::Desk, kernel::Timestamp};
use muster_edge::work::Work;
use muster_journal::{
    engine::{
        Broken,
        follower::{Fold, Seen},
    },
    port::Context,
    stored::{Commit, Position},
};

use crate::commands::Commands;

/// What a writer must know of the desk's commits besides the desk that they made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// The last one in the log.
    pub(crate) last: Option<Position>,
    /// No later one is recorded earlier.
    pub(crate) recorded_at: Timestamp,
    /// The realm's record up to which they have taken every fact.
    pub(crate) taken: u64,
    /// What they did.
    pub(crate) commands: Commands,
}

impl Past {
    /// Takes the next commit, whose events `desk` has taken; `position` is its place, if it is in the log.
    pub(crate) fn note(&mut self, commit: &Commit, position: Option<Position>, desk: &Desk) {
        self.last = position.or(self.last);
        self.recorded_at = self.recorded_at.max(commit.recorded_at);
        if commit.taken > Some(self.taken) {
            self.taken = commit.taken.unwrap_or_default();
            self.commands.taken_wholly();
        }
        self.commands.note(commit, position, desk);
    }

    /// A commit that was noted is in the log now.
    pub(crate) fn landed(&mut self, commit: &Commit, position: Position) {
        self.last = Some(position);
        self.commands.landed(commit.command, position);
    }
}

/// What a writer goes on from: the fold of the desk's log up to some place; its beginning by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start {
    pub(crate) desk: Desk,
    pub(crate) past: Past,
}

impl Start {
    /// What to load the desk's records after: the last one that is folded comes once more, because the next frame must hold
    /// its hash.
    pub fn after(&self) -> u64 {
        self.past.last.map_or(0, |last| last.sequence.saturating_sub(1))
    }
}

/// The offers and the work that this process shows, and beside them what it needs to take over. Both have one desk, and only
/// who takes over copies it.
#[derive(Clone, Debug, Default)]
pub struct Standby {
    work: Work,
    past: Past,
}

impl Standby {
    /// Offers and the work that follows them.
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// What a writer goes on from; nothing, if what was read cannot be.
    pub fn start(&self) -> Result<Start, Broken> {
        match self.work.broken() {
            Some(broken) => Err(broken.clone()),
            None => Ok(Start { desk: self.work.desk().clone(), past: self.past.clone() }),
        }
    }
}

impl Fold for Standby {
    fn fold(&mut self, seen: &Seen) {
        self.work.fold(seen);
        if seen.subject.context() == Context::Dispatch {
            self.past.note(seen.commit, Some(seen.position), self.work.desk());
        }
    }
}
