//! D1, effect once: what one command caused stands in one commit, and in no other, whatever was retried, redelivered or lost.
//! A frame is stored once.

use std::collections::BTreeMap;

use muster_journal::stored::Position;

use super::Violation;
use crate::log::{Entry, commits, place};

/// Its id.
pub const ID: &str = "D1";

/// Commands done twice, frames stored twice.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut commands = BTreeMap::new();
    for at in commits(log) {
        if let Some(first) = commands.insert(at.command(), at.position) {
            let says = format!("command {} was done before, at {}", at.command(), place(first));
            found.push(Violation::new(ID, at.position, says));
        }
    }
    let mut frames = BTreeMap::new();
    for Entry { sequence, frame, .. } in log {
        if let Some(first) = frames.insert(frame.id, sequence) {
            let position = Position { sequence: *sequence, index: 0 };
            found.push(Violation::new(ID, position, format!("frame {} is stored already, at {first}", frame.id)));
        }
    }
    found
}
