//! The dispatch service: offers to providers and the work that follows them. One desk decides, in one process at a time; every
//! process answers, and asks whoever holds the desk. The rules stand in `domain::dispatch`.

mod commands;
pub mod driver;
pub mod grpc;
pub mod relaying;
pub mod standby;
pub mod views;
pub mod wire;
pub mod writer;

pub use driver::{Desk, Holder};
pub use grpc::Service;
