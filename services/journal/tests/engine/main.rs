//! The loops that run on the log, on the memory journal, with the faults that a journal may have.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod agenda;
mod executor;
mod follower;
mod hammer;
mod reading;
mod realm;
