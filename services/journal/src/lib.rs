//! How facts are kept, read and acted on: the port, its adapters, the stored form, and the loops that run on them.

pub mod append;
#[cfg(feature = "testing")]
pub mod conformance;
pub mod copy;
pub mod crash;
mod disk;
pub mod embedded;
pub mod engine;
#[cfg(feature = "testing")]
pub mod faulty;
pub mod jetstream;
pub mod lease;
mod local;
pub mod measured;
pub mod memory;
pub mod port;
mod retry;
pub mod skew;
pub mod stored;
pub mod subjects;
pub mod table;
pub mod trace;
pub mod vault;
