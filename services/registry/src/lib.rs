//! muster-registry
