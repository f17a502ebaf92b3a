//! Eligibility as a service: judging and ranking requests, answering them, and the policy in force. It reads what intake and
//! the registry publish, and publishes assessments and policies; every rule of it stands in `domain::eligibility`.

pub mod grpc;
pub mod react;
pub mod views;
mod wire;

pub use grpc::Service;
