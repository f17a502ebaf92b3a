//! The figures, each measured by itself.

pub mod desk;
pub mod matching;
pub mod single;
