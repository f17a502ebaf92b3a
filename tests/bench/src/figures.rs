//! The figures, each measured by itself.

pub mod capacity;
pub mod desk;
pub mod matching;
pub mod query;
pub mod replay;
pub mod single;
pub mod start;
pub mod surge;
pub mod telemetry;
pub mod timers;
