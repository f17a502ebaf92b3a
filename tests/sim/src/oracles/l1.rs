//! L1, nothing acknowledged is lost: what a caller was told is done stands in the log where they were told it does.

use std::collections::BTreeMap;

use muster_journal::stored::Position;
use uuid::Uuid;

use super::Violation;
use crate::log::{Entry, commits};

/// Its id.
pub const ID: &str = "L1";

/// Acknowledged commands that are not where they were said to be.
pub fn check(log: &[Entry], acknowledged: &[(Position, Uuid)]) -> Vec<Violation> {
    let standing: BTreeMap<_, _> = commits(log).map(|at| (at.position, at.command())).collect();
    let lost = acknowledged.iter().filter_map(|(position, command)| {
        let says = match standing.get(position) {
            Some(found) if found == command => return None,
            Some(found) => format!("command {command} was acknowledged here, and {found} stands here"),
            None => format!("command {command} was acknowledged here, and nothing stands here"),
        };
        Some(Violation::new(ID, *position, says))
    });
    lost.collect()
}
