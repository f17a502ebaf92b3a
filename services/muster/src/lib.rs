//! The one binary: Muster's services as processes, and its command line.

pub mod node;
pub mod serve;
pub mod storage;
