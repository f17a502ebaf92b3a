//! What was written once and must be read for ever.
//!
//! `events/<type>.v<version>.bin` is a record as it stands in the log, of one commit with this one event; further shapes of it
//! have a word of their own, `events/<type>.v<version>.<word>.bin`. `frames/` holds whole records. The `.txt` beside each says
//! what is read from it. A test that misses a file, or reads it otherwise, writes a `.proposed` beside it and says what to do.

pub mod samples;
pub mod values;
