//! What is said of a story that random commands and faults have written: every invariant over the log, what clients were told,
//! and what the replicas show.

use std::collections::BTreeSet;

use muster_api::{
    monitor::v1::{Card, GetBoardRequest},
    r#type::v1::{Position, ReadAt, read_at::AsOf},
};
use muster_domain::kernel::Role;
use muster_edge::testing::call;
use muster_journal::{stored, subjects::id_of};
use muster_sim::{
    history::{self, Operation, Outcome},
    log::{Entry, commits},
    oracles,
};

use crate::{
    cast::{Cast, surely},
    chaos::Act,
    fleet::Fleet,
    nats::Servers,
};

/// How many commands came to what.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Done.
    pub done: usize,
    /// So already.
    pub already: usize,
    /// Refused.
    pub refused: usize,
    /// Nobody knows: nobody answered in time.
    pub unknown: usize,
    /// Records in the log.
    pub records: usize,
}

impl Counts {
    /// All of them.
    pub const fn all(&self) -> usize {
        self.done + self.already + self.refused + self.unknown
    }
}

/// Fails unless every invariant holds over the log, clients were told nothing that it does not bear out, and both replicas
/// show the same board at its end.
pub async fn verdict<S: Servers>(fleet: &Fleet<S>, acts: &[(Act, Operation)]) -> Counts {
    let log = fleet.log().await;
    let operations = told(acts, &log);
    assert_eq!(oracles::all(&log), []);
    assert_eq!(history::check(&operations, &log), []);
    let end = log.last().map_or(0, |entry| entry.sequence);
    let [one, other] = [board(fleet, 0, end).await, board(fleet, 1, end).await];
    assert!(!one.is_empty(), "the board is empty");
    assert_eq!(one, other, "both replicas show the same");
    let count = |which: fn(&Outcome) -> bool| operations.iter().filter(|o| which(&o.outcome)).count();
    Counts {
        done: count(|o| matches!(o, Outcome::Done(_))),
        already: count(|o| matches!(o, Outcome::Already(_))),
        refused: count(|o| matches!(o, Outcome::Refused)),
        unknown: count(|o| matches!(o, Outcome::Unknown)),
        records: log.len(),
    }
}

/// A command that asked for what was so already stands nowhere: then what it asked for does, by the place that it was told.
fn told(acts: &[(Act, Operation)], log: &[Entry]) -> Vec<Operation> {
    let written: BTreeSet<_> = commits(log).map(|at| at.command()).collect();
    let already = |act: &Act, told: stored::Position| {
        commits(log).take_while(|at| at.position <= told).any(|at| {
            let id = id_of(at.subject);
            at.commit.events.iter().any(|event| act.is_done_by(id, event))
        })
    };
    let outcome = |act: &Act, operation: &Operation| match operation.outcome {
        Outcome::Done(told) if !written.contains(&operation.command) && already(act, told) => Outcome::Already(told),
        other @ (Outcome::Done(_) | Outcome::Already(_) | Outcome::Refused | Outcome::Unknown) => other,
    };
    acts.iter().map(|(act, operation)| Operation { outcome: outcome(act, operation), ..*operation }).collect()
}

async fn board<S: Servers>(fleet: &Fleet<S>, replica: usize, sequence: u64) -> Vec<Card> {
    let cast = Cast::new(|role| fleet.addresses(role).get(replica).cloned().expect("two replicas"));
    let at = Position { sequence, index: 0 };
    let read_at = ReadAt { as_of: Some(AsOf::Position(at)), at_least: Some(at) };
    let message = GetBoardRequest { read_at: Some(read_at), page_size: 500, ..GetBoardRequest::default() };
    surely(async || cast.monitor.clone().get_board(call(Role::Officer, "duty", message.clone())).await).await.cards
}
