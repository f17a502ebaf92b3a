//! What clients saw, against the log that came of it. The log gives every write its place, so no order has to be searched for:
//! one pass over the operations, sorted by time, is enough.

use std::collections::BTreeMap;

use muster_journal::stored::Position;
use uuid::Uuid;

use crate::{
    log::{Entry, commits, place},
    oracles::Violation,
};

/// The id of what is found here: the order of real time.
pub const L2: &str = "L2";
/// The id of what is lost.
pub const L1: &str = "L1";
/// The id of what is done though refused, or twice.
pub const D1: &str = "D1";

/// How a call ended for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, by this very command, here.
    Done(Position),
    /// So already: the log was good up to here, and the command itself changed nothing.
    Already(Position),
    /// Refused.
    Refused,
    /// No answer: it may have been done.
    Unknown,
}

/// One call of one client. Moments are of one clock, that of whoever collects, in any unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The command's id; a call sent again has the same.
    pub command: Uuid,
    /// Just before the call left.
    pub invoked: u64,
    /// Just after its answer came; for a call without an answer, when the client gave up.
    pub returned: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// What clients were told and the log does not bear out.
pub fn check(history: &[Operation], log: &[Entry]) -> Vec<Violation> {
    let mut standing: BTreeMap<Uuid, Vec<Position>> = BTreeMap::new();
    let mut last = Position::default();
    for at in commits(log) {
        standing.entry(at.command()).or_default().push(at.position);
        last = at.position;
    }
    let mut calls: BTreeMap<Uuid, Vec<&Operation>> = BTreeMap::new();
    for operation in history {
        calls.entry(operation.command).or_default().push(operation);
    }
    let mut found = Vec::new();
    for (command, calls) in &calls {
        let places = standing.get(command).map(Vec::as_slice).unwrap_or_default();
        found.extend(told(*command, calls, places, last));
    }
    found.extend(overtaken(&calls, history, &standing));
    found
}

/// What one command's callers were told, against where it stands.
fn told(command: Uuid, calls: &[&Operation], places: &[Position], last: Position) -> Vec<Violation> {
    let mut found = Vec::new();
    if let [_, again, ..] = places {
        found.push(Violation::new(D1, *again, format!("command {command} is done twice")));
    }
    for call in calls {
        match call.outcome {
            Outcome::Done(position) if !places.contains(&position) => {
                found.push(Violation::new(
                    L1,
                    position,
                    format!("command {command} was acknowledged here, and is not"),
                ));
            }
            Outcome::Already(position) if position > last => {
                let says =
                    format!("command {command} was told that the log was good up to here, and it is not so long");
                found.push(Violation::new(L1, position, says));
            }
            Outcome::Done(_) | Outcome::Already(_) | Outcome::Refused | Outcome::Unknown => {}
        }
    }
    let refused = calls.iter().all(|call| call.outcome == Outcome::Refused);
    if let Some(place) = places.first().filter(|_| refused) {
        found.push(Violation::new(D1, *place, format!("command {command} was refused, and is done")));
    }
    found
}

/// Commands that stand before something that had been acknowledged when they were first called.
fn overtaken(
    calls: &BTreeMap<Uuid, Vec<&Operation>>,
    history: &[Operation],
    standing: &BTreeMap<Uuid, Vec<Position>>,
) -> Vec<Violation> {
    let mut begun: Vec<(u64, Uuid)> = calls
        .iter()
        .filter_map(|(command, calls)| Some((calls.iter().map(|call| call.invoked).min()?, *command)))
        .collect();
    let mut ended: Vec<(u64, Position)> = history
        .iter()
        .filter_map(|call| match call.outcome {
            Outcome::Done(position) | Outcome::Already(position) => Some((call.returned, position)),
            Outcome::Refused | Outcome::Unknown => None,
        })
        .collect();
    begun.sort_unstable();
    ended.sort_unstable();
    let mut ended = ended.into_iter().peekable();
    let mut seen = Position::default();
    let mut found = Vec::new();
    for (invoked, command) in begun {
        while let Some((_, position)) = ended.next_if(|(returned, _)| *returned < invoked) {
            seen = seen.max(position);
        }
        let places = standing.get(&command).into_iter().flatten();
        for position in places.filter(|position| **position <= seen) {
            let says =
                format!("command {command} was called after {} was acknowledged, and stands before it", place(seen));
            found.push(Violation::new(L2, *position, says));
        }
    }
    found
}
