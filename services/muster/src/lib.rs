//! The one binary: Muster's services as processes, its command line as a client of the public API, and the files that
//! it reads.

pub mod cli;
pub mod config;
pub mod demo;
pub mod exit;
pub mod files;
pub mod manual;
pub mod measures;
pub mod node;
pub mod serve;
pub mod standing;
pub mod storage;
pub mod trust;
pub mod upkeep;
