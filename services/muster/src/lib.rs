//! What the one binary does: the command line as a client of the public API, and the files that it reads.

pub mod files;
