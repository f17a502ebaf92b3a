//! What the tests against real servers stand on.
#![expect(clippy::expect_used, clippy::panic, reason = "a test's harness fails by panicking")]

pub mod cast;
pub mod chaos;
pub mod cluster;
pub mod collector;
pub mod crashes;
pub mod drift;
pub mod entry;
pub mod fleet;
pub mod http;
pub mod ledger;
pub mod nats;
pub mod network;
pub mod partition;
pub mod power;
pub mod process;
pub mod prometheus;
pub mod rolling;
pub mod root;
pub mod rot;
pub mod servers;
pub mod verdict;
