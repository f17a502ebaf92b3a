//! Dispatch over real gRPC, on what the other contexts would have written.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod chaos;
mod driver;
mod engagements;
mod hand;
mod offers;
mod replicas;
mod scene;
mod streams;
mod writer;
