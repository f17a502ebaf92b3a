//! The process and its edge: who calls, what they may do, what they are told when they may not, what time it is, how the
//! process starts, serves, reports and stops. Nothing here decides a case.

pub mod access;
pub mod admin;
pub mod clock;
pub mod identity;
pub mod ids;
pub mod lifecycle;
pub mod retry;
pub mod server;
pub mod status;
pub mod telemetry;
pub mod tls;
