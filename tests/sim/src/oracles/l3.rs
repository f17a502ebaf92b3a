//! L3, density: the realm's records are 1, 2, 3 and so on, none missing and none out of order.

use muster_journal::stored::Position;

use super::Violation;
use crate::log::Entry;

/// Its id.
pub const ID: &str = "L3";

/// Gaps.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let expected = std::iter::once(1).chain(log.iter().map(|entry| entry.sequence.saturating_add(1)));
    let gaps = log.iter().zip(expected).filter(|(entry, expected)| entry.sequence != *expected);
    gaps.map(|(entry, expected)| {
        let position = Position { sequence: entry.sequence, index: 0 };
        Violation::new(ID, position, format!("record {expected} should stand here"))
    })
    .collect()
}
