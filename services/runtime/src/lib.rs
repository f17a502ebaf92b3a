//! muster-runtime
