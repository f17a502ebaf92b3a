//! The registry service: who there is and what they may do, and the realm itself. Its rules stand in `domain::registry`.

pub mod grpc;
pub mod views;
pub mod wire;

pub use grpc::Service;
