//! L7, every record ever written is read by this build, exactly: decoding refuses bytes that it would not have
//! written itself.

use muster_journal::stored::{self, Position};

use super::Violation;
use crate::log::Entry;

/// Its id.
pub const ID: &str = "L7";

/// Records that cannot be read.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let unread = log.iter().filter_map(|Entry { sequence, subject, frame, bytes }| {
        let says = match stored::decode(bytes) {
            Err(error) => error.to_string(),
            Ok(read) if read != *frame => "it was read as something else".to_owned(),
            Ok(_) => return None,
        };
        let position = Position { sequence: *sequence, index: 0 };
        Some(Violation::new(ID, position, format!("{subject}: {says}")))
    });
    unread.collect()
}
