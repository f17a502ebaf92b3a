//! Eligibility over real gRPC on the memory journal, with a clock that moves only when told to.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod answers;
mod deadlines;
mod docket;
mod house;
mod policy;
mod ranks;
mod replicas;
