//! The intake service: requests on their way from a hospital's call to the contracting authority. Its rules stand in
//! `domain::intake`.

pub mod grpc;
pub mod react;
pub mod views;
pub mod wire;

pub use grpc::Service;
