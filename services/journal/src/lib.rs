//! How facts are kept, read and acted on: the port, its adapters, the stored form, and the loops that run on them.

pub mod port;
pub mod stored;
