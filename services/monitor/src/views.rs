//! The read models: each a fold of the log.

pub mod story;
