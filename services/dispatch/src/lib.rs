//! muster-dispatch
pub mod writer;
