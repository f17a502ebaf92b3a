//! Where ids come from: the only place that asks for randomness. Ids that follow from others are made where those are known.

use uuid::Uuid;

/// A new id; later ones sort after earlier ones.
#[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
pub fn new() -> Uuid {
    Uuid::now_v7()
}
