//! D4, decided on the newest state: each commit says which commit of its subject came before it, and that one did. Within a
//! frame, whose sequence nobody knows before it is stored, sequence 0 stands for the frame itself.

use std::collections::BTreeMap;

use muster_journal::stored::Position;

use super::Violation;
use crate::log::{Entry, commits, place};

/// Its id.
pub const ID: &str = "D4";

/// Commits decided on something else than what they follow.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let mut newest: BTreeMap<_, Position> = BTreeMap::new();
    let mut found = Vec::new();
    for at in commits(log) {
        let before = newest.insert(at.subject, at.position);
        let expected = before.map(|before| {
            let same_frame = before.sequence == at.position.sequence;
            Position { sequence: if same_frame { 0 } else { before.sequence }, index: before.index }
        });
        if at.commit.decided_at != expected {
            let said = |position: Option<Position>| position.map_or_else(|| "nothing".to_owned(), place);
            let (decided, expected) = (said(at.commit.decided_at), said(expected));
            let says = format!("decided on {decided}, and it follows {expected} on {}", at.subject);
            found.push(Violation::new(ID, at.position, says));
        }
    }
    found
}
