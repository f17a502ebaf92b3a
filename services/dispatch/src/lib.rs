//! Dispatch as a service: the desk's writer.

pub mod driver;
pub mod writer;
