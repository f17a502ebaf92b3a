//! What the tests against real servers stand on.
#![expect(clippy::expect_used, clippy::panic, reason = "a test's harness fails by panicking")]

pub mod cast;
pub mod chaos;
pub mod cluster;
pub mod crashes;
pub mod fleet;
pub mod nats;
pub mod process;
pub mod verdict;
