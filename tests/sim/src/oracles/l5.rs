//! L5's ground, the chain: each frame holds the hash of the stored frame before it on its subject, so that none can be left
//! out, put in or changed unseen.

use std::collections::BTreeMap;

use muster_journal::stored::Position;
use sha2::{Digest, Sha256};

use super::Violation;
use crate::log::Entry;

/// Its id.
pub const ID: &str = "L5";

/// Frames that do not follow the one before them.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let mut chain = BTreeMap::new();
    let mut found = Vec::new();
    for Entry { sequence, subject, frame, bytes } in log {
        let before = chain.insert(subject, <[u8; 32]>::from(Sha256::digest(bytes))).unwrap_or_default();
        if frame.previous != before {
            let position = Position { sequence: *sequence, index: 0 };
            found.push(Violation::new(ID, position, format!("{subject}: it does not follow the frame before it")));
        }
    }
    found
}
