//! How facts are kept, read and acted on: the port, its adapters, the stored form, and the loops that run on them.

pub mod append;
pub mod engine;
pub mod memory;
pub mod port;
pub mod stored;
pub mod subjects;
