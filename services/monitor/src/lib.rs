//! What everybody may watch: the realm as folded for people, live or as of any moment, and its current rows on disk. It reads
//! the log and writes nothing to it.

pub mod grpc;
pub mod health;
pub mod projection;
pub mod views;
mod wire;

pub use grpc::Service;
