//! Time (the log's own rule): within a subject `recorded_at` never decreases; nothing is received after it was recorded, but
//! for what two clocks may differ.

use std::{collections::BTreeMap, time::Duration};

use muster_domain::kernel::Timestamp;
use muster_journal::port::Subject;

use super::Violation;
use crate::log::{Entry, commits, pace};

/// Its id.
pub const ID: &str = "time";

/// A role whose clock is over a second from the journal's does not write, so two of them differ by less than this.
const CLOCKS_DIFFER: Duration = Duration::from_secs(2);

/// Moments that run backwards.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let mut recorded: BTreeMap<&Subject, Timestamp> = BTreeMap::new();
    let differ = CLOCKS_DIFFER.saturating_mul(pace(log));
    let mut found = Vec::new();
    for at in commits(log) {
        let (received_at, recorded_at) = (at.commit.received_at, at.commit.recorded_at);
        let before = recorded.insert(at.subject, recorded_at).unwrap_or(recorded_at);
        let mut tell = |says: String| found.push(Violation::new(ID, at.position, says));
        if recorded_at < before {
            tell(format!("{}: recorded at {recorded_at}, after {before}", at.subject));
        }
        if received_at > recorded_at.plus(differ) {
            tell(format!("{}: recorded at {recorded_at}, received at {received_at}", at.subject));
        }
    }
    found
}
