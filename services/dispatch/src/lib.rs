//! muster-dispatch
